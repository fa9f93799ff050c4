"""Whether an encoder and a decoder in the form of a run reconstruct images, and what would help."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from latentspace.core.errors import InputError
from latentspace.datasets.values import BYTES, UNIT, Range
from latentspace.models.runs import AnyNetwork, predict

USUAL_RANGES: tuple[Range, ...] = (UNIT, (-1.0, 1.0), BYTES, (-0.5, 0.5))
Networks = tuple[AnyNetwork, AnyNetwork]
Ranges = tuple[Range, Range]  # of input and output
TRIED_IMAGES = 256
CLEARLY = 0.9  # of another's error, is clearly less
SAME = 1e-3  # of another's error, is no difference
LISTED = 3  # ranges, in messages
FAR_OUTSIDE = 0.5  # beyond 0 or 1; linear outputs overshoot by less
MAX_FAR_SHARE = 0.01
LEAST_SPREAD = 1e-6  # of codes, in their own size: less is rounding
DOUBTFUL = 0.75  # of the mean image's error, explains no pictures that are all the same
LEAST_SHARE = 0.01  # of the variance of images: where it is less, all are shown the same picture


@dataclass(frozen=True)
class Score:
    error: float  # mean squared
    bar: float  # that of the mean image
    far: float  # share of values far outside of [0, 1]

    @property
    def passes(self) -> bool:
        """Whether this is a reconstruction at all."""
        return self.error < self.bar and self.far <= MAX_FAR_SHARE


@dataclass(frozen=True)
class Trial:
    """What would come of other ranges of pixels than those that two models were built with."""

    score: Score
    takes: Range
    gives: Range | None  # None: logits
    apart: bool  # whether a flag for each has to be given

    @property
    def flags(self) -> str:
        """What a person would pass."""
        if self.gives is None:
            return f"{_format_range('input', self.takes)} and a sigmoid"
        if not self.apart and self.takes == self.gives:
            return _format_range("pixel", self.takes)
        return f"{_format_range('input', self.takes)} {_format_range('output', self.gives)}"


@dataclass(frozen=True)
class Finding:
    score: Score
    best: Score  # by the best ranges, where the two can't be trusted with theirs
    problem: str | None = None  # why they can't, and what would help
    note: str | None = None  # what a person should know where they can

    @property
    def unexplained(self) -> float:
        """The share of the variance of the images that is not reconstructed, at best."""
        return self.best.error / self.best.bar if self.best.bar else math.inf


def list_ranges(images: np.ndarray) -> list[Range]:
    """Ranges of pixels that models are trained with: usual ones, standardised, less the mean.

    The last two are those of the images of a data set, float32 (N, H, W, C) in [0, 1].
    """
    mean, deviation = float(images.mean()), float(images.std())
    if deviation == 0:
        return [*USUAL_RANGES]
    black, white = (float(f"{value - mean:.3g}") for value in UNIT)
    low, high = (float(f"{(value - mean) / deviation:.3g}") for value in UNIT)
    return [*USUAL_RANGES, (low, high), (black, white)]


def check(
    encoder: AnyNetwork,
    decoder: AnyNetwork,
    images: np.ndarray,
    *,
    built_with: Ranges = (UNIT, UNIT),
    ranges: Sequence[Range] = USUAL_RANGES,
) -> Finding:
    """Finds out whether an encoder and a decoder in the form of a run reconstruct images.

    Images are float32 (N, H, W, C) in [0, 1]; some hundred tell enough. `built_with` are the ranges
    of input and output, `ranges` others to try. It is a problem where reconstructions are far
    outside of [0, 1], all the same, or no better than the mean image. Raises an `InputError` where
    they are of another shape, or not finite.
    """
    codes = predict(encoder, images)
    reconstructed = predict(decoder, codes)
    if reconstructed.shape != images.shape:
        raise InputError(
            f"reconstructions should have the shape of the images, {images.shape}. Received: "
            f"{reconstructed.shape}; pass the decoder that was trained with this encoder"
        )
    broken = int((~np.isfinite(reconstructed)).reshape(len(reconstructed), -1).any(axis=1).sum())
    if broken:
        raise InputError(
            f"reconstructions of {broken} of {len(images)} images hold values that are not finite: "
            "the model's weights are damaged or diverged in training; pass another model"
        )
    score = measure(images, reconstructed)
    some = images[:TRIED_IMAGES]
    trials = try_ranges((encoder, decoder), some, built_with, ranges)
    collapse = _find_collapse(codes, reconstructed, images)
    if score.passes and collapse is None:
        now = measure(some, reconstructed[:TRIED_IMAGES]).error
        if not trials or trials[0].score.error >= CLEARLY * now:
            return Finding(score, score)
        note = f"other ranges are clearly better, the error is {now:.4f}: {_advise(trials)}"
        return Finding(score, score, note=note)
    best = trials[0].score if trials else score
    if collapse is not None and (not trials or best.error > DOUBTFUL * best.bar):
        return Finding(score, score, problem=collapse)
    problem = f"{score.far:.0%} of the reconstructed values lie far outside of [0, 1]"
    if collapse is not None:
        problem = f"all {len(images)} reconstructions are nearly the same"
    elif score.error >= score.bar:
        problem = (
            f"reconstructions have a mean squared error of {score.error:.4f}, no less than that of "
            f"the mean image ({score.bar:.4f})"
        )
    otherwise = (
        "pass images like those that the model was trained on and their --pixel-range, or a model "
        "that was trained longer"
    )
    return Finding(score, best, problem=f"{problem}: {_advise(trials) if trials else otherwise}")


def measure(images: np.ndarray, reconstructed: np.ndarray) -> Score:
    """Scores reconstructions of images, both (N, H, W, C)."""
    far = (reconstructed < -FAR_OUTSIDE) | (reconstructed > 1 + FAR_OUTSIDE)
    error = float(((reconstructed - images) ** 2).mean())
    return Score(error, float(((images - images.mean(axis=0)) ** 2).mean()), float(far.mean()))


def try_ranges(
    networks: Networks, images: np.ndarray, built_with: Ranges, ranges: Sequence[Range]
) -> list[Trial]:
    """What passes of all pairs of ranges, and logits, if a model was built with it; best first.

    Of those that come to the same, as in a network without bias, the one with one range for both.
    """
    (encoder, decoder), ((black, white), (low, high)) = networks, built_with
    found = []
    for takes in ranges:
        # The images as they would reach the model, and back, with that range built in.
        fed = (takes[0] + (takes[1] - takes[0]) * images - black) / (white - black)
        raw = low + (high - low) * predict(decoder, predict(encoder, fed.astype(np.float32)))
        for gives in (*ranges, None):
            if gives is None:
                shown = 1 / (1 + np.exp(-np.clip(raw, -50, 50)))
            else:
                shown = (raw - gives[0]) / (gives[1] - gives[0])
            score = measure(images, shown)
            if (takes, gives) != built_with and score.passes:
                found.append(Trial(score, takes, gives, built_with[0] != built_with[1]))
    found.sort(key=lambda one: (round(one.score.error, 6), one.takes != one.gives))
    return [
        one
        for one, before in zip(found, [None, *found], strict=False)
        if before is None or one.score.error > (1 + SAME) * before.score.error
    ]


def _format_range(what: str, pixels: Range) -> str:
    return f"--{what}-range {pixels[0]:g} {pixels[1]:g}"


def _advise(trials: Sequence[Trial]) -> str:
    """What would make reconstructions better, the best first, as the end of a sentence."""
    best, *others = trials
    beside = ", ".join(f"{other.flags} {other.score.error:.4f}" for other in others[:LISTED])
    text = f"with {best.flags} the error would be {best.score.error:.4f}"
    text += f" (with {beside})" if beside else ""
    if others and best.score.error >= CLEARLY * others[0].score.error:
        return f"{text}: several do about as well, pass the one that it was trained with"
    if best.gives is None:
        return (
            f"it looks like logits, and {text}; end the decoder in "
            "keras.layers.Activation('sigmoid') and save it again"
        )
    return text


def _find_collapse(codes: np.ndarray, reconstructed: np.ndarray, images: np.ndarray) -> str | None:
    mend = (
        "train it again with another learning rate or seed, and of a variational autoencoder with "
        "less weight on the divergence"
    )
    if float(np.ptp(codes, axis=0).max()) <= LEAST_SPREAD * max(1.0, float(np.abs(codes).max())):
        return (
            f"the codes have collapsed: all {len(images)} images get the same one, as where the "
            f"units of the code are dead; {mend}"
        )
    spread = float(reconstructed.var(axis=0).mean())
    if spread < LEAST_SHARE * float(images.var(axis=0).mean()):
        return (
            f"the decoder shows the same picture for all {len(images)} images, whatever their "
            f"codes: {mend}"
        )
    return None
