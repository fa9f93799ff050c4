"""Images that stand out, labels that may be wrong, detection of what is out of distribution."""

from collections.abc import Sequence

import numpy as np

from latentspace.analysis.copies import LEAST_IMAGES
from latentspace.chapters.captions import begin_sentence, format_model
from latentspace.chapters.figure import Drawing, Recipe
from latentspace.chapters.outliers import draw
from latentspace.chapters.outliers.duplicates import LISTED, Duplicates
from latentspace.chapters.outliers.image_scores import SCORES
from latentspace.chapters.outliers.measure import Outliers
from latentspace.chapters.study import Study
from latentspace.core.pixels import to_unit_range
from latentspace.drawing.grids import Grid, Note, draw_grids
from latentspace.drawing.text import Text

PAIRS_IN_WORDS = {
    "exact": "Equal images: {:,} pairs",
    "near": "Near copies: {:,} pairs",
    "next": "The next pairs, which count as different",
}
EXAMPLES = 5  # of each kind of out-of-distribution images


def draw_outliers(study: Study) -> Drawing:
    chapter = study.of(Outliers)
    images, listings = chapter.scores, list(chapter.listings.values())
    listed = np.concatenate([listing.indices for listing in listings])
    ends = np.cumsum([len(listing.indices) for listing in listings])
    below = study.images[listed][:, :0]  # nothing
    if study.explain_lack("decoder") is None:
        below = study.decode(study.codes[listed])
    text = Text("Images that stand out", _describe(study))
    return Drawing.of_images(
        draw.draw_outliers,
        text,
        grids=[
            _make_grid(listing.heading, study.images[listing.indices], back, listing.reasons)
            for listing, back in zip(listings, np.split(below, ends[:-1]), strict=True)
        ],
        ood={
            f"{kind} ({len(images.ood[kind]['error']):,})": (
                images.draw_examples(kind, EXAMPLES),
                [found[name].value for name in SCORES],
            )
            for kind, found in images.auroc.items()
        },
        score_names=list(SCORES.values()),
        table_heading=(
            "How often a score is higher for an out-of-distribution image than for a test image "
            "(AUROC: 0.5 says nothing, 1 detects them all)"
        ),
    )


def _make_grid(
    title: str, images: np.ndarray, below: np.ndarray, reasons: Sequence[Sequence[str]]
) -> Grid:
    """Images (N, H, W, C) in a row, each over another, the lines below it after its name faint."""
    notes = [[[Note(name), *(Note(line, True) for line in why)] for name, *why in reasons]]
    row = slice(min(1, len(images)))  # none of no images
    return Grid([], [], images[np.newaxis][row], title, below=below[np.newaxis][row], notes=notes)


def _describe(study: Study) -> str:
    """What is measured, how neighbours vote and how well that finds wrong labels."""
    chapter = study.of(Outliers)
    images = chapter.scores
    votes, letters = "", "printed in twelve faces of DejaVu, without those that look like a digit"
    if images.letters_unavailable is not None:
        letters = f"left out: {images.letters_unavailable}"
    if chapter.labels_unavailable is None:
        codes, pixels = chapter.planted["codes"], chapter.planted["pixels"]
        right = f", {codes['right']:.1%} with the right class" if "right" in codes else ""
        votes = (
            f" The {images.voters} nearest vote with their labels. Ambiguous: the smallest margin "
            "between two classes, then the fewest votes for others, then the nearest. Mislabelled: "
            f"{images.agreement} or more agree on another class; first those from which the "
            "nearest images of their own class are farther by the largest factor than those of the "
            f"other. Of wrong labels planted at random that finds {codes['found']:.1%}{right} "
            f"(the nearest in pixels {pixels['found']:.1%}); of the images' own labels it flags "
            f"{codes['false_alarms']:.2%} (pixels {pixels['false_alarms']:.2%}). suspect_labels"
            f".csv lists {chapter.metrics['suspect_labels']:,}, also those of training images."
        )
    about = f"{study.data.name_tests(len(images.rows))}, {format_model(study)}"
    near = f"istance is the mean to the {images.neighbors} nearest of "
    near += f"{len(study.reference_rows):,} training images.{votes}"
    if not images.kinds:
        return f"{about}. A d{near}"
    return (
        f"{about}; under each its reconstruction. Errors are squared, means over pixels; a d{near} "
        f"PCA: {study.run.latent_dim} components, fitted to the images that the model was fitted "
        "to. Upside down and inverted are test images, and some look the same upside down; letters "
        f"are {letters}."
    )


def draw_duplicates(study: Study) -> Drawing:
    chapter, found, grids = study.of(Duplicates), study.of(Duplicates).metrics, list[Grid]()
    for kind, (places, distances) in chapter.pairs.items():
        first, second = sides = places[:LISTED].T
        about = ([chapter.describe(place) for place in side] for side in sides)
        reasons = [
            [f"{one[0]} #{one[1]}", f"{two[0]} #{two[1]}", f"distance {away:.3f}"]
            + [" / ".join(dict.fromkeys((one[3], two[3])))] * study.data.has_classes
            for one, two, away in zip(*about, distances, strict=False)
        ]
        images = to_unit_range(chapter.take(first)), to_unit_range(chapter.take(second))
        grids.append(_make_grid(PAIRS_IN_WORDS[kind].format(len(places)), *images, reasons))
    near = f"Near copies are not told among fewer than {LEAST_IMAGES} different images"
    if "level" in found:
        near = (
            "Near: the distance of pixels, least over shifts by a pixel, is at most "
            f"{found['level']:.1%} of that to the farthest candidate. Of {found['planted']:,} "
            f"copies, shifted by a pixel or saved as JPEG, that finds {found['found']:.1%}"
        )
    if "nearest_code" in found:
        code = f"{found['nearest_code']['found']:.1%}"
        near += f" (the nearest code, {format_model(study)}, {code})"
    if "false_alarms" in found:
        near += (
            f"; of {found['compared']:,} images it takes {found['false_alarms']:.2%} for copies of "
            "the second nearest of their class"
        )
    caption = (
        f"{begin_sentence(chapter.answer)}. {found['images']:,} training and test "
        f"images of {study.data.title}, {found['different_images']:,} of them different; pairs "
        f"across splits come first, then those of two classes. {near}."
    )
    text = Text("Images that are there more than once", caption)
    return Drawing.of_images(draw_grids, text, grids=grids)


RECIPES = {
    "outliers.png": Recipe(draw_outliers, of=(Outliers,)),
    "duplicates.png": Recipe(draw_duplicates, of=(Duplicates,)),
}
