"""All pictures of a page in one sheet, from which the page cuts what it shows."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from latentspace.core.pixels import resize, tile, to_pil

MOST_PIXELS = 32_000_000  # of a sheet; a browser holds four bytes a pixel
MOST_BYTES = 12_000_000  # of a sheet without loss
EFFORT, QUALITY = 20, 85  # of 100: of the search for a small file; of what is kept with loss


@dataclass(frozen=True)
class Sheet:
    """Pictures in rows, one beside the other.

    Attributes:
        encoded: The sheet as a WebP file.
        tile: Height and width of each picture.
        columns: Pictures in a row.
        note: What was done to them to save room; empty where they are as they were.
    """

    encoded: bytes
    tile: tuple[int, int]
    columns: int
    note: str


def make_sheet(pictures: np.ndarray) -> Sheet:
    """Lays pictures out, scaled down where so many need more than `MOST_PIXELS`.

    The sheet is about square, so that no side comes near the 16,383 pixels that WebP allows.

    Args:
        pictures: uint8 (N, H, W, 1 or 3).
    """
    count, height, width, _ = pictures.shape
    scale = math.sqrt(MOST_PIXELS / (count * height * width))
    notes = []
    if scale < 1:
        height, width = (max(1, int(side * scale)) for side in (height, width))
        pictures = resize(pictures, height, width, Image.Resampling.BOX)
        notes.append(f"scaled down to {height}x{width} pixels")
    columns = min(count, math.ceil(math.sqrt(count * height / width)))
    image = to_pil(tile(pictures, columns))
    encoded = _encode_webp(image, lossless=True, quality=EFFORT)
    if len(encoded) > MOST_BYTES:
        encoded = _encode_webp(image, quality=QUALITY)
        notes.append("compressed with a little loss")
    return Sheet(encoded, (height, width), columns, " and ".join(notes))


def _encode_webp(image: Image.Image, **options: int | bool) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="WEBP", method=2, **options)
    return buffer.getvalue()
