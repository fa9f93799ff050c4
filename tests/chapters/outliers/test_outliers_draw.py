from __future__ import annotations

import numpy as np
import pytest
from drawn import is_shown, random_images, write

from latentspace.chapters.outliers import draw
from latentspace.drawing import layout
from latentspace.drawing.grids import Grid
from latentspace.drawing.text import Text

SCORES = ("a score", "another score")


Kinds = dict[str, tuple[np.ndarray, tuple[float, float]]]


def make_ood(name: str, seed: int, scores: tuple[float, float] = (0.5, 1.0)) -> Kinds:
    return {name: (random_images(3, seed=seed), scores)}


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


def test_the_table_shows_examples_and_writes_the_best_score_darker(
    labels: list[layout.Label],
) -> None:
    kinds = make_ood("noise", 8, (0.9, 0.7)) | make_ood("letters", 9, (0.6, 0.95))
    grid = Grid([], [], random_images(1, 2, seed=1), "far")
    asked = {"ood": kinds, "score_names": SCORES, "table_heading": "how well"}
    frame = write(draw.draw_outliers(grids=[grid], **asked))
    assert is_shown(frame, grid.images[0, 1], layout.choose_zoom(8))
    zoom = layout.choose_zoom(8, draw.EXAMPLE_SIDE)
    for examples, _ in kinds.values():
        assert all(is_shown(frame, image, zoom) for image in examples)
    by_text = {label.text: label for label in labels}
    assert by_text["how well"].y > by_text["far"].y + 10 * layout.choose_zoom(8)
    columns = [by_text[name].x for name in SCORES]
    assert [by_text[text].x for text in ("0.900", "0.700")] == columns
    assert [by_text[text].x for text in ("0.600", "0.950")] == columns
    assert by_text["0.900"].y == by_text["0.700"].y == by_text["noise"].y
    assert by_text["0.950"].y == by_text["letters"].y > by_text["noise"].y
    dark = {text for text, label in by_text.items() if "." in text and label.color == layout.INK}
    assert dark == {"0.900", "0.950"}
