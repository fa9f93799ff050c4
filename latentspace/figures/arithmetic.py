"""Sums and differences of codes, decoded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from latentspace.figures.layout import Label, mosaic, page, zoom_for

SECTION_GAP = 56
ROW_LABEL_WIDTH = 110


def draw_arithmetic(
    *, sections: Sequence[tuple[Sequence[str], Sequence[str], np.ndarray]], caption: str
) -> np.ndarray:
    """Grids of decoded images, one below the other, each with headings and row names.

    Args:
        sections: For each grid the headings of its columns, the names of its rows, and its images,
            float32 (rows, columns, H, W, C) in [0, 1], NaN where a cell stays empty.
        caption: Text below.

    Returns:
        uint8 (height, width, 3).
    """
    bodies, labels, y = [], [], 0
    width = 0
    for headings, names, images in sections:
        zoom = zoom_for(min(images.shape[2:4]))
        body = mosaic(images, zoom=zoom, gap=6)
        cell_height, cell_width = images.shape[2] * zoom + 6, images.shape[3] * zoom + 6
        labels += [
            Label((column + 0.5) * cell_width - 3, y - 14, heading)
            for column, heading in enumerate(headings)
        ]
        labels += [
            Label(-12, y + (row + 0.5) * cell_height - 3, name, "rm")
            for row, name in enumerate(names)
        ]
        bodies.append(body)
        y += len(body) + SECTION_GAP
        width = max(width, body.shape[1])
    padded = [
        np.pad(body, ((0, SECTION_GAP), (0, width - body.shape[1]), (0, 0)), constant_values=255)
        for body in bodies
    ]
    return page(
        np.concatenate(padded)[:-SECTION_GAP],
        title="Calculating with codes",
        caption=caption,
        labels=labels,
        left=ROW_LABEL_WIDTH,
        top=28,
    )
