"""How far something is that takes long: bars on a terminal, now and then a line in a log file."""

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from typing import ClassVar

from tqdm import tqdm

DELAY_SECONDS = 1.0  # what is done before shows nothing
TICK_SECONDS = 1.0
LOG_SECONDS = 30.0  # of running, before a line is printed, and between two


def make_bar(text: str, total: int | None, *, quiet: bool) -> tqdm:
    """Opens a bar of `total` steps, or of time alone; where stderr is no terminal, see `_Lines`."""
    kind = tqdm if sys.stderr.isatty() else _Lines
    form = "{desc} {elapsed}" if total is None else None
    how = {"leave": False, "disable": quiet, "delay": DELAY_SECONDS, "bar_format": form}
    return kind(total=total, desc=text, **how)


@contextlib.contextmanager
def show_running(text: str, *, quiet: bool) -> Iterator[None]:
    """Shows for how long something has been running that does not say how far it is."""
    ended = threading.Event()
    with make_bar(text, None, quiet=quiet) as bar:

        def tick() -> None:
            while not ended.wait(TICK_SECONDS):
                bar.update(0)

        clock = threading.Thread(target=tick, daemon=True)
        clock.start()
        try:
            yield
        finally:
            ended.set()
            clock.join()


class _Lines(tqdm):
    """Prints what runs, where it has run for `LOG_SECONDS` since the last line of any."""

    running: ClassVar[list[tqdm]] = []
    said: ClassVar[float] = 0.0  # when the last line was printed

    def __init__(self, **options: object) -> None:
        super().__init__(**options)
        if not self.disable:
            self.running.append(self)

    def display(self, msg: str | None = None, pos: int | None = None) -> bool:
        """Prints the line where it is time; called by tqdm, with an empty message at the end."""
        running, now = self.running, time.time()
        if msg is None and running and now - max(_Lines.said, running[0].start_t) >= LOG_SECONDS:
            _Lines.said = now
            print(", ".join(map(str, running)), file=sys.stderr, flush=True)
        return False

    def close(self) -> None:
        # By identity: two bars are equal to tqdm when they stand in the same line.
        _Lines.running = [bar for bar in self.running if bar is not self]
        super().close()

    def __str__(self) -> str:
        elapsed = self.format_interval(time.time() - self.start_t)
        share = f" {self.n / self.total:.0%}" if self.total else ""
        return f"{self.desc}{share} after {elapsed}"
