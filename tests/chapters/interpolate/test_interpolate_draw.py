"""What pictures of paths show, read back from the pixels."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from drawn import is_shown, random_images, write
from matplotlib.figure import Figure

from latentspace.chapters.interpolate import draw
from latentspace.chapters.interpolate.draw import PathOnMap
from latentspace.drawing import layout


def test_interpolation_shows_ends_and_middle_of_each_path() -> None:
    paths = {"pixels": random_images(2, 21, seed=1), "codes": random_images(2, 21, seed=2)}
    frame = write(draw.draw_interpolation(paths=paths, pair_names=["first", "second"]))
    zoom = layout.choose_zoom(8)
    for images in paths.values():
        for pair in images:
            assert is_shown(frame, pair[0], zoom)
            assert is_shown(frame, pair[10], zoom)
            assert is_shown(frame, pair[20], zoom)
            assert not is_shown(frame, pair[1], zoom)


def test_interpolation_loop_is_seamless_and_holds_its_ends() -> None:
    paths = {"pixels": random_images(3, 6, seed=1), "codes": random_images(3, 6, seed=2)}
    frames = write(draw.draw_interpolation_loop(paths=paths, hold_frames=4))
    order = [0] * 4 + [1, 2, 3, 4] + [5] * 4 + [4, 3, 2, 1]
    assert len(frames) == len(order)
    zoom = layout.choose_zoom(8, draw.ANIMATION_THUMBNAIL)
    distinct = {step: frames[order.index(step)] for step in range(6)}
    for frame, step in zip(frames, order, strict=True):
        np.testing.assert_array_equal(frame, distinct[step])
    assert is_shown(distinct[0], paths["codes"][2, 0], zoom)
    assert is_shown(distinct[5], paths["pixels"][2, 5], zoom)


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
        assert len(axes.images) == draw.ON_MAP_IMAGES
        leaders = [line.get_xydata() for line in axes.lines[1::2]]
        for step, image, (place, centre) in zip(
            np.linspace(0, 8, draw.ON_MAP_IMAGES).round().astype(int),
            axes.images,
            leaders,
            strict=True,
        ):
            np.testing.assert_array_equal(place, path.places[step])
            shown = np.rint(path.images[step] * 255) * np.ones(3)
            np.testing.assert_array_equal(image.get_array(), shown)
            left, right, bottom, top = image.get_extent()
            np.testing.assert_allclose(centre, [(left + right) / 2, (bottom + top) / 2])
            assert (right - left) / (top - bottom) == pytest.approx(8 / 10)


@pytest.mark.parametrize("spread", [0.0, 0.02, 0.3])
def test_images_beside_a_path_do_not_overlap(spread: float) -> None:
    rng = np.random.default_rng(3)
    half = np.array([0.065, 0.05])
    for corner in ([0.01, 0.01], [0.5, 0.5], [0.69, 0.1]):
        anchors = corner + spread * rng.random((7, 2))
        points = rng.random((500, 2))
        centres = draw._place_images(anchors, anchors, points, half)
        assert ((centres >= half) & (centres <= 1 - half)).all()
        for first, second in itertools.combinations(centres, 2):
            assert (np.abs(first - second) >= 2 * half).any()


def test_images_beside_a_path_lie_near_their_places_and_off_the_points() -> None:
    rng = np.random.default_rng(3)
    anchors = np.stack([np.linspace(0.3, 0.7, 7), np.full(7, 0.5)], axis=1)
    above = rng.random((2000, 2)) * [1, 0.49] + [0, 0.51]
    centres = draw._place_images(anchors, anchors, above, np.array([0.05, 0.05]))
    assert np.linalg.norm(centres - anchors, axis=1).max() < 0.35
    assert (centres[:, 1] < 0.5).mean() > 0.8


def test_crossing_lines_are_known() -> None:
    ends = np.array([[1.0, 1.0], [0.2, 0.2], [1.0, 0.0]])
    found = draw._do_cross(np.zeros(2), ends, np.array([0.0, 1.0]), np.array([1.0, 0.0]))
    assert found.tolist() == [True, False, False]
