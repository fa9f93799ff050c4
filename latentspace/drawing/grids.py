"""Grids of images with names for rows and columns, still or moving."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from latentspace.drawing.layout import (
    WHITE,
    Label,
    choose_zoom,
    join_vertically,
    make_mosaic,
    make_page,
    measure_text,
    order_loop,
)
from latentspace.drawing.text import Text

GRID_GAP, SECTION_GAP = 40, 26  # between grids side by side, and below each other
HEADING_ROOM = 28
TITLE_ROOM = 30
CELL_GAP = 6
HEADING_GAP = 12
NAME_GAP = 12


@dataclass(frozen=True)
class Grid:
    """Images in rows and columns, with names for both.

    Attributes:
        images: float32 (rows, columns, H, W, C) in [0, 1], NaN where a cell stays empty; of a loop
            (rows, columns, T, H, W, C).
        headings: Names of the columns, or none.
        names: Names of the rows, or none.
        title: A line above, or nothing.
    """

    images: np.ndarray = field(repr=False)
    headings: Sequence[str] = ()
    names: Sequence[str] = ()
    title: str = ""


def draw_grids(*, grids: Sequence[Grid], text: Text, across: int = 1) -> np.ndarray:
    """Grids of images, from left to right and one line of them below the other.

    Args:
        grids: What to draw; images (rows, columns, H, W, C).
        text: Written above and below.
        across: How many grids lie side by side.

    Returns:
        uint8 (height, width, 3).
    """
    return _draw_page([grid.images for grid in grids], grids, text, across)


def draw_grid_loop(*, grids: Sequence[Grid], hold_frames: int, text: Text) -> np.ndarray:
    """Grids of which each cell moves from its first image to its last and back, as a loop.

    Args:
        grids: What to draw; images (rows, columns, T, H, W, C), T the same in all grids.
        hold_frames: Frames for which either end is held.
        text: Written above and below.

    Returns:
        uint8 (frames, height, width, 3).
    """
    moving = [np.moveaxis(grid.images, 2, 0) for grid in grids]  # (T, rows, columns, H, W, C)
    frames = _draw_page(moving, grids, text, across=1)
    return frames[order_loop(len(frames), hold_frames)]


def _draw_page(
    images: Sequence[np.ndarray], grids: Sequence[Grid], text: Text, across: int
) -> np.ndarray:
    """Images (..., rows, columns, H, W, C) of each grid on a page, `across` grids in a line."""
    lines: list[np.ndarray] = []
    labels: list[Label] = []
    y = 0
    for start in range(0, len(grids), across):
        line, x = slice(start, start + across), 0
        room = max(map(_measure_room, grids[line]))
        if lines:
            lines.append(_make_white(lines[0], room + SECTION_GAP, 1))
            y += room + SECTION_GAP
        bodies: list[np.ndarray] = []
        for part, grid in zip(images[line], grids[line], strict=True):
            body, own = _layout_grid(part, grid, room)
            if bodies:
                beside = GRID_GAP + _measure_names(grid)
                bodies.append(_make_white(body, 1, beside))
                x += beside
            bodies.append(body)
            labels += [replace(label, x=label.x + x, y=label.y + y) for label in own]
            x += body.shape[-2]
        lines.append(_join_line(bodies))
        y += lines[-1].shape[-3]
    return make_page(
        join_vertically(lines),
        text=text,
        labels=labels,
        left=max(NAME_GAP, *map(_measure_names, grids[::across])),
        top=max(map(_measure_room, grids[:across])),
    )


def _layout_grid(images: np.ndarray, grid: Grid, room: int) -> tuple[np.ndarray, list[Label]]:
    """A grid, at least as wide as its title, and its labels; `room` is kept above it for them."""
    zoom = choose_zoom(min(images.shape[-3:-1]))
    image_height, image_width = (size * zoom for size in images.shape[-3:-1])
    widest = max((measure_text(heading) for heading in grid.headings if heading), default=0)
    gap = max(CELL_GAP, widest + HEADING_GAP - image_width)
    body = make_mosaic(images, zoom=zoom, gap=gap, row_gap=CELL_GAP)
    labels = [
        Label(column * (image_width + gap) + image_width / 2, -HEADING_ROOM / 2, heading)
        for column, heading in enumerate(grid.headings)
    ]
    labels += [
        Label(-NAME_GAP, row * (image_height + CELL_GAP) + image_height / 2, name, "rm")
        for row, name in enumerate(grid.names)
    ]
    if grid.title:
        labels.append(Label(0, TITLE_ROOM / 2 - room, grid.title, "lm"))
    return join_vertically([body, _make_white(body, 0, measure_text(grid.title or " "))]), labels


def _measure_room(grid: Grid) -> int:
    """Pixels above a grid for its headings and its title."""
    return (HEADING_ROOM if any(grid.headings) else 0) + (TITLE_ROOM if grid.title else 0)


def _measure_names(grid: Grid) -> int:
    """Pixels left of a grid for the names of its rows."""
    return max((measure_text(name) + NAME_GAP for name in grid.names if name), default=0)


def _join_line(bodies: Sequence[np.ndarray]) -> np.ndarray:
    """Puts bodies, uint8 (..., H, W, 3), side by side, white below the lower ones."""
    height = max(body.shape[-3] for body in bodies)
    filled = [
        join_vertically([body, _make_white(body, height - body.shape[-3], 1)]) for body in bodies
    ]
    return np.concatenate(filled, axis=-2)


def _make_white(like: np.ndarray, height: int, width: int) -> np.ndarray:
    """White, uint8 (..., height, width, 3), in as many frames as a body has."""
    return np.full((*like.shape[:-3], height, width, 3), WHITE, np.uint8)
