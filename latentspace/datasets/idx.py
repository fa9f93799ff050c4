"""IDX files, in which MNIST and its kin come."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from latentspace.datasets.arrays import Arrays
from latentspace.files import InputError

IDX_FILES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}


def is_idx_folder(folder: Path) -> bool:
    """Whether a folder holds one of the four files or more."""
    return any(_find(folder, stem) is not None for stem in IDX_FILES.values())


def read_idx_folder(folder: Path) -> Arrays:
    """Reads four IDX files with the standard names, raw or .gz.

    Raises:
        InputError: One is missing, damaged, or no IDX file.
    """
    arrays = {}
    for name, stem in IDX_FILES.items():
        path = _find(folder, stem)
        if path is None:
            raise InputError(
                f"{folder} should hold {stem} or {stem}.gz: a data set of IDX files has four of "
                f"them, {', '.join(IDX_FILES.values())}"
            )
        arrays[name] = read_idx(path)
    return Arrays(**arrays)


def read_idx(path: Path) -> np.ndarray:
    """Reads one IDX file of unsigned bytes, raw or gzip-compressed.

    The format: two zero bytes, a type code (8: unsigned byte), the number of dimensions, each
    dimension as a big-endian 32-bit integer, then the values (LeCun, Cortes & Burges, "The MNIST
    database").

    Args:
        path: The file; `.gz` at its end means compressed.

    Returns:
        uint8 array of the shape in the header.

    Raises:
        InputError: The file can't be read, is no IDX file, or is longer or shorter than it says.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
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
            expected = math.prod(shape)
            # One byte more than promised tells a longer file from a complete one.
            values = file.read(expected + 1)
    except (OSError, EOFError, zlib.error, OverflowError, MemoryError) as error:
        raise InputError(f"{path} can't be read: {error}; download it again") from error
    if len(values) != expected:
        found = "more" if len(values) > expected else f"{len(values):,}"
        raise InputError(
            f"{path} should hold {expected:,} values, as its header {shape} says. Received: "
            f"{found}; download it again"
        )
    return np.frombuffer(values, np.uint8).reshape(shape)


def _find(folder: Path, stem: str) -> Path | None:
    return next((p for p in (folder / stem, folder / f"{stem}.gz") if p.is_file()), None)
