"""Images that stand out, with the reasons, and how well out-of-distribution images are detected."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from latentspace.drawing import layout
from latentspace.drawing.grids import SECTION_GAP, Grid, draw_grids
from latentspace.drawing.layout import FAINT_INK, INK, Label, Page
from latentspace.drawing.media import get_first_frame

HEADING_ROOM = 34
EXAMPLE_SIDE, EXAMPLE_GAP, EXAMPLE_ROW_GAP = 40, 4, 8  # of out-of-distribution images, pixels
COLUMN_GAP = 30


def draw_outliers(
    *,
    grids: Sequence[Grid],
    ood: Mapping[str, tuple[np.ndarray, Sequence[float]]],
    score_names: Sequence[str],
    table_heading: str,
) -> Page:
    """Grids of images, and a table if there is any.

    Its lines, by name, are examples, float32 (K, H, W, C) in [0, 1], and a number a score.
    """
    page = draw_grids(grids=grids)
    if not ood:
        return page
    table, labels = _layout_table(ood, score_names, table_heading)
    above = get_first_frame(page.body)
    body = layout.join_vertically([above, layout.make_blank(SECTION_GAP, 1), table])
    y = len(above) + SECTION_GAP
    moved = [replace(label, y=label.y + y) for label in labels]
    return replace(page, body=body, labels=[*page.labels, *moved])


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
