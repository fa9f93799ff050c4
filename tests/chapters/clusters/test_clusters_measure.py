from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from conftest import LinearRun, make_study

from latentspace.analysis.projection import Settings
from latentspace.chapters import FIGURES
from latentspace.chapters.clusters import measure
from latentspace.chapters.study import Study
from latentspace.datasets import ImageDataset
from latentspace.datasets.dataset import UNLABELLED

SEEDS = 2
PICTURE = next(figure for figure in FIGURES if figure.flag == "--clusters")


@pytest.fixture(autouse=True)
def few_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five take their time and tell a test no more."""
    monkeypatch.setattr(measure, "SEEDS", SEEDS)


@pytest.fixture
def study(linear_run: LinearRun, tiny: ImageDataset, tmp_path: Path) -> Study:
    return make_study(linear_run, tiny, tmp_path, split="all")


def test_every_method_is_measured_over_seeds(study: Study) -> None:
    metrics = study.collect_metrics({"clusters"})["clusters"]
    assert metrics["images"] == 180
    assert metrics["split"] == "all"
    assert metrics["seeds"] == list(range(SEEDS))
    assert list(metrics["methods"]) == [
        "pixels: k-means",
        "PCA 8: k-means",
        "codes: k-means",
        "codes: Gaussian mixture",
        "pixels: UMAP, Gaussian mixture",
        "pixels, deformed copies: UMAP, Gaussian mixture",
        "codes: UMAP, Gaussian mixture",
        "codes, deformed copies: UMAP, Gaussian mixture",
        "codes, deformed copies: UMAP, HDBSCAN",
    ]
    for scores in metrics["methods"].values():
        assert 0 < scores["accuracy"]["low"] <= scores["accuracy"]["median"]
        assert scores["accuracy"]["median"] <= scores["accuracy"]["high"] <= 1
        assert scores["seconds"]["low"] > 0
        assert -1 <= scores["stability"] <= 1
        assert len(scores["clusters"]) == SEEDS
    assert sum(cluster["size"] for cluster in metrics["drawn"]) == 180
    assert f"{metrics['methods'][study.clusters.shown]['accuracy']['median']:.1%}" in (
        study.clusters.answer
    )


def test_a_second_look_computes_nothing(
    study: Study, linear_run: LinearRun, tiny: ImageDataset, tmp_path: Path
) -> None:
    first = study.clusters.metrics
    calls = list(linear_run.calls)
    again = make_study(linear_run, tiny, tmp_path, split="all").clusters
    assert again.metrics == first
    # Only the centres that are drawn are decoded again.
    assert {kind for kind, _ in linear_run.calls[len(calls) :]} == {"decode"}


def test_sheets_hold_the_members_of_each_cluster(study: Study) -> None:
    chapter = study.clusters
    for sheet in chapter.summaries:
        cluster = set(chapter.labels[np.concatenate([sheet.typical, sheet.uncertain])])
        assert len(cluster) == 1
        members = np.flatnonzero(chapter.labels == cluster.pop())
        assert sheet.size == len(members) == sheet.counts.sum()
        mean = chapter.images.codes[members].mean(axis=0)
        away = np.linalg.norm(chapter.images.codes - mean, axis=1)
        assert sheet.typical[0] == members[away[members].argmin()]
        doubts = chapter.found[chapter.shown].uncertainty[0]
        assert doubts[sheet.uncertain[0]] == doubts[members].max()
        assert sheet.purity == sheet.counts.max() / len(members)
    matches = [sheet.match for sheet in chapter.summaries]
    assert matches == sorted(set(matches))


def test_a_number_of_clusters_can_be_chosen(linear_run: LinearRun, tiny: ImageDataset) -> None:
    subject = make_study(linear_run, tiny, num_clusters=5)
    chapter = subject.clusters
    assert len(chapter.summaries) == 5
    assert [sheet.match is None for sheet in chapter.summaries] == [False] * 3 + [True] * 2
    assert chapter.metrics["drawn"][-1]["class"] is None
    drawn = PICTURE.arguments(subject, 20.0)
    assert [name for name, _ in drawn["names"]] == [*tiny.class_names, "cluster 4", "cluster 5"]
    assert PICTURE.draw(PICTURE.arguments(subject, 20.0)).dtype == np.uint8


def test_without_classes_stability_is_what_is_measured(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    bare = dataclasses.replace(
        tiny,
        train_labels=np.zeros(120, np.int64),
        test_labels=np.zeros(60, np.int64),
        class_names=(UNLABELLED,),
    )
    assert "--num-clusters" in str(make_study(linear_run, bare).clusters.unavailable)
    subject = make_study(linear_run, bare, num_clusters=3)
    chapter = subject.clusters
    assert chapter.unavailable is None
    assert PICTURE.arguments(subject, 20.0)["class_names"] == []
    assert PICTURE.draw(PICTURE.arguments(subject, 20.0)).dtype == np.uint8
    scores = chapter.metrics["methods"][chapter.shown]
    assert set(scores) == {"clusters", "stability", "seconds"}
    assert f"{scores['stability']:.2f}" in chapter.answer
    assert all(set(cluster) == {"class", "size"} for cluster in chapter.metrics["drawn"])


def test_too_few_images_are_no_clusters(linear_run: LinearRun, tiny: ImageDataset) -> None:
    few = dataclasses.replace(
        tiny, test_pixels=tiny.test_pixels[:20], test_labels=tiny.test_labels[:20]
    )
    subject = make_study(linear_run, few, projection=Settings(perplexity=3))
    assert "20 images are too few" in str(subject.clusters.unavailable)
    assert make_study(linear_run, tiny, num_clusters=30).clusters.unavailable is None
    assert "62" in str(make_study(linear_run, tiny, num_clusters=31).clusters.unavailable)
