from __future__ import annotations

import numpy as np
import pytest
from drawn import write

from latentspace.chapters.clusters import draw
from latentspace.chapters.clusters.draw import FRAME_COLOR, FULL, draw_clusters
from latentspace.drawing import layout
from latentspace.drawing.text import Text

TABLE = (["method", "accuracy"], [["pixels", "0.5"], ["codes", "0.9"]])


def picture(*, class_names: list[str], table: tuple = TABLE) -> np.ndarray:
    """Two clusters; of the first the second typical member is framed."""
    members = [
        (np.full((2, 20, 20, 1), 0.25, np.float32), np.array([False, True])),
        (np.full((1, 20, 20, 1), 0.5, np.float32), np.array([False])),
    ]
    return write(
        draw_clusters(
            centres=np.full((2, 20, 20, 1), 0.75, np.float32),
            members={"most typical": members},
            names=[("a", "3, 100.0% pure"), ("b", "1, 50.0% pure")],
            counts=np.array([[9, 0], [1, 1]])[:, : len(class_names)],
            class_names=class_names,
            table=table,
        ),
        Text("Clusters", ""),
    )


def count(drawn: np.ndarray, color) -> int:
    return int((drawn == np.asarray(color)).all(axis=-1).sum())


def test_images_are_drawn_exactly_and_marked_ones_framed() -> None:
    drawn = picture(class_names=[])
    side = 20 * layout.choose_zoom(20)
    assert count(drawn, [191] * 3) >= 2 * side**2  # both centres; text has a few such pixels
    frame = side**2 - (side - 2 * draw.FRAME) ** 2
    assert count(drawn, FRAME_COLOR) == frame
    inside = (2 * side**2 - frame, side**2)
    assert count(drawn, [64] * 3) == pytest.approx(inside[0], abs=300)
    assert count(drawn, [128] * 3) == pytest.approx(inside[1], abs=300)


def test_counts_are_coloured_by_their_share_of_the_cluster() -> None:
    with_counts, without = picture(class_names=["a", "b"]), picture(class_names=[])
    assert with_counts.shape[1] > without.shape[1]
    assert count(without, FULL) == 0
    cell = 20 * layout.choose_zoom(20) * draw.CELL_WIDTH
    assert 0.7 * cell < count(with_counts, FULL) < cell  # but for its number
    half = np.rint(255 + np.sqrt(0.5) * (FULL - 255))
    assert 2 * 0.7 * cell < count(with_counts, half) < 2 * cell


def test_the_table_makes_the_page_longer_and_wider_where_it_needs_to() -> None:
    small = picture(class_names=[])
    long = picture(class_names=[], table=(TABLE[0], TABLE[1] * 3))
    assert long.shape[0] == small.shape[0] + 4 * draw.TABLE_LINE
    wide = picture(class_names=[], table=(["m" * 90, "x"], [["a", "b"]]))
    assert wide.shape[1] > small.shape[1]
    assert (wide[:, -2:] == 255).all()
