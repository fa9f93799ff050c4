from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import LinearRun, make_study

from latentspace.chapters.attributes import sweeps
from latentspace.chapters.attributes.sweeps import AttributeSweeps
from latentspace.chapters.calculate import arithmetic, figures
from latentspace.chapters.calculate.arithmetic import Arithmetic
from latentspace.chapters.calculate.traversals import Traversals
from latentspace.core.errors import InputError
from latentspace.datasets import ImageDataset


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeps, "CALIBRATION_IMAGES", 12)
    monkeypatch.setattr(sweeps, "SCORED_IMAGES", 12)
    monkeypatch.setattr(arithmetic, "SCORED_IMAGES", 30)


def test_sums_of_codes(linear_run: LinearRun, tiny: ImageDataset) -> None:
    section = make_study(linear_run, tiny).of(Arithmetic).make_sections()[0]
    assert section.headings == ["A", "B", "C", "A + B", "A − B + C"]
    assert section.images.shape == (3, 5, 14, 11, 1)
    assert len(section.names) == 3


def test_every_class_is_moved_to_every_other(linear_run: LinearRun, tiny: ImageDataset) -> None:
    subject = make_study(linear_run, tiny, with_classifier=True)
    _, by_means, by_transport = subject.of(Arithmetic).make_sections()
    for section in (by_means, by_transport, subject.of(Arithmetic).class_transfer):
        assert section.headings == ["A", "upright", "lying", "slanted"]
        assert section.names == ["#0", "#1", "#2"]
        for row in range(3):  # to its own class nothing changes
            own = linear_run.decode(subject.codes[[row]])[0]
            np.testing.assert_allclose(section.images[row, row + 1], own, atol=1e-4)
    first, last = by_means.images[0, 3], by_transport.images[0, 3]
    assert not np.allclose(first, last, atol=1e-3)


def test_without_classes_only_the_sums_are_shown(linear_run: LinearRun, tiny: ImageDataset) -> None:
    alike = dataclasses.replace(tiny, train_labels=np.zeros(120, int), class_names=("image",))
    subject = make_study(linear_run, alike)
    assert len(subject.of(Arithmetic).make_sections()) == 1
    assert subject.of(Arithmetic).metrics == {}


@pytest.mark.parametrize("unfit", [None, "it guesses"])
def test_only_the_numbers_of_a_classifier_are_missing_without_one_that_serves(
    linear_run: LinearRun, tiny: ImageDataset, unfit: str | None
) -> None:
    subject = make_study(linear_run, tiny, with_classifier=True)
    subject.trained_classifier.unfit = unfit
    numbers = subject.of(Arithmetic).metrics["transport"]
    assert np.isfinite(numbers["nearest_distance"])
    assert np.isfinite(numbers["target_accuracy"]) == (unfit is None)
    said = figures.draw_class_transfer(subject).text.caption
    assert ("No reference classifier: it guesses." in said) == (unfit is not None)
    assert ("calls that class" in said) == (unfit is None)


def test_expression_is_calculated_and_shown_term_by_term(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    subject = make_study(linear_run, tiny, expression="3 - class:upright + 2*5")
    (section,) = subject.of(Arithmetic).make_sections()
    assert section.headings == ["+ 3", "− class:upright", "+ 2 × 5", "="]
    mean = linear_run.encode(tiny.train_images[tiny.train_labels == 0]).mean(axis=0)
    codes = linear_run.encode(tiny.test_images[:])
    expected = linear_run.decode((codes[3] - mean + 2 * codes[5])[None])
    np.testing.assert_allclose(section.images[0, -1:], expected, atol=1e-5)
    distances = np.linalg.norm((tiny.train_images[:] - expected).reshape(120, -1), axis=1)
    np.testing.assert_array_equal(section.images[1, -1], tiny.train_images[distances.argmin()])


def test_an_attribute_in_an_expression_moves_along_its_direction(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    subject = make_study(linear_run, tiny, with_classifier=True, expression="0 + 1.5*thick")
    (section,) = subject.of(Arithmetic).make_sections()
    assert section.headings == ["+ 0", "+ 1.5 × thick", "="]
    step = subject.of(AttributeSweeps).directions.steps[[0], 1]
    moved = subject.of(AttributeSweeps).move(
        subject.codes[:1], np.zeros(1, int), 1.5 * step, np.array([1.5])
    )
    np.testing.assert_allclose(section.images[0, -1:], linear_run.decode(moved), atol=1e-5)
    assert section.images[0, -1].sum() > section.images[0, 0].sum()  # thicker is more ink


def test_an_expression_goes_along_axes_in_standard_deviations(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    subject = make_study(linear_run, tiny, expression="3 + 2*axis:1 - 0.5*unit:4")
    (section,) = subject.of(Arithmetic).make_sections()
    assert section.headings == ["+ 3", "+ 2 × axis:1", "− 0.5 × unit:4", "="]
    first, second = (subject.of(Traversals).find_step(name) for name in ("axis:1", "unit:4"))
    expected = linear_run.decode((subject.codes[3] + 2 * first - 0.5 * second)[None])
    np.testing.assert_allclose(section.images[0, -1:], expected, atol=1e-5)
    with pytest.raises(InputError, match=r"axis:1 to axis:8\. Received: axis:9"):
        make_study(linear_run, tiny, expression="3 + axis:9").of(Arithmetic).check()


def test_metrics_compare_class_means_with_transport(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    metrics = make_study(linear_run, tiny, with_classifier=True).of(Arithmetic).metrics
    for name in ("class_means", "transport"):
        assert set(metrics[name]) == {
            "target_accuracy",
            "nearest_distance",
            "slant_kept",
            "thickness_kept",
        }
        assert 0 <= metrics[name]["target_accuracy"] <= 1
        assert metrics[name]["nearest_distance"] > 0


@pytest.mark.parametrize("count", [21, 60, 200])
def test_of_many_classes_a_named_few_are_measured_and_shown(count: int) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(4 * count) % count
    colors = rng.integers(0, 256, (count, 6, 6, 3))[labels] + rng.integers(
        -9, 9, (4 * count, 1, 1, 3)
    )
    pixels = np.clip(colors, 0, 255).astype(np.uint8)
    names = tuple(f"kind {label}" for label in range(count))
    data = ImageDataset(
        "many", None, pixels, pixels[: 2 * count], labels, labels[: 2 * count], names
    )
    subject = make_study(LinearRun((6, 6, 3)), data)
    believed = rng.random((1, count))
    subject.trained_classifier = SimpleNamespace(
        facts={"sha256": "same"},
        unfit="it guesses",
        predict_probabilities=lambda images: believed.repeat(len(images), axis=0),
    )
    subject._models_dir = Path()
    chapter = subject.of(Arithmetic)
    measured = chapter.metrics["measured_classes"]
    assert len(measured) == len(set(measured)) == 20
    assert set(measured) <= set(names)
    assert chapter.class_transfer.headings == ["A", *measured[:10]]
    assert f"20 of {count} classes" in figures.draw_class_transfer(subject).text.caption
    again = make_study(LinearRun((6, 6, 3)), data, seed=5).of(Arithmetic)
    assert [names[label] for label in again.measured] == measured


def test_classes_that_only_test_images_have_are_moved_as_well() -> None:
    labels = np.arange(60) % 30
    pixels = np.random.default_rng(0).integers(0, 256, (60, 6, 6, 3), np.uint8)
    names = tuple(map(str, range(60)))
    data = ImageDataset("apart", None, pixels, pixels, labels, labels + 30, names)
    chapter = make_study(LinearRun((6, 6, 3)), data).of(Arithmetic)
    assert chapter.measured.tolist() == [*range(10), *range(30, 40)]
    assert len(chapter._make_class_section("", chapter._move).names) == 10
