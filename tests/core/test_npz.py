from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from conftest import call_or_none
from hypothesis import given, settings
from hypothesis import strategies as st

from latentspace.core import memory
from latentspace.core.errors import InputError
from latentspace.core.npz import read_arrays, read_headers


def make_npy(descr: object, shape: object, values: bytes = b"", version: int = 1) -> bytes:
    """An .npy file whose header says anything."""
    text = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode() + b"\n"
    return (
        b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(text))
        + text + values
    )  # fmt: skip


def encode_array(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def write(
    path: Path, members: Mapping[str, bytes] | list[tuple[str, bytes]], packing: int = 0
) -> Path:
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, data in members.items() if isinstance(members, Mapping) else members:
            archive.writestr(name, data)
    return path


def test_arrays_come_back(tmp_path: Path) -> None:
    arrays = {
        "a": np.arange(6).reshape(2, 3),
        "b/c": np.array(["x", "yz"]),
        "f": np.asfortranarray(np.random.default_rng(0).random((3, 4))),
        "none": np.zeros((0, 4)),
        "scalar": np.array(2.5),
    }
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "x.npz", **arrays)
        read = read_arrays(tmp_path / "x.npz")
        assert list(read) == list(arrays)
        for name, array in arrays.items():
            np.testing.assert_array_equal(read[name], array)
            assert read[name].dtype == array.dtype
    assert read_headers(tmp_path / "x.npz")["a"].nbytes == 48


GOOD = encode_array(np.arange(3))
HOSTILE: dict[str, tuple[Mapping[str, bytes] | list[tuple[str, bytes]], str]] = {
    "objects": ({"a.npy": make_npy("|O", (1,), b"cos\nsystem\n(S'true'\ntR.")}, "Received: object"),
    "records": ({"a.npy": make_npy([("x", "<i4")], (2,), bytes(8))}, "numbers or text"),
    "bare bytes": ({"a.npy": make_npy("|V4", (2,), bytes(8))}, "numbers or text"),
    "dates": ({"a.npy": make_npy("<M8[s]", (1,), bytes(8))}, "numbers or text"),
    "inner shapes": ({"a.npy": make_npy(("<i4", (2,)), (1,), bytes(8))}, "."),
    "no such dtype": ({"a.npy": make_npy("<i3", (1,), bytes(3))}, "can't be read as an NPZ file"),
    "huge": ({"a.npy": make_npy("<f8", (2**31, 784))}, "13,469,017,440,256 bytes.*Received: 0"),
    "beyond 64 bits": ({"a.npy": make_npy("|u1", (2**62, 2**62))}, "Received: 0"),
    "negative": ({"a.npy": make_npy("|u1", (-1, 4))}, r"no possible shape: \(-1, 4\)"),
    "true": ({"a.npy": make_npy("|u1", (True,), b"1")}, "no possible shape"),
    "fractions": ({"a.npy": make_npy("|u1", (1.5,), b"1")}, "can't be read as an NPZ file"),
    "words": ({"a.npy": make_npy("|u1", "many", b"1")}, "can't be read as an NPZ file"),
    "endless rows of nothing": ({"a.npy": make_npy("|u1", (2**40, 0, 4))}, "no possible shape"),
    "empty text": ({"a.npy": make_npy("<U0", (2**50,))}, "no possible shape"),
    "too short": ({"a.npy": make_npy("|u1", (9,), b"12345678")}, "hold 9 bytes.*Received: 8"),
    "too long": ({"a.npy": make_npy("|u1", (7,), b"12345678")}, "hold 7 bytes.*Received: 8"),
    "third version": (
        {"a.npy": make_npy("|u1", (1,), b"1", version=3)},
        "a version that is not read",
    ),
    "ninth version": ({"a.npy": make_npy("|u1", (1,), b"1", version=9)}, "can't be read|not read"),
    "no header": ({"a.npy": b"\x93NUMPY\x01\0\xff\xff"}, "can't be read"),
    "header of code": (
        {"a.npy": b"\x93NUMPY\x01\0" + struct.pack("<H", 18) + b"__import__('os')\n\n"},
        "can't be read",
    ),
    "header of brackets": (
        {"a.npy": b"\x93NUMPY\x01\0" + struct.pack("<H", 9000) + b"(" * 9000}, "can't be read",
    ),
    "header that does not end": (
        {"a.npy": b"\x93NUMPY\x01\0" + struct.pack("<H", 4) + b"'''\n"}, "can't be read",
    ),
    "header too long": (
        {"a.npy": b"\x93NUMPY\x02\0" + struct.pack("<I", 2**31) + b" " * 99}, "can't be read",
    ),
    "text": ({"a.npy": GOOD, "read.me": b"hello"}, "arrays only.*Received: read.me"),
    "one twice": ([("a.npy", GOOD), ("a.npy", GOOD)], "each array once. Received: a.npy twice"),
    "odd names": ({"a\n\x1b[31m.txt": GOOD}, "Received: a\N{REPLACEMENT CHARACTER}{2}.31m.txt"),
    "no npy": ({"a.npy": b"GIF89a"}, "can't be read as an NPZ file"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_files_are_refused_in_one_line(tmp_path: Path, kind: str) -> None:
    members, message = HOSTILE[kind]
    for packing in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA):
        path = write(tmp_path / "x.npz", members, packing)
        with pytest.raises(InputError, match=message) as caught:
            read_arrays(path)
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["../out.npy", "/tmp/out.npy", "..\\out.npy", "a/../../b.npy"])
def test_names_are_names_only(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    path = write(folder / "x.npz", {name: GOOD})
    before = sorted(tmp_path.rglob("*"))
    assert [array.tolist() for array in read_arrays(path).values()] == [[0, 1, 2]]
    assert sorted(tmp_path.rglob("*")) == before


def test_encrypted_members_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "x.npz", {"a.npy": GOOD})
    data = bytearray(path.read_bytes())
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + place] |= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"can't be read as an NPZ file: .*encrypted"):
        read_arrays(path)
    data = bytearray(write(path, {"a.npy": GOOD}).read_bytes())
    for signature, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        data[data.index(signature) + place] = 97  # a compression that does not exist
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"can't be read as an NPZ file: .*compression"):
        read_arrays(path)


def test_a_zip_bomb_is_refused_by_its_headers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zeros = np.zeros((40_000, 28, 28), np.uint8)
    np.savez_compressed(tmp_path / "bomb.npz", x=zeros, y=zeros)
    assert (tmp_path / "bomb.npz").stat().st_size < 100_000
    monkeypatch.setattr(memory, "measure_available", lambda: 60 * 10**6)
    monkeypatch.setattr(np.lib.format, "read_array", None)  # values are not read
    with pytest.raises(
        InputError, match=r"bomb\.npz needs 63 MB of memory\. There are 60 MB: store fewer"
    ):
        read_arrays(tmp_path / "bomb.npz")


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "x.npz", {"a.npy": GOOD, "b.npy": GOOD}, zipfile.ZIP_DEFLATED)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert call_or_none(read_arrays, path) is None


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    with pytest.raises(InputError, match="there is no NPZ file"):
        read_arrays(path)
    path.mkdir()
    with pytest.raises(InputError, match="there is no NPZ file"):
        read_arrays(path)
    (tmp_path / "one.npz").write_bytes(GOOD)
    with pytest.raises(InputError, match="no NPZ file: it holds a single array"):
        read_arrays(tmp_path / "one.npz")


@given(st.data())
@settings(max_examples=150)
def test_damage_anywhere_is_an_array_or_a_refusal(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    whole = bytearray(
        write(path, {"a.npy": GOOD, "b.npy": GOOD}, zipfile.ZIP_DEFLATED).read_bytes()
    )
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(whole)
    found = call_or_none(read_arrays, path)
    assert found is None or all(isinstance(array, np.ndarray) for array in found.values())


@given(st.binary(max_size=120))
def test_any_bytes_as_a_member_are_an_array_or_a_refusal(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.npz"
    write(path, {"a.npy": b"\x93NUMPY\x01\0" + data})
    assert call_or_none(read_arrays, path) is None or b"descr" in data
