"""Avatars: small faces that the program draws itself, so that what is in each one is known.

Each face is drawn from independent factors. The same face can be drawn again with one of them
changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
Shape = tuple[tuple[float, float], ...]

COUNT, TRAINING = 12_000, 10_000  # faces: all, and the first ones, to train on
KINDS = {  # of each factor that is one of several
    "woman": ("man", "woman"),
    "glasses": ("none", "round", "square", "sunglasses", "red", "blue lenses"),
    "beard": ("none", "full", "goatee", "moustache"),
    "hat": ("none", "cap", "top hat", "beanie", "party hat"),
    "hair": ("0", "1", "2", "3"),  # styles, others for women than for men
    "hair_colour": ("black", "brown", "blond", "red", "grey"),
    "background": ("blue", "green", "sand", "rose", "lilac"),
}
RANGES = {  # of each factor that is a number
    "smile": (-1.0, 1.0),  # sad to laughing
    "gaze": (-1.0, 1.0),  # left to right in the image
    "face": (0.0, 1.0),  # long to round
    "skin": (0.0, 1.0),  # light to dark
}
FACTORS = (*KINDS, *RANGES)
WORN = {"glasses": 1 / 3, "beard": 1 / 4, "hat": 1 / 4}  # share of faces whose kind is not 'none'

DRAWN_SIDE = 256  # pixels; a face is drawn large, then reduced, which smooths its edges
UNIT = DRAWN_SIDE / 32  # coordinates below are in pixels of a face of 32x32

SKINS = np.array([[255, 222, 196], [236, 188, 148], [190, 130, 88], [112, 70, 48]])
HAIR_COLOURS = ((38, 32, 40), (112, 68, 40), (236, 196, 96), (196, 80, 36), (168, 168, 176))
BACKGROUNDS = ((168, 206, 232), (176, 216, 180), (242, 222, 170), (246, 196, 192), (206, 192, 234))
SHIRTS = ((52, 84, 140), (150, 60, 110))
WHITE, INK = (255, 255, 255), (34, 30, 40)
LIPS = ((160, 56, 56), (214, 40, 76))
MOUTH = (104, 24, 36)
RED = (214, 40, 50)
FRAMES: tuple[tuple[Colour, Colour | None], ...] = (  # of glasses: frame, and glass if not clear
    (INK, None),
    (INK, None),
    (INK, (58, 62, 80)),
    (RED, None),
    ((214, 160, 40), (120, 190, 250)),
)
LENS = ((-1, -0.6), (1.05, -0.95), (1.05, 0.2), (0.5, 0.9), (-0.4, 0.9), (-0.95, 0.3))

# Outlines in the frame of the head: x = 1 at its right side, y = -1 at its top, 1 at the chin.
# An outline that begins at x = 0 is its right half, from there down or up to x = 0 again.
HEADS: tuple[Shape, Shape] = (
    ((0, -1), (0.55, -0.9), (0.92, -0.5), (1, 0), (0.96, 0.42), (0.8, 0.76), (0.45, 0.97), (0, 1)),
    ((0, -1), (0.55, -0.9), (0.93, -0.5), (1, 0), (0.88, 0.42), (0.6, 0.78), (0.28, 0.96), (0, 1)),
)
# fmt: off
BEHIND: tuple[tuple[Shape, ...], tuple[Shape, ...]] = (  # hair behind the head, by family, style
    (
        (),
        ((0, -1.42), (0.25, -1.3), (0.55, -1.38), (0.72, -1.16), (1.02, -1.14), (1.05, -0.88),
         (1.32, -0.76), (1.24, -0.5), (1.42, -0.3), (1.26, -0.1), (1.3, 0.12), (1, 0.2), (0, 0)),
        ((0, -1.52), (0, -1.52), (0.2, -1.12), (0.52, -1.45), (0.52, -1.45), (0.66, -1.05),
         (1.08, -1.18), (1.08, -1.18), (1.02, -0.7), (1.36, -0.66), (1.36, -0.66), (1.05, -0.2),
         (0, 0)),
        ((0, -0.5), (0.9, -0.55), (1.2, -0.4), (1.26, -0.1), (1.12, 0.2), (0.8, 0.2), (0, 0)),
    ),
    (
        ((0, -1.16), (0.75, -1.05), (1.18, -0.5), (1.24, 0.2), (1.36, 1.15), (0.95, 1.3),
         (0.5, 1), (0, 0.9)),
        ((0, -1.18), (0.8, -1.06), (1.24, -0.5), (1.34, 0.2), (1.3, 0.62), (0.95, 0.72),
         (0.6, 0.5), (0, 0.5)),
        ((0, -1.56), (0.36, -1.5), (0.52, -1.28), (0.34, -1.05), (0, -1)),
        ((0, -1), (0.8, -0.7), (1.1, -0.45), (1.5, -0.5), (1.66, -0.1), (1.6, 0.5), (1.36, 0.85),
         (1.24, 0.4), (1.1, -0.1), (0.9, 0), (0, 0)),
    ),
)
FRONT: tuple[tuple[Shape, ...], tuple[Shape, ...]] = (  # hair before the head
    (
        ((-1.05, 0), (-1.1, -0.5), (-0.75, -1.05), (0.1, -1.24), (0.85, -1), (1.1, -0.5),
         (1.05, 0), (0.93, -0.32), (0.75, -0.55), (0.1, -0.55), (-0.45, -0.78), (-0.8, -0.5),
         (-0.93, -0.3)),
        ((0, -1.2), (0.8, -1.02), (1.1, -0.5), (1.06, 0), (0.93, -0.3), (0.75, -0.45),
         (0.55, -0.58), (0.4, -0.5), (0.2, -0.62), (0, -0.54)),
        ((0, -1.1), (0.75, -0.96), (1.06, -0.5), (1.04, -0.05), (0.93, -0.35), (0.7, -0.7),
         (0.45, -0.6), (0.22, -0.78), (0, -0.64)),
        (),
    ),
    (
        ((0, -1.14), (0.75, -1.02), (1.12, -0.5), (1.16, 0.25), (1, 0.2), (0.88, -0.3),
         (0.45, -0.66), (0, -0.92)),
        ((0, -1.16), (0.8, -1.02), (1.16, -0.5), (1.22, 0.35), (1, 0.4), (0.9, -0.3),
         (0.82, -0.4), (0.4, -0.36), (0, -0.38)),
        ((0, -1.12), (0.75, -1), (1.08, -0.5), (1.04, -0.1), (0.94, -0.2), (0.78, -0.6),
         (0.4, -0.8), (0, -0.84)),
        ((-1.05, -0.1), (-1.1, -0.5), (-0.75, -1), (0, -1.14), (0.75, -1), (1.1, -0.5),
         (1.05, -0.1), (0.85, -0.5), (0.3, -0.6), (-0.4, -0.72), (-0.7, -0.42), (-0.95, -0.25)),
    ),
)
BEARDS: tuple[Shape, ...] = (
    ((0, 0.36), (0.3, 0.33), (0.62, 0.42), (0.84, 0.1), (0.9, -0.1), (1.02, -0.1), (1.02, 0.35),
     (0.86, 0.8), (0.5, 1.08), (0, 1.16)),
    ((0, 0.78), (0.25, 0.74), (0.4, 0.86), (0.34, 1.06), (0.16, 1.22), (0, 1.26)),
    ((0, 0.34), (0.3, 0.33), (0.52, 0.44), (0.8, 0.32), (0.7, 0.52), (0.36, 0.56), (0, 0.46)),
)
# fmt: on


def choose_factors(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Chooses each factor of each face, independently of the others.

    Args:
        count: Faces.
        seed: Of the choice; the same seed gives the same values.

    Returns:
        By name of `FACTORS`, an array (N,): int64 in [0, kinds) or float64 within its range.
    """
    rng = np.random.default_rng(seed)
    factors: dict[str, np.ndarray] = {}
    for name, kinds in KINDS.items():
        if name in WORN:
            worn = rng.random(count) < WORN[name]
            factors[name] = np.where(worn, rng.integers(1, len(kinds), count), 0)
        else:
            factors[name] = rng.integers(len(kinds), size=count)
    for name, (low, high) in RANGES.items():
        factors[name] = rng.uniform(low, high, count)
    return factors


def draw(factors: Mapping[str, np.ndarray], side: int = 32) -> np.ndarray:
    """Draws faces.

    Args:
        factors: What `choose_factors` returns, or the like: arrays (N,) by name of `FACTORS`.
        side: Of an image, in pixels.

    Returns:
        uint8 (N, side, side, 3).
    """
    values = {name: np.asarray(factors[name]).tolist() for name in FACTORS}
    at = np.linspace(0, 1, len(SKINS))
    skins = np.stack([np.interp(values["skin"], at, channel) for channel in SKINS.T], axis=1)
    canvas = Image.new("RGB", (DRAWN_SIDE, DRAWN_SIDE))
    images = np.empty((len(skins), side, side, 3), np.uint8)
    for index, (image, skin) in enumerate(zip(images, skins, strict=True)):
        _Face(canvas, {name: value[index] for name, value in values.items()}, skin).draw()
        image[:] = np.asarray(canvas.resize((side, side), Image.Resampling.BOX))
    return images


class _Face:
    """One face on a large canvas, drawn from the back to the front."""

    def __init__(self, canvas: Image.Image, values: dict[str, float], skin: np.ndarray) -> None:
        self.pen = ImageDraw.Draw(canvas)
        self.values = values
        self.woman, self.style = int(values["woman"]), int(values["hair"])
        self.glasses, self.hat = int(values["glasses"]), int(values["hat"])
        self.beard = int(values["beard"])
        self.hair = HAIR_COLOURS[int(values["hair_colour"])]
        self.skin, self.shade = _colour(skin), _colour(skin * 0.84)
        self.cheek = _colour(skin * 0.82 + np.array([232, 84, 84]) * 0.18)
        self.width, self.height = 7.0 + 2.4 * values["face"], 10.6 - 1.3 * values["face"]
        self.middle = 17.2  # of the head, from the top
        self.eye_x = 0.43 * self.width
        self.eye_y = self.middle - 0.03 * self.height

    def draw(self) -> None:
        background = BACKGROUNDS[int(self.values["background"])]
        self.box(0, 0, 32, 32, background)
        self.outline(BEHIND[self.woman][self.style], _darker(self.hair))
        if self.hat in (1, 2, 3):  # no hair above it
            self.box(0, 0, 32, self.middle - 0.5 * self.height, background)
        self.draw_body()
        self.outline(HEADS[self.woman], self.skin)
        for x in (-1, 1):
            self.oval(x * 0.62 * self.width, self.middle + 0.36 * self.height, 1.5, 1.1, self.cheek)
        if self.beard:
            self.outline(BEARDS[self.beard - 1], self.hair)
        self.oval(0, self.middle + 0.22 * self.height, 1, 0.75, self.shade)
        self.draw_mouth()
        self.outline(FRONT[self.woman][self.style], self.hair)
        if self.glasses:
            self.draw_glasses()
        if KINDS["glasses"][self.glasses] != "sunglasses":
            self.draw_eyes()
        if self.hat:
            self.draw_hat()

    def draw_body(self) -> None:
        shirt = SHIRTS[self.woman]
        self.oval(0, 32.5, 11.5 - 1.5 * self.woman, 5.5, shirt)
        self.box(13.4, 22, 18.6, 28.6, self.shade)
        self.oval(0, 28.4, 2.6, 1.6, self.shade)
        for x in (-1, 1):
            self.oval(x * (self.width + 0.3), self.middle + 0.05 * self.height, 1.3, 1.8, self.skin)

    def draw_mouth(self) -> None:
        smile = self.values["smile"]
        lips = LIPS[self.woman]
        bend = np.linspace(-1, 1, 15)
        hollow = 1 - bend**2
        x = 16 + bend * (3.1 + 0.7 * smile)
        upper = self.middle + 0.58 * self.height + smile * 2 * (hollow - 0.55) - 0.45
        opening = 3 * max(0.0, smile - 0.1) * hollow
        self.ribbon(x, upper - 0.25 * self.woman, upper + opening + 0.9 + 0.35 * self.woman, lips)
        if smile > 0.1:
            self.ribbon(x, upper + 0.45, upper + 0.45 + opening, MOUTH)
            self.ribbon(x, upper + 0.45, upper + 0.45 + 0.5 * opening, WHITE)

    def draw_eyes(self) -> None:
        arch = 1 - np.linspace(-1, 1, 7) ** 2
        brow = self.eye_y - 3.2 - 0.5 * arch
        for side in (-1, 1):
            x = side * self.eye_x
            if self.woman:
                self.oval(x + side * 0.3, self.eye_y - 0.4, 2.15, 1.85, INK)  # lashes
            self.oval(x, self.eye_y, 2, 1.75, WHITE)
            self.oval(x + self.values["gaze"] * 1.1, self.eye_y + 0.1, 1.05, 1.2, INK)
            across = 16 + x + np.linspace(-1.9, 1.9, 7)
            self.ribbon(across, brow, brow + 0.8 - 0.2 * self.woman, _darker(self.hair))

    def draw_glasses(self) -> None:
        frame, glass = FRAMES[self.glasses - 1]
        fill = glass or _colour(np.array(self.skin) * 0.8 + 51)
        y = self.eye_y + 0.1
        self.box(16 - self.width - 0.6, y - 1.1, 16 + self.width + 0.6, y - 0.3, frame)
        for side in (-1, 1):
            for size, colour in ((3.05, frame), (2.4, fill)):
                x = side * self.eye_x
                if self.glasses in (1, 5):
                    self.oval(x, y, size, size, colour)
                elif self.glasses == 2:
                    self.box(16 + x - size, y - size + 0.4, 16 + x + size, y + size - 0.4, colour)
                else:
                    lens = np.array(LENS) * size * (side, 1) + (16 + x, y)
                    self.polygon(lens, colour)

    def draw_hat(self) -> None:
        kind = KINDS["hat"][self.hat]
        brim = self.middle - 0.45 * self.height
        wide = self.width * 1.14
        if kind == "cap":
            self.oval(0, brim, wide, 7.2, RED, half=True)
            self.oval(0, brim, wide + 0.6, 1.7, (150, 24, 40))
            self.oval(0, brim - 7.1, 0.9, 0.6, WHITE)
        elif kind == "top hat":
            self.box(16 - 0.8 * wide, 0.4, 16 + 0.8 * wide, brim, INK)
            self.box(16 - 0.8 * wide, brim - 3, 16 + 0.8 * wide, brim - 0.8, RED)
            self.oval(0, brim, wide + 1.9, 1.1, INK)
        elif kind == "beanie":
            self.oval(0, brim - 7.6, 2, 1.8, WHITE)
            self.oval(0, brim, wide, 7.4, (28, 142, 130), half=True)
            self.box(16 - wide - 0.2, brim - 2.2, 16 + wide + 0.2, brim + 0.5, (250, 214, 90))
        else:
            base = self.middle - 0.62 * self.height
            tall = base + 0.6
            for part, colour in (
                (1, (232, 60, 150)),
                (0.62, (255, 220, 70)),
                (0.38, (232, 60, 150)),
            ):
                half = 0.72 * self.width * part
                foot = tall * part
                self.polygon(np.array([(16 - half, foot), (16, 0), (16 + half, foot)]), colour)
            self.oval(0, 1.2, 1.5, 1.5, WHITE)

    def oval(
        self, x: float, y: float, across: float, down: float, colour: Colour, half: bool = False
    ) -> None:
        """An ellipse with a centre x pixels right of the middle, and its two radii."""
        left, top = (16 + x - across) * UNIT, (y - down) * UNIT
        box = (left, top, left + 2 * across * UNIT, top + 2 * down * UNIT)
        if half:  # the upper one
            self.pen.pieslice(box, 180, 360, fill=colour)
        else:
            self.pen.ellipse(box, fill=colour)

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        self.pen.rectangle((left * UNIT, top * UNIT, right * UNIT, bottom * UNIT), fill=colour)

    def polygon(self, points: np.ndarray, colour: Colour) -> None:
        self.pen.polygon((points * UNIT).ravel().tolist(), fill=colour)

    def outline(self, shape: Shape, colour: Colour) -> None:
        """A rounded shape in the frame of the head."""
        if shape:
            self.polygon(_round(shape) * (self.width, self.height) + (16, self.middle), colour)

    def ribbon(self, x: np.ndarray, upper: np.ndarray, lower: np.ndarray, colour: Colour) -> None:
        """What lies between two curves over the same x."""
        points = np.stack([np.r_[x, x[::-1]], np.r_[upper, lower[::-1]]], axis=1)
        self.polygon(points, colour)


@lru_cache
def _round(shape: Shape) -> np.ndarray:
    """The closed Catmull-Rom curve through a shape's points: float64 (P, 2)."""
    points = np.array(shape)
    if points[0, 0] == 0:
        points = np.concatenate([points, points[-2:0:-1] * (-1, 1)])
    before, after, beyond = (np.roll(points, -by, axis=0) for by in (-1, 1, 2))
    t = np.linspace(0, 1, 5, endpoint=False)[:, np.newaxis, np.newaxis]
    curve = points + t / 2 * (
        (after - before)
        + t * (2 * before - 5 * points + 4 * after - beyond)
        + t**2 * (3 * points - before - 3 * after + beyond)
    )
    return curve.transpose(1, 0, 2).reshape(-1, 2)


def _colour(values: np.ndarray) -> Colour:
    red, green, blue = values.astype(int).tolist()
    return red, green, blue


def _darker(colour: Colour) -> Colour:
    return _colour(np.array(colour) * 0.78)
