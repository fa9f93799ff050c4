"""Statistics of classes of vectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def compute_class_means(codes: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Mean code of each class.

    Args:
        codes: float (N, D).
        labels: int (N,) in 0..classes-1.
        classes: Number of classes.

    Returns:
        float (classes, D); a class without members has the mean of all.
    """
    members = np.bincount(labels, minlength=classes)[:, np.newaxis]
    sums = np.zeros((classes, codes.shape[1]))
    np.add.at(sums, labels, codes)
    everything = sums.sum(axis=0) / len(codes)
    return np.where(members, sums / np.maximum(members, 1), everything).astype(codes.dtype)


@dataclass(frozen=True)
class Gaussians:
    """A Gaussian per class.

    Attributes:
        means: float64 (classes, D).
        covariances: float64 (classes, D, D).
    """

    means: np.ndarray
    covariances: np.ndarray


def fit_class_gaussians(codes: np.ndarray, labels: np.ndarray, classes: int) -> Gaussians:
    """Fits a Gaussian to the codes of each class.

    Source of the covariances: Ledoit & Wolf 2004, "A well-conditioned estimator for
    large-dimensional covariance matrices"; they are invertible also where a class is small.

    Args:
        codes: float (N, D).
        labels: int (N,) in 0..classes-1.
        classes: Number of classes.

    Returns:
        The Gaussians; a class without members has the mean and covariance of all, one of a single
        member the covariance.
    """
    from sklearn.covariance import ledoit_wolf

    fits = []
    for label in range(classes):
        members = codes[labels == label] if (labels == label).any() else codes
        spread = members if len(members) > 1 else codes
        fits.append(
            (
                members.mean(axis=0, dtype=np.float64),
                ledoit_wolf(spread.astype(np.float64))[0],
            )
        )
    means, covariances = zip(*fits, strict=True)
    return Gaussians(np.stack(means), np.stack(covariances))
