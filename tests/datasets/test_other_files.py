from __future__ import annotations

import csv
import pickle
import shlex
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from latentspace.core.errors import InputError
from latentspace.datasets import load_dataset

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 6, 6), dtype=np.uint8)
LABELS = np.arange(20) % 2


def write_hdf5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["images"], file["labels"] = IMAGES, LABELS
        file.create_group("about")


def write_table(heading: bool, *, labels: bool = True) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        comma = "\t" if path.suffix == ".tsv" else ","
        with path.open("w", newline="") as file:
            rows = csv.writer(file, delimiter=comma)
            if heading:
                rows.writerow(["label"] * labels + [f"pixel{number}" for number in range(36)])
            for image, label in zip(IMAGES, LABELS, strict=True):
                rows.writerow([label] * labels + image.ravel().tolist())

    return write


def write_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps({"images": IMAGES, "labels": LABELS}))


def explain(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_dataset(str(path))
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "write", "kind"),
    [
        (
            "a b's.mat",
            lambda path: savemat(path, {"images": IMAGES, "labels": LABELS}),
            "is a MATLAB file",
        ),
        ("a.h5", write_hdf5, "is an HDF5 file"),
        ("v7.3.mat", write_hdf5, "is an HDF5 file"),
        ("no ending", write_hdf5, "is an HDF5 file"),
        ("letters.csv", write_table(True), "is a table"),
        ("bare.csv", write_table(False), "is a table"),
        ("pixels.csv", write_table(True, labels=False), "is a table"),
        ("letters.tsv", write_table(True), "is a table"),
        ("a.pkl", write_pickle, "is a pickle, which is not read, since it can run code"),
        ("data_batch_1", write_pickle, "is a pickle"),
    ],
)
def test_the_command_for_a_file_of_another_kind_makes_one_that_is_read(
    tmp_path: Path, name: str, write: Callable[[Path], None], kind: str
) -> None:
    path = tmp_path / name
    write(path)
    said = explain(path)
    assert kind in said
    command, _, dataset = said[said.index("python -c") :].partition(", then --dataset ")
    exec(shlex.split(command)[2], {})
    data = load_dataset(shlex.split(dataset)[0])
    assert data.image_shape == (6, 6, 1)
    assert len(data.class_names) == (1 if name == "pixels.csv" else 2)
    pixels = np.concatenate([data.train_pixels, data.test_pixels])[..., 0]
    assert {image.tobytes() for image in pixels} == {image.tobytes() for image in IMAGES}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("labels.csv", b"file,label\na.png,cat\n", "a folder of image files: --dataset FOLDER"),
        ("a.parquet", b"PAR1" + bytes(9), "is a Parquet file.*read_parquet.*then --dataset"),
        ("a.zip", b"PK\x03\x04" + bytes(9), "is an archive: unpack it"),
        ("a.tar.gz", b"\x1f\x8b" + bytes(9), "is an archive: unpack it"),
        ("train-images-idx3-ubyte", b"\0\0\x08\x03", "four IDX files: pass the folder"),
        ("t10k-images-idx3-ubyte.gz", b"\x1f\x8b", "four IDX files: pass the folder"),
        ("model.keras", b"PK\x03\x04", "is a model by its name"),
        ("model.pt", b"PK\x03\x04", "is a model by its name"),
        ("a.txt", b"hello", "is no data set: expected an .npz or .npy file"),
        ("empty", b"", "is no data set: expected an .npz or .npy file"),
        ("a\x1b.csv", b"", "is a table"),
    ],
)
def test_other_files_are_named_for_what_they_are(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    said = explain(tmp_path / name)
    assert message.partition(".*")[0] in said
    assert "no data set '" not in said
    assert said.isprintable() or "\x1b" in name


def test_arrays_under_another_name_and_single_images_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=IMAGES)
    (tmp_path / "a.npz").rename(tmp_path / "a.dat")
    assert explain(tmp_path / "a.dat").endswith("give it a name that ends in .npz")
    np.save(tmp_path / "a.npy", IMAGES)
    (tmp_path / "a.npy").rename(tmp_path / "a.bin")
    assert explain(tmp_path / "a.bin").endswith("give it a name that ends in .npy")
    Image.fromarray(IMAGES[0]).save(tmp_path / "a.png")
    assert "is one image: pass the folder" in explain(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"no data set .*missing\.csv"):
        load_dataset(str(tmp_path / "missing.csv"))
