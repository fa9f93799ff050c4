"""Maps as points: one colour a class, names at the clusters, one legend."""

from __future__ import annotations

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


def choose_class_colors(count: int) -> np.ndarray:
    """One colour per class.

    Args:
        count: Number of classes.

    Returns:
        float64 (count, 3) RGB in [0, 1]. Up to ten come from Petroff 2021, "Accessible color
        sequences for data visualization", made to be told apart with any colour vision; beyond ten
        no such set exists, and hues are spread evenly.
    """
    from matplotlib import colormaps

    if count <= 10:
        from matplotlib import colors
        from matplotlib.style import library

        cycle = library["petroff10"]["axes.prop_cycle"].by_key()["color"]
        return np.array([colors.to_rgb(color) for color in cycle[:count]])
    return np.asarray(colormaps["turbo"](np.linspace(0.03, 0.97, count)))[:, :3]


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
    for label, name in enumerate(class_names):
        if named and len(class_names) <= MOST_NAMED and (labels == label).any():
            x, y = centre(points[labels == label])
            axes.text(
                x,
                y,
                name,
                fontsize=13 * choose_name_scale(len(class_names)),
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


def add_class_legend(figure: Figure | SubFigure, class_names: Sequence[str]) -> None:
    """Puts one legend for all axes to the right; none of more than `MOST_LISTED` classes."""
    from matplotlib.lines import Line2D

    if len(class_names) > MOST_LISTED:
        return
    handles = [
        Line2D([], [], linestyle="", marker="o", color=color)
        for color in choose_class_colors(len(class_names))
    ]
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
    for text, name in zip(legend.get_texts(), class_names, strict=True):
        text.set_text(name)


def centre(points: np.ndarray) -> np.ndarray:
    """The point of a group nearest to its median, so that a name there stands on the group."""
    middle = np.median(points, axis=0)
    return points[np.square(points - middle).sum(axis=1).argmin()]
