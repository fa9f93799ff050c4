"""What codes cost and lose as a way to store images, beside others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from latentspace.drawing import layout
from latentspace.drawing.layout import Page

COLORS = (  # of families in the order in which they come; the sixth and later ones are files
    *("#3f90da", "#a96b59", "#e88b00", "#717581", "#bd1f01"),
    *("#832db6", "#111111", "#2a9d5c"),
)
PANELS = {"mse": "mean squared error per pixel", "ssim": "structural similarity (SSIM)"}
MARKERS = {"solid": "o", "dashed": "s", "dotted": "^"}
MAIN: Mapping[str, Any] = {"linewidth": 2.4, "markersize": 5, "zorder": 3}  # lines of codes
MINOR: Mapping[str, Any] = {"linewidth": 1.4, "markersize": 3.5, "zorder": 2}  # other lines
MARK: Mapping[str, Any] = {  # for a method of one setting
    "linestyle": "none",
    "markersize": 6.5,
    "markeredgecolor": "white",
    "zorder": 4,
    "clip_on": False,
}


@dataclass(frozen=True)
class RateLine:
    """A curve of rate-distortion: the points that no other one beats."""

    name: str  # what it shows
    family: str  # lines of one family are forms of the same thing, and share a colour
    style: str  # "solid", "dashed" or "dotted"
    mse: tuple[np.ndarray, np.ndarray]  # bytes an image, mean squared errors, float64 (S,) each
    ssim: tuple[np.ndarray, np.ndarray]  # the same of structural similarities


def draw_rate_distortion(
    *, lines: Sequence[RateLine], chosen: tuple[float, float], nearest_size: float | None
) -> Page:
    """Bytes an image against errors, with an arrow from `chosen`."""
    figure = layout.make_figure(12.5, 7.6, dpi=100)
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    panels = figure.subplots(1, 2)
    families = list(dict.fromkeys(line.family for line in lines))
    for panel, (measure, words) in zip(panels, PANELS.items(), strict=True):
        for line in lines:
            sizes, values = getattr(line, measure)
            family = families.index(line.family)
            common = {"color": COLORS[family % len(COLORS)], "label": line.name}
            if len(sizes) == 1:
                at_edge = measure == "mse" and values[0] <= 0
                values = [0.015] if at_edge else values
                frame = panel.get_xaxis_transform() if at_edge else panel.transData
                marker = "D" if line.style == "solid" else "X"
                panel.plot(sizes, values, transform=frame, marker=marker, **MARK, **common)
            else:
                widths = MINOR if family else MAIN
                panel.plot(
                    sizes, values, ls=line.style, marker=MARKERS[line.style], **widths, **common
                )
        panel.set(xscale="log", xlabel="bytes an image", ylabel=words)
        panel.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        panel.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        panel.xaxis.set_minor_formatter(NullFormatter())
        panel.grid(alpha=0.3)
    panels[0].set_yscale("log")
    panels[0].yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    if nearest_size is not None:
        size, error = chosen
        arrow = {"arrowstyle": "<->", "color": "0.2", "shrinkA": 0, "shrinkB": 0}
        panels[0].annotate("", (nearest_size, error), chosen, arrowprops=arrow, zorder=5)
        words = f"{size:.1f} and {nearest_size:.1f} bytes\nat error {error:.5f}"
        beside: dict[str, Any] = {"textcoords": "offset points", "ha": "right", "va": "top"}
        panels[0].annotate(words, chosen, (-6, -4), color="0.2", **beside)
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=3, frameon=False)
    return Page(layout.render_figure(figure))
