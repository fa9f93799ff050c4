from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from conftest import LinearRun, make_study

from latentspace.chapters.maps import overlap
from latentspace.chapters.maps.overlap import Overlap
from latentspace.datasets import DIGITS, ImageDataset


@pytest.fixture
def blobs() -> ImageDataset:
    """Six classes of noisy grey levels; 1, 2 and 4 are nearly the same grey."""
    rng = np.random.default_rng(0)
    labels = np.arange(240) % 6
    grey = np.array([0, 120, 122, 200, 121, 250])[labels]
    pixels = np.clip(grey[:, None, None] + rng.normal(0, 4, (240, 4, 3)), 0, 255)
    pixels = pixels.astype(np.uint8)[..., np.newaxis]
    return ImageDataset(
        name="blobs",
        source=None,
        train_pixels=pixels,
        test_pixels=pixels,
        train_labels=labels,
        test_labels=labels,
        class_names=tuple("abcdef"),
    )


@pytest.fixture
def run(blobs: ImageDataset) -> LinearRun:
    return LinearRun(blobs.image_shape)


def test_the_classes_that_mix_most_are_chosen(
    run: LinearRun, blobs: ImageDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlap, "CLASSES", 3)
    chapter = make_study(run, blobs).of(Overlap)
    assert set(chapter.classes) == {1, 2, 4}
    assert chapter.unavailable is None
    np.testing.assert_array_equal(np.unique(chapter.labels), [1, 2, 4])
    assert chapter.map_points("pixel").shape == (120, 2)


def test_mixing_counts_neighbours_of_another_class(run: LinearRun, blobs: ImageDataset) -> None:
    study = make_study(run, blobs)
    metrics = study.of(Overlap).metrics
    assert metrics["images"] == 160
    assert len(metrics["classes"]) == 4
    for name in ("pixel", "pixel_map", "latent", "latent_map"):
        assert len(metrics[name]) == 4
    by_class = dict(zip(metrics["classes"], metrics["pixel"], strict=True))
    assert by_class["c"] > 0.4
    rows = {row.words: row for row in study.of(Overlap).rows}
    assert rows["Neighbours of another class, c"].baselines["pixels"].value == by_class["c"]
    odd = ({"a", "d", "f"} & set(by_class)).pop()
    assert by_class[odd] < 0.1


def test_digits_get_the_articles_choice(run: LinearRun, blobs: ImageDataset) -> None:
    digits = dataclasses.replace(
        blobs,
        class_names=DIGITS,
        test_labels=np.arange(240) % 10,
        train_labels=np.arange(240) % 10,
    )
    chapter = make_study(run, digits).of(Overlap)
    assert chapter.classes == [8, 5, 7, 3]
    assert chapter.settings.perplexity == 8


@pytest.mark.parametrize("source", ["bars.npz", "folder", "idx"])
def test_numbers_of_classes_of_a_persons_own_are_no_digits(
    run: LinearRun, blobs: ImageDataset, source: str
) -> None:
    labels = np.array([7, 8, 3, 5, 0, 1])[blobs.test_labels]
    own = dataclasses.replace(
        blobs, source=source, class_names=DIGITS, test_labels=labels, train_labels=labels
    )
    chosen = make_study(run, own).of(Overlap).classes
    assert chosen != [8, 5, 7, 3]
    assert set(chosen) < set(labels)


def test_a_perplexity_too_large_for_the_few_is_lowered(run: LinearRun, blobs: ImageDataset) -> None:
    chapter = make_study(run, blobs, perplexity=60.0).of(Overlap)
    assert chapter.settings.perplexity == 159 // 9
    assert chapter.settings_used == {"samples": 240, "perplexity": 17}
    assert chapter.map_points("latent").shape == (160, 2)


def test_two_classes_cannot_run_together(run: LinearRun, blobs: ImageDataset) -> None:
    two = dataclasses.replace(blobs, test_labels=blobs.test_labels % 2)
    assert "three classes" in (make_study(run, two).of(Overlap).unavailable or "")
