from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing.context import SpawnContext
from pathlib import Path

import pytest
from conftest import PROJECT

from latentspace.core.processes import run_all


def square(number: int, report: Callable[..., None]) -> tuple[int, int]:
    report(number, "done")
    return number**2, os.getpid()


def sleep(folder: str, report: Callable[..., None]) -> None:
    """Tells which process it runs in, and stays there."""
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(120)


@pytest.mark.parametrize(("at_once", "in_threads"), [(1, False), (2, False), (2, True)])
def test_results_and_reports_come_by_name(at_once: int, in_threads: bool) -> None:
    reports = []
    made = run_all(
        square,
        {"a": (2,), "b": (3,)},
        at_once=at_once,
        in_threads=in_threads,
        on_report=lambda *report: reports.append(report),
    )
    assert {name: result for name, (result, _) in made.items()} == {"a": 4, "b": 9}
    is_here = at_once == 1 or in_threads
    assert (os.getpid() in {process for _, process in made.values()}) == is_here
    assert set(reports) <= {("a", 2, "done"), ("b", 3, "done")}


def test_without_semaphores_one_comes_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(context: SpawnContext, *args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(multiprocessing.context.BaseContext, "Queue", full)
    made = run_all(square, {"a": (2,), "b": (3,)}, at_once=2)
    assert made == {"a": (4, os.getpid()), "b": (9, os.getpid())}


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="processes are looked up in /proc")
def test_processes_end_with_the_one_that_they_work_for(tmp_path: Path) -> None:
    code = (
        "from latentspace.core.processes import run_all; from test_processes import sleep\n"
        f"if __name__ == '__main__': run_all(sleep, {{'a': ({str(tmp_path)!r},)}}, at_once=2)"
    )
    script = tmp_path / "work.py"
    script.write_text(code)
    paths = os.pathsep.join(map(str, (PROJECT, PROJECT / "tests", PROJECT / "tests" / "core")))
    process = subprocess.Popen([sys.executable, script], env={**os.environ, "PYTHONPATH": paths})
    deadline = time.monotonic() + 60
    while not (workers := [path.name for path in tmp_path.iterdir() if path.name.isdecimal()]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.kill()
    process.wait()
    while any(Path("/proc", worker).exists() for worker in workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)
