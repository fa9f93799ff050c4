"""Blending pixels against walking between codes."""

from latentspace.chapters.figure import INTERPOLATE, ON_MAP_SETTINGS, Contents, Figure

FLAG = "--interpolation"
ENDS = ("start", "end", "seed")
PAIRS = ("pairs", "frames", *ENDS)
WALKS = ("path", *PAIRS)

CONTENTS = Contents(
    __name__,
    part=INTERPOLATE,
    flags={FLAG: "blending pixels against walking between codes"},
    figures=(
        Figure(
            FLAG,
            "interpolation.png",
            "rows of blended pixels, of the straight line between codes, of the path along the "
            "data",
            PAIRS,
        ),
        Figure(FLAG, "interpolation_pixel.gif", "blending pixels, as a loop", PAIRS),
        Figure(FLAG, "interpolation_latent.gif", "walking between codes, as a loop", WALKS),
        Figure(
            FLAG,
            "interpolation.gif",
            "blending pixels over walking between codes, as a loop",
            WALKS,
        ),
        Figure(
            FLAG,
            "interpolation_grid.png",
            "four images blended by their codes in a square",
            ENDS,
            in_story=False,
        ),
        Figure(FLAG, "interpolation_grid.gif", "a walk through that square", ENDS, in_story=False),
        Figure(
            FLAG,
            "tour.gif",
            "one loop through all classes along the data",
            ("frames",),
            in_story=False,
        ),
        Figure(
            FLAG,
            "interpolation_on_map.png",
            "straight paths and paths along the data, on the map of the codes",
            tuple(dict.fromkeys((*PAIRS, *ON_MAP_SETTINGS))),
            in_story=False,
        ),
    ),
)
