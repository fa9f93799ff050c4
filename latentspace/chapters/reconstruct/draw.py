"""How well the model reconstructs what it was shown."""

from collections.abc import Mapping

import numpy as np

from latentspace.drawing import layout

ERROR_HEIGHT = 26  # pixels under each pair for its error
BLOCK_GAP = 36


def draw_reconstructions(
    *, blocks: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]], columns: int
) -> layout.Page:
    """Originals over reconstructions, in blocks side by side.

    Each block, under its heading, has images and reconstructions, float32 (N, H, W, C) in [0, 1],
    and errors (N,); N is the same in all, a multiple of the columns.
    """
    bodies, labels, offset = [], [], 0
    for name, (images, reconstructions, errors) in blocks.items():
        zoom = layout.choose_zoom(min(images.shape[1:3]))
        line = np.ones_like(images[:, :1])  # white, between the two
        pairs = np.concatenate([images, line, reconstructions], axis=1)  # (N, 2 H + 1, W, C)
        pairs = pairs.reshape(-1, columns, *pairs.shape[1:])
        body = layout.make_mosaic(pairs, zoom=zoom, gap=4, row_gap=ERROR_HEIGHT)
        # White below the last row too, for its errors.
        body = np.pad(body, ((0, ERROR_HEIGHT), (0, 0), (0, 0)), constant_values=255)
        cell_height, cell_width = pairs.shape[2] * zoom + ERROR_HEIGHT, pairs.shape[3] * zoom + 4
        labels.append(layout.Label(offset, -12, name, "lm"))
        for index, error in enumerate(errors):
            row, column = divmod(index, columns)
            x = offset + column * cell_width + (cell_width - 4) / 2
            y = (row + 1) * cell_height - ERROR_HEIGHT / 2
            labels.append(layout.Label(x, y, f"{error:.4f}", color=layout.FAINT_INK))
        bodies.append(body)
        offset += body.shape[1] + BLOCK_GAP
    return layout.Page(layout.join_horizontally(bodies, BLOCK_GAP), labels, top=26)
