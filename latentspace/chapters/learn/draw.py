"""A model learning: the same images, reconstructed better and better, and the error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from latentspace.core.pixels import to_unit_range
from latentspace.drawing import layout
from latentspace.drawing.layout import Page
from latentspace.drawing.media import DrawnFrames

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROWS = 3  # of pairs, where there are enough
GAP, ROW_GAP = 4, 14
SIDE_LABELS = 104  # pixels left of the images
HEADING = 22
STRIP = 34  # pixels for the line that changes
CHART_HEIGHT, CHART_DPI = 240, 100
LEAST_WIDTH = 560
LEAST_SIDE = 56  # pixels; larger images would make the film of MNIST too large
NOW = (200, 30, 30)  # the colour of the moment on the chart
BASELINE: Mapping[str, Any] = {"linestyle": "--", "linewidth": 1.2}


def draw_training(
    *,
    originals: np.ndarray,
    reconstructions: np.ndarray,
    names: Sequence[str],
    curves: Mapping[str, tuple[np.ndarray, np.ndarray]],
    baselines: Mapping[str, float],
    notes: Sequence[str],
    order: Sequence[int],
) -> Page:
    """Originals over their reconstructions at each moment of a training, and the errors up to it.

    Originals are uint8 (P, H, W, C), images of a class next to each other, under the names of their
    classes; reconstructions uint8 (T, P, H, W, C). Curves are for each name images seen and errors,
    float (K,) each; the first has a point for each of the T moments. Baselines are errors, `notes`
    a text for each moment. `order` is the moment of each frame.
    """
    rows = ROWS if len(originals) >= 2 * ROWS else 1
    columns = len(originals) // rows
    height, width = originals.shape[1:3]
    zoom = layout.choose_zoom(min(height, width), LEAST_SIDE)
    cell_height, cell_width = (2 * height + 1) * zoom + ROW_GAP, width * zoom + GAP

    def draw_pairs(drawn: np.ndarray) -> np.ndarray:
        # (P, H, W, C) twice -> (rows, columns, 2 H + 1, W, C), a class going down a column.
        upper, lower = (to_unit_range(pixels[: rows * columns]) for pixels in (originals, drawn))
        both = np.concatenate([upper, np.ones_like(upper[:, :1]), lower], axis=1)
        grid = both.reshape(columns, rows, *both.shape[1:]).swapaxes(0, 1)
        return layout.make_mosaic(grid, zoom=zoom, gap=GAP, row_gap=ROW_GAP)

    total_width = max(columns * cell_width - GAP, LEAST_WIDTH)
    labels = [
        layout.Label((column + 0.5) * cell_width - GAP / 2, -HEADING / 2, members.pop())
        for column in range(columns)
        if len(members := set(names[column * rows : (column + 1) * rows])) == 1
    ]
    for row in range(rows):
        for part, word in enumerate(("original", "drawn")):
            y = row * cell_height + ((0.5 + part) * height + part) * zoom
            labels.append(layout.Label(-12, y, word, "rm"))
    chart = _make_chart(curves, baselines, total_width)
    size = (rows * cell_height - ROW_GAP + STRIP + CHART_HEIGHT, total_width)

    def draw(number: int) -> np.ndarray:
        moment, body = order[number], layout.make_blank(*size)
        grid = draw_pairs(reconstructions[moment])
        body[: len(grid), : grid.shape[1]] = grid
        below = body[len(grid) :]
        below[:STRIP] = layout.render_text(notes[moment], (STRIP, total_width))
        below[STRIP:] = chart.draw_until(moment)
        return body

    return Page(DrawnFrames(len(order), draw), labels, left=SIDE_LABELS, top=HEADING)


def draw_learning_curve(
    *, history: Mapping[str, np.ndarray], baselines: Mapping[str, float]
) -> Page:
    """Training and validation loss per epoch on a logarithmic axis.

    The history has "epoch", "stage", "loss" and "val_loss", each (epochs,). Where a second stage
    begins, a line says so. Baselines are errors by name, where that is the loss.
    """
    figure = layout.make_figure(9, 5)
    from matplotlib.ticker import MaxNLocator

    axes = figure.subplots()
    for column, name in (("loss", "training images"), ("val_loss", "validation images")):
        axes.plot(history["epoch"], history[column], "o-", markersize=4, label=name)
    for (name, error), color in zip(baselines.items(), ("tab:green", "0.4"), strict=False):
        axes.axhline(error, color=color, label=f"{name}: {error:.5f}", **BASELINE)
    later = history["epoch"][history["stage"] > 1]
    if len(later):
        words = "from here on codes are corrected"
        axes.axvline(later[0] - 0.5, linestyle=":", color="0.4", label=words)
    words = "mean squared error per pixel" if baselines else "loss"
    _style_error_axis(axes, words, marks=(1.0, 2.0, 3.0, 5.0))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch")
    axes.legend()
    return Page(layout.render_figure(figure))


def _style_error_axis(axes: Axes, words: str, *, marks: Sequence[float]) -> None:
    """Errors on a logarithmic scale, with numbers at these marks of each power of ten."""
    from matplotlib.ticker import LogLocator, StrMethodFormatter

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=marks))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_locator(LogLocator(subs=()))
    axes.set_ylabel(words)
    axes.grid(alpha=0.3)


@dataclass(frozen=True)
class _Chart:
    """Curves that grow: what lies left of a moment has happened by then."""

    empty: np.ndarray  # the axes alone, uint8 (height, width, 3)
    whole: np.ndarray  # the same with the curves
    places: np.ndarray  # int (T,) the column of each moment
    rows: tuple[int, int]  # first and last row of the area in which the curves lie

    def draw_until(self, moment: int) -> np.ndarray:
        """The chart at a moment, uint8 (height, width, 3), with a line where it is."""
        x, (top, bottom) = self.places[moment], self.rows
        shown = np.concatenate([self.whole[:, :x], self.empty[:, x:]], axis=1)
        line = shown[top:bottom, x - 1 : x + 1]
        np.minimum(line, np.array(NOW, np.uint8), out=line)
        return shown


def _make_chart(
    curves: Mapping[str, tuple[np.ndarray, np.ndarray]], baselines: Mapping[str, float], width: int
) -> _Chart:
    figure = layout.make_figure(width / CHART_DPI, CHART_HEIGHT / CHART_DPI, dpi=CHART_DPI)
    axes = figure.subplots()
    times = next(iter(curves.values()))[0]
    drawn = [
        axes.plot(*curve, linewidth=2 if number == 0 else 1.2, label=name)[0]
        for number, (name, curve) in enumerate(curves.items())
    ]
    for name, error in baselines.items():
        axes.axhline(error, color="0.4", label=f"{name}: {error:.4f}", **BASELINE)
    last = max(times.max(), 1)
    first = times[times > 0].min(initial=last)
    axes.set_xscale("symlog", linthresh=first, linscale=0.3)
    axes.set_xlim(0, 1.05 * last)
    axes.set_xticks([0, *(10**k for k in range(10) if first <= 10**k <= last)])
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel("images seen")
    _style_error_axis(axes, "mean squared error", marks=(1.0, 2.0, 5.0))
    legend = axes.legend(loc="best", fontsize="small")
    whole = layout.render_figure(figure)
    corner = axes.transAxes.inverted().transform(legend.get_window_extent().p0)
    legend.set_loc(tuple(corner))  # the same without the curves
    places = axes.transData.transform(np.column_stack([times, np.ones_like(times)]))[:, 0]
    area = axes.get_window_extent()
    for line in drawn:
        line.set_data([], [])
    places = np.clip(np.rint(places).astype(int), 1, width - 1)
    rows = round(len(whole) - area.y1), round(len(whole) - area.y0)
    return _Chart(layout.render_figure(figure), whole, places, rows)
