"""IDX files, in which MNIST and its kin come."""

import gzip
import io
import math
from pathlib import Path

import numpy as np

from latentspace.core.errors import InputError, explain_error
from latentspace.core.files import refuse_outside
from latentspace.core.memory import refuse_too_large
from latentspace.datasets.arrays import BYTES_PER_IMAGE, Arrays

IDX_FILES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}
MOST_EXPANSION = 1032  # of what is compressed by deflate, the way of gzip


def is_idx_folder(folder: Path) -> bool:
    """Whether a folder holds one of the four files or more."""
    return any(_find(folder, stem) is not None for stem in IDX_FILES.values())


def read_idx_folder(folder: Path) -> Arrays:
    """Reads four IDX files, raw or .gz; an `InputError` where one is missing, damaged or no IDX."""
    arrays = []
    for stem in IDX_FILES.values():
        path = _find(folder, stem)
        if path is None:
            raise InputError(
                f"{folder} should hold {stem} or {stem}.gz: a data set of IDX files has four of "
                f"them, {', '.join(IDX_FILES.values())}"
            )
        arrays.append(read_idx(path))
    return Arrays(images=arrays[::2], labels=arrays[1::2])


def read_idx(path: Path) -> np.ndarray:
    """Reads one IDX file of unsigned bytes, raw or gzip-compressed.

    The format: two zero bytes, a type code (8: unsigned byte), the number of dimensions, each
    dimension as a big-endian 32-bit integer, then the values (LeCun, Cortes & Burges, "The MNIST
    database"). Returns uint8 of the shape in the header. Raises an `InputError` where the file is
    damaged or no IDX file, holds nothing, or needs more memory than there is.
    """
    is_packed = path.suffix == ".gz"
    with explain_error(f"{path} can't be read", "download it again"):
        stored = path.stat().st_size
        with gzip.open(path) if is_packed else path.open("rb") as file:
            shape = _read_shape(file, path)
            expected = math.prod(shape)
            most = min(expected, stored * (MOST_EXPANSION if is_packed else 1))
            refuse_too_large(
                most + BYTES_PER_IMAGE * min(shape[0], most),
                f"{path}, of the shape {shape},",
                "take fewer images, or a folder of image files, which are read as they are needed",
            )
            values = np.frombuffer(file.read(most + 1), np.uint8)
    if len(values) != expected:
        wanted = f"{path} should hold {expected:,} values, as its header {shape} says"
        more = " or more" if len(values) > expected else ""
        raise InputError(f"{wanted}. Received: {len(values):,}{more}; download it again")
    return values.reshape(shape)


def _read_shape(file: io.BufferedIOBase, path: Path) -> tuple[int, ...]:
    start = file.read(4)
    if len(start) < 4 or start[:3] != b"\0\0\x08" or not 1 <= start[3] <= 4:
        raise InputError(
            f"{path} is no IDX file of bytes: expected it to begin with 00 00 08 and the "
            f"number of dimensions. Received: {start.hex(' ') or 'nothing'}"
        )
    header = file.read(4 * start[3])
    if len(header) < 4 * start[3]:
        raise InputError(f"{path} ends within its header; download it again")
    shape = tuple(int(size) for size in np.frombuffer(header, ">u4"))
    if 0 in shape:
        raise InputError(f"{path} holds nothing: its header says {shape}; download it again")
    return shape


def _find(folder: Path, stem: str) -> Path | None:
    """A folder's file of a standard name, if any; an `InputError` where a link leads out of it."""
    for path in (folder / stem, folder / f"{stem}.gz"):
        if path.is_file():
            refuse_outside(path, folder)
            return path
    return None
