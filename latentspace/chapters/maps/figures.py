"""Maps of pixels against maps of codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from latentspace.chapters.figure import (
    Figure,
    count_hold_frames,
    format_metric,
    format_model,
    maps_unavailable,
)

if TYPE_CHECKING:
    from latentspace.analysis.projection import Settings
    from latentspace.chapters.maps.measure import Maps
    from latentspace.chapters.study import Study

CAVEAT = "Distances between clusters and their sizes mean little (Wattenberg et al. 2016)."


def format_method(study: Study) -> str:
    return study.maps.format_method(study.maps.settings.method)


def describe_images(study: Study, maps: Maps | None = None) -> str:
    """The images on the maps of a study, or on others of its maps."""
    return f"{len((maps or study.maps).indices):,} {study.maps.split_name} of {study.data.name}"


def describe_maps(
    study: Study,
    settings: Settings,
    *spaces: str,
    rows: np.ndarray | None = None,
    maps: Maps | None = None,
) -> str:
    """What a reader must know of how maps of these spaces (or all), of some images, were made."""
    if settings.method != "tsne":
        return study.maps.format_method(settings.method)
    spaces = spaces or tuple(study.maps.spaces)
    made = (maps or study.maps).project(settings, rows, spaces)
    facts = {space: made[space].facts for space in spaces}
    exaggeration = f", exaggeration {settings.exaggeration:g}" if settings.exaggeration != 1 else ""
    divergences = " and ".join(
        f"{fact['kl_divergence']:.2f}"
        + (f" ({study.maps.spaces[space]})" if len(spaces) > 1 else "")
        for space, fact in facts.items()
    )
    return (
        f"t-SNE, perplexity {settings.perplexity:g}{exaggeration}, "
        f"{facts[spaces[0]]['iterations']} iterations, KL divergence {divergences}"
    )


def _format_scores(study: Study, settings: Settings, space: str) -> str:
    found = study.maps.score_maps(settings)[space]
    parts = [
        f"{words} in the map, {found['source_knn_accuracy'].value:.3f} before it"
        for words in format_metric("10-NN label accuracy", found["knn_accuracy"].value)
    ]
    parts += format_metric("trustworthiness", found["trustworthiness"].value)
    parts.append(f"{found['knn_preservation'].value:.0%} of neighbours kept")
    scores = "; ".join(parts)
    return f"{scores[0].upper()}{scores[1:]}"


def _make_image_map(space: str) -> Callable[[Study, float], dict[str, Any]]:
    def make_arguments(study: Study, fps: float) -> dict[str, Any]:
        settings = study.maps.flat
        model = f", {format_model(study)}" if space == "latent" else ""
        return {
            "images": study.maps.images,
            "points": study.maps.get_points(space),
            "labels": study.maps.labels,
            "class_names": study.data.class_names,
            "as_ink": study.strokes_unavailable is None,
            "title": f"{format_method(study)} of the {study.maps.spaces[space]}",
            "caption": (
                f"{describe_images(study)}{model}. {describe_maps(study, settings, space)}. "
                f"{_format_scores(study, settings, space)}. {CAVEAT}"
            ),
        }

    return make_arguments


def _make_side_by_side(settings: Callable[[Study], Settings]) -> Callable[[Study], dict[str, Any]]:
    def make_arguments(study: Study) -> dict[str, Any]:
        chosen = settings(study)
        maps = []
        for space, heading in study.maps.spaces.items():
            found = study.maps.score_maps(chosen)[space]
            numbers = [
                *format_metric("10-NN", found["knn_accuracy"].value),
                *format_metric("silhouette", found["silhouette"].value),
            ]
            heading = f"{format_method(study)} of the {heading}"
            maps.append(
                (
                    ": ".join([heading, *filter(None, [", ".join(numbers)])]),
                    study.maps.get_points(space, chosen),
                )
            )
        return {
            "maps": maps,
            "labels": study.maps.labels,
            "class_names": study.data.class_names,
            "caption": (
                f"{describe_images(study)}, {format_model(study)}. {describe_maps(study, chosen)}. The map "
                f"of the codes is turned and mirrored onto the other. {CAVEAT}"
            ),
        }

    return make_arguments


_flat = _make_side_by_side(lambda study: study.maps.flat)
_solid = _make_side_by_side(lambda study: study.maps.solid)


def _comparison(study: Study, fps: float) -> dict[str, Any]:
    title = "The same images, mapped from their pixels and from their codes"
    answer = study.maps.answer
    arguments = _flat(study)
    if answer is not None and study.maps.settings.dims == 2:
        arguments["caption"] += f" {answer[0].upper()}{answer[1:]}."
    return {**arguments, "title": title}


def _solid_still(study: Study, fps: float) -> dict[str, Any]:
    return {**_solid(study), "title": "The same images, mapped into three dimensions"}


def _orbit(study: Study, fps: float) -> dict[str, Any]:
    return {**_solid_still(study, fps), "fps": fps}


def _make_forming(*spaces: str) -> Callable[[Study, float], dict[str, Any]]:
    def make_arguments(study: Study, fps: float) -> dict[str, Any]:
        films = {space: study.maps.get_film(space) for space in spaces}
        notes = [
            [
                "the start: two principal components"
                if np.isnan(divergence)
                else f"iteration {iteration}, "
                + ("attraction exaggerated" if exaggerated else f"KL divergence {divergence:.2f}")
                for iteration, divergence, exaggerated in zip(
                    film.iterations, film.divergences, film.exaggerated, strict=True
                )
            ]
            for film in films.values()
        ]
        return {
            "maps": [
                (f"t-SNE of the {study.maps.spaces[space]}", films[space].points)
                for space in spaces
            ],
            "notes": notes,
            "labels": study.maps.labels,
            "class_names": study.data.class_names,
            "hold_frames": 2 * count_hold_frames(fps),
            "title": "How the maps form" if len(spaces) > 1 else "How the map forms",
            "caption": (
                f"{describe_images(study)}. {describe_maps(study, study.maps.flat, *spaces)}. Each frame "
                f"has its own scale. {CAVEAT}"
            ),
        }

    return make_arguments


def _film_unavailable(study: Study) -> str | None:
    if study.maps.settings.method != "tsne":
        return "only t-SNE is optimised step by step; drop --method"
    return maps_unavailable(study)


def _map_figure(file: str, about: str, function: str, arguments: Any, **options: Any) -> Figure:
    return Figure(
        "--maps", file, about, "maps", function, arguments, unavailable=maps_unavailable, **options
    )


def _film_figure(file: str, about: str, *spaces: str) -> Figure:
    return Figure(
        "--map-films",
        file,
        about,
        "maps",
        "drawing.clouds.draw_forming",
        _make_forming(*spaces),
        in_story=False,
        unavailable=_film_unavailable,
    )


FIGURES = (
    _map_figure(
        "tsne_pixel.png",
        "t-SNE of the pixels, drawn as the images themselves",
        "chapters.maps.draw.draw_image_map",
        _make_image_map("pixel"),
        dims=2,
    ),
    _map_figure(
        "tsne_latent.png",
        "t-SNE of the codes, drawn as the images themselves",
        "chapters.maps.draw.draw_image_map",
        _make_image_map("latent"),
        dims=2,
    ),
    _map_figure(
        "tsne_comparison.png",
        "both maps as labelled points side by side, with their scores",
        "chapters.maps.draw.draw_comparison",
        _comparison,
        dims=2,
    ),
    _map_figure(
        "tsne_3d.png",
        "both maps in three dimensions",
        "drawing.clouds.draw_solid",
        _solid_still,
        dims=3,
    ),
    _map_figure(
        "tsne_3d.gif", "one slow turn around them", "drawing.clouds.draw_orbit", _orbit, dims=3
    ),
    _film_figure("tsne_pixel.gif", "the map of the pixels forming", "pixel"),
    _film_figure("tsne_latent.gif", "the map of the codes forming", "latent"),
    _film_figure("tsne_optimization.gif", "both maps forming side by side", "pixel", "latent"),
)
