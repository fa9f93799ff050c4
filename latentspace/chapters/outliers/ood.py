"""Images that are not of a data set, at its own shape: noise, spoiled images, printed letters."""

import contextlib
import itertools
import string
import unicodedata
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from latentspace.datasets import Ink, fit_picture
from latentspace.drawing.layout import load_matplotlib

FACES = (  # of DejaVu, which matplotlib brings along
    *("Sans", "Sans-Bold", "Sans-Oblique", "Sans-BoldOblique"),
    *("SansMono", "SansMono-Bold", "SansMono-Oblique", "SansMono-BoldOblique"),
    *("Serif", "Serif-Bold", "Serif-Italic", "Serif-BoldItalic"),
)
DIGIT_TWINS = "BIOSZbgiloqsz"  # read as 8, 1, 0, 5, 2; 6, 9, 1, 1, 0, 9, 5, 2
LETTERS = tuple(letter for letter in string.ascii_letters if letter not in DIGIT_TWINS)
FONT_SIZE = 96  # pixels; many times the size that letters are brought to
SCRIPTS = ("LATIN", "GREEK", "CYRILLIC", "HEBREW")


def shuffle_pixels(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Images (N, H, W, C), the pixels of each in a random order of its own; colours are kept."""
    pixels = images.reshape(len(images), -1, images.shape[3])
    order = rng.permuted(np.tile(np.arange(pixels.shape[1]), (len(pixels), 1)), axis=1)
    return np.take_along_axis(pixels, order[..., np.newaxis], axis=1).reshape(images.shape)


# Each takes images, float32 (N, H, W, C) in [0, 1], and gives others of the same shape.
MAKERS: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "noise": lambda images, rng: rng.random(images.shape, np.float32),
    "inverted": lambda images, rng: 1 - images,
    "pixels shuffled": shuffle_pixels,
    "upside down": lambda images, rng: images[:, ::-1, ::-1],
}


def draw_letters(image_shape: tuple[int, int, int], ink_side: int) -> np.ndarray:
    """`LETTERS` in all `FACES`, `ink_side` pixels long: float32 (N, H, W, 1) in [0, 1]."""
    folder = f"{load_matplotlib().get_data_path()}/fonts/ttf"
    fonts = [ImageFont.truetype(f"{folder}/DejaVu{face}.ttf", FONT_SIZE) for face in FACES]
    drawn = [_draw_letter(letter, font) for font in fonts for letter in LETTERS]
    return np.stack([fit_picture(one, image_shape, Ink(ink_side)) for one in drawn])


def are_letters(names: Sequence[str]) -> bool:
    """Whether any of some class names is a letter, by itself or spelled out as in "alpha"."""
    return any(_is_letter(name.strip()) for name in names)


def _is_letter(name: str) -> bool:
    if len(name) == 1:
        return name.isalpha()
    for script, kind in itertools.product(SCRIPTS, ("SMALL LETTER", "LETTER")):
        with contextlib.suppress(KeyError):
            unicodedata.lookup(f"{script} {kind} {name.upper()}")
            return True
    return False


def _draw_letter(letter: str, font: ImageFont.FreeTypeFont) -> Image.Image:
    picture = Image.new("L", (2 * FONT_SIZE, 2 * FONT_SIZE))
    ImageDraw.Draw(picture).text((FONT_SIZE // 2, FONT_SIZE // 2), letter, 255, font)
    return picture
