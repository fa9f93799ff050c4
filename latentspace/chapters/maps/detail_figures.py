"""What belongs to maps: their cousins, classes that run together, what is drawn and put on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from latentspace.chapters.figure import Figure, format_metric, format_model, maps_unavailable
from latentspace.chapters.maps.figures import CAVEAT, describe_images, describe_maps

if TYPE_CHECKING:
    from latentspace.analysis.neighborhoods import Estimate
    from latentspace.chapters.study import Study

TABLE_ROWS = {
    "pixel": "among pixels",
    "pixel_map": "on the map of pixels",
    "latent": "among codes",
    "latent_map": "on the map of codes",
}


def _projection_methods(study: Study, fps: float) -> dict[str, Any]:
    found = study.methods.scores
    rows = {}
    for space, row in study.maps.spaces.items():
        rows[row] = {
            study.maps.format_method(method): (
                _format_scores(scores[space]),
                study.maps.get_points(space, study.methods.settings[method]),
            )
            for method, scores in found.items()
        }
    return {
        "rows": rows,
        "labels": study.maps.labels,
        "class_names": study.data.class_names,
        "title": "t-SNE and its cousins",
        "caption": (
            f"{describe_images(study)}, {format_model(study)}. "
            f"{describe_maps(study, study.methods.settings['tsne'])}. "
            "10-NN: label accuracy of the ten nearest on the map; neighbours kept: share of the "
            f"ten nearest that are still among them. {CAVEAT}"
        ),
    }


def _format_scores(found: Mapping[str, Estimate]) -> str:
    """How good a map is, without what could not be measured."""
    lines = (
        [
            *format_metric("10-NN", found["knn_accuracy"].value),
            *format_metric("neighbours kept", found["knn_preservation"].value, ".0%"),
        ],
        [
            *format_metric("trustworthiness", found["trustworthiness"].value),
            *format_metric("silhouette", found["silhouette"].value, ".2f"),
        ],
    )
    return "\n".join(", ".join(line) for line in lines)


def _overlap(study: Study, fps: float) -> dict[str, Any]:
    chapter = study.overlap
    names = [study.data.class_names[label] for label in chapter.classes]
    method = study.maps.format_method(chapter.settings.method)
    listed = f"{', '.join(names[:-1])} and {names[-1]}"
    return {
        "maps": [
            (f"{method} of the {heading}", chapter.map_points(space))
            for space, heading in study.maps.spaces.items()
        ],
        # Their own numbers, and so the colours that are easiest to tell apart.
        "labels": np.argmax(chapter.labels[:, np.newaxis] == chapter.classes, axis=1),
        "class_names": names,
        "table": {words: chapter.mixing[name] for name, words in TABLE_ROWS.items()},
        "title": f"{listed} alone: which neighbours are of another class?",
        "caption": (
            f"{len(chapter.rows):,} {study.maps.split_name} of {study.data.name}, "
            f"{format_model(study)}. {describe_maps(study, chapter.settings, rows=chapter.rows)}; maps of "
            f"these alone. The table: share of the ten nearest neighbours of "
            f"an image that belong to another of these classes. {CAVEAT}"
        ),
    }


def _grid(study: Study, fps: float) -> dict[str, Any]:
    return {
        "grid": study.placing.grid,
        "title": "What the model draws at each place of the latent map",
        "caption": (
            f"For {format_model(study)}, each cell is decoded from the codes of the "
            f"five images nearest to it on the map of {describe_images(study)} "
            f"({describe_maps(study, study.maps.flat, 'latent')}), weighted by the inverse square of "
            f"their distance; cells without an image near them are empty. {CAVEAT}"
        ),
    }


def _placed(study: Study, fps: float) -> dict[str, Any]:
    chapter, maps = study.placing, study.maps
    names = np.array(study.data.class_names)
    return {
        "maps": [
            (
                f"{maps.format_method(maps.settings.method)} of the {heading}",
                maps.get_points(space),
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
            f"Maps of {describe_images(study)}, {format_model(study)}; "
            f"{describe_maps(study, maps.flat)}. Each further image is placed by itself, by its "
            "neighbours; the map stays as it was. Below: the images as the model gets them, and "
            f"the nearest images of the map in either space with their classes. {CAVEAT}"
        ),
    }


def _placing_unavailable(study: Study) -> str | None:
    if not study.options.place:
        return "no image is to be placed: pass --place IMAGE"
    return maps_unavailable(study)


FIGURES = (
    Figure(
        "--methods",
        "projection_methods.png",
        "PCA, ICA, t-SNE and UMAP of pixels and codes, with their scores",
        "methods",
        "chapters.maps.draw_details.draw_projection_methods",
        _projection_methods,
        in_story=False,
        unavailable=maps_unavailable,
    ),
    Figure(
        "--overlap",
        "overlapping_classes.png",
        "8, 5, 7 and 3 alone: how far they run together in pixels and in codes",
        "overlap",
        "chapters.maps.draw_details.draw_overlap",
        _overlap,
        in_story=False,
        unavailable=lambda study: study.overlap.unavailable,
    ),
    Figure(
        "--latent-grid",
        "latent_grid.png",
        "what the model draws at each place of the latent map",
        None,
        "chapters.maps.draw_details.draw_decoded_grid",
        _grid,
        in_story=False,
        unavailable=maps_unavailable,
    ),
    Figure(
        "--place",
        "placed.png",
        "a person's own images on the maps, with their nearest neighbours",
        "placing",
        "chapters.maps.draw_details.draw_placed",
        _placed,
        in_story=False,
        unavailable=_placing_unavailable,
    ),
)
