"""A person's own ONNX model through visualize.py, run as a person runs it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import onnx_models as made
import pytest
from browsing import Opened, run_networks, visit
from conftest import (
    PROJECT,
    VISUALIZE_OWN,
    Trained,
    check_refusal,
    run_script,
    tiny_arrays,
    visualize_own,
)
from keras import layers
from playwright.sync_api import Browser, Page

from config import VisualizeConfig
from latentspace.core.pixels import to_uint8
from latentspace.models.importing.planning import build
from latentspace.models.importing.run import load_interface
from latentspace.models.portable import describe_network, pack
from latentspace.models.runs import Run, find_run, predict

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_npz: Path) -> Path:
    """Where a person keeps data.npz and models."""
    path = tmp_path_factory.mktemp("person")
    (path / "data.npz").write_bytes(tiny_npz.read_bytes())
    outside = {"save_as_external_data": True, "location": "one.onnx.data", "size_threshold": 0}
    made.save(made.convolutional(batch=1), path / "one.onnx", **outside)
    made.save(made.variational(), path / "vae.onnx")
    for name, model in zip(("e", "d"), made.pair(), strict=True):
        made.save(model, path / f"{name}.onnx")
    own = made.change(made.dense(), lambda model: setattr(model.graph.node[1], "domain", "own"))
    (path / "own.onnx").write_bytes(own.SerializeToString())
    (path / "cut.onnx").write_bytes((path / "vae.onnx").read_bytes()[:500])
    for name in ("dense.keras", "m.ckpt", "m.safetensors"):
        (path / name).touch()
    return path


ASK = "([what, more]) => explorer.live.ask(what, more).then((told) => [...told.codes])"
MAKE = """(code) => explorer.live
    .ask("make", { parts: [{ code: Float32Array.from(code), weight: 1 }], near: 0 })
    .then(({ pictures }) => [...pictures])"""


def expect_same(page: Page, run: Run) -> None:
    """The page decodes and encodes as the run, within a grey level and 0.003 deviations."""
    images = tiny_arrays(20, seed=2)[0][..., None] / np.float32(255)
    codes = run.encode(images)
    shown = to_uint8(run.decode(codes)).astype(int)
    for image, code, wanted in zip(images, codes, shown, strict=True):
        found = page.evaluate(ASK, ["encode", {"image": image.ravel().tolist(), "near": 0}])
        assert (np.abs(found - code) < 0.003 * codes.std(axis=0)).all()
        pixels = np.reshape(page.evaluate(MAKE, code.tolist()), (*wanted.shape[:2], 4))
        assert np.abs(pixels[..., :1] - wanted).max() <= 1


def test_a_model_is_kept_as_a_run_and_looked_at_again(
    folder: Path, tmp_path: Path, browser: Browser
) -> None:
    own = ("--autoencoder", "one.onnx", "--save-run", "mine", "--dataset", "data.npz")
    printed = visualize_own(folder, tmp_path, *own).stdout
    assert "one.onnx is cut after layer 'narrow': 154 -> 6 -> 154 values per image" in printed
    for picture in ("reconstructions.png", "tsne_comparison.png", "interpolation.gif"):
        assert (tmp_path / "mine" / picture).exists()
    run = tmp_path / "models" / "mine"
    assert sorted(path.name for path in run.iterdir()) == [
        "decoder.onnx",
        "encoder.onnx",
        "run.json",
    ]
    facts = json.loads((run / "run.json").read_text())
    assert facts["sha256"].keys() == {"encoder.onnx", "decoder.onnx"}
    first = json.loads((tmp_path / "mine" / "metrics.json").read_text())
    assert first["reconstruction"]["test_mse"] < 0.03
    pictures = ("--reconstructions", "--explorer", "--compression")
    printed = visualize_own(folder, tmp_path, "--run", "mine", *pictures).stdout
    again = json.loads((tmp_path / "mine" / "metrics.json").read_text())
    assert again["reconstruction"] == first["reconstruction"]
    with visit(Opened, browser, tmp_path / "mine" / "explorer.html", "body.live") as opened:
        expect_same(opened.page, find_run("mine", tmp_path / "models"))


def test_an_onnx_run_is_compared_with_one_of_keras(
    trained: Trained, folder: Path, tmp_path: Path
) -> None:
    pair = ("--encoder", "e.onnx", "--decoder", "d.onnx", "--latent-output", "codes")
    more = ("--dataset", "data.npz", "--save-run", "parts", "--reconstructions")
    kept = shutil.copytree(trained.models, tmp_path / "models")
    models = ("--models-dir", str(kept), "--outputs-dir", str(tmp_path))
    printed = visualize_own(folder, tmp_path, *pair, *more, *models).stdout
    assert "e.onnx (output 'codes') and d.onnx are taken as they are" in printed
    run_script("visualize.py", "--run", "bars", "--run", "parts", "--quiet", *models, cwd=folder)
    metrics = json.loads((tmp_path / "bars-vs-parts" / "metrics.json").read_text())
    size = sum(path.stat().st_size for path in (kept / "parts").glob("*.onnx"))
    assert metrics["measures"]["bytes"]["B"] == size
    assert metrics["measures"]["test_mse"]["B"] < 0.03
    assert (tmp_path / "bars-vs-parts" / "index.html").exists()


def test_nothing_of_keras_is_loaded_for_it(folder: Path, tmp_path: Path) -> None:
    program = (
        "import runpy, sys\n"
        f"sys.path.insert(0, {str(PROJECT)!r})\n"
        "sys.argv[0] = 'visualize.py'\n"
        f"runpy.run_path({str(PROJECT / 'visualize.py')!r})['main']()\n"
        "print('LOADED', sorted({'keras', 'tensorflow'} & set(sys.modules)))\n"
    )
    own = ["--autoencoder", "vae.onnx", "--dataset", "data.npz", "--no-labels", "--save-run", "vae"]
    flags = [
        *VISUALIZE_OWN,
        "--models-dir",
        tmp_path,
        "--outputs-dir",
        tmp_path,
        "--reconstructions",
    ]
    command = [sys.executable, "-c", program, *own, *map(str, flags)]
    env = {**os.environ, "LATENTSPACE_CACHE": str(tmp_path / "cache")}
    result = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=True, env=env
    )
    assert result.stdout.splitlines()[-1] == "LOADED []"
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("own", "message"),
    [
        (["--autoencoder", "own.onnx"], "the operator Gemm 'codes' of 'own', which onnxruntime"),
        (["--autoencoder", "cut.onnx"], "cut.onnx is damaged or no ONNX model"),
        (["--autoencoder", "none.onnx"], "there is no file none.onnx"),
        (["--autoencoder", "m.ckpt"], 'what torch.onnx.export(model, image, "m.onnx") writes'),
        (["--autoencoder", "m.safetensors"], "m.safetensors is a checkpoint of PyTorch"),
        (["--encoder", "e.onnx", "--decoder", "dense.keras"], "which goes with no Keras model"),
        (["--encoder", "e.onnx", "--decoder", "d.onnx", "--weights", "w.h5"], "or --weights: pass"),
        (["--encoder", "e.onnx"], "--encoder and --decoder go together"),
        (["--autoencoder", "vae.onnx", "--bottleneck", "wide"], "there is no layer 'wide'"),
        (
            ["--autoencoder", "e.onnx", "--latent-output", "1"],
            "and gives none: its outputs are",
        ),
    ],
)
def test_bad_input_gets_one_line(
    folder: Path, tmp_path: Path, own: list[str], message: str
) -> None:
    check_refusal(folder, tmp_path, own, message)


EXPORT = """
import keras
import numpy as np

model = keras.models.load_model("model.keras")
model(np.zeros((1, *model.input_shape[1:]), "float32"))
model.export("model.onnx", format="onnx", verbose=False)
"""


def test_what_keras_exports_computes_what_keras_does(tmp_path: Path, browser: Browser) -> None:
    """A second exporter: its channels are last, and its shapes are computed in the graph."""
    images = keras.Input((14, 11, 1))
    x = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu")(images)
    x = layers.BatchNormalization()(x)
    codes = layers.Dense(5, activation="tanh", name="codes")(layers.Flatten()(x))
    x = layers.Reshape((7, 6, 4))(layers.Dense(168)(codes))
    x = layers.Conv2DTranspose(3, 3, strides=2, padding="same", activation="elu")(x)
    x = layers.Conv2D(1, 3, padding="same", activation="sigmoid")(layers.UpSampling2D((1, 1))(x))
    model = keras.Model(images, layers.Cropping2D(((0, 0), (0, 1)))(x))
    model.save(tmp_path / "model.keras")
    command = [sys.executable, "-c", EXPORT]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    bars = tiny_arrays(20, seed=2)[0][..., None] / np.float32(255)
    made_of = {}
    for ending in (".keras", ".onnx"):
        config = VisualizeConfig(autoencoder=str(tmp_path / f"model{ending}"))
        interface = load_interface(config)
        assert interface.reading == {"image_size": (14, 11), "channels": 1}
        encoder, decoder, _ = build(interface, (14, 11, 1), config)
        codes = predict(encoder, bars)
        made_of[ending] = codes, predict(decoder, codes)
    for ours, theirs in zip(made_of[".onnx"], made_of[".keras"], strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    described = pack([describe_network(network) for network in (encoder, decoder)])
    with browser.new_page() as page:
        found = run_networks(page, *described, [bars, codes])
    for on_page, ours in zip(found, made_of[".onnx"], strict=True):
        np.testing.assert_allclose(np.reshape(on_page, ours.shape), ours, atol=1e-3)
