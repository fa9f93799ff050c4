"""Grids of images with names for rows and columns, still or moving."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from latentspace.drawing.layout import (
    Label,
    choose_zoom,
    draw_frame,
    join_vertically,
    make_mosaic,
    make_page,
    measure_text,
    order_loop,
)
from latentspace.drawing.text import Text

SECTION_GAP = 26
HEADING_ROOM = 28
TITLE_ROOM = 30
CELL_GAP = 6
HEADING_GAP = 12
FRAME_COLOR = (200, 30, 30)
FRAME_WIDTH = 4
LARGE_THUMBNAIL = 336


class Grid(Protocol):
    """What a grid shows.

    Attributes:
        headings: Names of the columns, or none.
        names: Names of the rows, or none.
        images: float32 (rows, columns, ..., H, W, C) in [0, 1], NaN where a cell stays empty.
        title: A line above, or nothing.
    """

    headings: Sequence[str]
    names: Sequence[str]
    images: np.ndarray
    title: str


def draw_grids(*, grids: Sequence[Grid], text: Text) -> np.ndarray:
    """Grids of images, one below the other.

    Args:
        grids: What to draw; images (rows, columns, H, W, C).
        text: Written above and below.

    Returns:
        uint8 (height, width, 3).
    """
    return _draw_page([grid.images for grid in grids], grids, text)


def draw_moving_grids(*, grids: Sequence[Grid], hold_frames: int, text: Text) -> np.ndarray:
    """Grids of which each cell moves from its first image to its last and back, as a loop.

    Args:
        grids: What to draw; images (rows, columns, T, H, W, C), T the same in all grids.
        hold_frames: Frames for which either end is held.
        text: Written above and below.

    Returns:
        uint8 (frames, height, width, 3).
    """
    moving = [np.moveaxis(grid.images, 2, 0) for grid in grids]  # (T, rows, columns, H, W, C)
    frames = _draw_page(moving, grids, text)
    return frames[order_loop(len(frames), hold_frames)]


def draw_grid_walk(*, grid: np.ndarray, corner_names: Sequence[str], text: Text) -> np.ndarray:
    """A walk through a square of images, row by row, with the image of the moment beside it.

    Args:
        grid: float32 (side, side, H, W, C) in [0, 1].
        corner_names: Names of the corners: top left, top right, bottom left, bottom right.
        text: Written above and below.

    Returns:
        uint8 (frames, height, width, 3); every second row is walked backwards, and the end of the
        walk is joined to its beginning by the first column.
    """
    rows, columns, height, width, _ = grid.shape
    zoom = choose_zoom(min(height, width), 40)
    still = make_mosaic(grid, zoom=zoom, gap=CELL_GAP)
    cell_height, cell_width = height * zoom + CELL_GAP, width * zoom + CELL_GAP
    route = [
        (row, column)
        for row in range(rows)
        for column in (range(1, columns) if row % 2 == 0 else range(columns - 1, 0, -1))
    ]
    last_row, last_column = route[-1]
    route += [(last_row, column) for column in range(last_column - 1, 0, -1)]
    route += [(row, 0) for row in range(rows - 1, -1, -1)]
    large = np.stack([grid[place] for place in route])[:, np.newaxis, np.newaxis]
    large = make_mosaic(large, zoom=choose_zoom(min(height, width), LARGE_THUMBNAIL))
    body_height = max(len(still), large.shape[1])
    bodies = np.full(
        (len(route), body_height, still.shape[1] + HEADING_ROOM + large.shape[2], 3), 255, np.uint8
    )
    bodies[:, : len(still), : still.shape[1]] = still
    bodies[:, : large.shape[1], still.shape[1] + HEADING_ROOM :] = large
    for frame, (row, column) in zip(bodies, route, strict=True):
        top, left = row * cell_height, column * cell_width
        cell = frame[top : top + cell_height - CELL_GAP, left : left + cell_width - CELL_GAP]
        draw_frame(cell, FRAME_WIDTH, FRAME_COLOR)
    return make_page(bodies, text=text, **_make_corner_labels(still.shape, corner_names))


def draw_corner_grid(*, grid: np.ndarray, corner_names: Sequence[str], text: Text) -> np.ndarray:
    """A square of images with names at its corners.

    Args:
        grid: float32 (side, side, H, W, C) in [0, 1].
        corner_names: Names of the corners: top left, top right, bottom left, bottom right.
        text: Written above and below.

    Returns:
        uint8 (height, width, 3).
    """
    body = make_mosaic(grid, zoom=choose_zoom(min(grid.shape[2:4])), gap=CELL_GAP)
    return make_page(body, text=text, **_make_corner_labels(body.shape, corner_names))


def _make_corner_labels(shape: Sequence[int], names: Sequence[str]) -> dict:
    height, width = shape[:2]
    places = (
        (0, -12, "lm"),
        (width, -12, "rm"),
        (0, height + 12, "lm"),
        (width, height + 12, "rm"),
    )
    labels = [Label(x, y, name, anchor) for (x, y, anchor), name in zip(places, names, strict=True)]
    return {"labels": labels, "top": HEADING_ROOM, "bottom": HEADING_ROOM}


def _draw_page(images: Sequence[np.ndarray], grids: Sequence[Grid], text: Text) -> np.ndarray:
    """Images (..., rows, columns, H, W, C) of each grid, one below the other on a page."""
    bodies: list[np.ndarray] = []
    labels: list[Label] = []
    y, top = 0, 0
    for part, grid in zip(images, grids, strict=True):
        zoom = choose_zoom(min(part.shape[-3:-1]))
        image_height, image_width = (size * zoom for size in part.shape[-3:-1])
        widest = max((measure_text(heading) for heading in grid.headings if heading), default=0)
        gap = max(CELL_GAP, widest + HEADING_GAP - image_width)
        body = make_mosaic(part, zoom=zoom, gap=gap, row_gap=CELL_GAP)
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
    widest_title = max(measure_text(grid.title or " ") for grid in grids)
    bodies.append(np.full((*bodies[0].shape[:-3], 0, widest_title, 3), 255, np.uint8))
    names = [name for grid in grids for name in grid.names if name]
    return make_page(
        join_vertically(bodies),
        text=text,
        labels=labels,
        left=max(map(measure_text, names), default=0) + 12,
        top=top,
    )
