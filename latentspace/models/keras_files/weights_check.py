"""What a file of weights would make HDF5 do, looked at before Keras reads it."""

from __future__ import annotations

import math
import zipfile
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
    """Makes sure that weights are numbers and fit into memory.

    HDF5 files can hold arrays larger than any memory that were never written, and ones of texts
    that are all the same long text. Keras reads what is smaller than 4 GiB. It refuses itself what
    lies in other files.

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

    def look(name: str, found: h5py.HLObject) -> None:
        nonlocal needed
        shown = to_printable(name, LONGEST_NAME)
        for said in found.attrs:
            about = found.attrs.get_id(said)
            # HDF5 makes room for as much as an attribute says that it has, before it reads it.
            if math.prod(about.shape or ()) * about.dtype.itemsize > MOST_SAID:
                raise InputError(
                    f"{path} has an attribute of {shown} that is larger than any that Keras "
                    "writes; save the weights again"
                )
        if isinstance(found, h5py.Dataset) and found.shape is not None:
            if found.dtype.hasobject or found.dtype.fields:
                raise InputError(f"{path} should hold weights only. Received: {shown}, no numbers")
            needed += math.prod(found.shape) * found.dtype.itemsize

    look("/", file)
    file.visititems(look)  # each object once, along no link to elsewhere
    refuse_too_large(needed, f"reading the weights in {path}", "pass a smaller model")
