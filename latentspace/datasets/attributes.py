"""Attributes of images: what is known of each beside its class, out of tables and arrays."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from latentspace.core.errors import InputError
from latentspace.datasets.dataset import Attributes, natural_sort_key, tell_apart
from latentspace.datasets.tables import NamedRows, fold_heading, read_table, show

MISSING = {"", "na", "n/a", "nan", "null", "?", "-"}  # cells that say nothing
MISSING_NUMBERS = MISSING | {"none"}
WORDS = {"yes": 1.0, "no": 0.0, "true": 1.0, "false": 0.0, "y": 1.0, "n": 0.0, "t": 1.0, "f": 0.0}
DECIMAL_COMMA, THOUSANDS = r"[+-]?\d*,\d+([eE][+-]?\d+)?", r"[+-]?[1-9]\d{0,2},\d{3}"
NUMBERS_SHARE = 0.5  # of the cells of a column, from which on what is no number is a mistake
MOST_VALUES = 500  # names in a column; one of more identifies images
LONGEST_NAME = 40  # letters, of a column and of a name in it
IDENTIFIERS = {"id", "index", "idx", "file", "filename", "path", "name", "key", "url"}


def read_attribute_table(path: Path, count: int) -> tuple[Attributes, list[str]]:
    """Reads a table with a heading and a line for each of `count` images, or an `InputError`."""
    table = read_table(path, "a value or more", least=1)
    if len(table.rows) != count + 1:
        wanted = f"{path} should have a heading and a line for each of {count:,} images"
        raise InputError(f"{wanted}. Received: {len(table.rows):,} lines")
    files: list[str | None] = [str(number) for number in range(count)]
    named = NamedRows(table, table.rows[0], -1, table.rows[1:], table.lines[1:], files)
    _, found, notes = read_named_attributes(named, ())
    return found, [*table.notes, *notes]


def read_named_attributes(
    named: NamedRows, told: Sequence[int]
) -> tuple[dict[str, int], Attributes, list[str]]:
    """Reads attributes by file, out of all columns but those `told`, which tell something else.

    Returns the row of each file that the table names beyond doubt, the attributes, and notes.
    Raises an `InputError` where two columns have one name, or a cell is not what its column holds.
    """
    places = [place for place in named.others if place not in told]
    names = [named.columns[place].strip() or str(place + 1) for place in places]
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise InputError(f"{named.table.path} has two columns {show(twice[0])!r}: rename one")
    cells = [tuple(row[place].strip() for place in places) for row in named.rows]
    known = named.assign(cells)
    rows = {file: row for row, file in enumerate(named.files) if file in known}
    lines = [named.lines[row] for row in rows.values()]
    columns = {name: [cells[row][k] for row in rows.values()] for k, name in enumerate(names)}
    if named.table.delimiter != ",":
        is_sure = named.table.delimiter == ";"
        columns = {name: _use_points(own, is_sure=is_sure) for name, own in columns.items()}
    found, left = read_columns(
        columns, lambda row, name: f"{named.table.path}, line {lines[row]}, column {show(name)}"
    )
    shown = ", ".join(map(show, left[:8]))
    note = f"{len(left)} columns say the same of all images, or name each: they are left out: "
    return {file: k for k, file in enumerate(rows)}, found, [note + shown] if left else []


def read_columns(
    columns: Mapping[str, Sequence[str]], where: Callable[[int, str], str] | None = None
) -> tuple[Attributes, list[str]]:
    """Columns of text by name -> attributes, and the names of the columns that are left out.

    Columns are of two values, numbers, or names. A cell of a column of numbers that is none raises
    an `InputError` that says `where` it is; where that is None, the column is left out.
    """
    found: list[tuple[str, np.ndarray]] = []
    left = []
    # Only between a column and a name in it there is the mark of that.
    plain = [name.replace(Attributes.OF_VALUE, ":") for name in columns]
    for (name, cells), shown in zip(columns.items(), tell_apart(plain, LONGEST_NAME), strict=True):
        made = list(_read_column(name, [cell.strip() for cell in cells], where))
        found += [(shown + value, own) for value, own in made]
        left += [] if made else [name]
    names = tell_apart([name for name, _ in found], 2 * LONGEST_NAME)
    values = np.stack([own for _, own in found], axis=1) if found else np.empty((0, 0), np.float32)
    return Attributes(names, values), left


def _read_column(
    name: str, cells: Sequence[str], where: Callable[[int, str], str] | None
) -> Iterator[tuple[str, np.ndarray]]:
    """What is to be said after the name of a column for each attribute in it, float32 (N,)."""
    folded = [cell.casefold() for cell in cells]
    words = WORDS if set(folded) <= WORDS.keys() | MISSING else {}
    number = {cell: words.get(cell, _to_number(cell)) for cell in set(folded)}
    numbers = np.array([number[cell] for cell in folded], np.float32)
    known = np.array([cell not in MISSING_NUMBERS for cell in folded], bool)
    wrong = np.flatnonzero(known & ~np.isfinite(numbers))
    if len(wrong) <= NUMBERS_SHARE * known.sum():
        if len(wrong):
            if where is None:
                return
            received = f"{show(cells[wrong[0]])!r}; mend it, or leave it empty"
            wanted = f"{where(wrong[0], name)}: expected a number, as in most lines"
            raise InputError(f"{wanted}. Received: {received}")
        values = np.unique(numbers[np.isfinite(numbers)])
        counts_up = 2 < len(values) == len(numbers) and (np.diff(values) == 1).all()
        if fold_heading(name) in IDENTIFIERS or len(values) < 2 or counts_up:
            return
        is_larger = np.where(np.isnan(numbers), numbers, numbers == values[1])
        yield "", is_larger if len(values) == 2 else numbers
        return
    names = Counter(cell for cell in cells if cell.casefold() not in MISSING)
    if 1 < len(names) <= min(MOST_VALUES, names.total() / 2):
        places = {each: place for place, each in enumerate(sorted(names, key=natural_sort_key))}
        of = np.array([places.get(cell, -1) for cell in cells])
        for each, place in places.items():
            yield Attributes.OF_VALUE + each, np.where(of < 0, np.float32("nan"), of == place)


def _use_points(cells: Sequence[str], *, is_sure: bool) -> list[str]:
    """Decimal commas as points; unless `is_sure`, not where all may stand for thousands."""
    commas = {cell for cell in cells if "," in cell and re.fullmatch(DECIMAL_COMMA, cell)}
    is_sure = is_sure or not all(re.fullmatch(THOUSANDS, cell) for cell in commas)
    return [cell.replace(",", ".") if is_sure and cell in commas else cell for cell in cells]


def _to_number(cell: str) -> float:
    if re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?", cell) and abs(float(cell)) < 1e30:
        return float(cell)
    return np.nan
