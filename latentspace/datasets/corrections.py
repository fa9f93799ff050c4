"""Tables that correct labels: a row for each image whose label is wrong."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from latentspace.core.errors import InputError
from latentspace.datasets.dataset import ImageDataset, natural_sort_key, tell_apart
from latentspace.datasets.lists import Place, Places
from latentspace.datasets.tables import SHOWN, Table, fold_heading, read_table, show

WHAT = "split,index,label"  # headings; there may be file beside them


def is_corrections(path: Path) -> bool:
    """Whether a file is a table with split and index; an `InputError` where it can't be read."""
    if path.suffix.lower() in (".npz", ".npy"):
        return False
    return {"split", "index"} <= set(map(fold_heading, read_table(path, least=1).rows[0]))


def correct_labels(data: ImageDataset, path: Path) -> ImageDataset:
    """A data set with the labels that a table wants, and a note of how many differ.

    A row's image is that of its file, where images have files; else of its split and index. Classes
    may be new; those without images are left out. Raises an `InputError`, which says the line, if
    a row names no image or no class, or two rows want different labels of an image.
    """
    if not data.has_classes:
        raise InputError(
            f"{path} corrects labels, and {data.name} has no classes to be corrected: pass all "
            "labels by --labels, as a table of file,label or as an array"
        )
    table, known, wanted = read_table(path, WHAT), data.class_names, dict[Place, str]()
    for where, place, label in _read_rows(table, data):
        name = label if label in known else tell_apart([label.strip()])[0]
        if (other := wanted.setdefault(place, name)) != name:
            raise InputError(
                f"{where}: expected one label for {place[0]} image {place[1]}. Received: "
                f"{show(name)}, and {show(other)} in a line before; leave out one of them"
            )
    added = sorted(set(wanted.values()) - set(known), key=natural_sort_key)
    names = [*known, *added]
    if list(known) == sorted(known, key=natural_sort_key):
        names.sort(key=natural_sort_key)
    numbers = {name: number for number, name in enumerate(names)}
    renumbered = np.array([numbers[name] for name in known])
    labels = {split: renumbered[getattr(data, f"{split}_labels")] for split in ("train", "test")}
    before = np.concatenate([*labels.values()])
    for (split, index), name in wanted.items():
        labels[split][index] = numbers[name]
    after = np.concatenate([*labels.values()])
    lost = np.setdiff1d(before, after)
    kept = np.delete(np.arange(len(names)), lost)
    note = f"{(before != after).sum():,} labels are corrected by {path}"
    for what, some in (("new", added), ("without images now", [names[label] for label in lost])):
        note += f"; classes {what}: {', '.join(some)}" if some else ""
    return replace(
        data,
        train_labels=np.searchsorted(kept, labels["train"]),
        test_labels=np.searchsorted(kept, labels["test"]),
        class_names=tuple(names[label] for label in kept),
        read_options=replace(data.read_options, corrections=str(path)),
        notes=(*data.notes, *table.notes, note),
        uncorrected_hash=data.hash,
        corrected=tuple(wanted),
    )


def _read_rows(table: Table, data: ImageDataset) -> Iterator[tuple[str, Place, str]]:
    """What each row of a table says: where it stands, of which image it is, and the label."""
    headings = [fold_heading(cell) for cell in table.rows[0]]
    if "label" not in headings:
        raise InputError(f"{table.path} has no column label: expected the columns {WHAT}")
    places, absent = Places(data), list[str]()
    for line, row in zip(table.lines[1:], table.rows[1:], strict=True):
        where, cells = f"{table.path}, line {line}", dict(zip(headings, row, strict=True))
        if not cells["label"].strip():
            raise InputError(f"{where}: expected a class in the column label. Received: nothing")
        file = cells.get("file", "")
        if (place := places.locate(cells["split"], cells["index"], file, where)) is None:
            absent.append(show(file))
        else:
            yield where, place, cells["label"]
    if absent and len(absent) == len(table.rows) - 1:
        raise InputError(
            f"{table.path} names no file of {data.name}: expected names such as "
            f"{show(next(iter(places.of_files)))}, or no column file. Received: {absent[0]}"
        )
    if absent:
        table.notes.append(
            f"{len(absent)} files that {table.path} corrects are not among the images: "
            f"{', '.join(absent[:SHOWN])}"
        )
