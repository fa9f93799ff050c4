"""Avatars of 16x16 with their attributes, a linear model of them, and who reads them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import numpy as np
from conftest import LinearRun, make_study

from latentspace.chapters.study import Study
from latentspace.datasets import Attributes, ImageDataset, avatars

SIDE, COUNT, TRAIN = 16, 900, 700
UNITS = 40


def make_faces() -> ImageDataset:
    """Avatars of 16x16, which know what they would look like with something changed."""
    factors = avatars.choose_factors(COUNT, seed=1)
    pixels, told = avatars.draw(factors, SIDE), avatars.describe(factors)
    train, test = np.split(np.arange(COUNT), [TRAIN])
    return ImageDataset(
        name="faces",
        source=None,
        train_pixels=pixels[train],
        test_pixels=pixels[test],
        train_labels=factors["woman"][train],
        test_labels=factors["woman"][test],
        class_names=("man", "woman"),
        train_attributes=told.select(train),
        test_attributes=told.select(test),
        truth=avatars.Truth(factors, test, SIDE),
    )


@dataclass
class LinearReader:
    """Reads attributes by least squares on pixels, and says it is good at all but one."""

    data: ImageDataset
    unfit: str = "gaze"
    facts: dict = field(init=False)

    def __post_init__(self) -> None:
        told = self.data.train_attributes
        self.facts = {
            "sha256": "linear",
            "readings": [
                {
                    "column": column,
                    "quality": 0.4 if column == self.unfit else 0.9,
                    "quality_interval": (0.3 if column == self.unfit else 0.85, 1.0),
                    "chance": 0.0,
                }
                for column in told.groups
            ],
        }
        flat = self._flatten(self.data.train_images[:])
        squares = flat.T @ flat + np.eye(flat.shape[1])
        self.weights = np.linalg.solve(squares, flat.T @ told.values)

    @staticmethod
    def _flatten(images: np.ndarray) -> np.ndarray:
        return np.hstack([images.reshape(len(images), -1), np.ones((len(images), 1))])

    def read(self, images: np.ndarray) -> np.ndarray:
        return self._flatten(images) @ self.weights


def make_principal_run(faces: ImageDataset) -> LinearRun:
    """Principal components of the faces, as a model."""
    run = LinearRun(faces.image_shape, latent_dim=UNITS)
    flat = faces.train_images[:].reshape(TRAIN, -1)
    run.basis = np.linalg.svd(flat, full_matrices=False)[2][:UNITS].T.astype(np.float32)
    return run


def look_at(run: LinearRun, data: ImageDataset, **settings: object) -> Study:
    """A study with a stand-in for what reads attributes."""
    subject = make_study(run, data, **settings)
    subject.reader = LinearReader(data)
    return subject


def without_classes(data: ImageDataset) -> ImageDataset:
    """The same faces, of one class."""
    labels = {"train_labels": 0 * data.train_labels, "test_labels": 0 * data.test_labels}
    return dataclasses.replace(data, class_names=("image",), **labels)


def tell(data: ImageDataset, **columns: np.ndarray) -> ImageDataset:
    """The same faces with attributes of all of them, training images first, and no others."""
    names = tuple(columns)
    values = np.column_stack(list(columns.values())).astype(np.float32)
    count = len(data.train_pixels)
    return dataclasses.replace(
        data,
        train_attributes=Attributes(names, values[:count]),
        test_attributes=Attributes(names, values[count:]),
    )
