"""What a file of weights would make HDF5 do, looked at before Keras reads it."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from latentspace.core.errors import InputError, to_printable
from latentspace.core.memory import refuse_too_large

if TYPE_CHECKING:
    import h5py

WEIGHTS = "model.weights.h5"  # in a .keras file
LONGEST_NAME = 80
MOST_SAID = 1 << 16  # bytes of an attribute: HDF5 itself writes no longer ones beside an object


def check_weights(path: Path) -> None:
    """Makes sure that weights are numbers, lie in the file itself and fit into memory.

    HDF5 files can name other files, whose contents would then be taken for weights, and arrays
    larger than any memory that were never written. Keras looks at some of that, depending on its
    version and on the format.

    Args:
        path: An HDF5 file, or a .keras file.

    Raises:
        InputError: They are not, or do not.
        Exception: The file is damaged; h5py and zipfile raise anything.
    """
    import h5py

    if not zipfile.is_zipfile(path):
        with h5py.File(path, "r") as file:
            _check(file, path)
        return
    with zipfile.ZipFile(path) as archive:
        if WEIGHTS in archive.namelist():  # without it there are no weights, as Keras says
            with archive.open(WEIGHTS) as member, h5py.File(member, "r") as file:
                _check(file, path)


def _check(file: h5py.File, path: Path) -> None:
    import h5py

    needed = 0
    for name, found in (("/", file), *_iterate_objects(file, path)):
        shown = to_printable(name, LONGEST_NAME)
        for said in found.attrs:
            about = found.attrs.get_id(said)
            # HDF5 makes room for as much as an attribute says that it has, before it reads it.
            if math.prod(about.shape or ()) * about.dtype.itemsize > MOST_SAID:
                raise InputError(
                    f"{path} has an attribute of {shown} that is larger than any that Keras "
                    "writes; save the weights again"
                )
        if isinstance(found, h5py.Group):
            continue
        if not isinstance(found, h5py.Dataset) or found.dtype.hasobject or found.dtype.fields:
            raise InputError(f"{path} should hold weights only. Received: {shown}, no numbers")
        if found.is_virtual or found.external:
            raise InputError(
                f"{path} should hold all weights itself: those of {shown} are in other files; save "
                "the weights again"
            )
        if found.shape is not None:
            needed += math.prod(found.shape) * found.dtype.itemsize
    refuse_too_large(needed, f"reading the weights in {path}", "pass a smaller model")


def _iterate_objects(file: h5py.File, path: Path) -> Iterator[tuple[str, h5py.HLObject]]:
    """All groups and datasets of a file, each once: a group may hold itself."""
    import h5py

    waiting, seen = [file["/"]], set()
    while waiting:
        group = waiting.pop()
        for name in group:
            link = group.get(name, getlink=True)
            place = f"{group.name}/{name}"
            if not isinstance(link, h5py.HardLink):
                raise InputError(
                    f"{path} should hold all weights itself: {to_printable(place, LONGEST_NAME)} is a "
                    f"{type(link).__name__}; save the weights again"
                )
            found = group[name]
            if (address := h5py.h5o.get_info(found.id).addr) in seen:
                continue
            seen.add(address)
            yield place, found
            if isinstance(found, h5py.Group):
                waiting.append(found)
