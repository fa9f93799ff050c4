"""How well the model reconstructs what it has seen and what it has not."""

from functools import cached_property
from typing import Any

import numpy as np

from latentspace.analysis import scores
from latentspace.chapters.chapter import HIGHER, LOWER, Chapter, Row, Value, value_in
from latentspace.core.pixels import iterate_parts
from latentspace.core.provenance import hash_content


class Reconstruction(Chapter):
    section = "reconstruction"
    needs = ("decoder", "images")

    @cached_property
    def by_image(self) -> dict[str, np.ndarray]:
        """Of each test image what `scores.score_reconstructions` gives, float64 (N,)."""
        study = self.study

        def compute() -> dict[str, np.ndarray]:
            return scores.score_reconstructions(
                study.images, lambda part: study.decode(study.codes[part])
            )

        return study.load_or_compute("reconstruction_by_image", compute, *study.model_key)

    def score_components(self, count: int) -> dict[str, np.ndarray]:
        """The same of so many principal components of the images that the model was fitted to."""
        study = self.study

        def compute() -> dict[str, np.ndarray]:
            encode, decode = study.make_linear_autoencoder(count)
            return scores.score_reconstructions(
                study.images, lambda part: decode(encode(study.images[part]))
            )

        key = (study.data.hash, hash_content(study.fit_indices), count)
        return study.load_or_compute("reconstruction_by_components", compute, *key)

    @cached_property
    def metrics(self) -> dict[str, float]:
        """train_mse, and mean scores of test images by the model (test_) and by PCA (pca_)."""
        linear = self.score_components(self.study.run.latent_dim)
        found = {"train_mse": self._measure_training_error()}
        for who, by_image in (("test", self.by_image), ("pca", linear)):
            found |= {f"{who}_{name}": float(each.mean()) for name, each in by_image.items()}
        return found

    @property
    def rows(self) -> list[Row]:
        found = self.metrics

        def compare(words: str, name: str, **more: Any) -> Row:
            own, linear = (value_in(found, f"{who}_{name}") for who in ("test", "pca"))
            baselines = {f"PCA, {self.study.run.latent_dim} components": linear}
            return Row(words, own, baselines, **more)

        detail = "Detail of test images that is kept: power in the upper half of the spectrum"
        return [
            compare("Mean squared error of test images", "mse", better=LOWER, digits=5),
            Row("Mean squared error of training images", value_in(found, "train_mse"), digits=5),
            compare("Structural similarity (SSIM) of test images", "ssim", better=HIGHER),
            compare(detail, "detail", references={"the images themselves": Value(1.0)}),
        ]

    def _measure_training_error(self) -> float:
        """That of the images that the model was fitted to, unless the training measured it."""
        study = self.study
        if study.training_error is not None:
            return study.training_error

        def compute() -> dict[str, np.ndarray]:
            images, codes = study.fit_images, study.train_codes[study.fit_indices]
            errors = [
                scores.squared_errors(images[part], study.decode(codes[part]))
                for part in iterate_parts(images)
            ]
            return {"train_mse": np.concatenate(errors).mean()}

        found = study.load_or_compute("reconstruction_train", compute, *study.whole.model_key)
        return float(found["train_mse"])

    def draw_examples(self, split: str, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Images drawn by seed, their reconstructions, and their errors.

        They are of "train" (only images that the model was fitted to) or "test", and repeat where
        there are fewer. Images and reconstructions are float32 (count, H, W, C), errors float64.
        """
        study = self.study
        rng = np.random.default_rng(study.settings.seed)
        images = getattr(study.data, f"{split}_images")
        codes = study.codes if split == "test" else study.train_codes
        pool = np.arange(len(images)) if split == "test" else study.fit_indices
        chosen = rng.choice(pool, count, replace=len(pool) < count)
        drawn, back = images[chosen], study.decode(codes[chosen])
        return drawn, back, scores.squared_errors(drawn, back)
