from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from conftest import HOSTILE_NAMES, tiny_arrays
from PIL import Image

from latentspace.core.errors import InputError
from latentspace.datasets import ImageDataset, ReadOptions, is_corrections, load_dataset

NAMES = ("upright", "lying", "slanted")


def write_folder(folder: Path, files: tuple[str, ...] | None = None) -> Path:
    """24 bars, in folders named by class unless the names of all files are given."""
    images, labels = tiny_arrays(24, seed=2)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = folder / (files[number] if files else f"{NAMES[label]}/{number}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return folder


def write_table(folder: Path, *rows: tuple[object, ...]) -> str:
    path = folder / "corrected.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return str(path)


def read(place: Path | str, table: str, **options) -> ImageDataset:
    assert is_corrections(Path(table))
    return load_dataset(str(place), read_options=ReadOptions(corrections=table, **options))


def name_labels(data: ImageDataset, split: str) -> list[str]:
    return [
        data.describe(split, index)[1] for index in range(len(getattr(data, f"{split}_labels")))
    ]


def test_only_the_labels_of_the_table_change(tiny_npz: Path, tmp_path: Path) -> None:
    plain = load_dataset(str(tiny_npz))
    rows = [("test", 4, "2"), ("train", 0, "2"), ("train", 7, plain.describe("train", 7)[1])]
    table = write_table(tmp_path, ("index", "label", "split"), *((i, c, s) for s, i, c in rows))
    data = read(tiny_npz, table)
    for split in ("train", "test"):
        np.testing.assert_array_equal(
            getattr(data, f"{split}_pixels"), getattr(plain, f"{split}_pixels")
        )
        wanted = name_labels(plain, split)
        for of, index, label in rows:
            if of == split:
                wanted[index] = label
        assert name_labels(data, split) == wanted
    assert data.notes[-1] == f"2 labels are corrected by {table}"
    assert data.read_options.corrections == table
    assert data.hash != plain.hash == data.images_hash
    assert data.corrected == tuple((split, index) for split, index, _ in rows)


@pytest.mark.parametrize("options", [{}, {"limit": 300}, {"limit": 300, "test_fraction": 0.5}])
def test_a_named_set_keeps_its_test_images(tmp_path: Path, options: dict) -> None:
    plain = load_dataset("digits", read_options=ReadOptions(**options))
    old = plain.describe("test", 3)[1]
    new = str((int(old) + 1) % 10)
    data = read(
        "digits", write_table(tmp_path, ("split", "index", "label"), ("test", 3, new)), **options
    )
    np.testing.assert_array_equal(data.test_pixels, plain.test_pixels)
    np.testing.assert_array_equal(data.train_pixels, plain.train_pixels)
    assert data.describe("test", 3)[1] == new
    assert (data.test_labels != plain.test_labels).sum() == 1


def test_in_a_folder_the_file_decides(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "bars")
    plain = load_dataset(str(folder))
    file = plain.test_files[2]
    rows = [
        ("split", "index", "file", "label"),
        ("train", 1, file, "leaning"),
        ("train", 0, "", "leaning"),
    ]
    table = write_table(tmp_path, *rows)
    data = read(folder, table)
    assert data.class_names == ("leaning", "lying", "slanted", "upright")
    assert (data.describe("test", 2)[1], data.describe("train", 0)[1]) == ("leaning", "leaning")
    assert data.describe("train", 1)[1] == plain.describe("train", 1)[1]
    assert data.notes[-1] == f"2 labels are corrected by {table}; classes new: leaning"
    assert data.test_files == plain.test_files
    # After other files were removed it is still the same image.
    for gone in (plain.train_files[0], plain.test_files[0]):
        (folder / gone).unlink()
    after = read(folder, write_table(tmp_path, *rows[:2]))
    place = "test" if file in after.test_files else "train"
    assert after.describe(place, getattr(after, f"{place}_files").index(file)) == (file, "leaning")
    (folder / file).unlink()
    with pytest.raises(
        InputError, match=r"names no file of bars: expected names such as .*png, or no"
    ):
        read(folder, write_table(tmp_path, *rows[:2]))
    other = after.train_files[0]
    left = read(folder, write_table(tmp_path, *rows[:2], ("", "", other, "leaning")))
    assert f"1 files that {table} corrects are not among the images: {file}" in left.notes


def test_any_name_of_a_file_comes_through(tmp_path: Path) -> None:
    odd = [name.replace("/", "\N{DIVISION SLASH}")[:60] for name in HOSTILE_NAMES if name.strip()]
    odd += [
        '"',
        'a"b',
        "a,b",
        "a\r\nb",
        "\N{GREEK SMALL LETTER ALPHA}",
        " a ",
        "caf\udce9",
        "a;b|c",
    ]
    files = tuple(f"{NAMES[k % 3]}/{k}{odd[k % len(odd)]}.png" for k in range(24))
    folder = write_folder(tmp_path / "bars", files)
    plain = load_dataset(str(folder))
    changed = {
        (split, index): plain.class_names[(label + 1) % 3]
        for split in ("train", "test")
        for index, label in enumerate(getattr(plain, f"{split}_labels"))
    }
    rows = [
        # As a browser writes it; of the wrong place, so that only the name can tell the image.
        (
            "test",
            0,
            plain.describe(*place)[0].encode("utf-8", "surrogateescape").decode("utf-8", "replace"),
            label,
        )
        for place, label in changed.items()
    ]
    data = read(folder, write_table(tmp_path, ("split", "index", "file", "label"), *rows))
    assert {place: data.describe(*place)[1] for place in changed} == changed


def test_frames_of_a_file_are_told_apart_by_their_index(tmp_path: Path) -> None:
    images, _ = tiny_arrays(24, seed=2)
    for number in range(4):
        folder = tmp_path / "stacks" / f"class {number % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        first, *others = map(Image.fromarray, images[6 * number : 6 * number + 6])
        first.save(folder / f"{number}.tif", save_all=True, append_images=others)
    options = {"frames_as": "images"}
    plain = load_dataset(str(tmp_path / "stacks"), read_options=ReadOptions(**options))
    file, label = plain.describe("train", 3)
    new = {"class 0": "class 1", "class 1": "class 0"}[label]
    rows = ("split", "index", "file", "label"), ("train", 3, file, new)
    data = read(tmp_path / "stacks", write_table(tmp_path, *rows), **options)
    assert np.flatnonzero(data.train_labels != plain.train_labels).tolist() == [3]
    other = next(k for k, of in enumerate(plain.train_files) if of != file)
    table = write_table(tmp_path, rows[0], ("train", other, file, new))
    with pytest.raises(
        InputError, match=r"line 2: expected split and index of one of the 6 images"
    ):
        read(tmp_path / "stacks", table, **options)


def test_classes_come_and_go(tiny_npz: Path, tmp_path: Path) -> None:
    plain = load_dataset(str(tiny_npz))
    zeros = [
        (split, index, "10")
        for split in ("train", "test")
        for index in np.flatnonzero(getattr(plain, f"{split}_labels") == 0)
    ]
    table = write_table(tmp_path, ("split", "index", "label"), *zeros, ("train", 1, " -1\t"))
    data = read(tiny_npz, table)
    assert data.class_names == ("1", "2", "10", "-1")
    assert data.notes[-1].endswith("; classes new: 10, -1; classes without images now: 0")
    assert (data.test_labels == 2).sum() == (plain.test_labels == 0).sum()
    assert data.describe("train", 1)[1] == "-1"


HEAD = ("split", "index", "label")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("val", 1, "2")], "line 2: expected the split train or test. Received: 'val'"),
        ([("test", 60, "2")], "bars has test images 0 to 59. Received: '60'"),
        ([("test", "-1", "2")], "bars has test images 0 to 59. Received: '-1'"),
        ([("test", "1.0", "2")], "Received: '1.0'"),
        ([("test", "", "2")], "Received: ''"),
        ([("test", "9" * 5000, "2")], "Received: '999"),
        ([("test", 1, " ")], "line 2: expected a class in the column label. Received: nothing"),
        (
            [("test", 1, "1"), ("test", 2, "1"), ("TEST", "01", "2")],
            "line 4: expected one label for test image 1. Received: 2, and 1 in a line before",
        ),
    ],
)
def test_a_wrong_row_is_refused_in_one_line(
    tiny_npz: Path, tmp_path: Path, rows: list, message: str
) -> None:
    table = write_table(tmp_path, HEAD, *rows)
    with pytest.raises(InputError) as refused:
        read(tiny_npz, table)
    assert message in str(refused.value)
    assert str(refused.value).startswith(table)
    assert str(refused.value).isprintable()


def test_what_is_no_table_of_corrections_is_told(tiny_npz: Path, tmp_path: Path) -> None:
    assert not is_corrections(tiny_npz)
    assert not is_corrections(Path(write_table(tmp_path, ("file", "label"), ("a.png", "1"))))
    assert not is_corrections(
        Path(write_table(tmp_path, ("file", "index", "label"), ("a", 1, "b")))
    )
    with pytest.raises(InputError, match="there is no file"):
        is_corrections(tmp_path / "none.csv")
    table = write_table(tmp_path, ("split", "index", "class"), ("test", 1, "2"))
    with pytest.raises(InputError, match="has no column label: expected the columns split,index,l"):
        read(tiny_npz, table)
    table = write_table(tmp_path, HEAD, ("test", 1, "2"))
    with pytest.raises(InputError, match="bars has no classes to be corrected"):
        read(tiny_npz, table, no_labels=True)
    assert (
        read(tiny_npz, write_table(tmp_path, HEAD)).notes[-1].startswith("0 labels are corrected")
    )
    with pytest.raises(
        InputError, match=r"digits has labels: a table with .*: leave out --labels$"
    ):
        load_dataset("digits", read_options=ReadOptions(labels=table))
