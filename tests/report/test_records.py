from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from conftest import LinearRun, make_study

from latentspace.chapters import COMPARED, FIGURES, load_recipes
from latentspace.chapters.chapter import Chapter
from latentspace.chapters.compare.measure import Comparison
from latentspace.chapters.figure import Drawing, Recipe
from latentspace.datasets import ImageDataset
from latentspace.drawing.layout import Page, choose_text_scale
from latentspace.drawing.text import Text
from latentspace.report.records import (
    RECORDS,
    Record,
    find_staleness,
    keep_records,
    make_record,
    read_records,
)

KEY = ("model", "images")
PICTURE = Record(
    title="A title",
    caption="A caption",
    flag="--maps",
    part="map",
    sections=("maps",),
    size=(20, 10),
    body=(2, 8),
    model_hash="model",
    dataset_hash="images",
    settings={"samples": 5000, "seed": 0},
    made="2026-01-01T10:00:00+00:00",
    command="python visualize.py",
    repeat="python visualize.py --run mine --maps",
    versions={"python": "3.11"},
)


def later(**changes: object) -> Record:
    return dataclasses.replace(PICTURE, made="2026-01-01T11:00:00+00:00", **changes)


def test_records_add_up_and_go_with_their_files(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).touch()
    keep_records(tmp_path, {"a.png": PICTURE})
    keep_records(tmp_path, {"b.png": later()})
    assert read_records(tmp_path) == {"a.png": PICTURE, "b.png": later()}
    (tmp_path / "a.png").unlink()
    keep_records(tmp_path, {"b.png": PICTURE})
    assert list(json.loads((tmp_path / RECORDS).read_text())["pictures"]) == ["b.png"]


def test_the_record_of_a_file_that_was_replaced_since_is_none(tmp_path: Path) -> None:
    """As where a look was killed after it had written a picture, before its record."""
    (tmp_path / "a.png").write_bytes(b"abc")
    one = dataclasses.replace(PICTURE, sha256=hashlib.sha256(b"abc").hexdigest())
    keep_records(tmp_path, {"a.png": one})
    assert read_records(tmp_path) == {"a.png": one}
    (tmp_path / "a.png").write_bytes(b"abd")
    assert read_records(tmp_path) == {}


@pytest.mark.parametrize("name", ["../a.png", "/etc/hostname", "b/../a.png"])
def test_a_record_of_a_file_elsewhere_is_none(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.png").touch()
    (tmp_path / "b").mkdir()
    text = json.dumps({"schema_version": 2, "pictures": {name: dataclasses.asdict(PICTURE)}})
    (tmp_path / "b" / RECORDS).write_text(text)
    assert read_records(tmp_path / "b") == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"schema_version": 2, "pictures": 3}',
        '{"schema_version": 2, "pictures": null}',
        '{"schema_version": 2, "pictures": {"a.png": 3}}',
        '{"pictures": {}}',
    ],
)
def test_a_damaged_file_counts_as_absent(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.png").touch()
    (tmp_path / RECORDS).write_text(text)
    assert read_records(tmp_path) == {}
    keep_records(tmp_path, {"a.png": PICTURE})
    assert read_records(tmp_path) == {"a.png": PICTURE}


@pytest.mark.parametrize(
    ("name", "value"),
    [("title", None), ("size", [3]), ("size", ["a", "b"]), ("settings", []), ("made", 3)],
)
def test_a_damaged_record_is_left_out_alone(tmp_path: Path, name: str, value: object) -> None:
    facts = dataclasses.asdict(PICTURE)
    for file in ("a.png", "b.png"):
        (tmp_path / file).touch()
    text = json.dumps(
        {"schema_version": 2, "pictures": {"a.png": {**facts, name: value}, "b.png": facts}}
    )
    (tmp_path / RECORDS).write_text(text)
    assert read_records(tmp_path) == {"b.png": PICTURE}


def test_a_picture_of_another_model_or_other_images_is_out_of_date() -> None:
    assert find_staleness(PICTURE, {}, KEY) is None
    assert find_staleness(PICTURE, {}, ("other", "images")) == "made from another model"
    assert find_staleness(PICTURE, {}, ("model", "other")) == "made from other images"


def test_newer_pictures_of_a_part_decide_on_settings() -> None:
    newer = later(settings={"samples": 10000, "seed": 0})
    reason = "newer pictures of this part were made with another --samples"
    assert find_staleness(PICTURE, {"b": newer}, KEY) == reason
    assert find_staleness(newer, {"a": PICTURE}, KEY) is None
    # Another part counts where its numbers are of the same section.
    elsewhere = dataclasses.replace(newer, part="interpolate")
    assert find_staleness(PICTURE, {"b": elsewhere}, KEY) == reason
    assert find_staleness(PICTURE, {"b": dataclasses.replace(elsewhere, sections=())}, KEY) is None
    # What is itself of another model, or does not depend on the option, says nothing.
    assert find_staleness(PICTURE, {"b": dataclasses.replace(newer, model_hash="x")}, KEY) is None
    assert find_staleness(PICTURE, {"b": later(settings={"axes": "units"})}, KEY) is None
    chosen = dataclasses.replace(PICTURE, settings={"start": ["3", "class:7"]})
    said = str(find_staleness(chosen, {"b": later(settings={"start": []})}, KEY))
    assert said.endswith("with another --from")


class Effective(Chapter):
    section = "maps"
    settings_used = {"samples": 60, "perplexity": 8.0}  # noqa: RUF012


RECIPE = Recipe(lambda _: DRAWING, of=(Effective,))
DRAWING = Drawing.of_page(Page(np.zeros((30, 40, 3), np.uint8)), Text("t", "c"))


def test_a_record_says_what_is_shown_and_how_it_was_made(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    figure = next(figure for figure in FIGURES if figure.file == "tsne_comparison.png")
    study = make_study(linear_run, tiny, seed=3, perplexity=None)
    made = make_record(figure, RECIPE, study, DRAWING, command="x")
    assert (made.title, made.caption, made.part, made.sections) == ("t", "c", "map", ("maps",))
    assert (made.model_hash, made.dataset_hash) == ("linear", tiny.hash)
    assert made.settings == {
        "samples": 60,  # all there are, by default
        "split": "test",
        "perplexity": 8.0,  # lowered
        "exaggeration": 1.0,
        "map": None,
        "seed": 3,
    }
    assert made.size == (72, DRAWING.frames.shape[0])
    assert made.body is not None
    assert made.body[0] == 44
    assert 74 <= made.body[1] < made.size[1]
    page = make_record(figure, RECIPE, study, Drawing(b"<html>", Text("", "")), command="x")
    assert (page.title, page.size, page.body) == (figure.about, None, None)
    assert made.made.endswith("+00:00")
    assert made.repeat == ("python visualize.py --run linear --maps --pairs 5 --frames 7 --seed 3")


def test_every_picture_depends_on_settings_that_there_are(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    known = dataclasses.asdict(make_study(linear_run, tiny).settings)
    for figure in (*FIGURES, *COMPARED.figures):
        assert set(figure.settings) <= set(known)
    assert set(load_recipes()) == {figure.file for figure in FIGURES}


def test_a_still_is_its_own_first_frame() -> None:
    from latentspace.drawing.media import DrawnFrames, get_first_frame

    still = np.zeros((4, 6, 3), np.uint8)
    for frames in (still, np.stack([still, still + 1]), DrawnFrames(2, lambda _: still)):
        np.testing.assert_array_equal(get_first_frame(frames), still)


def test_a_comparison_is_recorded_as_a_study(linear_run: LinearRun, tiny: ImageDataset) -> None:
    other = dataclasses.replace(linear_run, name="other", model_hash="b")
    subject = Comparison(
        *(make_study(run, tiny, pairs=8, frames=33, perplexity=None) for run in (linear_run, other))
    )
    figure = COMPARED.figures[0]
    made = make_record(figure, Recipe(lambda _: DRAWING), subject, DRAWING, command="x")
    assert (made.model_hash, made.dataset_hash) == ("linearb", tiny.hash)
    assert (made.part, made.sections) == ("compare", ())
    assert made.settings["samples"] == 60
    assert made.settings["perplexity"] < 30
    assert made.repeat == "python visualize.py --run linear --run other"


def test_records_of_an_earlier_version_are_none_and_said_so_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.png").touch()
    old = {"schema_version": 1, "pictures": {"a.png": {"settings": {"--seed": 0}}}}
    (tmp_path / RECORDS).write_text(json.dumps(old))
    assert read_records(tmp_path) == {}
    (line,) = capsys.readouterr().err.splitlines()
    assert "schema_version is wrong" in line


@pytest.mark.parametrize("width", [300, 1000, 2503])
def test_a_page_says_where_its_body_lies(width: int) -> None:
    text = Text("A title, gyp", "Some words, of a caption. " * 8)
    body = np.zeros((80, width, 3), np.uint8)
    page, (first, last) = Page(body, text_scale=choose_text_scale(width)).write(text)
    rows = np.flatnonzero((page[:last] == 0).all(axis=2).sum(axis=1) == width)
    assert (len(rows), rows[0]) == (80, first)  # the body begins where the title ends
    assert (page[last - 2 : last + 2] == 255).all()
