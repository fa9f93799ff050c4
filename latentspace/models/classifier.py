"""A small classifier that says what a decoded image shows, so that pictures can be measured."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from annotated_types import Ge, Le
from typing_extensions import TypedDict

from latentspace.core.documents import read_document, write_document
from latentspace.core.errors import InputError
from latentspace.core.files import replace_file
from latentspace.core.provenance import hash_file
from latentspace.datasets import ImageDataset
from latentspace.models.backend import start_keras
from latentspace.models.keras_files.loading import load_model, save_model
from latentspace.models.run_schema import CLASSIFIERS
from latentspace.models.runs import predict

if TYPE_CHECKING:
    import keras

VERSION = 1
EPOCHS, MOST_EPOCHS = 4, 40
LEAST_STEPS = 600  # of a few images, more epochs of smaller batches make them up
BATCH_SIZE, LEAST_BATCH, STEPS_WANTED = 128, 16, 16
LEARNING_RATE = 3e-3
FILTERS = (16, 32)
KERNEL_SIZE = 5
HIDDEN_UNITS = 128
DROPOUT = 0.3


class ClassifierFacts(TypedDict):
    """What is kept of a classifier beside its model: of which data, how good, which file."""

    dataset: str
    dataset_hash: str
    test_accuracy: Annotated[float, Ge(0), Le(1)]
    seconds: Annotated[float, Ge(0)]
    sha256: str


@dataclass(frozen=True)
class ReferenceClassifier:
    """A classifier of one data set, trained on its real training images and on nothing else."""

    path: Path
    facts: dict[str, Any]  # see `ClassifierFacts`

    @cached_property
    def _model(self) -> keras.Model:
        return load_model(self.path)

    def predict_probabilities(self, images: np.ndarray) -> np.ndarray:
        """What it believes images, float32 (N, H, W, C) in [0, 1], to show.

        Returns:
            float32 (N, classes), each row of sum 1; its largest value is the confidence.
        """
        return predict(self._model, images)


def find_classifier(
    models_dir: Path,
    data: ImageDataset,
    train: tuple[np.ndarray, np.ndarray],
    *,
    on_epoch: Callable[[], object] = lambda: None,
) -> ReferenceClassifier:
    """Takes the reference classifier of a data set from disk, or trains it and keeps it.

    Args:
        models_dir: The folder of all runs; they lie in its subfolder `classifiers`.
        data: The data set; its test images tell the accuracy. A classifier of others is replaced.
        train: Images of it to train on, float32 (N, H, W, C) in [0, 1], and labels, int (N,).
        on_epoch: Called after each of `count_epochs` epochs of a training.

    Raises:
        OSError: The folder can't be written to.
    """
    path = models_dir / CLASSIFIERS / f"{data.name}.keras"
    about = path.with_suffix(".json")
    with contextlib.suppress(InputError, OSError):  # none yet, or damaged: one is trained
        facts = read_document(about, ClassifierFacts, version=VERSION, renew="it is trained again")
        if facts["dataset_hash"] == data.hash and facts["sha256"] == hash_file(path):
            return ReferenceClassifier(path, facts)
    started = time.perf_counter()
    model = _train_classifier(*train, on_epoch)
    seconds = time.perf_counter() - started
    with replace_file(path) as temporary:
        save_model(model, temporary)
    accuracy = (predict(model, data.test_images).argmax(axis=1) == data.test_labels).mean()
    facts = {
        "dataset": data.name,
        "dataset_hash": data.hash,
        "test_accuracy": float(accuracy),
        "seconds": round(seconds, 1),
        "sha256": hash_file(path),
    }
    write_document(about, facts, version=VERSION)
    return ReferenceClassifier(path, facts)


def count_epochs(count: int) -> int:
    """Passes over `count` training images that it needs."""
    wanted = -(-LEAST_STEPS * _choose_batch_size(count) // count)
    return min(max(EPOCHS, wanted), MOST_EPOCHS)


def _choose_batch_size(count: int) -> int:
    return min(max(LEAST_BATCH, count // STEPS_WANTED), BATCH_SIZE, count)


def _train_classifier(
    images: np.ndarray, labels: np.ndarray, on_epoch: Callable[[], object]
) -> keras.Model:
    start_keras()
    import keras
    from keras import layers

    def convolution(filters: int) -> list[layers.Layer]:
        return [
            layers.Conv2D(filters, KERNEL_SIZE, 2, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.Activation("relu"),
        ]

    keras.utils.set_random_seed(0)
    classes = int(labels.max()) + 1
    model = keras.Sequential(
        [
            keras.Input(images.shape[1:]),
            *(layer for filters in FILTERS for layer in convolution(filters)),
            layers.Flatten(),
            layers.Dropout(DROPOUT),
            layers.Dense(HIDDEN_UNITS, activation="relu"),
            layers.Dense(classes, activation="softmax"),
        ],
        name="classifier",
    )
    batch_size, epochs = _choose_batch_size(len(images)), count_epochs(len(images))
    steps = epochs * -(-len(images) // batch_size)
    rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    watcher = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: on_epoch())
    model.fit(images, labels, batch_size=batch_size, epochs=epochs, callbacks=[watcher], verbose=0)
    return model
