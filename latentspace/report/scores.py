"""The scores that were measured, out of metrics.json, as the table says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from latentspace.analysis.projection import METHODS
from latentspace.report.table import EACH, HIGHER, TABLE, Score

OWN = "this model"


@dataclass(frozen=True)
class Cell:
    """A measured value: whose it is, value and interval as text, whether it is clearly the best."""

    name: str
    number: float
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


def collect_rows(metrics: Mapping[str, Any], units: int) -> dict[str, list[ScoreRow]]:
    """The lines of the table that were measured, by part of the story.

    Args:
        metrics: What metrics.json holds.
        units: The size of a code.
    """
    found = {
        part: [
            row
            for score in scores
            for key, name in _expand_each(score, metrics)
            if (row := _make_row(score, metrics, {EACH: key, "{each}": name, "{units}": units}))
        ]
        for part, scores in TABLE.items()
    }
    return {part: rows for part, rows in found.items() if rows}


@dataclass(frozen=True)
class _Number:
    """A measured value, and its interval where it has one."""

    value: float
    interval: tuple[float, ...]

    def overlaps(self, other: _Number) -> bool:
        """Whether their intervals have values in common, or both are the same value."""
        if not self.interval or not other.interval:
            return self.value == other.value
        return self.interval[0] <= other.interval[1] and other.interval[0] <= self.interval[1]


def _expand_each(score: Score, metrics: Mapping[str, Any]) -> Iterable[tuple[Any, str]]:
    """What `EACH` stands for in a score, with its name for a person; one key where it does not."""
    before, each, _ = score.path.partition(f"/{EACH}")
    if not each:
        return [("", "")]
    group = _look_up(metrics, before.split("/"))
    if isinstance(group, list):
        names = _look_up(metrics, score.names.split("/"))
        return enumerate(map(str, names if isinstance(names, list) else ()))
    return [(key, METHODS.get(key) or key) for key in group] if isinstance(group, Mapping) else []


def _make_row(
    score: Score, metrics: Mapping[str, Any], filling: Mapping[str, Any]
) -> ScoreRow | None:
    """A line of the table; None where the model's value was not measured."""

    def fill_in(text: str) -> str:
        for place in ("{units}", "{each}"):
            text = text.replace(place, str(filling[place]))
        return text

    def read_number(path: str) -> _Number | None:
        steps = path.replace("{units}", str(filling["{units}"])).split("/")
        return _read_number(metrics, [filling[EACH] if step == EACH else step for step in steps])

    own = read_number(score.path)
    if own is None:
        return None
    paths = {**score.beside, **score.known}
    others = {name: one for name, path in paths.items() if (one := read_number(path)) is not None}
    found = {OWN: own, **others}

    def make_cell(name: str) -> Cell:
        one = found[name]
        value, *interval = (f"{bound:,.{score.digits}f}" for bound in (one.value, *one.interval))
        rivals = [found[who] for who in found if who != name and who not in score.known]
        is_best = bool(score.better and rivals) and name not in score.known
        for rival in rivals:
            is_better = (one.value > rival.value) == (score.better == HIGHER)
            is_best = is_best and is_better and not one.overlaps(rival)
        return Cell(fill_in(name), one.value, value, " to ".join(interval), is_best)

    return ScoreRow(
        fill_in(score.words), score.better, make_cell(OWN), list(map(make_cell, others))
    )


def _read_number(metrics: Mapping[str, Any], steps: list[Any]) -> _Number | None:
    """The number at a path with its interval; None where there is no number."""
    value = _look_up(metrics, steps)
    interval = _look_up(metrics, [*steps[:-1], f"{steps[-1]}_interval"])
    if isinstance(value, Mapping):
        interval = [value.get("low"), value.get("high")]
        value = value.get("median")
    if not isinstance(value, int | float):
        return None
    is_known = isinstance(interval, list) and [type(bound) for bound in interval] == [float] * 2
    return _Number(value, tuple(interval) if is_known else ())


def _look_up(metrics: Any, steps: Iterable[Any]) -> Any:
    """What stands at a path; None where nothing does."""
    for step in steps:
        try:
            metrics = metrics[step]
        except (KeyError, IndexError, TypeError):
            return None
    return metrics
