"""Maps of pixels against maps of codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from latentspace.chapters.figure import Figure, hold_frames, model_name, no_map, told

if TYPE_CHECKING:
    from latentspace.analysis.projection import Settings
    from latentspace.chapters.maps.measure import Maps
    from latentspace.chapters.study import Study

READING = "Distances between clusters and their sizes mean little (Wattenberg et al. 2016)."


def method_name(study: Study) -> str:
    return study.maps.method_name(study.maps.settings.method)


def which_images(study: Study, maps: Maps | None = None) -> str:
    """The images on the maps of a study, or on others of its maps."""
    return f"{len((maps or study.maps).indices):,} {study.maps.split_name} of {study.data.name}"


def how_made(
    study: Study,
    settings: Settings,
    *spaces: str,
    rows: np.ndarray | None = None,
    maps: Maps | None = None,
) -> str:
    """What a reader must know of how maps of these spaces (or all), of some images, were made."""
    if settings.method != "tsne":
        return study.maps.method_name(settings.method)
    spaces = spaces or tuple(study.maps.spaces)
    made = (maps or study.maps).projections(settings, rows, spaces)
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


def _scores(study: Study, settings: Settings, space: str) -> str:
    found = study.maps.scored(settings)[space]
    parts = [
        f"{words} in the map, {found['source_knn_accuracy'].value:.3f} before it"
        for words in told("10-NN label accuracy", found["knn_accuracy"].value)
    ]
    parts += told("trustworthiness", found["trustworthiness"].value)
    parts.append(f"{found['neighbors_kept'].value:.0%} of neighbours kept")
    scores = "; ".join(parts)
    return f"{scores[0].upper()}{scores[1:]}"


def _image_map(space: str) -> Callable[[Study, float], dict[str, Any]]:
    def arguments(study: Study, fps: float) -> dict[str, Any]:
        settings = study.maps.flat
        model = f", {model_name(study)}" if space == "latent" else ""
        return {
            "images": study.maps.images,
            "points": study.maps.points(space),
            "labels": study.maps.labels,
            "class_names": study.data.class_names,
            "inked": study.strokes_missing is None,
            "title": f"{method_name(study)} of the {study.maps.spaces[space]}",
            "caption": (
                f"{which_images(study)}{model}. {how_made(study, settings, space)}. "
                f"{_scores(study, settings, space)}. {READING}"
            ),
        }

    return arguments


def _side_by_side(settings: Callable[[Study], Settings]) -> Callable[[Study], dict[str, Any]]:
    def arguments(study: Study) -> dict[str, Any]:
        chosen = settings(study)
        maps = []
        for space, heading in study.maps.spaces.items():
            found = study.maps.scored(chosen)[space]
            numbers = [
                *told("10-NN", found["knn_accuracy"].value),
                *told("silhouette", found["silhouette"].value),
            ]
            heading = f"{method_name(study)} of the {heading}"
            maps.append(
                (
                    ": ".join([heading, *filter(None, [", ".join(numbers)])]),
                    study.maps.points(space, chosen),
                )
            )
        return {
            "maps": maps,
            "labels": study.maps.labels,
            "class_names": study.data.class_names,
            "caption": (
                f"{which_images(study)}, {model_name(study)}. {how_made(study, chosen)}. The map "
                f"of the codes is turned and mirrored onto the other. {READING}"
            ),
        }

    return arguments


_flat = _side_by_side(lambda study: study.maps.flat)
_solid = _side_by_side(lambda study: study.maps.solid)


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


def _forming(*spaces: str) -> Callable[[Study, float], dict[str, Any]]:
    def arguments(study: Study, fps: float) -> dict[str, Any]:
        films = {space: study.maps.film(space) for space in spaces}
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
            "hold_frames": 2 * hold_frames(fps),
            "title": "How the maps form" if len(spaces) > 1 else "How the map forms",
            "caption": (
                f"{which_images(study)}. {how_made(study, study.maps.flat, *spaces)}. Each frame "
                f"has its own scale. {READING}"
            ),
        }

    return arguments


def _no_film(study: Study) -> str | None:
    if study.maps.settings.method != "tsne":
        return "only t-SNE is optimised step by step; drop --method"
    return no_map(study)


def _map(file: str, about: str, function: str, arguments: Any, **options: Any) -> Figure:
    return Figure("--maps", file, about, "maps", function, arguments, missing=no_map, **options)


def _film(file: str, about: str, *spaces: str) -> Figure:
    return Figure(
        "--map-films",
        file,
        about,
        "maps",
        "drawing.clouds.draw_forming",
        _forming(*spaces),
        in_story=False,
        missing=_no_film,
    )


FIGURES = (
    _map(
        "tsne_pixel.png",
        "t-SNE of the pixels, drawn as the images themselves",
        "chapters.maps.draw.draw_image_map",
        _image_map("pixel"),
        dims=2,
    ),
    _map(
        "tsne_latent.png",
        "t-SNE of the codes, drawn as the images themselves",
        "chapters.maps.draw.draw_image_map",
        _image_map("latent"),
        dims=2,
    ),
    _map(
        "tsne_comparison.png",
        "both maps as labelled points side by side, with their scores",
        "chapters.maps.draw.draw_comparison",
        _comparison,
        dims=2,
    ),
    _map(
        "tsne_3d.png",
        "both maps in three dimensions",
        "drawing.clouds.draw_solid",
        _solid_still,
        dims=3,
    ),
    _map("tsne_3d.gif", "one slow turn around them", "drawing.clouds.draw_orbit", _orbit, dims=3),
    _film("tsne_pixel.gif", "the map of the pixels forming", "pixel"),
    _film("tsne_latent.gif", "the map of the codes forming", "latent"),
    _film("tsne_optimization.gif", "both maps forming side by side", "pixel", "latent"),
)
