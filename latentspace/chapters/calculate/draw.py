"""Walks along axes of latent space, a panel an axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from latentspace.drawing.layout import (
    WHITE,
    Label,
    choose_zoom,
    join_horizontally,
    join_vertically,
    make_mosaic,
    make_page,
    measure_text,
)
from latentspace.drawing.text import Text

MOVING_COLUMNS = 8
PANEL_COLUMNS = 2
HEADING_ROOM, PANEL_GAP, CELL_GAP = 30, 30, 2  # pixels
LEAST_SIDE = 56  # pixels of an image


def draw_traversals(
    *, panels: Mapping[str, np.ndarray], starts: Sequence[str], text: Text
) -> np.ndarray:
    """Panels side by side, one an axis; in each, rows of images that are moved along it.

    Args:
        panels: By heading the images, float32 (starts, steps, H, W, C) in [0, 1].
        starts: What is moved, a name a row.
        text: Written above and below.

    Returns:
        uint8 (height, width, 3).
    """
    headings = list(panels)
    zoom = choose_zoom(min(panels[headings[0]].shape[2:4]), LEAST_SIDE)
    bodies = [make_mosaic(panels[name], zoom=zoom, gap=CELL_GAP) for name in headings]
    height, width, _ = bodies[0].shape
    width = max(width, *(measure_text(name) for name in headings))
    space = ((HEADING_ROOM, 0), (0, width - bodies[0].shape[1]), (0, 0))
    bodies = [np.pad(body, space, constant_values=WHITE) for body in bodies]
    rows = [
        join_horizontally(bodies[start : start + PANEL_COLUMNS], PANEL_GAP)
        for start in range(0, len(bodies), PANEL_COLUMNS)
    ]
    pitch = height + HEADING_ROOM
    image_height = (height + CELL_GAP) / len(starts)
    labels = [
        Label(
            number % PANEL_COLUMNS * (width + PANEL_GAP),
            number // PANEL_COLUMNS * pitch + HEADING_ROOM / 2,
            name,
            "lm",
        )
        for number, name in enumerate(headings)
    ] + [
        Label(-12, row * pitch + HEADING_ROOM + (at + 0.5) * image_height, name, "rm")
        for row in range(len(rows))
        for at, name in enumerate(starts)
    ]
    return make_page(
        join_vertically(rows), text=text, labels=labels, left=max(map(measure_text, starts)) + 12
    )
