"""Sums of codes, class transfer, axes of latent space, and new images."""

from functools import partial

from latentspace.chapters.figure import CALCULATE, Contents, Figure

AXES = ("axes", "seed")

of_arithmetic = partial(Figure, "--arithmetic")
of_traversals = partial(Figure, "--traversals", in_story=False)
CONTENTS = Contents(
    __name__,
    part=CALCULATE,
    flags={
        "--arithmetic": "sums and differences of codes, and images moved to another class",
        "--traversals": "what each axis of latent space changes in real images, and new images "
        "drawn from it",
    },
    figures=(
        of_arithmetic(
            "arithmetic.png",
            "sums of codes beside class means and transport, or --expression",
            settings=("expression", "seed"),
        ),
        of_arithmetic(
            "class_transfer.png",
            "test images moved to every other class, slant and thickness preserved",
            in_story=False,
        ),
        of_traversals(
            "traversals.png",
            "real images and the mean code moved along principal axes or single units",
            settings=AXES,
        ),
        of_traversals("traversals.gif", "the same, moving", settings=AXES),
        of_traversals(
            "samples.png",
            "new images drawn from a density of the codes, beside one Gaussian",
            settings=("seed",),
        ),
    ),
)
