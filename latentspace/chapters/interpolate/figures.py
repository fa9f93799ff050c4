"""Blending pixels against walking between codes."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from latentspace.chapters.captions import count_hold_frames, describe_classifier, format_model
from latentspace.chapters.figure import Drawing, Recipe
from latentspace.chapters.interpolate import draw
from latentspace.chapters.interpolate.measure import AUTO, PIXELS, REAL, Interpolation
from latentspace.chapters.interpolate.paths import choose_steps
from latentspace.chapters.maps.describe import describe_images, describe_maps
from latentspace.chapters.maps.measure import Maps
from latentspace.chapters.study import Study
from latentspace.core.errors import to_printable
from latentspace.drawing.grids import Grid, draw_grid_loop, draw_grids
from latentspace.drawing.layout import Page
from latentspace.drawing.text import Text

PATH_NAMES = {"linear": "straight", "spherical": "sphere", "data": "along data"}
ROWS = {PIXELS: "pixels", "linear": "straight", "data": "along data"}
MEASURES = {  # in words, and how they are written
    "confidence": ("the reference classifier's mean confidence", ".3f"),
    "sharpness": ("sharpness", ".3f"),
    "nearest_distance": ("distance to the nearest training image", ".1f"),
}
STILL_STEPS = 11
LOOP_COLUMNS, LOOP_SIDE = 4, 112  # pairs side by side; pixels of an image
LOOPS = {"pixels": "blending pixels", "codes": "walking between codes"}
ON_MAP = {"linear": "straight line", "data": "along the data"}
ON_MAP_PAIRS = 3
NAME_LETTERS = 24  # of an image, above a panel


def draw_rows(study: Study) -> Drawing:
    chapter = study.of(Interpolation)
    text = Text(
        "From one image to another",
        f"Test images of {study.data.title}, {format_model(study)}. The two images blended; the "
        "straight line between their codes, decoded; and the path between their codes that keeps "
        "to where codes of images lie. "
        + (_describe_numbers(study) if study.thorough else "Measured with --interpolation."),
    )
    images = np.stack([chapter.get_images(kind) for kind in ROWS], axis=1)
    steps = choose_steps(images.shape[2], STILL_STEPS)
    headings, found = [f"{step / steps[-1]:.1f}" for step in steps], list[Grid]()
    for (first, second), shown in zip(chapter.pairs, images[:, :, steps], strict=True):
        title = f"{first.name} → {second.name}"
        found.append(Grid([] if found else headings, [*ROWS.values()], shown, title))
    return Drawing.of_images(draw_grids, text, grids=found)


def _describe_numbers(study: Study) -> str:
    chapter = study.of(Interpolation)
    numbers = chapter.metrics
    measures = {name: words for name, words in MEASURES.items() if name in numbers[REAL]}
    parts = [
        f"{words} " + ", ".join(f"{numbers[kind][name]:{MEASURES[name][1]}}" for name in measures)
        for kind, words in {**ROWS, REAL: "reconstructions of real test images"}.items()
    ]
    return (
        f"Over {chapter.scored_pairs} pairs {', '.join(words for words, _ in measures.values())}: "
        f"{'; '.join(parts)}. {describe_classifier(study)}"
    )


def draw_loop(study: Study, spaces: Sequence[str]) -> Drawing:
    """Paths between "pixels", "codes", or both, as a loop."""
    chapter = study.of(Interpolation)
    kinds = {"pixels": PIXELS, "codes": chapter.path} if "codes" in spaces else {"pixels": PIXELS}
    text = Text(
        ", ".join(LOOPS[space] for space in spaces).capitalize(),
        f"Pairs of test images of {study.data.title}, {format_model(study)}."
        + (f" {_describe_path(chapter)}" if "codes" in spaces else ""),
    )
    images = np.stack([chapter.get_images(kinds[space]) for space in spaces])
    found = [
        Grid([], spaces, images[:, start : start + LOOP_COLUMNS], thumbnail=LOOP_SIDE)
        for start in range(0, images.shape[1], LOOP_COLUMNS)
    ]
    hold = count_hold_frames(study.settings.fps)
    return Drawing.of_images(draw_grid_loop, text, moving=True, grids=found, hold_frames=hold)


def _describe_path(chapter: Interpolation) -> str:
    words = f"Path between the codes: {PATH_NAMES[chapter.path]}"
    if chapter.study.settings.path != AUTO or chapter.reason is None:
        return f"{words}."
    return f"{words}, since {chapter.reason}."


def draw_square(study: Study, draw_grid: Callable[..., Page], *, moving: bool = False) -> Drawing:
    """Four images blended by their codes: the whole square, or a walk through it."""
    chapter = study.of(Interpolation)
    text = Text(
        "Four images, blended by their codes",
        f"{study.data.title}, {format_model(study)}. Codes are interpolated bilinearly between the "
        "corners and decoded.",
    )
    names = [corner.name for corner in chapter.corners]
    return Drawing.of_images(draw_grid, text, moving=moving, grid=chapter.grid, corner_names=names)


def draw_tour(study: Study) -> Drawing:
    chapter = study.of(Interpolation)
    text = Text(
        "Through all classes",
        f"{study.data.title}, {format_model(study)}. From the typical image of each class to that "
        f"of the next, and back to the first. {_describe_path(chapter)}",
    )
    return Drawing.of_images(draw.draw_tour, text, moving=True, frames=chapter.tour)


def draw_on_map(study: Study) -> Drawing:
    chapter, maps = study.of(Interpolation), study.of(Maps)
    pairs, paths = chapter.pairs[:ON_MAP_PAIRS], []
    names = [" → ".join(to_printable(end.name, NAME_LETTERS) for end in pair) for pair in pairs]
    for kind, words in ON_MAP.items():
        along = zip(names, chapter.locate_on_map(kind), chapter.get_images(kind), strict=False)
        paths.append([draw.PathOnMap(f"{name}, {words}", *found) for name, *found in along])
    text = Text(
        "Paths between codes on the map of the codes",
        f"{describe_images(maps)}, {format_model(study)}. "
        f"{describe_maps(maps, maps.flat, 'latent')}. A code on a path stands at the median place "
        "of its ten nearest codes on the map, so a path through empty space jumps. The images are "
        "decoded from the codes at the dots, and framed in their colours.",
    )
    page = draw.draw_paths_on_map(
        points=maps.get_points("latent"),
        labels=maps.labels,
        class_names=study.data.class_names,
        paths=paths,
        as_ink=study.strokes_unavailable is None,
    )
    return Drawing.of_page(page, text)


OF = (Interpolation,)
RECIPES: Mapping[str, Recipe[Study]] = {
    "interpolation.png": Recipe(draw_rows, OF),
    "interpolation_pixel.gif": Recipe(partial(draw_loop, spaces=["pixels"]), OF),
    "interpolation_latent.gif": Recipe(partial(draw_loop, spaces=["codes"]), OF),
    "interpolation.gif": Recipe(partial(draw_loop, spaces=["pixels", "codes"]), OF),
    "interpolation_grid.png": Recipe(partial(draw_square, draw_grid=draw.draw_corner_grid), OF),
    "interpolation_grid.gif": Recipe(
        partial(draw_square, draw_grid=draw.draw_grid_walk, moving=True), OF
    ),
    "tour.gif": Recipe(draw_tour, OF, lambda study: study.of(Interpolation).tour_unavailable),
    "interpolation_on_map.png": Recipe(draw_on_map, (*OF, Maps)),
}
