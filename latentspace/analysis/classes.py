"""Statistics of classes of vectors."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


def compute_class_means(codes: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Means of codes, float (N, D), by label, int (N,): (classes, D); of all without members."""
    members = np.bincount(labels, minlength=classes)[:, np.newaxis]
    sums = np.zeros((classes, codes.shape[1]))
    np.add.at(sums, labels, codes)
    everything = sums.sum(axis=0) / len(codes)
    return np.where(members, sums / np.maximum(members, 1), everything).astype(codes.dtype)


@dataclass(frozen=True)
class Gaussians:
    means: np.ndarray  # float64 (classes, D)
    covariances: np.ndarray  # float64 (classes, D, D)


def fit_class_gaussians(codes: np.ndarray, labels: np.ndarray, classes: Iterable[int]) -> Gaussians:
    """Fits a Gaussian to the codes (N, D) of each of some classes, in their order.

    Source of the covariances: Ledoit & Wolf 2004, "A well-conditioned estimator for
    large-dimensional covariance matrices"; they are invertible also where a class is small. One
    without members has the mean and covariance of all, a single member the covariance.
    """
    from sklearn.covariance import ledoit_wolf

    means, covariances = [], []
    for label in classes:
        members = codes[labels == label] if (labels == label).any() else codes
        spread = members if len(members) > 1 else codes
        means.append(members.mean(axis=0, dtype=np.float64))
        covariances.append(ledoit_wolf(spread.astype(np.float64))[0])
    return Gaussians(np.stack(means), np.stack(covariances))
