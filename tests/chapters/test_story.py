from __future__ import annotations

import dataclasses

import pytest

from config import VisualizeConfig
from latentspace.chapters import (
    COMPARED,
    FIGURES,
    FLAGS,
    FORMER_FLAGS,
    STORY,
    choose_figures,
    load_chapters,
    load_recipes,
)
from latentspace.chapters.figure import Figure


def test_files_are_unique_and_flags_are_known() -> None:
    files = [figure.file for figure in FIGURES]
    assert len(set(files)) == len(files)
    assert len({figure.file for figure in COMPARED.figures}) == len(COMPARED.figures)
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
    *pair, page = COMPARED.figures
    assert choose_figures(set(), among=COMPARED.figures) == pair
    assert choose_figures({page.flag}, among=COMPARED.figures) == [page]


def test_animations_are_written_in_the_format_asked_for() -> None:
    moving = next(figure for figure in FIGURES if figure.is_animation)
    assert [moving.list_suffixes(kind) for kind in ("gif", "mp4", "both")] == [
        [".gif"],
        [".mp4"],
        [".gif", ".mp4"],
    ]
    *stills, page = COMPARED.figures
    assert all(figure.list_suffixes("both") == [".png"] for figure in stills)
    assert page.list_suffixes("both") == [".html"]


def test_every_figure_has_a_recipe_and_every_recipe_a_figure() -> None:
    for contents in (*STORY, COMPARED):
        assert set(contents.load_recipes()) == {figure.file for figure in contents.figures}
    assert set(load_recipes()) == {figure.file for figure in FIGURES}


def test_sections_of_numbers_are_named_once() -> None:
    sections = [chapter.section for chapter in load_chapters() if chapter.section]
    assert len(set(sections)) == len(sections)
    assert {"reconstruction", "learning", "maps", "interpolation", "clusters"} <= set(sections)


def test_former_flags_lead_to_flags() -> None:
    assert set(FORMER_FLAGS.values()) <= set(FLAGS)
    assert not set(FORMER_FLAGS) & set(FLAGS)


@pytest.mark.parametrize("figure", [*FIGURES, *COMPARED.figures], ids=lambda figure: figure.file)
def test_figures_depend_on_settings_that_exist(figure: Figure) -> None:
    assert set(figure.settings) <= {field.name for field in dataclasses.fields(VisualizeConfig)}


def test_numbers_of_every_chapter_have_a_place_in_metrics_json() -> None:
    sections = [one.section for one in load_chapters() if "metrics" in vars(one)]
    assert all(sections)
    assert len(set(sections)) == len(sections)
