"""ONNX models as runs: layout, flatness, ranges, outputs, batches, and where they are cut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnx_models as made
import onnxruntime
import pytest
from conftest import TINY_SHAPE, tiny_arrays
from onnx import TensorProto, helper

from config import VisualizeConfig
from latentspace.core.errors import InputError
from latentspace.datasets import ImageDataset
from latentspace.models.importing.planning import build
from latentspace.models.importing.run import import_model, load_interface
from latentspace.models.onnx_files import network
from latentspace.models.onnx_files.network import OnnxNetwork
from latentspace.models.runs import find_run, predict
from latentspace.models.saving import save_run

SHAPE = (*TINY_SHAPE, 1)


def pictures(count: int = 20, channels: int = 1) -> np.ndarray:
    """Bars, float32 (N, H, W, C) in [0, 1]."""
    pixels = tiny_arrays(count, seed=2)[0][..., None] / np.float32(255)
    return np.repeat(pixels, channels, axis=3)


def imported(folder: Path, *models: onnx.ModelProto, shape=SHAPE, **options):
    """Encoder, decoder and description of what is made of models in files."""
    names = ("autoencoder",) if len(models) == 1 else ("encoder", "decoder")
    paths = {
        name: str(made.save(model, folder / f"{name}.onnx"))
        for name, model in zip(names, models, strict=True)
    }
    config = VisualizeConfig(**paths, **options)
    return build(load_interface(config), shape, config)


def run(model: onnx.ModelProto, images: np.ndarray) -> np.ndarray:
    """What onnxruntime makes of a whole model, one image after the other, by its first output."""
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (source,) = session.get_inputs()
    return np.concatenate([session.run(None, {source.name: one[None]})[0] for one in images])


def assert_same(encoder, decoder, model: onnx.ModelProto, images: np.ndarray) -> None:
    """The two parts of a model that is cut make of images what the whole model does."""
    codes = predict(encoder, images)
    assert (codes.shape, codes.dtype) == ((len(images), made.UNITS), np.float32)
    again = predict(decoder, codes)
    whole = run(model, images.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)
    np.testing.assert_allclose(again, whole, atol=1e-6)
    assert ((again - images) ** 2).mean() < 0.03


@pytest.mark.parametrize("opset", [13, 23])
@pytest.mark.parametrize("batch", ["N", 1, 8])
def test_channels_first_are_cut_at_the_narrowest(
    tmp_path: Path, batch: int | str, opset: int
) -> None:
    model = made.convolutional(batch, opset)
    encoder, decoder, description = imported(tmp_path, model)
    assert description == (
        "autoencoder.onnx is cut after layer 'narrow': 154 -> 6 -> 154 values per image"
    )
    assert (encoder.input_shape, encoder.output_shape) == ((None, *SHAPE), (None, made.UNITS))
    assert (decoder.input_shape, decoder.output_shape) == ((None, made.UNITS), (None, *SHAPE))
    assert encoder.batch == decoder.batch == (0 if batch == "N" else batch)
    components = made.UNITS * made.SIZE
    assert encoder.count_params() == 9 + 1 + components + made.UNITS
    assert decoder.count_params() == components + made.SIZE + 1
    if batch == 8:  # of which onnxruntime takes no other number for the comparison
        assert predict(decoder, predict(encoder, pictures())).shape == (20, *SHAPE)
    else:
        assert_same(encoder, decoder, model, pictures())


def test_colour_and_its_axes(tmp_path: Path) -> None:
    graph = made.Graph((3, 4, 5))
    flat = graph.add("Flatten", "image", axis=1)
    codes = graph.add("MatMul", flat, np.eye(60, 50), name="codes")
    shown = graph.add("Reshape", graph.add("MatMul", codes, np.eye(50, 60)), np.array([0, 3, 4, 5]))
    encoder, decoder, _ = imported(tmp_path, graph.finish({shown: (3, 4, 5)}), shape=(4, 5, 3))
    images = np.random.default_rng(0).random((7, 4, 5, 3), np.float32)
    codes = predict(encoder, images)
    np.testing.assert_array_equal(codes, images.transpose(0, 3, 1, 2).reshape(7, 60)[:, :50])
    again = predict(decoder, codes)
    np.testing.assert_array_equal(again[..., :2], images[..., :2])  # and part of the last channel
    assert not again[:, 2:, :, 2].any()


@pytest.mark.parametrize("kind", [TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE])
def test_flat_images_in_another_range_and_type(tmp_path: Path, kind: int) -> None:
    """A model trained on values of -1 to 1; what is measured takes images in [0, 1] as ever."""
    graph = made.Graph((made.SIZE,), 1, kind)
    halved = graph.add("Add", graph.add("Mul", "image", np.array(0.5)), np.array(0.5))
    shown = made.decode(graph, made.encode(graph, halved))
    given = graph.add("Sub", graph.add("Mul", shown, np.array(2.0)), np.array(1.0), name="given")
    model = graph.finish({given: (made.SIZE,)})
    encoder, decoder, _ = imported(tmp_path, model, pixel_range=(-1.0, 1.0))
    plain = imported(tmp_path, made.dense())
    images, atol = pictures(), 5e-3 if kind == TensorProto.FLOAT16 else 1e-5
    codes = predict(encoder, images)
    np.testing.assert_allclose(codes, predict(plain[0], images), atol=4 * atol)
    np.testing.assert_allclose(predict(decoder, codes), predict(plain[1], codes), atol=atol)


def test_the_mean_of_a_variational_model_is_its_code(tmp_path: Path) -> None:
    model = made.variational()
    encoder, decoder, description = imported(tmp_path, model)
    assert "is cut after layer 'sample', with 'fc_mu' for the code: 154 -> 6 -> 154" in description
    plain, _, _ = imported(tmp_path, made.convolutional())
    images = pictures()
    np.testing.assert_allclose(predict(encoder, images), predict(plain, images), atol=1e-5)
    assert predict(decoder, predict(encoder, images)).shape == images.shape
    _, _, description = imported(tmp_path, model, latent_output="1")
    assert "with '/fc_mu/Gemm' for the code" in description
    *_, description = imported(tmp_path, model, latent_output="spread")
    assert "with 'spread' for the code" in description


def test_an_encoder_with_a_decoder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no name tells which is the code: .*0: 'codes', 6, 1: "):
        imported(tmp_path, *made.pair())
    encoder, decoder, description = imported(tmp_path, *made.pair(), latent_output="codes")
    assert description.startswith("encoder.onnx (output 'codes') and decoder.onnx are taken as")
    assert_same(encoder, decoder, made.convolutional(), pictures())


@pytest.mark.parametrize("name", ["down", "/down/Relu", "image_flat"])
def test_a_named_layer_or_tensor_is_where_it_is_cut(tmp_path: Path, name: str) -> None:
    graph = made.Graph(made.NCHW)
    x = graph.add("Mul", "image", np.array(2.0), name="/down/Mul")
    x = graph.add("Relu", x, name="/down/Relu")
    x = graph.add("Flatten", x, axis=1, name="image_flat")
    codes = graph.add("Gemm", x, *made.find_components()[:1], transB=1)
    shown = graph.add("Reshape", made.decode(graph, codes), np.array([0, *made.NCHW]))
    encoder, _, description = imported(tmp_path, graph.finish({shown: made.NCHW}), bottleneck=name)
    assert f"is cut after layer '{'down' if 'down' in name else name}': 154" in description
    np.testing.assert_array_equal(predict(encoder, pictures()), 2 * pictures().reshape(20, -1))
    with pytest.raises(InputError, match=r"no layer 'x'; .* narrowest first: Gemm\d \(6\), M"):
        imported(tmp_path, graph.finish({shown: made.NCHW}), bottleneck="x")


def test_what_follows_the_narrowest_belongs_to_the_code(tmp_path: Path) -> None:
    """A bias of its own, a normalisation and an activation, as exporters write layers."""
    graph = made.Graph((made.SIZE,))
    x = graph.add("MatMul", "image", made.find_components()[0].T, name="model/z/MatMul")
    x = graph.add("Add", x, np.ones(made.UNITS), name="model/z/Add")
    x = graph.add("Tanh", x, name="model/z/Tanh")
    model = graph.finish({made.decode(graph, x): (made.SIZE,)})
    encoder, _, description = imported(tmp_path, model)
    assert "after layer 'model/z'" in description
    flat = pictures().reshape(20, -1) @ made.find_components()[0].T
    np.testing.assert_allclose(predict(encoder, pictures()), np.tanh(flat + 1), atol=1e-5)


def test_an_operator_of_onnxruntimes_own_and_open_sides(tmp_path: Path) -> None:
    graph = made.Graph((1, "height", "width"))
    x = graph.add("Flatten", "image", axis=1)
    codes = graph.add("Gemm", x, *made.find_components()[:1], transB=1)
    wide = graph.add("FusedGemm", codes, made.find_components()[0], domain="com.microsoft",
                     activation="Relu")  # fmt: skip
    sides = graph.add("Shape", "image")
    ones = graph.add("ConstantOfShape", sides)  # of a size that only a run tells
    shown = graph.add("Add", graph.add("Reshape", wide, sides), ones)
    encoder, decoder, _ = imported(tmp_path, graph.finish({shown: (1, "height", "width")}))
    assert predict(decoder, predict(encoder, pictures())).shape == (20, *SHAPE)


def test_a_model_that_takes_one_image_whatever_it_says(tmp_path: Path) -> None:
    graph = made.Graph(made.NCHW)
    flat = graph.add("Reshape", "image", np.array([1, made.SIZE]))
    codes = graph.add("Gemm", flat, *made.find_components()[:1], transB=1)
    shown = graph.add("Reshape", made.decode(graph, codes), np.array([1, *made.NCHW]))
    encoder, decoder, _ = imported(tmp_path, graph.finish({shown: made.NCHW}))
    assert encoder.batch == decoder.batch == 1
    assert predict(decoder, predict(encoder, pictures())).shape == (20, *SHAPE)


def test_images_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"takes 1x14x11 values, .* 28x28x1: pass --image-size 14"):
        imported(tmp_path, made.convolutional(), shape=(28, 28, 1))
    two = made.Graph((made.SIZE,))
    two.inputs += two.inputs[:1]
    two.inputs[1] = helper.make_tensor_value_info("other", TensorProto.FLOAT, ["N", 1])
    with pytest.raises(InputError, match=r"'autoencoder\.onnx' takes 2 inputs, where images alone"):
        imported(tmp_path, two.finish({made.decode(two, made.encode(two, "image")): (made.SIZE,)}))
    whole = made.Graph((made.SIZE,), kind=TensorProto.INT64)
    with pytest.raises(InputError, match="should take floats, of images or codes"):
        imported(tmp_path, whole.finish({whole.add("Abs", "image"): (made.SIZE,)}))
    wide = made.Graph((3, None, None))
    wide.add("Reshape", "image", np.array([-1, 99]), name="image_")
    with pytest.raises(InputError, match=r"can't be called on 3x14x11 values: .* of the size that"):
        imported(tmp_path, wide.finish({"image_": (99,)}), shape=(14, 11, 3))


def test_batches_and_how_far_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, _, _ = imported(tmp_path, made.dense())
    counts: list[int] = []
    all_at_once = predict(encoder, pictures(10), counts.append)
    monkeypatch.setattr(network, "MOST_IMAGES", 4)
    in_parts = predict(encoder, pictures(10), counts.append)
    monkeypatch.setattr(network, "MOST_BYTES", 1)
    one_by_one = predict(encoder, pictures(10), counts.append)
    assert counts == [10, 4, 4, 2, *[1] * 10]
    np.testing.assert_allclose(in_parts, all_at_once, atol=1e-5)
    np.testing.assert_allclose(one_by_one, all_at_once, atol=1e-5)
    assert predict(encoder, pictures(10)[:0]).shape == (0, made.UNITS)
    of_bytes = predict(encoder, tiny_arrays(10, seed=2)[0][..., None])
    np.testing.assert_allclose(of_bytes, all_at_once, atol=1e-5)


def test_a_model_that_onnxruntime_can_not_run(tmp_path: Path) -> None:
    model = made.change(made.dense(), lambda model: setattr(model.opset_import[0], "version", 9999))
    encoder, _, _ = imported(tmp_path, model)
    said = r"can't run the encoder .* on 20 images at once: ONNX Runtime only .* Opset 9999"
    with pytest.raises(InputError, match=said):
        predict(encoder, pictures())


def test_a_run_keeps_both_files(tmp_path: Path, tiny: ImageDataset) -> None:
    path = made.save(made.convolutional(), tmp_path / "mine.onnx")
    config = VisualizeConfig(autoencoder=str(path))
    kept, _ = import_model(load_interface(config), tiny, config, name="mine")
    assert kept.files == ("encoder.onnx", "decoder.onnx")
    assert kept.networks is not None
    save_run(tmp_path / "models" / "mine", *kept.networks, facts=kept.facts, history=())
    again = find_run("mine", tmp_path / "models")
    codes = kept.encode(tiny.test_images[:])
    np.testing.assert_array_equal(again.encode(tiny.test_images[:]), codes)
    np.testing.assert_array_equal(again.decode(codes), kept.decode(codes))
    assert again.decoder_bytes == (again.path / "decoder.onnx").stat().st_size
    assert again.facts["parameters"] == kept.facts["parameters"]
    # Anyone may run them: images as they are, codes out.
    whole = onnxruntime.InferenceSession(again.path / "encoder.onnx")
    named = {whole.get_inputs()[0].name: tiny.test_images[:]}
    np.testing.assert_allclose(whole.run(None, named)[0], codes, atol=1e-6)
    (again.path / "encoder.onnx").write_bytes((again.path / "decoder.onnx").read_bytes())
    with pytest.raises(InputError, match=r"encoder\.onnx is not the file that run\.json describes"):
        find_run("mine", tmp_path / "models")
    with pytest.raises(InputError, match="is no network of a run"):
        OnnxNetwork(made.variational(), "vae.onnx")
