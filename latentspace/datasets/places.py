"""Which image of a data set a row of a table is of: by its file, or by its split and index."""

import re
from functools import cache

from latentspace.core.errors import InputError
from latentspace.datasets.dataset import ImageDataset, find_index
from latentspace.datasets.tables import match_files, show

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
        self._match = cache(lambda: match_files([*self.of_files]))

    def find_file(self, name: str) -> list[Place]:
        """The images of the file that a name means; none where there is none, or doubt."""
        return self.of_files.get(name) or self.of_files.get(self._match()(name) or "", [])

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
            raise InputError(
                f"{where}: {self.data.name} has {kind} images 0 to {count - 1}. Received: "
                f"{show(index)!r}"
            )
        return known, found
