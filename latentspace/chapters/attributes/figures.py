"""Attributes put on, taken off and swept, and analogies."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from latentspace.chapters.attributes.analogies import TRANSPORT, Analogies, name_way
from latentspace.chapters.attributes.changes import AttributeChanges
from latentspace.chapters.attributes.sweeps import SHOWN_STEPS, AttributeSweeps
from latentspace.chapters.attributes.values import LEAST_MEMBERS, AttributeValues
from latentspace.chapters.captions import (
    count_hold_frames,
    describe_classifier,
    format_metric,
    format_model,
)
from latentspace.chapters.figure import Drawing, Recipe
from latentspace.chapters.study import Study
from latentspace.core.documents import read_tables
from latentspace.drawing import grids
from latentspace.drawing.text import Text

MEASURES = read_tables(__file__)
OF_ATTRIBUTES = (AttributeSweeps, AttributeChanges)
SHOWN_ATTRIBUTES, ANALOGY_ROWS = 8, 2
STILL_STRIDE = 4  # a still picture shows every fourth step of the moving one
STILL_STEPS = len(range(0, SHOWN_STEPS, STILL_STRIDE))


def draw_attributes(study: Study) -> Drawing:
    sections = _list_sections(study)
    found = [replace(one, images=one.images[:, ::STILL_STRIDE]) for one in sections]
    return Drawing.of_images(grids.draw_grids, _describe_attributes(study), grids=found)


def draw_moving_attributes(study: Study) -> Drawing:
    sections = _list_sections(study)  # of which each becomes a row of moving images
    found = [replace(one, headings=[], images=one.images[np.newaxis]) for one in sections]
    text, hold = _describe_attributes(study), count_hold_frames(study.settings.fps)
    draw = grids.draw_grid_loop
    return Drawing.of_images(draw, text, moving=True, grids=found, hold_frames=hold)


def draw_analogies(study: Study) -> Drawing:
    chapter, numbers = study.of(Analogies), study.of(Analogies).metrics["attributes"]
    names = [name for name in choose_attributes(study) if name in chapter.names]
    triples = {name: chapter.choose(name, ANALOGY_ROWS) for name in names}
    solved = {name: chapter.solve(name, triples[name]) for name in names}
    carried = np.concatenate([ways[TRANSPORT] for ways in solved.values()])
    nearest = study.references[study.search.find(carried)[1]]
    found = []
    for name in names:
        images, right = study.images[triples[name]], chapter.find_truth(name, triples[name])
        columns = {
            **dict(zip(("A with", "A without", "B without"), images, strict=True)),
            **{name_way(way): made for way, made in solved[name].items()},
            **({} if right is None else {"the truth": right}),
            "nearest of training": nearest[: len(images[0])],
        }
        nearest = nearest[len(images[0]) :]
        title = f"{name}{_format_analogy(numbers[name])}"
        found.append(grids.Grid(list(columns), [], np.stack(list(columns.values()), axis=1), title))
    text = Text(
        "A with − A without + B without = B with",
        f"Test images of {study.data.title}, {format_model(study)}. Pixels and single codes are "
        "added as they are; the difference of means, all else equal, and the transport of what A "
        "has are learnt from training images. The last column shows the training image nearest to "
        "the result of the transport. Error: median squared error against the truth, the same "
        "image drawn with what A has, which only drawn images have. Called so: by a network that "
        "knows real images only.",
    )
    return Drawing.of_images(grids.draw_grids, text, grids=found)


def _format_analogy(numbers: Mapping[str, Any]) -> str:
    """What was measured, after the name; empty where nothing could be."""
    parts = []
    for measure, words, form in (("error", "error", ".4f"), ("called_so", "called so", ".0%")):
        known: list[str] = []
        for way, found in numbers.items():
            known += format_metric(name_way(way), found.get(measure, np.nan), form)
        parts += [f"{words}: {', '.join(known)}"] if known else []
    return ": " * bool(parts) + "; ".join(parts)


def choose_attributes(study: Study) -> list[str]:
    """The attributes to show: those asked for, or those known most reliably."""
    sweeps, changes = study.of(AttributeSweeps), study.of(AttributeChanges)
    changed = {name: changes.rank[name] for name in changes.names}
    ranks = sweeps.metrics.get("reliability", {}) | changed
    if asked := study.settings.attribute:
        return [name for name in asked if name in ranks]
    return sorted(ranks, key=lambda name: -ranks[name])[:SHOWN_ATTRIBUTES]


def _explain_no_analogies(study: Study) -> str | None:
    return _explain_no_attributes(study) or (
        None if study.of(Analogies).names else "no attribute is one that images have or have not"
    )


def _explain_no_attributes(study: Study) -> str | None:
    if choose_attributes(study):
        return None
    return (
        study.of(AttributeValues).unavailable
        or study.of(AttributeSweeps).nothing_to_sweep
        or f"attributes need {LEAST_MEMBERS} training images that have each, and as many without"
    )


def _list_sections(study: Study) -> Iterator[grids.Grid]:
    """By attribute its images (images, steps, H, W, C), with what was measured of it."""
    sweeps, changes = study.of(AttributeSweeps), study.of(AttributeChanges)
    for name in choose_attributes(study):
        if name in sweeps.names:
            images = sweeps.shown[sweeps.names.index(name)]
            headings = [f"{step:+g}" for step in np.linspace(-2, 2, STILL_STEPS)]
            title = _format_measures(sweeps.metrics, name, "sweeps")
        else:
            images = changes.shown[name]
            headings = ["without", *[""] * (STILL_STEPS - 2), "with"]
            title = _format_measures(changes.metrics, name, "changes", ("pca", "pixels"))
        yield grids.Grid(headings, [], images, title)


def _format_measures(
    numbers: Mapping[str, Any], name: str, kind: str, beside: Sequence[str] = ()
) -> str:
    """An attribute with what was measured of it, in brackets the same in what stands beside it."""
    parts: list[str] = []
    for measure, (words, form) in MEASURES[kind].items():
        others = " · ".join(f"{numbers[other][measure][name]:{form}}" for other in beside)
        found = format_metric(words, numbers["codes"][measure][name], form)
        parts += [f"{each} ({others})" if others else each for each in found]
    parts += format_metric("reliability", numbers["reliability"][name], ".1f")
    return f"{name}: {', '.join(parts)}" + " (means nothing)" * (name in numbers["meaningless"])


def _describe_attributes(study: Study) -> Text:
    shown, sweeps = choose_attributes(study), study.of(AttributeSweeps)
    about = f"Test images of {study.data.title}, {format_model(study)}. "
    if set(shown) & set(sweeps.names):
        about += (
            "Numbers go from −2 to +2 standard deviations within the class; slope: measured change "
            "for a step of one; leakage: largest change of another number. "
        )
    if set(shown) - set(sweeps.names):
        readers = study.of(AttributeChanges).metrics["reader"]
        named = [name for name in shown if name in readers]
        about += (
            "What an image has or has not is put on and taken off by transport between the "
            "Gaussians of both, corrected until all else is read off the code as before. In "
            "brackets by PCA of as many components · by adding means of pixels. AUROC: of reading "
            "it off unseen images. What is called so, and what is kept, is read by a network of "
            "real images alone, "
            f"{', '.join(f'{name} {readers[name]:.2f}' for name in named)} right on unseen ones "
            "(balanced). "
        )
    about += f"Reliability: Cohen's d (Liu et al. 2019). {describe_classifier(study)}"
    return Text("Attributes, changed along directions of latent space", about.strip())


RECIPES: Mapping[str, Recipe[Study]] = {
    "attributes.png": Recipe(draw_attributes, OF_ATTRIBUTES, _explain_no_attributes),
    "attributes.gif": Recipe(draw_moving_attributes, OF_ATTRIBUTES, _explain_no_attributes),
    "analogy.png": Recipe(draw_analogies, (Analogies,), _explain_no_analogies),
}
