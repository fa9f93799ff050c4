from __future__ import annotations

import errno
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from conftest import PROJECT

from latentspace.core import files
from latentspace.core.errors import InputError
from latentspace.core.files import (
    PARTIAL,
    UnwritableError,
    check_folder,
    check_temporary_folder,
    lock_folder,
    make_temporary_file,
    replace_file,
    replace_files,
    write_bytes,
)

HOLD = """
import sys, time
from pathlib import Path
from latentspace.core.files import {what}
with {what}({arguments}) as held:
    print(held, flush=True)
    time.sleep(60)
"""


def start_holder(what: str, arguments: str) -> subprocess.Popen[str]:
    """Another process, within one of the contexts of the module until it is killed."""
    code = HOLD.format(what=what, arguments=arguments)
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=PROJECT
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_replacing_keeps_the_old_file_when_the_block_fails(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_bytes(path, b"old")

    def fail_halfway() -> None:
        with replace_file(path) as temporary:
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


def test_several_files_are_replaced_in_order_once_all_are_written(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text("old")

    def fail_with_one_written() -> None:
        with replace_files(tmp_path, ("a", "b")) as places:
            places["a"].write_text("new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_with_one_written()
    assert [(tmp_path / name).read_text() for name in ("a", "b")] == ["old", "old"]
    with replace_files(tmp_path, ("b", "a")) as places:
        for name in ("a", "b"):
            places[name].write_text(name)
    times = [(tmp_path / name).stat().st_ctime_ns for name in ("b", "a")]
    assert times == sorted(times)
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


def test_what_a_killed_writer_left_goes_and_what_a_living_one_writes_stays(tmp_path: Path) -> None:
    (tmp_path / ".partial-of-nobody.png").touch()
    (tmp_path / ".hidden").touch()
    writer = start_holder("make_temporary_file", f"'.npz', Path({str(tmp_path)!r})")
    write_bytes(tmp_path / "a", b"")
    (left,) = tmp_path.glob(f"{PARTIAL}*")
    assert left.suffix == ".npz"
    kill(writer)
    assert left.exists()
    write_bytes(tmp_path / "a", b"")
    assert sorted(os.listdir(tmp_path)) == [".hidden", "a"]


def test_a_file_that_is_swept_away_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, seen = files._lock, []

    def late(handle: int, *, wait: bool) -> bool:
        seen.append(next(tmp_path.iterdir()))
        if len(seen) == 1:
            seen[0].unlink()
        return lock(handle, wait=wait)

    monkeypatch.setattr(files, "_lock", late)
    with make_temporary_file(".x", tmp_path) as temporary:
        assert temporary.exists()
        assert temporary == seen[1] != seen[0]


def test_a_folder_has_one_writer_whose_death_frees_it(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    writer = start_holder("lock_folder", f"Path({str(folder)!r}), wait=False")
    try:
        with pytest.raises(InputError, match=r"another process is writing to .*run: wait until"):
            lock_folder(folder, wait=False).__enter__()
    finally:
        kill(writer)
    with lock_folder(folder, wait=False):
        (folder / "a").touch()
    assert os.listdir(folder) == ["a"]


def test_the_second_writer_can_wait(tmp_path: Path) -> None:
    writer = start_holder("lock_folder", f"Path({str(tmp_path / 'run')!r}), wait=False")
    second = subprocess.Popen(
        [
            *(sys.executable, "-c"),
            "from pathlib import Path; from latentspace.core.files import *\n"
            f"with lock_folder(Path({str(tmp_path / 'run')!r}), wait=True): print('mine')",
        ],
        stdout=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
    )
    assert second.stdout is not None
    assert second.stdout.readline().startswith("waiting: another process is writing to")
    assert second.poll() is None
    kill(writer)
    assert second.communicate()[0] == "mine\n"


def test_a_folder_in_which_nothing_came_to_lie_goes(tmp_path: Path) -> None:
    with lock_folder(tmp_path / "new" / "run", wait=False):
        assert (tmp_path / "new" / "run").is_dir()
    assert os.listdir(tmp_path) == []
    with lock_folder(tmp_path, wait=False):
        pass
    assert tmp_path.is_dir()


def test_a_folder_that_its_last_writer_removed_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, lock, calls = tmp_path / "run", files._lock, []

    def late(handle: int, *, wait: bool) -> bool:
        calls.append(handle)
        if len(calls) == 1:
            (folder / files.LOCK).unlink()
            folder.rmdir()
        return lock(handle, wait=wait)

    monkeypatch.setattr(files, "_lock", late)
    with lock_folder(folder, wait=True):
        assert folder.is_dir()
    assert len(calls) == 2


def test_without_locks_all_is_written_and_nothing_is_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(handle: int, *, blocking: bool) -> bool:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(files, "lock_descriptor", refuse)
    (tmp_path / ".partial-of-somebody").touch()
    with lock_folder(tmp_path, wait=False):
        write_bytes(tmp_path / "a", b"1")
    assert sorted(os.listdir(tmp_path)) == [".partial-of-somebody", "a"]


@pytest.mark.parametrize("path", ["file/run", "/proc/nobody/run"])
def test_a_folder_that_cannot_be_is_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"can't be written to|is a file"):
        lock_folder(tmp_path / path, wait=False).__enter__()


def test_a_closed_folder_is_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(InputError, match="is closed to you"):
        check_folder(tmp_path / "new")


def test_without_a_folder_for_temporary_files_the_way_out_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_temporary_folder()
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/proc/nobody"])
    with pytest.raises(InputError, match="environment variable TMPDIR"):
        check_temporary_folder()


def _write_too_much(path: str, pipe: object) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    try:
        write_bytes(path, bytes(2000))
    except UnwritableError as error:
        pipe.send(str(error))  # type: ignore[attr-defined]


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(
        target=_write_too_much, args=(str(path), there)
    )
    process.start()
    process.join()
    assert "can't be written (File too large), and is left as it was" in here.recv()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a"]
