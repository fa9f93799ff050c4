"""How a model, and what is looked at, came about, in words: run.json and the looks on record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from latentspace.records import Record

HEADINGS = {"dataset": "data set", "adopted": "own model", "sha256": "SHA-256"}


@dataclass(frozen=True)
class Facts:
    """Named facts under a heading, in words."""

    heading: str
    lines: list[tuple[str, str]]


@dataclass(frozen=True)
class Look:
    """A command that made pictures which still lie there: how many, when last, and with what."""

    command: str
    made: str
    count: int
    versions: str


def facts_of(run: Mapping[str, Any]) -> list[Facts]:
    """All that run.json says, plain facts first, then what it groups."""
    plain = {name: value for name, value in run.items() if not isinstance(value, Mapping)}
    groups = {name: value for name, value in run.items() if isinstance(value, Mapping)}
    return [
        Facts(HEADINGS.get(name, name), list(_lines(values)))
        for name, values in {"run": plain, **groups}.items()
        if values
    ]


def looks(records: Iterable[Record]) -> list[Look]:
    """The commands on record, the latest first."""
    by_command: dict[str, list[Record]] = {}
    for one in records:
        by_command.setdefault(one.command, []).append(one)
    found = []
    for command, made in by_command.items():
        latest = max(made, key=lambda one: one.made)
        versions = ", ".join(f"{name} {version}" for name, version in latest.versions.items())
        found.append(Look(command, latest.made, len(made), versions))
    return sorted(found, key=lambda look: look.made, reverse=True)


def _lines(values: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for name, value in values.items():
        words = name.replace("_", " ")
        if isinstance(value, Mapping):
            yield from ((f"{words}, {inner}", text) for inner, text in _lines(value))
        else:
            yield words, _text(value)


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    if isinstance(value, float):
        return f"{value:,.6g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
