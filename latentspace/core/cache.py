"""Results that take long, kept on disk for the next look."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import platformdirs

from latentspace.core.errors import InputError, warn_once
from latentspace.core.files import replace_file
from latentspace.core.npz import read_arrays

MARK = "kept as"  # name of the array that tells what a file of the cache holds


def find_cache_folder() -> Path:
    """Where results that take long are kept: $LATENTSPACE_CACHE, else the user's cache folder."""
    chosen = os.environ.get("LATENTSPACE_CACHE")
    return Path(chosen) if chosen else platformdirs.user_cache_path("latentspace")


def load_or_compute(
    path: Path | None, compute: Callable[[], dict[str, np.ndarray]], *, version: int
) -> dict[str, np.ndarray]:
    """Reads arrays from an .npz file, or computes and stores them.

    A file that is damaged, or was kept by another version, is said to be so in a line to stderr,
    computed afresh and replaced. A folder that can't be written to costs the cache, not the result.

    Args:
        path: The .npz file, its name made of a content hash; None computes without a cache.
        compute: Called without arguments where there is nothing to read.
        version: Of what `compute` gives for the same name.

    Returns:
        The arrays by name.
    """
    if path is None:
        return compute()
    mark = f"{path.stem} {version}"
    if path.exists():
        try:
            arrays = read_arrays(path)
            found = str(arrays.pop(MARK, "another version"))
        except InputError as error:
            warn_once(f"{error}; computing it afresh")
        else:
            if found == mark:
                return arrays
            warn_once(f"{path} was kept as {found!r}, not as {mark!r}; computing it afresh")
    arrays = compute()
    try:
        with replace_file(path) as temporary:
            np.savez(temporary, **arrays, **{MARK: np.array(mark)})  # type: ignore[arg-type]
    except OSError as error:
        reason = getattr(error.__cause__, "strerror", error)
        warn_once(
            f"nothing can be kept in {path.parent} ({reason}), so the next look computes it again: "
            "name another folder in the environment variable LATENTSPACE_CACHE"
        )
    return arrays
