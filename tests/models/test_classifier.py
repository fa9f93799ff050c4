from __future__ import annotations

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest

from latentspace.datasets import ImageDataset
from latentspace.models import classifier


def find(folder: Path, data: ImageDataset) -> classifier.ReferenceClassifier:
    return classifier.find_classifier(folder, data, (data.train_images, data.train_labels))


def test_one_is_trained_once_and_kept_with_its_accuracy(
    tmp_path: Path, tiny: ImageDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classifier, "EPOCHS", 30)
    first = find(tmp_path, tiny)
    believed = first.predict_probabilities(tiny.test_images)
    assert believed.shape == (60, 3)
    np.testing.assert_allclose(believed.sum(axis=1), 1, rtol=1e-5)
    accuracy = (believed.argmax(axis=1) == tiny.test_labels).mean()
    assert first.facts["test_accuracy"] == pytest.approx(accuracy)
    assert accuracy > 0.8
    assert sorted(path.name for path in (tmp_path / "classifiers").iterdir()) == [
        "bars.json",
        "bars.keras",
    ]

    monkeypatch.setattr(classifier, "_train_classifier", None)  # a second training would fail
    np.testing.assert_array_equal(
        find(tmp_path, tiny).predict_probabilities(tiny.test_images), believed
    )


@pytest.mark.parametrize("damage", ["other images", "damaged model", "no facts"])
def test_one_that_does_not_fit_is_trained_anew(
    tmp_path: Path, tiny: ImageDataset, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    trained_on = []

    def train(images: np.ndarray, labels: np.ndarray, on_epoch: object) -> keras.Model:
        trained_on.append(images)
        inputs = keras.Input(images.shape[1:])
        flat = keras.layers.Flatten()(inputs)
        return keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(flat))

    monkeypatch.setattr(classifier, "_train_classifier", train)
    find(tmp_path, tiny)
    data = tiny
    if damage == "other images":
        data = dataclasses.replace(tiny, train_pixels=255 - tiny.train_pixels)
    elif damage == "damaged model":
        (tmp_path / "classifiers" / "bars.keras").write_bytes(b"no model")
    else:
        (tmp_path / "classifiers" / "bars.json").write_text("{")
    after = find(tmp_path, data)
    assert len(trained_on) == 2
    np.testing.assert_array_equal(trained_on[1], data.train_images)
    assert after.facts["dataset_hash"] == data.hash
    assert after.predict_probabilities(data.test_images).shape == (60, 3)
