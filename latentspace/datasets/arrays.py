"""Arrays of images and labels, found by shape and name, -> `ImageDataset`."""

import contextlib
import hashlib
import math
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from latentspace.core.errors import InputError, to_printable
from latentspace.core.npz import Header
from latentspace.datasets import dataset
from latentspace.datasets.attributes import read_attribute_table, read_columns
from latentspace.datasets.dataset import AS_IT_IS, Attributes, ImageDataset, ReadOptions
from latentspace.datasets.pictures import convert_to
from latentspace.datasets.values import (
    AT_ONCE,
    choose_ranges,
    find_common,
    look_at_values,
    to_pixels,
)

BYTES_PER_IMAGE = 100  # of memory beside its pixels: label, index, and at worst a class of its own
LARGEST_LABEL = 2**53  # whole numbers up to it are exact as floats
LISTED = 8  # arrays, in messages
SPLITS = ("train", "test", "val")  # as they appear in the names of arrays
EXPECTED = (
    "expected x_train, y_train, x_test and y_test as Keras has them, or one array of images, "
    "(N, H, W) or (N, H, W, C), with at most one of N labels"
)
CHOOSE = "--images-key and --labels-key choose arrays, --no-labels leaves labels out"


@dataclass(frozen=True)
class Arrays:
    """Images and labels as a file has them: to train on, and to test with where it says which."""

    images: Sequence[np.ndarray]  # of each split, see `to_pixels`; the second of three validates
    labels: Sequence[np.ndarray] | None = None  # (N,), (N, 1) or one-hot (N, K), of each split
    notes: Sequence[str] = ()  # what a person should know of how they were told apart, a line each
    attributes: Attributes = dataset.NO_ATTRIBUTES  # of all images, in the order of their splits
    places: np.ndarray | None = None  # of all images in their source, int (N,); None: this order


def find_arrays(
    arrays: Mapping[str, np.ndarray],
    where: str,
    read_options: ReadOptions = AS_IT_IS,
    unread: Mapping[str, str] = MappingProxyType({}),
) -> Arrays:
    """Tells images, labels and splits apart, by shape and then by name.

    "train", "test" or "val" in a name says which split an array belongs to; `read_options` choose
    by `images_key`, `labels_key` and `no_labels`. `unread` is what else the file `where` holds, by
    name, in words. Raises an `InputError` where they can't be told apart or do not match.
    """
    listed = _list_arrays(arrays, unread)
    images_key, labels_key = read_options.images_key, read_options.labels_key
    for flag, keys in (("--images-key", images_key), ("--labels-key", labels_key)):
        for name in keys or ():
            if name in unread:
                raise _refuse_unread(name, unread[name], where)
            if name not in arrays:
                asked = f"{to_printable(name)} for {flag}"
                raise InputError(f"{where} has no array {asked}. Received: {listed}")
    unclear = InputError(f"{where}: {EXPECTED}. Received: {listed}; {CHOOSE}")
    images: dict[str, str] = {}
    for name in images_key or [name for name, array in arrays.items() if array.ndim in (3, 4)]:
        if (split := _find_split(name)) in images:
            raise unclear
        images[split] = name
    validation = images.pop("val", None)
    if validation is not None and "test" not in images:
        images["test"], validation = validation, None
    if not images or len(images) > (2 if "test" in images else 1):
        raise unclear
    # Test images alone are split as any others.
    splits = sorted(images, key=lambda split: split == "test")
    labels: list[str] = []
    could_be = labels_key or [name for name, array in arrays.items() if array.ndim in (1, 2)]
    used = (*images.values(), validation)
    rest = {name: arrays[name] for name in could_be if name not in used}
    if not read_options.no_labels:
        for split in splits:
            count = len(arrays[images[split]])
            if labels_key and len(labels_key) == len(splits) == 1:
                labels += labels_key
            elif (found := _find_labels(split, count, rest, unread, where)) is not None:
                labels.append(found)
        if len(labels) != len(splits) and (labels or labels_key):
            wanted = "training and test images should both have labels, or neither"
            raise InputError(f"{where}: {wanted}. Received: {listed}; {CHOOSE}")
    notes, own = [], None
    if validation is not None and labels:
        with contextlib.suppress(InputError):  # what is not needed blocks nothing
            own = _find_labels("val", len(arrays[validation]), rest, unread, where)
    shapes = {arrays[name].shape[1:] for name in (*images.values(), validation) if name}
    if validation is not None and len(splits) == 2 and len(shapes) == 1 and (own or not labels):
        splits.insert(1, "val")
        images["val"] = validation
        labels[1:1] = [own] if own else []
        notes.append(f"{len(arrays[validation]):,} images of {_join_names([validation])} validate")
    further = {name: array for name, array in arrays.items() if name not in labels}
    counts = {split: len(arrays[images[split]]) for split in splits}
    columns = _find_attributes(further, counts) if read_options.attributes_file != "none" else {}
    texts = {
        plain: [text for name in names for text in _decode(arrays[name]).astype(str).ravel()]
        for plain, names in columns.items()
    }
    attributes, useless = read_columns(texts)
    taken = [*(images[split] for split in splits), *labels]
    told = [name for plain in columns if plain not in useless for name in columns[plain]]
    others = {name: array for name, array in arrays.items() if name not in (*taken, *told)}
    if others or unread or told or not all(map(_is_called_labels, labels)):
        notes.append(
            f"images are taken from {_join_names(taken[: len(splits)])}, labels from "
            f"{_join_names(labels) or 'nowhere'}"
            + (f", attributes from {_join_names(told)}" if told else "")
            + (f", left out: {_list_arrays(others, unread)}" if others or unread else "")
            + f"; {CHOOSE}"
        )
    pixels = [arrays[images[split]] for split in splits]
    return Arrays(pixels, [arrays[name] for name in labels] or None, notes, attributes)


def assemble(
    arrays: Arrays,
    read_options: ReadOptions,
    *,
    name: str,
    source: str | None,
    class_names: Sequence[str] = (),
) -> ImageDataset:
    """Brings arrays into the contract of a data set; see `ImageDataset` for its source.

    The class names are of the labels 0, 1, ..., used where they cover all labels. Raises an
    `InputError` where something is no image or no label, or there are fewer than two images.
    """
    where = source or name
    if read_options.no_labels:
        arrays = replace(arrays, labels=None)
    labels, names = index_labels(arrays, class_names, where)
    attributes, said = arrays.attributes, list[str]()
    if (table := read_options.attributes_file) == "none":
        attributes = dataset.NO_ATTRIBUTES
    elif table is not None:
        attributes, said = read_attribute_table(Path(table), len(labels))
    rows = dataset.choose_limited(len(labels), read_options.limit)
    values = [look_at_values(images, where) for images in arrays.images]
    ranges, found = choose_ranges(values, read_options.value_range)
    notes = [*arrays.notes, *said, *found]
    parts, start = [], 0
    for images, about in zip(arrays.images, values, strict=True):
        own = rows[(rows >= start) & (rows < start + len(images))] - start
        start += len(images)
        chosen = images if len(own) == len(images) else images[own]
        parts.append(to_pixels(chosen, ranges[about.own], where))
    places = np.arange(len(labels)) if arrays.places is None else arrays.places
    labels, attributes = labels[rows], attributes.select(rows)
    if len({part.shape[1:] for part in parts}) > 1:
        shapes = " and ".join(str(part.shape[1:]) for part in parts)
        wanted = "training and test images should have one shape"
        raise InputError(f"{where}: {wanted}. Received: {shapes}")
    num_validation = 0
    if len(parts) > 2:
        num_validation = len(parts[1])
        parts[:2] = [np.concatenate(parts[:2])]
    if min(map(len, parts)) < (1 if len(parts) > 1 else 2):
        received = f"{len(rows)} images"
        received += f" of --limit {read_options.limit}" if read_options.limit else ""
        wanted = "a data set needs a training image and a test image"
        raise InputError(f"{where}: {wanted}. Received: {received}")
    if len(parts) > 1:
        train, test = np.split(np.arange(len(rows)), [len(parts[0])])
        train_pixels, test_pixels = parts
    else:
        contents = hash_images(parts[0])
        train, test = dataset.split_train_test(labels, contents, read_options.test_fraction)
        train_pixels, test_pixels = parts[0][train], parts[0][test]
    shape, common = train_pixels.shape[1:], find_common(ranges.values())
    size, channels = read_options.image_size or shape[:2], read_options.channels or shape[2]
    if shape != (*size, channels):
        brought = dataset.format_fit(shape[:2], (*size, channels), read_options.fit)
        notes.append(f"images of {dataset.format_shape(shape)} are brought to {brought}")
    return ImageDataset(
        name=name,
        source=source,
        train_pixels=convert_to(train_pixels, size, channels, fit=read_options.fit),
        test_pixels=convert_to(test_pixels, size, channels, fit=read_options.fit),
        train_labels=labels[train],
        test_labels=labels[test],
        class_names=names,
        read_options=replace(read_options, image_size=size, channels=channels, value_range=common),
        train_attributes=attributes.select(train),
        test_attributes=attributes.select(test),
        num_validation=min(num_validation, len(train) - 1),
        notes=tuple(notes),
        found_size=shape[:2],
        order=np.argsort(np.argsort(places[rows]))[np.concatenate([train, test])],
    )


def estimate_memory(arrays: Iterable[Header | np.ndarray]) -> int:
    """Bytes of memory that images and labels take while they become a data set of bytes."""
    held, copies = 0, [0]
    for array in arrays:
        shape, dtype, count = array.shape, array.dtype, math.prod(array.shape)
        held += array.nbytes
        if len(shape) not in (3, 4):
            continue
        held += count + BYTES_PER_IMAGE * shape[0]
        # Measured: floats are shifted and clipped in copies, three of them at a time; where there
        # is an opacity, colours and paper are floats of four bytes.
        has_opacity = len(shape) == 4 and 4 in (shape[1], shape[3])
        shifted = 3 * dtype.itemsize * min(count, AT_ONCE) if dtype.kind == "f" else 0
        copies.append(max(shifted, count * (10 if has_opacity else 1)))
    return held + max(copies)


def hash_images(pixels: np.ndarray) -> np.ndarray:
    """A number for each image, (N,), the same for copies."""
    hashes = (hashlib.blake2b(image.tobytes(), digest_size=8).digest() for image in pixels)
    return np.fromiter((int.from_bytes(found, "big") for found in hashes), np.uint64, len(pixels))


def index_labels(
    arrays: Arrays, class_names: Sequence[str], where: str
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels of training and then test images, int64 (N + M,), and the names of the classes."""
    counts = [len(images) for images in arrays.images]
    if arrays.labels is None or not any(counts):
        return np.zeros(sum(counts), np.int64), dataset.UNLABELLED
    given = zip(arrays.labels, counts, strict=True)
    values = [_flatten_labels(labels, count, where) for labels, count in given]
    if len({part.dtype.kind in "SU" for part in values}) > 1:
        raise InputError(f"{where}: labels should be numbers or names, not both")
    joined = np.concatenate(values)
    if joined.dtype.kind == "U":
        return dataset.index_classes(joined.tolist())
    present, indices = np.unique(joined, return_inverse=True)
    if present[0] >= 0 and present[-1] < len(class_names):
        return present[indices], tuple(class_names)
    return indices, tuple(map(str, present))


def _flatten_labels(labels: np.ndarray, count: int, where: str) -> np.ndarray:
    """Labels as int64 or str (count,)."""
    values = labels
    if values.ndim == 2 and values.shape[1] > 1 and values.dtype.kind in "uibf":
        is_one_hot = ((values == 0) | (values == 1)).all() and (values.sum(axis=1) == 1).all()
        values = values.argmax(axis=1) if is_one_hot else values
    values = values.reshape(count) if values.size == count else values  # MATLAB has (1, N)
    if values.shape == (count,):
        values = _decode(values)
        if values.dtype.kind == "U" and _is_text(values):
            return values
        if values.dtype.kind in "uibf" and (np.abs(values) <= LARGEST_LABEL).all():
            whole = values.astype(np.int64)
            if (whole == values).all():
                return whole
    wanted, received = f"{count} whole numbers or names", f"shape {labels.shape}, {labels.dtype}"
    advice = "--labels-key takes another array, --no-labels none"
    raise InputError(f"{where}: labels should be {wanted}. Received: {received}; {advice}")


def _is_text(values: np.ndarray) -> bool:
    """Whether an array of str holds characters: NumPy makes strings of any numbers in a file."""
    native = np.ascontiguousarray(values, values.dtype.newbyteorder("="))
    return bool((native.view(np.uint32) <= sys.maxunicode).all())


def _find_split(name: str) -> str:
    return next((split for split in SPLITS if split in name.lower()), "")


def _is_called_labels(name: str) -> bool:
    return bool(re.search(r"label|target|class|(^|[^a-z])y(train|test|val|[^a-z]|$)", name.lower()))


def _find_labels(
    split: str, count: int, arrays: Mapping[str, np.ndarray], unread: Mapping[str, str], where: str
) -> str | None:
    """Name of the one array of labels that goes with the images of a split, if there is one."""

    def could_be(name: str) -> bool:
        with contextlib.suppress(InputError):
            return len(_flatten_labels(arrays[name], count, where)) == count
        return False

    own = [name for name in arrays if _find_split(name) == split]
    if split == "test" and not own:
        own = [name for name in arrays if _find_split(name) == "val"]
    named = list(filter(_is_called_labels, own))
    for name, what in unread.items() if not named else ():
        is_own = _is_called_labels(name) and _find_split(name) == split
        if is_own and what.startswith(f"({count},"):
            raise _refuse_unread(name, what, where)
    chosen = named if len(named) == 1 else list(filter(could_be, named or own))
    if len(chosen) > 1:
        what = f"{_join_names(chosen)} could each be the labels"
        raise InputError(f"{where}: {what}: pass --labels-key with one of them, or --no-labels")
    return chosen[0] if chosen else None


def _find_attributes(
    arrays: Mapping[str, np.ndarray], counts: Mapping[str, int]
) -> dict[str, list[str]]:
    """Names of arrays with a value for each of so many images of a split, in the order of splits.

    They stand by what is left of the names without splits.
    """
    found: dict[str, dict[str, str]] = {}
    for name, array in arrays.items():
        is_text = array.dtype.kind == "S" or (array.dtype.kind == "U" and _is_text(array))
        is_column = 0 < array.ndim < 3 and array.size == max(array.shape)
        if not is_column or _is_called_labels(name) or not (is_text or array.dtype.kind in "buif"):
            continue
        for split, plain in _split_name(name, counts):
            if array.size == counts[split]:
                found.setdefault(plain, {}).setdefault(split, name)
                break
    whole = {plain: own for plain, own in found.items() if set(own) == set(counts)}
    return {plain: [own[split] for split in counts] for plain, own in whole.items()}


def _split_name(name: str, splits: Collection[str]) -> Iterator[tuple[str, str]]:
    """Splits that a name may say, those that are words in it first, and what else it says."""
    split = rf"({'|'.join(filter(None, splits))})(ing|idation)?"
    for pattern in (rf"(?<![a-z]){split}(?![a-z])", split):
        found = re.search(pattern, name, re.IGNORECASE)
        if found and found[1]:
            rest = name[: found.start()] + name[found.end() :]
            yield found[1].lower(), rest.strip("_-./ ") or name
    if "" in splits:
        yield "", name


def _decode(values: np.ndarray) -> np.ndarray:
    return np.char.decode(values, "utf-8", "replace") if values.dtype.kind == "S" else values


def _refuse_unread(name: str, what: str, where: str) -> InputError:
    own, load = to_printable(name.rpartition("/")[2]), "numpy.load(FILE, allow_pickle=True)"
    as_text = f"numpy.save('NEW.npy', {load}.astype(str))"
    if not where.lower().endswith(".npy"):
        as_text = f"d = dict({load}); d[{own!r}] = d[{own!r}].astype(str); "
        as_text += "numpy.savez('NEW.npz', **d)"
    return InputError(
        f"{where}: {to_printable(name)} is {what}, which is not read, since that can run code. "
        f"{CHOOSE}. If you trust the file, write text in place of objects: {as_text}"
    )


def _join_names(names: Sequence[str]) -> str:
    return " and ".join(repr(to_printable(name)) for name in names)


def _list_arrays(arrays: Mapping[str, np.ndarray], unread: Mapping[str, str]) -> str:
    seen = {name: str(array.shape) for name, array in arrays.items()} | dict(unread)
    shown = [f"{to_printable(name)} {what}" for name, what in seen.items()]
    return ", ".join([*shown[:LISTED], *["..."] * (len(shown) > LISTED)]) or "no array"
