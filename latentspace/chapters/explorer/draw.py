"""The page: pictures, plots and facts put into a template, with everything that they need."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup
from PIL import Image

from latentspace.chapters.explorer.plots import plot_maps
from latentspace.core.pixels import resize, tile, to_pil, to_uint8
from latentspace.drawing.layout import load_matplotlib
from latentspace.drawing.media import encode_image
from latentspace.drawing.points import TEN_COLORS, choose_class_colors
from latentspace.drawing.text import Text

RAMP, RAMP_ENDS = "plasma", (0.22, 0.88)  # those seen on white and on black
QUANTILES = (0.01, 0.99)  # of numbers; beyond these colours stay the same
MOST_PIXELS = 32_000_000  # of a sheet; a browser holds four bytes a pixel
MOST_BYTES = 12_000_000  # of a sheet without loss
EFFORT, QUALITY = 20, 85  # of 100: of the search for a small file; of what is kept with loss
# The page may run what is in it, and load nothing. Bokeh and its WebGL make functions out of text.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' blob:; worker-src blob:; "
    "style-src 'unsafe-inline'; img-src data: blob:"
)
BEHAVIOR = (
    *("page.js", "tabs.js", "differences.js", "labels.js"),
    *("filter.js", "taking_out.js", "map_images.js"),
    *("own_image.js", "live.js", "panels.js", "drawing.js"),
)
WORKER = ("network.js", "paths.js", "reader.js", "worker.js")
BLUE, RED, MIDDLE = 9, 8, (0.72, 0.74, 0.78)  # of two models, among ten colours; of neither


@dataclass(frozen=True)
class Sheet:
    """Pictures in rows, one beside the other."""

    encoded: bytes  # the sheet as a WebP file
    tile: tuple[int, int]  # height and width of each picture
    columns: int  # pictures in a row
    note: str  # what was done to them to save room; empty where they are as they were


@dataclass(frozen=True)
class Map:
    heading: str  # what it is of
    scores: str  # how good it is
    points: np.ndarray  # float (N, 2)
    near: str  # what the nearest images are called
    neighbors: np.ndarray  # int (N, K), the images nearest to each in the space, nearest first
    model: int = 0  # which one draws between the points


@dataclass(frozen=True)
class Model:
    errors: np.ndarray  # float (N,), squared, means over pixels; (0,) where it reconstructs none
    # What runs it on the page: facts that JSON can hold, and the arrays that they point into; or
    # why it can't be run there.
    live: tuple[Mapping[str, Any], bytes] | str
    letter: str = ""  # what it is called beside another one; empty where it is the only one
    run: str = ""  # the name of its run, where there are two


@dataclass(frozen=True)
class Pictures:
    sheet: Sheet  # the images, and after them their reconstructions, of one model after the other
    numbers: np.ndarray  # int (N,), the index of each among the test or the training images
    is_training: np.ndarray  # bool (N,)
    files: Sequence[str]  # the name of each; empty where they have none
    folder: str  # that these are in; empty where they are in none


@dataclass(frozen=True)
class Check:
    suspects: Sequence[tuple[int, int, int]]  # images that look wrong, the class of most voters,
    voters: int  # and how many of these are of it
    unavailable: str  # why none can be told; else empty
    corrected: Sequence[tuple[str, int, str, str]]  # split, index, file, label: corrected before
    hash: str  # of the images


def make_sheet(pictures: np.ndarray) -> Sheet:
    """Lays out pictures, uint8 (N, H, W, 1 or 3), scaled down where they need too many pixels."""
    count, height, width, _ = pictures.shape
    scale = math.sqrt(MOST_PIXELS / (count * height * width))
    notes = []
    if scale < 1:
        height, width = (max(1, int(side * scale)) for side in (height, width))
        pictures = resize(pictures, height, width, Image.Resampling.BOX)
        notes.append(f"scaled down to {height}x{width} pixels")
    # About square, so that no side comes near the 16,383 pixels that WebP allows.
    columns = min(count, math.ceil(math.sqrt(count * height / width)))
    image = to_pil(tile(pictures, columns))
    encoded = encode_image(image, "WEBP", method=2, lossless=True, quality=EFFORT)
    if len(encoded) > MOST_BYTES:
        encoded = encode_image(image, "WEBP", method=2, quality=QUALITY)
        notes.append("compressed with a little loss")
    return Sheet(encoded, (height, width), columns, " and ".join(notes))


def draw_explorer(
    *,
    maps: Mapping[str, Map],
    models: Sequence[Model],
    pictures: Pictures,
    groups: Mapping[str, tuple[np.ndarray, Sequence[str]]],
    attributes: Mapping[str, tuple[np.ndarray, Sequence[str] | None]],
    check: Check,
    text: Text,
    subject: str,
) -> bytes:
    """Two maps of the same images, linked, as one HTML file that opens without a network.

    Maps are by the names of their spaces; there are one or two models. Groups are by "class" the
    classes, which can be switched off and on, then clusters: the group of each image, int (N,), and
    what each is called. Attributes are by name groups likewise, or numbers and None: float (N,),
    NaN where unknown. The subject says whose images they are.
    """
    from bokeh.resources import Resources

    sheet, ramp = pictures.sheet, load_matplotlib().colormaps[RAMP]
    own = [_describe(name, *of) for name, of in groups.items()]
    own[0][0]["switches"] = True
    backs = [one for one in models if one.errors.size]
    own += _describe_errors(backs)
    described = [*own, *(_describe(name, *of) for name, of in attributes.items())]
    live = [(one.live, b"") if isinstance(one.live, str) else one.live for one in models]
    known = {
        "tile": sheet.tile,
        "columns": sheet.columns,
        "nearest": next(iter(maps.values())).neighbors.shape[1],
        "kinds": [kind for kind, _ in described],
        "own": len(own),
        "files": list(pictures.files),
        "folder": pictures.folder,
        "check": asdict(check),
        "models": [
            {"letter": one.letter, "run": one.run, "live": facts, "back": one.errors.size > 0}
            for one, (facts, _) in zip(models, live, strict=True)
        ],
        "drawnBy": {space: one.model for space, one in maps.items()},
        "ramp": _pack_colors(ramp(np.linspace(*RAMP_ENDS, 256))[:, :3]),
    }
    arrays = {
        "numbers": pictures.numbers.astype(np.int32),
        "is_training": pictures.is_training.astype(np.uint8),
        "values": [values for _, values in described],
        "neighbors": {space: one.neighbors.astype(np.int32) for space, one in maps.items()},
    }
    colors = np.array(described[0][0]["colors"], np.uint32)[groups["class"][0]]
    script, plots = plot_maps({space: one.points for space, one in maps.items()}, colors, arrays)
    template = jinja2.Template(
        _read_part("page.html.jinja"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    made = {  # as it is, nothing in it escaped
        "style": _read_part("page.css"),
        "behavior": "\n".join(map(_read_part, BEHAVIOR)),
        "worker": "\n".join(map(_read_part, WORKER)),
        "known": json.dumps(known).replace("<", r"\u003c"),
        "scripts": Resources(mode="inline", components=["bokeh", "bokeh-gl"]).render_js() + script,
    }
    page = template.render(
        {name: Markup(words) for name, words in made.items()},
        text=text,
        subject=subject,
        policy=Markup(POLICY),
        maps=maps,
        plots={space: Markup(plot) for space, plot in plots.items()},
        backs=backs,
        sheet=f"data:image/webp;base64,{base64.b64encode(sheet.encoded).decode()}",
        networks=[base64.b64encode(data).decode() for _, data in live],
    )
    return page.encode()


def _describe(name: str, of: np.ndarray, names: Sequence[str] | None) -> tuple[Any, np.ndarray]:
    """What the page is to know of groups or numbers, and that of each image: of none, one more."""
    if names is None:
        ends = np.nanquantile(of, QUANTILES).tolist()
        return {"name": name, "ends": ends}, of.astype(np.float32)
    groups = np.where(np.isnan(of), len(names), of).astype(np.min_scalar_type(len(names)))
    colors = _pack_colors(choose_class_colors(len(names)))
    return {"name": name, "names": names, "colors": colors}, groups


def _describe_errors(models: Sequence[Model]) -> list[tuple[dict[str, Any], np.ndarray]]:
    """The errors of a model; of two those of both, which is better, and by how much."""
    found = []
    for one in models:
        of, by = (one.letter and f" {word} {one.letter}" for word in ("of", "by"))
        about, error = _describe(f"error{of}", one.errors, None)
        about |= {"isError": True, "about": f"squared error of the reconstruction{by}"}
        found.append((about, error))
    if len(models) < 2:
        return found
    first, second = models
    more = second.errors - first.errors
    names = [f"{one.letter}: {one.run}" for one in models] + ["neither"] * bool((more == 0).any())
    labels = np.where(more > 0, 0, np.where(more < 0, 1, 2))
    better, labels = _describe("better model", labels, names)
    title = f"error of {second.letter} − error of {first.letter}"
    signed, _ = _describe(title, more, None)
    most = float(np.quantile(np.abs(more), QUANTILES[1])) or 1.0
    colors = np.vstack([choose_class_colors(len(TEN_COLORS))[[BLUE, RED]], MIDDLE])
    sides = np.linspace(-1, 1, 256)[:, np.newaxis]
    ramp = MIDDLE + np.abs(sides) * (np.where(sides < 0, colors[1], colors[0]) - MIDDLE)
    signed |= {"ends": [-most, most], "ramp": _pack_colors(ramp), "about": title, "untold": True}
    better |= {"switches": True, "colors": _pack_colors(colors[: len(names)])}
    return [*found, (better, labels), (signed, more.astype(np.float32))]


def _pack_colors(colors: np.ndarray) -> list[int]:
    """RGB in [0, 1], float (N, 3) -> 0xRRGGBBAA."""
    red, green, blue = to_uint8(colors).astype(np.uint32).T
    return (red << 24 | green << 16 | blue << 8 | 255).tolist()


def _read_part(name: str) -> str:
    return (Path(__file__).parent / name).read_text("utf-8")
