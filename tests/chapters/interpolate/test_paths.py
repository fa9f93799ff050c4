from __future__ import annotations

import numpy as np
import pytest

from latentspace.analysis.density import fit_density
from latentspace.analysis.neighbors import find_nearest
from latentspace.chapters.interpolate.paths import (
    Terrain,
    data_paths,
    learn_terrain,
    linear_paths,
    spherical_paths,
)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_linear_path_has_exact_ends_and_constant_slope() -> None:
    rng = np.random.default_rng(0)
    starts, ends = rng.normal(size=(2, 5, 8)).astype(np.float32)
    paths = linear_paths(starts, ends, 11)
    assert paths.shape == (5, 11, 8)
    assert paths.dtype == np.float32
    np.testing.assert_array_equal(paths[:, 0], starts)
    np.testing.assert_array_equal(paths[:, -1], ends)
    steps = np.diff(paths, axis=1)
    np.testing.assert_allclose(
        steps, np.broadcast_to((ends - starts)[:, None] / 10, steps.shape), atol=1e-6
    )


def test_linear_blend_of_images_stays_between_them() -> None:
    first, second = np.zeros((1, 3, 4, 1), np.float32), np.ones((1, 3, 4, 1), np.float32)
    paths = linear_paths(first, second, 5)
    assert paths[0, :, 0, 0, 0].tolist() == [0, 0.25, 0.5, 0.75, 1]


def test_spherical_path_turns_evenly_and_grows_evenly() -> None:
    starts = np.array([[2.0, 0, 0]], np.float32)
    ends = np.array([[0, 4.0, 0]], np.float32)
    (path,) = spherical_paths(starts, ends, 5, np.zeros(3))
    np.testing.assert_allclose(np.linalg.norm(path, axis=1), [2, 2.5, 3, 3.5, 4], rtol=1e-6)
    angles = np.degrees(np.arctan2(path[:, 1], path[:, 0]))
    np.testing.assert_allclose(angles, [0, 22.5, 45, 67.5, 90], atol=1e-4)
    moved = spherical_paths(starts + 7, ends + 7, 5, np.full(3, 7, np.float32))
    np.testing.assert_allclose(moved[0], path + 7, atol=1e-5)


@pytest.mark.parametrize(
    ("start", "end"),
    [((1, 2), (2, 4)), ((1, 2), (-1, -2)), ((0, 0), (3, 1)), ((0, 0), (0, 0)), ((1, 1), (1, 1))],
)
def test_spherical_path_is_straight_where_no_circle_is_defined(start: tuple, end: tuple) -> None:
    starts, ends = np.array([start], np.float32), np.array([end], np.float32)
    path = spherical_paths(starts, ends, 4, np.zeros(2))
    assert path.dtype == np.float32
    np.testing.assert_array_equal(path, linear_paths(starts, ends, 4))


def make_ring(count: int = 400) -> np.ndarray:
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def learn(codes: np.ndarray, brightness: np.ndarray | None = None) -> Terrain:
    density = fit_density(codes, np.zeros(len(codes), int), np.random.default_rng(0))
    return learn_terrain(density, codes, np.ones(len(codes)) if brightness is None else brightness)


def test_path_along_data_stays_on_a_ring() -> None:
    codes = make_ring()
    starts, ends = codes[[0, 10]], codes[[150, 300]]
    paths = data_paths(learn(codes), starts, ends, 25)
    np.testing.assert_array_equal(paths[:, 0], starts)
    np.testing.assert_array_equal(paths[:, -1], ends)
    away, straight = (
        np.abs(np.linalg.norm(path, axis=2) - 1) for path in (paths, linear_paths(starts, ends, 25))
    )
    assert away.mean() < 0.1 < 0.25 < straight.mean()


def test_path_along_data_goes_round_where_nothing_is(rng: np.random.Generator) -> None:
    """Codes on two sides of a triangle; the straight line is the third."""
    places = np.array([[-6.0, 0], [0, 3], [6, 0]])
    bridge = np.concatenate([np.linspace(places[k], places[k + 1], 200) for k in (0, 1)])
    codes = (bridge + rng.normal(0, 0.3, bridge.shape)).astype(np.float32)
    starts, ends = codes[[0]], codes[[-1]]
    terrain = learn(codes)
    along, straight = data_paths(terrain, starts, ends, 33), linear_paths(starts, ends, 33)
    least = [terrain.density.log_density(path[0]).min() for path in (along, straight)]
    assert least[0] > least[1] + 3
    away = [find_nearest(path[0], codes, 1)[0].mean() for path in (along, straight)]
    assert away[0] < away[1] / 2


def test_a_path_between_bright_images_of_a_set_with_empty_ones_stays_bright(
    rng: np.random.Generator,
) -> None:
    """Empty images lie densely in the middle, as they do where many images are nearly empty."""
    angles = rng.uniform(0, 2 * np.pi, 2000)
    bright = np.column_stack([4 * np.cos(angles), 4 * np.sin(angles), np.full(2000, 2.0)])
    codes = np.concatenate([bright + rng.normal(0, 0.4, (2000, 3)), rng.normal(0, 0.2, (4000, 3))])
    codes = codes.astype(np.float32)
    terrain = learn(codes, brightness=codes[:, 2])
    starts = np.array([[4, 0, 2]], np.float32)
    path = data_paths(terrain, starts, np.array([[-4, 0.5, 2]], np.float32), 33)
    assert path[0, :, 2].min() > 0.85 * 2


def test_paths_have_as_many_points_as_asked_for_and_go_the_same_way() -> None:
    codes = make_ring()
    terrain = learn(codes)
    few, many = (data_paths(terrain, codes[[0]], codes[[90]], steps) for steps in (5, 65))
    np.testing.assert_allclose(few[0], many[0, ::16], atol=1e-5)


def test_path_along_data_may_stand_still(rng: np.random.Generator) -> None:
    codes = np.column_stack([make_ring(60), np.zeros(60)]).astype(np.float32)  # with a dead unit
    paths = data_paths(learn(codes), codes[[0, 0]], codes[[0, 10]], 5)
    assert np.isfinite(paths).all()
    np.testing.assert_allclose(paths[0], np.repeat(codes[[0]], 5, axis=0), atol=1e-5)
