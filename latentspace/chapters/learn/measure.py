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
from latentspace.core.provenance import hash_content
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
        film = self.snapshots
        numbers: dict[str, Any] = {
            "images": len(film.indices),
            "probes": len(film.originals),
            "steps": film.steps.tolist(),
            "images_seen": film.images_seen.tolist(),
            "mse": film.errors.tolist(),
            "pca_mse": self._pca_error,
        }
        if self.map_unavailable is None and len(np.unique(self.labels)) > 1:
            numbers["knn_accuracy"] = self._knn_accuracies["codes"].tolist()
            numbers["pixel_knn_accuracy"] = float(self._knn_accuracies["pixels"])
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

    @cached_property
    def _pca_error(self) -> float:
        study, film = self.study, self.snapshots

        def compute() -> dict[str, Any]:
            watched = study.data.train_images[film.indices]
            pca = study.fit_components(study.run.latent_dim)
            return {"mse": scores.pca_error(pca, watched)}

        fitted = hash_content(study.fit_indices)
        key = (study.data.whole.hash, film.indices, fitted, study.run.latent_dim)
        return float(study.load_or_compute("learning_pca", compute, *key)["mse"])

    @cached_property
    def _knn_accuracies(self) -> dict[str, np.ndarray]:
        film, rows = self.snapshots, np.arange(len(self.labels))

        def score(vectors: np.ndarray) -> float:
            neighbors = find_nearest_others(vectors, rows)[1]
            return float(neighborhoods.score_votes(neighbors, self.labels, rows).mean())

        def compute() -> dict[str, Any]:
            codes = np.array([score(codes) for codes in film.codes.astype(np.float32)])
            return {"codes": codes, "pixels": score(self._flat_pixels)}

        key = (self.study.data.whole.hash, film.indices, film.codes)
        return self.study.load_or_compute("learning_knn", compute, *key)

    @cached_property
    def _flat_pixels(self) -> np.ndarray:
        """float32 (M, H * W * C), or (M, M) that are as far apart."""
        return keep_distances(self.study.data.train_images.flatten()[self.snapshots.indices])
