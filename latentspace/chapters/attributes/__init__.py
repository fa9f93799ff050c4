"""What images have: changed along directions of latent space, and carried from one to another."""

from functools import partial

from latentspace.chapters.figure import CALCULATE, Contents, Figure

of_attributes = partial(Figure, "--attributes", in_story=False, settings=("attribute", "seed"))
CONTENTS = Contents(
    __name__,
    part=CALCULATE,
    flags={
        "--attributes": "attributes of images, such as glasses or the slant of strokes, changed "
        "along directions of latent space"
    },
    figures=(
        of_attributes("attributes.png", "attributes put on, taken off or changed step by step"),
        of_attributes("attributes.gif", "the same, moving"),
        of_attributes("analogy.png", "A with an attribute − A without + B without = B with"),
    ),
)
