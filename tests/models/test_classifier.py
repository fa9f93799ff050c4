from __future__ import annotations

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest

from latentspace.datasets import Attributes, ImageDataset
from latentspace.models import classifier
from latentspace.models.classifier import AttributeReader, ReferenceClassifier, Target


def find(folder: Path, data: ImageDataset) -> ReferenceClassifier:
    given = data.train_images[:], data.train_labels
    return classifier.find_classifier(folder, data, lambda: given)


def test_one_is_trained_once_and_kept_with_its_accuracy(
    tmp_path: Path, tiny: ImageDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = find(tmp_path, tiny)
    believed = first.predict_probabilities(tiny.test_images[:])
    assert believed.shape == (60, 3)
    np.testing.assert_allclose(believed.sum(axis=1), 1, rtol=1e-5)
    accuracy = (believed.argmax(axis=1) == tiny.test_labels).mean()
    assert first.facts["test_accuracy"] == pytest.approx(accuracy)
    assert first.facts["balanced_accuracy"] > 0.8
    assert first.facts["chance"] == pytest.approx(1 / 3)
    assert first.unfit is None
    assert sorted(path.name for path in (tmp_path / "classifiers").iterdir()) == [
        "bars.json",
        "bars.keras",
    ]

    monkeypatch.setattr(classifier, "_train_network", None)  # a second training would fail
    np.testing.assert_array_equal(
        find(tmp_path, tiny).predict_probabilities(tiny.test_images[:]), believed
    )


@pytest.mark.parametrize(
    "damage", ["other images", "corrected labels", "damaged model", "no facts"]
)
def test_one_that_does_not_fit_is_trained_anew(
    tmp_path: Path, tiny: ImageDataset, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    trained_on = []

    def train(images: np.ndarray, targets: object, on_round: object) -> tuple[keras.Model, int]:
        trained_on.append(images)
        inputs = keras.Input(images.shape[1:])
        flat = keras.layers.Flatten()(inputs)
        return keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(flat)), 1

    monkeypatch.setattr(classifier, "_train_network", train)
    find(tmp_path, tiny)
    data = tiny
    if damage == "other images":
        data = dataclasses.replace(tiny, train_pixels=255 - tiny.train_pixels)
    elif damage == "corrected labels":
        corrections = {"uncorrected_hash": tiny.hash, "corrected": (("test", 0),)}
        labels = np.append(2, tiny.test_labels[1:])
        data = dataclasses.replace(tiny, test_labels=labels, **corrections)
    elif damage == "damaged model":
        (tmp_path / "classifiers" / "bars.keras").write_bytes(b"no model")
    else:
        (tmp_path / "classifiers" / "bars.json").write_text("{")
    after = find(tmp_path, data)
    assert len(trained_on) == 2
    np.testing.assert_array_equal(trained_on[1], data.train_images[:])
    assert after.facts["dataset_hash"] == data.hash
    assert after.predict_probabilities(data.test_images[:]).shape == (60, 3)


def test_shuffled_labels_yield_no_referee(tmp_path: Path, tiny: ImageDataset) -> None:
    rng = np.random.default_rng(0)
    shuffled = dataclasses.replace(
        tiny,
        train_labels=rng.permutation(tiny.train_labels),
        test_labels=rng.permutation(tiny.test_labels),
    )
    found = find(tmp_path, shuffled)
    low, high = found.facts["balanced_accuracy_interval"]
    assert low <= found.facts["balanced_accuracy"] <= high
    assert "too near to guessing (33.3%)" in (found.unfit or "")


def make_classifier(tmp_path: Path, called: np.ndarray, labels: np.ndarray) -> ReferenceClassifier:
    return ReferenceClassifier(tmp_path, classifier._measure_accuracy(called, labels))


def test_always_naming_a_class_of_99_of_100_yields_no_referee(tmp_path: Path) -> None:
    labels = np.repeat([0, 1], [990, 10])
    found = make_classifier(tmp_path, np.zeros(1000, int), labels)
    assert found.facts["test_accuracy"] == found.facts["largest_class"] == 0.99
    assert found.facts["balanced_accuracy"] == 0.5
    assert "50.0% right" in (found.unfit or "")


@pytest.mark.parametrize(
    ("classes", "right", "serves"),
    [(2, 0.74, False), (2, 0.76, True), (10, 0.54, False), (10, 0.56, True), (2, 1.0, True)],
)
def test_one_serves_from_half_of_the_way_between_guessing_and_being_right(
    tmp_path: Path, classes: int, right: float, serves: bool
) -> None:
    labels = np.tile(np.arange(classes), 500)
    wrong = np.repeat(np.arange(500) >= right * 500, classes)
    found = make_classifier(tmp_path, np.where(wrong, (labels + 1) % classes, labels), labels)
    assert found.facts["balanced_accuracy"] == pytest.approx(right)
    assert (found.unfit is None) == serves


def test_half_of_the_way_on_a_handful_of_images_may_be_guessing(tmp_path: Path) -> None:
    labels = np.array([0, 0, 1, 1])
    assert make_classifier(tmp_path, np.array([0, 0, 1, 0]), labels).unfit is not None


def test_classes_of_unequal_size_weigh_the_same(tiny: ImageDataset) -> None:
    rows = np.concatenate([np.arange(60), np.flatnonzero(tiny.train_labels == 0)])
    labels = tiny.train_labels[rows]
    images, (called,), (weighed,) = next(
        classifier._iterate_batches(
            tiny.train_images[rows], np.arange(len(rows)), [Target(labels, 3)], len(rows)
        )
    )
    assert len(images) == len(called) == len(weighed) == len(rows)
    sums = [weighed[called == label].sum() for label in range(3)]
    np.testing.assert_allclose(sums, len(rows) / 3, rtol=1e-5)


def test_what_is_unknown_weighs_nothing() -> None:
    classes = Target(np.array([0, 1, -1, 1]), 2)
    np.testing.assert_allclose(classes.weights, [1.5, 0.75, 0, 0.75])
    numbers = Target(np.array([0.5, np.nan, -2.0]), 0)
    np.testing.assert_array_equal(numbers.weights, [1, 0, 1])
    np.testing.assert_array_equal(numbers.labels, np.float32([0.5, 0, -2]))


@pytest.fixture(scope="module")
def described(tiny: ImageDataset) -> ImageDataset:
    """Bars with yes and no, names, a number, and what nothing in the image tells."""
    rng = np.random.default_rng(0)

    def describe(labels: np.ndarray, images: np.ndarray) -> Attributes:
        bright = images.mean(axis=(1, 2, 3))
        guess = rng.integers(0, 2, len(labels))
        guess = np.where(rng.random(len(labels)) < 0.1, np.nan, guess)
        turns = [labels == 0, labels == 1, labels == 2]
        values = np.column_stack([labels == 1, ~turns[0], turns[0], *turns, bright, guess])
        sides = ("side=in", "side=out")
        names = ("lies", *sides, "turn=up", "turn=flat", "turn=slope", "bright", "guess")
        return Attributes(names, values.astype(np.float32))

    return dataclasses.replace(
        tiny,
        train_attributes=describe(tiny.train_labels, tiny.train_images[:]),
        test_attributes=describe(tiny.test_labels, tiny.test_images[:]),
    )


def test_a_reader_reads_each_attribute_and_knows_how_well(
    tmp_path: Path, described: ImageDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find() -> AttributeReader:
        given = described.train_images[:], np.arange(len(described.train_pixels))
        return classifier.find_reader(tmp_path, described, lambda: given)

    reader = find()
    read = reader.read(described.test_images[:])
    truth = described.test_attributes.values
    assert read.shape == truth.shape
    assert ((read[:, 0] > 0.5) == truth[:, 0]).mean() > 0.8
    for names in (slice(1, 3), slice(3, 6)):
        np.testing.assert_allclose(read[:, names].sum(axis=1), 1, rtol=1e-5)
        said, right = (values[:, names].argmax(axis=1) for values in (read, truth))
        assert (said == right).mean() > 0.8
    found = {each["column"]: each for each in reader.facts["readings"]}
    assert list(found) == ["lies", "side", "turn", "bright", "guess"]
    rank = np.corrcoef(*(np.argsort(np.argsort(v[:, 6])) for v in (read, truth)))[0, 1]
    assert found["bright"]["quality"] == pytest.approx(rank, abs=1e-6)
    fit = {
        name: classifier.can_tell(each["quality"], each["quality_interval"][0], each["chance"])
        for name, each in found.items()
    }
    assert fit == {"lies": True, "side": True, "turn": True, "bright": True, "guess": False}

    monkeypatch.setattr(classifier, "_train_network", None)  # a second training would fail
    np.testing.assert_array_equal(find().read(described.test_images[:]), read)


def test_a_reader_of_other_attributes_is_trained_anew(
    tmp_path: Path, described: ImageDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = []

    def train(images: np.ndarray, targets: list, on_round: object) -> tuple[keras.Model, int]:
        trained.append([each.classes for each in targets])
        inputs = keras.Input(images.shape[1:])
        flat = keras.layers.Flatten()(inputs)
        outputs = sum(each.classes or 1 for each in targets)
        return keras.Model(inputs, keras.layers.Dense(outputs)(flat)), 1

    monkeypatch.setattr(classifier, "_train_network", train)
    rows = np.arange(len(described.train_pixels))
    fewer = dataclasses.replace(
        described,
        train_attributes=Attributes(("lies",), described.train_attributes.values[:, :1]),
        test_attributes=Attributes(("lies",), described.test_attributes.values[:, :1]),
    )
    for data in (described, fewer, fewer):
        images = data.train_images[:]
        classifier.find_reader(tmp_path, data, lambda images=images: (images, rows))
    assert trained == [[2, 2, 3, 0, 2], [2]]
    # What only some images show to be a number is one in all of them.
    for split in ("test", "train"):
        name = f"{split}_attributes"
        values = getattr(described, name).values.copy()
        values[0, 0] = 2
        about = Attributes(described.train_attributes.names, values)
        data = dataclasses.replace(described, **{name: about})
        reader = classifier.find_reader(tmp_path, data, lambda: (described.train_images[:], rows))
        assert trained.pop() == [0, 2, 3, 0, 2]
        assert [each["column"] for each in reader.facts["readings"]][2] == "turn"
        read = reader.read(described.test_images[:])
        assert read.shape == described.test_attributes.values.shape
        outputs = reader._model(described.test_images[:])
        np.testing.assert_allclose(read[:, 1:6], outputs[:, 1:6], rtol=1e-5)
