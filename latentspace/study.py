"""What the figures share: each piece computed once, and only when a figure asks for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from latentspace import directions, paths, projection, scores
from latentspace.datasets import ImageDataset, validation_indices
from latentspace.files import InputError, cached_arrays, content_hash
from latentspace.runs import Run

DEFAULT_SAMPLES = 5000
SPACES = ("pixel", "latent")
IMAGES_AT_ONCE = 10_000  # reconstructed together, to bound memory
CACHE_VERSION = 1  # raised when the same settings would give other numbers


@dataclass(frozen=True)
class StudyOptions:
    """What a person chose to look at.

    Attributes:
        samples: Test images on a map; None takes `DEFAULT_SAMPLES`, or all where there are fewer.
        perplexity: Perplexity of t-SNE.
        pairs: Pairs to interpolate between, where `endpoints` is None.
        endpoints: Indices of two test images to interpolate between.
        frames: Images on a way, both ends included.
        expression: What to calculate, see `directions.parse_expression`.
        seed: Seed of every choice.
    """

    samples: int | None
    perplexity: float
    pairs: int
    endpoints: tuple[int, int] | None
    frames: int
    expression: str | None
    seed: int


@dataclass(frozen=True)
class Map:
    """A projection of the images on the maps, with its scores.

    Attributes:
        points: float32 (N, 2).
        metrics: samples, perplexity, kl_divergence, knn_accuracy, source_knn_accuracy,
            trustworthiness, seconds.
    """

    points: np.ndarray
    metrics: dict[str, float]


class Study:
    """A model, images, and everything that can be said of them.

    All images are test images unless a name says otherwise. Nothing is computed before it is asked
    for, and nothing twice; projections and codes are also kept in `cache_dir`, under a hash of all
    that they depend on.
    """

    def __init__(
        self,
        run: Run,
        data: ImageDataset,
        options: StudyOptions,
        *,
        cache_dir: Path | None = None,
        show_progress: bool = False,
    ) -> None:
        """Checks that the options fit the data.

        Args:
            run: The model.
            data: The images.
            options: What to look at.
            cache_dir: Folder for results that take long; None keeps nothing.
            show_progress: Draw progress bars on stderr.

        Raises:
            InputError: The images are not the model's shape, or an option asks for what the data
                does not have.
        """
        if data.image_shape != run.image_shape:
            raise InputError(
                f"run {run.name} takes images of the shape {run.image_shape}. Received: "
                f"{data.image_shape} from {data.name}; pass --run for another model or --dataset "
                "for other images"
            )
        self.run, self.data, self.options = run, data, options
        self._cache_dir, self._show_progress = cache_dir, show_progress
        self._check_options()

    # --- images and codes

    @property
    def images(self) -> np.ndarray:
        """float32 (N, H, W, C) in [0, 1]."""
        return self.data.test_images

    @cached_property
    def codes(self) -> np.ndarray:
        """Codes of all images, float32 (N, D)."""
        return self._encoded("test")

    @cached_property
    def train_codes(self) -> np.ndarray:
        """Codes of all training images, float32 (M, D)."""
        return self._encoded("train")

    @cached_property
    def class_means(self) -> np.ndarray:
        """Mean code of the training images of each class, float32 (classes, D)."""
        return directions.class_means(
            self.train_codes, self.data.train_labels, len(self.data.class_names)
        )

    @property
    def is_trained_on_data(self) -> bool:
        """Whether these are the images that the model was trained with."""
        return self.data.hash == self.run.facts["dataset"]["hash"]

    @cached_property
    def fitted(self) -> np.ndarray:
        """Indices of the training images that the model was fitted to, those held back left out.

        All training images where the model comes from other data.
        """
        count = len(self.data.train_pixels)
        if not self.is_trained_on_data:
            return np.arange(count)
        settings = self.run.facts["settings"]
        return validation_indices(count, settings["validation_split"], settings["seed"])[0]

    # --- reconstruction

    @cached_property
    def reconstruction_metrics(self) -> dict[str, float]:
        """train_mse, test_mse, pca_mse (as many components as the code has units), test_ssim."""

        def compute() -> dict[str, np.ndarray]:
            test = self.images
            test_back = self.run.decode(self.codes)
            parts = np.array_split(self.fitted, -(-len(self.fitted) // IMAGES_AT_ONCE))
            train_errors = [
                scores.squared_errors(
                    self.data.train_images[part], self.run.decode(self.train_codes[part])
                )
                for part in parts
            ]
            return {
                "train_mse": np.concatenate(train_errors).mean(),
                "test_mse": scores.squared_errors(test, test_back).mean(),
                "pca_mse": scores.pca_error(
                    self.data.train_images[self.fitted], test, self.run.latent_dim
                ),
                "test_ssim": scores.structural_similarity(test, test_back),
            }

        arrays = self._cached("reconstruction", compute, *self._key)
        return {name: float(value) for name, value in arrays.items()}

    def reconstruction_examples(
        self, split: str, count: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Images drawn by seed, their reconstructions, and their errors.

        Args:
            split: "train" (only `fitted` images) or "test".
            count: How many; images repeat where there are fewer.

        Returns:
            Images and reconstructions, each float32 (count, H, W, C), and errors, float64 (count,).
        """
        rng = np.random.default_rng(self.options.seed)
        images = getattr(self.data, f"{split}_images")
        codes = self.codes if split == "test" else self.train_codes
        pool = np.arange(len(images)) if split == "test" else self.fitted
        chosen = rng.choice(pool, count, replace=len(pool) < count)
        back = self.run.decode(codes[chosen])
        return images[chosen], back, scores.squared_errors(images[chosen], back)

    # --- maps

    @cached_property
    def map_indices(self) -> np.ndarray:
        """Sorted indices of the images on the maps, int64 (samples,)."""
        rng = np.random.default_rng(self.options.seed)
        return np.sort(rng.choice(len(self.images), self._samples, replace=False))

    @property
    def map_images(self) -> np.ndarray:
        """float32 (samples, H, W, C)."""
        return self.images[self.map_indices]

    @property
    def map_labels(self) -> np.ndarray:
        """int64 (samples,)."""
        return self.data.test_labels[self.map_indices]

    def map(self, space: str) -> Map:
        """The t-SNE map of a space; the latent one is turned and mirrored onto the pixel one.

        Args:
            space: "pixel" or "latent".
        """
        return self._maps[space]

    @cached_property
    def _maps(self) -> dict[str, Map]:
        sources = {
            "pixel": self.map_images.reshape(self._samples, -1),
            "latent": self.codes[self.map_indices],
        }
        made: dict[str, Map] = {}
        for space in SPACES:
            arrays = self._project(space, sources[space])
            points = arrays.pop("points")
            if made:
                points = projection.align(points, made["pixel"].points)
            metrics = {name: value.item() for name, value in arrays.items()}
            made[space] = Map(points, metrics)
        return made

    def _project(self, space: str, vectors: np.ndarray) -> dict[str, np.ndarray]:
        perplexity, seed = self.options.perplexity, self.options.seed
        labels = self.map_labels

        def compute() -> dict[str, np.ndarray]:
            with self._bar(f"t-SNE of {space}s", projection.ITERATIONS) as bar:

                def advance(iteration: int, error: float) -> None:
                    bar.set_postfix_str(f"KL {error:.3f}", refresh=False)
                    bar.update(iteration - bar.n)

                result = projection.tsne(
                    vectors, perplexity=perplexity, seed=seed, on_progress=advance
                )
            return {
                "points": result.points,
                "samples": np.array(len(vectors)),
                "perplexity": np.array(perplexity),
                "kl_divergence": np.array(result.kl_divergence),
                "knn_accuracy": np.array(scores.knn_accuracy(result.points, labels)),
                "source_knn_accuracy": np.array(scores.knn_accuracy(vectors, labels)),
                "trustworthiness": np.array(scores.trustworthiness(vectors, result.points)),
                "seconds": np.array(result.seconds),
            }

        return self._cached("tsne", compute, vectors, labels, perplexity, seed)

    # --- interpolation

    @cached_property
    def pairs(self) -> np.ndarray:
        """Indices of the images to walk between, int64 (pairs, 2)."""
        if self.options.endpoints is not None:
            return np.array([self.options.endpoints])
        rng = np.random.default_rng(self.options.seed)
        labels = self.data.test_labels
        pairs: list[tuple[int, int]] = []
        several = len(np.unique(labels)) > 1
        while len(pairs) < self.options.pairs:
            first, second = rng.choice(len(labels), 2, replace=False)
            if labels[first] != labels[second] or not several:
                pairs.append((int(first), int(second)))
        return np.array(pairs)

    @property
    def pair_names(self) -> list[str]:
        """Class and index of both ends of each pair."""
        names, labels = self.data.class_names, self.data.test_labels
        return [f"{names[labels[i]]} → {names[labels[j]]}\n(#{i} → #{j})" for i, j in self.pairs]

    @cached_property
    def ways(self) -> dict[str, np.ndarray]:
        """Images on the way between each pair: "pixels" blended, "codes" decoded.

        Each float32 (pairs, frames, H, W, C). Both rows end in what they are about: blending in
        the images themselves, walking in their reconstructions.
        """
        starts, ends = self.pairs.T
        frames = self.options.frames
        codes = paths.linear(self.codes[starts], self.codes[ends], frames)
        decoded = self.run.decode(codes.reshape(-1, codes.shape[-1]))  # one batch for all frames
        return {
            "pixels": paths.linear(self.images[starts], self.images[ends], frames),
            "codes": decoded.reshape(len(self.pairs), frames, *decoded.shape[1:]),
        }

    # --- arithmetic

    def arithmetic_sections(self) -> list[tuple[list[str], list[str], np.ndarray]]:
        """What `figures.arithmetic` draws: the expression asked for, or the article's sums."""
        if self.options.expression is not None:
            return [self._expression_section(self.options.expression)]
        return [self._sums_section(rows=6), self._class_section()]

    def _expression_section(self, expression: str) -> tuple[list[str], list[str], np.ndarray]:
        terms = directions.parse_expression(expression)
        codes = [self._code_of(term) for term in terms]
        codes.append(directions.evaluate(terms, self._code_of))
        return [*(term.label for term in terms), "="], [""], self.run.decode(np.stack(codes))[None]

    def _sums_section(self, rows: int) -> tuple[list[str], list[str], np.ndarray]:
        rng = np.random.default_rng(self.options.seed)
        chosen = rng.choice(len(self.codes), (rows, 3), replace=len(self.codes) < 3 * rows)
        a, b, c = np.moveaxis(self.codes[chosen], 1, 0)
        codes = np.stack([a, b, c, a + b, a - b + c], axis=1)  # (rows, 5, D)
        return ["A", "B", "C", "A + B", "A − B + C"], [""] * rows, self._decoded_grid(codes)

    def _class_section(self) -> tuple[list[str], list[str], np.ndarray]:
        """One image per class, moved to every other class by the difference of their means."""
        labels, names = self.data.test_labels, self.data.class_names
        shown = np.unique(labels)[:10]
        firsts = np.array([np.flatnonzero(labels == label)[0] for label in shown])
        own = self.codes[firsts]
        moved = own[:, None] - self.class_means[shown][:, None] + self.class_means[shown][None]
        codes = np.concatenate([own[:, None], moved], axis=1)  # (classes, 1 + classes, D)
        headings = ["image", *(names[label] for label in shown)]
        return headings, [names[label] for label in shown], self._decoded_grid(codes)

    def _decoded_grid(self, codes: np.ndarray) -> np.ndarray:
        decoded = self.run.decode(codes.reshape(-1, codes.shape[-1]))
        return decoded.reshape(*codes.shape[:2], *decoded.shape[1:])

    def _code_of(self, term: directions.Term) -> np.ndarray:
        if not term.name.startswith(directions.CLASS_PREFIX):
            return self.codes[int(term.name)]
        name = term.name.removeprefix(directions.CLASS_PREFIX)
        return self.class_means[self.data.class_names.index(name)]

    # --- what all of it says

    def metrics(self, sections: set[str]) -> dict[str, Any]:
        """The numbers of the named sections: "reconstruction", "maps"."""
        made: dict[str, Any] = {}
        if "reconstruction" in sections:
            made["reconstruction"] = self.reconstruction_metrics
        if "maps" in sections:
            made["maps"] = {space: self.map(space).metrics for space in SPACES}
        return made

    # --- inside

    @property
    def _samples(self) -> int:
        return self.options.samples or min(DEFAULT_SAMPLES, len(self.images))

    @property
    def _key(self) -> tuple[str, str]:
        return self.run.model_hash, self.data.hash

    def _check_options(self) -> None:
        options, count = self.options, len(self.images)
        if self._samples > count:
            raise InputError(
                f"{self.data.name} has {count:,} test images. Received: --samples {self._samples}; "
                f"pass at most {count}"
            )
        largest = projection.largest_perplexity(self._samples)
        if options.perplexity > largest:
            raise InputError(
                f"{self._samples} images allow a perplexity of at most {largest:.0f}. Received: "
                f"--perplexity {options.perplexity:g}; lower it or raise --samples"
            )
        if options.frames < 2:
            raise InputError("a way has two ends. Received: --frames 1; pass at least 2")
        if options.endpoints is not None:
            for flag, index in zip(("--from", "--to"), options.endpoints, strict=True):
                self._check_index(index, f"{flag} {index}")
        for term in directions.parse_expression(options.expression) if options.expression else ():
            self._check_term(term)

    def _check_index(self, index: int, where: str) -> None:
        if index >= len(self.images):
            raise InputError(
                f"{self.data.name} has test images 0 to {len(self.images) - 1}. Received: {where}"
            )

    def _check_term(self, term: directions.Term) -> None:
        where = f"{term.name!r} at character {term.position + 1} of --expression"
        name = term.name.removeprefix(directions.CLASS_PREFIX)
        if name == term.name:
            self._check_index(int(name), where)
        elif name not in self.data.class_names:
            known = ", ".join(self.data.class_names)
            raise InputError(f"{self.data.name} has the classes {known}. Received: {where}")

    def _encoded(self, split: str) -> np.ndarray:
        images = getattr(self.data, f"{split}_images")
        codes = self._cached("codes", lambda: {"codes": self.run.encode(images)}, split, *self._key)
        return codes["codes"]

    def _cached(
        self,
        kind: str,
        compute: Callable[[], dict[str, Any]],
        *key: np.ndarray | str | int | float,
    ) -> dict[str, np.ndarray]:
        path = None
        if self._cache_dir is not None:
            path = self._cache_dir / f"{kind}-{content_hash(CACHE_VERSION, *key)}.npz"
        return cached_arrays(path, compute)

    def _bar(self, text: str, total: int) -> tqdm:
        return tqdm(
            total=total, desc=text, leave=False, disable=None if self._show_progress else True
        )
