"""Maps as points: one colour a class, names at the clusters, one legend."""

from __future__ import annotations

import colorsys
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
    *("ddaaff", "887700", "77ddcc", "660099", "ffaa77"),
    *("aadd00", "224411", "770055", "dd4466", "3377ff"),
)
NAME_BOX = {"boxstyle": "round,pad=0.15", "color": "white", "alpha": 0.75}  # behind a name
CENTRED: Mapping[str, Any] = {"weight": "bold", "ha": "center", "va": "center"}
LIGHTNESSES = (0.33, 0.58, 0.78)  # of more than ten, in turn, so that neighbouring hues differ


@dataclass(frozen=True)
class LabelledMaps:
    """Maps of the same images, whose classes are told by colour."""

    points: Mapping[str, np.ndarray]  # by heading, float (N, dims); of maps that form (T, N, dims)
    labels: np.ndarray  # int (N,) indices into `class_names`
    class_names: Sequence[str]  # names of all classes, for the legend and to write at the clusters

    @property
    def colors(self) -> np.ndarray:
        """One of each image, RGB in [0, 1], float64 (N, 3)."""
        return choose_class_colors(len(self.class_names))[self.labels]


def choose_class_colors(count: int) -> np.ndarray:
    """One colour per class, RGB in [0, 1], float64 (count, 3).

    Up to ten are the first of `TEN_COLORS`, which differ with any colour vision, and one alone the
    last, which is not pale; of more, hues are spread evenly and their lightness alternates.
    """
    if count <= len(TEN_COLORS):
        ten = np.array([list(bytes.fromhex(color)) for color in TEN_COLORS]) / 255
        return ten[:count] if count > 1 else ten[-1:]
    shades = itertools.cycle(LIGHTNESSES)
    return np.array([colorsys.hls_to_rgb(i / count, next(shades), 0.75) for i in range(count)])


def choose_name_scale(count: int) -> float:
    """Size of the names of so many classes, as a share of that of a few."""
    return max(0.5, min(1.0, math.sqrt(FEW_CLASSES / count)))


def locate_names(
    points: np.ndarray, labels: np.ndarray, classes: Sequence[int]
) -> dict[int, np.ndarray]:
    """Where the names of classes stand on a map (N, 2), by class; none of too many, or of one.

    Each stands on its class, at the point nearest to the median: float (2,).
    """
    places = {}
    for label in classes if 1 < len(classes) <= MOST_NAMED else ():
        members = points[labels == label]
        if len(members):
            away = np.square(members - np.median(members, axis=0)).sum(axis=1)
            places[label] = members[away.argmin()]
    return places


def draw_scatters(
    figure: Figure | SubFigure,
    maps: LabelledMaps,
    *,
    rows: int = 1,
    classes: Sequence[int] | None = None,
    strength: float = 0.8,
    named: bool = True,
) -> list[Axes]:
    """Draws maps, float (N, 2) each, as points tinted by class, row by row, with one legend.

    Some classes are shown, by their indices; None takes all. `strength` is the opacity of the
    points; `named` writes the names of classes at their clusters. Returns the axes of each map.
    """
    shown = range(len(maps.class_names)) if classes is None else classes
    count = len(maps.labels)
    order = np.random.default_rng(0).permutation(count)  # so that no class lies on top
    grid = figure.subplots(rows, len(maps.points) // rows, squeeze=False).ravel().tolist()
    for axes, (heading, points) in zip(grid, maps.points.items(), strict=True):
        size, colors = np.clip(20_000 / count, 1.5, 25), maps.colors[order]
        axes.scatter(*points[order].T, s=size, c=colors, linewidths=0, alpha=strength)
        for label, place in locate_names(points, maps.labels, shown if named else ()).items():
            name, size = maps.class_names[label], 13 * choose_name_scale(len(shown))
            color = choose_class_colors(len(maps.class_names))[label] * 0.6
            axes.text(*place, name, fontsize=size, color=color, bbox=NAME_BOX, **CENTRED)
        style_map_axes(axes, heading)
    add_class_legend(figure, maps.class_names, shown)
    return grid


def style_map_axes(axes: Axes, heading: str) -> None:
    """Makes axes those of a map: one scale for both directions, no numbers along them."""
    axes.set_title(heading, fontsize=12)
    axes.set_aspect("equal", "datalim")
    axes.set(xticks=[], yticks=[])


def add_class_legend(
    figure: Figure | SubFigure, class_names: Sequence[str], classes: Sequence[int] | None = None
) -> None:
    """Puts one legend, of all classes or some, to the right; of one or over `MOST_LISTED` none."""
    from matplotlib.lines import Line2D

    shown = range(len(class_names)) if classes is None else classes
    if not 1 < len(shown) <= MOST_LISTED:
        return
    colors = choose_class_colors(len(class_names))
    handles = [Line2D([], [], linestyle="", marker="o", color=colors[label]) for label in shown]
    columns = -(-len(handles) // LEGEND_LINES)
    size, names = 10 if columns == 1 else 8, ["class"] * len(handles)
    look: dict[str, Any] = {"loc": "outside right center", "title": "class", "frameon": False}
    legend = figure.legend(handles, names, ncols=columns, fontsize=size, **look)
    # Given to `legend`, a name that begins with _ would be left out.
    for text, label in zip(legend.get_texts(), shown, strict=True):
        text.set_text(class_names[label])
