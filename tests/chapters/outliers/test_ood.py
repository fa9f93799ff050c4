from __future__ import annotations

import numpy as np
import pytest

from latentspace.chapters.outliers import ood
from latentspace.core.pixels import to_uint8
from latentspace.datasets import find_ink

IMAGES = np.random.default_rng(1).random((5, 6, 4, 3), np.float32)


def make_generator() -> np.random.Generator:
    return np.random.default_rng(0)


def test_noise_fills_the_range_evenly() -> None:
    images = ood.MAKERS["noise"](np.zeros((50, 8, 7, 3), np.float32), make_generator())
    assert images.shape == (50, 8, 7, 3)
    assert images.dtype == np.float32
    np.testing.assert_allclose(np.quantile(images, [0, 0.25, 0.5, 1]), [0, 0.25, 0.5, 1], atol=0.02)


def test_inverting_twice_gives_the_image_back() -> None:
    rng = make_generator()
    invert = ood.MAKERS["inverted"]
    assert invert(np.zeros((1, 2, 2, 1), np.float32), rng).min() == 1
    np.testing.assert_allclose(invert(invert(IMAGES, rng), rng), IMAGES, atol=1e-6)


def test_shuffling_keeps_the_pixels_and_their_colours() -> None:
    images = ood.shuffle_pixels(IMAGES, make_generator())
    assert images.shape == IMAGES.shape
    orders = set()
    for mixed, image in zip(images.reshape(5, -1, 3), IMAGES.reshape(5, -1, 3), strict=True):
        places = [int(np.flatnonzero((image == pixel).all(axis=1))[0]) for pixel in mixed]
        assert sorted(places) == list(range(24))
        orders.add(tuple(places))
    assert len(orders) == 5


def test_upside_down_is_half_a_turn() -> None:
    turned = ood.MAKERS["upside down"](IMAGES, make_generator())
    np.testing.assert_array_equal(turned, np.rot90(IMAGES, 2, axes=(1, 2)))


def test_letters_are_as_large_as_what_the_data_shows() -> None:
    images = ood.draw_letters((20, 24, 1), 14)
    assert images.shape == (len(ood.FACES) * len(ood.LETTERS), 20, 24, 1)
    assert images.dtype == np.float32
    assert 0 <= images.min() <= images.max() <= 1
    assert find_ink(to_uint8(images)).side == 14
    assert len(np.unique(to_uint8(images).reshape(len(images), -1), axis=0)) == len(images)
    edges = [images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]]
    assert all((edge == 0).all() for edge in edges)


def test_letters_are_upright() -> None:
    upper_l = ood.draw_letters((20, 20, 1), 14)[ood.LETTERS.index("L")]
    assert upper_l[:, :10].sum() > upper_l[:, 10:].sum()
    assert upper_l[10:].sum() > upper_l[:10].sum()


def test_letters_that_look_like_digits_are_left_out() -> None:
    assert not {"O", "l", "I", "S", "z"} & set(ood.LETTERS)
    assert {"A", "k", "X"} <= set(ood.LETTERS)


@pytest.mark.parametrize(
    ("names", "are"),
    [
        (("a", "b"), True),
        (("alpha", "omega"), True),
        (("Alef",), True),
        (("0", "1"), False),
        (("cat", "dog"), False),
        (("image",), False),
    ],
)
def test_classes_named_after_letters_are_known(names: tuple[str, ...], are: bool) -> None:
    assert ood.are_letters(names) == are
