"""Maps of pixels and of codes, with their scores."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from latentspace import neighborhoods, projection, tsne
from latentspace.datasets import to_unit_range
from latentspace.files import InputError, content_hash
from latentspace.neighborhoods import Estimate
from latentspace.projection import Projection, Settings
from latentspace.study.base import Base

DEFAULT_SAMPLES = 5000
SPACES = {"pixel": "pixels", "latent": "codes"}
COMPARED = ("knn_accuracy", "silhouette")  # of the pixel map and the latent map


@dataclass(frozen=True)
class Frames:
    """How a map formed, thinned to the frames of a film.

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


class Maps:
    """The same images, projected from their pixels and from their codes.

    Attributes:
        spaces: What is projected, by name: "pixel" and "latent", in words.
    """

    spaces = SPACES

    def __init__(self, base: Base) -> None:
        self._base = base
        self._made: dict[tuple[Any, ...], Projection] = {}

    def check(self) -> None:
        """Refuses more samples or a larger perplexity than the images allow.

        Raises:
            InputError: Says what is allowed, or what to install.
        """
        base, count = self._base, self._available
        if self._samples > count:
            raise InputError(
                f"{base.data.name} has {count:,} {self.split_name}. Received: --samples "
                f"{self._samples}; pass at most {count}, or all"
            )
        if (advice := projection.missing(self.settings.method)) is not None:
            raise InputError(f"{advice}, or choose another --method")
        largest = tsne.largest_perplexity(self._samples)
        if self.settings.perplexity > largest:
            raise InputError(
                f"{self._samples} images allow a perplexity of at most {largest:.0f}. Received: "
                f"--perplexity {self.settings.perplexity:g}; lower it or raise --samples"
            )
        for name in base.options.place:
            base.check_selection(name, f"--place {name}")

    # --- which images

    @property
    def settings(self) -> Settings:
        """How the maps are made."""
        return self._base.options.projection

    @property
    def split_name(self) -> str:
        """Where the images come from, for captions."""
        kinds = {"test": "test images", "train": "training images", "all": "images"}
        return kinds[self._base.options.split]

    @cached_property
    def indices(self) -> np.ndarray:
        """Sorted indices of the images on the maps, int64 (samples,).

        They count through the split; through the test images and on through the training images
        where it is "all".
        """
        rng = np.random.default_rng(self._base.options.seed)
        return np.sort(rng.choice(self._available, self._samples, replace=False))

    @cached_property
    def images(self) -> np.ndarray:
        """float32 (samples, H, W, C)."""
        data = self._base.data
        return to_unit_range(self._picked(lambda: data.test_pixels, lambda: data.train_pixels))

    @cached_property
    def labels(self) -> np.ndarray:
        """int64 (samples,)."""
        data = self._base.data
        return self._picked(lambda: data.test_labels, lambda: data.train_labels)

    @cached_property
    def codes(self) -> np.ndarray:
        """float32 (samples, D)."""
        base = self._base
        return self._picked(lambda: base.codes, lambda: base.train_codes)

    def _picked(self, test: Any, train: Any) -> np.ndarray:
        """Takes the images' rows out of what belongs to each split, called where it is needed."""
        split, indices = self._base.options.split, self.indices
        if split != "all":
            return (test if split == "test" else train)()[indices]
        tested = indices[indices < len(self._base.images)]
        rest = indices[len(tested) :] - len(self._base.images)
        return np.concatenate([test()[tested], train()[rest]])

    @property
    def _available(self) -> int:
        data = self._base.data
        counts = {"test": len(data.test_labels), "train": len(data.train_labels)}
        return counts.get(self._base.options.split, sum(counts.values()))

    @property
    def _samples(self) -> int:
        wanted = self._base.options.samples
        if isinstance(wanted, str):
            return self._available
        return wanted or min(DEFAULT_SAMPLES, self._available)

    def vectors(self, space: str) -> np.ndarray:
        """What is projected: flat pixels, float32 (samples, H * W * C), or codes.

        Args:
            space: One of `SPACES`.
        """
        return self.images.reshape(self._samples, -1) if space == "pixel" else self.codes

    # --- their projections

    @staticmethod
    def method_name(method: str) -> str:
        """A method of projection in words."""
        return projection.METHODS[method]

    @property
    def flat(self) -> Settings:
        """The chosen settings, in two dimensions."""
        return dataclasses.replace(self.settings, dims=2)

    @property
    def solid(self) -> Settings:
        """The chosen settings, in three dimensions."""
        return dataclasses.replace(self.settings, dims=3)

    def points(
        self, space: str, settings: Settings | None = None, rows: np.ndarray | None = None
    ) -> np.ndarray:
        """A map, float32 (samples, dims); that of the codes is turned and mirrored onto the other.

        Args:
            space: One of `SPACES`.
            settings: How it is made; None takes `flat`.
            rows: Make it of some of the images only, int (R,).
        """
        made = self.projections(settings or self.flat, rows)
        turn, shift = self._alignment(made)[space]
        return made[space].points @ turn + shift

    def film(self, space: str) -> Frames:
        """How a flat t-SNE map formed, in the orientation of `points`."""
        made = self.projections(self.flat)
        arrays = made[space].arrays
        turn, shift = self._alignment(made)[space]
        phases = tsne.schedule(self._samples, self.flat.dims)
        iterations = np.arange(len(arrays["divergences"])) * tsne.REPORT_EVERY
        return Frames(
            arrays["trajectory"].astype(np.float32) @ turn + shift,
            iterations,
            arrays["divergences"],
            iterations <= sum(phase.iterations for phase in phases if phase.early),
        )

    def projections(
        self, settings: Settings, rows: np.ndarray | None = None
    ) -> dict[str, Projection]:
        """Both projections of the images, from memory or the cache where possible.

        Args:
            settings: How they are made.
            rows: Make them of some of the images only, int (R,).
        """
        rows = np.arange(self._samples) if rows is None else rows
        keys = {space: (*self._key(space, rows), *settings.key) for space in SPACES}
        absent = [
            space
            for space in SPACES
            if keys[space] not in self._made and not self._base.is_cached("map", *keys[space])
        ]
        fresh = self._computed(settings, {space: self._condensed(space, rows) for space in absent})
        for space in SPACES:
            if keys[space] not in self._made:

                def compute(space: str = space) -> dict[str, np.ndarray]:
                    if space not in fresh:  # what lay in the cache could not be read
                        source = {space: self._condensed(space, rows)}
                        fresh.update(self._computed(settings, source))
                    return _packed(fresh[space])

                arrays = self._base.cached("map", compute, *keys[space])
                self._made[keys[space]] = _unpacked(arrays)
        return {space: self._made[keys[space]] for space in SPACES}

    def _computed(
        self, settings: Settings, sources: Mapping[str, np.ndarray]
    ) -> dict[str, Projection]:
        if not sources:
            return {}
        total = tsne.num_iterations(len(next(iter(sources.values()))), settings.dims)
        name = self.method_name(settings.method)
        with ExitStack() as stack:
            bars = {
                space: stack.enter_context(self._base.bar(f"{name} of {SPACES[space]}", total))
                for space in sources
            }

            def advance(space: str, iteration: int, divergence: float) -> None:
                bars[space].set_postfix_str(f"KL {divergence:.3f}", refresh=False)
                bars[space].update(iteration - bars[space].n)

            return projection.project_all(sources, settings, on_progress=advance)

    def _condensed(self, space: str, rows: np.ndarray) -> np.ndarray:
        return projection.condensed(self.vectors(space)[rows])[0]

    def _key(self, space: str, rows: np.ndarray) -> tuple[str, ...]:
        """What the vectors of some of the images depend on."""
        base = self._base
        model = (base.run.model_hash,) if space == "latent" else ()
        chosen = content_hash(self.indices[rows])
        return (space, base.data.hash, *model, base.options.split, chosen)

    def _alignment(
        self, made: Mapping[str, Projection]
    ) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        dims = made["pixel"].points.shape[1]
        return {
            "pixel": (np.eye(dims, dtype=np.float32), np.zeros(dims, np.float32)),
            "latent": projection.aligned(made["latent"].points, made["pixel"].points),
        }

    # --- what is measured

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """The scores of both maps, each mean with its interval, and the pixel map's distance.

        For each space: samples, seconds and what t-SNE says of itself; knn_accuracy,
        neighbors_kept, trustworthiness, silhouette, class_neighbors_kept and distance_correlation
        of the map; source_knn_accuracy and source_silhouette before it. Under "difference": what
        the latent map has more than the pixel map, by image.
        """
        settings = self.settings
        about: dict[str, Any] = {
            "method": settings.method,
            "dims": settings.dims,
            "split": self._base.options.split,
            "scored_images": min(self._samples, neighborhoods.SCORED_IMAGES),
        }
        estimates = self.estimates
        for space, made in self.projections(settings).items():
            about[space] = {"samples": self._samples, "seconds": made.seconds, **made.facts}
            if settings.method == "tsne":
                about[space] |= {"perplexity": settings.perplexity}
            about[space] |= with_intervals(estimates[space])
        return {**about, "difference": with_intervals(estimates["difference"])}

    @property
    def estimates(self) -> dict[str, dict[str, Estimate]]:
        """The scores of the maps by space, see `metrics`, and their differences."""
        return self.scored(self.settings)

    @property
    def answer(self) -> str | None:
        """Whether classes are denser in the latent map, in a line; None without two classes."""
        found = self.estimates
        silhouette = found["difference"]["silhouette"]
        if not np.isfinite(silhouette.value):
            return None
        verdict = "not told apart from chance which map is denser"
        if silhouette.excludes_zero:
            verdict = (
                "denser in the latent map" if silhouette.value > 0 else "denser in the pixel map"
            )
        parts = []
        for name, words in zip(COMPARED, ("10-NN label accuracy", "silhouette"), strict=True):
            more = found["difference"][name]
            parts.append(
                f"{words} {found['latent'][name].value:.3f} against "
                f"{found['pixel'][name].value:.3f} ({more.value:+.3f}, 95% interval "
                f"{more.low:+.3f} to {more.high:+.3f})"
            )
        return f"classes are {verdict}: {parts[1]}; {parts[0]}"

    def by_method(self, method: str) -> Settings:
        """The chosen settings, flat, by another method."""
        return dataclasses.replace(self.flat, method=method)

    def scored(self, settings: Settings) -> dict[str, dict[str, Estimate]]:
        """The scores of both maps that some settings give, and their differences."""
        base = self._base

        def compute() -> dict[str, np.ndarray]:
            return {
                f"{group}/{name}": np.array(dataclasses.astuple(estimate))
                for group, estimates in self._score(settings).items()
                for name, estimate in estimates.items()
            }

        everything = np.arange(self._samples)
        keys = [part for space in SPACES for part in self._key(space, everything)]
        found = base.cached("map_scores", compute, *keys, *settings.key)
        return {
            group: {name: Estimate(*map(float, found[f"{group}/{name}"])) for name in names}
            for group, names in _by_group(found).items()
        }

    def _score(self, settings: Settings) -> dict[str, dict[str, Estimate]]:
        rng = np.random.default_rng(self._base.options.seed)
        rows = neighborhoods.scored_rows(self._samples, rng)
        made = self.projections(settings)
        found: dict[str, dict[str, Estimate]] = {}
        by_image: dict[str, dict[str, np.ndarray]] = {}
        for space in SPACES:
            source, points = self.vectors(space), made[space].points
            before = neighborhoods.nearest_neighbors(source, rows)
            after = neighborhoods.nearest_neighbors(points, rows)
            labels = self.labels[rows]
            by_image[space] = {
                "knn_accuracy": neighborhoods.vote_hits(after, self.labels, rows).astype(float),
                "source_knn_accuracy": neighborhoods.vote_hits(before, self.labels, rows),
                "neighbors_kept": neighborhoods.kept_shares(before, after),
                "trustworthiness": neighborhoods.trust(source, after, rows),
                "silhouette": neighborhoods.silhouettes(points[rows], labels),
                "source_silhouette": neighborhoods.silhouettes(source[rows], labels),
            }
            found[space] = {
                name: neighborhoods.mean_estimate(values, rng)
                for name, values in by_image[space].items()
            }
            pair = (source[rows], points[rows])
            found[space] |= {
                "class_neighbors_kept": neighborhoods.class_neighbors_kept(*pair, labels, rng),
                "distance_correlation": neighborhoods.distance_correlation(*pair, rng),
            }
        found["difference"] = {
            name: neighborhoods.mean_estimate(
                by_image["latent"][name] - by_image["pixel"][name], rng
            )
            for name in COMPARED
        }
        return found


def _packed(made: Projection) -> dict[str, np.ndarray]:
    numbers = {"seconds": made.seconds, **made.facts}
    return {
        "points": made.points,
        **made.arrays,
        **{f"fact_{name}": np.array(value) for name, value in numbers.items()},
    }


def _unpacked(arrays: dict[str, np.ndarray]) -> Projection:
    facts = {
        name.removeprefix("fact_"): value.item()
        for name, value in arrays.items()
        if name.startswith("fact_")
    }
    rest = {name: value for name, value in arrays.items() if not name.startswith("fact_")}
    return Projection(rest.pop("points"), facts.pop("seconds"), facts, rest)


def _by_group(names: Mapping[str, Any]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name in names:
        group, _, measure = name.partition("/")
        groups.setdefault(group, []).append(measure)
    return groups


def with_intervals(estimates: Mapping[str, Estimate]) -> dict[str, Any]:
    """Estimates as numbers for metrics.json: each value, and its interval as [low, high]."""
    numbers: dict[str, Any] = {}
    for name, estimate in estimates.items():
        numbers[name] = estimate.value
        numbers[f"{name}_interval"] = [estimate.low, estimate.high]
    return numbers
