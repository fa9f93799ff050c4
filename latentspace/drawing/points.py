"""Maps as points: one colour a class, names at the clusters, one legend."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

FEW_CLASSES = 12  # of more, names are written smaller
MOST_NAMED = 40  # of more classes no names are written on maps, which they would cover
MOST_LISTED = 120  # of more there is no legend, since nobody could tell them apart
LEGEND_LINES = 40
# Found by search for the largest least distance: in CIELAB any two differ by 41 or more, and by 29
# or more for readers without red, green or blue cones (Machado et al. 2009). None is grey. The
# order gives 3, 5, 8 and 4, 7, 9 of MNIST, which are neighbours on maps, colours far apart.
TEN_COLORS = (
    *("#ddaaff", "#887700", "#77ddcc", "#660099", "#ffaa77"),
    *("#aadd00", "#224411", "#770055", "#dd4466", "#3377ff"),
)
LIGHTNESSES = (0.33, 0.58, 0.78)  # of more than ten, in turn, so that neighbouring hues differ


def choose_class_colors(count: int) -> np.ndarray:
    """One colour per class.

    Args:
        count: Number of classes.

    Returns:
        float64 (count, 3) RGB in [0, 1]. Up to ten are the first of `TEN_COLORS`, which differ
        with any colour vision; of more, hues are spread evenly and their lightness alternates.
    """
    if count <= len(TEN_COLORS):
        chosen = [bytes.fromhex(color[1:]) for color in TEN_COLORS[:count]]
        return np.array([list(color) for color in chosen]).reshape(count, 3) / 255
    return np.array(
        [
            colorsys.hls_to_rgb(number / count, LIGHTNESSES[number % len(LIGHTNESSES)], 0.75)
            for number in range(count)
        ]
    )


def choose_name_scale(count: int) -> float:
    """Size of the names of so many classes, as a share of that of a few."""
    return max(0.5, min(1.0, math.sqrt(FEW_CLASSES / count)))


def draw_scatter(
    axes: Axes,
    points: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str],
    *,
    heading: str,
    classes: Sequence[int] | None = None,
    strength: float = 0.8,
    named: bool = True,
) -> None:
    """Draws a map as points, tinted by class.

    Args:
        axes: Where.
        points: float (N, 2).
        labels: int (N,) indices into `class_names`.
        class_names: Names to write at the clusters.
        heading: Text above.
        classes: Which classes are shown, by their indices; None takes all.
        strength: Opacity of the points.
        named: Write the names.
    """
    colors = choose_class_colors(len(class_names))
    order = np.random.default_rng(0).permutation(len(labels))  # so that no class lies on top
    size = np.clip(20_000 / len(labels), 1.5, 25)
    axes.scatter(
        points[order, 0],
        points[order, 1],
        s=size,
        c=colors[labels[order]],
        linewidths=0,
        alpha=strength,
    )
    shown = range(len(class_names)) if classes is None else classes
    for label in shown:
        if named and len(shown) <= MOST_NAMED and (labels == label).any():
            x, y = centre(points[labels == label])
            axes.text(
                x,
                y,
                class_names[label],
                fontsize=13 * choose_name_scale(len(shown)),
                weight="bold",
                color=colors[label] * 0.6,
                ha="center",
                va="center",
                bbox={"boxstyle": "round,pad=0.15", "color": "white", "alpha": 0.75},
            )
    style_map_axes(axes, heading)


def style_map_axes(axes: Axes, heading: str) -> None:
    """Makes axes those of a map: one scale for both directions, no numbers along them."""
    axes.set_title(heading, fontsize=12)
    axes.set_aspect("equal", "datalim")
    axes.set_xticks([])
    axes.set_yticks([])


def add_class_legend(
    figure: Figure | SubFigure, class_names: Sequence[str], classes: Sequence[int] | None = None
) -> None:
    """Puts one legend for all axes to the right; none of more than `MOST_LISTED` classes.

    Args:
        figure: Where.
        class_names: Names of all classes.
        classes: Which of them are shown, by their indices; None takes all.
    """
    from matplotlib.lines import Line2D

    shown = range(len(class_names)) if classes is None else classes
    if len(shown) > MOST_LISTED:
        return
    colors = choose_class_colors(len(class_names))
    handles = [Line2D([], [], linestyle="", marker="o", color=colors[label]) for label in shown]
    columns = -(-len(handles) // LEGEND_LINES)
    legend = figure.legend(
        handles,
        ["class"] * len(handles),
        loc="outside right center",
        title="class",
        frameon=False,
        ncols=columns,
        fontsize=10 if columns == 1 else 8,
    )
    # Given to `legend`, a name that begins with _ would be left out.
    for text, label in zip(legend.get_texts(), shown, strict=True):
        text.set_text(class_names[label])


def centre(points: np.ndarray) -> np.ndarray:
    """The point of a group nearest to its median, so that a name there stands on the group."""
    middle = np.median(points, axis=0)
    return points[np.square(points - middle).sum(axis=1).argmin()]
