"""What can be told about a person's model before there are images, and how images fit it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from latentspace.core.errors import InputError
from latentspace.models.importing.graph import Shape, Trace, format_shape, refuse_inputs

if TYPE_CHECKING:
    import keras

ImageShape = tuple[int, int, int]  # height, width, channels
CHANNELS = (1, 3, 4)  # what tells the axis of channels from those of an image's sides


@dataclass(frozen=True)
class Interface:
    models: tuple[Any, ...]  # an autoencoder, or an encoder and a decoder
    names: tuple[str, ...]  # of their files, or of the function that made them
    takes: tuple[Shape | None, ...]  # by one input, None for an open side; None: unknown
    trace: Callable[[Any, Shape], Trace]  # all steps of one, for inputs of a shape
    whole: str | None = None  # the model whose parts they are, where Keras can't see its inside

    @property
    def image_shape(self) -> ImageShape | None:
        """The images that it takes, where that can be told."""
        shape = self.takes[0]
        return guess_image_shape(shape) if shape is not None and len(shape) > 1 else None

    @property
    def reading(self) -> dict[str, Any]:
        """What it wants of images, as arguments of `datasets.ReadOptions`."""
        wanted = self.image_shape
        if wanted is None or wanted[2] not in (1, 3):
            return {}
        return {"image_size": wanted[:2], "channels": wanted[2]}


def inspect(models: Sequence[keras.Model], names: Sequence[str]) -> Interface:
    """Finds out what an autoencoder, or an encoder and a decoder, take; names are for messages.

    A subclassed autoencoder is taken for its two parts; an `InputError` if it has none, or one
    takes several inputs.
    """
    import keras

    from latentspace.models.importing.tracing import is_graph, trace

    if len(models) == 2 or is_graph(models[0]):
        return Interface(tuple(models), tuple(names), tuple(map(read_input_shape, models)), trace)
    (model,) = models
    encoder, decoder = (getattr(model, part, None) for part in ("encoder", "decoder"))
    if not isinstance(encoder, keras.Model) or not isinstance(decoder, keras.Model):
        raise refuse_cutting(model.name)
    takes = (read_input_shape(model) or read_input_shape(encoder), read_input_shape(decoder))
    return Interface((encoder, decoder), tuple(names), takes, trace, whole=model.name)


def read_input_shape(model: keras.Model) -> Shape | None:
    """Shape of one input but the batch, where told; sides may be None; `InputError` for several."""
    try:
        shape = model.input_shape
    except AttributeError:  # subclassed, or a Sequential that was never called
        shape = (model.get_build_config() or {}).get("input_shape")
    if shape is None:
        return None
    if isinstance(shape, dict) or any(isinstance(side, list | tuple) for side in shape):
        raise refuse_inputs(model.name, len(shape))
    return tuple(shape[1:])


def refuse_cutting(name: str) -> InputError:
    """Says that Keras can't see into a model, and what to do about it."""
    return InputError(
        f"the model {name!r} is a subclass of keras.Model, whose inside can't be cut at "
        "a layer: save its two parts and pass them as --encoder and --decoder, or call them "
        "self.encoder and self.decoder in the class"
    )


def fit_layout(shape: Shape, image_shape: ImageShape) -> tuple[int, ...] | None:
    """The arrangement of an image that a shape, which may have open sides, stands for.

    It is (H, W, C), (C, H, W), (H * W * C,) or, if C is 1, (H, W); None where the image is another.
    """
    height, width, channels = image_shape
    flat, plain = (height * width * channels,), (height, width)
    layouts = [image_shape, (channels, height, width), flat, *[plain] * (channels == 1)]
    for layout in layouts:
        sides = zip(shape, layout, strict=False)
        if len(layout) == len(shape) and all(side in (None, wanted) for side, wanted in sides):
            return layout
    return None


def guess_image_shape(shape: Shape) -> ImageShape | None:
    """The images that a shape of a model stands for, where it can be told; flat ones are square."""
    match shape:
        case (int(size),):
            side = math.isqrt(size)
            return (side, side, 1) if side * side == size else None
        case (int(height), int(width)):
            return height, width, 1
        case (int(first), int(second), int(third)):
            is_first = first in CHANNELS and third not in CHANNELS
            return (second, third, first) if is_first else (first, second, third)
    return None


def refuse_images(what: str, shapes: Sequence[Shape], image_shape: ImageShape) -> InputError:
    """Says that a model takes or gives other images than there are, and what to do about it."""
    wanted = guess_image_shape(shapes[0])
    if wanted is None or wanted == image_shape:
        advice = f"expected {format_shape(image_shape)}, channels first or last, or flat"
    elif wanted[:2] != image_shape[:2]:
        advice = f"pass --image-size {wanted[0]} {wanted[1]}"
    else:
        advice = f"pass images with {wanted[2]} channel{'s' if wanted[2] > 1 else ''}"
    return InputError(
        f"{what} {', '.join(map(format_shape, shapes))} values, but the images are "
        f"{format_shape(image_shape)}: {advice}"
    )
