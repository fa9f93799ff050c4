"""The same function on several inputs at the same time, in processes or threads of their own."""

import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait as wait_for
from queue import Empty, Queue
from typing import Any

from latentspace.core.errors import InputError

POLL_SECONDS = 0.2


def count_cores() -> int:
    """Cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def run_all(
    function: Callable[..., Any],
    inputs: Mapping[str, tuple[Any, ...]],
    *,
    at_once: int,
    in_threads: bool = False,
    on_report: Callable[..., object] = lambda *report: None,
) -> dict[str, Any]:
    """Calls a function once for each input, and returns what it returned, by the name of the input.

    The function, of a module's top level, takes an input and, last, a function to which it may
    report numbers: `on_report` gets the name of the input and what was reported. With fewer than
    two `at_once` it runs in this process, as it does `in_threads`, which start sooner but share
    what Python does. Raises an `InputError` where a process was ended from outside.
    """
    if at_once < 2:
        return {name: function(*of, partial(on_report, name)) for name, of in inputs.items()}
    context = get_context("spawn")  # what has loaded TensorFlow must not be forked
    pool: Executor
    reports: Any
    try:
        if in_threads:
            reports = Queue()
            pool = ThreadPoolExecutor(at_once, "run_all", _Worker.begin, (reports,))
        else:
            reports = context.Queue()
            pool = ProcessPoolExecutor(at_once, context, _Worker.begin, (reports,))
    except (OSError, NotImplementedError):  # no room in /dev/shm, or none at all: no semaphores
        return run_all(function, inputs, at_once=1, on_report=on_report)
    with pool:
        futures = {}
        for name, arguments in inputs.items():
            futures[name] = pool.submit(_Worker.call, function, name, arguments)
        while wait(futures.values(), timeout=0).not_done:
            try:
                on_report(*reports.get(timeout=POLL_SECONDS))
            except Empty:
                continue
        try:
            return {name: future.result() for name, future in futures.items()}
        except BrokenProcessPool as error:
            why = "a process was ended from outside, most likely for want of memory"
            raise InputError(f"{why}: take fewer images, by --samples or --limit") from error


class _Worker:
    """What runs in a process or thread of its own, and the queue by which it reports."""

    reports: Any = None

    @classmethod
    def begin(cls, reports: Any) -> None:
        cls.reports = reports
        threading.Thread(target=cls.end_with_parent, daemon=True).start()

    @staticmethod
    def end_with_parent() -> None:
        """Ends this process where the one that it works for is killed; it would wait for ever."""
        parent = parent_process()
        if parent is not None:
            wait_for([parent.sentinel])
            os._exit(1)

    @classmethod
    def call(cls, function: Callable[..., Any], name: str, arguments: tuple[Any, ...]) -> Any:
        return function(*arguments, lambda *report: cls.reports.put((name, *report)))
