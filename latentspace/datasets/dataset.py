"""`ImageDataset`, what every reader ends in, and how it is split."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from latentspace.core.errors import to_printable
from latentspace.core.pixels import UnitImages
from latentspace.core.provenance import hash_content

if TYPE_CHECKING:
    from latentspace.datasets.avatars import Truth

UNLABELLED = ("image",)
BLANK = "(blank)"  # what a class is called whose name can't be seen
MOST_DIGITS = 18  # of an index: Python makes no number of thousands of them
SPLIT_SEED = 0  # of the choice of test images and of --limit: a data set is the same in every run


@dataclass(frozen=True)
class ReadOptions:
    """How images are read. What is None is taken as the images are.

    They are brought to `image_size` (height, width): scaled, aspect kept, the middle cut out; or
    padded, see `pictures.crop_to`. None takes a folder's commonest, of `LONGEST_SIDE` at most.
    """

    image_size: tuple[int, int] | None = None
    channels: int | None = None  # 1 for grey, 3 for colour
    test_fraction: float = 0.2  # becomes test images where a data set has none of its own
    limit: int | None = None  # most images to use, a choice by a fixed seed
    labels: str | None = None  # file of the labels, where the images' own file has none
    corrections: str | None = None  # a table of the labels that are wrong, see `correct_labels`
    label_column: str | None = None  # of a table of labels, by its heading or number, from 1
    classes_from: int | str | None = None  # of a folder: level of its classes, from 1, or "none"
    no_labels: bool = False
    frames_as: str | None = None  # "images" takes each page or frame of a file; else the first
    value_range: tuple[float, float] | None = None  # values that are black and white, see `values`
    images_key: tuple[str, ...] | None = None  # names of the arrays of images, one for each split
    labels_key: tuple[str, ...] | None = None
    fit: str = "scale"  # or "pad"
    attributes_file: str | None = None  # a table, or "none"; None takes that in a folder


AS_IT_IS = ReadOptions()


def group_columns(columns: Sequence[str]) -> dict[str, list[int]]:
    """The places of attributes by the columns that they are of."""
    found: dict[str, list[int]] = {}
    for place, column in enumerate(columns):
        found.setdefault(column, []).append(place)
    return found


@dataclass(frozen=True)
class Attributes:
    """What is known of images, one row each: `values`, float32 (N, A).

    They are 1 and 0 for yes and no, and NaN where nothing is known. A column of yes and no, or of
    numbers, has one name; of a column of names, such as "pose", each has its own, "pose=left".
    """

    OF_VALUE: ClassVar[str] = "="  # between a column and one of its names

    names: tuple[str, ...] = ()
    values: np.ndarray = field(default_factory=lambda: np.empty((0, 0), np.float32))

    def select(self, rows: np.ndarray) -> "Attributes":
        """Those of some of the images; of row -1 nothing is known."""
        if not self.names:
            return self
        return Attributes(self.names, np.where(rows[:, np.newaxis] < 0, np.nan, self.values[rows]))

    @property
    def columns(self) -> list[str]:
        """The column that each attribute comes from."""
        return [name.partition(self.OF_VALUE)[0] for name in self.names]

    @property
    def groups(self) -> dict[str, list[int]]:
        """The places of the attributes of each column."""
        return group_columns(self.columns)

    @property
    def is_binary(self) -> np.ndarray:
        """Which of them are yes or no, bool (A,)."""
        plain = (self.values == 0) | (self.values == 1) | np.isnan(self.values)
        return plain.all(axis=0)


NO_ATTRIBUTES = Attributes()


@dataclass(frozen=True)
class ImageDataset:
    """Images with labels, split into training and test."""

    name: str  # in captions and file names
    source: str | None  # the path that it was read from when a person named one
    train_pixels: np.ndarray  # uint8 (N, H, W, C) with C = 1 or 3
    test_pixels: np.ndarray  # uint8 (M, H, W, C)
    train_labels: np.ndarray  # int64 (N,) indices into `class_names`
    test_labels: np.ndarray  # int64 (M,)
    class_names: tuple[str, ...]  # `UNLABELLED` where nobody said what the images are
    read_options: ReadOptions = field(default_factory=ReadOptions)
    num_validation: int = 0  # training images, the last ones, that are there to validate with
    notes: tuple[str, ...] = ()  # what a person should know of how it was read, a line each
    found_size: tuple[int, int] | None = None  # before they were fitted; None: of several sizes
    train_attributes: Attributes = NO_ATTRIBUTES  # of each image, in its order; the same names
    test_attributes: Attributes = NO_ATTRIBUTES
    train_files: tuple[str, ...] = ()  # of each image, in its folder; empty where it has none
    test_files: tuple[str, ...] = ()
    truth: "Truth | None" = None  # of the test images, where they can be made again
    taken_from: "ImageDataset | None" = None  # the whole, where some of its test images are chosen
    taken: np.ndarray | None = None  # which of them, sorted int64 (M,)
    uncorrected_hash: str | None = None  # before a table corrected labels
    corrected: tuple[tuple[str, int], ...] = ()  # split and index of each image in that table
    # Where its source has each training and then each test image, int (N + M,); None: in this order
    order: np.ndarray | None = None

    @property
    def has_images(self) -> bool:
        """Whether it has any; else it is what there is to know of images that nobody has given."""
        return self.test_pixels.size > 0

    @property
    def train_images(self) -> UnitImages:
        """The training images, float32 (N, H, W, C) in [0, 1], made when they are indexed."""
        return UnitImages(self.train_pixels)

    @property
    def test_images(self) -> UnitImages:
        """The test images, float32 (M, H, W, C) in [0, 1], made when they are indexed."""
        return UnitImages(self.test_pixels)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of all images and labels; of chosen ones that of the whole, and which."""
        if self.taken is not None:
            return hash_content(self.whole.hash, self.taken)
        return hash_content(
            self.train_pixels, self.train_labels, self.test_pixels, self.test_labels
        )

    @property
    def whole(self) -> "ImageDataset":
        """The data set with all of its test images."""
        return self.taken_from or self

    @cached_property
    def test_numbers(self) -> np.ndarray:
        """The index of each test image among all of the data set, sorted int64 (M,)."""
        return np.arange(len(self.test_labels)) if self.taken is None else self.taken

    def choose_tests(self, numbers: np.ndarray) -> "ImageDataset":
        """The same with these test images alone, by sorted indices int64 (M,)."""
        files = self.test_files
        return replace(
            self,
            test_pixels=self.test_pixels[numbers],
            test_labels=self.test_labels[numbers],
            test_attributes=self.test_attributes.select(numbers),
            test_files=tuple(files[number] for number in numbers) if files else (),
            uncorrected_hash=None,  # of the whole
            corrected=(),
            taken_from=self,
            taken=numbers,
        )

    @property
    def title(self) -> str:
        """Its name, for captions; of chosen test images with how many they are."""
        return self.name if self.taken is None else f"{self.name} ({self._shares} test images)"

    def name_tests(self, count: int) -> str:
        """So many test images, for captions; of chosen ones out of how many."""
        of = [] if self.taken is None else [len(self.test_labels), len(self.whole.test_labels)]
        counts = dict.fromkeys([count, *of])  # once where all that are chosen are meant
        what = "test images" if self.has_images else "rows"
        return f"{' of '.join(f'{each:,}' for each in counts)} {what} of {self.name}"

    @property
    def _shares(self) -> str:
        return f"{len(self.test_labels):,} of {len(self.whole.test_labels):,}"

    @property
    def images_hash(self) -> str:
        """The hash before labels were corrected: what says nothing of classes depends on it."""
        return self.uncorrected_hash or self.hash

    def are_images_of(self, facts: Mapping[str, Any]) -> bool:
        """Whether a run that kept `facts` was trained on these images, whatever their labels."""
        return self.images_hash == facts.get("images_hash", facts["hash"])

    @cached_property
    def attributes_hash(self) -> str:
        """SHA-256 of all attributes; empty where there are none."""
        if not self.train_attributes.names:
            return ""
        both = (self.train_attributes.values, self.test_attributes.values)
        return hash_content(*both, *self.train_attributes.names)

    @cached_property
    def is_binary(self) -> np.ndarray:
        """Which attributes are yes or no in all images, bool (A,)."""
        return self.train_attributes.is_binary & self.whole.test_attributes.is_binary

    def describe(self, split: str, index: int) -> tuple[str, str]:
        """File and class of an image of "train" or "test"; empty what it has not."""
        files, labels = (getattr(self, f"{split}_{name}") for name in ("files", "labels"))
        label = self.class_names[labels[index]] if self.has_classes else ""
        return files[index] if files else "", label

    @property
    def facts(self) -> dict[str, Any]:
        """What a run keeps of the images that it was trained on."""
        return {
            "name": self.name,
            "source": self.source,
            "hash": self.hash,
            "images_hash": self.images_hash,
            "attributes": len(self.train_attributes.names),
            "reading": asdict(self.read_options),
            "notes": list(self.notes),
        }

    def split_validation(self, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Training images to fit and to validate with: as meant, else `split_validation`."""
        count = len(self.train_pixels)
        if self.num_validation:
            fitted, held_back = np.split(np.arange(count), [count - self.num_validation])
            return fitted, held_back
        return split_validation(count, share, seed)

    def __str__(self) -> str:
        classes = f"{len(self.class_names):,} classes" if self.has_classes else "no classes"
        named = len(self.train_attributes.names)
        attributes = f", {named:,} attribute{'s' * (named > 1)}" if named else ""
        tests = f"{len(self.test_pixels):,}" if self.taken is None else self._shares
        if not self.has_images:
            return f"{self.name}, {tests} rows without images, {classes}"
        return (
            f"{self.name}, {len(self.train_pixels):,} to train and {tests} to "
            f"test, {format_shape(self.image_shape)}, {classes}{attributes}"
        )

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of every image."""
        height, width, channels = self.test_pixels.shape[1:]
        return height, width, channels

    @property
    def can_be_padded(self) -> bool:
        """Whether its images were enlarged, where black could have been laid around them."""
        size, found = self.image_shape[:2], self.found_size
        if found is None or found == size or self.read_options.fit != "scale":
            return False
        return found[0] <= size[0] and found[1] <= size[1]

    @property
    def has_classes(self) -> bool:
        """Whether there are two classes or more to tell apart."""
        return len(self.class_names) > 1


def find_index(text: str, count: int) -> int | None:
    """The index that a text says; None where it says none of so many images."""
    is_index = text.isdecimal() and len(text) <= MOST_DIGITS and int(text) < count
    return int(text) if is_index else None


def format_shape(shape: Sequence[int]) -> str:
    """An image shape in words."""
    height, width, channels = shape
    return f"{height}x{width} pixels in {'grey' if channels == 1 else 'colour'}"


def format_fit(found: Sequence[int] | None, shape: Sequence[int], fit: str) -> str:
    """The shape that images of a height and a width, or of several, were brought to, and how."""
    how = ": padded with black" if fit == "pad" else ": scaled, the middle cut out"
    is_fitted = found is None or tuple(found) != tuple(shape[:2])
    return format_shape(shape) + (how if is_fitted else "")


def natural_sort_key(name: str) -> tuple[list[str | tuple[int, str]], str]:
    """A key that sorts names as a person would: "2" before "10"; names that differ never tie."""
    # Numbers are compared as text, shorter ones first: Python makes none of thousands of digits.
    parts: list[Any] = re.split(r"(\d+)", name)
    digits = [part.lstrip("0") for part in parts[1::2]]
    parts[1::2] = [(len(part), part) for part in digits]
    return parts, name


def index_classes(labels: Sequence[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels that are names -> int64 (N,), and in natural order what `tell_apart` makes of them."""
    names = sorted(set(labels), key=natural_sort_key)
    places = {name: place for place, name in enumerate(names)}
    return np.array([places[label] for label in labels]), tell_apart(names)


def tell_apart(names: Sequence[str], longest: int = 32) -> tuple[str, ...]:
    """Makes names fit to be printed and seen; of what is then alike, later ones get a number."""
    shown: dict[str, int] = {}  # how often a name was wanted
    for name in names:
        chosen = fit = to_printable(name, longest) if name.strip() else BLANK
        while chosen in shown:
            shown[fit] += 1
            chosen = f"{fit} ({shown[fit]})"
        shown[chosen] = 1
    return tuple(shown)


def split_validation(count: int, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of 2 images or more to fit and to hold back, a share in (0, 1): sorted int64 each."""
    held_back = min(max(1, round(count * share)), count - 1)
    order = np.random.default_rng(seed).permutation(count)
    return np.sort(order[held_back:]), np.sort(order[:held_back])


def split_train_test(
    labels: np.ndarray, contents: np.ndarray, share: float
) -> tuple[np.ndarray, np.ndarray]:
    """Splits images class by class: two sorted int64 arrays of indices, training and test.

    Copies of an image stay together: a test image that the model has trained on would flatter it.
    Labels are int (N,), N at least 2, contents (N,) equal for copies. A share in (0, 1) of each
    class is tested; each split has an image, of every class one trains, and one tests if it can.
    """
    rng = np.random.default_rng(SPLIT_SEED)
    _, first, groups = np.unique(contents, return_index=True, return_inverse=True)
    is_test = np.zeros(len(first), bool)  # of each group of copies
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels[first] == label))
        wanted = min(max(1, round(len(members) * share)), len(members) - 1)
        is_test[members[:wanted]] = True
    if not is_test.any() and len(first) > 1:  # of every class one image, or copies of one
        is_test[rng.integers(len(first))] = True
    chosen = is_test[groups]
    chosen[-1] |= not chosen.any()  # all are copies of one image
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def choose_limited(count: int, limit: int | None) -> np.ndarray:
    """A choice of at most `limit` of `count` images, sorted int64 indices."""
    if limit is None or count <= limit:
        return np.arange(count)
    return np.sort(np.random.default_rng(SPLIT_SEED).choice(count, limit, replace=False))
