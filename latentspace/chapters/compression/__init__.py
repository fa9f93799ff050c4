"""Codes as a way to store images."""

from latentspace.chapters.figure import USE, Contents, Figure

CONTENTS = Contents(
    __name__,
    part=USE,
    flags={
        "--compression": "bytes and errors of codes, against PCA and image files",
    },
    figures=(
        Figure(
            "--compression",
            "rate_distortion.png",
            "bytes an image against error: codes, PCA, JPEG, WebP, AVIF, PNG",
            settings=(),
            in_story=False,
        ),
        Figure(
            "--compression",
            "compression.png",
            "the same test images within the same few bytes by each method",
            settings=(),
            in_story=False,
        ),
    ),
)
