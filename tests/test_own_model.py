"""A person's own Keras model through visualize.py, run as a person runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from conftest import VISUALIZE_OWN, Page, check_refusal, run_script, visualize_own
from keras import layers

from latentspace.core.provenance import hash_file

pytestmark = pytest.mark.slow

SHAPE = (14, 11, 1)
CODE = """
import keras
from keras import layers

@keras.saving.register_keras_serializable("mine")
class Sampling(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.generator = keras.random.SeedGenerator(0)

    def call(self, inputs):
        mean, log_var = inputs
        noise = keras.random.normal(keras.ops.shape(mean), seed=self.generator)
        return mean + keras.ops.exp(log_var / 2) * noise

def build():
    images = keras.Input((14, 11, 1))
    flat = layers.Flatten()(images)
    mean, log_var = layers.Dense(3, name="z_mean")(flat), layers.Dense(3, name="z_log_var")(flat)
    codes = Sampling(name="z")([mean, log_var])
    shown = layers.Reshape((14, 11, 1))(layers.Dense(154, activation="sigmoid")(codes))
    return keras.Model(images, shown)

if __name__ == "__main__":
    import sys
    import numpy as np
    with np.load(sys.argv[1]) as data:
        images = data["x_train"][..., None] / 255
    model = build()
    model.compile("adam", "mean_squared_error")
    model.fit(images, images, epochs=60, batch_size=8, verbose=0)
    model.save("vae.keras")
    model.save_weights("vae.weights.h5")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_npz: Path) -> Path:
    """Where a person keeps data.npz, model.py, vae.keras, vae.weights.h5 and dense.keras."""
    path = tmp_path_factory.mktemp("person")
    (path / "data.npz").write_bytes(tiny_npz.read_bytes())
    (path / "model.py").write_text(CODE)
    command = [sys.executable, "model.py", "data.npz"]
    subprocess.run(command, cwd=path, check=True, capture_output=True)
    with np.load(tiny_npz) as data:
        images = data["x_train"].reshape(120, -1).astype(np.float32) / 127.5 - 1
    sizes = [keras.Input((154,)), layers.Dense(5, name="narrow"), layers.Dense(154)]
    model = keras.Sequential(sizes)
    model.compile(keras.optimizers.Adam(1e-2), "mean_squared_error")
    model.fit(images, images, epochs=40, batch_size=8, verbose=0)
    model.save(path / "dense.keras")
    model.save(path / "lambda.keras")
    keras.Sequential([keras.Input(SHAPE), layers.Lambda(lambda x: x)]).save(path / "lambda.keras")
    return path


FORMS = """
import keras
from keras import layers

def join(images, name="z"):
    codes = layers.Dense(4, name=name)(layers.Flatten(input_shape=(14, 11, 1))(images))
    return codes, layers.Reshape((14, 11, 1))(layers.Dense(154, activation="sigmoid")(codes))

def lists():
    images, codes = keras.Input((14, 11, 1)), keras.Input((4,))
    inner = keras.Model([images], [join(images)[0]])
    decoded = layers.Reshape((14, 11, 1))(layers.Dense(154, activation="sigmoid")(codes))
    return inner, keras.Model([codes], [decoded])

def dicts():
    images = keras.Input((14, 11, 1), name="image")
    codes, shown = join(images)
    return keras.Model({"image": images}, {"shown": shown, "z": codes})

def half():
    keras.mixed_precision.set_global_policy("mixed_float16")
    images = keras.Input((14, 11, 1))
    return keras.Model(images, list(join(images))[::-1])
"""


@pytest.mark.parametrize("form", ["lists", "dicts", "half"])
def test_no_warning_of_a_library_reaches_a_person(
    folder: Path, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # JAX, where a test before has imported it, asks for output of TensorFlow's.
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    (tmp_path / "forms.py").write_text(FORMS)
    printed = run_script(
        "visualize.py",
        *("--model-code", f"forms.py:{form}", "--dataset", folder / "data.npz", "--anyway"),
        *("--models-dir", tmp_path, "--outputs-dir", tmp_path, *VISUALIZE_OWN, "--reconstructions"),
        cwd=tmp_path,
        process=True,
    )
    assert printed.stderr == ""
    assert "reconstructions.png" in printed.stdout


def test_one_flat_model_in_another_range_is_kept_as_a_run(folder: Path, tmp_path: Path) -> None:
    own = ("--autoencoder", "dense.keras", "--pixel-range", "-1", "1", "--save-run", "mine")
    printed = visualize_own(folder, tmp_path, *own, "--dataset", "data.npz").stdout
    assert "dense.keras is cut after layer 'narrow': 154 -> 5 -> 154 values per image" in printed
    assert "learning_curve.png is left out: this model was not trained here" in printed
    for picture in ("reconstructions.png", "tsne_comparison.png", "interpolation.gif"):
        assert (tmp_path / "mine" / picture).exists()
    page = Page(tmp_path / "mine" / "index.html")
    assert "learning_curve.png is left out: this model was not trained here" in page.text
    assert "own model" in page.texts("h4")
    facts = json.loads((tmp_path / "models" / "mine" / "run.json").read_text())
    assert facts["latent_dim"] == 5
    assert facts["adopted"]["pixel_range"] == [-1, 1]
    encoder = tmp_path / "models" / "mine" / "encoder.keras"
    assert facts["sha256"]["encoder.keras"] == hash_file(encoder)
    # What is kept needs nothing more to be said, and takes images as any run does.
    assert keras.models.load_model(encoder).input_shape == (None, *SHAPE)
    first = json.loads((tmp_path / "mine" / "metrics.json").read_text())
    printed = visualize_own(folder, tmp_path, "--run", "mine", "--reconstructions").stdout
    again = json.loads((tmp_path / "mine" / "metrics.json").read_text())
    assert again["reconstruction"] == first["reconstruction"]
    assert again["reconstruction"]["test_mse"] == pytest.approx(
        facts["scores"]["test_mse"], rel=0.2
    )
    assert first["reconstruction"]["test_mse"] < 0.03


@pytest.mark.parametrize(
    "own",
    [
        ("--autoencoder", "vae.keras", "--model-code", "model.py"),
        ("--model-code", "model.py:build", "--weights", "vae.weights.h5"),
    ],
)
def test_layers_of_a_persons_own_come_from_the_named_file(
    folder: Path, tmp_path: Path, own: tuple[str, ...]
) -> None:
    printed = visualize_own(
        folder, tmp_path, *own, "--dataset", "data.npz", "--traversals", "--save-run", "vae"
    ).stdout
    assert "with 'z_mean' for the code: 154 -> 3 -> 154 values per image" in printed
    # The mean needs no sampling, so the run that is kept needs no code.
    assert "traversals.png" in visualize_own(folder, tmp_path, "--traversals").stdout


@pytest.mark.parametrize(
    ("own", "message"),
    [
        (["--autoencoder", "dense.keras"], "with --pixel-range -1 1 the error would be 0.0"),
        (
            ["--autoencoder", "vae.keras"],
            "needs Sampling, which Keras does not have: pass --m",
        ),
        (["--autoencoder", "lambda.keras"], "has a Lambda layer 'lambda', which runs code"),
        (["--autoencoder", "none.keras"], "there is no file none.keras"),
        (["--encoder", "dense.keras"], "--encoder and --decoder go together"),
        (["--weights", "vae.weights.h5"], "comes from one of --autoencoder FILE"),
        (["--run", "bars", "--encoder", "dense.keras"], "comes from --run or from --encoder"),
        (["--autoencoder", "dense.keras", "--pixel-range", "1", "0"], "black before white"),
        (["--autoencoder", "dense.keras", "--bottleneck", "wide"], "there is no layer 'wide'"),
    ],
)
def test_bad_input_gets_one_line(
    folder: Path, tmp_path: Path, own: list[str], message: str
) -> None:
    check_refusal(folder, tmp_path, own, message)
