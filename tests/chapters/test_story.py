from __future__ import annotations

import importlib

import pytest

from latentspace.chapters import COMPARISONS, FIGURES, FLAGS, Figure, choose_figures


def test_files_are_unique_and_flags_are_known() -> None:
    files = [figure.file for figure in (*FIGURES, *COMPARISONS)]
    assert len(set(files)) == len(files)
    assert {figure.flag for figure in FIGURES} == {*FLAGS, "--place"}
    assert {file.rsplit(".", 1)[1] for file in files} == {"png", "gif", "html"}


def test_maps_are_named_by_their_method() -> None:
    names = {figure.file: figure.get_file("umap") for figure in FIGURES}
    assert names["tsne_pixel.png"] == "umap_pixel.png"
    assert names["tsne_3d.gif"] == "umap_3d.gif"
    assert names["projection_methods.png"] == "projection_methods.png"
    assert all(figure.get_file("tsne") == figure.file for figure in FIGURES)


def test_pictures_are_chosen_by_flag_story_and_dimensions() -> None:
    story = choose_figures(set(), every=False, dims=2)
    assert story == [f for f in FIGURES if f.in_story and f.dims in (None, 2)]
    files = {figure.file for figure in choose_figures({"--maps"}, every=False, dims=3)}
    assert files == {"tsne_3d.png", "tsne_3d.gif"}
    everything = choose_figures(set(), every=True, dims=2)
    assert set(FIGURES) - set(everything) == {f for f in FIGURES if f.flag == "--place"}
    assert choose_figures({"--place"}, every=True, dims=2) == list(FIGURES)


def test_animations_are_written_in_the_format_asked_for() -> None:
    moving = next(figure for figure in FIGURES if figure.is_animation)
    assert [moving.list_suffixes(kind) for kind in ("gif", "mp4", "both")] == [
        [".gif"],
        [".mp4"],
        [".gif", ".mp4"],
    ]
    assert all(figure.list_suffixes("both") == [".png"] for figure in COMPARISONS)
    page = next(figure for figure in FIGURES if figure.flag == "--explorer")
    assert page.list_suffixes("both") == [".html"]


@pytest.mark.parametrize("figure", [*FIGURES, *COMPARISONS], ids=lambda figure: figure.file)
def test_every_function_exists_and_says_what_it_returns(figure: Figure) -> None:
    module, _, name = figure.function.rpartition(".")
    function = getattr(importlib.import_module(f"latentspace.{module}"), name)
    assert "uint8" in function.__doc__
