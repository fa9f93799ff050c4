"""The class of each image file, out of a table."""

import re
from collections.abc import Sequence

from latentspace.core.errors import InputError
from latentspace.datasets.tables import LABEL_HEADINGS, NamedRows, fold_heading, show


def read_labels(
    named: NamedRows, column: str | None = None
) -> tuple[dict[str, str] | None, list[int]]:
    """Reads classes by file, of a column by its heading or number, from 1; None finds it.

    Returns the class of each file that the table names beyond doubt, and the columns that tell
    nothing else. None where there are several columns, and none of them is clearly that of labels.
    Raises an `InputError` where there is no such column.
    """
    labels, told = _choose_labels(named, column) or (None, [])
    return None if labels is None else named.assign(labels), told


def _choose_labels(named: NamedRows, column: str | None) -> tuple[list[str], list[int]] | None:
    """The label in each row, and its columns: what is asked for, or clear by its heading."""
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
            return (found, others) if found else None
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
    return [row[chosen[0]].strip() for row in rows], told


def _read_one_hot(
    names: Sequence[str], rows: Sequence[Sequence[str]], columns: Sequence[int]
) -> list[str]:
    """Labels out of columns of 0 and 1, one of them 1 in each row; empty where they are no such."""
    ones = [[k for k in columns if re.fullmatch(r"\s*1(\.0*)?\s*", row[k])] for row in rows]
    zeros = [sum(bool(re.fullmatch(r"\s*0(\.0*)?\s*", row[k])) for k in columns) for row in rows]
    if all(len(one) == 1 for one in ones) and set(zeros) <= {len(columns) - 1}:
        return [names[one[0]].strip() for one in ones]
    return []
