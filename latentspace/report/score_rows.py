"""The table of scores, and the few of them that matter most, out of the rows in metrics.json."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from latentspace.chapters import STORY
from latentspace.chapters.chapter import HIGHER, Row, Value
from latentspace.core.documents import read_value
from latentspace.report.metrics import ROWS

OWN = "this model"
HEADLINES = {  # by section: words of the row, of several the first that is there; its baseline
    "reconstruction": (("Mean squared error of test images",), "PCA"),
    "maps": (("-NN label accuracy in the map",), "pixels"),
    "interpolation": (("Least confidence",), "straight"),
    "clusters": (("Accuracy of clusters",), "pixels"),
    "outliers": (("Detection of letters", "Detection of"), "PCA's error"),
}


@dataclass(frozen=True)
class Cell:
    """A measured value: whose it is, value and interval as text, whether it is clearly the best."""

    name: str
    value: str
    interval: str
    is_best: bool


@dataclass(frozen=True)
class ScoreRow:
    """A line that was measured: in words, which way is better, the model's value, the others."""

    words: str
    better: str
    own: Cell
    beside: list[Cell]


def collect_rows(metrics: Mapping[str, Any]) -> dict[str, list[ScoreRow]]:
    """The lines of the table that were measured, by part of the story, out of metrics.json."""
    found: dict[str, list[ScoreRow]] = {}
    for contents in STORY:
        shown = [chapter for recipe in contents.load_recipes().values() for chapter in recipe.of]
        for chapter in dict.fromkeys(shown):
            # A picture may show numbers of another chapter, whose own folder lists them.
            is_own = chapter.__module__.startswith(f"{contents.package}.")
            if rows := _read_rows(metrics, chapter.section) if is_own else []:
                found.setdefault(contents.part.name, []).extend(map(_make_row, rows))
    return found


def collect_headlines(metrics: Mapping[str, Any]) -> list[ScoreRow]:
    """The numbers that matter most, of those that were measured, each beside its baseline."""
    found = []
    for section, (wanted, baseline) in HEADLINES.items():
        rows = _read_rows(metrics, section)
        matching = [row for words in wanted for row in rows if words in row.words]
        if not matching:
            continue
        line = _make_row(matching[0])
        beside = [cell for cell in line.beside if cell.name.startswith(baseline)]
        found.append(ScoreRow(line.words, line.better, line.own, beside))
    return found


def _read_rows(metrics: Mapping[str, Any], section: str) -> list[Row]:
    """The rows of a section; what is damaged is left out."""
    numbers = metrics.get(section)
    rows = numbers.get(ROWS) if isinstance(numbers, Mapping) else None
    read = [read_value(row, Row) for row in rows] if isinstance(rows, list) else []
    return [row for row in read if row is not None and math.isfinite(row.own.value)]


def _make_row(row: Row) -> ScoreRow:
    rivals = {OWN: row.own, **row.baselines}

    def make_cell(name: str, one: Value) -> Cell:
        bounds = [] if one.low is None or one.high is None else [one.low, one.high]
        value, *interval = (f"{bound:,.{row.digits}f}" for bound in (one.value, *bounds))
        others = [other for who, other in rivals.items() if who != name]
        is_best = bool(row.better and others) and name in rivals
        is_best = is_best and all(_is_clearly_better(one, other, row.better) for other in others)
        return Cell(name, value, " to ".join(interval), is_best)

    own, *beside = (
        make_cell(*one) for one in [(OWN, row.own), *row.baselines.items(), *row.references.items()]
    )
    return ScoreRow(row.words, row.better, own, beside)


def _is_clearly_better(one: Value, other: Value, better: str) -> bool:
    """Whether a value is the better one, beyond both intervals where both have one."""
    more, less = (one, other) if better == HIGHER else (other, one)
    if None in (one.low, one.high, other.low, other.high):
        return more.value > less.value
    return more.low > less.high  # type: ignore[operator]
