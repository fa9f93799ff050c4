"""Ways between images: blended pixels, codes walked straight, on a sphere, along the data."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np

from latentspace.analysis import projection, scores
from latentspace.chapters.chapter import Chapter
from latentspace.chapters.interpolate import paths
from latentspace.chapters.interpolate.paths import NeighborGraph
from latentspace.chapters.maps.measure import Maps
from latentspace.chapters.study import Selected
from latentspace.core.errors import InputError

PIXELS, REAL = "pixels", "real_images"
KINDS = (PIXELS, *paths.PATHS)
SCORED_PAIRS, SCORED_FRAMES = 500, 33
LEAST_PAIRS, SCORED_VALUES = 50, 2**26  # of large images fewer pairs are scored
GRID_SIDE = 9
TOUR_CLASSES = 12  # at most; of more, the first


class Interpolation(Chapter):
    """Ways between pairs of images of different classes."""

    section = "interpolation"
    takes_minutes = True
    uses_classifier = True

    @property
    def _maps(self) -> Maps:
        return self.study.of(Maps)

    @property
    def unavailable(self) -> str | None:
        """Why there are no ways; None where there are."""
        if len(self.study.images) < 2:
            return "a single test image has no other to lead to"
        return None

    def check(self) -> None:
        """Refuses ends that the data does not have, and ways that are too short.

        Raises:
            InputError: Says what is there.
        """
        settings = self.study.settings
        if settings.frames < 2:
            raise InputError("a way has two ends. Received: --frames 1; pass at least 2")
        for flag, names in (("--from", settings.start), ("--to", settings.end)):
            for name in names:
                self.study.check_selection(name, f"{flag} {name}")

    # --- what is shown

    @cached_property
    def pairs(self) -> list[tuple[Selected, Selected]]:
        """The images to walk between: those asked for, else pairs of different classes by seed."""
        study, settings = self.study, self.study.settings
        if settings.start:
            ends = zip(settings.start, settings.end, strict=True)
            return [(study.select(start), study.select(end)) for start, end in ends]
        drawn = self._draw_pairs()
        return [self._select_pair(next(drawn)) for _ in range(settings.pairs)]

    @property
    def pair_names(self) -> list[str]:
        """Both ends of each pair, in words."""
        return [f"{first.name} →\n{second.name}" for first, second in self.pairs]

    @cached_property
    def code_paths(self) -> dict[str, np.ndarray]:
        """For each of `paths.PATHS` the codes on the way, float32 (pairs, frames, D)."""
        starts, ends = (np.stack([pair[end].code for pair in self.pairs]) for end in (0, 1))
        return self._find_code_paths(starts, ends, self.study.settings.frames)

    @cached_property
    def paths(self) -> dict[str, np.ndarray]:
        """For each of `KINDS` the images on the way, float32 (pairs, frames, H, W, C).

        Blending ends in the images themselves, walking in their reconstructions.
        """
        starts, ends = (np.stack([pair[end].image for pair in self.pairs]) for end in (0, 1))
        return {
            PIXELS: paths.linear_paths(starts, ends, self.study.settings.frames),
            **{kind: self.study.decode(codes) for kind, codes in self.code_paths.items()},
        }

    @cached_property
    def corners(self) -> list[Selected]:
        """Four images to blend between: the ends of two pairs, shown ones first."""
        drawn = self._draw_pairs()
        pairs = [*self.pairs, self._select_pair(next(drawn)), self._select_pair(next(drawn))]
        return [end for pair in pairs[:2] for end in pair]

    @cached_property
    def grid(self) -> np.ndarray:
        """Codes blended bilinearly between the corners, decoded, float32 (side, side, H, W, C)."""
        corners = np.stack([corner.code for corner in self.corners])
        sides = paths.linear_paths(
            corners[:2], corners[2:], GRID_SIDE
        )  # down both edges: (2, side, D)
        return self.study.decode(paths.linear_paths(sides[0], sides[1], GRID_SIDE))

    @cached_property
    def tour(self) -> np.ndarray:
        """One way along the data through a typical image of each class and back to the first.

        float32 (frames, H, W, C); the first frame follows the last.
        """
        study = self.study
        present = np.unique(study.data.test_labels)[:TOUR_CLASSES]
        stops = np.stack(
            [study.select(f"class:{study.data.class_names[label]}").code for label in present]
        )
        legs = paths.data_paths(
            self._graph, stops, np.roll(stops, -1, axis=0), study.settings.frames
        )
        return study.decode(legs[:, :-1].reshape(-1, stops.shape[1]))

    def locate_on_map(self, kind: str) -> np.ndarray:
        """Where a kind of `paths.PATHS` runs on the latent map, float (pairs, frames, 2)."""
        codes = self.code_paths[kind]
        placed = projection.place(
            codes.reshape(-1, codes.shape[-1]), self._maps.codes, self._maps.get_points("latent")
        )
        return placed.reshape(*codes.shape[:2], 2)

    # --- what is measured

    @property
    def scored_pairs(self) -> int:
        """For how many pairs of test images `metrics` are the means."""
        affordable = SCORED_VALUES // (SCORED_FRAMES * self.study.images[0].size)
        return min(SCORED_PAIRS, max(LEAST_PAIRS, affordable))

    @cached_property
    def metrics(self) -> dict[str, dict[str, float]]:
        """What ways between pairs of test images are like, for each of `KINDS`, and real images.

        confidence, least_confidence and midpoint_confidence of the judge (means over the ways; left
        out without judge), nearest_distance (to a training image), grey_share (of images that show
        strokes), step_ratio (longest step over mean step, of ways on which anything changes) and
        length, both as seen in the images.
        """
        study = self.study

        def compute() -> dict[str, dict[str, np.ndarray]]:
            drawn = self._draw_pairs()
            pairs = np.array([next(drawn) for _ in range(self.scored_pairs)])
            starts, ends = pairs.T
            codes = self._find_code_paths(study.codes[starts], study.codes[ends], SCORED_FRAMES)
            numbers = {}
            for kind in KINDS:
                if kind == PIXELS:
                    images = paths.linear_paths(
                        study.images[starts], study.images[ends], SCORED_FRAMES
                    )
                else:
                    images = study.decode(codes[kind])
                numbers[kind] = self._score_paths(images)
            numbers[REAL] = self._score_frames(study.images[:, np.newaxis])
            return numbers

        classifier = study.classifier.facts["sha256"] if study.classifier else ""
        groups = study.load_or_compute_groups(
            "paths", compute, *study.model_key, study.settings.seed, classifier
        )
        return {
            kind: {measure: float(value) for measure, value in numbers.items()}
            for kind, numbers in groups.items()
        }

    def _score_paths(self, paths: np.ndarray) -> dict[str, np.ndarray]:
        steps = scores.step_lengths(paths)
        changing = steps[steps.any(axis=1)]
        return {
            **self._score_frames(paths),
            "step_ratio": (
                (changing.max(axis=1) / changing.mean(axis=1)).mean()
                if len(changing)
                else np.array(np.nan)
            ),
            "length": steps.sum(axis=1).mean(),
        }

    def _score_frames(self, paths: np.ndarray) -> dict[str, np.ndarray]:
        """What each single frame of ways (N, T, H, W, C) looks like."""
        study = self.study
        frames = paths.reshape(-1, *paths.shape[2:])
        numbers = {"nearest_distance": scores.find_nearest(frames, study.references)[0].mean()}
        if study.strokes_unavailable is None:
            numbers["grey_share"] = np.array(scores.grey_share(frames))
        if study.classifier is not None:
            confidence = (
                study.classifier.predict_probabilities(frames).max(axis=1).reshape(paths.shape[:2])
            )
            numbers["confidence"] = confidence.mean()
            if paths.shape[1] > 1:
                numbers["least_confidence"] = confidence.min(axis=1).mean()
                numbers["midpoint_confidence"] = confidence[:, paths.shape[1] // 2].mean()
        return numbers

    # --- inside

    @cached_property
    def _graph(self) -> NeighborGraph:
        study = self.study
        codes = study.train_codes[study.reference_rows]

        def compute() -> dict[str, np.ndarray]:
            graph = paths.build_neighbor_graph(codes)
            return {"distances": graph.distances, "indices": graph.indices}

        arrays = study.load_or_compute(
            "neighbors", compute, *study.model_key, paths.GRAPH_NEIGHBORS
        )
        return NeighborGraph(codes, arrays["distances"], arrays["indices"])

    def _find_code_paths(
        self, starts: np.ndarray, ends: np.ndarray, frames: int
    ) -> dict[str, np.ndarray]:
        study = self.study
        return {
            "linear": paths.linear_paths(starts, ends, frames),
            "spherical": paths.spherical_paths(
                starts, ends, frames, study.train_codes.mean(axis=0)
            ),
            "data": paths.data_paths(self._graph, starts, ends, frames),
        }

    def _draw_pairs(self) -> Iterator[tuple[int, int]]:
        """Indices of two test images of different classes, or of any where there is one class."""
        rng = np.random.default_rng(self.study.settings.seed)
        labels = self.study.data.test_labels
        several = len(np.unique(labels)) > 1
        while True:
            first, second = rng.choice(len(labels), 2, replace=False)
            if labels[first] != labels[second] or not several:
                yield int(first), int(second)

    def _select_pair(self, pair: tuple[int, int]) -> tuple[Selected, Selected]:
        first, second = (self.study.select(str(index)) for index in pair)
        return first, second
