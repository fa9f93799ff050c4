from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import LinearRun, make_study

from latentspace.chapters import COMPARISONS, FIGURES, OPTIONS, find_options, find_part
from latentspace.datasets import ImageDataset
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
    section="maps",
    size=(20, 10),
    model_hash="model",
    dataset_hash="images",
    settings={"--samples": 5000, "--seed": 0},
    made="2026-01-01T10:00:00+00:00",
    command="python visualize.py",
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
    text = json.dumps({"pictures": {name: dataclasses.asdict(PICTURE)}})
    (tmp_path / "b" / RECORDS).write_text(text)
    assert read_records(tmp_path / "b") == {}


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"pictures": 3}', '{"pictures": {"a.png": 3}}', '{"pictures": null}'],
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
    text = json.dumps({"pictures": {"a.png": {**facts, name: value}, "b.png": facts}})
    (tmp_path / RECORDS).write_text(text)
    assert read_records(tmp_path) == {"b.png": PICTURE}


def test_a_picture_of_another_model_or_other_images_is_out_of_date() -> None:
    assert find_staleness(PICTURE, {}, KEY) is None
    assert find_staleness(PICTURE, {}, ("other", "images")) == "made from another model"
    assert find_staleness(PICTURE, {}, ("model", "other")) == "made from other images"


def test_newer_pictures_of_a_part_decide_on_settings() -> None:
    newer = later(settings={"--samples": 10000, "--seed": 0})
    reason = "made with other settings (--samples 5000; newer pictures of this part: 10000)"
    assert find_staleness(PICTURE, {"b": newer}, KEY) == reason
    assert find_staleness(newer, {"a": PICTURE}, KEY) is None
    # Another part counts where its numbers are of the same section.
    elsewhere = dataclasses.replace(newer, part="interpolate")
    assert find_staleness(PICTURE, {"b": elsewhere}, KEY) == reason
    assert find_staleness(PICTURE, {"b": dataclasses.replace(elsewhere, section=None)}, KEY) is None
    # What is itself of another model, or does not depend on the option, says nothing.
    assert find_staleness(PICTURE, {"b": dataclasses.replace(newer, model_hash="x")}, KEY) is None
    assert find_staleness(PICTURE, {"b": later(settings={"--axes": "units"})}, KEY) is None


def test_settings_are_spelled_as_they_are_typed() -> None:
    chosen = dataclasses.replace(PICTURE, settings={"--from": ["3", "class:7"]})
    newer = {"b": later(settings={"--from": []})}
    assert "(--from 3 class:7; newer pictures of this part: none)" in str(
        find_staleness(chosen, newer, KEY)
    )
    plain = dataclasses.replace(PICTURE, settings={"--expression": None})
    newer = {"b": later(settings={"--expression": "1 + 2"})}
    assert "(no --expression; newer pictures of this part: 1 + 2)" in str(
        find_staleness(plain, newer, KEY)
    )


def test_a_record_says_what_is_shown_and_how_it_was_made(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    figure = next(figure for figure in FIGURES if figure.file == "tsne_comparison.png")
    study = make_study(linear_run, tiny, seed=3)
    made = make_record(figure, study, {"title": "t", "caption": "c"}, size=(3, 2), command="x")
    assert (made.title, made.caption, made.part, made.section) == ("t", "c", "map", "maps")
    assert (made.model_hash, made.dataset_hash) == ("linear", tiny.hash)
    assert made.settings == {
        "--samples": 60,  # all there are, by default
        "--split": "test",
        "--perplexity": 8,
        "--exaggeration": 1.0,
        "--seed": 3,
    }
    assert make_record(figure, study, {}, size=None, command="x").title == figure.about
    assert made.made.endswith("+00:00")


def test_every_picture_depends_on_known_options_and_has_one_part(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    chosen = make_study(linear_run, tiny).choices
    assert json.loads(json.dumps(chosen)) == chosen
    for figure in (*FIGURES, *COMPARISONS):
        assert set(find_options(figure)) <= set(chosen)
        assert figure in find_part(figure).figures
    assert set(OPTIONS) <= {figure.file for figure in FIGURES} | {
        figure.flag for figure in (*FIGURES, *COMPARISONS)
    }


def test_frames_tell_their_size() -> None:
    from latentspace.drawing.media import DrawnFrames, get_frame_size

    still = np.zeros((4, 6, 3), np.uint8)
    assert get_frame_size(still) == (6, 4)
    assert get_frame_size(np.stack([still, still])) == (6, 4)
    assert get_frame_size(DrawnFrames(2, lambda _: still)) == (6, 4)


def test_a_comparison_is_recorded_as_a_study(linear_run: LinearRun, tiny: ImageDataset) -> None:
    subject = SimpleNamespace(model_key=("ab", "d"), chosen=make_study(linear_run, tiny).choices)
    made = make_record(COMPARISONS[0], subject, {"caption": "c"}, size=None, command="x")
    assert (made.model_hash, made.dataset_hash, made.part) == ("ab", "d", "compare")
