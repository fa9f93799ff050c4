from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from conftest import PROJECT
from drawn import write
from hypothesis import given, settings
from hypothesis import strategies as st

from latentspace.drawing import layout
from latentspace.drawing.layout import (
    Label,
    Page,
    choose_zoom,
    join_horizontally,
    join_vertically,
    make_mosaic,
    measure_text,
)
from latentspace.drawing.text import Text


def grey_images(*shape: int) -> np.ndarray:
    """Images of which each holds one grey, all different: image k is k / 255."""
    count = int(np.prod(shape))
    greys = np.arange(count, dtype=np.float32).reshape(*shape, 1, 1, 1) / 255
    return np.broadcast_to(greys, (*shape, 3, 4, 1))


def test_mosaic_puts_every_grey_in_its_cell() -> None:
    tiled = make_mosaic(grey_images(4, 5), zoom=2, gap=3, row_gap=1)
    assert tiled.shape == (4 * 6 + 3 * 1, 5 * 8 + 4 * 3, 3)
    for row in range(4):
        for column in range(5):
            y, x = row * 7, column * 11
            assert (tiled[y : y + 6, x : x + 8] == row * 5 + column).all()
    assert (tiled[6] == 255).all()
    assert (tiled[:, 8:11] == 255).all()


def test_mosaic_keeps_all_greys_of_an_image() -> None:
    image = (np.arange(256, dtype=np.float32) / 255).reshape(1, 1, 16, 16, 1)
    np.testing.assert_array_equal(make_mosaic(image)[..., 0].ravel(), np.arange(256))


def test_mosaic_of_frames_colours_and_blanks() -> None:
    images = np.zeros((2, 1, 3, 2, 2, 3), np.float32)
    images[1, 0, 1] = (1.0, 0.0, 0.5)
    images[:, 0, 2] = np.nan
    frames = make_mosaic(images, gap=0)
    assert frames.shape == (2, 2, 6, 3)
    assert (frames[1, :, 2:4] == (255, 0, 128)).all()
    assert (frames[0, :, :4] == 0).all()
    assert (frames[:, :, 4:] == 255).all()


def test_page_leaves_the_body_untouched() -> None:
    rng = np.random.default_rng(0)
    body = rng.integers(0, 255, (60, 90, 3), dtype=np.uint8)
    framed = write(Page(body, left=30, top=20), Text("Title", "Some words " * 20))
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
    arguments = {"labels": [Label(-5, 30, "row", "rm")], "left": 40}
    frames = write(Page(body, **arguments))
    for single, frame in zip(body, frames, strict=True):
        np.testing.assert_array_equal(write(Page(single, **arguments)), frame)


def test_text_is_drawn_and_never_cut_off() -> None:
    body = np.full((20, 600, 3), 255, np.uint8)
    with_text = write(Page(body), Text("A long title " * 9, "words that go on " * 40))
    ink = (with_text < 200).any(axis=2)
    assert ink.any()
    border = np.concatenate([ink[:8].ravel(), ink[-8:].ravel(), ink[:, :8].ravel()])
    assert not border.any()
    assert not ink[:, -8:].any()


def test_label_stands_where_it_is_told() -> None:
    body = np.full((100, 100, 3), 255, np.uint8)
    plain = write(Page(body), Text("", ""))
    labelled = write(Page(body, [Label(70, 40, "X", color=(255, 0, 0))]), Text("", ""))
    _, xs = np.nonzero((plain != labelled).any(axis=2))
    offset = (labelled.shape[1] - 100) / 2
    assert xs.mean() - offset == pytest.approx(70, abs=2)
    assert (labelled[..., 0] > labelled[..., 1]).any()


def test_beside_and_zoom() -> None:
    first, second = np.zeros((2, 3, 3), np.uint8), np.ones((2, 4, 3), np.uint8)
    joined = join_horizontally([first, second], gap=5)
    assert joined.shape == (2, 12, 3)
    assert (joined[:, 3:8] == 255).all()
    assert (joined[:, 8:] == 1).all()
    assert [choose_zoom(side) for side in (28, 80, 200, 8)] == [3, 1, 1, 10]
    assert [choose_zoom(side, 112) for side in (28, 32, 64, 92, 105)] == [4, 4, 2, 1, 1]
    assert [choose_zoom(side) for side in (64, 65)] == [2, 1]


def test_bodies_are_stacked_with_white_beside_narrower_ones() -> None:
    above, below = np.full((2, 3, 5, 3), 7, np.uint8), np.full((2, 4, 8, 3), 9, np.uint8)
    whole = join_vertically([above, below])
    assert whole.shape == (2, 7, 8, 3)
    assert (whole[:, :3, :5] == 7).all()
    assert (whole[:, :3, 5:] == 255).all()
    assert (whole[:, 3:] == 9).all()


def test_smaller_letters_take_less_room() -> None:
    assert 0 < measure_text("error", 10) < measure_text("error", 20)
    assert measure_text("longer\nno") == measure_text("longer")


@given(
    shape=st.tuples(*(st.integers(1, 4) for _ in range(4)), st.sampled_from([1, 3])),
    zoom=st.integers(1, 3),
    gap=st.integers(0, 3),
    row_gap=st.none() | st.integers(0, 3),
    seed=st.integers(0, 9),
)
@settings(max_examples=100)
def test_every_image_is_found_unchanged_in_its_place(
    shape: tuple[int, ...], zoom: int, gap: int, row_gap: int | None, seed: int
) -> None:
    values = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    tiled = make_mosaic(values / np.float32(255), zoom=zoom, gap=gap, row_gap=row_gap)
    down, right = shape[2] * zoom, shape[3] * zoom
    row_gap = gap if row_gap is None else row_gap
    white = np.ones(tiled.shape[:2], bool)
    for row in range(shape[0]):
        for column in range(shape[1]):
            place = np.s_[
                row * (down + row_gap) : row * (down + row_gap) + down,
                column * (right + gap) : column * (right + gap) + right,
            ]
            white[place] = False
            large = values[row, column].repeat(zoom, axis=0).repeat(zoom, axis=1)
            np.testing.assert_array_equal(tiled[place], np.broadcast_to(large, (down, right, 3)))
    assert tiled.shape == (
        shape[0] * (down + row_gap) - row_gap, shape[1] * (right + gap) - gap, 3
    )  # fmt: skip
    assert (tiled[white] == 255).all()


@given(
    sizes=st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=1, max_size=4),
    gap=st.integers(0, 3),
)
@settings(max_examples=50)
def test_bodies_are_found_unchanged_below_and_beside_each_other(
    sizes: list[tuple[int, int]], gap: int
) -> None:
    bodies = [np.full((*size, 3), number, np.uint8) for number, size in enumerate(sizes)]
    whole = join_vertically(bodies)
    assert [(whole == number).all(axis=2).sum() for number in range(len(sizes))] == [
        height * width for height, width in sizes
    ]
    level = [body[:1] for body in bodies]
    joined = join_horizontally(level, gap)
    assert joined.shape[1] == sum(width for _, width in sizes) + gap * (len(sizes) - 1)
    assert [(joined == number).all(axis=2).sum() for number in range(len(sizes))] == [
        width for _, width in sizes
    ]


def draw_something() -> bytes:
    figure = layout.make_figure(3, 2)
    figure.subplots().plot([0, 1], label="$a_b$")
    figure.suptitle("$a title")
    figure.legend()
    return layout.render_figure(figure).tobytes()


@pytest.mark.parametrize(
    "chosen",
    [
        {"figure.facecolor": "black", "font.size": 30, "font.family": "Nofont"},
        {"text.usetex": True, "backend": "qtagg"},
        {"axes.spines.top": False, "lines.linewidth": 9, "savefig.dpi": 10, "figure.dpi": 10},
    ],
)
def test_settings_of_a_person_change_no_figure(chosen: dict[str, object]) -> None:
    plain = draw_something()
    with matplotlib.rc_context():
        for name, value in chosen.items():
            matplotlib.rcParams[name] = value
        assert draw_something() == plain


DRAW = """
import config
def main():
    from latentspace.drawing import layout
    print(layout.render_text("a", (9, 9)).sum(), layout.make_figure(3, 2).get_facecolor())
raise SystemExit(config.run_script(main, user_errors=()))
"""


@pytest.mark.parametrize(
    ("matplotlibrc", "variables"),
    [
        (b"axes.facecolor: \xff\xfe", {"MPLBACKEND": "module://matplotlib_inline.nonsense"}),
        (b"backend: nonsense\nno.such.key: 1", {"MATPLOTLIBRC": "/no/such", "MPLBACKEND": "qtagg"}),
        (b"figure.facecolor: black", {"MPLCONFIGDIR": os.devnull, "MPLBACKEND": "nonsense"}),
    ],
)
def test_no_file_or_variable_of_matplotlib_stops_us(
    tmp_path: Path, matplotlibrc: bytes, variables: dict[str, str]
) -> None:
    (tmp_path / "matplotlibrc").write_bytes(matplotlibrc)
    drawn = subprocess.run(
        [sys.executable, "-c", DRAW],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PROJECT), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    expected = f"{layout.render_text('a', (9, 9)).sum()} (1.0, 1.0, 1.0, 1.0)\n"
    assert (drawn.stdout, drawn.stderr) == (expected, "")
