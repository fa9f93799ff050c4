"""A small classifier that says what a decoded image shows, so that pictures can be measured."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
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
from latentspace.datasets import ImageDataset, split_validation
from latentspace.datasets.augmentation import deform, looks_alike_mirrored
from latentspace.models.backend import start_keras
from latentspace.models.keras_files.loading import load_model, save_model
from latentspace.models.run_schema import CLASSIFIERS
from latentspace.models.runs import predict

if TYPE_CHECKING:
    import keras

VERSION = 2  # 1 was trained for a fixed number of epochs, and had no balanced accuracy
VALIDATION_SHARE = 0.1
LEAST_STEPS, MOST_STEPS = 30, 150  # batches between two validations, which are a round
MOST_ROUNDS = 40
PATIENCE, SLOWING_PATIENCE = 2, 1  # rounds without a gain until it stops, until it learns slower
LEAST_GAIN = 0.01  # of the validation loss
LEAST_BATCH, MOST_BATCH, BATCHES = 16, 128, 16  # of fewer images than 16 batches, smaller ones
LEARNING_RATE, SLOWER = 2e-3, 0.2
FILTERS = (32, 64, 128, 128)
FIRST_SIDE, LAST_SIDE = 16, 4  # of what the first convolution and the last one leave of an image
KERNEL_SIZE = 3
NORM_MOMENTUM = 0.9  # a round has few batches
DROPOUT = 0.3
RESAMPLES, CONFIDENCE = 1_000, 0.95


class ClassifierFacts(TypedDict):
    """What is kept of a classifier beside its model: of which data, how good, which file.

    Accuracies are those on the test images; chance is that of guessing, balanced.
    """

    dataset: str
    dataset_hash: str
    balanced_accuracy: Annotated[float, Ge(0), Le(1)]
    balanced_accuracy_interval: tuple[float, float]
    test_accuracy: Annotated[float, Ge(0), Le(1)]
    largest_class: Annotated[float, Ge(0), Le(1)]  # what always naming it would reach
    chance: Annotated[float, Ge(0), Le(1)]
    rounds: Annotated[int, Ge(1)]
    seconds: Annotated[float, Ge(0)]
    sha256: str


@dataclass(frozen=True)
class ReferenceClassifier:
    """A classifier of one data set, trained on its real training images and on nothing else."""

    path: Path
    facts: dict[str, Any]  # see `ClassifierFacts`

    @property
    def unfit(self) -> str | None:
        """Why it can say nothing of decoded images; None where it can.

        It can where it knows unseen images by more than half of the way from guessing to always
        being right, in balanced accuracy, and the interval of that excludes guessing.
        """
        reached, chance = self.facts["balanced_accuracy"], self.facts["chance"]
        low, high = self.facts["balanced_accuracy_interval"]
        if reached >= (1 + chance) / 2 and low > chance:
            return None
        return (
            f"a classifier trained on the real images is {reached:.1%} right on unseen ones "
            f"(balanced over classes; {low:.1%} to {high:.1%}), too near to guessing "
            f"({chance:.1%}) to say what an image shows"
        )

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
    read_labelled: Callable[[], tuple[np.ndarray, np.ndarray]],
    *,
    on_round: Callable[[], object] = lambda: None,
) -> ReferenceClassifier:
    """Takes the reference classifier of a data set from disk, or trains it and keeps it.

    Args:
        models_dir: The folder of all runs; they lie in its subfolder `classifiers`.
        data: The data set; its test images tell the accuracy. A classifier of others is replaced.
        read_labelled: Gives images of it to train on, float32 (N, H, W, C) in [0, 1], and labels,
            int (N,), where one is trained.
        on_round: Called after each of up to `MOST_ROUNDS` rounds of a training.

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
    model, rounds = _train_classifier(*read_labelled(), on_round)
    seconds = time.perf_counter() - started
    with replace_file(path) as temporary:
        save_model(model, temporary)
    called = predict(model, data.test_images).argmax(axis=1)
    facts = {
        "dataset": data.name,
        "dataset_hash": data.hash,
        **_measure_accuracy(called, data.test_labels),
        "rounds": rounds,
        "seconds": round(seconds, 1),
        "sha256": hash_file(path),
    }
    write_document(about, facts, version=VERSION)
    return ReferenceClassifier(path, facts)


def _measure_accuracy(called: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Accuracy, plain and balanced, of what images (N,) are called; see `ClassifierFacts`.

    Source: Brodersen et al. 2010, "The balanced accuracy and its posterior distribution"; the
    interval is that of images drawn anew within each class.
    """
    classes, members = np.unique(labels, return_counts=True)
    right = np.array([(called[labels == label] == label).mean() for label in classes])
    rng = np.random.default_rng(0)
    drawn = (rng.binomial(members, right, (RESAMPLES, len(classes))) / members).mean(axis=1)
    tail = (1 - CONFIDENCE) / 2
    return {
        "balanced_accuracy": float(right.mean()),
        "balanced_accuracy_interval": [float(end) for end in np.quantile(drawn, [tail, 1 - tail])],
        "test_accuracy": float((called == labels).mean()),
        "largest_class": float(members.max() / len(labels)),
        "chance": 1 / len(classes),
    }


def _train_classifier(
    images: np.ndarray, labels: np.ndarray, on_round: Callable[[], object]
) -> tuple[keras.Model, int]:
    """A model of images -> probabilities, and how many rounds it took.

    Images are deformed anew each time, and mirrored where that makes no difference; of unequal
    classes each weighs the same. It stops when held-back images are known no better.
    """
    start_keras()
    import keras

    keras.utils.set_random_seed(0)
    fitted, held_back = split_validation(len(images), VALIDATION_SHARE, seed=0)
    model = _build_classifier(images.shape[1:], int(labels.max()) + 1)
    batch_size = min(max(LEAST_BATCH, len(fitted) // BATCHES), MOST_BATCH)
    members = np.bincount(labels)
    weights = len(labels) / (np.count_nonzero(members) * np.maximum(members, 1))
    model.compile(
        keras.optimizers.Adam(LEARNING_RATE),
        "sparse_categorical_crossentropy",
        weighted_metrics=[],
    )
    history = model.fit(
        _iterate_batches(images[fitted], labels[fitted], weights, batch_size),
        steps_per_epoch=min(max(LEAST_STEPS, -(-len(fitted) // batch_size)), MOST_STEPS),
        epochs=MOST_ROUNDS,
        shuffle=False,  # the batches have their own order
        validation_data=(images[held_back], labels[held_back], weights[labels[held_back]]),
        callbacks=[
            keras.callbacks.ReduceLROnPlateau(
                factor=SLOWER, patience=SLOWING_PATIENCE, min_delta=LEAST_GAIN
            ),
            keras.callbacks.EarlyStopping(
                patience=PATIENCE, min_delta=LEAST_GAIN, restore_best_weights=True
            ),
            keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: on_round()),
        ],
        verbose=0,
    )
    return model, len(history.epoch)


def _iterate_batches(
    images: np.ndarray, labels: np.ndarray, weights: np.ndarray, batch_size: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Shuffled batches without end: changed images, labels, and the weights of their classes."""
    rng = np.random.default_rng(0)
    mirrors = looks_alike_mirrored(images, labels, rng)
    while True:
        order = rng.permutation(len(images))
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            batch = deform(images[rows], rng)
            if mirrors:
                turned = rng.random(len(batch)) < 0.5
                batch[turned] = batch[turned, :, ::-1]
            yield batch, labels[rows], weights[labels[rows]]


def _build_classifier(image_shape: tuple[int, ...], classes: int) -> keras.Model:
    """Convolutions of `FILTERS`, of which the first takes long strides over large images."""
    import keras
    from keras import layers

    stride = max(1, math.ceil(min(image_shape[:2]) / FIRST_SIDE))
    x = inputs = keras.Input(image_shape)
    for place, filters in enumerate(FILTERS):
        size, step = (2 * stride + 1, stride) if place == 0 else (KERNEL_SIZE, 1)
        x = layers.Conv2D(filters, size, step, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization(momentum=NORM_MOMENTUM)(x)
        x = layers.Activation("relu")(x)
        if place and min(x.shape[1:3]) > LAST_SIDE:
            x = layers.MaxPooling2D(2, padding="same")(x)
    x = layers.Dropout(DROPOUT)(layers.Flatten()(x))
    x = layers.Dense(classes, activation="softmax")(x)
    return keras.Model(inputs, x, name="classifier")
