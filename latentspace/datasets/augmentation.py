"""Small random deformations of images, so that a model can't learn its training images by heart."""

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from latentspace.core.pixels import iterate_parts

ROTATION = 7.0  # degrees, either way; each value is the end of a uniform range
SCALE = 0.07  # relative
SHEAR = 0.1
SHIFT = 0.05  # of the side
ELASTIC = 0.02  # of the side: standard deviation of the displacements on a coarse grid
ELASTIC_GRID = 4  # points a side
TRIED, REFERENCES = 300, 3_000  # images that tell whether a change of images matters
MIRROR_TOLERANCE, DEFORMED_TOLERANCE = 1.05, 1.5
MANY_IMAGES = 2_000
ALIGNED_SHARE = 0.05  # of the variance, by place
PIXELS_AT_ONCE = 50_000  # what is in work then fits the cache: three times as fast as all at once


def deform(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rotates, scales, shears, shifts and bends each image a little.

    The bending follows Simard, Steinkraus & Platt 2003, "Best practices for convolutional neural
    networks applied to visual document analysis", on a coarse grid. Images and result are float32
    (N, H, W, C), of one range; what lies outside an image is taken from its nearest border.
    """
    _, height, width, _ = images.shape
    at_once = max(1, PIXELS_AT_ONCE // (height * width))
    low, high = images.min(initial=np.inf), images.max(initial=-np.inf)
    deformed = np.empty_like(images)
    for part in iterate_parts(images, at_once):
        # A cubic can leave the range of the input.
        np.clip(_deform_part(images[part], rng), low, high, out=deformed[part])
    return deformed


def _deform_part(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    count, height, width, _ = images.shape
    ys, xs, basis = _grid(height, width)

    def uniform(end: float) -> np.ndarray:
        return rng.uniform(-end, end, (count, 1)).astype(np.float32)

    angle, shear = uniform(np.deg2rad(ROTATION)), uniform(SHEAR)
    scale_y, scale_x = 1 + uniform(SCALE), 1 + uniform(SCALE)
    cos, sin = np.cos(angle), np.sin(angle)
    bends = rng.normal(0, ELASTIC, (2, count, basis.shape[0])).astype(np.float32)
    # Where each pixel of the result comes from, in pixels from the centre.  # (N, H * W)
    from_y = scale_y * (cos * ys - sin * xs) + height * (uniform(SHIFT) + bends[0] @ basis)
    from_x = scale_x * (sin * ys + (cos + shear * sin) * xs + shear * cos * ys)
    from_x += width * (uniform(SHIFT) + bends[1] @ basis)
    return _sample(images, from_y + (height - 1) / 2, from_x + (width - 1) / 2)


def _sample(images: np.ndarray, ys: np.ndarray, xs: np.ndarray) -> np.ndarray:
    """Interpolation at (ys, xs), each float32 (N, H * W) in pixels: cubic half-way, else linear."""
    shape, images = images.shape, _double(images)
    count, height, width, channels = images.shape
    ys, xs = np.clip(2 * ys, 0, height - 1), np.clip(2 * xs, 0, width - 1)
    top = np.minimum(ys.astype(np.int32), max(height - 2, 0))
    left = np.minimum(xs.astype(np.int32), max(width - 2, 0))
    down = (ys - top.astype(np.float32))[..., np.newaxis]
    right = (xs - left.astype(np.float32))[..., np.newaxis]
    corner = np.arange(count, dtype=np.int32)[:, np.newaxis] * (height * width) + top * width + left
    below, beside = width if height > 1 else 0, 1 if width > 1 else 0
    pixels = images.reshape(-1, channels)
    upper = pixels[corner] * (1 - right) + pixels[corner + beside] * right
    lower = pixels[corner + below] * (1 - right) + pixels[corner + below + beside] * right
    return (upper * (1 - down) + lower * down).reshape(shape)


def _double(images: np.ndarray) -> np.ndarray:
    """Images (N, H, W, C) with a point half-way between any two pixels, (N, 2H - 1, 2W - 1, C).

    Without these, images blur by bilinear interpolation: they are too easy to learn, and not like
    those to come. The points are of the cubic of Keys 1981, "Cubic convolution interpolation for
    digital image processing".
    """
    for _ in range(2):
        around = np.pad(images, ((0, 0), (1, 1), (0, 0), (0, 0)), "edge")
        count, side, *rest = images.shape
        doubled = np.empty((count, 2 * side - 1, *rest), np.float32)
        doubled[:, ::2] = images
        near, far = images[:, :-1] + images[:, 1:], around[:, :-3] + around[:, 3:]
        doubled[:, 1::2] = (9 * near - far) / 16
        images = doubled.swapaxes(1, 2)
    return images


@lru_cache(maxsize=1)
def _grid(height: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centred coordinates (H * W,) and the smooth bumps (G * G, H * W) that bending adds up."""
    sides = []
    for size in (height, width):
        position = np.linspace(0, ELASTIC_GRID - 1, size, dtype=np.float32)
        distance = position - np.arange(ELASTIC_GRID, dtype=np.float32)[:, np.newaxis]
        sides.append(np.exp(-(distance**2)))  # (G, size)
    basis = np.einsum("ay,bx->abyx", *sides).reshape(ELASTIC_GRID**2, height * width)
    ys, xs = np.indices((height, width), np.float32).reshape(2, -1)
    return ys - (height - 1) / 2, xs - (width - 1) / 2, basis


def are_aligned(images: np.ndarray) -> bool:
    """Whether images, float32 (N, H, W, C), vary in part by place alone, as photographs do not."""
    whole = float(images.var())
    by_place = float(images.mean(axis=0).var(axis=(0, 1)).mean())
    return by_place > (ALIGNED_SHARE + 1 / len(images)) * whole


def looks_alike_mirrored(images: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> bool:
    """Whether images and their mirror images can't be told apart, as of faces, not of writing.

    Mirrored, some images are then as near to the others of their class, up to `MIRROR_TOLERANCE`.
    Images are float32 (N, H, W, C), labels int (N,), all equal without classes.
    """
    away = _measure_distance(images, labels, rng, lambda some: some[:, :, ::-1])
    return away <= MIRROR_TOLERANCE


def look_alike_deformed(images: np.ndarray, rng: np.random.Generator) -> bool:
    """Whether images and deformed ones can't be told apart, as of writing and of photographs.

    Images that were drawn or taken in one way alone lie more than `DEFORMED_TOLERANCE` times as far
    from all others when deformed. Of fewer than `MANY_IMAGES` it is taken to be so: else a model
    learns them by heart. Arguments as `looks_alike_mirrored`.
    """
    if len(images) < MANY_IMAGES:
        return True
    alike = np.zeros(len(images), int)
    away = _measure_distance(images, alike, rng, lambda some: deform(some, rng))
    return away <= DEFORMED_TOLERANCE


Change = Callable[[np.ndarray], np.ndarray]


def _measure_distance(
    images: np.ndarray, labels: np.ndarray, rng: np.random.Generator, change: Change
) -> float:
    """How much farther changed images lie from the nearest others of their class, as a factor."""
    from sklearn.metrics import euclidean_distances

    order = rng.permutation(len(images))[: TRIED + REFERENCES]
    tried, others = np.split(order, [min(TRIED, len(order) // 4)])
    if not len(tried):
        return math.inf
    differs = labels[tried, np.newaxis] != labels[others]
    flat, both = images[others].reshape(len(others), -1), (images[tried], change(images[tried]))
    away = (euclidean_distances(some.reshape(len(some), -1), flat) for some in both)
    plain, changed = (np.where(differs, np.inf, distances).min(axis=1) for distances in away)
    known = np.isfinite(plain)
    near, far = float(plain[known].sum()), float(changed[known].sum())
    return far / near if near else math.inf if far or not known.any() else 1.0
