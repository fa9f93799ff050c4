"""What is written of equal models is equal to the byte, and opens as before."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from latentspace.models.keras_files.archive import canonicalize
from latentspace.models.keras_files.loading import load_model, save_model


def branched(name: str = "wide") -> keras.Model:
    """Unnamed layers beside a named one, a model inside, shared layers."""
    x = keras.Input((4,), name="images")
    both = layers.Dense(4)
    left, right = both(x), layers.Dense(4, activation="tanh", name=name)(both(x))
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dropout(0.2)])
    codes = inner(layers.multiply([layers.Dense(4)(left), right]))
    return keras.Model(x, {"codes": codes, "more": inner(x)}, name="encoder")


def trained() -> keras.Model:
    model = keras.Sequential([keras.Input((4,)), layers.Dropout(0.5), layers.Dense(2)])
    model.compile("adam", "mse")
    model.fit(np.ones((4, 4)), np.ones((4, 2)), verbose=0)
    return model


def after(count: int, build: Callable[[], keras.Model]) -> keras.Model:
    """A model built from the same seed in a session in which others were built before."""
    keras.backend.clear_session()
    for _ in range(count):
        layers.Dense(2), layers.Multiply(), layers.Dropout(0.1), keras.Sequential()
    keras.utils.set_random_seed(0)
    return build()


@pytest.mark.parametrize("build", [branched, trained])
def test_equal_models_are_equal_files(
    tmp_path: Path, build: Callable[[], keras.Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    for number, folder in enumerate(("a", "b")):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "model.keras"
        model = after(3 * number, build)
        year = 2001 + number
        monkeypatch.setattr(time, "localtime", lambda *_, y=year: (y, 1, 2, 3, 4, 5, 0, 2, 0))
        save_model(model, path)
        monkeypatch.undo()
        written.append(path.read_bytes())
    assert written[0] == written[1]
    with zipfile.ZipFile(path) as archive:
        assert {about.date_time for about in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.namelist() == ["metadata.json", "config.json", "model.weights.h5"]
        assert json.loads(archive.read("metadata.json")) == {"keras_version": keras.__version__}

    images = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    loaded = (keras.models.load_model(path), load_model(path))
    for found in loaded:
        for values, expected in zip(found.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(values, expected)
        keras.tree.map_structure(
            np.testing.assert_array_equal,
            found.predict(images, verbose=0),
            model.predict(images, verbose=0),
        )
    if build is trained:
        assert int(loaded[0].optimizer.iterations) == 1
        loaded[0].fit(images, images[:, :2], verbose=0)


def test_a_model_whose_layers_share_a_kind_of_numbers_is_no_other_model(tmp_path: Path) -> None:
    """As those of a model that was built do, and those of a clone do not."""

    def written(name: str, policy: keras.DTypePolicy | None) -> bytes:
        inputs = keras.Input((4,), name="images")
        hidden = layers.Dense(3, dtype=policy, name="hidden")(inputs)
        model = keras.Model(inputs, layers.Dense(2, dtype=policy, name="codes")(hidden), name="m")
        model.set_weights([np.ones(weights.shape) for weights in model.get_weights()])
        save_model(model, tmp_path / name)
        keras.models.load_model(tmp_path / name)
        return (tmp_path / name).read_bytes()

    policy = keras.DTypePolicy("float32")
    assert written("shared.keras", policy) == written("own.keras", None)


def test_other_weights_are_another_file(tmp_path: Path) -> None:
    model = after(0, branched)
    save_model(model, tmp_path / "model.keras")
    before = (tmp_path / "model.keras").read_bytes()
    model.get_layer("wide").bias.assign([0, 0, 0, 1e-30])
    save_model(model, tmp_path / "model.keras")
    assert (tmp_path / "model.keras").read_bytes() != before


def test_names_that_were_given_stay(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    after(5, lambda: branched("multiply")).save(path)
    stably = canonicalize(path.read_bytes())
    path.write_bytes(stably)
    loaded = keras.models.load_model(path)
    names = [layer.name for layer in loaded.layers]
    assert loaded.name == "encoder"
    assert names[0] == "images"
    assert sorted(names) == ["dense", "dense_1", "images", "multiply", "multiply_1", "sequential"]
    assert loaded.get_layer("multiply").activation is keras.activations.tanh
    with zipfile.ZipFile(io.BytesIO(stably)) as archive:
        weights = h5py.File(io.BytesIO(archive.read("model.weights.h5")))
        assert weights["vars"].attrs["name"] == "encoder"
