"""What two models make of the same images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from latentspace.drawing import layout
from latentspace.drawing.layout import FAINT_INK, INK, WHITE, Label, Page

LABEL_ROOM = 24  # pixels under each image for its label
TITLE_ROOM = 38  # pixels above a block for its title
LEAST_GAP = 6  # pixels between columns


@dataclass(frozen=True)
class Examples:
    """Test images, each with what both models make of it."""

    title: str  # which images these are
    names: list[str]  # what each is called, (N,)
    images: np.ndarray  # originals, A's and B's reconstructions, float32 (3, N, H, W, C) in [0, 1]
    errors: np.ndarray  # mean squared errors per pixel of A and of B, float64 (2, N)


def draw_reconstructions(*, blocks: Sequence[Examples], rows: Sequence[str]) -> Page:
    """Blocks in three named rows, the smaller error printed darker."""
    zoom = layout.choose_zoom(min(blocks[0].images.shape[2:4]))
    width = blocks[0].images.shape[3] * zoom
    widest = max(layout.measure_text(name) for block in blocks for name in block.names)
    pitch = width + max(LEAST_GAP, widest + 2 * LEAST_GAP - width)
    bodies, labels, offset = [], [], 0
    full = max(len(block.names) for block in blocks) * pitch
    for block in blocks:
        body = layout.make_mosaic(block.images, zoom=zoom, gap=pitch - width, row_gap=LABEL_ROOM)
        right = full - body.shape[1]
        body = np.pad(body, ((TITLE_ROOM, LABEL_ROOM), (0, right), (0, 0)), constant_values=WHITE)
        labels.append(Label(0, offset + TITLE_ROOM - 14, block.title, "lm"))
        cell = block.images.shape[2] * zoom + LABEL_ROOM
        texts = [block.names, *([f"{error:.5f}" for error in errors] for errors in block.errors)]
        best = block.errors.min(axis=0)
        for row, (name, line) in enumerate(zip(rows, texts, strict=True)):
            top = offset + TITLE_ROOM + row * cell
            labels.append(Label(-12, top + (cell - LABEL_ROOM) / 2, name, "rm"))
            for column, word in enumerate(line):
                dark = row == 0 or block.errors[row - 1, column] == best[column]
                x, y = column * pitch + width / 2, top + cell - LABEL_ROOM / 2
                labels.append(Label(x, y, word, color=INK if dark else FAINT_INK))
        bodies.append(body)
        offset += len(body)
    left = max(map(layout.measure_text, rows)) + 12
    return Page(np.concatenate(bodies), labels, left=left)
