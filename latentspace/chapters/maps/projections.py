"""Projections of pixels and of codes, made once and kept; the map of codes laid onto the other."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from latentspace.analysis import projection, tsne
from latentspace.analysis.projection import Projection, Settings
from latentspace.chapters.figure import METHODS
from latentspace.chapters.maps.images import SPACES, MapImages
from latentspace.chapters.study import Study
from latentspace.core.errors import InputError


@dataclass(frozen=True)
class Film:
    """How a map formed, a frame for every few iterations.

    Attributes:
        points: float32 (T, N, 2), from the start to the end.
        iterations: int (T,).
        divergences: float32 (T,) KL divergence; NaN at the start.
        exaggerated: bool (T,), whether attraction was exaggerated then.
    """

    points: np.ndarray
    iterations: np.ndarray
    divergences: np.ndarray
    exaggerated: np.ndarray


class MapProjections(MapImages):
    """The same images, projected from their pixels and from their codes with any settings."""

    def __init__(self, study: Study, *, most: int | None = None) -> None:
        super().__init__(study, most=most)
        self._made: dict[tuple[Any, ...], Projection] = {}

    @property
    def unavailable(self) -> str | None:
        """Why there can be no map; None where there can."""
        return super().unavailable or self._degenerate

    @cached_property
    def _degenerate(self) -> str | None:
        for space, words in SPACES.items():
            if projection.is_degenerate(self.get_vectors(space)):
                return (
                    f"the {words} of all {self._samples:,} images are equal, so that nothing tells "
                    "where each should lie"
                )
        return None

    def check(self) -> None:
        """Refuses also a perplexity that was chosen too large.

        Raises:
            InputError: Says what is allowed.
        """
        super().check()
        chosen, largest = self.settings.perplexity, tsne.find_largest_perplexity(self._samples)
        if chosen > largest and super().unavailable is None:
            raise InputError(
                f"{self._samples} images allow a perplexity of at most {largest:.0f}. Received: "
                f"--perplexity {chosen:g}; lower it or raise --samples"
            )

    @property
    def settings(self) -> Settings:
        """How the maps are made, the default perplexity lowered where images are too few for it."""
        given = self.study.settings
        perplexity = given.perplexity
        if perplexity is None:
            perplexity = projection.choose_perplexity(self._samples)
        return Settings(given.method, given.dims, perplexity, given.exaggeration, given.seed)

    @property
    def settings_used(self) -> dict[str, Any]:
        """The number of images, and the perplexity."""
        return {"samples": self._samples, "perplexity": self.settings.perplexity}

    @staticmethod
    def format_method(method: str) -> str:
        """A method of projection in words."""
        return METHODS[method]

    @property
    def flat(self) -> Settings:
        """The chosen settings, in two dimensions."""
        return dataclasses.replace(self.settings, dims=2)

    @property
    def solid(self) -> Settings:
        """The chosen settings, in three dimensions."""
        return dataclasses.replace(self.settings, dims=3)

    def get_points(
        self, space: str, settings: Settings | None = None, rows: np.ndarray | None = None
    ) -> np.ndarray:
        """A map, float32 (samples, dims); that of the codes is turned and mirrored onto the other.

        Args:
            space: One of `SPACES`.
            settings: How it is made; None takes `flat`.
            rows: Make it of some of the images only, int (R,).
        """
        made = self.project(settings or self.flat, rows)
        turn, shift = self._find_alignment(made)[space]
        return made[space].points @ turn + shift

    def get_film(self, space: str) -> Film:
        """How a flat t-SNE map formed, in the orientation of `get_points`."""
        made = self.project(self.flat)
        arrays = made[space].arrays
        turn, shift = self._find_alignment(made)[space]
        phases = tsne.plan_phases(self._samples, self.flat.dims)
        iterations = np.arange(len(arrays["divergences"])) * tsne.REPORT_EVERY
        return Film(
            arrays["trajectory"].astype(np.float32) @ turn + shift,
            iterations,
            arrays["divergences"],
            iterations <= sum(phase.iterations for phase in phases if phase.early),
        )

    def project(
        self,
        settings: Settings,
        rows: np.ndarray | None = None,
        spaces: Iterable[str] = SPACES,
    ) -> dict[str, Projection]:
        """Both projections of the images, from memory or the cache where possible.

        Args:
            settings: How they are made.
            rows: Make them of some of the images only, int (R,).
            spaces: Make only these of `SPACES`.
        """
        rows = np.arange(self._samples) if rows is None else rows
        keys = {space: (*self._make_key(space, rows), *settings.key) for space in spaces}
        absent = [
            space
            for space in keys
            if keys[space] not in self._made and not self.study.is_cached("map", *keys[space])
        ]
        fresh = self._compute_projections(
            settings, {space: self._reduce_dimensions(space, rows) for space in absent}
        )
        for space in keys:
            if keys[space] not in self._made:

                def compute(space: str = space) -> dict[str, np.ndarray]:
                    if space not in fresh:  # what lay in the cache could not be read
                        source = {space: self._reduce_dimensions(space, rows)}
                        fresh.update(self._compute_projections(settings, source))
                    return _pack(fresh[space])

                arrays = self.study.load_or_compute("map", compute, *keys[space])
                self._made[keys[space]] = _unpack(arrays)
        return {space: self._made[key] for space, key in keys.items()}

    def _compute_projections(
        self, settings: Settings, sources: Mapping[str, np.ndarray]
    ) -> dict[str, Projection]:
        if not sources:
            return {}
        total = tsne.count_iterations(len(next(iter(sources.values()))), settings.dims)
        name = self.format_method(settings.method)
        with ExitStack() as stack:
            bars = {
                space: stack.enter_context(self.study.make_bar(f"{name} of {SPACES[space]}", total))
                for space in sources
            }

            def advance(space: str, iteration: int, divergence: float) -> None:
                bars[space].set_postfix_str(f"KL {divergence:.3f}", refresh=False)
                bars[space].update(iteration - bars[space].n)

            return projection.project_all(sources, settings, on_progress=advance)

    def _reduce_dimensions(self, space: str, rows: np.ndarray) -> np.ndarray:
        return projection.reduce_dimensions(self.get_vectors(space)[rows])[0]

    def _find_alignment(
        self, made: Mapping[str, Projection]
    ) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        dims = made["pixel"].points.shape[1]
        return {
            "pixel": (np.eye(dims, dtype=np.float32), np.zeros(dims, np.float32)),
            "latent": projection.align(made["latent"].points, made["pixel"].points),
        }


def _pack(made: Projection) -> dict[str, np.ndarray]:
    numbers = {"seconds": made.seconds, **made.facts}
    return {
        "points": made.points,
        **made.arrays,
        **{f"fact_{name}": np.array(value) for name, value in numbers.items()},
    }


def _unpack(arrays: dict[str, np.ndarray]) -> Projection:
    facts = {
        name.removeprefix("fact_"): value.item()
        for name, value in arrays.items()
        if name.startswith("fact_")
    }
    rest = {name: value for name, value in arrays.items() if not name.startswith("fact_")}
    return Projection(rest.pop("points"), facts.pop("seconds"), facts, rest)
