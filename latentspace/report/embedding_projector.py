"""What TensorBoard's Embedding Projector reads: vectors, a table, thumbnails, and its settings."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from latentspace.core.errors import InputError
from latentspace.core.files import write_bytes
from latentspace.core.pixels import resize, tile, to_pil, to_unit_range
from latentspace.drawing.media import encode_image

TENSORS = ("codes", "pixels")
VECTORS, METADATA, SPRITE = "vectors.tsv", "metadata.tsv", "sprite.png"
CONFIG = "projector_config.pbtxt"
MOST_IMAGES = 100_000  # what the projector loads; it passes over the rest without a word
LONGEST_SIDE = 8192  # of a sprite, in pixels; the projector refuses a longer one
DIGITS = 4  # of a value; pixels need three to be told apart


def list_files(folder: Path) -> list[Path]:
    """The files where the projector looks for them, the one that names them last."""
    vectors = [folder / name / VECTORS for name in TENSORS]
    return [*vectors, folder / METADATA, folder / SPRITE, folder / CONFIG]


def check_count(count: int) -> None:
    """Refuses more images than the projector loads, by an `InputError` that says how many."""
    if count > MOST_IMAGES:
        raise InputError(
            f"the Embedding Projector shows at most {MOST_IMAGES:,} images. Received: {count:,}; "
            f"pass --samples {MOST_IMAGES} or fewer"
        )


def write_projector(
    folder: Path, codes: np.ndarray, pixels: np.ndarray, columns: Mapping[str, Sequence[object]]
) -> None:
    """Writes all files, each with a line to stdout; whatever else is in the folder stays.

    The folder is TensorBoard's --logdir. Codes are float (N, D), pixels of the same images uint8
    (N, H, W, 1 or 3); columns say by name what is known of each, (N,), two or more of them.
    """
    side = choose_cell_side(pixels.shape)
    if side < max(pixels.shape[1:3]):
        print(f"{SPRITE} may have {LONGEST_SIDE:,} pixels a side: images are scaled down to {side}")
    contents = _encode_files(codes, pixels, columns, side)
    for path, content in zip(list_files(folder), contents, strict=True):
        write_bytes(path, content)
        print(f"{path}  {len(content) / 1e6:.2f} MB")


def _encode_files(
    codes: np.ndarray, pixels: np.ndarray, columns: Mapping[str, Sequence[object]], side: int
) -> Iterator[bytes]:
    yield encode_vectors(codes)
    yield encode_vectors(to_unit_range(pixels).reshape(len(pixels), -1))
    yield encode_metadata(columns)
    yield encode_image(to_pil(make_sprite(pixels, side)), "PNG")
    lengths = (codes.shape[1], pixels[0].size)
    yield encode_config({n: (len(codes), d) for n, d in zip(TENSORS, lengths, strict=True)}, side)


def encode_vectors(vectors: np.ndarray) -> bytes:
    """Vectors, float (N, D), as a line each, of a few digits a value."""
    line = "\t".join([f"%.{DIGITS}g"] * vectors.shape[1]) + "\n"
    return "".join(line % tuple(vector.tolist()) for vector in vectors).encode()


def encode_metadata(columns: Mapping[str, Sequence[object]]) -> bytes:
    """Columns, two or more, as a table under their names.

    Of a single column the projector would take the name for a value. White space inside a value
    becomes a space, so that it can end neither a value nor a line.
    """
    rows = [columns.keys(), *zip(*columns.values(), strict=True)]
    words = ([" ".join(str(value).split()) for value in row] for row in rows)
    return "".join("\t".join(row) + "\n" for row in words).encode()


def choose_cell_side(shape: tuple[int, ...]) -> int:
    """Pixels a side of a thumbnail of images (N, H, W, C): theirs, or as many as have room."""
    return min(max(shape[1:3]), LONGEST_SIDE // _count_cells(shape[0]))


def _count_cells(count: int) -> int:
    return math.isqrt(count - 1) + 1


def make_sprite(pixels: np.ndarray, side: int) -> np.ndarray:
    """All images, uint8 (N, H, W, 1 or 3), on one sheet, row by row, in a square of square cells.

    The projector draws a cell as a square whatever its shape is, so images that are none are laid
    in the middle of a transparent one. Images larger than a cell of `side` pixels are scaled down.
    The sheet is uint8 (cells * side, cells * side, channels): grey or colour, and opacity where the
    images are not square.
    """
    count, *shape = pixels.shape
    height, width = (max(1, round(length * side / max(shape[:2]))) for length in shape[:2])
    if (height, width) != tuple(shape[:2]):
        pixels = resize(pixels, height, width, Image.Resampling.LANCZOS)
    if height != width:
        opaque = np.full((*pixels.shape[:3], 1), 255, np.uint8)
        pixels = np.concatenate([pixels, opaque], axis=3)
    cells = _count_cells(count)
    sheet = np.zeros((cells**2, side, side, pixels.shape[3]), np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    sheet[:count, top : top + height, left : left + width] = pixels
    return tile(sheet, cells)


def encode_config(shapes: Mapping[str, tuple[int, ...]], side: int) -> bytes:
    """The settings of the projector as text: shapes of tensors by name, pixels of a thumbnail."""
    return "".join(
        f'embeddings {{\n  tensor_name: "{name}"\n  tensor_path: "{name}/{VECTORS}"\n'
        + "".join(f"  tensor_shape: {length}\n" for length in shape)
        + f'  metadata_path: "{METADATA}"\n  sprite {{\n    image_path: "{SPRITE}"\n'
        + f"    single_image_dim: {side}\n" * 2
        + "  }\n}\n"
        for name, shape in shapes.items()
    ).encode()
