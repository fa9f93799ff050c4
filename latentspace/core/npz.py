"""NPZ and NPY files, read without trusting them: what they hold is known before it is loaded."""

from __future__ import annotations

import contextlib
import math
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

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


class UnreadKindError(InputError):
    """Something is no array of numbers or text, which is harmless as long as nobody needs it."""

    def __init__(self, text: str, what: str) -> None:
        """Takes the message, and what it is, in a few words."""
        super().__init__(text)
        self.what = what


def read_headers(path: Path, *, unread: dict[str, str] | None = None) -> dict[str, Header]:
    """What the arrays of an .npz file, or the one of an .npy file, are, without their values.

    Args:
        path: The file. The array of an .npy file has the name of the file.
        unread: Gets what is no array of numbers or text, by its name: its shape and kind in words.
            None refuses it.

    Returns:
        The headers, by name.

    Raises:
        InputError: The file can't be read, is damaged, holds something else than arrays of
            numbers or text, or two arrays of one name.
    """
    if path.suffix.lower() == MEMBER_SUFFIX:
        with _open_file(path, "an NPY") as file:
            try:
                return {path.stem: _read_header(file, path.stat().st_size, path.name, path)}
            except UnreadKindError as error:
                if unread is None:
                    raise
                unread[path.stem] = error.what
                return {}
    with _open(path) as archive:
        found = _read_members(archive, path, unread)
        return {name: header for name, (_, header) in found.items()}


def read_arrays(path: Path, *, unread: dict[str, str] | None = None) -> dict[str, np.ndarray]:
    """Reads all arrays of an .npz file, or the one of an .npy file, see `read_headers`.

    Raises:
        InputError: As `read_headers`, or there is not the memory for them.
    """
    if path.suffix.lower() == MEMBER_SUFFIX:
        headers = read_headers(path, unread=unread)
        needed = sum(header.nbytes for header in headers.values())
        refuse_too_large(needed, str(path), "store fewer or smaller values in it")
        with _open_file(path, "an NPY") as file:
            return {name: np.lib.format.read_array(file, allow_pickle=False) for name in headers}
    with _open(path) as archive:
        found = _read_members(archive, path, unread)
        needed = sum(header.nbytes for _, header in found.values())
        refuse_too_large(needed, str(path), "store fewer or smaller arrays in it")
        arrays = {}
        for name, (member, _) in found.items():
            with archive.open(member) as file:
                arrays[name] = np.lib.format.read_array(file, allow_pickle=False)
        return arrays


@contextlib.contextmanager
def _open(path: Path) -> Iterator[zipfile.ZipFile]:
    with _open_file(path, "an NPZ") as file, zipfile.ZipFile(file) as archive:
        yield archive


@contextlib.contextmanager
def _open_file(path: Path, kind: str) -> Iterator[IO[bytes]]:
    """Opens a file, and turns what goes wrong while it is read into an `InputError`."""
    if not path.is_file():  # a pipe or a device could keep one waiting for ever
        raise InputError(f"there is no {kind.split()[1]} file {path}")
    try:
        with path.open("rb") as file:
            yield file
    except InputError:
        raise
    # What damage makes of a file is unpacked and parsed by zipfile, zlib, lzma, NumPy and Python's
    # own parser, and each raises what it likes.
    except Exception as error:
        with contextlib.suppress(OSError), path.open("rb") as file:
            if path.suffix.lower() != MEMBER_SUFFIX and file.read(len(ONE_ARRAY)) == ONE_ARRAY:
                raise InputError(
                    f"{path} is no NPZ file: it holds a single array, whose name should end in .npy"
                ) from error
        raise InputError(f"{path} can't be read as {kind} file: {format_reason(error)}") from error


def _read_members(
    archive: zipfile.ZipFile, path: Path, unread: dict[str, str] | None = None
) -> dict[str, tuple[zipfile.ZipInfo, Header]]:
    """The members of an archive and their headers, by the names of the arrays."""
    found: dict[str, tuple[zipfile.ZipInfo, Header]] = {}
    for member in archive.infolist():
        shown = to_printable(member.filename, LONGEST_NAME)
        name = member.filename.removesuffix(MEMBER_SUFFIX)
        try:
            if name == member.filename:
                text = f"{path} should hold arrays only, as np.savez does. Received: {shown}"
                raise UnreadKindError(text, "no array")
            if name in found:
                raise InputError(f"{path} should hold each array once. Received: {shown} twice")
            with archive.open(member) as file:
                found[name] = member, _read_header(file, member.file_size, shown, path)
        except UnreadKindError as error:
            if unread is None:
                raise
            unread[name] = error.what
    return found


def _read_header(file: IO[bytes], size: int, shown: str, path: Path) -> Header:
    """Reads the header of an array of so many bytes, which is called `shown` in messages."""
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):  # the third is for records with foreign names
        text = f"{path}: {shown} is of a version that is not read, {version}"
        raise UnreadKindError(text, f"version {version}")
    read = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, _, dtype = read(file)
    start = file.tell()
    header = Header(shape, dtype)
    if dtype.kind not in KINDS or dtype.subdtype is not None:
        text = f"{path}: {shown} should hold numbers or text. Received: {dtype}"
        kind = "Python objects" if dtype.hasobject else dtype
        raise UnreadKindError(text, to_printable(f"{shape} {kind}", LONGEST_NAME))
    # An array of nothing costs nothing to store, but its rows are counted and numbered.
    is_empty = not header.nbytes and max(shape, default=0) > MOST_EMPTY_ROWS
    if is_empty or any(isinstance(side, bool) or side < 0 for side in shape):
        raise InputError(f"{path}: {shown} has no possible shape: {shape}")
    if start + header.nbytes != size:
        raise InputError(
            f"{path}: {shown} should hold {header.nbytes:,} bytes of values, as its shape "
            f"{shape} says. Received: {size - start:,}"
        )
    return header
