"""Files that Keras 2 has written: tf_keras writes them, in a process of its own."""

from __future__ import annotations

import io
import json
import re
import shutil
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from conftest import rewrite
from keras import layers

from latentspace.core.errors import InputError
from latentspace.models.keras_files import loading

READ = ["conv", "sequential", "nested", "functions", "recurrent"]


def check(model: keras.Model, old: Path, name: str) -> None:
    made = np.load(old / "made.npz")
    ours = keras.ops.convert_to_numpy(model(made["batch"]))
    np.testing.assert_allclose(ours, made[name], atol=2e-3 if name == "recurrent" else 1e-6)
    assert np.ptp(ours) > 1e-3


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_files_of_keras_2_compute_what_they_did(old: Path, name: str, ending: str) -> None:
    check(loading.load_model(old / f"{name}{ending}"), old, name)


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("ending", [".weights.h5", "_only.h5", ".keras", ".h5"])
def test_architectures_in_json_take_the_weights_beside_them(
    old: Path, name: str, ending: str
) -> None:
    model = loading.load_model(old / f"{name}.json")
    loading.load_weights(model, old / f"{name}{ending}")
    check(model, old, name)


def test_an_architecture_in_json_without_an_equal_is_refused_with_advice(old: Path) -> None:
    for name, what in {
        "with_lambda": "Lambda",
        "with_noise": r"the function tf\.shape",
        "with_own_layer": "Halving",
        "with_hard_sigmoid": "hard_sigmoid",
    }.items():
        with pytest.raises(InputError, match=what) as caught:
            loading.load_model(old / f"{name}.json")
        assert "--model-code" in str(caught.value)
        assert "with its --weights" in str(caught.value) or name == "with_own_layer"


def test_a_file_is_known_by_its_content(old: Path, tmp_path: Path) -> None:
    shutil.copy(old / "conv.h5", tmp_path / "conv.keras")
    check(loading.load_model(tmp_path / "conv.keras"), old, "conv")
    shutil.copy(old / "conv.keras", tmp_path / "conv.h5")
    check(loading.load_model(tmp_path / "conv.h5"), old, "conv")


def rearrange(path: Path, target: Path, separator: str) -> Path:
    """A .keras file whose weights lie as Keras 2.12 to 2.14 put them; on Windows, with a "\\"."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with (
        h5py.File(io.BytesIO(members["model.weights.h5"])) as source,
        h5py.File(target, "w") as made,
    ):

        def copy(name: str, found: h5py.HLObject) -> None:
            if isinstance(found, h5py.Dataset):
                name = re.sub(r"_(\d+)(?=/)", lambda match: f"_{2 * int(match[1]) + 1}", name)
                name = name.replace("layers/", "_layer_checkpoint_dependencies/")
                folder, mark, rest = name.partition("/vars/")
                made[folder.replace("/", separator) + mark + rest] = found[()]

        source.visititems(copy)
    members["model.weights.h5"] = target.read_bytes()
    members["config.json"] = members["config.json"].replace(b"tf_keras.src", b"keras.src")
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return target


@pytest.mark.parametrize("separator", ["/", "\\"])
@pytest.mark.parametrize("name", ["sequential", "nested", "functions"])
def test_weights_where_keras_2_12_put_them_are_found(
    old: Path, tmp_path: Path, name: str, separator: str
) -> None:
    path = rearrange(old / f"{name}.keras", tmp_path / "old.keras", separator)
    check(loading.load_model(path), old, name)


def test_what_keras_2_0_wrote_is_read(old: Path, tmp_path: Path) -> None:
    """A sequential model was a list then, and a functional one was called Model."""
    for name in ("sequential", "conv"):
        path = shutil.copy(old / f"{name}.h5", tmp_path)
        with h5py.File(path, "a") as file:
            config = json.loads(file.attrs["model_config"])
            if name == "sequential":
                config["config"] = [
                    layer
                    for layer in config["config"]["layers"]
                    if "Input" not in layer["class_name"]
                ]
            else:
                config["class_name"] = "Model"
            file.attrs["model_config"] = json.dumps(config).encode()
        check(loading.load_model(path), old, name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("with_lambda", "a Lambda layer 'double', which runs code out of the file"),
        ("with_noise", r"with the function tf\.shape in its layer '.*', for which Keras 3 has no"),
        (
            "with_own_layer",
            r"needs (__main__\.)?Halving, which Keras does not have: pass --model-code",
        ),
        (
            "with_hard_sigmoid",
            "the activation hard_sigmoid, which has changed, in its layer 'dense",
        ),
        ("with_time_first", "with time_major=True in its layer 'gru"),
    ],
)
@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_what_has_no_equal_is_named(old: Path, name: str, message: str, ending: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        loading.load_model(old / f"{name}{ending}")
    assert "--model-code FILE.py" in str(caught.value)


@pytest.mark.parametrize("ending", [".keras", ".h5", ".weights.h5"])
def test_the_advice_for_what_has_no_equal_works(old: Path, ending: str) -> None:
    """A model is built in Keras 3, and the weights come out of the file of Keras 2."""
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(4)])
    model.add(layers.Rescaling(2.0))
    loading.load_weights(model, old / f"with_lambda{ending}")
    with h5py.File(old / "with_lambda.h5") as file:
        found: list[np.ndarray] = []
        file["model_weights"].visititems(
            lambda _, value: found.append(value[()]) if isinstance(value, h5py.Dataset) else None
        )
    for ours in model.get_weights():
        assert any(ours.shape == theirs.shape and (ours == theirs).all() for theirs in found)


def test_weights_of_another_model_are_refused(old: Path) -> None:
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(4)])
    with pytest.raises(InputError, match="can't be read into the model"):
        loading.load_weights(model, old / "sequential.keras")


def test_hdf5_without_a_model_says_what_it_holds(old: Path, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"holds weights only.*pass it as --weights, with --model-"
    ):
        loading.load_model(old / "conv.weights.h5")
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["images"] = np.zeros(3)
    with pytest.raises(InputError, match="without a Keras model: it holds images"):
        loading.load_model(tmp_path / "data.h5")


def test_damaged_descriptions_are_refused_in_one_line(old: Path, tmp_path: Path) -> None:
    def no_nodes(config: dict) -> None:
        del config["config"]["layers"][2]["inbound_nodes"]

    def no_such_layer(config: dict) -> None:
        config["config"]["layers"][2]["inbound_nodes"] = [[["none", 0, 0, {}]]]

    def no_settings(config: dict) -> None:
        config["config"]["layers"][2]["config"] = 3

    for change in (no_nodes, no_such_layer, no_settings):
        path = shutil.copy(old / "conv.keras", tmp_path)
        with pytest.raises(InputError) as caught:
            loading.load_model(rewrite(Path(path), change))
        assert str(caught.value).isprintable()


def test_hdf5_of_keras_3_is_read_without_its_code(tmp_path: Path) -> None:
    images = keras.Input((8, 8, 1))
    x = layers.Conv2D(2, 3, activation="hard_sigmoid")(images)
    inner = keras.Sequential([layers.BatchNormalization(), layers.Flatten(), layers.Dense(4)])
    model = keras.Model(images, layers.Dense(3, dtype="mixed_float16")(inner(x)))
    model.save(tmp_path / "new.h5")
    batch = np.random.default_rng(0).random((2, 8, 8, 1)).astype(np.float32)
    loaded = loading.load_model(tmp_path / "new.h5")
    np.testing.assert_array_equal(loaded(batch), model(batch))
    with h5py.File(tmp_path / "new.h5", "a") as file:
        config = json.loads(file.attrs["model_config"])
        config["config"]["layers"][1].update(class_name="Lambda")
        file.attrs["model_config"] = json.dumps(config)
    with pytest.raises(InputError, match="a Lambda layer"):
        loading.load_model(tmp_path / "new.h5")
