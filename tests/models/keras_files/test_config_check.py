from __future__ import annotations

import json
import os
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from conftest import call_or_none, chain, rewrite
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers, ops

from latentspace.core import memory
from latentspace.core.errors import InputError
from latentspace.models.keras_files.checks import check_config, read_config
from latentspace.models.keras_files.loading import load_model

GOOD = {"metadata.json": b"{}", "config.json": b"{}", "model.weights.h5": b""}


@pytest.fixture(scope="module")
def dense(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "dense.keras"
    chain(layers.Dense(3, name="only")).save(path)
    return path


def archive(
    path: Path, members: list[tuple[str | zipfile.ZipInfo, bytes]], packing: int = 0
) -> Path:
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", packing) as file:
        warnings.simplefilter("ignore")  # of names that are there twice
        for name, data in members:
            file.writestr(name, data)
    return path


def in_layer(path: str, value: Any) -> Callable[[dict], None]:
    """A change that sets something, "config.activation" or the like, in the one dense layer."""

    def change(config: dict) -> None:
        place = config["config"]["layers"][1]
        *way, last = path.split(".")
        for step in way:
            place = place[step]
        place[last] = value

    return change


def named(kind: str, module: str | None = None, config: object = None, **more: object) -> dict:
    return {"class_name": kind, "module": module, "config": config, **more}


LAMBDA = named(
    "Lambda", "keras.layers", {"function": named("__lambda__", "builtins", {"value": ["4wEA"]})}
)
REACHING: dict[str, Any] = {
    "a lambda": named("__lambda__", "builtins", {"value": ["4wEA", None, None]}),
    "a lambda of no module": named("__lambda__", None, {"value": ["4wEA", None, None]}),
    "a Lambda layer": LAMBDA,
    "a Lambda of the source": {**LAMBDA, "module": "keras.src.layers.core.lambda_layer"},
    "a Lambda deep within": [[{"x": {"y": [LAMBDA]}}]],
    "os.system": named("function", "os", "system", registered_name="system"),
    "builtins": named("function", "builtins", "eval", registered_name="eval"),
    "a class of another package": named("Popen", "subprocess", {"args": "true"}),
    "get_file": named("function", "keras.utils", "get_file", registered_name="get_file"),
    "get_file as a class": named("get_file", "keras.utils", {"fname": "x", "origin": "file:///x"}),
    "loading another model": named("function", "keras.saving", "load_model"),
    "unsafe mode": named("function", "keras.config", "enable_unsafe_deserialization"),
    "unsafe mode as a class": named("enable_unsafe_deserialization", "keras.config", {}),
    "a typespec": named("__typespec__", "keras.src.layers", [], spec_name="Dense"),
    "a kind that is no text": {"class_name": ["Dense"], "module": "keras.layers", "config": {}},
    "a module that is no text": {"class_name": "Dense", "module": ["keras.layers"], "config": {}},
    "a vocabulary": named("StringLookup", "keras.layers", {"vocabulary": "/etc/passwd"}),
    "a vocabulary of the source": named(
        "IndexLookup", "keras.src.layers.preprocessing.index_lookup", {"vocabulary": "/etc/passwd"}
    ),
    "text": named("TextVectorization", "keras.layers", {"vocabulary": "/etc/passwd"}),
    "a saved model": named("TFSMLayer", "keras.layers", {"filepath": "/tmp/x"}),
    "pickled torch": named("TorchModuleWrapper", "keras.layers", {"module": "gASV"}),
    "pickled jax": named("JaxLayer", "keras.layers", {"call_fn": "gASV"}),
    "what is no layer": named("Variable", "keras", {}),
    "a module to import": named("Dense", "hostile.package", {}),
    "a name like Keras": named("Dense", "keras_evil", {}),
    "a relative module": named("Dense", "keras.layers..os", {}),
    "a part that imports": named("Popen", "keras.src.utils.file_utils", {}),
}  # fmt: skip


@pytest.mark.parametrize("kind", REACHING)
@pytest.mark.parametrize(
    "place",
    ["config.activation", "config.kernel_initializer", "config.anything",
     "build_config.input_shape", "compile_config", "anything"],
)  # fmt: skip
def test_foreign_code_does_nothing_wherever_it_is_named(dense: Path, kind: str, place: str) -> None:
    before = set(sys.modules)
    path = rewrite(dense, in_layer(place, REACHING[kind]))
    if place in ("config.activation", "config.kernel_initializer"):
        with pytest.raises(InputError) as caught:
            load_model(path)
        assert str(caught.value).isprintable()
    elif (found := call_or_none(load_model, path)) is not None:  # Keras does not look there
        assert found.layers[0].activation is keras.activations.linear
    own = ("keras.", "encodings.")
    assert {name for name in set(sys.modules) - before if not name.startswith(own)} == set()


@pytest.mark.parametrize(
    "kind", ["a Lambda layer", "pickled torch", "get_file", "a name like Keras"]
)
def test_what_is_checked_here_is_refused_before_keras_is_asked(
    dense: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(keras.models, "load_model", None)
    path = rewrite(dense, in_layer("config.activation", REACHING[kind]))
    with pytest.raises(InputError):
        load_model(path)


def test_what_names_in_a_config_do_to_a_terminal(dense: Path) -> None:
    path = rewrite(dense, in_layer("config.activation", named("\x1b[31mred\n", "a\x07b", {})))
    with pytest.raises(InputError, match=r"needs a.b\..\[31mred.,") as caught:
        load_model(path)
    assert str(caught.value).isprintable()
    long = {"name": "x\n" * 500, "function": LAMBDA}
    with pytest.raises(InputError) as caught:
        load_model(rewrite(dense, in_layer("config", long)))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600


def test_calls_on_constants_are_refused_since_keras_makes_them_at_once(tmp_path: Path) -> None:
    images = keras.Input((4,))
    keras.Model(images, ops.repeat(images, 2, axis=1) + ops.ones((1, 8))).save(tmp_path / "m.keras")
    assert load_model(tmp_path / "m.keras").output_shape == (None, 8)
    constant = {"class_name": "__tensor__", "config": {"value": [1.0], "dtype": "float32"}}

    def huge(config: dict) -> None:
        (layer,) = (
            found for found in config["config"]["layers"] if found["class_name"] == "Repeat"
        )
        layer["config"]["repeats"] = 10**13
        layer["inbound_nodes"] = [{"args": [constant], "kwargs": {}}]

    with pytest.raises(InputError, match=r"computes its layer '.*' while it is loaded"):
        load_model(rewrite(tmp_path / "m.keras", huge))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (in_layer("config.units", 2**40), r"a model of 5,497,558,138,880 weights .* memory"),
        (in_layer("build_config", {"input_shape": [None, 2**40]}), r"memory|can't be loaded"),
        (in_layer("config.units", 10**30), r"memory|can't be loaded"),
        (in_layer("config.units", -3), "can't be loaded"),
        (in_layer("config.units", "3"), "can't be loaded"),
        (in_layer("config.units", 1e400), "can't be loaded"),
        (in_layer("config.units", None), "can't be loaded"),
        (in_layer("config", []), "can't be loaded"),
        (in_layer("config.dtype", "float99"), "can't be loaded"),
        (in_layer("config.kernel_initializer", named("Zeros", "keras.initializers", {"x": 1})),
         "can't be loaded"),
        (lambda config: config.update(config=None), "can't be loaded|should hold a Keras model"),
        (lambda config: config.pop("class_name"), "can't be loaded|should hold a Keras model"),
        (lambda config: config["config"].update(layers=[]), "."),
        (lambda config: config["config"].update(layers=[1, None, "x"]), "can't be loaded"),
    ],
)  # fmt: skip
def test_models_that_cannot_be_are_refused_in_one_line(
    dense: Path, change: Callable[[dict], object], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(keras.saving.get_custom_objects(), "mine>Own", layers.Identity)
    with pytest.raises(InputError, match=message) as caught:
        load_model(rewrite(dense, change))
    assert str(caught.value).isprintable()


def test_what_flows_between_layers_has_to_fit_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.UpSampling2D(4), layers.AveragePooling2D(4)]
    )
    path = tmp_path / "wide.keras"
    keras.Sequential([keras.Input((8, 8, 1)), inner]).save(path)
    needed = 4 * 32 * 32 * 32
    monkeypatch.setattr(memory, "measure_available", lambda: needed)
    load_model(path)
    monkeypatch.setattr(memory, "measure_available", lambda: needed - 1)
    with pytest.raises(InputError, match="0 weights and up to 1,024 values between its layers"):
        load_model(path)
    monkeypatch.undo()
    images = np.zeros((1, 8, 8, 1), np.float32)
    assert load_model(path)(images).shape == (1, 8, 8, 1)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([("config.json", b"{}"), ("config.json", b"[]")], r"each once\. Received: config\.json"),
        ([*GOOD.items(), ("../../out.txt", b"x")], r"Received: \.\./\.\./out\.txt"),
        ([*GOOD.items(), ("/tmp/out.txt", b"x")], r"Received: /tmp/out\.txt"),
        ([*GOOD.items(), ("assets/layers/x/vocabulary.txt", b"x")], "Received: assets/layers"),
        ([*GOOD.items(), ("model.weights.npz", b"x")], "Received: model.weights.npz"),
        ([*GOOD.items(), ("a\n\x1b[31m", b"x")], "Received: a"),
        ([("Config.json", b"{}")], r"it has no config\.json"),
        ([("./config.json", b"{}")], r"it has no config\.json"),
        ([("config.json", b"")], r"damaged config\.json"),
        ([("config.json", b"null")], "describes no model"),
        ([("config.json", b'{"a":' * 50_000)], r"damaged config\.json"),
        ([("config.json", b"[" * 50_000 + b"]" * 50_000)], r"damaged config\.json|describes no"),
        ([("config.json", b"9" * 50_000)], r"damaged config\.json"),
        ([("config.json", b"\xff\xfe{")], r"damaged config\.json"),
        ([("config.json", "{}".encode("utf-32"))], "."),
    ],
)
def test_archives_hold_what_keras_writes_and_no_more(
    tmp_path: Path, members: list, message: str
) -> None:
    path = archive(tmp_path / "m.keras", members, zipfile.ZIP_DEFLATED)
    found = os.listdir(tmp_path)
    with pytest.raises(InputError, match=message) as caught:
        load_model(path)
    assert str(caught.value).isprintable()
    assert os.listdir(tmp_path) == found


def test_links_in_an_archive_are_never_made(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("model.weights.h5")
    link.external_attr = 0o120777 << 16
    members = [("config.json", b"{}"), (link, b"/etc/passwd")]
    assert call_or_none(load_model, archive(tmp_path / "m.keras", members)) is None
    assert os.listdir(tmp_path) == ["m.keras"]


def test_an_archive_that_would_not_fit_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = [("config.json", b"{}"), ("model.weights.h5", bytes(10_000_000))]
    path = archive(tmp_path / "bomb.keras", members, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 20_000
    monkeypatch.setattr(memory, "measure_available", lambda: 9_000_000)
    with pytest.raises(InputError, match=r"unpacking .*bomb\.keras needs 10 MB of memory"):
        load_model(path)


def test_metadata_is_not_believed(dense: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(dense) as whole:
        members = [(name, whole.read(name)) for name in whole.namelist()]
    for metadata in (b"\xff" * 99, b'{"keras_version": "99.0"}', b'{"keras_version": [1]}'):
        changed = [(name, metadata if name == "metadata.json" else data) for name, data in members]
        path = archive(tmp_path / "m.keras", changed)
        assert load_model(path).output_shape == (None, 3)


def test_every_tenth_truncation_is_refused(dense: Path, tmp_path: Path) -> None:
    whole, path = dense.read_bytes(), tmp_path / "cut.keras"
    for length in range(0, len(whole), 10):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match="is damaged or no Keras model") as caught:
            load_model(path)
        assert str(caught.value).isprintable()
    assert length > 1000


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["class_name", "module", "config", "registered_name", "name",
                             "inbound_nodes", "x"]),
            inner | st.sampled_from(["Dense", "function", "__tensor__", "keras.layers", "keras",
                                     "keras.src.layers", "builtins", "relu"]),
            max_size=4,
        )
    ),
    max_leaves=12,
)  # fmt: skip


@given(JSON)
@settings(max_examples=200)
def test_any_config_is_read_without_a_fall(
    tmp_path_factory: pytest.TempPathFactory, config: object
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.keras"
    archive(path, [("config.json", json.dumps(config).encode())])
    found = call_or_none(read_config, path)
    if found is not None:
        call_or_none(check_config, path, found)
