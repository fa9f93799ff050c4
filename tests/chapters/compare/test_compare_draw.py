from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from drawn import write

from latentspace.chapters.compare import draw as comparison
from latentspace.chapters.compare.draw import Examples
from latentspace.drawing import layout
from latentspace.drawing.layout import Label
from latentspace.drawing.text import Text


@pytest.fixture
def labels(monkeypatch: pytest.MonkeyPatch) -> list[Label]:
    """All labels that are set from now on."""
    found: list[Label] = []
    write_page = layout.Page.write

    def kept(page: layout.Page, text: Text) -> object:
        found.extend(page.labels)
        return write_page(page, text)

    monkeypatch.setattr(layout.Page, "write", kept)
    return found


def make_block(count: int, seed: int, *, channels: int = 1, name: str = "a") -> Examples:
    rng = np.random.default_rng(seed)
    return Examples(
        title=f"block {seed}",
        names=[f"{name} #{index}" for index in range(count)],
        images=rng.random((3, count, 10, 8, channels)).astype(np.float32),
        errors=rng.random((2, count)) / 100,
    )


def draw(*blocks: Examples) -> np.ndarray:
    rows = ["original", "A: first", "B: second"]
    return write(comparison.draw_reconstructions(blocks=blocks, rows=rows))


@pytest.mark.parametrize("channels", [1, 3])
def test_every_image_stands_above_its_label(labels: list[Label], channels: int) -> None:
    blocks = make_block(4, 1, channels=channels), make_block(2, 2, channels=channels)
    frame = draw(*blocks)
    zoom, left = layout.choose_zoom(8), layout.measure_text("B: second") + 12 + layout.MARGIN
    top = layout.MARGIN + round(layout.TITLE_SIZE * layout.LINE_HEIGHT)
    for part in blocks:
        texts = [part.names, *([f"{error:.5f}" for error in line] for line in part.errors)]
        for row, line in enumerate(texts):
            for column, text in enumerate(line):
                (label,) = [label for label in labels if label.text == text][:1]
                labels.remove(label)
                bottom = round(top + label.y - comparison.LABEL_ROOM / 2)
                start = round(left + label.x - 8 * zoom / 2)
                shown = frame[bottom - 10 * zoom : bottom, start : start + 8 * zoom]
                expected = np.rint(part.images[row, column] * 255)
                difference = shown[::zoom, ::zoom].astype(int) - expected
                # Text reaches a pixel or two into a picture at most.
                assert (difference[:-1] == 0).all()
    assert {label.text for label in labels} == {
        *("block 1", "block 2", "original", "A: first", "B: second")
    }


def test_the_smaller_error_is_printed_darker(labels: list[Label]) -> None:
    errors = np.array([[0.001, 0.004, 0.005], [0.002, 0.003, 0.005]])
    draw(dataclasses.replace(make_block(3, 3), errors=errors))
    colors = [label.color for label in labels if label.text.startswith("0.00")]
    dark, faint = layout.INK, layout.FAINT_INK
    assert colors == [dark, faint, dark, faint, dark, dark]


def test_long_class_names_do_not_run_into_each_other(labels: list[Label]) -> None:
    frame = draw(make_block(3, 4, name="a class of a very long name"))
    names = [label for label in labels if "very long" in label.text]
    widths = [layout.measure_text(label.text) for label in names]
    for first, second, width in zip(names, names[1:], widths, strict=False):
        assert second.x - first.x > width
    left = layout.measure_text("B: second") + 12 + layout.MARGIN
    assert left + names[-1].x + widths[-1] / 2 < frame.shape[1]
    assert names[0].x - widths[0] / 2 > -left
