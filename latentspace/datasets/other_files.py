"""Files that hold images and are not read: how to bring them in."""

import shlex
from functools import partial
from pathlib import Path

from latentspace.core.documents import read_tables
from latentspace.core.errors import to_printable
from latentspace.core.npz import ONE_ARRAY
from latentspace.datasets.pictures import list_suffixes
from latentspace.datasets.tables import DELIMITERS

LONGEST_NAME = 255
HEAD = 4096  # bytes that are looked at
EXPECTED = (
    "an .npz or .npy file, or a folder of image files, of four IDX files, of .npz or of .npy files"
)
LEAST_COLUMNS = 17  # of a table of pixels: a label and 4x4
ARCHIVES = (".zip", ".tar", ".tgz", ".tbz2", ".txz", ".gz", ".bz2", ".xz", ".7z", ".rar")
MODELS = (".keras", ".weights.h5", ".pt", ".pth", ".onnx", ".tflite", ".safetensors")
CODE = read_tables(__file__)  # that makes an .npz file, by kind of file


def explain_file(path: Path) -> str:
    """Why an existing file is not read as a data set, and what to do, in a line."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    return f"{to_printable(str(path), LONGEST_NAME)} is {_describe(path, head)}"


def _describe(path: Path, head: bytes) -> str:
    name, suffix = path.name.lower(), path.suffix.lower()
    write = partial(_format_command, path)
    if name.endswith(MODELS):
        why = "a model by its name, and --dataset takes images"
        return f"{why}: visualize.py --autoencoder takes a .keras or an .onnx file"
    if head.startswith(b"PK\x03\x04") and b".npy" in head[:300]:
        return "a file of arrays: give it a name that ends in .npz"
    if head.startswith(ONE_ARRAY):
        return "an array: give it a name that ends in .npy"
    if b"\x89HDF" in (head[:4], head[512:516]):
        return f"an HDF5 file. Make an .npz file of it: {write('hdf5')}"
    if suffix == ".mat":
        return f"a MATLAB file. Make an .npz file of it: {write('matlab')}"
    if head.startswith(b"PAR1"):
        needed = "with pandas and pyarrow and with the names of your columns"
        return f"a Parquet file. Make an .npz file of it, {needed}: {write('parquet')}"
    if suffix in (".csv", ".tsv"):
        return f"a table. {_explain_table(path, head)}"
    if suffix in (".pkl", ".pickle", ".joblib") or head[:1] == b"\x80":
        how = f"make an .npz file of it, with the names of its parts: {write('pickle')}"
        why = "which is not read, since it can run code. If you trust who made it"
        return f"a pickle, {why}, {how}"
    if "idx" in name and (suffix == ".gz" or head.startswith(b"\0\0")):
        return f"one of four IDX files: pass the folder of all four, {path.parent}"
    if suffix in ARCHIVES:
        return "an archive: unpack it, and pass the folder"
    if suffix in list_suffixes():
        return "one image: pass the folder that holds all images"
    how = "numpy.savez('FILE.npz', images=..., labels=...)"
    return f"no data set: expected {EXPECTED}. Write images (N, H, W) or (N, H, W, C) with {how}"


def _explain_table(path: Path, head: bytes) -> str:
    lines = head.decode("latin-1").splitlines() or [""]
    comma = max(DELIMITERS, key=lines[0].count)
    columns = [column.strip('" ') for column in lines[0].split(comma)]
    count = len(columns) if len(lines) > 1 else LEAST_COLUMNS
    if count < LEAST_COLUMNS:
        how = f"--dataset FOLDER --labels {shlex.quote(str(path))}"
        return f"A table of file,label goes with a folder of image files: {how}"
    has_labels = round(count**0.5) ** 2 != count
    labels = ", labels=t[:, 0]" if has_labels else ""
    heading = int(not columns[0].lstrip("-").replace(".", "").isdigit())
    about = {"comma": comma, "heading": heading, "first": int(has_labels), "labels": labels}
    code = _format_command(path, "pixels", **about)
    return f"Where it holds a label and square grey images, make an .npz file of it: {code}"


def _format_command(path: Path, kind: str, **values: object) -> str:
    to = str(path.with_suffix(".npz"))
    whole = "import numpy as np; " + CODE[kind].format(file=str(path), to=to, **values)
    is_plain = not {*whole} & {*'"$`\\!'}  # easier to read than the quotes of shlex
    quoted = f'"{whole}"' if is_plain else shlex.quote(whole)
    return f"python -c {quoted}, then --dataset {shlex.quote(to)}"
