"""The attributes of images: known of real ones, and read or measured off decoded ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from latentspace.analysis import strokes
from latentspace.chapters.chapter import Chapter, Row, list_rows
from latentspace.core.errors import InputError, to_printable
from latentspace.datasets import Attributes, group_columns
from latentspace.models.classifier import can_tell

LEAST_MEMBERS = 10  # images with an attribute, and without it
MOST_MEASURED = 12  # attributes
CODES = "codes"  # the group of numbers of latent space
SHOWN_NAMES, LONGEST_NAME = 20, 80  # in messages


@dataclass(frozen=True)
class Reading:
    """How well an attribute is read off unseen real images."""

    quality: float  # balanced accuracy of yes and no and of names, Spearman's of numbers
    low: float  # the lower end of its interval
    chance: float  # what guessing reaches

    @property
    def is_fit(self) -> bool:
        """Whether it can say what decoded images show."""
        return can_tell(self.quality, self.low, self.chance)


class AttributeValues(Chapter):
    """All attributes, in one order: those of the data set, of two classes the second, strokes."""

    @property
    def known(self) -> tuple[str, ...]:
        """Those that are known of each image, and not measured."""
        return self.tables["train"].names

    @cached_property
    def names(self) -> tuple[str, ...]:
        measured = strokes.ATTRIBUTES if self.study.strokes_unavailable is None else ()
        return (*self.known, *(name for name in measured if name not in self.known))

    @cached_property
    def class_name(self) -> str | None:
        """What the second of two classes is called, which is an attribute as well."""
        data = self.study.data
        if len(data.class_names) != 2 or self.study.classes_unavailable is not None:
            return None
        name = data.class_names[1]
        return None if name in data.train_attributes.names else name

    @property
    def unavailable(self) -> str | None:
        advice = "no attribute of the images is known: name a table with --attributes-file"
        return None if self.names else f"{advice}; {self.study.strokes_unavailable}"

    @property
    def readings_key(self) -> str:
        """What all that is read off images depends on."""
        reader = self.study.reader
        known = self.study.data.attributes_hash
        return known + (reader.facts["sha256"] if reader else "") + self.study.classifier_key

    def find(self, name: str) -> int:
        """The place of an attribute among all; an `InputError` where there is none of that name."""
        if name not in self.names:
            shown = ", ".join(self.names[:SHOWN_NAMES]) or "none"
            more = f" and {len(self.names) - SHOWN_NAMES} more" * (len(self.names) > SHOWN_NAMES)
            raise InputError(
                f"{self.study.data.name} has the attributes {shown}{more}. Received: "
                f"{to_printable(name, LONGEST_NAME)!r}"
            )
        return self.names.index(name)

    @cached_property
    def is_number(self) -> np.ndarray:
        """Which of `names` are numbers, and not yes or no."""
        measured = len(self.names) - len(self.known)
        own = ~self.study.data.is_binary
        of_class = np.zeros(len(self.known) - len(own), bool)
        return np.concatenate([own, of_class, np.ones(measured, bool)])

    @cached_property
    def columns(self) -> list[str]:
        """The column that each of `names` is of."""
        return [*self.tables["train"].columns, *self.names[len(self.known) :]]

    @cached_property
    def groups(self) -> dict[str, list[int]]:
        """The places of the attributes of each column."""
        return group_columns(self.columns)

    @cached_property
    def tables(self) -> dict[str, Attributes]:
        """What is `known` of all images of "train" and of "test", by split."""
        data = self.study.data
        return {
            "train": self._add_class(data.train_attributes, data.train_labels),
            "test": self._add_class(data.test_attributes, data.test_labels),
        }

    def list_known(self, split: str) -> np.ndarray:
        """What is `known` of each image, then its class, a column for each of many, (N, K)."""
        return np.column_stack([self.tables[split].values, self._list_classes(split)])

    def list_others(self, name: str, split: str) -> np.ndarray:
        """What else is known of each image, to be held when an attribute changes, (N, K).

        Of each other column of names, and of classes, one is left out; the unknown has the mean.
        """
        table, column = self.tables[split], self.columns[self.find(name)]
        others = [group for own, group in table.groups.items() if own != column]
        places = [place for own in others for place in (own[1:] if len(own) > 1 else own)]
        known = np.ma.masked_invalid(table.values[:, places].astype(np.float64))
        found = np.where(np.ma.getmaskarray(known), known.mean(axis=0).filled(0), known.data)
        return np.column_stack([found, self._list_classes(split)[:, 1:]])

    @cached_property
    def readings(self) -> dict[str, Reading]:
        """By attribute how well it is read; those of strokes are measured, and so exact."""
        found = dict.fromkeys(self.names, Reading(0.0, 0.0, 0.5))
        reader, referee = self.study.reader, self.study.trained_classifier
        if reader is not None:
            by_column = {each["column"]: each for each in reader.facts["readings"]}
            for name, column in zip(self.known, self.columns, strict=False):
                if (each := by_column.get(column)) is not None:
                    low = each["quality_interval"][0]
                    found[name] = Reading(each["quality"], low, each["chance"])
        if self.class_name is not None and referee is not None:
            about = referee.facts
            low = about["balanced_accuracy_interval"][0]
            found[self.class_name] = Reading(about["balanced_accuracy"], low, about["chance"])
        return found | dict.fromkeys(self.names[len(self.known) :], Reading(1.0, 1.0, 0.0))

    def read(self, images: np.ndarray, *, measured_only: bool = False) -> np.ndarray:
        """Reads attributes off images, float32 (N, H, W, C) in [0, 1], or what needs no reader.

        Returns float64 (N, A), of yes and no the probability of yes; NaN of what can't be read.
        """
        found = np.full((len(images), len(self.names)), np.nan)
        if not measured_only:
            if self.study.reader is not None:
                own = self.study.reader.read(images)
                found[:, : own.shape[1]] = own
            if self.class_name is not None and self.study.classifier is not None:
                believed = self.study.classifier.predict_probabilities(images)
                found[:, self.find(self.class_name)] = believed[:, 1]
            unfit = [not self.readings[name].is_fit for name in self.names]
            found[:, unfit] = np.nan
        if len(self.names) > len(self.known):
            measured = self.study.measure_strokes(images)
            for name in self.names[len(self.known) :]:
                found[:, self.find(name)] = measured[:, strokes.ATTRIBUTES.index(name)]
        return found

    def measure_training(self, rows: np.ndarray) -> np.ndarray:
        """All that training images have, known or measured, float64 (N, A)."""
        images = self.study.data.train_images[rows]
        found = self.read(images, measured_only=True)
        if self.known:
            found[:, : len(self.known)] = self.tables["train"].values[rows]
        return found

    def _list_classes(self, split: str) -> np.ndarray:
        """The class of each image, (N, classes); of no width where it is `known`, or none is."""
        data, labels = self.study.data, getattr(self.study.data, f"{split}_labels")
        if self.class_name is not None or not data.has_classes:
            return np.empty((len(labels), 0))
        return np.eye(len(data.class_names))[labels]

    def _add_class(self, table: Attributes, labels: np.ndarray) -> Attributes:
        if self.class_name is None:
            return table
        own = labels[:, np.newaxis].astype(np.float32)
        values = np.hstack([table.values, own]) if table.names else own
        return Attributes((*table.names, self.class_name), values)


class OfAttributes(Chapter):
    """A chapter with numbers of single attributes."""

    names: Any  # the attributes that it measures, tuple[str, ...]
    needs = ("decoder", "images")
    uses_classifier = True

    @property
    def values(self) -> AttributeValues:
        return self.study.of(AttributeValues)

    def name_numbers(self, groups: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """Numbers of each of `names`, by group and measure, each by its name."""
        return {
            group: {each: dict(zip(self.names, own, strict=True)) for each, own in numbers.items()}
            for group, numbers in groups.items()
        }

    def list_rows_of_each(
        self, measures: Mapping[str, tuple[str, str]], others: Mapping[str, str]
    ) -> list[Row]:
        """`list_rows` of each of `names` for each measure: its words, with {}, and `better`."""
        rows, groups = [], (CODES, *others.values())
        for measure, (words, better) in measures.items() if self.metrics else ():
            table = {name: (words.format(name), better, 3) for name in self.names}
            numbers = {group: self.metrics[group][measure] for group in groups}
            rows += list_rows(table, numbers, CODES, others)
        return rows
