from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest
from conftest import small_training
from sklearn.decomposition import PCA

from config import TrainConfig
from latentspace.models import network

SIZE = small_training(latent_dim=5)
LOCAL = dataclasses.replace(SIZE, aligned=False, mirrored=True)
BOTH = dataclasses.replace(SIZE, mirrored=True)
SHAPES = [
    (28, 28, 1),
    (32, 32, 3),
    (14, 11, 1),
    (8, 8, 1),
    (45, 61, 3),
    (7, 30, 1),
    (3, 3, 1),
    (105, 97, 1),
]


def build(
    shape: tuple[int, int, int], config: TrainConfig = SIZE, *, count: int = 40
) -> tuple[keras.Model, keras.Model, np.ndarray, PCA]:
    """An untrained autoencoder that starts as PCA, images, and that PCA."""
    keras.utils.set_random_seed(0)
    images = np.random.default_rng(0).random((count, *shape)).astype(np.float32)
    pca = PCA(min(config.latent_dim, count, images[0].size)).fit(images.reshape(count, -1))
    encoder, decoder = (
        build_part(shape, config) for build_part in (network.build_encoder, network.build_decoder)
    )
    std = np.sqrt(pca.explained_variance_)
    network.start_as_pca(encoder, decoder, mean=pca.mean_, components=pca.components_, std=std)
    return encoder, decoder, images, pca


def disturb(*models: keras.Model) -> None:
    """Lets corrections, which begin at nothing, do something."""
    rng = np.random.default_rng(1)
    for model in models:
        weights = model.get_weights()
        model.set_weights([value + rng.normal(0, 0.02, value.shape) for value in weights])


@pytest.mark.parametrize("config", [SIZE, LOCAL, BOTH])
@pytest.mark.parametrize("shape", SHAPES)
def test_images_of_any_shape_come_back_as_from_pca(
    shape: tuple[int, int, int], config: TrainConfig
) -> None:
    encoder, decoder, images, pca = build(shape, config)
    codes = encoder.predict(images, verbose=0)
    assert codes.shape == (len(images), 5)
    flat = images.reshape(len(images), -1)
    expected = pca.inverse_transform(pca.transform(flat)).reshape(images.shape)
    back = decoder.predict(codes, verbose=0)
    np.testing.assert_allclose(back, expected.clip(0, 1), atol=1e-4)
    assert codes.var(axis=0, ddof=1).mean() == pytest.approx(1, rel=1e-3)
    apart, apart_linearly = (
        np.linalg.norm(some[:1] - some[1:], axis=1) for some in (codes, pca.transform(flat))
    )
    np.testing.assert_allclose(apart / apart[0], apart_linearly / apart_linearly[0], rtol=1e-3)


def test_two_images_are_enough_and_equal_ones_do_no_harm() -> None:
    encoder, decoder, images, _ = build((6, 5, 1), count=2)
    codes = encoder.predict(images, verbose=0)
    np.testing.assert_allclose(decoder.predict(codes, verbose=0), images, atol=1e-5)
    flat = images[0].ravel()
    network.start_as_pca(
        encoder, decoder, mean=flat, components=np.eye(1, 30, dtype=np.float32), std=np.zeros(1)
    )
    back = decoder.predict(encoder.predict(images[:1], verbose=0), verbose=0)
    np.testing.assert_allclose(back, images[:1], atol=1e-5)


def test_dense_layers_serve_aligned_images_and_blocks_photographs() -> None:
    def name_layers(config: TrainConfig) -> set[str]:
        parts = (
            network.build_encoder((28, 28, 1), config),
            network.build_decoder((28, 28, 1), config),
        )
        return {layer.name for part in parts for layer in part.layers}

    dense = {network.CODES, network.FROM_CODES, "hidden"}
    blocks = {"encoder_detail_0", "decoder_detail_1"}
    for config, has_dense, has_blocks in ((SIZE, 1, 0), (LOCAL, 0, 1), (BOTH, 1, 1)):
        names = name_layers(config)
        assert len(dense & names) == has_dense * len(dense)
        assert len(blocks & names) == has_blocks * len(blocks)


def test_larger_images_are_halved_more_often() -> None:
    def halvings(side: int) -> int:
        layers = network.build_encoder((side, side, 1), SIZE).layers
        return sum(isinstance(layer, keras.layers.Conv2D) for layer in layers)

    assert [halvings(side) for side in (8, 28, 112, 256)] == [1, 2, 4, 5]


@pytest.mark.parametrize("config", [SIZE, LOCAL, BOTH])
def test_standardized_codes_draw_the_same_images(config: TrainConfig) -> None:
    encoder, decoder, images, _ = build((14, 11, 1), config, count=300)
    disturb(encoder, decoder)
    before = decoder.predict(encoder.predict(images, verbose=0), verbose=0)
    assert before.std(axis=0).max() > 0.01

    plain, shown = network.standardize_codes(encoder, decoder, encoder.predict(images, verbose=0))
    codes = plain.predict(images, verbose=0)
    np.testing.assert_allclose(codes.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(codes.std(axis=0), 1, atol=1e-4)
    np.testing.assert_allclose(shown.predict(codes, verbose=0), before, atol=1e-5)
    assert plain.name == "encoder"
    assert len(plain.layers) == len(encoder.layers)  # folded in
    assert all(weights.trainable for model in (plain, shown) for weights in model.variables)


def test_a_unit_that_never_moves_keeps_its_scale() -> None:
    encoder, decoder, images, _ = build((14, 11, 1))
    kernel, bias = encoder.get_layer(network.PROJECTED).get_weights()
    kernel[:, 1], bias[1] = 0, 0.5
    encoder.get_layer(network.PROJECTED).set_weights([kernel, bias])
    codes = encoder.predict(images, verbose=0)
    before = decoder.predict(codes, verbose=0)
    plain, shown = network.standardize_codes(encoder, decoder, codes)
    standard = plain.predict(images, verbose=0)
    assert np.isfinite(standard).all()
    np.testing.assert_allclose(standard[:, 1], 0, atol=1e-6)
    np.testing.assert_allclose(shown.predict(standard, verbose=0), before, atol=1e-5)
