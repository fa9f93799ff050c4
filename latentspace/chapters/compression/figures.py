"""Codes as a way to store images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latentspace.chapters.figure import Figure, format_model

if TYPE_CHECKING:
    from latentspace.chapters.study import Study


def _describe_measured(study: Study) -> str:
    storing = study.compression.storing
    return (
        f"{len(storing.rows):,} test images of {study.data.name}, {format_model(study)}; "
        f"{storing.pixels[0].size:,} bytes each as they are"
    )


def _describe_fixed_costs(study: Study) -> str:
    """What is needed once, and when that pays."""
    found = study.compression.verdict
    matrix = max(float(method.tables.max()) for method in study.compression.components.values())
    decoder = f"The decoder takes {study.run.decoder_bytes / 1e6:.2f} MB besides"
    linear = f"PCA's matrix takes up to {matrix / 1e6:.2f} MB."
    if found.break_even is None or found.nearest is None:
        return f"{decoder}. {linear}"
    return (
        f"{decoder}, which pays from {found.break_even:,} images on, {found.size:.1f} bytes each, "
        f"against {found.nearest} at the same error ({found.nearest_size:.1f} bytes). {linear}"
    )


def _describe_losses(study: Study) -> str:
    """Where codes are the worse choice."""
    chapter = study.compression
    found = chapter.verdict
    least = min(float(method.mse.min()) for method in chapter.codes.values())
    lossless = ", ".join(f"{name} {size:.0f}" for name, size in chapter.lossless.items())
    overtaken = (
        f" From {found.overtaken_at:.0f} bytes on {found.overtaken_by} is better."
        if found.overtaken_at is not None
        else ""
    )
    return (
        f"The codes' error stays above {least:.5f} with any number of bytes.{overtaken} Bytes "
        f"without any loss: {lossless}."
    )


def _rate_distortion(study: Study, fps: float) -> dict[str, Any]:
    chapter = study.compression
    found, storing = chapter.verdict, chapter.storing
    return {
        "lines": chapter.lines,
        "chosen": (found.size, found.mse),
        "nearest_size": found.nearest_size,
        "title": "What a code costs and what it loses, beside other ways to store an image",
        "caption": (
            f"{_describe_measured(study)}. Single files: {len(storing.alone_rows):,} of these; SSIM: "
            f"{len(storing.similar):,}. Entropy coded: a real stream of a range coder, one for all "
            "images, by the frequencies of training codes. One step: cells of the same width for "
            "all units, so that bits go where codes vary; of PCA so many components as pay. "
            "Decoder and matrix are not counted. Sheets hold all images side by side, which spares "
            f"headers, also at half size where that is better. {_describe_fixed_costs(study)} {_describe_losses(study)}"
        ),
    }


def _budgets(study: Study, fps: float) -> dict[str, Any]:
    chapter = study.compression
    return {
        "originals": chapter.originals,
        "blocks": {
            f"at most {budget:g} bytes an image": rows for budget, rows in chapter.blocks.items()
        },
        "title": "The same test images within the same few bytes",
        "caption": (
            f"{_describe_measured(study)}. Beside each row the method and setting of least error within the "
            "budget, and its bytes and mean squared error over all of them; in red where even the "
            "smallest file needs more. Image files: all images in one sheet, which spares their "
            f"headers. {_describe_fixed_costs(study)} {_describe_losses(study)}"
        ),
    }


FIGURES = (
    Figure(
        "--compression",
        "rate_distortion.png",
        "bytes an image against error: codes, PCA, JPEG, WebP, AVIF, PNG",
        "compression",
        "chapters.compression.draw.draw_rate_distortion",
        _rate_distortion,
        in_story=False,
    ),
    Figure(
        "--compression",
        "compression.png",
        "the same test images within the same few bytes by each method",
        "compression",
        "chapters.compression.draw.draw_budgets",
        _budgets,
        in_story=False,
    ),
)
