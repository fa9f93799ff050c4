"""Maps of pixels and of codes, with their scores."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from latentspace import projection, scores
from latentspace.files import InputError
from latentspace.study.base import Base

DEFAULT_SAMPLES = 5000
SPACES = ("pixel", "latent")


@dataclass(frozen=True)
class Map:
    """A projection of the images on the maps, with its scores.

    Attributes:
        points: float32 (N, 2).
        metrics: samples, perplexity, kl_divergence, knn_accuracy, source_knn_accuracy,
            trustworthiness, seconds.
    """

    points: np.ndarray
    metrics: dict[str, float]


class Maps:
    """The same images, projected from their pixels and from their codes."""

    def __init__(self, base: Base) -> None:
        self._base = base

    def check(self) -> None:
        """Refuses more samples or a larger perplexity than the images allow.

        Raises:
            InputError: Says what is allowed.
        """
        base, count = self._base, len(self._base.images)
        if self._samples > count:
            raise InputError(
                f"{base.data.name} has {count:,} test images. Received: --samples {self._samples}; "
                f"pass at most {count}"
            )
        largest = projection.largest_perplexity(self._samples)
        if base.options.perplexity > largest:
            raise InputError(
                f"{self._samples} images allow a perplexity of at most {largest:.0f}. Received: "
                f"--perplexity {base.options.perplexity:g}; lower it or raise --samples"
            )

    @property
    def metrics(self) -> dict[str, dict[str, float]]:
        """The scores of both maps."""
        return {space: self.map(space).metrics for space in SPACES}

    @cached_property
    def indices(self) -> np.ndarray:
        """Sorted indices of the images on the maps, int64 (samples,)."""
        rng = np.random.default_rng(self._base.options.seed)
        return np.sort(rng.choice(len(self._base.images), self._samples, replace=False))

    @property
    def images(self) -> np.ndarray:
        """float32 (samples, H, W, C)."""
        return self._base.images[self.indices]

    @property
    def labels(self) -> np.ndarray:
        """int64 (samples,)."""
        return self._base.data.test_labels[self.indices]

    def map(self, space: str) -> Map:
        """The t-SNE map of a space; the latent one is turned and mirrored onto the pixel one.

        Args:
            space: "pixel" or "latent".
        """
        return self._maps[space]

    @cached_property
    def _maps(self) -> dict[str, Map]:
        sources = {
            "pixel": self.images.reshape(self._samples, -1),
            "latent": self._base.codes[self.indices],
        }
        made: dict[str, Map] = {}
        for space in SPACES:
            arrays = self._project(space, sources[space])
            points = arrays.pop("points")
            if made:
                points = projection.align(points, made["pixel"].points)
            metrics = {name: value.item() for name, value in arrays.items()}
            made[space] = Map(points, metrics)
        return made

    def _project(self, space: str, vectors: np.ndarray) -> dict[str, np.ndarray]:
        base, labels = self._base, self.labels
        perplexity, seed = base.options.perplexity, base.options.seed

        def compute() -> dict[str, np.ndarray]:
            with base.bar(f"t-SNE of {space}s", projection.ITERATIONS) as bar:

                def advance(iteration: int, error: float) -> None:
                    bar.set_postfix_str(f"KL {error:.3f}", refresh=False)
                    bar.update(iteration - bar.n)

                result = projection.tsne(
                    vectors, perplexity=perplexity, seed=seed, on_progress=advance
                )
            return {
                "points": result.points,
                "samples": np.array(len(vectors)),
                "perplexity": np.array(perplexity),
                "kl_divergence": np.array(result.kl_divergence),
                "knn_accuracy": np.array(scores.knn_accuracy(result.points, labels)),
                "source_knn_accuracy": np.array(scores.knn_accuracy(vectors, labels)),
                "trustworthiness": np.array(scores.trustworthiness(vectors, result.points)),
                "seconds": np.array(result.seconds),
            }

        return base.cached("tsne", compute, vectors, labels, perplexity, seed)

    @property
    def _samples(self) -> int:
        return self._base.options.samples or min(DEFAULT_SAMPLES, len(self._base.images))
