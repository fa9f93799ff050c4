"""Maps: images or points at the places that a projection gave them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from latentspace.core.pixels import to_rgb, to_uint8
from latentspace.drawing.layout import (
    Label,
    choose_text_scale,
    draw_frame,
    make_figure,
    make_page,
    render_figure,
)
from latentspace.drawing.points import (
    LabelledMaps,
    choose_class_colors,
    choose_name_scale,
    draw_scatters,
    locate_names,
)
from latentspace.drawing.text import Text

CELLS_PER_IMAGE = 3.0  # room for the gaps between clusters
LARGEST_SIDE = 6000  # pixels; of so many images that they would need more, some are left out
MOST_TRIES = 128  # nearest cells that are tried for an image before it is left out
LEAST_THUMBNAIL = 28  # pixels
LEAST_SIDE = 1000  # pixels that a map of a few images is given, in thumbnails as large as they are
FRAME_SHARE = 0.07  # of the shorter side of a thumbnail
INK_STRENGTH = 0.8  # colours made for dots are too pale for thin strokes
CLASS_LABEL_SIZE = 26  # pixels, before the text of large maps is enlarged


@dataclass(frozen=True)
class Cells:
    """A fine grid, and the cells of it that images are drawn in.

    Attributes:
        rows: Rows of the grid.
        columns: Columns of the grid.
        wanted: float (N, 2) row and column of the place of each image.
        places: int (N, 2) row and column of its cell; -1 where it found none.
    """

    rows: int
    columns: int
    wanted: np.ndarray
    places: np.ndarray

    @property
    def shown(self) -> np.ndarray:
        """Whether an image found a cell, bool (N,)."""
        return self.places[:, 0] >= 0


def arrange_images(shape: Sequence[int], points: np.ndarray) -> Cells:
    """Moves each image of a map to the nearest free cell of a fine grid.

    One that finds none nearby is left out.

    Args:
        shape: Of the images, (N, H, W, C).
        points: float (N, 2).
    """
    zoom, block = _choose_scale(shape)
    height, width = (size * zoom // block for size in shape[1:3])
    side = min(LARGEST_SIDE, math.sqrt(CELLS_PER_IMAGE * shape[0] * height * width))  # pixels
    rows, columns = math.ceil(side / height), math.ceil(side / width)
    low, high = points.min(axis=0), points.max(axis=0)
    extent = float((high - low).max()) or 1.0
    # One scale for both axes: a map is not stretched.
    x, y = ((points - (low + high) / 2) * (side - max(height, width)) / extent).T
    wanted = np.stack([(rows - 1) / 2 - y / height, (columns - 1) / 2 + x / width], axis=1)
    return Cells(rows, columns, wanted, _assign_free_cells(wanted, rows, columns))


def draw_image_map(
    *,
    images: np.ndarray,
    cells: Cells,
    labels: np.ndarray,
    class_names: Sequence[str],
    as_ink: bool,
    text: Text,
) -> np.ndarray:
    """The images themselves at their places, none hiding another, their class shown by colour.

    Strokes on dark ground become coloured ink on white paper; other images keep their colours and
    get a frame. The result is uint8 (height, width, 3).

    Args:
        images: float32 (N, H, W, C) in [0, 1].
        cells: Where each is drawn, see `arrange_images`.
        labels: int (N,) indices into `class_names`.
        class_names: Names to write at the clusters.
        as_ink: Whether the images are strokes on dark ground.
        text: Written above and below.
    """
    thumbnails = _make_thumbnails(images)
    _, height, width, _ = thumbnails.shape
    grid = np.full((cells.rows, cells.columns, height, width, 3), 255, np.uint8)
    colors = choose_class_colors(len(class_names))
    tint = _ink_images if as_ink else _frame_images
    rows, columns = cells.places[cells.shown].T
    grid[rows, columns] = tint(thumbnails[cells.shown], colors[labels[cells.shown]])
    body = grid.swapaxes(1, 2).reshape(cells.rows * height, cells.columns * width, 3)
    used_rows = np.flatnonzero((body < 255).any(axis=(1, 2)))
    used_columns = np.flatnonzero((body < 255).any(axis=(0, 2)))
    top, left = used_rows[0], used_columns[0]
    body = body[top : used_rows[-1] + 1, left : used_columns[-1] + 1]
    names = [
        Label(
            (column + 0.5) * width - left,
            (row + 0.5) * height - top,
            class_names[label],
            color=tuple(to_uint8(colors[label] * 0.75).tolist()),
            size=round(CLASS_LABEL_SIZE * choose_name_scale(len(class_names))),
        )
        for label, (row, column) in locate_names(
            cells.wanted, labels, range(len(class_names))
        ).items()
    ]
    return make_page(body, text=text, labels=names, text_scale=choose_text_scale(body.shape[1]))


def draw_comparison(maps: LabelledMaps, *, text: Text) -> np.ndarray:
    """Maps, float (N, 2) each, as points side by side with one legend: uint8 (height, width, 3)."""
    figure = make_figure(7 * len(maps.points) + 1.2, 7.4)
    draw_scatters(figure, maps)
    return make_page(render_figure(figure), text=text)


def _ink_images(images: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """White paper with ink in a colour for each image, where it is bright: uint8 (N, H, W, 3)."""
    return to_uint8(1 - images * (1 - INK_STRENGTH * colors[:, np.newaxis, np.newaxis, :]))


def _frame_images(images: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """The images as they are, each in a frame of its colour: uint8 (N, H, W, 3)."""
    framed = to_rgb(to_uint8(images)).copy()
    edge = max(1, round(FRAME_SHARE * min(images.shape[1:3])))
    draw_frame(framed, edge, to_uint8(colors)[:, np.newaxis, np.newaxis, :])
    return framed


def _choose_scale(shape: Sequence[int]) -> tuple[int, int]:
    """How many times images (N, H, W, C) are enlarged, and blocks of what side are averaged.

    They get at least `LEAST_THUMBNAIL` pixels and less than twice that, but more where they are so
    few that the map would be smaller than `LEAST_SIDE`.
    """
    count, height, width, _ = shape
    side = min(height, width)
    map_side = math.sqrt(CELLS_PER_IMAGE * count * height * width)
    zoom = max(-(-LEAST_THUMBNAIL // side), int(LEAST_SIDE / map_side), 1)
    block = min(side // LEAST_THUMBNAIL, int(map_side / LEAST_SIDE)) if zoom == 1 else 1
    return zoom, max(1, block)


def _make_thumbnails(images: np.ndarray) -> np.ndarray:
    """Images enlarged by a whole number, or shrunk by averaging blocks; aspect kept."""
    zoom, block = _choose_scale(images.shape)
    if block > 1:
        height, width = (size // block for size in images.shape[1:3])
        cut = images[:, : height * block, : width * block]
        blocks = cut.reshape(len(images), height, block, width, block, images.shape[3])
        images = blocks.mean(axis=(2, 4))
    return images.repeat(zoom, axis=1).repeat(zoom, axis=2)


def _assign_free_cells(wanted: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Gives each place, float (N, 2) row and column, the nearest cell that is still free.

    int (N, 2) row and column; -1 where all `MOST_TRIES` nearest cells are taken.
    """
    from scipy.spatial import cKDTree

    count = rows * columns
    centres = np.stack(np.divmod(np.arange(count), columns), axis=1)
    distances, nearest = cKDTree(centres).query(wanted, k=min(MOST_TRIES, count))
    taken = np.zeros(count, bool)
    places = np.full((len(wanted), 2), -1)
    # Who lies nearest to the middle of a cell is asked first, and so moves least.
    for index in np.argsort(distances.reshape(len(wanted), -1)[:, 0], kind="stable"):
        tries = np.atleast_1d(nearest[index])
        free = tries[~taken[tries]]
        if len(free):
            taken[free[0]] = True
            places[index] = centres[free[0]]
    return places
