from __future__ import annotations

import numpy as np
import pytest

from latentspace.datasets import augmentation, avatars


@pytest.fixture
def images() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.random((6, 20, 15, 3)).astype(np.float32)


def test_deform_keeps_shape_range_and_input(images: np.ndarray) -> None:
    before = images.copy()
    deformed = augmentation.deform(images, np.random.default_rng(1))
    assert deformed.shape == images.shape
    assert deformed.dtype == np.float32
    assert images.min() <= deformed.min()
    assert deformed.max() <= images.max()
    assert not np.allclose(deformed, images)
    np.testing.assert_array_equal(images, before)


def test_deform_is_a_function_of_the_generator(images: np.ndarray) -> None:
    first, second, other = (
        augmentation.deform(images, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


def test_no_deformation_is_the_identity(
    images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ROTATION", "SCALE", "SHEAR", "SHIFT", "ELASTIC"):
        monkeypatch.setattr(augmentation, name, 0.0)
    deformed = augmentation.deform(images, np.random.default_rng(1))
    np.testing.assert_allclose(deformed, images, atol=1e-5)


def test_shift_moves_a_dot_by_its_share_of_the_side(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ROTATION", "SCALE", "SHEAR", "ELASTIC"):
        monkeypatch.setattr(augmentation, name, 0.0)
    blob = np.exp(-((np.mgrid[:21, :21] - 10) ** 2).sum(axis=0) / 8)[None, :, :, None]
    images = np.repeat(blob, 200, axis=0).astype(np.float32)
    deformed = augmentation.deform(images, np.random.default_rng(0))[..., 0]
    rows = (deformed * np.arange(21)[:, None]).sum(axis=(1, 2)) / deformed.sum(axis=(1, 2))
    assert np.abs(rows - 10).max() == pytest.approx(augmentation.SHIFT * 21, rel=0.1)
    assert abs(rows.mean() - 10) < 0.15


def test_fine_waves_keep_their_contrast(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ROTATION", "SCALE", "SHEAR", "ELASTIC"):
        monkeypatch.setattr(augmentation, name, 0.0)
    wave = 0.5 + 0.5 * np.sin(np.arange(40) * np.pi / 2 + 0.3)  # of four pixels
    images = np.tile(wave, (300, 40, 1)).astype(np.float32)[..., np.newaxis]
    inside = augmentation.deform(images, np.random.default_rng(0))[:, 5:-5, 5:-5]
    # Bilinear interpolation between pixels alone keeps two thirds of the variance.
    assert inside.var() / images[:, 5:-5, 5:-5].var() > 0.75


def test_a_mirror_matters_where_left_and_right_differ() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 2
    sides = np.zeros((400, 8, 8, 1), np.float32)
    sides[labels == 0, :, :4] = 1  # the class is the bright side
    sides += rng.normal(0, 0.1, sides.shape).astype(np.float32)
    assert not augmentation.looks_alike_mirrored(sides, labels, np.random.default_rng(1))
    both = np.where(rng.random(400)[:, None, None, None] < 0.5, sides, sides[:, :, ::-1])
    nothing = np.zeros(400, int)
    assert augmentation.looks_alike_mirrored(both, nothing, np.random.default_rng(1))
    halves = np.where((labels == 0)[:, None, None, None], sides, 0.5).astype(np.float32)
    assert not augmentation.looks_alike_mirrored(halves, labels, np.random.default_rng(1))


def test_single_images_of_classes_tell_nothing_of_a_mirror(images: np.ndarray) -> None:
    assert not augmentation.looks_alike_mirrored(images, np.arange(6), np.random.default_rng(1))


@pytest.mark.parametrize("count", [3, 30, 3000])
def test_images_are_aligned_where_a_place_has_a_meaning(count: int) -> None:
    rng = np.random.default_rng(0)
    noise = rng.random((count, 10, 9, 3), np.float32)
    assert not augmentation.are_aligned(noise)
    levels = rng.random((count, 1, 1, 3), np.float32) + noise / 10
    assert not augmentation.are_aligned(levels)  # each of its own brightness, all over
    framed = noise.copy()
    framed[:, 2:8, 2:7] += 0.5
    assert augmentation.are_aligned(framed)
    assert not augmentation.are_aligned(np.ones((count, 4, 4, 1), np.float32))


def test_drawn_faces_look_like_no_others_when_deformed_and_blots_do() -> None:
    rng = np.random.default_rng(0)
    faces = avatars.draw(avatars.choose_factors(3_000)).astype(np.float32) / 255
    assert not augmentation.look_alike_deformed(faces, rng)
    ys, xs = np.mgrid[:16, :16]
    centres, sizes = rng.uniform(4, 12, (600, 2, 1, 1)), rng.uniform(2, 4, (600, 2, 1, 1))
    away = ((ys - centres[:, 0]) / sizes[:, 0]) ** 2 + ((xs - centres[:, 1]) / sizes[:, 1]) ** 2
    blots = np.exp(-away)[..., np.newaxis].astype(np.float32)
    assert augmentation.look_alike_deformed(blots, rng)
