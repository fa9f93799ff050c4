"""Clusters found without labels: in pixels, in principal components and in codes."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from latentspace.analysis import clustering
from latentspace.analysis.projection import is_degenerate
from latentspace.chapters.chapter import HIGHER, Chapter, Row, list_rows
from latentspace.chapters.clusters import partitions
from latentspace.chapters.maps.images import MapImages
from latentspace.chapters.study import Study

SEEDS = 5
MOST_IMAGES, MOST_VALUES = 100_000, 500_000_000
LEAST_IMAGES = 30
SHOWN_MEMBERS = 8
SCORES = {  # by name in `metrics`
    "accuracy": "Accuracy of clusters",
    "nmi": "NMI of clusters and classes",
    "ari": "ARI of clusters and classes",
    "stability": "Agreement of clusters between seeds",
}
MANIFOLD = f"UMAP, {partitions.MIXTURE}"
COMPARED = {  # methods on codes, by what they are called in the table of scores
    partitions.K_MEANS: f"{partitions.CODES}: {partitions.K_MEANS}",
    "a mixture after UMAP": f"{partitions.CODES}: {MANIFOLD}",
    "the same with deformed copies": f"{partitions.CODES}{partitions.DEFORMED}: {MANIFOLD}",
}


@dataclass(frozen=True)
class ClusterSummary:
    size: int  # how many images it has
    counts: np.ndarray  # int64 (classes,), images by class
    match: int | None  # the class that it stands for; None where it is left without one
    centre: np.ndarray | None  # float32 (H, W, C), the mean code, decoded if it can be
    typical: np.ndarray  # positions of the images whose codes are nearest to that mean, int64 (K,)
    uncertain: np.ndarray  # positions of the images most likely of another cluster, int64 (K,)

    @property
    def purity(self) -> float:
        """Share of its commonest class."""
        return float(self.counts.max() / self.size)


class Clusters(Chapter):
    """Clusters of all images of a split by several methods, compared with the classes."""

    section = "clusters"

    def __init__(self, study: Study) -> None:
        super().__init__(study)
        size = max(1, int(np.prod(study.data.image_shape)))
        self.images = MapImages(study, most=min(MOST_IMAGES, MOST_VALUES // size))
        self.seeds = [study.settings.seed + number for number in range(SEEDS)]  # of each method

    @property
    def unavailable(self) -> str | None:
        count = len(self.images.indices)
        if is_degenerate(self.images.codes):
            return "the codes of all images are equal: they fall into no clusters"
        if self.study.settings.num_clusters is None and not self._has_classes:
            return "without classes nothing says how many clusters there are: pass --num-clusters"
        if count < LEAST_IMAGES or self.count * 2 > count:
            return (
                f"{count:,} images are too few for {self.count:,} clusters: "
                f"{max(LEAST_IMAGES, 2 * self.count):,} are needed, of --split all for example, "
                "or a lower --num-clusters"
            )
        return None

    @property
    def shown(self) -> str:
        """The method that is drawn: with deformed copies where these can be encoded."""
        deforms = self.study.explain_lack("images", "encoder") is None
        return COMPARED["the same with deformed copies" if deforms else "a mixture after UMAP"]

    @cached_property
    def _has_classes(self) -> bool:
        return len(np.unique(self.images.labels)) > 1

    @cached_property
    def count(self) -> int:
        """How many clusters are sought."""
        return self.study.settings.num_clusters or max(2, len(np.unique(self.images.labels)))

    @property
    def settings_used(self) -> dict[str, Any]:
        return {"num_clusters": self.count}

    @cached_property
    def found(self) -> dict[str, dict[str, np.ndarray]]:
        """What each method found, by its name, see `find_partitions`."""
        return partitions.find_partitions(self.images, self.count, self.seeds)

    @cached_property
    def agreements(self) -> dict[str, dict[str, np.ndarray]]:
        """For each method "accuracy", "nmi" and "ari" of each seed, float64 (seeds,)."""
        if not self._has_classes:
            return {}
        agreed, classes = {}, self.images.labels
        for name, found in self.found.items():
            made = [clustering.score_agreement(classes, labels) for labels in found["labels"]]
            agreed[name] = {score: np.array([each[score] for each in made]) for score in made[0]}
        return agreed

    @property
    def labels(self) -> np.ndarray:
        """The cluster of each image by the method and seed that are drawn, int64 (N,)."""
        return self.found[self.shown]["labels"][0]

    @cached_property
    def summaries(self) -> list[ClusterSummary]:
        """The clusters that are drawn, in the order of the classes that they stand for."""
        last, codes = len(self.study.data.class_names), self.images.codes
        table = clustering.contingency_table(self.images.labels, self.labels, last)
        matches = (
            clustering.match_clusters(table) if self._has_classes else -np.ones(len(table), int)
        )
        members = [np.flatnonzero(self.labels == number) for number in np.unique(self.labels)]
        means = np.stack([codes[rows].mean(axis=0) for rows in members])
        uncertainty = self.found[self.shown]["uncertainty"][0]
        centres = [None] * len(means)
        if self.study.explain_lack("images", "decoder") is None:
            centres = [*self.study.decode(means)]
        summaries = []
        for rows, mean, centre, counts, match in zip(
            members, means, centres, table, matches.tolist(), strict=True
        ):
            away = np.linalg.norm(codes[rows] - mean, axis=1)
            typical, uncertain = (
                rows[np.argsort(by, kind="stable")[:SHOWN_MEMBERS]]
                for by in (away, -uncertainty[rows])
            )
            stands_for = None if match < 0 else match
            summary = ClusterSummary(len(rows), counts, stands_for, centre, typical, uncertain)
            summaries.append(summary)
        return sorted(summaries, key=lambda one: last if one.match is None else one.match)

    @cached_property
    def metrics(self) -> dict[str, Any]:
        by_method = {}
        for name, found in self.found.items():
            agreed = self.agreements.get(name, {})
            by_method[name] = {
                "clusters": [len(np.unique(labels[labels >= 0])) for labels in found["labels"]],
                **{score: _summarize_seeds(values) for score, values in agreed.items()},
                "stability": clustering.score_stability(found["labels"]),
            }
        names = self.study.data.class_names
        return {
            "images": len(self.images.indices),
            "split": self.study.settings.split,
            "seeds": self.seeds,
            "methods": by_method,
            "drawn": [
                {
                    "class": None if one.match is None else names[one.match],
                    "size": one.size,
                    **({"purity": one.purity} if self.agreements else {}),
                }
                for one in self.summaries
            ],
        }

    @property
    def rows(self) -> list[Row]:
        methods, units = self.metrics["methods"], self.study.run.latent_dim
        rows = []
        for score, words in SCORES.items():
            for kind, name in COMPARED.items():
                if score not in methods.get(name, {}):  # without classes, or an encoder
                    continue
                baselines = {"pixels": name.replace(partitions.CODES, partitions.PIXELS, 1)}
                if kind == partitions.K_MEANS:
                    baselines[f"PCA, {units} components"] = f"PCA {units}: {partitions.K_MEANS}"
                table = {score: (f"{words}, {kind}", HIGHER, 3)}
                rows += list_rows(table, methods, name, baselines)
        return rows

    @property
    def answer(self) -> str:
        count = f"{len(self.images.indices):,} {self.images.split_name}"
        if not self.agreements:
            agreed = self.metrics["methods"][self.shown]["stability"]
            return f"{self.count} clusters of {count}; {SEEDS} seeds agree by {agreed:.2f} (ARI)"
        methods, pixels = self.metrics["methods"], f"{partitions.PIXELS}: {partitions.K_MEANS}"
        ours = methods[self.shown]["accuracy"]
        line = (
            f"{self.count} clusters, found without labels, are the classes of "
            f"{ours['median']:.1%} of {count} (median of {SEEDS} seeds, {ours['low']:.1%} to "
            f"{ours['high']:.1%})"
        )
        if pixels not in methods:
            return line
        theirs = methods[pixels]["accuracy"]["median"]
        return f"{line}; {partitions.K_MEANS} of the pixels {theirs:.1%}"


def _summarize_seeds(values: np.ndarray) -> dict[str, float]:
    median, low, high = float(np.median(values)), float(values.min()), float(values.max())
    return {"median": median, "low": low, "high": high}
