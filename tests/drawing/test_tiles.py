from __future__ import annotations

import numpy as np
import pytest
from drawn import write

from latentspace.chapters.figure import Drawing
from latentspace.drawing import tiles
from latentspace.drawing.grids import Grid, draw_grids
from latentspace.drawing.text import Text
from latentspace.drawing.tiles import LEAST_SIDE, fit_tiles


def test_small_images_are_left_as_they_are() -> None:
    shown = {"paths": {"a": np.zeros((4, 33, 28, 28, 1), np.float32)}, "counts": np.zeros((9, 9))}
    for moving in (False, True):
        same, note = fit_tiles(shown, moving=moving)
        assert same is shown
        assert note == ""


def test_many_large_images_are_scaled_down_alike_wherever_they_lie() -> None:
    images = np.zeros((6, 9, 256, 128, 3), np.float32)
    images[..., 0] = np.arange(9, dtype=np.float32)[:, None, None] / 8
    images[5, 8] = np.nan
    drawn = (images[0] * 255).astype(np.uint8)
    errors = np.arange(9)
    shown = {"grids": [Grid(["a"], ["b"], images)], "blocks": {"x": (drawn, errors)}}
    found, note = fit_tiles(shown)
    grid, (small, kept) = found["grids"][0], found["blocks"]["x"]
    height, width = grid.images.shape[2:4]
    assert LEAST_SIDE <= width < 128
    assert abs(height - 2 * width) <= 1
    assert grid.images.size + small.size == pytest.approx(tiles.STILL_VALUES, rel=0.02)
    assert small.shape == (9, height, width, 3)
    assert small.dtype == np.uint8
    assert kept is errors
    np.testing.assert_allclose(grid.images[0, :, 5, 5, 0], np.arange(9) / 8, atol=0.003)
    assert np.isnan(grid.images[5, 8]).all()
    assert not np.isnan(grid.images[5, 7]).any()
    assert note == (
        f"To keep the file small, images of 256x128 pixels are scaled down to {height}x{width}."
    )


def test_an_area_is_averaged_and_never_stretched() -> None:
    board = np.indices((130, 130)).sum(axis=0) % 2
    images = np.broadcast_to(board[..., np.newaxis], (1000, 130, 130, 1)).astype(np.float32)
    found, _ = fit_tiles(images, moving=True)
    assert found.shape[1:] == (89, 89, 1)
    assert abs(found.mean() - 0.5) < 0.01
    least, _ = fit_tiles(np.broadcast_to(images[0], (9000, 130, 130, 1)), moving=True)
    assert least.shape[1:3] == (LEAST_SIDE, LEAST_SIDE)
    np.testing.assert_allclose(least, 0.5, atol=0.003)  # two by two become one
    assert not fit_tiles(np.zeros((0, 500, 500, 3), np.float32))[1]


def test_the_caption_says_what_was_done_to_the_images() -> None:
    grid = Grid([], [], np.full((3, 12, 256, 256, 3), 0.5, np.float32))
    drawing = Drawing.of_images(draw_grids, Text("title", "Caption."), grids=[grid])
    assert "images of 256x256 pixels are scaled down to 236x236." in drawing.text.caption
    said = drawing.add("More.")
    assert said.text.caption == f"{drawing.text.caption} More."
    assert isinstance(said.frames, np.ndarray)
    fitted, _ = fit_tiles(grid)
    np.testing.assert_array_equal(said.frames, write(draw_grids(grids=[fitted]), said.text))
    assert drawing.add("") is drawing
