from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import LinearRun, make_study

from latentspace import projection, scores
from latentspace.datasets import ImageDataset


def test_maps_have_all_metrics_and_come_from_the_cache_the_second_time(
    linear_run: LinearRun, tiny: ImageDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    original = projection.tsne

    def counted(vectors: np.ndarray, **options) -> projection.Projection:
        calls.append(vectors.shape)
        return original(vectors, **options)

    monkeypatch.setattr(projection, "tsne", counted)
    first = make_study(linear_run, tiny, tmp_path)
    metrics = first.metrics({"maps"})["maps"]
    assert calls == [(60, 154), (60, 8)]
    for space in ("pixel", "latent"):
        assert set(metrics[space]) == {
            "samples",
            "perplexity",
            "kl_divergence",
            "knn_accuracy",
            "source_knn_accuracy",
            "trustworthiness",
            "seconds",
        }
        assert (metrics[space]["samples"], metrics[space]["perplexity"]) == (60, 8)
    source = tiny.test_images.reshape(60, -1)
    assert metrics["pixel"]["trustworthiness"] == scores.trustworthiness(
        source, first.maps.map("pixel").points
    )
    assert metrics["pixel"]["source_knn_accuracy"] == scores.knn_accuracy(source, tiny.test_labels)

    second = make_study(linear_run, tiny, tmp_path)
    assert second.metrics({"maps"})["maps"] == metrics
    np.testing.assert_array_equal(second.maps.map("latent").points, first.maps.map("latent").points)
    assert len(calls) == 2
    assert (
        make_study(linear_run, tiny, tmp_path, perplexity=9).maps.map("pixel").metrics["perplexity"]
        == 9
    )
    assert len(calls) == 4


def test_samples_are_a_choice_of_test_images_by_seed(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    subject = make_study(linear_run, tiny, samples=40)
    assert len(np.unique(subject.maps.indices)) == 40
    np.testing.assert_array_equal(subject.maps.images, tiny.test_images[subject.maps.indices])
    other = make_study(linear_run, tiny, samples=40, seed=1)
    assert not np.array_equal(subject.maps.indices, other.maps.indices)
