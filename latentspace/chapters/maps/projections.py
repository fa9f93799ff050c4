"""Projections of pixels and of codes, made once and kept."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from functools import partial
from typing import Any

import numpy as np

from latentspace.analysis import projection, tsne
from latentspace.analysis.projection import Projection, Settings
from latentspace.chapters.figure import METHODS
from latentspace.chapters.maps.images import ALL, SPACES, MapImages, Rows

FACT = "fact_"  # begins the names of numbers among arrays in the cache


class Projections:
    """The same images, projected from their pixels and from their codes with any settings."""

    def __init__(self, images: MapImages) -> None:
        self._images, self._study = images, images.study
        self._made: dict[tuple[Any, ...], Projection] = {}

    def make(
        self, settings: Settings, rows: Rows = ALL, spaces: Iterable[str] = SPACES
    ) -> dict[str, Projection]:
        """Projections of the images by space, from memory or the cache where possible.

        Args:
            settings: How they are made.
            rows: Make them of some of the images only, int (R,).
            spaces: Make only these of `SPACES`.
        """
        keys = {space: (*self._images.make_key(space, rows), *settings.key) for space in spaces}
        fresh: dict[str, Projection] = {}

        def compute(space: str) -> dict[str, np.ndarray]:
            if space not in fresh:  # what else is needed is made with it, at the same time
                absent = [
                    other
                    for other, key in keys.items()
                    if other == space
                    or not (key in self._made or self._study.is_cached("map", *key))
                ]
                fresh.update(self._compute(settings, rows, absent))
            return _pack(fresh[space])

        for space, key in keys.items():
            if key not in self._made:
                arrays = self._study.load_or_compute("map", partial(compute, space), *key)
                self._made[key] = _unpack(arrays)
        return {space: self._made[key] for space, key in keys.items()}

    def _compute(
        self, settings: Settings, rows: Rows, spaces: Iterable[str]
    ) -> dict[str, Projection]:
        sources = {
            space: projection.reduce_dimensions(self._images.get_vectors(space)[rows])[0]
            for space in spaces
        }
        total = tsne.count_iterations(len(next(iter(sources.values()))), settings.dims)
        with ExitStack() as stack:
            bars = {
                space: stack.enter_context(
                    self._study.make_bar(f"{METHODS[settings.method]} of {SPACES[space]}", total)
                )
                for space in sources
            }

            def advance(space: str, iteration: int, divergence: float) -> None:
                bars[space].set_postfix_str(f"KL {divergence:.3f}", refresh=False)
                bars[space].update(iteration - bars[space].n)

            return projection.project_all(sources, settings, on_progress=advance)


def _pack(made: Projection) -> dict[str, np.ndarray]:
    numbers = {"seconds": made.seconds, **made.facts}
    facts = {f"{FACT}{name}": np.array(value) for name, value in numbers.items()}
    return {"points": made.points, **made.arrays, **facts}


def _unpack(arrays: dict[str, np.ndarray]) -> Projection:
    facts = {
        name.removeprefix(FACT): arrays.pop(name).item()
        for name in list(arrays)
        if name.startswith(FACT)
    }
    return Projection(arrays.pop("points"), facts.pop("seconds"), facts, arrays)
