"""What grids show, read back from their pixels and labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from drawn import is_shown, random_images, write

from latentspace.core.pixels import to_rgb, to_uint8
from latentspace.drawing import layout
from latentspace.drawing.grids import NOTE_SIZE, Grid, Note, draw_grids
from latentspace.drawing.text import Text

ZOOM = layout.choose_zoom(8)


def make_grid(seed: int, *, channels: int = 1, below: bool = False, name: str = "a") -> Grid:
    images, back = (random_images(2, 3, seed=seed + more, channels=channels) for more in (0, 50))
    notes = [
        [[Note(f"{name} #{seed}{row}{at}"), Note("why", is_faint=True)] for at in range(3)]
        for row in range(2)
    ]
    return Grid([], ["first", "second"], images, f"grid {seed}", back if below else None, notes)


@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_image_stands_above_its_notes(columns: int, channels: int) -> None:
    grids = [make_grid(seed, channels=channels, below=seed == 1) for seed in (1, 2, 3)]
    grids[1] = replace(grids[1], names=[])  # beside another
    page = draw_grids(grids=grids, columns=columns)
    labels = {label.text: label for label in page.labels}
    frame = write(page, Text("t", ""))
    top = layout.MARGIN + round(layout.TITLE_SIZE * layout.LINE_HEIGHT)
    for seed, grid in enumerate(grids, 1):
        for (row, column), _ in np.ndenumerate(np.empty((2, 3))):
            label = labels[f"a #{seed}{row}{column}"]
            assert (label.color, label.size) == (layout.INK, NOTE_SIZE)
            stack = [grid.images[row, column]]
            if grid.below is not None:
                stack += [np.ones_like(stack[0][:1]), grid.below[row, column]]
            shown = to_rgb(to_uint8(np.concatenate(stack)[np.newaxis]))[0]
            x = round(layout.MARGIN + page.left + label.x - 4 * ZOOM)
            y = round(top + label.y - 0.6 * 18 - len(shown) * ZOOM)
            place = frame[y : y + len(shown) * ZOOM : ZOOM, x : x + 8 * ZOOM : ZOOM]
            np.testing.assert_array_equal(place, shown)
    beside = labels["grid 2"].x > 0 and labels["grid 2"].y == labels["grid 1"].y
    below = labels["grid 2"].x == 0 and labels["grid 2"].y > labels["a #112"].y
    assert (beside, below) == (columns == 2, columns == 1)
    assert labels["grid 3"].x == 0
    assert labels["grid 3"].y > labels["a #212"].y
    assert labels["why"].color == layout.FAINT_INK


def test_long_notes_neither_meet_nor_are_cut_off() -> None:
    page = draw_grids(grids=[make_grid(4, name="a class of a very long name")])
    frame, words = write(page), [label for label in page.labels if "very long" in label.text][:3]
    widths = [layout.measure_text(label.text, NOTE_SIZE) for label in words]
    assert (np.diff([label.x for label in words]) > widths[0]).all()
    start = layout.MARGIN + page.left
    assert start + words[0].x - widths[0] / 2 >= layout.MARGIN
    assert start + words[2].x + widths[2] / 2 <= frame.shape[1] - layout.MARGIN


def test_a_grid_without_images_keeps_its_title() -> None:
    full = make_grid(1)
    empty = Grid([], [], np.empty((0, 0, 10, 8, 1), np.float32), "nothing here", notes=[[]])
    page = draw_grids(grids=[empty, full])
    assert page.labels[0].text == "nothing here"
    frame = write(page)
    assert all(is_shown(frame, image, ZOOM) for image in full.images.reshape(-1, 10, 8, 1))


def test_small_images_are_enlarged_as_far_as_asked() -> None:
    grid = replace(make_grid(1), thumbnail=33)
    zoom = layout.choose_zoom(8, 33)
    assert zoom < ZOOM
    assert is_shown(write(draw_grids(grids=[grid])), grid.images[1, 2], zoom)
