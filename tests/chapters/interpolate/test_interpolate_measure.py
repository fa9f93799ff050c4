from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import LinearRun, make_study

from latentspace.analysis import scores
from latentspace.chapters.interpolate import measure
from latentspace.datasets import ImageDataset


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "SCORED_PAIRS", 12)


def test_pairs_are_of_different_classes(linear_run: LinearRun, tiny: ImageDataset) -> None:
    pairs = make_study(linear_run, tiny, pairs=30).interpolation.pairs
    assert len(pairs) == 30
    classes = [tuple(end.name.split()[0] for end in pair) for pair in pairs]
    assert all(first != second for first, second in classes)


def test_ways_end_at_the_images_and_at_their_reconstructions(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    chapter = make_study(linear_run, tiny, starts=("4", "9"), ends=("11", "5")).interpolation
    back = linear_run.decode(linear_run.encode(tiny.test_images[[4, 11]]))
    assert set(chapter.paths) == set(measure.KINDS)
    for kind, paths in chapter.paths.items():
        assert paths.shape == (2, 7, 14, 11, 1)
        ends = tiny.test_images[[4, 11]] if kind == "pixels" else back
        np.testing.assert_allclose(paths[0, [0, -1]], ends, atol=1e-5)
    assert chapter.pair_names[0] == "lying (#4) →\nslanted (#11)"


def test_the_grid_has_its_corners_where_they_are_named(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    chapter = make_study(linear_run, tiny, starts=("4",), ends=("11",)).interpolation
    corners = chapter.corners
    assert [corner.name for corner in corners[:2]] == ["lying (#4)", "slanted (#11)"]
    decoded = linear_run.decode(np.stack([corner.code for corner in corners]))
    side = measure.GRID_SIDE - 1
    for corner, (row, column) in zip(
        decoded, ((0, 0), (0, side), (side, 0), (side, side)), strict=True
    ):
        np.testing.assert_allclose(chapter.grid[row, column], corner, atol=1e-5)


def test_the_tour_stops_at_every_class_and_closes(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    subject = make_study(linear_run, tiny)
    tour = subject.interpolation.tour
    assert len(tour) == 3 * 6
    for number, name in enumerate(tiny.class_names):
        stop = linear_run.decode(subject.select(f"class:{name}").code[None])[0]
        np.testing.assert_allclose(tour[6 * number], stop, atol=1e-5)
    steps = scores.step_lengths(np.concatenate([tour, tour[:1]])[None])[0]
    assert steps[-1] < 2 * steps.max()


def test_metrics_compare_all_ways_with_real_images(
    linear_run: LinearRun, tiny: ImageDataset, tmp_path: Path
) -> None:
    metrics = make_study(linear_run, tiny, tmp_path, with_classifier=True).interpolation.metrics
    assert set(metrics) == {*measure.KINDS, "real_images"}
    assert metrics["pixels"]["step_ratio"] == pytest.approx(1, abs=1e-3)
    assert metrics["linear"]["length"] < metrics["data"]["length"]
    assert metrics["real_images"]["nearest_distance"] == pytest.approx(
        scores.find_nearest(tiny.test_images, tiny.train_images)[0].mean()
    )
    for kind in measure.KINDS:
        assert metrics[kind]["least_confidence"] <= metrics[kind]["confidence"]
    again = make_study(linear_run, tiny, tmp_path, with_classifier=True)
    calls = len(linear_run.calls)
    assert again.interpolation.metrics == metrics
    assert len(linear_run.calls) == calls  # from the cache


def test_without_judge_its_numbers_are_left_out(linear_run: LinearRun, tiny: ImageDataset) -> None:
    metrics = make_study(linear_run, tiny).interpolation.metrics
    assert set(metrics["data"]) == {"nearest_distance", "grey_share", "step_ratio", "length"}


def test_ways_are_placed_on_the_map(linear_run: LinearRun, tiny: ImageDataset) -> None:
    subject = make_study(linear_run, tiny)
    places = subject.interpolation.locate_on_map("data")
    assert places.shape == (5, 7, 2)
    points = subject.maps.get_points("latent")
    assert (places.min(axis=(0, 1)) >= points.min(axis=0)).all()
    assert (places.max(axis=(0, 1)) <= points.max(axis=0)).all()
