from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest
from conftest import PROJECT, tiny_arrays
from keras import layers, ops

from config import VisualizeConfig
from latentspace.core.errors import InputError
from latentspace.datasets import ImageDataset, ReadOptions
from latentspace.datasets.pictures import convert_to
from latentspace.models.importing.checking import Finding, check, list_ranges
from latentspace.models.importing.inspecting import Interface, inspect
from latentspace.models.importing.planning import build, says_mean
from latentspace.models.importing.run import import_model, is_random, load_interface
from latentspace.models.keras_files import loading

SHAPE = (8, 8, 1)
PACKAGE = "importing_tests"


@keras.saving.register_keras_serializable(PACKAGE)
class Sampling(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.generator = keras.random.SeedGenerator(0)

    def call(self, inputs):
        mean, log_var = inputs
        return mean + ops.exp(log_var / 2) * keras.random.normal(
            ops.shape(mean), seed=self.generator
        )


class Noise(layers.Layer):
    def call(self, codes):
        return codes + 1e-3 * keras.random.normal(ops.shape(codes))


@keras.saving.register_keras_serializable(PACKAGE)
class OwnEncoder(keras.Model):
    def __init__(self, form: str = "one", **kwargs):
        super().__init__(**kwargs)
        self.form, self.flat, self.codes = form, layers.Flatten(), layers.Dense(3)

    def call(self, images):
        codes = self.codes(self.flat(images))
        both = {"z_mean": codes, "z_log_var": 2 * codes}
        return {"one": codes, "tuple": tuple(both.values()), "dict": both}[self.form]

    def get_config(self):
        return {**super().get_config(), "form": self.form}


@keras.saving.register_keras_serializable(PACKAGE)
class OwnAutoencoder(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.encoder = keras.Sequential([layers.Flatten(), layers.Dense(3)])
        self.decoder = keras.Sequential([layers.Dense(64), layers.Reshape(SHAPE)])

    def call(self, images):
        return self.decoder(self.encoder(images))


def pictures(count: int = 5, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.random.default_rng(0).random((count, *shape)).astype(np.float32)


def deconvolved(x, size: int = 2, channels: int = 4):
    x = layers.Reshape((size, size, channels))(x)
    x = layers.Conv2DTranspose(3, 3, strides=2, padding="same", activation="relu")(x)
    return layers.Conv2DTranspose(1, 3, strides=2, padding="same", activation="sigmoid")(x)


def article(activation: str | None = "relu") -> keras.Model:
    """Convolutions and pooling, a dense bottleneck of 4, transposed convolutions."""
    images = keras.Input(SHAPE)
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(images)
    x = layers.MaxPooling2D(2)(x)
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    x = layers.Flatten()(layers.MaxPooling2D(2)(x))
    x = layers.Dense(4, name="encoded")(x)
    x = layers.Activation(activation, name="activated")(x) if activation else x
    x = layers.Dense(16, activation="relu")(x)
    return keras.Model(images, deconvolved(x), name="article")


def vae_encoder() -> keras.Model:
    images = keras.Input(SHAPE)
    x = layers.Dense(12, activation="relu")(layers.Flatten()(images))
    mean, log_var = layers.Dense(2, name="z_mean")(x), layers.Dense(2, name="z_log_var")(x)
    sample = Sampling(name="sample")([mean, log_var])
    return keras.Model(images, [mean, log_var, sample], name="encoder")


def vae_decoder() -> keras.Model:
    codes = keras.Input((2,))
    return keras.Model(codes, deconvolved(layers.Dense(16)(codes)), name="decoder")


def vae() -> keras.Model:
    encoder, decoder = vae_encoder(), vae_decoder()
    images = keras.Input(SHAPE)
    mean, log_var, sample = encoder(images)
    return keras.Model(images, [decoder(sample), mean, log_var], name="vae")


def given(model: keras.Model, images: np.ndarray) -> np.ndarray:
    return np.asarray(model.predict(images, verbose=0))


def saved(folder: Path, **models: keras.Model) -> dict[str, Path]:
    paths = {name: folder / f"{name}.keras" for name in models}
    for name, model in models.items():
        model.save(paths[name])
    return paths


def assert_same_after_saving(model: keras.Model, inputs: np.ndarray, folder: Path) -> None:
    model.save(folder / "again.keras")
    again = loading.load_model(folder / "again.keras")
    np.testing.assert_allclose(given(again, inputs), given(model, inputs), atol=1e-6)


def load(**options) -> Interface:
    return load_interface(VisualizeConfig(**options))


def images_of(model: keras.Model) -> tuple[int, int, int] | None:
    return inspect([model], [""]).image_shape


@dataclass(frozen=True)
class Imported:
    """What was made of a saved model."""

    encoder: keras.Model
    decoder: keras.Model
    description: str


def imported(source: Interface, shape: tuple[int, int, int] = SHAPE, **options) -> Imported:
    return Imported(*build(source, shape, VisualizeConfig(**options)))


def built(*models: keras.Model, shape: tuple[int, int, int] = SHAPE, **options) -> Imported:
    """What is made of models in memory."""
    return imported(inspect(models, [model.name for model in models]), shape, **options)


def imported_from(folder: Path, model: keras.Model, shape: tuple[int, int, int] = SHAPE, **options):
    """What is made of a saved autoencoder; what it reconstructs is what the model does."""
    source = load(autoencoder=saved(folder, whole=model)["whole"], **options)
    result = imported(source, shape, **options)
    images = pictures(shape=shape)
    codes = given(result.encoder, images)
    assert (codes.ndim, codes.dtype) == (2, np.float32)
    assert given(result.decoder, codes).shape == images.shape
    assert_same_after_saving(result.encoder, images, folder)
    assert_same_after_saving(result.decoder, codes, folder)
    return result, given(result.decoder, codes)


@pytest.mark.parametrize(("activation", "layer"), [("relu", "activated"), (None, "encoded")])
def test_a_dense_bottleneck_is_found(tmp_path: Path, activation: str | None, layer: str) -> None:
    model = article(activation)
    result, shown = imported_from(tmp_path, model)
    np.testing.assert_allclose(shown, given(model, pictures()), atol=1e-5)
    assert result.description == (
        f"whole.keras is cut after layer '{layer}': 64 -> 4 -> 64 values per image"
    )
    assert result.encoder.layers[-1].name == layer


def test_codes_of_a_fully_convolutional_model_are_flat(tmp_path: Path) -> None:
    images = keras.Input((None, None, 1))
    x = layers.Conv2D(2, 3, strides=2, padding="same", activation="relu", name="codes")(images)
    x = layers.Conv2DTranspose(1, 3, strides=2, padding="same", activation="sigmoid")(x)
    model = keras.Model(images, x)
    result, shown = imported_from(tmp_path, model)
    np.testing.assert_allclose(shown, given(model, pictures()), atol=1e-5)
    assert "64 -> 32 -> 64" in result.description
    assert images_of(model) is None


def test_flat_images(tmp_path: Path) -> None:
    model = keras.Sequential(
        [
            keras.Input((64,)),
            layers.Dense(16, activation="relu"),
            layers.Dense(5, activation="relu", name="middle"),
            layers.Dropout(0.5),
            layers.Dense(16, activation="relu"),
            layers.Dense(64, activation="sigmoid"),
        ]
    )
    result, shown = imported_from(tmp_path, model)
    np.testing.assert_allclose(
        shown, given(model, pictures().reshape(-1, 64)).reshape(shown.shape), atol=1e-5
    )
    assert "after layer 'middle': 64 -> 5 -> 64" in result.description
    assert images_of(model) is None


@pytest.mark.parametrize("kind", ["functional", "sequential"])
def test_models_inside_a_model_are_looked_into(tmp_path: Path, kind: str) -> None:
    encoder = keras.Sequential(
        [layers.Flatten(), layers.Dense(3, name="dense"), layers.Dense(9, name="wide")],
        name="encoder",
    )
    decoder = keras.Sequential(
        [layers.Dense(9, name="dense"), layers.Dense(64, name="last"), layers.Reshape(SHAPE)],
        name="decoder",
    )
    images = keras.Input(SHAPE)
    if kind == "functional":
        model = keras.Model(images, decoder(encoder(images)))
    else:
        model = keras.Sequential([images, encoder, decoder])
    expected = given(model, pictures())
    result, shown = imported_from(tmp_path, model)
    np.testing.assert_allclose(shown, expected, atol=1e-5)
    assert "after layer 'encoder/dense': 64 -> 3 -> 64" in result.description
    # "dense" and "wide" of the encoder and "dense" of the decoder are now in one model.
    result, shown = imported_from(tmp_path, model, bottleneck="encoder")
    np.testing.assert_allclose(shown, expected, atol=1e-5)
    assert "after layer 'encoder/wide': 64 -> 9 -> 64" in result.description
    _, shown = imported_from(tmp_path, model, bottleneck="last")
    np.testing.assert_allclose(shown, expected, atol=1e-5)


def test_named_bottlenecks() -> None:
    model = article()
    assert "'encoded': 64 -> 4" in built(model, bottleneck="encoded").description
    with pytest.raises(InputError, match=r"no layer 'coded'.*: activated \(4\), encoded \(4\), "):
        built(model, bottleneck="coded")
    with pytest.raises(InputError, match=r"'z_log_var' is bypassed.*encoder/sample \(2\)"):
        built(vae(), bottleneck="z_log_var")


def test_skip_connections_leave_no_bottleneck() -> None:
    images = keras.Input(SHAPE)
    first = layers.Conv2D(4, 3, padding="same")(images)
    x = layers.Conv2D(4, 3, strides=4, padding="same", name="deep")(first)
    x = layers.Concatenate()([layers.UpSampling2D(4)(x), first])
    model = keras.Model(images, layers.Conv2D(1, 3, padding="same")(x), name="unet")
    with pytest.raises(InputError, match=r"'unet' has no bottleneck.*skip connections"):
        built(model)
    with pytest.raises(InputError, match="'deep' is bypassed"):
        built(model, bottleneck="deep")


def test_residual_blocks_are_no_hindrance(tmp_path: Path) -> None:
    images = keras.Input(SHAPE)
    x = layers.Dense(6)(layers.Flatten()(images))
    x = layers.Dense(6, activation="relu")(x) + x
    x = layers.LayerNormalization(name="norm")(x)
    x = layers.Dense(16, name="after")(keras.activations.relu(x))
    model = keras.Model(images, deconvolved(x))
    result, shown = imported_from(tmp_path, model, bottleneck="norm")
    np.testing.assert_allclose(shown, given(model, pictures()), atol=1e-5)
    assert built(model).decoder.output_shape == (None, *SHAPE)
    assert "64 -> 6 -> 64" in result.description


def test_a_classifier_is_no_autoencoder() -> None:
    model = keras.Sequential([keras.Input(SHAPE), layers.Flatten(), layers.Dense(10)])
    with pytest.raises(InputError, match=r"takes images of 8x8x1 values and gives none.*10"):
        built(model)


def test_codes_of_a_vae_are_the_means(tmp_path: Path) -> None:
    model = vae()
    result, shown = imported_from(tmp_path, model)
    _, expected, _ = model.predict(pictures(), verbose=0)
    np.testing.assert_allclose(given(result.encoder, pictures()), expected, atol=1e-6)
    decoded = given(model.get_layer("decoder"), expected)
    np.testing.assert_allclose(shown, decoded, atol=1e-5)
    assert not any(isinstance(layer, Sampling) for layer in result.encoder.layers)
    assert result.description.endswith(
        "after layer 'encoder/sample', with 'encoder/z_mean' for the code: "
        "64 -> 2 -> 64 values per image"
    )


def test_other_codes_of_a_vae(tmp_path: Path) -> None:
    source = load(autoencoder=saved(tmp_path, vae=vae())["vae"])
    model = source.models[0]
    log_var = model.predict(pictures(), verbose=0)[2]
    for name in ("2", "z_log_var"):
        result = imported(source, latent_output=name)
        np.testing.assert_allclose(given(result.encoder, pictures()), log_var, atol=1e-6)
    result = imported(source, latent_output="sample")
    assert is_random(result.encoder)
    with pytest.raises(InputError, match="'0' has 8x8x1 values, where the decoder takes 2"):
        imported(source, latent_output="0")
    with pytest.raises(InputError, match=r"no output or layer 'nope'.*0: 'decoder', 8x8x1"):
        imported(source, latent_output="nope")


def test_two_files_of_a_vae(tmp_path: Path) -> None:
    encoder, decoder = vae_encoder(), vae_decoder()
    source = load(**saved(tmp_path, encoder=encoder, decoder=decoder))
    mean, _, sample = encoder.predict(pictures(), verbose=0)
    result = imported(source)
    np.testing.assert_allclose(given(result.encoder, pictures()), mean, atol=1e-6)
    assert_same_after_saving(result.encoder, pictures(), tmp_path)
    assert result.decoder is source.models[1]
    assert result.description == (
        "encoder.keras (output 'z_mean') and decoder.keras are taken as they are: "
        "64 -> 2 -> 64 values per image"
    )
    assert not is_random(result.encoder)
    assert is_random(imported(source, latent_output="2").encoder)
    only_sample = keras.Model(encoder.inputs, encoder.outputs[2])
    np.testing.assert_allclose(
        given(built(only_sample, decoder).encoder, pictures()), mean, atol=1e-6
    )
    assert sample.shape == mean.shape


def test_a_vae_is_refused_where_its_sampling_is_unknown(tmp_path: Path) -> None:
    path = saved(tmp_path, vae=vae())["vae"]
    known = keras.saving.get_custom_objects()
    layer = known.pop(f"{PACKAGE}>Sampling")
    try:
        with pytest.raises(InputError, match=r"needs .*Sampling, which.*--model-code FILE\.py"):
            load(autoencoder=path)
    finally:
        known[f"{PACKAGE}>Sampling"] = layer


@pytest.mark.parametrize("form", ["one", "tuple", "dict"])
def test_subclassed_encoders(tmp_path: Path, form: str) -> None:
    encoder, decoder = OwnEncoder(form), keras.Sequential([layers.Dense(64)])
    encoder(pictures()), decoder(np.ones((1, 3), np.float32))
    source = load(**saved(tmp_path, encoder=encoder, decoder=decoder))
    if form == "tuple":
        with pytest.raises(InputError, match=r"no name tells which.*\(0: 3, 1: 3\)"):
            imported(source)
    result = imported(source, latent_output="0" if form == "tuple" else None)
    expected = encoder.codes(encoder.flat(pictures()))
    np.testing.assert_allclose(given(result.encoder, pictures()), expected, atol=1e-6)
    assert given(result.decoder, np.ones((2, 3), np.float32)).shape == (2, *SHAPE)
    assert_same_after_saving(result.encoder, pictures(), tmp_path)


def test_subclassed_autoencoders_are_cut_between_their_parts(tmp_path: Path) -> None:
    model = OwnAutoencoder()
    expected = np.asarray(model(pictures()))
    result, shown = imported_from(tmp_path, model)
    np.testing.assert_allclose(shown, expected, atol=1e-5)
    assert result.description == "whole.keras is cut between its parts encoder and decoder"
    with pytest.raises(InputError, match="is a subclass of"):
        built(model, bottleneck="dense")
    with pytest.raises(InputError, match="is a subclass of"):
        built(OwnEncoder())


def test_pixel_range_becomes_a_part_of_the_models(tmp_path: Path) -> None:
    model = article()
    _, shown = imported_from(tmp_path, model, pixel_range=(-1, 1))
    np.testing.assert_allclose(shown, (given(model, 2 * pictures() - 1) + 1) / 2, atol=1e-5)


def test_channels_first_on_one_side_only(tmp_path: Path) -> None:
    shape = (6, 5, 3)
    images = keras.Input((3, 6, 5))
    x = layers.Dense(5)(layers.Flatten()(images))
    model = keras.Model(images, layers.Reshape((6, 5, 3))(layers.Dense(90)(x)))
    assert images_of(model) == shape
    _, shown = imported_from(tmp_path, model, shape)
    expected = given(model, pictures(shape=shape).transpose(0, 3, 1, 2))
    np.testing.assert_allclose(shown, expected, atol=1e-5)
    codes = keras.Input((5,))
    decoder = keras.Model(codes, layers.Reshape((3, 6, 5))(layers.Dense(90)(codes)))
    wrapped = built(keras.Model(images, x), decoder, shape=shape).decoder
    points = np.ones((2, 5), np.float32)
    np.testing.assert_allclose(
        given(wrapped, points), given(decoder, points).transpose(0, 2, 3, 1), atol=1e-6
    )


def test_images_without_channels_and_half_precision(tmp_path: Path) -> None:
    images = keras.Input((8, 8))
    x = layers.Dense(4, dtype="mixed_float16", name="codes")(layers.Flatten()(images))
    model = keras.Model(images, layers.Reshape((8, 8))(layers.Dense(64)(x)))
    assert images_of(model) == SHAPE
    _, shown = imported_from(tmp_path, model)
    np.testing.assert_allclose(shown[..., 0], given(model, pictures()[..., 0]), atol=1e-2)


def test_nothing_is_wrapped_without_need() -> None:
    encoder, decoder = keras.Sequential([keras.Input(SHAPE), layers.Flatten()]), vae_decoder()
    encoder.add(layers.Dense(2))
    made = built(encoder, decoder)
    assert (made.encoder, made.decoder) == (encoder, decoder)


def test_outputs_by_name_become_plain_ones() -> None:
    images, codes = keras.Input(SHAPE), keras.Input((2,))
    encoder = keras.Model(images, {"z": layers.Dense(2)(layers.Flatten()(images))})
    decoder = keras.Model(codes, [layers.Dense(64)(codes)])
    parts = built(encoder, decoder)
    expected = encoder.predict(pictures(), verbose=0)["z"]
    np.testing.assert_allclose(given(parts.encoder, pictures()), expected, atol=1e-6)
    assert given(parts.decoder, expected).shape == (5, *SHAPE)


def test_what_does_not_fit_is_told() -> None:
    encoder, decoder = vae_encoder(), vae_decoder()
    for shape, message in {
        (28, 28, 1): r"takes 8x8x1 values, but the images are 28x28x1: pass --image-size 8 8",
        (8, 8, 3): r"takes 8x8x1 values, but the images are 8x8x3: pass images with 1 channel",
    }.items():
        with pytest.raises(InputError, match=message):
            built(encoder, decoder, shape=shape)
    wider = keras.Sequential([keras.Input((3,)), layers.Dense(64)])
    with pytest.raises(InputError, match=r"codes of 2 values, but the decoder .* takes 3"):
        built(encoder, wider)
    other = keras.Sequential([keras.Input((2,)), layers.Dense(10)])
    with pytest.raises(InputError, match="gives 10 values, but the images are 8x8x1"):
        built(encoder, other)
    wide = keras.Sequential([keras.Input((None, None, 1)), layers.Conv2D(4, 5)], name="wide")
    with pytest.raises(InputError, match=r"'wide' can't be called on 3x3x1 values: .*negative"):
        built(wide, shape=(3, 3, 1))
    labels, images = keras.Input((3,)), keras.Input(SHAPE)
    both = layers.Concatenate()([layers.Flatten()(images), labels])
    with pytest.raises(InputError, match="takes 2 inputs"):
        built(keras.Model([images, labels], layers.Dense(64)(both)))


def principal(
    scale: float,
    offset: float,
    last: layers.Layer | None = None,
    *,
    images: np.ndarray | None = None,
) -> tuple[keras.Sequential, keras.Sequential, np.ndarray]:
    """An encoder and decoder by principal components, for images of scale * x + offset."""
    if images is None:
        images = tiny_arrays(90, seed=0)[0][..., None] / np.float32(255)
    shape = images.shape[1:]
    flat = images.reshape(len(images), -1)
    mean = flat.mean(axis=0)
    basis = np.linalg.svd(flat - mean, full_matrices=False)[2][:8].T
    encoder = keras.Sequential(
        [keras.Input(shape), layers.Rescaling(1 / scale, -offset / scale), layers.Flatten()]
    )
    encoder.add(layers.Dense(8))
    encoder.layers[-1].set_weights([basis, -mean @ basis])
    decoder = keras.Sequential(
        [keras.Input((8,)), layers.Dense(flat.shape[1]), layers.Reshape(shape)]
    )
    decoder.layers[0].set_weights([basis.T, mean])
    if last is None:
        last = layers.Rescaling(scale, offset)
    decoder.add(last)
    return encoder, decoder, images


def test_good_reconstructions_pass() -> None:
    encoder, decoder, images = principal(1, 0)
    finding = check(encoder, decoder, images, ranges=list_ranges(images))
    assert 0 < finding.score.error < 0.02
    assert (finding.problem, finding.note) == (None, None)


def look(encoder: keras.Model, decoder: keras.Model, images: np.ndarray, **options) -> Finding:
    """What a check finds of two models that are built with some ranges."""
    made = built(encoder, decoder, shape=(14, 11, 1), **options)
    with_ranges = VisualizeConfig(**options).ranges
    ranges = list_ranges(images)
    return check(made.encoder, made.decoder, images, built_with=with_ranges, ranges=ranges)


@pytest.mark.parametrize(
    ("scale", "offset", "flag"), [(2, -1, "-1 1"), (255, 0, "0 255")], ids=["signed", "bytes"]
)
def test_a_wrong_pixel_range_is_named(scale: float, offset: float, flag: str) -> None:
    encoder, decoder, images = principal(scale, offset)
    problem = look(encoder, decoder, images).problem or ""
    assert re.search(rf"with --pixel-range {flag} the error would be 0\.0", problem)
    low, high = map(float, flag.split())
    assert look(encoder, decoder, images, pixel_range=(low, high)).score.error < 0.02


def test_a_standardised_model_is_noticed_where_other_ranges_pass() -> None:
    images = principal(1, 0)[2]
    low, high = list_ranges(images)[-2]
    assert low == pytest.approx(-images.mean() / images.std(), abs=0.005)
    encoder, decoder, _ = principal(high - low, low)
    # Brightness is kept by half, as a network does that hardly minds its range.
    weights, mean = encoder.layers[-1].get_weights()
    encoder.layers[-1].set_weights([weights, mean + 0.6])
    options = {"input_range": (low, high), "output_range": (low, high + 0.8)}
    note = look(encoder, decoder, images, **options).note or ""
    flags = f"--input-range {low:g} {high:g} --output-range {low:g} {high:g}"
    assert note.startswith("other ranges are clearly better, the error is 0.0")
    assert f"with {flags} the error would be 0.0" in note


@pytest.mark.parametrize("gives", [(0.0, 1.0), (-1.0, 1.0), (-0.5, 0.5)])
def test_a_model_may_take_and_give_different_ranges(gives: tuple[float, float]) -> None:
    low, high = gives
    encoder, decoder, images = principal(255, 0, layers.Rescaling(high - low, low))
    problem = look(encoder, decoder, images).problem or ""
    flags = f"--input-range 0 255 --output-range {low:g} {high:g}"
    assert f"with {flags} the error would be 0.0" in problem
    assert "(with --" in problem  # the next ones, beside it
    given_apart = look(encoder, decoder, images, input_range=(0, 255), output_range=gives)
    assert given_apart.problem is None
    assert given_apart.score.error < 0.02
    given_as_one = look(encoder, decoder, images, pixel_range=gives, input_range=(0, 255))
    assert given_as_one == given_apart


def test_ranges_that_do_as_well_are_left_to_a_person() -> None:
    pale = principal(1, 0)[2] / 2
    pale += 0.49 - pale.mean()  # less its mean is nearly in -0.5 to 0.5
    text = look(*principal(1, -0.5, images=pale)).problem or ""
    assert "with --pixel-range -0.5 0.5 the error would be 0.0" in text
    assert "do about as well, pass the one that it was trained with" in text


def test_an_imported_model_is_a_run_in_no_folder(tiny: ImageDataset) -> None:
    encoder, decoder, _ = principal(1, 0)
    noisy = keras.Sequential([*encoder.layers, Noise(dtype="float32")])
    noisy.build((None, 14, 11, 1))
    for model, is_noisy in ((encoder, False), (noisy, True)):
        interface = inspect([model, decoder], ["a", "b"])
        run, _ = import_model(interface, tiny, VisualizeConfig(encoder="a"), name="mine")
        assert (run.name, run.folder, run.latent_dim) == ("mine", None, 8)
        assert ("its codes are random samples" in run.facts["adopted"]["description"]) == is_noisy
        assert run.facts["adopted"]["encoder"] == "a"
        assert run.decode(run.encode(tiny.test_images[:])).shape == tiny.test_images[:].shape
        with pytest.raises(AssertionError, match="mine was never saved"):
            _ = run.path


def test_logits_and_other_failures_are_named() -> None:
    encoder, decoder, images = principal(1, 0, layers.Rescaling(12, -6))
    problem = check(encoder, decoder, images).problem or ""
    assert re.search(r"looks like logits.*Activation\('sigmoid'\)", problem)
    other = images[::-1] * np.float32(0.1) + pictures(90, (14, 11, 1))
    problem = check(encoder, decoder, other).problem or ""
    assert re.search(r"error of .* no less than that of the mean image", problem)
    decoder.layers[0].set_weights([np.full((8, 154), np.nan), np.zeros(154)])
    with pytest.raises(InputError, match="of 90 of 90 images hold values that are not finite"):
        check(encoder, decoder, images)


@pytest.mark.parametrize("kind", ["dead units", "a decoder that ignores them", "a small spread"])
def test_a_collapsed_code_is_called_that(kind: str, tiny: ImageDataset) -> None:
    encoder, decoder, images = principal(1, 0)
    weights, offset = encoder.layers[-1].get_weights()
    if kind == "dead units":
        encoder.add(layers.ReLU())
        encoder.layers[-2].set_weights([weights, offset - 1000])
    elif kind == "a small spread":  # of a variational autoencoder
        encoder.layers[-1].set_weights([weights / 1e5, offset / 1e5])
    else:
        decoder.layers[0].set_weights([np.zeros((8, 154)), images.mean(axis=0).ravel()])
    problem = look(encoder, decoder, images).problem or ""
    whole = "the codes have collapsed: all 90 images get the same one"
    assert (whole if kind == "dead units" else "shows the same picture for all 90") in problem
    interface = inspect([encoder, decoder], ["a", "b"])
    with pytest.raises(InputError, match=r"same.*; --anyway looks at the model as it is"):
        import_model(interface, tiny, VisualizeConfig(), name="mine")
    run, _ = import_model(interface, tiny, VisualizeConfig(anyway=True), name="mine")
    assert "the same" in (run.warning or "")


@pytest.mark.parametrize("kind", ["one width", "narrow at the ends", "as wide as the image"])
def test_an_overcomplete_model_is_cut_where_a_person_says(kind: str) -> None:
    images = keras.Input(SHAPE)
    x = layers.GaussianNoise(0.1)(images) if kind == "narrow at the ends" else images
    x = layers.Conv2D(8, 3, padding="same", activation="relu", name="first")(x)
    x = layers.MaxPooling2D(2, name="pooled")(x)
    if kind == "as wide as the image":
        x = layers.Dense(70, name="codes")(layers.Flatten()(x))
        x = layers.Reshape((4, 4, 8))(layers.Dense(128)(x))
    x = layers.Conv2DTranspose(1, 3, strides=2, padding="same", name="last")(x)
    model = keras.Model(images, layers.Activation("sigmoid")(x), name="wide")
    least = "codes (70)" if kind == "as wide as the image" else "pooled (128)"
    message = rf"narrower than its 64 values; --bottleneck LAYER .* narrowest are {least}"
    with pytest.raises(InputError, match=re.escape(message).replace(r"\ \.\*\ ", " .* ")) as caught:
        built(model)
    assert "skip" not in str(caught.value)
    assert "last" not in str(caught.value)
    assert (
        f"64 -> {least[-4:-1].strip('(')} -> 64"
        in built(model, bottleneck=least.split()[0]).description
    )


@pytest.mark.parametrize("form", ["padded", "scaled", "padded, in bytes"])
def test_images_are_padded_where_a_model_was_trained_so(form: str, tiny: ImageDataset) -> None:
    def read(fit: str) -> ImageDataset:
        sides = {"size": (20, 20), "channels": 1, "fit": fit}
        return dataclasses.replace(
            tiny,
            train_pixels=convert_to(tiny.train_pixels, **sides),
            test_pixels=convert_to(tiny.test_pixels, **sides),
            read_options=ReadOptions(image_size=(20, 20), fit=fit),
            found_size=(14, 11),
        )

    by_fit = {fit: read(fit) for fit in ("scale", "pad")}
    assert by_fit["scale"].can_be_padded
    assert not by_fit["pad"].can_be_padded
    trained_on = by_fit["scale" if form == "scaled" else "pad"].train_images[:]
    scale = 255 if "bytes" in form else 1
    encoder, decoder, _ = principal(scale, 0, images=trained_on)
    run, _ = import_model(
        inspect([encoder, decoder], ["a", "b"]),
        by_fit["scale"],
        VisualizeConfig(pixel_range=(0, scale)),
        name="mine",
        padded=by_fit["pad"],
    )
    taken = "scale" if form == "scaled" else "pad"
    assert run.facts["dataset"] == by_fit[taken].facts
    (note,) = run.facts["adopted"]["notes"]
    assert note.startswith(f"images are {'scaled, not padded' if taken == 'scale' else 'padded'}")
    assert note.endswith("--fit scale|pad chooses")


def test_code_and_weights(tmp_path: Path) -> None:
    code = tmp_path / "person.py"
    code.write_text(
        "import keras\nfrom keras import layers\n"
        "def build():\n"
        "    return keras.Sequential([keras.Input((64,)), layers.Dense(3), layers.Dense(64)])\n"
        "def pair():\n    return build(), build()\n"
        "def fail():\n    raise KeyError('gone')\n"
        "def nothing():\n    return 3\n"
    )
    model = keras.Sequential([keras.Input((64,)), layers.Dense(3), layers.Dense(64)])
    model.save_weights(tmp_path / "w.weights.h5")
    source = load(model_code=f"{code}:build", weights=(tmp_path / "w.weights.h5",))
    result = imported(source)
    shown = given(result.decoder, given(result.encoder, pictures())).reshape(5, 64)
    np.testing.assert_allclose(shown, given(model, pictures().reshape(5, 64)), atol=1e-5)
    assert len(load(model_code=f"{code}:pair").models) == 2
    for arguments, message in {
        ("fail", ()): r":fail failed: KeyError: 'gone'",
        ("nothing", ()): r"should return a Keras model.*Received: int",
        ("pair", (tmp_path / "w.weights.h5",)): "for each model of .*: pass 2, or load them in the",
    }.items():
        with pytest.raises(InputError, match=message):
            load(model_code=f"{code}:{arguments[0]}", weights=arguments[1])


@pytest.mark.parametrize("kind", ["autoencoder", "pair", "several layers"])
def test_architectures_in_json_take_weights(tmp_path: Path, kind: str) -> None:
    if kind == "pair":
        models = {"encoder": vae_encoder(), "decoder": vae_decoder()}
    else:
        models = {"autoencoder": article() if kind == "autoencoder" else vae()}
    for name, model in models.items():
        (tmp_path / f"{name}.json").write_text(model.to_json())
        model.save_weights(tmp_path / f"{name}.weights.h5")
    files = {name: str(tmp_path / f"{name}.json") for name in models}
    weights = tuple(str(tmp_path / f"{name}.weights.h5") for name in models)
    loaded = load(**files, weights=weights)
    for ours, theirs in zip(loaded.models, models.values(), strict=True):
        for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    if kind == "pair":
        with pytest.raises(InputError, match=r"each model of encoder\.json, decoder\.json: pass 2"):
            load(**files, weights=weights[:1])


@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
def test_a_pair_is_not_cut(tmp_path: Path) -> None:
    paths = saved(tmp_path, encoder=vae_encoder(), decoder=vae_decoder())
    with pytest.raises(InputError, match="--bottleneck says where to cut one model"):
        imported(load(**paths), bottleneck="z_mean")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *(("z_mean", True), ("mu", True), ("encoder/zMean", True), ("latent_mu", True)),
        *(("z_log_var", False), ("mean_variance", False), ("sigma", False), ("multiply", False)),
    ],
)
def test_names_of_means(name: str, expected: bool) -> None:
    assert says_mean(name) == expected


@pytest.mark.parametrize("form", ["functional", "sequential", "h5"])
def test_a_model_standardised_by_channel_is_wrapped_as_the_docs_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    text = (PROJECT / "docs" / "own-model.md").read_text()
    (code,) = re.findall(r"```python\n(import keras\n.*?)```", text, re.DOTALL)
    layered = [layers.Flatten(), layers.Dense(5), layers.Dense(192), layers.Reshape((8, 8, 3))]
    model = keras.Sequential([keras.Input((8, 8, 3)), *layered])
    if form == "functional":
        model = keras.Model(model.inputs, model.outputs)
    model.save(tmp_path / "mine.keras")
    if form == "h5":
        model.save(tmp_path / "mine.h5")
        code = code.replace("mine.keras", "mine.h5")
    (tmp_path / "mine.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    images = pictures(shape=(8, 8, 3))
    expected = given(model, (images - mean) / deviation) * deviation + mean
    found = load(model_code="mine.py:build")
    encoder, decoder, _ = build(found, (8, 8, 3), VisualizeConfig())
    np.testing.assert_allclose(given(decoder, given(encoder, images)), expected, atol=1e-4)
