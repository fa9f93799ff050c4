"""Every number in a caption was measured, chosen or counted."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import LinearRun, make_study

from latentspace.chapters import FIGURES, load_chapters, load_recipes
from latentspace.chapters.interpolate.measure import Interpolation
from latentspace.chapters.study import Study
from latentspace.datasets import ImageDataset
from latentspace.report.gallery import find_unavailable

# What is fixed and says what a number is: neighbours, intervals, quantiles, years, formulas.
FIXED = re.compile(
    r"10-NN|95% interval|from the 1% to the 99%|from −2 to \+2|"
    r"\b(19|20)\d\d\b|0\.5 says|1 detects|1,000 of them|"
    r"#\d+|\d+x\d+|PCA-\d+|seed \d+"
)
NUMBER = re.compile(r"[-+−]?\d[\d,]*(?:\.\d+)?%?")


def list_numbers(value: Any) -> Iterator[float]:
    """All numbers in something nested, and how many things are in it."""
    if isinstance(value, Mapping):
        yield len(value)
        for inner in value.values():
            yield from list_numbers(inner)
    elif isinstance(value, np.ndarray):
        yield from map(float, value.shape)
        if value.size < 1000:
            yield from map(float, value.ravel())
    elif isinstance(value, str):
        yield from (float(found.replace(",", "")) for found in re.findall(r"\d[\d,]*\.?\d*", value))
    elif isinstance(value, Iterable):
        inside = list(value)
        yield len(inside)
        for inner in inside:
            yield from list_numbers(inner)
    elif isinstance(value, int | float | np.number) and np.isfinite(value):
        yield float(value)


def is_known(text: str, known: list[float]) -> bool:
    """Whether a number as it is written is one of those known, rounded."""
    plain = text.replace(",", "").replace("−", "-").lstrip("+")
    percent = plain.endswith("%")
    plain = plain.rstrip("%")
    digits = len(plain.partition(".")[2])
    scale = 100 if percent else 1
    sign = (1,) if plain.startswith("-") else (1, -1)
    return any(f"{s * scale * one:.{digits}f}" == plain for one in known for s in sign)


def list_known(study: Study) -> list[float]:
    """Numbers of metrics.json, of settings as used, of the run, and counts of the data."""
    chapters = [study.of(chapter) for chapter in load_chapters()]
    everything = [
        *(one.metrics for one in chapters if one.unavailable is None),
        *(one.settings_used for one in chapters if one.unavailable is None),
        dataclasses.asdict(study.settings),
        study.run.latent_dim,
        study.classifier.facts if study.classifier else {},
        {f.name: getattr(study.data, f.name) for f in dataclasses.fields(study.data)},
        study.data.image_shape,
        study.of(Interpolation).scored_pairs,
        len(study.reference_rows),
        len(study.fit_indices),
    ]
    return [number for one in everything for number in list_numbers(one)]


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_every_number_in_a_caption_is_known(
    linear_run: LinearRun, tiny: ImageDataset, tmp_path: Path
) -> None:
    run = dataclasses.replace(linear_run, history_unavailable="a stand-in was not trained")
    study = make_study(run, tiny, tmp_path, with_classifier=True)
    known, recipes = list_known(study), load_recipes()
    captions = {}
    for figure in FIGURES:
        recipe = recipes[figure.file]
        if figure.is_animation or figure.dims not in (None, study.settings.dims):
            continue
        if find_unavailable(recipe, study) is None:
            captions[figure.file] = recipe.draw(study).text.caption
    assert len(captions) > 12
    unknown = {
        file: [one for one in NUMBER.findall(FIXED.sub("", text)) if not is_known(one, known)]
        for file, text in captions.items()
    }
    assert {file: found for file, found in unknown.items() if found} == {}


def test_a_number_that_nobody_measured_is_found() -> None:
    assert is_known("12.3%", [0.1234])
    assert is_known("+0.012", [0.01249])
    assert is_known("1,234", [1234])
    assert not is_known("0.457", [0.4512, 45.7])
