"""How a model, and what is looked at, came about, in words: run.json and the records of pictures.

Times and folders are left to the files on record: the same work, done anywhere at any time, is
described in the same words.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from latentspace.report.commands import strip_place
from latentspace.report.records import Record

HEADINGS = {"dataset": "data set", "adopted": "own model", "sha256": "SHA-256"}
TIMES = ("finished", "seconds")  # of run.json
FILES = (  # facts that may say where a file lies
    *("source", "labels", "autoencoder", "encoder", "decoder", "weights", "model_code", "codes"),
)


def collect_facts(run: Mapping[str, Any]) -> dict[str, list[tuple[str, str]]]:
    """All that run.json says but times and folders: names and values by heading, plain first."""
    kept = {name: value for name, value in run.items() if name not in TIMES}
    plain = {name: value for name, value in kept.items() if not isinstance(value, Mapping)}
    groups = {name: value for name, value in kept.items() if isinstance(value, Mapping)}
    return {
        HEADINGS.get(name, name): list(_format_lines(values))
        for name, values in {"run": plain, **groups}.items()
        if values
    }


def list_invocations(records: Iterable[Record]) -> list[tuple[str, int, str]]:
    """The commands that make pictures again, the latest first: how many, by which versions."""
    by_command: dict[str, list[Record]] = {}
    for one in sorted(records, key=lambda one: one.made, reverse=True):
        by_command.setdefault(one.repeat, []).append(one)
    return [
        (command, len(made), ", ".join(map(" ".join, made[0].versions.items())))
        for command, made in by_command.items()
    ]


def _format_lines(values: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for name, value in values.items():
        words = name.replace("_", " ")
        if isinstance(value, Mapping):
            yield from ((f"{words}, {inner}", text) for inner, text in _format_lines(value))
        else:
            yield words, _format_value(strip_place(name, value) if name in FILES else value)


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
