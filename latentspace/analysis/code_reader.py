"""A reader of attributes off codes, and codes corrected until it reads what is wanted."""

from dataclasses import dataclass

import numpy as np

MOST_LANDMARKS, MOST_TRIED = 2_000, 1_000  # codes that a reader knows, of which some choose it
AT_ONCE = 4_000_000  # numbers in memory
WIDTHS = (0.0125, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8)  # of the kernel, times the units
PENALTIES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
VARIANCE_FLOOR = 1e-6  # of the mean variance of a unit
ANCHOR = 1.0  # what a step away from the start costs, beside one of what is read
ROUNDS, LONGEST_STEP = 6, 1.0  # of Newton's method, in whitened codes


@dataclass(frozen=True)
class CodeReader:
    """What attributes codes have, by kernel ridge regression on whitened codes."""

    centre: np.ndarray  # float64 (D,)
    whitening: np.ndarray  # float64 (D, D)
    landmarks: np.ndarray  # float64 (M, D), whitened
    weights: np.ndarray  # float64 (M, A)
    width: float
    quality: np.ndarray  # float64 (A,), of [0, 1]: explained variance of codes left out
    means: np.ndarray  # float64 (A,), of the attributes that it learned from
    deviations: np.ndarray

    def read(self, codes: np.ndarray) -> np.ndarray:
        """The attributes of codes, float (N, D), in standard deviations, float64 (N, A)."""
        points = (codes - self.centre) @ self.whitening
        return _compute_kernel(points, self.landmarks, self.width) @ self.weights

    def standardize(self, value: float) -> np.ndarray:
        """A value of each attribute as `read` says it, float64 (A,)."""
        return (value - self.means) / self.deviations

    def correct(self, codes: np.ndarray, wanted: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Moves codes, float (N, D), as little as it takes until what is wanted is read off them.

        Gauss-Newton steps towards the least sum of squares of what is amiss, and of the way in
        whitened codes, which counts `ANCHOR` times. Wanted, float (N, A), is as `read` says it;
        its weights, float (N, A), are 0 for what is free. Returns float64 (N, D).
        """
        starts = (codes - self.centre) @ self.whitening
        points = starts.copy()
        batch = max(1, AT_ONCE // self.weights.size)
        for start in range(0, len(points), batch):
            rows = slice(start, start + batch)
            roots = np.sqrt(weights[rows])
            for _ in range(ROUNDS):
                found, slopes = self._differentiate(points[rows])
                slopes *= roots[:, :, np.newaxis]
                way = points[rows] - starts[rows]
                amiss = roots * (wanted[rows] - found) + np.einsum("nad,nd->na", slopes, way)
                inner = slopes @ slopes.swapaxes(1, 2) + ANCHOR * np.eye(roots.shape[1])
                solved = np.linalg.solve(inner, amiss[:, :, np.newaxis])[:, :, 0]
                steps = np.einsum("nad,na->nd", slopes, solved) - way
                lengths = np.linalg.norm(steps, axis=1, keepdims=True).clip(LONGEST_STEP)
                points[rows] += LONGEST_STEP / lengths * steps
        return codes + (points - starts) @ np.linalg.inv(self.whitening)

    def _differentiate(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What is read off whitened codes (N, D), (N, A), and its slopes, float32 (N, A, D)."""
        near = _compute_kernel(points, self.landmarks, self.width)
        found = near @ self.weights
        near, weights, landmarks, own = (
            each.astype(np.float32) for each in (near, self.weights, self.landmarks, points)
        )
        slopes = (near[:, np.newaxis] * weights.T) @ landmarks
        slopes -= found.astype(np.float32)[:, :, np.newaxis] * own[:, np.newaxis]
        return found, np.float32(2 * self.width) * slopes


def fit_code_reader(codes: np.ndarray, values: np.ndarray, rng: np.random.Generator) -> CodeReader:
    """Fits a reader of attributes, float (N, A), NaN where unknown, to codes, float (N, D).

    The width of its kernel and its penalty are those that read codes best that are left out
    (leave-one-out; Rasmussen & Williams 2006, "Gaussian processes for machine learning", 5.4.2).
    """
    from scipy.linalg import cho_factor, cho_solve

    rows = rng.permutation(len(codes))[:MOST_LANDMARKS]
    codes, values = codes[rows].astype(np.float64), values[rows].astype(np.float64)
    known = np.isfinite(values)
    means = np.where(known, values, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    values = np.where(known, values - means, 0)
    deviations = values.std(axis=0)
    deviations[deviations == 0] = 1.0
    values /= deviations
    centre = codes.mean(axis=0)
    covariance = np.atleast_2d(np.cov(codes.T))
    variances, axes = np.linalg.eigh(covariance)
    least = max(VARIANCE_FLOOR * variances.mean(), np.finfo(np.float32).tiny)
    whitening = axes / np.sqrt(variances.clip(least))
    points = (codes - centre) @ whitening
    width, penalty, quality = _choose_kernel(points[:MOST_TRIED], values[:MOST_TRIED])
    kernel = _compute_kernel(points, points, width) + penalty * np.eye(len(points))
    weights = cho_solve(cho_factor(kernel), values)
    return CodeReader(centre, whitening, points, weights, width, quality, means, deviations)


def _choose_kernel(points: np.ndarray, values: np.ndarray) -> tuple[float, float, np.ndarray]:
    """The width and the penalty that explain most of codes left out, and how much, (A,)."""
    best = 0.0, PENALTIES[-1], np.full(values.shape[1], -1.0)
    total = (values**2).sum(axis=0)
    varies = total > 0
    for width in np.array(WIDTHS) / points.shape[1]:
        spectrum, axes = np.linalg.eigh(_compute_kernel(points, points, width))
        turned, squares = axes.T @ values, axes**2
        for penalty in PENALTIES:
            inverse = 1 / (spectrum.clip(0) + penalty)
            left_out = axes @ (inverse[:, np.newaxis] * turned)
            left_out /= (squares @ inverse)[:, np.newaxis]
            quality = varies * (1 - (left_out**2).sum(axis=0) / np.where(varies, total, 1)).clip(0)
            if quality.sum() > best[2].sum():
                best = width, penalty, quality
    return best


def _compute_kernel(points: np.ndarray, landmarks: np.ndarray, width: float) -> np.ndarray:
    from scipy.spatial.distance import cdist

    return np.exp(-width * cdist(points, landmarks, "sqeuclidean"))
