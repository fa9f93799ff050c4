"""A page on which both maps can be explored, image by image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latentspace.chapters.explorer.draw import Groups, Map, Pictures
from latentspace.chapters.figure import Figure, format_metric, format_model
from latentspace.chapters.maps.figures import CAVEAT, describe_images, describe_maps, format_method

if TYPE_CHECKING:
    from latentspace.chapters.study import Study


def _explorer(study: Study, fps: float) -> dict[str, Any]:
    chapter, data = study.exploration, study.data
    maps, clustered = chapter.maps, chapter.clusters_unavailable is None
    return {
        "maps": {
            space: Map(
                f"{format_method(study)} of the {words}",
                _format_scores(study, space),
                maps.get_points(space),
                f"nearest in {words}",
                chapter.neighbors[space],
            )
            for space, words in maps.spaces.items()
        },
        "pictures": Pictures(
            maps.pixels,
            maps.reconstructions,
            maps.errors,
            maps.numbers,
            maps.is_training,
        ),
        "classes": Groups("class", maps.labels, data.class_names),
        "clusters": (
            Groups("cluster", chapter.clusters.labels, chapter.clusters.names)
            if clustered
            else None
        ),
        "title": "The same images, in pixels and in codes",
        "subject": f"{describe_images(study, maps)}, {format_model(study)}",
        "caption": (
            f"{describe_maps(study, maps.flat, maps=maps)}. The map of the codes is turned and mirrored "
            f"onto the other. {CAVEAT} Errors are squared, means over pixels. The nearest are "
            "those of the images shown, in pixels and in codes themselves, not on the maps. "
            + (
                f"Clusters were found without labels ({chapter.clusters.method})."
                if clustered
                else f"There are no clusters: {chapter.clusters_unavailable}."
            )
        ),
    }


def _format_scores(study: Study, space: str) -> str:
    """How good a map is; empty without classes."""
    if not study.data.has_classes:
        return ""
    maps = study.exploration.maps
    found = maps.score_maps(maps.flat)[space]
    return ", ".join(
        [
            *format_metric("10-NN label accuracy", found["knn_accuracy"].value),
            *format_metric("silhouette", found["silhouette"].value),
        ]
    )


FIGURES = (
    Figure(
        "--explorer",
        "explorer.html",
        "both maps on a page: point at an image, select some, colour by class, error or cluster",
        None,
        "chapters.explorer.draw.draw_explorer",
        _explorer,
        in_story=False,
        unavailable=lambda study: study.exploration.unavailable,
    ),
)
