from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from config import VisualizeConfig
from latentspace.core.errors import InputError
from latentspace.datasets import ImageDataset, ReadOptions, load_dataset
from latentspace.models.runs import Run
from latentspace.models.sources import load_images


def look(data: ImageDataset, **given: object) -> ImageDataset:
    """The images that a look at a run of some images takes."""
    facts = {"dataset": data.facts, "image_shape": data.image_shape}
    config = VisualizeConfig(quiet=True, no_cache=True, **given)
    return load_images(config, frozenset(given), Run(Path("run"), facts))


def write(path: Path) -> Path:
    images = np.random.default_rng(0).integers(0, 16, (30, 8, 8)).astype("f4")
    if path.suffix == ".npy":
        np.save(path, images)
    elif path.suffix == ".npz":
        np.savez(path, a=images, b=images[:, ::-1])
    else:
        path.mkdir()
        np.savez(path / "x.npz", a=images, b=images[:, ::-1])
    return path


@pytest.mark.parametrize("name", ["x.npz", "x.npy", "folder"])
def test_images_that_have_moved_are_read_from_their_new_place(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / name)
    options = {} if name == "x.npy" else {"images_key": ("b",)}
    data = load_dataset(str(path), read_options=ReadOptions(limit=20, **options))
    assert look(data).hash == data.hash
    (tmp_path / "new").mkdir()
    path.rename(tmp_path / "new" / name)
    with pytest.raises(InputError, match=f"no longer at {path}: pass --dataset"):
        look(data)
    assert look(data, dataset=str(tmp_path / "new" / name)).hash == data.hash
    assert "the run's images have moved" in capsys.readouterr().out
    other = write(tmp_path / f"other{path.suffix}" if path.suffix else tmp_path / "other")
    if name == "x.npy":
        assert look(data, dataset=str(other)).hash != data.hash  # without the limit


def test_labels_that_have_moved_are_asked_for(tmp_path: Path) -> None:
    images, labels = write(tmp_path / "x.npy"), tmp_path / "y.npy"
    np.save(labels, np.arange(30) % 3)
    data = load_dataset(str(images), read_options=ReadOptions(labels=str(labels)))
    labels.rename(tmp_path / "z.npy")
    with pytest.raises(
        InputError, match=r"no longer at .*y\.npy: pass --labels .*, or --no-labels$"
    ):
        look(data)
    assert look(data, labels=str(tmp_path / "z.npy")).hash == data.hash
    assert not look(data, no_labels=True).has_classes
