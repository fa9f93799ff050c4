from __future__ import annotations

import numpy as np
import pytest

from latentspace.paths import linear


def test_linear_way_has_exact_ends_and_constant_slope() -> None:
    rng = np.random.default_rng(0)
    starts, ends = rng.normal(size=(2, 5, 8)).astype(np.float32)
    ways = linear(starts, ends, 11)
    assert ways.shape == (5, 11, 8)
    assert ways.dtype == np.float32
    np.testing.assert_array_equal(ways[:, 0], starts)
    np.testing.assert_array_equal(ways[:, -1], ends)
    steps = np.diff(ways, axis=1)
    np.testing.assert_allclose(
        steps, np.broadcast_to((ends - starts)[:, None] / 10, steps.shape), atol=1e-6
    )


def test_linear_blend_of_images_stays_between_them() -> None:
    first, second = np.zeros((1, 3, 4, 1), np.float32), np.ones((1, 3, 4, 1), np.float32)
    ways = linear(first, second, 5)
    assert ways[0, :, 0, 0, 0].tolist() == [0, 0.25, 0.5, 0.75, 1]


def test_a_way_needs_two_ends() -> None:
    with pytest.raises(ValueError, match="steps=1"):
        linear(np.zeros((1, 2)), np.ones((1, 2)), 1)
