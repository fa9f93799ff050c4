"""Image files in memory: PNG, JPEG, WebP and AVIF, an image each or many in one sheet."""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from latentspace.chapters.compression.methods import mean_ratio
from latentspace.core.documents import read_tables
from latentspace.core.pixels import resize, tile, to_pil, to_unit_range
from latentspace.drawing import media

SHEET_SIDE = 4096  # pixels; WebP allows 16,383
BLOCKS = (1, 8, 16)  # sides to which the images of a sheet may be padded
TRIAL_IMAGES = 500  # tell which padding needs fewest bytes
CLEAR_SAVING = 0.02  # what a padding must save there, since so few images tell no less for sure


@dataclass(frozen=True)
class Codec:
    name: str  # what it is called
    format: str  # Pillow's name of it
    # What Pillow's `save` takes: those that make files smallest in acceptable time; of several each
    # file takes those that make it smallest.
    options: Sequence[Mapping[str, Any]]
    grey_options: Mapping[str, Any] = field(default_factory=dict)  # more, for one channel
    qualities: Sequence[int | None] = (None,)  # from the smallest file up; None loses nothing
    half_qualities: Sequence[int] = ()  # at half size; none finer brings back what that lost
    is_small: bool = True  # alone; AVIF's files hold some 300 bytes before the first pixel

    @property
    def is_lossless(self) -> bool:
        """Whether every image comes back as it was."""
        return self.qualities == (None,)


CODECS = tuple(Codec(name, **fields) for name, fields in read_tables(__file__).items())


def list_available() -> tuple[Codec, ...]:
    """Those of `CODECS` that this Pillow can write."""
    Image.init()
    return tuple(codec for codec in CODECS if codec.format in Image.SAVE)


def encode_image(pixels: np.ndarray, codec: Codec, quality: int | None) -> bytes:
    """One image, uint8 (H, W, 1 or 3), as a file, in one of the codec's qualities."""
    image = to_pil(pixels)
    more: dict[str, Any] = {} if quality is None else {"quality": quality}
    if pixels.shape[2] == 1:
        more.update(codec.grey_options)
    files = (media.encode_image(image, codec.format, **each, **more) for each in codec.options)
    return min(files, key=len)


def _write_and_read(
    pictures: Iterable[np.ndarray], codec: Codec, quality: int | None
) -> tuple[int, list[np.ndarray]]:
    """Bytes of the files of pictures, uint8 (H, W, C), and what comes back of each."""
    size, back = 0, []
    for picture in pictures:
        data = encode_image(picture, codec, quality)
        size += len(data)
        with Image.open(io.BytesIO(data)) as image:
            pixels = np.asarray(image.convert("L" if picture.shape[2] == 1 else "RGB"))
        back.append(pixels.reshape(picture.shape))
    return size, back


def store_alone(pixels: np.ndarray, codec: Codec, quality: int | None) -> tuple[int, np.ndarray]:
    """Stores images, uint8 (N, H, W, C), as a file each: bytes of all, and what comes back."""
    size, back = _write_and_read(pixels, codec, quality)
    return size, np.stack(back)


def store_in_sheets(
    pixels: np.ndarray, codec: Codec, quality: int | None, *, block: int = 1, halved: bool = False
) -> tuple[int, np.ndarray]:
    """As `store_alone`, in a file or a few, padded to multiples of `block`, `halved` or not."""
    height, width = pixels.shape[1:3]
    small = pixels
    if halved:
        small = resize(pixels, -(-height // 2), -(-width // 2), Image.Resampling.BOX)
    size, sheets = _write_and_read(make_sheets(small, block), codec, quality)
    back = split_sheets(sheets, small.shape, block)
    if halved:
        back = resize(back, height, width, Image.Resampling.LANCZOS)
    return size, back


def find_best_block(pixels: np.ndarray, codec: Codec, *, halved: bool = False) -> int:
    """The one of `BLOCKS` with the smallest sheets at equal error; 1 if none clearly has."""
    tried = pixels[:TRIAL_IMAGES]
    images = to_unit_range(tried)
    height, width = (-(-side // (2 if halved else 1)) for side in pixels.shape[1:3])
    different: dict[tuple[int, int], int] = {}
    for block in BLOCKS:
        # Where two blocks come to the same size, the smaller one stands for both.
        different.setdefault(_pad_sides(height, width, block), block)

    def measure_curve(block: int) -> tuple[np.ndarray, np.ndarray]:
        sizes, errors = [], []
        for quality in codec.half_qualities if halved else codec.qualities:
            size, back = store_in_sheets(tried, codec, quality, block=block, halved=halved)
            sizes.append(float(size))
            errors.append(float(np.square(to_unit_range(back) - images).mean()))
        return np.array(sizes), np.array(errors)

    found = {block: measure_curve(block) for block in different.values()}
    ratios = {block: mean_ratio(curve, found[BLOCKS[0]]) for block, curve in found.items()}
    best = min(ratios, key=lambda block: ratios[block])
    return best if ratios[best] < 1 - CLEAR_SAVING else BLOCKS[0]


def make_sheets(pixels: np.ndarray, block: int) -> list[np.ndarray]:
    """Images in sheets, nearly square, up to `SHEET_SIDE`, the rest black: uint8 (h, w, C)."""
    count, height, width, _ = pixels.shape
    high, wide = _pad_sides(height, width, block)
    square = round(np.sqrt(count * high / wide)) or 1
    rows, columns = max(1, SHEET_SIDE // high), min(square, max(1, SHEET_SIDE // wide))
    margins = ((0, 0), (0, high - height), (0, wide - width), (0, 0))
    made = []
    for start in range(0, count, columns * rows):
        part = np.pad(pixels[start : start + columns * rows], margins, mode="edge")
        made.append(tile(part, columns))
    return made


def split_sheets(made: list[np.ndarray], shape: tuple[int, ...], block: int) -> np.ndarray:
    """Cuts sheets, as `make_sheets` made them, into images of the shape (N, H, W, C)."""
    count, height, width, channels = shape
    high, wide = _pad_sides(height, width, block)
    rows = [sheet.reshape(len(sheet) // high, high, -1, wide, channels) for sheet in made]
    cells = [row.swapaxes(1, 2).reshape(-1, high, wide, channels) for row in rows]
    return np.concatenate(cells)[:count, :height, :width]


def _pad_sides(height: int, width: int, block: int) -> tuple[int, int]:
    return -(-height // block) * block, -(-width // block) * block
