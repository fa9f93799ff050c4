from __future__ import annotations

import numpy as np
import pytest

from latentspace.datasets import avatars

PLAIN = {"woman": 0, "glasses": 0, "beard": 0, "hat": 0, "hair": 0, "hair_colour": 1}
PLAIN |= {"background": 0, "smile": 0.5, "gaze": 0.0, "face": 0.5, "skin": 0.2}
EYES = (slice(12, 21), slice(5, 27))  # rows and columns of an image of 32x32
MOUTH = (slice(20, 28), slice(10, 22))


def draw_series(name: str, values: np.ndarray, **others: float) -> np.ndarray:
    """Faces that differ in one factor alone: int (N, 32, 32, 3)."""
    rest = {factor: np.full(len(values), value) for factor, value in (PLAIN | others).items()}
    return avatars.draw(rest | {name: values}).astype(int)


def list_values(name: str) -> np.ndarray:
    kinds = avatars.KINDS.get(name)
    return np.arange(len(kinds)) if kinds else np.linspace(*avatars.RANGES[name], 9)


def test_the_same_seed_gives_the_same_bytes_and_another_others() -> None:
    first, second, other = (avatars.choose_factors(30, seed) for seed in (0, 0, 1))
    images = avatars.draw(first)
    assert images.shape == (30, 32, 32, 3)
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images, avatars.draw(second))
    assert (images != avatars.draw(other)).any(axis=(1, 2, 3)).all()


@pytest.mark.parametrize("side", [32, 16])
def test_a_face_alone_is_the_face_among_others(side: int) -> None:
    factors = avatars.choose_factors(40, seed=2)
    images = avatars.draw(factors, side)
    assert images.shape == (40, side, side, 3)
    for index in (0, 17, 39):
        alone = {name: values[index : index + 1] for name, values in factors.items()}
        np.testing.assert_array_equal(avatars.draw(alone, side)[0], images[index])


def test_a_small_face_is_the_large_one_reduced() -> None:
    factors = avatars.choose_factors(20)
    large = avatars.draw(factors).reshape(20, 16, 2, 16, 2, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(avatars.draw(factors, 16), large, atol=1)


@pytest.mark.parametrize("woman", [0, 1])
@pytest.mark.parametrize("name", avatars.FACTORS)
def test_each_value_of_a_factor_is_seen(name: str, woman: int) -> None:
    images = draw_series(name, list_values(name), woman=woman)
    for index, image in enumerate(images):
        others = np.delete(images, index, axis=0)
        assert np.abs(others - image).max(axis=(1, 2, 3)).min() >= 15


@pytest.mark.parametrize("face", [0, 1])
@pytest.mark.parametrize(
    ("name", "region"), [("glasses", EYES), ("gaze", EYES), ("smile", MOUTH)], ids=str
)
def test_a_factor_changes_its_region_alone(
    name: str, region: tuple[slice, slice], face: int
) -> None:
    images = draw_series(name, list_values(name), face=face)
    changed = (images != images[0]).any(axis=(0, 3))
    assert changed[region].any()
    changed[region] = False
    assert not changed.any()


@pytest.mark.parametrize("name", avatars.RANGES)
def test_numbers_move_the_picture_smoothly(name: str) -> None:
    images = draw_series(name, np.linspace(*avatars.RANGES[name], 65))
    steps = np.abs(np.diff(images, axis=0)).mean(axis=(1, 2, 3))
    whole = np.abs(images[-1] - images[0]).mean()
    assert steps.max() < whole / 5


@pytest.mark.parametrize("skin", [0, 1])
@pytest.mark.parametrize("hat", [1, 2, 3, 4])
def test_glasses_beard_and_smile_are_seen_beneath_hats(hat: int, skin: int) -> None:
    for name in ("glasses", "beard", "smile"):
        values = list_values(name) if name in avatars.KINDS else np.array([0, -1, 1])
        images = draw_series(name, values, hat=hat, skin=skin, hair_colour=0)
        assert np.abs(images[1:] - images[0]).max(axis=(1, 2, 3)).min() >= 30


def test_factors_are_independent_and_in_range() -> None:
    factors = avatars.choose_factors(12_000)
    assert tuple(factors) == avatars.FACTORS
    for name, values in factors.items():
        assert values.shape == (12_000,)
        if name in avatars.KINDS:
            assert set(values) == set(range(len(avatars.KINDS[name])))
        else:
            low, high = avatars.RANGES[name]
            assert low <= values.min() < low + 0.01
            assert high - 0.01 < values.max() <= high
    for name, share in avatars.WORN.items():
        assert np.mean(factors[name] > 0) == pytest.approx(share, abs=0.02)
    related = np.corrcoef(list(factors.values())) - np.eye(len(factors))
    assert np.abs(related).max() < 0.04
