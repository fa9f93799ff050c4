"""Folders of image files, whose subfolders are the classes -> `ImageDataset`."""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from latentspace.core.errors import InputError, to_printable
from latentspace.core.memory import refuse_too_large
from latentspace.datasets.dataset import (
    UNLABELLED,
    ImageDataset,
    ReadOptions,
    choose_limited,
    format_fit,
    format_shape,
    index_classes,
    natural_sort_key,
    split_train_test,
)
from latentspace.datasets.decoding import FileInfo, decode_files, inspect_files
from latentspace.datasets.links import leads_outside, refuse_outside
from latentspace.datasets.pictures import list_suffixes

LABELS_FILE = "labels.csv"
SPLIT_FOLDERS = ("train", "test")
LONGEST_SIDE = 256  # pixels that images are brought to where nobody says otherwise
NAMED_FILES = 3
LONGEST_NAME = 80
TABLE_EXPANSION = 10  # bytes of memory a byte of a table


@dataclass(frozen=True)
class ImageFile:
    """An image file and what its place says of it."""

    path: Path
    label: str | None  # name of its class; None without classes
    is_test: bool  # whether it lies in a folder of test images


def read_image_folder(
    folder: Path,
    read_options: ReadOptions,
    *,
    name: str,
    source: str | None,
    cache_dir: Path | None = None,
    show_progress: bool = False,
) -> ImageDataset:
    """Reads a folder of image files.

    Decoded images are kept in the cache in one file, from which only what is needed is read into
    memory: a million images need little more memory than a thousand.

    Args:
        folder: See `find_images`.
        read_options: How to read them.
        name: Of the data set.
        source: Where a person said it is, else None.
        cache_dir: Where decoded images are kept; None keeps them in memory.
        show_progress: Draw progress bars on stderr.

    Raises:
        InputError: There are fewer than two images that can be read.
    """
    files, notes = find_images(folder, read_options.labels)
    files = [files[index] for index in choose_limited(len(files), read_options.limit)]
    looks = inspect_files([file.path for file in files], show_progress=show_progress)
    seen, failures = [], {}
    for file, look in zip(files, looks, strict=True):
        if isinstance(look, FileInfo):
            seen.append((file, look))
        else:
            failures[_format_place(folder, file.path)] = str(look)
    _check_count(len(seen), folder, failures)
    size, channels = _choose_form([look for _, look in seen], read_options, notes)
    named = [file.label for file, _ in seen if file.label is not None]
    labels, class_names = index_classes(named) if named else (np.zeros(len(seen), int), UNLABELLED)
    train, test = _split(seen, labels, read_options.test_fraction)
    ordered = [seen[index] for index in (*train, *test)]
    pixels, undecoded = decode_files(
        {file.path: look.digest for file, look in ordered},
        size=size,
        channels=channels,
        fit=read_options.fit,
        cache_dir=cache_dir,
        show_progress=show_progress,
    )
    failures |= {
        _format_place(folder, ordered[number][0].path): text for number, text in undecoded.items()
    }
    kept = np.array([number not in undecoded for number in range(len(ordered))])
    first_test = int(kept[: len(train)].sum())
    if not 0 < first_test < len(pixels):
        _check_count(0, folder, failures)
    if failures:
        notes.append(
            f"{len(failures)} files can't be read and are skipped: {_format_failures(failures)}"
        )
    labels = labels[np.concatenate([train, test])][kept]
    return ImageDataset(
        name=name,
        source=source,
        train_pixels=pixels[:first_test],
        test_pixels=pixels[first_test:],
        train_labels=labels[:first_test],
        test_labels=labels[first_test:],
        class_names=class_names,
        read_options=replace(read_options, image_size=size, channels=channels),
        notes=tuple(notes),
        found_size=sizes.pop() if len(sizes := {look.size for _, look in seen}) == 1 else None,
    )


def find_images(folder: Path, labels: str | None = None) -> tuple[list[ImageFile], list[str]]:
    """Lists the image files of a folder, with their classes.

    Args:
        folder: Its subfolders are the classes, at any depth below each; of a folder with the two
            subfolders train and test, theirs are. Without subfolders there are no classes, but for
            those that a labels.csv of file,label gives.
        labels: Path of the labels.csv; None takes the one in the folder, where there is one.

    Returns:
        The files, in natural order, and notes on what is left out. Hidden files, files that are no
        images by their names, and links that lead out of the folder are left out.

    Raises:
        InputError: There is no image, or labels.csv can't be read.
    """
    notes: list[str] = []
    is_split = all((folder / part).is_dir() for part in SPLIT_FOLDERS)
    table = Path(labels) if labels else folder / LABELS_FILE
    if labels or table.is_file():
        if not labels:
            refuse_outside(table, folder)
        known = _read_labels(table)
        found_in = _walk(folder, folder, notes)
        paths = {path.relative_to(folder).as_posix(): path for path in found_in}
        if absent := [name for name in known if name not in paths and Path(name).suffix]:
            notes.append(
                f"{len(absent)} files that {table} names are not there: "
                f"{', '.join(map(to_printable, absent[:NAMED_FILES]))}"
            )
        found = [
            ImageFile(path, known[key], is_split and key.startswith("test/"))
            for key, path in paths.items()
            if key in known
        ]
        if len(found) < len(paths):
            notes.append(
                f"{len(paths) - len(found)} images that {table} does not name are left out"
            )
    else:
        found = [
            ImageFile(path, label, part == "test")
            for part in (SPLIT_FOLDERS if is_split else (".",))
            for path, label in _find_with_classes(folder / part, folder, notes)
        ]
    if not found:
        raise InputError(
            f"{folder} holds no images, or none that can be told by name: expected files such as "
            "PNG or JPEG, in subfolders named by class or all in one folder; four IDX files; or "
            "NPZ files"
        )
    return found, notes


def _find_with_classes(root: Path, folder: Path, notes: list[str]) -> list[tuple[Path, str | None]]:
    """The images below a folder, each with the subfolder that it lies in, if there are any."""
    found = [(path, path.relative_to(root).parts) for path in _walk(root, folder, notes)]
    in_classes = [(path, parts[0]) for path, parts in found if len(parts) > 1]
    if not in_classes:
        return [(path, None) for path, _ in found]
    if len(in_classes) < len(found):
        beside = len(found) - len(in_classes)
        notes.append(f"{beside} images beside the class folders of {root} are left out")
    return list(in_classes)


def _walk(root: Path, folder: Path, notes: list[str]) -> Iterator[Path]:
    """The image files below a root, which is the folder of the data set or a part of it."""
    outside, linked = 0, 0
    for parent, folders, names in os.walk(root):
        if leads_outside(Path(parent), folder):  # the root itself: links below are not followed
            outside += 1
            break
        folders[:] = sorted((name for name in folders if name[0] != "."), key=natural_sort_key)
        linked += sum(Path(parent, name).is_symlink() for name in folders)
        for name in sorted(names, key=natural_sort_key):
            path = Path(parent, name)
            if name[0] == "." or path.suffix.lower() not in list_suffixes():
                continue
            if path.is_symlink() and leads_outside(path, folder):
                outside += 1
            elif path.is_file():
                yield path
    if outside:
        notes.append(f"{outside} links that lead out of {folder} are left out")
    if linked:
        notes.append(f"{linked} links to folders in {folder} are left out")


def _read_labels(path: Path) -> dict[str, str]:
    """Classes by file, from a table of file,label with or without a heading."""
    if not path.is_file():  # a pipe or a device could keep one waiting for ever
        raise InputError(f"there is no file {path}: expected a table of file,label")
    refuse_too_large(TABLE_EXPANSION * path.stat().st_size, str(path), "pass a smaller table")
    known = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.reader(file)
            for name, *label in filter(None, rows):
                if not label:
                    raise InputError(
                        f"{path} should have a file and a label in each line. Received: "
                        f"{to_printable(name, LONGEST_NAME)!r} in line {rows.line_num}"
                    )
                known[Path(name.strip()).as_posix()] = label[0].strip()
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} can't be read as a table of file,label: {error}") from error
    if not known:
        raise InputError(
            f"{path} should have a file and a label in each line. Received: an empty file"
        )
    return known


def _choose_form(
    infos: Sequence[FileInfo], read_options: ReadOptions, notes: list[str]
) -> tuple[tuple[int, int], int]:
    """The size and the channels to bring all images to."""
    sizes = Counter(look.size for look in infos)
    size, count = sizes.most_common(1)[0]
    if count <= len(infos) / 2:
        height, width = np.median([look.size for look in infos], axis=0)
        size = (round(height), round(width))
    shrink = min(1.0, LONGEST_SIDE / max(size))
    size = read_options.image_size or (
        max(1, round(size[0] * shrink)),
        max(1, round(size[1] * shrink)),
    )
    channels = read_options.channels or (1 if all(look.grey for look in infos) else 3)
    if set(sizes) != {size}:
        what = f"{len(sizes)} sizes" if len(sizes) > 1 else "{}x{} pixels".format(*infos[0].size)
        notes.append(
            f"images of {what} are brought to {format_shape((*size, channels))}"
            f"{format_fit(None, size, read_options.fit)}; --image-size chooses another size"
        )
    return size, channels


def _split(
    seen: Sequence[tuple[ImageFile, FileInfo]], labels: np.ndarray, test_fraction: float
) -> tuple[np.ndarray, np.ndarray]:
    """Indices of training and of test images."""
    is_test = np.array([file.is_test for file, _ in seen])
    if is_test.any() and not is_test.all():
        return np.flatnonzero(~is_test), np.flatnonzero(is_test)
    contents = np.array([look.digest for _, look in seen])
    return split_train_test(labels, contents, test_fraction)


def _format_place(folder: Path, path: Path) -> str:
    """A file's place in the folder, fit to be printed."""
    return to_printable(path.relative_to(folder).as_posix(), LONGEST_NAME)


def _check_count(count: int, folder: Path, failures: Mapping[str, str]) -> None:
    if count < 2:
        raise InputError(
            f"{folder} should hold a training image and a test image that can be read. "
            + (
                f"Can't be read: {_format_failures(failures)}"
                if failures
                else f"Received: {count} images"
            )
        )


def _format_failures(failures: Mapping[str, str]) -> str:
    shown = [f"{name} ({text})" for name, text in list(failures.items())[:NAMED_FILES]]
    return ", ".join([*shown, "..."] if len(failures) > NAMED_FILES else shown)
