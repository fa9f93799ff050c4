from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from latentspace.datasets import ImageDataset, Reading
from latentspace.datasets.dataset import UNLABELLED
from latentspace.datasets.folder import LONGEST_SIDE, find_images, read_image_folder
from latentspace.files import InputError


def picture(value: int, size: tuple[int, int] = (9, 12), mode: str = "L") -> Image.Image:
    """A plain picture of size (width, height) with one bright corner."""
    image = Image.new(mode, size, value if mode == "L" else (value, value, 0))
    image.putpixel((0, 0), 255 if mode == "L" else (255, 255, 255))
    return image


def write_classes(folder: Path, classes: int = 3, each: int = 5) -> Path:
    for label in range(classes):
        inner = folder / f"s{label + 8}"
        inner.mkdir(parents=True)
        for number in range(each):
            picture(20 * label + number).save(inner / f"{number}.png")
    return folder


def read(folder: Path, reading: Reading | None = None, cache: Path | None = None) -> ImageDataset:
    return read_image_folder(
        folder, reading or Reading(), name=folder.name, source=str(folder), cache_dir=cache
    )


def values(data: ImageDataset) -> dict[int, str]:
    """The grey of each image, and its class."""
    return {
        int(image[5, 5, 0]): data.class_names[label]
        for pixels, labels in (
            (data.train_pixels, data.train_labels),
            (data.test_pixels, data.test_labels),
        )
        for image, label in zip(pixels, labels, strict=True)
    }


def test_subfolders_are_classes(tmp_path: Path) -> None:
    data = read(write_classes(tmp_path / "people"))
    assert data.class_names == ("s8", "s9", "s10")
    assert data.image_shape == (12, 9, 1)
    assert np.bincount(data.test_labels).tolist() == [1, 1, 1]
    assert values(data) == {
        20 * label + number: f"s{label + 8}" for label in range(3) for number in range(5)
    }
    assert data.reading == Reading(image_size=(12, 9), channels=1)
    assert data.notes == ()


def test_train_and_test_folders_are_the_split(tmp_path: Path) -> None:
    write_classes(tmp_path / "set" / "train")
    write_classes(tmp_path / "set" / "test", each=2)
    data = read(tmp_path / "set")
    assert (len(data.train_pixels), len(data.test_pixels)) == (15, 6)
    assert data.class_names == ("s8", "s9", "s10")


def test_images_without_subfolders_have_no_classes_but_for_a_table(tmp_path: Path) -> None:
    for number in range(6):
        picture(number).save(tmp_path / f"{number}.png")
    assert read(tmp_path).class_names == UNLABELLED
    lines = ["file,label", *(f"{number}.png,{'ab'[number % 2]}" for number in range(5))]
    (tmp_path / "labels.csv").write_text("\n".join([*lines, "gone.png,a"]))
    data = read(tmp_path)
    assert values(data) == {0: "a", 1: "b", 2: "a", 3: "b", 4: "a"}
    assert data.notes == (
        f"1 files that {tmp_path / 'labels.csv'} names are not there: gone.png",
        f"1 images that {tmp_path / 'labels.csv'} does not name are left out",
    )
    (tmp_path / "other.csv").write_text("0.png,x\n1.png,y\n2.png,x\n")
    other = read(tmp_path, Reading(labels=str(tmp_path / "other.csv")))
    assert set(values(other)) == {0, 1, 2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "an empty file"),
        (b"a.png,1\nb.png\n", "'b.png' in line 2"),
        (b"\xff\xfe,", "can't be"),
    ],
)
def test_tables_that_are_none_are_refused(tmp_path: Path, text: bytes, message: str) -> None:
    picture(1).save(tmp_path / "a.png")
    (tmp_path / "labels.csv").write_bytes(text)
    with pytest.raises(InputError, match=message):
        read(tmp_path)


def test_files_that_cannot_be_read_are_named_and_skipped(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "people")
    whole = (folder / "s8" / "1.png").read_bytes()
    (folder / "s8" / "0.png").write_bytes(b"no image")
    (folder / "s9" / "1.png").write_bytes(whole[:45])  # its size can be read, its pixels not
    (folder / "s9" / "notes.txt").write_text("of no concern")
    (folder / "s9" / ".hidden.png").write_bytes(b"of no concern")
    for cache in (None, tmp_path / "cache", tmp_path / "cache"):
        data = read(folder, cache=cache)
        assert len(values(data)) == 13
        (note,) = data.notes
        assert note.startswith(
            "2 files can't be read and are skipped: s8/0.png (no image that Pillow"
        )
        assert "s9/1.png (" in note
    for path in folder.rglob("*.png"):
        path.write_bytes(b"no image")
    with pytest.raises(InputError, match=r"Can't be read: s8/0\.png .*, \.\.\."):
        read(folder)


def test_decoded_images_are_kept_and_follow_the_content(tmp_path: Path) -> None:
    folder, cache = write_classes(tmp_path / "people"), tmp_path / "cache"
    first = read(folder, cache=cache)
    (raw,) = cache.glob("images-*.raw")
    again = read(folder, cache=cache)
    assert isinstance(again.train_pixels, np.memmap)
    assert again.hash == first.hash == read(folder).hash
    picture(77).save(folder / "s8" / "0.png")
    assert 77 in values(read(folder, cache=cache))
    assert len(list(cache.glob("images-*.raw"))) == 2
    raw.write_bytes(raw.read_bytes()[: -12 * 9])  # damaged, an image is missing: decoded again
    picture(0).save(folder / "s8" / "0.png")
    assert read(folder, cache=cache).hash == first.hash


def test_a_cache_that_cannot_be_written_costs_only_the_cache(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("no folder")
    data = read(write_classes(tmp_path / "people"), cache=tmp_path / "cache")
    assert len(values(data)) == 15


def test_sizes_are_brought_together_and_colour_stays(tmp_path: Path) -> None:
    for number in range(6):
        picture(number, (20, 10), "RGB").save(tmp_path / f"{number}.png")
    picture(9, (30, 60)).save(tmp_path / "tall.png")
    data = read(tmp_path)
    assert data.image_shape == (10, 20, 3)
    assert data.notes[0].startswith("images of 2 sizes are brought to 10x20 pixels in colour")
    assert read(tmp_path, Reading(image_size=(8, 8), channels=1)).image_shape == (8, 8, 1)


def test_large_images_are_brought_to_a_size_that_trains(tmp_path: Path) -> None:
    for number in range(3):
        picture(number, (1200, 600)).save(tmp_path / f"{number}.png")
    data = read(tmp_path)
    assert data.image_shape == (LONGEST_SIDE // 2, LONGEST_SIDE, 1)
    assert "images of 600x1200 pixels are brought to 128x256" in data.notes[0]


def test_limit_is_drawn_before_decoding(tmp_path: Path) -> None:
    data = read(write_classes(tmp_path / "people"), Reading(limit=6))
    assert len(data.train_pixels) + len(data.test_pixels) == 6


def test_links_out_of_the_folder_are_left_out(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "people")
    picture(200).save(tmp_path / "secret.png")
    (folder / "s8" / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "s8" / "inner.png").symlink_to(folder / "s9" / "0.png")
    files, notes = find_images(folder)
    assert len(files) == 16
    assert notes == [f"1 links that lead out of {folder} are left out"]


def test_odd_names_are_fit_to_be_printed(tmp_path: Path) -> None:
    for name in ("a\nb", "<b>bold</b>", "x" * 200):
        inner = tmp_path / "set" / name
        inner.mkdir(parents=True)
        for number in range(2):
            picture(number).save(inner / f"{number}.png")
    names = read(tmp_path / "set").class_names
    assert "a\N{REPLACEMENT CHARACTER}b" in names
    assert max(map(len, names)) == 32
