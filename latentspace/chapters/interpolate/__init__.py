"""Blending pixels against walking between codes."""

from functools import partial

from latentspace.chapters.figure import INTERPOLATE, ON_MAP_SETTINGS, Contents, Figure

FLAG = "--interpolation"
ENDS = ("start", "end", "seed")
PAIRS = ("pairs", "frames", *ENDS)
WALKS = ("path", *PAIRS)
ON_MAP = tuple(dict.fromkeys((*PAIRS, *ON_MAP_SETTINGS)))

in_story = partial(Figure, FLAG)
aside = partial(Figure, FLAG, in_story=False)
CONTENTS = Contents(
    __name__,
    part=INTERPOLATE,
    flags={FLAG: "blending pixels against walking between codes"},
    figures=(
        in_story(
            "interpolation.png",
            "rows of blended pixels, of the straight line between codes, of the path along the "
            "data",
            PAIRS,
        ),
        in_story("interpolation_pixel.gif", "blending pixels, as a loop", PAIRS),
        in_story("interpolation_latent.gif", "walking between codes, as a loop", WALKS),
        in_story(
            "interpolation.gif", "blending pixels over walking between codes, as a loop", WALKS
        ),
        aside("interpolation_grid.png", "four images blended by their codes in a square", ENDS),
        aside("interpolation_grid.gif", "a walk through that square", ENDS),
        aside("tour.gif", "one loop through all classes", ("path", "frames")),
        aside(
            "interpolation_on_map.png",
            "straight paths and paths along the data, on the map of the codes",
            ON_MAP,
        ),
    ),
)
