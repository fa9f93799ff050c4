from __future__ import annotations

import numpy as np
import pytest
from drawn import is_shown, random_images, write
from matplotlib.figure import Figure

from latentspace.chapters.maps import draw
from latentspace.drawing import layout
from latentspace.drawing.points import LabelledMaps

CLASSES = ("a", "b", "c")


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Every matplotlib figure that is turned into pixels from now on."""
    figures: list[Figure] = []
    render = layout.render_figure
    monkeypatch.setattr(
        layout, "render_figure", lambda figure: figures.append(figure) or render(figure)
    )
    return figures


def make_points(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 2))


def make_maps(*headings: str) -> LabelledMaps:
    points = {heading: make_points(30) for heading in headings}
    return LabelledMaps(points, np.arange(30) % 3, CLASSES)


def test_methods_are_columns_and_sources_rows(drawn: list[Figure]) -> None:
    headings = [
        f"{method} of {row}\nscore of {method}"
        for row in ("pixels", "codes")
        for method in ("PCA", "t-SNE")
    ]
    frame = write(draw.draw_projection_methods(make_maps(*headings), rows=2))
    assert frame.ndim == 3
    titles = [axes.get_title() for axes in drawn[0].axes]
    assert [title.splitlines()[0] for title in titles] == [
        "PCA of pixels",
        "t-SNE of pixels",
        "PCA of codes",
        "t-SNE of codes",
    ]
    assert all("score of" in title for title in titles)
    for axes in drawn[0].axes:
        assert len(axes.collections[0].get_offsets()) == 30


def test_the_table_holds_every_share_and_the_mean(drawn: list[Figure]) -> None:
    table = {"among pixels": np.array([0.2, 0.1, 0.0]), "among codes": np.array([0.05, 0.0, 0.01])}
    write(draw.draw_overlap(make_maps("pixels", "codes"), classes=(0, 1, 2), table=table))
    (written,) = drawn[0].axes[-1].tables
    texts = {place: cell.get_text().get_text() for place, cell in written.get_celld().items()}
    assert [texts[0, column] for column in range(4)] == [*CLASSES, "mean of these"]
    assert [texts[1, column] for column in range(-1, 4)] == [
        "among pixels",
        "20.0%",
        "10.0%",
        "0.0%",
        "10.0%",
    ]
    assert texts[2, 3] == "2.0%"


def test_the_decoded_grid_shows_its_images_and_leaves_the_rest_white() -> None:
    grid = random_images(3, 3)
    grid[1, 1] = np.nan
    frame = write(draw.draw_decoded_grid(grid=grid))
    zoom = layout.choose_zoom(8, draw.CELL)
    for row, column in ((0, 0), (2, 1)):
        assert is_shown(frame, grid[row, column], zoom)
    body = layout.make_mosaic(grid, zoom=zoom, gap=0)
    assert (body[10 * zoom : 20 * zoom, 8 * zoom : 16 * zoom] == 255).all()


def test_placed_images_stand_on_both_maps_and_beside_their_neighbours(drawn: list[Figure]) -> None:
    images, near = random_images(2), random_images(2, 2, 3, seed=5)
    frame = write(
        draw.draw_placed(
            make_maps("pixels", "codes"),
            places=[make_points(2, 1), make_points(2, 2)],
            images=images,
            names=["mine.png", "a (#3)"],
            neighbors={
                "pixels": (near[0], np.full((2, 3), "a")),
                "codes": (near[1], np.full((2, 3), "b")),
            },
        )
    )
    zoom = layout.choose_zoom(8, draw.NEIGHBOR_THUMBNAIL)
    for image in (*images, *near.reshape(-1, 10, 8, 1)):
        assert is_shown(frame, image, zoom)
    for axes, seed in zip(drawn[0].axes, (1, 2), strict=True):
        marks = np.array([line.get_xydata()[0] for line in axes.lines])
        np.testing.assert_allclose(marks, make_points(2, seed))
        assert [text.get_text() for text in axes.texts if text.get_text().isdigit()] == ["1", "2"]
