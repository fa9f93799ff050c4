"""How well the model draws what it has seen and what it has not."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from latentspace.analysis import scores
from latentspace.chapters.base import Base
from latentspace.core.pixels import Subset, to_unit_range

IMAGES_AT_ONCE = 10_000  # reconstructed together, to bound memory


class Reconstruction:
    """Reconstructions and their errors."""

    def __init__(self, base: Base) -> None:
        self._base = base

    @cached_property
    def by_image(self) -> dict[str, np.ndarray]:
        """Of each test image its "mse" and "ssim", float64 (N,)."""
        base = self._base

        def compute() -> dict[str, np.ndarray]:
            back = base.run.decode(base.codes)
            return {
                "mse": scores.squared_errors(base.images, back),
                "ssim": scores.structural_similarity(base.images, back),
            }

        return base.load_or_compute("reconstruction_by_image", compute, *base.model_key)

    @cached_property
    def metrics(self) -> dict[str, float]:
        """train_mse, test_mse, pca_mse (as many components as the code has units), test_ssim."""
        base = self._base

        def compute() -> dict[str, np.ndarray]:
            parts = np.array_split(base.fit_indices, -(-len(base.fit_indices) // IMAGES_AT_ONCE))
            train_errors = [
                scores.squared_errors(
                    to_unit_range(base.data.train_pixels[part]),
                    base.run.decode(base.train_codes[part]),
                )
                for part in parts
            ]
            return {
                "train_mse": np.concatenate(train_errors).mean(),
                "test_mse": self.by_image["mse"].mean(),
                "pca_mse": scores.pca_error(
                    Subset(base.data.train_pixels, base.fit_indices),
                    base.images,
                    base.run.latent_dim,
                ),
                "test_ssim": self.by_image["ssim"].mean(),
            }

        arrays = base.load_or_compute("reconstruction", compute, *base.model_key)
        return {name: float(value) for name, value in arrays.items()}

    def draw_examples(self, split: str, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Images drawn by seed, their reconstructions, and their errors.

        Args:
            split: "train" (only images that the model was fitted to) or "test".
            count: How many; images repeat where there are fewer.

        Returns:
            Images and reconstructions, each float32 (count, H, W, C), and errors, float64 (count,).
        """
        base = self._base
        rng = np.random.default_rng(base.options.seed)
        pixels = getattr(base.data, f"{split}_pixels")
        codes = base.codes if split == "test" else base.train_codes
        pool = np.arange(len(pixels)) if split == "test" else base.fit_indices
        chosen = rng.choice(pool, count, replace=len(pool) < count)
        images, back = to_unit_range(pixels[chosen]), base.run.decode(codes[chosen])
        return images, back, scores.squared_errors(images, back)
