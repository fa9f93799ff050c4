"""Clusters: a row for each, with its centre, its members and the classes in it."""

from collections.abc import Mapping, Sequence

import numpy as np

from latentspace.drawing import layout
from latentspace.drawing.layout import FAINT_INK, INK, Label, Page

GAP = 6
PART_GAP = 28  # between centre, members and classes
HEADING_ROOM = 28
FRAME, FRAME_COLOR = 3, (214, 39, 40)
ROW_HEIGHT = 44  # without images
CELL_WIDTH, NONE_INK = 56, (170, 170, 170)
FULL = np.array([76, 135, 190])  # the colour of a class that is the whole of a cluster
TABLE_LINE, TABLE_GAP, COLUMN_GAP = 26, 36, 28
Members = Sequence[tuple[np.ndarray, np.ndarray]]


def draw_clusters(
    *,
    centres: np.ndarray | None,
    members: Mapping[str, Members],
    names: Sequence[tuple[str, str]],
    counts: np.ndarray,
    class_names: Sequence[str],
    table: tuple[Sequence[str], Sequence[Sequence[str]]],
) -> Page:
    """A row for each cluster, and a table below.

    Centres are float32 (clusters, H, W, C) in [0, 1] or None; members are by heading, for each
    cluster, images, float32 (K, H, W, C), and which to frame, bool (K,); or none. A cluster has a
    name, a line about it, and counts of its images by class, int (clusters, classes), unless there
    are no class names.
    """
    shapes = [rows[0][0].shape[1:] for rows in members.values()]
    shape = shapes[0] if shapes else (ROW_HEIGHT, ROW_HEIGHT, 1)
    zoom = layout.choose_zoom(min(shape[:2])) if shapes else 1
    height, width = shape[0] * zoom, shape[1] * zoom
    middles = [row * (height + GAP) + height / 2 for row in range(len(names))]
    blocks, labels, x = list[np.ndarray](), list[Label](), 0
    if centres is not None:
        blocks.append(layout.make_mosaic(centres[:, np.newaxis], zoom=zoom, gap=GAP))
        labels.append(Label(width / 2, -HEADING_ROOM / 2, "centre"))
        x = blocks[0].shape[1] + PART_GAP
    for heading, rows in members.items():
        blocks.append(_draw_framed(rows, shape, zoom))
        labels.append(Label(x, -HEADING_ROOM / 2, heading, "lm"))
        x += blocks[-1].shape[1] + PART_GAP
    if class_names:
        cell = max(CELL_WIDTH, *(layout.measure_text(name) + 12 for name in class_names))
        blocks.append(_draw_heat(counts, height, cell))
        for column, name in enumerate(class_names):
            centre = x + (column + 0.5) * cell
            labels.append(Label(centre, -HEADING_ROOM / 2, name))
            for y, count in zip(middles, counts[:, column], strict=True):
                color = INK if count else NONE_INK
                labels.append(Label(centre, y, f"{count:,}", color=color))
    if not blocks:  # names alone
        blocks.append(layout.make_blank(len(names) * (height + GAP) - GAP, 1))
    body = layout.join_horizontally(blocks, PART_GAP)
    for y, (name, about) in zip(middles, names, strict=True):
        labels += [Label(-12, y - 11, name, "rm"), Label(-12, y + 11, about, "rm", FAINT_INK)]
    written, (room, table_width) = _layout_table(*table, top=body.shape[0] + TABLE_GAP)
    labels += written
    body = layout.join_vertically([body, layout.make_blank(room - len(body), table_width)])
    left = max(layout.measure_text(line) for lines in names for line in lines) + 12
    return Page(body, labels, left=left, top=HEADING_ROOM)


def _draw_framed(rows: Members, shape: tuple[int, ...], zoom: int) -> np.ndarray:
    columns = max(len(images) for images, _ in rows)
    cells = np.full((len(rows), columns, *shape), np.nan, np.float32)
    for row, (images, _) in enumerate(rows):
        cells[row, : len(images)] = images
    sheet = layout.make_mosaic(cells, zoom=zoom, gap=GAP)
    height, width = shape[0] * zoom, shape[1] * zoom
    for row, (_, marked) in enumerate(rows):
        for column in np.flatnonzero(marked):
            top, left = row * (height + GAP), column * (width + GAP)
            cell = sheet[top : top + height, left : left + width]
            layout.draw_frame(cell, FRAME, FRAME_COLOR)
    return sheet


def _draw_heat(counts: np.ndarray, height: int, width: int) -> np.ndarray:
    """A cell for each count, coloured by its share of its row; uint8 (height, width, 3)."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    colors = 255 + np.sqrt(shares)[..., np.newaxis] * (FULL - 255)  # (clusters, classes, 3)
    sheet = np.full((len(counts), height + GAP, counts.shape[1], width, 3), 255, np.uint8)
    sheet[:, :height] = np.rint(colors)[:, np.newaxis, :, np.newaxis]
    return sheet.reshape(len(counts) * (height + GAP), counts.shape[1] * width, 3)[:-GAP]


def _layout_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, top: int
) -> tuple[list[Label], tuple[int, int]]:
    """The labels of a table below `top`, and the height and width down to its end."""
    labels, x = [], 0
    for column, heading in enumerate(headings):
        words = [heading, *(row[column] for row in rows)]
        for line, word in enumerate(words):
            color = INK if line else FAINT_INK
            labels.append(Label(x, top + (line + 0.5) * TABLE_LINE, word, "lm", color=color))
        x += max(map(layout.measure_text, words)) + COLUMN_GAP
    return labels, (top + (len(rows) + 1) * TABLE_LINE, x - COLUMN_GAP)
