"""A page on which both maps can be explored, image by image."""

from latentspace.chapters.figure import MAP, Contents, explorer_page

CONTENTS = Contents(
    __name__,
    part=MAP,
    flags={"--explorer": "a page to explore both maps with the mouse, image by image"},
    figures=(
        explorer_page(
            "both maps on a page, and the model in it: point, select, walk, change, calculate, "
            "draw, check labels"
        ),
    ),
)
