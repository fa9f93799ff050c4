"""Codes as a way to store images."""

from functools import partial

from latentspace.chapters.figure import USE, Contents, Figure

aside = partial(Figure, "--compression", settings=(), in_story=False)
CONTENTS = Contents(
    __name__,
    part=USE,
    flags={"--compression": "bytes and errors of codes, against PCA and image files"},
    figures=(
        aside(
            "rate_distortion.png", "bytes an image against error: codes, PCA, JPEG, WebP, AVIF, PNG"
        ),
        aside("compression.png", "the same test images within the same few bytes by each method"),
    ),
)
