"""Atomic writes, content hashes, what records say of a time, the one error meant for a person."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import importlib.metadata
import json
import logging
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs

REPORTED_PACKAGES = ("keras", "tensorflow", "numpy", "scikit-learn")


class InputError(ValueError):
    """Something that a person passed, named or stored is wrong.

    The message is one line: what was wrong, what was expected, what to do next. The scripts print
    it without a traceback; every other exception is a defect of the program and keeps its own.
    """


@contextlib.contextmanager
def hushed() -> Iterator[None]:
    """Sends what native libraries write to stderr nowhere while the block runs.

    TensorFlow greets with lines on its build and on missing GPUs before it reads any setting of
    its own. Python's errors pass. Its advice on speed, logged later, is kept back as well. Nothing
    is hidden where TF_CPP_MIN_LOG_LEVEL asks for output.
    """
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") in "012":
        yield
        return
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives a temporary path beside `path` and moves it onto `path` when the block succeeds.

    A reader sees the old file or the new one, never a part of either. The temporary file keeps the
    suffix of `path`, since some writers choose their format by it.

    Args:
        path: The file to write. Its folder is made where it is missing.

    Yields:
        The path to write to.

    Raises:
        OSError: The folder can't be written to, or the disk is full. `path` is then untouched.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".", suffix=target.suffix, dir=target.parent)
    temporary = Path(name)
    try:
        os.close(handle)
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Writes `data` to `path` atomically."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def check_folder(path: str | os.PathLike[str]) -> None:
    """Makes sure, before long work, that files can be written to a folder, without making it.

    Raises:
        InputError: The folder is none, or may not be written to.
    """
    folder = Path(path).absolute()
    nearest = next(place for place in (folder, *folder.parents) if place.exists())
    if not nearest.is_dir():
        raise InputError(
            f"expected a folder to write to. Received: {path}, but {nearest} is a file"
        )
    if not os.access(nearest, os.W_OK):
        raise InputError(f"{path} can't be written to: {nearest} is closed to you")


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Writes `value` to `path` atomically, as indented JSON with a final newline."""
    write_bytes(path, (json.dumps(value, indent=2) + "\n").encode())


def read_json(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads a JSON object.

    Raises:
        InputError: The file can't be read or holds no JSON object.
    """
    try:
        value = json.loads(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"{path} can't be read as JSON: {error}") from error
    if not isinstance(value, dict):
        raise InputError(f"{path} should hold a JSON object. Received: a {type(value).__name__}")
    return value


def printable(text: str, longest: int = 32) -> str:
    """A name out of a file or folder, fit to be printed: on one line, of bounded length."""
    shown = text.encode("utf-8", "replace").decode("utf-8")
    shown = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in shown
    )
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def file_hash(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def content_hash(*parts: np.ndarray | str | int | float | None) -> str:
    """SHA-256 of arrays (shape, dtype and values) and plain settings, in hexadecimal."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype.str}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).data)
        else:
            digest.update(repr(part).encode())
        digest.update(b"\0")
    return digest.hexdigest()


def read_arrays(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Reads all arrays of an .npz file; pickled objects in it are refused.

    Raises:
        InputError: The file can't be read, is damaged, is no .npz file, or needs more memory than
            there is.
    """
    from latentspace.npz import read_npz  # here, since it raises the errors of this module

    return read_npz(Path(path))


def now() -> str:
    """The time in UTC, as ISO 8601, to the second."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that numbers depend on most."""
    packages = {name: importlib.metadata.version(name) for name in REPORTED_PACKAGES}
    return {"python": platform.python_version(), **packages}


def cache_folder() -> Path:
    """Where results that take long are kept: $LATENTSPACE_CACHE, else the user's cache folder."""
    chosen = os.environ.get("LATENTSPACE_CACHE")
    return Path(chosen) if chosen else platformdirs.user_cache_path("latentspace")


def cached_arrays(
    path: Path | None, compute: Callable[[], dict[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """Reads arrays from an .npz file, or computes and stores them.

    A file that can't be read is computed afresh and replaced; a folder that can't be written to
    costs the cache, not the result.

    Args:
        path: The .npz file, its name made of a content hash; None computes without a cache.
        compute: Called without arguments where there is nothing to read.

    Returns:
        The arrays by name.
    """
    if path is None:
        return compute()
    if path.exists():
        with contextlib.suppress(InputError):
            return read_arrays(path)
    arrays = compute()
    with contextlib.suppress(OSError), replacing(path) as temporary:
        np.savez(temporary, **arrays)  # type: ignore[arg-type]
    return arrays


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
