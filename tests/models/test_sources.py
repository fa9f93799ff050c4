from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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


def test_corrections_leave_what_the_run_has_on_record(tmp_path: Path) -> None:
    images, labels = write(tmp_path / "x.npy"), tmp_path / "y.npy"
    np.save(labels, np.arange(30) % 3)
    data = load_dataset(str(images), read_options=ReadOptions(labels=str(labels), limit=20))
    table = tmp_path / "c.csv"
    table.write_text("split,index,label\ntest,0,7\n")
    corrected = look(data, labels=str(table))
    assert corrected.describe("test", 0)[1] == "7"
    assert (corrected.test_labels[1:] == data.test_labels[1:]).all()
    assert corrected.are_images_of(data.facts)
    assert not look(data, limit=19).are_images_of(data.facts)
    # They travel with a run, which is known again with others, with fewer and without.
    assert look(corrected).hash == corrected.hash
    table.write_text("split,index,label\ntest,0,7\ntest,1,7\n")
    more = look(corrected)
    assert more.are_images_of(corrected.facts)
    assert more.hash != corrected.hash
    without = look(corrected, labels=str(labels))
    assert without.hash == data.hash
    assert without.are_images_of(corrected.facts)
    del (old := data.facts)["images_hash"]  # as older versions kept it
    assert more.are_images_of(old)
    table.unlink()
    with pytest.raises(InputError, match=r"^the corrections of the run's images are no longer at"):
        look(corrected)


def test_a_table_of_all_labels_excludes_folders_and_one_of_corrections_does_not(
    tmp_path: Path,
) -> None:
    for place in ("a/x", "a/y", "b/x", "b/y"):
        (tmp_path / "data" / place).mkdir(parents=True)
        for number in range(2):
            pixels = np.random.default_rng(len(place) + number).integers(0, 256, (8, 8), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / place / f"{number}.png")
    folder, table = str(tmp_path / "data"), tmp_path / "t.csv"
    data = load_dataset(folder)
    table.write_text(f"split,index,file,label\n,,{data.test_files[0]},b\n")
    found = look(data, dataset=folder, classes_from=1, labels=str(table))
    assert found.class_names == ("a", "b")
    assert found.describe("test", 0) == (data.test_files[0], "b")
    table.write_text("file,label\n0.png,b\n")
    with pytest.raises(InputError, match="Received: --classes-from, --labels; pass one of them"):
        look(data, dataset=folder, classes_from=1, labels=str(table))
