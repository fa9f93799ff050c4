from __future__ import annotations

from conftest import LinearRun, make_study

from latentspace import projection
from latentspace.datasets import ImageDataset


def test_all_installed_methods_get_the_same_scores(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    study = make_study(linear_run, tiny)
    metrics = study.metrics({"cousins", "maps"})
    expected = {name for name in projection.METHODS if projection.missing(name) is None}
    assert set(metrics["cousins"]) == expected >= {"tsne", "pca", "ica"}
    for spaces in metrics["cousins"].values():
        for space in ("pixel", "latent"):
            assert 0 < spaces[space]["knn_accuracy"] <= 1
            assert 0 < spaces[space]["neighbors_kept"] <= 1
    maps = metrics["maps"]
    assert metrics["cousins"]["tsne"]["pixel"]["knn_accuracy"] == maps["pixel"]["knn_accuracy"]
    assert metrics["cousins"]["tsne"]["pixel"]["seconds"] == maps["pixel"]["seconds"]


def test_what_is_not_installed_is_left_out(
    linear_run: LinearRun, tiny: ImageDataset, monkeypatch
) -> None:
    monkeypatch.setattr(
        projection, "missing", lambda method: "install it" if method == "umap" else None
    )
    assert list(make_study(linear_run, tiny).cousins.settings) == ["pca", "ica", "tsne"]
