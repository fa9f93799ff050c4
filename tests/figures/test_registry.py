from __future__ import annotations

import importlib

import pytest

from latentspace.figures.registry import FIGURES, FLAGS, Figure


def test_files_are_unique_and_flags_are_known() -> None:
    files = [figure.file for figure in FIGURES]
    assert len(set(files)) == len(files)
    assert {figure.flag for figure in FIGURES} == set(FLAGS)
    assert {file.rsplit(".", 1)[1] for file in files} == {"png", "gif"}


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.file)
def test_every_function_exists_and_says_what_it_returns(figure: Figure) -> None:
    module, name = figure.function.split(".")
    function = getattr(importlib.import_module(f"latentspace.figures.{module}"), name)
    assert "uint8" in function.__doc__
