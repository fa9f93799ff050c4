"""NPZ files, read without trusting them: what they hold is known before any of it is loaded."""

from __future__ import annotations

import contextlib
import math
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latentspace.core.errors import InputError, format_reason, to_printable
from latentspace.core.memory import refuse_too_large

KINDS = "biufcSU"  # of dtypes: numbers and text; no objects, which are code, and no records
MEMBER_SUFFIX = ".npy"
ONE_ARRAY = b"\x93NUMPY"  # how a single array, an .npy file, begins
LONGEST_NAME = 80
MOST_EMPTY_ROWS = 1 << 20


@dataclass(frozen=True)
class Header:
    """What an array in an .npz file says of itself."""

    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def nbytes(self) -> int:
        """Bytes of its values."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_headers(path: Path) -> dict[str, Header]:
    """What the arrays of an .npz file are, by name, without reading their values.

    Raises:
        InputError: The file can't be read, is damaged, holds something else than arrays of
            numbers or text, or two arrays of one name.
    """
    with _open(path) as archive:
        return {name: header for name, (_, header) in _read_members(archive, path).items()}


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Reads all arrays of an .npz file.

    Raises:
        InputError: As `read_headers`, or there is not the memory for them.
    """
    with _open(path) as archive:
        found = _read_members(archive, path)
        needed = sum(header.nbytes for _, header in found.values())
        refuse_too_large(needed, str(path), "store fewer or smaller arrays in it")
        arrays = {}
        for name, (member, _) in found.items():
            with archive.open(member) as file:
                arrays[name] = np.lib.format.read_array(file, allow_pickle=False)
        return arrays


@contextlib.contextmanager
def _open(path: Path) -> Iterator[zipfile.ZipFile]:
    """Opens a file, and turns what goes wrong while it is read into an `InputError`."""
    if not path.is_file():  # a pipe or a device could keep one waiting for ever
        raise InputError(f"there is no NPZ file {path}")
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            yield archive
    except InputError:
        raise
    # What damage makes of a file is unpacked and parsed by zipfile, zlib, lzma, NumPy and Python's
    # own parser, and each raises what it likes.
    except Exception as error:
        with contextlib.suppress(OSError), path.open("rb") as file:
            if file.read(len(ONE_ARRAY)) == ONE_ARRAY:
                raise InputError(f"{path} is no NPZ file: it holds a single array") from error
        raise InputError(f"{path} can't be read as an NPZ file: {format_reason(error)}") from error


def _read_members(
    archive: zipfile.ZipFile, path: Path
) -> dict[str, tuple[zipfile.ZipInfo, Header]]:
    """The members of an archive and their headers, by the names of the arrays."""
    found: dict[str, tuple[zipfile.ZipInfo, Header]] = {}
    for member in archive.infolist():
        shown = to_printable(member.filename, LONGEST_NAME)
        name = member.filename.removesuffix(MEMBER_SUFFIX)
        if name == member.filename:
            raise InputError(f"{path} should hold arrays only, as np.savez does. Received: {shown}")
        if name in found:
            raise InputError(f"{path} should hold each array once. Received: {shown} twice")
        with archive.open(member) as file:
            version = np.lib.format.read_magic(file)
            if version not in ((1, 0), (2, 0)):  # the third is for records with foreign names
                raise InputError(f"{path}: {shown} is of a version that is not read, {version}")
            read = (
                np.lib.format.read_array_header_1_0
                if version == (1, 0)
                else np.lib.format.read_array_header_2_0
            )
            shape, _, dtype = read(file)
            start = file.tell()
        header = Header(shape, dtype)
        if dtype.kind not in KINDS or dtype.subdtype is not None:
            raise InputError(f"{path}: {shown} should hold numbers or text. Received: {dtype}")
        # An array of nothing costs nothing to store, but its rows are counted and numbered.
        is_empty = not header.nbytes and max(shape, default=0) > MOST_EMPTY_ROWS
        if is_empty or any(isinstance(side, bool) or side < 0 for side in shape):
            raise InputError(f"{path}: {shown} has no possible shape: {shape}")
        if start + header.nbytes != member.file_size:
            raise InputError(
                f"{path}: {shown} should hold {header.nbytes:,} bytes of values, as its shape "
                f"{shape} says. Received: {member.file_size - start:,}"
            )
        found[name] = member, header
    return found
