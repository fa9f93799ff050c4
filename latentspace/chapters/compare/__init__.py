"""Two models beside each other: the same images through both, and which is better by what."""

from functools import partial

from latentspace.chapters.figure import COMPARE, MAP_SETTINGS, Contents, Figure, explorer_page

compared = partial(Figure, "--run A --run B", settings=MAP_SETTINGS)
CONTENTS = Contents(
    __name__,
    part=COMPARE,
    flags={},
    figures=(
        compared(
            "comparison.png", "two models: the same images through both, and where they differ most"
        ),
        compared(
            "comparison_maps.png",
            "two models: maps of both models' codes side by side, with their scores",
        ),
        explorer_page(
            "two models, with --run A --run B: both maps of codes on a page, and both models in it"
        ),
    ),
)
