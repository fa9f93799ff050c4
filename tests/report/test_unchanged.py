"""Pictures that would come out as they lie there are left as they are; all others are drawn."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import LinearRun, StandInClassifier, make_study
from PIL import Image

from latentspace.chapters import COMPARED, FIGURES
from latentspace.chapters.chapter import Chapter
from latentspace.chapters.compare.measure import Comparison
from latentspace.chapters.figure import Drawing, Recipe
from latentspace.chapters.study import Study
from latentspace.datasets import ImageDataset
from latentspace.drawing.text import Text
from latentspace.report import gallery, making
from latentspace.report.making import hash_making
from latentspace.report.records import RECORDS, read_records

STILL, FILM = (
    next(f for f in FIGURES if f.file == file) for file in ("samples.png", "traversals.gif")
)


class Judged(Chapter):
    """A chapter in which the reference classifier has a part."""

    uses_classifier = True


class Drawn:
    """Recipes that tell what was drawn."""

    def __init__(self) -> None:
        self.files: list[str] = []

    def recipe(self, file: str) -> Recipe:
        def draw(subject: Study | Comparison) -> Drawing:
            self.files.append(file)
            frames = np.full((3, 4, 4, 3), subject.settings.seed, np.uint8)
            return Drawing(frames if file == FILM.file else frames[0], Text("title", "caption"))

        return Recipe(draw, of=(Judged,))

    def write(self, folder: Path, subject: object, *figures: object, command: str = "x") -> list:
        """What was drawn by a visualization run."""
        self.files.clear()
        asked = figures or (STILL, FILM)
        recipes = {figure.file: self.recipe(figure.file) for figure in asked}
        made = gallery.write_figures(folder, asked, recipes, subject, command=command)
        assert made == list(asked)
        return list(self.files)


BOTH = [STILL.file, FILM.file]


@pytest.fixture
def drawn() -> Drawn:
    return Drawn()


@pytest.fixture
def study(linear_run: LinearRun, tiny: ImageDataset) -> Study:
    return make_study(linear_run, tiny)


def test_what_would_come_out_the_same_is_left_and_recorded_anew(
    drawn: Drawn, study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert drawn.write(tmp_path, study, command="first") == BOTH
    first, times = capsys.readouterr().out, [one.stat().st_mtime_ns for one in tmp_path.iterdir()]
    records = read_records(tmp_path)
    assert drawn.write(tmp_path, study, command="second") == []
    assert capsys.readouterr().out == first.replace(" MB", " MB, unchanged")
    assert len(set(times) & {one.stat().st_mtime_ns for one in tmp_path.iterdir()}) == 2
    again = read_records(tmp_path)
    assert list(again) == list(records) == BOTH
    for file, one in again.items():
        assert one.command == "second"
        assert dataclasses.replace(one, command="first", made=records[file].made) == records[file]


def write_again(picture: Path, records: Path) -> None:
    facts = json.loads(records.read_text())
    facts["pictures"][picture.name]["caption"] = "another"
    records.write_text(json.dumps(facts))


def forget(picture: Path, records: Path) -> None:
    """As records were before they had such a hash."""
    facts = json.loads(records.read_text())
    del facts["pictures"][picture.name]["making"]
    records.write_text(json.dumps(facts))


@pytest.mark.parametrize(
    "change",
    [
        lambda picture, records: picture.unlink(),
        lambda picture, records: picture.write_bytes(picture.read_bytes() + b"\0"),
        lambda picture, records: picture.write_bytes(b""),
        write_again,
        forget,
    ],
)
def test_a_picture_or_a_record_changed_by_hand_is_drawn_again(
    drawn: Drawn, study: Study, tmp_path: Path, change: Callable[[Path, Path], object]
) -> None:
    drawn.write(tmp_path, study)
    before = (tmp_path / STILL.file).read_bytes()
    change(tmp_path / STILL.file, tmp_path / RECORDS)
    assert drawn.write(tmp_path, study) == [STILL.file]
    assert (tmp_path / STILL.file).read_bytes() == before
    assert drawn.write(tmp_path, study) == []
    (tmp_path / RECORDS).unlink()
    assert drawn.write(tmp_path, study) == BOTH


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"seed": 1}, BOTH),
        ({"fps": 5.0}, BOTH),
        ({"redraw": True}, BOTH),
        ({"no_cache": True}, BOTH),
        ({"thorough": False}, BOTH),
        ({"quiet": True, "outputs_dir": "elsewhere", "data_dir": "d", "all": True}, []),
    ],
)
def test_settings_decide_whether_a_picture_is_drawn_again(
    drawn: Drawn,
    linear_run: LinearRun,
    tiny: ImageDataset,
    tmp_path: Path,
    settings: dict,
    expected: list[str],
) -> None:
    drawn.write(tmp_path, make_study(linear_run, tiny))
    assert drawn.write(tmp_path, make_study(linear_run, tiny, **settings)) == expected


def test_only_the_format_that_is_not_there_is_written(
    drawn: Drawn, linear_run: LinearRun, tiny: ImageDataset, tmp_path: Path
) -> None:
    pytest.importorskip("imageio_ffmpeg")
    drawn.write(tmp_path, make_study(linear_run, tiny))
    kept = (tmp_path / FILM.file).stat()
    assert drawn.write(tmp_path, make_study(linear_run, tiny, format="both")) == [FILM.file]
    assert (tmp_path / FILM.file).stat() == kept
    assert (tmp_path / FILM.file).with_suffix(".mp4").is_file()
    assert drawn.write(tmp_path, make_study(linear_run, tiny, format="both")) == []


def test_models_images_labels_code_and_classifier_decide(
    linear_run: LinearRun, tiny: ImageDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hash_one(run: LinearRun = linear_run, data: ImageDataset = tiny, **facts: object) -> str:
        study = make_study(run, data)
        if facts:
            study.trained_classifier = StandInClassifier({**StandInClassifier().facts, **facts})
        return hash_making(study, [Judged], "a.png")

    first = hash_one()
    assert first == hash_one()
    assert hash_one(rounds=3, seconds=1.5) == hash_one(seconds=1.5, rounds=3)  # as it is read back
    seen = [
        first,
        hash_one(dataclasses.replace(linear_run, model_hash="b")),
        hash_one(dataclasses.replace(linear_run, name="b")),
        hash_one(dataclasses.replace(linear_run, facts={**linear_run.facts, "epochs": 9})),
        hash_one(data=dataclasses.replace(tiny, test_labels=tiny.test_labels[::-1].copy())),
        hash_one(data=dataclasses.replace(tiny, test_pixels=255 - tiny.test_pixels)),
        hash_one(data=dataclasses.replace(tiny, class_names=("a", "b", "c"))),
        hash_one(sha256="one"),
        hash_one(sha256="other"),
        hash_making(make_study(linear_run, tiny), [Judged], "b.png"),
    ]
    both = Comparison(*(make_study(run, tiny, fps=2.0) for run in (linear_run, linear_run)))
    seen.append(hash_making(both, [], COMPARED.figures[0].file))
    monkeypatch.setattr(making, "hash_code", lambda: "another version")
    seen.append(hash_one())
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("how", ["place", "start", "end", "expression"])
def test_images_of_a_persons_own_count_by_what_they_show(
    linear_run: LinearRun, tiny: ImageDataset, tmp_path: Path, how: str
) -> None:
    own, other = tmp_path / "own.png", tmp_path / "other.png"
    ends = {"start": ("3",), "end": ("4",)}
    chosen = {
        "place": {"place": ("5", str(own))},
        "start": {**ends, "start": (str(own),)},
        "end": {**ends, "end": (str(own),)},
        "expression": {"expression": f"3 - {own} + 0.5*slant"},
    }[how]

    def hash_one(shade: int) -> str:
        Image.fromarray(np.full((14, 11), shade, np.uint8) * np.eye(14, 11, dtype=np.uint8)).save(
            own
        )
        return hash_making(make_study(linear_run, tiny, **chosen), [], "a.png")

    assert hash_one(200) != hash_one(90)
    first = hash_one(200)
    own.rename(other)
    other.rename(own)
    assert hash_making(make_study(linear_run, tiny, **chosen), [], "a.png") == first


def test_an_own_image_is_read_once(linear_run: LinearRun, tiny: ImageDataset, tmp_path: Path):
    """What is drawn is what was hashed, also where somebody replaces the file in between."""
    own = tmp_path / "own.png"
    Image.fromarray(np.eye(14, 11, dtype=np.uint8) * 255).save(own)
    study = make_study(linear_run, tiny, place=(str(own),))
    first = hash_making(study, [], "a.png")
    image = study.read_own_image(str(own)).copy()
    Image.fromarray(np.eye(14, 11, dtype=np.uint8)[::-1] * 255).save(own)
    np.testing.assert_array_equal(study.select(str(own)).image, image)
    assert hash_making(study, [], "a.png") == first
