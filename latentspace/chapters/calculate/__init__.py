"""Sums of codes, class transfer, stroke attributes, axes of latent space, and new images."""

from functools import partial

from latentspace.chapters.figure import CALCULATE, Contents, Figure

AXES = ("axes", "seed")

arithmetic = partial(Figure, "--arithmetic")
attributes = partial(Figure, "--attributes", in_story=False)
traversals = partial(Figure, "--traversals", in_story=False)
CONTENTS = Contents(
    __name__,
    part=CALCULATE,
    flags={
        "--arithmetic": "sums and differences of codes, and images moved to another class",
        "--attributes": "slant, thickness, width and height of strokes, changed along directions "
        "of latent space",
        "--traversals": "what each axis of latent space changes in real images, and new images "
        "drawn from it",
    },
    figures=(
        arithmetic(
            "arithmetic.png",
            "sums of codes beside class means and transport, or --expression",
            settings=("expression", "seed"),
        ),
        arithmetic(
            "class_transfer.png",
            "test images moved to every other class, slant and thickness preserved",
            in_story=False,
        ),
        attributes("attributes.png", "slant, thickness, width and height changed step by step"),
        attributes("attributes.gif", "the same, moving"),
        traversals(
            "traversals.png",
            "real images and the mean code moved along principal axes or single units",
            settings=AXES,
        ),
        traversals("traversals.gif", "the same, moving", settings=AXES),
        traversals(
            "samples.png", "new images drawn from a Gaussian per class and from one for all"
        ),
    ),
)
