"""Whether an encoder and a decoder reconstruct images, and what would fix it if they do not."""

from __future__ import annotations

import keras
import numpy as np

from latentspace.core.errors import InputError
from latentspace.models.runs import predict

UNIT_RANGE = (0.0, 1.0)
USUAL_RANGES = (UNIT_RANGE, (-1.0, 1.0), (0.0, 255.0))
FAR_OUTSIDE = 0.5  # beyond 0 or 1; linear outputs overshoot by less
MAX_FAR_SHARE = 0.01


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
        pixel_range: Of the model, for the search for a better one.

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
