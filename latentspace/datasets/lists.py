"""Which images of a data set rows of tables are of, and lists of images, in tables or alone."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from latentspace.core.errors import InputError
from latentspace.datasets import tables
from latentspace.datasets.dataset import ImageDataset, find_index
from latentspace.datasets.tables import Table, show

WHAT = "indices of test images"
SIDES = ("", "1", "2")  # of headings: of a table of pairs both images count
COMMENT = "#"
SPLITS = {"train": "train", "training": "train", "test": "test"}  # as tables say it
SURROGATES = "[\ud800-\udfff]"  # in names that are no UTF-8; a browser writes \ufffd for each

Place = tuple[str, int]  # split, "train" or "test", and index of an image


class Places:
    """The images of a data set, found by what a row says."""

    def __init__(self, data: ImageDataset) -> None:
        self.data, self.of_files = data, dict[str, list[Place]]()  # of pages there are several
        for split in ("train", "test"):
            for index, file in enumerate(getattr(data, f"{split}_files")):
                name = re.sub(SURROGATES, "\ufffd", file)
                self.of_files.setdefault(name, []).append((split, index))
        self._match = cache(lambda: tables.match_files([*self.of_files]))

    def locate(self, split: str, index: str, file: str, where: str) -> Place | None:
        """The image of a row, by its file where images have files; None: no such file, or doubt."""
        found = self.of_files.get(file) or self.of_files.get(self._match()(file) or "", [])
        if self.of_files and file.strip() and not found:
            return None
        # Of pages, each an image of its own, the index tells which.
        place = found[0] if len(found) == 1 else self.find(split, index, where)
        if found and place not in found:
            wanted = f"split and index of one of the {len(found)} images of {show(file)}"
            raise InputError(f"{where}: expected {wanted}. Received: {place[0]} {place[1]}")
        return place

    def find(self, split: str, index: str, where: str) -> Place:
        """The image of an index in a split; an `InputError` on `where` if there is none."""
        known, index = SPLITS.get(split.strip().casefold()), index.strip()
        if known is None:
            raise InputError(
                f"{where}: expected the split train or test. Received: {show(split)!r}"
            )
        count = len(getattr(self.data, f"{known}_labels"))
        if (found := find_index(index, count)) is None:
            kind = "training" if known == "train" else known
            wanted = f"{where}: {self.data.name} has {kind} images 0 to {count - 1}"
            raise InputError(f"{wanted}. Received: {show(index)!r}")
        return known, found


def read_list(path: Path, data: ImageDataset) -> tuple[list[int], int]:
    """Reads which test images of a data set, with all of them, a file lists.

    It is a table with a heading: file, which decides, or index, and split, else they are tests. Or
    it has indices alone. Blank lines, and those that begin with #, are skipped. Returns the indices
    of the test images, as they are listed, and how many training images are. An `InputError` tells,
    with the line, where the file can't be read or lists what is not there.
    """
    text, _ = tables.read_text(path, WHAT)
    lines = [(at, line.strip()) for at, line in enumerate(text.splitlines(), 1)]
    lines = [(at, line) for at, line in lines if line and not line.startswith(COMMENT)]
    if not lines:
        raise InputError(f"{path} should list {WHAT}. Received: a file without any")
    places = Places(data)
    if re.search(r"[^\W\d]", lines[0][1]):  # a heading
        found = list(_read_rows(tables.read_table(path, WHAT, least=1, comment=COMMENT), places))
    else:
        cells = ((at, cell) for at, line in lines for cell in re.split(r"[\s,;]+", line) if cell)
        found = [places.find("test", cell, f"{path}, line {at}") for at, cell in cells]
    tests = [index for split, index in found if split == "test"]
    if not tests:
        listed = f"{len(found):,} training images" if found else "nothing below its heading"
        raise InputError(f"{path} should list {WHAT} of {data.name}. Received: {listed}")
    return tests, len(found) - len(tests)


def _read_rows(table: Table, places: Places) -> Iterator[Place]:
    """Each image in a table."""
    numbered = zip(table.rows, table.lines, strict=True)
    filled = [(row, f"{table.path}, line {at}") for row, at in numbered if any(map(str.strip, row))]
    (heading, first), *others = filled
    names, has_files = [tables.fold_heading(cell) for cell in heading], bool(places.of_files)
    sides = [side for side in SIDES if {f"index{side}", f"file{side}"} & {*names}]
    if not sides or not (has_files or any(f"index{side}" in names for side in sides)):
        raise InputError(
            f"{first}: expected a heading with split and index{' or file' * has_files}, or "
            f"{WHAT} alone. Received: {show(table.delimiter.join(heading))!r}"
        )
    for row, where in others:
        cells = dict(zip(reversed(names), reversed(row), strict=True))  # the first of each name
        for side in sides:
            split, index, file = (
                cells.get(name + side, "").strip() for name in ("split", "index", "file")
            )
            if (place := places.locate(split or "test", index, file, where)) is None:
                what = f"{where}: {show(file)!r} is not the file of one image of {places.data.name}"
                raise InputError(f"{what}: mend the name, or leave the column out")
            yield place
