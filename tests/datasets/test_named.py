from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from PIL import Image
from test_idx import write_idx_folder

from latentspace.core.errors import InputError
from latentspace.datasets import ReadOptions, find_recorded_place, load_dataset
from latentspace.datasets.dataset import UNLABELLED
from latentspace.datasets.named import CLASS_NAMES


def test_named_set_is_found_under_the_data_folder(tmp_path: Path) -> None:
    write_idx_folder(tmp_path / "mnist", compress=True)
    data = load_dataset("mnist", str(tmp_path))
    assert (data.name, data.source, len(data.class_names)) == ("mnist", None, 10)


def test_unknown_data_set_names_the_known_ones() -> None:
    with pytest.raises(
        InputError, match=r"'mnits'.*mnist, fashion_mnist, cifar10, cifar100, digits"
    ):
        load_dataset("mnits")
    with pytest.raises(InputError, match="--data-dir or LATENTSPACE_DATA"):
        load_dataset("mnist", "/no/such/folder")


def test_digits_are_real_digits_at_28x28() -> None:
    data = load_dataset("digits")
    assert data.image_shape == (28, 28, 1)
    assert (len(data.train_pixels), len(data.test_pixels)) == (1437, 360)
    # Zeros are hollow and ones are not: the images survived the upsampling, upright and centred.
    means = [data.test_images[data.test_labels == label].mean(axis=0) for label in (0, 1)]
    assert means[0][14, 14] < 0.1 < 0.8 < means[1][14, 14]
    hashes = {image.tobytes() for image in data.train_pixels}
    assert not any(image.tobytes() in hashes for image in data.test_pixels)


def test_fallback_to_digits_only_where_nothing_was_named() -> None:
    def unavailable(name: str) -> NoReturn:
        raise OSError("no network")

    assert load_dataset(None, download=unavailable).name == "digits"
    for given in ({}, {"download": unavailable}):
        with pytest.raises(InputError, match="mnist is not on disk and can't be downloaded"):
            load_dataset("mnist", **given)


def test_named_set_is_downloaded_where_it_is_not_on_disk(tmp_path: Path) -> None:
    images, labels = np.zeros((20, 28, 28), np.uint8), np.arange(20) % 10
    images[labels == 7] = 255
    asked = []

    def download(name: str) -> tuple:
        asked.append(name)
        return (images, labels), (images[:10], labels[:10])

    data = load_dataset("mnist", str(tmp_path), download=download)
    assert (asked, len(data.train_pixels), data.class_names[7]) == (["mnist"], 20, "7")
    assert data.test_pixels[7].min() == 255


def test_named_set_may_be_an_npz_file(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
    labels = np.arange(20)[:, None] % 10
    np.savez(tmp_path / "cifar10.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    data = load_dataset("cifar10", str(tmp_path))
    assert (data.image_shape, data.class_names[3]) == ((32, 32, 3), "cat")


def test_class_names_are_as_many_as_the_classes() -> None:
    sizes = {name: len(names) for name, names in CLASS_NAMES.items()}
    tens = dict.fromkeys(("mnist", "fashion_mnist", "cifar10", "digits"), 10)
    assert sizes == {**tens, "cifar100": 100, "avatars": 2}


def test_folders_of_every_kind_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no images"):
        load_dataset(str(tmp_path / "empty"))
    folder = tmp_path / "pictures.v2"
    folder.mkdir()
    for number in range(4):
        Image.new("RGB", (9, 8), (number, 0, 0)).save(folder / f"{number}.png")
    data = load_dataset(str(folder), read_options=ReadOptions(test_fraction=0.25))
    assert (data.name, data.image_shape, data.class_names) == ("pictures.v2", (8, 9, 3), UNLABELLED)
    assert (len(data.train_pixels), len(data.test_pixels)) == (3, 1)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("files", {"images_key": ("a",), "labels_key": ("b",)}),
        ("x.npz", {"label_column": "a", "frames_as": "images"}),
        ("x.npz", {"classes_from": "none"}),
        ("digits", {"classes_from": 1, "images_key": ("a",)}),
    ],
)
def test_flags_that_a_data_set_has_no_use_for_are_refused(
    tmp_path: Path, kind: str, options: dict
) -> None:
    (tmp_path / "files").mkdir()
    np.savez(tmp_path / "x.npz", np.zeros((4, 8, 8)))
    place = kind if kind == "digits" else str(tmp_path / kind)
    with pytest.raises(InputError, match="leave out --") as caught:
        load_dataset(place, read_options=ReadOptions(**options))
    for name in options:
        assert "--" + name.replace("_", "-") in str(caught.value)


@pytest.mark.parametrize("kind", ["x.npz", "x.npy", "idx", "digits"])
def test_what_is_no_folder_of_images_is_read_without_classes_as_its_refusal_says(
    tmp_path: Path, kind: str
) -> None:
    images, labels = np.zeros((8, 8, 8), np.uint8), np.arange(8) % 2
    np.savez(tmp_path / "x.npz", images=images, labels=labels)
    np.save(tmp_path / "x.npy", images)
    write_idx_folder(tmp_path / "idx", compress=True)
    place = kind if kind == "digits" else str(tmp_path / kind)
    with pytest.raises(InputError, match=r"leave out --classes-from, and pass --no-labels$"):
        load_dataset(place, read_options=ReadOptions(classes_from="none"))
    assert load_dataset(place, read_options=ReadOptions(no_labels=True)).class_names == UNLABELLED


def test_a_place_that_cannot_be_kept_on_record_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    with pytest.raises(InputError, match=r"caf\S* can't be kept on record.*rename it"):
        load_dataset(str(folder))


def test_images_on_record_are_found_by_path_or_by_a_known_name() -> None:
    assert find_recorded_place({"source": "/usr", "name": "../c"}) == "/usr"
    with pytest.raises(InputError, match=r"no longer at /a/b: pass --dataset with their new place"):
        find_recorded_place({"source": "/a/b", "name": "mnist"})
    assert find_recorded_place({"source": None, "name": "mnist"}) == "mnist"
    for name in ("../c", "/etc", "bars"):
        with pytest.raises(InputError, match="no data set of that name: pass --dataset"):
            find_recorded_place({"source": None, "name": name})


def test_a_named_set_takes_a_table_of_attributes_and_keeps_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plain = load_dataset("digits")
    (tmp_path / "t.csv").write_text("odd\n" + "yes\nno\nno\n" * 599)
    data = load_dataset("digits", read_options=ReadOptions(attributes_file="t.csv"))
    assert data.hash == plain.hash
    assert (plain.attributes_hash, len(data.attributes_hash)) == ("", 64)
    assert data.facts["reading"]["attributes_file"] == str(tmp_path / "t.csv")
    odd = np.concatenate([data.train_attributes.values, data.test_attributes.values])[:, 0]
    np.testing.assert_array_equal(odd, [1, 0, 0] * 599)
    limited = load_dataset("digits", read_options=ReadOptions(attributes_file="t.csv", limit=50))
    images = {
        image.tobytes(): value
        for image, value in zip(data.train_pixels, data.train_attributes.values[:, 0], strict=True)
    }
    own = [images[image.tobytes()] for image in limited.train_pixels]
    np.testing.assert_array_equal(limited.train_attributes.values[:, 0], own)


def test_avatars_come_with_attributes_of_their_own() -> None:
    data = load_dataset("avatars", read_options=ReadOptions(limit=60))
    about = data.train_attributes
    assert {"smile", "glasses", "hat"} <= set(about.groups)
    assert about.names == data.test_attributes.names
    assert len(about.values) == len(data.train_pixels)
    assert data.truth is not None
