"""What numbers come from: hashes of contents, the time, versions; native libraries kept quiet."""

import contextlib
import datetime
import hashlib
import importlib.metadata
import logging
import os
import platform
import sys
from collections.abc import Iterator

import numpy as np

REPORTED_PACKAGES = ("keras", "tensorflow", "numpy", "scikit-learn")


@contextlib.contextmanager
def silence_stderr() -> Iterator[None]:
    """Sends what native libraries write to stderr nowhere while the block runs.

    TensorFlow greets with lines on its build and on missing GPUs before it reads any setting of its
    own. Python's errors pass, and all where TF_CPP_MIN_LOG_LEVEL asks for output.
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


def hash_file(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_content(*parts: np.ndarray | str | int | float | None) -> str:
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


def format_now() -> str:
    """The time in UTC, as ISO 8601, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def read_versions() -> dict[str, str]:
    """Versions of Python and of the packages that numbers depend on most."""
    packages = {name: importlib.metadata.version(name) for name in REPORTED_PACKAGES}
    return {"python": platform.python_version(), **packages}
