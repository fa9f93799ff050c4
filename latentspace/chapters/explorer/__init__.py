"""A page on which both maps can be explored, image by image."""

from latentspace.chapters.figure import MAP, ON_MAP_SETTINGS, Contents, Figure

CONTENTS = Contents(
    __name__,
    part=MAP,
    flags={"--explorer": "a page to explore both maps with the mouse, image by image"},
    figures=(
        Figure(
            "--explorer",
            "explorer.html",
            "both maps on a page, and the model in it: point, select, walk, change, calculate, "
            "draw, check labels",
            (*ON_MAP_SETTINGS, "num_clusters", "frames", "attribute"),
            in_story=False,
        ),
    ),
)
