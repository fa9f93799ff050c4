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
    chapter = study.of(Exploration)
    maps = chapter.maps
    shown = {
        space: Map(
            name_map(study.settings.method, space),
            format_scores(maps, maps.flat, space, words=" label accuracy"),
            maps.get_points(space),
            f"nearest in {words}",
            chapter.find_neighbors(space),
        )
        for space, words in SPACES.items()
    }
    has_errors = study.explain_lack("decoder") is None
    errors = "Errors are squared, means over pixels. " if has_errors else ""
    about = (
        f"{describe_maps(maps, maps.flat)}. The map of the codes is turned and mirrored onto the "
        f"other. {CAVEAT} {errors}The nearest are those of the images shown, in pixels and in "
        "codes themselves, not on the maps."
    )
    title, subject = "The same images, in pixels and in codes", describe_images(maps)
    return draw_page({"": study}, shown, title, about, f"{subject}, {format_model(study)}")


def draw_page(
    studies: Mapping[str, Study], shown: Mapping[str, Map], title: str, about: str, subject: str
) -> Drawing:
    """The page of the images of a study, or of two by the letters of their models, on two maps."""
    chapters = {letter: study.of(Exploration) for letter, study in studies.items()}
    chapter = next(iter(chapters.values()))
    maps, data, outliers = chapter.maps, chapter.study.data, chapter.study.of(Outliers)
    back = {
        letter: one.maps.reconstructed
        for letter, one in chapters.items()
        if one.study.explain_lack("decoder") is None
    }
    sheet = make_sheet(np.concatenate([maps.pixels, *(one["pixels"] for one in back.values())]))
    groups = {"class": (maps.labels, list(data.class_names))}
    if (without_clusters := chapter.clusters_unavailable) is None:
        for letter, one in chapters.items():
            found = one.clusters
            groups["cluster" + (letter and f" of {letter}")] = found.labels, found.names
        about += f" Clusters were found without labels ({chapter.clusters.method})."
    else:
        about += f" There are no clusters: {without_clusters}."
    if sheet.note:
        about += f" To keep the file small, pictures are {sheet.note}."
    models = []
    for letter, study in studies.items():
        live, errors = study.of(Live), back[letter]["errors"] if letter in back else np.empty(0)
        runs_it = live.model_unavailable or live.model
        models.append(Model(errors, runs_it, letter, study.run.name))
    suspects, text = chapter.suspects, Text(title, about)
    voters = outliers.scores.voters if suspects else 0
    why, known = outliers.labels_unavailable or "", data.whole.images_hash
    page = draw.draw_explorer(
        maps=shown,
        models=models,
        pictures=Pictures(sheet, maps.numbers, maps.is_training, chapter.files, chapter.folder),
        groups=groups,
        attributes={"copy": chapter.copies, **chapter.attributes},
        check=Check(suspects, voters, why, chapter.corrected, known),
        subject=subject,
        text=text,
    )
    return Drawing(page, text)


RECIPES: Mapping[str, Recipe[Study]] = {"explorer.html": Recipe(draw_explorer, of=(Exploration,))}
