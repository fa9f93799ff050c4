"""Composing pictures out of many small images and a little text, exact to the pixel."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import logging
import math
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from latentspace.core.pixels import to_rgb, to_uint8
from latentspace.drawing.media import DrawnFrames, Frames, get_first_frame
from latentspace.drawing.text import Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WHITE = 255
MARGIN = 16
LABEL_SIZE, CAPTION_SIZE, TITLE_SIZE = 15, 15, 20
LINE_HEIGHT = 1.4
ALIGNED = {"l": "left", "m": "center", "r": "right"}  # by where a label is held
WARNING_GROUND = (255, 224, 130)
INK, FAINT_INK = (20, 20, 20), (110, 110, 110)
LEAST_THUMBNAIL = 80  # pixels; smaller images are enlarged by a whole number
FULL_WIDTH = 1000  # pixels of a map of images from which on its text grows with it


@dataclass(frozen=True)
class Label:
    """A line of text at a place of the body."""

    x: float  # pixels from the left of the body; negative in the left margin
    y: float  # pixels from the top of the body; negative in the margin above
    text: str
    anchor: str = "mm"  # its point at (x, y), as in Pillow: "rm" is the middle of its right end
    color: tuple[int, int, int] = INK  # RGB in 0..255
    size: int = LABEL_SIZE  # height of the letters in pixels


def choose_zoom(side: int, least: int = LEAST_THUMBNAIL) -> int:
    """The whole number to enlarge an image of `side` pixels by; four fifths of `least` will do."""
    return 1 if 5 * side > 4 * least else -(-least // side)


def make_mosaic(
    images: np.ndarray, *, zoom: int = 1, gap: int = 2, row_gap: int | None = None
) -> np.ndarray:
    """Lays images out in rows and columns: uint8 (..., height, width, 3), without a border.

    Images are float32 (..., rows, columns, H, W, C) in [0, 1], NaN where a place is left white;
    leading axes are frames. Every pixel becomes a square with `zoom` for its side; nothing is
    interpolated. `gap` is white pixels between columns, and rows unless `row_gap` is given.
    """
    row_gap = gap if row_gap is None else row_gap
    blank = np.isnan(images).any(axis=(-3, -2, -1), keepdims=True)
    pixels = np.where(blank, np.uint8(WHITE), to_uint8(np.where(blank, 0.0, images)))
    pixels = to_rgb(pixels).repeat(zoom, axis=-3).repeat(zoom, axis=-2)
    *lead, rows, columns, height, width, _ = pixels.shape
    page = np.full((*lead, rows, height + row_gap, columns, width + gap, 3), WHITE, np.uint8)
    page[..., :height, :, :width, :] = np.moveaxis(pixels, -4, -3)
    page = page.reshape(*lead, rows * (height + row_gap), columns * (width + gap), 3)
    return page[..., : page.shape[-3] - row_gap, : page.shape[-2] - gap, :]


def join_horizontally(bodies: Sequence[np.ndarray], gap: int) -> np.ndarray:
    """Puts bodies of equal height next to each other, with white between."""
    spacer = np.full((*bodies[0].shape[:-2], gap, 3), WHITE, np.uint8)
    parts = [part for body in bodies for part in (spacer, body)][1:]
    return np.concatenate(parts, axis=-2)


def join_vertically(bodies: Sequence[np.ndarray]) -> np.ndarray:
    """Puts bodies, uint8 (..., H, W, 3), below each other, white to the right of narrower ones."""
    width = max(body.shape[-2] for body in bodies)
    padded = []
    for body in bodies:
        missing = [*[(0, 0)] * (body.ndim - 2), (0, width - body.shape[-2]), (0, 0)]
        padded.append(np.pad(body, missing, constant_values=WHITE))
    return np.concatenate(padded, axis=-3)


def make_blank(height: int, width: int) -> np.ndarray:
    """White, uint8 (height, width, 3)."""
    return np.full((height, width, 3), WHITE, np.uint8)


def draw_frame(cells: np.ndarray, width: int, color: np.ndarray | tuple[int, int, int]) -> None:
    """Draws a frame over the edge of each cell, uint8 (..., height, width, 3), in place."""
    cells[..., :width, :, :] = cells[..., -width:, :, :] = color
    cells[..., :width, :] = cells[..., -width:, :] = color


@dataclass(frozen=True)
class Page:
    """A body with labels on and around it, to be set on white below a title, above a caption."""

    body: Frames  # uint8 (H, W, 3), or an animation of such
    labels: Sequence[Label] = ()
    left: int = 0  # pixels to keep free for labels on each side
    top: int = 0
    bottom: int = 0
    right: int = 0
    text_scale: float = 1.0  # enlarges all text, for very large pages

    def write(self, text: Text) -> tuple[Frames, tuple[int, int]]:
        """The whole, uint8 (height, width, 3) or an animation of such, and two rows of it.

        The title stands above the first of them, the caption below the second.
        """
        first, scale = get_first_frame(self.body), self.text_scale
        body_height, body_width = first.shape[:2]
        margin, line = round(MARGIN * scale), LINE_HEIGHT * scale
        title_font, font = (_load_font(round(size * scale)) for size in (TITLE_SIZE, CAPTION_SIZE))
        title_width = round(title_font.getlength(text.title))
        width = max(self.left + body_width + self.right, title_width) + 2 * margin
        lines = _wrap(text.caption, font, width - 2 * margin)
        left, title_end = margin + self.left, margin + round(TITLE_SIZE * line)
        top = title_end + self.top
        caption_y = top + body_height + self.bottom + round(0.8 * margin)
        height = caption_y + round(len(lines) * CAPTION_SIZE * line) + margin

        canvas = Image.new("RGB", (width, height), (WHITE,) * 3)
        draw = ImageDraw.Draw(canvas)
        draw.text((margin, margin), text.title, INK, title_font, anchor="la")
        for number, words in enumerate(lines):
            y = caption_y + number * CAPTION_SIZE * line
            draw.text((margin, y), words, FAINT_INK, font, anchor="la")
        if first is self.body:  # a still, which labels are drawn upon
            canvas.paste(Image.fromarray(np.ascontiguousarray(first)), (left, top))
        edge: dict[str, Any] = {"stroke_width": round(2 * scale), "stroke_fill": (WHITE,) * 3}
        for label in self.labels:
            place = (left + label.x, top + label.y)
            own_font = _load_font(round(label.size * scale))
            align = ALIGNED[label.anchor[0]]  # of several lines
            draw.text(place, label.text, label.color, own_font, label.anchor, align=align, **edge)
        page, bands = np.asarray(canvas), (title_end, caption_y - round(0.4 * margin))

        def place_frame(number: int) -> np.ndarray:
            frame = page.copy()
            inside = frame[top : top + body_height, left : left + body_width]
            np.minimum(inside, self.body[number], out=inside)
            return frame

        return page if first is self.body else DrawnFrames(len(self.body), place_frame), bands


def add_banner(frames: np.ndarray, text: str) -> np.ndarray:
    """Sets a warning above pages, uint8 (..., H, W, 3), in letters as high as their titles."""
    width = frames.shape[-2]
    scale = choose_text_scale(width)
    font, margin = _load_font(round(CAPTION_SIZE * scale)), round(MARGIN * scale)
    line = CAPTION_SIZE * LINE_HEIGHT * scale
    lines = _wrap(text, font, width - 2 * margin)
    banner = Image.new("RGB", (width, round(len(lines) * line) + 2 * margin), WARNING_GROUND)
    draw = ImageDraw.Draw(banner)
    for number, words in enumerate(lines):
        draw.text((margin, margin + number * line), words, INK, font, anchor="la")
    band = np.broadcast_to(np.asarray(banner), (*frames.shape[:-3], *np.asarray(banner).shape))
    return np.concatenate([band, frames], axis=-3)


def choose_text_scale(body_width: int) -> float:
    """How much larger the text of a map of images is, so that it can be read beside all of it."""
    return max(1.0, body_width / FULL_WIDTH)


def render_text(text: str, size: tuple[int, int]) -> np.ndarray:
    """A line of text from the left of a white strip, uint8 (height, width, 3)."""
    canvas, middle = Image.new("RGB", size[::-1], (WHITE,) * 3), (0, size[0] / 2)
    ImageDraw.Draw(canvas).text(middle, text, INK, _load_font(LABEL_SIZE), anchor="lm")
    return np.asarray(canvas)


def loop_frames(frames: Frames, hold_frames: int) -> DrawnFrames:
    """A loop through frames and back, each end shown `hold_frames` times."""
    last, held = len(frames) - 1, hold_frames - 1
    order = [*[0] * held, *range(last + 1), *[last] * held, *range(last - 1, 0, -1)]
    return DrawnFrames(len(order), lambda number: frames[order[number]])


def measure_text(text: str, size: int = LABEL_SIZE) -> int:
    """Pixels that the longest line of a label takes, its letters `size` pixels high."""
    return math.ceil(max(_load_font(size).getlength(line) for line in text.splitlines() or [""]))


def load_matplotlib() -> Any:
    """matplotlib as it comes, whatever a person has set for drawings of their own.

    A matplotlibrc, in whatever place, changes no picture, and matplotlib's warnings, as of a cache
    that can't be written, concern nobody here.
    """
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    found = importlib.util.find_spec("matplotlib")
    if "matplotlib" not in sys.modules and found is not None and found.origin is not None:
        # A file of the current folder comes before all others, and a damaged one stops the import.
        with contextlib.chdir(Path(found.origin).parent / "mpl-data"):
            importlib.import_module("matplotlib")
    matplotlib = importlib.import_module("matplotlib")
    matplotlib.rcdefaults()
    return matplotlib


def make_figure(width: float, height: float, *, dpi: int = 120) -> Figure:
    """An empty matplotlib figure of that size in inches, whose parts will leave room for others."""
    load_matplotlib()
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=dpi, layout="constrained")


def render_figure(figure: Figure) -> np.ndarray:
    """A matplotlib figure as uint8 (height, width, 3)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.legend import Legend

    named = [text for legend in figure.findobj(Legend) for text in legend.get_texts()]
    named += [text for axes in figure.axes for text in (axes.title, *axes.texts)]
    for text in named:  # a name between two dollars is no formula
        text.set_parse_math(False)
    canvas = FigureCanvasAgg(figure)
    with warnings.catch_warnings():  # a name in a script that the font lacks becomes boxes
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        canvas.draw()
    return to_rgb(np.asarray(canvas.buffer_rgba())[..., :3])


@lru_cache
def _load_font(size: int) -> ImageFont.FreeTypeFont:
    folder = load_matplotlib().get_data_path()
    return ImageFont.truetype(f"{folder}/fonts/ttf/DejaVuSans.ttf", size)


def _wrap(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """Breaks text into lines of at most `width` pixels; a longer word stands alone."""
    lines: list[str] = []
    for word in text.split():
        if lines and font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
