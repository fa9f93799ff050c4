"""How a model learned: snapshots of a few unseen images while it was trained."""

from functools import cached_property, partial
from typing import Any

import numpy as np

from latentspace.analysis import neighborhoods, scores, tsne
from latentspace.analysis.neighbors import find_nearest_others
from latentspace.analysis.projection import choose_perplexity, keep_distances, reduce_dimensions
from latentspace.chapters.chapter import Chapter
from latentspace.chapters.maps.images import LEAST_IMAGES
from latentspace.core.errors import InputError
from latentspace.models.snapshots import Snapshots


class Learning(Chapter):
    """Snapshots of a training, their scores, and maps of their codes."""

    section = "learning"

    @property
    def unavailable(self) -> str | None:
        if self.study.run.snapshots_unavailable is not None:
            return self.study.run.snapshots_unavailable
        if not self.study.is_trained_on_data:
            return "a training is shown on the images that it had; drop --dataset"
        try:
            self.snapshots  # noqa: B018
        except InputError as error:
            return str(error)
        return None

    @property
    def map_unavailable(self) -> str | None:
        """Why there can be no map of the codes; None where there can."""
        if self.unavailable is None and len(self.snapshots.indices) < LEAST_IMAGES:
            return f"{len(self.snapshots.indices)} images are no map: {LEAST_IMAGES} are needed"
        return self.unavailable

    @property
    def settings_used(self) -> dict[str, Any]:
        return {} if self.map_unavailable else {"perplexity": self.perplexity}

    @cached_property
    def snapshots(self) -> Snapshots:
        return self.study.run.read_snapshots()

    @property
    def labels(self) -> np.ndarray:
        """Classes of the watched images, int64 (M,)."""
        return self.study.data.train_labels[self.snapshots.indices]

    @cached_property
    def metrics(self) -> dict[str, Any]:
        study, film = self.study, self.snapshots
        pca = study.fit_components(study.run.latent_dim)
        numbers: dict[str, Any] = {
            "images": len(film.indices),
            "probes": len(film.originals),
            "steps": film.steps.tolist(),
            "images_seen": film.images_seen.tolist(),
            "mse": film.errors.tolist(),
            "pca_mse": scores.pca_error(pca, study.data.train_images[film.indices]),
        }
        if self.map_unavailable is None and len(np.unique(self.labels)) > 1:
            codes = film.codes.astype(np.float32)
            numbers["knn_accuracy"] = [self._score_votes(vectors) for vectors in codes]
            numbers["pixel_knn_accuracy"] = self._score_votes(self._flat_pixels)
        if self.map_unavailable is None:
            last, afresh = self._maps["divergences"]
            numbers["map_kl_divergence"] = float(last)
            numbers["afresh_kl_divergence"] = float(afresh)
        return numbers

    @property
    def answer(self) -> str | None:
        film, numbers = self.snapshots, self.metrics
        linear = numbers["pca_mse"]
        first, last = (f"{film.errors[end] / linear:.0%}" for end in (0, -1))
        line = f"error {first} of that of PCA ({linear:.5f}) at the start, {last} at the end"
        if "knn_accuracy" in numbers:
            line += (
                f"; {self.knn} label accuracy of the codes {numbers['knn_accuracy'][0]:.3f} at the "
                f"start, {numbers['knn_accuracy'][-1]:.3f} at the end, of the pixels "
                f"{numbers['pixel_knn_accuracy']:.3f}"
            )
        return line

    @property
    def maps(self) -> dict[str, np.ndarray]:
        """t-SNE of the watched images by space: float32 (T, M, 2), the pixels' always the same."""
        codes = self._maps["codes"]
        return {"pixel": np.broadcast_to(self._maps["pixels"], codes.shape), "latent": codes}

    @property
    def perplexity(self) -> float:
        """Effective number of neighbours of the maps."""
        return choose_perplexity(len(self.snapshots.indices), self.study.settings.perplexity)

    @cached_property
    def _maps(self) -> dict[str, np.ndarray]:
        film, perplexity, seed = self.snapshots, self.perplexity, self.study.settings.seed

        def compute() -> dict[str, np.ndarray]:
            codes = film.codes.astype(np.float32)
            with self.study.make_bar("maps of the training", len(codes) + 2) as bar:
                follow = partial(
                    tsne.follow, perplexity=perplexity, seed=seed, on_progress=bar.update
                )
                points, divergences = follow(codes)
                afresh = follow(codes[-1:])[1]
                pixels = follow(reduce_dimensions(self._flat_pixels)[0][np.newaxis])[0]
            ends = np.array([divergences[-1], afresh[0]])
            return {"codes": points, "pixels": pixels, "divergences": ends}

        key = (self.study.data.whole.hash, film.indices, film.codes, perplexity, seed)
        return self.study.load_or_compute("training_maps", compute, *key)

    @property
    def knn(self) -> str:
        """What the votes of neighbours on labels are called."""
        return neighborhoods.name_votes(self.labels)

    def _score_votes(self, vectors: np.ndarray) -> float:
        """Accuracy of the votes of the nearest in vectors (M, D)."""
        rows = np.arange(len(self.labels))
        neighbors = find_nearest_others(vectors, rows)[1]
        return float(neighborhoods.score_votes(neighbors, self.labels, rows).mean())

    @cached_property
    def _flat_pixels(self) -> np.ndarray:
        """float32 (M, H * W * C), or (M, M) that are as far apart."""
        return keep_distances(self.study.data.train_images.flatten()[self.snapshots.indices])
