"""A density of codes: Gaussian mixtures, fitted after training, from which new codes are drawn."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

COMPONENTS = (4, 8, 16, 32, 64)  # tried one after the other while held-back codes gain
CODES_A_COMPONENT = 3  # times their dimensions: fewer don't tell a covariance
MOST_CODES, MOST_OF_CLASS = 60_000, 10_000  # that teach it: of all, shared out among the classes
HELD_BACK = 0.1
LEAST_GAIN = 0.05  # of the mean log density of held-back codes, to take more components
ITERATIONS, TOLERANCE = 40, 1e-2
FLOOR = 1e-4  # of the mean variance, added to every variance
ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class Density:
    """A mixture of Gaussians; each component belongs to a class, and a class may have several."""

    weights: np.ndarray  # float64 (K,), of sum 1
    means: np.ndarray  # float64 (K, D)
    covariances: np.ndarray  # float64 (K, D, D)
    classes: np.ndarray  # int64 (K,), labels; all 0 where there are no classes

    def sample(
        self,
        count: int,
        rng: np.random.Generator,
        label: int | None = None,
        *,
        temperature: float = 1.0,
    ) -> np.ndarray:
        """New codes, float32 (count, D): of one class, or of all as often as they occur.

        A class without codes gives that of all. The temperature is a factor of deviations from
        means: below 1 samples are more typical and less varied (Kingma & Dhariwal 2018, "Glow").
        """
        own = self.classes == label
        weights = self.weights * own if label is not None and own.any() else self.weights
        chosen = rng.choice(len(weights), count, p=weights / weights.sum())
        noise = temperature * rng.normal(size=(count, self.means.shape[1]))
        codes = self.means[chosen] + np.einsum("nij,nj->ni", self._roots[chosen], noise)
        return codes.astype(np.float32)

    def log_density(self, codes: np.ndarray) -> np.ndarray:
        """Natural logarithm of the density at codes (N, D), float32 (N,)."""
        return np.concatenate([density for density, _, _ in self._explain(codes)])

    def log_density_gradient(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same, and its gradient, float32 (N, D)."""
        found = []
        for density, shares, whitened in self._explain(codes):
            whitened *= shares[:, :, np.newaxis]
            found.append((density, -whitened.reshape(len(density), -1) @ self.whitening.T))
        densities, gradients = zip(*found, strict=True)
        return np.concatenate(densities), np.concatenate(gradients)

    def classify(self, codes: np.ndarray) -> np.ndarray:
        """The likeliest class of each of some codes (N, D), int64 (N,)."""
        shares = np.concatenate([shares for _, shares, _ in self._explain(codes)])
        present, owners = np.unique(self.classes, return_inverse=True)
        return present[(shares @ np.eye(len(present))[owners]).argmax(axis=1)]

    def _explain(self, codes: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Of parts of codes log density (n,), shares (n, K), whitened distances (n, K, D)."""
        from scipy.special import logsumexp

        for at in range(0, len(codes), ROWS_AT_ONCE):
            part = codes[at : at + ROWS_AT_ONCE].astype(np.float32)
            whitened = (part @ self.whitening - self.offset).reshape(-1, *self.means.shape)
            logs = self.heights - np.einsum("nkd,nkd->nk", whitened, whitened) / 2
            density = logsumexp(logs, axis=1)
            yield density, np.exp(logs - density[:, np.newaxis]), whitened

    @cached_property
    def _roots(self) -> np.ndarray:
        return np.linalg.cholesky(self.covariances)

    @cached_property
    def _inverse_roots(self) -> np.ndarray:
        return np.linalg.inv(self._roots)

    @cached_property
    def whitening(self) -> np.ndarray:
        """What brings codes to the whitened coordinates of all components, float32 (D, K * D)."""
        count, dim = self.means.shape
        return self._inverse_roots.transpose(2, 0, 1).reshape(dim, count * dim).astype(np.float32)

    @cached_property
    def offset(self) -> np.ndarray:
        """The means in these coordinates, float32 (K * D,)."""
        whitened = np.einsum("kij,kj->ki", self._inverse_roots, self.means)
        return whitened.reshape(-1).astype(np.float32)

    @cached_property
    def heights(self) -> np.ndarray:
        """Logarithm of each weighted component at its mean, float32 (K,)."""
        dim = self.means.shape[1]
        logs = np.log(np.diagonal(self._roots, axis1=1, axis2=2)).sum(axis=1)
        return (np.log(self.weights) - dim / 2 * np.log(2 * np.pi) - logs).astype(np.float32)


def fit_density(codes: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> Density:
    """Fits a mixture to the codes of each class.

    Source: ex-post density estimation, Ghosh et al. 2020, "From variational to deterministic
    autoencoders". Of each class, as many components are taken as make held-back codes of it most
    likely. A class with too few codes for several is one Gaussian, whose covariance leans on
    that within all classes, the more the fewer its codes (Friedman 1989, "Regularized discriminant
    analysis"). Codes are float32 (N, D), labels int (N,), all equal where there are no classes;
    `rng` chooses the codes that are held back, and where the components begin.
    """
    from threadpoolctl import threadpool_limits

    scale = float(np.sqrt(codes.var(axis=0, dtype=np.float64).mean())) or 1.0
    scaled = codes.astype(np.float64) / scale
    present, members = np.unique(labels, return_counts=True)
    floor = FLOOR * np.eye(codes.shape[1])
    within = floor.copy()
    for label, count in zip(present, members, strict=True):
        within += np.atleast_2d(np.cov(scaled[labels == label].T, bias=True)) * count / len(codes)
    weights, means, covariances, classes = [], [], [], []
    most = min(MOST_OF_CLASS, -(-MOST_CODES // len(present)))
    for label, count in zip(present, members, strict=True):
        own = rng.permutation(scaled[labels == label])[:most]
        with threadpool_limits(1):  # matrices are so small that threads wait for each other
            mixture = _fit_mixture(own, within, floor, int(rng.integers(2**31)))
        weights.append(mixture[0] * count / len(codes))
        means.append(mixture[1] * scale)
        covariances.append(mixture[2] * scale**2)
        classes.append(np.full(len(mixture[0]), label))
    return Density(*map(np.concatenate, (weights, means, covariances, classes)))


def fit_gaussian(codes: np.ndarray) -> Density:
    """The single Gaussian of codes (N, D), whatever their classes: the baseline."""
    mean = codes.mean(axis=0, dtype=np.float64)
    covariance = np.atleast_2d(np.cov(codes.T.astype(np.float64), bias=True))
    covariance += FLOOR * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    return Density(np.ones(1), mean[np.newaxis], covariance[np.newaxis], np.zeros(1, np.int64))


def _fit_mixture(
    codes: np.ndarray, within: np.ndarray, floor: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights, means and covariances of the mixture of one class, its codes in random order."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    count, dim = codes.shape
    own = np.atleast_2d(np.cov(codes.T, bias=True)) if count > 1 else within
    single = (count * own + dim * within) / (count + dim) + floor
    best = np.ones(1), codes.mean(axis=0, keepdims=True), single[np.newaxis]
    held_back, fitted = np.split(codes, [round(HELD_BACK * count)])
    if not len(held_back):
        return best
    reached = Density(*best, np.zeros(1)).log_density(held_back).mean()
    for components in COMPONENTS:
        if components * CODES_A_COMPONENT * dim > len(fitted):
            break
        limits = {"tol": TOLERANCE, "max_iter": ITERATIONS, "reg_covar": FLOOR}
        mixture = GaussianMixture(components, init_params="k-means++", random_state=seed, **limits)
        # Held-back codes say whether it is good enough.
        with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
            mixture.fit(fitted)
        likelihood = mixture.score(held_back)
        if likelihood < reached + LEAST_GAIN:
            break
        reached = likelihood
        best = mixture.weights_, mixture.means_, mixture.covariances_
    return best
