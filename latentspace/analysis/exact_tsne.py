"""The gradient of t-SNE with all pairs of points: for few of them quicker than an approximation."""

from __future__ import annotations

from typing import Any

import numpy as np

ROWS_AT_ONCE = 256  # what is in work then fits the cache


def compute_gradient(
    embedding: np.ndarray,
    affinities: Any,
    dof: float,
    *,
    should_eval_error: bool,
    n_jobs: int,
    **_: Any,
) -> tuple[float, np.ndarray]:
    """The KL divergence in nats, where it is asked for, and its gradient, float64 (N, dims).

    Source: van der Maaten & Hinton 2008, equation 5, without its factor of 4. The arguments are
    those of openTSNE's own, which takes a function in the place of "bh" and "fft": points, float64
    (N, dims), and affinities, a sparse (N, N).
    """
    from openTSNE import _tsne  # its attraction; nothing public has it

    forces, total = sum_repulsion(np.asarray(embedding))
    gradient = -forces / total
    near = (affinities.indices, affinities.indptr, affinities.data)
    both = {"num_threads": n_jobs, "should_eval_error": should_eval_error}
    similar = (*near, embedding, embedding, gradient, dof)
    weight, divergence = _tsne.estimate_positive_gradient_nn(*similar, **both)
    return divergence + (weight * np.log(total) if should_eval_error else 0.0), gradient


def sum_repulsion(points: np.ndarray) -> tuple[np.ndarray, float]:
    """How all others push each of N >= 2 points, float64 (N, dims), and the sum of similarities.

    Similarities are w = 1 / (1 + d^2) of each ordered pair; a point is pushed by the sum of
    w^2 (y_i - y_j). Each pair is met once, in single precision.
    """
    points = points.astype(np.float32)
    count, squares = len(points), (points**2).sum(axis=1)
    scaled = np.column_stack([-2 * points, np.ones_like(squares)])
    columns = np.column_stack([points, squares]).T.copy()
    weighed = np.column_stack([points, np.ones_like(squares)])
    sums, total = np.zeros_like(weighed), -float(count)
    for start in range(0, count, ROWS_AT_ONCE):
        rows, rest = slice(start, start + ROWS_AT_ONCE), slice(start + ROWS_AT_ONCE, None)
        similar = scaled[rows] @ columns[:, start:]
        similar += 1 + squares[rows, np.newaxis]
        np.reciprocal(similar, out=similar)
        total += 2 * float(similar.sum()) - float(similar[:, :ROWS_AT_ONCE].sum())
        similar *= similar
        sums[rows] += similar @ weighed[start:]
        sums[rest] += similar[:, ROWS_AT_ONCE:].T @ weighed[rows]
    return (points * sums[:, -1:] - sums[:, :-1]).astype(np.float64), total
