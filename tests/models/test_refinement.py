from __future__ import annotations

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import small_training

from config import TrainConfig
from latentspace.models import network
from latentspace.models.refinement import refine

SIZE = small_training(latent_dim=5)
BOTH = dataclasses.replace(SIZE, mirrored=True)


def build(
    shape: tuple[int, int, int], config: TrainConfig = SIZE
) -> tuple[keras.Model, keras.Model]:
    """An untrained autoencoder all of whose parts do something, within [0, 1]."""
    keras.utils.set_random_seed(0)
    models = network.build_encoder(shape, config), network.build_decoder(shape, config)
    rng = np.random.default_rng(0)
    for model in models:
        model.set_weights([rng.normal(0, 0.02, value.shape) for value in model.get_weights()])
    level = models[1].get_layer(network.COMPONENTS)
    kernel, bias = level.get_weights()
    level.set_weights([kernel, bias + 0.5])
    return models


def pixels(shape: tuple[int, int, int]) -> np.ndarray:
    return np.random.default_rng(0).random((6, *shape)).astype(np.float32)


@pytest.mark.parametrize("config", [SIZE, BOTH, dataclasses.replace(BOTH, aligned=False)])
@pytest.mark.parametrize("shape", [(14, 11, 1), (8, 8, 3), (3, 3, 1), (45, 61, 1), (97, 105, 1)])
def test_each_step_is_led_by_the_gradient_of_the_squared_error(
    shape: tuple[int, int, int], config: TrainConfig
) -> None:
    encoder, decoder = build(shape, config)
    refined = refine(encoder, decoder, steps=1, hidden_units=8)
    evidence = keras.Model(refined.input, refined.get_layer("evidence_0").input)
    seen = evidence.predict(pixels(shape), verbose=0)
    codes, gradient = seen[:, :5], seen[:, 5:]
    with tf.GradientTape() as tape:
        tape.watch(variable := tf.convert_to_tensor(codes))
        loss = 0.5 * tf.reduce_sum((decoder(variable) - pixels(shape)) ** 2)
    np.testing.assert_allclose(gradient, -tape.gradient(loss, variable), rtol=1e-3, atol=1e-4)


def test_new_corrections_change_nothing_and_only_they_learn() -> None:
    encoder, decoder = build((14, 11, 1))
    images = pixels((14, 11, 1))
    before = encoder.predict(images, verbose=0)
    refined = refine(encoder, decoder, steps=3, hidden_units=8)
    np.testing.assert_array_equal(refined.predict(images, verbose=0), before)
    names = {variable.path.split("/")[0] for variable in refined.trainable_variables}
    assert names == {f"{part}_{step}" for part in ("evidence", "correction") for step in range(3)}


def test_it_loads_without_this_project(tmp_path: Path) -> None:
    encoder, decoder = build((14, 11, 1))
    images = pixels((14, 11, 1))
    refined = refine(encoder, decoder, steps=2, hidden_units=8)
    refined.get_layer("correction_1").set_weights([np.ones((8, 5)), np.ones(5)])
    encoder_now, _ = network.standardize_codes(refined, decoder, refined.predict(images, verbose=0))
    encoder_now.save(tmp_path / "encoder.keras")
    loaded = keras.models.load_model(tmp_path / "encoder.keras")
    np.testing.assert_allclose(
        loaded.predict(images, verbose=0), encoder_now.predict(images, verbose=0), atol=1e-6
    )


def test_other_activations_are_refused() -> None:
    encoder, _ = build((14, 11, 1))
    codes = keras.Input((5,))
    x = keras.layers.Dense(14 * 11)(codes)
    x = keras.layers.Activation("tanh", name="squash")(x)
    x = keras.layers.Reshape((14, 11, 1))(x)
    decoder = keras.Model(codes, keras.layers.ReLU(max_value=1)(x))
    with pytest.raises(ValueError, match="squash: expected silu"):
        refine(encoder, decoder, steps=1, hidden_units=8)
