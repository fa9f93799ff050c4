"""Tables of text: rows and columns, and which column names the files of a data set, or classes."""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TypeVar

from latentspace.core.documents import read_tables
from latentspace.core.errors import InputError, explain_error, to_printable
from latentspace.core.memory import refuse_too_large
from latentspace.datasets.pictures import list_suffixes

_HEADINGS = {of: words.split() for of, words in read_tables(__file__).items()}
FILE_HEADINGS, LABEL_HEADINGS = _HEADINGS["files"], frozenset(_HEADINGS["labels"])
DELIMITERS = ",;\t|"
TABLE_EXPANSION = 25  # bytes of memory a byte of a table, of cells such as -1
LONGEST_CELL = 80  # letters, in messages
SAMPLED_ROWS = 1000  # that tell which column names files
SHOWN = 3  # names and columns, in messages

Parts = tuple[str, ...]
Index = dict[Parts, str | None]  # a file by parts of its path; None for several files
Item = TypeVar("Item")


@dataclass(frozen=True)
class Table:
    """A table of text, all of whose rows have as many cells as most of them."""

    path: Path
    rows: list[list[str]]  # those with something in them, also a heading where there is one
    lines: list[int]  # of the file, in which each ends, from 1
    delimiter: str  # between its columns; a space for any number of them
    notes: list[str] = field(default_factory=list)  # on how it was read


@dataclass(frozen=True)
class NamedRows:
    """The rows of a table below its heading, each with the file that it is of."""

    table: Table
    columns: list[str]  # what they are called, by number from 1 where there is no heading
    place: int  # of the column of the files
    rows: list[list[str]]
    lines: list[int]  # of the table's file, from 1
    files: list[str | None]  # that each row means; None where there is none, or doubt

    @property
    def others(self) -> list[int]:
        """The columns beside that of the files."""
        return [place for place in range(len(self.columns)) if place != self.place]

    def list_doubts(self) -> Iterator[str]:
        """Notes on names that are not those of files, or not quite."""
        names = [(row[self.place], file) for row, file in zip(self.rows, self.files, strict=True)]
        absent = [show(name) for name, file in names if file is None]
        loose = [(name, file) for name, file in names if file and "/".join(_split(name)) != file]
        if loose:
            yield (
                f"{len(loose)} names in {self.table.path} fit files but for their folder, case or "
                f"ending: {show(loose[0][0])} is {show(loose[0][1])}"
            )
        if absent:
            yield (
                f"{len(absent)} files that {self.table.path} names are not there, or are not "
                f"clear: {', '.join(absent[:SHOWN])}"
            )

    def assign(self, values: Sequence[Item]) -> dict[str, Item]:
        """The value of each file, of one for each row; files with several are left out."""
        known: dict[str, Item] = {}
        torn = set()
        for file, value in zip(self.files, values, strict=True):
            if file is not None and known.setdefault(file, value) != value:
                torn.add(file)
        if torn:
            self.table.notes.append(
                f"{self.table.path} says several things of {len(torn)} files, none of which is "
                f"taken: {', '.join(map(show, sorted(torn)[:SHOWN]))}"
            )
        return {file: value for file, value in known.items() if file not in torn}


def read_table(path: Path, what: str = "file,label", *, least: int = 2, comment: str = "") -> Table:
    """Reads a table in UTF-8, UTF-16 or Latin-1, with comma, semicolon, tab, | or spaces.

    A first line with the number of the others alone is left out, and so are lines that begin with a
    `comment`. In a table of spaces the heading may lack "file". Where `least` is 1, lines of empty
    cells are kept. Raises an `InputError`, which says `what` each line should hold, where the table
    can't be read, or a line has fewer columns than `least`.
    """
    text, notes = read_text(path, what)
    if comment:  # an empty line stays, so that others keep their numbers
        text = re.sub(rf"(?m)^[^\S\n]*{re.escape(comment)}.*$", "", text)
    delimiter = _choose_delimiter(text, least)
    source, is_spaced = io.StringIO(text, newline=""), delimiter == " "
    stripped = map(str.strip, source) if is_spaced else source
    rows, ends = [], []
    with explain_error(f"{path} can't be read as a table of {what}", reason=str):
        lines = csv.reader(stripped, delimiter=delimiter, skipinitialspace=is_spaced)
        for row in lines:
            if any(map(str.strip, row)) or (row and least == 1):
                rows.append(row)
                ends.append(lines.line_num)
    if len(rows) > 1 and len(rows[0]) == 1 < len(rows[1]) and rows[0][0].strip().isdecimal():
        del rows[0], ends[0]
    if not rows:
        raise InputError(f"{path} should have {what} in each line. Received: an empty file")
    width = Counter(map(len, rows)).most_common(1)[0][0]
    if is_spaced and len(rows[0]) == width - 1:
        rows[0].insert(0, "file")
    for row, end in zip(rows, ends, strict=True):
        if len(row) < least:
            raise InputError(
                f"{path} should have {what} in each line. Received: {show(row[0])!r} in line {end}"
            )
    return Table(path, [(row + [""] * width)[:width] for row in rows], ends, delimiter, notes)


def name_files(table: Table, files: Sequence[str]) -> NamedRows:
    """Finds the column that names files, paths with "/"; an `InputError` where there is none."""
    rows, headings = table.rows, [fold_heading(cell) for cell in table.rows[0]]
    match = cache(match_files(files))  # most cells, such as 0 and 1, come many times
    width = len(headings)
    named = [place for place in range(width) if headings[place] in FILE_HEADINGS]

    def count_hits(some: Sequence[Sequence[str]], place: int) -> int:
        # Beside a column that is said to name files a number is no name.
        cells = (row[place] for row in some)
        plain = not named or place in named
        return sum(match(cell) is not None for cell in cells if plain or not cell.isdigit())

    for some in (rows[:: 1 + len(rows) // SAMPLED_ROWS], rows):
        hits = [count_hits(some, place) for place in range(width)]
        if any(hits):
            break
    place = min(
        (place for place in range(width) if 2 * hits[place] >= max(hits)),
        key=lambda place: ([*FILE_HEADINGS, headings[place]].index(headings[place]), -hits[place]),
    )
    has_heading = headings[place] in FILE_HEADINGS or (
        match(rows[0][place]) is None
        and (not LABEL_HEADINGS.isdisjoint(headings) or not _has_image_suffix(rows[0][place]))
    )
    start = int(has_heading and len(rows) > 1)
    if not hits[place]:
        raise InputError(
            f"no name in {table.path} is that of an image. Received: "
            f"{show(rows[start][place])!r} in the table, {show(files[0])!r} in the "
            "folder; mend the names, or go on without the table (of labels: with "
            "--classes-from none, or a level of folders)"
        )
    columns = rows[0] if has_heading else [str(number + 1) for number in range(width)]
    matched = [match(row[place]) for row in rows[start:]]
    found = NamedRows(table, columns, place, rows[start:], table.lines[start:], matched)
    table.notes.extend(found.list_doubts())
    return found


def read_labels(
    named: NamedRows, column: str | None = None
) -> tuple[dict[str, str] | None, list[int]]:
    """Reads classes by file, of a column by its heading or number, from 1; None finds it.

    Returns the class of each file that the table names beyond doubt, None where no column is clear,
    and the columns that tell nothing else. Raises an `InputError` where there is no such column.
    """
    names, rows, others = named.columns, named.rows, named.others
    folded = [fold_heading(name) for name in names]
    if column is not None:
        chosen = [k for k, name in enumerate(names) if name.strip() == column.strip()]
        chosen = chosen or [k for k in range(len(names)) if folded[k] == fold_heading(column)]
        chosen = chosen or [k for k in range(len(names)) if str(k + 1) == column.strip()]
    elif len(others) == 1:
        chosen = others
    else:
        chosen = [k for k in others if folded[k] in LABEL_HEADINGS]
        if not chosen:
            found = _read_one_hot(names, rows, others)
            return (named.assign(found), others) if found else (None, [])
    told = chosen
    pairs = {tuple(row[k] for k in chosen) for row in rows}
    if all(len(set(values)) == len(pairs) for values in zip(*pairs, strict=True)):
        # The same classes by number and by name: the names are taken.
        chosen = sorted(chosen, key=lambda k: rows[0][k].strip().isdigit())[:1]
    if len(chosen) != 1:
        path, shown = named.table.path, ", ".join(show(names[k]) for k in others)
        raise InputError(
            f"{path} has the columns {shown} beside the files: which of them is the label is not "
            "clear; pass --label-column with one of these"
            if column is None
            else f"{path} has no column {show(column)!r}: pass --label-column with one of {shown}"
        )
    return named.assign([row[chosen[0]].strip() for row in rows]), told


def _read_one_hot(
    names: Sequence[str], rows: Sequence[Sequence[str]], columns: Sequence[int]
) -> list[str]:
    """Labels out of columns of 0 and 1, one of them 1 in each row; empty where they are no such."""
    ones = [[k for k in columns if re.fullmatch(r"\s*1(\.0*)?\s*", row[k])] for row in rows]
    zeros = [sum(bool(re.fullmatch(r"\s*0(\.0*)?\s*", row[k])) for k in columns) for row in rows]
    if all(len(one) == 1 for one in ones) and set(zeros) <= {len(columns) - 1}:
        return [names[one[0]].strip() for one in ones]
    return []


def match_files(files: Sequence[str]) -> Callable[[str], str | None]:
    """A function from a name, nearly that of a file, to the file; None where there is doubt."""
    # By style: files by all parts of their paths, and by the last few.
    indices: dict[Callable[[str], Parts], tuple[Index, Index]] = {}
    for style in (_split, _fold, _fold_without_suffix):
        whole, tails = indices.setdefault(style, ({}, {}))
        for file in files:
            parts = style(file)
            whole[parts] = None if parts in whole else file
            for start in range(1, len(parts)):
                tails[parts[start:]] = None if parts[start:] in tails else file

    def match(name: str) -> str | None:
        for style, (whole, tails) in indices.items():
            parts = style(name)
            for start in range(len(parts)):
                if parts[start:] in whole:
                    return whole[parts[start:]]
            if parts in tails:
                return tails[parts]
        return None

    return match


def read_text(path: Path, what: str) -> tuple[str, list[str]]:
    """The text of a table, and a note where its encoding is a guess."""
    if not path.is_file():  # a pipe or a device could keep one waiting for ever
        raise InputError(f"there is no file {path}: expected a table of {what}")
    refuse_too_large(TABLE_EXPANSION * path.stat().st_size, str(path), "pass a smaller table")
    with explain_error(f"{path} can't be read as a table of {what}", "save it as UTF-8"):
        data, shown = path.read_bytes(), "UTF-16"
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            text = data.decode("utf-16")
        elif b"\0" in data[:2]:  # as in any letter of a heading
            text = data.decode("utf-16-be" if data[:1] == b"\0" else "utf-16-le")
        else:
            try:
                return data.decode("utf-8-sig"), []
            except UnicodeDecodeError:
                text, shown = data.decode("cp1252", "replace"), "Latin-1"
    return text, [f"{path} is read as {shown}, since it is no UTF-8"]


def _choose_delimiter(text: str, least: int) -> str:
    """What the heading has most of, of as many what each line has; else a space, between words."""
    unquoted = re.sub(r'(?<![^,;\t|\r\n"])"[^"]*"', "x", text)
    lines = list(islice(filter(str.strip, io.StringIO(unquoted, newline="")), SAMPLED_ROWS))
    has_count = len(lines) > 1 and lines[0].strip().isdecimal()
    first, *others = lines[has_count:] or [""]
    uneven = {mark: len({line.count(mark) for line in others}) for mark in DELIMITERS}
    mark = max(DELIMITERS, key=lambda mark: (first.count(mark), -uneven[mark]))
    words = [len(line.split()) for line in (first, *others)]
    is_even = words[-1] > 1 and set(words[1:]) <= {words[-1]} and words[-1] - words[0] in (0, 1)
    # Without a count a table of one column may hold names of two words each.
    return " " if mark not in first and is_even and (has_count or least > 1) else mark


def _split(name: str) -> Parts:
    parts = name.strip().replace("\\", "/").split("/")
    return tuple(part for part in parts if part not in ("", "."))


def _fold(name: str) -> Parts:
    return tuple(unicodedata.normalize("NFC", part).casefold() for part in _split(name))


def _fold_without_suffix(name: str) -> Parts:
    parts = _fold(name)
    if parts and _has_image_suffix(parts[-1]):
        return (*parts[:-1], parts[-1].rpartition(".")[0])
    return parts


def _has_image_suffix(name: str) -> bool:
    return "." + name.strip().lower().rpartition(".")[2] in list_suffixes()


def fold_heading(cell: str) -> str:
    return re.sub(r"[\W_]", "", cell.casefold())


def show(text: str) -> str:
    return to_printable(text.strip(), LONGEST_CELL)
