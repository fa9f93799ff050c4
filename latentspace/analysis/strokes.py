"""Measured stroke attributes of a digit: slant, thickness, width and height."""

from collections.abc import Callable
from typing import Any

import numpy as np

from latentspace.core.pixels import iterate_parts
from latentspace.core.processes import count_cores, run_all

ATTRIBUTES = ("slant", "thickness", "width", "height")
UPSCALE, LARGE_SIDE = 4, 224  # as many times, but no more than it takes to be that large
SMOOTHING = 2 / 6  # standard deviation in pixels before that, as in a Gaussian pyramid
LEAST_CONTRAST = 1 / 255
INK_LEFT_OUT = 0.01  # on each side of the bounding parallelogram
PIXELS_AT_ONCE = 250 * 28 * 28  # which become up to 16 times as many


def measure(
    images: np.ndarray, on_part: Callable[[int], object] = lambda count: None
) -> np.ndarray:
    """Measures every image as Morpho-MNIST does.

    Source: Castro, Tan, Kainz, Konukoglu & Glocker 2019, "Morpho-MNIST: quantitative assessment and
    diagnostics for representation learning". Slant, width and height come from the moments of the
    image; for the thickness it is enlarged four times (less where it is large, see `LARGE_SIDE`),
    cut at half of its range and thinned to its medial axis. Images are float32 (N, H, W, C) in [0,
    1], bright strokes on dark ground, channels averaged. `on_part` is called with the number of
    images in each part that has been measured. Returns float64 (N, 4), a column for each of
    `ATTRIBUTES`, NaN where an image has no stroke: slant, the angle by which the strokes lean to
    the right, in radians; and in pixels thickness, twice the mean distance from the medial axis to
    the edge, and width and height, of the parallelogram of that slant that holds all but 2% of the
    ink in either direction.
    """
    grey = images.mean(axis=-1)
    parts = iterate_parts(grey, max(1, PIXELS_AT_ONCE // max(1, grey[:1].size)))
    tasks = {str(part.start): (grey[part],) for part in parts}
    how: dict[str, Any] = {"at_once": count_cores(), "in_threads": True}
    rows = run_all(_measure_part, tasks, **how, on_report=lambda _, count: on_part(count))
    return np.concatenate(list(rows.values()))


def _measure_part(grey: np.ndarray, report: Callable[..., None]) -> np.ndarray:
    """float (N, H, W) -> float64 (N, 4)."""
    slant, width, height = _measure_parallelogram(grey)
    measured = np.column_stack([slant, _measure_thickness(grey), width, height])
    report(len(grey))
    return measured


def _measure_parallelogram(grey: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Slant, width and height, each float64 (N,)."""
    count, height, width = grey.shape
    ink = grey.astype(np.float64)
    ys, xs = np.mgrid[:height, :width].astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        ink /= ink.sum(axis=(1, 2), keepdims=True)
        centre_y = np.einsum("nij,ij->n", ink, ys)[:, None, None]
        centre_x = np.einsum("nij,ij->n", ink, xs)[:, None, None]
        variance_y = (ink * (ys - centre_y) ** 2).sum(axis=(1, 2))
        covariance = (ink * (ys - centre_y) * (xs - centre_x)).sum(axis=(1, 2))
        shear = covariance / variance_y
    upright = xs - shear[:, None, None] * (ys - centre_y)  # (N, H, W), x with the slant taken out
    upright = upright.reshape(count, -1)
    order = np.argsort(upright, axis=1)
    across = _measure_extent(
        np.take_along_axis(upright, order, 1), np.take_along_axis(ink.reshape(count, -1), order, 1)
    )
    down = _measure_extent(np.broadcast_to(ys[:, 0], (count, height)), ink.sum(axis=2))
    return np.arctan(-shear), across, down


def _measure_extent(positions: np.ndarray, ink: np.ndarray) -> np.ndarray:
    """Between the outer quantiles of ink (N, P), rows of sum 1, at ascending positions (N, P)."""
    passed = ink.cumsum(axis=1) - ink / 2  # ink before the middle of each position
    shares = (INK_LEFT_OUT, 1 - INK_LEFT_OUT)
    ends = [np.interp(shares, *row) for row in zip(passed, positions, strict=True)]
    return np.ptp(ends, axis=1)


def _measure_thickness(grey: np.ndarray) -> np.ndarray:
    """Twice the mean distance from the medial axis to the edge, float64 (N,)."""
    from skimage.morphology import medial_axis

    upscale = min(UPSCALE, -(-LARGE_SIDE // max(grey.shape[1:])))
    rows, columns = (_make_enlarging(side, upscale) for side in grey.shape[1:])
    large = rows @ grey @ columns.T
    low, high = (bound(axis=(1, 2), keepdims=True) for bound in (large.min, large.max))
    cut = (large > (low + high) / 2) & (high - low > LEAST_CONTRAST)
    down, across = (np.flatnonzero(cut.any(axis=(0, other))) for other in (2, 1))
    if len(down):  # beyond these no image has any ink, and there is nothing to thin
        cut = cut[:, down[0] : down[-1] + 1, across[0] : across[-1] + 1]
    cut = np.pad(cut, ((0, 0), (1, 1), (1, 1)))
    # All images below one another are thinned in one call: most of its cost is there once a call.
    axis, distance = medial_axis(cut.reshape(-1, cut.shape[2]), return_distance=True, rng=0)
    axis, distance = axis.reshape(cut.shape), distance.reshape(cut.shape)
    with np.errstate(invalid="ignore"):
        return 2 * (distance * axis).sum(axis=(1, 2)) / axis.sum(axis=(1, 2)) / upscale


def _make_enlarging(side: int, upscale: int) -> np.ndarray:
    """Cubic interpolation and smoothing of a row of pixels, as a matrix (upscale * side, side).

    Both are linear, and the same for every row: a product takes a fraction of the time.
    """
    from scipy.ndimage import gaussian_filter1d, zoom

    large = zoom(np.eye(side), (upscale, 1), order=3, mode="nearest", grid_mode=True)
    return gaussian_filter1d(large, SMOOTHING * upscale, axis=0, mode="nearest")
