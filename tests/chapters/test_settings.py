"""A picture names a setting if and only if it looks different with another value of it."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import make_filmed, make_study
from faces import LinearReader, tell

from config import VisualizeConfig
from latentspace.chapters import FIGURES, load_recipes
from latentspace.chapters.figure import Figure
from latentspace.chapters.study import Study
from latentspace.datasets import ImageDataset
from latentspace.datasets.dataset import UNLABELLED
from latentspace.report.gallery import find_unavailable

OTHERS: dict[str, dict[str, Any]] = {  # other values than those of the first study
    "samples": {"samples": 40},
    "split": {"split": "train"},
    "method": {"method": "pca"},
    "perplexity": {"perplexity": 5.0},
    "exaggeration": {"exaggeration": 3.0},
    "place": {"place": ("7",)},
    "pairs": {"pairs": 2},
    "start": {"start": ("3",), "end": ("4",)},
    "end": {"start": ("3",), "end": ("5",)},
    "path": {"path": "linear"},
    "frames": {"frames": 9},
    "axes": {"axes": "units"},
    "fps": {"fps": 5.0},
    "expression": {"expression": "3 - 4 + 5"},
    "attribute": {"attribute": ("slant", "bright")},
    "num_clusters": {"num_clusters": 2},
    "seed": {"seed": 1},
}
read: set[str] = set()


class WatchedConfig(VisualizeConfig):
    """Settings that remember which of them were read."""

    def __getattribute__(self, name: str) -> Any:
        read.add(name)
        return super().__getattribute__(name)


def make(data: ImageDataset, figure: Figure | None = None, **settings: Any) -> Study:
    dims = figure.dims if figure is not None and figure.dims is not None else 2
    run = make_filmed(data)
    run.facts |= {
        "scores": {"test_mse": 0.01, "pca_mse": 0.02},
        **{"parameters": 100, "epochs": 3, "device": "CPU"},
    }
    run.facts["dataset"]["name"] = data.name
    epochs = np.arange(1.0, 4.0)
    history = {"epoch": epochs, "stage": np.ones(3), "loss": 1 / epochs, "val_loss": 1 / epochs}
    run.read_history = lambda: history
    study = make_study(
        run, data, with_classifier=True, **{"place": ("5",), "dims": dims, **settings}
    )
    study.reader = LinearReader(data)
    return study


def hash_drawing(figure: Figure, study: Study) -> str:
    """Of a still, or of four frames of an animation, their number and how fast they are played."""
    frames = load_recipes()[figure.file].draw(study).frames
    if not figure.is_animation:
        return hashlib.sha256(frames).hexdigest()
    shown = [frames[round(at * (len(frames) - 1))] for at in (0, 0.3, 0.6, 1)]
    facts = f"{len(frames)} {study.settings.fps}".encode()
    return hashlib.sha256(facts + b"".join(map(np.ndarray.tobytes, shown))).hexdigest()


def find_changes(data: ImageDataset, figures: Iterable[Figure]) -> dict[str, set[str]]:
    """The settings that change each picture, by its file; without pictures that can't be had."""
    recipes = load_recipes()
    first: dict[Figure, str] = {}
    candidates: dict[Figure, set[str]] = {}
    for figure in figures:
        study = make(data, figure)
        study.settings = WatchedConfig(**dataclasses.asdict(study.settings))
        read.clear()
        if find_unavailable(recipes[figure.file], study) is None:
            first[figure] = hash_drawing(figure, study)
            candidates[figure] = read & set(OTHERS)  # what nobody read changed nothing
            if figure.get_file("pca") != figure.file:
                candidates[figure].discard("method")  # the other lies beside it
    changes = defaultdict(set, {figure.file: set() for figure in first})
    for name, others in OTHERS.items():
        has_dims = (2,) if name == "map" else (2, 3)  # a map that is given is flat
        studies = {dims: make(data, **others, dims=dims) for dims in has_dims}
        for figure in (figure for figure in first if name in candidates[figure]):
            study = studies.get(figure.dims or 2)
            if study is not None and hash_drawing(figure, study) != first[figure]:
                changes[figure.file].add(name)
    return changes


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_a_picture_names_a_setting_if_and_only_if_it_changes_it(
    tiny: ImageDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = np.random.default_rng(0).normal(size=(len(tiny.test_labels), 2))
    np.save(tmp_path / "map.npy", points)
    monkeypatch.setitem(OTHERS, "map", {"map": str(tmp_path / "map.npy")})
    light = np.concatenate([tiny.train_images[:], tiny.test_images[:]]).mean(axis=(2, 3))  # (N, H)
    half = light.shape[1] // 2
    low = light[:, half:].mean(axis=1) > light[:, :half].mean(axis=1)
    tiny = tell(tiny, bright=light.mean(axis=1) > np.median(light.mean(axis=1)), low=low)
    changes = find_changes(tiny, FIGURES)
    assert set(changes) == {figure.file for figure in FIGURES}
    labels = {"train_labels": 0 * tiny.train_labels, "test_labels": 0 * tiny.test_labels}
    alone = dataclasses.replace(tiny, **labels, class_names=UNLABELLED)
    unchanged = [figure for figure in FIGURES if set(figure.depends_on) - changes[figure.file]]
    for file, names in find_changes(alone, unchanged).items():
        changes[file] |= names
    assert changes == {figure.file: set(figure.depends_on) for figure in FIGURES}
