"""A single image of a person's own, brought into the form of a data set."""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from latentspace.core.errors import InputError, to_printable
from latentspace.core.pixels import to_unit_range
from latentspace.datasets.pictures import look_at_depth, open_picture, read_file
from latentspace.datasets.values import Range, choose_ranges, fits

LONGEST_PATH = 120  # letters that are shown
LIGHT_GROUND, INK_CONTRAST = 127, 40  # of 255


def read_image(
    path: Path,
    image_shape: tuple[int, int, int],
    *,
    ink_side: int | None = None,
    value_range: Range | None = None,
) -> np.ndarray:
    """Reads a person's own image file and brings it to the shape of a data set.

    The picture is scaled to fit, aspect kept, and centred on its own ground. A grey picture on
    light ground is inverted, since grey data sets here are bright on dark. The result is float32
    `image_shape`, (height, width, channels), in [0, 1].

    `ink_side` is the longer side of what is drawn, in pixels of the result, see `find_ink_side`:
    margins are cut off, and what is left gets this size; None keeps the whole picture.
    `value_range` has the values that are black and white in the data set, where that is known; an
    image of more than 8 bits that plainly has other values is read by its own. Raises an
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
        raise InputError(
            f"{to_printable(str(path), LONGEST_PATH)} can't be read as an image: {error}"
        ) from error
    return fit_picture(picture, image_shape, ink_side=ink_side)


def fit_picture(
    picture: Image.Image, image_shape: tuple[int, int, int], *, ink_side: int | None = None
) -> np.ndarray:
    """Brings a picture, "L" for one channel, else "RGB", to a data set's shape, as `read_image`."""
    height, width, channels = image_shape
    border = np.asarray(picture)
    edges = [border[0], border[-1], border[:, 0], border[:, -1]]
    ground = np.median(np.concatenate([edge.reshape(-1, channels) for edge in edges]), axis=0)
    if channels == 1 and ground[0] > LIGHT_GROUND:
        picture, ground = ImageOps.invert(picture), 255 - ground
    box = _find_ink(np.asarray(picture).reshape(*picture.size[::-1], channels), ground)
    room = (width, height)
    if ink_side is not None and box is not None:
        top, bottom, left, right = box
        picture, room = picture.crop((left, top, right, bottom)), (ink_side, ink_side)
    fitted = ImageOps.contain(picture, room, Image.Resampling.LANCZOS)
    pixels = np.tile(to_unit_range(ground.astype(np.uint8)), (height, width, 1))
    top, left = (height - fitted.height) // 2, (width - fitted.width) // 2
    inside = to_unit_range(np.asarray(fitted)).reshape(fitted.height, fitted.width, channels)
    pixels[top : top + fitted.height, left : left + fitted.width] = inside
    return pixels


def find_ink_side(pixels: np.ndarray) -> int | None:
    """How large what is drawn on dark ground usually is, of images, uint8 (N, H, W, C).

    Median over the images of the longer side of what is drawn, in pixels; None for colour, and
    where the images have no dark margin, so that what is drawn can't be told from the ground.
    """
    if pixels.shape[3] != 1:
        return None
    boxes = [_find_ink(image, np.zeros(1)) for image in pixels]
    sides = [max(bottom - top, right - left) for top, bottom, left, right in filter(None, boxes)]
    side = int(np.median(sides)) if sides else 0
    return side if 0 < side < min(pixels.shape[1:3]) else None


def _find_ink(pixels: np.ndarray, ground: np.ndarray) -> tuple[int, int, int, int] | None:
    """Top, bottom, left and right of what differs from the ground; None where nothing does."""
    drawn = (np.abs(pixels - ground) > INK_CONTRAST).any(axis=2)
    rows, columns = (np.flatnonzero(drawn.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return None
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
