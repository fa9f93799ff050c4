"""Which images lie on the maps, and what of them is projected."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np

from latentspace.analysis import scores
from latentspace.analysis.neighbors import find_nearest_others
from latentspace.chapters.chapter import Chapter
from latentspace.chapters.study import Study
from latentspace.core.errors import InputError
from latentspace.core.pixels import iterate_parts, to_uint8, to_unit_range
from latentspace.core.provenance import hash_content

DEFAULT_SAMPLES = 5000
LEAST_IMAGES = 12  # for the ten neighbours by which maps are scored
SPACES = {"pixel": "pixels", "latent": "codes"}


class MapImages(Chapter):
    """Images of one split or of both, drawn by seed, as pixels and as codes.

    Attributes:
        spaces: What is projected, by name: "pixel" and "latent", in words.
    """

    spaces = SPACES

    def __init__(self, study: Study, *, most: int | None = None) -> None:
        """Takes the chosen number of images, or all of the split up to `most` where it is given."""
        super().__init__(study)
        self._most = most

    def check(self) -> None:
        """Refuses more samples than there are images.

        Raises:
            InputError: Says what is there.
        """
        study, count = self.study, self._available
        if self._samples > count:
            raise InputError(
                f"{study.data.name} has {count:,} {self.split_name}. Received: --samples "
                f"{self._samples}; pass at most {count}, or all"
            )

    @property
    def unavailable(self) -> str | None:
        """Why there can be no map; None where there can."""
        if self._samples < LEAST_IMAGES:
            return (
                f"{self._samples} images are no map: {LEAST_IMAGES} are needed, of more --samples "
                "or of --split all, which takes training images as well"
            )
        return None

    @property
    def split_name(self) -> str:
        """Where the images come from, for captions."""
        kinds = {"test": "test images", "train": "training images", "all": "images"}
        return kinds[self.study.settings.split]

    @cached_property
    def indices(self) -> np.ndarray:
        """Sorted indices of the images on the maps, int64 (samples,).

        They count through the split; through the test images and on through the training images
        where it is "all".
        """
        rng = np.random.default_rng(self.study.settings.seed)
        return np.sort(rng.choice(self._available, self._samples, replace=False))

    @cached_property
    def is_training(self) -> np.ndarray:
        """Whether an image is a training image, bool (samples,)."""
        data = self.study.data
        tests, trains = np.zeros(len(data.test_labels), bool), np.ones(len(data.train_labels), bool)
        return self._pick(lambda: tests, lambda: trains)

    @cached_property
    def numbers(self) -> np.ndarray:
        """The index of each image among the test or the training images, int64 (samples,)."""
        data = self.study.data
        tests, trains = np.arange(len(data.test_labels)), np.arange(len(data.train_labels))
        return self._pick(lambda: tests, lambda: trains)

    @property
    def pixels(self) -> np.ndarray:
        """uint8 (samples, H, W, C)."""
        data = self.study.data
        return self._pick(lambda: data.test_pixels, lambda: data.train_pixels)

    @cached_property
    def images(self) -> np.ndarray:
        """float32 (samples, H, W, C) in [0, 1]."""
        return to_unit_range(self.pixels)

    @cached_property
    def labels(self) -> np.ndarray:
        """int64 (samples,)."""
        data = self.study.data
        return self._pick(lambda: data.test_labels, lambda: data.train_labels)

    @cached_property
    def codes(self) -> np.ndarray:
        """float32 (samples, D)."""
        study = self.study
        return self._pick(lambda: study.codes, lambda: study.train_codes)

    @property
    def reconstructions(self) -> np.ndarray:
        """uint8 (samples, H, W, C)."""
        return self._reconstructed["pixels"]

    @property
    def errors(self) -> np.ndarray:
        """Mean squared error of each reconstruction per pixel, float64 (samples,)."""
        return self._reconstructed["errors"]

    @cached_property
    def table(self) -> dict[str, list[object]]:
        """What is known of each image, by column, each as long as there are samples.

        A name that no other image has, its index in its split, its label where there are classes,
        its split, and the error of its reconstruction.
        """
        data = self.study.data
        splits = ["train" if trained else "test" for trained in self.is_training]
        labels = [data.class_names[label] if data.has_classes else "" for label in self.labels]
        rows = zip(labels, splits, self.numbers, strict=True)
        return {
            "image": [f"{label} {split} #{number}" for label, split, number in rows],
            "index": list(self.numbers),
            **({"label": list(labels)} if data.has_classes else {}),
            "split": list(splits),
            "error": [f"{error:.5f}" for error in self.errors],
        }

    @cached_property
    def _reconstructed(self) -> dict[str, np.ndarray]:
        study = self.study

        def compute() -> dict[str, np.ndarray]:
            pixels, errors = np.empty(self.images.shape, np.uint8), np.empty(len(self.images))
            for part in iterate_parts(self.images):
                back = study.run.decode(self.codes[part])
                errors[part] = scores.squared_errors(self.images[part], back)
                pixels[part] = to_uint8(back)
            return {"pixels": pixels, "errors": errors}

        return study.load_or_compute("reconstructed", compute, *self.key)

    def _pick(self, test: Callable[[], np.ndarray], train: Callable[[], np.ndarray]) -> np.ndarray:
        """Takes the images' rows out of what belongs to each split, called where it is needed."""
        split, indices = self.study.settings.split, self.indices
        if split != "all":
            return (test if split == "test" else train)()[indices]
        tested = indices[indices < len(self.study.images)]
        rest = indices[len(tested) :] - len(self.study.images)
        return np.concatenate([test()[tested], train()[rest]])

    @property
    def _available(self) -> int:
        data = self.study.data
        counts = {"test": len(data.test_labels), "train": len(data.train_labels)}
        return counts.get(self.study.settings.split, sum(counts.values()))

    @property
    def _samples(self) -> int:
        if self._most is not None:
            return min(self._most, self._available)
        wanted = self.study.settings.samples
        if isinstance(wanted, str):
            return self._available
        return wanted or min(DEFAULT_SAMPLES, self._available)

    def get_vectors(self, space: str) -> np.ndarray:
        """What is projected: flat pixels, float32 (samples, H * W * C), or codes.

        Args:
            space: One of `SPACES`.
        """
        return self.images.reshape(self._samples, -1) if space == "pixel" else self.codes

    def find_nearest(self, space: str, count: int) -> np.ndarray:
        """The nearest others of each image before any projection, nearest first.

        Args:
            space: One of `SPACES`.
            count: How many, below the number of images.

        Returns:
            int64 (samples, count).
        """
        rows = np.arange(self._samples)

        def compute() -> dict[str, np.ndarray]:
            found = find_nearest_others(self.get_vectors(space), rows, count)[1]
            return {"neighbors": found}

        return self.study.load_or_compute("nearest", compute, *self._make_key(space, rows), count)[
            "neighbors"
        ]

    @property
    def key(self) -> tuple[str, ...]:
        """What all that the model says of these images depends on."""
        return self._make_key("latent", np.arange(self._samples))

    def _make_key(self, space: str, rows: np.ndarray) -> tuple[str, ...]:
        """What the vectors of some of the images depend on."""
        study = self.study
        model = (study.run.model_hash,) if space == "latent" else ()
        chosen = hash_content(self.indices[rows])
        return (space, study.data.hash, *model, study.settings.split, chosen)
