"""Bringing a person's encoder and decoder into the form that every run has.

In a run the encoder takes float32 images (N, H, W, C) in [0, 1] and gives float32 codes (N, D), and
the decoder goes back. Where a model is of another form, the conversion becomes a part of it, made
of Keras' own layers.
"""

from __future__ import annotations

import math
from typing import Any

import keras

from latentspace.core.errors import InputError
from latentspace.models.importing.tracing import (
    Shape,
    call_symbolically,
    find_declared_shape,
    find_symbolic,
    format_open_shape,
    is_graph,
)

ImageShape = tuple[int, int, int]
CHANNELS = (1, 3, 4)  # what tells the axis of channels from those of an image's sides
UNIT_RANGE = (0.0, 1.0)


def find_image_shape(model: keras.Model) -> ImageShape | None:
    """(height, width, channels) of the images that a model takes; None where its input can't tell.

    Raises:
        InputError: It takes several inputs.
    """
    shape = find_declared_shape(model)
    return _to_image_shape(shape) if shape is not None and len(shape) > 1 else None


def find_read_options(model: keras.Model) -> dict[str, Any]:
    """What a model wants of images, as arguments of `datasets.ReadOptions`; empty where it can't tell.

    Raises:
        InputError: It takes several inputs.
    """
    wanted = find_image_shape(model)
    if wanted is None or wanted[2] not in (1, 3):
        return {}
    return {"image_size": wanted[:2], "channels": wanted[2]}


def find_input_shape(model: keras.Model, image_shape: ImageShape) -> tuple[int, ...]:
    """The shape in which a model takes one image, with no side left open.

    Args:
        model: Takes (H, W, C), (C, H, W), (H * W * C,) or, if C is 1, (H, W); open sides fit all.
        image_shape: (H, W, C).

    Raises:
        InputError: It takes other images than these.
    """
    declared = find_declared_shape(model)
    if declared is None:
        return image_shape
    layout = _find_layout(declared, image_shape)
    if layout is None:
        raise InputError(
            f"the model {model.name!r} takes {format_open_shape(declared)} values, but the images are "
            f"{format_open_shape(image_shape)}: {_advise(declared, image_shape)}"
        )
    return layout


def normalize_interface(
    encoder: keras.Model,
    decoder: keras.Model,
    *,
    image_shape: ImageShape,
    pixel_range: tuple[float, float] = UNIT_RANGE,
) -> tuple[keras.Model, keras.Model]:
    """Brings an encoder and a decoder into the form of a run.

    Args:
        encoder: A model of one input and one output, see `find_input_shape`. Codes of any shape.
        decoder: A model of one input, of as many values. Its images may be arranged otherwise than
            those that the encoder takes; of several outputs the one that fits is taken.
        image_shape: (H, W, C).
        pixel_range: Values of black and of white in the images of both.

    Returns:
        Models of float32 (N, H, W, C) in [0, 1] -> float32 (N, D), and back. They share their
        layers with those passed, and are those where nothing has to be converted.

    Raises:
        InputError: Images, codes or outputs do not fit.
    """
    low, high = pixel_range
    if not low < high:
        raise InputError(
            f"--pixel-range takes the values of black and of white, the lower first. Received: "
            f"{low:g} {high:g}"
        )
    images = keras.Input(image_shape, name="images")
    layout = find_input_shape(encoder, image_shape)
    x = _rescale(images, high - low, low)
    x = _get_only_output(
        encoder, call_symbolically(encoder, _arrange(x, layout, image_shape), encoder.name)
    )
    latent_shape = x.shape[1:]
    if None in latent_shape:
        raise InputError(
            f"the encoder {encoder.name!r} gives codes of {format_open_shape(latent_shape)} values, of which "
            "the number is open: give its layers fixed sizes"
        )
    latent_dim = math.prod(latent_shape)
    codes = _to_float32(x if len(latent_shape) == 1 else keras.layers.Reshape((latent_dim,))(x))

    source = keras.Input((latent_dim,), name="codes")
    wanted = _find_decoder_input(decoder, latent_shape)
    y = source if wanted == (latent_dim,) else keras.layers.Reshape(wanted)(source)
    output = _find_image_output(decoder, call_symbolically(decoder, y, decoder.name), image_shape)
    y = _restore(output, image_shape)
    y = _to_float32(_rescale(y, 1 / (high - low), -low / (high - low)))
    return (
        _unwrap(keras.Model(images, codes, name="encoder"), encoder),
        _unwrap(keras.Model(source, y, name="decoder"), decoder),
    )


def _unwrap(wrapper: keras.Model, model: keras.Model) -> keras.Model:
    """The model itself, where the one around it changes nothing."""
    needed = (
        len(wrapper.layers) > 2  # more than an input and the model
        or not is_graph(model)
        or len(model.outputs) > 1
        or find_declared_shape(model) != find_declared_shape(wrapper)
    )
    return wrapper if needed else model


def _find_layout(shape: Shape, image_shape: ImageShape) -> tuple[int, ...] | None:
    """The arrangement of an image that a shape, which may have open sides, stands for."""
    height, width, channels = image_shape
    layouts: list[tuple[int, ...]] = [image_shape, (channels, height, width)]
    layouts += [(height * width * channels,), *([(height, width)] if channels == 1 else [])]
    for layout in layouts:
        if len(layout) == len(shape) and all(
            side in (None, wanted) for side, wanted in zip(shape, layout, strict=True)
        ):
            return layout
    return None


def _arrange(x: Any, layout: tuple[int, ...], image_shape: ImageShape) -> Any:
    """Images (N, H, W, C) in the arrangement that a model takes."""
    height, width, channels = image_shape
    if layout == image_shape:
        return x
    if layout == (channels, height, width):
        return keras.layers.Permute((3, 1, 2))(x)
    return keras.layers.Reshape(layout)(x)


def _restore(x: Any, image_shape: ImageShape) -> Any:
    """Images in the arrangement that a model gives -> (N, H, W, C)."""
    height, width, channels = image_shape
    layout = _find_layout(x.shape[1:], image_shape)
    if layout == image_shape:
        return x
    if layout == (channels, height, width):
        return keras.layers.Permute((2, 3, 1))(x)
    return keras.layers.Reshape(image_shape)(x)


def _rescale(x: Any, scale: float, offset: float) -> Any:
    same = (scale, offset) == (1, 0)
    return x if same else keras.layers.Rescaling(scale, offset=offset)(x)


def _to_float32(x: Any) -> Any:
    """What a model with mixed precision gives, in the type that NumPy computes with."""
    return x if x.dtype == "float32" else keras.layers.Activation("linear", dtype="float32")(x)


def _get_only_output(encoder: keras.Model, outputs: Any) -> Any:
    """The output of an encoder that has one."""
    tensors = find_symbolic(outputs)
    if len(tensors) != 1:
        raise InputError(
            f"the encoder {encoder.name!r} has {len(tensors)} outputs, where one is expected: "
            "choose the code with --latent-output"
        )
    return tensors[0]


def _find_decoder_input(decoder: keras.Model, latent_shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape in which a decoder takes one code, its open sides taken from the encoder."""
    declared = find_declared_shape(decoder)
    if declared is None:
        return latent_shape
    if None in declared and len(declared) == len(latent_shape):
        declared = tuple(
            there if side is None else side
            for side, there in zip(declared, latent_shape, strict=True)
        )
    if None in declared or math.prod(declared) != math.prod(latent_shape):  # type: ignore[arg-type]
        raise InputError(
            f"the encoder gives codes of {format_open_shape(latent_shape)} values, but the decoder "
            f"{decoder.name!r} takes {format_open_shape(declared)}: pass two parts of one autoencoder, or "
            "choose another output of the encoder with --latent-output"
        )
    return declared  # type: ignore[return-value]


def _find_image_output(decoder: keras.Model, outputs: Any, image_shape: ImageShape) -> Any:
    """The first output of a decoder that is an image, in whatever arrangement."""
    shapes = []
    for tensor in find_symbolic(outputs):
        if _find_layout(tensor.shape[1:], image_shape) is not None:
            return tensor
        shapes.append(tensor.shape[1:])
    raise InputError(
        f"the decoder {decoder.name!r} gives {', '.join(map(format_open_shape, shapes))} values, but the "
        f"images are {format_open_shape(image_shape)}: {_advise(shapes[0], image_shape)}"
    )


def _to_image_shape(shape: Shape) -> ImageShape | None:
    """(height, width, channels) that a shape of a model stands for, where it can be told."""
    if None in shape:
        return None
    sides: list[int] = list(shape)  # type: ignore[arg-type]
    if len(sides) == 1:  # flat: a square, if any
        side = math.isqrt(sides[0])
        return (side, side, 1) if side * side == sides[0] else None
    if len(sides) == 2:
        return sides[0], sides[1], 1
    if len(sides) != 3:
        return None
    if sides[0] in CHANNELS and sides[2] not in CHANNELS:
        return sides[1], sides[2], sides[0]
    return sides[0], sides[1], sides[2]


def _advise(shape: Shape, image_shape: ImageShape) -> str:
    """What to do about images of another shape than a model's."""
    wanted = _to_image_shape(shape)
    if wanted is None or wanted == image_shape:
        return f"expected {format_open_shape(image_shape)}, channels first or last, or flat"
    if wanted[:2] != image_shape[:2]:
        return f"pass --image-size {wanted[0]} {wanted[1]}"
    return f"pass images with {wanted[2]} channel{'s' if wanted[2] > 1 else ''}"
