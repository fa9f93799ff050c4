"""A page on which both maps can be explored, image by image."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from latentspace.chapters.captions import CAVEAT, format_model
from latentspace.chapters.explorer import draw
from latentspace.chapters.explorer.draw import Check, Map, Pictures, make_sheet
from latentspace.chapters.explorer.live import Live
from latentspace.chapters.explorer.measure import Exploration
from latentspace.chapters.figure import Drawing, Recipe
from latentspace.chapters.maps.describe import (
    describe_images,
    describe_maps,
    format_scores,
    name_map,
)
from latentspace.chapters.maps.images import SPACES
from latentspace.chapters.outliers.measure import Outliers
from latentspace.chapters.study import Study
from latentspace.drawing.text import Text


def draw_explorer(study: Study) -> Drawing:
    """Both maps, linked, with everything that is known of each image."""
    chapter, data, live = study.of(Exploration), study.data, study.of(Live)
    maps, without_clusters = chapter.maps, chapter.clusters_unavailable
    sheet = make_sheet(np.concatenate([maps.pixels, maps.reconstructions]))
    sentences = [
        f"{describe_maps(maps, maps.flat)}. The map of the codes is turned and "
        f"mirrored onto the other. {CAVEAT} Errors are squared, means over pixels. The nearest are "
        "those of the images shown, in pixels and in codes themselves, not on the maps."
    ]
    groups = {"class": (maps.labels, list(data.class_names))}
    if without_clusters is None:
        groups["cluster"] = (chapter.clusters.labels, chapter.clusters.names)
        sentences.append(f"Clusters were found without labels ({chapter.clusters.method}).")
    else:
        sentences.append(f"There are no clusters: {without_clusters}.")
    if sheet.note:
        sentences.append(f"To keep the file small, pictures are {sheet.note}.")
    text = Text("The same images, in pixels and in codes", " ".join(sentences))
    page = draw.draw_explorer(
        maps={
            space: Map(
                name_map(study.settings.method, space),
                format_scores(maps, maps.flat, space, words=" label accuracy"),
                maps.get_points(space),
                f"nearest in {words}",
                chapter.neighbors[space],
            )
            for space, words in SPACES.items()
        },
        pictures=Pictures(sheet, maps.errors, maps.numbers, maps.is_training, chapter.files),
        groups=groups,
        attributes=chapter.attributes,
        live=live.model_unavailable or live.model,
        check=Check(
            chapter.suspects,
            study.of(Outliers).scores.voters if chapter.suspects else 0,
            study.of(Outliers).labels_unavailable or "",
            chapter.corrected,
            data.images_hash,
        ),
        subject=f"{describe_images(maps)}, {format_model(study)}",
        text=text,
    )
    return Drawing(page, text)


RECIPES: Mapping[str, Recipe[Study]] = {
    "explorer.html": Recipe(draw_explorer, of=(Exploration,)),
}
