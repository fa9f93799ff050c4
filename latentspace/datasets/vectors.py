"""Tables of numbers that a person has, a row an image: read, and brought to images or without."""

import csv
import itertools
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from latentspace.core.errors import InputError, explain_error, format_reason, to_printable
from latentspace.core.memory import refuse_too_large
from latentspace.core.npz import read_arrays, read_headers
from latentspace.datasets import tables
from latentspace.datasets.arrays import Arrays, index_labels
from latentspace.datasets.dataset import ImageDataset
from latentspace.datasets.tables import NamedRows, show

ARRAYS, TABLES = (".npz", ".npy"), (".csv", ".tsv", ".txt")
TEXT_EXPANSION = 5  # bytes of memory a byte of text, of numbers such as 0.1
LABELS = {"label", "labels", "class", "classes", "target"}  # no headings of numbers
REAL = "buif"  # kinds of dtype


@dataclass(frozen=True)
class Vectors:
    """A row of numbers for each image."""

    path: Path  # of the file
    values: np.ndarray  # float32 (N, D), N at least 2
    names: tuple[str, ...] = ()  # what the first column of a table of text calls each


def read_vectors(path: Path, key: str) -> Vectors:
    """Reads a table of real numbers, (N, D), out of an .npz, .npy or .csv file.

    Of an .npz file it is the only table, or the array called `key`. Text may have a heading, and a
    first column of names. Raises an `InputError` where it is no such table, or not finite.
    """
    suffix, names = path.suffix.lower(), tuple[str, ...]()
    if suffix in ARRAYS:
        values = _read_array(path, key, wanted=2)
    elif suffix in TABLES:
        values, names = _read_text(path)
    else:
        raise InputError(f"{path} should be an .npz, .npy or .csv file with a row for each image")
    if len(values) < 2 or not values.size:
        raise InputError(f"{path} should have two rows of numbers. Received: {values.shape}")
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(values, np.float32)
    if odd := int((~np.isfinite(values).all(axis=1)).sum()):
        raise InputError(
            f"{path} should hold finite numbers. Received: {odd:,} of {len(values):,} rows with "
            "NaN, or with numbers that are infinite or too large for float32"
        )
    return Vectors(path, values, names)


def split_rows(
    table: Vectors, data: ImageDataset, beside: str = ""
) -> tuple[dict[str, np.ndarray], str]:
    """Brings rows to the images of a whole data set, by the names of their files or in order.

    Returns rows of the "test" images, float32 (M, D), and of "train" where they have some, and a
    line that says which are which. Raises an `InputError` where there are not as many, nor as many
    as `beside` says.
    """
    values, tests, trained = table.values, len(data.test_labels), len(data.train_labels)
    said = f"{table.path.name}: {len(values):,} rows of {values.shape[1]:,} numbers"
    files = (*data.train_files, *data.test_files)
    if table.names and (not files or len(set(files)) < len(files)):
        raise InputError(
            f"{table.path} has words in its first column, and they can't be names of files, each "
            f"that of an image of {data.name}: leave the column out"
        )
    if table.names:
        match, rows = tables.match_files(files), dict[str | None, int]()
        for row, file in enumerate(map(match, table.names)):
            if rows.setdefault(file, row) != row and file is not None:
                raise InputError(f"{table.path} names {show(file)} twice: leave out one of both")
        if absent := [file for file in data.test_files if file not in rows]:
            raise InputError(
                f"{table.path} names {tests - len(absent):,} of {tests:,} test images of "
                f"{data.name}: expected a row for each, also for {show(absent[0])}"
            )
        whole = trained and all(file in rows for file in files)
        sides = {"test": data.test_files, **({"train": data.train_files} if whole else {})}
        by_file = {split: values[[rows[file] for file in own]] for split, own in sides.items()}
        return by_file, f"{said}: {'all' if whole else 'the test'} images, by file"
    if len(values) == tests:
        return {"test": values}, said + ": the test images" * data.has_images
    if len(values) != tests + trained:
        raise InputError(
            f"{table.path} has {len(values):,} rows, and {data.name} has {beside}{tests:,} test "
            f"images, {tests + trained:,} images in all: expected a row for each of these"
        )
    ordered = values if data.order is None else values[data.order]
    return {"train": ordered[:trained], "test": ordered[trained:]}, f"{said}: all images in order"


def make_rows(table: Vectors, name: str, labels: Path | None, column: str | None) -> ImageDataset:
    """The data set of rows without images, all of them tests, with labels out of a file.

    That is an array, or a table of file,label for rows with names; else a label a row. Raises an
    `InputError` where it can't be read, or has not a label for each row.
    """
    count, given = len(table.values), None
    if labels is not None:
        if labels.suffix.lower() in ARRAYS:
            given = [_read_array(labels, "labels", wanted=1)]
        else:
            given = [np.array(_read_labels(labels, table, column))]
    without = np.empty((count, 0, 0, 1), np.uint8)
    indices, class_names = index_labels(Arrays([without], given), (), str(labels))
    return ImageDataset(
        name=name,
        source=None,
        train_pixels=without[:0],
        test_pixels=without,
        train_labels=indices[:0],
        test_labels=indices,
        class_names=class_names,
        test_files=table.names,
    )


def _read_array(path: Path, key: str, wanted: int) -> np.ndarray:
    """The one array of a file of `wanted` dimensions, or that of a name; numbers if it is two."""
    unread = dict[str, str]()
    headers = read_headers(path, unread=unread)
    shapes = {name: f"{one.shape} {one.dtype}" for name, one in headers.items()} | unread
    fitting = [name for name, one in headers.items() if len(one.shape) == wanted]
    names = [key] if key in headers else list(headers) if len(shapes) == 1 else fitting
    listed = ", ".join(f"{to_printable(name)} {what}" for name, what in shapes.items())
    kinds = REAL if wanted > 1 else REAL + "SU"
    if len(names) != 1 or names[0] not in fitting or headers[names[0]].dtype.kind not in kinds:
        what = "one table of real numbers, (N, D)" if wanted > 1 else "one array, (N,)"
        raise InputError(
            f"{path} should hold {what}, or one that is called {key}. Received: {listed or 'none'}"
            + (", which is not read, since that can run code" if unread else "")
        )
    if wanted > 1 and headers[names[0]].shape[0] < 2:
        raise InputError(f"{path} should have two rows of numbers. Received: {listed}")
    return read_arrays(path, unread={}, only=names[0])[names[0]]


def _read_text(path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    """Numbers, float64 (N, D), and the names in the first column, if that has any."""
    if not path.is_file():  # a pipe or a device could keep one waiting for ever
        raise InputError(f"there is no file {path}")
    refuse_too_large(TEXT_EXPANSION * path.stat().st_size, str(path), "pass an .npy file")
    what = f"{path} should have a row of numbers for each image, of one length"
    what += ", perhaps after a heading and names of files"
    explained = explain_error(what, reason=lambda error: format_reason(error).partition(";")[0])
    with explained, path.open(encoding="utf-8-sig", newline="") as file:
        lines = [line.strip() for line in itertools.islice(file, 2)] or [""]
        mark = max(tables.DELIMITERS, key=lines[-1].count)
        if mark not in lines[-1]:  # any number of spaces
            mark, lines = " ", [" ".join(line.split()) for line in lines]
        first, *second = ([*row] or [""] for row in csv.reader(lines, delimiter=mark))
        cells = [*map(tables.fold_heading, first)]
        words, others = ([*map(_is_word, row)] for row in (first, *(second or [[""]])))
        is_named = words[0] and cells[0] in ("", *tables.FILE_HEADINGS)
        is_numbered = first == [str(number) for number in range(len(first))]
        start = int(is_numbered or is_named or sum(words) > sum(others))
        has_names = is_named or (words[0] and others[0])
        columns = range(1, len(others)) if has_names else None
        split: Any = {"delimiter": mark if mark != " " else None, "quotechar": '"'}
        file.seek(0)
        body = itertools.islice(file, start, None)
        with warnings.catch_warnings(action="ignore"):  # of no rows
            values = np.loadtxt(body, usecols=columns, ndmin=2, comments=None, **split)
        file.seek(0)
        rows = csv.reader(itertools.islice(file, start, None), delimiter=mark)
        names = tuple(row[0].strip() for row in rows if row) if has_names else ()
    if start and (told := LABELS & {*cells}):
        what = f"{path} has a column {told.pop()}, which is no number of a row"
        raise InputError(f"{what}: leave it out, and pass --labels")
    is_index = not cells[0] and names == tuple(map(str, range(len(values))))
    return values, () if is_index or len(names) != len(values) else names


def _is_word(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return True
    return False


def _read_labels(path: Path, table: Vectors, column: str | None) -> list[str]:
    """A label for each row of a table, out of text."""
    count, found = len(table.values), tables.read_table(path, "a label", least=1)
    if table.names:
        named = tables.name_files(found, table.names)
    else:
        start = int(len(found.rows) == count + 1)
        columns = found.rows[0] if start else [str(k + 1) for k in range(len(found.rows[0]))]
        rows, lines = found.rows[start:], found.lines[start:]
        named = NamedRows(found, columns, -1, rows, lines, [str(k) for k in range(len(rows))])
    known = tables.read_labels(named, column)[0] or {}
    if len(known) != count:
        what = f"{path} should have a label for each of {count:,} rows"
        raise InputError(f"{what}. Received: {len(known):,}; --label-column names their column")
    return [known[name] for name in table.names or map(str, range(count))]
