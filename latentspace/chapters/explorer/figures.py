"""A page on which both maps can be explored, image by image."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from latentspace.chapters.captions import CAVEAT, format_model
from latentspace.chapters.explorer import draw
from latentspace.chapters.explorer.draw import Check, Map, Model, Pictures, make_sheet
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
    chapter = study.of(Exploration)
    maps = chapter.maps
    return draw_page(
        {"": study},
        {
            space: Map(
                name_map(study.settings.method, space),
                format_scores(maps, maps.flat, space, words=" label accuracy"),
                maps.get_points(space),
                f"nearest in {words}",
                chapter.neighbors[space],
            )
            for space, words in SPACES.items()
        },
        "The same images, in pixels and in codes",
        f"{describe_maps(maps, maps.flat)}. The map of the codes is turned and "
        f"mirrored onto the other. {CAVEAT} Errors are squared, means over pixels. The nearest are "
        "those of the images shown, in pixels and in codes themselves, not on the maps.",
        f"{describe_images(maps)}, {format_model(study)}",
    )


def draw_page(
    studies: Mapping[str, Study], shown: Mapping[str, Map], title: str, about: str, subject: str
) -> Drawing:
    """The page of the images of a study, or of two by the letters of their models, on two maps."""
    chapters = {letter: study.of(Exploration) for letter, study in studies.items()}
    lives = {letter: study.of(Live) for letter, study in studies.items()}
    chapter = next(iter(chapters.values()))
    maps, data, sentences = chapter.maps, chapter.study.data, [about]
    outliers = chapter.study.of(Outliers)
    backs = [one.maps.reconstructions for one in chapters.values()]
    sheet = make_sheet(np.concatenate([maps.pixels, *backs]))
    groups = {"class": (maps.labels, list(data.class_names))}
    if (without_clusters := chapter.clusters_unavailable) is None:
        for letter, one in chapters.items():
            found = one.clusters
            groups["cluster" + (letter and f" of {letter}")] = found.labels, found.names
        sentences.append(f"Clusters were found without labels ({chapter.clusters.method}).")
    else:
        sentences.append(f"There are no clusters: {without_clusters}.")
    if sheet.note:
        sentences.append(f"To keep the file small, pictures are {sheet.note}.")
    text = Text(title, " ".join(sentences))
    page = draw.draw_explorer(
        maps=shown,
        models=[
            Model(
                chapters[letter].maps.errors,
                live.model_unavailable or live.model,
                letter,
                live.study.run.name,
            )
            for letter, live in lives.items()
        ],
        pictures=Pictures(sheet, maps.numbers, maps.is_training, chapter.files, chapter.folder),
        groups=groups,
        attributes={"copy": chapter.copies, **chapter.attributes},
        check=Check(
            chapter.suspects,
            outliers.scores.voters if chapter.suspects else 0,
            outliers.labels_unavailable or "",
            chapter.corrected,
            data.whole.images_hash,
        ),
        subject=subject,
        text=text,
    )
    return Drawing(page, text)


RECIPES: Mapping[str, Recipe[Study]] = {"explorer.html": Recipe(draw_explorer, of=(Exploration,))}
