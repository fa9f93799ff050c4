"""Maps of pixels against maps of codes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from latentspace.analysis.projection import Settings
from latentspace.chapters.captions import CAVEAT, count_hold_frames, format_metric, format_model
from latentspace.chapters.figure import Drawing, Recipe
from latentspace.chapters.maps import detail_figures, draw
from latentspace.chapters.maps.describe import describe_images, describe_maps, format_method
from latentspace.chapters.maps.measure import Maps
from latentspace.chapters.study import Study
from latentspace.drawing import clouds
from latentspace.drawing.text import Text

SOLID_TITLE = "The same images, mapped into three dimensions"


def _draw_image_map(space: str) -> Callable[[Study], Drawing]:
    def draw_map(study: Study) -> Drawing:
        maps = study.of(Maps)
        cells = draw.arrange_images(maps.images.shape, maps.get_points(space))
        model = f", {format_model(study)}" if space == "latent" else ""
        text = Text(
            f"{format_method(study)} of the {maps.spaces[space]}",
            f"{describe_images(study)}{model}. {describe_maps(study, maps.flat, space)}. "
            f"{_format_scores(maps, space)}. {CAVEAT} {cells.shown.sum():,} of "
            f"{len(cells.shown):,} images found a free cell near their place.",
        )
        frame = draw.draw_image_map(
            images=maps.images,
            cells=cells,
            labels=maps.labels,
            class_names=study.data.class_names,
            as_ink=study.strokes_unavailable is None,
            text=text,
        )
        return Drawing(frame, text)

    return draw_map


def _format_scores(maps: Maps, space: str) -> str:
    found = maps.score_maps(maps.flat)[space]
    parts = [
        f"{words} in the map, {found['source_knn_accuracy'].value:.3f} before it"
        for words in format_metric("10-NN label accuracy", found["knn_accuracy"].value)
    ]
    parts += format_metric("trustworthiness", found["trustworthiness"].value)
    parts.append(f"k-NN preservation {found['knn_preservation'].value:.0%}")
    scores = "; ".join(parts)
    return f"{scores[0].upper()}{scores[1:]}"


def _list_maps(study: Study, settings: Settings) -> list[tuple[str, np.ndarray]]:
    """Both maps, each with a heading that tells its scores."""
    maps = study.of(Maps)
    listed = []
    for space, words in maps.spaces.items():
        found = maps.score_maps(settings)[space]
        numbers = [
            *format_metric("10-NN", found["knn_accuracy"].value),
            *format_metric("silhouette", found["silhouette"].value),
        ]
        heading = f"{format_method(study)} of the {words}"
        heading = ": ".join([heading, *filter(None, [", ".join(numbers)])])
        listed.append((heading, maps.get_points(space, settings)))
    return listed


def _describe_both(study: Study, settings: Settings) -> str:
    return (
        f"{describe_images(study)}, {format_model(study)}. {describe_maps(study, settings)}. The "
        f"map of the codes is turned and mirrored onto the other. {CAVEAT}"
    )


def draw_comparison(study: Study) -> Drawing:
    """Both maps as points side by side, with the answer to which has denser classes."""
    maps = study.of(Maps)
    caption = _describe_both(study, maps.flat)
    if maps.settings.dims == 2 and (answer := maps.answer) is not None:
        caption += f" {answer[0].upper()}{answer[1:]}."
    text = Text("The same images, mapped from their pixels and from their codes", caption)
    frame = draw.draw_comparison(
        maps=_list_maps(study, maps.flat),
        labels=maps.labels,
        class_names=study.data.class_names,
        text=text,
    )
    return Drawing(frame, text)


def draw_solid(study: Study) -> Drawing:
    """Both maps in three dimensions, from one side."""
    maps = study.of(Maps)
    text = Text(SOLID_TITLE, _describe_both(study, maps.solid))
    frame = clouds.draw_solid(
        maps=_list_maps(study, maps.solid),
        labels=maps.labels,
        class_names=study.data.class_names,
        text=text,
    )
    return Drawing(frame, text)


def draw_orbit(study: Study) -> Drawing:
    """One slow turn around both maps in three dimensions."""
    maps = study.of(Maps)
    text = Text(SOLID_TITLE, _describe_both(study, maps.solid))
    frames = clouds.draw_orbit(
        maps=_list_maps(study, maps.solid),
        labels=maps.labels,
        class_names=study.data.class_names,
        fps=study.settings.fps,
        text=text,
    )
    return Drawing(frames, text)


def _draw_forming(*spaces: str) -> Callable[[Study], Drawing]:
    def draw_film(study: Study) -> Drawing:
        maps = study.of(Maps)
        films = {space: maps.get_film(space) for space in spaces}
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
        text = Text(
            "How the maps form" if len(spaces) > 1 else "How the map forms",
            f"{describe_images(study)}. {describe_maps(study, maps.flat, *spaces)}. Each frame "
            f"has its own scale. {CAVEAT}",
        )
        frames = clouds.draw_forming(
            maps=[(f"t-SNE of the {maps.spaces[space]}", films[space].points) for space in spaces],
            notes=notes,
            labels=maps.labels,
            class_names=study.data.class_names,
            hold_frames=2 * count_hold_frames(study.settings.fps),
            text=text,
        )
        return Drawing(frames, text)

    return draw_film


def _explain_no_film(study: Study) -> str | None:
    if study.settings.method != "tsne":
        return "only t-SNE is optimised step by step; drop --method"
    return None


RECIPES: Mapping[str, Recipe[Study]] = {
    "tsne_pixel.png": Recipe(_draw_image_map("pixel"), of=(Maps,)),
    "tsne_latent.png": Recipe(_draw_image_map("latent"), of=(Maps,)),
    "tsne_comparison.png": Recipe(draw_comparison, of=(Maps,)),
    "tsne_3d.png": Recipe(draw_solid, of=(Maps,)),
    "tsne_3d.gif": Recipe(draw_orbit, of=(Maps,)),
    "tsne_pixel.gif": Recipe(_draw_forming("pixel"), (Maps,), _explain_no_film),
    "tsne_latent.gif": Recipe(_draw_forming("latent"), (Maps,), _explain_no_film),
    "tsne_optimization.gif": Recipe(_draw_forming("pixel", "latent"), (Maps,), _explain_no_film),
    **detail_figures.RECIPES,
}
