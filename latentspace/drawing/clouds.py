"""Clouds of points that move: a map forming, and three dimensions turning."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from latentspace.core.pixels import to_uint8
from latentspace.drawing import layout
from latentspace.drawing.layout import Label, Page
from latentspace.drawing.media import DrawnFrames, Frames
from latentspace.drawing.points import LabelledMaps, choose_class_colors

SUPERSAMPLING = 2  # pixels that are averaged to one, each way
FILM_SIDE, ORBIT_SIDE, SOLID_SIDE = 440, 420, 720  # pixels a panel
GAP = 24
HEADING = 30  # pixels above each panel
LEGEND = 130  # pixels right of the panels
STRIP = 26  # pixels for the line that changes
LEGEND_LINE = 24
CROWD, DOT = 5_000, 2.2  # that many points get dots of that radius in pixels
LEAST_DOT = 0.9
NEAR_DOT = 1.2  # times as large as on a flat map
MARGIN_SHARE = 0.05
INSIDE_SHARE = 0.998  # of all points fit into a frame of a film; stray ones may lie outside
DISTANCE = 3.2  # of the eye, in radii of the cloud
ELEVATION = np.deg2rad(18)
STILL_TURN = np.deg2rad(35)
FADE = 0.65  # share of white at the far end
TURN_SECONDS = 8.0


def splat(places: np.ndarray, colors: np.ndarray, radii: np.ndarray, *, side: int) -> np.ndarray:
    """Draws round dots, later ones over earlier ones, with smooth edges: uint8 (side, side, 3).

    Places are x and y in pixels from the top left, float (N, 2); what lies outside is left out.
    Colours are float (N, 3) RGB in [0, 1], white where no dot is; radii float (N,) in pixels.
    """
    fine = SUPERSAMPLING
    reach = int(np.ceil(radii.max(initial=0) * fine))  # around the canvas, for dots across its edge
    width = side * fine + 2 * reach
    centres = np.rint(places * fine) + reach
    chosen = ((centres >= 0) & (centres < width)).all(axis=1)
    x, y = centres[chosen].astype(np.int32).T
    ys, xs = np.mgrid[-reach : reach + 1, -reach : reach + 1].reshape(2, -1)
    inside = (xs**2 + ys**2) <= np.square(radii[chosen] * fine)[:, np.newaxis]  # (N, offsets)
    pixels = (y * width + x)[:, np.newaxis] + (ys * width + xs).astype(np.int32)
    inks = np.zeros((len(x), 4), np.uint8)  # the fourth makes a number of them
    inks[:, :3] = to_uint8(colors[chosen])
    canvas = np.full((width + 2 * reach) * width, 2**32 - 1, np.uint32)
    # Assignment runs through the points in their order, so that the last one stays on top.
    canvas[pixels[inside] + reach * width] = np.repeat(inks.view(np.uint32), inside.sum(axis=1))
    whole = canvas.reshape(-1, width, 1).view(np.uint8)[..., :3]
    shown = whole[2 * reach : 2 * reach + side * fine, reach : reach + side * fine]
    sums = np.zeros((side, side, 3), np.uint16)
    for row, column in np.ndindex(fine, fine):
        sums += shown[row::fine, column::fine]
    return np.rint(sums * np.float32(1 / fine**2)).astype(np.uint8)


def draw_forming(maps: LabelledMaps, *, notes: Sequence[Sequence[str]], hold_frames: int) -> Page:
    """Maps that form, side by side, each frame at its own scale.

    The points of each through time are float (T, N, 2); `notes` are for each map and frame what to
    write above it. The end is held for `hold_frames`.
    """
    films, colors = list(maps.points.values()), maps.colors
    radii = np.full(len(colors), _choose_dot_radius(len(colors)))
    order = np.random.default_rng(0).permutation(len(colors))  # so that no class lies on top
    count = len(films[0])

    @lru_cache(maxsize=len(films))  # what stays as it is, as pixels do, is drawn once
    def draw_cloud(points: bytes, kind: np.dtype) -> np.ndarray:
        places = _to_panel(np.frombuffer(points, kind).reshape(-1, 2), FILM_SIDE)
        return splat(places[order], colors[order], radii, side=FILM_SIDE)

    def draw(number: int) -> np.ndarray:
        step = min(number, count - 1)
        panels = []
        for points, lines in zip(films, notes, strict=True):
            cloud = draw_cloud(points[step].tobytes(), points.dtype)
            panels.append(
                np.concatenate([layout.render_text(lines[step], (STRIP, FILM_SIDE)), cloud])
            )
        return layout.join_horizontally(panels, GAP)

    return _make_page(DrawnFrames(count + hold_frames, draw), maps, FILM_SIDE)


def draw_solid(maps: LabelledMaps) -> Page:
    """Maps, float (N, 3) each, from one side, near points larger."""
    return _make_page(_draw_from_side(maps, SOLID_SIDE), maps, SOLID_SIDE)


def draw_orbit(maps: LabelledMaps, *, fps: float) -> Page:
    """A slow turn around maps, float (N, 3) each, a loop."""
    count = max(2, round(TURN_SECONDS * fps))

    def draw(number: int) -> np.ndarray:
        return _draw_from_side(maps, ORBIT_SIDE, STILL_TURN + 2 * np.pi * number / count)

    return _make_page(DrawnFrames(count, draw), maps, ORBIT_SIDE)


def _draw_from_side(maps: LabelledMaps, side: int, turn: float = STILL_TURN) -> np.ndarray:
    """Clouds of points (N, 3) side by side, from an eye that looks down on them a little."""
    colors = maps.colors
    largest = NEAR_DOT * _choose_dot_radius(len(colors)) * np.sqrt(side / ORBIT_SIDE)
    panels = []
    for points in maps.points.values():
        centred = points - (points.max(axis=0) + points.min(axis=0)) / 2
        x, y, z = (centred / (np.linalg.norm(centred, axis=1).max() or 1.0)).T
        x, y = np.cos(turn) * x - np.sin(turn) * y, np.sin(turn) * x + np.cos(turn) * y
        away = DISTANCE + np.cos(ELEVATION) * y - np.sin(ELEVATION) * z
        height = np.sin(ELEVATION) * y + np.cos(ELEVATION) * z
        # At the distance of the centre, a radius of 1 fills half of the panel.
        scale = (0.5 - MARGIN_SHARE) * side * np.sqrt(DISTANCE**2 - 1) / away
        places = side / 2 + np.stack([x, -height], axis=1) * scale[:, np.newaxis]
        far = (away - DISTANCE + 1) / 2  # 0 near, 1 far
        order = np.argsort(-away)
        radii = largest * (1 - 0.6 * far)
        faded = colors + (1 - colors) * (FADE * np.clip(far, 0, 1))[:, np.newaxis]
        panels.append(splat(places[order], faded[order], radii[order], side=side))
    return layout.join_horizontally(panels, GAP)


def _make_page(body: Frames, maps: LabelledMaps, side: int) -> Page:
    """Panels of `side` pixels, with headings and, of several classes, a legend."""
    width = len(maps.points) * (side + GAP) - GAP
    labels = [
        Label(number * (side + GAP) + side / 2, -HEADING / 2, heading)
        for number, heading in enumerate(maps.points)
    ]
    names, room = maps.class_names, side // LEGEND_LINE
    if len(names) < 2:
        return Page(body, labels, top=HEADING)
    shown = len(names) if len(names) <= room else room - 1
    lines = [f"● {name}" for name in names[:shown]]
    colors = [*choose_class_colors(len(names))[:shown], np.zeros(3)]
    if shown < len(names):
        lines.append(f"and {len(names) - shown:,} more")
    for number, (line, color) in enumerate(zip(lines, colors, strict=False)):
        ink = tuple(to_uint8(color).tolist())
        labels.append(Label(width + GAP, (number + 0.8) * LEGEND_LINE, line, "lm", color=ink))
    right = max(LEGEND, GAP + max(map(layout.measure_text, lines)))
    return Page(body, labels, top=HEADING, right=right)


def _to_panel(points: np.ndarray, side: int) -> np.ndarray:
    """Places in a square of `side` pixels, y upwards, so that nearly all points lie inside."""
    low, high = np.quantile(points, [1 - INSIDE_SHARE, INSIDE_SHARE], axis=0)
    extent = float((high - low).max()) or 1.0
    scaled = (points - (low + high) / 2) / extent * (1 - 2 * MARGIN_SHARE) * side
    return side / 2 + scaled * np.array([1, -1])


def _choose_dot_radius(count: int) -> float:
    return max(LEAST_DOT, DOT * min(1.5, (CROWD / count) ** 0.5))
