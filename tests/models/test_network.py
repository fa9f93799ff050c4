from __future__ import annotations

import keras
import numpy as np
import pytest

from latentspace.models import network
from latentspace.training.stages import join_autoencoder

SIZE = {"channels": (4, 6), "hidden_units": 16}


@pytest.mark.parametrize(
    "shape", [(28, 28, 1), (32, 32, 3), (14, 11, 1), (8, 8, 1), (45, 61, 3), (7, 30, 1), (3, 3, 1)]
)
def test_any_image_shape_comes_back(shape: tuple[int, int, int]) -> None:
    encoder = network.build_encoder(shape, 5, **SIZE)
    decoder = network.build_decoder(shape, 5, **SIZE)
    assert encoder.output_shape == (None, 5)
    assert decoder.output_shape == (None, *shape)
    images = np.random.default_rng(0).random((2, *shape)).astype(np.float32)
    back = join_autoencoder(encoder, decoder).predict(images, verbose=0)
    assert back.shape == images.shape
    assert back.min() >= 0
    assert back.max() <= 1


def test_larger_images_are_halved_more_often() -> None:
    def halvings(side: int) -> int:
        encoder = network.build_encoder((side, side, 1), 5, **SIZE)
        return sum(isinstance(layer, keras.layers.Conv2D) for layer in encoder.layers)

    assert [halvings(side) for side in (8, 28, 112, 256)] == [1, 2, 4, 5]


@pytest.mark.parametrize("normalize", [False, True])
def test_standardized_codes_draw_the_same_images(normalize: bool) -> None:
    keras.utils.set_random_seed(0)
    shape = (14, 11, 1)
    encoder = network.build_encoder(shape, 5, **SIZE, normalize=normalize)
    decoder = network.build_decoder(shape, 5, **SIZE)
    if normalize:
        rng = np.random.default_rng(1)
        encoder.get_layer(network.NORM).set_weights([rng.normal(size=5), rng.random(5) + 0.5])
    images = np.random.default_rng(0).random((300, *shape)).astype(np.float32)
    before = decoder.predict(encoder.predict(images, verbose=0), verbose=0)

    plain, shown = network.standardize_codes(encoder, decoder, encoder.predict(images, verbose=0))
    codes = plain.predict(images, verbose=0)
    np.testing.assert_allclose(codes.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(codes.std(axis=0), 1, atol=1e-4)
    np.testing.assert_allclose(shown.predict(codes, verbose=0), before, atol=1e-5)
    assert plain.name == "encoder"
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in plain.layers)


def test_a_unit_that_never_moves_keeps_its_scale() -> None:
    shape = (14, 11, 1)
    encoder = network.build_encoder(shape, 3, **SIZE)
    decoder = network.build_decoder(shape, 3, **SIZE)
    kernel, bias = encoder.get_layer(network.CODES).get_weights()
    kernel[:, 1], bias[1] = 0, 0.5
    encoder.get_layer(network.CODES).set_weights([kernel, bias])
    images = np.random.default_rng(0).random((50, *shape)).astype(np.float32)
    codes = encoder.predict(images, verbose=0)
    before = decoder.predict(codes, verbose=0)
    plain, shown = network.standardize_codes(encoder, decoder, codes)
    standard = plain.predict(images, verbose=0)
    assert np.isfinite(standard).all()
    np.testing.assert_allclose(standard[:, 1], 0, atol=1e-6)
    np.testing.assert_allclose(shown.predict(standard, verbose=0), before, atol=1e-5)


@pytest.mark.parametrize("level", [(0.93,), (0.1, 0.5, 0.8), (0.0,), (1.0,)])
def test_an_untrained_decoder_starts_at_the_level_of_the_images(level: tuple[float, ...]) -> None:
    decoder = network.build_decoder((12, 10, len(level)), 5, **SIZE)
    network.start_at_level(decoder, np.array(level))
    drawn = decoder.predict(np.zeros((3, 5), np.float32), verbose=0)
    expected = np.clip(level, network.LEAST_LEVEL, 1 - network.LEAST_LEVEL)
    np.testing.assert_allclose(drawn.mean(axis=(0, 1, 2)), expected, atol=0.02)
