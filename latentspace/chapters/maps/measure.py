"""Maps of pixels and of codes, with their scores."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from latentspace.analysis import neighborhoods, projection, tsne
from latentspace.analysis.neighborhoods import Estimate
from latentspace.analysis.neighbors import find_nearest_others
from latentspace.analysis.projection import Projection, Settings
from latentspace.chapters.chapter import HIGHER, Chapter, Row, list_rows
from latentspace.chapters.maps.images import ALL, LEAST_IMAGES, MapImages, Rows
from latentspace.chapters.study import Study
from latentspace.core.errors import InputError
from latentspace.core.provenance import hash_content
from latentspace.datasets.vectors import read_vectors, split_rows

PIXELS, LATENT, GIVEN = "pixel", "latent", "given"  # of `SPACES`, and a map that a person has made
# Of the pixel map and the latent map.
COMPARED = {"silhouette": "silhouette", "knn_accuracy": "{knn} label accuracy"}
BESIDE_GIVEN = ("knn_accuracy", "silhouette", "knn_preservation", "trustworthiness")
DIFFERENCES = (  # by name, of what, than what, in which scores
    ("difference", LATENT, PIXELS, tuple(COMPARED)),
    ("given_difference", GIVEN, LATENT, BESIDE_GIVEN),
)
SCORES = {  # of the table, in words
    "source_knn_accuracy": "{knn} label accuracy before any map",
    "knn_accuracy": "{knn} label accuracy in the map",
    "source_silhouette": "Silhouette of the classes before any map",
    "silhouette": "Silhouette of the classes in the map",
    "knn_preservation": "k-NN preservation in the map",
    "trustworthiness": "Trustworthiness of the map",
    "distance_correlation": "Rank correlation of distances with the map's",
}


@dataclass(frozen=True)
class Film:
    """How a map formed, a frame for every few iterations."""

    points: np.ndarray  # float32 (T, N, 2), from the start to the end
    rows: Rows  # which of the images these are, int (N,): those that the map was made of
    iterations: np.ndarray  # int (T,)
    divergences: np.ndarray  # float32 (T,) KL divergence; NaN at the start
    exaggerated: np.ndarray  # bool (T,), whether attraction was exaggerated then


@dataclass(frozen=True)
class GivenMap:
    """A finished map of these images, made by another program."""

    points: np.ndarray  # float32 (samples, 2)
    name: str  # of its file
    said: str  # which of its rows are which images


class Maps(MapImages):
    """The same images, mapped from their pixels and from their codes, and how good the maps are."""

    section = "maps"

    def __init__(self, study: Study, *, most: int | None = None) -> None:
        super().__init__(study, most=most)
        self._is_usual = most is None
        self._sources: dict[str, tuple[np.ndarray, dict[str, np.ndarray]]] = {}
        self._scores: dict[tuple[str | int | float, ...], dict[str, dict[str, Estimate]]] = {}
        given, perplexity = study.settings, study.settings.perplexity
        if perplexity is None:  # lowered where images are too few for the usual one
            perplexity = projection.choose_perplexity(self._samples)
        # How the maps are made, and the same in two and in three dimensions.
        self.settings = Settings(
            given.method, given.dims, perplexity, given.exaggeration, given.seed
        )
        self.flat, self.solid = (replace(self.settings, dims=dims) for dims in (2, 3))

    def check(self) -> None:
        count = self._available
        if self._samples > count:
            raise InputError(
                f"{self.study.data.name} has {count:,} {self.split_name}. Received: --samples "
                f"{self._samples}; pass at most {count}, or all"
            )
        mapped = min(self._samples, projection.MOST_EMBEDDED)
        chosen, largest = self.settings.perplexity, tsne.find_largest_perplexity(mapped)
        if chosen > largest and self._samples >= LEAST_IMAGES:
            raise InputError(
                f"{mapped} images allow a perplexity of at most {largest:.0f}. Received: "
                f"--perplexity {chosen:g}; lower it or raise --samples"
            )
        if self.given is not None:
            print(self.given.said)

    @cached_property
    def given(self) -> GivenMap | None:
        """That of --map, beside the usual maps; an `InputError` where it is not of their images.

        It has as many rows as there are images on the maps, or those of `split_rows`.
        """
        if self.study.settings.map is None or not self._is_usual:
            return None
        path = Path(self.study.settings.map)
        table = read_vectors(path, "points")
        points, count = table.values, len(table.values)
        if self.settings.dims != 2 or points.shape[1] != 2:
            found = f"{points.shape[1]} columns, --dims {self.settings.dims}"
            raise InputError(f"{path} should be a flat map, (N, 2). Received: {found}")
        said = f"{path.name}: {count:,} rows: the images on the maps, in order"
        if table.names or count != self._samples:
            rows, said = split_rows(table, self._whole, f"{self._samples:,} images on the maps, ")
            if absent := self.numbers_of_splits.keys() - rows.keys():
                raise InputError(f"{said}; expected {' and '.join(absent)} images for --split too")
            points = self._pick(lambda split: rows[split])
            said += f"; {self._samples:,} of these are on the maps, and it may be made of more"
        return GivenMap(points, path.name, said)

    @cached_property
    def unavailable(self) -> str | None:
        if self._samples < LEAST_IMAGES:
            return (
                f"{self._samples} images are no map: {LEAST_IMAGES} are needed, of more --samples "
                "or of --split all, which takes training images as well"
            )
        for space, words in self.spaces.items():
            if projection.is_degenerate(self.get_vectors(space)):
                return (
                    f"the {words} of all {self._samples:,} images are equal, so that nothing tells "
                    "where each should lie"
                )
        return None

    @property
    def settings_used(self) -> dict[str, Any]:
        return {"samples": self._samples, "perplexity": self.settings.perplexity}

    @property
    def points(self) -> dict[str, np.ndarray]:
        """The flat maps, float32 (samples, 2), by space: for notebooks."""
        return {space: self.get_points(space) for space in self.spaces}

    def get_points(
        self, space: str, settings: Settings | None = None, rows: Rows = ALL
    ) -> np.ndarray:
        """A map, float32 (samples, dims), by `settings` or `flat`, turned onto that of pixels."""
        made = self.project(settings or self.flat, rows)
        return _turn(made[space].points, space, made)

    def get_film(self, space: str) -> Film:
        """How a flat t-SNE map formed, in the orientation of `get_points`."""
        made = self.project(self.flat)
        arrays = made[space].arrays
        phases = tsne.plan_phases(arrays["trajectory"].shape[1], self.flat.dims)
        iterations = np.arange(len(arrays["divergences"])) * tsne.REPORT_EVERY
        early = sum(phase.iterations for phase in phases if phase.exaggeration > 1)
        points = _turn(arrays["trajectory"].astype(np.float32), space, made)
        rows = made[space].embedded
        return Film(points, rows, iterations, arrays["divergences"], iterations <= early)

    @cached_property
    def metrics(self) -> dict[str, Any]:
        settings = self.settings
        about: dict[str, Any] = {
            "method": settings.method,
            "dims": settings.dims,
            "split": self.study.settings.split,
            "scored_images": len(self.scored_rows),
        }
        estimates = self.score_maps(settings)
        for space, made in self.project(settings).items():
            about[space] = {"samples": self._samples, "seconds": made.seconds, **made.facts}
            if settings.method == "tsne":
                about[space] |= {"perplexity": settings.perplexity}
            about[space] |= to_numbers(estimates[space])
        if self.given is not None:
            own = {k: one for k, one in estimates[GIVEN].items() if not k.startswith("source_")}
            about[GIVEN] = {"file": self.given.name, "rows": self.given.said, **to_numbers(own)}
        more = {name: estimates[name] for name, *_ in DIFFERENCES if name in estimates}
        return about | {name: to_numbers(found) for name, found in more.items()}

    @property
    def rows(self) -> list[Row]:
        table = {name: (words.format(knn=self.knn), HIGHER, 3) for name, words in SCORES.items()}
        others = {"pixels": PIXELS, **({self.given.name: GIVEN} if self.given else {})}
        return list_rows(table, self.metrics, LATENT, others)

    @property
    def answer(self) -> str | None:
        found = self.score_maps(self.settings)
        if "difference" not in found:
            return None
        silhouette = found["difference"]["silhouette"]
        if not np.isfinite(silhouette.value):
            return None
        verdict = "neither map has clearly denser classes"
        if silhouette.excludes_zero:
            where = "latent" if silhouette.value > 0 else "pixel"
            verdict = f"classes are denser in the {where} map"
        parts = [
            f"{COMPARED[name].format(knn=self.knn)} {found['latent'][name].value:.3f} against "
            f"{found['pixel'][name].value:.3f} ({more.value:+.3f}, 95% interval "
            f"{more.low:+.3f} to {more.high:+.3f})"
            for name, more in found["difference"].items()
        ]
        return f"{verdict}: {'; '.join(parts)}"

    def score_images(self, space: str, settings: Settings) -> dict[str, np.ndarray]:
        """By name float64 (R,) of each scored image, in the map and, as "source_", before it."""
        source = LATENT if space == GIVEN else space

        def compute() -> dict[str, np.ndarray]:
            vectors = self.get_vectors(source)
            points = self._get_map(space, settings)
            if source not in self._sources:  # the same for every map of it
                self._sources[source] = self.score_source(vectors)
            before, scores_before = self._sources[source]
            after = find_nearest_others(points, rows)[1]
            return scores_before | {
                "knn_accuracy": neighborhoods.score_votes(after, self.labels, rows),
                "knn_preservation": neighborhoods.knn_preservation(before, after),
                "trustworthiness": neighborhoods.trustworthiness(vectors, after, rows),
                "silhouette": neighborhoods.silhouettes(points[rows], self.labels[rows]),
            }

        rows, key = self.scored_rows, self.make_key(source)
        made = self._given_key if space == GIVEN else settings.key
        return self.study.load_or_compute("map_scores_by_image", compute, *key, *made)

    def _get_map(self, space: str, settings: Settings) -> np.ndarray:
        """A map as it was made, or given."""
        if space == GIVEN and self.given is not None:
            return self.given.points
        return self.project(settings, spaces=(space,))[space].points

    @property
    def _given_key(self) -> tuple[str, ...]:
        return () if self.given is None else (hash_content(self.given.points),)

    def score_source(self, vectors: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Neighbours, int64 (R, k), among vectors, float (samples, D), and "source_" scores."""
        rows = self.scored_rows
        neighbors = find_nearest_others(vectors, rows)[1]
        return neighbors, {
            "source_knn_accuracy": neighborhoods.score_votes(neighbors, self.labels, rows),
            "source_silhouette": neighborhoods.silhouettes(vectors[rows], self.labels[rows]),
        }

    def score_maps(self, settings: Settings) -> dict[str, dict[str, Estimate]]:
        """The scores of both maps that some settings give, and their differences, found once."""
        if settings.key not in self._scores:
            keys = [part for space in self.spaces for part in self.make_key(space)]
            keys += self._given_key if settings.key == self.flat.key else ()
            groups = self.study.load_or_compute_groups(
                "map_scores", lambda: self._score(settings), *keys, *settings.key
            )
            self._scores[settings.key] = {
                group: {name: Estimate(*map(float, found)) for name, found in estimates.items()}
                for group, estimates in groups.items()
            }
        return self._scores[settings.key]

    def _score(self, settings: Settings) -> dict[str, dict[str, Estimate]]:
        rng, rows = np.random.default_rng(self.study.settings.seed), self.scored_rows
        shown = [GIVEN] * (self.given is not None and settings.key == self.flat.key)
        spaces, by_image = [*self.spaces, *shown], {}
        self.project(settings)  # all at the same time
        with self.study.make_bar("scoring maps", len(spaces)) as bar:
            for space in spaces:
                by_image[space] = self.score_images(space, settings)
                bar.update()

        def average(
            scores: Mapping[str, np.ndarray], rng: np.random.Generator
        ) -> dict[str, Estimate]:
            return {name: neighborhoods.mean_estimate(of, rng) for name, of in scores.items()}

        found, before = {}, rng
        for space in spaces:  # a given map by the draws that ours had, which change no others
            draws, before = (before if space == GIVEN else rng), deepcopy(rng)
            vectors = self.get_vectors(LATENT if space == GIVEN else space)
            pair = (vectors[rows], self._get_map(space, settings)[rows])
            found[space] = average(by_image[space], draws)
            found[space]["distance_correlation"] = neighborhoods.distance_correlation(*pair, draws)
            if space != GIVEN:
                found[space] |= average(self._divide(by_image[space], space, settings), draws)
        for name, of, than, scores in DIFFERENCES:
            if {of, than} <= by_image.keys():
                more = {key: by_image[of][key] - by_image[than][key] for key in scores}
                found[name] = average(more, draws if of == GIVEN else rng)
        return found

    def _divide(
        self, scores: Mapping[str, np.ndarray], space: str, settings: Settings
    ) -> dict[str, np.ndarray]:
        """The votes of the images that t-SNE mapped and of the placed ones; none if all are one."""
        made, votes = self.project(settings, spaces=(space,))[space], scores["knn_accuracy"]
        is_embedded = np.isin(self.scored_rows, np.arange(self._samples)[made.embedded])
        if is_embedded.all() or not is_embedded.any():
            return {}
        return {
            "embedded_knn_accuracy": votes[is_embedded],
            "placed_knn_accuracy": votes[~is_embedded],
        }

    @property
    def knn(self) -> str:
        """What the votes of neighbours on labels are called: by how many there are."""
        return neighborhoods.name_votes(self.labels)

    @cached_property
    def scored_rows(self) -> np.ndarray:
        """Which of the images are scored, int64 (R,)."""
        rng = np.random.default_rng(self.study.settings.seed)
        return neighborhoods.choose_scored_rows(self._samples, rng)


class OnMaps(Chapter):
    """A chapter that stands on the maps: it is there where they are, with their settings."""

    @property
    def maps(self) -> Maps:
        return self.study.of(Maps)

    @property
    def unavailable(self) -> str | None:
        return self.maps.unavailable

    @property
    def settings_used(self) -> dict[str, Any]:
        return self.maps.settings_used


def _turn(points: np.ndarray, space: str, made: Mapping[str, Projection]) -> np.ndarray:
    """Points of a map of codes, (..., N, dims), as these are laid onto the map of pixels."""
    if space == PIXELS or PIXELS not in made:
        return points
    rotation, shift = projection.align(made[LATENT].points, made[PIXELS].points)
    return points @ rotation + shift


def to_numbers(estimates: Mapping[str, Estimate]) -> dict[str, Any]:
    """Estimates as numbers for metrics.json: each value, and its interval as [low, high]."""
    numbers: dict[str, Any] = {}
    for name, (value, *interval) in estimates.items():
        numbers |= {name: value, f"{name}_interval": interval}
    return numbers
