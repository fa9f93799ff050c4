"""Attributes that an image has or has not: put on, taken off, and read."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from latentspace.analysis import directions
from latentspace.analysis.code_reader import CodeReader, fit_code_reader
from latentspace.analysis.directions import RELIABILITY_PAIRS, Forms
from latentspace.analysis.neighbors import find_nearest
from latentspace.chapters.attributes.values import CODES, LEAST_MEMBERS, MOST_MEASURED, OfAttributes
from latentspace.chapters.chapter import HIGHER, Row
from latentspace.chapters.study import Study
from latentspace.core.pixels import Images, map_parts

# How far a change goes, of the way: decoded images are smoother than real ones, and so show less.
REACHES, USUAL_REACH = (1.0, 1.25, 1.5, 1.75), 1.25
REACH_IMAGES = 200  # training images that tell it
SHOWN_STEPS, SHOWN_IMAGES = 33, 4  # a still picture shows every fourth step
SCORED_IMAGES = 400
FIT_IMAGES = 20_000
READ_FROM, READ_OF = 3_000, 2_000  # training images that teach to read, and images that are read
OWN_WEIGHT = 2.0  # of what is to change, where all else weighs as much as is surely read
PENALTY = 10.0  # of a support vector machine, larger is more exact
SMALL_CHANGE = 0.5  # of a number, in standard deviations: what changes less stays
LAST = 1_000  # more than any reliability
MOST_OF_COLUMN = 2  # values of a column of names, where nobody asks for others
PCA, PIXELS = "pca", "pixels"
SPACES = (CODES, PCA, PIXELS)
MEASURES = {  # of each attribute, in words
    "read": "{}: read off unseen images, area under the ROC curve",
    "put_on": "{} put on: called so",
    "taken_off": "{} taken off: called so",
    "kept": "{} changed: all else read as before",
}


@dataclass(frozen=True)
class Difference:
    """A difference of means that is added, as `Transport` moves."""

    away: np.ndarray  # float (D,), from without an attribute to with it

    def move(
        self, vectors: np.ndarray, has: np.ndarray, form: int | np.ndarray, reach: float
    ) -> np.ndarray:
        """As `Transport.move`; all forms are the same."""
        return vectors + reach * np.where(has, -1, 1)[:, np.newaxis] * self.away


@dataclass(frozen=True)
class Transport:
    """Transport between vectors with and without an attribute, and no further than asked for."""

    forms: Forms
    reader: CodeReader  # of attributes off such vectors, this one's `place` among them
    place: int
    column: list[int]  # other values of the same column

    def move(
        self, vectors: np.ndarray, has: np.ndarray, form: int | np.ndarray, reach: float
    ) -> np.ndarray:
        """Moves vectors (N, D) with an attribute or without it, bool (N,), to the other side.

        What is transported is corrected until `reader` reads all else as before, and the attribute
        as changed: as it is on the other side for a reach of 1. Vectors without it get a form.
        Returns float64 (N, D).
        """
        reader = self.reader
        moved = self.forms.move(vectors, has, np.broadcast_to(form, len(vectors)))
        wanted, weights = reader.read(vectors), np.tile(reader.quality, (len(vectors), 1))
        absent, present = reader.standardize(0), reader.standardize(1)
        way = reach * (present - absent)[self.place]
        ends = present[self.place] - way, absent[self.place] + way
        wanted[:, self.place], weights[:, self.place] = np.where(has, *ends), OWN_WEIGHT
        for other in self.column:  # what an image loses may become any other value
            wanted[~has, other], weights[has, other] = absent[other], 0
        return reader.correct(moved, wanted, weights)


@dataclass(frozen=True)
class Space:
    """Where images are moved, and how they come back."""

    train: Images  # vectors of all training images, float (M, D)
    test: Images  # vectors of all images, float (N, D)
    decode: Callable[[np.ndarray], np.ndarray]  # (N, D) -> float32 (N, H, W, C) in [0, 1]


class AttributeChanges(OfAttributes):
    """What becomes of images whose codes are moved from having an attribute to not having it."""

    section = "attribute_changes"

    def __init__(self, study: Study) -> None:
        super().__init__(study)
        self._fitted: dict[tuple[str, str], Any] = {}
        self._readers: dict[str, CodeReader] = {}

    @cached_property
    def rank(self) -> dict[str, float]:
        """By attribute that enough images have, and have not, larger first; names come last."""
        values, rows = self.values, self._rows
        table, found = values.tables["train"].values, dict[str, float]()
        for places in values.groups.values():
            own = {}
            for place in places:
                known = table[rows, place] if place < len(values.known) else np.empty(0)
                if min((known == 0).sum(), (known == 1).sum()) >= LEAST_MEMBERS:
                    own[values.names[place]] = self.reliability[values.names[place]]
            if len(places) > 1:
                best = sorted(own, key=lambda name: -own[name])
                most = 1 if len(places) == 2 else MOST_OF_COLUMN
                asked = self.study.settings.attribute
                own = {k: own[k] - LAST for k in best if k in asked or k in best[:most]}
            found |= {} if values.is_number[places[0]] else own
        return found

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Those that are measured: those asked for, or the first ones."""
        if asked := self.study.settings.attribute:
            return tuple(name for name in asked if name in self.rank)
        return tuple(sorted(self.rank, key=lambda name: -self.rank[name])[:MOST_MEASURED])

    @cached_property
    def reliability(self) -> dict[str, float]:
        """By attribute how alike the ways are from images with it to the nearest without it."""
        values, rows = self.values, self._rows
        rng = np.random.default_rng(self.study.settings.seed)
        codes = self.study.train_codes[rows]
        random = directions.draw_differences(codes, rng)
        found = {}
        for place, name in enumerate(values.known):
            known = values.tables["train"].values[rows, place]
            groups = [np.flatnonzero(known == value) for value in (1, 0)]
            found[name] = np.nan
            if not values.is_number[place] and all(map(len, groups)):
                having, lacking = (codes[own] for own in groups)
                having = having[rng.permutation(len(having))[:RELIABILITY_PAIRS]]
                nearest = lacking[find_nearest(having, lacking, 1)[1][:, 0]]
                found[name] = directions.reliability(having - nearest, random)
        return found

    def fit(self, name: str, kind: str = CODES) -> Any:
        """How vectors of a space lose and get an attribute: a `Transport`, or a `Difference`."""
        if (name, kind) not in self._fitted:
            values, (rows, has, others) = self.values, self._find_taught(name)
            vectors = self._get_space(kind).train[rows]
            if kind == PIXELS:  # which are too long for anything but a difference of means
                weights = directions.balance(has, others)
                signed = weights * np.where(has, 1 / has.sum(), -1 / (~has).sum())
                moves: Any = Difference(signed.astype(np.float32) @ vectors)
            else:
                forms, place = directions.fit_forms(vectors, has, others), values.find(name)
                column = [other for other in values.groups[values.columns[place]] if other != place]
                moves = Transport(forms, self.get_reader(kind), place, column)
            self._fitted[name, kind] = moves
        return self._fitted[name, kind]

    def find_best(self, name: str, kind: str = CODES) -> tuple[int, float]:
        """The form that is read most surely, and the first of `REACHES` that is best, kept."""
        study, values = self.study, self.values
        if not values.readings[name].is_fit:
            return 0, USUAL_REACH

        def compute() -> dict[str, dict[str, float]]:
            moves, space = self.fit(name, kind), self._get_space(kind)
            rng = np.random.default_rng(study.settings.seed)
            rows, has = self._choose_rows(name, "train", REACH_IMAGES, rng)
            vectors = space.train[rows]

            def measure(form: int, reach: float) -> tuple[float, float]:
                moved = moves.move(vectors, has, form, reach)
                images = space.decode(moved.astype(np.float32))
                return self._count_changed(name, values.read(images), has)

            count, form = 1 if kind == PIXELS else moves.forms.count, 0
            if count > 1:
                form = max(range(count), key=lambda form: measure(form, USUAL_REACH)[0])
            shares = np.mean([measure(form, reach) for reach in REACHES], axis=1)
            return {CODES: {"form": form, "reach": REACHES[np.argmax(shares)]}}

        key = (*study.whole.model_key, study.settings.seed, values.readings_key, name, kind)
        best = study.load_or_compute_numbers("attribute-reach", compute, *key)[CODES]
        return best["form"], best["reach"]

    def get_reader(self, kind: str = CODES) -> CodeReader:
        """What reads all attributes off codes, or off the vectors of another space."""
        if kind not in self._readers:
            rng = np.random.default_rng(self.study.settings.seed)
            table, vectors = self.values.list_known("train"), self._get_space(kind).train
            self._readers[kind] = fit_code_reader(vectors[self._rows], table[self._rows], rng)
        return self._readers[kind]

    def change(
        self, codes: np.ndarray, name: str, has: np.ndarray, shares: np.ndarray
    ) -> np.ndarray:
        """Moves codes, float (N, D), with an attribute or without it, bool (N,), to the other side.

        It is `Transport.move` as far as training images show that it takes; of that shares, float
        (N, S), are gone. The name is one of `names`. Returns float32 (N, S, D).
        """
        ways = self.fit(name).move(codes, has, *self.find_best(name)) - codes
        moved = codes[:, np.newaxis] + shares[:, :, np.newaxis] * ways[:, np.newaxis]
        return moved.astype(np.float32)

    @cached_property
    def shown(self) -> dict[str, np.ndarray]:
        """Images from without an attribute to with it, by name float32 (images, steps, H, W, C)."""
        study = self.study
        rng, steps = np.random.default_rng(study.settings.seed), np.linspace(0, 1, SHOWN_STEPS)
        found = {}
        for name in self.names:
            rows, has = self._choose_rows(name, "test", SHOWN_IMAGES, rng)
            if not len(rows):
                continue
            shares = np.abs(has[:, np.newaxis] - steps)  # (images, steps)
            found[name] = self.change(study.codes[rows], name, has, shares)
        decoded = study.decode(np.concatenate(list(found.values()))) if found else np.empty(0)
        ends = np.cumsum([len(codes) for codes in found.values()])[:-1]
        return dict(zip(found, np.split(decoded, ends), strict=True))

    @cached_property
    def metrics(self) -> dict[str, Any]:
        study = self.study
        if not self.names:
            return {}

        def compute() -> dict[str, dict[str, np.ndarray]]:
            read = self._measure_reading()
            found: dict[str, dict[str, np.ndarray]] = {}
            with study.make_bar("changing attributes", 3 * len(self.names)) as bar:
                for kind in SPACES:
                    rows = []
                    for name in self.names:
                        rows.append(self._score_change(name, kind))
                        bar.update()
                    table = {key: np.array([row[key] for row in rows]) for key in rows[0]}
                    found[kind] = {"read": read[kind], **table}
            return found

        key = (*study.model_key, study.settings.seed, self.values.readings_key)
        groups = study.load_or_compute_numbers("attribute-changes", compute, *key, *self.names)
        for numbers in groups.values():
            kept_of, columns = numbers.pop("kept_of"), self._columns
            numbers["kept_of"] = [dict(zip(columns, row, strict=True)) for row in kept_of]
        named = self.name_numbers(groups)
        found = {name: self.reliability[name] for name in self.names}
        readings = {name: self.values.readings[name].quality for name in self.names}
        weak = [name for name in self.names if not found[name] >= directions.MEANINGLESS]
        return {"reliability": found, "reader": readings, **named, "meaningless": weak}

    @property
    def rows(self) -> list[Row]:
        measures = {name: (words, HIGHER) for name, words in MEASURES.items()}
        return self.list_rows_of_each(measures, {"PCA": PCA, "pixels": PIXELS})

    @cached_property
    def _rows(self) -> np.ndarray:
        """Training images that teach: those that the model was fitted to, or many of them."""
        rows = self.study.fit_indices
        rng = np.random.default_rng(self.study.settings.seed)
        return rows if len(rows) <= FIT_IMAGES else np.sort(rng.choice(rows, FIT_IMAGES, False))

    @property
    def _columns(self) -> list[str]:
        """Columns that a reader can tell, and the class."""
        values = self.values
        named = zip(values.names, values.columns, strict=True)
        fit = [column for name, column in named if values.readings[name].is_fit]
        tells_class = self.study.classifier is not None and values.class_name is None
        return [*dict.fromkeys(fit), *(["class"] if tells_class else [])]

    def _get_space(self, kind: str) -> Space:
        if kind == CODES:
            return Space(self.study.train_codes, self.study.codes, self.study.decode)
        return self._baselines[kind]

    @cached_property
    def _baselines(self) -> dict[str, Space]:
        study, shape = self.study, self.study.data.image_shape
        encode, decode = study.make_linear_autoencoder(study.run.latent_dim)
        train, test = study.data.train_images, study.images

        def to_images(vectors: np.ndarray) -> np.ndarray:
            return np.clip(vectors, 0, 1).astype(np.float32).reshape(-1, *shape)

        return {
            PCA: Space(map_parts(encode, train), map_parts(encode, test), decode),
            PIXELS: Space(train.flatten(), test.flatten(), to_images),
        }

    def _score_change(self, name: str, kind: str) -> dict[str, Any]:
        rng, space = np.random.default_rng(self.study.settings.seed), self._get_space(kind)
        rows, has = self._choose_rows(name, "test", SCORED_IMAGES, rng)
        vectors, (form, reach) = space.test[rows], self.find_best(name, kind)
        moved = self.fit(name, kind).move(vectors, has, form, reach)
        images = [space.decode(each.astype(np.float32)) for each in (vectors, moved)]
        before, after = (self.values.read(each) for each in images)
        put_on, taken_off = self._count_changed(name, after, has)
        kept = self._compare(images, before, after, name)
        known = kept[np.isfinite(kept)]
        return {
            "put_on": put_on,
            "taken_off": taken_off,
            "kept": known.mean() if len(known) else np.nan,
            "least_kept": known.min() if len(known) else np.nan,
            "kept_of": kept,
            "reach": reach,
        }

    def _choose_rows(
        self, name: str, split: str, most: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Some images, half with an attribute where there are as many, and which have it."""
        own = self.values.tables[split].values[:, self.values.find(name)]
        rows = self._rows if split == "train" else np.arange(len(own))
        half = [rng.permutation(rows[own[rows] == value])[: most // 2] for value in (0, 1)]
        chosen = np.concatenate(half)
        return chosen, own[chosen] == 1

    def _find_taught(self, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Training images that teach an attribute, whether they have it, and what else they do."""
        known = self.values.tables["train"].values[self._rows, self.values.find(name)]
        rows, known = self._rows[np.isfinite(known)], known[np.isfinite(known)]
        return rows, known == 1, self.values.list_others(name, "train")[rows]

    def _count_changed(self, name: str, read: np.ndarray, had: np.ndarray) -> tuple[float, float]:
        """The shares of images without and with an attribute that are read as changed."""
        values = read[:, self.values.find(name)]
        if np.isnan(values).any() or had.all() or not had.any():
            return np.nan, np.nan
        return float((values[~had] > 0.5).mean()), float((values[had] <= 0.5).mean())

    def _compare(
        self, images: list[np.ndarray], before: np.ndarray, after: np.ndarray, name: str
    ) -> np.ndarray:
        """The share of images in which each of `_columns` is read as before; NaN of its own."""
        values, found = self.values, []
        skip = values.columns[values.find(name)]
        for column in self._columns:
            places = values.groups.get(column)
            if column == skip:
                same = np.array([np.nan])
            elif not places:  # the class
                assert self.study.classifier is not None
                calls = [self.study.classifier.predict_probabilities(each) for each in images]
                same = calls[0].argmax(axis=1) == calls[1].argmax(axis=1)
            elif values.is_number[places[0]]:
                spread = np.nanstd(before[:, places[0]])
                same = np.abs(after - before)[:, places[0]] <= SMALL_CHANGE * spread
            elif len(places) == 1:
                same = (before[:, places[0]] > 0.5) == (after[:, places[0]] > 0.5)
            else:
                same = before[:, places].argmax(axis=1) == after[:, places].argmax(axis=1)
            found.append(float(np.mean(same)))
        return np.array(found)

    def _measure_reading(self) -> dict[str, np.ndarray]:
        """By space the area under the ROC curve of each attribute, float (names,)."""
        from sklearn.metrics import roc_auc_score
        from sklearn.metrics.pairwise import rbf_kernel
        from sklearn.svm import SVC

        study, values = self.study, self.values
        known = {split: table.values for split, table in values.tables.items()}
        rng = np.random.default_rng(study.settings.seed)
        fit = rng.permutation(self._rows)[:READ_FROM]
        scored = rng.permutation(len(study.images))[:READ_OF]
        found = {}
        for kind, space in zip(SPACES, map(self._get_space, SPACES), strict=True):
            train, test = space.train[fit].astype(float), space.test[scored].astype(float)
            width = 1 / (train.shape[1] * train.var() or 1.0)
            kernels = [rbf_kernel(each, train, gamma=width) for each in (train, test)]
            areas = []
            for name in self.names:
                place = values.find(name)
                taught, truth = known["train"][fit, place], known["test"][scored, place]
                own, told = np.isfinite(taught), np.isfinite(truth)
                areas.append(np.nan)
                if len(set(taught[own])) > 1 and len(set(truth[told])) > 1:
                    machine = SVC(C=PENALTY, kernel="precomputed", class_weight="balanced")
                    machine.fit(kernels[0][np.ix_(own, own)], taught[own])
                    said = machine.decision_function(kernels[1][np.ix_(told, own)])
                    areas[-1] = roc_auc_score(truth[told], said)
            found[kind] = np.array(areas)
        return found
