"""Directions of latent space: attributes, moving between classes, reliability."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from latentspace.analysis.classes import Gaussians, compute_class_means
from latentspace.analysis.neighbors import find_nearest

RIDGE = 1.0
ENOUGH_MEMBERS = 300
HELD_WITHIN = 2.5  # standard deviations of the target class
EIGENVALUE_FLOOR = 1e-9  # of the largest; what is smaller counts as no variance at all
MEANINGLESS = 0.2  # Cohen's d of a small effect
RELIABILITY_PAIRS = 200
VARIES_MORE, MOST_AXES = 2.5, 8  # of forms
MOST_FORMS, LEAST_OF_FORM = 8, 60  # codes
PROPENSITIES = (0.05, 0.95)  # the least and the largest that count


@dataclass(frozen=True)
class Attributes:
    """Directions of measured attributes in each class, all of them told apart from each other.

    A code of a class times its `weights`, float64 (classes, A, D), is the attributes in standard
    deviations within the class, up to a constant. The `steps`, float64 (classes, A, D), are what to
    add to a code to raise one attribute by one such deviation and none of the others. `deviations`
    and `means`, float64 (classes, A), are those of the attributes in their own units.
    """

    weights: np.ndarray
    steps: np.ndarray
    deviations: np.ndarray
    means: np.ndarray

    def select(self, labels: np.ndarray, chosen: Sequence[int]) -> "Attributes":
        """Some of the attributes, by their places, in some of the classes."""
        return Attributes(*(array[labels][:, chosen] for array in vars(self).values()))


def transport(
    codes: np.ndarray,
    sources: np.ndarray,
    targets: np.ndarray,
    gaussians: Gaussians,
    preserved: Attributes | None = None,
) -> np.ndarray:
    """Moves codes, float (N, D), between classes by the optimal map between their Gaussians.

    Source: the Bures-Wasserstein map (Dowson & Landau 1982; Peyré & Cuturi 2019, "Computational
    optimal transport", section 2.6). With `preserved` it is the same map under a condition: the
    attributes that the code is predicted to have stay as they are, in their own unit, as far as the
    target class has them at all, and only what they do not explain is mapped. Sources and targets
    are the classes of each code, int (N,), before and after; the Gaussians are from
    `fit_class_gaussians`. Returns float64 (N, D); a code that stays in its class is unchanged.
    """
    if preserved is None:
        classes, dim = gaussians.means.shape
        no_values = np.zeros((classes, 0))
        no_directions = np.zeros((classes, 0, dim))
        preserved = Attributes(no_directions, no_directions, no_values, no_values)
    moved = codes.astype(np.float64)
    for source, target in np.unique(np.stack([sources, targets], axis=1), axis=0):
        if source == target:
            continue
        chosen = (sources == source) & (targets == target)
        centred = moved[chosen] - gaussians.means[source]
        (explained, rest), (explained_target, rest_target) = (
            _split(gaussians.covariances[label], preserved.weights[label])
            for label in (source, target)
        )
        held = centred @ preserved.weights[source].T  # in standard deviations of the source class
        free = (centred - held @ explained.T) @ _bures_map(rest, rest_target).T
        # By the attributes' own units, into standard deviations of the target class.
        own = held * preserved.deviations[source] + preserved.means[source]
        held = (own - preserved.means[target]) / preserved.deviations[target]
        held = np.clip(held, -HELD_WITHIN, HELD_WITHIN)
        # The map's range is that of the source: what would add to the held part is taken out.
        held = held - free @ preserved.weights[target].T
        moved[chosen] = gaussians.means[target] + free + held @ explained_target.T
    return moved


def balance(has: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Weights under which images with an attribute and without it are alike in all else.

    Source: inverse propensity weighting (Rosenbaum & Rubin 1983, "The central role of the
    propensity score in observational studies for causal effects"): the probability of the attribute
    given all else is that of a logistic regression, kept within `PROPENSITIES`. `has` is bool (N,),
    with both values, `others` float (N, K), what else is known of each. Returns float64 (N,), of
    mean 1 among those with the attribute, and among those without it.
    """
    weights = np.ones(len(has))
    varies = others[:, others.std(axis=0) > 0]
    if varies.shape[1]:
        from sklearn.linear_model import LogisticRegression

        scaled = (varies - varies.mean(axis=0)) / varies.std(axis=0)
        fitted = LogisticRegression(max_iter=1000).fit(scaled, has)
        likely = np.clip(fitted.predict_proba(scaled)[:, 1], *PROPENSITIES)
        weights = np.where(has, 1 / likely, 1 / (1 - likely))
    for value in (False, True):
        weights[has == value] /= weights[has == value].mean()
    return weights


def fit_balanced_gaussians(codes: np.ndarray, has: np.ndarray, others: np.ndarray) -> Gaussians:
    """Shrunk Gaussians of codes (N, D) without and with an attribute, see `balance`."""
    from sklearn.covariance import ledoit_wolf

    weights = balance(has, others)[:, np.newaxis]
    means, covariances = [], []
    for value in (False, True):
        members, own = codes[has == value].astype(np.float64), weights[has == value]
        means.append((own * members).mean(axis=0))
        centred = np.sqrt(own) * (members - means[-1])
        covariances.append(ledoit_wolf(centred, assume_centered=True)[0])
    return Gaussians(np.stack(means), np.stack(covariances))


@dataclass(frozen=True)
class Forms:
    """How codes without an attribute and codes with it become each other, in each of its forms."""

    gaussians: tuple[Gaussians, ...]  # by form, the commonest first: those without it and with it
    teller: Any  # a linear discriminant of the form of a code with it; None where there is one form
    difference: np.ndarray  # float (D,), of the means of all with it and without it, all else equal

    @property
    def count(self) -> int:
        """How many forms there are."""
        return len(self.gaussians)

    def tell(self, codes: np.ndarray) -> np.ndarray:
        """The form that each of codes (N, D) with the attribute has, int (N,)."""
        return np.zeros(len(codes), int) if self.teller is None else self.teller.predict(codes)

    def move(
        self, codes: np.ndarray, has: np.ndarray, forms: np.ndarray | None = None
    ) -> np.ndarray:
        """Codes (N, D) with it lose it, others get one of `forms` (N,), or the first: float64."""
        wanted = np.zeros(len(codes), int) if forms is None else forms
        chosen = np.where(has, self.tell(codes), wanted)
        moved = codes.astype(np.float64)
        for form in np.unique(chosen):
            own, states = chosen == form, has[chosen == form].astype(int)
            moved[own] = transport(codes[own], states, 1 - states, self.gaussians[form])
        return moved


def fit_forms(codes: np.ndarray, has: np.ndarray, others: np.ndarray) -> Forms:
    """Finds the forms of an attribute, such as kinds of glasses, and fits each.

    Forms are components of a mixture of Gaussians among codes with the attribute, from which all
    else that is known is taken out, in the directions in which they vary more than `VARIES_MORE`
    times as much as those without it; as many as the integrated completed likelihood asks for
    (Biernacki, Celeux & Govaert 2000, "Assessing a mixture model for clustering"). Codes are float
    (N, D); `has` and `others` are as in `balance`.
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    labels = _find_forms(codes.astype(np.float64), has, others)
    fits = []
    for form in np.unique(labels):
        own = ~has.copy()
        own[has] = labels == form
        fits.append(fit_balanced_gaussians(codes[own], has[own], others[own]))
    teller = None
    if len(fits) > 1:
        teller = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
        teller.fit(codes[has], labels)
    whole = fits[0] if teller is None else fit_balanced_gaussians(codes, has, others)
    return Forms(tuple(fits), teller, whole.means[1] - whole.means[0])


def _find_forms(codes: np.ndarray, has: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The form of each code with the attribute, int (M,), from 0."""
    from scipy.linalg import eigh
    from scipy.special import xlogy
    from sklearn.covariance import ledoit_wolf
    from sklearn.mixture import GaussianMixture

    rests = []
    for value in (False, True):
        known = np.column_stack([np.ones((has == value).sum()), others[has == value]])
        own = codes[has == value]
        rests.append(own - known @ np.linalg.lstsq(known, own)[0])
    most = min(MOST_FORMS, len(rests[1]) // LEAST_OF_FORM)
    if most < 2:
        return np.zeros(len(rests[1]), int)
    plain, varied = (ledoit_wolf(rest, assume_centered=True)[0] for rest in rests)
    plain += np.eye(len(plain)) * EIGENVALUE_FLOOR * max(np.trace(plain), 1e-12)
    ratios, axes = eigh(varied, plain)
    axes = axes[:, ratios > VARIES_MORE][:, -MOST_AXES:]
    if not axes.shape[1]:
        return np.zeros(len(rests[1]), int)
    points, counts = rests[1] @ axes, range(1, most + 1)
    mixtures = [GaussianMixture(each, n_init=3, random_state=0).fit(points) for each in counts]

    def weigh(mixture: GaussianMixture) -> float:
        doubts = mixture.predict_proba(points)
        return mixture.bic(points) - 2 * float(xlogy(doubts, doubts).sum())

    found = min(mixtures, key=weigh).predict(points)
    members = np.bincount(found)
    found = np.where(members[found] < LEAST_OF_FORM, members.argmax(), found)
    return np.argsort(np.argsort(-np.bincount(found), kind="stable"), kind="stable")[found]


def move_toward_class(
    codes: np.ndarray,
    labels: np.ndarray,
    references: np.ndarray,
    reference_labels: np.ndarray,
    shares: np.ndarray,
) -> np.ndarray:
    """Moves codes part of the way to the mean of their nearest real neighbours in their class.

    One step of mean shift (Fukunaga & Hostetler 1975), which leads towards where data is dense.
    Codes, float (N, D), are to belong to classes, int (N,); the codes of real images are
    references, float (M, D), of classes int (M,). Each goes a share of the way, float (N,) in [0,
    1]. Returns float (N, D) of the dtype of `codes`; where a class has no references, unchanged.
    """
    moved = codes.copy()
    for label in np.unique(labels):
        members, own = labels == label, references[reference_labels == label]
        if len(own):
            nearest = own[find_nearest(codes[members], own)[1]].mean(axis=1)
            moved[members] += shares[members, np.newaxis] * (nearest - codes[members])
    return moved


def fit_attribute_directions(
    codes: np.ndarray, labels: np.ndarray, values: np.ndarray, classes: int
) -> Attributes:
    """Finds the directions along which measured attributes change, class by class.

    Ridge regression of each measure on the codes gives the weights. Among all moves that raise one
    predicted attribute by one standard deviation and leave the other ones alone, a step is the
    likeliest under the Gaussian of the codes of the class. A class with fewer than `ENOUGH_MEMBERS`
    images gets the directions of all classes together, their means taken out. Codes are float (N,
    D), labels int (N,) in 0..classes-1, values float (N, A), where NaN takes the mean.
    """
    codes, known = codes.astype(np.float64), np.isfinite(values)
    values = np.where(known, values, np.where(known, values, 0).sum(axis=0) / known.sum(axis=0))
    means = compute_class_means(values, labels, classes)
    values = values - means[labels]
    codes = codes - compute_class_means(codes, labels, classes)[labels]
    together = _fit_attributes(codes, values)
    fits = []
    for label in range(classes):
        own = labels == label
        is_enough = own.sum() >= ENOUGH_MEMBERS
        fits.append(_fit_attributes(codes[own], values[own]) if is_enough else together)
    weights, steps, deviations = (np.stack(parts) for parts in zip(*fits, strict=True))
    return Attributes(weights, steps, deviations, means)


def _fit_attributes(codes: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, ...]:
    """Weights (A, D), steps (A, D) and deviations (A,) from centred codes and values."""
    from sklearn.linear_model import Ridge

    deviations = values.std(axis=0)
    deviations[deviations == 0] = 1.0
    ridge = Ridge(RIDGE, fit_intercept=False).fit(codes, values / deviations)
    weights = np.atleast_2d(ridge.coef_)
    steps, _ = _split(np.cov(codes.T), weights)
    return weights, steps.T, deviations


def calibrate(attributes: Attributes, responses: np.ndarray) -> Attributes:
    """Mends steps so that, as far as responses add up, each changes only its own attribute by one.

    Responses, float (classes, A, A), say by how many of its standard deviations attribute j of the
    decoded images of a class changed for one step along direction i.
    """
    steps = np.linalg.pinv(responses, rcond=1e-2) @ attributes.steps
    return replace(attributes, steps=steps)


def draw_differences(codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Differences of random pairs of codes (N, D), float (RELIABILITY_PAIRS, D)."""
    first, second = codes[rng.integers(0, len(codes), (RELIABILITY_PAIRS, 2))].swapaxes(0, 1)
    return first - second


def reliability(differences: np.ndarray, random_differences: np.ndarray) -> float:
    """How much more alike the single differences behind a direction are than random ones.

    Source: Liu, Jun, Li & Heer 2019, "Latent space cartography": Cohen's d between the pairwise
    cosines of the differences that a direction is the mean of, float (N, D), and those of random
    pairs, float (M, D), at least 3 each. By convention 0.2 is a small effect, 0.5 a medium, 0.8 a
    large one; under `MEANINGLESS` the direction means nothing. NaN where all cosines are equal.
    """
    first, second = (_pairwise_cosines(each) for each in (differences, random_differences))
    spread = np.sqrt((first.var(ddof=1) + second.var(ddof=1)) / 2)
    if spread < np.finfo(np.float32).eps:
        return float("nan")
    return float((first.mean() - second.mean()) / spread)


def _pairwise_cosines(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    units = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    return (units @ units.T)[np.triu_indices(len(units), 1)]


def _split(covariance: np.ndarray, measures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A Gaussian's part that linear measures (A, D) explain, (D, A), and the covariance left."""
    shared = covariance @ measures.T  # (D, A)
    explained = shared @ np.linalg.pinv(measures @ shared)  # change of a code a unit of a measure
    return explained, covariance - explained @ shared.T


def _bures_map(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The symmetric matrix T with T source T = target, float64 (D, D)."""
    root, inverse_root = _root(source)
    middle, _ = _root(root @ target @ root)
    return inverse_root @ middle @ inverse_root


def _root(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Square root of a symmetric matrix, and its pseudo-inverse."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    kept = values > values[-1] * EIGENVALUE_FLOOR
    roots = np.sqrt(np.where(kept, values, 0))
    inverses = np.where(kept, 1 / np.where(kept, roots, 1), 0)
    return (vectors * roots) @ vectors.T, (vectors * inverses) @ vectors.T
