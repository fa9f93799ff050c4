"""What belongs to maps: other methods, classes that overlap, what is drawn and put on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from latentspace.core.pixels import to_rgb, to_uint8
from latentspace.drawing.layout import Label, choose_zoom, make_mosaic, make_page, render_figure
from latentspace.drawing.points import add_class_legend, draw_scatter
from latentspace.drawing.text import Text

CELL = 28  # pixels of a decoded image on the grid, at least
PLACED_THUMBNAIL, NEIGHBOR_THUMBNAIL = 44, 56  # pixels a side, at least
BACKGROUND = 0.25  # opacity of a map on which something else is shown
MARK = (214, 39, 40)
FRAME = 3  # pixels


def draw_projection_methods(
    *,
    rows: Mapping[str, Mapping[str, tuple[str, np.ndarray]]],
    labels: np.ndarray,
    class_names: Sequence[str],
    text: Text,
) -> np.ndarray:
    """A table of maps: methods as columns, what they were made of as rows.

    Args:
        rows: Row name -> method name -> scores in words, and points, float (N, 2).
        labels: int (N,) indices into `class_names`.
        class_names: Names for the legend.
        text: Written above and below.

    Returns:
        uint8 (height, width, 3).
    """
    from matplotlib.figure import Figure

    methods = list(next(iter(rows.values())))
    figure = Figure(
        figsize=(4.1 * len(methods) + 1.1, 4.6 * len(rows)), dpi=120, layout="constrained"
    )
    grid = figure.subplots(len(rows), len(methods), squeeze=False)
    for line, (row, maps) in zip(grid, rows.items(), strict=True):
        for axes, (method, (words, points)) in zip(line, maps.items(), strict=True):
            heading = f"{method} of {row}\n{words}"
            draw_scatter(axes, points, labels, class_names, heading=heading, named=False)
            axes.set_title(heading, fontsize=10)
            axes.set_box_aspect(1)
    add_class_legend(figure, class_names)
    return make_page(render_figure(figure), text=text)


def draw_overlap(
    *,
    maps: Sequence[tuple[str, np.ndarray]],
    labels: np.ndarray,
    class_names: Sequence[str],
    classes: Sequence[int],
    table: Mapping[str, np.ndarray],
    text: Text,
) -> np.ndarray:
    """Maps of a few classes alone over a table of how often neighbours are of another of them.

    Args:
        maps: For each map its heading and its points, float (N, 2).
        labels: int (N,) indices into `class_names`.
        class_names: Names of all classes, of which each keeps its colour.
        classes: Which of them are shown, int; the table's columns.
        table: Row name -> share for each of these classes, in [0, 1].
        text: Written above and below.

    Returns:
        uint8 (height, width, 3).
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14.2, 9.4), dpi=110, layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(7.2, 2.2), squeeze=False)[:, 0]
    for axes, (heading, points) in zip(above.subplots(1, len(maps)), maps, strict=True):
        draw_scatter(axes, points, labels, class_names, classes=classes, heading=heading)
    add_class_legend(above, class_names, classes)
    axes = below.subplots()
    axes.axis("off")
    cells = [
        [f"{share:.1%}" for share in (*shares, float(np.mean(shares)))] for shares in table.values()
    ]
    written = axes.table(
        cells,
        rowLabels=list(table),
        colLabels=[*(class_names[label] for label in classes), "mean of these"],
        loc="center",
        cellLoc="center",
        colWidths=[0.8 / (len(classes) + 1)] * (len(classes) + 1),
    )
    written.auto_set_font_size(False)
    written.set_fontsize(12)
    written.scale(1, 1.7)
    return make_page(render_figure(figure), text=text)


def draw_decoded_grid(*, grid: np.ndarray, text: Text) -> np.ndarray:
    """What the model draws at each place of a map.

    Args:
        grid: float32 (rows, columns, H, W, C) in [0, 1]; NaN where nothing is to be drawn.
        text: Written above and below.

    Returns:
        uint8 (height, width, 3).
    """
    zoom = choose_zoom(min(grid.shape[2:4]), CELL)
    return make_page(make_mosaic(grid, zoom=zoom, gap=0), text=text)


def draw_placed(
    *,
    maps: Sequence[tuple[str, np.ndarray, np.ndarray]],
    labels: np.ndarray,
    class_names: Sequence[str],
    images: np.ndarray,
    names: Sequence[str],
    neighbors: Sequence[tuple[str, np.ndarray, Sequence[Sequence[str]]]],
    text: Text,
) -> np.ndarray:
    """Further images on finished maps, each numbered, and below them their nearest neighbours.

    Args:
        maps: For each map its heading, its points (N, 2), and the places of the images (M, 2).
        labels: int (N,) indices into `class_names`.
        class_names: Names for the legend.
        images: float32 (M, H, W, C) in [0, 1], what was placed.
        names: What each of them is called.
        neighbors: For each space its name, the nearest images, float32 (M, K, H, W, C), and what
            to write under them.
        text: Written above and below.

    Returns:
        uint8 (height, width, 3).
    """
    from matplotlib.figure import Figure
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    figure = Figure(figsize=(15.2, 7.4), dpi=110, layout="constrained")
    framed = [_draw_framed(image) for image in images]
    for axes, (heading, points, places) in zip(figure.subplots(1, len(maps)), maps, strict=True):
        draw_scatter(axes, points, labels, class_names, heading=heading, strength=BACKGROUND)
        for number, (thumbnail, place) in enumerate(zip(framed, places, strict=True)):
            box = OffsetImage(thumbnail, zoom=1, interpolation="nearest")
            axes.add_artist(
                AnnotationBbox(
                    box,
                    place,
                    xybox=(38, 38),
                    boxcoords="offset points",
                    frameon=False,
                    pad=0,
                    arrowprops={"arrowstyle": "-", "color": np.array(MARK) / 255},
                )
            )
            axes.plot(*place, "o", color=np.array(MARK) / 255, markersize=7, markeredgecolor="w")
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
    add_class_legend(figure, class_names)
    body = render_figure(figure)

    zoom = choose_zoom(min(images.shape[1:3]), NEIGHBOR_THUMBNAIL)
    rows = np.concatenate([images[:, np.newaxis], *(found for _, found, _ in neighbors)], axis=1)
    count = neighbors[0][1].shape[1]
    cell = images.shape[2] * zoom + 6
    # A free column between what was placed, its neighbours in one space, and those in the next.
    blank = np.full((len(images), 1, *images.shape[1:]), np.nan, np.float32)
    starts = [2 + number * (count + 1) for number in range(len(neighbors))]
    columns = [rows[:, :1]]
    for number in range(len(neighbors)):
        columns += [blank, rows[:, 1 + number * count : 1 + (number + 1) * count]]
    row_gap = 26
    sheet = make_mosaic(np.concatenate(columns, axis=1), zoom=zoom, gap=6, row_gap=row_gap)
    top, left = body.shape[0] + 64, 60
    height, width = top + sheet.shape[0] + row_gap, max(body.shape[1], left + sheet.shape[1])
    whole = np.full((height, width, 3), 255, np.uint8)
    whole[: body.shape[0], : body.shape[1]] = body
    whole[top : top + sheet.shape[0], left : left + sheet.shape[1]] = sheet
    marks = [
        Label(left + starts[number] * cell, top - 18, f"nearest in {space}", "lm")
        for number, (space, _, _) in enumerate(neighbors)
    ]
    for row, name in enumerate(names):
        y = top + row * (images.shape[1] * zoom + row_gap)
        middle = y + images.shape[1] * zoom / 2
        marks.append(Label(left - 14, middle, f"{row + 1}", "rm"))
        under = y + images.shape[1] * zoom + 12
        marks.append(Label(left, under, name, "lm", size=12))
        for start, (_, _, words) in zip(starts, neighbors, strict=True):
            marks += [
                Label(left + (start + k + 0.5) * cell - 3, under, word, "mm", size=12)
                for k, word in enumerate(words[row])
            ]
    return make_page(whole, text=text, labels=marks)


def _draw_framed(image: np.ndarray) -> np.ndarray:
    """An image enlarged and in a red frame, uint8 (height, width, 3)."""
    zoom = choose_zoom(min(image.shape[:2]), PLACED_THUMBNAIL)
    pixels = to_rgb(to_uint8(image)).repeat(zoom, axis=0).repeat(zoom, axis=1)
    height, width, _ = pixels.shape
    framed = np.empty((height + 2 * FRAME, width + 2 * FRAME, 3), np.uint8)
    framed[:] = MARK
    framed[FRAME:-FRAME, FRAME:-FRAME] = pixels
    return framed
