"""Results that take long, kept on disk for the next look."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
import platformdirs

from latentspace.core.errors import InputError, warn_once
from latentspace.core.files import replace_file
from latentspace.core.npz import read_arrays
from latentspace.core.provenance import hash_file

MARK = "kept as"  # name of the array that tells what a file of the cache holds
HASH = "sha256"  # and of the one that tells which bytes lie beside it


def find_cache_folder() -> Path:
    """Where results that take long are kept: $LATENTSPACE_CACHE, else the user's cache folder."""
    chosen = os.environ.get("LATENTSPACE_CACHE")
    return Path(chosen) if chosen else platformdirs.user_cache_path("latentspace")


def load_or_compute(
    path: Path | None,
    compute: Callable[[], dict[str, np.ndarray]],
    *,
    version: int,
    check: Callable[[dict[str, np.ndarray]], object] = lambda arrays: None,
) -> dict[str, np.ndarray]:
    """Reads arrays by name from an .npz file, or computes and stores them.

    A file that is damaged, or of another version, is computed again, after a line to stderr. A
    folder that can't be written to costs the cache, not the result. The name of the file is made of
    a content hash; None computes without a cache. The version is that of what `compute` gives;
    `check` raises an InputError or OSError where what else belongs to the arrays is damaged.
    """
    if path is None:
        return compute()
    mark = f"{path.stem} {version}"
    if path.exists():
        try:
            arrays = read_arrays(path)
            found = str(arrays.pop(MARK, "another version"))
            if found != mark:
                raise InputError(f"{path} was kept as {found!r}, not as {mark!r}")
            check(arrays)
            return arrays
        except (InputError, OSError) as error:
            warn_once(f"{error}; it is computed again")
    arrays = compute()
    try:
        with replace_file(path) as temporary:
            np.savez(temporary, **arrays, **{MARK: np.array(mark)})  # type: ignore[arg-type]
    except OSError as error:
        reason = getattr(error.__cause__, "strerror", error)
        why = f"nothing can be kept in {path.parent} ({reason}), so the next look computes it again"
        warn_once(f"{why}: name another folder in the environment variable LATENTSPACE_CACHE")
    return arrays


def map_or_write(
    path: Path, write: Callable[[BinaryIO], dict[str, np.ndarray]], *, version: int
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """As `load_or_compute`, with bytes that need not fit into memory, in a .raw file beside it.

    `write` writes the bytes to a file, and gives arrays that tell of them. Returns the bytes, uint8
    (N,), read from disk as needed, and the arrays. Raises an `OSError` where they can't be kept.
    """
    raw = path.with_suffix(".raw")

    def compute() -> dict[str, np.ndarray]:
        with replace_file(raw) as temporary:
            with temporary.open("wb") as file:
                arrays = write(file)
            return {**arrays, HASH: np.array(hash_file(temporary))}

    def check(arrays: dict[str, np.ndarray]) -> None:
        if hash_file(raw) != arrays[HASH]:
            raise InputError(f"{raw} is damaged")

    arrays = load_or_compute(path, compute, version=version, check=check)
    is_empty = raw.stat().st_size == 0  # and so nothing that could be mapped
    return np.empty(0, np.uint8) if is_empty else np.memmap(raw, np.uint8, "r"), arrays
