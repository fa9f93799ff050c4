from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from conftest import LinearRun, make_study

from latentspace.chapters.chapter import HIGHER
from latentspace.chapters.clusters import draw, measure
from latentspace.chapters.clusters.figures import draw_clusters
from latentspace.chapters.clusters.measure import Clusters
from latentspace.chapters.study import Study
from latentspace.datasets import ImageDataset
from latentspace.datasets.dataset import UNLABELLED

SEEDS = 2


@pytest.fixture(autouse=True)
def few_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five take their time and tell a test no more."""
    monkeypatch.setattr(measure, "SEEDS", SEEDS)


@pytest.fixture
def study(linear_run: LinearRun, tiny: ImageDataset, tmp_path: Path) -> Study:
    return make_study(linear_run, tiny, tmp_path, split="all")


def test_every_method_is_measured_over_seeds_and_set_beside_the_others(study: Study) -> None:
    metrics = study.of(Clusters).metrics
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
        assert -1 <= scores["stability"] <= 1
        assert len(scores["clusters"]) == SEEDS
    assert sum(cluster["size"] for cluster in metrics["drawn"]) == 180
    assert f"{metrics['methods'][study.of(Clusters).shown]['accuracy']['median']:.1%}" in (
        study.of(Clusters).answer
    )
    rows = {row.words: row for row in study.of(Clusters).rows}
    assert len(rows) == 12
    assert all(row.better == HIGHER for row in rows.values())
    row = rows["Accuracy of clusters, k-means"]
    assert row.own.value == metrics["methods"]["codes: k-means"]["accuracy"]["median"]
    assert row.own.low == metrics["methods"]["codes: k-means"]["accuracy"]["low"]
    assert list(row.baselines) == ["pixels", "PCA, 8 components"]
    expected = metrics["methods"]["PCA 8: k-means"]["accuracy"]["median"]
    assert row.baselines["PCA, 8 components"].value == expected
    row = rows["Agreement of clusters between seeds, the same with deformed copies"]
    assert row.own.value == metrics["methods"][study.of(Clusters).shown]["stability"]
    pixels = metrics["methods"]["pixels, deformed copies: UMAP, Gaussian mixture"]["stability"]
    assert row.baselines["pixels"].value == pixels


def test_a_second_look_computes_nothing(
    study: Study, linear_run: LinearRun, tiny: ImageDataset, tmp_path: Path
) -> None:
    first = study.of(Clusters).metrics
    calls = list(linear_run.calls)
    again = make_study(linear_run, tiny, tmp_path, split="all").of(Clusters)
    assert again.metrics == first
    assert linear_run.calls == calls


def test_summaries_hold_the_members_of_each_cluster(study: Study) -> None:
    chapter = study.of(Clusters)
    for summary in chapter.summaries:
        cluster = set(chapter.labels[np.concatenate([summary.typical, summary.uncertain])])
        assert len(cluster) == 1
        members = np.flatnonzero(chapter.labels == cluster.pop())
        assert summary.size == len(members) == summary.counts.sum()
        mean = chapter.images.codes[members].mean(axis=0)
        away = np.linalg.norm(chapter.images.codes - mean, axis=1)
        assert summary.typical[0] == members[away[members].argmin()]
        uncertainty = chapter.found[chapter.shown]["uncertainty"][0]
        assert uncertainty[summary.uncertain[0]] == uncertainty[members].max()
        assert summary.purity == summary.counts.max() / len(members)
    matches = [summary.match for summary in chapter.summaries]
    assert matches == sorted(set(matches))


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> dict:
    """What was drawn last, by the names of the arguments."""
    kept: dict = {}
    original = draw.draw_clusters

    def record(**arguments) -> np.ndarray:
        kept.update(arguments)
        return original(**arguments)

    monkeypatch.setattr(draw, "draw_clusters", record)
    return kept


def test_a_number_of_clusters_can_be_chosen(
    linear_run: LinearRun, tiny: ImageDataset, drawn: dict
) -> None:
    subject = make_study(linear_run, tiny, num_clusters=5)
    chapter = subject.of(Clusters)
    assert len(chapter.summaries) == 5
    assert [summary.match is None for summary in chapter.summaries] == [False] * 3 + [True] * 2
    assert chapter.metrics["drawn"][-1]["class"] is None
    assert draw_clusters(subject).frames.dtype == np.uint8
    assert [name for name, _ in drawn["names"]] == [*tiny.class_names, "cluster 4", "cluster 5"]
    assert chapter.settings_used == {"num_clusters": 5}


def test_without_classes_stability_is_what_is_measured(
    linear_run: LinearRun, tiny: ImageDataset, drawn: dict
) -> None:
    bare = dataclasses.replace(
        tiny,
        train_labels=np.zeros(120, np.int64),
        test_labels=np.zeros(60, np.int64),
        class_names=(UNLABELLED,),
    )
    assert "--num-clusters" in str(make_study(linear_run, bare).of(Clusters).unavailable)
    subject = make_study(linear_run, bare, num_clusters=3)
    chapter = subject.of(Clusters)
    assert chapter.unavailable is None
    assert draw_clusters(subject).frames.dtype == np.uint8
    assert drawn["class_names"] == []
    assert [row.words for row in chapter.rows] == [
        f"Agreement of clusters between seeds, {kind}" for kind in measure.COMPARED
    ]
    scores = chapter.metrics["methods"][chapter.shown]
    assert set(scores) == {"clusters", "stability"}
    assert f"{scores['stability']:.2f}" in chapter.answer
    assert all(set(cluster) == {"class", "size"} for cluster in chapter.metrics["drawn"])


def test_too_few_images_are_no_clusters(linear_run: LinearRun, tiny: ImageDataset) -> None:
    few = dataclasses.replace(
        tiny, test_pixels=tiny.test_pixels[:20], test_labels=tiny.test_labels[:20]
    )
    subject = make_study(linear_run, few, perplexity=3.0)
    assert "20 images are too few" in str(subject.of(Clusters).unavailable)
    assert make_study(linear_run, tiny, num_clusters=30).of(Clusters).unavailable is None
    assert "62" in str(make_study(linear_run, tiny, num_clusters=31).of(Clusters).unavailable)
