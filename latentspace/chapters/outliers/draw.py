"""Images that stand out, with the reasons, and how well out-of-distribution images are detected."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from latentspace.drawing import layout
from latentspace.drawing.layout import FAINT_INK, INK, Label, Page

HEADING_ROOM = 34
REASON_SIZE, REASON_LINE = 13, 18  # pixels
TEXT_GAP = 14  # at least, between texts side by side
BLOCK_GAP = 22
EXAMPLE_SIDE, EXAMPLE_GAP, EXAMPLE_ROW_GAP = 40, 4, 8  # of out-of-distribution images, pixels
COLUMN_GAP = 30
NOTHING = "none"


@dataclass(frozen=True)
class Block:
    heading: str  # in which way
    images: np.ndarray  # float32 (N, H, W, C) in [0, 1]; N may be 0
    below: np.ndarray  # float32, of that shape: their reconstructions or copies; or of no height
    reasons: Sequence[Sequence[str]]  # what to write under each, in short lines, its name first


def draw_outliers(
    *,
    blocks: Sequence[Block],
    ood: Mapping[str, tuple[np.ndarray, Sequence[float]]] = MappingProxyType({}),
    score_names: Sequence[str] = (),
    table_heading: str = "",
) -> Page:
    """Rows of images over others, and a table if there is any.

    Its lines, by name, are examples, float32 (K, H, W, C) in [0, 1], and a number a score.
    """
    words = [line for block in blocks for lines in block.reasons for line in lines]
    widest = max((layout.measure_text(line, REASON_SIZE) for line in words), default=0)
    parts = [_layout_row(block, widest) for block in blocks]
    if ood:
        parts.append(_layout_table(ood, score_names, table_heading))
    labels: list[Label] = []
    y = 0
    for body, own in parts:
        labels += [replace(label, y=label.y + y) for label in own]
        y += len(body)
    shapes = [block.images.shape for block in blocks]
    sides = [shape[2] * layout.choose_zoom(min(shape[1:3])) for shape in shapes]
    overhang = max(0, -(-(widest - min(sides)) // 2))  # of text under the outermost images
    whole = layout.join_vertically([body for body, _ in parts])
    return Page(whole, labels, left=overhang, right=overhang)


def _layout_row(block: Block, widest: int) -> tuple[np.ndarray, list[Label]]:
    """Images over reconstructions with room for text, and the text; `widest` in pixels."""
    labels = [Label(0, HEADING_ROOM / 2, block.heading, "lm")]
    if not len(block.images):
        labels.append(Label(0, HEADING_ROOM * 1.3, NOTHING, "lm", FAINT_INK))
        return layout.make_blank(2 * HEADING_ROOM, 1), labels
    zoom = layout.choose_zoom(min(block.images.shape[1:3]))
    line = np.ones_like(block.below[:, :1])  # white, between the two
    pairs = np.concatenate([block.images, line, block.below], axis=1)
    image_width = pairs.shape[2] * zoom
    gap = max(EXAMPLE_GAP, widest + TEXT_GAP - image_width)
    body = layout.make_mosaic(pairs[np.newaxis], zoom=zoom, gap=gap)
    for column, lines in enumerate(block.reasons):
        x = column * (image_width + gap) + image_width / 2
        for number, text in enumerate(lines):
            y = HEADING_ROOM + len(body) + (number + 0.7) * REASON_LINE
            color = FAINT_INK if number else INK
            labels.append(Label(x, y, text, color=color, size=REASON_SIZE))
    under = max(map(len, block.reasons)) * REASON_LINE + BLOCK_GAP
    return layout.join_vertically(
        [layout.make_blank(HEADING_ROOM, 1), body, layout.make_blank(under, 1)]
    ), labels


def _layout_table(
    ood: Mapping[str, tuple[np.ndarray, Sequence[float]]], score_names: Sequence[str], heading: str
) -> tuple[np.ndarray, list[Label]]:
    """Examples of out-of-distribution images with room for names and scores, and these as text."""
    examples = np.stack([shown for shown, _ in ood.values()])
    zoom = layout.choose_zoom(min(examples.shape[2:4]), EXAMPLE_SIDE)
    body = layout.make_mosaic(examples, zoom=zoom, gap=EXAMPLE_GAP, row_gap=EXAMPLE_ROW_GAP)
    row_height = examples.shape[2] * zoom + EXAMPLE_ROW_GAP
    x = body.shape[1] + COLUMN_GAP / 2
    names_x, x = x, x + max(map(layout.measure_text, ood)) + COLUMN_GAP
    labels = [Label(0, HEADING_ROOM / 2, heading, "lm")]
    middles = []
    for name in score_names:
        width = layout.measure_text(name)
        middles.append(x + width / 2)
        labels.append(Label(middles[-1], HEADING_ROOM * 1.3, name, color=FAINT_INK))
        x += width + COLUMN_GAP
    top = HEADING_ROOM * 2 - 10
    for number, (kind, (_, scores)) in enumerate(ood.items()):
        y = top + number * row_height + (row_height - EXAMPLE_ROW_GAP) / 2
        labels.append(Label(names_x, y, kind, "lm"))
        texts = [f"{score:.3f}" for score in scores]
        for middle, text in zip(middles, texts, strict=True):
            color = INK if text == max(texts) else FAINT_INK
            labels.append(Label(middle, y, text, color=color))
    width = max(round(x), layout.measure_text(heading))
    return layout.join_vertically([layout.make_blank(top, width), body]), labels
