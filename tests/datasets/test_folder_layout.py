from __future__ import annotations

from collections import Counter

import pytest

from latentspace.core.errors import InputError
from latentspace.datasets.layout import arrange, find_splits


def list_files(**counts: int) -> list[tuple[str, ...]]:
    """Paths of so many files in each folder, "/" between its parts; "." is the data set's own."""
    return [
        (*(part for part in folder.split("/") if part != "."), f"{number}.png")
        for folder, count in counts.items()
        for number in range(count)
    ]


def count(
    paths: list[tuple[str, ...]], classes_from: int | str | None = None
) -> dict[tuple[str | None, str | None], int]:
    """How many files lie in each split and class."""
    places, _ = arrange(paths, classes_from)
    assert len({place.row for place in places}) == len(places)
    return dict(Counter((place.split, place.label) for place in places))


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (["Train", "Test"], ["train", "test"]),
        (["TRAINING", "VALIDATION"], ["train", "validation"]),
        (["train", "val", "test", "pred"], ["train", "validation", "test"]),
        (["training_set", "test_set", "single_prediction"], ["train", "test"]),
        (["train2017", "val2017", "annotations"], ["train", "validation"]),
        (["seg_train", "seg_test", "seg_pred"], ["train", "test"]),
        (["TrainImages", "ValidImages", "TestImages"], ["train", "validation", "test"]),
        (["1_train", "2_dev", "3_test"], ["train", "validation", "test"]),
        (["train", "train_masks", "test"], ["train", "test"]),
        (["Entrenamiento", "Validación", "Prueba"], ["train", "validation", "test"]),
        (["Treino", "Validação", "Teste"], ["train", "validation", "test"]),
        (["entraînement", "test"], ["train", "test"]),
        (["Training", "Validierung", "Testdaten"], ["train", "validation"]),
        (["训练集", "验证集", "测试集"], ["train", "validation", "test"]),
        (["train", "car", "bus"], []),
        (["test tube", "train station"], []),
        (["a", "b"], []),
        (["train"], []),
    ],
)
def test_splits_are_known_by_their_usual_names(names: list[str], splits: list[str]) -> None:
    assert list(find_splits(names).values()) == splits


def test_validation_validates_where_there_is_a_test_and_tests_where_there_is_none() -> None:
    three = list_files(**{"train/a": 4, "train/b": 4, "validation/a": 2, "test/b": 1})
    assert count(three) == {
        ("train", "a"): 4, ("train", "b"): 4, ("validation", "a"): 2, ("test", "b"): 1,
    }  # fmt: skip
    two = list_files(**{"train/a": 4, "train/b": 4, "val/a": 2})
    assert count(two) == {("train", "a"): 4, ("train", "b"): 4, ("test", "a"): 2}
    assert arrange(two)[1] == [
        "files by split: train 8 to train, val 2 to test",
        "files by class, in folders of level 2: a 6, b 4",
    ]
    other = list_files(**{"validation": 4, "test": 2})
    assert count(other) == {("train", None): 4, ("test", None): 2}


@pytest.mark.parametrize(
    "paths",
    [
        list_files(**{"PetImages/Cat": 3, "PetImages/Dog": 2}),
        list_files(**{"data/train/images/Cat": 3, "data/train/images/Dog": 2}),
        list_files(**{"x": 1, "x/y/Cat": 3, "x/y/Dog": 2}),
        list_files(**{"images/Cat": 3, "images/Dog": 2, "masks/Cat": 3, "masks/Dog": 2}),
        list_files(**{"Cat/1": 3, "Dog/2": 1, "Dog/3": 1}),
    ],
)
def test_single_folders_are_stepped_through(paths: list[tuple[str, ...]]) -> None:
    assert count(paths) == {(None, "Cat"): 3, (None, "Dog"): 2}


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (list_files(**{"train/train": 3, "test/test": 2}), {"train": 3, "test": 2}),
        (list_files(**{"train/images": 3, "train/masks": 3, "test/images": 2, "test/masks": 2}),
         {"train": 3, "test": 2}),
        (list_files(**{"images": 3, "ground_truth": 3}), {None: 3}),
        (list_files(**{"JPEGImages": 3, "Annotations": 3, "labels": 3}), {None: 3}),
        (list_files(**{".": 9, "sub": 2}), {None: 9}),
        (list_files(**{"faces": 9}), {None: 9}),
    ],
)  # fmt: skip
def test_folders_that_are_no_classes_give_none(paths, expected) -> None:
    assert count(paths) == {(split, None): number for split, number in expected.items()}


def test_splits_may_lie_in_the_classes_and_a_single_class_in_a_split() -> None:
    below = list_files(**{"cat/train": 4, "cat/test": 1, "dog/train": 3, "dog/test": 2})
    assert count(below) == {
        ("train", "cat"): 4, ("test", "cat"): 1, ("train", "dog"): 3, ("test", "dog"): 2,
    }  # fmt: skip
    good = list_files(**{"train/good": 4, "test/good": 1, "test/broken": 2})
    assert count(good) == {("train", "good"): 4, ("test", "good"): 1, ("test", "broken"): 2}


def test_a_level_decides_and_none_takes_all() -> None:
    paths = list_files(**{"s1/cat": 2, "s1/dog": 2, "s2/cat": 2, "s2/dog": 1, "s3": 1})
    assert count(paths) == {(None, "s1"): 4, (None, "s2"): 3, (None, "s3"): 1}
    assert count(paths, 2) == {(None, "cat"): 4, (None, "dog"): 3}
    assert count(paths, "none") == {(None, None): 8}
    splits = list_files(**{"train/a": 2, "test/a": 1})
    assert count(splits, 1) == {(None, "train"): 2, (None, "test"): 1}
    assert count(splits, "none") == {("train", None): 2, ("test", None): 1}
    assert count(list_files(images=2, masks=3), 1) == {(None, "images"): 2, (None, "masks"): 3}
    with pytest.raises(InputError, match=r"level 4: .* from 1 to 2, or --classes-from none"):
        arrange(paths, 4)
    with pytest.raises(InputError, match=r"in no folders .* --classes-from none"):
        arrange(list_files(**{".": 3}), 1)


@pytest.mark.parametrize("test", ["test", "test/test", "Test/unknown"])
def test_test_images_without_classes_are_left_out_where_training_images_have_some(test) -> None:
    paths = list_files(**{"train/a": 4, "train/b": 4, test: 3})
    assert count(paths) == {(None, "a"): 4, (None, "b"): 4}
    assert arrange(paths)[1][0].startswith("3 images to test have no classes")
    assert count(paths, "none") == {("train", None): 8, ("test", None): 3}
    with_validation = [*paths, *list_files(**{"val/a": 1, "val/b": 1})]
    assert count(with_validation)["test", "a"] == 1


@pytest.mark.parametrize("train", ["train", "train/all", "Training/train/images"])
def test_classes_of_test_images_alone_are_left_out(train: str) -> None:
    name = train.split("/")[0].replace("rain", "est").replace("ing", "ing")
    paths = list_files(**{train: 4, f"{name}/a": 2, f"{name}/b": 2})
    assert count(paths) == {("train", None): 4, ("test", None): 4}
    assert "since those to train have none" in arrange(paths)[1][0]
