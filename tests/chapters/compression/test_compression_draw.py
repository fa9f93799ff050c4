from __future__ import annotations

import numpy as np
import pytest
from drawn import write
from matplotlib.figure import Figure

from latentspace.chapters.compression import draw
from latentspace.chapters.compression.draw import RateLine
from latentspace.drawing import layout
from latentspace.drawing.layout import render_figure


def make_line(
    name: str, family: str, style: str, sizes: list[float], errors: list[float]
) -> RateLine:
    return RateLine(
        name=name,
        family=family,
        style=style,
        mse=(np.array(sizes), np.array(errors)),
        ssim=(np.array(sizes), 1 - np.array(errors)),
    )


def test_every_line_stands_in_both_panels_and_in_the_legend(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr(
        layout, "render_figure", lambda figure: drawn.append(figure) or render_figure(figure)
    )
    lines = [
        make_line("codes, plain", "codes", "dashed", [8, 16], [0.01, 0.002]),
        make_line("codes", "codes", "solid", [7, 14], [0.01, 0.002]),
        make_line("JPEG", "JPEG", "solid", [30, 90], [0.02, 0.0001]),
        make_line("PNG", "PNG", "solid", [150], [0.0]),
    ]
    frame = write(draw.draw_rate_distortion(lines=lines, chosen=(14, 0.002), nearest_size=60.0))
    assert frame.dtype == np.uint8
    first, second = drawn[0].axes
    for panel, measure in ((first, "mse"), (second, "ssim")):
        found = {artist.get_label(): artist for artist in panel.lines}
        for item in lines[:3]:
            np.testing.assert_array_equal(found[item.name].get_ydata(), getattr(item, measure)[1])
            np.testing.assert_array_equal(found[item.name].get_xdata(), item.mse[0])
        assert found["codes"].get_color() == found["codes, plain"].get_color()
        assert found["codes"].get_linestyle() != found["codes, plain"].get_linestyle()
        assert found["JPEG"].get_color() != found["codes"].get_color()
        assert found["PNG"].get_xdata() == [150]
        assert panel.get_xscale() == "log"
    assert first.get_yscale() == "log"
    (legend,) = drawn[0].legends
    assert [text.get_text() for text in legend.get_texts()] == [item.name for item in lines]
    assert any("14.0 and 60.0 bytes" in text.get_text() for text in first.texts)
