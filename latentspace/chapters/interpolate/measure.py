"""Paths between images: blended pixels, codes walked straight, on a sphere, along the data."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np

from latentspace.analysis import projection, scores
from latentspace.chapters.chapter import HIGHER, LOWER, Chapter, Row, Value, value_in
from latentspace.chapters.figure import CLASS_PREFIX
from latentspace.chapters.interpolate import paths
from latentspace.chapters.interpolate.paths import PATHS, linear_paths
from latentspace.chapters.maps.measure import Maps
from latentspace.chapters.study import Selected, Study
from latentspace.core.errors import InputError

PIXELS, REAL = "pixels", "real_images"
KINDS = (PIXELS, *PATHS)
SCORED_PAIRS, SCORED_FRAMES = 500, 33
LEAST_PAIRS, SCORED_VALUES = 50, 2**26  # of large images fewer pairs are scored
GRID_SIDE = 9
TOUR_CLASSES = 12  # at most; of more, the first
BASELINES = {"pixels blended": PIXELS, "straight line": "linear", "sphere": "spherical"}
ROWS = {  # in words, which way is better, and the digits worth reading
    "confidence": (
        "Mean confidence of the reference classifier on the path along the data",
        HIGHER,
        3,
    ),
    "least_confidence": ("Least confidence of the classifier on a path", HIGHER, 3),
    "midpoint_confidence": ("Confidence of the classifier half-way", HIGHER, 3),
    "nearest_distance": ("Distance to the nearest training image", LOWER, 2),
    "grey_share": ("Ghosting: share of intermediate grey", "", 3),
    "step_ratio": ("Longest step over mean step", LOWER, 2),
}


class Interpolation(Chapter):
    """Paths between pairs of images of different classes."""

    section = "interpolation"
    takes_minutes = True
    uses_classifier = True

    def __init__(self, study: Study) -> None:
        super().__init__(study)
        self._code_paths: dict[str, np.ndarray] = {}
        self._images: dict[str, np.ndarray] = {}

    @property
    def unavailable(self) -> str | None:
        if len(self.study.data.test_pixels) < 2:
            return "a single test image has no other to lead to"
        return None

    @property
    def tour_unavailable(self) -> str | None:
        """Why there is no tour of the classes; None where there is."""
        if len(self._toured) < 2:
            return "without two classes or more there is nowhere to go"
        return None

    @property
    def settings_used(self) -> dict[str, Any]:
        """As many pairs as were asked for by their ends."""
        start = self.study.settings.start
        return {"pairs": len(start)} if start else {}

    def check(self) -> None:
        settings = self.study.settings
        if settings.frames < 2:
            raise InputError(
                f"a path has two ends. Received: --frames {settings.frames}; pass at least 2"
            )
        for flag, names in (("--from", settings.start), ("--to", settings.end)):
            for name in names:
                self.study.check_selection(name, f"{flag} {name}")

    # --- what is shown

    @cached_property
    def pairs(self) -> list[tuple[Selected, Selected]]:
        """The images to walk between: those asked for, else pairs of different classes by seed."""
        return self._asked_pairs or self._select_pairs(self.study.settings.pairs)

    @property
    def pair_names(self) -> list[str]:
        """Both ends of each pair, in words."""
        return [f"{first.name} →\n{second.name}" for first, second in self.pairs]

    def get_codes(self, kind: str) -> np.ndarray:
        """The codes on the paths of a kind of `PATHS`, found once, float32 (pairs, frames, D)."""
        if kind not in self._code_paths:
            starts, ends = self._stack_ends("code")
            frames = self.study.settings.frames
            self._code_paths[kind] = self._find_codes(kind, starts, ends, frames)
        return self._code_paths[kind]

    def get_images(self, kind: str) -> np.ndarray:
        """The images on the paths of a kind of `KINDS`, once, float32 (pairs, frames, H, W, C).

        Blending ends in the images themselves, walking in their reconstructions.
        """
        if kind not in self._images:
            if kind == PIXELS:
                starts, ends = self._stack_ends("image")
                self._images[kind] = linear_paths(starts, ends, self.study.settings.frames)
            else:
                self._images[kind] = self.study.decode(self.get_codes(kind))
        return self._images[kind]

    @cached_property
    def corners(self) -> list[Selected]:
        """Four images to blend between: the ends of two pairs, those asked for first."""
        asked = self._asked_pairs[:2]
        return [end for pair in [*asked, *self._select_pairs(2 - len(asked))] for end in pair]

    @cached_property
    def grid(self) -> np.ndarray:
        """Codes blended bilinearly between the corners, decoded, float32 (side, side, H, W, C)."""
        corners = np.stack([corner.code for corner in self.corners])
        left, right = linear_paths(corners[:2], corners[2:], GRID_SIDE)  # down both edges
        return self.study.decode(linear_paths(left, right, GRID_SIDE))

    @cached_property
    def tour(self) -> np.ndarray:
        """One path along the data through a typical image of each class and back to the first.

        float32 (frames, H, W, C); the first frame follows the last.
        """
        study = self.study
        names = [study.data.class_names[label] for label in self._toured]
        stops = np.stack([study.select(f"{CLASS_PREFIX}{name}").code for name in names])
        ends, frames = np.roll(stops, -1, axis=0), study.settings.frames
        legs = paths.data_paths(self._graph, stops, ends, frames)
        return study.decode(legs[:, :-1].reshape(-1, stops.shape[1]))

    def locate_on_map(self, kind: str) -> np.ndarray:
        """Where a kind of `PATHS` runs on the latent map, float (pairs, frames, 2)."""
        codes, maps = self.get_codes(kind), self.study.of(Maps)
        flat = codes.reshape(-1, codes.shape[-1])
        placed = projection.place(flat, maps.codes, maps.get_points("latent"))
        return placed.reshape(*codes.shape[:2], 2)

    # --- what is measured

    @property
    def scored_pairs(self) -> int:
        """For how many pairs of test images `metrics` are the means."""
        affordable = SCORED_VALUES // (SCORED_FRAMES * math.prod(self.study.data.image_shape))
        return min(SCORED_PAIRS, max(LEAST_PAIRS, affordable))

    @cached_property
    def metrics(self) -> dict[str, dict[str, float]]:
        """What paths between pairs of test images are like, by kind of `KINDS`, and real images.

        confidence, least_confidence and midpoint_confidence of the reference classifier (means over
        the paths; left out without one), nearest_distance (to a training image), grey_share (of
        images that show strokes), step_ratio (longest step over mean step, of paths on which
        anything changes) and length, both as seen in the images.
        """
        study = self.study

        def compute() -> dict[str, dict[str, np.ndarray]]:
            starts, ends = np.array(list(islice(self._draw_pairs(), self.scored_pairs))).T
            blended = linear_paths(study.images[starts], study.images[ends], SCORED_FRAMES)
            codes = study.codes[starts], study.codes[ends]
            with study.make_bar("scoring paths", len(KINDS)) as bar:
                numbers = {PIXELS: self._score_paths(blended)}
                bar.update()
                for kind in PATHS:
                    images = study.decode(self._find_codes(kind, *codes, SCORED_FRAMES))
                    numbers[kind] = self._score_paths(images)
                    bar.update()
            numbers[REAL] = self._score_frames(study.images[:, np.newaxis])
            return numbers

        groups = study.load_or_compute_groups(
            "paths", compute, *study.model_key, study.settings.seed, study.classifier_key
        )
        return {
            kind: {measure: float(value) for measure, value in numbers.items()}
            for kind, numbers in groups.items()
        }

    @property
    def rows(self) -> list[Row]:
        """What the path along the data is like beside the others, and the reference classifier."""
        numbers = self.metrics
        rows = [
            Row(
                words,
                value_in(numbers["data"], name),
                {who: value_in(numbers[kind], name) for who, kind in BASELINES.items()},
                {"real test images": value_in(numbers[REAL], name)},
                better,
                digits,
            )
            for name, (words, better, digits) in ROWS.items()
            if np.isfinite(value_in(numbers["data"], name).value)
        ]
        if self.study.classifier is not None:
            words = "Real test images that the reference classifier calls right"
            rows.append(Row(words, Value(self.study.classifier.facts["test_accuracy"])))
        return rows

    def _score_paths(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """What paths (N, T, H, W, C) look like."""
        steps = scores.step_lengths(images)
        changing = steps[steps.any(axis=1)]
        ratios = changing.max(axis=1) / changing.mean(axis=1)
        return {
            **self._score_frames(images),
            "step_ratio": ratios.mean() if len(ratios) else np.array(np.nan),
            "length": steps.sum(axis=1).mean(),
        }

    def _score_frames(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """What each single frame of paths (N, T, H, W, C) looks like."""
        study, (count, length) = self.study, images.shape[:2]
        frames = images.reshape(-1, *images.shape[2:])
        numbers = {"nearest_distance": scores.find_nearest(frames, study.references)[0].mean()}
        if study.strokes_unavailable is None:
            numbers["grey_share"] = np.array(scores.grey_share(frames))
        if study.classifier is not None:
            believed = study.classifier.predict_probabilities(frames)
            confidence = believed.max(axis=1).reshape(count, length)
            numbers["confidence"] = confidence.mean()
            if length > 1:
                numbers["least_confidence"] = confidence.min(axis=1).mean()
                numbers["midpoint_confidence"] = confidence[:, length // 2].mean()
        return numbers

    # --- inside

    def _stack_ends(self, part: str) -> list[np.ndarray]:
        """The "image" or the "code" of the first of each pair, and of the second."""
        return [np.stack([getattr(pair[end], part) for pair in self.pairs]) for end in (0, 1)]

    @cached_property
    def _asked_pairs(self) -> list[tuple[Selected, Selected]]:
        settings = self.study.settings
        starts, ends = (map(self.study.select, side) for side in (settings.start, settings.end))
        return list(zip(starts, ends, strict=True))

    @property
    def _toured(self) -> np.ndarray:
        """Labels of the classes that the tour goes through."""
        return np.unique(self.study.data.test_labels)[:TOUR_CLASSES]

    @cached_property
    def _graph(self) -> paths.NeighborGraph:
        study = self.study
        codes = study.train_codes[study.reference_rows]

        def compute() -> dict[str, np.ndarray]:
            graph = paths.build_neighbor_graph(codes)
            return {"distances": graph.distances, "indices": graph.indices}

        key = (*study.model_key, paths.GRAPH_NEIGHBORS)
        return paths.NeighborGraph(codes, **study.load_or_compute("neighbors", compute, *key))

    def _find_codes(
        self, kind: str, starts: np.ndarray, ends: np.ndarray, frames: int
    ) -> np.ndarray:
        if kind == "linear":
            return linear_paths(starts, ends, frames)
        if kind == "spherical":
            centre = self.study.train_codes.mean(axis=0)
            return paths.spherical_paths(starts, ends, frames, centre)
        return paths.data_paths(self._graph, starts, ends, frames)

    def _draw_pairs(self) -> Iterator[tuple[int, int]]:
        """Indices of two test images of different classes, or of any where there is one class."""
        rng = np.random.default_rng(self.study.settings.seed)
        labels = self.study.data.test_labels
        several = len(np.unique(labels)) > 1
        while True:
            first, second = rng.choice(len(labels), 2, replace=False)
            if labels[first] != labels[second] or not several:
                yield int(first), int(second)

    def _select_pairs(self, count: int) -> list[tuple[Selected, Selected]]:
        """The first pairs of `_draw_pairs`."""
        select = self.study.select_index
        return [(select(one), select(two)) for one, two in islice(self._draw_pairs(), count)]
