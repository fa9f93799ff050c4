"""A single image of a person's own, brought into the form of a data set."""

import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from latentspace.core.errors import InputError, to_printable
from latentspace.core.pixels import to_unit_range
from latentspace.datasets.pictures import look_at_depth, open_picture, read_file
from latentspace.datasets.values import Range, choose_ranges, fits

LONGEST_PATH = 120  # letters that are shown
LIGHT_GROUND, INK_CONTRAST = 127, 40  # of 255
Shape = tuple[int, int, int]  # height, width and channels


class Ink(NamedTuple):
    """How what is drawn lies on the ground of an image."""

    side: int  # the longer one of what is drawn, in pixels, at the median
    # Its centre of mass, from left and top, where that is steadier than the middle of its box.
    centre: tuple[float, float] | None = None


def read_image(
    path: Path, image_shape: Shape, *, ink: Ink | None = None, value_range: Range | None = None
) -> np.ndarray:
    """Reads a person's own image file -> float32 `image_shape`, (H, W, C), in [0, 1].

    It is scaled to fit, aspect kept, and centred on its own ground; grey on light ground is
    inverted. With `ink`, see `find_ink`, margins are cut off, and what is left gets that size and
    place. `value_range` has the values that are black and white in the data set, where that is
    known; an image of more than 8 bits that plainly has other values is read by its own. Raises an
    `InputError` where the file is no image that Pillow reads.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # Pillow's, about odd metadata
            data = read_file(path)
            if (values := look_at_depth(data)) is None:
                value_range = None
            elif value_range is None or not fits(values, value_range):
                value_range = choose_ranges([values], None)[0][values.own]
            picture = open_picture(data, image_shape[2], value_range=value_range)
    except (InputError, OSError) as error:
        shown = to_printable(str(path), LONGEST_PATH)
        raise InputError(f"{shown} can't be read as an image: {error}") from error
    return fit_picture(picture, image_shape, ink)


def fit_picture(picture: Image.Image, image_shape: Shape, ink: Ink | None = None) -> np.ndarray:
    """Brings a picture, "L" for one channel, else "RGB", to a data set's shape, as `read_image`."""
    height, width, channels = image_shape
    border = np.asarray(picture)
    edges = [border[0], border[-1], border[:, 0], border[:, -1]]
    ground = np.median(np.concatenate([edge.reshape(-1, channels) for edge in edges]), axis=0)
    if channels == 1 and ground[0] > LIGHT_GROUND:
        picture, ground = ImageOps.invert(picture), 255 - ground
    box = _find_box(np.asarray(picture).reshape(*picture.size[::-1], channels), ground)
    room = (width, height)
    if ink is not None and box is not None:
        picture, room = picture.crop(box), (ink.side, ink.side)
    fitted = ImageOps.contain(picture, room, Image.Resampling.LANCZOS)
    free = np.array([width - fitted.width, height - fitted.height])
    corner = free // 2
    inside = np.asarray(fitted).reshape(fitted.height, fitted.width, channels)
    if ink is not None and ink.centre is not None and inside.any():
        corner = np.clip(np.round(np.subtract(ink.centre, _find_mass(inside))), 0, free)
    canvas = Image.new(picture.mode, (width, height), tuple(ground.astype(int).tolist()))
    canvas.paste(fitted, tuple(corner.astype(int).tolist()))
    return to_unit_range(np.asarray(canvas)).reshape(image_shape)


def find_ink(pixels: np.ndarray) -> Ink | None:
    """How what is drawn on dark ground usually lies there, of images, uint8 (N, H, W, C).

    None for colour, and where the images have no dark margin.
    """
    if pixels.shape[3] != 1:
        return None
    found = [(box, image) for image in pixels if (box := _find_box(image, np.zeros(1)))]
    if not found:
        return None
    left, top, right, bottom = np.array([box for box, _ in found]).T
    side = int(np.median(np.maximum(bottom - top, right - left)))
    if side >= min(pixels.shape[1:3]):
        return None
    middles = np.stack([left + right - 1, top + bottom - 1], axis=1) / 2
    masses = np.array([_find_mass(image) for _, image in found])
    x, y = np.median(masses, axis=0).tolist()
    is_steady = masses.std(axis=0).sum() < middles.std(axis=0).sum()
    return Ink(side, (x, y) if is_steady else None)


def _find_mass(image: np.ndarray) -> tuple[float, float]:
    """The centre of what is bright in an image (H, W, C), from left and from top."""
    from scipy import ndimage

    row, column, _ = ndimage.center_of_mass(image)
    return column, row


def _find_box(pixels: np.ndarray, ground: np.ndarray) -> tuple[int, int, int, int] | None:
    """Left, top, right and bottom of what differs from the ground; None where nothing does."""
    drawn = (np.abs(pixels - ground) > INK_CONTRAST).any(axis=2)
    return Image.fromarray(drawn).getbbox()
