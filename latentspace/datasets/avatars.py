"""Avatars: small faces that the program draws itself, so that what is in each one is known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from latentspace.core.documents import read_tables
from latentspace.datasets.dataset import Attributes

Colour = Sequence[int]  # red, green and blue in 0..255

SHAPES = read_tables(__file__)
KINDS: Mapping[str, Sequence[str]] = SHAPES["kinds"]  # of each factor that is one of several
RANGES: Mapping[str, tuple[float, float]] = SHAPES["ranges"]  # of each that is a number
WORN = {name: 1 / count for name, count in SHAPES["worn"].items()}  # share of faces with some
FACTORS = (*KINDS, *RANGES)

DRAWN_SIDE = 256  # pixels; a face is drawn large, then reduced, which smooths its edges
UNIT = DRAWN_SIDE / 32  # coordinates below are in pixels of a face of 32x32
CENTRE = np.array((16, 0))
ACROSS = np.linspace(-1, 1, 13)  # a mouth or a brow, from its left to its right end
ARCH = 1 - ACROSS**2

WHITE, INK, MAROON = (255, 255, 255), (34, 30, 40), (120, 22, 36)


def choose_factors(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Independent factors, by name of `FACTORS` (N,): int64 kinds, float64 in their ranges."""
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
    """Draws faces of `choose_factors`, `side` dividing `DRAWN_SIDE`: uint8 (N, side, side, 3)."""
    values = [np.asarray(factors[name], int).tolist() for name in KINDS]
    values += [np.asarray(factors[name], float).tolist() for name in RANGES]
    canvas = Image.new("RGB", (DRAWN_SIDE, DRAWN_SIDE))
    pen = ImageDraw.Draw(canvas)
    images = np.empty((len(values[0]), side, side, 3), np.uint8)
    for image, face in zip(images, zip(*values, strict=True), strict=True):
        _Face(pen, dict(zip(FACTORS, face, strict=True))).draw()
        image[:] = np.asarray(canvas.reduce(DRAWN_SIDE // side))
    return images


def describe(factors: Mapping[str, np.ndarray]) -> Attributes:
    """What is said of each face beside its class: yes or no of what is worn, numbers, colours."""
    columns: dict[str, np.ndarray] = {name: factors[name] > 0 for name in WORN}
    columns |= {name: factors[name] for name in RANGES}
    for name in ("hair_colour", "background"):
        for value, kind in enumerate(KINDS[name]):
            columns[f"{name}{Attributes.OF_VALUE}{kind}"] = factors[name] == value
    return Attributes(tuple(columns), np.stack(list(columns.values()), axis=1).astype(np.float32))


@dataclass(frozen=True)
class Truth:
    """Draws test images again, with something changed."""

    factors: Mapping[str, np.ndarray]  # of all faces
    rows: np.ndarray  # int (N,), which of them are the test images
    side: int = 32  # of an image, in pixels

    def change(
        self, rows: np.ndarray, attribute: str, likes: np.ndarray | None = None
    ) -> np.ndarray | None:
        """Test images with an attribute or class turned into another, uint8 (N, H, W, C), or None.

        `rows` are places of test images, int (N,), `likes` those of images, int (N,), of which each
        gets what it is to have; None leaves out what they have.
        """
        if attribute not in (*WORN, "woman"):
            return None
        values = {name: factor[self.rows[rows]] for name, factor in self.factors.items()}
        if likes is not None:
            values[attribute] = self.factors[attribute][self.rows[likes]]
        else:
            values[attribute] = 1 - values["woman"] if attribute == "woman" else 0 * self.rows[rows]
        return draw(values, self.side)


class _Face:
    """One face on the large canvas, drawn from the back to the front."""

    def __init__(self, pen: ImageDraw.ImageDraw, values: Mapping[str, Any]) -> None:
        self.pen, self.values = pen, values
        self.woman: int = values["woman"]
        self.hair = SHAPES["hair_colours"][values["hair_colour"]]
        self.dark_hair = _mix(self.hair, (0, 0, 0), 0.22)
        skins = SHAPES["skins"]
        tone = values["skin"] * (len(skins) - 1)
        lighter = min(int(tone), len(skins) - 2)
        self.skin = _mix(skins[lighter], skins[lighter + 1], tone - lighter)
        self.shade = _mix(self.skin, MAROON, 0.18)
        self.width, self.height = 6.7 + 3 * values["face"], 10.8 - 1.7 * values["face"]
        self.middle = 17.2  # of the head, from the top
        self.eye_x, self.eye_y = 0.43 * self.width, self.middle - 0.03 * self.height

    def draw(self) -> None:
        values, shapes = self.values, SHAPES
        background = shapes["backgrounds"][values["background"]]
        self.box(-16, 0, 16, 32, background)
        self.outline(shapes["behind"][self.woman][values["hair"]], self.dark_hair)
        if values["hat"] and KINDS["hat"][values["hat"]] != "party hat":  # no hair above it
            self.box(-16, 0, 16, self.middle - 0.55 * self.height, background)
        self.draw_body()
        self.outline(shapes["heads"][self.woman], self.skin)
        for x in (-0.62 * self.width, 0.62 * self.width):
            cheek = _mix(self.skin, (232, 84, 84), 0.2)
            self.oval(x, self.middle + 0.36 * self.height, 1.5, 1.1, cheek)
        if values["beard"]:
            self.outline(shapes["beards"][values["beard"] - 1], self.hair)
        self.oval(0, self.middle + 0.22 * self.height, 1, 0.75, self.shade)
        self.draw_mouth(values["smile"])
        self.outline(shapes["front"][self.woman][values["hair"]], self.hair)
        if values["glasses"]:
            self.draw_glasses(values["glasses"])
        if KINDS["glasses"][values["glasses"]] != "sunglasses":
            self.draw_eyes(values["gaze"])
        if values["hat"]:
            for shape, colour in shapes["hats"][values["hat"] - 1]:
                self.outline(shape, colour)

    def draw_body(self) -> None:
        self.oval(0, 32.5, 11.5 - 1.5 * self.woman, 5.5, SHAPES["shirts"][self.woman])
        self.box(-2.6, 22, 2.6, 28.6, self.shade)
        self.oval(0, 28.4, 2.6, 1.6, self.shade)
        for x in (-self.width - 0.3, self.width + 0.3):
            self.oval(x, self.middle + 0.05 * self.height, 1.3, 1.8, self.skin)

    def draw_mouth(self, smile: float) -> None:
        x = ACROSS * (0.39 + 0.085 * smile) * self.width
        y = self.middle + 0.58 * self.height + smile * 2 * (ARCH - 0.55) - 0.45
        opening = 3 * max(0.0, smile - 0.1) * ARCH
        full = 0.1 + 0.2 * self.woman
        self.ribbon(x, y - full, y + opening + 0.9 + full, SHAPES["lips"][self.woman])
        if smile > 0.1:
            self.ribbon(x, y + 0.45, y + 0.45 + opening, MAROON)
            self.ribbon(x, y + 0.45, y + 0.45 + 0.5 * opening, WHITE)

    def draw_eyes(self, gaze: float) -> None:
        brow = self.eye_y - 3.3 - 0.5 * ARCH
        for side in (-1, 1):
            x = side * self.eye_x
            if self.woman:
                self.oval(x + side * 0.3, self.eye_y - 0.45, 2.35, 2, INK)  # lashes
            self.oval(x, self.eye_y, 2.2, 1.95, WHITE)
            self.oval(x + 1.2 * gaze, self.eye_y + 0.1, 1.1, 1.3, INK)
            self.ribbon(x + 1.9 * ACROSS, brow, brow + 0.8 - 0.2 * self.woman, self.dark_hair)

    def draw_glasses(self, kind: int) -> None:
        (frame, glass), name = SHAPES["frames"][kind - 1], KINDS["glasses"][kind]
        lens, y = np.array(SHAPES["lens"]), self.eye_y + 0.1
        self.box(-self.width - 0.6, y - 1.1, self.width + 0.6, y - 0.3, frame)
        for x in (-self.eye_x, self.eye_x):
            for size, colour in ((3.1, frame), (2.45, glass or _mix(self.skin, WHITE, 0.2))):
                if name == "square":
                    self.box(x - size, y - size + 0.4, x + size, y + size - 0.4, colour)
                elif name in ("sunglasses", "red"):
                    self.polygon(lens * (size if x > 0 else -size, size) + (x, y), colour)
                else:
                    self.oval(x, y, size, size, colour)

    # Below, x is to the right of the middle, y from the top.

    def oval(self, x: float, y: float, across: float, down: float, colour: Colour) -> None:
        left, right, top, bottom = 16 + x - across, 16 + x + across, y - down, y + down
        self.pen.ellipse((left * UNIT, top * UNIT, right * UNIT, bottom * UNIT), tuple(colour))

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        corners = ((16 + left) * UNIT, top * UNIT, (16 + right) * UNIT, bottom * UNIT)
        self.pen.rectangle(corners, tuple(colour))

    def polygon(self, points: np.ndarray, colour: Colour) -> None:
        self.pen.polygon(((points + CENTRE) * UNIT).ravel().tolist(), tuple(colour))

    def outline(self, shape: str, colour: Colour) -> None:
        """A rounded shape in the frame of the head."""
        if shape:
            self.polygon(_round(shape) * (self.width, self.height) + (0, self.middle), colour)

    def ribbon(self, x: np.ndarray, upper: np.ndarray, lower: np.ndarray, colour: Colour) -> None:
        """What lies between two curves over the same x."""
        around = np.append(x, x[::-1]), np.append(upper, lower[::-1])
        self.polygon(np.stack(around, axis=1), colour)


@lru_cache
def _round(shape: str) -> np.ndarray:
    """The closed Catmull-Rom curve through a shape's points: float64 (P, 2)."""
    points = np.array([point.split(",") for point in shape.split()], float)
    if points[0, 0] == 0:
        points = np.concatenate([points, points[-2:0:-1] * (-1, 1)])
    before, after, beyond = (np.roll(points, -by, axis=0) for by in (-1, 1, 2))
    t = np.linspace(0, 1, 5, endpoint=False)[:, np.newaxis, np.newaxis]
    square = 2 * before - 5 * points + 4 * after - beyond
    cube = 3 * points - before - 3 * after + beyond
    curve = points + t / 2 * (after - before + t * square + t**2 * cube)
    return curve.transpose(1, 0, 2).reshape(-1, 2)


def _mix(first: Colour, second: Colour, share: float) -> Colour:
    """A colour between two, as far from the first as the share of the second."""
    return [int(a + share * (b - a)) for a, b in zip(first, second, strict=True)]
