"""How large the images of a picture may be, so that its file stays small."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from latentspace.core.pixels import resize, to_uint8, to_unit_range

STILL_VALUES = 6_000_000  # of all images of a PNG; photographs take 0.6 bytes each
MOVING_PIXELS = 8_000_000  # of all frames of all images of a GIF
LEAST_SIDE = 65  # pixels; smaller ones would be enlarged again, and faces be hard to see
Shown = TypeVar("Shown")


def fit_tiles(shown: Shown, *, moving: bool = False) -> tuple[Shown, str]:
    """Scales the images of a picture, or of one `moving`, down, all alike, where they are too many.

    What is shown is mappings, sequences and dataclasses in each other. Every array of four axes or
    more in it holds images (..., H, W, C) of one size, uint8 or float32 in [0, 1], whole images NaN
    where nothing is drawn. The same comes back with images of at least `LEAST_SIDE` pixels, and a
    sentence on it for the caption; the very same and no sentence where they are small enough.
    """
    arrays: list[np.ndarray] = []
    _replace_images(shown, arrays.append)  # for the list alone
    if not arrays:
        return shown, ""
    height, width, _ = arrays[0].shape[-3:]
    size = sum(array.size // (array.shape[-1] if moving else 1) for array in arrays)
    most = MOVING_PIXELS if moving else STILL_VALUES
    scale = max(math.sqrt(most / max(1, size)), LEAST_SIDE / min(height, width))
    if scale >= 1:
        return shown, ""
    small = round(height * scale), round(width * scale)
    words = f"images of {height}x{width} pixels are scaled down to {small[0]}x{small[1]}"
    fitting = _replace_images(shown, lambda images: _shrink(images, *small))
    return fitting, f"To keep the file small, {words}."


def _replace_images(shown: Any, change: Callable[[np.ndarray], object]) -> Any:
    """A copy of something with all arrays of images in it changed."""
    if isinstance(shown, np.ndarray):
        return change(shown) if shown.ndim >= 4 else shown
    if isinstance(shown, Mapping):
        return {name: _replace_images(value, change) for name, value in shown.items()}
    if isinstance(shown, list | tuple):
        return type(shown)(_replace_images(value, change) for value in shown)
    if dataclasses.is_dataclass(shown) and not isinstance(shown, type):
        values = {one.name: getattr(shown, one.name) for one in dataclasses.fields(shown)}
        return dataclasses.replace(shown, **_replace_images(values, change))
    return shown


def _shrink(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """Images (..., H, W, C) of `height` x `width` pixels, each the mean of the area below it."""
    shape = *images.shape[:-3], height, width, images.shape[-1]
    if not images.size:
        return np.empty(shape, images.dtype)
    flat = images.reshape(-1, *images.shape[-3:])
    if images.dtype == np.uint8:
        small = resize(flat, height, width, Image.Resampling.BOX)
    else:
        blank = np.isnan(flat).any(axis=(1, 2, 3))
        pixels = to_uint8(np.where(blank[:, None, None, None], 0, flat))
        small = to_unit_range(resize(pixels, height, width, Image.Resampling.BOX))
        small[blank] = np.nan
    return small.reshape(shape)
