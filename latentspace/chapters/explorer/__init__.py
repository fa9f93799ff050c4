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
            "both maps on a page: point at an image, select some, colour by class, error, "
            "cluster or attribute",
            (*ON_MAP_SETTINGS, "num_clusters"),
            in_story=False,
        ),
    ),
)
