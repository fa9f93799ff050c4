from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from latentspace.chapters.outliers import detection


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_auroc_is_that_of_scikit_learn_ties_included(rng: np.random.Generator) -> None:
    own, foreign = rng.integers(0, 9, 70), rng.integers(2, 12, 40)
    found = detection.auroc(own, foreign)
    truth = np.repeat([0, 1], [len(own), len(foreign)])
    assert found.value == pytest.approx(roc_auc_score(truth, np.concatenate([own, foreign])))
    assert 0 < found.low < found.value < found.high < 1


def test_auroc_is_one_where_scores_separate_and_a_half_where_they_are_equal() -> None:
    low, high = np.arange(5.0), np.arange(5.0) + 10
    assert detection.auroc(low, high).value == detection.auroc(low, high).low == 1
    assert detection.auroc(high, low).value == 0
    assert detection.auroc(low, low).value == 0.5
    assert detection.auroc(np.zeros(4), np.zeros(3)).value == 0.5


def test_the_interval_covers_the_true_auroc_as_often_as_it_says(rng: np.random.Generator) -> None:
    true = 0.7602499  # of two normal distributions, one deviation apart
    found = [detection.auroc(rng.normal(size=80), 1 + rng.normal(size=60)) for _ in range(300)]
    covered = np.mean([estimate.low <= true <= estimate.high for estimate in found])
    assert 0.90 < covered < 0.99


def test_ambiguous_images_come_by_margin_then_other_votes_then_nearness() -> None:
    votes = np.array([[5, 5, 0], [10, 0, 0], [5, 5, 0], [4, 4, 2], [6, 4, 0]])
    order = detection.sort_by_ambiguity(votes, np.array([2.0, 0.1, 1.0, 0.1, 0.1]))
    assert order.tolist() == [2, 0, 3, 4]


def test_neighbors_that_agree_on_another_class_flag_a_label() -> None:
    votes = np.array([[9, 1, 0], [1, 9, 0], [0, 8, 2], [0, 0, 10]])
    flagged = detection.flag_labels(votes, np.array([0, 0, 0, 1]), 9)
    assert flagged.tolist() == [False, True, False, True]


def test_wrong_labels_are_all_other_classes(rng: np.random.Generator) -> None:
    labels = np.arange(3000) % 3
    wrong = detection.draw_wrong_labels(labels, 3, rng)
    assert (wrong != labels).all()
    counts = np.bincount(wrong[labels == 1], minlength=3)
    assert counts[1] == 0
    assert abs(counts[0] - counts[2]) < 150


def test_precision_follows_from_shares() -> None:
    assert detection.precision(0.9, 0.01, 0.5) == pytest.approx(0.9 / 0.91)
    assert np.isnan(detection.precision(0.0, 0.0, 0.01))
