"""Scores that may tell an image which does not belong to a data set, for its own and others."""

import math
from functools import cached_property

import numpy as np

from latentspace.analysis import neighborhoods, scores
from latentspace.analysis.neighborhoods import Estimate
from latentspace.analysis.neighbors import NEIGHBORS, find_nearest, leave_out
from latentspace.chapters.outliers import detection, ood
from latentspace.chapters.reconstruct.measure import Reconstruction
from latentspace.chapters.study import Study
from latentspace.core.provenance import hash_content
from latentspace.datasets import choose_limited

MOST_IMAGES = 10_000  # test images that are looked at
MOST_OOD = 1_000  # of each kind
VOTERS, LEAST_VOTERS = 20, 3  # neighbours that vote
AGREEMENT = 0.9  # share of them that have to agree on another class than the label
SCORES = {
    "error": "the model's reconstruction error",
    "codes": "distance in codes",
    "pca_error": "PCA's reconstruction error",
    "pixels": "distance in pixels",
}
LETTERS = "letters"
OWN = "own"  # the group of the test images in the cache


class ImageScores:
    """Errors of the model and of PCA, and distances to training images in codes and in pixels."""

    def __init__(self, study: Study) -> None:
        self.study = study

    @cached_property
    def rows(self) -> np.ndarray:
        return choose_limited(len(self.study.images), MOST_IMAGES)

    @property
    def neighbors(self) -> int:
        """How many of the nearest training images a distance is the mean of."""
        return min(NEIGHBORS, len(self.study.reference_rows))

    @cached_property
    def voters(self) -> int:
        """How many of the nearest training images vote: at most half of what a class has."""
        sizes = np.bincount(self.reference_labels)
        return min(VOTERS, int(np.median(sizes[sizes > 0])) // 2)

    @property
    def agreement(self) -> int:
        """How many voters have to agree on another class than the label."""
        return math.ceil(AGREEMENT * self.voters)

    @cached_property
    def letters_unavailable(self) -> str | None:
        """Why letters can't stand for out-of-distribution images; None where they can."""
        study = self.study
        if (reason := study.explain_lack("decoder")) is not None:
            return reason
        if study.strokes_unavailable is not None:
            return "letters are drawn for bright strokes on dark ground only"
        if study.ink is None:
            return "the images have no dark margin that tells how large a letter should be"
        if ood.are_letters(study.data.class_names):
            return f"{study.data.name} shows letters itself"
        return None

    @cached_property
    def kinds(self) -> list[str]:
        """The kinds of out-of-distribution images."""
        if self.study.explain_lack("decoder") is not None:
            return []
        return [*ood.MAKERS, *([LETTERS] if self.letters_unavailable is None else [])]

    @property
    def own(self) -> dict[str, np.ndarray]:
        """Each of `SCORES` for the test images of `rows`, float64 (N,), and their neighbours.

        "codes_neighbors" and "pixels_neighbors" are int64 (N, K) places in `Study.reference_rows`.
        """
        return self._found[OWN]

    @property
    def ood(self) -> dict[str, dict[str, np.ndarray]]:
        """Each of `SCORES` for the out-of-distribution images of each kind, float64 (M,)."""
        return {kind: self._found[kind] for kind in self.kinds}

    @cached_property
    def auroc(self) -> dict[str, dict[str, Estimate]]:
        """By kind of out-of-distribution images and by score how well it detects them."""
        return {
            kind: {name: detection.auroc(self.own[name], found[name]) for name in SCORES}
            for kind, found in self.ood.items()
        }

    def draw_examples(self, kind: str, count: int) -> np.ndarray:
        """Images of a kind, drawn by seed, float32 (count or fewer, H, W, C) in [0, 1]."""
        images = self._make_images(kind)
        return images[self._make_rng().permutation(len(images))[:count]]

    def count_votes(self, space: str) -> np.ndarray:
        """Votes of the neighbours in "codes" or "pixels" of each of `rows`, int64 (N, classes)."""
        found = self.own[f"{space}_neighbors"][:, : self.voters]
        count = len(self.study.data.class_names)
        return neighborhoods.count_votes(self.reference_labels[found], count)

    def measure_distances(self, classes: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Mean distance in codes of images at places in `rows` to a class each, or infinite."""
        study, found = self.study, np.full(len(places), np.inf)
        codes, labels = study.codes[self.rows[places]], self.reference_labels
        for label in np.intersect1d(classes, labels):
            asked, members = classes == label, study.reference_rows[labels == label]
            found[asked] = find_nearest(codes[asked], study.train_codes[members])[0].mean(axis=1)
        return found

    def find_neighbors(self, split: str, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The `VOTERS` nearest in codes to images of a split of the whole set, found once.

        Distances, float (N, K), and places in `Study.reference_rows`, int64 (N, K), of others.
        """
        study, references = self.study.whole, self.study.reference_rows

        def compute() -> dict[str, np.ndarray]:
            others = study.train_codes[references]
            if split == "test":
                near = find_nearest(study.codes[indices], others, VOTERS)
            else:
                near = find_nearest(study.train_codes[indices], others, VOTERS + 1)
                near = leave_out(*near, references[near[1]] == indices[:, np.newaxis])
            return dict(zip(("distances", "neighbors"), near, strict=True))

        key = (*study.images_key, split, hash_content(indices), VOTERS)
        found = study.load_or_compute("neighbors_in_codes", compute, *key)
        return found["distances"], found["neighbors"]

    @cached_property
    def _found(self) -> dict[str, dict[str, np.ndarray]]:
        study, counts = self.study, (MOST_IMAGES, MOST_OOD, VOTERS)
        key = (*study.images_key, ",".join(self.kinds), study.settings.seed, *counts)
        return study.load_or_compute_groups("image_scores", self._measure_all, *key)

    def _measure_all(self) -> dict[str, dict[str, np.ndarray]]:
        study = self.study
        encode, decode = study.make_linear_autoencoder(study.run.latent_dim)
        train_codes = study.train_codes[study.reference_rows]
        references = study.references.flatten()

        def measure(
            images: np.ndarray, in_codes: tuple[np.ndarray, np.ndarray], errors: np.ndarray | None
        ) -> dict[str, np.ndarray]:
            linear, flat = decode(encode(images)), images.reshape(len(images), -1)
            found = {"pca_error": scores.squared_errors(images, linear)}
            found |= {} if errors is None else {"error": errors}
            near = {"codes": in_codes, "pixels": find_nearest(flat, references, VOTERS)}
            for space, (distances, neighbors) in near.items():
                found[space] = distances[:, : self.neighbors].mean(axis=1, dtype=np.float64)
                found[f"{space}_neighbors"] = neighbors
            return found

        rows, reconstruction = self.rows, study.of(Reconstruction)
        own = self.find_neighbors("test", study.data.test_numbers[rows])
        errors = reconstruction.by_image["mse"][rows] if self.kinds else None
        groups = {OWN: measure(study.images[rows], own, errors)}
        with study.make_bar("scoring out-of-distribution images", len(self.kinds)) as bar:
            for kind in self.kinds:
                images = self._make_images(kind)
                codes = study.run.encode(images)
                errors = scores.squared_errors(images, study.run.decode(codes))
                groups[kind] = measure(images, find_nearest(codes, train_codes, VOTERS), errors)
                bar.update()
        return groups

    @cached_property
    def reference_labels(self) -> np.ndarray:
        """Labels of `Study.reference_rows`, int64 (M,)."""
        return self.study.data.train_labels[self.study.reference_rows]

    def _make_images(self, kind: str) -> np.ndarray:
        """All images of a kind, float32 (M, H, W, C) in [0, 1]."""
        study = self.study
        if kind == LETTERS:
            assert study.ink is not None  # else letters are unavailable
            return ood.draw_letters(study.data.image_shape, study.ink.side)
        count = min(MOST_OOD, len(self.rows))
        drawn = np.sort(self._make_rng().choice(self.rows, count, replace=False))
        return ood.MAKERS[kind](study.images[drawn], self._make_rng())

    def _make_rng(self) -> np.random.Generator:
        return np.random.default_rng(self.study.settings.seed)
