"""What the page to explore shows of each image: neighbours, error, cluster and attributes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from latentspace.analysis import clustering
from latentspace.analysis.neighbors import find_nearest_others
from latentspace.chapters.clusters.measure import LEAST_IMAGES, MOST_VALUES, Clusters
from latentspace.chapters.clusters.partitions import CODES, DENSE, MANIFOLD_STARTS, MIXTURE
from latentspace.chapters.maps.measure import Maps, OnMaps
from latentspace.chapters.outliers.duplicates import KINDS_OF_COPY, Duplicates
from latentspace.chapters.outliers.measure import Outliers

MOST_IMAGES = 10_000
NEAREST = 5
MOST_ON_MANIFOLD = 20_000  # codes of which UMAP takes less than a minute


@dataclass(frozen=True)
class Grouping:
    labels: np.ndarray  # int64 (N,) indices into `names`
    names: list[str]  # what each cluster is called, with the class of most of its images
    method: str  # what found them


class Exploration(OnMaps):
    """Images that lie on two flat maps, and what there is to know of each."""

    needs = ("images",)

    @property
    def settings_used(self) -> dict[str, Any]:
        used = self.study.of(Maps).settings_used
        if self.clusters_unavailable is None and self._count is not None:
            used["num_clusters"] = self._count
        return used

    @cached_property
    def maps(self) -> Maps:
        """The maps: of the chosen number of images, else of more than pictures need."""
        study, usual = self.study, self.study.of(Maps)
        many = MOST_IMAGES * int(np.prod(study.data.image_shape)) > MOST_VALUES
        if study.settings.samples is not None or many:
            return usual
        larger = Maps(study, most=MOST_IMAGES)
        return usual if len(larger.indices) == len(usual.indices) else larger

    def find_neighbors(self, space: str) -> np.ndarray:
        """The nearest others of each image before any projection, int64 (N, `NEAREST`)."""

        def compute() -> dict[str, np.ndarray]:
            vectors, rows = self.maps.get_vectors(space), np.arange(len(self.maps.indices))
            return {"neighbors": find_nearest_others(vectors, rows, NEAREST)[1]}

        key = self.maps.make_key(space, labels=False)
        return self.study.load_or_compute("nearest", compute, *key, NEAREST)["neighbors"]

    @property
    def files(self) -> list[str]:
        """The name of each image's file in its folder; empty where they have none."""
        places, data = self._places, self.study.data.whole
        has_files = bool(data.train_files or data.test_files)
        return [data.describe(*place)[0] for place in places] if has_files else []

    @property
    def folder(self) -> str:
        """The folder that the files are in; empty where they have names and no folder, or none."""
        source = Path(self.study.data.source or "")
        return str(source.resolve()) if self.files and source.is_dir() else ""

    @cached_property
    def attributes(self) -> dict[str, tuple[np.ndarray, list[str] | None]]:
        """By column float32 (N,), NaN where unknown: places in names, and these; or numbers."""
        train = self.study.data.train_attributes
        values = self.maps.attributes if train.names else np.empty((0, 0))
        is_binary = self.study.data.is_binary
        found: dict[str, tuple[np.ndarray, list[str] | None]] = {}
        for column, places in train.groups.items():
            own = values[:, places]
            total = own.sum(axis=1)
            of_names = len(places) > 1 and is_binary[places].all()
            if of_names and ((total == 1) | np.isnan(total)).all():
                words = [train.names[place].partition(train.OF_VALUE)[2] for place in places]
                found[column] = np.where(np.isnan(total), np.nan, own.argmax(axis=1)), words
                continue
            for place, each in zip(places, own.T, strict=True):
                found[train.names[place]] = each, ["no", "yes"] if is_binary[place] else None
        return {name: fact for name, fact in found.items() if not np.isnan(fact[0]).all()}

    @cached_property
    def suspects(self) -> list[tuple[int, int, int]]:
        """Images whose labels look wrong: place, class of most of their voters, votes for it."""
        outliers, places = self.study.of(Outliers), {at: k for k, at in enumerate(self._places)}
        if outliers.labels_unavailable is not None:
            return []
        found = outliers.find_suspects(self.maps.numbers_of_splits)
        return [(places[split, index], to, votes) for split, index, to, votes in found]

    @property
    def _places(self) -> list[tuple[str, int]]:
        """Split and index of each image."""
        numbers = self.maps.numbers_of_splits.items()
        return [(split, index) for split, own in numbers for index in own.tolist()]

    @property
    def corrected(self) -> list[tuple[str, int, str, str]]:
        """Labels that were corrected before: split, index, file and label."""
        data = self.study.data.whole
        return [(*place, *data.describe(*place)) for place in data.corrected]

    @property
    def copies(self) -> tuple[np.ndarray, list[str]]:
        """Whether each image is a copy of one before it, all training images being before tests."""
        places = self.maps.numbers + ~self.maps.is_training * len(self.study.data.train_pixels)
        return self.study.whole.of(Duplicates).copies[places].astype(np.float32), KINDS_OF_COPY

    @property
    def clusters_unavailable(self) -> str | None:
        """Why there are no clusters; None where there are."""
        count = len(self.maps.indices)
        if count < max(LEAST_IMAGES, 2 * (self._count or 1)):
            return f"{count:,} images are too few"
        if self._count is None and count > MOST_ON_MANIFOLD:
            return f"of {count:,} images their number is yours to choose, by --num-clusters"
        return None

    @cached_property
    def clusters(self) -> Grouping:
        """Clusters found without labels, in the order of the classes that they stand for.

        Quicker ones than those of the chapter on clusters, whatever else was looked at before.
        """
        codes, count, seed = self.maps.codes, self._count, self.study.settings.seed
        on_manifold = len(codes) <= MOST_ON_MANIFOLD
        finder = DENSE if count is None else MIXTURE

        def compute() -> dict[str, np.ndarray]:
            points, starts = codes, 1
            if on_manifold:
                graph = clustering.build_neighbor_graph(codes)
                points = clustering.reduce_dimensions(codes, graph, seed)
                starts = MANIFOLD_STARTS
            if count is None:
                return {"labels": clustering.cluster_hdbscan(points).labels}
            found = clustering.cluster_gaussian_mixture(points, count, seed, starts=starts)
            return {"labels": found.labels}

        key = self.maps.make_key("latent", labels=False)
        made = self.study.load_or_compute("quick_clusters", compute, *key, seed, finder, count or 0)
        method = f"{CODES}: {'UMAP, ' if on_manifold else ''}{finder}"
        return self._name_clusters(made["labels"], method)

    @property
    def _count(self) -> int | None:
        """How many clusters are sought; None leaves it to the method."""
        study = self.study
        chosen = study.settings.num_clusters is not None or study.data.has_classes
        return study.of(Clusters).count if chosen else None

    def _name_clusters(self, found: np.ndarray, method: str) -> Grouping:
        """Clusters numbered anew and named; what is in none is called so, and comes last."""
        data, numbers = self.study.data, np.unique(found[found != clustering.NOISE])
        classes = len(data.class_names)
        table = clustering.contingency_table(self.maps.labels, found, classes)
        match = clustering.match_clusters(table) if data.has_classes else -np.ones(len(numbers))
        order = np.lexsort((-table.sum(axis=1), np.where(match < 0, classes, match)))
        labels, names = np.full(len(found), len(order)), []
        for place, number in enumerate(order):
            labels[found == numbers[number]] = place
            commonest = data.class_names[table[number].argmax()]
            mostly = f", mostly {commonest}" if data.has_classes else ""
            names.append(f"cluster {place + 1}{mostly}")
        if (found == clustering.NOISE).any():
            names.append("in no cluster")
        return Grouping(labels, names, method)
