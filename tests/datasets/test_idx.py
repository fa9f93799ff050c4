from __future__ import annotations

import gzip
import os
import re
import struct
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from conftest import call_or_none
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from latentspace.core import memory
from latentspace.core.errors import InputError
from latentspace.datasets import load_dataset
from latentspace.datasets.idx import IDX_FILES, read_idx


def encode_idx(array: np.ndarray) -> bytes:
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
        data = encode_idx(arrays[key])
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
    assert data.train_images[:].dtype == np.float32
    np.testing.assert_allclose(data.train_images[..., 0], arrays["train_images"] / 255, rtol=1e-6)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-1], "should hold 60 values.*Received: 59"),
        (lambda data: data + b"\0", "should hold 60 values.*Received: 61"),
        (lambda data: data[:9], "ends within its header"),
        (lambda data: b"\x89PNG" + data[4:], "no IDX file of bytes.*89 50 4e 47"),
        (lambda data: b"", "Received: nothing"),
        (lambda data: data[:4] + b"\xff\xff\xff\xff" * 3 + data[16:], "can't be read|should hold"),
    ],
)
def test_damaged_idx_files_are_refused(tmp_path: Path, damage, message: str) -> None:
    path = tmp_path / "images"
    path.write_bytes(damage(encode_idx(np.zeros((3, 5, 4), np.uint8))))
    with pytest.raises(InputError, match=message):
        read_idx(path)


def test_every_truncation_of_a_compressed_idx_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "images.gz"
    whole = gzip.compress(encode_idx(np.arange(200, dtype=np.uint8).reshape(10, 5, 4)))
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError):
            read_idx(path)


def test_missing_idx_file_is_named(tmp_path: Path) -> None:
    write_idx_folder(tmp_path / "shapes")
    (tmp_path / "shapes" / IDX_FILES["test_labels"]).unlink()
    with pytest.raises(InputError, match="t10k-labels-idx1-ubyte"):
        load_dataset(str(tmp_path / "shapes"))


def make_header(*shape: int) -> bytes:
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, len(shape), *shape)


def make_sparse_file(path: Path, start: bytes, size: int) -> Path:
    """A file of a size that takes no room on disk: zeros after its start."""
    with path.open("wb") as file:
        file.write(start)
        file.truncate(size)
    return path


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (make_header(2**31, 28, 28), r"should hold 1,683,627,180,032 values.*Received: 0;"),
        (make_header(2**32 - 1, 2**32 - 1, 2**32 - 1, 2**32 - 1), "should hold .*Received: 0;"),
        (make_header(0, 28, 28), r"holds nothing: its header says \(0, 28, 28\)"),
        (make_header(2**31, 0, 28), "holds nothing"),
        (make_header(0), "holds nothing"),
        (b"\0\0\x08\0", "no IDX file of bytes"),
        (b"\0\0\x08\x05" + bytes(20), "no IDX file of bytes"),
        (b"\0\0\x0d\x03" + bytes(16), "no IDX file of bytes.*00 00 0d 03"),
    ],
)
def test_impossible_headers_are_refused_before_anything_is_read(
    tmp_path: Path, data: bytes, message: str
) -> None:
    for path, content in (
        (tmp_path / "raw", data),
        (tmp_path / "packed.gz", gzip.compress(data)),
    ):
        path.write_bytes(content)
        with pytest.raises(InputError) as caught:
            read_idx(path)
        said = str(caught.value)
        assert "\n" not in said
        if path.name == "raw":
            assert re.search(message, said)


def test_a_data_set_larger_than_memory_is_refused_by_its_header(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "measure_available", lambda: 12 * 10**9)
    size = 2**31 * 28 * 28
    path = make_sparse_file(tmp_path / "images", make_header(2**31, 28, 28), 16 + size)
    with pytest.raises(
        InputError, match=r"images, of the shape \(2147483648, 28, 28\), needs 1\.9 TB of memory\. "
        r"There are 12 GB: .*a folder of image files"
    ):  # fmt: skip
        read_idx(path)
    monkeypatch.setattr(memory, "measure_available", lambda: 1000)
    path = tmp_path / "small"
    path.write_bytes(encode_idx(np.zeros((20, 5, 4), np.uint8)))  # 400 bytes and 20 labels
    with pytest.raises(InputError, match=r"needs 2\.4 KB of memory\. There are 1\.0 KB"):
        read_idx(path)


def test_a_compressed_file_can_promise_no_more_than_its_compression_gives(tmp_path: Path) -> None:
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(make_header(1000, 28, 28) + bytes(10)))
    with pytest.raises(InputError, match=r"784,000 values.*Received: 10;"):
        read_idx(path)


def test_a_gzip_bomb_is_read_no_further_than_promised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packer = zlib.compressobj(9, wbits=31)
    chunks = [
        packer.compress(make_header(100, 5, 4)),
        *(packer.compress(bytes(2**24)) for _ in range(8)),
    ]
    path = tmp_path / "bomb.gz"
    path.write_bytes(b"".join([*chunks, packer.flush()]))  # of 130 KB come 134 MB
    asked = []
    original = gzip.GzipFile.read
    monkeypatch.setattr(
        gzip.GzipFile, "read", lambda file, size=-1: asked.append(size) or original(file, size)
    )
    with pytest.raises(InputError, match=r"should hold 2,000 values.*Received: 2,001 or more"):
        read_idx(path)
    assert 0 < sum(asked) < 3000
    assert min(asked) >= 0  # never "all there is"


def test_pipes_and_links_out_of_the_folder_are_not_read(tmp_path: Path) -> None:
    write_idx_folder(tmp_path / "shapes")
    path = tmp_path / "shapes" / IDX_FILES["test_labels"]
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="holds t10k-labels-idx1-ubyte, a link that leads out"):
        load_dataset(str(tmp_path / "shapes"))
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(InputError, match="should hold t10k-labels-idx1-ubyte"):
        load_dataset(str(tmp_path / "shapes"))
    path.unlink()
    (tmp_path / "elsewhere").rename(path)
    (tmp_path / "named").symlink_to(tmp_path / "shapes")  # what is named may be a link
    assert load_dataset(str(tmp_path / "named")).name == "shapes"


@given(
    shape=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    seed=st.integers(0, 99),
    packed=st.booleans(),
)
@settings(max_examples=60)
def test_any_array_comes_back(shape: list[int], seed: int, packed: bool) -> None:
    values = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    assert_array_equal(read_bytes(encode_idx(values), packed), values)


@given(st.one_of(st.binary(max_size=60), st.binary(max_size=60).map(b"\0\0\x08".__add__)))
@settings(max_examples=150)
def test_any_bytes_are_an_array_or_refused_in_one_line(data: bytes) -> None:
    for packed in (False, True):
        found = call_or_none(read_bytes, data, packed)
        assert found is None or found.dtype == np.uint8


def read_bytes(data: bytes, packed: bool) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.gz" if packed else "x")
        path.write_bytes(gzip.compress(data, 1) if packed else data)
        return read_idx(path)
