"""index.html, read as a browser would."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote

import pytest
from conftest import LinearRun, Page, make_study
from PIL import Image

from config import VisualizeConfig
from latentspace.chapters import FIGURES, PARTS, find_part, load_recipes
from latentspace.chapters.chapter import HIGHER, LOWER, Row, Value
from latentspace.chapters.figure import Figure
from latentspace.core.documents import write_document
from latentspace.datasets import ImageDataset
from latentspace.report import page
from latentspace.report.commands import format_command
from latentspace.report.facts import collect_facts
from latentspace.report.metrics import METRICS, METRICS_VERSION
from latentspace.report.page import PAGE, write_page
from latentspace.report.records import RECORDS, Record, keep_records

NASTY = "<b>\"x'&</b>"


def make_figure(file: str) -> Figure:
    return next(figure for figure in FIGURES if figure.file == file)


def draw(folder: Path, file: str, *, size: tuple[int, int] = (40, 20)) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(folder / file)


def write_numbers(folder: Path, **rows: list[Row]) -> None:
    """Writes metrics.json with some rows by section."""
    sections = {
        name: {"rows": [dataclasses.asdict(row) for row in of]} for name, of in rows.items()
    }
    write_document(folder / METRICS, sections, version=METRICS_VERSION)


@pytest.fixture
def study(linear_run: LinearRun, tiny: ImageDataset):
    return make_study(linear_run, tiny)


@pytest.fixture
def add(tmp_path: Path, study) -> Callable[..., None]:
    """Puts a picture of the study into the folder, with its record, changed as asked for."""

    def added(file: str, **changes: object) -> None:
        if file.endswith((".png", ".gif")):
            draw(tmp_path, file)
        else:
            (tmp_path / file).touch()
        stem = file.rsplit(".", 1)[0]
        figure = next(
            f for f in FIGURES if file == f.file or (f.is_animation and f.file[:-4] == stem)
        )
        one = Record(
            title=f"Title of {file}",
            caption=f"Caption of {file}",
            flag=figure.flag,
            part=find_part(figure).name,
            sections=tuple(one.section for one in load_recipes()[figure.file].of),
            size=None if file.endswith(".html") else (40, 20),
            body=None,
            model_hash=study.run.model_hash,
            dataset_hash=study.data.hash,
            settings={"seed": 0},
            made="2026-01-01T10:00:00+00:00",
            command="python visualize.py --quiet",
            repeat="python visualize.py --run linear",
            versions={"python": "3.11"},
        )
        keep_records(tmp_path, {file: dataclasses.replace(one, **changes)})

    return added


def test_pictures_stand_once_in_the_order_of_the_story(tmp_path: Path, study, add) -> None:
    files = [figure.file for figure in FIGURES]
    for file in reversed(files):
        add(file)
    draw(tmp_path, "holiday.png")  # no picture of the program
    assert write_page(tmp_path, study) == tmp_path / PAGE
    read = Page(tmp_path / PAGE)
    parts = ["Reconstruct", "Learn", "Map", "Interpolate", "Calculate", "Use"]
    assert [part.title for part in PARTS] == parts
    assert read.texts("h2") == [*parts, "How it was made"]
    assert [found["id"] for found in read.all("section")][:6] == [part.name for part in PARTS]
    pictures = [figure for figure in FIGURES if not figure.file.endswith(".html")]
    assert read.shown == [figure.file for figure in pictures]
    assert [found["text"] for found in read.all("h3")][: len(files)] == [
        f"Title of {file}" for file in files
    ]
    assert read.texts("figcaption") == [
        f"Caption of {figure.file} {figure.file}" + (" 40 × 20 pixels" * (figure in pictures))
        for figure in FIGURES
    ]
    opened = {found["href"]: found["text"] for found in read.all("a", class_="open")}
    assert opened == {f.file: f.about for f in FIGURES if f not in pictures}
    for found, figure in zip(read.all("img"), pictures, strict=True):
        assert found["alt"] == figure.about
        assert (found["width"], found["height"], found["loading"]) == ("40", "20", "lazy")
    assert read.texts("p", class_="reason") == []


def test_all_links_lead_to_files_or_into_the_page(tmp_path: Path, study, add) -> None:
    for file in ("reconstructions.png", "tour.gif", "attributes.mp4"):
        add(file)
    write_numbers(tmp_path, reconstruction=[Row("An error", Value(0.1), {"PCA": Value(0.2)})])
    read = Page(write_page(tmp_path, study))
    names = {found["id"] for found in read.elements if "id" in found}
    addresses = [found.get("href", found.get("src")) for found in read.all("a", "img", "video")]
    assert "#scores-reconstruct" in addresses
    for address in addresses:
        if address.startswith("#"):
            assert address[1:] in names
        else:
            assert (tmp_path / unquote(address)).is_file()
    assert read.all("script", "link", "iframe") == []
    assert "http" not in (tmp_path / PAGE).read_text()


@pytest.mark.parametrize("name", ["a b.png", "#1?.png", "50%25.png", "ä<script>'\".png", "a:b.png"])
def test_names_of_files_are_quoted_for_links(tmp_path: Path, name: str) -> None:
    address = page.to_address(name)
    assert unquote(address) == name
    assert not set(address) & set(" #?<>'\":")
    assert page.to_address("\udcff.png")  # a name that is no text


def test_animations_play_and_pages_are_linked(tmp_path: Path, study, add) -> None:
    add("interpolation.mp4")
    (tmp_path / "explorer.html").touch()
    read = Page(write_page(tmp_path, study))
    (video,) = read.all("video")
    assert {"controls", "muted", "loop", "playsinline"} <= set(video)
    assert (video["src"], video["width"]) == ("interpolation.mp4", "40")
    assert video["aria-label"] == make_figure("interpolation.gif").about
    (link,) = read.all("a", class_="open")
    assert (link["href"], link["text"]) == ("explorer.html", make_figure("explorer.html").about)


def test_of_two_formats_one_is_shown_and_the_other_linked(tmp_path: Path, study, add) -> None:
    add("interpolation.gif")
    add("interpolation.mp4")
    read = Page(write_page(tmp_path, study))
    assert read.shown == ["interpolation.gif"]
    assert "interpolation.mp4" in [found.get("href") for found in read.all("a")]
    add("interpolation.gif", model_hash="other")  # is out of date, so the other is shown
    assert Page(write_page(tmp_path, study)).shown == ["interpolation.mp4"]


def test_what_is_out_of_date_says_why(tmp_path: Path, study, add) -> None:
    add("reconstructions.png", model_hash="other")
    add("learning_curve.png", dataset_hash="other")
    add("tsne_pixel.png", settings={"samples": 5000})
    later = {"made": "2026-01-01T11:00:00+00:00", "settings": {"samples": 10000}}
    add("tsne_comparison.png", **later)
    draw(tmp_path, "umap_pixel.png", size=(30, 10))
    read = Page(write_page(tmp_path, study))
    assert read.texts("p", class_="reason") == [
        "Out of date: made from another model",
        "Out of date: made from other images",
        "Out of date: newer pictures of this part were made with another --samples",
        "Out of date: no record of how it was made",
    ]
    assert read.shown[2:] == ["tsne_pixel.png", "umap_pixel.png", "tsne_comparison.png"]
    unknown = read.all("img")[3]
    assert "width" not in unknown
    assert make_figure("tsne_pixel.png").about in read.texts("figcaption")[3]


@pytest.mark.parametrize("damaged", ["", "{", "[]", '{"pictures": 3}'])
def test_without_readable_records_and_numbers_there_is_a_page(
    tmp_path: Path, study, damaged: str
) -> None:
    draw(tmp_path, "reconstructions.png")
    (tmp_path / RECORDS).write_text(damaged)
    (tmp_path / METRICS).write_text(damaged)
    read = Page(write_page(tmp_path, study))
    assert read.shown == ["reconstructions.png"]
    assert read.texts("p", class_="reason") == ["Out of date: no record of how it was made"]
    assert "Scores" not in read.texts("h2")


def test_an_empty_folder_says_what_makes_pictures(tmp_path: Path, study) -> None:
    study.run.history_unavailable = "nothing tells how it learned"
    read = Page(write_page(tmp_path / "new", study))
    absent = read.texts("p", class_="absent")
    assert "Pictures of this part come with --reconstructions." in absent
    assert "learning_curve.png is left out: nothing tells how it learned." in absent
    assert len(read.texts("h2")) == 7


def test_everything_is_escaped(tmp_path: Path, study, add) -> None:
    study.run.name = NASTY
    study.run.facts[NASTY] = NASTY
    object.__setattr__(study.data, "name", NASTY)
    write_numbers(tmp_path, outliers=[Row(NASTY, Value(0.5), {NASTY: Value(0.25)})])
    add("reconstructions.png", title=NASTY, caption=f"of {NASTY}", repeat=f"x y {NASTY}")
    text = write_page(tmp_path, study).read_text()
    assert "<b>" not in text
    read = Page(tmp_path / PAGE)
    assert read.texts("h1") == [NASTY]
    assert NASTY in read.texts("title")[0]
    assert NASTY in read.texts("h3")
    assert f"of {NASTY} reconstructions.png 40 × 20 pixels" in read.texts("figcaption")
    assert f"x y {NASTY}" in read.texts("code")
    assert NASTY in read.texts("dd")
    assert any(NASTY in words for words in read.texts("th"))


def test_scores_stand_beside_their_baselines(tmp_path: Path, study, add) -> None:
    error = Row(
        "Mean squared error of test images",
        Value(0.125),
        {"PCA, 8 components": Value(0.25)},
        better=LOWER,
        digits=5,
    )
    accuracy = Row(
        "10-NN label accuracy in the map",
        Value(0.9, 0.85, 0.95),
        {"pixels": Value(0.5)},
        better=HIGHER,
    )
    write_numbers(tmp_path, maps=[accuracy], reconstruction=[error])
    read = Page(write_page(tmp_path, study))
    assert read.texts("th", scope="rowgroup") == ["Reconstruct", "Map"]
    rows = [text for text in read.texts("tr") if "better" in text]
    assert rows == [
        "Mean squared error of test images lower is better 0.12500 PCA, 8 components 0.25000",
        "10-NN label accuracy in the map higher is better 0.900 (0.850 to 0.950) pixels 0.500",
    ]
    assert read.texts("strong") == ["0.12500", "0.900"] * 2  # at the head, and in the table
    assert read.texts("div")[:2] == rows


@pytest.mark.parametrize("file", ["reconstructions.png", "interpolation.mp4"])
def test_a_picture_is_shown_without_its_title_and_caption(
    tmp_path: Path, study, add, file: str
) -> None:
    add(file, body=(5, 15))
    (shown,) = Page(write_page(tmp_path, study)).all("img", "video")
    assert (shown["width"], shown["height"]) == ("40", "10")
    assert shown["style"] == "aspect-ratio: 40 / 10; object-position: 0 50.000%"
    for damaged in ((15, 5), (0, 21), (-1, 10), (0, 20)):
        add(file, body=damaged)
        (shown,) = Page(write_page(tmp_path, study)).all("img", "video")
        assert "style" not in shown
        assert shown["height"] == "20"


def test_how_the_model_and_the_pictures_were_made_is_said(tmp_path: Path, study, add) -> None:
    study.run.facts["settings"] |= {"channels": [16, 32], "batch_size": None}
    study.run.facts |= {"finished": "2026-01-01T09:00:00+00:00", "seconds": 12345.5}
    study.run.facts["dataset"] |= {"source": "/home/me/bars.npz"}
    add("reconstructions.png")
    add("learning_curve.png")
    add(
        "tsne_pixel.png",
        command="python visualize.py --run=/a/linear --place '/a b/one.png' --models-dir /a",
        repeat="python visualize.py --run linear --maps --place one.png",
        made="2026-01-02T10:00:00+00:00",
        settings={"place": ["one.png", "class:a/b"]},
    )
    add("tsne_latent.png", made="2026-01-02T11:00:00+00:00", settings={"place": []})
    read = Page(write_page(tmp_path, study))
    lines = dict(zip(read.texts("dt"), read.texts("dd"), strict=True))
    assert (lines["channels"], lines["batch size"], lines["validation split"]) == (
        "16, 32",
        "–",
        "0.1",
    )
    assert lines["images"] == str(study.data)
    assert lines["source"] == "bars.npz"
    assert read.texts("li")[-2:] == [
        "python visualize.py --run linear 3 pictures; python 3.11",
        "python visualize.py --run linear --maps --place one.png 1 picture; python 3.11",
    ]
    assert read.texts("p", class_="reason") == [
        "Out of date: newer pictures of this part were made with another --place"
    ]
    for told in ("2026-", "12345", "12,345", "/a", "/home"):
        assert told not in read.text


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({}, "--run A --maps"),
        ({"run": ("x/A",), "samples": 100, "quiet": True}, "--run A --maps --samples 100"),
        ({"data_dir": "/d", "outputs_dir": "/o", "no_cache": True}, "--run A --maps"),
        ({"all": True, "projector": "/p"}, "--run A --all"),
        (
            {"dataset": "/d/portraits/", "start": ("/d/a.png",), "end": ("class:b/c",)},
            "--run A --maps --dataset portraits --from a.png --to class:b/c",
        ),
        (
            {"autoencoder": "d/m.keras", "bottleneck": "a/b", "save_run": "A"},
            "--maps --autoencoder m.keras --bottleneck a/b --save-run A",
        ),
        ({"run": ("A",), "model_code": "/c/m.py"}, "--run A --maps --model-code m.py"),
        (
            {"expression": "/d/a.png - 0.5*d/b.png + class:b/c"},
            "--run A --maps --expression 'a.png - 0.5*b.png + class:b/c'",
        ),
        ({"pixel_range": (-1.0, 1.0)}, "--run A --maps --pixel-range -1.0 1.0"),
    ],
)
def test_commands_name_what_differs_from_the_defaults_without_folders(
    chosen: dict, said: str
) -> None:
    command = format_command(VisualizeConfig(**chosen), "--maps", ["A"])
    assert command == f"python visualize.py {said}"


def test_a_comparison_names_both_runs() -> None:
    settings = VisualizeConfig(run=("/m/A", "B"), samples=100)
    said = "python visualize.py --run A --run B --samples 100"
    assert format_command(settings, "--run A --run B", ["A", "B"]) == said


def test_a_flag_with_a_value_stands_once() -> None:
    settings = VisualizeConfig(place=("/d/a.png", "7"))
    said = "python visualize.py --run A --place a.png 7"
    assert format_command(settings, "--place", ["A"]) == said


def test_facts_are_said_in_words() -> None:
    facts = collect_facts(
        {
            "status": "adopted",
            "parameters": 12345,
            "adopted": {"bottleneck": None},
            "settings": {},
        }
    )
    assert facts == {
        "run": [("status", "adopted"), ("parameters", "12,345")],
        "own model": [("bottleneck", "–")],
    }
    assert collect_facts({"dataset": {"reading": {"limit": True}}}) == {
        "data set": [("reading, limit", "yes")]
    }


@pytest.mark.parametrize(("opens", "lines"), [(True, 1), (False, 2)])
def test_a_page_is_opened_where_there_is_a_browser(
    tmp_path: Path,
    opens: bool,
    lines: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked: list[str] = []
    stand_in = SimpleNamespace(open=lambda address: asked.append(address) or opens)
    monkeypatch.setattr(page, "webbrowser", stand_in)
    page.announce_page(tmp_path / "a b" / PAGE, in_browser=True)
    assert asked == [(tmp_path / "a b" / PAGE).as_uri()]
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == lines
    assert printed[-1] == str(tmp_path / "a b" / PAGE)
    page.announce_page(tmp_path / PAGE, in_browser=False)
    assert len(asked) == 1
