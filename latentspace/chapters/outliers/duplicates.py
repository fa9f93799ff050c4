"""Images that are there more than once, among training and test images and across them."""

from functools import cached_property
from typing import Any

import numpy as np

from latentspace.analysis.copies import LEAST_IMAGES, find_near_copies
from latentspace.analysis.neighborhoods import mean_estimate
from latentspace.analysis.neighbors import find_nearest
from latentspace.chapters.chapter import HIGHER, LOWER, Chapter, Row, list_rows
from latentspace.chapters.maps.measure import to_numbers
from latentspace.datasets import choose_limited, hash_images

MOST_IMAGES = 100_000  # among which near copies are sought
LISTED = 10
KINDS_OF_COPY = ["no", "near copy", "equal copy"]
HEADING = (
    *(f"{name}_{which}" for which in (1, 2) for name in ("split", "index", "file", "class")),
    *("kind", "distance", "across_splits", "classes_differ"),
)
ON_COPIES = {
    "seen_share": ("Test images that are copies of training images", "", 4),
    "found": ("Planted near copies that are found", HIGHER, 3),
    "false_alarms": ("Different images of a class taken for near copies", LOWER, 4),
}


class Duplicates(Chapter):
    """Equal images, and near copies. Images have places: training images come first, then test."""

    section = "duplicates"
    needs = ("images",)

    @cached_property
    def pairs(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """By kind places, int64 (P, 2) ascending, and distances, (P,), across splits first."""
        later = np.flatnonzero(self._firsts != np.arange(len(self._firsts)))
        pairs, away, near = (self._found[name] for name in ("pairs", "distances", "near"))
        found = {
            "exact": (np.column_stack([self._firsts[later], later]), np.zeros(len(later))),
            "near": (pairs[: int(near)], away[: int(near)]),
            "next": (pairs[int(near) :], away[int(near) :]),
        }
        for kind, (places, distances) in found.items():
            across, differ = self._compare(places)
            order = np.lexsort((distances, ~differ, ~across))
            found[kind] = places[order], distances[order]
        return found

    @cached_property
    def metrics(self) -> dict[str, Any]:
        train, firsts = len(self.study.data.train_pixels), self._firsts
        equal, near = firsts[train:] < train, self.pairs["near"][0]
        like = np.isin(firsts[train:], near[self._compare(near)[0], 1]) & ~equal
        found: dict[str, Any] = {"images": len(firsts), "different_images": len(np.unique(firsts))}
        found |= {"test_images": len(equal), "equal_to_training": int(equal.sum())}
        found |= {"like_training": int(like.sum()), "seen_share": float((equal | like).mean())}
        for kind in ("exact", "near"):
            across, differ = self._compare(self.pairs[kind][0])
            counts = {"across_splits": int(across.sum()), "classes_differ": int(differ.sum())}
            found[kind] = {"pairs": len(across), **counts}
        if "level" in (told := self._found):
            rng, alarms = np.random.default_rng(0), told["false_alarms"]
            found |= {"searched": min(found["different_images"], MOST_IMAGES)}
            found |= {"level": float(told["level"]), "planted": len(told["found"])}
            found["compared"] = len(alarms)
            named = {"found": told["found"], **({"false_alarms": alarms} if len(alarms) else {})}
            found |= to_numbers({name: mean_estimate(each, rng) for name, each in named.items()})
            if "nearest_code" in told:
                nearest = mean_estimate(told["nearest_code"], rng)
                found["nearest_code"] = to_numbers({"found": nearest})
        return found

    @property
    def copies(self) -> np.ndarray:
        """The place in `KINDS_OF_COPY` of what each place is of one before it, int64 (N,)."""
        found = np.zeros(len(self._firsts), int)
        for number, kind in ((1, "near"), (2, "exact")):
            found[self.pairs[kind][0][:, 1]] = number
        return found

    @property
    def rows(self) -> list[Row]:
        groups = {"own": self.metrics, "code": self.metrics.get("nearest_code", {})}
        return list_rows(ON_COPIES, groups, "own", {"nearest code": "code"})

    @property
    def answer(self) -> str:
        found = self.metrics
        pairs = ", ".join(f"{found[kind]['pairs']:,} {kind}" for kind in ("exact", "near"))
        if not found["seen_share"]:
            return f"no test image is a copy of a training image; pairs of copies in all: {pairs}"
        return (
            f"{found['equal_to_training']:,} of {found['test_images']:,} test images equal a "
            f"training image and {found['like_training']:,} look like a copy of one: numbers on "
            f"these flatter the model; pairs of copies in all: {pairs}"
        )

    @property
    def csv_lines(self) -> list[tuple[Any, ...]]:
        lines: list[tuple[Any, ...]] = [HEADING]
        for kind in ("exact", "near"):
            places, distances = self.pairs[kind]
            for pair, away, *told in zip(places, distances, *self._compare(places), strict=True):
                about = (cell for place in pair for cell in self.describe(place))
                answers = ("yes" if is_so else "no" for is_so in told)
                lines.append((*about, kind, f"{away:.5f}", *answers))
        return lines

    def describe(self, place: int) -> tuple[str, int, str, str]:
        """Split, index, file and class of an image; empty what it has not."""
        data, test = self.study.data, place - len(self.study.data.train_pixels)
        image = ("train", int(place)) if test < 0 else ("test", int(data.test_numbers[test]))
        return *image, *data.whole.describe(*image)

    def take(self, places: np.ndarray) -> np.ndarray:
        """Images at places, uint8 (K, H, W, C)."""
        return _pick(self.study.data.train_pixels, self.study.data.test_pixels, places)

    def _compare(self, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Whether pairs of places are across splits, and whether they are across classes."""
        is_test, labels = pairs >= len(self.study.data.train_pixels), self._labels[pairs]
        return is_test[:, 0] != is_test[:, 1], labels[:, 0] != labels[:, 1]

    @property
    def _labels(self) -> np.ndarray:
        return np.concatenate([self.study.data.train_labels, self.study.data.test_labels])

    @cached_property
    def _firsts(self) -> np.ndarray:
        """Place of the first image that each image equals, int64 (N,)."""
        _, first, which = np.unique(self._contents, return_index=True, return_inverse=True)
        return first[which]

    @cached_property
    def _contents(self) -> np.ndarray:
        """What is the same for equal images alone: hashes, of chosen ones places in the whole."""
        data, whole = self.study.data, self.study.whole
        if whole is not self.study:
            train = len(data.train_pixels)
            kept = np.concatenate([np.arange(train), train + data.test_numbers])
            return whole.of(Duplicates)._firsts[kept]
        return np.concatenate([hash_images(data.train_pixels), hash_images(data.test_pixels)])

    @cached_property
    def _found(self) -> dict[str, np.ndarray]:
        """What `find_near_copies` says; with "nearest_code", whether that leads to the source."""
        study, chosen = self.study, np.unique(self._firsts)
        if study.whole is not study:  # those found in the whole that are of its images
            found = study.whole.of(Duplicates)._found
            known, first = np.unique(self._contents, return_index=True)
            own = np.asarray(np.isin(found["pairs"], known).all(axis=1))
            pairs = np.sort(first[np.searchsorted(known, found["pairs"][own])], axis=1)
            near = np.array(own[: int(found["near"])].sum())
            return {**found, "pairs": pairs, "distances": found["distances"][own], "near": near}
        chosen = chosen[choose_limited(len(chosen), MOST_IMAGES)]
        if len(chosen) < LEAST_IMAGES:
            return {"pairs": np.empty((0, 2), int), "distances": np.empty(0), "near": np.array(0)}

        def compute() -> dict[str, np.ndarray]:
            rng = np.random.default_rng(0)
            found = find_near_copies(self.take(chosen), self._labels[chosen], rng)
            made, sources = found.pop("made"), found.pop("sources")
            if study.explain_lack("encoder") is None:
                codes = study.run.encode(made)
                nearest = find_nearest(codes, _pick(study.train_codes, study.codes, chosen), 1)[1]
                found["nearest_code"] = nearest[:, 0] == sources
            kept = int(found["near"]) + LISTED
            pairs, distances = chosen[found["pairs"][:kept]], found["distances"][:kept]
            return {**found, "pairs": pairs, "distances": distances}

        return study.load_or_compute("near_copies", compute, *study.model_key, MOST_IMAGES)


def _pick(train: np.ndarray, test: np.ndarray, places: np.ndarray) -> np.ndarray:
    """What two arrays hold at places, those of the second after those of the first."""
    found, is_test = np.empty((len(places), *train.shape[1:]), train.dtype), places >= len(train)
    found[~is_test], found[is_test] = train[places[~is_test]], test[places[is_test] - len(train)]
    return found
