"""The networks of the page to explore, run in a real browser, against Keras."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import pytest
from browsing import NETWORKS, run_networks
from keras import layers
from playwright.sync_api import Browser, Page

from latentspace.core import packing
from latentspace.models.portable import describe_network, lowering, pack

SHAPE = (7, 6, 3)


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    with browser.new_page() as opened:
        yield opened


def sequence(*parts: Any, shape: tuple[int, ...] = SHAPE) -> keras.Model:
    return keras.Sequential([keras.Input(shape), *parts])


def graph(build: Callable[[Any], Any], shape: tuple[int, ...] = SHAPE) -> keras.Model:
    images = keras.Input(shape)
    return keras.Model(images, build(images))


def assert_same(page: Page, models: list[keras.Model], tolerance: float = 2e-4) -> None:
    """Gives models random weights and two inputs each, and compares what both runtimes make."""
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=(2, *model.input_shape[1:])).astype(np.float32) for model in models]
    for model in models:
        for weight in model.weights:
            values = rng.normal(size=weight.shape).astype(np.float32) / 2
            if values.size > packing.EXACT_VALUES:  # as float16 holds it without a loss
                scale = np.abs(values).max()
                values = (values / scale).astype(np.float16) * scale
            weight.assign(np.abs(values) + 0.1 if "variance" in weight.path else values)
    expected = [
        np.asarray(model(given, training=False), np.float32)
        for model, given in zip(models, inputs, strict=True)
    ]
    descriptions, packed = pack([describe_network(model) for model in models])
    found = run_networks(page, descriptions, packed, inputs)
    for model, results, wanted in zip(models, found, expected, strict=True):
        described = json.dumps([layer.get_config() for layer in model.layers[-2:]], default=str)
        size = max(1, np.abs(wanted).max())
        given = np.reshape(results, wanted.shape)
        np.testing.assert_allclose(given, wanted, rtol=0, atol=tolerance * size, err_msg=described)


def test_convolutions(page: Page) -> None:
    models = []
    for padding in ("same", "valid"):
        for size, strides in ((1, 1), (3, 1), (2, 2), ((2, 4), (3, 2)), (3, (1, 2)), (1, 2)):
            options = {"strides": strides, "padding": padding}
            models += [
                sequence(layers.Conv2D(17, size, **options, activation="relu")),
                sequence(layers.Conv2DTranspose(5, size, **options, use_bias=False)),
            ]
            if strides in (1, 2):
                models += [
                    sequence(layers.DepthwiseConv2D(size, **options, depth_multiplier=2)),
                    sequence(layers.SeparableConv2D(4, size, **options, activation="tanh")),
                ]
        for dilation in (2, (1, 3)):
            options = {"dilation_rate": dilation, "padding": padding}
            models += [
                sequence(layers.Conv2D(4, 2, **options)),
                sequence(layers.Conv2DTranspose(4, 3, **options)),
                sequence(layers.DepthwiseConv2D(2, **options)),
            ]
        models += [
            sequence(layers.Conv2D(8, 3, 2, groups=4, padding=padding), shape=(7, 6, 8)),
            sequence(layers.Conv2DTranspose(4, 3, 2, padding=padding, output_padding=1)),
        ]
    assert_same(page, models)


def test_products_of_every_width(page: Page) -> None:
    assert_same(page, [sequence(layers.Dense(n), layers.Dense(2)) for n in (1, 15, 16, 17, 32, 33)])


def test_sizes_and_orders(page: Page) -> None:
    models = [
        sequence(
            layers.Reshape((6, 21)),
            layers.Permute((2, 1)),
            layers.Reshape((-1, 7)),
            layers.Dense(2),
        ),
        sequence(layers.Permute((3, 1, 2)), layers.Flatten()),
        sequence(layers.Cropping2D(((1, 2), (0, 3))), layers.ZeroPadding2D(((2, 0), (1, 1)))),
        sequence(layers.Flatten(), layers.RepeatVector(4)),
    ]
    for interpolation in ("nearest", "bilinear", "bicubic"):
        models.append(sequence(layers.UpSampling2D((2, 3), interpolation=interpolation)))
    for pool in (layers.MaxPooling2D, layers.AveragePooling2D):
        for padding in ("same", "valid"):
            models += [
                sequence(pool(2, padding=padding)),
                sequence(pool((3, 2), 2, padding=padding)),
            ]
    for pool in (layers.GlobalMaxPooling2D, layers.GlobalAveragePooling2D):
        models += [sequence(pool(keepdims=keepdims)) for keepdims in (False, True)]
    assert_same(page, models)


def test_normalizations(page: Page) -> None:
    models = [
        sequence(layers.BatchNormalization()),
        sequence(layers.BatchNormalization(axis=1, scale=False)),
        sequence(layers.GroupNormalization(3)),
        sequence(layers.GroupNormalization(1, center=False)),
        sequence(layers.LayerNormalization()),
        sequence(layers.LayerNormalization(axis=(1, 2, 3))),
        sequence(layers.LayerNormalization(axis=[-1, -2])),
        sequence(layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[1.0, 4.0, 0.25])),
        sequence(layers.Normalization(axis=None, mean=2.0, variance=4.0, invert=True)),
        sequence(layers.Rescaling(1 / 255, -0.5)),
        sequence(layers.Rescaling([1.0, 2.0, 3.0], [0.0, 1.0, 2.0])),
    ]
    assert_same(page, models)


def test_activations(page: Page) -> None:
    functions = [*lowering.FUNCTIONS, keras.activations.softmax, keras.activations.log_softmax]
    models = [
        sequence(layers.Rescaling(3.0), layers.Activation(function)) for function in functions
    ]
    models += [
        sequence(layer)
        for layer in (
            layers.ReLU(max_value=1.0, negative_slope=0.2, threshold=0.3),
            layers.LeakyReLU(0.3),
            layers.PReLU(),
            layers.PReLU(shared_axes=(1, 2)),
            layers.ELU(0.7),
            layers.Softmax(axis=2),
            layers.Dense(4, activation=layers.LeakyReLU(0.1)),
        )
    ]
    assert_same(page, models)


def test_merges(page: Page) -> None:
    models = []
    for merge in (layers.Add, layers.Multiply, layers.Average, layers.Maximum, layers.Minimum):
        models += [
            graph(lambda x, m=merge: m()([x, layers.Conv2D(3, 1)(x), x])),
            graph(lambda x, m=merge: m()([layers.GlobalAveragePooling2D(keepdims=True)(x), x])),
            graph(lambda x, m=merge: m()([x, layers.GlobalMaxPooling2D()(x)])),
        ]
    models.append(graph(lambda x: layers.Subtract()([layers.Conv2D(1, 1)(x), x])))
    for axis in (-1, 1, 2):
        models.append(graph(lambda x, a=axis: layers.Concatenate(axis=a)([x, layers.ReLU()(x), x])))
    assert_same(page, models)


def test_what_acts_in_training_only(page: Page) -> None:
    parts = (
        *(
            layers.Dropout(0.5),
            layers.SpatialDropout2D(0.5),
            layers.AlphaDropout(0.5),
            layers.GaussianDropout(0.5),
        ),
        *(
            layers.GaussianNoise(1.0),
            layers.Identity(),
            layers.ActivityRegularization(0.1),
            layers.RandomFlip(),
        ),
        *(
            layers.RandomBrightness(0.2),
            layers.RandomContrast(0.2),
            layers.RandomRotation(0.2),
            layers.RandomZoom(0.2),
        ),
        *(layers.RandomTranslation(0.2, 0.2), layers.RandomShear(0.2, 0.2)),
    )
    assert_same(page, [sequence(layers.Dense(3), *parts, layers.Dense(2)), graph(lambda x: x)])


def test_channels_first(page: Page) -> None:
    first: dict[str, Any] = {"data_format": "channels_first"}
    models = [
        sequence(layer)
        for layer in (
            layers.DepthwiseConv2D(3, **first),
            layers.UpSampling2D(2, **first),
            layers.Cropping2D(1, **first),
            layers.ZeroPadding2D(1, **first),
            layers.GlobalAveragePooling2D(**first),
            layers.GlobalMaxPooling2D(keepdims=True, **first),
            layers.Flatten(**first),
        )
    ]
    assert_same(page, models)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision(page: Page, policy: str) -> None:
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy(policy)
    try:
        model = sequence(layers.Conv2D(4, 3, activation="relu"), layers.Dense(2, dtype="float32"))
    finally:
        keras.mixed_precision.set_dtype_policy(before)
    assert_same(page, [model], tolerance=0.02)


def test_an_autoencoder_with_halved_kernels(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "EXACT_VALUES", 63)
    pool = layers.MaxPooling2D(2, padding="same")
    encoder = sequence(
        *(layers.Conv2D(8, 3, padding="same", activation="relu"), pool),
        *(layers.Conv2D(4, 3, padding="same", activation="relu"), layers.MaxPooling2D(2)),
        shape=(16, 16, 1),
    )
    decoder = sequence(
        *(layers.Conv2D(8, 3, padding="same", activation="relu"), layers.UpSampling2D(2)),
        *(layers.Conv2D(8, 3, padding="same", activation="relu"), layers.UpSampling2D(2)),
        layers.Conv2D(1, 3, padding="same", activation="sigmoid"),
        shape=(4, 4, 4),
    )
    assert_same(page, [encoder, decoder, keras.Sequential([encoder, decoder])])


def test_a_matrix_multiplies_any_number_of_rows(page: Page) -> None:
    code = """([script, matrix, inner, columns, all]) => {
        const make = new Function(`${script}; return makeMatrix`)();
        const made = make(Float32Array.from(matrix), inner, columns);
        return all.map((rows) => [...made.times(Float32Array.from(rows), rows.length / inner)]);
    }"""
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(5, 37))
    given = [rng.normal(size=(count, 5)) for count in (1, 31, 1000, 2)]
    rows = [one.ravel().tolist() for one in given]
    found = page.evaluate(code, [NETWORKS.read_text("utf-8"), matrix.ravel().tolist(), 5, 37, rows])
    for one, result in zip(given, found, strict=True):
        np.testing.assert_allclose(np.reshape(result, (-1, 37)), one @ matrix, atol=1e-4)
