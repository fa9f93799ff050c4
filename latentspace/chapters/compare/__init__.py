"""Two models beside each other: the same images through both, and which is better by what."""

from latentspace.chapters.figure import COMPARE, MAP_SETTINGS, Contents, Figure

FLAG = "--run A --run B"

CONTENTS = Contents(
    __name__,
    part=COMPARE,
    flags={},
    figures=(
        Figure(
            FLAG,
            "comparison.png",
            "two models: the same images through both, and where they differ most",
            MAP_SETTINGS,
        ),
        Figure(
            FLAG,
            "comparison_maps.png",
            "two models: maps of both models' codes side by side, with their scores",
            MAP_SETTINGS,
        ),
    ),
)
