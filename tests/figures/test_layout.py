from __future__ import annotations

import numpy as np
import pytest

from latentspace.figures.layout import Label, beside, mosaic, page, stacked, text_width, zoom_for


def grey_images(*shape: int) -> np.ndarray:
    """Images of which each holds one grey, all different: image k is k / 255."""
    count = int(np.prod(shape))
    greys = np.arange(count, dtype=np.float32).reshape(*shape, 1, 1, 1) / 255
    return np.broadcast_to(greys, (*shape, 3, 4, 1))


def test_mosaic_puts_every_grey_in_its_cell() -> None:
    tiled = mosaic(grey_images(4, 5), zoom=2, gap=3, row_gap=1)
    assert tiled.shape == (4 * 6 + 3 * 1, 5 * 8 + 4 * 3, 3)
    for row in range(4):
        for column in range(5):
            y, x = row * 7, column * 11
            assert (tiled[y : y + 6, x : x + 8] == row * 5 + column).all()
    assert (tiled[6] == 255).all()
    assert (tiled[:, 8:11] == 255).all()


def test_mosaic_keeps_all_greys_of_an_image() -> None:
    image = (np.arange(256, dtype=np.float32) / 255).reshape(1, 1, 16, 16, 1)
    np.testing.assert_array_equal(mosaic(image)[..., 0].ravel(), np.arange(256))


def test_mosaic_of_frames_colours_and_blanks() -> None:
    images = np.zeros((2, 1, 3, 2, 2, 3), np.float32)
    images[1, 0, 1] = (1.0, 0.0, 0.5)
    images[:, 0, 2] = np.nan
    frames = mosaic(images, gap=0)
    assert frames.shape == (2, 2, 6, 3)
    assert (frames[1, :, 2:4] == (255, 0, 128)).all()
    assert (frames[0, :, :4] == 0).all()
    assert (frames[:, :, 4:] == 255).all()


def test_page_leaves_the_body_untouched() -> None:
    rng = np.random.default_rng(0)
    body = rng.integers(0, 255, (60, 90, 3), dtype=np.uint8)
    framed = page(body, title="Title", caption="Some words " * 20, left=30, top=20)
    found = [
        (y, x)
        for y in range(framed.shape[0] - 59)
        for x in range(framed.shape[1] - 89)
        if (framed[y, x] == body[0, 0]).all()
        and np.array_equal(framed[y : y + 60, x : x + 90], body)
    ]
    assert len(found) == 1


def test_page_of_frames_equals_pages_of_single_frames() -> None:
    rng = np.random.default_rng(0)
    body = rng.integers(0, 255, (3, 60, 200, 3), dtype=np.uint8)
    arguments = {"title": "T", "caption": "c", "labels": [Label(-5, 30, "row", "rm")], "left": 40}
    frames = page(body, **arguments)
    for single, frame in zip(body, frames, strict=True):
        np.testing.assert_array_equal(page(single, **arguments), frame)


def test_text_is_drawn_and_never_cut_off() -> None:
    body = np.full((20, 600, 3), 255, np.uint8)
    with_text = page(body, title="A long title " * 9, caption="words that go on " * 40)
    ink = (with_text < 200).any(axis=2)
    assert ink.any()
    border = np.concatenate([ink[:8].ravel(), ink[-8:].ravel(), ink[:, :8].ravel()])
    assert not border.any()
    assert not ink[:, -8:].any()


def test_label_stands_where_it_is_told() -> None:
    body = np.full((100, 100, 3), 255, np.uint8)
    plain = page(body, title="", caption="")
    labelled = page(body, title="", caption="", labels=[Label(70, 40, "X", color=(255, 0, 0))])
    _, xs = np.nonzero((plain != labelled).any(axis=2))
    offset = (labelled.shape[1] - 100) / 2
    assert xs.mean() - offset == pytest.approx(70, abs=2)
    assert (labelled[..., 0] > labelled[..., 1]).any()


def test_beside_and_zoom() -> None:
    first, second = np.zeros((2, 3, 3), np.uint8), np.ones((2, 4, 3), np.uint8)
    joined = beside([first, second], gap=5)
    assert joined.shape == (2, 12, 3)
    assert (joined[:, 3:8] == 255).all()
    assert (joined[:, 8:] == 1).all()
    assert [zoom_for(side) for side in (28, 80, 200, 8)] == [3, 1, 1, 10]


def test_bodies_are_stacked_with_white_beside_narrower_ones() -> None:
    above, below = np.full((2, 3, 5, 3), 7, np.uint8), np.full((2, 4, 8, 3), 9, np.uint8)
    whole = stacked([above, below])
    assert whole.shape == (2, 7, 8, 3)
    assert (whole[:, :3, :5] == 7).all()
    assert (whole[:, :3, 5:] == 255).all()
    assert (whole[:, 3:] == 9).all()


def test_smaller_letters_take_less_room() -> None:
    assert 0 < text_width("error", 10) < text_width("error", 20)
    assert text_width("longer\nno") == text_width("longer")
