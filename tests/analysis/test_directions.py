from __future__ import annotations

import numpy as np
import pytest

from latentspace.analysis import classes, directions


def test_class_means() -> None:
    codes = np.array([[1.0, 2.0], [3.0, 4.0], [10.0, 0.0]], np.float32)
    means = classes.compute_class_means(codes, np.array([1, 1, 0]), 3)
    assert means.dtype == np.float32
    assert means[:2].tolist() == [[10, 0], [2, 3]]
    np.testing.assert_allclose(means[2], [14 / 3, 2], rtol=1e-6)


def make_two_classes(count: int = 4000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes of two Gaussian classes in five dimensions, labels, and a hidden attribute."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % 2
    hidden = rng.normal(size=count)
    mixing = rng.normal(size=(2, 5, 5))
    noise = np.einsum("ndk,nk->nd", mixing[labels], rng.normal(size=(count, 5)))
    lean = np.array([[2.0, 0, 0, 1, 0], [0, 0, 3.0, 1, 0]])[labels]
    means = np.array([[0.0] * 5, [20.0, 0, 0, 0, -5]])[labels]
    return means + 0.3 * noise + hidden[:, None] * lean, labels, hidden


def test_transport_gives_codes_the_mean_and_covariance_of_the_other_class() -> None:
    codes, labels, _ = make_two_classes()
    gaussians = classes.fit_class_gaussians(codes, labels, range(2))
    own, source = codes[labels == 0], labels[labels == 0]
    moved = directions.transport(own, source, 1 - source, gaussians)
    np.testing.assert_allclose(moved.mean(axis=0), gaussians.means[1], atol=1e-6)
    np.testing.assert_allclose(np.cov(moved.T), gaussians.covariances[1], atol=0.05)
    back = directions.transport(moved, 1 - source, source, gaussians)
    np.testing.assert_allclose(back, own, atol=1e-6)
    np.testing.assert_array_equal(directions.transport(own, source, source, gaussians), own)


def test_transport_keeps_attributes_where_asked() -> None:
    codes, labels, hidden = make_two_classes()
    lean = (3 * hidden + labels)[:, np.newaxis]
    found = directions.fit_attribute_directions(codes, labels, lean, 2)
    gaussians = classes.fit_class_gaussians(codes, labels, range(2))
    source = labels[labels == 0]
    moved = directions.transport(codes[labels == 0], source, 1 - source, gaussians, found)

    def predicted(codes: np.ndarray, label: int) -> np.ndarray:
        scores = (codes - gaussians.means[label]) @ found.weights[label, 0]
        return scores * found.deviations[label, 0] + found.means[label, 0]

    before, after = predicted(codes[labels == 0], 0), predicted(moved, 1)
    reach = directions.HELD_WITHIN * found.deviations[1, 0]
    lowest, highest = found.means[1, 0] - reach, found.means[1, 0] + reach
    np.testing.assert_allclose(after, np.clip(before, lowest, highest), atol=1e-6)


def test_a_step_raises_its_attribute_by_one_deviation_and_no_other() -> None:
    codes, labels, hidden = make_two_classes()
    values = np.stack([hidden, codes[:, 4] + 0.5 * hidden], axis=1)
    found = directions.fit_attribute_directions(codes, labels, values, 2)
    for label in range(2):
        np.testing.assert_allclose(
            found.weights[label] @ found.steps[label].T, np.eye(2), atol=1e-9
        )
        assert found.deviations[label, 0] == pytest.approx(1, rel=0.1)
    assert found.select(np.arange(2), [1]).steps.shape == (2, 1, 5)


def test_small_classes_share_the_directions_of_all() -> None:
    codes, labels, hidden = make_two_classes(100)
    found = directions.fit_attribute_directions(codes, labels, hidden[:, np.newaxis], 2)
    np.testing.assert_array_equal(found.steps[0], found.steps[1])


def test_calibration_undoes_what_was_seen() -> None:
    codes, labels, hidden = make_two_classes()
    values = np.stack([hidden, codes[:, 4]], axis=1)
    found = directions.fit_attribute_directions(codes, labels, values, 2)
    responses = np.array([[[0.5, 0.1], [0.0, 0.8]]] * 2)
    mended = directions.calibrate(found, responses)
    # What was seen for the old steps tells what the new ones, sums of them, will do.
    shares = mended.steps[0] @ np.linalg.pinv(found.steps[0])
    np.testing.assert_allclose(shares @ responses[0], np.eye(2), atol=1e-9)


def test_reliability_tells_a_common_direction_from_none() -> None:
    rng = np.random.default_rng(0)
    random, single = rng.normal(size=(2, 100, 8))
    assert directions.reliability(single, random) == pytest.approx(0, abs=0.1)
    assert directions.reliability(single + 3, random) > 1.5


def test_towards_data_goes_part_of_the_way_to_the_nearest() -> None:
    references = np.concatenate([np.zeros((10, 2)), np.full((10, 2), 9.0)])
    codes, labels, shares = np.array([[1.0, 0], [8.0, 9]]), np.zeros(2, int), np.full(2, 0.25)
    moved = directions.move_toward_class(codes, labels, references, np.zeros(20, int), shares)
    np.testing.assert_allclose(moved, [[0.75, 0], [8.25, 9]])


def test_each_code_goes_toward_its_own_class() -> None:
    references = np.concatenate([np.zeros((10, 2)), np.full((10, 2), 9.0)])
    labels = np.repeat([0, 1], 10)
    codes = np.array([[1.0, 0], [1.0, 0], [1.0, 0]])
    shares = np.array([0.5, 0.5, 0.5])
    moved = directions.move_toward_class(codes, np.array([0, 1, 2]), references, labels, shares)
    np.testing.assert_allclose(moved, [[0.5, 0], [5, 4.5], [1, 0]])


def make_confounded(count: int = 4000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes whose first axis an attribute moves, and the second what mostly goes with it."""
    rng = np.random.default_rng(0)
    other = rng.random(count) < 0.5
    has = np.where(other, rng.random(count) < 0.85, rng.random(count) < 0.15)
    codes = np.column_stack([has, 2.0 * other]) + rng.normal(0, 0.3, (count, 2))
    return codes, has, other[:, np.newaxis].astype(float)


def test_what_goes_with_an_attribute_is_taken_out_of_its_gaussians() -> None:
    codes, has, other = make_confounded()
    plain = codes[has].mean(axis=0) - codes[~has].mean(axis=0)
    assert plain[1] > 1.2  # follows what goes with it
    found = directions.fit_balanced_gaussians(codes, has, other)
    np.testing.assert_allclose(found.means[1] - found.means[0], [1, 0], atol=0.08)
    zeros = np.zeros(sum(~has), int)
    moved = directions.transport(codes[~has], zeros, zeros + 1, found)
    np.testing.assert_allclose((moved - codes[~has]).mean(axis=0), [1, 0], atol=0.15)


def test_weights_leave_the_rest_alike_and_nothing_where_there_is_no_rest() -> None:
    _, has, other = make_confounded()
    weights = directions.balance(has, other)
    shares = [np.average(other[has == value, 0], weights=weights[has == value]) for value in (0, 1)]
    np.testing.assert_allclose(shares, 0.5, atol=0.02)
    np.testing.assert_allclose([weights[has == value].mean() for value in (0, 1)], 1)
    alone = directions.balance(has, np.ones((len(has), 1)))  # that says the same of all
    np.testing.assert_array_equal(alone, 1)


def make_forms(count: int = 1500) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes of four dimensions; a third have an attribute, of three forms far apart."""
    rng = np.random.default_rng(0)
    forms = np.where(rng.random(count) < 1 / 3, rng.integers(1, 4, count), 0)
    places = np.array([[0, 0, 0, 0], [3, 0, 0, 0], [0, 3, 0, 0], [0, 0, 3, 0]], float)
    return places[forms] + rng.normal(0, 0.3, (count, 4)) + rng.normal(0, 3, count)[:, None] * [
        0, 0, 0, 1,
    ], forms > 0, forms  # fmt: skip


def test_forms_of_an_attribute_are_found_and_told() -> None:
    codes, has, forms = make_forms()
    found = directions.fit_forms(codes, has, np.empty((len(codes), 0)))
    assert len(found.gaussians) == 3
    told = found.tell(codes[has])
    for form in (1, 2, 3):
        assert len(set(told[forms[has] == form].tolist())) == 1
    lacking = codes[~has]
    want = np.resize(told, len(lacking))
    moved = found.move(lacking, np.zeros(len(lacking), bool), want)
    np.testing.assert_array_equal(found.tell(moved), want)
    np.testing.assert_allclose(moved[:, 3], lacking[:, 3], atol=0.5)
    back = found.move(moved, np.ones(len(lacking), bool))
    np.testing.assert_allclose(back, lacking, atol=0.2)


def test_an_attribute_of_one_form_has_one_and_few_codes_are_not_split() -> None:
    codes, has, forms = make_forms()
    one = (forms == 0) | (forms == 1)
    nothing = np.empty((len(codes), 0))
    assert directions.fit_forms(codes[one], has[one], nothing[one]).teller is None
    few = np.concatenate([np.flatnonzero(has)[:100], np.flatnonzero(~has)])
    assert len(directions.fit_forms(codes[few], has[few], nothing[few]).gaussians) == 1
