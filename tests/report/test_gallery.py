from __future__ import annotations

import os
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import SETTINGS, Killed, LinearRun, kill_at, make_study

from latentspace.chapters import FIGURES, choose_figures
from latentspace.chapters.chapter import Chapter
from latentspace.chapters.figure import Drawing, Recipe
from latentspace.chapters.study import Study
from latentspace.core.errors import InputError
from latentspace.core.files import PARTIAL
from latentspace.core.pixels import to_rgb
from latentspace.datasets import ImageDataset
from latentspace.drawing import layout
from latentspace.drawing.grids import Grid, draw_grids
from latentspace.drawing.media import MOST_BYTES, encode_gif, get_first_frame
from latentspace.drawing.text import Text
from latentspace.report import gallery
from latentspace.report.records import RECORDS, read_records
from latentspace.report.visualization import write_story


def make_draw(file: str) -> Callable[[Study], Drawing]:
    """Stands in for a picture: it depends on one setting, and takes no time."""

    def draw(study: Study) -> Drawing:
        shown = study.settings.axes if file == "traversals.png" else ""
        grey = zlib.crc32(f"{file} {shown}".encode()) % 251
        return Drawing(np.full((4, 4, 3), grey, np.uint8), Text(file, "caption"))

    return draw


DRAWN = [
    figure
    for figure in FIGURES
    if figure.file in ("reconstructions.png", "traversals.png", "samples.png")
]

RECIPES: dict[str, Recipe[Study]] = {
    figure.file: Recipe(make_draw(figure.file)) for figure in DRAWN
}


def write_pictures(folder: Path, study: Study, command: str) -> None:
    gallery.write_figures(folder, DRAWN, RECIPES, study, command=command)


def read_contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_run_that_is_killed_leaves_whole_pictures_and_no_record_that_is_wrong(
    linear_run: LinearRun, tiny: ImageDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (make_study(linear_run, tiny, axes=axes) for axes in ("principal", "units"))
    write_pictures(tmp_path / "old", first, "old")
    write_pictures(tmp_path / "new", second, "new")
    known = {name: read_contents(tmp_path / name) for name in ("old", "new")}
    pictures = set(known["old"]) - {RECORDS}
    changed = {name for name in pictures if known["old"][name] != known["new"][name]}
    assert changed
    calls = 0
    while True:
        folder = tmp_path / str(calls)
        shutil.copytree(tmp_path / "old", folder)
        with monkeypatch.context() as patch:
            kill_at(patch, calls)
            try:
                write_pictures(folder, second, "new")
                break
            except Killed:
                pass
        calls += 1
        for name in pictures:
            assert (folder / name).read_bytes() in (known["old"][name], known["new"][name])
        for name, one in read_records(folder).items():
            assert name not in changed or known[one.command][name] == read_contents(folder)[name]
        write_pictures(folder, second, "new")
        assert {name: data for name, data in read_contents(folder).items() if name != RECORDS} == {
            name: data for name, data in known["new"].items() if name != RECORDS
        }
        assert not [name for name in os.listdir(folder) if name.startswith(PARTIAL)]
    assert calls > 3 * len(pictures)


class Absent(Chapter):
    unavailable = "its chapter has nothing"


def test_the_reason_of_a_chapter_comes_before_that_of_the_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    subject = SimpleNamespace(find_unavailable=lambda of: of.unavailable, settings=SETTINGS)
    draw = make_draw("a")
    of_chapter = Recipe(draw, of=(Absent,), unavailable=lambda _: "it has none")
    assert gallery.find_unavailable(of_chapter, subject) == "its chapter has nothing"
    assert gallery.find_unavailable(Recipe(draw, unavailable=lambda _: "none"), subject) == "none"
    assert gallery.find_unavailable(Recipe(draw), subject) is None
    recipes = dict.fromkeys([figure.file for figure in DRAWN], of_chapter)
    assert gallery.write_figures(tmp_path, DRAWN, recipes, subject, command="x") == []
    assert capsys.readouterr().out.count("is left out: its chapter has nothing") == len(DRAWN)


@pytest.mark.parametrize("kind", ["still", "animation", "page"])
def test_every_picture_of_a_model_that_failed_its_check_says_so(
    linear_run: LinearRun, tiny: ImageDataset, kind: str
) -> None:
    body = np.full((2, 40, 300, 3), 7, np.uint8)
    frames = {"still": body[0], "animation": body, "page": b"<html><body><p>"}[kind]
    study = make_study(linear_run, tiny)
    drawing = Drawing(frames, Text("title", "caption"))
    assert gallery._warn(drawing, study) is drawing
    study.run = SimpleNamespace(name="mine", warning="<all> alike")
    said = gallery._warn(drawing, study)
    assert said.text == Text("title", "Not to be trusted: mine: <all> alike. caption")
    if isinstance(said.frames, bytes):
        assert b"<body>\n<p role=" in said.frames
        assert b"Not to be trusted: mine: &lt;all&gt; alike</p><p>" in said.frames
        return
    shown = np.asarray(list(said.frames)) if kind == "animation" else said.frames
    assert shown.shape[:-3] == frames.shape[:-3]
    np.testing.assert_array_equal(shown[..., -40:, :, :], frames)
    assert (shown[..., 0, 0, :] == layout.WARNING_GROUND).all()


@pytest.mark.parametrize(
    ("fps", "written_as", "noted"),
    [(20, "gif", 0), (60, "gif", 1), (60, "mp4", 0), (60, "both", 1)],
)
def test_frames_that_a_gif_leaves_out_are_said_once(
    linear_run: LinearRun,
    tiny: ImageDataset,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    fps: float,
    written_as: str,
    noted: int,
) -> None:
    films = [figure for figure in FIGURES if figure.file in ("tour.gif", "attributes.gif")]
    film = Drawing(np.zeros((5, 8, 8, 3), np.uint8), Text("a", "b"))
    recipes = {figure.file: Recipe(lambda study: film) for figure in films}
    study = make_study(linear_run, tiny, fps=float(fps), format=written_as)
    assert gallery.write_figures(tmp_path, films, recipes, study, command="x") == films
    assert capsys.readouterr().out.count("--format mp4 keeps all") == noted


@pytest.mark.parametrize("suffix", [".png", ".gif"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("most", [200_000, 20_000, 2_000])
def test_no_file_of_noise_is_larger_than_it_may_be(
    linear_run: LinearRun,
    tiny: ImageDataset,
    monkeypatch: pytest.MonkeyPatch,
    suffix: str,
    channels: int,
    most: int,
) -> None:
    monkeypatch.setitem(MOST_BYTES, suffix, most)
    shape = (1, 1, 300, 300) if suffix == ".png" else (9, 1, 1, 120, 120)
    images = np.random.default_rng(0).random((*shape, channels)).astype(np.float32)
    text = Text("title", "Caption.")
    drawing = Drawing.of_images(draw_grids, text, grids=[Grid([], [], images)])
    study = make_study(linear_run, tiny)
    written, encoded = gallery.encode(suffix, drawing, study)
    assert len(encoded) <= most
    assert written.text.caption.startswith("Caption.")
    assert ("To keep the file small" in written.text.caption) == (written is not drawing)
    if most == 2_000:
        assert "times smaller" in written.text.caption
    said, bands = written.page.write(written.text)
    assert written.body == bands  # what is said stands on it
    np.testing.assert_array_equal(get_first_frame(written.frames), get_first_frame(said))
    assert gallery.encode(suffix, drawing, study)[1] == encoded


def test_a_gif_of_noise_is_no_larger_than_five_megabytes(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (9, 900, 900, 1), np.uint8)
    drawing = Drawing(to_rgb(noise), Text("a", "b"))
    _, encoded = gallery.encode(".gif", drawing, make_study(linear_run, tiny))
    assert 1_000_000 < len(encoded) <= 5_000_000


def test_what_is_small_is_written_as_it_is(linear_run: LinearRun, tiny: ImageDataset) -> None:
    frames = to_rgb(np.random.default_rng(0).integers(0, 256, (9, 56, 56, 1), np.uint8))
    drawing = Drawing(frames, Text("a", "b"))
    written, encoded = gallery.encode(".gif", drawing, make_study(linear_run, tiny, fps=20.0))
    assert written is drawing
    assert encoded == encode_gif(frames, fps=20)


@pytest.mark.parametrize(
    ("asked", "settings", "reason"),
    [
        ({"--maps"}, {"samples": 2}, "nothing could be made for --maps: 2 images are no map"),
        ({"--map-films"}, {"method": "pca"}, "for --map-films: only t-SNE is optimised"),
        ({"--film"}, {}, "nothing could be made for --film: a stand-in was not trained"),
        ({"--maps", "--overlap"}, {"samples": 2}, "for --maps, --overlap: 2 images are no map"),
    ],
)
def test_a_flag_of_which_nothing_can_be_made_is_an_error(
    linear_run: LinearRun,
    tiny: ImageDataset,
    tmp_path: Path,
    asked: set[str],
    settings: dict,
    reason: str,
) -> None:
    study = make_study(linear_run, tiny, **settings)
    figures = choose_figures(asked, every=False, dims=2)
    with pytest.raises(InputError, match=reason):
        write_story(tmp_path, figures, study, asked=asked, command="x")
    assert not (tmp_path / "index.html").exists()
