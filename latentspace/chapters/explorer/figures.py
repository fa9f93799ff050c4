"""A page on which both maps can be explored, image by image."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from latentspace.chapters.captions import CAVEAT, format_metric, format_model
from latentspace.chapters.explorer import draw
from latentspace.chapters.explorer.draw import Groups, Map, Pictures
from latentspace.chapters.explorer.measure import Exploration
from latentspace.chapters.explorer.sheet import Sheet, make_sheet
from latentspace.chapters.figure import Drawing, Recipe
from latentspace.chapters.maps.describe import describe_images, describe_maps, format_method
from latentspace.chapters.study import Study
from latentspace.drawing.text import Text


def draw_explorer(study: Study) -> Drawing:
    """Both maps, linked, with everything that is known of each image."""
    chapter, data = study.of(Exploration), study.data
    maps = chapter.maps
    sheet = make_sheet(np.concatenate([maps.pixels, maps.reconstructions]))
    text = Text("The same images, in pixels and in codes", _describe_page(study, sheet))
    page = draw.draw_explorer(
        maps={
            space: Map(
                f"{format_method(study)} of the {words}",
                _format_scores(study, space),
                maps.get_points(space),
                f"nearest in {words}",
                chapter.neighbors[space],
            )
            for space, words in maps.spaces.items()
        },
        pictures=Pictures(sheet, maps.errors, maps.numbers, maps.is_training),
        classes=Groups("class", maps.labels, data.class_names),
        clusters=(
            Groups("cluster", chapter.clusters.labels, chapter.clusters.names)
            if chapter.clusters_unavailable is None
            else None
        ),
        subject=f"{describe_images(study, maps)}, {format_model(study)}",
        text=text,
    )
    return Drawing(page, text)


def _describe_page(study: Study, sheet: Sheet) -> str:
    chapter = study.of(Exploration)
    maps, unavailable = chapter.maps, chapter.clusters_unavailable
    sentences = [
        f"{describe_maps(study, maps.flat, maps=maps)}. The map of the codes is turned and "
        f"mirrored onto the other. {CAVEAT} Errors are squared, means over pixels. The nearest are "
        "those of the images shown, in pixels and in codes themselves, not on the maps.",
        f"Clusters were found without labels ({chapter.clusters.method})."
        if unavailable is None
        else f"There are no clusters: {unavailable}.",
    ]
    if sheet.note:
        sentences.append(f"To keep the file small, pictures are {sheet.note}.")
    return " ".join(sentences)


def _format_scores(study: Study, space: str) -> str:
    """How good a map is; empty without classes."""
    if not study.data.has_classes:
        return ""
    maps = study.of(Exploration).maps
    found = maps.score_maps(maps.flat)[space]
    return ", ".join(
        [
            *format_metric("10-NN label accuracy", found["knn_accuracy"].value),
            *format_metric("silhouette", found["silhouette"].value),
        ]
    )


RECIPES: Mapping[str, Recipe[Study]] = {
    "explorer.html": Recipe(draw_explorer, of=(Exploration,)),
}
