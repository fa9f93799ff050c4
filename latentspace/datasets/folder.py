"""Folders of image files, whose subfolders are the classes -> `ImageDataset`."""

import contextlib
import itertools
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from latentspace.core.errors import InputError, to_printable
from latentspace.core.files import leads_outside, refuse_outside
from latentspace.datasets import dataset, values
from latentspace.datasets.attributes import read_named_attributes
from latentspace.datasets.dataset import NO_ATTRIBUTES, Attributes, ImageDataset, ReadOptions
from latentspace.datasets.decoding import Decoding, Frame, decode_files, inspect_files
from latentspace.datasets.layout import arrange
from latentspace.datasets.pictures import Look, is_image_file
from latentspace.datasets.tables import NamedRows, name_files, read_labels, read_table
from latentspace.datasets.values import BYTES, Range

LABELS_FILE, ATTRIBUTES_FILE = "labels.csv", "attributes.csv"
SYSTEM_FILES = {"Thumbs.db", "desktop.ini"}
LONGEST_SIDE = 256  # pixels that images are brought to where nobody says otherwise
NAMED_FILES = 3
LONGEST_NAME = 80


@dataclass(frozen=True)
class ImageFile:
    """An image file and what its place says of it."""

    path: Path
    label: str  # name of its class; that of `UNLABELLED` without classes
    split: str | None  # one of `layout.SPLITS`; None where the folder tells none apart
    row: int = -1  # in the attributes, see `Attributes.select`


class Listing(NamedTuple):
    """The image files of a folder, with what is known of them."""

    files: list[ImageFile]
    notes: list[str]
    attributes: Attributes  # a row for each that is known, see `ImageFile.row`


class _Unit(NamedTuple):
    """What becomes an image: a file, or one of its frames."""

    file: ImageFile
    look: Look
    number: int  # of the frame


def read_image_folder(
    folder: Path, read_options: ReadOptions, how: Decoding, *, name: str, source: str | None
) -> ImageDataset:
    """Reads a folder of image files, see `find_images`.

    Decoded images lie in the cache, from which only what is needed is read into memory; without
    a cache in memory. Raises an `InputError` where fewer than two images can be read.
    """
    listing = find_images(folder, read_options)
    with _keep_notes(listing.notes):
        return _read_files(folder, listing, read_options, how, name=name, source=source)


def _read_files(
    folder: Path, listing: Listing, read_options: ReadOptions, how: Decoding, **named: Any
) -> ImageDataset:
    every, notes, attributes = listing
    files = [every[index] for index in dataset.choose_limited(len(every), read_options.limit)]
    takes_frames = read_options.frames_as == "images"
    paths = [file.path for file in files]
    looks = inspect_files(paths, show_progress=how.show_progress, frames_too=takes_frames)
    seen, failures = [], dict[Path, str]()  # a line on each file that can't be read
    for file, look in zip(files, looks, strict=True):
        if isinstance(look, Look):
            seen.append((file, look))
        else:
            failures[file.path] = f"{_format_place(folder, file.path)} ({look})"
    if (stacks := [look.frames for _, look in seen if look.frames > 1]) and not takes_frames:
        what = f"{sum(stacks) - len(stacks):,} further pages or frames in {len(stacks):,} files"
        notes.append(f"{what} are left out; --frames-as images takes each as an image")
    if cut := sum(look.cut for _, look in seen):
        read = "16 bits a channel, of which the upper 8 are read; an .npz file of their arrays is"
        notes.append(f"{cut:,} files of colour or with transparency have {read} read whole")
    value_ranges = _choose_values(seen, read_options.value_range, notes)
    counted = [(file, look, look.frames if takes_frames else 1) for file, look in seen]
    units = [_Unit(file, look, number) for file, look, n in counted for number in range(n)]
    units = [units[index] for index in dataset.choose_limited(len(units), read_options.limit)]
    _check_count(len(units), folder, [*failures.values()])
    size, channels = _choose_form([unit.look for unit in units], read_options, notes)
    train, test, num_validation = _split(units, read_options.test_fraction)
    ordered = [units[index] for index in (*train, *test)]
    frames = [
        Frame(file.path, look.digest, number, value_ranges.get(file.path))
        for file, look, number in ordered
    ]
    fit = read_options.fit
    pixels, undecoded = decode_files(frames, how, size=size, channels=channels, fit=fit)
    for number, text in undecoded.items():
        path = ordered[number].file.path
        failures[path] = f"{_format_place(folder, path)} ({text})"
    kept = [number not in undecoded for number in range(len(ordered))]
    first_test = sum(kept[: len(train)])
    num_validation = sum(kept[len(train) - num_validation : len(train)])
    if not 0 < first_test < len(pixels):
        _check_count(0, folder, [*failures.values()])
    if read_options.value_range is not None and pixels.min() == pixels.max():
        notes.append(f"all pixels are {pixels.min()} of 255: check --value-range")
    measured = None if value_ranges else values.measure_values(pixels, BYTES)
    if measured is not None and (note := values.describe_range(measured, BYTES)):
        notes.append(note)
    if failures:
        shown = _join([*failures.values()])
        notes.append(f"{len(failures)} files can't be read and are skipped: {shown}")
    decoded = [unit.file for unit in itertools.compress(ordered, kept)]
    known = [file.label for file in decoded]
    if lost := {file.label for file in files} - set(known):
        shown = ", ".join(map(to_printable, sorted(lost)[:NAMED_FILES]))
        notes.append(f"{len(lost)} classes are lost with all their files: {shown}")
    labels, class_names = dataset.index_classes(known)
    rows = np.array([file.row for file in decoded])
    names = tuple(file.path.relative_to(folder).as_posix() for file in decoded)
    common = values.find_common(value_ranges.values())
    sizes = {look.size for _, look in seen}
    return ImageDataset(
        **named,
        train_pixels=pixels[:first_test],
        test_pixels=pixels[first_test:],
        train_labels=labels[:first_test],
        test_labels=labels[first_test:],
        class_names=class_names,
        read_options=replace(read_options, image_size=size, channels=channels, value_range=common),
        train_attributes=attributes.select(rows[:first_test]),
        test_attributes=attributes.select(rows[first_test:]),
        num_validation=min(num_validation, first_test - 1),
        train_files=names[:first_test],
        test_files=names[first_test:],
        notes=tuple(notes),
        found_size=sizes.pop() if len(sizes) == 1 else None,
        order=np.argsort(np.argsort(np.concatenate([train, test])[kept])),
    )


def find_images(folder: Path, read_options: ReadOptions = dataset.AS_IT_IS) -> Listing:
    """Lists the image files of a folder, in natural order, with their classes and attributes.

    Its subfolders are the splits and the classes, see `layout.arrange`, unless a labels.csv names
    the classes, see `tables.read_labels`. An attributes.csv, or what else stands in labels.csv,
    tells more of each. The `labels` and the `attributes_file` of the options are the paths of other
    tables. With `classes_from` the folders name the classes, or none, as with `no_labels`.

    Hidden files, what is no image by its name or first bytes, and links that lead out of the folder
    are left out. Raises an `InputError` where there is no image, or a table can't be read.
    """
    notes: list[str] = []
    table = Path(read_options.labels or folder / LABELS_FILE)
    classes_from = "none" if read_options.no_labels else read_options.classes_from
    has_table = classes_from is None and (read_options.labels is not None or table.is_file())
    if read_options.label_column is not None and not has_table:
        needed = f"a table of labels, and {folder} has none"
        raise InputError(f"--label-column needs {needed}: pass --labels FILE")
    asked = read_options.attributes_file
    about = folder / ATTRIBUTES_FILE if asked in (None, "none") else Path(asked)
    has_attributes = asked != "none" and (asked is not None or about.is_file())
    for found, given in ((table, read_options.labels), (about, asked)):
        if given is None and found.is_file():
            refuse_outside(found, folder)
    paths = _walk(folder, notes, known=(table, about))
    if not paths:
        wanted = "files such as PNG or JPEG, in subfolders named by class or all in one folder"
        received = f". Received: {'; '.join(notes)}" if notes else ""
        wanted += f"; four IDX files; or NPZ files{received}"
        raise InputError(f"{folder} holds no images: expected {wanted}")
    places = [path.relative_to(folder).as_posix() for path in paths]
    names = {place: row for row, place in enumerate(places)}
    tables: dict[str, tuple[NamedRows, list[int]]] = {}  # that tell attributes, and what else

    def label(rows: list[int]) -> dict[int, str]:
        own = [places[row] for row in rows]
        named = name_files(read_table(table), own)
        known, told = read_labels(named, read_options.label_column)
        tables["labels"] = named, told
        if known is None:
            known = dict.fromkeys(own, dataset.UNLABELLED[0])
            unclear = f"which column of {table} is the class is not clear"
            notes.append(f"{unclear}: all are attributes; --label-column names it")
        notes.extend(named.table.notes)
        if len(known) < len(rows):
            notes.append(f"{len(rows) - len(known)} images without a label in {table} are left out")
        return {names[name]: found for name, found in known.items()}

    with _keep_notes(notes):
        parts = [Path(place).parts for place in places]
        arranged, said = arrange(parts, classes_from, label if has_table else None)
        if has_attributes:
            named = name_files(read_table(about, "file,value"), list(names))
            tables = {"attributes": (named, [])}
        rows, attributes = dict[str, int](), NO_ATTRIBUTES
        for named, told in tables.values() if asked != "none" else ():
            try:
                rows, attributes, more = read_named_attributes(named, told)
            except InputError as error:
                if has_attributes:
                    raise
                more = [f"{error}: its attributes are left out"]
            said += [note for note in (*named.table.notes, *more) if note not in notes]
    files = []
    for row, split, of_class in arranged:
        named_class = dataset.UNLABELLED[0] if of_class is None else of_class
        files.append(ImageFile(paths[row], named_class, split, rows.get(places[row], -1)))
    return Listing(files, notes + said, attributes)


@contextlib.contextmanager
def _keep_notes(notes: Sequence[str]) -> Iterator[None]:
    """Gives an error the notes so far, which may say where it comes from."""
    try:
        yield
    except InputError as error:
        for note in notes:
            error.add_note(note)
        raise


def _walk(folder: Path, notes: list[str], *, known: Sequence[Path]) -> list[Path]:
    """The image files of a data set, with notes on all else but known files."""
    images, outside, dead, repeated, others = (list[Path]() for _ in range(5))
    entered = set[str]()  # folders that were reached over links
    real_folder = os.path.realpath(folder)
    for parent, folders, names in os.walk(folder, followlinks=True):
        real_parent = os.path.realpath(parent)
        place = os.path.join(real_folder, os.path.relpath(parent, folder))
        linked = real_parent != os.path.normpath(place)  # below a link to a folder
        inner = []
        for name in sorted(
            (name for name in folders if name[0] != "."), key=dataset.natural_sort_key
        ):
            path = Path(parent, name)
            real = os.path.realpath(path)
            over_link = linked or path.is_symlink()
            if leads_outside(path, folder):
                outside.append(path)
            elif over_link and (real in entered or Path(real_parent).is_relative_to(real)):
                repeated.append(path)
            else:
                inner.append(name)
                if over_link:
                    entered.add(real)
        folders[:] = inner
        for name in sorted(names, key=dataset.natural_sort_key):
            path = Path(parent, name)
            if name[0] == "." or name in SYSTEM_FILES:
                continue
            if path.is_symlink() and leads_outside(path, folder):
                outside.append(path)
            elif not path.is_file():
                dead.append(path)
            elif path not in known:
                (images if is_image_file(path) else others).append(path)
    for paths, what in (
        (outside, f"links that lead out of {folder} are left out"),
        (repeated, "links to folders that are in the data set already are left out"),
        (dead, "links and other names without a file are left out"),
    ):
        if paths:
            notes.append(f"{len(paths)} {what}: {_format_places(folder, paths)}")
    if others:
        kinds = Counter(path.suffix.lower() or "without an ending" for path in others)
        shown = [f"{count} {to_printable(kind)}" for kind, count in kinds.most_common()]
        notes.append(f"{len(others)} files are no images and are left out: {_join(shown)}")
        bare = {path.parent for path in others} - {path.parent for path in images} - {folder}
        if bare:
            shown_bare = _format_places(folder, sorted(bare))
            notes.append(f"{len(bare)} folders hold no images but other files: {shown_bare}")
    return images


def _choose_form(
    looks: Sequence[Look], read_options: ReadOptions, notes: list[str]
) -> tuple[tuple[int, int], int]:
    """The size and the channels to bring all images to."""
    sizes = Counter(look.size for look in looks)
    size, count = sizes.most_common(1)[0]
    if count <= len(looks) / 2:
        height, width = np.median([look.size for look in looks], axis=0)
        size = (round(height), round(width))
    shrink = min(1.0, LONGEST_SIDE / max(size))
    height, width = (max(1, round(side * shrink)) for side in size)
    size = read_options.image_size or (height, width)
    channels = read_options.channels or (1 if all(look.grey for look in looks) else 3)
    if set(sizes) != {size}:
        what = f"{len(sizes)} sizes" if len(sizes) > 1 else "{}x{} pixels".format(*looks[0].size)
        brought = dataset.format_fit(None, (*size, channels), read_options.fit)
        notes.append(
            f"images of {what} are brought to {brought}; --image-size chooses another size"
        )
    return size, channels


def _choose_values(
    seen: Sequence[tuple[ImageFile, Look]], given: Range | None, notes: list[str]
) -> dict[Path, Range]:
    """Which values are black and white, by file. Without deep files only what is given counts."""
    deep = {file.path: look.values for file, look in seen if look.values is not None}
    ranges, found = values.choose_ranges(deep.values(), given)
    notes.extend(found)
    if not deep and given is not None:
        return {file.path: given for file, _ in seen}
    return {path: ranges[values.own] for path, values in deep.items()}


def _split(units: Sequence[_Unit], test_fraction: float) -> tuple[np.ndarray, np.ndarray, int]:
    """Indices of training and of test images; the last so many training images validate."""
    splits = np.array([str(unit.file.split) for unit in units])
    is_test, validates = splits == "test", splits == "validation"
    if is_test.any() and not is_test.all():
        fitted, held_back = np.flatnonzero(~is_test & ~validates), np.flatnonzero(validates)
        return np.concatenate([fitted, held_back]), np.flatnonzero(is_test), len(held_back)
    digests = [unit.look.digest for unit in units]
    if len(set(digests)) * test_fraction < 1:  # frames of a few stacks can't stay together
        digests = [f"{unit.look.digest}-{unit.number}" for unit in units]
    labels, _ = dataset.index_classes([unit.file.label for unit in units])
    return *dataset.split_train_test(labels, np.array(digests), test_fraction), 0


def _format_places(folder: Path, paths: Sequence[Path]) -> str:
    return _join([_format_place(folder, path) for path in paths])


def _format_place(folder: Path, path: Path) -> str:
    return to_printable(path.relative_to(folder).as_posix(), LONGEST_NAME)


def _check_count(count: int, folder: Path, failures: Sequence[str]) -> None:
    if count < 2:
        received = f"Can't be read: {_join(failures)}" if failures else f"Received: {count} images"
        wanted = "a training image and a test image that can be read"
        raise InputError(f"{folder} should hold {wanted}. {received}")


def _join(shown: Sequence[str]) -> str:
    return ", ".join([*shown[:NAMED_FILES], *["..."] * (len(shown) > NAMED_FILES)])
