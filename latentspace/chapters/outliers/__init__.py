"""Images that stand out, labels that may be wrong, detection of what is out of distribution."""

from latentspace.chapters.figure import USE, Contents, Figure

CONTENTS = Contents(
    __name__,
    part=USE,
    flags={
        "--outliers": "images that stand out, labels that look wrong, and how well "
        "out-of-distribution images are detected",
    },
    figures=(
        Figure(
            "--outliers",
            "outliers.png",
            "images that stand out, labels that look wrong, and how well out-of-distribution "
            "images are detected",
            in_story=False,
        ),
    ),
)
