"""Maps of pixels against maps of codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from latentspace.figures.registry.figure import Figure, model_name

if TYPE_CHECKING:
    from latentspace.study import Study


def _map_caption(study: Study, space: str) -> str:
    numbers = study.maps.map(space).metrics
    return (
        f"perplexity {numbers['perplexity']:g}, KL divergence {numbers['kl_divergence']:.2f}. "
        f"10-NN label accuracy {numbers['knn_accuracy']:.3f} in the map, "
        f"{numbers['source_knn_accuracy']:.3f} before it; trustworthiness "
        f"{numbers['trustworthiness']:.3f}"
    )


def _image_map(space: str, source: str) -> Callable[[Study, float], dict[str, Any]]:
    def arguments(study: Study, fps: float) -> dict[str, Any]:
        return {
            "images": study.maps.images,
            "points": study.maps.map(space).points,
            "labels": study.maps.labels,
            "class_names": study.data.class_names,
            "title": f"t-SNE of the {source}",
            "caption": (
                f"{len(study.maps.indices):,} test images of {study.data.name}"
                f"{'' if space == 'pixel' else f', {model_name(study)}'}; "
                f"{_map_caption(study, space)}. Distances between clusters and their sizes mean "
                "little (Wattenberg et al. 2016)."
            ),
        }

    return arguments


def _comparison(study: Study, fps: float) -> dict[str, Any]:
    headings = {"pixel": "pixels", "latent": "codes"}
    return {
        "maps": [
            (
                f"t-SNE of the {heading}\n10-NN accuracy {metrics['knn_accuracy']:.3f} (before "
                f"{metrics['source_knn_accuracy']:.3f}), trustworthiness "
                f"{metrics['trustworthiness']:.3f}, KL {metrics['kl_divergence']:.2f}",
                study.maps.map(space).points,
            )
            for space, heading in headings.items()
            for metrics in [study.maps.map(space).metrics]
        ],
        "labels": study.maps.labels,
        "class_names": study.data.class_names,
        "title": "The same images, mapped from their pixels and from their codes",
        "caption": (
            f"{len(study.maps.indices):,} test images of {study.data.name}, {model_name(study)}, "
            f"perplexity {study.options.perplexity:g}. The map of the codes is turned and mirrored "
            "onto the other. Distances between clusters and their sizes mean little (Wattenberg et "
            "al. 2016)."
        ),
    }


FIGURES = (
    Figure(
        "--maps",
        "tsne_pixel.png",
        "t-SNE of the pixels, drawn as the images themselves",
        "maps",
        "maps.draw_image_map",
        _image_map("pixel", "pixels"),
    ),
    Figure(
        "--maps",
        "tsne_latent.png",
        "t-SNE of the codes, drawn as the images themselves",
        "maps",
        "maps.draw_image_map",
        _image_map("latent", "codes"),
    ),
    Figure(
        "--maps",
        "tsne_comparison.png",
        "both maps as labelled points side by side, with their scores",
        "maps",
        "maps.draw_comparison",
        _comparison,
    ),
)
