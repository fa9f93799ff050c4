"""Which images lie on the maps, what of them is projected, and their projections, made once."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from functools import cached_property, partial
from typing import Any

import numpy as np

from latentspace.analysis import projection, scores
from latentspace.analysis.projection import Projection, Settings
from latentspace.chapters.chapter import Chapter
from latentspace.chapters.figure import METHODS
from latentspace.chapters.study import Study
from latentspace.core.pixels import iterate_parts, to_uint8, to_unit_range
from latentspace.core.provenance import hash_content
from latentspace.datasets import ImageDataset

DEFAULT_SAMPLES = 5000
LEAST_IMAGES = 12  # for the ten neighbours by which maps are scored
SPACES = {"pixel": "pixels", "latent": "codes"}  # what is projected, by name, in words
SPLIT_NAMES = {"test": "test images", "train": "training images", "all": "images"}
FACT = "fact_"  # begins the names of numbers among arrays in the cache
ALL = slice(None)
Rows = np.ndarray | slice  # which of the images, int (R,)


class MapImages(Chapter):
    """Images of one split or of both, drawn by seed, as pixels and as codes, and projected."""

    def __init__(self, study: Study, *, most: int | None = None) -> None:
        """Takes the chosen number of images, or all of the split up to `most` where it is given."""
        super().__init__(study)
        tests, all_tests = study.data.test_numbers, len(study.data.whole.test_labels)
        trained = np.arange(len(study.data.train_labels))
        both = np.concatenate([tests, all_tests + trained])
        self._pool = {"test": tests, "train": trained, "all": both}[study.settings.split]
        self._available = len(self._pool)
        wanted = study.settings.samples if most is None else min(most, self._available)
        if isinstance(wanted, str):
            wanted = self._available
        self._samples = wanted or min(DEFAULT_SAMPLES, self._available)
        self._projections: dict[tuple[Any, ...], Projection] = {}
        # Where the images come from.
        self.split_name = SPLIT_NAMES[study.settings.split] if study.data.has_images else "rows"

    @property
    def spaces(self) -> dict[str, str]:
        """Those of `SPACES` that there are: pixels only where there are images."""
        has_images = self.study.data.has_images
        return {space: words for space, words in SPACES.items() if has_images or space != "pixel"}

    @cached_property
    def indices(self) -> np.ndarray:
        """Sorted indices among all, int64 (samples,); of "all", those of test images come first."""
        rng = np.random.default_rng(self.study.settings.seed)
        return self._pool[np.sort(rng.choice(self._available, self._samples, replace=False))]

    @property
    def _whole(self) -> ImageDataset:
        return self.study.data.whole

    @cached_property
    def numbers_of_splits(self) -> dict[str, np.ndarray]:
        """The index of each image in its split, by "test" and "train", int64 (K,)."""
        split, tests = self.study.settings.split, len(self._whole.test_labels)
        if split != "all":
            return {split: self.indices}
        is_test = self.indices < tests
        return {"test": self.indices[is_test], "train": self.indices[~is_test] - tests}

    @property
    def is_training(self) -> np.ndarray:
        """Whether an image is a training image, bool (samples,)."""
        numbers = self.numbers_of_splits.items()
        return np.concatenate([np.full(len(each), split == "train") for split, each in numbers])

    @property
    def numbers(self) -> np.ndarray:
        """The index of each image among the test or the training images, int64 (samples,)."""
        return np.concatenate(list(self.numbers_of_splits.values()))

    @property
    def pixels(self) -> np.ndarray:
        """uint8 (samples, H, W, C)."""
        return self._pick(lambda split: getattr(self._whole, f"{split}_pixels"))

    @cached_property
    def images(self) -> np.ndarray:
        """float32 (samples, H, W, C) in [0, 1]."""
        return to_unit_range(self.pixels)

    @cached_property
    def labels(self) -> np.ndarray:
        """int64 (samples,)."""
        return self._pick(lambda split: getattr(self._whole, f"{split}_labels"))

    @property
    def attributes(self) -> np.ndarray:
        """float32 (samples, A), NaN where nothing is known; of data sets that have attributes."""
        return self._pick(lambda split: getattr(self._whole, f"{split}_attributes").values)

    @cached_property
    def codes(self) -> np.ndarray:
        """float32 (samples, D)."""
        study = self.study.whole
        return self._pick(lambda split: study.codes if split == "test" else study.train_codes)

    @property
    def errors(self) -> np.ndarray:
        """Mean squared error of each reconstruction per pixel, float64 (samples,)."""
        return self.reconstructed["errors"]

    @cached_property
    def reconstructed(self) -> dict[str, np.ndarray]:
        """Reconstructions, "pixels", uint8 (samples, H, W, C), and their `errors`."""

        def compute() -> dict[str, np.ndarray]:
            pixels, errors = np.empty(self.images.shape, np.uint8), np.empty(len(self.images))
            for part in iterate_parts(self.images):
                back = self.study.run.decode(self.codes[part])
                errors[part] = scores.squared_errors(self.images[part], back)
                pixels[part] = to_uint8(back)
            return {"pixels": pixels, "errors": errors}

        key = self.make_key("latent", labels=False)
        return self.study.load_or_compute("reconstructed", compute, *key)

    @cached_property
    def table(self) -> dict[str, Sequence[object]]:
        """What is known of each image, by column: a name of its own first, and the error last."""
        data, has_errors = self.study.data, self.study.explain_lack("decoder") is None
        splits = np.where(self.is_training, "train", "test").tolist()
        labels = [data.class_names[label] if data.has_classes else "" for label in self.labels]
        rows = zip(labels, splits, self.numbers, strict=True)
        return {
            "image": [f"{label} {split} #{number}" for label, split, number in rows],
            "index": list(self.numbers),
            **({"label": labels} if data.has_classes else {}),
            "split": splits,
            **({"error": [f"{error:.5f}" for error in self.errors]} if has_errors else {}),
        }

    def _pick(self, get: Callable[[str], np.ndarray]) -> np.ndarray:
        """Takes the images' rows out of what belongs to each split, asked for where needed."""
        splits = self.numbers_of_splits.items()
        parts = [get(split)[numbers] for split, numbers in splits if len(numbers)]
        return np.concatenate(parts) if len(parts) > 1 else parts[0]

    def get_vectors(self, space: str) -> np.ndarray:
        """What is as far apart as images are in one of `SPACES`: float32 (samples, values)."""
        return self._flat if space == "pixel" else self.codes

    @property
    def pixel_rows(self) -> np.ndarray:
        """The images themselves in rows, float32 (samples, H * W * C)."""
        return self.images.reshape(self._samples, -1)

    @cached_property
    def _flat(self) -> np.ndarray:
        return projection.keep_distances(self.pixel_rows)

    def make_key(self, space: str, rows: Rows = ALL, *, labels: bool = True) -> tuple[str, ...]:
        """What the vectors of some of the images, in one of `SPACES`, and labels depend on."""
        model = (self.study.run.model_hash,) if space == "latent" else ()
        images = self._whole.hash if labels else self._whole.images_hash
        chosen = hash_content(self.indices[rows])
        return (space, images, *model, self.study.settings.split, chosen)

    def project(
        self, settings: Settings, rows: Rows = ALL, spaces: Iterable[str] | None = None
    ) -> dict[str, Projection]:
        """Projections of the images, or of `rows`, int (R,), by space; from memory or the cache."""
        keys = {
            space: (*self.make_key(space, rows, labels=False), *settings.key)
            for space in spaces or self.spaces
        }
        fresh: dict[str, Projection] = {}

        def compute(space: str) -> dict[str, np.ndarray]:
            if space not in fresh:  # what else is needed is made with it, at the same time
                absent = [
                    other
                    for other, key in keys.items()
                    if other == space
                    or not (key in self._projections or self.study.is_cached("map", *key))
                ]
                fresh.update(self._project_afresh(settings, rows, absent))
            return _pack(fresh[space])

        for space, key in keys.items():
            if key not in self._projections:
                arrays = self.study.load_or_compute("map", partial(compute, space), *key)
                self._projections[key] = _unpack(arrays)
        return {space: self._projections[key] for space, key in keys.items()}

    def _project_afresh(
        self, settings: Settings, rows: Rows, spaces: Iterable[str]
    ) -> dict[str, Projection]:
        vectors = {space: self.get_vectors(space)[rows] for space in spaces}
        sources = {space: projection.reduce_dimensions(of)[0] for space, of in vectors.items()}
        total = projection.count_steps(len(next(iter(sources.values()))), settings)
        with ExitStack() as stack:
            bars = {}
            for space in sources:
                text = f"{METHODS[settings.method]} of {SPACES[space]}"
                bars[space] = stack.enter_context(self.study.make_bar(text, total))

            def advance(space: str, step: int, divergence: float) -> None:
                bars[space].set_postfix_str(f"KL {divergence:.3f}", refresh=False)
                bars[space].update(step - bars[space].n)

            return projection.project_all(sources, settings, on_progress=advance)


def _pack(made: Projection) -> dict[str, np.ndarray]:
    numbers = {"seconds": made.seconds, **made.facts}
    facts = {f"{FACT}{name}": np.array(value) for name, value in numbers.items()}
    return {"points": made.points, **made.arrays, **facts}


def _unpack(arrays: dict[str, np.ndarray]) -> Projection:
    names = [name for name in arrays if name.startswith(FACT)]
    facts = {name.removeprefix(FACT): arrays.pop(name).item() for name in names}
    return Projection(arrays.pop("points"), facts.pop("seconds"), facts, arrays)
