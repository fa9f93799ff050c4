"""What has learned nothing, measured as a model is: the pixels, and principal components."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import numpy as np

from latentspace.analysis import scores
from latentspace.chapters.maps.measure import Maps
from latentspace.chapters.study import Study
from latentspace.core.pixels import Subset
from latentspace.core.provenance import hash_content

PIXELS = "pixels"


def measure_baselines(study: Study, components: Iterable[int]) -> dict[str, dict[str, float]]:
    """Scores of the pixels, and of principal components of the images that a model was fitted to.

    Args:
        study: Where images and cache come from.
        components: Numbers of principal components, a linear model for each.

    Returns:
        By name of the baseline its means over images: source_knn_accuracy and source_silhouette
        of the images on the maps; of a linear model also mse and ssim of the test images.
    """
    maps, data = study.of(Maps), study.data
    on_maps = (data.hash, study.settings.split, hash_content(maps.indices), study.settings.seed)
    fitted = hash_content(study.fit_indices)

    def score_pixels() -> dict[str, np.ndarray]:
        return maps.score_source(maps.get_vectors("pixel"))[1]

    def score_components(count: int) -> dict[str, np.ndarray]:
        encode, decode = scores.linear_autoencoder(
            Subset(data.train_pixels, study.fit_indices), count
        )
        back = decode(encode(data.test_images))
        return {
            **maps.score_source(encode(maps.images))[1],
            "mse": scores.squared_errors(data.test_images, back),
            "ssim": scores.structural_similarity(data.test_images, back),
        }

    found = {PIXELS: study.load_or_compute("baseline_pixels", score_pixels, *on_maps)}
    for count in components:
        compute = partial(score_components, count)
        found[f"PCA {count}"] = study.load_or_compute(
            "baseline_pca", compute, *on_maps, fitted, count
        )
    return {
        name: {key: float(values.mean()) for key, values in by_image.items()}
        for name, by_image in found.items()
    }
