"""Blending two images in pixel space against walking between their codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from latentspace.figures.layout import Label, mosaic, page, text_width, zoom_for

STILL_STEPS = 11
ROW_LABEL_WIDTH = 72
PAIR_GAP = 14
ANIMATION_COLUMNS = 4
ANIMATION_THUMBNAIL = 112


def draw_interpolation(
    *, ways: Mapping[str, np.ndarray], pair_names: Sequence[str], caption: str
) -> np.ndarray:
    """For each pair of images one row per way, from the first image to the second.

    Args:
        ways: Row label -> images on the way, float32 (pairs, T, H, W, C) in [0, 1].
        pair_names: A name for each pair.
        caption: Text below.

    Returns:
        uint8 (height, width, 3).
    """
    images = np.stack(list(ways.values()), axis=1)  # (pairs, ways, T, H, W, C)
    last = images.shape[2] - 1
    steps = np.unique(np.linspace(0, last, STILL_STEPS).round().astype(int))
    images = images[:, :, steps]
    zoom = zoom_for(min(images.shape[3:5]))
    bodies = [mosaic(pair, zoom=zoom) for pair in images]
    height, width = bodies[0].shape[:2]
    spacer = np.full((PAIR_GAP, width, 3), 255, np.uint8)
    body = np.concatenate([part for pair in bodies for part in (spacer, pair)][1:])
    cell_height, cell_width = images.shape[3] * zoom + 2, images.shape[4] * zoom + 2
    labels = [
        Label((column + 0.5) * cell_width, -12, f"{step / last:.1f}")
        for column, step in enumerate(steps)
    ]
    for number, pair_name in enumerate(pair_names):
        y = number * (height + PAIR_GAP)
        labels.append(Label(width + 12, y + height / 2, pair_name, "lm"))
        for row, way in enumerate(ways):
            labels.append(Label(-10, y + (row + 0.5) * cell_height, way, "rm"))
    body = np.pad(
        body, ((0, 0), (0, 12 + max(map(text_width, pair_names))), (0, 0)), constant_values=255
    )
    return page(
        body,
        title="From one image to another",
        caption=caption,
        labels=labels,
        left=ROW_LABEL_WIDTH,
        top=26,
    )


def draw_interpolation_loop(
    *, ways: Mapping[str, np.ndarray], hold_frames: int, title: str, caption: str
) -> np.ndarray:
    """All pairs at once, there and back again, as a seamless loop.

    Args:
        ways: Row label -> images on the way, float32 (pairs, T, H, W, C) in [0, 1].
        hold_frames: Frames for which either end is held.
        title: Text above.
        caption: Text below.

    Returns:
        uint8 (frames, height, width, 3): the first image `hold_frames` times, the way, the second
        image `hold_frames` times, and the way back.
    """
    images = np.stack(list(ways.values()), axis=1)  # (pairs, ways, T, H, W, C)
    pairs, _, length, height, width, _ = images.shape
    columns = min(ANIMATION_COLUMNS, pairs)
    rows = -(-pairs // columns)
    vacant = rows * columns - pairs
    images = np.pad(images, ((0, vacant), *((0, 0),) * 5), constant_values=np.nan)
    images = images.reshape(rows, columns, *images.shape[1:])
    images = np.moveaxis(images, 3, 0).swapaxes(2, 3)  # (T, rows, ways, columns, H, W, C)
    zoom = zoom_for(min(height, width), ANIMATION_THUMBNAIL)
    bodies, labels, y = [], [], 0
    for row in range(rows):
        body = mosaic(images[:, row], zoom=zoom, gap=4)
        spacer = np.full((length, PAIR_GAP, body.shape[2], 3), 255, np.uint8)
        bodies += [body, spacer]
        for number, way in enumerate(ways):
            labels.append(Label(-10, y + (height * zoom + 4) * (number + 0.5), way, "rm"))
        y += body.shape[1] + PAIR_GAP
    frames = page(
        np.concatenate(bodies[:-1], axis=1),
        title=title,
        caption=caption,
        labels=labels,
        left=ROW_LABEL_WIDTH,
    )
    held = [0] * (hold_frames - 1)
    order = [*held, *range(length), *(length - 1 for _ in held), *range(length - 2, 0, -1)]
    return frames[order]
