"""What pictures of paths show, read back from the pixels."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import is_shown, random_images, write
from matplotlib.figure import Figure

from latentspace.chapters.interpolate import draw
from latentspace.chapters.interpolate.draw import PathOnMap
from latentspace.drawing import layout


def test_corner_grid_shows_all_images() -> None:
    images = random_images(3, 3)
    names = ["one", "two", "three", "four"]
    frame = write(draw.draw_corner_grid(grid=images, corner_names=names))
    assert all(
        is_shown(frame, image, layout.choose_zoom(8)) for image in images.reshape(-1, 10, 8, 1)
    )


def test_grid_walk_visits_every_image_and_closes() -> None:
    images = random_images(4, 4)
    names = ["one", "two", "three", "four"]
    frames = write(draw.draw_grid_walk(grid=images, corner_names=names))
    large = layout.choose_zoom(8, draw.LARGE_THUMBNAIL)
    seen = []
    for frame in frames:
        (at,) = [
            divmod(number, 4)
            for number, image in enumerate(images.reshape(-1, 10, 8, 1))
            if is_shown(frame, image, large)
        ]
        seen.append(at)
    assert set(seen) == {(row, column) for row in range(4) for column in range(4)}
    for (row, column), (next_row, next_column) in zip(seen, [*seen[1:], seen[0]], strict=True):
        assert abs(row - next_row) + abs(column - next_column) == 1


def test_tour_shows_each_frame_as_it_is() -> None:
    images = random_images(5)
    frames = write(draw.draw_tour(frames=images))
    zoom = layout.choose_zoom(8, draw.LARGE_THUMBNAIL)
    assert len(frames) == 5
    assert all(is_shown(frame, image, zoom) for frame, image in zip(frames, images, strict=True))


def make_paths(rows: int, columns: int) -> list[list[PathOnMap]]:
    rng = np.random.default_rng(0)
    return [
        [
            PathOnMap(f"{row}, {column}", rng.normal(size=(9, 2)), random_images(9))
            for column in range(columns)
        ]
        for row in range(rows)
    ]


def test_paths_on_the_map_are_drawn_where_they_run(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Figure] = []
    render = layout.render_figure
    monkeypatch.setattr(
        layout, "render_figure", lambda figure: drawn.append(figure) or render(figure)
    )
    paths = make_paths(2, 2)
    frame = write(
        draw.draw_paths_on_map(
            points=np.random.default_rng(1).normal(size=(40, 2)),
            labels=np.arange(40) % 3,
            class_names=("a", "b", "c"),
            paths=paths,
            as_ink=False,
        )
    )
    assert frame.ndim == 3
    for axes, path in zip(drawn[0].axes, (path for row in paths for path in row), strict=True):
        assert axes.get_title() == path.heading
        np.testing.assert_array_equal(axes.lines[0].get_xydata(), path.places)
        steps = np.linspace(0, 8, draw.ON_MAP_IMAGES).round().astype(int)
        dots = axes.collections[-1]
        np.testing.assert_array_equal(dots.get_offsets(), path.places[steps])
        for step, shade, below in zip(steps, dots.get_facecolors(), axes.child_axes, strict=True):
            shown = np.rint(path.images[step] * 255) * np.ones(3)
            np.testing.assert_array_equal(below.images[0].get_array(), shown)
            assert below.spines["left"].get_edgecolor() == tuple(shade)
    places = [[below.get_position().x0 for below in axes.child_axes] for axes in drawn[0].axes]
    assert all(sorted(set(row)) == row for row in places)
