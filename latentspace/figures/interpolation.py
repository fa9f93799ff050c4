"""Blending two images in pixel space against walking between their codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from latentspace.figures.layout import Label, mosaic, page, zoom_for

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
    steps = np.unique(np.linspace(0, images.shape[2] - 1, STILL_STEPS).round().astype(int))
    images = images[:, :, steps]
    zoom = zoom_for(min(images.shape[3:5]))
    bodies = [mosaic(pair, zoom=zoom) for pair in images]
    height, width = bodies[0].shape[:2]
    spacer = np.full((PAIR_GAP, width, 3), 255, np.uint8)
    body = np.concatenate([part for pair in bodies for part in (spacer, pair)][1:])
    cell_height, cell_width = images.shape[3] * zoom + 2, images.shape[4] * zoom + 2
    labels = [
        Label((column + 0.5) * cell_width, -12, f"{step / (ways_length(ways) - 1):.1f}")
        for column, step in enumerate(steps)
    ]
    for number, pair_name in enumerate(pair_names):
        y = number * (height + PAIR_GAP)
        labels.append(Label(width + 12, y + height / 2, pair_name, "lm"))
        for row, way in enumerate(ways):
            labels.append(Label(-10, y + (row + 0.5) * cell_height, way, "rm"))
    body = np.pad(body, ((0, 0), (0, PAIR_NAME_WIDTH), (0, 0)), constant_values=255)
    return page(
        body,
        title="From one image to another",
        caption=caption,
        labels=labels,
        left=ROW_LABEL_WIDTH,
        top=26,
    )


PAIR_NAME_WIDTH = 150


def ways_length(ways: Mapping[str, np.ndarray]) -> int:
    """Images on each way."""
    return next(iter(ways.values())).shape[1]


def draw_interpolation_loop(
    *, ways: Mapping[str, np.ndarray], hold_frames: int, caption: str
) -> np.ndarray:
    """All pairs at once, there and back again, as a seamless loop.

    Args:
        ways: Row label -> images on the way, float32 (pairs, T, H, W, C) in [0, 1].
        hold_frames: Frames for which either end is held.
        caption: Text below.

    Returns:
        uint8 (frames, height, width, 3): the first image `hold_frames` times, the way, the second
        image `hold_frames` times, and the way back.
    """
    images = np.stack(list(ways.values()), axis=2)  # (pairs, T, ways, H, W, C)
    pairs, length = images.shape[:2]
    columns = min(ANIMATION_COLUMNS, pairs)
    rows = -(-pairs // columns)
    missing = rows * columns - pairs
    images = np.pad(
        images, ((0, missing), *((0, 0),) * 5), constant_values=np.nan
    )  # white where there is no pair
    images = images.reshape(rows, columns, *images.shape[1:])
    images = np.moveaxis(images, 2, 0)  # (T, rows, columns, ways, H, W, C)
    images = np.moveaxis(images, 3, 2)  # (T, rows, ways, columns, H, W, C)
    images = images.reshape(length, rows * len(ways), columns, *images.shape[4:])
    zoom = zoom_for(min(images.shape[3:5]), ANIMATION_THUMBNAIL)
    body = mosaic(images, zoom=zoom, gap=4)
    cell_height = images.shape[3] * zoom + 4
    labels = [
        Label(-10, (row + 0.5) * cell_height, list(ways)[row % len(ways)], "rm")
        for row in range(rows * len(ways))
    ]
    frames = page(
        body,
        title=" and ".join(f"walking in {way}" for way in ways).capitalize(),
        caption=caption,
        labels=labels,
        left=ROW_LABEL_WIDTH,
    )
    there = np.arange(length)
    order = np.concatenate(
        [
            np.repeat(there[0], hold_frames - 1),
            there,
            np.repeat(there[-1], hold_frames - 1),
            there[-2:0:-1],
        ]
    )
    return frames[order]
