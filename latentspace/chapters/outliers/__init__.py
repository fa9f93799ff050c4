"""Images that stand out, labels that may be wrong, detection of what is out of distribution."""

from latentspace.chapters.figure import USE, Contents, Figure

ABOUT = (
    "images that stand out, labels that look wrong, and how well out-of-distribution images are "
    "detected"
)
CONTENTS = Contents(
    __name__,
    part=USE,
    flags={"--outliers": ABOUT},
    figures=(Figure("--outliers", "outliers.png", ABOUT, in_story=False),),
)
