"""Files that hold images and are not read: how to bring them in."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

from latentspace.core.errors import to_printable
from latentspace.datasets.pictures import list_suffixes

LONGEST_NAME = 255
HEAD = 4096  # bytes that are looked at
LEAST_COLUMNS = 17  # of a table of pixels: a label and 4x4
ARCHIVES = (".zip", ".tar", ".tgz", ".tbz2", ".txz", ".gz", ".bz2", ".xz", ".7z", ".rar")
MODELS = (".keras", ".weights.h5", ".pt", ".pth", ".onnx", ".tflite", ".safetensors")
MATLAB = (
    "from scipy.io import loadmat; "
    "np.savez({to!r}, **{{k: v for k, v in loadmat({file!r}).items() if k[0] != '_'}})"
)
HDF5 = (
    "import h5py; "
    "np.savez({to!r}, **{{k: v[()] for k, v in h5py.File({file!r}).items() "
    "if hasattr(v, 'shape')}})"
)
PIXELS = (
    "t = np.loadtxt({file!r}, delimiter={comma!r}, skiprows={heading}, dtype=int); "
    "s = int((t.shape[1] - {first}) ** 0.5); "
    "np.savez({to!r}, images=t[:, {first}:].reshape(-1, s, s){labels})"
)
PARQUET = (
    "import io, pandas; from PIL import Image; t = pandas.read_parquet({file!r}); "
    "np.savez({to!r}, images=np.stack([np.asarray(Image.open(io.BytesIO(i['bytes']))) "
    "for i in t['image']]), labels=t['label'])"
)
PICKLE = (
    "import pathlib, pickle; d = pickle.loads(pathlib.Path({file!r}).read_bytes()); "
    "np.savez({to!r}, images=d['images'], labels=d['labels'])"
)


def explain_file(path: Path) -> str:
    """Why an existing file is not read as a data set, and what to do, in a line."""
    shown, suffix = to_printable(str(path), LONGEST_NAME), path.suffix.lower()
    with path.open("rb") as file:
        head = file.read(HEAD)
    write = _Writer(path)
    if path.name.lower().endswith(MODELS):
        return (
            f"{shown} is a model by its name, and --dataset takes images: visualize.py "
            "--autoencoder takes a .keras file"
        )
    if head.startswith(b"PK\x03\x04") and b".npy" in head[:300]:
        return f"{shown} holds arrays: give it a name that ends in .npz"
    if head.startswith(b"\x93NUMPY"):
        return f"{shown} holds an array: give it a name that ends in .npy"
    if head.startswith(b"\x89HDF") or head[512:516] == b"\x89HDF":
        return f"{shown} is an HDF5 file. Make an .npz file of it: {write(HDF5)}"
    if suffix == ".mat":
        return f"{shown} is a MATLAB file. Make an .npz file of it: {write(MATLAB)}"
    if head.startswith(b"PAR1"):
        return (
            f"{shown} is a Parquet file. Make an .npz file of it, with pandas and pyarrow and with "
            f"the names of your columns: {write(PARQUET)}"
        )
    if suffix in (".csv", ".tsv"):
        return f"{shown} is a table. " + _explain_table(path, head, write)
    if suffix in (".pkl", ".pickle", ".joblib") or head[:1] == b"\x80":
        return (
            f"{shown} is a pickle, which is not read, since it can run code. If you trust who made "
            f"it, make an .npz file of it, with the names of its parts: {write(PICKLE)}"
        )
    if "idx" in path.name and (suffix == ".gz" or head.startswith(b"\0\0")):
        return f"{shown} is one of four IDX files: pass the folder of all four, {path.parent}"
    if suffix in ARCHIVES:
        return f"{shown} is an archive: unpack it, and pass the folder"
    if suffix in list_suffixes():
        return f"{shown} is one image: pass the folder that holds all images"
    return (
        f"{shown} is no data set: expected an .npz or .npy file, or a folder of image files, of "
        "four IDX files, of .npz or of .npy files. Write images (N, H, W) or (N, H, W, C) with "
        "numpy.savez('FILE.npz', images=..., labels=...)"
    )


def _explain_table(path: Path, head: bytes, write: Callable[..., str]) -> str:
    lines = head.decode("latin-1").splitlines() or [""]
    comma = max(",;\t", key=lines[0].count)
    columns = [column.strip('" ') for column in lines[0].split(comma)]
    count = len(columns) if len(lines) > 1 else LEAST_COLUMNS
    if count < LEAST_COLUMNS:
        return (
            "A table of file,label goes with a folder of image files: --dataset FOLDER "
            f"--labels {shlex.quote(str(path))}"
        )
    has_labels = round(count**0.5) ** 2 != count
    code = write(
        PIXELS,
        comma=comma,
        heading=int(not columns[0].lstrip("-").replace(".", "").isdigit()),
        first=int(has_labels),
        labels=", labels=t[:, 0]" if has_labels else "",
    )
    return f"Where it holds a label and square grey images, make an .npz file of it: {code}"


class _Writer:
    """Makes the command that brings a file in."""

    def __init__(self, path: Path) -> None:
        self._names = {"file": str(path), "to": str(path.with_suffix(".npz"))}

    def __call__(self, code: str, **values: object) -> str:
        whole = "import numpy as np; " + code.format(**self._names, **values)
        is_plain = not {*whole} & {*'"$`\\!'}  # easier to read than the quotes of shlex
        quoted = f'"{whole}"' if is_plain else shlex.quote(whole)
        return f"python -c {quoted}, then --dataset {shlex.quote(self._names['to'])}"
