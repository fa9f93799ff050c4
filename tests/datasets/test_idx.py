from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from latentspace.datasets import load_dataset
from latentspace.datasets.idx import IDX_FILES, read_idx
from latentspace.files import InputError


def idx_bytes(array: np.ndarray) -> bytes:
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.tobytes()


def write_idx_folder(folder: Path, *, compress: bool = False) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    arrays = {
        "train_images": rng.integers(0, 256, (12, 5, 4), dtype=np.uint8),
        "train_labels": np.arange(12, dtype=np.uint8) % 3,
        "test_images": rng.integers(0, 256, (6, 5, 4), dtype=np.uint8),
        "test_labels": np.arange(6, dtype=np.uint8) % 3,
    }
    folder.mkdir(parents=True)
    for key, stem in IDX_FILES.items():
        data = idx_bytes(arrays[key])
        name = f"{stem}.gz" if compress else stem
        (folder / name).write_bytes(gzip.compress(data) if compress else data)
    return arrays


@pytest.mark.parametrize("compress", [False, True])
def test_idx_folder_round_trip(tmp_path: Path, compress: bool) -> None:
    arrays = write_idx_folder(tmp_path / "shapes", compress=compress)
    data = load_dataset(str(tmp_path / "shapes"))
    assert data.name == "shapes"
    assert data.image_shape == (5, 4, 1)
    np.testing.assert_array_equal(data.train_pixels[..., 0], arrays["train_images"])
    np.testing.assert_array_equal(data.test_pixels[..., 0], arrays["test_images"])
    np.testing.assert_array_equal(data.test_labels, arrays["test_labels"])
    assert data.class_names == ("0", "1", "2")
    assert data.train_images.dtype == np.float32
    np.testing.assert_allclose(data.train_images[..., 0], arrays["train_images"] / 255, rtol=1e-6)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-1], "should hold 60 values.*Received: 59"),
        (lambda data: data + b"\0", "Received: more"),
        (lambda data: data[:9], "ends within its header"),
        (lambda data: b"\x89PNG" + data[4:], "no IDX file of bytes.*89 50 4e 47"),
        (lambda data: b"", "Received: nothing"),
        (lambda data: data[:4] + b"\xff\xff\xff\xff" * 3 + data[16:], "can't be read|should hold"),
    ],
)
def test_damaged_idx_files_are_refused(tmp_path: Path, damage, message: str) -> None:
    path = tmp_path / "images"
    path.write_bytes(damage(idx_bytes(np.zeros((3, 5, 4), np.uint8))))
    with pytest.raises(InputError, match=message):
        read_idx(path)


def test_every_truncation_of_a_compressed_idx_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "images.gz"
    whole = gzip.compress(idx_bytes(np.arange(200, dtype=np.uint8).reshape(10, 5, 4)))
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError):
            read_idx(path)


def test_missing_idx_file_is_named(tmp_path: Path) -> None:
    write_idx_folder(tmp_path / "shapes")
    (tmp_path / "shapes" / IDX_FILES["test_labels"]).unlink()
    with pytest.raises(InputError, match="t10k-labels-idx1-ubyte"):
        load_dataset(str(tmp_path / "shapes"))
