"""Blending pixels against walking between codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from latentspace.chapters.figure import (
    Figure,
    count_hold_frames,
    describe_classifier,
    format_model,
    maps_unavailable,
)

if TYPE_CHECKING:
    from latentspace.chapters.study import Study

PATH_NAMES = {"linear": "straight", "spherical": "sphere", "data": "along data"}
ROWS = {"pixels": "pixels", "linear": "straight", "data": "along data"}
MEASURES = {  # in words, and how they are written
    "confidence": ("the judge's mean confidence", ".3f"),
    "grey_share": ("share of grey ink", ".2f"),
    "nearest_distance": ("distance to the nearest training image", ".1f"),
}
ON_MAP_PAIRS = 4


def _paths_unavailable(study: Study) -> str | None:
    return study.interpolation.unavailable


def _format_numbers(study: Study) -> str:
    numbers = study.interpolation.metrics
    measures = {name: words for name, words in MEASURES.items() if name in numbers["real_images"]}
    parts = [
        f"{words} " + ", ".join(f"{numbers[kind][name]:{MEASURES[name][1]}}" for name in measures)
        for kind, words in {**ROWS, "real_images": "real test images"}.items()
    ]
    return (
        f"Over {study.interpolation.scored_pairs} pairs "
        f"{', '.join(words for words, _ in measures.values())}: {'; '.join(parts)}. {describe_classifier(study)}"
    )


def _interpolation(study: Study, fps: float) -> dict[str, Any]:
    chapter = study.interpolation
    return {
        "paths": {name: chapter.paths[kind] for kind, name in ROWS.items()},
        "pair_names": chapter.pair_names,
        "title": "From one image to another",
        "caption": (
            f"Test images of {study.data.name}, {format_model(study)}. The two images blended; the "
            "straight line between their codes, decoded; and the way between their codes that "
            "keeps to where training codes are dense. "
            + (
                _format_numbers(study)
                if study.options.thorough
                else "Measured with --interpolation."
            )
        ),
    }


def _make_loop(
    title: str, *, pixels: bool, codes: bool
) -> Callable[[Study, float], dict[str, Any]]:
    def make_arguments(study: Study, fps: float) -> dict[str, Any]:
        path = study.options.path
        rows = {"pixels": "pixels"} if pixels else {}
        if codes:
            rows[path] = "codes"
        return {
            "paths": {name: study.interpolation.paths[kind] for kind, name in rows.items()},
            "hold_frames": count_hold_frames(fps),
            "title": title,
            "caption": (
                f"Pairs of test images of {study.data.name}, {format_model(study)}."
                + (f" Way between the codes: {PATH_NAMES[path]}." if codes else "")
            ),
        }

    return make_arguments


def _corner_grid(study: Study, fps: float) -> dict[str, Any]:
    chapter = study.interpolation
    return {
        "grid": chapter.grid,
        "corner_names": [corner.name for corner in chapter.corners],
        "title": "Four images, blended by their codes",
        "caption": (
            f"{study.data.name}, {format_model(study)}. Codes are interpolated bilinearly between "
            "the corners and decoded."
        ),
    }


def _tour(study: Study, fps: float) -> dict[str, Any]:
    return {
        "frames": study.interpolation.tour,
        "title": "Through all classes, along the data",
        "caption": (
            f"{study.data.name}, {format_model(study)}. From the typical image of each class to that "
            "of the next, and back to the first, where training codes are dense."
        ),
    }


def _on_map(study: Study, fps: float) -> dict[str, Any]:
    chapter = study.interpolation
    kinds = {"linear": "straight line", "data": "along the data"}
    return {
        "points": study.maps.get_points("latent"),
        "labels": study.maps.labels,
        "class_names": study.data.class_names,
        "paths": {name: chapter.locate_on_map(kind)[:ON_MAP_PAIRS] for kind, name in kinds.items()},
        "images": {name: chapter.paths[kind][:ON_MAP_PAIRS] for kind, name in kinds.items()},
        "title": "Ways between codes on the map of the codes",
        "caption": (
            f"Map of {len(study.maps.indices):,} {study.maps.split_name} of {study.data.name}, "
            f"{format_model(study)}. A code on a way stands at the median place of its ten nearest "
            "codes on the map, so that a way through empty space jumps."
        ),
    }


FIGURES = (
    Figure(
        "--interpolation",
        "interpolation.png",
        "rows of blended pixels, of the straight line between codes, of the way along the data",
        "interpolation",
        "chapters.interpolate.draw.draw_interpolation",
        _interpolation,
        unavailable=_paths_unavailable,
    ),
    Figure(
        "--interpolation",
        "interpolation_pixel.gif",
        "blending pixels, as a loop",
        None,
        "chapters.interpolate.draw.draw_interpolation_loop",
        _make_loop("Blending pixels", pixels=True, codes=False),
        unavailable=_paths_unavailable,
    ),
    Figure(
        "--interpolation",
        "interpolation_latent.gif",
        "walking between codes, as a loop",
        None,
        "chapters.interpolate.draw.draw_interpolation_loop",
        _make_loop("Walking between codes", pixels=False, codes=True),
        unavailable=_paths_unavailable,
    ),
    Figure(
        "--interpolation",
        "interpolation.gif",
        "blending pixels over walking between codes, as a loop",
        None,
        "chapters.interpolate.draw.draw_interpolation_loop",
        _make_loop("Blending pixels, walking between codes", pixels=True, codes=True),
        unavailable=_paths_unavailable,
    ),
    Figure(
        "--interpolation",
        "interpolation_grid.png",
        "four images blended by their codes in a square",
        None,
        "drawing.grids.draw_corner_grid",
        _corner_grid,
        in_story=False,
        unavailable=_paths_unavailable,
    ),
    Figure(
        "--interpolation",
        "interpolation_grid.gif",
        "a walk through that square",
        None,
        "drawing.grids.draw_grid_walk",
        _corner_grid,
        in_story=False,
        unavailable=_paths_unavailable,
    ),
    Figure(
        "--interpolation",
        "tour.gif",
        "one loop through all classes along the data",
        None,
        "chapters.interpolate.draw.draw_tour",
        _tour,
        in_story=False,
        unavailable=_paths_unavailable,
    ),
    Figure(
        "--interpolation",
        "interpolation_on_map.png",
        "straight ways and ways along the data, on the map of the codes",
        "maps",
        "chapters.interpolate.draw.draw_paths_on_map",
        _on_map,
        in_story=False,
        unavailable=lambda study: _paths_unavailable(study) or maps_unavailable(study),
    ),
)
