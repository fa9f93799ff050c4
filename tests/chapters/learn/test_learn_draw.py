from __future__ import annotations

import numpy as np
import pytest
from drawn import write
from matplotlib.figure import Figure

from latentspace.chapters.learn import draw
from latentspace.drawing import layout
from latentspace.drawing.layout import Page, choose_zoom, render_figure

MOMENTS = 4
SIDE = 28


def draw_film(count: int = 12, names: str = "aaabbbcccddd", **options) -> Page:
    rng = np.random.default_rng(0)
    seen = np.array([0, 10, 100, 1000])
    errors = np.array([0.2, 0.1, 0.03, 0.01])
    arguments = {
        "originals": np.full((count, SIDE, SIDE, 1), 200, np.uint8),
        "reconstructions": rng.integers(0, 120, (MOMENTS, count, SIDE, SIDE, 1), np.uint8),
        "names": list(names[:count]),
        "curves": {"held back": (seen, errors), "trained": (seen[1:], errors[1:] / 2)},
        "baselines": {"PCA": 0.02},
        "notes": [f"moment {number}" for number in range(MOMENTS)],
        "order": [0, 0, 1, 2, 3, 3],
        **options,
    }
    return draw.draw_training(**arguments)


def contains(frame: np.ndarray, image: np.ndarray) -> bool:
    """Whether an enlarged image, uint8 (H, W, 1), stands somewhere in a frame."""
    zoom = choose_zoom(SIDE, draw.LEAST_SIDE)
    wanted = image.repeat(zoom, axis=0).repeat(zoom, axis=1)[..., 0]
    places = np.lib.stride_tricks.sliding_window_view(frame[..., 0], (1, wanted.shape[1]))
    rows = np.argwhere((places[..., 0, :] == wanted[0]).all(axis=2))
    return any(
        (frame[y : y + len(wanted), x : x + wanted.shape[1], 0] == wanted).all() for y, x in rows
    )


def test_each_frame_shows_the_reconstructions_of_its_moment() -> None:
    rng = np.random.default_rng(0)
    reconstructions = rng.integers(0, 120, (MOMENTS, 12, SIDE, SIDE, 1), np.uint8)
    frames = write(draw_film(reconstructions=reconstructions))
    assert len(frames) == 6
    for place, moment in ((1, 0), (3, 2)):
        for number in (0, 5, 11):
            assert contains(frames[place], reconstructions[moment, number])
            assert not contains(frames[place], reconstructions[moment + 1, number])
    np.testing.assert_array_equal(frames[4], frames[5])
    assert contains(frames[0], np.full((SIDE, SIDE, 1), 200, np.uint8))


def test_the_curve_has_grown_up_to_the_moment_and_no_further() -> None:
    curves = {"held back": (np.array([0, 10, 100, 1000]), np.array([0.2, 0.1, 0.03, 0.01]))}
    chart = draw._make_chart(curves, {"PCA": 0.02}, 700)
    assert chart.empty.shape == chart.whole.shape
    assert chart.empty.shape[1] == 700
    assert (np.diff(chart.places) > 20).all()
    for moment, x in enumerate(chart.places):
        shown = chart.draw_until(moment)
        np.testing.assert_array_equal(shown[:, : x - 1], chart.whole[:, : x - 1])
        np.testing.assert_array_equal(shown[:, x + 1 :], chart.empty[:, x + 1 :])
        top, bottom = chart.rows
        assert (shown[top:bottom, x, 0] <= draw.NOW[0]).all()
    first, last = chart.places[[0, -1]]
    grown = (chart.whole != chart.empty).any(axis=(0, 2))
    assert grown[first + 5 : last - 5].all()
    assert not grown[:first].any() or grown[: first + 1].sum() < 4
    assert not grown[last + 5 :].any()


def test_a_column_of_one_class_is_named() -> None:
    def list_texts(**options) -> list[str]:
        return [label.text for label in draw_film(**options).labels]

    assert list_texts() == ["a", "b", "c", "d", *["original", "drawn"] * 3]
    assert list_texts(names="abbbbbcccddd")[:3] == ["b", "c", "d"]
    # Of too few for three rows each has a column.
    assert list_texts(count=4) == ["a", "a", "a", "b", "original", "drawn"]


@pytest.mark.parametrize("seen", [[0], [0, 5]])
def test_a_training_of_a_moment_or_two_can_be_drawn(seen: list[int]) -> None:
    times = np.array(seen)
    film = draw_film(
        count=1,
        reconstructions=np.zeros((len(seen), 1, SIDE, SIDE, 1), np.uint8),
        curves={"held back": (times, np.full(len(seen), 0.1))},
        notes=["x"] * len(seen),
        order=range(len(seen)),
    )
    assert len(write(film)) == len(seen)


def test_learning_curve_draws_both_losses_and_the_baselines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr(
        layout, "render_figure", lambda figure: drawn.append(figure) or render_figure(figure)
    )
    history = {
        "epoch": np.array([1.0, 2, 3]),
        "stage": np.array([1.0, 1, 2]),
        "loss": np.array([0.1, 0.05, 0.01]),
        "val_loss": np.array([0.2, 0.06, 0.02]),
    }
    frame = write(
        draw.draw_learning_curve(history=history, baselines={"PCA": 0.03, "this model": 0.015})
    )
    assert frame.ndim == 3
    (axes,) = drawn[0].axes
    lines = {line.get_label(): line.get_ydata() for line in axes.lines}
    assert np.array_equal(lines["training images"], history["loss"])
    assert np.array_equal(lines["validation images"], history["val_loss"])
    assert set(lines["PCA: 0.03000"]) == {0.03}
    (begin,) = [
        line.get_xdata() for line in axes.lines if "codes are corrected" in line.get_label()
    ]
    assert set(begin) == {2.5}
    assert axes.get_yscale() == "log"
