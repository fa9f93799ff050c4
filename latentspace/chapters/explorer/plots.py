"""The two maps of the page as Bokeh plots that share their data, their view and their selection."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

MARGIN = 1.04  # of what the points span
LARGEST_DOT, LEAST_DOT = 10.0, 2.5  # pixels
DOT_SCALE = 400.0  # pixels, over the root of how many points there are
# What Bokeh calls its documents and elements, by chance, and its models, by counting all of them.
MADE_UP = re.compile(r'[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<=")p\d+(?=")')
STRENGTH, FADED = 0.85, 0.06  # of selected points and of others


def plot_maps(
    points: Mapping[str, np.ndarray], colors: np.ndarray, more: Mapping[str, Any]
) -> tuple[str, dict[str, str]]:
    """Draws maps of the same images, by space float (N, 2), in colours uint32 (N,), 0xRRGGBBAA.

    `explore` of page.js is given `more`, arrays or mappings of them. Returns HTML: a script that
    draws and then calls `explore`, and for each space the element that its plot is drawn into.
    """
    from bokeh.document import Document
    from bokeh.embed import components
    from bokeh.models import BooleanFilter, CDSView, ColumnDataSource, CustomJS

    places = {
        f"{space}_{axis}": of[:, at].astype(np.float32)
        for space, of in points.items()
        for at, axis in enumerate("xy")
    }
    source = ColumnDataSource({**places, "color": colors.astype(np.uint32)})
    shown = BooleanFilter(booleans=None)
    view = CDSView(filter=shown)
    plots = {space: _make_plot(space, source, view, of) for space, of in points.items()}
    source.selected.js_on_change("indices", CustomJS(code="explorer.tally()"))
    document = Document()
    for plot in plots.values():
        document.add_root(plot)
    args = {"source": source, "shown": shown, "plots": plots, **more}
    ready = CustomJS(args=args, code=f"explore({{{', '.join(args)}}})")
    document.js_on_event("document_ready", ready)
    script, elements = components(plots)
    names: dict[str, str] = {}

    def count_names(text: str) -> str:
        """The same plots have the same names, whenever they are drawn."""
        return MADE_UP.sub(lambda name: names.setdefault(name[0], f"made-{len(names)}"), text)

    return count_names(script), {space: count_names(element) for space, element in elements.items()}


def _make_plot(space: str, source: Any, view: Any, points: np.ndarray) -> Any:
    from bokeh import models
    from bokeh.plotting import figure

    low, high = points.min(axis=0), points.max(axis=0)
    reach = MARGIN * float((high - low).max() or 1.0) / 2  # one scale for both axes
    x_range, y_range = (
        models.Range1d(start=float(middle - reach), end=float(middle + reach))
        for middle in (low + high) / 2
    )
    box, zoom = models.BoxSelectTool(name="box", continuous=False), models.WheelZoomTool()
    lasso = models.LassoSelectTool(name="lasso", continuous=False)
    plot = figure(
        x_range=x_range,
        y_range=y_range,
        tools=[box, lasso, models.PanTool(name="move"), zoom],
        active_drag=box,
        active_scroll=zoom,
        toolbar_location=None,
        output_backend="webgl",
        sizing_mode="stretch_both",
        min_border=0,
        outline_line_color=None,
        background_fill_color=None,
        border_fill_color=None,
    )
    plot.axis.visible = False
    plot.grid.visible = False
    size = float(np.clip(DOT_SCALE / np.sqrt(len(points)), LEAST_DOT, LARGEST_DOT))
    dot: Mapping[str, Any] = {"x": f"{space}_x", "y": f"{space}_y", "size": size}
    dots, faded = (
        models.Scatter(**dot, fill_color="color", fill_alpha=alpha, line_color=None)
        for alpha in (STRENGTH, FADED)
    )
    plot.add_glyph(source, dots, nonselection_glyph=faded, view=view)
    for event in ("mousemove", "mouseleave", "tap", "doubletap"):
        plot.js_on_event(event, models.CustomJS(code=f"explorer.{event}('{space}', cb_obj)"))
    for side in (x_range, y_range):
        side.js_on_change("start", models.CustomJS(code=f"explorer.move('{space}')"))
    return plot
