"""What belongs to maps: their cousins, classes that run together, what is drawn and put on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from latentspace.chapters.figure import Figure, model_name, no_map, told
from latentspace.chapters.maps.figures import READING, how_made, which_images

if TYPE_CHECKING:
    from latentspace.analysis.neighborhoods import Estimate
    from latentspace.chapters.study import Study

TABLE_ROWS = {
    "pixel": "among pixels",
    "pixel_map": "on the map of pixels",
    "latent": "among codes",
    "latent_map": "on the map of codes",
}


def _cousins(study: Study, fps: float) -> dict[str, Any]:
    found = study.cousins.scores
    rows = {}
    for space, row in study.maps.spaces.items():
        rows[row] = {
            study.maps.method_name(method): (
                _two_lines(scores[space]),
                study.maps.points(space, study.cousins.settings[method]),
            )
            for method, scores in found.items()
        }
    return {
        "rows": rows,
        "labels": study.maps.labels,
        "class_names": study.data.class_names,
        "title": "t-SNE and its cousins",
        "caption": (
            f"{which_images(study)}, {model_name(study)}. "
            f"{how_made(study, study.cousins.settings['tsne'])}. "
            "10-NN: label accuracy of the ten nearest on the map; neighbours kept: share of the "
            f"ten nearest that are still among them. {READING}"
        ),
    }


def _two_lines(found: Mapping[str, Estimate]) -> str:
    """How good a map is, without what could not be measured."""
    lines = (
        [
            *told("10-NN", found["knn_accuracy"].value),
            *told("neighbours kept", found["neighbors_kept"].value, ".0%"),
        ],
        [
            *told("trustworthiness", found["trustworthiness"].value),
            *told("silhouette", found["silhouette"].value, ".2f"),
        ],
    )
    return "\n".join(", ".join(line) for line in lines)


def _confusion(study: Study, fps: float) -> dict[str, Any]:
    chapter = study.confusion
    names = [study.data.class_names[label] for label in chapter.classes]
    method = study.maps.method_name(chapter.settings.method)
    listed = f"{', '.join(names[:-1])} and {names[-1]}"
    return {
        "maps": [
            (f"{method} of the {heading}", chapter.points(space))
            for space, heading in study.maps.spaces.items()
        ],
        # Their own numbers, and so the colours that are easiest to tell apart.
        "labels": np.argmax(chapter.labels[:, np.newaxis] == chapter.classes, axis=1),
        "class_names": names,
        "table": {words: chapter.mixing[name] for name, words in TABLE_ROWS.items()},
        "title": f"{listed} alone: which neighbours are of another class?",
        "caption": (
            f"{len(chapter.rows):,} {study.maps.split_name} of {study.data.name}, "
            f"{model_name(study)}. {how_made(study, chapter.settings, rows=chapter.rows)}; maps of "
            f"these alone. The table: share of the ten nearest neighbours of "
            f"an image that belong to another of these classes. {READING}"
        ),
    }


def _grid(study: Study, fps: float) -> dict[str, Any]:
    return {
        "grid": study.placing.grid,
        "title": "What the model draws at each place of the latent map",
        "caption": (
            f"For {model_name(study)}, each cell is decoded from the codes of the "
            f"five images nearest to it on the map of {which_images(study)} "
            f"({how_made(study, study.maps.flat, 'latent')}), weighted by the inverse square of "
            f"their distance; cells without an image near them are empty. {READING}"
        ),
    }


def _placed(study: Study, fps: float) -> dict[str, Any]:
    chapter, maps = study.placing, study.maps
    names = np.array(study.data.class_names)
    return {
        "maps": [
            (
                f"{maps.method_name(maps.settings.method)} of the {heading}",
                maps.points(space),
                np.stack([item.point for item in chapter.placed[space]]),
            )
            for space, heading in study.maps.spaces.items()
        ],
        "labels": maps.labels,
        "class_names": study.data.class_names,
        "images": np.stack([item.image for item in chapter.selected]),
        "names": [item.name for item in chapter.selected],
        "neighbors": [
            (
                heading,
                np.stack([maps.images[item.neighbors] for item in chapter.placed[space]]),
                [names[maps.labels[item.neighbors]].tolist() for item in chapter.placed[space]],
            )
            for space, heading in study.maps.spaces.items()
        ],
        "title": "Further images on the maps",
        "caption": (
            f"Maps of {which_images(study)}, {model_name(study)}; "
            f"{how_made(study, maps.flat)}. Each further image is placed by itself, by its "
            "neighbours; the map stays as it was. Below: the images as the model gets them, and "
            f"the nearest images of the map in either space with their classes. {READING}"
        ),
    }


def _nothing_to_place(study: Study) -> str | None:
    if not study.options.place:
        return "no image is to be placed: pass --place IMAGE"
    return no_map(study)


FIGURES = (
    Figure(
        "--cousins",
        "cousins.png",
        "PCA, ICA, t-SNE and UMAP of pixels and codes, with their scores",
        "cousins",
        "chapters.maps.draw_details.draw_cousins",
        _cousins,
        in_story=False,
        missing=no_map,
    ),
    Figure(
        "--confused",
        "confused_digits.png",
        "8, 5, 7 and 3 alone: how far they run together in pixels and in codes",
        "confusion",
        "chapters.maps.draw_details.draw_confusion",
        _confusion,
        in_story=False,
        missing=lambda study: study.confusion.missing,
    ),
    Figure(
        "--latent-grid",
        "latent_grid.png",
        "what the model draws at each place of the latent map",
        None,
        "chapters.maps.draw_details.draw_decoded_grid",
        _grid,
        in_story=False,
        missing=no_map,
    ),
    Figure(
        "--place",
        "placed.png",
        "a person's own images on the maps, with their nearest neighbours",
        "placing",
        "chapters.maps.draw_details.draw_placed",
        _placed,
        in_story=False,
        missing=_nothing_to_place,
    ),
)
