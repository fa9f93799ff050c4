"""Tables of labels: which column names the files, which the classes, and which file is meant."""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from latentspace.core.errors import InputError, to_printable
from latentspace.core.memory import refuse_too_large
from latentspace.datasets.pictures import list_suffixes

# Headings, as `_fold_heading` leaves them; what comes first is taken where several fit.
_FILE_HEADINGS = (
    "file filename filepath path image imagefile imagename imagepath img imgname imgpath picture "
    "photo datei fichier archivo imageid imgid fileid id name"
)
_LABEL_HEADINGS = (
    "label labels class classes classname classid classlabel category categoryname categoryid "
    "categories labelname labelid target breed species diagnosis dx y type tag klasse classe clase "
    "etiqueta etikett kategorie categoria"
)
FILE_HEADINGS, LABEL_HEADINGS = _FILE_HEADINGS.split(), frozenset(_LABEL_HEADINGS.split())
DELIMITERS = ",;\t|"
TABLE_EXPANSION = 10  # bytes of memory a byte of a table
LONGEST_CELL = 80  # letters, in messages
SAMPLED_ROWS = 1000  # that tell which column names files
SHOWN = 3  # names and columns, in messages

Parts = tuple[str, ...]


def read_labels(
    path: Path, files: Sequence[str], column: str | None = None
) -> tuple[dict[str, str], list[str]]:
    """Reads classes by file from a table: comma, semicolon, tab or | between its columns.

    Args:
        path: The table, in UTF-8, UTF-16 or Latin-1, with or without a heading.
        files: The images, as paths in the data set with "/" between their parts.
        column: Heading or number, from 1, of the column of the labels; None finds it.

    Returns:
        The class of each file that the table names beyond doubt, and notes on how it was read.

    Raises:
        InputError: It can't be read, no name in it is that of a file, or its column of labels can't
            be told.
    """
    text, notes = _read_text(path)
    rows = _split_rows(path, text)
    width = Counter(map(len, rows)).most_common(1)[0][0]
    rows = [(row + [""] * width)[:width] for row in rows]
    match = match_files(files)
    headings = [_fold_heading(cell) for cell in rows[0]]
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
        key=lambda place: (_rank(headings[place]), -hits[place]),
    )
    has_heading = headings[place] in FILE_HEADINGS or (
        match(rows[0][place]) is None
        and (not LABEL_HEADINGS.isdisjoint(headings) or not _has_image_suffix(rows[0][place]))
    )
    body = rows[has_heading:] or rows
    if not hits[place]:
        raise InputError(
            f"no name in {path} is that of an image. Received: "
            f"{_show(body[0][place])!r} in the table, {_show(files[0])!r} in the "
            "folder; mend the names, or pass --classes-from none (or a level of folders) to go on "
            "without the table"
        )
    names = rows[0] if has_heading else [str(number + 1) for number in range(width)]
    labels = _choose_labels(path, names, body, place, column)
    return _assign(path, [row[place] for row in body], labels, match, notes), notes


def match_files(files: Sequence[str]) -> Callable[[str], str | None]:
    """A function from a name in a table to the file that is meant; None where there is doubt.

    Names may have other folders in front, \\ for /, another case, or lack endings.
    """
    styles: tuple[Callable[[str], Parts], ...] = (_split, _fold, _fold_without_suffix)
    # By style: files by all parts of their paths, and by the last few; None for several files.
    indices: list[tuple[dict[Parts, str | None], dict[Parts, str | None]]] = []
    for style in styles:
        whole: dict[Parts, str | None] = {}
        tails: dict[Parts, str | None] = {}
        for file in files:
            parts = style(file)
            whole[parts] = None if parts in whole else file
            for start in range(1, len(parts)):
                tails[parts[start:]] = None if parts[start:] in tails else file
        indices.append((whole, tails))

    def match(name: str) -> str | None:
        for style, (whole, tails) in zip(styles, indices, strict=True):
            parts = style(name)
            for start in range(len(parts)):
                if parts[start:] in whole:
                    return whole[parts[start:]]
            if parts in tails:
                return tails[parts]
        return None

    return match


def _assign(
    path: Path,
    names: Sequence[str],
    labels: Sequence[str],
    match: Callable[[str], str | None],
    notes: list[str],
) -> dict[str, str]:
    """The label of each file, with notes on what is left out."""
    known: dict[str, str] = {}
    absent, loose, torn = [], [], set()
    for name, label in zip(names, labels, strict=True):
        file = match(name)
        if file is None:
            absent.append(name)
        elif known.setdefault(file, label) != label:
            torn.add(file)
        elif "/".join(_split(name)) != file:
            loose.append(f"{_show(name)} is {_show(file)}")
    if loose:
        notes.append(
            f"{len(loose)} names in {path} fit files but for their folder, case or ending: "
            f"{loose[0]}"
        )
    if absent:
        notes.append(
            f"{len(absent)} files that {path} names are not there, or are not clear: "
            f"{', '.join(map(_show, absent[:SHOWN]))}"
        )
    if torn:
        notes.append(
            f"{len(torn)} files that have several labels in {path} are left out: "
            f"{', '.join(map(_show, sorted(torn)[:SHOWN]))}"
        )
    return {file: label for file, label in known.items() if file not in torn}


def _choose_labels(
    path: Path, names: Sequence[str], body: Sequence[Sequence[str]], place: int, column: str | None
) -> list[str]:
    """The label in each row: of the column that is asked for, or that is clear by its heading."""
    others = [number for number in range(len(names)) if number != place]
    folded = [_fold_heading(name) for name in names]
    if column is not None:
        chosen = [k for k, name in enumerate(names) if name.strip() == column.strip()]
        chosen = chosen or [k for k in range(len(names)) if folded[k] == _fold_heading(column)]
        chosen = chosen or [k for k in range(len(names)) if str(k + 1) == column.strip()]
    elif len(others) == 1:
        chosen = others
    else:
        chosen = [k for k in others if folded[k] in LABEL_HEADINGS]
        pairs = {tuple(row[k] for k in chosen) for row in body}
        if all(len(set(values)) == len(pairs) for values in zip(*pairs, strict=True)):
            # The same classes by number and by name: the names are taken.
            chosen = sorted(chosen, key=lambda k: body[0][k].strip().isdigit())[:1]
        if not chosen and (found := _read_one_hot(names, body, others)):
            return found
    if len(chosen) != 1:
        shown = ", ".join(_show(names[k]) for k in others)
        raise InputError(
            f"{path} has the columns {shown} beside the files: which of them is the label is not "
            "clear; pass --label-column with one of these"
            if column is None
            else f"{path} has no column {_show(column)!r}: pass --label-column with one of {shown}"
        )
    return [row[chosen[0]].strip() for row in body]


def _read_one_hot(
    names: Sequence[str], body: Sequence[Sequence[str]], columns: Sequence[int]
) -> list[str]:
    """Labels out of columns of 0 and 1, one of them 1 in each row; empty where they are no such."""
    ones = [[k for k in columns if re.fullmatch(r"\s*1(\.0*)?\s*", row[k])] for row in body]
    zeros = [sum(bool(re.fullmatch(r"\s*0(\.0*)?\s*", row[k])) for k in columns) for row in body]
    if all(len(one) == 1 for one in ones) and set(zeros) <= {len(columns) - 1}:
        return [names[one[0]].strip() for one in ones]
    return []


def _read_text(path: Path) -> tuple[str, list[str]]:
    """The text of a table, and a note where its encoding is a guess."""
    if not path.is_file():  # a pipe or a device could keep one waiting for ever
        raise InputError(f"there is no file {path}: expected a table of file,label")
    refuse_too_large(TABLE_EXPANSION * path.stat().st_size, str(path), "pass a smaller table")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} can't be read as a table of file,label: {error}") from error
    encodings = {"utf-8-sig": "UTF-8", "cp1252": "Latin-1", "latin-1": "Latin-1"}
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = {"utf-16": "UTF-16"}
    elif b"\0" in data[:2]:  # as in any letter of a heading
        encodings = {"utf-16-be" if data[:1] == b"\0" else "utf-16-le": "UTF-16"}
    for encoding, shown in encodings.items():
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError as error:
            reason = error
            continue
        said = [f"{path} is read as {shown}, since it is no UTF-8"]
        return text, said if shown != "UTF-8" else []
    raise InputError(
        f"{path} can't be read as a table of file,label: {reason}; save it as UTF-8"
    ) from reason


def _split_rows(path: Path, text: str) -> list[list[str]]:
    """The rows of a table that have something in them."""
    first = next(filter(str.strip, text.splitlines()), "")
    delimiter = max(DELIMITERS, key=first.count)
    rows = []
    try:
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        for row in lines:
            if len(row) == 1:
                raise InputError(
                    f"{path} should have a file and a label in each line. Received: "
                    f"{_show(row[0])!r} in line {lines.line_num}"
                )
            if any(map(str.strip, row)):
                rows.append(row)
    except csv.Error as error:
        raise InputError(f"{path} can't be read as a table of file,label: {error}") from error
    if not rows:
        raise InputError(
            f"{path} should have a file and a label in each line. Received: an empty file"
        )
    return rows


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


def _fold_heading(cell: str) -> str:
    return re.sub(r"[\W_]", "", cell.casefold())


def _rank(heading: str) -> int:
    return FILE_HEADINGS.index(heading) if heading in FILE_HEADINGS else len(FILE_HEADINGS)


def _show(text: str) -> str:
    return to_printable(text.strip(), LONGEST_CELL)
