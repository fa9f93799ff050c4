"""Blending two images in pixel space against walking between their codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from latentspace.core.pixels import to_rgb, to_uint8
from latentspace.drawing.layout import (
    Label,
    choose_zoom,
    make_mosaic,
    make_page,
    measure_text,
    order_loop,
    render_figure,
)
from latentspace.drawing.points import add_class_legend, choose_class_colors, style_map_axes
from latentspace.drawing.text import Text

STILL_STEPS = 11
PAIR_GAP = 14
ANIMATION_COLUMNS = 4
ANIMATION_THUMBNAIL = 112
TOUR_THUMBNAIL = 336
ON_MAP_IMAGES, ON_MAP_THUMBNAIL = 7, 26  # per way; pixels a side


def draw_interpolation(
    *, paths: Mapping[str, np.ndarray], pair_names: Sequence[str], text: Text
) -> np.ndarray:
    """For each pair of images one row per way, from the first image to the second.

    Args:
        paths: Row label -> images on the way, float32 (pairs, T, H, W, C) in [0, 1].
        pair_names: A name for each pair.
        text: Written above and below.

    Returns:
        uint8 (height, width, 3).
    """
    images = np.stack(list(paths.values()), axis=1)  # (pairs, ways, T, H, W, C)
    last = images.shape[2] - 1
    steps = np.unique(np.linspace(0, last, STILL_STEPS).round().astype(int))
    images = images[:, :, steps]
    zoom = choose_zoom(min(images.shape[3:5]))
    bodies = [make_mosaic(pair, zoom=zoom) for pair in images]
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
        for row, way in enumerate(paths):
            labels.append(Label(-10, y + (row + 0.5) * cell_height, way, "rm"))
    body = np.pad(
        body, ((0, 0), (0, 12 + max(map(measure_text, pair_names))), (0, 0)), constant_values=255
    )
    return make_page(
        body,
        text=text,
        labels=labels,
        left=12 + max(map(measure_text, paths)),
        top=26,
    )


def draw_interpolation_loop(
    *, paths: Mapping[str, np.ndarray], hold_frames: int, text: Text
) -> np.ndarray:
    """All pairs at once, there and back again, as a seamless loop.

    Args:
        paths: Row label -> images on the way, float32 (pairs, T, H, W, C) in [0, 1].
        hold_frames: Frames for which either end is held.
        text: Written above and below.

    Returns:
        uint8 (frames, height, width, 3): the first image `hold_frames` times, the way, the second
        image `hold_frames` times, and the way back.
    """
    images = np.stack(list(paths.values()), axis=1)  # (pairs, ways, T, H, W, C)
    pairs, _, length, height, width, _ = images.shape
    columns = min(ANIMATION_COLUMNS, pairs)
    rows = -(-pairs // columns)
    vacant = rows * columns - pairs
    images = np.pad(images, ((0, vacant), *((0, 0),) * 5), constant_values=np.nan)
    images = images.reshape(rows, columns, *images.shape[1:])
    images = np.moveaxis(images, 3, 0).swapaxes(2, 3)  # (T, rows, ways, columns, H, W, C)
    zoom = choose_zoom(min(height, width), ANIMATION_THUMBNAIL)
    bodies, labels, y = [], [], 0
    for row in range(rows):
        body = make_mosaic(images[:, row], zoom=zoom, gap=4)
        spacer = np.full((length, PAIR_GAP, body.shape[2], 3), 255, np.uint8)
        bodies += [body, spacer]
        for number, way in enumerate(paths):
            labels.append(Label(-10, y + (height * zoom + 4) * (number + 0.5), way, "rm"))
        y += body.shape[1] + PAIR_GAP
    frames = make_page(
        np.concatenate(bodies[:-1], axis=1),
        text=text,
        labels=labels,
        left=12 + max(map(measure_text, paths)),
    )
    return frames[order_loop(length, hold_frames)]


def draw_tour(*, frames: np.ndarray, text: Text) -> np.ndarray:
    """One large image that turns into others, as a loop.

    Args:
        frames: float32 (T, H, W, C) in [0, 1].
        text: Written above and below.

    Returns:
        uint8 (T, height, width, 3).
    """
    images = frames[:, np.newaxis, np.newaxis]
    body = make_mosaic(images, zoom=choose_zoom(min(frames.shape[1:3]), TOUR_THUMBNAIL))
    return make_page(body, text=text)


def draw_paths_on_map(
    *,
    points: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str],
    paths: Mapping[str, np.ndarray],
    images: Mapping[str, np.ndarray],
    text: Text,
) -> np.ndarray:
    """Ways over a map of the codes, one panel per kind of way, with the images along them.

    Args:
        points: float (N, 2) of the map.
        labels: int (N,) indices into `class_names`.
        class_names: Names for the legend.
        paths: Kind of way -> places on the map, float (ways, T, 2).
        images: Kind of way -> images there, float32 (ways, T, H, W, C) in [0, 1].
        text: Written above and below.

    Returns:
        uint8 (height, width, 3).
    """
    from matplotlib.figure import Figure
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    figure = Figure(figsize=(8 * len(paths) + 1.2, 8.4), dpi=120, layout="constrained")
    colors = choose_class_colors(len(class_names))
    for axes, (kind, places) in zip(figure.subplots(1, len(paths)), paths.items(), strict=True):
        axes.scatter(*points.T, s=5, c=colors[labels], linewidths=0, alpha=0.35)
        for way, shown in zip(places, images[kind], strict=True):
            axes.plot(*way.T, color="black", linewidth=1.2)
            for step in np.unique(np.linspace(0, len(way) - 1, ON_MAP_IMAGES).round().astype(int)):
                picture = to_rgb(255 - to_uint8(shown[step]) if shown.shape[-1] == 1
                                 else to_uint8(shown[step]))  # fmt: skip
                box = OffsetImage(
                    picture, zoom=ON_MAP_THUMBNAIL / max(picture.shape[:2]), cmap=None
                )
                axes.add_artist(AnnotationBbox(box, way[step], pad=0.08))
        style_map_axes(axes, kind)
    add_class_legend(figure, class_names)
    return make_page(render_figure(figure), text=text)
