"""Codes as a way to store images."""

from latentspace.chapters.captions import begin_sentence, format_model
from latentspace.chapters.compression import draw
from latentspace.chapters.compression.measure import Compression
from latentspace.chapters.figure import Drawing, Recipe
from latentspace.chapters.study import Study
from latentspace.drawing.grids import draw_grids
from latentspace.drawing.text import Text


def _describe_measured(study: Study) -> str:
    storing = study.of(Compression).storing
    return (
        f"{study.data.name_tests(len(storing.rows))}, {format_model(study)}; "
        f"each takes {storing.pixels[0].size:,} bytes as it is"
    )


def _describe_costs(study: Study) -> str:
    """Whether codes are the better choice, and what else is needed once."""
    chapter = study.of(Compression)
    matrix = max(float(method.tables.max()) for method in chapter.components.values())
    least = min(float(method.mse.min()) for method in chapter.codes.values())
    lossless = ", ".join(f"{name} {size:.0f}" for name, size in chapter.lossless.items())
    return (
        f"{begin_sentence(chapter.answer)}. PCA's matrix takes up to "
        f"{matrix / 1e6:.2f} MB. The error of codes stays above {least:.5f} with any number of "
        f"bytes. Bytes of an image without any loss: {lossless}."
    )


def draw_rate_distortion(study: Study) -> Drawing:
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
        f"{_describe_costs(study)}",
    )
    chosen, nearest = (found.chosen_bytes, found.chosen_mse), found.nearest_bytes
    return Drawing.of_images(
        draw.draw_rate_distortion, text, lines=chapter.lines, chosen=chosen, nearest_size=nearest
    )


def draw_budgets(study: Study) -> Drawing:
    chapter = study.of(Compression)
    text = Text(
        "The same test images within the same few bytes",
        f"{_describe_measured(study)}. Each row names the method and setting of least error "
        "within the budget, and its bytes and mean squared error over all of these images; over: "
        "even the smallest file needs more. Image files hold all images in one sheet, which saves "
        f"headers. {_describe_costs(study)}",
    )
    return Drawing.of_images(draw_grids, text, grids=chapter.budgets)


RECIPES = {
    "rate_distortion.png": Recipe(draw_rate_distortion, of=(Compression,)),
    "compression.png": Recipe(draw_budgets, of=(Compression,)),
}
