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
NUMBERS_SHARE = 0.5  # of the cells of a column, from which on what is no number is a mistake
MOST_VALUES = 500  # names in a column; one of more identifies images
LONGEST_NAME = 60  # letters
IDENTIFIERS = {"id", "index", "idx", "file", "filename", "path", "name", "key", "url"}


def read_attribute_table(path: Path, count: int) -> tuple[Attributes, list[str]]:
    """Reads a table with a heading and one line for each of `count` images, in their order.

    Raises:
        InputError: It can't be read, has another number of lines, or a cell is not what its column
            holds.
    """
    table = read_table(path, "a value or more", least=1)
    if len(table.rows) != count + 1:
        raise InputError(
            f"{path} should have a heading and a line for each of {count:,} images. Received: "
            f"{len(table.rows):,} lines"
        )
    below = table.rows[1:], table.lines[1:]
    _, found, notes = read_named_attributes(
        NamedRows(table, table.rows[0], -1, *below, [None] * count), ()
    )
    return found, [*table.notes, *notes]


def read_named_attributes(
    named: NamedRows, told: Sequence[int]
) -> tuple[dict[str, int], Attributes, list[str]]:
    """Reads attributes by file.

    Args:
        named: The table.
        told: Columns that tell something else.

    Returns:
        The row in the attributes of each file that the table names beyond doubt, these, and notes
        on what is left out.

    Raises:
        InputError: Two columns have one name, or a cell is not what its column holds.
    """
    places = [place for place in named.others if place not in told]
    names = [named.columns[place].strip() or str(place + 1) for place in places]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InputError(f"{named.table.path} has two columns {show(twice)!r}: rename one")
    cells = [tuple(row[place] for place in places) for row in named.rows]
    found, left = read_columns(
        dict(zip(names, zip(*cells, strict=True), strict=False)),  # no rows have no columns
        lambda row, name: f"{named.table.path}, line {named.lines[row]}, column {show(name)}",
    )
    shown = ", ".join(map(show, left[:8]))
    note = f"{len(left)} columns say the same of all images, or name each: they are left out: "
    rows = {cell: number for number, cell in enumerate(cells)}
    of = {file: rows[cell] for file, cell in named.assign(cells).items()}
    return of, found, [note + shown] if left else []


def read_columns(
    columns: Mapping[str, Sequence[str]], where: Callable[[int, str], str] | None = None
) -> tuple[Attributes, list[str]]:
    """Columns of text by name -> attributes, and the names of the columns that are left out.

    Args:
        columns: Of 0 and 1 or other two numbers, yes and no, numbers, or names.
        where: Says where the cell of a row and a column is; None leaves out columns with a wrong
            one.

    Raises:
        InputError: A cell of a column of numbers is none.
    """
    found: list[tuple[str, np.ndarray]] = []
    left = []
    for name, cells in columns.items():
        made = list(_read_column(name, [cell.strip() for cell in cells], where))
        found += made
        left += [] if made else [name]
    names = tell_apart([name for name, _ in found], LONGEST_NAME)
    values = np.stack([own for _, own in found], axis=1) if found else np.empty((0, 0))
    return Attributes(names, values.astype(np.float32)), left


def _read_column(
    name: str, cells: Sequence[str], where: Callable[[int, str], str] | None
) -> Iterator[tuple[str, np.ndarray]]:
    folded = [cell.casefold() for cell in cells]
    words = WORDS if set(folded) <= WORDS.keys() | MISSING else {}
    numbers = np.array([words.get(cell, _to_number(cell)) for cell in folded])
    known = [row for row, cell in enumerate(folded) if cell not in MISSING_NUMBERS]
    wrong = [row for row in known if not np.isfinite(numbers[row])]
    if len(wrong) <= NUMBERS_SHARE * len(known):
        if wrong:
            if where is None:
                return
            raise InputError(
                f"{where(wrong[0], name)}: expected a number, as in most lines. Received: "
                f"{show(cells[wrong[0]])!r}; mend it, or leave it empty"
            )
        yield from _spread_numbers(name, numbers)
        return
    values = Counter(cell for cell in cells if cell.casefold() not in MISSING)
    if 1 < len(values) <= min(MOST_VALUES, values.total() / 2):
        of = np.array(cells)
        unknown = np.isin(folded, list(MISSING))
        for value in sorted(values, key=natural_sort_key):
            yield f"{name}{Attributes.OF_VALUE}{value}", np.where(unknown, np.nan, of == value)


def _spread_numbers(name: str, numbers: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """A column of numbers, those of two values as 0 and 1; nothing where it tells nothing."""
    values = np.unique(numbers[np.isfinite(numbers)])
    counts_up = 2 < len(values) == len(numbers) and (np.diff(values) == 1).all()
    if fold_heading(name) in IDENTIFIERS or len(values) < 2 or counts_up:
        return
    is_binary = len(values) == 2
    yield name, np.where(np.isnan(numbers), np.nan, numbers == values[1]) if is_binary else numbers


def _to_number(cell: str) -> float:
    if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", cell) and abs(float(cell)) < 1e30:
        return float(cell)
    return np.nan
