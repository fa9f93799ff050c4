"""A study: the model, the images, their codes, the settings and the cache that chapters share."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from tqdm import tqdm

from latentspace.analysis import classes, scores, strokes
from latentspace.analysis.density import Density, fit_density
from latentspace.analysis.image_search import ImageSearch
from latentspace.chapters.chapter import Chapter
from latentspace.chapters.figure import CLASS_PREFIX
from latentspace.core.cache import find_cache_folder, load_or_compute
from latentspace.core.errors import InputError, to_printable
from latentspace.core.pixels import UnitImages
from latentspace.core.progress import make_bar
from latentspace.core.provenance import hash_content
from latentspace.datasets import (
    ImageDataset,
    Ink,
    choose_limited,
    find_index,
    find_ink,
    read_image,
)
from latentspace.models import classifier
from latentspace.models.classifier import AttributeReader, ReferenceClassifier
from latentspace.models.run_schema import DENSITY, KEPT_CODES
from latentspace.models.runs import Run

if TYPE_CHECKING:
    from sklearn.decomposition import PCA

    from config import VisualizeConfig

AnyChapter = TypeVar("AnyChapter", bound=Chapter)
Key = np.ndarray | str | int | float  # a part of what a result in the cache depends on
Groups = Mapping[str, Mapping[str, Any]]  # numbers by the names of their groups and their own
INK_IMAGES = 500  # tell how large what is drawn usually is
LEAST_INKED, LEAST_SIDE = 0.5, 4  # share of them with any ink, pixels: else there are no strokes
MOST_REFERENCES = 100_000
LONGEST_SHOWN = 160  # letters of what a person passed
MOST_KEPT_BYTES = 2**27  # of images that were decoded together to be shown
NO_IMAGES = "there are no images here: pass --dataset with those that the codes are of"
CACHE_VERSION = 12  # raised when the same settings would give other numbers


@dataclass(frozen=True)
class Selected:
    """An image that a person chose."""

    image: np.ndarray  # float32 (H, W, C) in [0, 1]
    code: np.ndarray  # float32 (D,)
    name: str  # what it is called in a picture


class Study:
    """What chapters share, each computed on demand and once; images are test images."""

    def __init__(
        self,
        run: Run,
        data: ImageDataset,
        settings: VisualizeConfig,
        *,
        thorough: bool = True,
        cache_dir: Path | None = None,
        models_dir: Path | None = None,
    ) -> None:
        """Checks that the images fit the model, by an `InputError`.

        `thorough` measures also what takes minutes. What takes long is kept in `cache_dir`, and
        classifiers in `models_dir`, that of all runs; None goes without.
        """
        if data.image_shape != run.image_shape:
            raise InputError(
                f"run {run.name} takes images of the shape {run.image_shape}. Received: "
                f"{data.image_shape} from {data.name}; pass --run for another model or --dataset "
                "for other images"
            )
        self.run, self.data, self.settings, self.thorough = run, data, settings, thorough
        self._cache_dir, self._models_dir = cache_dir, models_dir
        self._chapters: dict[type[Chapter], Any] = {}
        self._own_images: dict[str, np.ndarray] = {}
        self._components: dict[int, PCA] = {}
        self._is_computing = False  # something that is kept as a whole

    def of(self, chapter: type[AnyChapter]) -> AnyChapter:
        """A chapter of this study, made when it is first asked for."""
        if chapter not in self._chapters:
            self._chapters[chapter] = chapter(self)
        return self._chapters[chapter]

    def explain_lack(self, *needs: str) -> str | None:
        """Why the first of "images" and of what a run `lacks` is not there; None where all are."""
        lacks = self.run.lacks if self.data.has_images else {**self.run.lacks, "images": NO_IMAGES}
        return next((lacks[need] for need in needs if need in lacks), None)

    def find_unavailable(self, chapter: type[Chapter]) -> str | None:
        """Why a chapter is left out: it needs what is not there, or says so; None where it is."""
        return self.explain_lack(*chapter.needs) or self.of(chapter).unavailable

    def check(self, chapters: Iterable[type[Chapter]]) -> None:
        """Refuses by an `InputError` what a person chose for some chapters and data lacks."""
        for chapter in chapters:
            self.of(chapter).check()

    @cached_property
    def whole(self) -> Study:
        """The study of all test images, which keeps what is said of training images."""
        data = self.data.whole
        if data is self.data:
            return self
        places = {"cache_dir": self._cache_dir, "models_dir": self._models_dir}
        return Study(self.run, data, self.settings, thorough=self.thorough, **places)

    @property
    def images(self) -> UnitImages:
        """float32 (N, H, W, C) in [0, 1], made when they are indexed."""
        return self.data.test_images

    @cached_property
    def codes(self) -> np.ndarray:
        """Codes of all images, float32 (N, D)."""
        return self.whole._encode_split("test")[self.data.test_numbers]

    @cached_property
    def train_codes(self) -> np.ndarray:
        """Codes of all training images, float32 (M, D)."""
        return self._encode_split("train") if self.whole is self else self.whole.train_codes

    @cached_property
    def reference_rows(self) -> np.ndarray:
        """Training images that others are compared with: all, or `MOST_REFERENCES` of more."""
        return choose_limited(len(self.data.train_pixels), MOST_REFERENCES)

    @property
    def references(self) -> UnitImages:
        """The images of `reference_rows`, float32 (M, H, W, C) in [0, 1]."""
        return UnitImages(self.data.train_pixels, self.reference_rows)

    @cached_property
    def search(self) -> ImageSearch:
        """What finds the nearest of the `references` to images."""
        return ImageSearch(self.references)

    @cached_property
    def class_means(self) -> np.ndarray:
        """Mean code of the training images of each class, float32 (classes, D)."""
        return classes.compute_class_means(
            self.train_codes, self.data.train_labels, len(self.data.class_names)
        )

    @property
    def is_trained_on_data(self) -> bool:
        """Whether these are the images that the model was trained with."""
        whole = self.data.whole
        return not self.run.is_imported and whole.are_images_of(self.run.facts["dataset"])

    @property
    def training_error(self) -> float | None:
        """Mean squared error of `fit_images`, measured after the training; None of other data."""
        return self.run.facts["scores"].get("train_mse") if self.is_trained_on_data else None

    @cached_property
    def fit_indices(self) -> np.ndarray:
        """Training images that the model was fitted to, by index; all if it is of other data."""
        if not self.is_trained_on_data:
            return np.arange(len(self.data.train_pixels))
        made = self.run.facts["settings"]
        return self.data.split_validation(made["validation_split"], made["seed"])[0]

    @property
    def fit_images(self) -> UnitImages:
        """The training images of `fit_indices`, float32 (K, H, W, C) in [0, 1]."""
        return UnitImages(self.data.train_pixels, self.fit_indices)

    @cached_property
    def strokes_unavailable(self) -> str | None:
        """Why images do not show strokes, bright on dark ground; None where they do."""
        if not self.data.has_images:
            return NO_IMAGES
        if self.data.image_shape[2] != 1:
            return "stroke attributes are measured on grey images only"
        test, train = (
            images[:INK_IMAGES] for images in (self.data.whole.test_images, self.data.train_images)
        )
        inked = min((some > scores.INK).any(axis=(1, 2, 3)).mean() for some in (test, train))
        if np.median(test) > scores.INK or inked < LEAST_INKED:
            return "stroke attributes are measured on bright strokes on dark ground only"
        if min(self.data.image_shape[:2]) < LEAST_SIDE:
            return f"stroke attributes need images of {LEAST_SIDE} pixels a side or more"
        return None

    @cached_property
    def ink(self) -> Ink | None:
        """How what is drawn lies on the ground of the images; None where that can't be told."""
        return find_ink(self.data.whole.test_pixels[:INK_IMAGES])

    @property
    def classes_unavailable(self) -> str | None:
        """Why nothing can be said of classes; None where there are several."""
        if len(np.unique(self.data.train_labels)) > 1:
            return None
        return "without two classes or more there is nothing to tell apart"

    @cached_property
    def trained_classifier(self) -> ReferenceClassifier | None:
        """The classifier of this data set, trained where there is none yet, however good it is."""
        if self._models_dir is None or self.classes_unavailable is not None:
            return None
        with self.make_bar("training the reference classifier", classifier.MOST_ROUNDS) as bar:
            return classifier.find_classifier(
                self._models_dir,
                self.data.whole,
                lambda: (self.references, self.data.train_labels[self.reference_rows]),
                on_round=bar.update,
            )

    @property
    def classifier(self) -> ReferenceClassifier | None:
        """The reference classifier; None where there is none that can tell what images show."""
        found = self.trained_classifier
        return found if found is not None and found.unfit is None else None

    @cached_property
    def reader(self) -> AttributeReader | None:
        """What reads the attributes of this data set off images, trained where there is none."""
        if self._models_dir is None or not self.data.train_attributes.names:
            return None
        with self.make_bar("training the reader of attributes", classifier.MOST_ROUNDS) as bar:
            return classifier.find_reader(
                self._models_dir,
                self.data.whole,
                lambda: (self.references, self.reference_rows),
                on_round=bar.update,
            )

    @property
    def classifier_key(self) -> str:
        """What everything that the reference classifier says depends on."""
        return self.classifier.facts["sha256"] if self.classifier is not None else ""

    @cached_property
    def density(self) -> Density:
        """The density of the training codes, by class: that of the run, or one fitted to them."""
        has_labels_of_run = self.data.whole.hash == self.run.facts["dataset"]["hash"]
        kept = (
            self.run.read_kept(DENSITY) if self.is_trained_on_data and has_labels_of_run else None
        )
        if kept is not None:
            return Density(**kept)

        def compute() -> dict[str, np.ndarray]:
            rng = np.random.default_rng(0)  # so is that of a run the same with every seed
            return dataclasses.asdict(fit_density(self.train_codes, self.data.train_labels, rng))

        return Density(**self.load_or_compute("density", compute, *self.whole.model_key))

    def fit_components(self, count: int) -> PCA:
        """So many principal components of the images that the model was fitted to, kept."""
        if count not in self._components:

            def compute() -> dict[str, np.ndarray]:
                return scores.pack_components(scores.fit_components(self.fit_images, count))

            key = (self.data.whole.hash, hash_content(self.fit_indices), count)
            kept = self.load_or_compute("components", compute, *key)
            self._components[count] = scores.unpack_components(kept)
        return self._components[count]

    def make_linear_autoencoder(self, count: int) -> scores.LinearAutoencoder:
        """What encodes and decodes images by `fit_components`."""
        return scores.linear_autoencoder(self.fit_components(count), self.data.image_shape)

    @property
    def model_key(self) -> tuple[str, str]:
        """What everything that the model says of these images depends on."""
        return self.run.model_hash, self.data.hash

    @property
    def images_key(self) -> tuple[str, str]:
        """What everything depends on that the model says of these images whatever their labels."""
        return self.run.model_hash, self.data.images_hash

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Codes (..., D) -> images (..., H, W, C), in one batch; kept unless they are very many."""
        codes_in_rows = codes.reshape(-1, codes.shape[-1])
        size = len(codes_in_rows) * math.prod(self.run.image_shape) * np.float32().itemsize

        def compute() -> dict[str, np.ndarray]:
            with self.make_bar("decoding images", len(codes_in_rows)) as bar:
                return {"images": self.run.decode(codes_in_rows, bar.update)}

        if self._is_computing or size > MOST_KEPT_BYTES:
            images = compute()["images"]
        else:
            key = self.run.model_hash, codes_in_rows
            images = self.load_or_compute("decoded", compute, *key)["images"]
        return images.reshape(*codes.shape[:-1], *images.shape[1:])

    def load_or_compute(
        self, kind: str, compute: Callable[[], dict[str, Any]], *key: Key
    ) -> dict[str, np.ndarray]:
        """Arrays from the cache, as `kind` under all that they depend on, or computed and kept."""

        def compute_whole() -> dict[str, Any]:
            outer, self._is_computing = self._is_computing, True
            try:
                return compute()
            finally:
                self._is_computing = outer

        path = self._find_cache_file(kind, *key)
        return load_or_compute(path, compute_whole, version=CACHE_VERSION)

    def load_or_compute_groups(
        self, kind: str, compute: Callable[[], Groups], *key: Key
    ) -> dict[str, dict[str, np.ndarray]]:
        """As `load_or_compute`, for numbers in named groups; no name of a group holds a slash."""

        def flatten_groups() -> dict[str, np.ndarray]:
            return {
                f"{group}/{name}": np.asarray(value)
                for group, numbers in compute().items()
                for name, value in numbers.items()
            }

        groups: dict[str, dict[str, np.ndarray]] = {}
        for path, value in self.load_or_compute(kind, flatten_groups, *key).items():
            group, _, name = path.partition("/")
            groups.setdefault(group, {})[name] = value
        return groups

    def load_or_compute_numbers(
        self, kind: str, compute: Callable[[], Groups], *key: Key
    ) -> dict[str, dict[str, Any]]:
        """As `load_or_compute_groups`, as the numbers and lists that metrics.json has."""
        groups = self.load_or_compute_groups(kind, compute, *key)
        return {
            group: {name: value.tolist() for name, value in numbers.items()}
            for group, numbers in groups.items()
        }

    def measure_strokes(self, images: np.ndarray) -> np.ndarray:
        """What `strokes.measure` says of images (N, H, W, C), saying how far it is."""
        with self.make_bar("measuring strokes", len(images)) as bar:
            return strokes.measure(images, bar.update)

    def is_cached(self, kind: str, *key: Key) -> bool:
        """Whether the cache holds a file for what `load_or_compute` would be asked for."""
        path = self._find_cache_file(kind, *key)
        return path is not None and path.exists()

    def _find_cache_file(self, kind: str, *key: Key) -> Path | None:
        folder = self._cache_dir
        return None if folder is None else folder / f"{kind}-{hash_content(*key)}.npz"

    def make_bar(self, text: str, total: int) -> tqdm:
        """How far something is, shown on stderr."""
        return make_bar(text, total, quiet=self.settings.quiet)

    def select(self, name: str) -> Selected:
        """The index of a test image, "class:7" or the path of an image file -> the image.

        "class:7" is the test image whose code is nearest to the mean code of the class. Raises an
        `InputError` where there is none.
        """
        self.check_selection(name, repr(name))
        if name.isdecimal():
            return self.select_index(self.find_place(name))
        if name.startswith(CLASS_PREFIX):
            return self.select_index(self._find_typical(name.removeprefix(CLASS_PREFIX)))
        image = self.read_own_image(name)

        def compute() -> dict[str, np.ndarray]:
            return {"code": self.run.encode(image[np.newaxis])[0]}

        code = self.load_or_compute("own_code", compute, self.run.model_hash, image)["code"]
        return Selected(image, code, to_printable(Path(name).name))

    @staticmethod
    def is_file(name: str) -> bool:
        """Whether a name that `select` takes is the path of an image file."""
        return not name.isdecimal() and not name.startswith(CLASS_PREFIX)

    def read_own_image(self, name: str) -> np.ndarray:
        """An image file as the model takes it, float32 (H, W, C), read once; or an `InputError`."""
        if name not in self._own_images:
            shape, value_range = self.run.image_shape, self.data.read_options.value_range
            image = read_image(Path(name), shape, ink=self.ink, value_range=value_range)
            self._own_images[name] = image
        return self._own_images[name]

    def find_place(self, number: str) -> int:
        """The place among the images of one that a person named by its index among all."""
        return int(np.searchsorted(self.data.test_numbers, int(number)))

    def select_index(self, index: int) -> Selected:
        """An image by its place."""
        return Selected(self.images[index], self.codes[index], self.format_name(index))

    def format_name(self, index: int) -> str:
        """What an image, by its place, is called: its class, where there are any, and index."""
        label, name = self.data.test_labels[index], f"#{self.data.test_numbers[index]}"
        return f"{self.data.class_names[label]} ({name})" if self.data.has_classes else name

    def check_selection(self, name: str, where: str) -> None:
        """Refuses by an `InputError` on `where` what `select` can't follow; loads nothing."""
        where = to_printable(where, LONGEST_SHOWN)
        if name.isdecimal():
            count = len(self.data.whole.test_labels)
            if (index := find_index(name, count)) is None:
                known = f"test images 0 to {count - 1}"
                raise InputError(f"{self.data.name} has {known}. Received: {where}")
            if index not in self.data.test_numbers:
                raise InputError(
                    f"test image {index} is not among those of --only. Received: {where}; add "
                    "it to the list, or leave --only out"
                )
        elif name.startswith(CLASS_PREFIX):
            if name.removeprefix(CLASS_PREFIX) not in self.data.class_names:
                known = ", ".join(self.data.class_names)
                raise InputError(f"{self.data.name} has the classes {known}. Received: {where}")
        elif not Path(name).is_file():
            expected = "the index of a test image, class:NAME or an image file"
            raise InputError(f"expected {expected}. Received: {where}")
        elif (reason := self.explain_lack("encoder")) is not None:
            raise InputError(f"{reason}, and no image file encoded. Received: {where}")

    def _find_typical(self, class_name: str) -> int:
        label = self.data.class_names.index(class_name)
        members = np.flatnonzero(self.data.test_labels == label)
        if not len(members):
            raise InputError(f"no test image of {self.data.title} is of the class {class_name}")
        away = np.linalg.norm(self.codes[members] - self.class_means[label], axis=1)
        return int(members[away.argmin()])

    @cached_property
    def _kept_codes(self) -> dict[str, np.ndarray] | None:
        return self.run.read_kept(KEPT_CODES) if self.is_trained_on_data else None

    def _encode_split(self, split: str) -> np.ndarray:
        if self.run.codes is not None:
            if split not in self.run.codes:
                raise InputError(f"training images are asked for: {self.run.lacks['train_codes']}")
            return self.run.codes[split]
        if self._kept_codes is not None:
            return self._kept_codes[split]
        images = getattr(self.data, f"{split}_images")

        def compute() -> dict[str, np.ndarray]:
            with self.make_bar(f"encoding {split} images", len(images)) as bar:
                return {"codes": self.run.encode(images, bar.update)}

        return self.load_or_compute("codes", compute, split, *self.images_key)["codes"]


def make_study(settings: VisualizeConfig, run: Run, data: ImageDataset, *, thorough: bool) -> Study:
    """A study with the cache and the reference classifier that settings say."""
    cache, models = None if settings.no_cache else find_cache_folder(), Path(settings.models_dir)
    return Study(run, data, settings, thorough=thorough, cache_dir=cache, models_dir=models)
