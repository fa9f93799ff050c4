"""Lists of images that a person has chosen: tables of split and index or file, or indices alone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from latentspace.core.errors import InputError
from latentspace.datasets.dataset import ImageDataset
from latentspace.datasets.tables import (
    Table,
    fold_heading,
    match_files,
    read_table,
    read_text,
    show,
)

SPLITS = {"train": "train", "training": "train", "test": "test", "": "test"}  # as tables say it
WHAT = "indices of test images"
TRAIN, TEST = (
    ("train", "training"),
    ("test", ""),
)  # what a table calls a split, and where it has none
SIDES = ("", "1", "2")  # of headings: of a table of pairs both images count
COMMENT = "#"
MOST_DIGITS = 18  # Python makes no number of thousands of them


def read_list(path: Path, data: ImageDataset) -> tuple[list[int], int]:
    """Reads which test images of a data set, with all of them, a file lists.

    It is a table with a heading: index, or file where the data set has files, which then decides,
    and split, without which they are test images. Or it has indices alone, between them spaces,
    commas or lines. Blank lines, and those that begin with #, are skipped.

    Returns the indices of the test images, as they are listed, and how many training images are.
    Raises an `InputError`, with the line, where the file can't be read or lists what is not there.
    """
    text, _ = read_text(path, WHAT)
    lines = [(at, line.strip()) for at, line in enumerate(text.splitlines(), 1)]
    lines = [(at, line) for at, line in lines if line and not line.startswith(COMMENT)]
    if not lines:
        raise InputError(f"{path} should list {WHAT}. Received: a file without any")
    if re.search(r"[^\W\d]", lines[0][1]):  # a heading
        found = list(_read_rows(read_table(path, WHAT, least=1, comment=COMMENT), data))
    else:
        cells = ((at, cell) for at, line in lines for cell in re.split(r"[\s,;]+", line) if cell)
        found = [
            ("test", _read_index(cell, "test", data, f"{path}, line {at}")) for at, cell in cells
        ]
    tests = [index for split, index in found if split == "test"]
    if not tests:
        listed = f"{len(found):,} training images" if found else "nothing below its heading"
        raise InputError(f"{path} should list {WHAT} of {data.name}. Received: {listed}")
    return tests, len(found) - len(tests)


def _read_rows(table: Table, data: ImageDataset) -> Iterator[tuple[str, int]]:
    """The split and the index of each image in a table."""
    rows = [
        (row, f"{table.path}, line {at}") for row, at in zip(table.rows, table.lines, strict=True)
    ]
    filled = [(row, at) for row, at in rows if any(map(str.strip, row))]
    (heading, first), *others = filled
    names = [fold_heading(cell) for cell in heading]
    places = {name: names.index(name) for name in names}  # the first of each name
    sides = [side for side in SIDES if {f"index{side}", f"file{side}"} & places.keys()]
    files = (*data.train_files, *data.test_files)
    if not sides or not (files or any(f"index{side}" in places for side in sides)):
        raise InputError(
            f"{first}: expected a heading with split and index{' or file' * bool(files)}, or "
            f"{WHAT} alone. Received: {show(table.delimiter.join(heading))!r}"
        )
    order, match = {file: at for at, file in enumerate(files)}, cache(lambda: match_files(files))
    counts = Counter(files)  # of pages, each an image of its own, the index tells which
    for row, where in others:
        for side in sides:
            split, index, file = (
                row[places[name + side]].strip() if name + side in places else ""
                for name in ("split", "index", "file")
            )
            if file and files and counts[file] <= 1:
                if (found := file if file in order else match()(file)) is None:
                    raise InputError(
                        f"{where}: {show(file)!r} is not the file of one image of {data.name}: "
                        "mend the name, or leave the column out"
                    )
                tests = order[found] - len(data.train_files)
                yield ("train", order[found]) if tests < 0 else ("test", tests)
            elif (kind := SPLITS.get(split.casefold())) is not None:
                yield kind, _read_index(index, kind, data, where)
            else:
                raise InputError(
                    f"{where}: expected the split train or test. Received: {show(split)!r}"
                )


def _read_index(cell: str, split: str, data: ImageDataset, where: str) -> int:
    last = len(getattr(data, f"{split}_labels")) - 1
    kind = "training" if split == "train" else split
    if not cell.isdecimal() or len(cell) > MOST_DIGITS or int(cell) > last:
        raise InputError(
            f"{where}: {data.name} has {kind} images 0 to {last}. Received: {show(cell)!r}"
        )
    return int(cell)
