from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latentspace.core.errors import InputError, explain_error, to_printable
from latentspace.core.provenance import hash_content, hash_file, silence_stderr


def test_content_hash_tells_values_shapes_and_dtypes_apart() -> None:
    values = np.arange(6, dtype=np.int32)
    others = [values + 1, values.reshape(2, 3), values.astype(np.int64), values[::-1]]
    assert len({hash_content(array) for array in [values, *others]}) == 5
    assert hash_content(values) == hash_content(values.copy())
    assert hash_content("ab", "c") != hash_content("a", "bc")
    assert hash_content(1.5) != hash_content(1.25)


def test_file_hash_is_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert hash_file(tmp_path / "a").startswith("ba7816bf8f01cfea")


def test_hushed_hides_native_output_and_nothing_after(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    with silence_stderr():
        os.write(2, b"chatter")
    print("kept", file=sys.stderr)
    assert capfd.readouterr().err == "kept\n"
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    with silence_stderr():
        os.write(2, b"asked for")
    assert capfd.readouterr().err == "asked for"


@given(st.text(max_size=60) | st.binary(max_size=40).map(os.fsdecode), st.integers(1, 50))
@settings(max_examples=300)
def test_any_name_becomes_one_printable_line(text: str, longest: int) -> None:
    shown = to_printable(text, longest)
    assert shown.isprintable()
    assert len(shown) <= longest
    assert shown.encode().decode() == shown  # no half of a surrogate pair
    assert to_printable(shown, longest) == shown
    if text.isprintable() and len(text) <= longest:
        assert shown == text


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError("no\nroom"), "a.b can't be read: no�room; download it again"),
        (KeyError(), "a.b can't be read: KeyError; download it again"),
        (InputError("{a} is empty"), "{a} is empty"),
    ],
)
def test_what_a_library_raises_is_explained(error: Exception, said: str) -> None:
    with (
        pytest.raises(InputError) as raised,
        explain_error("a.b can't be read", "download it again"),
    ):
        raise error
    assert str(raised.value) == said
