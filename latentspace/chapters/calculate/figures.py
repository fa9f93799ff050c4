"""Calculating with codes: sums, class transfer, attributes, axes, new images."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from latentspace.chapters.calculate import draw
from latentspace.chapters.calculate.arithmetic import Arithmetic
from latentspace.chapters.calculate.attributes import AttributeSweeps
from latentspace.chapters.calculate.strokes import ATTRIBUTES
from latentspace.chapters.calculate.traversals import SHOWN_CLASSES, Traversals
from latentspace.chapters.captions import (
    count_hold_frames,
    describe_classifier,
    format_metric,
    format_model,
    strip_folders,
)
from latentspace.chapters.figure import Drawing, Recipe
from latentspace.chapters.study import Study
from latentspace.drawing import grids
from latentspace.drawing.grids import Grid
from latentspace.drawing.text import Text

STILL_STRIDE = 4  # a still picture shows every fourth step of the moving one


def draw_arithmetic(study: Study) -> Drawing:
    """Sums of codes beside class means and transport, or an expression."""
    about = f"{study.data.name}, {format_model(study)}; images are decoded from codes."
    if study.settings.expression:
        about += f" = {strip_folders(study.settings.expression)}."
    elif study.classifier_unavailable is None:
        about += (
            " A sum of codes leaves the region where codes of images lie. Moving by the difference "
            "of class means keeps more; carrying a code over from the Gaussian of its class to "
            "that of another keeps it inside. "
            + (_format_transport(study) if study.thorough else "Measured with --arithmetic.")
        )
    text = Text("Calculating with codes", about)
    sections = study.of(Arithmetic).make_sections()
    return Drawing(grids.draw_grids(grids=sections, text=text), text)


def _format_transport(study: Study) -> str:
    numbers = study.of(Arithmetic).metrics
    means, transport = (
        f"{found['target_accuracy']:.3f} (nearest training image at "
        f"{found['nearest_distance']:.1f})"
        for found in (numbers["class_means"], numbers["transport"])
    )
    return (
        "Share of test images moved to another class that the reference classifier calls that "
        f"class: by class means {means}, by transport {transport}. {describe_classifier(study)}"
        f"{study.of(Arithmetic).choice}"
    )


def draw_class_transfer(study: Study) -> Drawing:
    """Test images transferred to every other class, their writing style kept."""
    chapter = study.of(Arithmetic)
    numbers = chapter.metrics["transport"]
    kept = ", ".join(
        f"{name} {numbers[f'{name}_kept']:.2f}"
        for name in ("slant", "thickness")
        if np.isfinite(numbers.get(f"{name}_kept", np.nan))
    )
    text = Text(
        "Class transfer: another class, the same style",
        f"Left: test images of {study.data.name}. Right of each: its code, transported between "
        f"the Gaussians of the classes ({format_model(study)}). {_format_transport(study)}"
        + (f" Rank correlation before and after: {kept}." if kept else ""),
    )
    return Drawing(grids.draw_grids(grids=[chapter.class_transfer], text=text), text)


def draw_attributes(study: Study) -> Drawing:
    """Every attribute swept, step by step."""
    text, sections = _describe_attributes(study), _label_attributes(study)
    columns = len(next(iter(sections.values()))[0, ::STILL_STRIDE])
    headings = [f"{step:+g}" for step in np.linspace(-2, 2, columns)]
    found = [
        Grid([] if number else headings, [], images[:, ::STILL_STRIDE], title)
        for number, (title, images) in enumerate(sections.items())
    ]
    return Drawing(grids.draw_grids(grids=found, text=text), text)


def draw_moving_attributes(study: Study) -> Drawing:
    """The same, each cell sweeping."""
    text = _describe_attributes(study)
    found = [
        Grid([], [], images[np.newaxis], title)  # (1, images, steps, H, W, C)
        for title, images in _label_attributes(study).items()
    ]
    hold_frames = count_hold_frames(study.settings.fps)
    return Drawing(grids.draw_grid_loop(grids=found, hold_frames=hold_frames, text=text), text)


def _label_attributes(study: Study) -> dict[str, np.ndarray]:
    """Images (images, steps, H, W, C) by attribute, with what was measured of each."""
    chapter = study.of(AttributeSweeps)
    numbers, found = chapter.metrics, {}
    for name, images in zip(ATTRIBUTES, chapter.shown, strict=True):
        measured = {measure: values[name] for measure, values in numbers["codes"].items()}
        parts = [
            *format_metric("slope", measured["slope"], ".2f"),
            *format_metric("rank correlation", measured["spearman"], ".2f"),
            *format_metric("same class", measured["same_class"], ".1%"),
            *format_metric("leakage", measured["leakage"], ".2f"),
            *format_metric("reliability", numbers["reliability"][name], ".1f"),
        ]
        nothing = " (means nothing)" if name in numbers["meaningless"] else ""
        found[f"{name}: {', '.join(parts)}{nothing}"] = images
    return found


def _describe_attributes(study: Study) -> Text:
    return Text(
        "Stroke attributes, from −2 to +2 standard deviations within the class",
        f"Test images of {study.data.name}, {format_model(study)}. Slope: measured change for a "
        "step of one standard deviation. Leakage: largest change of another attribute shown "
        f"here. Reliability: Cohen's d (Liu et al. 2019). {describe_classifier(study)}",
    )


def draw_traversals(study: Study) -> Drawing:
    """A panel an axis: the mean code and real images, moved along it."""
    axes, text = study.of(Traversals).axes, _describe_traversals(study)
    frame = draw.draw_traversals(
        panels={
            f"{name}: {change:.1f}": images[:, ::STILL_STRIDE]
            for name, change, images in zip(axes.names, axes.changes, axes.images, strict=True)
        },
        starts=axes.starts,
        text=text,
    )
    return Drawing(frame, text)


def draw_moving_traversals(study: Study) -> Drawing:
    """The same, a column an axis, each cell moving."""
    axes, text = study.of(Traversals).axes, _describe_traversals(study)
    found = [
        Grid(
            [name.split(",")[0] for name in axes.names[start : start + draw.MOVING_COLUMNS]],
            axes.starts,
            axes.images[start : start + draw.MOVING_COLUMNS].swapaxes(0, 1),
        )
        for start in range(0, len(axes.names), draw.MOVING_COLUMNS)
    ]
    return Drawing(grids.draw_grid_loop(grids=found, hold_frames=1, text=text), text)


def _describe_traversals(study: Study) -> Text:
    chapter = study.of(Traversals)
    dead = chapter.dead_units
    alive = "No unit is dead." if chapter.deviations.any() else ""  # one image tells none
    return Text(
        "Moving along axes of latent space",
        f"{study.data.name}, {format_model(study)}. The mean code and test images, moved along "
        "each axis from the 1% to the 99% quantile of the training codes; first the axes that "
        "change the image most (number: Euclidean distance of the ends, of the mean code). "
        + (f"Dead units: {', '.join(map(str, dead))}." if dead else alive),
    )


def draw_samples(study: Study) -> Drawing:
    """New images, drawn from a Gaussian per class and from one for all."""
    chapter = study.of(Traversals)
    names, images = [], []
    for name, (drawn, confidence) in chapter.samples.items():
        names.append(name if confidence is None else f"{name} ({confidence:.2f})")
        images.append(drawn)
    real = chapter.real_confidence
    measured = ""
    if real is not None:
        measured = (
            " In brackets the reference classifier's mean confidence in 1,000 of them (of a class: "
            f"in that class); in real test images {real:.2f}. {describe_classifier(study)}"
        )
    text = Text(
        "New images, drawn from Gaussians of the codes",
        f"{study.data.name}, {format_model(study)}. One Gaussian for all training codes, and one "
        f"per class{_name_first_of(study)}; a plain autoencoder has no other prior.{measured}",
    )
    return Drawing(grids.draw_grids(grids=[Grid([], names, np.stack(images))], text=text), text)


def _name_first_of(study: Study) -> str:
    count = len(study.data.class_names)
    return f" (the first {SHOWN_CLASSES} of {count})" if count > SHOWN_CLASSES else ""


RECIPES: Mapping[str, Recipe[Study]] = {
    "arithmetic.png": Recipe(draw_arithmetic, (Arithmetic,)),
    "class_transfer.png": Recipe(
        draw_class_transfer, (Arithmetic,), lambda study: study.classifier_unavailable
    ),
    "attributes.png": Recipe(draw_attributes, (AttributeSweeps,)),
    "attributes.gif": Recipe(draw_moving_attributes, (AttributeSweeps,)),
    "traversals.png": Recipe(draw_traversals, (Traversals,)),
    "traversals.gif": Recipe(draw_moving_traversals, (Traversals,)),
    "samples.png": Recipe(draw_samples, (Traversals,)),
}
