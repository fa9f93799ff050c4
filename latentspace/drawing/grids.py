"""Grids of images with names for rows and columns and words beneath, still or moving."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from latentspace.drawing import layout
from latentspace.drawing.layout import FAINT_INK, INK, WHITE, Label, Page

SECTION_GAP, PANEL_GAP = 26, 36  # between grids, below and beside each other
HEADING_ROOM = 28
TITLE_ROOM = 30
CELL_GAP = 6
TEXT_GAP = 12  # at least, between words side by side
NOTE_SIZE, NOTE_LINE = 13, 18  # height of the letters under an image, and of a line of them


@dataclass(frozen=True)
class Note:
    """A line under an image."""

    text: str
    is_faint: bool = False


@dataclass(frozen=True)
class Grid:
    """Images in rows and columns, with names for both."""

    headings: Sequence[str]  # names of the columns, or none
    names: Sequence[str]  # names of the rows, or none
    # float32 (rows, columns, H, W, C) in [0, 1], NaN where a cell is empty; T before H if it moves
    images: np.ndarray
    title: str = ""  # a line above, or nothing
    below: np.ndarray | None = None  # as the images, what stands right under each; of any height
    notes: Sequence[Sequence[Sequence[Note]]] = ()  # by row and column, lines under each image
    thumbnail: int = layout.LEAST_THUMBNAIL  # pixels; smaller images are enlarged


def draw_grids(*, grids: Sequence[Grid], columns: int = 1) -> Page:
    """Grids, so many side by side, row below row; their leading axes are frames.

    Of those side by side only the first has names of its rows.
    """
    notes = {note.text for grid in grids for row in grid.notes for lines in row for note in lines}
    widest = max((layout.measure_text(text, NOTE_SIZE) for text in notes), default=0)
    panels = [_lay_out(grid, widest) for grid in grids]
    *lead, _, _, _ = panels[0][0].shape
    pitch = max(body.shape[-2] for body, _ in panels) + PANEL_GAP
    rows = [panels[start : start + columns] for start in range(0, len(panels), columns)]
    heights = [max(body.shape[-3] for body, _ in row) + SECTION_GAP for row in rows]
    size = sum(heights) - SECTION_GAP, len(rows[0]) * pitch - PANEL_GAP
    page, labels, y = np.full((*lead, *size, 3), WHITE, np.uint8), list[Label](), 0
    for row, height in zip(rows, heights, strict=True):
        for x, (body, own) in zip(range(0, size[1], pitch), row, strict=False):
            page[..., y : y + body.shape[-3], x : x + body.shape[-2], :] = body
            labels += [replace(label, x=label.x + x, y=label.y + y) for label in own]
        y += height
    names = [name for grid in grids for name in grid.names if name]
    left = max((layout.measure_text(name) + TEXT_GAP for name in names), default=0)
    # Words under the outermost images may be wider than these.
    narrowest = min(grid.images.shape[-2] * _choose_zoom(grid) for grid in grids)
    beyond = max(0, -(-(widest - narrowest) // 2))
    return Page(page, labels, left=max(left, beyond), right=beyond)


def _lay_out(grid: Grid, widest: int) -> tuple[np.ndarray, list[Label]]:
    """A grid with room for its words, of which notes are `widest` pixels wide, and these."""
    images = grid.images
    if grid.below is not None:
        line = np.ones_like(images[..., :1, :, :])  # white, between the two
        images = np.concatenate([images, line, grid.below], axis=-3)
    zoom = _choose_zoom(grid)
    height, width = (side * zoom for side in images.shape[-3:-1])
    words = [*map(layout.measure_text, filter(None, grid.headings)), *[widest] * bool(grid.notes)]
    gap = max(CELL_GAP, max(words, default=0) + TEXT_GAP - width)
    under = NOTE_LINE * max((len(lines) for row in grid.notes for lines in row), default=0)
    body = layout.make_mosaic(images, zoom=zoom, gap=gap, row_gap=CELL_GAP + under)
    top = TITLE_ROOM * bool(grid.title) + HEADING_ROOM * any(grid.headings)
    missing = max(0, layout.measure_text(grid.title) - body.shape[-2])
    room = [*[(0, 0)] * (body.ndim - 3), (top, under), (0, missing), (0, 0)]
    body = np.pad(body, room, constant_values=WHITE)
    middles = [column * (width + gap) + width / 2 for column in range(images.shape[-4])]
    tops = [top + row * (height + CELL_GAP + under) for row in range(images.shape[-5])]
    labels = [Label(0, TITLE_ROOM / 2, grid.title, "lm")] if grid.title else []
    for x, heading in zip(middles, grid.headings, strict=False):
        labels.append(Label(x, top - HEADING_ROOM / 2, heading))
    for y, name in zip(tops, grid.names, strict=False):
        labels.append(Label(-TEXT_GAP, y + height / 2, name, "rm"))
    for y, row in zip(tops, grid.notes, strict=False):
        for x, lines in zip(middles, row, strict=False):
            for number, note in enumerate(lines):
                color, place = FAINT_INK if note.is_faint else INK, y + height
                place += (number + 0.6) * NOTE_LINE
                labels.append(Label(x, place, note.text, color=color, size=NOTE_SIZE))
    return body, labels


def _choose_zoom(grid: Grid) -> int:
    return layout.choose_zoom(min(grid.images.shape[-3:-1]), grid.thumbnail)


def draw_grid_loop(*, grids: Sequence[Grid], hold_frames: int) -> Page:
    """Grids, cells moving over T and back, ends held."""
    moving = [replace(grid, images=np.moveaxis(grid.images, 2, 0)) for grid in grids]
    page = draw_grids(grids=moving)
    return replace(page, body=layout.loop_frames(page.body, hold_frames))
