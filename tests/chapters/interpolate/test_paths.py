from __future__ import annotations

import numpy as np
import pytest

from latentspace.chapters.interpolate.paths import (
    build_neighbor_graph,
    data_paths,
    linear_paths,
    spherical_paths,
)


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


def test_a_path_needs_two_ends() -> None:
    with pytest.raises(ValueError, match="steps=1"):
        linear_paths(np.zeros((1, 2)), np.ones((1, 2)), 1)


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


def test_path_along_data_stays_on_a_ring_at_constant_speed() -> None:
    codes = make_ring()
    starts, ends = codes[[0, 10]], codes[[150, 300]]
    paths = data_paths(build_neighbor_graph(codes, 4), starts, ends, 25)
    np.testing.assert_array_equal(paths[:, 0], starts)
    np.testing.assert_array_equal(paths[:, -1], ends)
    assert np.abs(np.linalg.norm(paths, axis=2) - 1).max() < 0.01
    assert np.linalg.norm(linear_paths(starts, ends, 25), axis=2).min() < 0.75
    steps = np.linalg.norm(np.diff(paths, axis=1), axis=2)
    assert (steps.max(axis=1) / steps.mean(axis=1)).max() < 1.05


def test_path_along_data_is_straight_where_the_graph_has_none() -> None:
    codes = np.concatenate([make_ring(50), make_ring(50) + 100])
    paths = data_paths(build_neighbor_graph(codes, 3), codes[[0]], codes[[60]], 9)
    np.testing.assert_allclose(paths, linear_paths(codes[[0]], codes[[60]], 9), atol=1e-3)


def test_path_along_data_may_stand_still_and_pass_copies() -> None:
    codes = np.concatenate([make_ring(20), make_ring(20)])
    paths = data_paths(build_neighbor_graph(codes, 3), codes[[0, 0]], codes[[0, 10]], 5)
    assert np.isfinite(paths).all()
    np.testing.assert_array_equal(paths[0], np.repeat(codes[[0]], 5, axis=0))
