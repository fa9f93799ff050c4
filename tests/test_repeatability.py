"""The same run in another folder, at another time, from a cold or a warm cache: the same bytes."""

from __future__ import annotations

import itertools
import re
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import LinearRun, make_study

from latentspace.chapters import COMPARED, FIGURES, load_recipes
from latentspace.chapters.compare.measure import Comparison
from latentspace.chapters.study import Study
from latentspace.core.pixels import to_uint8
from latentspace.datasets import ImageDataset
from latentspace.models.run_schema import DECODER, ENCODER
from latentspace.models.snapshots import Snapshots
from latentspace.report import gallery
from latentspace.report.metrics import write_metrics
from latentspace.report.page import PAGE, write_comparison_page, write_page

pytestmark = pytest.mark.slow

WATCHED = np.arange(3, 120, 4)  # of the training images
YEARS = (1971, 2077)  # of two visualization runs
# Drawn are stills and the page to explore, from which films differ by the number of frames; image
# files of many qualities take long, and say nothing of the time.
# Bars have no attribute that images have or have not.
DRAWN = [
    f
    for f in FIGURES
    if not f.is_animation and f.flag not in ("--place", "--compression") and f.file != "analogy.png"
]


class RecordedRun(LinearRun):
    """A linear model of which it is on record how and when it was trained."""

    film: Snapshots
    path: Path

    def read_history(self) -> dict[str, np.ndarray]:
        numbers = np.arange(1, 4)
        losses = {"loss": 0.3 / numbers, "val_loss": 0.4 / numbers}
        return {"epoch": numbers, "stage": np.ones(3, int), **losses}

    def read_snapshots(self) -> Snapshots:
        return self.film


def make_recorded_run(
    data: ImageDataset, folder: Path, year: int, name: str = "told"
) -> RecordedRun:
    """The same model at every time, trained in a folder of its year, for so many seconds."""
    run = RecordedRun(data.image_shape, name=name, model_hash=name, snapshots_unavailable=None)
    run.facts |= {
        "dataset": {"name": data.name, "hash": data.hash, "source": f"/in{year}/bars.npz"},
        "finished": f"{year}-01-02T03:04:05+00:00",
        "seconds": year + 0.25,
        "epochs": 3,
        "parameters": 10,
        "device": "cpu:0",
        "scores": {"train_mse": 0.1, "test_mse": 0.2, "pca_mse": 0.3},
    }
    run.path = folder / name
    run.path.mkdir(parents=True)
    for file in (ENCODER, DECODER):
        (run.path / file).write_bytes(b"model")
    images = data.train_images[WATCHED]
    codes = np.stack([run.encode(images) * share for share in (0.2, 0.6, 1.0)])
    drawn = np.stack([run.decode(each) for each in codes])
    run.film = Snapshots(
        indices=WATCHED,
        originals=to_uint8(images[:6]),
        steps=np.array([0, 4, 9]),
        epochs=np.array([0, 1.0, 3.0]),
        images_seen=np.array([0, 40, 120]),
        errors=((drawn - images) ** 2).mean(axis=(1, 2, 3, 4)),
        reconstructions=to_uint8(drawn[:, :6]),
        codes=codes.astype(np.float16),
    )
    return run


def make_pictures(
    folder: Path, data: ImageDataset, cache: Path, year: int, monkeypatch: pytest.MonkeyPatch
) -> dict[str, bytes]:
    """All pictures and both pages, made in a year that has a pace of its own."""
    clock = itertools.count(year, year % 100 / 100)  # seconds; under 1, or matplotlib complains
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(clock)))
    monkeypatch.setattr(gallery, "format_now", lambda: f"{year}-05-06T07:08:09+00:00")
    first = make_study(
        make_recorded_run(data, folder, year),
        data,
        cache,
        with_classifier=True,
        frames=3,
        fps=2,
    )
    second = make_study(make_recorded_run(data, folder, year, "other"), data, cache, fps=2)
    both = Comparison(first, second)
    command = f"python visualize.py --all --fps 2 --outputs-dir {folder} --data-dir /in{year}"
    for subject, figures, recipes, place in (
        (first, DRAWN, load_recipes(), folder / "one"),
        (both, COMPARED.figures, COMPARED.load_recipes(), folder / "two"),
    ):
        made = gallery.write_figures(place, figures, recipes, subject, command=command)
        assert list(made) == list(figures)
        if isinstance(subject, Study):
            chapters = dict.fromkeys(one for f in made for one in recipes[f.file].of)
            write_metrics(place / "metrics.json", subject, chapters)
            write_page(place, subject)
        else:
            write_comparison_page(place, subject)
    return {
        f"{path.parent.name}/{path.name}": path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".png", ".gif", ".html")
    }


def test_pictures_and_pages_are_the_same_bytes_anywhere_and_any_time(
    tmp_path: Path, tiny: ImageDataset, monkeypatch: pytest.MonkeyPatch, quick: None
) -> None:
    made = []
    for year, cache in zip(YEARS, ("cold", "cold"), strict=True):
        folder = tmp_path / f"in{year}"
        with monkeypatch.context() as patch:
            made.append(make_pictures(folder, tiny, tmp_path / cache, year, patch))
    for other in made[1:]:
        assert set(made[0]) == set(other)
        assert [name for name in other if other[name] != made[0][name]] == []
    assert {f"one/{PAGE}", f"two/{PAGE}", "one/explorer.html", "one/clusters.png"} <= set(made[0])
    for content in made[0].values():
        assert str(tmp_path).encode() not in content
    for name in (f"one/{PAGE}", f"two/{PAGE}"):
        page = made[0][name].decode()
        assert not re.search(r"1971|1,971|/in\d|\d\d:\d\d:\d\d", page)
        assert "python visualize.py --run told" in page
