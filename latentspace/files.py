"""The one error meant for a person; hashes, names to be printed, what records say of a time."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import importlib.metadata
import logging
import os
import platform
import sys
from collections.abc import Iterator
from functools import cache

import numpy as np

LONGEST_REASON = 160  # characters
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


@cache
def say_once(line: str) -> None:
    """Prints a line to stderr, once for all the times that there is reason to."""
    print(line, file=sys.stderr)


def printable(text: str, longest: int = 32) -> str:
    """A name out of a file or folder, fit to be printed: on one line, of bounded length."""
    shown = text.encode("utf-8", "replace").decode("utf-8")
    shown = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in shown
    )
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def reason(error: BaseException) -> str:
    """What an exception of a library says, fit to be printed; its kind where it says nothing."""
    return printable(str(error), LONGEST_REASON) or type(error).__name__


def file_hash(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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


def now() -> str:
    """The time in UTC, as ISO 8601, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that numbers depend on most."""
    packages = {name: importlib.metadata.version(name) for name in REPORTED_PACKAGES}
    return {"python": platform.python_version(), **packages}
