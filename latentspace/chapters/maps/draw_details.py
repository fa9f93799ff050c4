"""What belongs to maps: other methods, classes that overlap, what is drawn and put on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from latentspace.drawing.layout import (
    Label,
    choose_zoom,
    draw_frame,
    join_vertically,
    make_figure,
    make_mosaic,
    make_page,
    render_figure,
)
from latentspace.drawing.points import LabelledMaps, draw_scatters
from latentspace.drawing.text import Text

CELL = 28  # pixels of a decoded image on the grid, at least
PLACED_THUMBNAIL, NEIGHBOR_THUMBNAIL = 44, 56  # pixels a side, at least
BACKGROUND = 0.25  # opacity of a map on which something else is shown
MARK = (214, 39, 40)
FRAME = 3  # pixels
GAP, ROW_GAP = 6, 26  # pixels between images, and below them for their names


def draw_projection_methods(maps: LabelledMaps, *, rows: int, text: Text) -> np.ndarray:
    """A table of maps, float (N, 2) each, in so many rows: uint8 (height, width, 3).

    Methods are columns, what they were made of are rows; `maps` holds the maps row by row.
    """
    figure = make_figure(4.1 * len(maps.points) / rows + 1.1, 4.6 * rows)
    for axes in draw_scatters(figure, maps, rows=rows, named=False):
        axes.title.set_fontsize(10)
        axes.set_box_aspect(1)
    return make_page(render_figure(figure), text=text)


def draw_overlap(
    maps: LabelledMaps, *, classes: Sequence[int], table: Mapping[str, np.ndarray], text: Text
) -> np.ndarray:
    """Maps of a few classes alone over a table of how often neighbours are of another of them.

    Args:
        maps: What to draw, float (N, 2) each; of all classes, each keeps its colour.
        classes: Which of them are shown, int; the table's columns.
        table: Row name -> share for each of these classes, in [0, 1].
        text: Written above and below.

    Returns:
        uint8 (height, width, 3).
    """
    figure = make_figure(14.2, 9.4, dpi=110)
    above, below = figure.subfigures(2, 1, height_ratios=(7.2, 2.2), squeeze=False)[:, 0]
    draw_scatters(above, maps, classes=classes)
    axes = below.subplots()
    axes.axis("off")
    written = axes.table(
        [[f"{share:.1%}" for share in (*shares, np.mean(shares))] for shares in table.values()],
        rowLabels=list(table),
        colLabels=[*(maps.class_names[label] for label in classes), "mean of these"],
        loc="center",
        cellLoc="center",
        colWidths=[0.8 / (len(classes) + 1)] * (len(classes) + 1),
    )
    written.auto_set_font_size(False)
    written.set_fontsize(12)
    written.scale(1, 1.7)
    return make_page(render_figure(figure), text=text)


def draw_decoded_grid(*, grid: np.ndarray, text: Text) -> np.ndarray:
    """What the model draws at each place of a map, uint8 (height, width, 3).

    `grid` is float32 (rows, columns, H, W, C) in [0, 1], NaN where nothing is to be drawn.
    """
    zoom = choose_zoom(min(grid.shape[2:4]), CELL)
    return make_page(make_mosaic(grid, zoom=zoom, gap=0), text=text)


def draw_placed(
    maps: LabelledMaps,
    *,
    places: Sequence[np.ndarray],
    images: np.ndarray,
    names: Sequence[str],
    neighbors: Mapping[str, tuple[np.ndarray, np.ndarray]],
    text: Text,
) -> np.ndarray:
    """Further images on finished maps, each numbered, and below them their nearest neighbours.

    Args:
        maps: The maps, float (N, 2) each.
        places: Where the images lie on each of them, float (M, 2).
        images: float32 (M, H, W, C) in [0, 1], what was placed.
        names: What each of them is called.
        neighbors: By the name of a space the nearest images, float32 (M, K, H, W, C), and what to
            write under them, str (M, K).
        text: Written above and below.

    Returns:
        uint8 (height, width, 3).
    """
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    figure = make_figure(15.2, 7.4, dpi=110)
    framed, mark = [_draw_framed(image) for image in images], np.array(MARK) / 255
    for axes, on_map in zip(draw_scatters(figure, maps, strength=BACKGROUND), places, strict=True):
        for number, (thumbnail, place) in enumerate(zip(framed, on_map, strict=True)):
            axes.add_artist(
                AnnotationBbox(
                    OffsetImage(thumbnail, zoom=1, interpolation="nearest"),
                    place,
                    xybox=(38, 38),
                    boxcoords="offset points",
                    frameon=False,
                    pad=0,
                    arrowprops={"arrowstyle": "-", "color": mark},
                )
            )
            axes.plot(*place, "o", color=mark, markersize=7, markeredgecolor="w")
            axes.annotate(
                f"{number + 1}",
                place,
                (-9, 0),
                textcoords="offset points",
                ha="right",
                va="center",
                weight="bold",
                bbox={"boxstyle": "round,pad=0.15", "color": "white", "alpha": 0.75},
            )
    body = render_figure(figure)

    zoom = choose_zoom(min(images.shape[1:3]), NEIGHBOR_THUMBNAIL)
    # A free column between what was placed, its neighbours in one space, and those in the next.
    blank = np.full((len(images), 1, *images.shape[1:]), np.nan, np.float32)
    columns = [images[:, np.newaxis]]
    for found, _ in neighbors.values():
        columns += [blank, found]
    sheet = make_mosaic(np.concatenate(columns, axis=1), zoom=zoom, gap=GAP, row_gap=ROW_GAP)
    above, left = 64, 60  # pixels beside the sheet
    sheet = np.pad(sheet, ((above, ROW_GAP), (left, 0), (0, 0)), constant_values=255)
    top, height, cell = len(body) + above, images.shape[1] * zoom, images.shape[2] * zoom + GAP
    stride = (1 + columns[-1].shape[1]) * cell
    starts = [left + 2 * cell + number * stride for number in range(len(neighbors))]
    labels = [
        Label(start, top - 18, f"nearest in {space}", "lm")
        for start, space in zip(starts, neighbors, strict=True)
    ]
    for row, name in enumerate(names):
        y = top + row * (height + ROW_GAP)
        labels.append(Label(left - 14, y + height / 2, f"{row + 1}", "rm"))
        labels.append(Label(left, y + height + 12, name, "lm", size=12))
        for start, (_, words) in zip(starts, neighbors.values(), strict=True):
            labels += [
                Label(start + (k + 0.5) * cell - 3, y + height + 12, word, "mm", size=12)
                for k, word in enumerate(words[row])
            ]
    return make_page(join_vertically([body, sheet]), text=text, labels=labels)


def _draw_framed(image: np.ndarray) -> np.ndarray:
    """An image enlarged and in a red frame, uint8 (height, width, 3)."""
    zoom = choose_zoom(min(image.shape[:2]), PLACED_THUMBNAIL)
    pixels = make_mosaic(image[np.newaxis, np.newaxis], zoom=zoom)
    framed = np.pad(pixels, ((FRAME, FRAME), (FRAME, FRAME), (0, 0)))
    draw_frame(framed, FRAME, MARK)
    return framed
