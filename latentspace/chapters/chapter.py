"""What every chapter is: numbers of a study, each computed once on demand, and how they read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from latentspace.chapters.study import Study

HIGHER, LOWER = "higher is better", "lower is better"


@dataclass(frozen=True)
class Value:
    """A measured number, and its interval where it has one."""

    value: float
    low: float | None = None
    high: float | None = None


def value_in(numbers: Mapping[str, Any], name: str) -> Value:
    """A number out of `metrics`, or a median, with its interval; NaN where there is none."""
    found = numbers.get(name)
    if isinstance(found, Mapping):
        return Value(found["median"], found.get("low"), found.get("high"))
    return Value(math.nan if found is None else found, *numbers.get(f"{name}_interval", ()))


@dataclass(frozen=True)
class Row:
    words: str  # what is measured
    own: Value  # what this model reaches
    baselines: Mapping[str, Value] = field(default_factory=dict)  # what others reach, by name
    references: Mapping[str, Value] = field(default_factory=dict)  # what does not compete, by name
    better: str = ""  # `HIGHER` or `LOWER`; empty where neither is
    digits: int = 3  # digits after the point that are worth reading


def list_rows(
    table: Mapping[str, tuple[str, str, int]],
    numbers: Mapping[str, Mapping[str, Any]],
    own: str,
    baselines: Mapping[str, str],
    references: Mapping[str, str] | None = None,
) -> list[Row]:
    """Lines of a table (words, `better`, digits by name) out of numbers by group and name.

    `own` is the group of what this model reaches; baselines and references are groups by name,
    where these were measured.
    """
    rows = []
    for name, (words, better, digits) in table.items():
        others, unrivalled = (
            {who: value_in(numbers[of], name) for who, of in groups.items() if of in numbers}
            for groups in (baselines, references or {})
        )
        rows.append(Row(words, value_in(numbers[own], name), others, unrivalled, better, digits))
    return rows


class Chapter:
    """One subject of a study. `Study.of` hands out each, made once."""

    section: ClassVar[str] = ""  # the name of its numbers in metrics.json; empty: it has none
    takes_minutes: ClassVar[bool] = False  # they are measured only where a flag asks for pictures
    needs: ClassVar[tuple[str, ...]] = ()  # of "images" and of what a run `lacks`: else none of it
    uses_classifier: ClassVar[bool] = False  # the reference classifier has a part in them

    def __init__(self, study: Study) -> None:
        self.study = study

    def check(self) -> None:
        """Refuses by an `InputError` what a person chose where the data does not have it."""

    @property
    def unavailable(self) -> str | None:
        """Why there is nothing to measure or to show; None where there is."""
        return None

    @property
    def settings_used(self) -> dict[str, Any]:
        """What stands in place of a setting, by its name, where that is not as it was given."""
        return {}

    @property
    def metrics(self) -> dict[str, Any]:
        """All its numbers, as metrics.json has them; docs/metrics.md says what they are."""
        return {}

    @property
    def rows(self) -> list[Row]:
        """Its lines of the table of scores; the report leaves out what could not be measured."""
        return []

    @property
    def csv_lines(self) -> list[tuple[Any, ...]]:
        """The lines of the CSV file beside its figure, the heading first; none without any."""
        return []

    @property
    def answer(self) -> str | None:
        """What it has found, in a line; None where it has found nothing."""
        return None
