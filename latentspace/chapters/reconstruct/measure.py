"""How well the model reconstructs what it has seen and what it has not."""

from collections.abc import Iterator
from functools import cached_property

import numpy as np

from latentspace.analysis import scores
from latentspace.chapters.chapter import LOWER, Chapter, Row, value_in
from latentspace.core.pixels import UnitImages, iterate_parts


class Reconstruction(Chapter):
    section = "reconstruction"
    needs = ("decoder", "images")

    @cached_property
    def by_image(self) -> dict[str, np.ndarray]:
        """Of each test image its "mse" and "ssim", float64 (N,)."""
        study = self.study

        def compute() -> dict[str, np.ndarray]:
            found: dict[str, list[np.ndarray]] = {"mse": [], "ssim": []}
            for images, back in self._reconstruct(study.images, study.codes):
                found["mse"].append(scores.squared_errors(images, back))
                found["ssim"].append(scores.structural_similarity(images, back))
            return {name: np.concatenate(parts) for name, parts in found.items()}

        return study.load_or_compute("reconstruction_by_image", compute, *study.model_key)

    @cached_property
    def metrics(self) -> dict[str, float]:
        """train_mse, test_mse, pca_mse (as many components as the code has units), test_ssim."""
        study = self.study

        def compute() -> dict[str, np.ndarray]:
            mse, ssim = (self.by_image[name].mean() for name in ("mse", "ssim"))
            pca = scores.pca_error(study.fit_components(study.run.latent_dim), study.images)
            return {"test_mse": mse, "pca_mse": pca, "test_ssim": ssim}

        found = study.load_or_compute("reconstruction_test", compute, *study.model_key)
        numbers = {name: float(value) for name, value in found.items()}
        return {"train_mse": self._measure_training_error(), **numbers}

    @property
    def rows(self) -> list[Row]:
        found, units = self.metrics, self.study.run.latent_dim
        test, pca = value_in(found, "test_mse"), value_in(found, "pca_mse")
        linear = {f"PCA, {units} components": pca}
        return [
            Row("Mean squared error of test images", test, linear, better=LOWER, digits=5),
            Row("Mean squared error of training images", value_in(found, "train_mse"), digits=5),
            Row("Structural similarity (SSIM) of test images", value_in(found, "test_ssim")),
        ]

    def _measure_training_error(self) -> float:
        """That of the images that the model was fitted to, unless the training measured it."""
        study = self.study
        if study.training_error is not None:
            return study.training_error

        def compute() -> dict[str, np.ndarray]:
            pairs = self._reconstruct(study.fit_images, study.train_codes[study.fit_indices])
            errors = [scores.squared_errors(*pair) for pair in pairs]
            return {"train_mse": np.concatenate(errors).mean()}

        found = study.load_or_compute("reconstruction_train", compute, *study.whole.model_key)
        return float(found["train_mse"])

    def _reconstruct(self, images: UnitImages, codes: np.ndarray) -> Iterator[list[np.ndarray]]:
        """Images (N, H, W, C) and what their codes (N, D) decode to, a part at a time."""
        for part in iterate_parts(images):
            yield [images[part], self.study.decode(codes[part])]

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
