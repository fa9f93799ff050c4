"""Walks along axes of latent space, a panel an axis."""

from collections.abc import Mapping, Sequence

import numpy as np

from latentspace.drawing import layout

MOVING_COLUMNS = 8
PANEL_COLUMNS = 2
HEADING_ROOM, PANEL_GAP, CELL_GAP = 30, 30, 2  # pixels
LEAST_SIDE = 56  # pixels of an image


def draw_traversals(*, panels: Mapping[str, np.ndarray], starts: Sequence[str]) -> layout.Page:
    """Panels float32 (starts, steps, H, W, C) in [0, 1] by heading."""
    images = np.stack(list(panels.values()))
    zoom = layout.choose_zoom(min(images.shape[3:5]), LEAST_SIDE)
    bodies = layout.make_mosaic(images, zoom=zoom, gap=CELL_GAP)  # (panels, height, width, 3)
    height, own_width = bodies.shape[1:3]
    width = max(own_width, *map(layout.measure_text, panels))
    space = ((0, 0), (HEADING_ROOM, 0), (0, width - own_width), (0, 0))
    panes = list(np.pad(bodies, space, constant_values=layout.WHITE))
    rows = [
        layout.join_horizontally(panes[start : start + PANEL_COLUMNS], PANEL_GAP)
        for start in range(0, len(panes), PANEL_COLUMNS)
    ]
    pitch = height + HEADING_ROOM
    image_height = (height + CELL_GAP) / len(starts)
    labels = []
    for number, name in enumerate(panels):
        row, column = divmod(number, PANEL_COLUMNS)
        y = row * pitch + HEADING_ROOM / 2
        labels.append(layout.Label(column * (width + PANEL_GAP), y, name, "lm"))
    for row in range(len(rows)):
        for at, name in enumerate(starts):
            y = row * pitch + HEADING_ROOM + (at + 0.5) * image_height
            labels.append(layout.Label(-12, y, name, "rm"))
    left = max(map(layout.measure_text, starts)) + 12
    return layout.Page(layout.join_vertically(rows), labels, left=left)
