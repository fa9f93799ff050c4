from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest
from conftest import LinearRun, make_study

from latentspace.chapters.compression import measure
from latentspace.chapters.compression.figures import RECIPES
from latentspace.chapters.compression.measure import (
    FLOATS,
    ONE_STEP,
    PCA_ONE_STEP,
    Compression,
)
from latentspace.datasets import ImageDataset


def test_errors_and_sizes_are_those_of_what_is_decoded(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    chapter = make_study(linear_run, tiny).of(Compression)
    floats = chapter.codes[FLOATS]
    back = linear_run.decode(linear_run.encode(tiny.test_images[:]))
    assert floats.sizes == [8 * 4]
    assert floats.mse[0] == pytest.approx(np.mean((back - tiny.test_images[:]) ** 2), rel=1e-5)
    plain, coded = chapter.codes["codes, plain"], chapter.codes["codes, entropy coded"]
    np.testing.assert_array_equal(plain.sizes, [2, 3, 4, 6, 8])
    np.testing.assert_array_equal(plain.mse, coded.mse)
    assert plain.mse[-1] == pytest.approx(floats.mse[0], rel=0.01)
    assert plain.mse[0] > plain.mse[-1]
    assert (np.diff(chapter.codes[ONE_STEP].sizes) > 0).all()
    # The principal components are the best linear code, and the random basis is far from it.
    assert chapter.components["PCA 8, plain"].mse[-1] < plain.mse[-1]
    best = chapter.components[PCA_ONE_STEP]
    assert best.mse[-1] < chapter.components["PCA 8, plain"].mse[-1]
    assert (np.diff(best.tables) >= 0).all()


def test_metrics_are_whole_and_answer_and_rows_are_theirs(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    study = make_study(linear_run, tiny)
    metrics = study.of(Compression).metrics
    text = json.dumps(metrics, allow_nan=False)
    assert "Infinity" not in text
    assert metrics["images"] == 60
    assert metrics["pixel_bytes"] == 14 * 11
    for settings in metrics["methods"].values():
        assert all(item["bytes"] > 0 and item["ssim"] <= 1 for item in settings)
    assert (
        metrics["lossless_bytes"]["PNG in single files"]
        > metrics["lossless_bytes"]["PNG in one sheet"]
    )
    answer = study.of(Compression).answer
    assert answer.startswith(f"at {metrics['chosen_bytes']:.1f} bytes an image")
    assert f"{metrics['chosen_mse']:.5f}" in answer
    assert metrics["nearest"] is None or f"{metrics['nearest']}, needs" in answer
    first, decoder, *rest = study.of(Compression).rows
    assert first.own.value == metrics["chosen_bytes"]
    assert first.baselines["pixels as they are"].value == 14 * 11
    assert decoder.own.value == 5000
    assert [row.own.value for row in rest] == [
        count for count in [metrics["break_even_images"]] if count is not None
    ]


def test_pictures_show_what_was_stored(linear_run: LinearRun, tiny: ImageDataset) -> None:
    chapter = make_study(linear_run, tiny).of(Compression)
    originals, *budgets = chapter.budgets
    assert originals.images.shape == (1, 10, 14, 11, 1)
    assert [grid.title for grid in budgets] == [
        f"at most {size} bytes an image" for size in (2, 4, 6, 8)
    ]
    written = re.compile(r"(.*)\n([0-9.]+) bytes( \(over\))?, error ([0-9.]+)")
    for size, grid in zip((2, 4, 6, 8), budgets, strict=True):
        assert grid.images.shape == (len(grid.names), 10, 14, 11, 1)
        found = [written.fullmatch(name) for name in grid.names]
        assert found[0][1].startswith("codes")
        assert float(found[0][2]) <= size
        assert all((float(row[2]) > size) == bool(row[3]) for row in found)
        assert any(row[3] for row in found)  # no image file is that small
    best = np.square(budgets[-1].images[0] - originals.images[0]).mean()
    assert best == pytest.approx(float(found[0][4]), rel=0.6)
    names = [line.name for line in chapter.lines]
    assert len(names) == len(set(names))
    for line in chapter.lines:
        assert (np.diff(line.mse[0]) > 0).all()
        assert (np.diff(line.mse[1]) < 0).all()
        assert (np.diff(line.ssim[1]) > 0).all()


def test_a_second_look_stores_nothing_again(
    linear_run: LinearRun, tiny: ImageDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_study(linear_run, tiny, tmp_path).of(Compression).metrics
    monkeypatch.setattr(measure, "gather_settings", None)
    assert make_study(linear_run, tiny, tmp_path).of(Compression).metrics == first


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("channels", [1, 3])
def test_few_images_in_grey_or_colour_are_enough(
    tiny: ImageDataset, count: int, channels: int
) -> None:
    def part(pixels: np.ndarray) -> np.ndarray:
        return np.repeat(pixels, channels, axis=-1)

    data = dataclasses.replace(
        tiny,
        train_pixels=part(tiny.train_pixels),
        test_pixels=part(tiny.test_pixels[:count]),
        test_labels=tiny.test_labels[:count],
    )
    study = make_study(LinearRun(data.image_shape), data)
    assert study.of(Compression).budgets[0].images.shape == (1, count, 14, 11, channels)
    for recipe in RECIPES.values():
        assert recipe.draw(study).frames.dtype == np.uint8


def test_dead_codes_are_measured_as_any_others(linear_run: LinearRun, tiny: ImageDataset) -> None:
    linear_run.basis[:] = 0
    study = make_study(linear_run, tiny)
    metrics = study.of(Compression).metrics
    assert metrics["chosen_mse"] == pytest.approx(np.square(tiny.test_images[:]).mean(), rel=1e-4)
    json.dumps(metrics, allow_nan=False)
