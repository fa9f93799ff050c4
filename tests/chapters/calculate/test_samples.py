from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from conftest import LinearRun, make_study

from latentspace.chapters.calculate import figures, samples
from latentspace.chapters.calculate.samples import Samples
from latentspace.datasets import ImageDataset


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "SCORED_OF_CLASS", 30)


def test_images_are_drawn_for_all_and_of_each_class(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    chapter = make_study(linear_run, tiny).of(Samples)
    assert list(chapter.shown) == ["one Gaussian", "mixture", "upright", "lying", "slanted"]
    assert all(images.shape == (samples.SHOWN, 14, 11, 1) for images in chapter.shown.values())
    assert not np.array_equal(chapter.shown["upright"], chapter.shown["lying"])


def test_a_class_that_is_called_as_all_are_keeps_its_samples(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    data = dataclasses.replace(tiny, class_names=("mixture", "lying", "slanted"))
    names = list(make_study(linear_run, data).of(Samples).shown)
    assert names == ["one Gaussian", "mixture", "mixture (a class)", "lying", "slanted"]


def test_new_images_of_the_mixture_are_nearer_to_real_ones_than_those_of_one_gaussian(
    linear_run: LinearRun, tiny: ImageDataset, tmp_path: Path
) -> None:
    metrics = make_study(linear_run, tiny, tmp_path, with_classifier=True).of(Samples).metrics
    assert metrics["density"]["confidence"] > metrics["gaussian"]["confidence"]
    assert metrics["density"]["precision_codes"] > metrics["gaussian"]["precision_codes"]
    assert set(metrics["class_confidence"]) == {"upright", "lying", "slanted", "real_images"}
    assert all(0 <= value <= 1 for value in metrics["class_confidence"].values())
    assert metrics["components"] >= 3
    again = make_study(linear_run, tiny, tmp_path, with_classifier=True)
    calls = len(linear_run.calls)
    assert again.of(Samples).metrics == metrics
    assert len(linear_run.calls) == calls  # from the cache


def test_without_a_classifier_or_classes_the_rest_is_measured(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    alike = dataclasses.replace(
        tiny,
        train_labels=np.zeros(120, np.int64),
        test_labels=np.zeros(60, np.int64),
        class_names=("image",),
    )
    subject = make_study(linear_run, alike)
    chapter = subject.of(Samples)
    assert list(chapter.shown) == ["one Gaussian", "mixture"]
    assert "class_confidence" not in chapter.metrics
    assert all(np.isfinite(row.own.value) or "classifier" in row.words for row in chapter.rows)
    said = figures.draw_samples(subject).text.caption
    assert "confidence" not in said
    assert f"{chapter.metrics['density']['nearest_distance']:.2f}" in said


def test_equal_codes_have_no_density(linear_run: LinearRun, tiny: ImageDataset) -> None:
    linear_run.basis[:] = 0
    chapter = make_study(linear_run, tiny).of(Samples)
    assert "equal" in (chapter.unavailable or "")
    assert chapter.metrics == {}
    assert chapter.rows == []
