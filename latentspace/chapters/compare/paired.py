"""One measure of two models, and which of them is the better one by it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from latentspace.analysis import neighborhoods
from latentspace.analysis.neighborhoods import Estimate

A, B, NEITHER, UNKNOWN = "A", "B", "neither", "-"


@dataclass(frozen=True)
class Measure:
    key: str  # its name in metrics.json
    words: str  # its name for a person
    values: tuple[float | str | None, float | str | None]  # of A and of B; None: not known
    more: Estimate | None = None  # of B than of A over the same images; None: no interval
    less_is_better: bool = False  # whether the smaller value is the better one
    is_learned: bool = True  # whether it says how much a model has learned
    baselines: Mapping[str, float] = field(default_factory=dict)  # of what has learned nothing
    decimals: int = 4  # digits after the point that are worth reading

    @property
    def difference(self) -> float | None:
        """B - A; None where they are no numbers."""
        first, second = self.values
        if isinstance(first, int | float) and isinstance(second, int | float):
            return second - first
        return None

    @property
    def better(self) -> str:
        """`A` or `B`; `NEITHER` where the interval includes 0, `UNKNOWN` where there is none."""
        if self.more is None:
            return UNKNOWN
        if not self.more.excludes_zero:
            return NEITHER
        return B if (self.more.value > 0) != self.less_is_better else A

    def format_number(self, value: float | str | None, sign: str = "") -> str:
        """A value as a person reads it; `sign` is "+" for differences."""
        if value is None:
            return UNKNOWN
        return value if isinstance(value, str) else f"{value:{sign},.{self.decimals}f}"

    def format_interval(self, more: Estimate | None) -> str:
        """The interval of a difference as a person reads it."""
        if more is None:
            return UNKNOWN
        return f"{self.format_number(more.low, '+')} to {self.format_number(more.high, '+')}"

    @property
    def sentence(self) -> str:
        """The measure in words, the better value before the other one."""
        first, second = map(self.format_number, self.values)
        both, more = f"A {first}, B {second}, B - A ", self.more
        if more is not None and self.better == A:
            both, more = f"{first} against {second}, ", Estimate(-more.value, -more.high, -more.low)
        elif self.better == B:
            both = f"{second} against {first}, "
        difference = self.format_number(None if more is None else more.value, "+")
        return f"{self.words} ({both}{difference}, 95% interval {self.format_interval(more)})"


def measure_pairs(
    key: str, by_image: Sequence[np.ndarray], rng: np.random.Generator, **options: Any
) -> Measure:
    """A `Measure` of what each image has by A and by B, float (N,), with an interval by `rng`."""
    first, second = by_image
    more = neighborhoods.mean_estimate(second - first, rng)
    values = float(first.mean()), float(second.mean())
    return Measure(key, values=values, more=more, **options)
