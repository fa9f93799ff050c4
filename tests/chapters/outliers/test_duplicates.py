from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest
from conftest import LinearRun, make_study
from PIL import Image

from latentspace.analysis import copies
from latentspace.chapters import FIGURES, load_recipes
from latentspace.chapters.outliers.duplicates import HEADING, Duplicates
from latentspace.chapters.outliers.measure import Outliers
from latentspace.chapters.study import Study
from latentspace.datasets import ImageDataset, load_dataset
from latentspace.report.metrics import write_metrics, write_tables
from latentspace.report.page import write_page

MADE = [figure for figure in FIGURES if figure.flag == "--outliers"]
NAMES = ("каша", "漢字", "naïve, really", 'say "hi"', "two\nlines", "a\rb", "=1+1", "  x ", "'")


def make_images(count: int, seed: int = 0) -> np.ndarray:
    small = np.random.default_rng(seed).integers(0, 256, (count, 4, 4, 1))
    return small.repeat(4, axis=1).repeat(4, axis=2).astype(np.uint8)


def make_data(train: np.ndarray, test: np.ndarray, classes: int = 2) -> ImageDataset:
    return ImageDataset(
        name="tiles",
        source=None,
        train_pixels=train,
        test_pixels=test,
        train_labels=np.arange(len(train)) % classes,
        test_labels=np.arange(len(test)) % classes,
        class_names=("even", "odd")[:classes] if classes > 1 else ("image",),
    )


def make_chapter(data: ImageDataset, cache: Path | None = None) -> Duplicates:
    return make_study(LinearRun(data.image_shape), data, cache).of(Duplicates)


def plant() -> ImageDataset:
    """#3 of 60 training images is a test image, #4 a shifted one, #10 and #21 are the same."""
    train, test = make_images(60), make_images(20, seed=1)
    test[7] = train[3]
    test[8] = copies.shift_images(train[4:5], np.random.default_rng(0))[0]
    train[21] = train[10]
    return make_data(train, test)


def test_planted_copies_are_found_within_and_across_splits(tmp_path: Path) -> None:
    chapter = make_chapter(plant(), tmp_path)
    heading, *lines = chapter.csv_lines
    assert heading == HEADING
    assert [line[:4] + line[4:8] + (line[8], *line[10:]) for line in lines] == [
        ("train", 3, "", "odd", "test", 7, "", "odd", "exact", "yes", "no"),
        ("train", 10, "", "even", "train", 21, "", "odd", "exact", "no", "yes"),
        ("train", 4, "", "even", "test", 8, "", "even", "near", "yes", "no"),
    ]
    assert [float(line[9]) for line in lines] == [0, 0, 0]
    found = chapter.metrics
    assert (found["images"], found["different_images"], found["test_images"]) == (80, 78, 20)
    assert (found["equal_to_training"], found["like_training"]) == (1, 1)
    assert found["exact"] == {"pairs": 2, "across_splits": 1, "classes_differ": 1}
    assert found["near"] == {"pairs": 1, "across_splits": 1, "classes_differ": 0}
    assert found["found"] > 0.95
    assert found["false_alarms"] == 0
    assert chapter.answer.startswith("1 of 20 test images equal a training image and 1 look like")
    seen, told, alarms = chapter.rows
    assert seen.own.value == pytest.approx(0.1)
    assert told.baselines["nearest code"].value == found["nearest_code"]["found"]
    assert alarms.own.value == 0
    study = make_study(LinearRun((16, 16, 1)), plant(), tmp_path)
    study.run.encode = None  # the second look computes nothing again
    assert study.of(Duplicates).csv_lines == chapter.csv_lines


def test_without_copies_the_answer_says_so() -> None:
    chapter = make_chapter(make_data(make_images(30), make_images(9, seed=1)))
    assert chapter.answer.startswith("no test image is a copy of a training image")
    assert chapter.csv_lines == [HEADING]


@pytest.mark.parametrize("count", [1, 3, 8])
def test_equal_images_are_told_and_near_ones_left_out(count: int) -> None:
    data = make_data(np.full((count, 5, 5, 1), 9, np.uint8), np.full((2, 5, 5, 1), 9, np.uint8))
    chapter = make_chapter(data)
    found = chapter.metrics
    assert found["exact"]["pairs"] == count + 1
    assert found["different_images"] == 1
    assert (found["equal_to_training"], found["like_training"]) == (2, 0)
    assert "level" not in found
    drawing = load_recipes()["duplicates.png"].draw(chapter.study)
    assert "Near copies are not told among fewer than 5" in drawing.text.caption


@pytest.mark.parametrize("classes", [1, 2])
def test_ten_images_are_enough(classes: int) -> None:
    train = make_images(8)
    test = np.concatenate([train[:1], copies.save_as_jpeg(train[1:2])])
    chapter = make_chapter(make_data(train, test, classes))
    assert chapter.metrics["equal_to_training"] == 1
    assert [line[8] for line in chapter.csv_lines[1:]][:1] == ["exact"]
    assert {line[3] for line in chapter.csv_lines[1:]} <= (
        {""} if classes == 1 else {"even", "odd"}
    )
    frames = load_recipes()["duplicates.png"].draw(chapter.study).frames
    assert frames.ndim == 3


def make_folder(folder: Path) -> None:
    """300 files in two folders; of the first class two in a hundred lie in the other one."""
    rng = np.random.default_rng(0)
    for number in range(300):
        place = "dark" if number % 2 else "light"
        value = 40 if number % 2 else 200
        value = 240 - value if number in (20, 41) else value
        pixels = np.clip(value + rng.integers(-20, 20, (8, 8)), 0, 255).astype(np.uint8)
        if number == 299:
            pixels = np.full((8, 8), 40, np.uint8)
        path = folder / place / f"{NAMES[number % len(NAMES)]} {number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path)
        if number == 150:
            (folder / "light" / f'copy "of", {NAMES[4]}.png').write_bytes(path.read_bytes())


def read_table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        return list(csv.DictReader(file))


def test_names_of_files_come_out_as_they_went_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_folder(tmp_path)
    data = load_dataset(str(tmp_path))
    names = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.png")}
    assert set(data.train_files) | set(data.test_files) == names
    study = make_study(LinearRun(data.image_shape), data)
    out = tmp_path / "out"
    write_metrics(out / "metrics.json", study, [Outliers, Duplicates])
    write_tables(out, study, MADE)
    assert str(out / "duplicates.csv") in capsys.readouterr().out
    pairs = [row for row in read_table(out / "duplicates.csv") if row["kind"] == "exact"]
    assert len(pairs) == 1
    files = {pairs[0][f"file_{which}"] for which in (1, 2)}
    assert files == {f"light/{NAMES[150 % 9]} 150.png", f'light/copy "of", {NAMES[4]}.png'}
    suspects = {row["file"]: row for row in read_table(out / "suspect_labels.csv")}
    wrong = {f"light/{NAMES[20 % 9]} 20.png": "dark", f"dark/{NAMES[41 % 9]} 41.png": "light"}
    assert {name: row["suggested"] for name, row in suspects.items()} == wrong
    for name, row in suspects.items():
        files = getattr(data, f"{row['split']}_files")
        assert files[int(row["index"])] == name
        assert row["label"] == name.partition("/")[0]
        assert float(row["support"]) >= 0.9


def write(folder: Path, study: Study, made: list) -> str:
    sections = [chapter for figure in made for chapter in load_recipes()[figure.file].of]
    write_metrics(folder / "metrics.json", study, sections)
    write_tables(folder, study, made)
    return write_page(folder, study).read_text()


def test_tables_are_linked_and_go_with_their_numbers(tmp_path: Path) -> None:
    data = plant()
    study = make_study(LinearRun(data.image_shape), data)
    study.run.facts["dataset"]["name"] = data.name
    for figure in MADE:
        (tmp_path / figure.file).write_bytes(b"a picture")
    page = write(tmp_path, study, MADE)
    assert '<a href="duplicates.csv">duplicates.csv</a>' in page
    assert '<a href="suspect_labels.csv">suspect_labels.csv</a>' in page
    kept = (tmp_path / "suspect_labels.csv").read_bytes()
    write(tmp_path, study, MADE[1:])  # the same model: the other table still holds
    assert (tmp_path / "suspect_labels.csv").read_bytes() == kept
    plain = dataclasses.replace(data, class_names=("image",), train_labels=data.train_labels * 0)
    plain = dataclasses.replace(plain, test_labels=data.test_labels * 0)
    page = write(tmp_path, make_study(LinearRun(data.image_shape), plain), MADE[1:])
    assert not (tmp_path / "suspect_labels.csv").exists()
    assert "suspect_labels.csv</a>" not in page
    write(tmp_path, make_study(LinearRun(data.image_shape), plain), MADE)  # no labels, no table
    assert not (tmp_path / "suspect_labels.csv").exists()
    assert (tmp_path / "duplicates.csv").exists()
