"""Sums of codes, class transfer, stroke attributes, axes of latent space, and new images."""

from latentspace.chapters.figure import CALCULATE, Contents, Figure

AXES = ("axes", "seed")

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
        Figure(
            "--arithmetic",
            "arithmetic.png",
            "sums of codes beside class means and transport, or --expression",
            settings=("expression", "seed"),
        ),
        Figure(
            "--arithmetic",
            "class_transfer.png",
            "test images moved to every other class, slant and thickness preserved",
            in_story=False,
        ),
        Figure(
            "--attributes",
            "attributes.png",
            "slant, thickness, width and height changed step by step",
            in_story=False,
        ),
        Figure("--attributes", "attributes.gif", "the same, moving", in_story=False),
        Figure(
            "--traversals",
            "traversals.png",
            "real images and the mean code moved along principal axes or single units",
            settings=AXES,
            in_story=False,
        ),
        Figure("--traversals", "traversals.gif", "the same, moving", AXES, in_story=False),
        Figure(
            "--traversals",
            "samples.png",
            "new images drawn from a Gaussian per class and from one for all",
            in_story=False,
        ),
    ),
)
