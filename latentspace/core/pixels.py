"""One pixel contract: float32 in [0, 1] inside, uint8 at the edge; here is the way between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

VALUES_AT_ONCE = 2**22  # as floats 16 MB, so that memory is used again; 5,000 images of MNIST
VALUES_HELD = 2**26  # 256 MB; MNIST is held as a whole


def to_unit_range(pixels: np.ndarray) -> np.ndarray:
    """uint8 in 0..255, else a `ValueError`, -> float32 in [0, 1], shape kept, input untouched."""
    if pixels.dtype != np.uint8:
        raise ValueError(f"expected uint8 pixels. Received: pixels.dtype={pixels.dtype}")
    return np.multiply(pixels, np.float32(1 / 255), dtype=np.float32)


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Floats in [0, 1] -> uint8 in 0..255, shape kept, input untouched.

    They are clipped and rounded, never stretched. Raises a `ValueError` where the images are not
    floats, or hold a value that is not finite.
    """
    if not np.issubdtype(images.dtype, np.floating):
        raise ValueError(f"expected float images. Received: images.dtype={images.dtype}")
    if not np.isfinite(images).all():
        raise ValueError("expected finite images. Received: NaN or infinity among the pixels")
    return np.rint(np.clip(images, 0, 1) * 255).astype(np.uint8)


def to_rgb(pixels: np.ndarray) -> np.ndarray:
    """uint8 (..., H, W, 1 or 3) -> uint8 (..., H, W, 3)."""
    return np.broadcast_to(pixels, (*pixels.shape[:-1], 3))


def to_pil(pixels: np.ndarray) -> Image.Image:
    """uint8 (H, W, 1, 3 or 4) -> an image of Pillow: grey, colour, or colour with opacity."""
    from PIL import Image

    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def resize(pixels: np.ndarray, height: int, width: int, how: Image.Resampling) -> np.ndarray:
    """uint8 (N, H, W, 1 or 3) -> uint8 (N, height, width, 1 or 3), by a filter of Pillow."""
    small = [np.asarray(to_pil(one).resize((width, height), how)) for one in pixels]
    return np.stack(small).reshape(len(pixels), height, width, pixels.shape[-1])


def tile(pixels: np.ndarray, columns: int) -> np.ndarray:
    """Images (N, H, W, C) row by row on one sheet (rows * H, columns * W, C); the rest is 0."""
    count, height, width, channels = pixels.shape
    rows = -(-count // columns)
    cells = np.zeros((rows * columns, height, width, channels), pixels.dtype)
    cells[:count] = pixels
    cells = cells.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    return cells.reshape(rows * height, columns * width, channels)


class UnitImages:
    """Images as float32 in [0, 1]: pixels that stay uint8, or on disk, until they are indexed."""

    dtype = np.dtype(np.float32)

    def __init__(self, pixels: np.ndarray, rows: np.ndarray | None = None) -> None:
        """Takes uint8 (N, ...) and the indices of the chosen ones, int (K,); None takes all."""
        self._pixels, self._rows = pixels, rows
        self.shape = (len(pixels if rows is None else rows), *pixels.shape[1:])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, which: int | slice | np.ndarray) -> np.ndarray:
        chosen = which if self._rows is None else self._rows[which]
        return to_unit_range(self._pixels[chosen])

    def flatten(self) -> UnitImages:
        """The same images, each a row of values, (N, H * W * C)."""
        return UnitImages(self._pixels.reshape(len(self._pixels), -1), self._rows)

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(dtype or self.dtype, copy=False)


Images = np.ndarray | UnitImages


def count_images_at_once(images: Images) -> int:
    """How many images (N, ...), 1 or more, become floats together where all do, part by part."""
    return max(1, VALUES_AT_ONCE // max(1, images[:1].size))


def count_images_held(images: Images) -> int:
    """How many images (N, ...), 1 or more, are held as floats where as many as possible should."""
    return max(1, VALUES_HELD // max(1, images[:1].size))


def iterate_parts(images: Images, at_once: int | None = None) -> Iterator[slice]:
    """Slices over the images (N, ...) of an array, of `at_once` or as many as 16 MB of floats."""
    step = at_once or count_images_at_once(images)
    for start in range(0, len(images), step):
        yield slice(start, start + step)


def space_evenly(count: int, most: int) -> np.ndarray:
    """Indices, int64, of all of so many images, or of as many as wanted at even distances."""
    return np.linspace(0, count - 1, min(count, most)).astype(int)


def map_parts(function: Callable[[np.ndarray], np.ndarray], images: Images) -> np.ndarray:
    """What a function of images (N, ...) gives (N, ...), when it is called with parts of them."""
    return np.concatenate([function(images[part]) for part in iterate_parts(images)])
