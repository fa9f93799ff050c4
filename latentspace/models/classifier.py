"""Small networks that say what a decoded image shows, so that pictures can be measured."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from latentspace.core.pixels import Images, count_images_held, iterate_parts
from latentspace.core.provenance import hash_file
from latentspace.datasets import Attributes, ImageDataset, split_validation
from latentspace.datasets.augmentation import deform, look_alike_deformed, looks_alike_mirrored
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
PATIENCE, SLOWING_PATIENCE = 240, 120  # batches without a gain until it stops, until it slows
LEAST_GAIN = 0.01  # of the validation loss
LEAST_BATCH, MOST_BATCH, BATCHES = 16, 128, 16  # of fewer images than 16 batches, smaller ones
LEARNING_RATE, SLOWER = 2e-3, 0.2
FILTERS = (32, 64, 128, 128)
FIRST_SIDE, LAST_SIDE = 16, 4  # of what the first convolution and the last one leave of an image
KERNEL_SIZE = 3
NORM_MOMENTUM = 0.9  # a round has few batches
DROPOUT = 0.3
RESAMPLES, CONFIDENCE, NORMAL_QUANTILE = 1_000, 0.95, 1.96
MOST_COMPARED = 4_000  # images that tell what they are like
OF_ATTRIBUTES = ".attributes"  # ends the name of a file

Read = Callable[[], tuple[Images, np.ndarray]]  # images to learn from, and what tells of each
OnRound = Callable[[], object]


class KeptFacts(TypedDict):
    """What is kept of a network beside its model: of which data, how it was trained, which file."""

    dataset: str
    dataset_hash: str
    rounds: Annotated[int, Ge(1)]
    seconds: Annotated[float, Ge(0)]
    sha256: str


class ClassifierFacts(KeptFacts):
    """How good a classifier is: accuracies on test images, chance balanced."""

    balanced_accuracy: Annotated[float, Ge(0), Le(1)]
    balanced_accuracy_interval: tuple[float, float]
    test_accuracy: Annotated[float, Ge(0), Le(1)]
    largest_class: Annotated[float, Ge(0), Le(1)]  # what always naming it would reach
    chance: Annotated[float, Ge(0), Le(1)]


class ReadingFacts(TypedDict):
    """How well a column of attributes is read off the test images.

    The quality is balanced accuracy of names, or yes and no; Spearman's correlation of numbers.
    """

    column: str
    quality: float
    quality_interval: tuple[float, float]
    chance: float
    attributes: int  # one for each name in it
    scale: tuple[float, float]  # mean and deviation of a column of numbers


class ReaderFacts(KeptFacts):
    attributes_hash: str
    outputs: list[int]  # of the network, of each column
    readings: list[ReadingFacts]


@dataclass(frozen=True)
class Target:
    """What a network learns to say of images: a class, or a number."""

    values: np.ndarray  # int (N,) in 0..classes-1, else unknown, or float (N,), finite or unknown
    classes: int  # 0 of a number

    @property
    def known(self) -> np.ndarray:  # bool (N,): where there is a value
        return self.values >= 0 if self.classes else np.isfinite(self.values)

    @property
    def labels(self) -> np.ndarray:  # values as a network takes them
        return np.where(self.known, self.values, 0).astype(np.int64 if self.classes else np.float32)

    @property
    def weights(self) -> np.ndarray:
        """float32 (N,), 0 where there is no value; of unequal classes each weighs the same."""
        from sklearn.utils.class_weight import compute_sample_weight

        weights = self.known.astype(np.float32)
        if self.classes and weights.any():
            weights[self.known] = compute_sample_weight("balanced", self.labels[self.known])
        return weights


@dataclass(frozen=True)
class KeptNetwork:
    """A network of one data set, trained on its real training images and on nothing else."""

    path: Path
    facts: dict[str, Any]  # see `KeptFacts`

    @cached_property
    def _model(self) -> keras.Model:
        return load_model(self.path)


class ReferenceClassifier(KeptNetwork):
    """Says which class an image shows, see `ClassifierFacts`."""

    @property
    def unfit(self) -> str | None:
        """Why it can say nothing of decoded images; None where it can, see `can_tell`."""
        reached, chance = self.facts["balanced_accuracy"], self.facts["chance"]
        low, high = self.facts["balanced_accuracy_interval"]
        if can_tell(reached, low, chance):
            return None
        ends = f"(balanced over classes; {low:.1%} to {high:.1%})"
        found = f"is {reached:.1%} right on unseen ones {ends}, too near to guessing ({chance:.1%})"
        return f"a classifier trained on the real images {found} to say what an image shows"

    def predict_probabilities(self, images: np.ndarray) -> np.ndarray:
        """What images, float32 (N, H, W, C) in [0, 1], show: float32 (N, classes), of sum 1."""
        return predict(self._model, images)


class AttributeReader(KeptNetwork):
    """Reads attributes off images, see `ReaderFacts`."""

    def read(self, images: np.ndarray) -> np.ndarray:
        """The attributes of images, float32 (N, H, W, C) in [0, 1], in the order of the data set.

        Returns float32 (N, A): the probability of yes, or of a name, or the number.
        """
        outputs, found = predict(self._model, images), []
        for reading, width in zip(self.facts["readings"], self.facts["outputs"], strict=True):
            own, outputs = np.split(outputs, [width], axis=1)
            mean, deviation = reading["scale"]
            found.append(own[:, -reading["attributes"] :] * deviation + mean)  # yes after no
        return np.concatenate(found, axis=1)


def can_tell(quality: float, low: float, chance: float) -> bool:
    """Whether what is that good on unseen images can say what decoded ones show.

    It is half of the way or more from guessing to always right, and its interval above guessing.
    """
    return quality >= (1 + chance) / 2 and low > chance


def find_reader(
    models_dir: Path, data: ImageDataset, read_images: Read, *, on_round: OnRound = lambda: None
) -> AttributeReader:
    """Takes the reader of the attributes of a data set from disk, or trains it and keeps it.

    `read_images` gives, where one is trained, images, float32 (N, H, W, C) in [0, 1], and their
    places among the training images, int (N,). All else is as for `find_classifier`.
    """
    path = models_dir / CLASSIFIERS / f"{data.name}{OF_ATTRIBUTES}.keras"
    test = _list_targets(data.test_attributes, data.is_binary)
    widths = [target.classes or 1 for target in test.values()]
    key = {"dataset_hash": data.hash, "attributes_hash": data.attributes_hash, "outputs": widths}
    if (facts := _read_kept(path, ReaderFacts, key)) is not None:
        return AttributeReader(path, facts)
    started = time.perf_counter()
    images, rows = read_images()
    targets, scales = [], []
    for target in _list_targets(data.train_attributes.select(rows), data.is_binary).values():
        known = target.values[target.known]
        scale = (float(known.mean()), float(known.std()) or 1.0) if not target.classes else (0, 1)
        scales.append(scale)
        targets.append(Target((target.values - scale[0]) / scale[1], target.classes))
    model, rounds = _train_network(images, targets, on_round)
    seconds = round(time.perf_counter() - started, 1)
    facts = {"dataset": data.name, **key, "rounds": rounds, "seconds": seconds}
    outputs, facts["readings"] = predict(model, data.test_images), []
    for (column, target), scale in zip(test.items(), scales, strict=True):
        own, outputs = np.split(outputs, [target.classes or 1], axis=1)
        about = {"column": column, "attributes": len(data.test_attributes.groups[column])}
        facts["readings"].append({**about, **_measure_reading(own, target), "scale": scale})
    return AttributeReader(path, _keep(path, model, facts))


def _list_targets(attributes: Attributes, is_binary: np.ndarray) -> dict[str, Target]:
    """What is to be read, by column: of names the place of the name among the column's.

    `is_binary`, bool (A,), are yes or no: what is so in some images alone is a number in all.
    """
    found: dict[str, Target] = {}
    for column, places in attributes.groups.items():
        values = attributes.values[:, places]
        if len(places) > 1:
            known = np.isfinite(values).all(axis=1)
            found[column] = Target(np.where(known, values.argmax(axis=1), -1), len(places))
        elif is_binary[places[0]]:
            found[column] = Target(np.nan_to_num(values[:, 0], nan=-1).astype(np.int64), 2)
        else:
            found[column] = Target(values[:, 0], 0)
    return found


def _measure_reading(outputs: np.ndarray, target: Target) -> dict[str, Any]:
    """The quality of outputs (N, classes or 1), see `ReadingFacts`."""
    known, found = target.known, dict[str, Any]()
    if target.classes:
        if known.any():
            found = _measure_accuracy(outputs[known].argmax(axis=1), target.labels[known])
        quality = found.get("balanced_accuracy", 0.0)
        ends = found.get("balanced_accuracy_interval", [0.0, 0.0])
        return {"quality": quality, "quality_interval": ends, "chance": 1 / target.classes}
    from scipy.stats import rankdata

    count = int(known.sum())
    ranks = [rankdata(values[known]) for values in (outputs[:, 0], target.values)]
    varies = count > 3 and all(np.ptp(each) for each in ranks)
    quality = float(np.corrcoef(*ranks)[0, 1]) if varies else 0.0
    # Fisher's transformation makes the correlation about normal.
    spread = NORMAL_QUANTILE / np.sqrt(max(count - 3, 1))
    middle = np.arctanh(np.clip(quality, -0.9999, 0.9999))
    ends = [float(np.tanh(middle + away)) for away in (-spread, spread)]
    return {"quality": quality, "quality_interval": ends, "chance": 0.0}


def find_classifier(
    models_dir: Path, data: ImageDataset, read_labelled: Read, *, on_round: OnRound = lambda: None
) -> ReferenceClassifier:
    """Takes the reference classifier of a data set from disk, or trains it and keeps it.

    It lies in the subfolder `classifiers` of the folder of all runs; one of another data set of the
    name is replaced. Where one is trained, `read_labelled` gives images, float32 (N, H, W, C) in
    [0, 1], and labels, int (N,), and `on_round` is called after each of up to `MOST_ROUNDS` rounds.
    Raises an `OSError` where the folder can't be written to.
    """
    path = models_dir / CLASSIFIERS / f"{data.name}.keras"
    key = {"dataset_hash": data.hash}
    if (facts := _read_kept(path, ClassifierFacts, key)) is not None:
        return ReferenceClassifier(path, facts)
    started = time.perf_counter()
    images, labels = read_labelled()
    target = Target(labels, int(labels.max()) + 1)
    model, rounds = _train_network(images, [target], on_round)
    seconds = round(time.perf_counter() - started, 1)
    facts = {"dataset": data.name, **key, "rounds": rounds, "seconds": seconds}
    called = predict(model, data.test_images).argmax(axis=1)
    facts |= _measure_accuracy(called, data.test_labels)
    return ReferenceClassifier(path, _keep(path, model, facts))


def _read_kept(path: Path, kind: Any, key: Mapping[str, Any]) -> dict[str, Any] | None:
    """The facts beside a model that is whole and has some of them; None where there is none."""
    about = path.with_suffix(".json")
    with contextlib.suppress(InputError, OSError):  # none yet, or damaged: one is trained
        facts = read_document(about, kind, version=VERSION, renew="it is trained again")
        if key.items() <= facts.items() and facts["sha256"] == hash_file(path):
            return dict(facts)
    return None


def _keep(path: Path, model: keras.Model, facts: dict[str, Any]) -> dict[str, Any]:
    with replace_file(path) as temporary:
        save_model(model, temporary)
    facts = {**facts, "sha256": hash_file(path)}
    write_document(path.with_suffix(".json"), facts, version=VERSION)
    return facts


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


def _train_network(
    images: Images, targets: Sequence[Target], on_round: OnRound
) -> tuple[keras.Model, int]:
    """A model of images -> probabilities or a number for each target, and its rounds.

    Images are deformed anew each time, and mirrored where that makes no difference. It stops when
    held-back images are known no better. Outputs (N, classes or 1) stand beside each other.
    """
    start_keras()
    import keras

    keras.utils.set_random_seed(0)
    fitted, held_back = split_validation(len(images), VALIDATION_SHARE, seed=0)
    model = _build_network(images.shape[1:], [target.classes for target in targets])
    batch_size = min(max(LEAST_BATCH, len(fitted) // BATCHES), MOST_BATCH)
    steps = min(max(LEAST_STEPS, -(-len(fitted) // batch_size)), MOST_STEPS)
    losses = ["sparse_categorical_crossentropy" if each.classes else "mse" for each in targets]
    model.compile(keras.optimizers.Adam(LEARNING_RATE), losses, weighted_metrics=[])
    asked = [each.labels for each in targets], [each.weights for each in targets]
    known = [tuple(values[held_back] for values in each) for each in asked]
    batches = _iterate_batches(images, fitted, targets, batch_size)

    class Rounds(keras.utils.PyDataset):
        """From an iterator without end TensorFlow would read ahead, and be slow to stop."""

        num_batches = steps

        def __getitem__(self, index: int) -> Any:
            return next(batches)

    gain = {"min_delta": LEAST_GAIN}
    waits, ends = -(-SLOWING_PATIENCE // steps), -(-PATIENCE // steps)
    slow = keras.callbacks.ReduceLROnPlateau(factor=SLOWER, patience=waits, **gain)
    stop = keras.callbacks.EarlyStopping(patience=ends, restore_best_weights=True, **gain)
    tell = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: on_round())
    history = model.fit(
        Rounds(),
        epochs=MOST_ROUNDS,
        shuffle=False,  # the batches have their own order
        validation_data=(images[held_back], *known),
        callbacks=[slow, stop, tell],
        verbose=0,
    )
    if len(targets) > 1:
        outputs = keras.layers.Concatenate()(model.outputs)
        model = keras.Model(model.inputs, outputs, name=model.name)
    return model, len(history.epoch)


def _iterate_batches(
    images: Images, rows: np.ndarray, targets: Sequence[Target], batch_size: int
) -> Iterator[tuple[Any, ...]]:
    """Shuffled batches of some of the images without end: changed ones, labels and weights."""
    rng = np.random.default_rng(0)
    asked = [each.labels for each in targets], [each.weights for each in targets]
    mirrors = all(_can_be_mirrored(images[rows], each, rows, rng) for each in targets)
    deforms = look_alike_deformed(images[rows[:MOST_COMPARED]], np.random.default_rng(0))
    at_once = max(1, count_images_held(images) // batch_size) * batch_size
    while True:
        order = rng.permutation(rows)
        for part in iterate_parts(order, at_once):
            # Batch by batch, while the model trains, this would take several times as long.
            changed = deform(images[order[part]], rng) if deforms else images[order[part]]
            if mirrors:
                turned = rng.random(len(changed)) < 0.5
                changed[turned] = changed[turned, :, ::-1]
            for batch in iterate_parts(changed, batch_size):
                chosen = order[part][batch]
                yield changed[batch], *(tuple(of[chosen] for of in each) for each in asked)


def _can_be_mirrored(
    images: np.ndarray, target: Target, rows: np.ndarray, rng: np.random.Generator
) -> bool:
    """Whether images left for right mean the same of a target; of numbers by low and high."""
    known, labels = target.known[rows], target.labels[rows]
    if not target.classes:
        labels = (labels > np.median(labels[known])).astype(np.int64)
    return looks_alike_mirrored(images[known], labels[known], rng)


def _build_network(image_shape: tuple[int, ...], classes: Sequence[int]) -> keras.Model:
    """Convolutions of `FILTERS`, the first in long strides; `classes` of each output, or 0."""
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
    outputs = [layers.Dense(n or 1, activation="softmax" if n else None)(x) for n in classes]
    return keras.Model(inputs, outputs if len(outputs) > 1 else outputs[0], name="classifier")
