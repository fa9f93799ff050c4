from __future__ import annotations

import pytest
from conftest import LinearRun, make_study

from latentspace.chapters.figure import METHODS
from latentspace.chapters.maps.measure import Maps
from latentspace.chapters.maps.methods import ProjectionMethods
from latentspace.datasets import ImageDataset


@pytest.mark.slow
def test_all_methods_get_the_same_scores(linear_run: LinearRun, tiny: ImageDataset) -> None:
    study = make_study(linear_run, tiny)
    metrics = {"methods": study.of(ProjectionMethods).metrics, "maps": study.of(Maps).metrics}
    assert set(metrics["methods"]) == set(METHODS)
    for spaces in metrics["methods"].values():
        for space in ("pixel", "latent"):
            assert 0 < spaces[space]["knn_accuracy"] <= 1
            assert 0 < spaces[space]["knn_preservation"] <= 1
    maps = metrics["maps"]
    assert metrics["methods"]["tsne"]["pixel"]["knn_accuracy"] == maps["pixel"]["knn_accuracy"]
    assert metrics["methods"]["tsne"]["pixel"]["seconds"] == maps["pixel"]["seconds"]
