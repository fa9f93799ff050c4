"""Arrays of images and labels, found by shape and name, -> `ImageDataset`."""

from __future__ import annotations

import hashlib
import math
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from latentspace.core.errors import InputError, to_printable
from latentspace.core.pixels import to_uint8
from latentspace.datasets.dataset import (
    UNLABELLED,
    ImageDataset,
    ReadOptions,
    choose_limited,
    format_fit,
    format_shape,
    index_classes,
    split_train_test,
)
from latentspace.datasets.pictures import convert_to

CHANNELS = (1, 3, 4)
BYTES_PER_IMAGE = 100  # of memory beside its pixels: label, index, and at worst a class of its own
LARGEST_LABEL = 2**53  # whole numbers up to it are exact as floats
LISTED = 8  # arrays, in messages
SPLITS = ("train", "test", "val")  # as they appear in the names of arrays
EXPECTED = (
    "expected x_train, y_train, x_test and y_test as Keras has them, or one array of images, "
    "(N, H, W) or (N, H, W, C), with at most one of N labels"
)


@dataclass(frozen=True)
class Arrays:
    """Images and labels as a file has them: to train on, and to test with where it says which.

    Attributes:
        images: Of each split (N, H, W), (N, H, W, C) or (N, C, H, W) of any dtype, see `to_pixels`.
        labels: Of each split (N,), (N, 1) or one-hot (N, K); None where there are none.
    """

    images: Sequence[np.ndarray]
    labels: Sequence[np.ndarray] | None = None


def find_arrays(arrays: Mapping[str, np.ndarray], where: str) -> Arrays:
    """Tells images, labels and splits apart, by shape and then by name.

    Args:
        arrays: By name; "train", "test" or "val" in a name says which split it belongs to.
        where: The file, for messages.

    Raises:
        InputError: They can't be told apart, or what should go together does not.
    """
    images: dict[str, np.ndarray] = {}
    for name, array in arrays.items():
        if array.ndim in (3, 4):
            if (split := _find_split(name)) in images:
                raise InputError(f"{where}: {EXPECTED}. Received: {_list_arrays(arrays)}")
            images[split] = array
    validation = images.pop("val", None)
    if validation is not None and "test" not in images:
        images["test"] = validation
    if not images or len(images) > (2 if "test" in images else 1):
        raise InputError(f"{where}: {EXPECTED}. Received: {_list_arrays(arrays)}")
    rest = {name: array for name, array in arrays.items() if array.ndim in (1, 2)}
    labels = {
        split: _find_labels(split, len(found), rest, where) for split, found in images.items()
    }
    # Test images alone are split as any others.
    splits = sorted(images, key=lambda split: split == "test")
    known = [found for split in splits if (found := labels[split]) is not None]
    if 0 < len(known) < len(splits):
        raise InputError(
            f"{where}: training and test images should both have labels, or neither. Received: "
            f"{_list_arrays(arrays)}"
        )
    return Arrays([images[split] for split in splits], known or None)


def assemble(
    arrays: Arrays,
    read_options: ReadOptions,
    *,
    name: str,
    source: str | None,
    class_names: Sequence[str] = (),
) -> ImageDataset:
    """Brings arrays into the contract of a data set.

    Args:
        arrays: Images and labels.
        read_options: What to make of them.
        name: Of the data set.
        source: Where a person said it is, else None.
        class_names: Names for the labels 0, 1, ..., used where they cover all labels.

    Raises:
        InputError: Something is no image or no label, or there are fewer than two images.
    """
    where = source or name
    labels, names = _to_indices(arrays, class_names, where)
    rows = choose_limited(len(labels), read_options.limit)
    parts, notes, start = [], [], 0
    for images in arrays.images:
        own = rows[(rows >= start) & (rows < start + len(images))] - start
        start += len(images)
        pixels, note = to_pixels(images if len(own) == len(images) else images[own], where)
        parts.append(pixels)
        notes.append(note)
    labels = labels[rows]
    if len({part.shape[1:] for part in parts}) > 1:
        raise InputError(
            f"{where}: training and test images should have one shape. Received: "
            f"{' and '.join(str(part.shape[1:]) for part in parts)}"
        )
    if min(map(len, parts)) < (1 if len(parts) > 1 else 2):
        raise InputError(
            f"{where}: a data set needs a training image and a test image. Received: "
            f"{len(rows)} images"
            + (f" of --limit {read_options.limit}" if read_options.limit else "")
        )
    if len(parts) > 1:
        train, test = np.split(np.arange(len(rows)), [len(parts[0])])
        train_pixels, test_pixels = parts
    else:
        train, test = split_train_test(labels, _hash_contents(parts[0]), read_options.test_fraction)
        train_pixels, test_pixels = parts[0][train], parts[0][test]
    size = read_options.image_size or train_pixels.shape[1:3]
    channels = read_options.channels or train_pixels.shape[3]
    shape = train_pixels.shape[1:]
    if shape != (*size, channels):
        notes.append(
            f"images of {format_shape(shape)} are brought to {format_shape((*size, channels))}"
            + format_fit(shape[:2], size, read_options.fit)
        )
    return ImageDataset(
        name=name,
        source=source,
        train_pixels=convert_to(train_pixels, size, channels, fit=read_options.fit),
        test_pixels=convert_to(test_pixels, size, channels, fit=read_options.fit),
        train_labels=labels[train],
        test_labels=labels[test],
        class_names=names,
        read_options=replace(read_options, image_size=size, channels=channels),
        notes=tuple(dict.fromkeys(filter(None, notes))),
        found_size=shape[:2],
    )


def to_pixels(images: np.ndarray, where: str) -> tuple[np.ndarray, str | None]:
    """Brings an array of images to uint8 (N, H, W, 1 or 3).

    Args:
        images: (N, H, W), (N, H, W, C) or (N, C, H, W) with 1, 3 or 4 channels, the fourth an
            opacity, which is laid on white. Whole numbers in 0..255, booleans, or floats in
            [0, 1], [-1, 1] or 0..255.
        where: The file, for messages.

    Returns:
        The images, and a line on how their values were read where a person might wonder.

    Raises:
        InputError: The shape or the values are no images.
    """
    found = images[..., np.newaxis] if images.ndim == 3 else images
    if found.ndim == 4 and found.shape[3] not in CHANNELS and found.shape[1] in CHANNELS:
        found = np.moveaxis(found, 1, 3)
    if found.ndim != 4 or found.shape[3] not in CHANNELS or min(found.shape[1:]) < 1:
        raise InputError(
            f"{where}: images should have the shape (N, H, W), (N, H, W, C) or (N, C, H, W), with "
            f"C of 1, 3 or 4. Received: {images.shape}"
        )
    pixels, note = _to_bytes(found, where)
    if pixels.shape[3] == 4:
        opacity = pixels[..., 3:] / np.float32(255)
        pixels = to_uint8((pixels[..., :3] * opacity + 255 * (1 - opacity)) / 255)
    return pixels, note


def _to_bytes(images: np.ndarray, where: str) -> tuple[np.ndarray, str | None]:
    if images.dtype == bool:
        return images * np.uint8(255), None
    if not images.size and images.dtype.kind in "uif":
        return images.astype(np.uint8), None
    if images.dtype.kind in "ui":
        low, high = float(images.min()), float(images.max())
        if low >= 0 and high == 1:
            return images.astype(np.uint8) * np.uint8(255), "values 0 and 1 are black and white"
        if low >= 0 and high <= 255:
            return images.astype(np.uint8, copy=False), None
    elif images.dtype.kind == "f":
        if broken := int((~np.isfinite(images)).sum()):
            raise InputError(f"{where}: {broken:,} values of the images are NaN or infinite")
        low, high = float(images.min()), float(images.max())
        if low >= 0 and high <= 1:
            return to_uint8(images), None
        if low >= -1 and high <= 1:
            return to_uint8((images + 1) / 2), "values in [-1, 1] are black to white"
        if low >= 0 and high <= 255:
            return to_uint8(images / 255), None
    else:
        raise InputError(f"{where}: images should be numbers. Received: {images.dtype}")
    raise InputError(
        f"{where}: images should be whole numbers in 0..255, or floats in [0, 1], [-1, 1] or "
        f"0..255. Received: {images.dtype} from {low:g} to {high:g}"
    )


def estimate_memory(shapes: Iterable[tuple[tuple[int, ...], np.dtype]]) -> int:
    """Bytes of memory that images and labels take while they become a data set of bytes."""
    held, copies = 0, [0]
    for shape, dtype in shapes:
        count = math.prod(shape)
        held += count * dtype.itemsize
        if len(shape) not in (3, 4):
            continue
        held += count + BYTES_PER_IMAGE * shape[0]
        # Measured: floats are checked, shifted and clipped in copies, three of them at a time;
        # where there is an opacity, colours and paper are floats of four bytes.
        has_opacity = len(shape) == 4 and 4 in (shape[1], shape[3])
        of_value = 3 * dtype.itemsize if dtype.kind == "f" else 1
        copies.append(count * max(of_value, 10 if has_opacity else 0))
    return held + max(copies)


def _hash_contents(pixels: np.ndarray) -> np.ndarray:
    """A number for each image, (N,), the same for copies."""
    hashes = (hashlib.blake2b(image.tobytes(), digest_size=8).digest() for image in pixels)
    return np.fromiter((int.from_bytes(found, "big") for found in hashes), np.uint64, len(pixels))


def _to_indices(
    arrays: Arrays, class_names: Sequence[str], where: str
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels of training and then test images, int64 (N + M,), and the names of the classes."""
    counts = [len(images) for images in arrays.images]
    if arrays.labels is None or not any(counts):
        return np.zeros(sum(counts), np.int64), UNLABELLED
    values = [
        _flatten_labels(labels, count, where)
        for labels, count in zip(arrays.labels, counts, strict=True)
    ]
    if len({part.dtype.kind in "SU" for part in values}) > 1:
        raise InputError(f"{where}: labels should be numbers or names, not both")
    joined = np.concatenate(values)
    if joined.dtype.kind == "U":
        return index_classes(joined.tolist())
    present, indices = np.unique(joined, return_inverse=True)
    if present[0] >= 0 and present[-1] < len(class_names):
        return present[indices], tuple(class_names)
    return indices, tuple(map(str, present))


def _flatten_labels(labels: np.ndarray, count: int, where: str) -> np.ndarray:
    """Labels as int64 or str (count,)."""
    values = labels
    if values.ndim == 2 and values.shape[1] > 1 and _is_one_hot(values):
        values = values.argmax(axis=1)
    values = values.reshape(len(values)) if values.size == len(values) else values
    if values.shape == (count,):
        if values.dtype.kind == "S":
            return np.char.decode(values, "utf-8", "replace")
        if values.dtype.kind == "U" and _is_text(values):
            return values
        if values.dtype.kind in "uibf" and (np.abs(values) <= LARGEST_LABEL).all():
            whole = values.astype(np.int64)
            if (whole == values).all():
                return whole
    raise InputError(
        f"{where}: labels should be {count} whole numbers or names. Received: shape "
        f"{labels.shape}, {labels.dtype}"
    )


def _is_text(values: np.ndarray) -> bool:
    """Whether an array of str holds characters: NumPy makes strings of any numbers in a file."""
    native = np.ascontiguousarray(values, values.dtype.newbyteorder("="))
    return bool((native.view(np.uint32) <= sys.maxunicode).all())


def _is_one_hot(values: np.ndarray) -> bool:
    if values.dtype.kind not in "uibf":
        return False
    return bool(((values == 0) | (values == 1)).all() and (values.sum(axis=1) == 1).all())


def _find_split(name: str) -> str:
    return next((split for split in SPLITS if split in name.lower()), "")


def _find_labels(
    split: str, count: int, arrays: Mapping[str, np.ndarray], where: str
) -> np.ndarray | None:
    """The one array of labels that goes with the images of a split; None where there is none."""
    own = [name for name in arrays if _find_split(name) == split]
    if split == "test" and not own:
        own = [name for name in arrays if _find_split(name) == "val"]
    named = [name for name in own if re.search(r"label|target|class|(^|[^a-z])y", name.lower())]
    fitting = [name for name in own if len(arrays[name]) == count]
    chosen = named if len(named) == 1 else fitting
    if len(chosen) > 1:
        raise InputError(f"{where}: {EXPECTED}. Received: {_list_arrays(arrays)}")
    return arrays[chosen[0]] if chosen else None


def _list_arrays(arrays: Mapping[str, np.ndarray]) -> str:
    shown = [f"{to_printable(name)} {array.shape}" for name, array in arrays.items()]
    return ", ".join([*shown[:LISTED], *["..."] * (len(shown) > LISTED)]) or "no array"
