"""Grids of images with names for rows and columns, still or moving."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from latentspace.drawing import layout
from latentspace.drawing.layout import Label, Page

SECTION_GAP = 26
HEADING_ROOM = 28
TITLE_ROOM = 30
CELL_GAP = 6
HEADING_GAP = 12


@dataclass(frozen=True)
class Grid:
    """Images in rows and columns, with names for both."""

    headings: Sequence[str]  # names of the columns, or none
    names: Sequence[str]  # names of the rows, or none
    # float32 (rows, columns, H, W, C) in [0, 1], NaN where a cell is empty; T before H if it moves
    images: np.ndarray
    title: str = ""  # a line above, or nothing


def draw_grids(*, grids: Sequence[Grid]) -> Page:
    """Grids, one below the other; their leading axes are frames."""
    bodies: list[np.ndarray] = []
    labels: list[Label] = []
    y, top = 0, 0
    for grid in grids:
        zoom = layout.choose_zoom(min(grid.images.shape[-3:-1]))
        image_height, image_width = (size * zoom for size in grid.images.shape[-3:-1])
        widest = max(
            (layout.measure_text(heading) for heading in grid.headings if heading), default=0
        )
        gap = max(CELL_GAP, widest + HEADING_GAP - image_width)
        body = layout.make_mosaic(grid.images, zoom=zoom, gap=gap, row_gap=CELL_GAP)
        room = (HEADING_ROOM if any(grid.headings) else 0) + (TITLE_ROOM if grid.title else 0)
        if bodies:
            y += room + SECTION_GAP
            bodies.append(np.full((*body.shape[:-3], room + SECTION_GAP, 1, 3), 255, np.uint8))
        else:
            top = room
        labels += [
            Label(column * (image_width + gap) + image_width / 2, y - HEADING_ROOM / 2, heading)
            for column, heading in enumerate(grid.headings)
        ]
        labels += [
            Label(-12, y + row * (image_height + CELL_GAP) + image_height / 2, name, "rm")
            for row, name in enumerate(grid.names)
        ]
        if grid.title:
            labels.append(Label(0, y - room + TITLE_ROOM / 2, grid.title, "lm"))
        bodies.append(body)
        y += body.shape[-3]
    widest_title = max(layout.measure_text(grid.title or " ") for grid in grids)
    bodies.append(np.full((*bodies[0].shape[:-3], 0, widest_title, 3), 255, np.uint8))
    names = [name for grid in grids for name in grid.names if name]
    left = max(map(layout.measure_text, names), default=0) + 12
    body = layout.join_vertically(bodies)
    return Page(body, labels, left=left, top=top)


def draw_grid_loop(*, grids: Sequence[Grid], hold_frames: int) -> Page:
    """Grids, cells moving over T and back, ends held."""
    moving = [replace(grid, images=np.moveaxis(grid.images, 2, 0)) for grid in grids]
    page = draw_grids(grids=moving)
    return replace(page, body=layout.loop_frames(page.body, hold_frames))
