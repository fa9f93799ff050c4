from __future__ import annotations

import numpy as np
import pytest
from drawn import is_shown, random_images, write

from latentspace.chapters.outliers import draw
from latentspace.chapters.outliers.draw import Block
from latentspace.core.pixels import to_uint8
from latentspace.drawing import layout
from latentspace.drawing.text import Text

ZOOM = layout.choose_zoom(8)
SCORES = ("a score", "another score")


def make_block(count: int, seed: int, reasons: tuple[str, ...] = ("7 (#1)", "why")) -> Block:
    images = random_images(count, seed=seed)
    return Block(f"block {seed}", images, random_images(count, seed=seed + 50), [reasons] * count)


Kinds = dict[str, tuple[np.ndarray, tuple[float, float]]]


def make_ood(name: str, seed: int, scores: tuple[float, float] = (0.5, 1.0)) -> Kinds:
    return {name: (random_images(3, seed=seed), scores)}


def draw_frame(blocks: list[Block], kinds: Kinds, caption: str = "c") -> np.ndarray:
    return write(
        draw.draw_outliers(blocks=blocks, ood=kinds, score_names=SCORES, table_heading="how well"),
        Text("t", caption),
    )


@pytest.fixture
def labels(monkeypatch: pytest.MonkeyPatch) -> list[layout.Label]:
    """All labels that are set from now on."""
    found: list[layout.Label] = []
    write_page = layout.Page.write

    def kept(page: layout.Page, text: Text) -> object:
        found.extend(page.labels)
        return write_page(page, text)

    monkeypatch.setattr(layout.Page, "write", kept)
    return found


def test_images_lie_over_their_reconstructions_at_their_places() -> None:
    first, second = make_block(4, 1), make_block(2, 2)
    frame = draw_frame([first, second], make_ood("noise", 9))
    assert frame.dtype == np.uint8
    top = layout.MARGIN + round(layout.TITLE_SIZE * layout.LINE_HEIGHT) + draw.HEADING_ROOM
    under = 2 * draw.REASON_LINE + draw.BLOCK_GAP + draw.HEADING_ROOM
    for part in (first, second):
        cell_width = 8 * ZOOM + draw.EXAMPLE_GAP
        for column, (image, back) in enumerate(zip(part.images, part.below, strict=True)):
            x = layout.MARGIN + column * cell_width
            for picture, y in ((image, top), (back, top + 11 * ZOOM)):
                place = frame[y : y + 10 * ZOOM : ZOOM, x : x + 8 * ZOOM : ZOOM, 0]
                np.testing.assert_array_equal(place, to_uint8(picture[..., 0]))
        top += 21 * ZOOM + under


def test_every_reason_stands_under_its_image_and_no_two_overlap(
    labels: list[layout.Label],
) -> None:
    part = Block(
        "far",
        random_images(3),
        random_images(3),
        [[f"{n} (#{n})", "farther than all"] for n in "123"],
    )
    draw_frame([part], make_ood("noise", 9))
    names = [label for label in labels if "(#" in label.text]
    assert [label.text for label in names] == ["1 (#1)", "2 (#2)", "3 (#3)"]
    whys = [label for label in labels if label.text == "farther than all"]
    width = layout.measure_text("farther than all", draw.REASON_SIZE)
    assert (np.diff([label.x for label in whys]) >= width).all()
    assert [why.x for why in whys] == [name.x for name in names]
    assert all(why.y - name.y >= draw.REASON_SIZE for why, name in zip(whys, names, strict=True))
    assert names[0].x == 8 * ZOOM / 2


def test_wide_reasons_are_not_cut_off() -> None:
    reasons = ("a name", "a reason that is a good deal wider than its image")
    frame = draw_frame([make_block(1, 1, reasons)], make_ood("noise", 9), caption="")
    y = layout.MARGIN + 28 + draw.HEADING_ROOM + 21 * ZOOM + round(1.7 * draw.REASON_LINE)
    written = np.flatnonzero((frame[y - 6 : y + 6] < 200).any(axis=(0, 2)))
    assert written[0] >= layout.MARGIN - 2
    width = layout.measure_text(reasons[1], draw.REASON_SIZE)
    assert written[-1] - written[0] == pytest.approx(width, abs=4)


def test_a_block_without_images_says_so(labels: list[layout.Label]) -> None:
    empty = Block("likely mislabelled: 0", *(random_images(0) for _ in range(2)), [])
    frame = draw_frame([make_block(2, 1), empty], make_ood("noise", 9))
    assert frame.ndim == 3
    assert [label.text for label in labels].count(draw.NOTHING) == 1


def test_the_table_shows_examples_and_writes_the_best_score_darker(
    labels: list[layout.Label],
) -> None:
    kinds = make_ood("noise", 8, (0.9, 0.7)) | make_ood("letters", 9, (0.6, 0.95))
    frame = draw_frame([make_block(2, 1)], kinds)
    zoom = layout.choose_zoom(8, draw.EXAMPLE_SIDE)
    for examples, _ in kinds.values():
        assert all(is_shown(frame, image, zoom) for image in examples)
    by_text = {label.text: label for label in labels}
    columns = [by_text[name].x for name in SCORES]
    assert [by_text[text].x for text in ("0.900", "0.700")] == columns
    assert [by_text[text].x for text in ("0.600", "0.950")] == columns
    assert by_text["0.900"].y == by_text["0.700"].y == by_text["noise"].y
    assert by_text["0.950"].y == by_text["letters"].y > by_text["noise"].y
    dark = {text for text, label in by_text.items() if "." in text and label.color == layout.INK}
    assert dark == {"0.900", "0.950"}
