"""Times the story and all pictures of a run: the first time, and again with nothing changed.

Each time is one `python visualize.py` in a process of its own, with a cache and an output folder
that are empty at first: wall time, processor time and the peak of memory of its largest process.
Then where the first time went, by chapter: measuring (all that the cache keeps), drawing, and
encoding of pictures. With --against the same is run at an earlier commit, in a worktree beside, so
that the ratio is of one machine in one hour. The models of --models-dir are copied, without their
reference classifiers, as after a training. With --markdown the tables go into docs/results.md.

    python benchmarks/story.py --data-dir DIR --run mnist --all --against 8d896cc --markdown
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from results import PROJECT, rewrite_table

from config import TrainConfig

STEPS = ("measure", "draw", "encode")
AGAIN = ", again"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data-dir", default=TrainConfig().data_dir, metavar="DIR")
    parser.add_argument("--models-dir", default=TrainConfig().models_dir, metavar="DIR")
    parser.add_argument("--run", default="mnist", metavar="NAME")
    parser.add_argument("--all", action="store_true", help="also --all, after the story")
    parser.add_argument("--against", metavar="REV", help="an earlier commit")
    parser.add_argument("--markdown", action="store_true", help="rewrite docs/results.md")
    parser.add_argument("--trace", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("arguments", nargs="*", help="after --: more arguments of visualize.py")
    arguments = parser.parse_args()
    if arguments.trace is not None:
        trace(arguments.trace, arguments.arguments)
        return
    ours = measure(PROJECT, arguments)
    with check_out(arguments.against) as place:
        theirs = None if place is None else measure(place, arguments)
    tables = {
        "story": list(list_times(ours, theirs, arguments.against)),
        "story-chapters": list(list_chapters(ours)),
    }
    for name, lines in tables.items():
        print("\n".join(lines), flush=True)
        if arguments.markdown:
            rewrite_table(name, lines)


@dataclass
class Times:
    """One run of visualize.py."""

    wall: float  # seconds
    processor: float  # seconds
    memory: float  # GiB
    chapters: dict[str, dict[str, float]] = field(default_factory=dict)  # seconds of each of STEPS


@contextlib.contextmanager
def check_out(revision: str | None) -> Iterator[Path | None]:
    """The project as it was at a commit, in a folder that is removed afterwards."""
    if revision is None:
        yield None
        return
    git = ("git", "-C", str(PROJECT), "worktree")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "earlier"
        subprocess.run([*git, "add", "--detach", str(place), revision], check=True)
        try:
            yield place
        finally:
            subprocess.run([*git, "remove", "--force", str(place)], check=True)


def measure(project: Path, arguments: argparse.Namespace) -> dict[str, Times]:
    """The times of a version of the project, by what was asked for."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder) / "models"
        shutil.copytree(Path(arguments.models_dir) / arguments.run, models / arguments.run)
        common = ["--run", arguments.run, "--models-dir", models, "--outputs-dir", folder]
        common += ["--data-dir", arguments.data_dir] if arguments.data_dir else []
        common += [*arguments.arguments, "--quiet"]
        for name, flags in {"the story": [], "`--all`": ["--all"]}.items():
            if flags and not arguments.all:
                continue
            for when in ("", AGAIN):
                command = [*map(str, common), *flags]
                found[name + when] = run(project, command, Path(folder))
    return found


def run(project: Path, command: list[str], folder: Path) -> Times:
    """Runs visualize.py of a version; this one says where its time goes."""
    traced = folder / "trace.json"
    script = [str(project / "visualize.py")]
    if project == PROJECT:
        script = [__file__, "--trace", str(traced), "--"]
    times = time_script([*script, *command], project, folder)
    if project == PROJECT:
        times.chapters = json.loads(traced.read_text())
    return times


def time_script(command: list[str], project: Path, cache: Path) -> Times:
    """Runs a script of a version in a process of its own; ends the program where it fails."""
    started = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, *command],
        cwd=project,
        env={**os.environ, "XDG_CACHE_HOME": str(cache)},
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - started
    if status != 0:
        sys.exit(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    return Times(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20)


def trace(path: Path, command: list[str]) -> None:
    """Runs visualize.py in this process, and writes the seconds of each chapter by step."""
    import visualize
    from latentspace.chapters import STORY
    from latentspace.chapters.study import Study
    from latentspace.report import gallery

    chapters = {
        file: contents.package.rpartition(".")[2]
        for contents in STORY
        for figure in contents.figures
        for file in figure.files
    }
    spent: dict[str, dict[str, float]] = {}
    measured = [0.0, 0]  # seconds in work that the cache keeps, and how deep in it this is
    show_running, load_or_compute = gallery.show_running, Study.load_or_compute

    @contextlib.contextmanager
    def clock(text: str, **options: Any) -> Iterator[None]:
        file = text.removeprefix("writing ")
        before, started = measured[0], time.perf_counter()
        with show_running(text, **options):
            yield
        seconds, inside = time.perf_counter() - started, measured[0] - before
        steps = spent.setdefault(chapters[file], dict.fromkeys(STEPS, 0.0))
        steps["draw" if file == text else "encode"] += seconds - inside
        steps["measure"] += inside

    def clock_measuring(study: Study, *asked: Any) -> Any:
        measured[1] += 1
        started = time.perf_counter()
        try:
            return load_or_compute(study, *asked)
        finally:
            measured[1] -= 1
            if not measured[1]:
                measured[0] += time.perf_counter() - started

    sys.argv = ["visualize.py", *command]
    clocks = {(gallery, "show_running"): clock, (Study, "load_or_compute"): clock_measuring}
    with contextlib.ExitStack() as stack:
        for (place, name), function in clocks.items():
            stack.enter_context(patch.object(place, name, function))
        visualize.main()
    path.write_text(json.dumps(spent))


def list_times(
    ours: dict[str, Times], theirs: dict[str, Times] | None, revision: str | None
) -> Iterator[str]:
    """The whole times, a line of Markdown each."""
    columns = ["", "seconds", "of processor time", "peak memory, GiB"]
    columns += [] if theirs is None else [f"seconds at {revision}", "times as fast"]
    yield f"| {' | '.join(columns)} |"
    yield "|" + "---|" * len(columns)
    for name, one in ours.items():
        cells = [name, f"{one.wall:.1f}", f"{one.processor:.1f}", f"{one.memory:.2f}"]
        if theirs is not None:
            before = theirs[name].wall
            cells += [f"{before:.1f}", f"{before / one.wall:.1f}"]
        yield f"| {' | '.join(cells)} |"


def list_chapters(ours: dict[str, Times]) -> Iterator[str]:
    """Where the first times went, a line of Markdown for each chapter."""
    yield f"| | chapter | {' | '.join(STEPS)} |"
    yield "|" + "---|" * (2 + len(STEPS))
    for name, one in ours.items():
        for part, steps in one.chapters.items():
            if sum(steps.values()) >= 0.05 and not name.endswith(AGAIN):
                cells = " | ".join(f"{steps[step]:.1f}" for step in STEPS)
                yield f"| {name} | {part} | {cells} |"


if __name__ == "__main__":
    main()
