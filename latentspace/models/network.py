"""The convolutional autoencoder: an encoder and a decoder for any image shape and latent size."""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
import numpy as np
from keras import layers

ACTIVATION = "silu"
KERNEL_SIZE = 4  # a multiple of the stride, so that transposed convolutions leave no checkerboard
STRIDE = 2
CODES = "codes"
FROM_CODES = "from_codes"
CODE_NOISE = "code_noise"  # of an autoencoder; its output are the codes
NORM = "normalize"
LEAST_LEVEL = 0.02  # and the most from white: at the ends the sigmoid is flat
NORM_MOMENTUM = 0.5  # the first steps move codes far, and a longer memory would lag behind them


def build_encoder(
    image_shape: tuple[int, int, int],
    latent_dim: int,
    *,
    channels: Sequence[int],
    hidden_units: int,
    normalize: bool = False,
) -> keras.Model:
    """Strided convolutions, a hidden layer, and `latent_dim` linear units.

    Args:
        image_shape: (height, width, channels); sides need not be divisible by anything.
        latent_dim: Number of units in the bottleneck.
        channels: Channels after each halving of the image; for large images the last is repeated,
            for small ones what is not needed is left out.
        hidden_units: Units of the dense layer before the bottleneck.
        normalize: End in a batch normalisation without parameters, which makes training faster;
            `standardize_codes` takes it out again.

    Returns:
        A model of float32 images (N, H, W, C) in [0, 1] -> float32 codes (N, latent_dim).
    """
    images = keras.Input(image_shape, name="images")
    x = images
    for stage, width in enumerate(_plan_stages(image_shape, channels)):
        x = layers.Conv2D(
            width,
            KERNEL_SIZE,
            STRIDE,
            padding="same",
            activation=ACTIVATION,
            name=f"down_{stage}",
        )(x)  # (N, ceil(H / 2), ceil(W / 2), width)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(hidden_units, activation=ACTIVATION, name="hidden")(x)
    codes = layers.Dense(latent_dim, name=CODES)(x)
    if normalize:
        codes = layers.BatchNormalization(
            momentum=NORM_MOMENTUM,
            center=False,
            scale=False,
            synchronized=keras.backend.backend() == "tensorflow",  # over all devices of a step
            name=NORM,
        )(codes)
    return keras.Model(images, codes, name="encoder")


def build_decoder(
    image_shape: tuple[int, int, int],
    latent_dim: int,
    *,
    channels: Sequence[int],
    hidden_units: int,
) -> keras.Model:
    """The mirror image of what `build_encoder` makes of the same, with a sigmoid at its end.

    It is a chain of layers, with each activation a layer of its own, so that a gradient can be led
    back through it layer by layer (`refinement.refine`).

    Returns:
        A model of float32 codes (N, latent_dim) -> float32 images (N, H, W, C) in [0, 1].
    """
    stages = _plan_stages(image_shape, channels)
    sides = [image_shape[:2]]
    for _ in stages:
        sides.append((math.ceil(sides[-1][0] / STRIDE), math.ceil(sides[-1][1] / STRIDE)))
    codes = keras.Input((latent_dim,), name="codes")
    height, width = sides.pop()
    x = layers.Dense(hidden_units, name=FROM_CODES)(codes)
    x = layers.Activation(ACTIVATION, name=f"activate_{FROM_CODES}")(x)
    x = layers.Dense(height * width * stages[-1], name="unflatten")(x)
    x = layers.Activation(ACTIVATION, name="activate_unflatten")(x)
    x = layers.Reshape((height, width, stages[-1]), name="reshape")(x)
    outputs = [image_shape[2], *stages[:-1]]
    while sides:
        name = f"up_{len(sides) - 1}"
        x = layers.Conv2DTranspose(outputs.pop(), KERNEL_SIZE, STRIDE, padding="same", name=name)(x)
        x = layers.Activation(ACTIVATION if outputs else "sigmoid", name=f"activate_{name}")(x)
        excess = (STRIDE * height - sides[-1][0], STRIDE * width - sides[-1][1])
        height, width = sides.pop()
        if any(excess):  # an odd side was rounded up on the way down
            x = layers.Cropping2D(((0, excess[0]), (0, excess[1])), name=f"crop_{len(sides)}")(x)
    return keras.Model(codes, x, name="decoder")


def start_at_level(decoder: keras.Model, level: np.ndarray) -> None:
    """Lets an untrained decoder draw plain images of a level, (C,) in [0, 1], at about any code.

    From grey, images that are nearly white drive all pixels into the flat end of the sigmoid within
    a few steps, from where no gradient leads back.

    Args:
        decoder: A model from `build_decoder`; changed in place.
        level: Such as the mean of each channel over the training images.
    """
    layer = decoder.get_layer("up_0")
    kernel, _ = layer.get_weights()
    level = np.clip(level, LEAST_LEVEL, 1 - LEAST_LEVEL)
    layer.set_weights([kernel, np.log(level / (1 - level))])


def standardize_codes(
    encoder: keras.Model, decoder: keras.Model, codes: np.ndarray
) -> tuple[keras.Model, keras.Model]:
    """Gives each latent unit mean 0 and standard deviation 1 without changing a reconstruction.

    A step of 1 then means the same in every direction. The map z -> (z - mean) / std, and a batch
    normalisation that the encoder ends in, are folded into its last dense layer where it ends in
    one, and the inverse into the decoder's first. A unit that never moves keeps its scale.

    Args:
        encoder: A model from `build_encoder`, refined or not; not changed.
        decoder: A model from `build_decoder`; not changed.
        codes: float32 (N, D) codes of the training images under `encoder`.
    """
    mean = codes.mean(axis=0, dtype=np.float64)
    std = codes.std(axis=0, dtype=np.float64)
    std[std <= np.finfo(np.float32).eps * np.abs(mean)] = 1.0
    shown = keras.models.clone_model(decoder)
    shown.set_weights(decoder.get_weights())
    kernel, bias = shown.get_layer(FROM_CODES).get_weights()
    shown.get_layer(FROM_CODES).set_weights([kernel * std[:, np.newaxis], bias + mean @ kernel])
    if encoder.layers[-1].name in (CODES, NORM):
        return _fold_encoder(encoder, mean, std), shown
    scaled = layers.Normalization(mean=mean, variance=std**2, name=NORM)(encoder.output)
    return keras.Model(encoder.input, scaled, name=encoder.name), shown


def _fold_encoder(encoder: keras.Model, mean: np.ndarray, std: np.ndarray) -> keras.Model:
    """A copy whose last dense layer does what normalisation and scaling would do."""
    plain = keras.models.clone_model(keras.Model(encoder.input, encoder.get_layer(CODES).output))
    plain.name = encoder.name
    for layer in plain.layers:
        layer.set_weights(encoder.get_layer(layer.name).get_weights())
    kernel, bias = plain.get_layer(CODES).get_weights()
    if NORM in {layer.name for layer in encoder.layers}:
        norm = encoder.get_layer(NORM)
        moving_mean, moving_variance = norm.get_weights()
        scale = 1 / np.sqrt(moving_variance + norm.epsilon)
        kernel, bias = kernel * scale, (bias - moving_mean) * scale
    plain.get_layer(CODES).set_weights([kernel / std, (bias - mean) / std])
    return plain


def _plan_stages(image_shape: tuple[int, int, int], channels: Sequence[int]) -> list[int]:
    """Channels after each halving: as many halvings as bring the longer side to about 7."""
    short, long = sorted(image_shape[:2])
    wanted = round(math.log2(long / 7))
    possible = int(math.log2(short))
    count = max(1, min(wanted, possible))
    return [channels[min(stage, len(channels) - 1)] for stage in range(count)]
