"""Images that stand out, labels that may be wrong, detection of what is out of distribution."""

import numpy as np

from latentspace.chapters.captions import format_model
from latentspace.chapters.figure import Drawing, Recipe
from latentspace.chapters.outliers import draw
from latentspace.chapters.outliers.draw import Block
from latentspace.chapters.outliers.image_scores import SCORES
from latentspace.chapters.outliers.measure import Outliers
from latentspace.chapters.study import Study
from latentspace.drawing.text import Text

EXAMPLES = 5  # of each kind of out-of-distribution images


def draw_outliers(study: Study) -> Drawing:
    """Rows of images that stand out, and a table of out-of-distribution images."""
    chapter = study.of(Outliers)
    images, listings = chapter.scores, list(chapter.listings.values())
    listed = np.concatenate([listing.indices for listing in listings])
    ends = np.cumsum([len(listing.indices) for listing in listings])
    reconstructions = np.split(study.decode(study.codes[listed]), ends[:-1])
    text = Text("Images that stand out", _describe(study))
    return Drawing.of_images(
        draw.draw_outliers,
        text,
        blocks=[
            Block(listing.heading, study.images[listing.indices], back, listing.reasons)
            for listing, back in zip(listings, reconstructions, strict=True)
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


def _describe(study: Study) -> str:
    """What is measured, how neighbours vote and how well that finds wrong labels."""
    chapter = study.of(Outliers)
    images = chapter.scores
    votes, letters = "", f"letters are left out: {images.letters_unavailable}."
    if chapter.labels_unavailable is None:
        codes, pixels = chapter.planted["codes"], chapter.planted["pixels"]
        votes = (
            f" The {images.voters} nearest vote with their labels. Ambiguous: the smallest margin "
            "between two classes, then the fewest votes for others, then the nearest. Mislabelled: "
            f"{chapter.agreement} or more agree on another class; first those from which the "
            "nearest images of their own class are farther by the largest factor than those of the "
            f"other. Of wrong labels planted at random that finds {codes['found']:.1%} (by the "
            f"nearest in pixels {pixels['found']:.1%}); of the images' own labels it flags "
            f"{codes['false_alarms']:.2%} (pixels {pixels['false_alarms']:.2%})."
        )
    if images.letters_unavailable is None:
        letters = (
            "letters are printed in twelve faces of DejaVu, without those that look like a digit."
        )
    return (
        f"{len(images.rows):,} test images of {study.data.name}, {format_model(study)}; under each "
        "its reconstruction. Errors are squared, means over pixels; a distance is the mean to the "
        f"{images.neighbors} nearest of {len(study.reference_rows):,} training images.{votes} PCA: "
        f"{study.run.latent_dim} components, fitted to the images that the model was fitted to. "
        f"Upside down and inverted are test images, and some look the same upside down; {letters}"
    )


RECIPES = {"outliers.png": Recipe(draw_outliers, of=(Outliers,))}
