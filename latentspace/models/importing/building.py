"""Building a run's encoder and decoder as planned, and checking that they reconstruct images.

In a run the encoder takes float32 images (N, H, W, C) in [0, 1] and gives float32 codes (N, D), and
the decoder goes back. Where a model is of another form, the conversion becomes a part of it, made
of Keras' own layers.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np

from latentspace.core.errors import InputError
from latentspace.models.importing.inspecting import fit_layout, read_input_shape
from latentspace.models.importing.planning import Plan, Section
from latentspace.models.importing.tracing import is_graph
from latentspace.models.runs import predict

UNIT_RANGE = (0.0, 1.0)
USUAL_RANGES = (UNIT_RANGE, (-1.0, 1.0), (0.0, 255.0))
FAR_OUTSIDE = 0.5  # beyond 0 or 1; linear outputs overshoot by less
MAX_FAR_SHARE = 0.01


def build(plan: Plan) -> tuple[keras.Model, keras.Model]:
    """Makes an encoder and a decoder in the form of a run, as `plan` decided.

    Returns:
        Models of float32 (N, H, W, C) in [0, 1] -> float32 (N, D), and back. They share their
        layers with the person's models, and are those where nothing has to be converted. Whether
        they reconstruct images is for `check` to find.
    """
    black, white = plan.pixel_range
    width = white - black
    images = keras.Input(plan.image_shape, name="images")
    encoder, x = _apply(plan.encoder, _rescale(images, width, black), "encoder")
    latent_dim = math.prod(x.shape[1:])
    codes = _as_float32(_arrange(x, x.shape[1:], (latent_dim,)))

    source = keras.Input((latent_dim,), name="codes")
    decoder, y = _apply(plan.decoder, source, "decoder")
    y = _arrange(y, fit_layout(y.shape[1:], plan.image_shape), plan.image_shape, axes=(2, 3, 1))
    y = _as_float32(_rescale(y, 1 / width, -black / width))
    return (
        _unwrap(keras.Model(images, codes, name="encoder"), encoder),
        _unwrap(keras.Model(source, y, name="decoder"), decoder),
    )


def _apply(section: Section, x: Any, name: str) -> tuple[keras.Model, Any]:
    """The model of a section, and what it gives for a tensor that it may take in another form."""
    model = section.trace.extract(section.start, section.end, name=name)
    (output,) = keras.tree.flatten(model(_arrange(x, x.shape[1:], section.start.shape[1:])))
    return model, output


def _arrange(x: Any, shape: Any, wanted: Any, axes: tuple[int, ...] = (3, 1, 2)) -> Any:
    """Values in another shape; of an image in three axes that is no other one, other axes."""
    if shape == wanted:
        return x
    is_image = len(shape) == len(wanted) == 3
    return (keras.layers.Permute(axes) if is_image else keras.layers.Reshape(wanted))(x)


def _rescale(x: Any, scale: float, offset: float) -> Any:
    same = (scale, offset) == (1, 0)
    return x if same else keras.layers.Rescaling(scale, offset=offset)(x)


def _as_float32(x: Any) -> Any:
    """What a model with mixed precision gives, in the type that NumPy computes with."""
    return x if x.dtype == "float32" else keras.layers.Activation("linear", dtype="float32")(x)


def _unwrap(wrapper: keras.Model, model: keras.Model) -> keras.Model:
    """The model itself, where the one around it changes nothing."""
    needed = (
        len(wrapper.layers) > 2  # more than an input and the model
        or not is_graph(model)
        or not isinstance(model.output, keras.KerasTensor)  # but a list or dict of one
        or read_input_shape(model) != read_input_shape(wrapper)
    )
    return wrapper if needed else model


def check(
    encoder: keras.Model,
    decoder: keras.Model,
    images: np.ndarray,
    *,
    pixel_range: tuple[float, float] = UNIT_RANGE,
) -> float:
    """Makes sure that an encoder and a decoder in the form of a run reconstruct images.

    Args:
        encoder: As from `build`.
        decoder: As from `build`.
        images: float32 (N, H, W, C) in [0, 1]; some hundred tell enough.
        pixel_range: That the two were built with.

    Returns:
        The mean squared error of the reconstructions.

    Raises:
        InputError: They are of another shape, not finite, far outside of [0, 1], or no better than
            the mean image; with the range of pixels, or the activation, that would fix it.
    """
    reconstructed = predict(decoder, predict(encoder, images))
    if reconstructed.shape != images.shape:
        raise InputError(
            f"reconstructions should have the shape of the images, {images.shape}. Received: "
            f"{reconstructed.shape}; pass the decoder that was trained with this encoder"
        )
    broken = int((~np.isfinite(reconstructed)).reshape(len(reconstructed), -1).any(axis=1).sum())
    if broken:
        raise InputError(
            f"reconstructions of {broken} of {len(images)} images hold values that are not finite: "
            "the model's weights are damaged or diverged in training; pass another model"
        )
    bar = float(((images - images.mean(axis=0)) ** 2).mean())
    error, far = _score(images, reconstructed)
    if error < bar and far <= MAX_FAR_SHARE:
        return error
    advice = _advise(encoder, decoder, images, reconstructed, pixel_range=pixel_range, bar=bar)
    problem = f"{far:.0%} of the reconstructed values lie far outside of [0, 1]"
    if error >= bar:
        problem = (
            f"reconstructions have a mean squared error of {error:.4f}, no less than that of the "
            f"mean image ({bar:.4f})"
        )
    raise InputError(f"{problem}: {advice}")


def _advise(
    encoder: keras.Model,
    decoder: keras.Model,
    images: np.ndarray,
    reconstructed: np.ndarray,
    *,
    pixel_range: tuple[float, float],
    bar: float,
) -> str:
    """What would make reconstructions better than the mean image, as the end of a sentence."""
    low, high = pixel_range
    otherwise = (
        "pass images like those that the model was trained on and their --pixel-range, or a model "
        "that was trained longer"
    )
    found = []
    for other_low, other_high in (other for other in USUAL_RANGES if other != (low, high)):
        # The images as they would reach the model, and back, with that range built in.
        fed = (other_low + (other_high - other_low) * images - low) / (high - low)
        raw = low + (high - low) * predict(decoder, predict(encoder, fed.astype(np.float32)))
        error, far = _score(images, (raw - other_low) / (other_high - other_low))
        if error < bar and far <= MAX_FAR_SHARE:
            flag = f"--pixel-range {other_low:g} {other_high:g}"
            found.append((error, f"with {flag} the error would be {error:.4f}"))
    logits = low + (high - low) * reconstructed.astype(np.float64)
    error, _ = _score(images, 1 / (1 + np.exp(-np.clip(logits, -50, 50))))
    if error < bar:
        text = (
            f"it looks like logits, and through a sigmoid the error would be {error:.4f}; end the "
            "decoder in keras.layers.Activation('sigmoid') and save it again"
        )
        found.append((error, text))
    return min(found, default=(error, otherwise))[1]


def _score(images: np.ndarray, reconstructed: np.ndarray) -> tuple[float, float]:
    """Mean squared error, and the share of values far outside of [0, 1]."""
    far = (reconstructed < -FAR_OUTSIDE) | (reconstructed > 1 + FAR_OUTSIDE)
    return float(((reconstructed - images) ** 2).mean()), float(far.mean())
