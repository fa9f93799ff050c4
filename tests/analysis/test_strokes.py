"""Measured on shapes whose true measures are known."""

from __future__ import annotations

import numpy as np
import pytest

from latentspace.analysis import strokes


def make_bar(thickness: float, length: float, degrees: float = 0.0) -> np.ndarray:
    """An upright bright bar, sheared to the right by an angle, with soft edges."""
    ys, xs = np.mgrid[:28, :28] - 13.5
    across = np.abs(xs + np.tan(np.radians(degrees)) * ys)
    sides = np.clip(thickness / 2 - across + 0.5, 0, 1)
    return (sides * np.clip(length / 2 - np.abs(ys) + 0.5, 0, 1)).astype(np.float32)[..., None]


def measure(images: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip(strokes.ATTRIBUTES, strokes.measure(images).T, strict=True))


def test_thickness_of_bars() -> None:
    measured = measure(np.stack([make_bar(2, 18), make_bar(4, 18), make_bar(6, 18)]))
    assert np.diff(measured["thickness"]) == pytest.approx([2, 2], abs=0.5)  # corners branch


def test_slant_width_and_height_of_bars() -> None:
    angles = (-20, 0, 20)
    measured = measure(np.stack([make_bar(3, 18, angle) for angle in angles]))
    assert np.degrees(measured["slant"]) == pytest.approx(angles, abs=1.5)
    # The slant is taken out before the width is measured.
    assert measured["width"] == pytest.approx([measured["width"][1]] * 3, abs=0.6)
    assert measured["height"] == pytest.approx([18, 18, 18], abs=1)


def test_images_without_strokes_have_no_measures() -> None:
    images = np.stack([np.zeros((28, 28, 1)), make_bar(3, 18), np.full((28, 28, 1), 0.5)])
    measured = measure(images.astype(np.float32))
    assert np.isnan(measured["thickness"]).tolist() == [True, False, True]
    assert np.isnan(measured["slant"][0])
    assert np.isfinite([values[1] for values in measured.values()]).all()


def test_parts_are_measured_at_the_same_time_with_the_same_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images = np.stack([make_bar(2 + number / 4, 18) for number in range(6)])
    monkeypatch.setattr(strokes, "PIXELS_AT_ONCE", 3 * 28 * 28)
    monkeypatch.setattr(strokes, "count_cores", lambda: 1)
    alone = strokes.measure(images)
    monkeypatch.setattr(strokes, "count_cores", lambda: 2)
    np.testing.assert_array_equal(strokes.measure(images), alone)


def test_the_ground_around_strokes_does_not_change_their_thickness() -> None:
    bars = np.stack([make_bar(3, 18), make_bar(4, 12)])
    wide = np.pad(bars, ((0, 0), (6, 2), (1, 9), (0, 0)))
    np.testing.assert_array_equal(measure(wide)["thickness"], measure(bars)["thickness"])


def test_large_images_are_enlarged_less_with_about_the_same_thickness(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    large = np.kron(make_bar(3, 18)[np.newaxis], np.ones((1, 5, 5, 1), np.float32))
    found = measure(large)["thickness"]
    monkeypatch.setattr(strokes, "LARGE_SIDE", 5 * 28 * strokes.UPSCALE)
    exact = measure(large)["thickness"]
    assert found != exact
    assert found == pytest.approx(exact, rel=0.05)
