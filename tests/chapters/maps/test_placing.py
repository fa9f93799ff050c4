from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import LinearRun, make_study
from PIL import Image

from latentspace.chapters.maps import placing
from latentspace.chapters.maps.measure import Maps
from latentspace.chapters.maps.placing import Placing
from latentspace.datasets import ImageDataset


def test_the_grid_is_decoded_near_images_and_empty_elsewhere(
    linear_run: LinearRun, tiny: ImageDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placing, "GRID_SIDE", 12)
    study = make_study(linear_run, tiny)
    calls = len(linear_run.calls)
    grid = study.of(Placing).grid
    assert grid.shape == (12, 12, 14, 11, 1)
    decoded = [count for kind, count in linear_run.calls[calls:] if kind == "decode"]
    empty = np.isnan(grid).any(axis=(2, 3, 4))
    assert decoded == [(~empty).sum()]  # one batch
    assert 0 < empty.sum() < 144
    # Each image lies within the reach of the cell that it lies in.
    points = study.of(Maps).get_points("latent")
    low, high = points.min(axis=0), points.max(axis=0)
    cell = (high - low).max() / 11
    middle = (low + high) / 2
    columns = np.rint((points[:, 0] - middle[0]) / cell + 5.5).astype(int).clip(0, 11)
    rows = np.rint((middle[1] - points[:, 1]) / cell + 5.5).astype(int).clip(0, 11)
    assert not empty[rows, columns].any()


def test_a_cell_on_an_image_draws_that_image(
    linear_run: LinearRun, tiny: ImageDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placing, "GRID_SIDE", 2)
    study = make_study(linear_run, tiny)
    corners = np.array([[0.0, 0.0], [10, 0], [0, 10], [10, 10]], np.float32)
    monkeypatch.setattr(study.of(Maps), "get_points", lambda space: corners)
    study.of(Maps).codes = study.codes[:4]
    expected = linear_run.decode(study.codes[[2, 3, 0, 1]]).reshape(2, 2, 14, 11, 1)
    np.testing.assert_allclose(study.of(Placing).grid, expected, atol=1e-3)


@pytest.mark.parametrize("method", ["tsne", "pca"])
def test_an_image_that_is_on_the_map_is_placed_beside_itself(
    linear_run: LinearRun, tiny: ImageDataset, tmp_path: Path, method: str
) -> None:
    Image.fromarray(tiny.test_pixels[7, :, :, 0]).save(tmp_path / "mine.png")
    names = ("7", str(tmp_path / "mine.png"))
    study = make_study(linear_run, tiny, place=names, method=method)
    before = {space: study.of(Maps).get_points(space).copy() for space in ("pixel", "latent")}
    for space, (places, neighbors) in study.of(Placing).placed.items():
        points = before[space]
        extent = np.ptp(points, axis=0).max()
        assert neighbors[0, 0] == 7
        assert np.linalg.norm(places[0] - points[7]) < 0.3 * extent
        np.testing.assert_array_equal(study.of(Maps).get_points(space), points)
    metrics = study.of(Placing).metrics
    assert list(metrics) == ["lying (#7)", "mine.png"]
    assert metrics["lying (#7)"]["latent"]["neighbors"][0] == 7
    assert metrics["lying (#7)"]["pixel"]["classes"][0] == "lying"
