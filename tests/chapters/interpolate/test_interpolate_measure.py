from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from conftest import LinearRun, make_study

from latentspace.analysis import scores
from latentspace.analysis.image_search import ImageSearch
from latentspace.chapters.figure import read_contents
from latentspace.chapters.interpolate import figures, measure
from latentspace.chapters.interpolate.measure import Interpolation
from latentspace.chapters.maps.measure import Maps
from latentspace.core.errors import InputError
from latentspace.datasets import ImageDataset


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "SCORED_PAIRS", 12)


def test_pairs_are_of_different_classes(linear_run: LinearRun, tiny: ImageDataset) -> None:
    pairs = make_study(linear_run, tiny, pairs=30).of(Interpolation).pairs
    assert len(pairs) == 30
    classes = [tuple(end.name.split()[0] for end in pair) for pair in pairs]
    assert all(first != second for first, second in classes)


def test_paths_end_at_the_images_and_at_their_reconstructions(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    chapter = make_study(linear_run, tiny, start=("4", "9"), end=("11", "5")).of(Interpolation)
    back = linear_run.decode(linear_run.encode(tiny.test_images[[4, 11]]))
    for kind in measure.KINDS:
        paths = chapter.get_images(kind)
        assert paths.shape == (2, 7, 14, 11, 1)
        ends = tiny.test_images[[4, 11]] if kind == "pixels" else back
        np.testing.assert_allclose(paths[0, [0, -1]], ends, atol=1e-5)
    assert [end.name for end in chapter.pairs[0]] == ["lying (#4)", "slanted (#11)"]


def test_the_grid_has_its_corners_where_they_are_named(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    chapter = make_study(linear_run, tiny, start=("4",), end=("11",)).of(Interpolation)
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
    tour = subject.of(Interpolation).tour
    assert len(tour) == 3 * 6
    for number, name in enumerate(tiny.class_names):
        stop = linear_run.decode(subject.select(f"class:{name}").code[None])[0]
        np.testing.assert_allclose(tour[6 * number], stop, atol=1e-5)
    steps = scores.step_lengths(np.concatenate([tour, tour[:1]])[None])[0]
    assert steps[-1] < 2 * steps.max()


def test_metrics_compare_all_paths_with_real_images(
    linear_run: LinearRun, tiny: ImageDataset, tmp_path: Path
) -> None:
    metrics = make_study(linear_run, tiny, tmp_path, with_classifier=True).of(Interpolation).metrics
    assert set(metrics) == {*measure.KINDS, "real_images"}
    assert metrics["pixels"]["step_ratio"] == pytest.approx(1, abs=1e-3)
    assert metrics["linear"]["length"] < metrics["data"]["length"]
    assert metrics["real_images"]["nearest_distance"] == pytest.approx(
        ImageSearch(tiny.train_images)
        .find(linear_run.decode(linear_run.encode(tiny.test_images[:])))[0]
        .mean()
    )
    for kind in measure.KINDS:
        assert metrics[kind]["least_confidence"] <= metrics[kind]["confidence"]
    again = make_study(linear_run, tiny, tmp_path, with_classifier=True)
    calls = len(linear_run.calls)
    assert again.of(Interpolation).metrics == metrics
    assert len(linear_run.calls) == calls  # from the cache


def test_without_a_classifier_its_numbers_are_left_out(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    metrics = make_study(linear_run, tiny).of(Interpolation).metrics
    assert set(metrics["data"]) == {
        "nearest_distance",
        "sharpness",
        "least_brightness",
        "thickness_off",
        "grey_share",
        "step_ratio",
        "length",
    }


def test_paths_are_placed_on_the_map(linear_run: LinearRun, tiny: ImageDataset) -> None:
    subject = make_study(linear_run, tiny)
    places = subject.of(Interpolation).locate_on_map("data")
    assert places.shape == (5, 7, 2)
    points = subject.of(Maps).get_points("latent")
    assert (places.min(axis=(0, 1)) >= points.min(axis=0)).all()
    assert (places.max(axis=(0, 1)) <= points.max(axis=0)).all()


def test_only_the_path_that_is_drawn_is_decoded(linear_run: LinearRun, tiny: ImageDataset) -> None:
    chapter = make_study(linear_run, tiny).of(Interpolation)
    assert chapter.get_images("pixels").shape[:2] == (5, 7)
    assert "decode" not in {call for call, _ in linear_run.calls}
    for _ in range(2):
        chapter.get_images("linear")
    assert [count for call, count in linear_run.calls if call == "decode"] == [5 * 7]


def test_corners_do_not_depend_on_how_many_pairs_are_shown(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    names = [
        [
            corner.name
            for corner in make_study(linear_run, tiny, pairs=pairs).of(Interpolation).corners
        ]
        for pairs in (1, 2, 5)
    ]
    assert names[0] == names[1] == names[2]
    assert len(set(names[0])) == 4


def test_pairs_asked_for_count_in_place_of_those_drawn(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    ends = {"start": ("4", "9"), "end": ("11", "5")}
    asked = make_study(linear_run, tiny, path="data", **ends).of(Interpolation)
    assert asked.settings_used == {"pairs": 2}
    drawn = make_study(linear_run, tiny, path="data").of(Interpolation)
    assert drawn.settings_used == {}


def test_the_path_that_was_chosen_is_on_record_with_its_reason(
    linear_run: LinearRun, tiny: ImageDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = make_study(linear_run, tiny).of(Interpolation)
    found = {"gain": [0.5, 0.4, 0.6], "leap": 0.2}
    chosen._choice = found
    assert (chosen.reason, chosen.path) == (None, "data")
    assert chosen.settings_used == {"path": "data"}
    for damage, reason in (
        ({"gain": [0.5, -0.1, 0.6]}, "no more like real ones"),
        ({"gain": [-0.5, -0.6, -0.4]}, "no more like real ones"),
        ({"leap": 0.7}, "leap over 70% of the way"),
    ):
        subject = make_study(linear_run, tiny)
        other = subject.of(Interpolation)
        other._choice = {**found, **damage}
        assert reason in (other.reason or "")
        assert other.settings_used == {"path": "linear"}
        loop = figures.draw_loop(subject, ["codes"])
        assert reason in loop.text.caption
    asked = make_study(linear_run, tiny, path="linear").of(Interpolation)
    assert asked.path == "linear"


def test_what_the_choice_goes_by_is_measured_and_kept(
    linear_run: LinearRun, tiny: ImageDataset, tmp_path: Path
) -> None:
    choice = make_study(linear_run, tiny, tmp_path).of(Interpolation)._choice
    value, low, high = choice["gain"]
    assert low <= value <= high
    assert choice["leap"] > 0
    calls = len(linear_run.calls)
    assert make_study(linear_run, tiny, tmp_path).of(Interpolation)._choice == choice
    assert len(linear_run.calls) == calls


def test_between_two_far_clusters_no_path_along_the_data_is_better(linear_run: LinearRun) -> None:
    """Nothing lies between them, so whatever path there is has to leave the data."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 100)
    pixels = np.where(labels[:, None, None, None], 215, 40) + rng.integers(-9, 9, (200, 14, 11, 1))
    pixels = pixels.astype(np.uint8)
    data = ImageDataset("two", None, pixels, pixels[::3], labels, labels[::3], ("dark", "light"))
    chapter = make_study(LinearRun((14, 11, 1)), data).of(Interpolation)
    assert chapter.path == "linear"
    assert chapter.reason is not None


def test_a_single_class_or_image_has_no_tour_or_path(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    one_class = dataclasses.replace(
        tiny,
        train_labels=np.zeros(120, np.int64),
        test_labels=np.zeros(60, np.int64),
        class_names=("image",),
    )
    chapter = make_study(linear_run, one_class).of(Interpolation)
    assert chapter.unavailable is None
    assert "two classes" in (chapter.tour_unavailable or "")
    alone = dataclasses.replace(
        tiny, test_pixels=tiny.test_pixels[:1], test_labels=tiny.test_labels[:1]
    )
    chapter = make_study(linear_run, alone).of(Interpolation)
    assert "single test image" in (chapter.unavailable or "")


def test_a_path_has_two_ends(linear_run: LinearRun, tiny: ImageDataset) -> None:
    with pytest.raises(InputError, match="--frames 1"):
        make_study(linear_run, tiny, frames=1).of(Interpolation).check()
    with pytest.raises(InputError, match="--to 60"):
        make_study(linear_run, tiny, start=("4",), end=("60",)).of(Interpolation).check()


def test_rows_are_the_metrics(linear_run: LinearRun, tiny: ImageDataset) -> None:
    chapter = make_study(linear_run, tiny, with_classifier=True).of(Interpolation)
    rows = {row.words: row for row in chapter.rows}
    row = rows["Distance to the nearest training image"]
    assert row.own.value == chapter.metrics["data"]["nearest_distance"]
    assert row.baselines["sphere"].value == chapter.metrics["spherical"]["nearest_distance"]
    assert (
        row.references["real test images"].value
        == (chapter.metrics["real_images"]["nearest_distance"])
    )
    judge = rows["Balanced accuracy of the reference classifier on real test images"]
    assert (judge.own.value, judge.own.low, judge.own.high) == (1, 0.9, 1)
    assert judge.baselines["guessing"].value == pytest.approx(1 / 3)
    without = make_study(linear_run, tiny).of(Interpolation).rows
    assert not any("classifier" in row.words for row in without)
    assert all(np.isfinite(row.own.value) for row in without)


def test_every_figure_is_made_and_its_caption_says_what_was_measured(
    linear_run: LinearRun, tiny: ImageDataset, quick: None
) -> None:
    contents = read_contents("interpolate")
    recipes = contents.load_recipes()
    assert list(recipes) == [figure.file for figure in contents.figures]
    subject = make_study(linear_run, tiny, with_classifier=True, path="spherical")
    drawn = {file: recipe.draw(subject) for file, recipe in recipes.items()}
    for file, drawing in drawn.items():
        frames = drawing.frames if file.endswith(".gif") else [drawing.frames]
        assert len({frame.shape for frame in frames}) == 1
    data = subject.of(Interpolation).metrics["data"]
    said = drawn["interpolation.png"].text.caption
    assert f"along data {data['confidence']:.3f}, {data['sharpness']:.3f}" in said
    assert "sphere" in drawn["interpolation.gif"].text.caption
    assert "perplexity 8" in drawn["interpolation_on_map.png"].text.caption


@pytest.mark.parametrize("frames", [1, 0, -3])
def test_too_few_frames_are_named(linear_run: LinearRun, tiny: ImageDataset, frames: int) -> None:
    with pytest.raises(InputError, match=f"Received: --frames {frames};"):
        make_study(linear_run, tiny, frames=frames).of(Interpolation).check()
