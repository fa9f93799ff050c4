from __future__ import annotations

from conftest import LinearRun, make_study

from latentspace.analysis import projection
from latentspace.datasets import ImageDataset


def test_all_methods_get_the_same_scores(linear_run: LinearRun, tiny: ImageDataset) -> None:
    study = make_study(linear_run, tiny)
    metrics = study.metrics({"cousins", "maps"})
    assert set(metrics["cousins"]) == set(projection.METHODS)
    for spaces in metrics["cousins"].values():
        for space in ("pixel", "latent"):
            assert 0 < spaces[space]["knn_accuracy"] <= 1
            assert 0 < spaces[space]["neighbors_kept"] <= 1
    maps = metrics["maps"]
    assert metrics["cousins"]["tsne"]["pixel"]["knn_accuracy"] == maps["pixel"]["knn_accuracy"]
    assert metrics["cousins"]["tsne"]["pixel"]["seconds"] == maps["pixel"]["seconds"]
