"""The classes that overlap in pixels, alone: of the named digits the article's 8, 5, 7 and 3."""

import dataclasses
import itertools
from functools import cached_property
from typing import Any

import numpy as np

from latentspace.analysis import projection
from latentspace.analysis.neighbors import find_nearest_others
from latentspace.chapters.chapter import LOWER, Row, list_rows
from latentspace.chapters.maps.images import SPACES
from latentspace.chapters.maps.measure import OnMaps
from latentspace.datasets import DIGITS

ARTICLES_CHOICE = ("8", "5", "7", "3")
CLASSES = 4  # chosen where the classes are not the article's
LEAST_IMAGES = 20


class Overlap(OnMaps):
    """Some classes by themselves: their maps, and how far their neighbourhoods mix."""

    section = "overlap"
    needs = ("images",)

    @property
    def unavailable(self) -> str | None:
        if self.maps.unavailable is not None:
            return self.maps.unavailable
        if len(np.unique(self.maps.labels)) < 3:
            return "fewer than three classes are too few to choose those that overlap"
        if len(self.map_rows) < LEAST_IMAGES:
            return f"fewer than {LEAST_IMAGES} images of these classes are on the maps"
        return None

    @cached_property
    def classes(self) -> list[int]:
        """The labels: of named digits the article's choice, else those that mix most in pixels."""
        names, is_named_set = self.study.data.class_names, self.study.data.source is None
        if is_named_set and names == DIGITS:
            return [names.index(name) for name in ARTICLES_CHOICE]
        rows, labels = self.maps.scored_rows, self.maps.labels
        found = find_nearest_others(self.maps.get_vectors("pixel"), rows)[1]
        mixed = np.zeros((len(names), len(names)))
        np.add.at(mixed, (labels[rows][:, np.newaxis], labels[found]), 1)
        shares = mixed / np.maximum(mixed.sum(axis=1, keepdims=True), 1)
        shares = shares + shares.T
        present = np.unique(labels).tolist()
        chosen = list(max(itertools.combinations(present, 2), key=lambda pair: shares[pair]))
        while len(chosen) < min(CLASSES, len(present)):
            others = [label for label in present if label not in chosen]
            chosen.append(max(others, key=lambda label: shares[chosen, label].sum()))
        return chosen

    @cached_property
    def map_rows(self) -> np.ndarray:
        """Which of the images on the maps are of these classes, int64 (R,)."""
        return np.flatnonzero(np.isin(self.maps.labels, self.classes))

    @property
    def labels(self) -> np.ndarray:
        """int64 (R,)."""
        return self.maps.labels[self.map_rows]

    @property
    def settings(self) -> projection.Settings:
        """Those of the flat maps, the perplexity lowered where these images are too few for it."""
        perplexity = projection.choose_perplexity(len(self.map_rows), self.maps.flat.perplexity)
        return dataclasses.replace(self.maps.flat, perplexity=perplexity)

    @property
    def settings_used(self) -> dict[str, Any]:
        return {**self.maps.settings_used, "perplexity": self.settings.perplexity}

    def map_points(self, space: str) -> np.ndarray:
        """The map of these images alone, float32 (R, 2)."""
        return self.maps.get_points(space, self.settings, self.map_rows)

    @cached_property
    def mixing(self) -> dict[str, np.ndarray]:
        """By map the share of the 10 nearest of another of these classes, float64 (classes,)."""

        def compute() -> dict[str, np.ndarray]:
            rows, labels = np.arange(len(self.map_rows)), self.labels
            found: dict[str, np.ndarray] = {}
            for space in SPACES:
                source = self.maps.get_vectors(space)[self.map_rows]
                for name, points in ((space, source), (f"{space}_map", self.map_points(space))):
                    neighbors = find_nearest_others(points, rows)[1]
                    others = (labels[neighbors] != labels[:, np.newaxis]).mean(axis=1)
                    found[name] = np.array([others[labels == one].mean() for one in self.classes])
            return found

        keys = [part for space in SPACES for part in self.maps.make_key(space, self.map_rows)]
        key = (*keys, *self.settings.key, *self.classes)
        return self.study.load_or_compute("overlap", compute, *key)

    @property
    def metrics(self) -> dict[str, Any]:
        names = self.study.data.class_names
        made = self.maps.project(self.settings, self.map_rows)
        return {
            "classes": [names[label] for label in self.classes],
            "images": len(self.map_rows),
            **{name: shares.tolist() for name, shares in self.mixing.items()},
            "maps": {space: {"seconds": of.seconds, **of.facts} for space, of in made.items()},
        }

    @property
    def rows(self) -> list[Row]:
        names = [self.study.data.class_names[label] for label in self.classes]
        table = {name: (f"Neighbours of another class, {name}", LOWER, 3) for name in names}
        found = {k: dict(zip(names, own.tolist(), strict=True)) for k, own in self.mixing.items()}
        maps = {"on the map of codes": "latent_map", "on the map of pixels": "pixel_map"}
        return list_rows(table, found, "latent", {"pixels": "pixel"}, maps)
