"""Codes as a way to store images."""

from __future__ import annotations

from collections.abc import Mapping

from latentspace.chapters.captions import format_model
from latentspace.chapters.compression import draw
from latentspace.chapters.compression.measure import Compression
from latentspace.chapters.figure import Drawing, Recipe
from latentspace.chapters.study import Study
from latentspace.drawing.text import Text


def _describe_measured(study: Study) -> str:
    storing = study.of(Compression).storing
    return (
        f"{len(storing.rows):,} test images of {study.data.name}, {format_model(study)}; "
        f"each takes {storing.pixels[0].size:,} bytes as it is"
    )


def _describe_fixed_costs(study: Study) -> str:
    """What is needed once, and when that pays."""
    chapter = study.of(Compression)
    found = chapter.verdict
    matrix = max(float(method.tables.max()) for method in chapter.components.values())
    decoder = f"The decoder takes {study.run.decoder_bytes / 1e6:.2f} MB more"
    linear = f"PCA's matrix takes up to {matrix / 1e6:.2f} MB."
    if found.break_even is None or found.nearest is None:
        return f"{decoder}. {linear}"
    return (
        f"{decoder}. It pays from {found.break_even:,} images on: a code takes {found.size:.1f} "
        f"bytes, against {found.nearest_size:.1f} at the same error for {found.nearest}. {linear}"
    )


def _describe_losses(study: Study) -> str:
    """Where codes are the worse choice."""
    chapter = study.of(Compression)
    found = chapter.verdict
    least = min(float(method.mse.min()) for method in chapter.codes.values())
    lossless = ", ".join(f"{name} {size:.0f}" for name, size in chapter.lossless.items())
    overtaken = (
        f" From {found.overtaken_at:.0f} bytes on {found.overtaken_by} is better."
        if found.overtaken_at is not None
        else ""
    )
    return (
        f"The error of codes stays above {least:.5f} with any number of bytes.{overtaken} Bytes "
        f"of an image without any loss: {lossless}."
    )


def draw_rate_distortion(study: Study) -> Drawing:
    """Curves of error over bytes."""
    chapter = study.of(Compression)
    found, storing = chapter.verdict, chapter.storing
    text = Text(
        "What a code costs and what it loses, beside other ways to store an image",
        f"{_describe_measured(study)}. {len(storing.alone_rows):,} of them are stored in single "
        f"files; SSIM is measured on {len(storing.similar):,}. Entropy coded: a real stream of a "
        "range coder, one for all images, with the frequencies of training codes. One step: all "
        "units have cells of the same width, so that bits go where codes vary; PCA has as many "
        "components as pay. Decoder and matrix are not counted. A sheet holds all images side by "
        "side, which saves headers, also at half size where that is better. "
        f"{_describe_fixed_costs(study)} {_describe_losses(study)}",
    )
    frames = draw.draw_rate_distortion(
        lines=chapter.lines,
        chosen=(found.size, found.mse),
        nearest_size=found.nearest_size,
        text=text,
    )
    return Drawing(frames, text)


def draw_budgets(study: Study) -> Drawing:
    """The same images within several budgets of bytes."""
    chapter = study.of(Compression)
    text = Text(
        "The same test images within the same few bytes",
        f"{_describe_measured(study)}. Each row names the method and setting of least error "
        "within the budget, and its bytes and mean squared error over all of these images. Red: "
        "even the smallest file needs more. Image files hold all images in one sheet, which saves "
        f"headers. {_describe_fixed_costs(study)} {_describe_losses(study)}",
    )
    frames = draw.draw_budgets(
        originals=chapter.originals,
        blocks={
            f"at most {budget:g} bytes an image": rows for budget, rows in chapter.blocks.items()
        },
        text=text,
    )
    return Drawing(frames, text)


RECIPES: Mapping[str, Recipe[Study]] = {
    "rate_distortion.png": Recipe(draw_rate_distortion, of=(Compression,)),
    "compression.png": Recipe(draw_budgets, of=(Compression,)),
}
