from __future__ import annotations

import dataclasses
import json

import numpy as np

from latentspace import datasets
from latentspace.core.documents import validate
from latentspace.datasets.dataset import ReadOptions, choose_limited, split_train_test
from latentspace.models.run_schema import ReadOptionsFacts


def test_validation_images_are_a_choice_by_seed() -> None:
    fitted, held_back = datasets.split_validation(100, 0.1, seed=0)
    assert (len(fitted), len(held_back)) == (90, 10)
    assert sorted([*fitted, *held_back]) == list(range(100))
    other = datasets.split_validation(100, 0.1, seed=1)[1]
    assert not np.array_equal(held_back, other)
    assert [len(part) for part in datasets.split_validation(2, 0.01, seed=0)] == [1, 1]


def test_hash_follows_the_content(tiny: datasets.ImageDataset) -> None:
    changed = tiny.test_pixels.copy()
    changed[0, 0, 0, 0] ^= 1
    other = dataclasses.replace(tiny, test_pixels=changed)
    assert tiny.hash != other.hash


def test_every_class_keeps_a_training_image() -> None:
    labels = np.array([0] * 50 + [1] * 2 + [2])
    train, test = split_train_test(labels, np.arange(53), 0.2)
    assert sorted([*train, *test]) == list(range(53))
    assert np.bincount(labels[train]).tolist() == [40, 1, 1]
    assert np.bincount(labels[test], minlength=3).tolist() == [10, 1, 0]


def test_copies_alone_still_give_both_splits() -> None:
    train, test = split_train_test(np.zeros(4, int), np.zeros(4), 0.2)
    assert (len(train), len(test)) == (3, 1)
    train, test = split_train_test(np.arange(4), np.arange(4), 0.2)  # of each class one image
    assert (len(train), len(test)) == (3, 1)


def test_limit_is_the_same_choice_each_time() -> None:
    assert choose_limited(5, None).tolist() == choose_limited(5, 9).tolist() == [0, 1, 2, 3, 4]
    chosen = choose_limited(1000, 10)
    assert len(set(chosen.tolist())) == 10
    np.testing.assert_array_equal(chosen, choose_limited(1000, 10))


def test_reading_goes_into_the_facts_and_back() -> None:
    for read_options in (
        ReadOptions(image_size=(8, 9), channels=3, limit=5),
        ReadOptions(classes_from=2, frames_as="first"),
        ReadOptions(classes_from="none", frames_as="images", label_column="breed"),
    ):
        text = json.dumps(dataclasses.asdict(read_options)).encode()
        facts = validate(text, ReadOptionsFacts, where="run.json", renew="train again")
        assert ReadOptions(**facts) == read_options


def test_reading_that_is_on_record_from_before_still_counts() -> None:
    old = {"image_size": None, "channels": 1, "test_fraction": 0.2, "limit": None, "labels": None}
    facts = validate(json.dumps(old).encode(), ReadOptionsFacts, where="run.json", renew="train")
    assert ReadOptions(**facts) == ReadOptions(channels=1)


def test_notes_go_into_the_facts(tiny: datasets.ImageDataset) -> None:
    assert dataclasses.replace(tiny, notes=("a", "b")).facts["notes"] == ["a", "b"]
