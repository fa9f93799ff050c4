"""What TensorBoard itself makes of the files, asked over its own interface on loopback."""

from __future__ import annotations

import dataclasses
import importlib.util
import io
import json
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from conftest import TINY_SHAPE, run_script, small_training, stop_fit_after, tiny_arrays
from PIL import Image

from config import TrainConfig
from latentspace.core.errors import InputError
from latentspace.core.pixels import to_unit_range
from latentspace.datasets import split_validation
from latentspace.models.runs import find_run
from latentspace.training import session, stages
from latentspace.training.recording import TrainingLog

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("board")]  # they share a TensorBoard
PATIENCE = 120  # seconds; TensorBoard takes a few to start and to read, more on a busy machine
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
CONFIG = small_training(epochs=3, refine_steps=1)
FACTS = {"settings": {}, "dataset": {"name": "bars", "source": None, "hash": "0"}}


def wait_until(ready: Callable[[], Any]) -> Any:
    """The first answer that is not empty."""
    deadline = time.monotonic() + PATIENCE
    while not (answer := ready()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return answer


class Board:
    """A running TensorBoard."""

    def __init__(self, url: str) -> None:
        self._url = url

    def get(self, path: str, **query: str | int) -> bytes:
        url = f"{self._url}data/{path}?{urllib.parse.urlencode(query)}"
        with DIRECT.open(url, timeout=PATIENCE) as answer:
            return answer.read()

    def ask(self, path: str, **query: str | int) -> Any:
        return json.loads(self.get(path, **query))

    def scalars(self, run: str, tag: str) -> tuple[list[int], list[float]]:
        """Steps and values."""
        rows = self.ask("plugin/scalars/scalars", run=run, tag=tag)
        return [row[1] for row in rows], [row[2] for row in rows]


def train(folder: Path, *callbacks: keras.callbacks.Callback, resume: bool = False) -> list[float]:
    images = to_unit_range(tiny_arrays(100, seed=0)[0][..., None])
    keras.utils.set_random_seed(0)
    job = stages.Job(images[:80], images[80:], folder / "checkpoint.npz", FACTS, callbacks)
    progress = stages.train(job, dataclasses.replace(CONFIG, resume=resume))[2]
    return [row["val_loss"] for row in progress.rows]


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory, tiny_npz: Path) -> Path:
    """A folder with models/bars, and with logs/, to which both scripts have written."""
    folder = tmp_path_factory.mktemp("board")
    made = run_script(
        *("train_cae.py", "--dataset", tiny_npz, "--models-dir", folder / "models", "--quiet"),
        *("--epochs", "2", "--refine-epochs", "1", "--batch-size", "8", "--latent-dim", "4"),
        *("--tensorboard", "logs"),
        cwd=folder,
    )
    assert "watch: tensorboard --logdir logs\n" in made.stdout
    looked = run_script(
        *("visualize.py", "--models-dir", folder / "models", "--outputs-dir", folder / "outputs"),
        *("--projector", "logs", "--split", "all", "--samples", "50", "--quiet"),
        cwd=folder,
    )
    assert looked.stdout.splitlines()[-1] == "next: tensorboard --logdir logs"
    assert not (folder / "outputs").exists()
    return folder


@pytest.fixture(scope="module")
def resumed(tmp_path_factory: pytest.TempPathFactory, person: Path) -> list[float]:
    """Validation losses of a training in logs/resumed that was stopped in its second stage."""
    folder = tmp_path_factory.mktemp("resumed")
    validation = tiny_arrays(100, seed=0)[0][80:, ..., None]
    log = person / "logs" / "resumed"
    with pytest.MonkeyPatch.context() as patch:
        stop_fit_after(patch, 4, RuntimeError)
        with pytest.raises(RuntimeError):
            train(folder, TrainingLog(log, validation))
    return train(folder, TrainingLog(log, validation), resume=True)


@pytest.fixture(scope="module")
def board(person: Path, resumed: list[float]) -> Iterator[Board]:
    output = person / "tensorboard.txt"
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(person / "logs")]
    with output.open("w") as file:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", "0"], stdout=file, stderr=file
        )

    def address() -> re.Match[str] | None:
        assert process.poll() is None, output.read_text()
        return re.search(r" at (http://127\.0\.0\.1:\d+/)", output.read_text())

    try:
        found = Board(wait_until(address)[1])
        runs = ["bars/train", "bars/validation", "resumed/train", "resumed/validation"]
        wait_until(lambda: sorted(found.ask("runs")) == runs)
        wait_until(lambda: found.ask("plugin/images/tags").keys() == {runs[1], runs[3]})
        yield found
    finally:
        process.kill()
        process.wait()


def test_losses_are_those_of_the_history(board: Board, person: Path) -> None:
    history = find_run("bars", person / "models").read_history()
    for run, column in (("bars/train", "loss"), ("bars/validation", "val_loss")):
        steps, values = board.scalars(run, "epoch_loss")
        assert steps == list(history["epoch"]) == [1, 2, 3]
        np.testing.assert_allclose(values, history[column], rtol=1e-5)
    assert {run: set(tags) for run, tags in board.ask("plugin/scalars/tags").items()} == {
        f"{name}/{run}": {"epoch_loss"} | ({"epoch_learning_rate"} if run == "train" else set())
        for name in ("bars", "resumed")
        for run in ("train", "validation")
    }


def test_a_stopped_training_goes_on_in_its_log(
    board: Board, resumed: list[float], tmp_path: Path
) -> None:
    steps, values = board.scalars("resumed/validation", "epoch_loss")
    assert steps == [1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose(values, resumed, rtol=1e-5)
    # Whether a log is written makes no difference to what is learned.
    np.testing.assert_allclose(train(tmp_path), resumed, rtol=1e-4)


def test_reconstructions_lie_under_their_originals(board: Board, tiny_npz: Path) -> None:
    (shown,) = {tag for tags in board.ask("plugin/images/tags").values() for tag in tags}
    drawn = board.ask("plugin/images/images", run="bars/validation", tag=shown, sample=0)
    assert [image["step"] for image in drawn] == [1, 2, 3]
    held_back = np.load(tiny_npz)["x_train"][split_validation(120, 0.05, 0)[1]]
    height, width = TINY_SHAPE
    for image in drawn:
        data = board.get(f"plugin/images/individualImage?{image['query']}&")
        pixels = np.asarray(Image.open(io.BytesIO(data)))
        assert pixels.shape == (2 * height, len(held_back) * width)
        np.testing.assert_array_equal(pixels[:height], np.concatenate(held_back, axis=1))
        assert (pixels[height:] != pixels[:height]).any()


def test_the_graph_is_that_of_the_autoencoder(board: Board) -> None:
    found = board.ask("plugin/graphs/info")
    assert found["bars/train"]["run_graph"]
    graph = board.get("plugin/graphs/graph", run="bars/train", conceptual="false").decode()
    assert 'name: "images"' in graph
    assert 'op: "Conv2D"' in graph


def test_the_projector_gets_codes_and_pixels(board: Board, person: Path, tiny_npz: Path) -> None:
    assert board.ask("plugin/projector/runs") == ["."]
    config = board.ask("plugin/projector/info", run=".")
    shapes = {one["tensorName"]: one["tensorShape"] for one in config["embeddings"]}
    assert shapes == {"codes": [50, 4], "pixels": [50, 14 * 11]}

    def served(what: str, name: str) -> bytes:
        return board.get(f"plugin/projector/{what}", run=".", name=name)

    lines = served("metadata", "codes").decode().splitlines()
    columns, *rows = (line.split("\t") for line in lines)
    assert columns == ["image", "index", "label", "split", "error"]
    archive = np.load(tiny_npz)
    images = np.stack([archive[f"x_{row[3]}"][int(row[1])] for row in rows])
    assert [row[2] for row in rows] == [str(archive[f"y_{row[3]}"][int(row[1])]) for row in rows]
    assert {row[3] for row in rows} == {"test", "train"}

    pixels = np.frombuffer(served("tensor", "pixels"), np.float32).reshape(50, -1)
    np.testing.assert_allclose(pixels, images.reshape(50, -1) / 255, atol=5e-4)
    run = find_run("bars", person / "models")
    floats = (images[..., None] / 255).astype(np.float32)
    codes = run.encode(floats)
    read = np.frombuffer(served("tensor", "codes"), np.float32).reshape(50, -1)
    np.testing.assert_allclose(read, codes, rtol=1e-3, atol=1e-4)
    errors = ((run.decode(codes) - floats) ** 2).mean(axis=(1, 2, 3))
    np.testing.assert_allclose([float(row[4]) for row in rows], errors, atol=2e-5)

    sheet = np.asarray(Image.open(io.BytesIO(served("sprite_image", "pixels"))))
    side = max(TINY_SHAPE)
    assert sheet.shape == (8 * side, 8 * side, 2)  # grey and opacity
    for number, image in enumerate(images):
        y, x = (side * place for place in divmod(number, 8))
        np.testing.assert_array_equal(sheet[y : y + side, x + 1 : x + 12, 0], image)


@pytest.mark.parametrize(
    ("script", "arguments", "message"),
    [
        ("train_cae.py", ["--tensorboard", "file"], "file is a file"),
        ("train_cae.py", ["--tensorboard", "logs", "--run", "bars"], "pass --overwrite to replace"),
        ("visualize.py", ["--projector", "file"], "file is a file"),
        ("visualize.py", ["--projector", "p", "--run", "a", "--run", "b"], "without --projector"),
    ],
)
def test_bad_input_gets_one_line(
    person: Path, tiny_npz: Path, script: str, arguments: list[str], message: str
) -> None:
    (person / "file").write_text("")
    models = person / ("models" if script == "visualize.py" else "others")
    result = run_script(
        script, "--dataset", tiny_npz, "--models-dir", models, *arguments, cwd=person, code=2
    )
    assert result.stderr.count("\n") == 1
    assert message in result.stderr
    assert not models.exists() or script == "visualize.py"


def test_a_log_is_replaced_only_when_asked(tmp_path: Path) -> None:
    earlier, other = tmp_path / "train" / "events.out.tfevents.1", tmp_path / "train" / "notes"
    earlier.parent.mkdir()
    earlier.touch()
    other.touch()
    with pytest.raises(InputError, match="log of an earlier training"):
        session._check_log(tmp_path, TrainConfig())
    session._check_log(tmp_path, TrainConfig(resume=True))
    assert earlier.exists()
    session._check_log(tmp_path, TrainConfig(overwrite=True))
    assert not earlier.exists()
    assert other.exists()


def test_where_tensorboard_is_missing_a_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install tensorboard"):
        session._check_log(tmp_path, TrainConfig())


def test_dry_run_lists_the_files(person: Path) -> None:
    look = ("visualize.py", "--models-dir", person / "models", "--projector", "new", "--dry-run")
    planned = run_script(*look, cwd=person).stdout
    assert planned.rpartition("files\n")[2].split() == [
        *("new/codes/vectors.tsv", "new/pixels/vectors.tsv", "new/metadata.tsv"),
        *("new/sprite.png", "new/projector_config.pbtxt"),
    ]
    both = run_script(*look, "--reconstructions", cwd=person).stdout
    assert "reconstructions.png" in both
    assert "new/sprite.png" in both
    assert not (person / "new").exists()
