"""Blending two images in pixel space against walking between their codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from latentspace.chapters.interpolate.paths import resample_evenly
from latentspace.core.pixels import to_rgb, to_uint8
from latentspace.drawing import layout
from latentspace.drawing.layout import Label, Page
from latentspace.drawing.points import add_class_legend, choose_class_colors, style_map_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STILL_STEPS = 11
PAIR_GAP = 14
ANIMATION_COLUMNS = 4
ANIMATION_THUMBNAIL = 112
LARGE_THUMBNAIL = 336
CELL_GAP = 6  # of the square of images
CORNER_ROOM = 28  # for the names at its corners
FRAME_COLOR = (200, 30, 30)  # of the image of the moment
FRAME_WIDTH = 4
ON_MAP_IMAGES = 7  # of each path
ON_MAP_SIDE = 0.13  # of an image on the map; lengths from here on are shares of the map's side
ON_MAP_MARGIN = 0.1
ON_MAP_GAP = 0.012  # between images
RINGS = (0.1, 0.13, 0.17, 0.22, 0.28, 0.36, 0.46)  # around a code, where its image may lie
RING_STEPS, LATTICE_STEPS = 32, 16
PLACING_ROUNDS = 3  # after the first, each image is placed anew among the others
COVERING, CROSSING, HIDING = 0.3, 0.5, 2.0  # lengths of a line that weigh as much
PATH_POINTS, LINE_POINTS = 200, 12  # by which it is seen what an image hides


def draw_interpolation(*, paths: Mapping[str, np.ndarray], pair_names: Sequence[str]) -> Page:
    """By path a row of images, float32 (pairs, T, H, W, C) in [0, 1]."""
    images = np.stack(list(paths.values()), axis=1)  # (pairs, kinds, T, H, W, C)
    last = images.shape[2] - 1
    steps = np.unique(np.linspace(0, last, STILL_STEPS).round().astype(int))
    zoom = layout.choose_zoom(min(images.shape[3:5]))
    bodies = layout.make_mosaic(images[:, :, steps], zoom=zoom)
    height, width = bodies.shape[1:3]
    cell_height, cell_width = images.shape[3] * zoom + 2, images.shape[4] * zoom + 2
    labels = [
        Label((column + 0.5) * cell_width, -12, f"{step / last:.1f}")
        for column, step in enumerate(steps)
    ]
    for number, pair_name in enumerate(pair_names):
        y = number * (height + PAIR_GAP)
        labels.append(Label(width + 12, y + height / 2, pair_name, "lm"))
        for row, name in enumerate(paths):
            labels.append(Label(-10, y + (row + 0.5) * cell_height, name, "rm"))
    left, right = (12 + max(map(layout.measure_text, names)) for names in (paths, pair_names))
    return Page(_stack_pairs(bodies), labels, left=left, right=right, top=26)


def draw_interpolation_loop(*, paths: Mapping[str, np.ndarray], hold_frames: int) -> Page:
    """All pairs at once, there and back again, as a loop."""
    images = np.stack(list(paths.values()), axis=1)  # (pairs, kinds, T, H, W, C)
    pairs, _, _, height, width, _ = images.shape
    columns = min(ANIMATION_COLUMNS, pairs)
    rows = -(-pairs // columns)
    vacant = rows * columns - pairs
    images = np.pad(images, ((0, vacant), *((0, 0),) * 5), constant_values=np.nan)
    images = images.reshape(rows, columns, *images.shape[1:])
    images = np.moveaxis(images, 3, 0).swapaxes(2, 3)  # (T, rows, kinds, columns, H, W, C)
    zoom = layout.choose_zoom(min(height, width), ANIMATION_THUMBNAIL)
    bodies = layout.make_mosaic(images, zoom=zoom, gap=4)  # (T, rows, height, width, 3)
    row_height = bodies.shape[2] + PAIR_GAP
    labels = [
        Label(-10, row * row_height + (number + 0.5) * (height * zoom + 4), name, "rm")
        for row in range(rows)
        for number, name in enumerate(paths)
    ]
    left = 12 + max(map(layout.measure_text, paths))
    return Page(layout.loop_frames(_stack_pairs(bodies), hold_frames), labels, left=left)


def _stack_pairs(bodies: np.ndarray) -> np.ndarray:
    """Bodies (..., rows, height, width, 3), one below the other with white between."""
    *lead, rows, height, width, _ = bodies.shape
    page = np.full((*lead, rows, height + PAIR_GAP, width, 3), layout.WHITE, np.uint8)
    page[..., :height, :, :] = bodies
    return page.reshape(*lead, -1, width, 3)[..., :-PAIR_GAP, :, :]


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
    """Paths over a map of the codes, a panel each, images beside them.

    Points are float (N, 2), labels int (N,), paths rows of panels, all of the same length. With
    `as_ink` bright strokes are dark on white.
    """
    rows, columns = len(paths), len(paths[0])
    figure = layout.make_figure(5.6 * columns + 1.2, 5.9 * rows)
    colors = choose_class_colors(len(class_names))
    everything = np.concatenate([points, *(path.places for row in paths for path in row)])
    low, high = everything.min(axis=0), everything.max(axis=0)
    side = float(max((high - low).max(), np.finfo(np.float32).eps)) * (1 + 2 * ON_MAP_MARGIN)
    corner = (low + high - side) / 2
    panels = figure.subplots(rows, columns, squeeze=False)
    for axes, path in zip(panels.flat, (path for row in paths for path in row), strict=True):
        axes.axis((corner[0], corner[0] + side, corner[1], corner[1] + side))
        axes.scatter(points[:, 0], points[:, 1], s=5, c=colors[labels], linewidths=0, alpha=0.35)
        _draw_path(axes, path, points, corner, side, as_ink)
        style_map_axes(axes, path.heading)
        axes.set_aspect("equal", "box")  # the view is square already
    add_class_legend(figure, class_names)
    return Page(layout.render_figure(figure))


def _draw_path(
    axes: Axes, path: PathOnMap, points: np.ndarray, corner: np.ndarray, side: float, as_ink: bool
) -> None:
    """A path, and some of its images, each joined by a line to its place on the path."""
    steps = np.unique(np.linspace(0, len(path.places) - 1, ON_MAP_IMAGES).round().astype(int))
    places, shown = path.places[steps], path.images[steps]
    half = ON_MAP_SIDE / 2 * np.array(shown.shape[2:0:-1]) / max(shown.shape[1:3])  # width, height
    centres = _place_images(
        (places - corner) / side, (path.places - corner) / side, (points - corner) / side, half
    )
    half, centres = half * side, corner + centres * side
    axes.plot(*path.places.T, color="black", linewidth=1.4, zorder=3)
    axes.scatter(places[:, 0], places[:, 1], s=22, color="black", linewidths=0, zorder=4)
    pixels = to_rgb(255 - to_uint8(shown) if as_ink else to_uint8(shown))
    for place, centre, picture in zip(places, centres, pixels, strict=True):
        axes.plot(*zip(place, centre, strict=True), color="dimgray", linewidth=0.9, zorder=2.5)
        (left, bottom), (right, top) = centre - half, centre + half
        axes.imshow(picture, extent=(left, right, bottom, top), aspect="auto", zorder=5)
        frame = [(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)]
        axes.plot(*zip(*frame, strict=True), color="black", linewidth=0.9, zorder=6)


def _place_images(
    anchors: np.ndarray, path: np.ndarray, points: np.ndarray, half: np.ndarray
) -> np.ndarray:
    """Centres (K, 2) of images beside anchors (K, 2): near, off the points, lines uncrossed.

    One after the other takes the place that costs least; all are then placed anew in turn.
    """
    angles = np.arange(RING_STEPS) * 2 * np.pi / RING_STEPS
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    rings = (np.array(RINGS)[:, np.newaxis, np.newaxis] * ring).reshape(-1, 2)
    lattice = np.linspace(half, 1 - half, LATTICE_STEPS)
    lattice = np.stack(np.meshgrid(*lattice.T), axis=-1).reshape(-1, 2)
    path, choices, costs = resample_evenly(path, PATH_POINTS), [], []
    for anchor in anchors:
        centres = np.concatenate([anchor + rings, lattice])
        centres = centres[((centres >= half) & (centres <= 1 - half)).all(axis=1)]
        covered = np.array([_is_inside(points, centre, half).sum() for centre in centres])
        around = half + ON_MAP_GAP
        hidden = np.array([_is_inside(path, centre, around).mean() for centre in centres])
        length = np.linalg.norm(centres - anchor, axis=1)
        choices.append(centres)
        costs.append(length + COVERING * covered / max(1, covered.max()) + HIDING * hidden)
    chosen: dict[int, np.ndarray] = {}
    for number in [*range(len(anchors))] * PLACING_ROUNDS:
        centres, cost = choices[number], costs[number].copy()
        for other, place in chosen.items():
            if other == number:
                continue
            apart = (np.abs(centres - place) >= 2 * half + ON_MAP_GAP).any(axis=1)
            cost[~apart] += len(anchors)  # more than all else together
            anchor, other_anchor = anchors[number], anchors[other]
            crossing = _do_cross(anchor, centres, other_anchor, place).astype(float)
            other_line = _sample_lines(other_anchor, place[np.newaxis])
            crossing += _is_inside(other_line, centres, half).any(axis=0)
            crossing += _is_inside(_sample_lines(anchor, centres), place, half).any(axis=0)
            cost += CROSSING * crossing
        chosen[number] = centres[cost.argmin()]
    return np.stack([chosen[number] for number in range(len(anchors))])


def _sample_lines(start: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Points on the lines from a start to ends, (C, 2), float (LINE_POINTS, C, 2)."""
    return np.linspace(np.broadcast_to(start, ends.shape), ends, LINE_POINTS)


def _is_inside(points: np.ndarray, centres: np.ndarray, half: np.ndarray) -> np.ndarray:
    """Whether points, (..., 2), lie in boxes around centres, which broadcast with them."""
    near = np.abs(points - centres) <= half
    return near[..., 0] & near[..., 1]


def _do_cross(
    start: np.ndarray, ends: np.ndarray, other_start: np.ndarray, other_end: np.ndarray
) -> np.ndarray:
    """Whether the lines from a start to ends, (C, 2), cross another line, bool (C,)."""

    def turn(first: np.ndarray, second: np.ndarray, third: np.ndarray) -> np.ndarray:
        one, two = second - first, third - first
        return np.sign(one[..., 0] * two[..., 1] - one[..., 1] * two[..., 0])

    return (turn(start, ends, other_start) * turn(start, ends, other_end) < 0) & (
        turn(other_start, other_end, start) * turn(other_start, other_end, ends) < 0
    )
