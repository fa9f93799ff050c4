"""The autoencoder: principal components, and what convolutions add to them on both sides.

Encoder and decoder each begin as PCA, which stays as it is, with corrections beside it that begin
at nothing. So an autoencoder is never behind PCA to start with, and what it learns comes on top.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import layers

if TYPE_CHECKING:
    from config import TrainConfig

ACTIVATION = "silu"
KERNEL_SIZE = 4  # a multiple of the stride, so that transposed convolutions leave no checkerboard
STRIDE = 2
COARSE_SIDE = 7  # about so many places a side are left for the dense layers
DETAIL_SIDE = 32  # at most so many places a side, where details are corrected
BLOCK_SIZE = 3  # of its kernels
PROJECTED, CODES = "projected", "codes"  # the layers whose sum is the code
CORRECTED = "corrected_codes"  # that sum
COMPONENTS, FROM_CODES = "components", "from_codes"  # those that read it
IMAGE, CLIP = "image", "clip"  # the last of a decoder; only the last is bounded
CODE_NOISE = "code_noise"  # of an autoencoder; its output are the codes
NORM = "normalize"
ZEROS = {"padding": "same", "kernel_initializer": "zeros"}  # of convolutions that begin at nothing


def build_encoder(image_shape: tuple[int, int, int], config: TrainConfig) -> keras.Model:
    """A model of images, float32 (N, H, W, C) in [0, 1], -> codes, float32 (N, latent_dim).

    Where details count (`TrainConfig.blocks`), convolutions correct the image before it is
    projected to principal components. Where each place in an image has its meaning
    (`TrainConfig.aligned`), strided convolutions and a hidden layer correct the code.
    """
    images = keras.Input(image_shape, name="images")
    x, channels = images, config.channels
    if blocks := count_blocks(config) // 2:
        correction = _correct_details(images, config, blocks, name="encoder_detail")
        x = layers.Add(name="corrected_images")([images, correction])
    x = layers.Flatten(name="flatten_images")(x)
    codes = layers.Dense(config.latent_dim, trainable=False, name=PROJECTED)(x)
    if config.aligned:
        x, how = images, {"padding": "same", "activation": ACTIVATION}
        for stage in range(_count_halvings(max(image_shape[:2]), min(image_shape[:2]))):
            filters = channels[min(stage, len(channels) - 1)]
            x = layers.Conv2D(filters, KERNEL_SIZE, STRIDE, name=f"down_{stage}", **how)(x)
            # (N, ceil(H / 2), ceil(W / 2), filters)
        x = layers.Flatten(name="flatten")(x)
        x = layers.Dense(config.hidden_units, activation=ACTIVATION, name="hidden")(x)
        correction = layers.Dense(config.latent_dim, kernel_initializer="zeros", name=CODES)(x)
        codes = layers.Add(name=CORRECTED)([codes, correction])
    return keras.Model(images, codes, name="encoder")


def build_decoder(image_shape: tuple[int, int, int], config: TrainConfig) -> keras.Model:
    """A model of codes, float32 (N, latent_dim), -> images, float32 (N, H, W, C) in [0, 1].

    What corrects the image that principal components give sees it and, where images are aligned,
    what dense layers and transposed convolutions make of the code. Each activation is a layer of
    its own, so that a gradient can be led back layer by layer (`refinement.refine`).
    """
    codes = keras.Input((config.latent_dim,), name="latent")
    x = layers.Dense(math.prod(image_shape), trainable=False, name=COMPONENTS)(codes)
    linear = layers.Reshape(image_shape, name="linear_images")(x)
    drawn = _draw_coarsely(codes, image_shape, config) if config.aligned else None
    blocks = count_blocks(config)
    correction = _correct_details(linear, config, blocks, name="decoder_detail", drawn=drawn)
    x = layers.Add(name=IMAGE)([linear, correction])
    return keras.Model(codes, layers.ReLU(max_value=1.0, name=CLIP)(x), name="decoder")


def start_as_pca(
    encoder: keras.Model,
    decoder: keras.Model,
    *,
    mean: np.ndarray,
    components: np.ndarray,
    std: np.ndarray,
) -> None:
    """Lets an untrained autoencoder encode and decode by principal components, and nothing else.

    The components are turned at random, so that all units of the code vary about alike and codes
    are as far apart as images are. Both models are changed in place. The mean of the training
    images is float32 (H * W * C,); components, float32 (K, H * W * C) of length 1, are no more than
    latent units; along each the images have a standard deviation, float32 (K,).
    """
    units = encoder.output_shape[-1]
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(units, units)))
    basis = (turn[:, : len(std)] @ components).astype(np.float32)
    scale = np.sqrt(np.square(std).sum() / units) or 1
    encoder.get_layer(PROJECTED).set_weights([basis.T / scale, -basis @ mean / scale])
    decoder.get_layer(COMPONENTS).set_weights([basis * scale, mean])


def standardize_codes(
    encoder: keras.Model, decoder: keras.Model, codes: np.ndarray
) -> tuple[keras.Model, keras.Model]:
    """Gives each latent unit mean 0 and standard deviation 1 without changing a reconstruction.

    The map z -> (z - mean) / std is folded into the dense layers that make the code, where nothing
    follows them, and its inverse into those that read it. A unit that never moves keeps its scale.
    `codes`, float32 (N, D), are what the encoder makes of the training images. Returns both, with
    all weights trainable; the given ones do not change.
    """
    mean = codes.mean(axis=0, dtype=np.float64)
    std = codes.std(axis=0, dtype=np.float64)
    std[std <= np.finfo(np.float32).eps * np.abs(mean)] = 1.0
    shown = _copy_model(decoder)
    for layer in shown.layers:
        if layer.name in (COMPONENTS, FROM_CODES):
            kernel, bias = layer.get_weights()
            layer.set_weights([kernel * std[:, np.newaxis], bias + mean @ kernel])
    if encoder.layers[-1].name in (PROJECTED, CORRECTED):
        plain = _copy_model(encoder)
        shifts = {PROJECTED: mean, CODES: 0.0}  # the code is their sum
        for layer in plain.layers:
            if layer.name in shifts:
                kernel, bias = layer.get_weights()
                layer.set_weights([kernel / std, (bias - shifts[layer.name]) / std])
        return plain, shown
    scaled = layers.Normalization(mean=mean, variance=std**2, name=NORM)(encoder.output)
    return _thaw(keras.Model(encoder.input, scaled, name=encoder.name)), shown


def copy_corrections(decoder: keras.Model) -> keras.Model:
    """A decoder like the given one that learns on; its principal components stay as they are."""
    copied = _copy_model(decoder)
    copied.get_layer(COMPONENTS).trainable = False
    return copied


def _copy_model(model: keras.Model) -> keras.Model:
    """A model of its own with the same layers and weights, all of them trainable."""
    copied = keras.models.clone_model(model)
    copied.set_weights(model.get_weights())
    return _thaw(copied)


def _thaw(model: keras.Model) -> keras.Model:
    for layer in model.layers:
        layer.trainable = True
    return model


def _correct_details(
    images: keras.KerasTensor,
    config: TrainConfig,
    blocks: int,
    *,
    name: str,
    drawn: keras.KerasTensor | None = None,
) -> keras.KerasTensor:
    """What to add to images: nothing to begin with.

    Strided convolutions read them on a coarser grid, as well as features there, (N, h, w, F), that
    are `drawn`; residual blocks (He et al. 2016, "Identity mappings in deep residual networks")
    begin at nothing (Zhang, Dauphin & Ma 2019, "Fixup initialization").
    """
    height, width, channels = images.shape[1:]
    stride = _choose_stride(height, width)
    missing = (-height % stride, -width % stride)
    x = images
    if any(missing):
        x = layers.ZeroPadding2D(((0, missing[0]), (0, missing[1])), name=f"{name}_pad")(x)
    features = _count_features((height, width), config)
    x = layers.Conv2D(features, 2 * stride, stride, padding="same", name=f"{name}_read")(x)
    if drawn is not None:
        x = layers.Add(name=f"{name}_join")([x, drawn])
    x = layers.Activation(ACTIVATION, name=f"activate_{name}_read")(x)
    for block in range(blocks):
        whole = f"{name}_{block}"
        y = layers.Conv2D(features, BLOCK_SIZE, padding="same", name=f"{whole}_first")(x)
        y = layers.Activation(ACTIVATION, name=f"activate_{whole}_first")(y)
        y = layers.Conv2D(features, BLOCK_SIZE, **ZEROS, name=f"{whole}_second")(y)
        x = layers.Add(name=whole)([x, y])
    x = layers.Conv2DTranspose(channels, 2 * stride, stride, **ZEROS, name=f"{name}_write")(x)
    if any(missing):
        x = layers.Cropping2D(((0, missing[0]), (0, missing[1])), name=f"{name}_crop")(x)
    return x


def _draw_coarsely(
    codes: keras.KerasTensor, image_shape: tuple[int, int, int], config: TrainConfig
) -> keras.KerasTensor:
    """Features on the grid of `_correct_details`, (N, h, w, F), that dense layers make of codes."""
    stride = _choose_stride(*image_shape[:2])
    sides = [(math.ceil(image_shape[0] / stride), math.ceil(image_shape[1] / stride))]
    for _ in range(_count_halvings(max(sides[0]), min(sides[0]), least=0)):
        sides.append((math.ceil(sides[-1][0] / STRIDE), math.ceil(sides[-1][1] / STRIDE)))
    outputs = [_count_features(image_shape[:2], config), *config.channels[1:]]
    outputs += [config.channels[-1]] * len(sides)
    height, width = sides.pop()
    x = layers.Dense(config.hidden_units, name=FROM_CODES)(codes)
    x = layers.Activation(ACTIVATION, name=f"activate_{FROM_CODES}")(x)
    x = layers.Dense(height * width * outputs[len(sides)], name="unflatten")(x)
    x = layers.Reshape((height, width, outputs[len(sides)]), name="reshape")(x)
    while sides:
        name = f"up_{len(sides)}"
        x = layers.Activation(ACTIVATION, name=f"activate_{name}")(x)
        size = (outputs[len(sides) - 1], KERNEL_SIZE, STRIDE)
        x = layers.Conv2DTranspose(*size, padding="same", name=name)(x)
        excess = (STRIDE * height - sides[-1][0], STRIDE * width - sides[-1][1])
        height, width = sides.pop()
        if any(excess):  # an odd side was rounded up on the way down
            x = layers.Cropping2D(((0, excess[0]), (0, excess[1])), name=f"crop_{name}")(x)
    return x


def count_blocks(config: TrainConfig) -> int:
    """Residual blocks of a decoder: those of photographs, which have most of their error there."""
    return config.blocks if config.mirrored or not config.aligned else 0


def _choose_stride(height: int, width: int) -> int:
    """What leaves at most `DETAIL_SIDE` places on the longer side; 2 or more."""
    return max(STRIDE, 2 ** math.ceil(math.log2(max(height, width) / DETAIL_SIDE)))


def _count_features(size: tuple[int, int], config: TrainConfig) -> int:
    """Channels on the grid of details: with blocks, more where it is coarse and so costs less."""
    if not count_blocks(config):
        return config.channels[0]
    places = max(size) / _choose_stride(*size)
    return min(config.channels[0] * max(1, int(DETAIL_SIDE / places)), max(config.channels))


def _count_halvings(long: int, short: int, *, least: int = 1) -> int:
    """As many halvings as bring the longer side to about `COARSE_SIDE`."""
    return max(least, min(round(math.log2(long / COARSE_SIDE)), int(math.log2(short))))
