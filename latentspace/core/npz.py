"""NPZ and NPY files, read without trusting them: what they hold is known before it is loaded."""

import contextlib
import math
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np

from latentspace.core.errors import InputError, explain_error, to_printable
from latentspace.core.memory import refuse_too_large

KINDS = "biufcSU"  # of dtypes: numbers and text; no objects, which are code, and no records
MEMBER_SUFFIX = ".npy"
ONE_ARRAY = b"\x93NUMPY"  # how a single array, an .npy file, begins
LONGEST_NAME = 80
MOST_EMPTY_ROWS = 1 << 20

Opener = Callable[[], IO[bytes]]


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
    """What the arrays of an .npz file, or the one of an .npy file, are, by name, without values.

    `unread` gets what is no array of numbers or text, by its name: its shape and kind in words;
    None refuses it. Raises an `InputError` where the file is unreadable, damaged, or holds other
    things than that, or two arrays of a name.
    """
    with _open(path, unread) as found:
        return {name: header for name, (header, _) in found.items()}


def read_arrays(
    path: Path, *, unread: dict[str, str] | None = None, only: str | None = None
) -> dict[str, np.ndarray]:
    """All arrays of an .npz or .npy file, or `only` one; errors as `read_headers`, or of memory."""
    with _open(path, unread) as every:
        found = {name: every[name] for name in ([only] if only else every)}
        needed = sum(header.nbytes for header, _ in found.values())
        refuse_too_large(needed, str(path), "store fewer or smaller arrays in it")
        arrays = {}
        for name, (_, open_member) in found.items():
            with open_member() as file:
                arrays[name] = np.lib.format.read_array(file, allow_pickle=False)
        return arrays


@contextlib.contextmanager
def _open(path: Path, unread: dict[str, str] | None) -> Iterator[dict[str, tuple[Header, Opener]]]:
    """Yields header and opener of each array in a file, by name; what goes wrong: `InputError`."""
    is_npy = path.suffix.lower() == MEMBER_SUFFIX
    kind = "NPY" if is_npy else "NPZ"
    if not path.is_file():  # a pipe or a device could keep one waiting for ever
        raise InputError(f"there is no {kind} file {path}")
    with explain_error(f"{path} can't be read as an {kind} file"), path.open("rb") as file:
        if is_npy:
            member = f"{path.stem}{MEMBER_SUFFIX}", path.stat().st_size, lambda: path.open("rb")
            yield _read_members([member], path, unread)
            return
        if file.read(len(ONE_ARRAY)) == ONE_ARRAY:
            what = "it holds a single array, whose name should end in .npy"
            raise InputError(f"{path} is no NPZ file: {what}")
        with zipfile.ZipFile(file) as archive:
            inside, get = archive.infolist(), archive.open
            members = [(one.filename, one.file_size, partial(get, one)) for one in inside]
            yield _read_members(members, path, unread)


def _read_members(
    members: Iterable[tuple[str, int, Opener]], path: Path, unread: dict[str, str] | None
) -> dict[str, tuple[Header, Opener]]:
    """What `_open` yields, of the names of members, their bytes and openers."""
    found: dict[str, tuple[Header, Opener]] = {}
    for member, size, opener in members:
        shown = to_printable(member, LONGEST_NAME)
        name = member.removesuffix(MEMBER_SUFFIX)
        try:
            if name == member:
                text = f"{path} should hold arrays only, as np.savez does. Received: {shown}"
                raise UnreadKindError(text, "no array")
            if name in found:
                raise InputError(f"{path} should hold each array once. Received: {shown} twice")
            with opener() as file:
                found[name] = _read_header(file, size, shown, path), opener
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
    read = getattr(np.lib.format, f"read_array_header_{version[0]}_0")
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
        wanted = f"{header.nbytes:,} bytes of values, as its shape {shape} says"
        raise InputError(f"{path}: {shown} should hold {wanted}. Received: {size - start:,}")
    return header
