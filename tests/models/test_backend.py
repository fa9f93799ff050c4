"""What a person's keras.json and KERAS_BACKEND do to the scripts: nothing, or one line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import keras
import pytest
from conftest import PROJECT, run_script

from latentspace.chapters import choose_figures
from latentspace.models.backend import start_keras
from latentspace.models.snapshots import Snapshots

STANDARD = {"floatx": "float32", "epsilon": 1e-7, "image_data_format": "channels_last"}
START = """
import sys
from latentspace.models.backend import start_keras
try:
    start_keras()
except ValueError as error:
    print(error)
"""


def write_settings(folder: Path, **settings: object) -> Path:
    path = folder / "keras.json"
    path.write_text(json.dumps({**STANDARD, "backend": "tensorflow", **settings}))
    return path


@pytest.mark.parametrize(
    ("variables", "settings", "message"),
    [
        (
            {"KERAS_BACKEND": "theano"},
            {},
            "Keras can't use the backend that KERAS_BACKEND=theano names",
        ),
        ({}, {"backend": "cntk"}, "Keras can't use the backend that {file} names"),
        (
            {"KERAS_BACKEND": "jax_nnx"},
            {},
            "Keras can't use the backend that KERAS_BACKEND=jax_nnx",
        ),
        ({}, {"floatx": "float8"}, "Keras can't use {file}: Invalid `floatx` configuration"),
        ({}, {"image_data_format": 3}, "Keras can't use {file}: Invalid `image_data_format`"),
    ],
)
def test_what_keras_can_not_use_is_said_in_a_line(
    tmp_path: Path, variables: dict[str, str], settings: dict[str, object], message: str
) -> None:
    file = write_settings(tmp_path, **settings)
    environment = {"PATH": "", "PYTHONPATH": str(PROJECT), "KERAS_HOME": str(tmp_path), **variables}
    result = subprocess.run(
        [sys.executable, "-c", START], env=environment, capture_output=True, text=True, timeout=120
    )
    assert message.format(file=file) in result.stdout, result.stdout + result.stderr
    advice = "mend or delete it" if ": Invalid" in message else "KERAS_BACKEND=tensorflow"
    assert result.stdout.endswith(f"{advice}\n")
    assert result.stdout.count("\n") == 1
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("floats", "axes"),
    [("float16", "channels_last"), ("float64", "channels_first"), ("float32", "channels_first")],
)
def test_other_numbers_and_axes_are_left_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, floats: str, axes: str
) -> None:
    monkeypatch.setenv("KERAS_HOME", "/settings")
    keras.config.set_floatx(floats)
    keras.config.set_image_data_format(axes)
    try:
        start_keras.__wrapped__()
        assert keras.config.floatx() == "float32"
        assert keras.config.image_data_format() == "channels_last"
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_image_data_format("channels_last")
    said = capsys.readouterr().out
    assert said.startswith(f"/settings/keras.json asks for {floats} and {axes}: left out")
    assert said.count("\n") == 1
    start_keras.__wrapped__()
    assert capsys.readouterr().out == ""


@pytest.mark.slow
def test_a_run_is_the_same_with_any_settings(tmp_path: Path, tiny_npz: Path) -> None:
    errors = []
    for name, settings in {"own": {"floatx": "float16", "image_data_format": "channels_first"},
                           "usual": {}}.items():  # fmt: skip
        (tmp_path / name).mkdir()
        write_settings(tmp_path / name, **settings)
        run_script(
            "train_cae.py",
            *("--dataset", tiny_npz, "--run", name, "--models-dir", tmp_path, "--deterministic"),
            *("--epochs", "1", "--refine-epochs", "1", "--latent-dim", "4", "--quiet"),
            "--overwrite",
            cwd=tmp_path,
            process=True,
            KERAS_HOME=str(tmp_path / name),
        )
        errors.append(json.loads((tmp_path / name / "run.json").read_text())["scores"])
    assert errors[0] == errors[1]


@pytest.mark.slow
def test_jax_trains_and_tells_the_whole_story(tmp_path: Path, tiny_npz: Path) -> None:
    pytest.importorskip("jax")  # which sets another log level in this process
    environment = {"KERAS_BACKEND": "jax", "KERAS_HOME": str(tmp_path), "TF_CPP_MIN_LOG_LEVEL": "3"}
    printed = run_script(
        "train_cae.py",
        *("--dataset", tiny_npz, "--run", "jax", "--models-dir", tmp_path, "--batch-size", "8"),
        *("--epochs", "3", "--refine-epochs", "1", "--latent-dim", "4", "--quiet"),
        cwd=tmp_path,
        process=True,
        **environment,
    )
    assert printed.stderr == ""
    errors = Snapshots.read(tmp_path / "jax" / "snapshots.npz").errors
    assert errors[-1] < 0.95 * errors[0]  # the weights of the moment, not those of the start
    printed = run_script(
        "visualize.py",
        *("--run", tmp_path / "jax", "--models-dir", tmp_path, "--outputs-dir", tmp_path),
        *("--quiet", "--samples", "40", "--perplexity", "5", "--pairs", "2", "--frames", "4"),
        cwd=tmp_path,
        process=True,
        **environment,
    )
    assert printed.stderr == ""
    left_out = re.findall(r"(\S+) is left out", printed.stdout)
    assert [Path(path).name for path in left_out] == ["training_map.gif"]  # of six images
    story = {figure.file for figure in choose_figures(set(), every=False, dims=2)}
    assert story - {"training_map.gif"} <= {path.name for path in (tmp_path / "jax").iterdir()}
    assert "maps" in json.loads((tmp_path / "jax" / "metrics.json").read_text())
