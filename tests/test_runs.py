from __future__ import annotations

import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from latentspace import runs
from latentspace.files import InputError

FACTS = {
    "dataset": {"name": "bars", "source": None, "hash": "0"},
    "image_shape": [6, 5, 1],
    "latent_dim": 3,
    "settings": {"seed": 0},
    "scores": {"test_mse": 0.25},
}
ROWS = [
    {"epoch": 1, "loss": 0.5, "val_loss": 0.6, "learning_rate": 0.1, "seconds": 1.5},
    {"epoch": 2, "loss": 0.25, "val_loss": 0.3, "learning_rate": 0.0, "seconds": 1.25},
]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one run, "first", made of one layer each way."""
    folder = tmp_path_factory.mktemp("models")
    images, codes = keras.Input((6, 5, 1)), keras.Input((3,))
    encoder = keras.Model(images, keras.layers.Dense(3)(keras.layers.Flatten()(images)))
    decoder = keras.Model(
        codes, keras.layers.Reshape((6, 5, 1))(keras.layers.Dense(30, "sigmoid")(codes))
    )
    runs.save_run(folder / "first", encoder, decoder, facts=FACTS, history=ROWS)
    return folder


@pytest.fixture
def copy(models: Path, tmp_path: Path) -> Path:
    shutil.copytree(models, tmp_path / "models")
    return tmp_path / "models"


def test_run_round_trip(models: Path) -> None:
    run = runs.find_run("first", models)
    assert (run.name, run.image_shape, run.latent_dim) == ("first", (6, 5, 1), 3)
    assert {name: FACTS[name] for name in FACTS} == {name: run.facts[name] for name in FACTS}
    assert run.facts["versions"]["keras"] == keras.__version__
    history = run.history()
    assert list(history) == list(ROWS[0])
    assert history["val_loss"].tolist() == [0.6, 0.3]
    images = np.random.default_rng(0).random((7, 6, 5, 1)).astype(np.float32)
    codes = run.encode(images)
    assert (codes.shape, codes.dtype) == ((7, 3), np.float32)
    assert run.decode(codes).shape == images.shape


def test_models_load_without_this_project(models: Path) -> None:
    encoder = keras.models.load_model(models / "first" / runs.ENCODER)
    assert encoder.output_shape == (None, 3)


def test_runs_are_found_by_name_path_and_age(copy: Path) -> None:
    assert runs.find_run(str(copy / "first"), "elsewhere").path == copy / "first"
    shutil.copytree(copy / "first", copy / "second")
    facts = json.loads((copy / "second" / runs.FACTS).read_text())
    facts["finished"] = "2999-01-01T00:00:00+00:00"
    (copy / "second" / runs.FACTS).write_text(json.dumps(facts))
    assert runs.find_run(None, copy).name == "second"


def test_missing_runs_are_named(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no run 'nope'.*\(first\)"):
        runs.find_run("nope", copy)
    with pytest.raises(InputError, match=r"train one with python train_cae\.py"):
        runs.find_run(None, tmp_path / "empty")


@pytest.mark.parametrize("name", [runs.ENCODER, runs.DECODER])
def test_files_that_do_not_match_their_hash_are_refused(copy: Path, name: str) -> None:
    path = copy / "first" / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match=f"{name}.*SHA-256 differs.*--overwrite"):
        runs.find_run("first", copy)
    path.unlink()
    with pytest.raises(InputError, match=f"has no {name}"):
        runs.find_run("first", copy)


def test_half_written_runs_are_refused(copy: Path) -> None:
    facts = copy / "first" / runs.FACTS
    whole = facts.read_text()
    facts.write_text(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="can't be read as JSON"):
        runs.find_run("first", copy)
    facts.write_text(json.dumps({**json.loads(whole), "latent_dim": "32"}))
    with pytest.raises(InputError, match=r"'latent_dim', a int\. Received: '32'"):
        runs.find_run("first", copy)
    facts.unlink()
    with pytest.raises(InputError, match=r"it has no run\.json"):
        runs.find_run("first", copy)
    (copy / "first" / runs.CHECKPOINT).write_bytes(b"")
    with pytest.raises(InputError, match=r"unfinished training.*--run first --resume"):
        runs.find_run("first", copy)


@pytest.mark.parametrize("content", ["", "epoch,loss\n1,x\n", "epoch,loss\n1\n"])
def test_damaged_history_is_refused(copy: Path, content: str) -> None:
    (copy / "first" / runs.HISTORY).write_text(content)
    with pytest.raises(InputError, match="no history of a training"):
        runs.find_run("first", copy).history()
