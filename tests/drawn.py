"""Small images, what is drawn with its text, and a search for the images in it."""

from __future__ import annotations

import numpy as np

from latentspace.drawing.layout import Page
from latentspace.drawing.text import Text

TEXT = Text("t", "c")


def write(page: Page, text: Text = TEXT) -> np.ndarray:
    """A page with its text, uint8 (height, width, 3) or of an animation (T, height, width, 3)."""
    frames, _ = page.write(text)
    return frames if isinstance(frames, np.ndarray) else np.stack(list(frames))


def random_images(*shape: int, seed: int = 0, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).random((*shape, 10, 8, channels)).astype(np.float32)


def is_shown(frame: np.ndarray, image: np.ndarray, zoom: int) -> bool:
    """Whether an image, enlarged, stands somewhere in a frame, to the exact grey."""
    wanted = np.rint(image[..., 0] * 255).astype(np.uint8)
    height, width = (side * zoom for side in wanted.shape)
    places = np.lib.stride_tricks.sliding_window_view(frame[..., 0], (height, width))
    places = places[:, :, ::zoom, ::zoom]
    found = np.ones(places.shape[:2], bool)
    for row, column in np.ndindex(wanted.shape):  # few places are left after a few pixels
        found[found] = places[found, row, column] == wanted[row, column]
        if not found.any():
            return False
    return True
