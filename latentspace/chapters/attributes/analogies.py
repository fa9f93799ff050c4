"""Analogies: A with an attribute - A without it + B without it = B with it."""

from functools import cached_property
from typing import Any

import numpy as np

from latentspace.analysis import scores
from latentspace.analysis.neighbors import find_nearest
from latentspace.chapters.attributes.changes import AttributeChanges
from latentspace.chapters.attributes.values import OfAttributes
from latentspace.chapters.chapter import HIGHER, LOWER, Row, list_rows
from latentspace.core.pixels import to_unit_range

SCORED = 200  # analogies of each attribute, at most
TRANSPORT = "transport"
WAYS = ("pixels", "single_codes", "means", TRANSPORT)
FLOOR, NEAREST = "reconstruction_of_the_truth", "nearest_training_image"


def name_way(way: str) -> str:
    """What a way, or what can be reached, is called in words."""
    return "difference of means" if way == "means" else way.replace("_", " ")


class Analogies(OfAttributes):
    """What is carried over from one image to another."""

    section = "analogies"

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The attributes of `AttributeChanges` that test images have, and have not."""
        names = self.study.of(AttributeChanges).names
        return tuple(name for name in names if self.choose(name, 1).size)

    def choose(self, name: str, count: int) -> np.ndarray:
        """Chooses at random test images A with an attribute, A and B without it, int (3, N).

        A without it is the image most alike in what else is known, of these the nearest in codes.
        """
        values, rng = self.values, np.random.default_rng(self.study.settings.seed)
        known = values.tables["test"].values[:, values.find(name)]
        having, lacking = (np.flatnonzero(known == value) for value in (1, 0))
        if not len(having) or len(lacking) < 2:
            return np.empty((3, 0), int)
        having = having[rng.permutation(len(having))[:count]]
        others = values.list_others(name, "test")
        spread = others.std(axis=0)
        others = others[:, spread > 0] / spread[spread > 0]
        codes = self.study.codes / self.study.codes.std()
        alike = np.hstack([others, codes / np.sqrt(codes.shape[1])])
        _, nearest = find_nearest(alike[having], alike[lacking], 1)
        most_alike = lacking[nearest[:, 0]]
        other = rng.choice(lacking, len(having))
        again = other == most_alike
        other[again] = lacking[(nearest[again, 0] + 1) % len(lacking)]
        return np.stack([having, most_alike, other])

    def solve(self, name: str, triples: np.ndarray) -> dict[str, np.ndarray]:
        """What comes out of some that were chosen, by way, float32 (N, H, W, C) each."""
        study, moves = self.study, self.study.of(AttributeChanges).fit(name)
        (a, b, c), images = study.codes[triples], study.images[triples]
        without = np.zeros(len(c), bool)
        carried = moves.move(c, without, moves.forms.tell(a), 1.0)
        codes = np.stack([a - b + c, c + moves.forms.difference, carried])
        decoded = study.decode(codes.astype(np.float32))
        blended = np.clip(images[0] - images[1] + images[2], 0, 1)
        return dict(zip(WAYS, [blended, *decoded], strict=True))

    @cached_property
    def metrics(self) -> dict[str, Any]:
        study = self.study
        if not self.names:
            return {}

        def compute() -> dict[str, dict[str, Any]]:
            made: dict[str, np.ndarray] = {}
            found: dict[str, dict[str, Any]] = {}
            with study.make_bar("analogies", len(self.names)) as bar:
                for name in self.names:
                    for way, (images, numbers) in self._score(name).items():
                        made[f"{name}|{way}"], found[f"{name}|{way}"] = images, numbers
                    bar.update()
            # All at once, for most of the cost of a search is there once a search.
            near, rows = study.search.find(np.concatenate(list(made.values())))
            ends = np.cumsum([len(images) for images in made.values()])[:-1]
            searched = zip(made.items(), np.split(near, ends), np.split(rows, ends), strict=True)
            for (place, images), distances, nearest in searched:
                way = place.rpartition("|")[2]
                if way in WAYS:
                    found[place]["nearest_distance"] = distances.mean()
                elif way == NEAREST:
                    errors = scores.squared_errors(images, study.references[nearest])
                    found[place]["error"] = np.median(errors)
            return found

        key = (*study.model_key, study.settings.seed, self.values.readings_key)
        numbers = study.load_or_compute_numbers("analogies", compute, *key, *self.names)
        nested: dict[str, Any] = {}
        for place, found in numbers.items():
            name, _, way = place.rpartition("|")
            nested.setdefault(name, {})[way] = found
        return {"attributes": nested}

    @property
    def rows(self) -> list[Row]:
        found: list[Row] = []
        for name, ways in self.metrics.get("attributes", {}).items():
            carried = f"{name}, carried to another image"
            table = {
                "error": (f"{carried}: median squared error", LOWER, 5),
                "called_so": (f"{carried}: called so", HIGHER, 3),
            }
            others = {name_way(way): way for way in ways if way != TRANSPORT}
            found += list_rows(table, ways, TRANSPORT, others)
        return found

    def find_truth(self, name: str, triples: np.ndarray) -> np.ndarray | None:
        """The right answers, float32 (N, H, W, C); None where nobody knows them."""
        data = self.study.data
        rows, likes = (data.test_numbers[own] for own in (triples[2], triples[0]))
        made = None if data.truth is None else data.truth.change(rows, name, likes)
        return None if made is None else to_unit_range(made)

    def _score(self, name: str) -> dict[str, tuple[np.ndarray, dict[str, Any]]]:
        """By way, and of what can be reached, images and what is measured of them alone."""
        triples = self.choose(name, SCORED)
        found: dict[str, tuple[np.ndarray, dict[str, Any]]] = {}
        for way, images in self.solve(name, triples).items():
            read = self.values.read(images)[:, self.values.find(name)]
            called = np.nan if np.isnan(read).all() else (read > 0.5).mean()
            found[way] = images, {"called_so": called}
        if (right := self.find_truth(name, triples)) is not None:
            found[FLOOR] = self.study.decode(self.study.run.encode(right)), {}
            for images, numbers in found.values():
                numbers["error"] = np.median(scores.squared_errors(right, images))
            found[NEAREST] = right, {}
        return found
