"""How well a score tells images apart, and what the votes of neighbours say against a label."""

import math

import numpy as np

from latentspace.analysis.neighborhoods import CONFIDENCE, Estimate


def auroc(own: np.ndarray, ood: np.ndarray) -> Estimate:
    """How well a score tells out-of-distribution images from own ones, whatever threshold is set.

    How often an out-of-distribution image scores higher than an own one, ties counted half. Its
    interval is that of DeLong, DeLong & Clarke-Pearson 1988, "Comparing the areas under two or more
    correlated ROC curves"; at 0 and 1 it is a point. Scores are float (N,) and (M,), 2 or more.
    """
    from scipy.stats import norm, rankdata

    ranks, count = rankdata(np.concatenate([ood, own])), len(ood)
    won = (ranks[:count] - rankdata(ood)) / len(own)  # by image the share of own ones below it
    lost = (ranks[count:] - rankdata(own)) / count
    value = float(won.mean())
    deviation = math.sqrt(won.var(ddof=1) / len(won) + lost.var(ddof=1) / len(lost))
    reach = float(norm.ppf((1 + CONFIDENCE) / 2)) * deviation
    return Estimate(value, max(0.0, value - reach), min(1.0, value + reach))


def sort_by_ambiguity(votes: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """Images with neighbours of several classes, the most ambiguous first, int64 (K,).

    By the margin of votes, int (N, classes), then few votes for others, then distance, float (N,).
    """
    ranked = np.sort(votes, axis=1)[:, ::-1]
    margins, others = ranked[:, 0] - ranked[:, 1], ranked[:, 2:].sum(axis=1)
    order = np.lexsort((distances, others, margins))
    return order[ranked[order, 1] > 0]


def flag_labels(votes: np.ndarray, labels: np.ndarray, agreement: int) -> np.ndarray:
    """Whether `agreement` of votes, int (N, classes), or more are not for a label, bool (N,)."""
    return (votes.max(axis=1) >= agreement) & (votes.argmax(axis=1) != labels)


def draw_wrong_labels(labels: np.ndarray, num_classes: int, rng: np.random.Generator) -> np.ndarray:
    """Another label for each image, drawn uniformly from all classes but its own, int64 (N,)."""
    return (labels + rng.integers(1, num_classes, len(labels))) % num_classes


def precision(found: float, false_alarms: float, share: float) -> float:
    """Share of errors among what is flagged, where errors are `share` of all; NaN if nothing is."""
    right, wrong = found * share, false_alarms * (1 - share)
    return right / (right + wrong) if right + wrong > 0 else math.nan
