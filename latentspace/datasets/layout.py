"""Paths of image files -> the split and the class of each, as their folders name them."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from latentspace.core.documents import read_tables
from latentspace.core.errors import InputError, to_printable
from latentspace.datasets.dataset import natural_sort_key

SPLITS = ("train", "validation", "test")
PURPOSES = {"train": "to train", "validation": "to validate", "test": "to test"}
_TABLES = read_tables(__file__)
SPLIT_NAMES = {name: split for split in SPLITS for name in _TABLES["splits"][split].split()}
FILLERS, COMPANIONS = (frozenset(_TABLES["words"][of].split()) for of in ("fillers", "companions"))
SHOWN = 8  # folders and classes, in messages
Paths = Sequence[tuple[str, ...]]
Level = int | str | None  # of the folders that name the classes, see `arrange`
Rows = Sequence[int]  # of paths
Labelling = Callable[[list[int]], Mapping[int, str]]  # rows of paths -> the classes of some


class Place(NamedTuple):
    """What the folders of an image file say of it."""

    row: int  # of the file
    split: str | None  # one of `SPLITS`; None where the folders tell no splits apart
    label: str | None  # name of its class; None without classes


def arrange(
    paths: Paths, classes_from: Level = None, label: Labelling | None = None
) -> tuple[list[Place], list[str]]:
    """Understands how the folders of a data set are meant.

    Single folders around all others are stepped through, folders named as splits are the splits,
    and the folders below are the classes. Of images beside their masks the images are taken.

    Paths are the parts of each file's path within the data set. `classes_from` is the level of
    folders that names the classes, from 1; "none" is for no classes, None finds the level. `label`
    gives rows of paths their classes in place of the folders, or leaves them out. Returns the
    places of the files that are taken, in the order of splits, and notes on what was understood and
    left out. Raises an `InputError` where no file lies on the level asked for.
    """
    layout = _Layout(paths, classes_from, label)
    places = layout.find()
    if paths and not places:
        why = "images lie in no folders that could be classes: pass"
        if deepest := max(map(len, paths)) - 1:
            why = f"no image lies in a folder of level {classes_from}: pass --classes-from with a "
            why += f"level from 1 to {deepest}, or"
        raise InputError(f"{why} --classes-from none")
    return places, layout.notes


def find_splits(names: Collection[str]) -> dict[str, str]:
    """Which folders of a level are splits, by name; none where they name fewer than two."""
    found: dict[tuple[str, ...], dict[str, str]] = {}
    for name in names:
        words = _find_words(name)
        named = [SPLIT_NAMES[word] for word in words if word in SPLIT_NAMES]
        if len(named) == 1:  # of names such as seg_train and seg_test the rest is the same
            rest = tuple(word for word in words if word not in SPLIT_NAMES)
            found.setdefault(rest, {})[name] = named[0]
    # The plainest names win: train and test, not train_masks and test_masks.
    several = [rest for rest, splits in found.items() if len(set(splits.values())) > 1]
    return found[min(several, key=len)] if several else {}


class _Layout:
    """Goes down from the data set's folder; a level is a folder's number in the paths, from 0."""

    def __init__(self, paths: Paths, classes_from: Level, label: Labelling | None) -> None:
        self.paths, self.label, self.notes = paths, label, list[str]()
        self.forced = classes_from - 1 if isinstance(classes_from, int) else None
        self.has_classes = label is None and classes_from != "none"
        self.level = 0  # of the folders that are taken as classes

    def find(self) -> list[Place]:
        """The place of each file that is taken."""
        level, rows = self._step_in(0, range(len(self.paths)))
        splits = {} if level == self.forced else find_splits(self._count(level, rows))
        if splits:
            places = self._find_in_splits(level, rows, splits)
        else:
            places = self._label(level, rows, None)
            below = {p.row: self._get_folder(p.row, self.level + 1) for p in places}
            splits = find_splits({name for name in below.values() if name is not None})
            if all(name in splits for name in below.values()):  # class, then split
                places = [p._replace(split=splits[str(below[p.row])]) for p in places]
        if self.label is not None:
            labels = self.label([place.row for place in places])
            places = [p._replace(label=labels[p.row]) for p in places if p.row in labels]
        places = self._name_splits(self._drop_unlabelled(places), splits)
        if counts := Counter(place.label for place in places if place.label is not None):
            names = sorted(counts, key=natural_sort_key)
            shown = [f"{to_printable(name)} {counts[name]:,}" for name in names]
            where = "" if self.label else f", in folders of level {self.level + 1}"
            self.notes.append(f"files by class{where}: {_join(shown)}")
        return places

    def _find_in_splits(self, level: int, rows: Rows, splits: dict[str, str]) -> list[Place]:
        rows = self._leave_others(level, rows, splits)
        members: dict[str, list[int]] = {}
        for row in rows:
            members.setdefault(splits[str(self._get_folder(row, level))], []).append(row)
        inner = [self._count(level + 1, own) for own in members.values()]
        # A folder that is one of several classes in another split is no wrapper.
        classes = {name for names in inner if _find_wrapper(names) is None for name in names}
        places = []
        for split in sorted(members, key=SPLITS.index):
            below, own = self._step_in(level + 1, members[split], classes)
            places += self._label(below, own, split)
        return places

    def _step_in(self, level: int, rows: Rows, classes: Collection[str] = ()) -> tuple[int, Rows]:
        """The level below all single folders, and the files there."""
        while level != self.forced:
            folders = self._count(level, rows)
            inner = _find_wrapper(folders)
            is_class = len(folders) == 1 and inner in classes
            if inner is None or is_class or folders.total() < len(rows) / 2:
                break
            rows = self._leave_others(level, rows, [inner])
            level += 1
        return level, rows

    def _label(self, level: int, rows: Rows, split: str | None) -> list[Place]:
        """The places of files whose classes are the folders of a level."""
        level = level if self.forced is None else self.forced
        folders = self._count(level, rows)
        is_flat = self.forced is None and len(folders) < 2 and folders.total() < len(rows) / 2
        if self.has_classes and is_flat:
            rows = self._leave_others(level, rows, [None])
        if is_flat or not self.has_classes:
            return [Place(row, split, None) for row in rows]
        self.level = level
        rows = self._leave_others(level, rows, folders)
        return [Place(row, split, self._get_folder(row, level)) for row in rows]

    def _drop_unlabelled(self, places: list[Place]) -> list[Place]:
        """Leaves out splits, or classes, where one split has classes and another has none."""
        labelled = {place.split for place in places if place.label is not None}
        present = {place.split for place in places}
        bare = [split for split in SPLITS if split in present - labelled]
        if not labelled or not bare:
            return places
        told = [PURPOSES[split] for split in SPLITS if split in labelled]
        if bare[0] == next(split for split in SPLITS if split in present):
            left_out = f"classes of the images {_join(told)} are left out"
            self.notes.append(f"{left_out}, since those to train have none")
            return [place._replace(label=None) for place in places]
        kept = [place for place in places if place.split in labelled]
        left_out = f"{len(places) - len(kept):,} images {_join([PURPOSES[one] for one in bare])}"
        why = "have no classes, while those to train have some, and are left out"
        self.notes.append(f"{left_out} {why}; --classes-from none takes all, without classes")
        return kept

    def _name_splits(self, places: list[Place], splits: dict[str, str]) -> list[Place]:
        """Gives every split its purpose: the first trains, the last tests."""
        counts = Counter(place.split for place in places)
        used = [split for split in SPLITS if split in counts]
        if not used:
            return places
        purposes = dict.fromkeys(used, "validation") | {used[0]: "train", used[-1]: "test"}
        names = {split: [to_printable(n) for n in splits if splits[n] == split] for split in used}
        meant = {split: PURPOSES[purpose] for split, purpose in purposes.items()}
        if len(used) == 1:
            meant = {used[0]: "to train and to test"}
        told = [f"{_join(names[split])} {counts[split]:,} {meant[split]}" for split in used]
        self.notes.append(f"files by split: {', '.join(told)}")
        if len(used) == 1:  # test images are split off
            return [place._replace(split=None) for place in places]
        return [place._replace(split=purposes[str(place.split)]) for place in places]

    def _leave_others(self, level: int, rows: Rows, folders: Collection[str | None]) -> list[int]:
        """The files in some folders of a level (None: in no folder), with a note on the others."""
        names = {row: self._get_folder(row, level) for row in rows}
        kept = [row for row, name in names.items() if name in folders]
        others = [row for row, name in names.items() if name not in folders]
        inside = [row for row in others if names[row] is not None]
        if inside:
            places = {"/".join(self.paths[row][: level + 1]) for row in inside}
            shown = _join([to_printable(place) for place in sorted(places, key=natural_sort_key)])
            self.notes.append(f"{len(inside):,} images in {shown} are left out")
        if beside := len(others) - len(inside):
            self.notes.append(f"{beside:,} images beside the folders of classes are left out")
        return kept

    def _get_folder(self, row: int, level: int) -> str | None:
        parts = self.paths[row]
        return parts[level] if level < len(parts) - 1 else None

    def _count(self, level: int, rows: Rows) -> Counter[str]:
        found = (self._get_folder(row, level) for row in rows)
        return Counter(name for name in found if name is not None)


def _find_wrapper(names: Collection[str]) -> str | None:
    """The folder to step into: the only one, or that of images beside those of their masks."""
    inner = list(names)
    if len(inner) > 1:
        inner = [name for name in names if COMPANIONS.isdisjoint(_find_words(name))]
        if any(_find_words(name) or not re.search(r"[^\W\d_]", name) for name in inner):
            return None
    return inner[0] if len(inner) == 1 else None


def _find_words(name: str) -> list[str]:
    """The words of a folder's name, lower case, without accents, numbers and fillers."""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    text = unicodedata.normalize("NFKD", text.casefold())
    text = "".join(letter for letter in text if not unicodedata.combining(letter))
    words = re.findall(r"[^\W\d_]+", unicodedata.normalize("NFC", text))
    words = [re.sub(r"(?<=..)(set|data|images|imgs|集)$", "", word) for word in words]
    return [word for word in words if word not in FILLERS]


def _join(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN:,} more"
    return ", ".join(names[:SHOWN]) + (more if len(names) > SHOWN else "")
