from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latentspace.files import (
    InputError,
    cached_arrays,
    content_hash,
    file_hash,
    hushed,
    printable,
    read_json,
    replacing,
    write_bytes,
    write_json,
)


def test_replacing_keeps_the_old_file_when_the_block_fails(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_bytes(path, b"old")

    def fail_halfway() -> None:
        with replacing(path) as temporary:
            temporary.write_bytes(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_write_bytes_makes_the_folder_and_an_ordinary_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.bin"
    write_bytes(path, b"\x00\xff")
    (tmp_path / "plain").write_bytes(b"")
    assert path.read_bytes() == b"\x00\xff"
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_json_round_trip_and_refusals(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"a": [1, 2.5, None]})
    assert read_json(path) == {"a": [1, 2.5, None]}
    path.write_text("[1]")
    with pytest.raises(InputError, match="JSON object"):
        read_json(path)
    path.write_text("{")
    with pytest.raises(InputError, match="can't be read"):
        read_json(path)


def test_content_hash_tells_values_shapes_and_dtypes_apart() -> None:
    values = np.arange(6, dtype=np.int32)
    others = [values + 1, values.reshape(2, 3), values.astype(np.int64), values[::-1]]
    assert len({content_hash(array) for array in [values, *others]}) == 5
    assert content_hash(values) == content_hash(values.copy())
    assert content_hash("ab", "c") != content_hash("a", "bc")
    assert content_hash(1.5) != content_hash(1.25)


def test_file_hash_is_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert file_hash(tmp_path / "a").startswith("ba7816bf8f01cfea")


def test_cache_hits_misses_and_survives_damage(tmp_path: Path) -> None:
    path, calls = tmp_path / "cache" / "x.npz", []

    def compute() -> dict[str, np.ndarray]:
        calls.append(1)
        return {"a": np.arange(3), "b": np.array(2.5)}

    for expected_calls in (1, 1):
        arrays = cached_arrays(path, compute)
        assert arrays["a"].tolist() == [0, 1, 2]
        assert arrays["b"] == 2.5
        assert len(calls) == expected_calls
    path.write_bytes(path.read_bytes()[:40])
    assert cached_arrays(path, compute)["b"] == 2.5
    assert len(calls) == 2
    assert cached_arrays(path, compute)["b"] == 2.5
    assert len(calls) == 2
    cached_arrays(None, compute)
    assert len(calls) == 3


def test_cache_that_cannot_be_written_costs_only_the_cache(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    arrays = cached_arrays(tmp_path / "file" / "x.npz", lambda: {"a": np.zeros(1)})
    assert arrays["a"].shape == (1,)


def test_hushed_hides_native_output_and_nothing_after(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    with hushed():
        os.write(2, b"chatter")
    print("kept", file=sys.stderr)
    assert capfd.readouterr().err == "kept\n"
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    with hushed():
        os.write(2, b"asked for")
    assert capfd.readouterr().err == "asked for"


@given(st.text(max_size=60) | st.binary(max_size=40).map(os.fsdecode), st.integers(1, 50))
@settings(max_examples=300)
def test_any_name_becomes_one_printable_line(text: str, longest: int) -> None:
    shown = printable(text, longest)
    assert shown.isprintable()
    assert len(shown) <= longest
    assert shown.encode().decode() == shown  # no half of a surrogate pair
    assert printable(shown, longest) == shown
    if text.isprintable() and len(text) <= longest:
        assert shown == text
