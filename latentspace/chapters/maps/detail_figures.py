"""What belongs to maps: other methods, classes that overlap, what is drawn and put on them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from latentspace.analysis.neighborhoods import Estimate
from latentspace.chapters.captions import CAVEAT, format_metric, format_model
from latentspace.chapters.figure import Drawing, Recipe
from latentspace.chapters.maps import draw_details
from latentspace.chapters.maps.describe import describe_images, describe_maps
from latentspace.chapters.maps.measure import Maps
from latentspace.chapters.maps.methods import ProjectionMethods
from latentspace.chapters.maps.overlap import Overlap
from latentspace.chapters.maps.placing import Placing
from latentspace.chapters.study import Study
from latentspace.drawing.text import Text

TABLE_ROWS = {
    "pixel": "among pixels",
    "pixel_map": "on the map of pixels",
    "latent": "among codes",
    "latent_map": "on the map of codes",
}


def draw_projection_methods(study: Study) -> Drawing:
    """A table of maps: by every method, of pixels and of codes."""
    maps, chapter = study.of(Maps), study.of(ProjectionMethods)
    rows = {
        words: {
            maps.format_method(method): (
                _format_scores(scores[space]),
                maps.get_points(space, chapter.settings[method]),
            )
            for method, scores in chapter.scores.items()
        }
        for space, words in maps.spaces.items()
    }
    text = Text(
        "The same images by four methods of projection",
        f"{describe_images(study)}, {format_model(study)}. "
        f"{describe_maps(study, chapter.settings['tsne'])}. "
        "10-NN: label accuracy of the ten nearest on the map; k-NN preservation: share of the "
        f"ten nearest that are still among them. {CAVEAT}",
    )
    frame = draw_details.draw_projection_methods(
        rows=rows, labels=maps.labels, class_names=study.data.class_names, text=text
    )
    return Drawing(frame, text)


def _format_scores(found: Mapping[str, Estimate]) -> str:
    """How good a map is, without what could not be measured."""
    lines = (
        [
            *format_metric("10-NN", found["knn_accuracy"].value),
            *format_metric("k-NN preservation", found["knn_preservation"].value, ".0%"),
        ],
        [
            *format_metric("trustworthiness", found["trustworthiness"].value),
            *format_metric("silhouette", found["silhouette"].value, ".2f"),
        ],
    )
    return "\n".join(", ".join(line) for line in lines)


def draw_overlap(study: Study) -> Drawing:
    """Maps of a few classes alone, over a table of how often neighbours are of another of them."""
    maps, chapter = study.of(Maps), study.of(Overlap)
    names = [study.data.class_names[label] for label in chapter.classes]
    method = maps.format_method(chapter.settings.method)
    text = Text(
        f"{', '.join(names[:-1])} and {names[-1]} alone: which neighbours are of another class?",
        f"{len(chapter.map_rows):,} {maps.split_name} of {study.data.name}, "
        f"{format_model(study)}. "
        f"{describe_maps(study, chapter.settings, rows=chapter.map_rows)}; maps of these alone. "
        "The table: share of the ten nearest neighbours of an image that belong to another of "
        f"these classes. {CAVEAT}",
    )
    frame = draw_details.draw_overlap(
        maps=[
            (f"{method} of the {words}", chapter.map_points(space))
            for space, words in maps.spaces.items()
        ],
        labels=chapter.labels,
        class_names=study.data.class_names,
        classes=chapter.classes,
        table={words: chapter.mixing[name] for name, words in TABLE_ROWS.items()},
        text=text,
    )
    return Drawing(frame, text)


def draw_decoded_grid(study: Study) -> Drawing:
    """What the model draws at each place of the latent map."""
    text = Text(
        "What the model draws at each place of the latent map",
        f"For {format_model(study)}, each cell is decoded from the codes of the five images "
        f"nearest to it on the map of {describe_images(study)} "
        f"({describe_maps(study, study.of(Maps).flat, 'latent')}), weighted by the inverse square "
        f"of their distance; cells without an image near them are empty. {CAVEAT}",
    )
    return Drawing(draw_details.draw_decoded_grid(grid=study.of(Placing).grid, text=text), text)


def draw_placed(study: Study) -> Drawing:
    """A person's images on the finished maps, and their nearest neighbours."""
    maps, chapter = study.of(Maps), study.of(Placing)
    names = np.array(study.data.class_names)
    method = maps.format_method(maps.settings.method)
    text = Text(
        "Further images on the maps",
        f"Maps of {describe_images(study)}, {format_model(study)}; "
        f"{describe_maps(study, maps.flat)}. Each further image is placed by itself, by its "
        "neighbours; the map stays as it was. Below: the images as the model gets them, and "
        f"the nearest images of the map in either space with their classes. {CAVEAT}",
    )
    frame = draw_details.draw_placed(
        maps=[
            (
                f"{method} of the {words}",
                maps.get_points(space),
                np.stack([item.point for item in chapter.placed[space]]),
            )
            for space, words in maps.spaces.items()
        ],
        labels=maps.labels,
        class_names=study.data.class_names,
        images=np.stack([item.image for item in chapter.selected]),
        names=[item.name for item in chapter.selected],
        neighbors=[
            (
                words,
                np.stack([maps.images[item.neighbors] for item in chapter.placed[space]]),
                [names[maps.labels[item.neighbors]].tolist() for item in chapter.placed[space]],
            )
            for space, words in maps.spaces.items()
        ],
        text=text,
    )
    return Drawing(frame, text)


def _explain_none_placed(study: Study) -> str | None:
    return None if study.settings.place else "no image is to be placed: pass --place IMAGE"


RECIPES: Mapping[str, Recipe[Study]] = {
    "projection_methods.png": Recipe(draw_projection_methods, of=(ProjectionMethods,)),
    "overlapping_classes.png": Recipe(draw_overlap, of=(Overlap,)),
    "latent_grid.png": Recipe(draw_decoded_grid, of=(Maps,)),
    "placed.png": Recipe(draw_placed, (Placing, Maps), _explain_none_placed),
}
