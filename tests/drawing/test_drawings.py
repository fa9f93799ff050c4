"""What each drawing function shows, read back from the pixels it returns."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import HOSTILE_NAMES
from drawn import is_shown, random_images, write
from matplotlib.figure import Figure

from latentspace.chapters.maps import draw as maps
from latentspace.datasets.dataset import index_classes
from latentspace.drawing import grids, layout
from latentspace.drawing.grids import Grid
from latentspace.drawing.points import LabelledMaps, draw_scatters


def make_map_arguments(count: int) -> dict:
    rng = np.random.default_rng(0)
    return {
        "images": random_images(count),
        "cells": maps.arrange_images((count, 10, 8, 1), rng.normal(size=(count, 2))),
        "labels": np.arange(count) % 3,
        "class_names": ("a", "b", "c"),
        "as_ink": True,
    }


def test_image_map_gives_each_image_a_cell_of_its_own() -> None:
    rng = np.random.default_rng(0)
    places = maps._assign_free_cells(rng.uniform(0, 19, (150, 2)), 20, 20)
    assert (places >= 0).all()
    assert len({tuple(place) for place in places}) == 150


def test_image_map_moves_images_little() -> None:
    rng = np.random.default_rng(0)
    wanted = rng.uniform(0, 39, (300, 2))
    distance = np.linalg.norm(maps._assign_free_cells(wanted, 40, 40) - wanted, axis=1)
    assert np.median(distance) < 0.75
    assert distance.max() < 4


def test_image_map_leaves_out_what_finds_no_place() -> None:
    places = maps._assign_free_cells(np.full((maps.MOST_TRIES + 5, 2), 10.0), 20, 20)
    assert (places[:, 0] < 0).sum() == 5


def test_image_map_keeps_the_aspect_and_the_direction() -> None:
    xs, ys = (grid.ravel() for grid in np.meshgrid(np.linspace(0, 100, 24), np.linspace(0, 50, 12)))
    arguments = make_map_arguments(len(xs))
    images = np.ones_like(arguments["images"])  # taller than wide
    arguments["images"] = images
    arguments["cells"] = maps.arrange_images(images.shape, np.stack([xs, ys], axis=1))
    arguments["labels"] = (ys > 25).astype(int)  # class 1 is up
    arguments["class_names"] = ("a", "b")
    frame = write(maps.draw_image_map(**arguments)).astype(int)
    colors = np.rint(maps.INK_STRENGTH * maps.choose_class_colors(2) * 255)
    ink = [(np.abs(frame - color) <= 1).all(axis=2) for color in colors]
    rows, columns = np.nonzero(ink[0] | ink[1])
    assert np.ptp(columns) == pytest.approx(2 * np.ptp(rows), rel=0.15)
    assert np.nonzero(ink[1])[0].mean() < np.nonzero(ink[0])[0].mean()


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((5000, 8, 8), 32), ((5000, 28, 28), 28), ((2000, 92, 112), 30), ((90, 92, 112), 92)],
)
def test_thumbnails_are_large_enough_and_keep_their_grey(shape: tuple, expected: int) -> None:
    images = np.full((*shape, 1), 0.25, np.float32)
    thumbnails = maps._make_thumbnails(images)
    assert thumbnails.shape[1] == expected
    np.testing.assert_allclose(thumbnails, 0.25)


def test_class_colors_are_all_different() -> None:
    for count in (1, 10, 60):
        colors = maps.choose_class_colors(count)
        assert colors.shape == (count, 3)
        assert len(np.unique(colors.round(3), axis=0)) == count


def test_comparison_draws_every_point_and_one_legend(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Figure] = []
    render = layout.render_figure
    monkeypatch.setattr(
        layout, "render_figure", lambda figure: drawn.append(figure) or render(figure)
    )
    points = np.random.default_rng(0).normal(size=(30, 2))
    write(
        maps.draw_comparison(
            LabelledMaps({"pixels": points, "codes": -points}, np.arange(30) % 3, ("a", "b", "c"))
        )
    )
    (figure,) = drawn
    assert [axes.get_title() for axes in figure.axes] == ["pixels", "codes"]
    first, second = (axes.collections[0] for axes in figure.axes)
    assert sorted(map(tuple, first.get_offsets())) == sorted(map(tuple, points))
    np.testing.assert_array_equal(first.get_facecolors(), second.get_facecolors())
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b", "c"]


def test_grids_show_every_image_and_leave_empty_cells_white() -> None:
    first, second = random_images(2, 3, seed=1), random_images(1, 4, seed=2)
    empty = first.copy()
    empty[1, 2] = np.nan
    frame = write(
        grids.draw_grids(
            grids=[
                Grid(["A", "B", "="], ["", ""], empty),
                Grid(["a"] * 4, ["row"], second, "a line above"),
            ]
        )
    )
    zoom = layout.choose_zoom(8)
    shown = [*first.reshape(-1, 10, 8, 1)[:-1], *second.reshape(-1, 10, 8, 1)]
    assert all(is_shown(frame, image, zoom) for image in shown)
    assert not is_shown(frame, first[1, 2], zoom)


def test_a_loop_of_grids_goes_there_and_back() -> None:
    images = random_images(2, 3, 4)
    frames = write(
        grids.draw_grid_loop(
            grids=[Grid([], ["a", "b"], images), Grid([], [], images[:1])], hold_frames=2
        )
    )
    order = [0, 0, 1, 2, 3, 3, 2, 1]
    assert len(frames) == len(order)
    zoom = layout.choose_zoom(8)
    for frame, step in zip(frames, order, strict=True):
        assert is_shown(frame, images[1, 2, step], zoom)
        assert not is_shown(frame, images[1, 2, (step + 1) % 4], zoom)


def test_many_classes_are_named_smaller_or_not_at_all() -> None:
    from matplotlib.figure import Figure

    points, labels = np.random.default_rng(0).normal(size=(400, 2)), np.arange(400)

    def written(count: int) -> tuple[list[float], int]:
        figure = Figure()
        names = [str(number) for number in range(count)]
        (axes,) = draw_scatters(figure, LabelledMaps({"h": points}, labels % count, names))
        listed = sum(len(legend.get_texts()) for legend in figure.legends)
        return [text.get_fontsize() for text in axes.texts], listed

    assert written(10) == ([13.0] * 10, 10)
    assert written(40) == ([pytest.approx(13 * np.sqrt(12 / 40))] * 40, 40)
    assert written(100) == ([], 100)
    assert written(300) == ([], 0)


@pytest.mark.parametrize("channels", [1, 3])
def test_images_that_are_no_strokes_keep_their_colours_in_a_frame(channels: int) -> None:
    images = np.random.default_rng(0).uniform(0.3, 1, (30, 28, 28, channels)).astype(np.float32)
    points = np.random.default_rng(1).normal(size=(30, 2))
    labels = np.arange(30) % 2
    frame = write(
        maps.draw_image_map(
            images=images,
            cells=maps.arrange_images(images.shape, points),
            labels=labels,
            class_names=[" ", " "],  # nothing written over the images
            as_ink=False,
        )
    )
    thumbnails = maps._make_thumbnails(images)
    edge = round(maps.FRAME_SHARE * thumbnails.shape[1])
    colors = np.rint(255 * maps.choose_class_colors(2))
    for thumbnail, label in zip(thumbnails, labels, strict=True):
        inside = np.rint(thumbnail[edge:-edge, edge:-edge] * 255) * np.ones(3)
        rows, columns = np.nonzero(
            (frame[: -inside.shape[0], : -inside.shape[1]] == inside[0, 0]).all(2)
        )
        found = [
            (y, x)
            for y, x in zip(rows, columns, strict=True)
            if (frame[y : y + len(inside), x : x + len(inside)] == inside).all()
        ]
        assert len(found) == 1
        assert (frame[found[0][0] - 1, found[0][1] - 1] == colors[label]).all()


def test_names_are_written_as_they_are_and_never_as_formulas() -> None:
    labels, names = index_classes(list(HOSTILE_NAMES))
    points = np.random.default_rng(0).normal(size=(len(labels), 2))
    figure = Figure(figsize=(6, 6), dpi=50, layout="constrained")
    (axes,) = draw_scatters(figure, LabelledMaps({"$\\frac{": points}, labels, names))
    layout.render_figure(figure)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [*names]
    assert not any(text.get_parse_math() for text in (*axes.texts, *figure.legends[0].get_texts()))
    assert layout.measure_text("") == 0
