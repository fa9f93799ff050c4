"""Sums and differences of codes, and class transfer: moving images to another class."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from latentspace.analysis import classes, directions, scores, strokes
from latentspace.analysis.classes import Gaussians
from latentspace.chapters.attributes.changes import AttributeChanges
from latentspace.chapters.attributes.sweeps import AttributeSweeps
from latentspace.chapters.attributes.values import AttributeValues
from latentspace.chapters.calculate.expressions import Term, parse_expression
from latentspace.chapters.calculate.traversals import Traversals
from latentspace.chapters.chapter import HIGHER, LOWER, Chapter, Row, list_rows
from latentspace.chapters.figure import CLASS_PREFIX
from latentspace.core.errors import InputError
from latentspace.datasets import choose_limited
from latentspace.drawing.grids import Grid

SUM_ROWS = 3
SHOWN_CLASSES, MEASURED_CLASSES = 10, 20  # at most: what is done grows with pairs of classes
SCORED_IMAGES = 2000
TOWARD_DATA = 0.25  # share of the path to its nearest neighbours that a transported code is moved
PRESERVED = ("slant", "thickness")
MEANS, TRANSPORT = "class_means", "transport"
ROWS = {  # in words, which way is better, and the digits worth reading
    "target_accuracy": ("Class transfer: called the target class", HIGHER, 3),
    "nearest_distance": ("Class transfer: distance to the nearest training image", LOWER, 3),
    "slant_kept": ("Class transfer: rank correlation of slant", HIGHER, 3),
    "thickness_kept": ("Class transfer: rank correlation of thickness", HIGHER, 3),
}

Move = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]  # codes, sources, targets


class Arithmetic(Chapter):
    """What sums of codes decode to."""

    section = "arithmetic"
    needs = ("decoder", "images")
    takes_minutes = True
    uses_classifier = True

    @property
    def _sweeps(self) -> AttributeSweeps:
        return self.study.of(AttributeSweeps)

    def check(self) -> None:
        study = self.study
        for term in self.terms:
            where = f"{term.name!r} at character {term.position + 1} of --expression"
            if term.attribute is None:
                study.check_selection(term.name, where)
            elif study.of(Traversals).parse_axis(term.attribute) is not None:
                continue
            elif term.attribute in strokes.ATTRIBUTES and study.strokes_unavailable is not None:
                raise InputError(f"{study.strokes_unavailable}. Received: {where}")

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        """What is to be calculated; nothing where nobody asked for anything."""
        text = self.study.settings.expression
        return parse_expression(text, self.study.of(AttributeValues).known) if text else ()

    def make_sections(self) -> list[Grid]:
        """What arithmetic.png shows: the expression asked for, or the article's sums and better."""
        if self.study.settings.expression is not None:
            return [self._make_expression_section()]
        if self.study.classes_unavailable is not None:
            return [self._make_sums_section()]
        by_means = "A − mean of its class + mean of the class above"
        by_transport = "A carried over from the Gaussian of its class to that of the class above"
        return [
            self._make_sums_section(),
            self._make_class_section(by_means, self._shift),
            self._make_class_section(by_transport, self._move),
        ]

    @cached_property
    def class_transfer(self) -> Grid:
        """A test image of each class, moved to every class by transport."""
        return self._make_class_section("", self._move)

    @cached_property
    def measured(self) -> np.ndarray:
        """Sorted labels of the classes between which images are moved: all, or a choice of many."""
        data, count = self.study.data, len(self.study.data.class_names)
        if count <= MEASURED_CLASSES:
            return np.arange(count)
        train, test = np.unique(data.train_labels), np.unique(data.test_labels)
        both = np.intersect1d(train, test)
        if len(both) < 2:
            return np.union1d(train[:SHOWN_CLASSES], test[:SHOWN_CLASSES])
        return both[choose_limited(len(both), MEASURED_CLASSES)]

    @property
    def choice(self) -> str:
        """Which of many classes are measured, in a sentence; nothing where all are."""
        measured, count = len(self.measured), len(self.study.data.class_names)
        if measured == count:
            return ""
        return f" Measured between {measured} of {count} classes, the same in every run."

    @cached_property
    def metrics(self) -> dict[str, Any]:
        study, measured = self.study, self.measured
        if study.classes_unavailable is not None:
            return {}

        def compute() -> dict[str, dict[str, Any]]:
            rng = np.random.default_rng(study.settings.seed)
            rows = np.flatnonzero(np.isin(study.data.test_labels, measured))
            chosen = rng.choice(rows, min(SCORED_IMAGES, len(rows)), replace=False)
            sources, many = study.data.test_labels[chosen], len(measured)
            further = rng.integers(1, many, len(chosen))
            targets = measured[(np.searchsorted(measured, sources) + further) % many]
            before = self._measure_strokes(study.images[chosen])
            numbers = dict[str, dict[str, Any]]()
            with study.make_bar("class transfer", 2) as bar:
                for name, move in ((MEANS, self._shift), (TRANSPORT, self._move)):
                    images = study.decode(move(study.codes[chosen], sources, targets))
                    after = self._measure_strokes(images)
                    near, _ = study.search.find(images)
                    called = self._sweeps.classify(images)
                    right = np.nan if called is None else (called == targets).mean()
                    numbers[name] = {"target_accuracy": right, "nearest_distance": near.mean()}
                    for own, values in before.items():
                        numbers[name][f"{own}_kept"] = scores.rank_correlation(values, after[own])
                    bar.update()
            return numbers

        key = (*study.model_key, study.settings.seed, study.classifier_key, measured)
        names = [study.data.class_names[label] for label in measured]
        numbers = study.load_or_compute_numbers("class-moves", compute, *key)
        return {"measured_classes": names, **numbers}

    @property
    def rows(self) -> list[Row]:
        table = ROWS if self.metrics else {}
        return list_rows(table, self.metrics, TRANSPORT, {"class means": MEANS})

    def _make_expression_section(self) -> Grid:
        study = self.study
        # The sum is shown as it grows by each attribute, for a direction alone is no image.
        plain = [term for term in self.terms if term.attribute is None]
        attributes = [term for term in self.terms if term.attribute is not None]
        codes = [self._find_code(term.name) for term in plain]
        weighted = np.stack([term.factor * code for term, code in zip(plain, codes, strict=True)])
        shown = weighted.sum(axis=0, dtype=np.float32, keepdims=True)  # (1, D)
        for term in attributes:
            shown = self._add_attribute(shown, str(term.attribute), term.factor)
            codes.append(shown[0])
        images = study.decode(np.stack([*codes, shown[0]]))
        nearest = study.search.find(images)[1]
        headings = [*(term.label for term in (*plain, *attributes)), "="]
        images = np.stack([images, study.references[nearest]])
        return Grid(headings, ["decoded", "nearest training image"], images)

    def _add_attribute(self, code: np.ndarray, name: str, factor: float) -> np.ndarray:
        """A code (1, D) with so much more of an attribute, or so far along an axis."""
        if (along := self.study.of(Traversals).find_step(name)) is not None:
            return (code + factor * along).astype(np.float32)
        if name in self._sweeps.names:
            label = self.study.density.classify(code)
            step = self._sweeps.directions.steps[label, self._sweeps.names.index(name)]
            return self._sweeps.move(code, label, factor * step, np.array([factor]))
        values, first = self.study.of(AttributeValues), self.terms[0]
        alone = [term for term in self.terms if term.attribute is None] == [first]
        if alone and first.name.isdecimal():
            place = self.study.find_place(first.name)
            known = values.tables["test"].values[place, values.find(name)]
            if known == (factor > 0):  # there is nothing to put on or to take off
                return code
        changes = self.study.of(AttributeChanges)
        return changes.change(code, name, np.array([factor < 0]), np.array([[abs(factor)]]))[:, 0]

    def _make_sums_section(self) -> Grid:
        study, count = self.study, len(self.study.codes)
        rng = np.random.default_rng(study.settings.seed)
        chosen = rng.choice(count, (SUM_ROWS, 3), replace=count < 3 * SUM_ROWS)
        a, b, c = np.moveaxis(study.codes[chosen], 1, 0)
        codes = np.stack([a, b, c, a + b, a - b + c], axis=1)  # (rows, 5, D)
        headings = ["A", "B", "C", "A + B", "A − B + C"]
        return Grid(headings, [""] * SUM_ROWS, study.decode(codes), "Sums of single codes")

    def _make_class_section(self, title: str, move: Move) -> Grid:
        study = self.study
        shown = np.intersect1d(self.measured, study.data.test_labels)[:SHOWN_CLASSES]
        count = len(shown)
        firsts = np.array([np.flatnonzero(study.data.test_labels == label)[0] for label in shown])
        own = np.repeat(study.codes[firsts], count, axis=0)
        moved = study.decode(move(own, np.repeat(shown, count), np.tile(shown, count)))
        moved = moved.reshape(count, count, *moved.shape[1:])
        images = np.concatenate([study.images[firsts][:, np.newaxis], moved], axis=1)
        names = [study.data.class_names[label] for label in shown]
        numbers = [f"#{number}" for number in study.data.test_numbers[firsts]]
        return Grid(["A", *names], numbers, images, title)

    def _shift(self, codes: np.ndarray, sources: np.ndarray, targets: np.ndarray) -> np.ndarray:
        means = self.study.class_means
        return codes - means[sources] + means[targets]

    def _move(self, codes: np.ndarray, sources: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Codes transported between two classes, and a little towards the data there."""
        study = self.study
        kept = None
        if self._preserved_places:
            kept = self._sweeps.predicted.select(self.measured, self._preserved_places)
        first, last = (np.searchsorted(self.measured, labels) for labels in (sources, targets))
        moved = directions.transport(codes, first, last, self._gaussians, kept)
        shares = np.where(sources == targets, 0.0, TOWARD_DATA)
        references = study.train_codes, study.data.train_labels
        moved = directions.move_toward_class(moved, targets, *references, shares)
        return moved.astype(np.float32)

    @cached_property
    def _gaussians(self) -> Gaussians:
        return classes.fit_class_gaussians(
            self.study.train_codes, self.study.data.train_labels, self.measured
        )

    @cached_property
    def _preserved_places(self) -> list[int]:
        """Where `PRESERVED` stand among the swept attributes; empty without strokes."""
        if self.study.strokes_unavailable or self._sweeps.nothing_to_sweep:
            return []
        return [self._sweeps.names.index(name) for name in PRESERVED]

    def _measure_strokes(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """What is to be preserved, each (N,); nothing where there are no strokes."""
        if not self._preserved_places:
            return {}
        values = self.study.of(AttributeValues)
        read = values.read(images, measured_only=True)
        measured = read[:, [values.find(name) for name in PRESERVED]]
        return dict(zip(PRESERVED, measured.T, strict=True))

    def _find_code(self, name: str) -> np.ndarray:
        """The code (D,) of an image, or the mean code of a class."""
        if name.startswith(CLASS_PREFIX):
            label = self.study.data.class_names.index(name.removeprefix(CLASS_PREFIX))
            return self.study.class_means[label]
        return self.study.select(name).code
