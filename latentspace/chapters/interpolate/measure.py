"""Paths between images: blended pixels, codes walked straight, on a sphere, along the data."""

import math
from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np

from latentspace.analysis import projection, scores
from latentspace.analysis.neighborhoods import Estimate, mean_estimate
from latentspace.analysis.strokes import ATTRIBUTES
from latentspace.chapters.chapter import Chapter, Row, Value, list_rows, value_in
from latentspace.chapters.figure import CLASS_PREFIX
from latentspace.chapters.interpolate import paths
from latentspace.chapters.interpolate.paths import PATHS, linear_paths, span_evenly
from latentspace.chapters.maps.measure import Maps
from latentspace.chapters.study import Selected, Study
from latentspace.core.documents import read_tables
from latentspace.core.errors import InputError
from latentspace.core.pixels import UnitImages, map_parts
from latentspace.datasets import choose_limited

PIXELS, REAL, AUTO = "pixels", "real_images", "auto"
KINDS = (PIXELS, *PATHS)
SCORED_PAIRS, SCORED_FRAMES = 500, 33
INK_IMAGES, LIGHT = 500, 200  # the median pixel of so many tells a light ground
LEAST_PAIRS, SCORED_VALUES = 50, 2**26  # of large images fewer pairs are scored
REAL_IMAGES = 2_000
TERRAIN_CODES = 20_000
CHOICE_PAIRS = 100  # by which it is seen which path is better
LARGEST_LEAP = 0.5  # of the straight line: a path along the data that takes longer steps is none
LEAST_FEATURE = 1e-3
STRIDE = 4  # of the frames whose nearest training image is sought and whose strokes are measured
THICK_PATHS = 100  # whose strokes are measured
GRID_SIDE = 9
TOUR_CLASSES = 12  # at most; of more, the first
BASELINES = {"pixels blended": PIXELS, "straight line": "linear", "sphere": "spherical"}
ROWS = read_tables(__file__)["rows"]


class Interpolation(Chapter):
    """Paths between pairs of images of different classes."""

    section = "interpolation"
    needs = ("decoder", "images")
    takes_minutes = True
    uses_classifier = True

    def __init__(self, study: Study) -> None:
        super().__init__(study)
        self._codes: dict[str, np.ndarray] = {}
        self._images: dict[str, np.ndarray] = {}

    @property
    def unavailable(self) -> str | None:
        several = len(self.study.data.test_pixels) > 1
        return None if several else "a single test image has no other to lead to"

    @property
    def tour_unavailable(self) -> str | None:
        """Why there is no tour of the classes; None where there is."""
        several = len(self._toured) > 1
        return None if several else "without two classes or more there is nowhere to go"

    @property
    def settings_used(self) -> dict[str, Any]:
        settings = self.study.settings
        pairs = {"pairs": len(settings.start)} if settings.start else {}
        return {**pairs, **({"path": self.path} if settings.path == AUTO else {})}

    def check(self) -> None:
        settings = self.study.settings
        if settings.frames < 2:
            raise InputError(
                f"a path has two ends. Received: --frames {settings.frames}; pass at least 2"
            )
        for flag, names in (("--from", settings.start), ("--to", settings.end)):
            for name in names:
                self.study.check_selection(name, f"{flag} {name}")

    @cached_property
    def pairs(self) -> list[tuple[Selected, Selected]]:
        """The images to walk between: those asked for, else pairs of different classes by seed."""
        return self._asked_pairs or self._select_pairs(self.study.settings.pairs)

    def get_codes(self, kind: str) -> np.ndarray:
        """The codes on the paths of a kind of `PATHS`, found once, float32 (pairs, frames, D)."""
        if kind not in self._codes:
            frames = self.study.settings.frames
            self._codes[kind] = self._find_codes(kind, *self._stack_ends("code"), frames)
        return self._codes[kind]

    def get_images(self, kind: str) -> np.ndarray:
        """On the paths of one of `KINDS`, made once: float32 (pairs, frames, H, W, C)."""
        if kind not in self._images:
            if kind == PIXELS:
                frames = self.study.settings.frames
                self._images[kind] = linear_paths(*self._stack_ends("image"), frames)
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
        """A path through a typical image of each class, a loop: float32 (frames, H, W, C)."""
        study = self.study
        names = [study.data.class_names[label] for label in self._toured]
        stops = np.stack([study.select(f"{CLASS_PREFIX}{name}").code for name in names])
        ends, frames = np.roll(stops, -1, axis=0), study.settings.frames
        legs = self._find_codes(self.path, stops, ends, frames)
        return study.decode(legs[:, :-1].reshape(-1, stops.shape[1]))

    @cached_property
    def terrain(self) -> paths.Terrain:
        rows = choose_limited(len(self.study.train_codes), TERRAIN_CODES)
        images = UnitImages(self.study.data.train_pixels, rows)
        brightness = map_parts(lambda part: part.mean(axis=(1, 2, 3)), images)
        return paths.learn_terrain(self.study.density, self.study.train_codes[rows], brightness)

    def locate_on_map(self, kind: str) -> np.ndarray:
        """Where a kind of `PATHS` runs on the latent map, float (pairs, frames, 2)."""
        codes, maps = self.get_codes(kind), self.study.of(Maps)
        flat = codes.reshape(-1, codes.shape[-1])
        placed = projection.place(flat, maps.codes, maps.get_points("latent"))
        return placed.reshape(*codes.shape[:2], 2)

    @property
    def scored_pairs(self) -> int:
        """For how many pairs of test images `metrics` are the means."""
        affordable = SCORED_VALUES // (SCORED_FRAMES * math.prod(self.study.data.image_shape))
        return min(SCORED_PAIRS, max(LEAST_PAIRS, affordable))

    @property
    def path(self) -> str:
        """The kind of `PATHS` that animations take."""
        path = self.study.settings.path
        return path if path != AUTO else "data" if self.reason is None else "linear"

    @cached_property
    def reason(self) -> str | None:
        """Why the straight line is taken and no path along the data; None where that is better.

        It is where it does not leap, and images half-way are more like real ones in brightness,
        sharpness and distance to the nearest training image, by an interval that excludes 0.
        """
        choice = self._choice
        if choice["leap"] > LARGEST_LEAP:
            return f"along the data a path would leap over {choice['leap']:.0%} of the way at once"
        if Estimate(*choice["gain"]).low > 0:
            return None
        return (
            "along the data images half-way are no more like real ones in brightness, sharpness "
            "and distance to the nearest training image"
        )

    @cached_property
    def _choice(self) -> dict[str, Any]:
        """What `reason` goes by: the "gain" of images half-way, and the "leap", a median share."""
        study = self.study

        def compute() -> dict[str, Any]:
            starts, ends = np.array(list(islice(self._draw_pairs(seed=0), CHOICE_PAIRS))).T
            codes = study.codes[starts], study.codes[ends]
            along = self._find_codes("data", *codes, SCORED_FRAMES)
            steps = np.linalg.norm(np.diff(along, axis=1), axis=2).max(axis=1)
            whole = np.linalg.norm(codes[1] - codes[0], axis=1)
            halves = (codes[0] + codes[1]) / 2, along[:, SCORED_FRAMES // 2]
            of_starts, of_ends, *of_halves = map(self._describe, (*codes, *halves))
            middle = (of_starts + of_ends) / 2
            straight, bent = (np.abs(half - middle).mean(axis=0) for half in of_halves)
            rng = np.random.default_rng(0)  # the choice is the same with every seed
            leap = np.median(steps / np.maximum(whole, paths.TINY))
            return {"gain": np.array(mean_estimate(straight - bent, rng)), "leap": np.array(leap)}

        found = study.load_or_compute("path-choice", compute, *study.model_key)
        return {name: value.tolist() for name, value in found.items()}

    def _describe(self, codes: np.ndarray) -> np.ndarray:
        """Logarithms of what images of codes (N, D) are like, (3, N)."""
        images = self.study.decode(codes)
        away = self.study.search.find(images)[0]
        features = self._measure_brightness(images), scores.sharpness(images), away
        return np.log(np.maximum(features, LEAST_FEATURE))

    @cached_property
    def metrics(self) -> dict[str, Any]:
        study, seed = self.study, self.study.settings.seed

        def compute() -> dict[str, dict[str, np.ndarray]]:
            starts, ends = np.array(list(islice(self._draw_pairs(seed), self.scored_pairs))).T
            codes = study.codes[starts], study.codes[ends]
            numbers = {}
            with study.make_bar("scoring paths", len(KINDS)) as bar:
                for kind in KINDS:
                    if kind == PIXELS:
                        pairs = study.images[starts], study.images[ends]
                        images = linear_paths(*pairs, SCORED_FRAMES)
                    else:
                        images = study.decode(self._find_codes(kind, *codes, SCORED_FRAMES))
                    numbers[kind] = self._score_paths(images)
                    bar.update()
            rows = choose_limited(len(study.codes), REAL_IMAGES)
            numbers[REAL] = self._score_frames(study.decode(study.codes[rows])[:, np.newaxis])[0]
            return numbers

        key = (*study.model_key, seed, study.classifier_key)
        return study.load_or_compute_numbers("paths", compute, *key)

    @property
    def rows(self) -> list[Row]:
        numbers = self.metrics
        rows = list_rows(ROWS, numbers, "data", BASELINES, {"real test images": REAL})
        rows = [row for row in rows if np.isfinite(row.own.value)]
        found = self.study.trained_classifier
        if found is not None:
            words = "Balanced accuracy of the reference classifier on real test images"
            if found.unfit is not None:
                words += ", which is too low to judge by"
            chance = {"guessing": Value(found.facts["chance"])}
            rows.append(Row(words, value_in(found.facts, "balanced_accuracy"), chance))
        return rows

    def _score_paths(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """What paths (N, T, H, W, C) look like."""
        steps = scores.step_lengths(images)
        changing = steps[steps.any(axis=1)]
        ratios = changing.max(axis=1) / changing.mean(axis=1)
        brightness = self._measure_brightness(images)
        found, confidence = self._score_frames(images)
        share = brightness / np.maximum(span_evenly(brightness), paths.TINY)
        numbers = {
            **found,
            "least_brightness": share.min(axis=1).mean(),
            "step_ratio": ratios.mean() if len(ratios) else np.array(np.nan),
            "length": steps.sum(axis=1).mean(),
        }
        if self.study.strokes_unavailable is None:
            some = images[:THICK_PATHS, ::STRIDE]
            measured = self.study.measure_strokes(some.reshape(-1, *images.shape[2:]))
            thickness = measured[:, ATTRIBUTES.index("thickness")].reshape(some.shape[:2])
            numbers["thickness_off"] = np.nanmean(np.abs(thickness - span_evenly(thickness)))
        if confidence is not None:
            numbers["least_confidence"] = confidence.min(axis=1).mean()
            numbers["midpoint_confidence"] = confidence[:, images.shape[1] // 2].mean()
        return numbers

    def _score_frames(self, images: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
        """What the frames of paths (N, T, H, W, C) look like, and the confidence in each (N, T)."""
        study, frames = self.study, images.reshape(-1, *images.shape[2:])
        some = images[:, ::STRIDE].reshape(-1, *images.shape[2:])
        numbers = {
            "nearest_distance": study.search.find(some)[0].mean(),
            "sharpness": scores.sharpness(frames).mean(),
        }
        if study.strokes_unavailable is None:
            numbers["grey_share"] = np.array(scores.grey_share(frames))
        if study.classifier is None:
            return numbers, None
        confidence = study.classifier.predict_probabilities(frames).max(axis=1)
        numbers["confidence"] = confidence.mean()
        return numbers, confidence.reshape(images.shape[:2])

    def _measure_brightness(self, images: np.ndarray) -> np.ndarray:
        """Mean pixels of images (..., H, W, C), from black; from white on light ground."""
        brightness = images.mean(axis=(-3, -2, -1))
        is_light = np.median(self.study.data.whole.test_pixels[:INK_IMAGES]) > LIGHT
        return 1 - brightness if is_light else brightness

    def _stack_ends(self, part: str) -> tuple[np.ndarray, np.ndarray]:
        """The "image" or the "code" of the first of each pair, and of the second."""
        ends = zip(*self.pairs, strict=True)
        first, last = (np.stack([getattr(end, part) for end in side]) for side in ends)
        return first, last

    @cached_property
    def _asked_pairs(self) -> list[tuple[Selected, Selected]]:
        settings = self.study.settings
        starts, ends = (map(self.study.select, side) for side in (settings.start, settings.end))
        return list(zip(starts, ends, strict=True))

    @property
    def _toured(self) -> np.ndarray:
        return np.unique(self.study.data.test_labels)[:TOUR_CLASSES]

    def _find_codes(
        self, kind: str, starts: np.ndarray, ends: np.ndarray, frames: int
    ) -> np.ndarray:
        if kind == "linear" or projection.is_degenerate(self.study.train_codes):
            return linear_paths(starts, ends, frames)
        if kind == "spherical":
            centre = self.study.train_codes.mean(axis=0)
            return paths.spherical_paths(starts, ends, frames, centre)
        return paths.data_paths(self.terrain, starts, ends, frames)

    def _draw_pairs(self, seed: int) -> Iterator[tuple[int, int]]:
        """Indices of two test images of different classes, or of any where there is one class."""
        rng = np.random.default_rng(seed)
        labels = self.study.data.test_labels
        several = len(np.unique(labels)) > 1
        while True:
            first, second = rng.choice(len(labels), 2, replace=False)
            if labels[first] != labels[second] or not several:
                yield int(first), int(second)

    def _select_pairs(self, count: int) -> list[tuple[Selected, Selected]]:
        select, drawn = self.study.select_index, self._draw_pairs(self.study.settings.seed)
        return [(select(one), select(two)) for one, two in islice(drawn, count)]
