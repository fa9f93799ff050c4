"""Calculating with codes: sums, other classes in the same hand, attributes, axes, new images."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from latentspace.chapters.figure import (
    Figure,
    count_hold_frames,
    describe_classifier,
    format_metric,
    format_model,
    strip_folders,
)

if TYPE_CHECKING:
    from latentspace.chapters.study import Study

STILL_STRIDE = 4  # a still picture shows every fourth step of the moving one
MOVING_COLUMNS = 5
TRAVERSALS_TITLE = "Walking along axes of latent space"


def _arithmetic(study: Study, fps: float) -> dict[str, Any]:
    about = f"{study.data.name}, {format_model(study)}; images are decoded from codes."
    if study.options.expression:
        about += f" = {strip_folders(study.options.expression)}."
    elif study.arithmetic.unavailable is None:
        about += (
            " A sum of codes leaves the region where codes of images lie. Moving by the difference "
            "of class means keeps more; carrying a code over from the Gaussian of its class to "
            "that of another keeps it inside. "
            + (
                _format_transport(study)
                if study.options.thorough
                else "Measured with --arithmetic."
            )
        )
    return {
        "grids": study.arithmetic.make_sections(),
        "title": "Calculating with codes",
        "caption": about,
    }


def _format_transport(study: Study) -> str:
    numbers = study.arithmetic.metrics
    parts = [
        f"{name} {found['target_accuracy']:.3f} (nearest training image at "
        f"{found['nearest_distance']:.1f})"
        for name, found in (
            ("by class means", numbers["class_means"]),
            ("by transport", numbers["transport"]),
        )
    ]
    return (
        "Share of test images moved to another class that the judge calls that class: "
        f"{', '.join(parts)}. {describe_classifier(study)}"
    )


def _class_transfer(study: Study, fps: float) -> dict[str, Any]:
    kept = study.arithmetic.metrics["transport"]
    hand = ", ".join(
        f"{name} {kept[f'{name}_kept']:.2f}"
        for name in ("slant", "thickness")
        if np.isfinite(kept.get(f"{name}_kept", np.nan))
    )
    return {
        "grids": [study.arithmetic.class_transfer],
        "title": "Same hand, other class",
        "caption": (
            f"Left: test images of {study.data.name}. Right of each: its code, transported between "
            f"the Gaussians of the classes ({format_model(study)}). {_format_transport(study)}"
            + (f" Rank correlation before and after: {hand}." if hand else "")
        ),
    }


def _attributes(study: Study) -> dict[str, Any]:
    chapter, numbers = study.attributes, study.attributes.metrics
    grids = []
    for name, images in zip(chapter.directions.names, chapter.shown, strict=True):
        found = {measure: values[name] for measure, values in numbers["codes"].items()}
        parts = [
            *format_metric("slope", found["slope"], ".2f"),
            *format_metric("rank correlation", found["spearman"], ".2f"),
            *format_metric("same class", found["same_class"], ".1%"),
            *format_metric("leakage", found["leakage"], ".2f"),
            *format_metric("reliability", numbers["reliability"][name], ".1f"),
        ]
        nothing = " (means nothing)" if name in numbers["meaningless"] else ""
        title = f"{name}: {', '.join(parts)}{nothing}"
        grids.append(SimpleNamespace(headings=[], names=[], images=images, title=title))
    return {
        "grids": grids,
        "title": "Stroke attributes, from −2 to +2 standard deviations within the class",
        "caption": (
            f"Test images of {study.data.name}, {format_model(study)}. Slope: measured change for a "
            "step of one standard deviation. Leakage: largest change of another attribute shown "
            f"here. Reliability: Cohen's d (Liu et al. 2019). {describe_classifier(study)}"
        ),
    }


def _attributes_still(study: Study, fps: float) -> dict[str, Any]:
    arguments = _attributes(study)
    for grid in arguments["grids"]:
        grid.images = grid.images[:, ::STILL_STRIDE]
    columns = arguments["grids"][0].images.shape[1]
    arguments["grids"][0].headings = [f"{4 * c / (columns - 1) - 2:+g}" for c in range(columns)]
    return arguments


def _attributes_moving(study: Study, fps: float) -> dict[str, Any]:
    arguments = _attributes(study)
    for grid in arguments["grids"]:
        grid.images = grid.images[None]  # (1, images, steps, H, W, C): each cell sweeps
    return {**arguments, "hold_frames": count_hold_frames(fps)}


def _axes_unavailable(study: Study) -> str | None:
    return study.traversals.unavailable


def _traversals(study: Study) -> tuple[SimpleNamespace, str]:
    axes = study.traversals.axes
    names = [f"{name}: {change:.1f}" for name, change in zip(axes.names, axes.changes, strict=True)]
    dead = study.traversals.dead_units
    alive = "No unit is dead." if study.traversals.deviations.any() else ""  # one image tells none
    caption = (
        f"{study.data.name}, {format_model(study)}. The mean code moved from the 1% to the 99% "
        "quantile of the training codes; first the axes that change the image most (by the "
        "Euclidean distance of the ends). "
        + (f"Dead units: {', '.join(map(str, dead))}." if dead else alive)
    )
    return SimpleNamespace(headings=[], names=names, images=axes.images, title=""), caption


def _traversals_still(study: Study, fps: float) -> dict[str, Any]:
    grid, caption = _traversals(study)
    grid.images = grid.images[:, ::STILL_STRIDE]
    return {"grids": [grid], "title": TRAVERSALS_TITLE, "caption": caption}


def _traversals_moving(study: Study, fps: float) -> dict[str, Any]:
    grid, caption = _traversals(study)
    grids = [
        SimpleNamespace(
            headings=[name.split(",")[0] for name in study.traversals.axes.names[row]],
            names=[],
            images=grid.images[np.newaxis, row],
            title="",
        )
        for start in range(0, len(grid.images), MOVING_COLUMNS)
        for row in [slice(start, start + MOVING_COLUMNS)]
    ]
    return {"grids": grids, "hold_frames": 1, "title": TRAVERSALS_TITLE, "caption": caption}


def _samples(study: Study, fps: float) -> dict[str, Any]:
    chapter = study.traversals
    names, images = [], []
    for name, (drawn, confidence) in chapter.samples.items():
        names.append(name if confidence is None else f"{name} ({confidence:.2f})")
        images.append(drawn)
    real = chapter.real_confidence
    return {
        "grids": [SimpleNamespace(headings=[], names=names, images=np.stack(images), title="")],
        "title": "New images, drawn from Gaussians of the codes",
        "caption": (
            f"{study.data.name}, {format_model(study)}. One Gaussian for all training codes, and one "
            "per class; a plain autoencoder has no other prior."
            + (
                f" In brackets the judge's mean confidence in 1,000 of them (of a class: in that "
                f"class); in real test images {real:.2f}. {describe_classifier(study)}"
                if real is not None
                else ""
            )
        ),
    }


FIGURES = (
    Figure(
        "--arithmetic",
        "arithmetic.png",
        "sums of codes beside class means and transport, or --expression",
        "arithmetic",
        "drawing.grids.draw_grids",
        _arithmetic,
    ),
    Figure(
        "--arithmetic",
        "class_transfer.png",
        "test images carried over to every other class in the same hand",
        "arithmetic",
        "drawing.grids.draw_grids",
        _class_transfer,
        in_story=False,
        unavailable=lambda study: study.arithmetic.unavailable,
    ),
    Figure(
        "--attributes",
        "attributes.png",
        "slant, thickness, width and height changed step by step",
        "attributes",
        "drawing.grids.draw_grids",
        _attributes_still,
        in_story=False,
        unavailable=lambda study: study.attributes.unavailable,
    ),
    Figure(
        "--attributes",
        "attributes.gif",
        "the same, moving",
        "attributes",
        "drawing.grids.draw_moving_grids",
        _attributes_moving,
        in_story=False,
        unavailable=lambda study: study.attributes.unavailable,
    ),
    Figure(
        "--traversals",
        "traversals.png",
        "the mean code moved along principal axes or single units",
        "traversals",
        "drawing.grids.draw_grids",
        _traversals_still,
        in_story=False,
        unavailable=_axes_unavailable,
    ),
    Figure(
        "--traversals",
        "traversals.gif",
        "the same, moving",
        None,
        "drawing.grids.draw_moving_grids",
        _traversals_moving,
        in_story=False,
        unavailable=_axes_unavailable,
    ),
    Figure(
        "--traversals",
        "samples.png",
        "new images drawn from a Gaussian per class and from one for all",
        "traversals",
        "drawing.grids.draw_grids",
        _samples,
        in_story=False,
        unavailable=_axes_unavailable,
    ),
)
