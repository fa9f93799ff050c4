"""Maps of pixels against maps of codes, and what belongs to them."""

from collections.abc import Collection, Mapping
from functools import partial

import numpy as np

from latentspace.analysis.neighborhoods import Estimate
from latentspace.analysis.projection import Settings
from latentspace.chapters.captions import (
    CAVEAT,
    begin_sentence,
    count_hold_frames,
    format_metric,
    format_model,
)
from latentspace.chapters.figure import METHODS, Drawing, Recipe
from latentspace.chapters.maps import draw
from latentspace.chapters.maps.describe import (
    describe_images,
    describe_maps,
    format_scores,
    name_map,
)
from latentspace.chapters.maps.images import SPACES
from latentspace.chapters.maps.measure import GIVEN, SCORES, GivenMap, Maps
from latentspace.chapters.maps.methods import ProjectionMethods
from latentspace.chapters.maps.overlap import Overlap
from latentspace.chapters.maps.placing import Placing
from latentspace.chapters.study import Study
from latentspace.drawing import clouds
from latentspace.drawing.points import LabelledMaps
from latentspace.drawing.text import Text

WORDS = {name: f"{words[0].lower()}{words[1:]}" for name, words in SCORES.items()}
TABLE_ROWS = {
    "pixel": "among pixels",
    "pixel_map": "on the map of pixels",
    "latent": "among codes",
    "latent_map": "on the map of codes",
}


def _draw_image_map(space: str, study: Study) -> Drawing:
    maps = study.of(Maps)
    cells = draw.arrange_images(maps.images.shape, maps.get_points(space))
    model = f", {format_model(study)}" if space == "latent" else ""
    text = Text(
        name_map(study.settings.method, space),
        f"{describe_images(maps)}{model}. {describe_maps(maps, maps.flat, space)}. "
        f"{_describe_scores(maps, space)}. {CAVEAT} "
        f"{cells.shown.sum():,} of {len(cells.shown):,} images found a free cell near their "
        "place.",
    )
    # The map scales its thumbnails itself: `cells` is made for them.
    draw_map = partial(draw.draw_image_map, images=maps.images, cells=cells)
    as_ink, names = study.strokes_unavailable is None, study.data.class_names
    return Drawing.of_images(draw_map, text, labels=maps.labels, class_names=names, as_ink=as_ink)


def _describe_scores(maps: Maps, space: str) -> str:
    found = maps.score_maps(maps.flat)[space]
    parts = [
        f"{words} in the map, {found['source_knn_accuracy'].value:.3f} before it"
        for words in format_metric(f"{maps.knn} label accuracy", found["knn_accuracy"].value)
    ]
    for split, words in (("placed", "of the placed images"), ("embedded", "of the others")):
        if (votes := found.get(f"{split}_knn_accuracy")) is not None:
            parts += format_metric(words, votes.value)
    parts += format_metric("trustworthiness", found["trustworthiness"].value)
    parts.append(f"k-NN preservation {found['knn_preservation'].value:.0%}")
    return begin_sentence("; ".join(parts))


def _list_maps(maps: Maps, settings: Settings) -> LabelledMaps:
    points = {}
    for space in maps.spaces:
        heading = name_map(settings.method, space), format_scores(maps, settings, space)
        points[": ".join(filter(None, heading))] = maps.get_points(space, settings)
    if maps.given is not None:
        heading = f"{maps.given.name}, as it was given", format_scores(maps, settings, GIVEN)
        points["\n".join(filter(None, heading))] = maps.given.points
    return LabelledMaps(points, maps.labels, maps.study.data.class_names)


def _describe_both(study: Study, settings: Settings) -> str:
    maps = study.of(Maps)
    turned = "The map of the codes is turned and mirrored onto the other. " * (len(maps.spaces) > 1)
    return (
        f"{describe_images(maps)}, {format_model(study)}. {describe_maps(maps, settings)}. "
        f"{turned}{CAVEAT}"
    )


def _describe_given(maps: Maps, given: GivenMap) -> str:
    """A map that a person has made beside ours of the codes, both scored against the codes."""
    found = maps.score_maps(maps.flat)
    parts = [
        f"{WORDS[name].format(knn=maps.knn)} {found[GIVEN][name].value:.3f} against "
        f"{found['latent'][name].value:.3f} ({more.value:+.3f}, 95% interval {more.low:+.3f} to "
        f"{more.high:+.3f})"
        for name, more in found["given_difference"].items()
        if np.isfinite(more.value)
    ]
    ours = name_map(maps.flat.method, "latent")
    return f" {given.said}. It is scored against the codes, beside {ours}: {'; '.join(parts)}."


def draw_comparison(study: Study) -> Drawing:
    maps = study.of(Maps)
    caption = _describe_both(study, maps.flat)
    if maps.settings.dims == 2 and (answer := maps.answer) is not None:
        caption += f" {begin_sentence(answer)}."
    if maps.given is not None:
        caption += _describe_given(maps, maps.given)
    title = "The same images, mapped from their pixels and from their codes"
    text = Text(title if len(maps.spaces) > 1 else "A map of the codes", caption)
    return Drawing.of_page(draw.draw_comparison(_list_maps(maps, maps.flat)), text)


def draw_solid(study: Study, *, turning: bool) -> Drawing:
    """Both maps in three dimensions, from one side, or one slow turn around them."""
    maps = study.of(Maps)
    text = Text("The same images, mapped into three dimensions", _describe_both(study, maps.solid))
    shown = _list_maps(maps, maps.solid)
    if turning:
        return Drawing.of_images(
            clouds.draw_orbit, text, moving=True, maps=shown, fps=study.settings.fps
        )
    return Drawing.of_page(clouds.draw_solid(shown), text)


def _draw_forming(spaces: Collection[str], study: Study) -> Drawing:
    maps = study.of(Maps)
    spaces = [space for space in spaces if space in maps.spaces]
    films = {space: maps.get_film(space) for space in spaces}

    def tell(iteration: int, divergence: float, exaggerated: bool) -> str:
        if np.isnan(divergence):
            return "the start: two principal components"
        words = "attraction exaggerated" if exaggerated else f"KL divergence {divergence:.2f}"
        return f"iteration {iteration}, {words}"

    told = [(film.iterations, film.divergences, film.exaggerated) for film in films.values()]
    notes = [list(map(tell, *columns)) for columns in told]
    labels = maps.labels[films[spaces[0]].rows]
    left_out = "Only those that the maps are made of are shown. " * (len(labels) < len(maps.labels))
    text = Text(
        "How the maps form" if len(spaces) > 1 else "How the map forms",
        f"{describe_images(maps)}. {describe_maps(maps, maps.flat, *spaces)}. {left_out}Each "
        f"frame has its own scale. {CAVEAT}",
    )
    points = {name_map("tsne", space): films[space].points for space in spaces}
    shown = LabelledMaps(points, labels, study.data.class_names)
    hold = 2 * count_hold_frames(study.settings.fps)
    return Drawing.of_images(
        clouds.draw_forming, text, moving=True, maps=shown, notes=notes, hold_frames=hold
    )


def _explain_no_film(study: Study) -> str | None:
    why = "only t-SNE is optimised step by step; drop --method"
    return None if study.settings.method == "tsne" else why


def draw_projection_methods(study: Study) -> Drawing:
    maps, chapter = study.of(Maps), study.of(ProjectionMethods)
    points = {}
    for space, words in maps.spaces.items():
        for method, scores in chapter.scores.items():
            heading = f"{METHODS[method]} of {words}\n{_format_scores(maps.knn, scores[space])}"
            points[heading] = maps.get_points(space, chapter.settings[method])
    text = Text(
        "The same images by four methods of projection",
        f"{describe_images(maps)}, {format_model(study)}. "
        f"{describe_maps(maps, chapter.settings['tsne'])}. "
        f"{maps.knn}: label accuracy of so many nearest on the map; k-NN preservation: share of "
        f"the ten nearest that are still among them. {CAVEAT}",
    )
    shown = LabelledMaps(points, maps.labels, study.data.class_names)
    page = draw.draw_projection_methods(shown, rows=len(maps.spaces))
    return Drawing.of_page(page, text)


def _format_scores(knn: str, found: Mapping[str, Estimate]) -> str:
    """How good a map is, without what could not be measured."""
    numbers = {name: one.value for name, one in found.items()}
    above = format_metric(knn, numbers["knn_accuracy"])
    above += format_metric("k-NN preservation", numbers["knn_preservation"], ".0%")
    below = format_metric("trustworthiness", numbers["trustworthiness"])
    below += format_metric("silhouette", numbers["silhouette"], ".2f")
    return f"{', '.join(above)}\n{', '.join(below)}"


def draw_overlap(study: Study) -> Drawing:
    maps, chapter = study.of(Maps), study.of(Overlap)
    names = [study.data.class_names[label] for label in chapter.classes]
    text = Text(
        f"{', '.join(names[:-1])} and {names[-1]} alone: which neighbours are of another class?",
        f"{describe_images(maps, len(chapter.map_rows))}, "
        f"{format_model(study)}. "
        f"{describe_maps(maps, chapter.settings, rows=chapter.map_rows)}; maps of these alone. "
        "The table: share of the ten nearest neighbours of an image that belong to another of "
        f"these classes. {CAVEAT}",
    )
    method = chapter.settings.method
    points = {name_map(method, space): chapter.map_points(space) for space in SPACES}
    shown = LabelledMaps(points, chapter.labels, study.data.class_names)
    table = {words: chapter.mixing[name] for name, words in TABLE_ROWS.items()}
    page = draw.draw_overlap(shown, classes=chapter.classes, table=table)
    return Drawing.of_page(page, text)


def draw_decoded_grid(study: Study) -> Drawing:
    maps = study.of(Maps)
    text = Text(
        "Images decoded at each place of the latent map",
        f"For {format_model(study)}, each cell is decoded from the codes of the five images "
        f"nearest to it on the map of {describe_images(maps)} "
        f"({describe_maps(maps, maps.flat, 'latent')}), weighted by the inverse square "
        f"of their distance; cells without an image near them are empty. {CAVEAT}",
    )
    return Drawing.of_images(draw.draw_decoded_grid, text, grid=study.of(Placing).grid)


def draw_placed(study: Study) -> Drawing:
    maps, chapter = study.of(Maps), study.of(Placing)
    names = np.array(study.data.class_names)[maps.labels]
    text = Text(
        "Further images on the maps",
        f"Maps of {describe_images(maps)}, {format_model(study)}; "
        f"{describe_maps(maps, maps.flat)}. Each further image is placed by itself, by its "
        "neighbours; the map stays as it was. Below: the images as the model gets them, and "
        f"the nearest images of the map in either space with their classes. {CAVEAT}",
    )
    points = {name_map(study.settings.method, space): maps.get_points(space) for space in SPACES}
    return Drawing.of_images(
        draw.draw_placed,
        text,
        maps=LabelledMaps(points, maps.labels, study.data.class_names),
        places=[places for places, _ in chapter.placed.values()],
        images=np.stack([item.image for item in chapter.selected]),
        names=[item.name for item in chapter.selected],
        neighbors={
            SPACES[space]: (maps.images[neighbors], names[neighbors])
            for space, (_, neighbors) in chapter.placed.items()
        },
    )


def _explain_none_placed(study: Study) -> str | None:
    return None if study.settings.place else "no image is to be placed: pass --place IMAGE"


def _explain_no_images(study: Study) -> str | None:
    return study.explain_lack("images")


RECIPES = {
    "tsne_pixel.png": Recipe(partial(_draw_image_map, "pixel"), (Maps,), _explain_no_images),
    "tsne_latent.png": Recipe(partial(_draw_image_map, "latent"), (Maps,), _explain_no_images),
    "tsne_comparison.png": Recipe(draw_comparison, of=(Maps,)),
    "tsne_3d.png": Recipe(partial(draw_solid, turning=False), of=(Maps,)),
    "tsne_3d.gif": Recipe(partial(draw_solid, turning=True), of=(Maps,)),
    "tsne_pixel.gif": Recipe(
        partial(_draw_forming, ["pixel"]),
        (Maps,),
        lambda study: _explain_no_images(study) or _explain_no_film(study),
    ),
    "tsne_latent.gif": Recipe(partial(_draw_forming, ["latent"]), (Maps,), _explain_no_film),
    "tsne_optimization.gif": Recipe(partial(_draw_forming, SPACES), (Maps,), _explain_no_film),
    "projection_methods.png": Recipe(draw_projection_methods, of=(ProjectionMethods,)),
    "overlapping_classes.png": Recipe(draw_overlap, of=(Overlap,)),
    "latent_grid.png": Recipe(
        draw_decoded_grid, (Maps,), lambda study: study.explain_lack("images", "decoder")
    ),
    "placed.png": Recipe(draw_placed, (Placing, Maps), _explain_none_placed),
}
