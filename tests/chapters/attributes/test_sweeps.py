from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from conftest import LinearRun, make_study

from latentspace.analysis.directions import Attributes
from latentspace.analysis.strokes import ATTRIBUTES
from latentspace.chapters.attributes import sweeps
from latentspace.chapters.attributes.sweeps import AttributeSweeps
from latentspace.datasets import ImageDataset


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeps, "CALIBRATION_IMAGES", 12)
    monkeypatch.setattr(sweeps, "SCORED_IMAGES", 12)
    monkeypatch.setattr(sweeps, "TOWARD_DATA", 0.0)  # of 40 images a class, ten are far away


def test_directions_are_learnt_from_training_images_only(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    subject = make_study(linear_run, tiny, with_classifier=True)
    found = subject.of(AttributeSweeps).directions
    assert found.steps.shape == (3, 4, 8)
    changed = dataclasses.replace(tiny, test_pixels=tiny.test_pixels[:, ::-1])
    other = make_study(linear_run, changed, with_classifier=True).of(AttributeSweeps).directions
    np.testing.assert_array_equal(other.steps, found.steps)


def test_of_the_rounds_of_calibration_each_class_keeps_the_best(
    linear_run: LinearRun, tiny: ImageDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    calibrate, rounds, off = sweeps.directions.calibrate, [], []

    def record(found: Attributes, responses: np.ndarray) -> Attributes:
        rounds.append(found.steps)
        off.append(np.abs(responses - np.eye(4)).max(axis=(1, 2)))
        return calibrate(found, responses)

    monkeypatch.setattr(sweeps.directions, "calibrate", record)
    found = make_study(linear_run, tiny, with_classifier=True).of(AttributeSweeps).directions
    best = np.argmin(off, axis=0)
    assert {*best} != {len(rounds) - 1}  # the last one is not the best of every class
    for label, place in enumerate(best):
        np.testing.assert_array_equal(found.steps[label], rounds[place][label])


def test_a_sweep_passes_the_reconstruction_in_its_middle(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    subject = make_study(linear_run, tiny, with_classifier=True)
    shown = subject.of(AttributeSweeps).shown
    assert shown.shape == (4, 6, sweeps.SHOWN_STEPS, 14, 11, 1)
    backs = linear_run.decode(subject.codes)
    for middle in shown[:, :, sweeps.SHOWN_STEPS // 2].reshape(-1, 14, 11, 1):
        assert np.abs(backs - middle).max(axis=(1, 2, 3)).min() < 1e-5
    for attribute in shown:
        assert not np.allclose(attribute[:, 0], attribute[:, -1], atol=0.05)


def test_metrics_have_controls_and_reliability(linear_run: LinearRun, tiny: ImageDataset) -> None:
    metrics = make_study(linear_run, tiny, with_classifier=True).of(AttributeSweeps).metrics
    assert set(metrics) == {"reliability", "meaningless", "codes", "random_codes", "pixels"}
    weak = [name for name, value in metrics["reliability"].items() if value < 0.2]
    assert metrics["meaningless"] == weak
    for space in ("codes", "random_codes", "pixels"):
        assert set(metrics[space]) == {"slope", "spearman", "leakage", "same_class", "grey_share"}
        assert set(metrics[space]["slope"]) == set(ATTRIBUTES)
    slopes = {space: metrics[space]["slope"]["thickness"] for space in ("codes", "random_codes")}
    assert slopes["codes"] > abs(slopes["random_codes"])


def test_colour_images_have_no_strokes(linear_run: LinearRun, tiny: ImageDataset) -> None:
    colour = dataclasses.replace(
        tiny,
        train_pixels=tiny.train_pixels.repeat(3, axis=-1),
        test_pixels=tiny.test_pixels.repeat(3, axis=-1),
    )
    subject = make_study(LinearRun(colour.image_shape), colour, with_classifier=True)
    assert "grey" in str(subject.of(AttributeSweeps).nothing_to_sweep)
    assert subject.of(AttributeSweeps).metrics == {}


def test_the_further_a_code_moves_the_more_it_is_led_back_to_its_class(
    linear_run: LinearRun, tiny: ImageDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "TOWARD_DATA", 0.5)
    subject = make_study(linear_run, tiny, with_classifier=True)
    codes, labels = subject.codes[[0, 0, 0, 1]], tiny.test_labels[[0, 0, 0, 1]]
    moves = np.zeros_like(codes)
    moved = subject.of(AttributeSweeps).move(codes, labels, moves, np.array([0.0, 1.0, -4.0, 2.0]))
    np.testing.assert_array_equal(moved[0], codes[0])
    for row, share in ((1, 0.25), (2, 0.5), (3, 0.5)):
        members = subject.train_codes[tiny.train_labels == labels[row]]
        away = np.linalg.norm(members - codes[row], axis=1)
        middle = members[np.argsort(away)[:10]].mean(axis=0)
        np.testing.assert_allclose(
            moved[row], codes[row] + share * (middle - codes[row]), rtol=1e-4
        )
