"""What the installed Keras refuses in hostile files by itself, and what it lets pass.

The first half is why this project has no check of its own for these; where one of them fails after
an update of Keras, it needs one again. The second half is why it has the checks that it has; where
one of them fails, the check can go.
"""

from __future__ import annotations

import resource
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from conftest import chain, rewrite
from keras import layers

from latentspace.core.errors import InputError
from latentspace.models.keras_files.loading import load_model, load_weights

MOST_BYTES = 256 << 20
HUGE = 5 << 30  # bytes; Keras has its doubts from 4 GiB on
SECRET = np.arange(12, dtype=np.float32).reshape(4, 3)


@pytest.fixture
def dense(tmp_path: Path) -> Path:
    chain(layers.Dense(3, name="only")).save(tmp_path / "dense.keras")
    return tmp_path / "dense.keras"


@pytest.fixture
def harmless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file that hostile ones would make; fails where it is there, or where memory was taken."""
    mark = tmp_path / "ran"
    (tmp_path / "hostile.py").write_text(f"open({str(mark)!r}, 'w')")
    monkeypatch.syspath_prepend(tmp_path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield mark
    taken = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before << 10
    assert taken < MOST_BYTES
    assert not mark.exists()
    assert "hostile" not in sys.modules


def named(kind: str, module: str | None = None, config: object = None, **more: object) -> dict:
    return {"class_name": kind, "module": module, "config": config, **more}


def function(module: str, name: str) -> dict:
    return named("function", module, name, registered_name=name)


def in_activation(value: Any) -> Callable[[dict], None]:
    return lambda config: config["config"]["layers"][1]["config"].update(activation=value)


def in_layer(value: dict) -> Callable[[dict], None]:
    return lambda config: config["config"]["layers"].__setitem__(1, value)


def of_layer(layer: layers.Layer, **changes: object) -> Callable[[dict], None]:
    """A change that puts a layer of Keras with other settings in the place of the dense one."""
    entry = keras.saving.serialize_keras_object(layer)
    entry["config"].update(changes)
    return in_layer(entry)


def test_a_lambda_layer_is_refused(tmp_path: Path, harmless: Path) -> None:
    marking = lambda x, mark=str(harmless): (__import__("pathlib").Path(mark).touch(), x)[1]  # noqa: E731
    chain(layers.Lambda(marking)).save(tmp_path / "lambda.keras")
    assert harmless.exists()  # building the model ran it
    harmless.unlink()
    with pytest.raises(ValueError, match="a `Lambda` layer whose `function` is a Python lambda"):
        keras.models.load_model(tmp_path / "lambda.keras")


REFUSED: dict[str, tuple[Callable[[dict], None], str]] = {
    "a lambda": (
        in_activation(named("__lambda__", "builtins", {"value": ["4wEA", None, None]})),
        "Requested the deserialization of a Python lambda",
    ),
    "a module to import": (in_layer(named("Dense", "hostile", {})), "Could not locate class"),
    "a function of it": (in_activation(function("hostile", "run")), "Could not locate function"),
    "a type of it": (
        in_layer(named("__typespec__", "hostile", [], spec_name="X", registered_name="X")),
        "Could not locate class 'X'",
    ),
    "os.system": (in_activation(function("os", "system")), "Could not locate function 'system'"),
    "eval": (in_activation(function("builtins", "eval")), "Could not locate function 'eval'"),
    "a class of another package": (
        in_layer(named("Popen", "subprocess", {"args": "true"})),
        "Could not locate class 'Popen'",
    ),
    "what Keras imports": (
        in_layer(named("subprocess", "keras.src.utils.file_utils", {})),
        "it is not a KerasSaveable subclass",
    ),
    "get_file": (in_activation(function("keras.utils", "get_file")), "not a modeling function"),
    "loading models": (
        in_activation(function("keras.saving", "load_model")),
        "not a modeling function",
    ),
    "unsafe mode": (
        in_activation(function("keras.config", "enable_unsafe_deserialization")),
        "not a modeling function",
    ),
    "unsafe mode as a class": (
        in_layer(named("enable_unsafe_deserialization", "keras.config", {})),
        "not a modeling function",
    ),
    "a saved model": (
        in_layer(named("TFSMLayer", "keras.layers", {"filepath": "/tmp"})),
        "Requested the deserialization of a `TFSMLayer`",
    ),
    "a vocabulary": (
        of_layer(layers.StringLookup(vocabulary=["a"]), vocabulary=__file__),
        "Requested the loading of a vocabulary file",
    ),
    "a vocabulary of numbers": (
        of_layer(layers.IntegerLookup(vocabulary=[1]), vocabulary=__file__),
        "Requested the loading of a vocabulary file",
    ),
    "a vocabulary of text": (
        of_layer(layers.TextVectorization(vocabulary=["a"]), vocabulary=__file__),
        "Requested the loading of a vocabulary file",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_code_and_other_files_are_refused(dense: Path, harmless: Path, kind: str) -> None:
    change, message = REFUSED[kind]
    path = rewrite(dense, change)
    with pytest.raises((ValueError, TypeError), match=message):
        keras.models.load_model(path, compile=False)
    with pytest.raises(InputError) as caught:  # which we bring to one line with advice
        load_model(path)
    assert str(caught.value).isprintable()
    assert "--model-code" in str(caught.value)


def elsewhere(group: h5py.Group, folder: Path, kind: str) -> None:
    """Puts what lies in another file, or is huge, in the place of a kernel."""
    with h5py.File(folder / "secret.h5", "w") as file:
        file["kernel"] = SECRET
    (folder / "secret.bin").write_bytes(SECRET.tobytes())
    shape = group["0"].shape
    del group["0"]
    if kind == "external link":
        group["0"] = h5py.ExternalLink(folder / "secret.h5", "kernel")
    elif kind == "soft link":
        group["0"] = h5py.SoftLink("/elsewhere")
    elif kind == "external data":
        group.create_dataset("0", shape, "f4", external=[(folder / "secret.bin", 0, 48)])
    elif kind == "virtual data":
        layout = h5py.VirtualLayout(shape, "f4")
        layout[:] = h5py.VirtualSource(folder / "secret.h5", "kernel", shape)
        group.create_virtual_dataset("0", layout)
    else:
        group.create_dataset("0", (2**20, 2**20), "f4", chunks=(64, 64), compression="gzip")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("external link", "Not allowed: H5 file with ExternalLink"),
        ("soft link", "Not allowed: H5 file with SoftLink"),
        ("external data", "Not allowed: H5 file with external Dataset"),
        ("virtual data", "Not allowed: H5 file with virtual Dataset"),
        ("shape bomb", "refusing to load a potential decompression/shape bomb"),
    ],
)
@pytest.mark.parametrize("file", ["a.keras", "a.weights.h5", "a.h5"])
def test_weights_elsewhere_are_refused(
    tmp_path: Path, dense: Path, harmless: Path, kind: str, message: str, file: str
) -> None:
    trained, path = chain(layers.Dense(3, name="only")), tmp_path / file
    weights = tmp_path / ("a.weights.h5" if file == "a.keras" else file)
    (trained.save if file == "a.h5" else trained.save_weights)(weights)
    with h5py.File(weights, "r+") as opened:
        groups: list[h5py.Group] = []
        opened.visititems(
            lambda _, found: (
                groups.append(found.parent)
                if isinstance(found, h5py.Dataset) and found.shape == (4, 3)
                else None
            )
        )
        (group,) = groups
        if "kernel" in group:
            group.move("kernel", "0")
        elsewhere(group, tmp_path, kind)
        if file == "a.h5":
            group.move("0", "kernel")
    if file == "a.keras":
        with zipfile.ZipFile(dense) as whole, zipfile.ZipFile(path, "w") as copy:
            copy.writestr("metadata.json", whole.read("metadata.json"))
            copy.writestr("config.json", whole.read("config.json"))
            copy.write(weights, "model.weights.h5")
    fresh = chain(layers.Dense(3, name="only"))
    with pytest.raises(ValueError, match=message):
        fresh.load_weights(path)
    assert not np.array_equal(fresh.layers[0].kernel, SECRET)
    if file == "a.keras":
        with pytest.raises(ValueError, match=message):
            keras.models.load_model(path)


@pytest.mark.parametrize("member", ["config.json", "model.weights.h5"])
def test_zip_bombs_are_refused(tmp_path: Path, dense: Path, harmless: Path, member: str) -> None:
    path = tmp_path / "bomb.keras"
    with (
        zipfile.ZipFile(dense) as whole,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as copy,
    ):
        for name in whole.namelist():
            copy.writestr(name, bytes(10_000_000) if name == member else whole.read(name))
        copy.getinfo(member).file_size = HUGE
    with pytest.raises(ValueError, match="refusing to load a potential decompression bomb"):
        keras.models.load_model(path)


LET_PASS: dict[str, tuple[Callable[[dict], None], str]] = {
    "functions that download": (
        in_activation(function("keras.datasets.mnist", "load_data")),
        r"needs keras\.datasets\.mnist\.load_data, which",
    ),
    "functions that write files": (
        in_activation(function("keras.utils", "plot_model")),
        r"needs keras\.utils\.plot_model, which",
    ),
    "settings of all of Keras": (
        in_activation(function("keras.config", "set_backend")),
        r"needs keras\.config\.set_backend, which",
    ),
    "layers without a module": (
        in_layer({"class_name": "Activation", "config": {"activation": "relu"}}),
        "needs Activation, which",
    ),
    "classes as functions": (
        in_activation(function("keras.layers", "TFSMLayer")),
        r"needs keras\.layers\.TFSMLayer, which",
    ),
    "functions with any arguments": (
        in_layer(
            named(
                "Lambda",
                "keras.layers",
                {"function": function("keras.utils", "plot_model"), "arguments": {"to_file": "x"}},
            )
        ),
        "a Lambda layer '.*', which runs code",
    ),
}


@pytest.mark.parametrize("kind", LET_PASS)
def test_what_keras_lets_pass_is_refused_here(dense: Path, harmless: Path, kind: str) -> None:
    change, message = LET_PASS[kind]
    path = rewrite(dense, change)
    assert keras.models.load_model(path, compile=False).layers
    with pytest.raises(InputError, match=message):
        load_model(path)


def test_keras_unpacks_what_else_is_in_an_archive(dense: Path, harmless: Path) -> None:
    with zipfile.ZipFile(dense, "a") as archive:
        archive.writestr("assets/more.txt", b"x")
    assert keras.models.load_model(dense).layers
    with pytest.raises(InputError, match=r"Received: assets/more\.txt"):
        load_model(dense)


@pytest.mark.parametrize("kind", ["attribute", "texts", "bomb beside the weights"])
def test_what_keras_lets_pass_in_weights_is_refused_here(tmp_path: Path, kind: str) -> None:
    trained, path = chain(layers.Dense(3, name="only")), tmp_path / "a.weights.h5"
    trained.save_weights(path)
    with h5py.File(path, "r+", libver="latest") as file:
        more = file.create_group("more")
        if kind == "attribute":
            more.attrs["long"] = np.zeros(70_000, np.uint8)
        elif kind == "texts":
            more["all the same"] = ["x" * 1000] * 5
        else:
            more.create_dataset("0", (2**20, 2**20), "f4", chunks=(64, 64))
    trained.load_weights(path)
    with pytest.raises(InputError, match=r"larger than any|no numbers|of memory"):
        load_weights(trained, path)
