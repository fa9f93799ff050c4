"""Curves of error over bytes, read between their points along straight lines in both logarithms."""

from __future__ import annotations

import numpy as np

LEAST_ERROR = 1e-12  # stands for none at all, which has no logarithm
SIZES = 2000  # at which curves are compared, evenly spaced in their logarithm

Curve = tuple[np.ndarray, np.ndarray]  # sizes and errors, float (S,) each, in any order


def pareto_front(curve: Curve) -> Curve:
    """The points that no other one beats: sizes rise, errors fall."""
    sizes, errors = curve
    order = np.lexsort((errors, sizes))
    before = np.minimum.accumulate(np.concatenate([[np.inf], errors[order]]))[:-1]
    kept = order[errors[order] < before]
    return sizes[kept], errors[kept]


def size_at(curve: Curve, error: float) -> float:
    """The bytes that a curve needs for an error; infinite where it never comes so low."""
    sizes, errors = pareto_front(curve)
    if errors[-1] > error:
        return np.inf
    return float(np.exp(np.interp(-_log(error), -_log(errors), np.log(sizes))))


def error_at(curve: Curve, size: float) -> float:
    """The error that a curve reaches with so many bytes; infinite where it needs more."""
    sizes, errors = pareto_front(curve)
    if size < sizes[0]:
        return np.inf
    return float(np.exp(np.interp(np.log(size), np.log(sizes), _log(errors))))


def find_overtaking(curve: Curve, others: list[Curve]) -> float | None:
    """The bytes from which on one of the others, not mixed, always has less error than a curve.

    None where it is never overtaken; the least size of the others where it is at every size.
    """
    ends = [size for sizes, _ in (curve, *others) for size in (sizes.min(), sizes.max())]
    sizes = np.geomspace(min(ends), max(ends), SIZES)
    least = np.array([min(error_at(other, size) for other in others) for size in sizes])
    ahead = least < np.array([error_at(curve, size) for size in sizes])
    if not ahead[-1]:
        return None
    behind = np.flatnonzero(~ahead)
    return float(sizes[0 if not len(behind) else behind[-1] + 1])


def mean_ratio(curve: Curve, other: Curve) -> float:
    """How many times the bytes of another curve a curve needs at equal errors.

    The geometric mean over those errors of the other that both reach; where they share none, over
    the sizes as they come.
    """
    sizes, errors = pareto_front(other)
    least, most = curve[1].min(), curve[1].max()
    shared = (errors >= least) & (errors <= most)
    if not shared.any():
        return float(np.exp(np.mean(np.log(curve[0])) - np.mean(np.log(other[0]))))
    wanted = np.array([size_at(curve, error) for error in errors[shared]])
    return float(np.exp(np.mean(np.log(wanted / sizes[shared]))))


def _log(errors: np.ndarray | float) -> np.ndarray:
    return np.log(np.maximum(errors, LEAST_ERROR))
