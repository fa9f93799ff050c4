"""Image files in memory: PNG, JPEG, WebP and AVIF, an image each or many in one sheet."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from latentspace.chapters.compression.curves import mean_ratio
from latentspace.core.pixels import resize, tile, to_pil, to_unit_range

SHEET_SIDE = 4096  # pixels; WebP allows 16,383
BLOCKS = (1, 8, 16)  # sides to which the images of a sheet may be padded
TRIAL_IMAGES = 500  # tell which padding needs fewest bytes
CLEAR_SAVING = 0.02  # what a padding must save there, since so few images tell no less for sure


@dataclass(frozen=True)
class Codec:
    """A kind of image file.

    Attributes:
        name: What it is called.
        format: Pillow's name of it.
        qualities: Settings to try, from the smallest file up; (None,) where nothing is lost.
        half_qualities: Those to try at half size: coarse ones, for what halving loses no finer
            quality brings back.
        options: What Pillow's `save` takes: those that make files smallest in acceptable time.
        alternatives: Further options, of which each file takes those that make it smallest.
        grey_options: Options for images of one channel.
        is_small: Whether files of single images are worth a look: AVIF's hold some 300 bytes
            before the first pixel.
    """

    name: str
    format: str
    qualities: tuple[int | None, ...]
    half_qualities: tuple[int, ...]
    options: Mapping[str, Any]
    alternatives: tuple[Mapping[str, Any], ...] = ({},)
    grey_options: Mapping[str, Any] | None = None
    is_small: bool = True

    @property
    def is_lossless(self) -> bool:
        """Whether every image comes back as it was."""
        return self.qualities == (None,)


CODECS = (
    Codec(
        "JPEG",
        "JPEG",
        (1, 5, 10, 25, 50, 75, 90),
        (1, 5, 10, 15),
        {"optimize": True},
        ({"progressive": False}, {"progressive": True}),
    ),
    Codec("WebP", "WEBP", (0, 2, 5, 10, 25, 50, 80), (0, 1, 2, 5, 10), {"method": 6}),
    Codec(
        "AVIF",
        "AVIF",
        (0, 20, 45, 75),
        (0, 10, 20, 30, 40),
        {"speed": 6},
        grey_options={"subsampling": "4:0:0"},
        is_small=False,
    ),
    Codec("PNG", "PNG", (None,), (), {"optimize": True}),
    Codec("lossless WebP", "WEBP", (None,), (), {"lossless": True, "quality": 100, "method": 4}),
)


def list_available() -> tuple[Codec, ...]:
    """Those of `CODECS` that this Pillow can write."""
    Image.init()
    return tuple(codec for codec in CODECS if codec.format in Image.SAVE)


def encode_image(pixels: np.ndarray, codec: Codec, quality: int | None) -> bytes:
    """One image as a file.

    Args:
        pixels: uint8 (H, W, 1 or 3).
        codec: The kind of file.
        quality: One of the codec's.
    """
    image = to_pil(pixels)
    options = {**codec.options, **({} if quality is None else {"quality": quality})}
    if codec.grey_options is not None and pixels.shape[2] == 1:
        options.update(codec.grey_options)
    files = []
    for more in codec.alternatives:
        file = io.BytesIO()
        image.save(file, codec.format, **options, **more)
        files.append(file.getvalue())
    return min(files, key=len)


def decode_image(data: bytes, channels: int) -> np.ndarray:
    """A file as an image, uint8 (H, W, channels)."""
    with Image.open(io.BytesIO(data)) as image:
        pixels = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    return pixels.reshape(*pixels.shape[:2], channels)


def store_alone(pixels: np.ndarray, codec: Codec, quality: int | None) -> tuple[int, np.ndarray]:
    """Images as a file each.

    Args:
        pixels: uint8 (N, H, W, C).
        codec: The kind of file.
        quality: One of the codec's.

    Returns:
        Bytes of all files, and what comes back, uint8 (N, H, W, C).
    """
    files = [encode_image(image, codec, quality) for image in pixels]
    return sum(map(len, files)), np.stack([decode_image(file, pixels.shape[3]) for file in files])


def store_in_sheets(
    pixels: np.ndarray, codec: Codec, quality: int | None, *, block: int = 1, halved: bool = False
) -> tuple[int, np.ndarray]:
    """Images side by side in one file, or a few.

    Args:
        pixels: uint8 (N, H, W, C).
        codec: The kind of file.
        quality: One of the codec's.
        block: Images are padded to multiples of it, by their own edge.
        halved: Store them at half their height and width, and enlarge what comes back.

    Returns:
        Bytes of all files, and what comes back, uint8 (N, H, W, C).
    """
    height, width, channels = pixels.shape[1:]
    small = pixels
    if halved:
        small = resize(pixels, -(-height // 2), -(-width // 2), Image.Resampling.BOX)
    files = [encode_image(sheet, codec, quality) for sheet in make_sheets(small, block)]
    back = split_sheets([decode_image(file, channels) for file in files], small.shape, block)
    if halved:
        back = resize(back, height, width, Image.Resampling.LANCZOS)
    return sum(map(len, files)), back


def find_best_block(pixels: np.ndarray, codec: Codec, *, halved: bool = False) -> int:
    """The one of `BLOCKS` that needs fewest bytes in sheets at equal error; 1 if none clearly does.

    Args:
        pixels: uint8 (N, H, W, C), of which the first `TRIAL_IMAGES` are tried.
        codec: The kind of file.
        halved: Whether they are to be stored at half size.
    """
    tried = pixels[:TRIAL_IMAGES]
    images = to_unit_range(tried)
    factor = 2 if halved else 1
    sides = [-(-side // factor) for side in pixels.shape[1:3]]
    # Where two blocks come to the same size, the smaller one stands for both.
    padded = {block: [-(-side // block) * block for side in sides] for block in BLOCKS}
    different = [
        block
        for at, block in enumerate(BLOCKS)
        if padded[block] not in [padded[smaller] for smaller in BLOCKS[:at]]
    ]

    def measure_curve(block: int) -> tuple[np.ndarray, np.ndarray]:
        stored = [
            store_in_sheets(tried, codec, quality, block=block, halved=halved)
            for quality in (codec.half_qualities if halved else codec.qualities)
        ]
        errors = [float(np.square(to_unit_range(back) - images).mean()) for _, back in stored]
        return np.array([size for size, _ in stored], float), np.array(errors)

    found = {block: measure_curve(block) for block in different}
    ratios = {block: mean_ratio(found[block], found[BLOCKS[0]]) for block in different}
    best = min(ratios, key=lambda block: ratios[block])
    return best if ratios[best] < 1 - CLEAR_SAVING else BLOCKS[0]


def make_sheets(pixels: np.ndarray, block: int) -> list[np.ndarray]:
    """Images (N, H, W, C) side by side, as near to a square as they come.

    Returns:
        uint8 (height, width, C) each, sides up to `SHEET_SIDE`; cells left over are black.
    """
    count, height, width, _ = pixels.shape
    high, wide = (-(-side // block) * block for side in (height, width))
    columns, most = _find_sheet_grid(count, high, wide)
    margins = ((0, 0), (0, high - height), (0, wide - width), (0, 0))
    made = []
    for start in range(0, count, columns * most):
        part = np.pad(pixels[start : start + columns * most], margins, mode="edge")
        made.append(tile(part, columns))
    return made


def split_sheets(made: list[np.ndarray], shape: tuple[int, ...], block: int) -> np.ndarray:
    """Cuts sheets, as `make_sheets` made them, into images of the shape (N, H, W, C)."""
    count, height, width, channels = shape
    high, wide = (-(-side // block) * block for side in (height, width))
    cells = [
        sheet.reshape(len(sheet) // high, high, -1, wide, channels)
        .swapaxes(1, 2)
        .reshape(-1, high, wide, channels)
        for sheet in made
    ]
    return np.concatenate(cells)[:count, :height, :width]


def _find_sheet_grid(count: int, height: int, width: int) -> tuple[int, int]:
    """Columns of a sheet of cells of a size, and the rows that it may have at most."""
    square = round(np.sqrt(count * height / width)) or 1
    return min(square, max(1, SHEET_SIDE // width)), max(1, SHEET_SIDE // height)
