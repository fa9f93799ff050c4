"""What codes cost and lose as a way to store images, beside others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from latentspace.drawing import layout
from latentspace.drawing.layout import FAINT_INK, INK, Label, Page

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
GAP = 4  # pixels between images
TITLE_GAP = 10
BLOCK_GAP, HEADING_HEIGHT = 20, 34
LINE_OFFSET = 10  # pixels from the middle of a row to each of its two lines of text
LEAST_IMAGE = 56
OVER = (190, 40, 20)  # what is more than the budget is written in this colour


@dataclass(frozen=True)
class RateLine:
    """A curve of rate-distortion: the points that no other one beats."""

    name: str  # what it shows
    family: str  # lines of one family are forms of the same thing, and share a colour
    style: str  # "solid", "dashed" or "dotted"
    mse: tuple[np.ndarray, np.ndarray]  # bytes an image, mean squared errors, float64 (S,) each
    ssim: tuple[np.ndarray, np.ndarray]  # the same of structural similarities


@dataclass(frozen=True)
class StoredImages:
    name: str  # of the method and its setting
    size: float  # bytes of an image, mean over all
    mse: float  # mean squared error, over all
    images: np.ndarray  # float32 (K, H, W, C) in [0, 1]


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


def draw_budgets(*, originals: np.ndarray, blocks: Mapping[float, Sequence[StoredImages]]) -> Page:
    """Originals, float32 (K, H, W, C) in [0, 1], over rows by budget."""
    zoom = layout.choose_zoom(min(originals.shape[1:3]), LEAST_IMAGE)
    row_height = max(originals.shape[1] * zoom + GAP, 4 * LINE_OFFSET + GAP)
    bodies: list[np.ndarray] = []
    labels: list[Label] = []
    y = 0

    def put(images: np.ndarray, words: Sequence[tuple[str, tuple[int, int, int]]]) -> None:
        nonlocal y
        body = layout.make_mosaic(images[np.newaxis], zoom=zoom, gap=GAP)
        bodies.extend([body, layout.make_blank(row_height - len(body), 1)])
        for number, (line, color) in enumerate(words):
            shift = (2 * number - len(words) + 1) * LINE_OFFSET
            labels.append(Label(-12, y + len(body) / 2 + shift, line, "rm", color))
        y += row_height

    put(originals, [("original", INK)])
    headings = {budget: f"at most {budget:g} bytes an image" for budget in blocks}
    for budget, heading in headings.items():
        bodies.append(layout.make_blank(BLOCK_GAP + HEADING_HEIGHT, 1))
        y += BLOCK_GAP + HEADING_HEIGHT
        labels.append(Label(0, y - HEADING_HEIGHT / 2, heading, "lm"))
        for row in blocks[budget]:
            cost = f"{row.size:.1f} bytes, error {row.mse:.5f}"
            put(row.images, [(row.name, INK), (cost, OVER if row.size > budget else FAINT_INK)])
    body = layout.join_vertically(bodies)
    left = max(layout.measure_text(label.text) for label in labels if label.x < 0) + 12
    beyond = max(map(layout.measure_text, headings.values()), default=0) - body.shape[1]
    return Page(body, labels, left=left, right=max(0, beyond), top=TITLE_GAP)
