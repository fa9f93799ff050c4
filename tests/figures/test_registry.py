from __future__ import annotations

import importlib

import pytest

from latentspace.figures.registry import FIGURES, FLAGS, Figure


def test_files_are_unique_and_flags_are_known() -> None:
    files = [figure.file for figure in FIGURES]
    assert len(set(files)) == len(files)
    assert {figure.flag for figure in FIGURES} == {*FLAGS, "--place"}
    assert {file.rsplit(".", 1)[1] for file in files} == {"png", "gif"}


def test_maps_are_named_by_their_method() -> None:
    names = {figure.file: figure.file_by("umap") for figure in FIGURES}
    assert names["tsne_pixel.png"] == "umap_pixel.png"
    assert names["tsne_3d.gif"] == "umap_3d.gif"
    assert names["cousins.png"] == "cousins.png"
    assert all(figure.file_by("tsne") == figure.file for figure in FIGURES)


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.file)
def test_every_function_exists_and_says_what_it_returns(figure: Figure) -> None:
    module, name = figure.function.split(".")
    function = getattr(importlib.import_module(f"latentspace.figures.{module}"), name)
    assert "uint8" in function.__doc__
