from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from latentspace.core import errors
from latentspace.core.cache import load_or_compute


@pytest.fixture(autouse=True)
def nothing_said() -> None:
    errors.warn_once.cache_clear()


class Compute:
    """Counts how often it is called."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> dict[str, np.ndarray]:
        self.calls += 1
        return {"a": np.arange(3), "b": np.array(2.5)}


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    compute = Compute()
    for _ in range(2):
        arrays = load_or_compute(tmp_path / "cache" / "x.npz", compute, version=1)
        assert sorted(arrays) == ["a", "b"]
        assert arrays["a"].tolist() == [0, 1, 2]
        assert arrays["b"] == 2.5
    assert compute.calls == 1
    load_or_compute(None, compute, version=1)
    assert compute.calls == 2


def damage(path: Path, how: str) -> None:
    if how == "cut off":
        path.write_bytes(path.read_bytes()[:40])
    elif how == "a bit of a value":
        data = bytearray(path.read_bytes())
        data[data.index(bytes(np.arange(3)))] ^= 1
        path.write_bytes(data)
    elif how == "without a mark":
        np.savez(path, a=np.zeros(3))
    elif how == "another name":
        load_or_compute(path.with_name("y.npz"), Compute(), version=1)
        path.with_name("y.npz").replace(path)
    elif how == "another version":
        path.unlink()
        load_or_compute(path, Compute(), version=2)


@pytest.mark.parametrize(
    "how",
    ["cut off", "a bit of a value", "without a mark", "another name", "another version"],
)
def test_what_is_damaged_or_of_another_version_is_computed_afresh_and_said_so(
    tmp_path: Path, how: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path, compute = tmp_path / "x.npz", Compute()
    load_or_compute(path, compute, version=1)
    damage(path, how)
    assert capfd.readouterr().err == ""
    for _ in range(2):
        assert load_or_compute(path, compute, version=1)["a"].tolist() == [0, 1, 2]
    assert compute.calls == 2
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert str(path) in said
    assert said.endswith("it is computed again\n")


def test_a_cache_that_cannot_be_written_costs_only_the_cache_and_is_said_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("not a folder")
    for name in ("x.npz", "y.npz"):
        arrays = load_or_compute(tmp_path / "file" / name, Compute(), version=1)
        assert arrays["a"].shape == (3,)
    assert capfd.readouterr().err.count("nothing can be kept in") == 1
