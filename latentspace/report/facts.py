"""How a model, and what is looked at, came about, in words: run.json and the looks on record.

Times and folders are left to the files on record: the same work, done anywhere at any time, is told
in the same words.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from latentspace.chapters import strip_folders
from latentspace.chapters.figure import CLASS_PREFIX
from latentspace.report.records import Record

HEADINGS = {"dataset": "data set", "adopted": "own model", "sha256": "SHA-256"}
TIMES = ("finished", "seconds")  # of run.json
OWN_MODEL = ("autoencoder", "encoder", "decoder", "weights", "model_code")
FILES = ("source", "labels", *OWN_MODEL)  # facts that may say where a file lies
WHERE = ("--models-dir", "--outputs-dir", "--data-dir", "--projector")  # each with its value
HOW = ("--quiet", "--open", "--no-cache")  # what changes nothing in what is made
NO_FILES = ("--bottleneck", "--latent-output")  # names of layers, which may look like paths


@dataclass(frozen=True)
class Facts:
    """Named facts under a heading, in words."""

    heading: str
    lines: list[tuple[str, str]]


@dataclass(frozen=True)
class Invocation:
    """A command that made pictures which still lie there, how many, and the versions it used."""

    command: str
    count: int
    versions: str


def collect_facts(run: Mapping[str, Any]) -> list[Facts]:
    """All that run.json says but times and folders, plain facts first, then what it groups."""
    told = {name: value for name, value in run.items() if name not in TIMES}
    plain = {name: value for name, value in told.items() if not isinstance(value, Mapping)}
    groups = {name: value for name, value in told.items() if isinstance(value, Mapping)}
    return [
        Facts(HEADINGS.get(name, name), list(_format_lines(values)))
        for name, values in {"run": plain, **groups}.items()
        if values
    ]


def list_invocations(records: Iterable[Record], runs: Sequence[str]) -> list[Invocation]:
    """The commands on record, the latest first, see `format_command`."""
    by_command: dict[str, list[Record]] = {}
    for one in records:
        by_command.setdefault(format_command(one.command, runs), []).append(one)
    found = []
    for command, made in by_command.items():
        latest = max(made, key=lambda one: one.made)
        versions = ", ".join(f"{name} {version}" for name, version in latest.versions.items())
        found.append((latest.made, Invocation(command, len(made), versions)))
    return [look for _, look in sorted(found, key=lambda one: one[0], reverse=True)]


def format_command(command: str, runs: Sequence[str]) -> str:
    """A command as it can be typed wherever its files are at hand.

    Args:
        command: As it was typed.
        runs: The runs that it looked at.

    Returns:
        The same without folders: files by their names, runs by theirs, and without the flags that
        say where things lie or how loud the work is.
    """
    try:
        words = shlex.split(command)[2:]
    except ValueError:  # a damaged record
        words = command.split()[2:]
    parts = [
        part for word in words for part in (word.split("=", 1) if word[:2] == "--" else [word])
    ]
    kept: list[str] = []
    flag = ""
    for part in parts:
        flag = part if part.startswith("--") else flag
        if flag == "--run" or flag in WHERE or flag in HOW:
            continue
        kept.append(part if part == flag else _strip_folder(part, flag))
    is_own = any(f"--{name.replace('_', '-')}" in kept for name in OWN_MODEL)
    named = [] if is_own else [word for run in runs for word in ("--run", run)]
    return shlex.join(["python", "visualize.py", *named, *kept])


def strip_places(one: Record) -> Record:
    """A record whose settings name files without their folders."""

    def strip_folder(flag: str, value: Any) -> Any:
        if isinstance(value, list):
            return [strip_folder(flag, inner) for inner in value]
        return _strip_folder(value, flag) if isinstance(value, str) else value

    settings = {flag: strip_folder(flag, value) for flag, value in one.settings.items()}
    return dataclasses.replace(one, settings=settings)


def _strip_folder(value: str, flag: str) -> str:
    """The value of a flag, a file by its name alone."""
    if flag == "--expression":
        return strip_folders(value)
    if flag in NO_FILES or value.startswith(CLASS_PREFIX):
        return value
    return PurePath(value).name or value


def _format_lines(values: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for name, value in values.items():
        words = name.replace("_", " ")
        if isinstance(value, Mapping):
            yield from ((f"{words}, {inner}", text) for inner, text in _format_lines(value))
        elif name in FILES and isinstance(value, str):
            yield words, _strip_folder(value, "")
        else:
            yield words, _format_value(value)


def _format_value(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(_format_value, value))
    if isinstance(value, float):
        return f"{value:,.6g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
