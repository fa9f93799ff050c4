"""Blending two images in pixel space against walking between their codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from latentspace.chapters.interpolate.paths import choose_steps
from latentspace.core.pixels import to_rgb, to_uint8
from latentspace.drawing import layout
from latentspace.drawing.layout import Label, Page
from latentspace.drawing.points import add_class_legend, choose_class_colors, style_map_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LARGE_THUMBNAIL = 336
CELL_GAP = 6  # of the square of images
CORNER_ROOM = 28  # for the names at its corners
FRAME_COLOR = (200, 30, 30)  # of the image of the moment
FRAME_WIDTH = 4
ON_MAP_IMAGES = 7  # of each path
POINT_AREA = 15_000  # of all points of a map; few are larger
STRIP_HEIGHT = 0.16  # of a map's side, below it


def draw_tour(*, frames: np.ndarray) -> Page:
    """(T, H, W, C), float32 in [0, 1], as a loop of large images."""
    return Page(_enlarge(frames))


def _enlarge(images: np.ndarray) -> np.ndarray:
    """Large images, uint8 (T, height, width, 3), of those in (T, H, W, C)."""
    zoom = layout.choose_zoom(min(images.shape[1:3]), LARGE_THUMBNAIL)
    return layout.make_mosaic(images[:, np.newaxis, np.newaxis], zoom=zoom)


def draw_corner_grid(*, grid: np.ndarray, corner_names: Sequence[str]) -> Page:
    """A square, float32 (side, side, H, W, C) in [0, 1], with names."""
    body = layout.make_mosaic(grid, zoom=layout.choose_zoom(min(grid.shape[2:4])), gap=CELL_GAP)
    return Page(body, **_make_corner_labels(body.shape, corner_names))


def draw_grid_walk(*, grid: np.ndarray, corner_names: Sequence[str]) -> Page:
    """A walk through the square of `draw_corner_grid`, a loop."""
    rows, columns, height, width, _ = grid.shape
    zoom = layout.choose_zoom(min(height, width), 40)
    still = layout.make_mosaic(grid, zoom=zoom, gap=CELL_GAP)
    cell_height, cell_width = height * zoom + CELL_GAP, width * zoom + CELL_GAP
    route = [
        (row, column)
        for row in range(rows)
        for column in (range(1, columns) if row % 2 == 0 else range(columns - 1, 0, -1))
    ]
    last_row, last_column = route[-1]
    route += [(last_row, column) for column in range(last_column - 1, 0, -1)]
    route += [(row, 0) for row in range(rows - 1, -1, -1)]
    large = _enlarge(np.stack([grid[place] for place in route]))
    beside = still.shape[1] + CORNER_ROOM
    shape = (len(route), max(len(still), large.shape[1]), beside + large.shape[2], 3)
    bodies = np.full(shape, layout.WHITE, np.uint8)
    bodies[:, : len(still), : still.shape[1]] = still
    bodies[:, : large.shape[1], beside:] = large
    for frame, (row, column) in zip(bodies, route, strict=True):
        top, left = row * cell_height, column * cell_width
        cell = frame[top : top + cell_height - CELL_GAP, left : left + cell_width - CELL_GAP]
        layout.draw_frame(cell, FRAME_WIDTH, FRAME_COLOR)
    return Page(bodies, **_make_corner_labels(still.shape, corner_names))


def _make_corner_labels(shape: Sequence[int], names: Sequence[str]) -> dict[str, Any]:
    height, width = shape[:2]
    places = [(x, y) for y in (-12, height + 12) for x in (0, width)]
    labels = [
        Label(x, y, name, "rm" if x else "lm") for (x, y), name in zip(places, names, strict=True)
    ]
    return {"labels": labels, "top": CORNER_ROOM, "bottom": CORNER_ROOM}


@dataclass(frozen=True)
class PathOnMap:
    """A path between two codes, on a map of codes."""

    heading: str  # what it is
    places: np.ndarray  # float (T, 2), where it runs
    images: np.ndarray  # float32 (T, H, W, C) in [0, 1], the images there


def draw_paths_on_map(
    *,
    points: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str],
    paths: Sequence[Sequence[PathOnMap]],
    as_ink: bool,
) -> Page:
    """Paths over a map of the codes, a panel each, images below them.

    Points are float (N, 2), labels int (N,), paths rows of panels, all of the same length. With
    `as_ink` bright strokes are dark on white.
    """
    rows, columns = len(paths), len(paths[0])
    figure = layout.make_figure(5.6 * columns + 1.2, 6.3 * rows)
    colors = choose_class_colors(len(class_names))
    panels = figure.subplots(rows, columns, squeeze=False)
    size = min(max(POINT_AREA / len(points), 5), 25)
    for axes, path in zip(panels.flat, (path for row in paths for path in row), strict=True):
        axes.scatter(points[:, 0], points[:, 1], s=size, c=colors[labels], linewidths=0, alpha=0.35)
        _draw_path(axes, path, as_ink)
        style_map_axes(axes, path.heading)
    add_class_legend(figure, class_names)
    return Page(layout.render_figure(figure))


def _draw_path(axes: Axes, path: PathOnMap, as_ink: bool) -> None:
    """A path, dots on it, and the images there in a row below, in frames of the dots' colours."""
    steps = choose_steps(len(path.places), ON_MAP_IMAGES)
    shades = layout.load_matplotlib().colormaps["plasma"](np.linspace(0.05, 0.95, len(steps)))
    axes.plot(*path.places.T, color="black", linewidth=1.4, zorder=3)
    x, y = path.places[steps].T
    axes.scatter(x, y, s=44, c=shades, edgecolors="black", zorder=4)
    shown, width = to_uint8(path.images[steps]), 1 / len(steps)
    for number, image in enumerate(to_rgb(255 - shown if as_ink else shown)):
        below = axes.inset_axes((number * width, -STRIP_HEIGHT, 0.94 * width, STRIP_HEIGHT))
        below.imshow(image)
        below.set(xticks=[], yticks=[])
        below.spines[:].set(color=shades[number], linewidth=2.5)
