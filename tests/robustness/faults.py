"""Kills both scripts at random moments, and checks what they leave and that it can be mended.

Of a small data set a run is trained, and trained anew with other settings (`--overwrite`) while it
is killed; a folder of pictures is drawn, and drawn anew with another seed while it is killed. The
moments are drawn uniformly from shortly before the first file is written to the end. After each,
every file has to be the old or the new one, byte for byte but for the times in them; then
`--resume`, or the plain command where nothing had begun, has to end with the very files of a
training that nobody killed, and a plain second look with those of an undisturbed one; and nothing
else may lie there, nor among the temporary files.

Each command is a process of its own, forked from this one, which has loaded the libraries: so two
hundred moments take minutes. While libraries load, nothing is written.

    pytest tests/robustness/test_faults.py --budget full -s
    python tests/robustness/faults.py --moments 50
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import importlib
import os
import runpy
import shutil
import signal
import sys
import tempfile
import time
import traceback
from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from latentspace.core.errors import InputError
from latentspace.core.files import LOCK, PARTIAL
from latentspace.core.provenance import silence_stderr
from latentspace.models import runs
from latentspace.models.run_schema import CHECKPOINT, FACTS, HISTORY
from latentspace.report.metrics import METRICS, read_metrics
from latentspace.report.records import RECORDS, read_records

PROJECT = Path(__file__).resolve().parent.parent.parent
SIGNALS = (signal.SIGKILL, signal.SIGTERM)
RUN = "small"
EARLIER_SECONDS = 0.5  # before the first file is written, killing begins
POLL_SECONDS = 0.005
TRAINING = (
    *("train_cae.py", "--dataset", "digits", "--limit", "120", "--run", RUN, "--deterministic"),
    *("--latent-dim", "4", "--batch-size", "32", "--epochs", "6", "--refine-epochs", "2"),
    *("--quiet", "--overwrite", "--models-dir", "models"),
)
RESUME = ("train_cae.py", "--run", RUN, "--resume", "--quiet", "--models-dir", "models")
LOOK = (
    *("visualize.py", "--run", RUN, "--quiet", "--models-dir", "models", "--outputs-dir"),
    *("outputs", "--reconstructions", "--traversals"),
)
LOADED = (
    *("keras", "sklearn.decomposition", "sklearn.neighbors", "latentspace.training.stages"),
    *(
        "latentspace.training.recording",
        "latentspace.chapters.study",
        "latentspace.report",
        "latentspace.report.gallery",
    ),
    *("latentspace.drawing.grids", "matplotlib.pyplot"),
)
TIMED = {FACTS, HISTORY, RECORDS, METRICS}  # files that hold times


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--moments", type=int, default=50, metavar="N", help="of each signal")
    parser.add_argument("--kill-only", action="store_true", help="by SIGKILL, not by SIGTERM")
    parser.add_argument("--only", choices=("training", "look"), help="kill only one of the two")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the moments")
    arguments = parser.parse_args()
    with silence_stderr():
        for name in LOADED:
            importlib.import_module(name)
    rng = np.random.default_rng(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        for kind in (Training, Look):
            if arguments.only not in (None, kind.name):
                continue
            subject = kind(Path(folder))
            for number in SIGNALS[: 1 if arguments.kill_only else None]:
                found: collections.Counter[str] = collections.Counter()
                for moment in rng.uniform(*subject.span, arguments.moments):
                    state = subject.trial(number, moment)
                    print(
                        f"{subject.name}, {number.name}, {moment:.3f} s: {state}", file=sys.stderr
                    )
                    found[state] += 1
                told = ", ".join(f"{count} {state}" for state, count in found.most_common())
                print(
                    f"{kind.__name__}, {number.name}, {arguments.moments} times: {told}", flush=True
                )
    print("nothing was lost, mixed or left behind")


class Subject(ABC):
    """What is killed again and again, each time in a copy of the same folder.

    Attributes:
        span: When to kill, in seconds after the start, from and to.
    """

    name: str
    command: tuple[str, ...]
    place: Path  # of the files that it writes, within its folder

    def __init__(self, folder: Path) -> None:
        """Makes what lies there before, and what an undisturbed command makes of it."""
        self._before, self._trial = folder / f"before-{self.place.parts[0]}", folder / "trial"
        self._before.mkdir()
        self.prepare(self._before)
        self._old = contents(self._before / self.place)
        self._begin()
        first, whole = self._watched()
        self.span = (first - EARLIER_SECONDS, whole)
        self._new = contents(self._trial / self.place)
        changed = {name for name in self._new if self._new[name] != self._old.get(name)}
        require(changed - TIMED, "both are the same: nothing could be told from it")

    @abstractmethod
    def prepare(self, folder: Path) -> None:
        """Makes what lies there before."""

    @abstractmethod
    def state(self, folder: Path) -> str:
        """What a killed command has left, in words; fails where that is mixed."""

    @abstractmethod
    def mend(self, folder: Path) -> None:
        """Does what a person would do next."""

    def trial(self, number: signal.Signals, moment: float) -> str:
        """Kills the command at a moment, mends what it left, and says what that was."""
        self._begin()
        process = Command(self._trial, *self.command)
        time.sleep(moment)
        process.kill(number)
        said = process.wait()
        require("Traceback" not in said, said)
        for name, data in contents(self._trial / self.place).items():
            if name in self._old and name not in TIMED and not self.may_differ(process.returncode):
                known = (self._old[name], self._new[name])
                require(data in known, f"{name} is neither old nor new")
        state = self.state(self._trial / self.place)
        self.mend(self._trial)
        after = contents(self._trial / self.place)
        require(set(after) == set(self._new), f"{set(after) ^ set(self._new)} at {moment:.3f}")
        for name in set(after) - TIMED:
            require(after[name] == self._new[name], f"{name}, {state} at {moment:.3f}")
        left = [found for name in (f"{PARTIAL}*", LOCK) for found in self._trial.rglob(name)]
        left += (self._trial / "tmp").iterdir()
        require(not left, f"{left} is left behind")
        return state

    def may_differ(self, code: int | None) -> bool:
        """Whether a command that ended so has left a version of its own."""
        return False

    def _begin(self) -> None:
        shutil.rmtree(self._trial, ignore_errors=True)
        shutil.copytree(self._before, self._trial)
        (self._trial / "tmp").mkdir(exist_ok=True)

    def _watched(self) -> tuple[float, float]:
        """Runs the command undisturbed: seconds to the first change of a file, and to its end."""
        began, first = time.perf_counter(), 0.0
        process = Command(self._trial, *self.command)
        before = stamps(self._trial / self.place)
        while process.poll() is None:
            if not first and stamps(self._trial / self.place) != before:
                first = time.perf_counter() - began
            time.sleep(POLL_SECONDS)
        require(process.returncode == 0, process.wait())
        return first, time.perf_counter() - began


class Training(Subject):
    """A run that is trained anew."""

    name = "training"
    command = (*TRAINING, "--seed", "0")
    place = Path("models", RUN)

    def prepare(self, folder: Path) -> None:
        run(folder, *TRAINING, "--seed", "1")

    def may_differ(self, code: int | None) -> bool:
        return code == 0  # interrupted as by Ctrl-C: the best epoch so far

    def state(self, folder: Path) -> str:
        resumable = " and a checkpoint" if (folder / CHECKPOINT).exists() else ""
        try:
            found = runs.find_run(str(folder), "")
        except InputError as error:
            require(resumable, str(error))
            return "refused, with a checkpoint"
        found.read_history()
        found.read_snapshots()
        age = "old" if (folder / FACTS).read_bytes() == self._old[FACTS] else "new"
        return f"{age} run{resumable}"

    def mend(self, folder: Path) -> None:
        begun = (folder / self.place / CHECKPOINT).exists()
        run(folder, *(RESUME if begun else self.command))


class Look(Subject):
    """A folder of pictures that is drawn anew."""

    name = "look"
    command = (*LOOK, "--seed", "0")
    place = Path("outputs", RUN)

    def prepare(self, folder: Path) -> None:
        trained = folder.with_name(f"before-{Training.place.parts[0]}")
        if trained.exists():
            shutil.copytree(trained / "models", folder / "models")
        else:
            run(folder, *TRAINING)
        run(folder, *LOOK, "--seed", "1")

    def state(self, folder: Path) -> str:
        read_metrics(folder / METRICS)
        seeds = {
            name: one.settings["--seed"]
            for name, one in read_records(folder).items()
            if "--seed" in one.settings and self._old[name] != self._new[name]
        }
        files = contents(folder)
        assert all(
            files[name] == (self._old, self._new)[seed == 0][name] for name, seed in seeds.items()
        )
        drawn = [name for name in set(files) - TIMED if self._old[name] != self._new[name]]
        count = sum(files[name] == self._new[name] for name in drawn)
        return "all new" if count == len(drawn) else "some new" if count else "all old"

    def mend(self, folder: Path) -> None:
        run(folder, *self.command)


class Command:
    """A script that runs in a process of its own, forked from this one."""

    def __init__(self, folder: Path, script: str, *arguments: str) -> None:
        """Begins it in a folder, with a cache and temporary files of its own."""
        self.returncode: int | None = None
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as the process
        (folder / "tmp").mkdir(exist_ok=True)
        self._process = os.fork()
        if self._process == 0:
            os.dup2(self._said.fileno(), 2)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.chdir(folder)
            os.environ |= {
                "LATENTSPACE_CACHE": str(folder / "cache"),
                "TMPDIR": str(folder / "tmp"),
            }
            tempfile.tempdir = None
            sys.argv = [script, *arguments]
            code = 1
            try:
                runpy.run_path(str(PROJECT / script), run_name="__main__")
            except SystemExit as ended:
                code = ended.code if isinstance(ended.code, int) else 1
            except BaseException:
                traceback.print_exc()
            os._exit(code)

    def poll(self) -> int | None:
        """How it ended, minus the signal where it was killed; None where it goes on."""
        return self._wait(os.WNOHANG)

    def kill(self, number: signal.Signals) -> None:
        """Sends a signal, if it has not ended by itself."""
        if self.poll() is None:
            os.kill(self._process, number)

    def wait(self) -> str:
        """What it said on stderr, once it has ended."""
        self._wait(0)
        self._said.seek(0)
        return self._said.read().decode(errors="replace")

    def _wait(self, options: int) -> int | None:
        if self.returncode is None:
            process, status = os.waitpid(self._process, options)
            if process:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


def run(folder: Path, *command: str) -> None:
    """Runs a command in a folder to its end."""
    process = Command(folder, *command)
    said = process.wait()
    require(process.returncode == 0, f"{' '.join(command)}: {said}")


def require(condition: object, said: str) -> None:
    """Ends the program where something is not as it should be."""
    if not condition:
        sys.exit(f"FAILED: {said}")


def contents(folder: Path) -> dict[str, bytes]:
    """Files of a folder by name, without those that were being written."""
    return {
        path.name: path.read_bytes()
        for path in folder.glob("*")
        if path.is_file() and not path.name.startswith((PARTIAL, LOCK))
    }


def stamps(folder: Path) -> dict[str, int]:
    """When each file of a folder was last changed."""
    found = {}
    for path in folder.glob("*"):
        with contextlib.suppress(FileNotFoundError):
            found[path.name] = path.stat().st_mtime_ns
    return found


if __name__ == "__main__":
    main()
