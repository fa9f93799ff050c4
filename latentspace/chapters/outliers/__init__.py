"""Images that stand out, labels that may be wrong, detection of what is out of distribution."""

from latentspace.chapters.figure import USE, Contents, Figure

ABOUT = (
    "images that stand out, labels that look wrong, and how well out-of-distribution images are "
    "detected"
)
COPIES = "images that are there more than once, exactly or nearly, also across training and test"
CONTENTS = Contents(
    __name__,
    part=USE,
    flags={"--outliers": ABOUT},
    figures=(
        Figure("--outliers", "outliers.png", ABOUT, in_story=False, table="suspect_labels.csv"),
        Figure("--outliers", "duplicates.png", COPIES, (), in_story=False, table="duplicates.csv"),
    ),
)
