from __future__ import annotations

import re
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from conftest import chain, rewrite
from keras import layers, ops

from config import VisualizeConfig
from latentspace.core.errors import InputError
from latentspace.models.importing.run import load_interface
from latentspace.models.keras_files import loading

CODE = """
import keras
from keras import layers

class Doubling(layers.Layer):
    def call(self, x):
        return 2 * x

@keras.saving.register_keras_serializable(package="person")
class Halving(layers.Layer):
    def call(self, x):
        return x / 2

def build():
    return keras.Sequential([keras.Input((4,)), layers.Dense(3), Doubling(), Halving()])

number = 3
"""


@pytest.fixture
def dense(tmp_path: Path) -> Path:
    chain(layers.Dense(3, name="only")).save(tmp_path / "dense.keras")
    return tmp_path / "dense.keras"


@pytest.fixture
def code(tmp_path: Path) -> Path:
    path = tmp_path / f"code_{tmp_path.name}.py"
    path.write_text(CODE.replace("person", tmp_path.name))
    return path


def test_what_keras_writes_is_read(tmp_path: Path) -> None:
    images = keras.Input((8, 8, 1))
    x = layers.Conv2D(
        4, 3, activation="leaky_relu", kernel_regularizer="l2", kernel_constraint="max_norm"
    )(images)
    x = layers.Activation(keras.activations.gelu)(x)
    x = chain_of_images = keras.Sequential([layers.Conv2D(2, 3), layers.BatchNormalization()])(x)
    x = ops.reshape(ops.exp(x) * 0.5 + chain_of_images, (-1, 32))[:, 1:9]
    x = layers.Dense(4, activation=layers.LeakyReLU(0.2), dtype="mixed_float16")(x)
    x = layers.MultiHeadAttention(1, 2)(x[:, None], x[:, None])
    x = layers.Bidirectional(layers.GRU(2))(x)
    x = layers.GaussianNoise(0.1)(layers.Dropout(0.1, seed=1)(x)) + ops.convert_to_tensor([1.0])
    model = keras.Model(images, x)
    rate = keras.optimizers.schedules.CosineDecay(1e-3, 10)
    model.compile(keras.optimizers.AdamW(rate), keras.losses.MeanSquaredError(), metrics=["mae"])
    model.save(tmp_path / "all.keras")
    batch = np.random.default_rng(0).random((2, 8, 8, 1)).astype(np.float32)
    loaded = loading.load_model(tmp_path / "all.keras")
    np.testing.assert_allclose(loaded.predict(batch, verbose=0), model.predict(batch, verbose=0))


def test_a_loss_of_ones_own_is_no_hindrance(tmp_path: Path) -> None:
    def own_loss(y_true, y_pred):
        return ops.mean(ops.abs(y_true - y_pred))

    model = chain(layers.Dense(3))
    model.compile("adam", own_loss)
    model.save(tmp_path / "own.keras")
    assert loading.load_model(tmp_path / "own.keras").output_shape == (None, 3)


@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
def test_lambdas_are_refused_and_do_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    marking = lambda x, mark=str(mark): (__import__("pathlib").Path(mark).touch(), x)[1]  # noqa: E731
    path = tmp_path / "lambda.keras"
    chain(layers.Lambda(marking, name="bad")).save(path)
    mark.unlink()  # building the model ran it
    with pytest.raises(InputError, match=r"a Lambda layer 'bad', which runs code.*--model-code"):
        loading.load_model(path)
    chain(layers.Dense(3, name="worse")).save(path)

    def change(config: dict) -> None:
        lambda_of_keras = {"class_name": "__lambda__", "config": {"value": ["", None, None]}}
        config["config"]["layers"][1]["config"]["activation"] = lambda_of_keras

    with pytest.raises(InputError, match=r"lambda.*layer 'worse', which runs code out of the file"):
        loading.load_model(rewrite(path, change))
    assert not mark.exists()


def test_a_layer_that_opens_files_is_refused(dense: Path) -> None:
    def change(config: dict) -> None:
        config["config"]["layers"][1].update(class_name="TFSMLayer")

    with pytest.raises(InputError, match="a TFSMLayer layer 'only', which uses other files"):
        loading.load_model(rewrite(dense, change))


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("hostile", "Dense"),
        ("os", "system"),
        ("keras.utils", "get_file"),
        ("keras.saving", "load_model"),
        ("keras.models", "load_model"),
        ("keras.src.utils.file_utils", "get_file"),
        (None, "Dense"),
    ],
)
def test_other_modules_are_refused_before_they_are_imported(
    dense: Path, monkeypatch: pytest.MonkeyPatch, module: str | None, name: str
) -> None:
    (dense.parent / "hostile.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(dense.parent)

    def change(config: dict) -> None:
        config["config"]["layers"][1].update(module=module, class_name=name)

    wanted = f"{module}.{name}" if module else name
    with pytest.raises(InputError, match=f"needs {re.escape(wanted)}, which Keras does not have"):
        loading.load_model(rewrite(dense, change))
    assert "hostile" not in sys.modules


def test_a_model_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images, shared = keras.Input((4,)), layers.Dense(4, name="shared")
    model = keras.Model(images, shared(shared(images)))
    model.save(tmp_path / "shared.keras")
    made = []
    original = layers.Dense.from_config
    monkeypatch.setattr(
        layers.Dense, "from_config", lambda config: made.append(config) or original(config)
    )
    loaded = loading.load_model(tmp_path / "shared.keras")
    assert len(made) == 1
    assert len(loaded.variables) == 2
    batch = np.random.default_rng(0).random((2, 4)).astype(np.float32)
    np.testing.assert_array_equal(loaded(batch), model(batch))


def test_a_layer_of_ones_own_may_be_called_lambda(tmp_path: Path) -> None:
    Lambda = type("Lambda", (layers.Identity,), {})  # noqa: N806
    keras.saving.register_keras_serializable(tmp_path.name)(Lambda)
    chain(Lambda()).save(tmp_path / "own.keras")
    assert loading.load_model(tmp_path / "own.keras").output_shape == (None, 4)


def test_layers_that_need_their_values_while_they_are_built_are_loaded(tmp_path: Path) -> None:
    @keras.saving.register_keras_serializable(tmp_path.name)
    class Eager(layers.Layer):
        def build(self, shape):
            self.scale = keras.Variable(np.float32(3))

        def call(self, x):
            return self.scale * x

    chain(Eager()).save(tmp_path / "eager.keras")
    batch = np.ones((2, 4), np.float32)
    np.testing.assert_array_equal(loading.load_model(tmp_path / "eager.keras")(batch), 3 * batch)


def test_functions_are_looked_up_in_keras_only(dense: Path) -> None:
    def activation(name: str, module: str = "builtins"):
        def change(config: dict) -> None:
            config["config"]["layers"][1]["config"]["activation"] = {
                "class_name": "function",
                "module": module,
                "config": name,
                "registered_name": name,
            }

        return change

    assert loading.load_model(rewrite(dense, activation("relu"))).output_shape == (None, 3)
    with pytest.raises(InputError, match=r"needs my_function, which Keras does not have"):
        loading.load_model(rewrite(dense, activation("my_function")))
    with pytest.raises(InputError, match=r"needs os\.relu"):
        loading.load_model(rewrite(dense, activation("relu", "os")))


def test_damaged_files_are_refused_in_one_line(dense: Path, tmp_path: Path) -> None:
    whole = dense.read_bytes()
    broken = tmp_path / "broken.keras"
    for length in (0, 10, len(whole) // 2, len(whole) - 30):
        broken.write_bytes(whole[:length])
        with pytest.raises(InputError, match="is damaged or no Keras model"):
            loading.load_model(broken)
    with zipfile.ZipFile(broken, "w") as archive:
        archive.writestr("else.json", "{}")
    with pytest.raises(InputError, match=r"it has no config\.json"):
        loading.load_model(broken)
    for text in ("[" * 100_000, "{", "[]"):
        with zipfile.ZipFile(broken, "w") as archive:
            archive.writestr("config.json", text)
        with pytest.raises(InputError, match=r"config\.json") as caught:
            loading.load_model(broken)
        assert "\n" not in str(caught.value)


def test_an_endless_config_is_not_read(dense: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("latentspace.models.keras_files.checks.MAX_CONFIG_BYTES", 100)
    with pytest.raises(InputError, match="more than 0 MiB"):
        loading.load_model(dense)


def test_what_keras_says_is_brought_to_one_line(dense: Path) -> None:
    def unknown_name(config: dict) -> None:
        config["config"]["layers"][1]["config"]["activation"] = "my_activation"

    with pytest.raises(InputError, match="interpret activation function identifier: my_activation"):
        loading.load_model(rewrite(dense, unknown_name))

    def a_call_that_fails(config: dict) -> None:
        config["config"]["layers"].insert(
            1, keras.saving.serialize_keras_object(layers.Conv2D(2, 3))
        )

    def no_weights_fit(config: dict) -> None:
        config["config"]["layers"][1]["config"]["units"] = 5

    def not_a_model(config: dict) -> None:
        config.update(config["config"]["layers"][1])

    for change in (no_weights_fit, not_a_model, a_call_that_fails):
        with pytest.raises(InputError) as caught:
            loading.load_model(rewrite(dense, change))
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 500

    bold = "Exception encountered when calling x.\x1b[1mNot\n so\x1b[0m\x07."
    assert loading.shorten(ValueError(bold)) == "Exception encountered when calling x.Not so\ufffd"


def test_other_formats_are_named(dense: Path, tmp_path: Path) -> None:
    (tmp_path / "m.h5").touch()
    for name in ("m.pb", "m.pt"):
        (tmp_path / name).touch()
    for name, message in {
        "m.h5": r"m\.h5 is damaged or no Keras model",
        "m.pb": r"a model is a \.keras, a \.h5 or an \.onnx file\. Received: .*m\.pb",
        "m.pt": r"m\.pt is a checkpoint of PyTorch, .* torch\.onnx\.export\(model, image, \"m",
        "none.keras": r"there is no file .*none\.keras",
        ".": "is a folder, such as TensorFlow's SavedModel",
    }.items():
        with pytest.raises(InputError, match=message):
            loading.load_model(tmp_path / name)


def test_a_keras_file_of_any_name_is_read(dense: Path, tmp_path: Path) -> None:
    weights = loading.load_model(dense).get_weights()
    found = loading.load_model(dense.rename(tmp_path / "dense.h5")).get_weights()
    for values, expected in zip(found, weights, strict=True):
        np.testing.assert_array_equal(values, expected)


def test_code_makes_its_layers_known(code: Path, tmp_path: Path) -> None:
    build = loading.load_code(f"{code}:build")
    assert build is not None
    model, path = build(), tmp_path / "custom.keras"
    model.save(path)
    assert loading.load_code(str(code)) is None
    batch = np.ones((2, 4), np.float32)
    np.testing.assert_array_equal(loading.load_model(path)(batch), model(batch))


@pytest.mark.parametrize("kind", ["function", "initializer", "constraint", "function beside it"])
def test_whatever_a_config_names_comes_from_the_code(tmp_path: Path, kind: str) -> None:
    name = f"{kind.partition(' ')[0]}_{tmp_path.name}"
    body = {
        "function": f"def {name}(x):\n    return 2 * x\n",
        "initializer": f"class {name}(keras.initializers.Constant):\n    pass\n",
        "constraint": f"class {name}(keras.constraints.NonNeg):\n    pass\n",
    }[kind.partition(" ")[0]]
    home = tmp_path / f"home_{tmp_path.name}.py"
    home.write_text(f"import keras\n{body}")
    if kind == "function beside it":
        beside = home.rename(tmp_path / f"beside_{tmp_path.name}.py")
        home.write_text(f"from {beside.stem} import {name}\n")
    made: dict = {}
    exec(f"import keras\n{body}", made)
    value = made[name] if kind.startswith("function") else made[name]()
    place = {"function": "activation", "initializer": "bias_initializer"}.get(
        kind.partition(" ")[0], "kernel_constraint"
    )
    chain(layers.Dense(3, **{place: value})).save(tmp_path / "own.keras")
    with pytest.raises(InputError, match=f"{name}, which Keras does not have: pass --model-code"):
        loading.load_model(tmp_path / "own.keras")
    loading.load_code(str(home))
    assert loading.load_model(tmp_path / "own.keras").output_shape == (None, 3)


@pytest.mark.parametrize("where", ["the file", "the function", "the file, with a default"])
def test_code_sees_no_arguments_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], where: str
) -> None:
    ours = ["visualize.py", "--autoencoder", "mine.keras"]
    monkeypatch.setattr(sys, "argv", ours)
    parse = "argparse.ArgumentParser(); parser.add_argument('--size', {}); parser.parse_args()"
    parse = parse.format("default=3" if "default" in where else "required=True")
    text = f"import argparse\n{'def build(): ' if 'function' in where else ''}parser = {parse}\n"
    path = tmp_path / f"script_{tmp_path.name}.py"
    path.write_text(text)
    if "default" in where:
        assert loading.load_code(str(path)) is None
    else:
        with pytest.raises(InputError, match=r"SystemExit: script_.*are required: --size"):
            load_interface(VisualizeConfig(model_code=f"{path}:build"))
    assert sys.argv == ours
    assert not capfd.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "has a damaged model.json"),
        ("[]", "describes no model"),
        (
            '{"class_name": "Functional", "config": {}, "keras_version": "2.9.0"}',
            "a damaged description of a model of Keras 2",
        ),
        ('{"class_name": "system", "module": "os", "config": {}}', "needs os.system"),
        ('{"class_name": "Lambda", "module": "keras.layers", "config": {}}', "a Lambda layer"),
    ],
)
def test_architectures_that_are_none_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "model.json").write_text(text)
    with pytest.raises(InputError, match=re.escape(message)):
        loading.load_model(tmp_path / "model.json")


def test_unregistered_layers_are_named(tmp_path: Path) -> None:
    class Unknown(layers.Layer):
        def call(self, x):
            return x

    chain(Unknown()).save(tmp_path / "unknown.keras")
    with pytest.raises(InputError, match=r"needs .*Unknown, which Keras.*--model-code FILE\.py"):
        loading.load_model(tmp_path / "unknown.keras")


def test_bad_code_is_refused_in_one_line(code: Path, tmp_path: Path) -> None:
    (tmp_path / "failing.py").write_text("import no_such_module_at_all")
    (tmp_path / "leaving.py").write_text("raise SystemExit(2)")
    for spec, message in {
        "model.txt": r"takes FILE\.py or FILE\.py:FUNCTION\. Received: 'model\.txt'",
        f"{tmp_path / 'none.py'}:build": "there is no file",
        f"{tmp_path / 'failing.py'}": "can't be imported: ModuleNotFoundError: No module named",
        f"{tmp_path / 'leaving.py'}": "can't be imported: SystemExit: 2",
        f"{code}:make": r"no function 'make'; its functions: build",
        f"{code}:number": r"no function 'number'; its functions: build",
    }.items():
        with pytest.raises(InputError, match=message):
            loading.load_code(spec)


@pytest.mark.parametrize("file", ["a.weights.h5", "a.keras", "a.h5", "old.weights.h5", "new.h5"])
def test_weights_of_every_format_are_read(tmp_path: Path, file: str) -> None:
    trained, path = chain(layers.Dense(4), chain(layers.Dense(3))), tmp_path / file
    if file.startswith("old"):  # as Keras 2 names them
        trained.save(tmp_path / "temporary.h5")
        (tmp_path / "temporary.h5").rename(path)
    elif file.startswith("new"):
        trained.save_weights(tmp_path / "temporary.weights.h5")
        (tmp_path / "temporary.weights.h5").rename(path)
    elif file.endswith(".weights.h5"):
        trained.save_weights(path)
    else:
        trained.save(path)
    model = chain(layers.Dense(4), chain(layers.Dense(3)))
    loading.load_weights(model, path)
    for ours, theirs in zip(model.get_weights(), trained.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("file", ["a.weights.h5", "a.h5"])
def test_weights_that_do_not_fit_are_named(tmp_path: Path, file: str) -> None:
    trained, path = chain(layers.Dense(3, name="inner")), tmp_path / file
    (trained.save_weights if "weights" in file else trained.save)(path)
    with pytest.raises(InputError, match=r"can't be read into the model.*\(4, 3\)") as caught:
        loading.load_weights(chain(layers.Dense(5, name="inner")), path)
    assert "\n" not in str(caught.value)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match="can't be read into the model"):
        loading.load_weights(trained, path)
    with pytest.raises(InputError, match="there is no file"):
        loading.load_weights(trained, tmp_path / "none.h5")
