"""Sweeps along directions of attributes that are numbers."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from latentspace.analysis import directions, scores
from latentspace.analysis.directions import RELIABILITY_PAIRS, Attributes
from latentspace.chapters.attributes.values import CODES, MOST_MEASURED, OfAttributes
from latentspace.chapters.chapter import HIGHER, LOWER, Row
from latentspace.core.pixels import Images

STEPS = (-2.0, -1.0, 0.0, 1.0, 2.0)  # standard deviations within a class
SHOWN_STEPS, SHOWN_IMAGES = 33, 6  # a still picture shows every fourth step
MEASURED_IMAGES = 8_000  # training images that the directions are learnt from, at most
CALIBRATION_IMAGES, CALIBRATION_ROUNDS, CALIBRATION_STEPS = 600, 3, (-1.25, 1.25)
SCORED_IMAGES = 500
LEAST_IMAGES = 20
EXTREME_SHARE = 0.2  # of the images of a class, at either end of an attribute
PIXELS, RANDOM = "pixels", "random_codes"
MEASURES = {  # of each attribute, in words; deviations are standard ones within a class
    "slope": ("Change of {} for a step of one deviation", ""),  # in deviations
    "spearman": ("Rank correlation of {} with the step", HIGHER),  # mean over the images
    "same_class": ("Still the same class, {} swept", HIGHER),  # share, by the classifier
    "leakage": ("Largest change of another attribute, {} swept", LOWER),  # for a step
    "grey_share": ("Ghosting: share of intermediate grey, {} swept", ""),
}
TOWARD_DATA = 0.5  # share of the path to its nearest neighbours for a code moved by two steps

# Vectors (N, D), their classes, directions (N, A, D), steps (S,) -> images (A, S, N, H, W, C).
Sweep = Callable[[np.ndarray, np.ndarray, np.ndarray, Sequence[float]], np.ndarray]


class AttributeSweeps(OfAttributes):
    """What happens to an image when its code moves along the direction of an attribute."""

    section = "attributes"

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(self.values.names[place] for place in self._places)

    @property
    def nothing_to_sweep(self) -> str | None:
        """Why there are no directions; None where there are."""
        count = len(self.study.fit_indices)
        if count < LEAST_IMAGES:
            return f"{count} training images are too few: {LEAST_IMAGES} are needed"
        return None if self.names else self.study.strokes_unavailable or "no attribute is a number"

    def check(self) -> None:
        for name in self.study.settings.attribute:
            self.values.find(name)

    @cached_property
    def predicted(self) -> Attributes:
        """What a code says of the attributes: learnt from training images, steps not calibrated."""
        return self._load_or_compute("attributes", lambda: self._fit_to(self.study.train_codes))

    @cached_property
    def directions(self) -> Attributes:
        """Directions calibrated on further training images, so that a step is what it says."""
        return self._load_or_compute(
            "attribute-steps",
            lambda: self._calibrate(self.predicted, self.study.train_codes, self._sweep_codes),
        )

    def move(
        self, codes: np.ndarray, labels: np.ndarray, moves: np.ndarray, steps: np.ndarray
    ) -> np.ndarray:
        """Codes float32 (N, D), of classes int (N,), moved along directions: float32 (N, D).

        To codes `moves`, float (N, D), are added, of `steps`, float (N,), standard deviations. A
        share of the way to the nearest training codes of the class keeps them where codes lie.
        """
        study, rows = self.study, self.study.fit_indices
        references = study.train_codes[rows], study.data.train_labels[rows]
        shares = TOWARD_DATA * np.minimum(np.abs(steps) / 2, 1)
        moved = directions.move_toward_class(codes + moves, labels, *references, shares)
        return moved.astype(np.float32)

    @cached_property
    def shown(self) -> np.ndarray:
        """Test images of different classes, swept: float32 (A, images, steps, H, W, C)."""
        study, labels = self.study, self.study.data.test_labels
        rng = np.random.default_rng(study.settings.seed)
        picked = np.sort(rng.permutation(np.unique(labels))[:SHOWN_IMAGES])
        picked = np.resize(picked, min(SHOWN_IMAGES, len(labels)))  # of few classes several images
        indices = [rng.choice(np.flatnonzero(labels == label)) for label in picked]
        steps = np.linspace(STEPS[0], STEPS[-1], SHOWN_STEPS).tolist()
        vectors = self.directions.steps[picked]
        return self._sweep_codes(study.codes[indices], picked, vectors, steps).swapaxes(1, 2)

    @cached_property
    def metrics(self) -> dict[str, Any]:
        study = self.study
        if self.nothing_to_sweep is not None:
            return {}

        def compute() -> dict[str, dict[str, np.ndarray]]:
            rng = np.random.default_rng(study.settings.seed)
            count = min(SCORED_IMAGES, len(study.images))
            chosen = rng.choice(len(study.images), count, replace=False)
            labels, test = study.data.test_labels[chosen], study.images.flatten()[chosen]
            steps = self.directions.steps
            random = rng.normal(size=steps.shape)
            lengths = (np.linalg.norm(each, axis=-1, keepdims=True) for each in (steps, random))
            random *= np.divide(*lengths)
            flat = study.data.train_images.flatten()
            of_pixels = self._load_or_compute(
                "attribute-steps-in-pixels",
                lambda: self._calibrate(self._fit_to(flat), flat, self._sweep_pixels),
            )
            spaces: dict[str, tuple[Sweep, np.ndarray, np.ndarray]] = {
                CODES: (self._sweep_codes, study.codes[chosen], steps),
                RANDOM: (self._sweep_codes, study.codes[chosen], random),
                PIXELS: (self._sweep_pixels, test, of_pixels.steps),
            }
            numbers = {"directions": {"reliability": self._measure_reliability(rng)}}
            for name, (sweep, vectors, vector_steps) in spaces.items():
                images = sweep(vectors, labels, vector_steps[labels], STEPS)
                values = self._read(images, self.directions.deviations[labels])
                called = self.classify(images)  # (A, S, N)
                kept = np.full(len(images), np.nan)
                if called is not None:
                    kept = (called == called[0, STEPS.index(0)]).mean(axis=(1, 2))
                numbers[name] = {
                    **_score_sweep(values),
                    "same_class": kept,
                    "grey_share": np.array([scores.grey_share(part) for part in images]),
                }
            return numbers

        key = (study.settings.seed, study.classifier_key, self.values.readings_key)
        groups = study.load_or_compute_numbers("attribute-sweeps", compute, *study.model_key, *key)
        named = self.name_numbers(groups)
        found = named.pop("directions")["reliability"]
        weak = [name for name, value in found.items() if value < directions.MEANINGLESS]
        return {"reliability": found, **named, "meaningless": weak}

    @property
    def rows(self) -> list[Row]:
        others = {"directions of pixels": PIXELS, "random directions": RANDOM}
        return self.list_rows_of_each(MEASURES, others)

    def classify(self, images: np.ndarray) -> np.ndarray | None:
        """What the reference classifier, if any, calls images (..., H, W, C), int (...)."""
        if self.study.classifier is None:
            return None
        flat = images.reshape(-1, *images.shape[-3:])
        called = self.study.classifier.predict_probabilities(flat).argmax(axis=1)
        return called.reshape(images.shape[:-3])

    @cached_property
    def _places(self) -> np.ndarray:
        """Where those that are numbers stand among all attributes."""
        return np.flatnonzero(self.values.is_number)[:MOST_MEASURED]

    def _calibrate(self, found: Attributes, train: Images, sweep: Sweep) -> Attributes:
        """Mends the steps by what they do to training images that they were not learnt from.

        Of the rounds each class keeps the best: an attribute that hardly varies among its images,
        as the width of a one, may not come to rest.
        """
        apart, _ = self._rows
        labels, wanted = self.study.data.train_labels[apart], np.eye(len(self.names))
        steps, least = found.steps, np.full(len(found.steps), np.inf)
        for _ in range(CALIBRATION_ROUNDS):
            images = sweep(train[apart], labels, found.steps[labels], CALIBRATION_STEPS)
            values = self._read(images, found.deviations[labels], measured_only=True)
            slopes = _fit_slopes(values, CALIBRATION_STEPS)
            members = (labels == label for label in range(len(found.steps)))
            of_classes = [slopes[:, own] if own.any() else slopes for own in members]
            responses = np.stack([own.mean(axis=1).filled(np.nan) for own in of_classes])
            # What leaves nothing to measure is taken to do what it says.
            responses = np.where(np.isfinite(responses), responses, wanted)
            off = np.abs(responses - wanted).max(axis=(1, 2))
            steps = np.where((off < least)[:, np.newaxis, np.newaxis], found.steps, steps)
            least = np.minimum(off, least)
            found = directions.calibrate(found, responses)
        return replace(found, steps=steps)

    def _fit_to(self, vectors: Images) -> Attributes:
        """Directions among vectors (M, D) of all training images, not yet calibrated."""
        data, (chosen, values) = self.study.data, self._measured
        given = vectors[chosen], data.train_labels[chosen], values
        return directions.fit_attribute_directions(*given, len(data.class_names))

    def _load_or_compute(self, kind: str, compute: Callable[[], Attributes]) -> Attributes:
        study = self.study
        key = (*study.whole.model_key, study.settings.seed, study.data.attributes_hash)
        return Attributes(**study.load_or_compute(kind, lambda: vars(compute()), *key))

    @cached_property
    def _rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Training images that calibrate steps, and others that teach directions, at random."""
        order = np.random.default_rng(self.study.settings.seed).permutation(self.study.fit_indices)
        count = min(CALIBRATION_IMAGES, len(order) // 4)
        return order[:count], order[count : count + MEASURED_IMAGES]

    @cached_property
    def _measured(self) -> tuple[np.ndarray, np.ndarray]:
        """Indices of the images that teach directions, and their attributes (N, A)."""
        _, chosen = self._rows
        return chosen, self.values.measure_training(chosen)[:, self._places]

    def _sweep_codes(
        self, codes: np.ndarray, labels: np.ndarray, directions: np.ndarray, steps: Sequence[float]
    ) -> np.ndarray:
        moves = _spread(directions, steps)
        shape, dim = moves.shape[:3], codes.shape[1]
        codes, labels = np.broadcast_to(codes, moves.shape), np.broadcast_to(labels, shape)
        each = np.broadcast_to(np.array(steps)[:, np.newaxis], shape).ravel()
        moved = self.move(codes.reshape(-1, dim), labels.ravel(), moves.reshape(-1, dim), each)
        return self.study.decode(moved.reshape(moves.shape))

    def _sweep_pixels(
        self, pixels: np.ndarray, labels: np.ndarray, directions: np.ndarray, steps: Sequence[float]
    ) -> np.ndarray:
        """Flat pixels moved straight, clipped to [0, 1]."""
        moved = (pixels + _spread(directions, steps)).astype(np.float32)
        return np.clip(moved, 0, 1).reshape(*moved.shape[:3], *self.study.run.image_shape)

    def _read(
        self, images: np.ndarray, deviations: np.ndarray, *, measured_only: bool = False
    ) -> np.ndarray:
        """Numbers of images (A, S, N, H, W, C) in standard deviations (N, A): (A, S, N, A)."""
        flat = images.reshape(-1, *images.shape[3:])
        values = self.values.read(flat, measured_only=measured_only)[:, self._places]
        return values.reshape(*images.shape[:3], -1) / deviations

    def _measure_reliability(self, rng: np.random.Generator) -> np.ndarray:
        """Reliability of each direction, from differences of extreme images of the same class."""
        chosen, measured = self._measured
        codes, labels = self.study.train_codes[chosen], self.study.data.train_labels[chosen]
        random = directions.draw_differences(codes, rng)
        found = []
        for values in measured.T:
            differences = []
            known = np.isfinite(values)
            for label in rng.choice(np.unique(labels[known]), RELIABILITY_PAIRS):
                members = np.flatnonzero((labels == label) & known)
                ordered = codes[members[np.argsort(values[members])]]
                ends = max(1, round(EXTREME_SHARE * len(ordered)))
                differences.append(rng.choice(ordered[-ends:]) - rng.choice(ordered[:ends]))
            found.append(directions.reliability(np.stack(differences), random))
        return np.array(found)


def _spread(directions: np.ndarray, steps: Sequence[float]) -> np.ndarray:
    """Moves (A, S, N, D) of so many steps along directions (N, A, D)."""
    return np.array(steps)[:, np.newaxis, np.newaxis] * directions.swapaxes(0, 1)[:, np.newaxis]


def _fit_slopes(values: np.ndarray, steps: Sequence[float]) -> np.ma.MaskedArray:
    """Change a step, of steps of mean 0, (A, S, N, A) -> (A, N, A), the unknown masked."""
    slopes = np.einsum("s,asnb->anb", np.array(steps), values) / np.square(steps).sum()
    return np.ma.masked_invalid(slopes)


def _score_sweep(values: np.ndarray) -> dict[str, np.ndarray]:
    """slope, spearman and leakage, each (A,), from the values (A, S, N, A) of a sweep."""
    slopes = _fit_slopes(values, STEPS).mean(axis=1).filled(np.nan)
    own = np.stack([values[a, :, :, a].T for a in range(len(values))])  # (A, N, S)
    return {
        "slope": np.diag(slopes),
        "spearman": np.array([scores.mean_rank_correlation(np.array(STEPS), rows) for rows in own]),
        "leakage": np.abs(slopes - np.diag(np.diag(slopes))).max(axis=1),
    }
