"""Maps: images or points where a projection put them, and what is found and placed on maps."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from latentspace.core.pixels import to_rgb, to_uint8
from latentspace.drawing import layout
from latentspace.drawing.points import (
    NAME_BOX,
    LabelledMaps,
    choose_class_colors,
    choose_name_scale,
    draw_scatters,
    locate_names,
)

CELLS_PER_IMAGE = 3.0  # room for the gaps between clusters
LARGEST_SIDE = 6000  # pixels; of so many images that they would need more, some are left out
MOST_TRIES = 128  # nearest cells that are tried for an image before it is left out
LEAST_THUMBNAIL = 28  # pixels
LEAST_SIDE = 1000  # pixels that a map of a few images is given, in thumbnails as large as they are
FRAME_SHARE = 0.07  # of the shorter side of a thumbnail
INK_STRENGTH = 0.8  # colours made for dots are too pale for thin strokes
CLASS_LABEL_SIZE = 26  # pixels, before the text of large maps is enlarged
CELL = 28  # pixels of a decoded image on the grid, at least
PLACED_THUMBNAIL, NEIGHBOR_THUMBNAIL = 44, 56  # pixels a side, at least
BACKGROUND = 0.25  # opacity of a map on which something else is shown
MARK = (214, 39, 40)
FRAME = 3  # pixels
UNFRAMED: Mapping[str, Any] = {"boxcoords": "offset points", "frameon": False, "pad": 0}
NUMBER: Mapping[str, Any] = {  # left of a mark
    **{"textcoords": "offset points", "ha": "right", "va": "center", "weight": "bold"},
    "bbox": NAME_BOX,
}
GAP, ROW_GAP = 6, 26  # pixels between images, and below them for their names


@dataclass(frozen=True)
class Cells:
    """A fine grid, and the cells of it that images are drawn in."""

    rows: int  # rows of the grid
    columns: int  # columns of the grid
    wanted: np.ndarray  # float (N, 2) row and column of the place of each image
    places: np.ndarray  # int (N, 2) row and column of its cell; -1 where it found none

    @property
    def shown(self) -> np.ndarray:
        """Whether an image found a cell, bool (N,)."""
        return self.places[:, 0] >= 0


def arrange_images(shape: Sequence[int], points: np.ndarray) -> Cells:
    """Moves images (N, H, W, C) at points, float (N, 2), to free cells near by, if any."""
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
) -> layout.Page:
    """Images at their places, none hiding another, classes by colour.

    Strokes on dark ground (`as_ink`) become coloured ink on white paper; other images get a frame.
    Images are float32 (N, H, W, C) in [0, 1], cells of `arrange_images`, labels int (N,).
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
    size = round(CLASS_LABEL_SIZE * choose_name_scale(len(class_names)))
    names = []
    for label, cell in locate_names(cells.wanted, labels, range(len(class_names))).items():
        y, x = (cell + 0.5) * (height, width) - (top, left)
        color = tuple(to_uint8(colors[label] * 0.75).tolist())
        names.append(layout.Label(x, y, class_names[label], color=color, size=size))
    return layout.Page(body, names, text_scale=layout.choose_text_scale(body.shape[1]))


def draw_comparison(maps: LabelledMaps) -> layout.Page:
    """Maps, float (N, 2) each, as points side by side with one legend."""
    figure = layout.make_figure(7 * len(maps.points) + 1.2, 7.4)
    draw_scatters(figure, maps)
    return layout.Page(layout.render_figure(figure))


def draw_projection_methods(maps: LabelledMaps, *, rows: int) -> layout.Page:
    """Maps, float (N, 2) each, in rows, a method a column."""
    figure = layout.make_figure(4.1 * len(maps.points) / rows + 1.1, 4.6 * rows)
    for axes in draw_scatters(figure, maps, rows=rows, named=False):
        axes.title.set_fontsize(10)
        axes.set_box_aspect(1)
    return layout.Page(layout.render_figure(figure))


def draw_overlap(
    maps: LabelledMaps, *, classes: Sequence[int], table: Mapping[str, np.ndarray]
) -> layout.Page:
    """Maps of a few classes, float (N, 2) each, over a table.

    The classes with the indices `classes` are shown, and are the columns of the table: row name ->
    share for each of them, in [0, 1].
    """
    figure = layout.make_figure(14.2, 9.4, dpi=110)
    above, below = figure.subfigures(2, 1, height_ratios=(7.2, 2.2), squeeze=False)[:, 0]
    draw_scatters(above, maps, classes=classes)
    axes = below.subplots()
    axes.axis("off")
    cells = [[f"{share:.1%}" for share in (*shares, np.mean(shares))] for shares in table.values()]
    columns = [*(maps.class_names[label] for label in classes), "mean of these"]
    widths = [0.8 / len(columns)] * len(columns)
    middle: dict[str, Any] = {"loc": "center", "cellLoc": "center", "colWidths": widths}
    written = axes.table(cells, rowLabels=list(table), colLabels=columns, **middle)
    written.auto_set_font_size(False)
    written.set_fontsize(12)
    written.scale(1, 1.7)
    return layout.Page(layout.render_figure(figure))


def draw_decoded_grid(*, grid: np.ndarray) -> layout.Page:
    """Images, float32 (rows, columns, H, W, C) in [0, 1], NaN where white."""
    zoom = layout.choose_zoom(min(grid.shape[2:4]), CELL)
    return layout.Page(layout.make_mosaic(grid, zoom=zoom, gap=0))


def draw_placed(
    maps: LabelledMaps,
    *,
    places: Sequence[np.ndarray],
    images: np.ndarray,
    names: Sequence[str],
    neighbors: Mapping[str, tuple[np.ndarray, np.ndarray]],
) -> layout.Page:
    """Further images on finished maps, each numbered, and below them their nearest neighbours.

    Maps are float (N, 2) each; images, float32 (M, H, W, C) in [0, 1], have names and places on
    each map, float (M, 2). By space neighbours are images, float32 (M, K, H, W, C), and captions,
    str (M, K).
    """
    figure = layout.make_figure(15.2, 7.4, dpi=110)
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    framed, mark = [_draw_framed(image) for image in images], np.array(MARK) / 255
    for axes, on_map in zip(draw_scatters(figure, maps, strength=BACKGROUND), places, strict=True):
        for number, (thumbnail, place) in enumerate(zip(framed, on_map, strict=True)):
            image = OffsetImage(thumbnail, zoom=1, interpolation="nearest")
            line = {"arrowstyle": "-", "color": mark}
            axes.add_artist(AnnotationBbox(image, place, (38, 38), arrowprops=line, **UNFRAMED))
            axes.plot(*place, "o", color=mark, markersize=7, markeredgecolor="w")
            axes.annotate(f"{number + 1}", place, (-9, 0), **NUMBER)
    body = layout.render_figure(figure)

    zoom = layout.choose_zoom(min(images.shape[1:3]), NEIGHBOR_THUMBNAIL)
    # A free column between what was placed, its neighbours in one space, and those in the next.
    blank = np.full((len(images), 1, *images.shape[1:]), np.nan, np.float32)
    columns = [images[:, np.newaxis]]
    for found, _ in neighbors.values():
        columns += [blank, found]
    sheet = layout.make_mosaic(np.concatenate(columns, axis=1), zoom=zoom, gap=GAP, row_gap=ROW_GAP)
    above, left = 64, 60  # pixels beside the sheet
    sheet = np.pad(sheet, ((above, ROW_GAP), (left, 0), (0, 0)), constant_values=255)
    top, height, cell = len(body) + above, images.shape[1] * zoom, images.shape[2] * zoom + GAP
    stride = (1 + columns[-1].shape[1]) * cell
    starts = [left + 2 * cell + number * stride for number in range(len(neighbors))]
    spaces = zip(starts, neighbors, strict=True)
    labels = [layout.Label(start, top - 18, f"nearest in {space}", "lm") for start, space in spaces]
    for row, name in enumerate(names):
        y = top + row * (height + ROW_GAP)
        labels.append(layout.Label(left - 14, y + height / 2, f"{row + 1}", "rm"))
        labels.append(layout.Label(left, y + height + 12, name, "lm", size=12))
        for start, (_, words) in zip(starts, neighbors.values(), strict=True):
            labels += [
                layout.Label(start + (k + 0.5) * cell - 3, y + height + 12, word, "mm", size=12)
                for k, word in enumerate(words[row])
            ]
    return layout.Page(layout.join_vertically([body, sheet]), labels)


def _ink_images(images: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """White paper with ink in a colour for each image, where it is bright: uint8 (N, H, W, 3)."""
    return to_uint8(1 - images * (1 - INK_STRENGTH * colors[:, np.newaxis, np.newaxis, :]))


def _frame_images(images: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """The images as they are, each in a frame of its colour: uint8 (N, H, W, 3)."""
    framed = to_rgb(to_uint8(images)).copy()
    edge = max(1, round(FRAME_SHARE * min(images.shape[1:3])))
    layout.draw_frame(framed, edge, to_uint8(colors)[:, np.newaxis, np.newaxis, :])
    return framed


def _draw_framed(image: np.ndarray) -> np.ndarray:
    zoom = layout.choose_zoom(min(image.shape[:2]), PLACED_THUMBNAIL)
    pixels = layout.make_mosaic(image[np.newaxis, np.newaxis], zoom=zoom)
    framed = np.pad(pixels, ((FRAME, FRAME), (FRAME, FRAME), (0, 0)))
    layout.draw_frame(framed, FRAME, MARK)
    return framed


def _choose_scale(shape: Sequence[int]) -> tuple[int, int]:
    """How many times images (N, H, W, C) are enlarged, and the side of blocks that are averaged."""
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
    """The nearest free cell, int (N, 2), of each place, float (N, 2); -1 where all tries fail."""
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
