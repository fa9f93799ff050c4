from __future__ import annotations

import resource
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from latentspace.core import memory
from latentspace.core.errors import InputError

GIB = 1 << 30


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with 20 GiB free, no control groups and no limit; the folder of its process."""
    free = SimpleNamespace(available=20 * GIB)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    monkeypatch.setattr(memory, "PROCESS", tmp_path)
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    monkeypatch.setattr(resource, "getrlimit", lambda which: unlimited)
    return tmp_path


def write_group(group: Path, version: int, limit: int | str, used: int, kept: int = 0) -> None:
    group.mkdir(parents=True, exist_ok=True)
    names = ("memory.max", "memory.current", "inactive_file")
    if version == 1:
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    (group / names[0]).write_text(f"{limit}\n")
    (group / names[1]).write_text(f"{used}\n")
    (group / "memory.stat").write_text(f"anon 5\n{names[2]} {kept}\nslab 7\n")


def test_without_limits_it_is_what_the_system_has(machine: Path) -> None:
    assert memory.measure_available() == 20 * GIB


def test_groups_of_the_second_version_limit_from_every_level(machine: Path) -> None:
    tree = machine / "tree"
    (machine / "cgroup").write_text("0::/batch/job\n")
    (machine / "mountinfo").write_text(
        f"22 1 8:1 / / rw - ext4 /dev/sda rw\n"
        f"31 22 0:27 / {tree} rw,nosuid shared:4 - cgroup2 cgroup2 rw\n"
    )
    write_group(tree / "batch" / "job", 2, "max", 3 * GIB)
    assert memory.measure_available() == 20 * GIB
    write_group(tree / "batch", 2, 8 * GIB, 5 * GIB, kept=GIB)
    assert memory.measure_available() == 4 * GIB  # what is kept of files is given back
    write_group(tree / "batch" / "job", 2, 4 * GIB, 3 * GIB)
    assert memory.measure_available() == GIB


def test_groups_of_the_first_version_limit_inside_a_container(machine: Path) -> None:
    tree = machine / "tree"
    (machine / "cgroup").write_text("5:cpu:/docker/ab\n4:memory:/docker/ab\n0::/\n")
    (machine / "mountinfo").write_text(
        f"34 31 0:31 /docker/ab {machine / 'cpu'} rw - cgroup cgroup rw,cpu\n"
        f"35 31 0:32 /docker/ab {tree} ro,relatime - cgroup cgroup rw,memory\n"
    )
    write_group(tree, 1, 2 * GIB, GIB)
    assert memory.measure_available() == GIB
    write_group(tree, 1, 9223372036854771712, GIB)  # no limit, as it is written there
    assert memory.measure_available() == 20 * GIB


def test_a_limit_of_the_address_space_counts(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = psutil.Process().memory_info().vms
    monkeypatch.setattr(resource, "getrlimit", lambda which: (used + 2 * GIB, -1))
    assert memory.measure_available() == pytest.approx(2 * GIB, rel=0.1)
    monkeypatch.setattr(resource, "getrlimit", lambda which: (1, -1))
    assert memory.measure_available() == 0


def test_the_real_machine_has_some() -> None:
    assert 0 < memory.measure_available() <= psutil.virtual_memory().total


def test_a_refusal_says_how_much_and_what_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "measure_available", lambda: 12 * 10**9)
    memory.refuse_too_large(12 * 10**9, "this", "take less")
    with pytest.raises(
        InputError, match=r"^this needs 1\.5 TB of memory\. There are 12 GB: take less$"
    ):
        memory.refuse_too_large(1_500_000_000_000, "this", "take less")


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 KB"), (999_600, "1.0 MB"),
     (12_345_678, "12 MB"), (10**30, "1,000,000,000,000 EB")],
)  # fmt: skip
def test_bytes_in_units(count: int, text: str) -> None:
    assert memory.format_bytes(count) == text
