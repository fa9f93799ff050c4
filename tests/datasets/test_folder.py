from __future__ import annotations

import json
import os
import shutil
import socket
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import call_or_none
from PIL import Image

from latentspace.core import memory
from latentspace.core.errors import InputError
from latentspace.datasets import ImageDataset, ReadOptions
from latentspace.datasets.dataset import UNLABELLED
from latentspace.datasets.decoding import Decoding, inspect_files
from latentspace.datasets.folder import LONGEST_SIDE, find_images, read_image_folder


def make_picture(value: int, size: tuple[int, int] = (9, 12), mode: str = "L") -> Image.Image:
    """A plain picture of size (width, height) with one bright corner."""
    image = Image.new(mode, size, value if mode == "L" else (value, value, 0))
    image.putpixel((0, 0), 255 if mode == "L" else (255, 255, 255))
    return image


def write_classes(folder: Path, classes: int = 3, each: int = 5) -> Path:
    for label in range(classes):
        inner = folder / f"s{label + 8}"
        inner.mkdir(parents=True)
        for number in range(each):
            make_picture(20 * label + number).save(inner / f"{number}.png")
    return folder


def read(
    folder: Path, read_options: ReadOptions | None = None, cache: Path | None = None
) -> ImageDataset:
    named = {"name": folder.name, "source": str(folder)}
    return read_image_folder(folder, read_options or ReadOptions(), Decoding(cache), **named)


def get_values(data: ImageDataset) -> dict[int, str]:
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
    assert get_values(data) == {
        20 * label + number: f"s{label + 8}" for label in range(3) for number in range(5)
    }
    assert data.read_options == ReadOptions(image_size=(12, 9), channels=1)
    assert data.notes == ("files by class, in folders of level 1: s8 5, s9 5, s10 5",)


def test_train_and_test_folders_are_the_split(tmp_path: Path) -> None:
    write_classes(tmp_path / "set" / "train")
    write_classes(tmp_path / "set" / "test", each=2)
    data = read(tmp_path / "set")
    assert (len(data.train_pixels), len(data.test_pixels)) == (15, 6)
    assert data.class_names == ("s8", "s9", "s10")


def test_images_without_subfolders_have_no_classes_but_for_a_table(tmp_path: Path) -> None:
    for number in range(6):
        make_picture(number).save(tmp_path / f"{number}.png")
    assert read(tmp_path).class_names == UNLABELLED
    lines = ["file,label", *(f"{number}.png,{'ab'[number % 2]}" for number in range(5))]
    (tmp_path / "labels.csv").write_text("\n".join([*lines, "gone.png,a"]))
    data = read(tmp_path)
    assert get_values(data) == {0: "a", 1: "b", 2: "a", 3: "b", 4: "a"}
    assert data.notes == (
        f"1 files that {tmp_path / 'labels.csv'} names are not there, or are not clear: gone.png",
        f"1 images without a label in {tmp_path / 'labels.csv'} are left out",
        "files by class: a 3, b 2",
    )
    (tmp_path / "other.csv").write_text("0.png,x\n1.png,y\n2.png,x\n")
    other = read(tmp_path, ReadOptions(labels=str(tmp_path / "other.csv")))
    assert set(get_values(other)) == {0, 1, 2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "an empty file"),
        (b"a.png,1\nb.png\n", "'b.png' in line 2"),
        (b"\xff\xfe,", "can't be read as a table of file,label: .*; save it as UTF-8"),
    ],
)
def test_tables_that_are_none_are_refused(tmp_path: Path, text: bytes, message: str) -> None:
    make_picture(1).save(tmp_path / "a.png")
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
        assert len(get_values(data)) == 13
        *first, note = data.notes
        assert first[0] == "1 files are no images and are left out: 1 .txt"
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
    make_picture(77).save(folder / "s8" / "0.png")
    assert 77 in get_values(read(folder, cache=cache))
    assert len(list(cache.glob("images-*.raw"))) == 2
    raw.write_bytes(raw.read_bytes()[: -12 * 9])  # damaged, an image is missing: decoded again
    make_picture(0).save(folder / "s8" / "0.png")
    assert read(folder, cache=cache).hash == first.hash


def test_a_cache_that_cannot_be_written_costs_only_the_cache(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("no folder")
    data = read(write_classes(tmp_path / "people"), cache=tmp_path / "cache")
    assert len(get_values(data)) == 15


def test_sizes_are_brought_together_and_colour_stays(tmp_path: Path) -> None:
    for number in range(6):
        make_picture(number, (20, 10), "RGB").save(tmp_path / f"{number}.png")
    make_picture(9, (30, 60)).save(tmp_path / "tall.png")
    data = read(tmp_path)
    assert data.image_shape == (10, 20, 3)
    assert data.notes[0].startswith("images of 2 sizes are brought to 10x20 pixels in colour")
    assert read(tmp_path, ReadOptions(image_size=(8, 8), channels=1)).image_shape == (8, 8, 1)


def test_large_images_are_brought_to_a_size_that_trains(tmp_path: Path) -> None:
    for number in range(3):
        make_picture(number, (1200, 600)).save(tmp_path / f"{number}.png")
    data = read(tmp_path)
    assert data.image_shape == (LONGEST_SIDE // 2, LONGEST_SIDE, 1)
    assert "images of 600x1200 pixels are brought to 128x256" in data.notes[0]


def test_limit_is_drawn_before_decoding(tmp_path: Path) -> None:
    data = read(write_classes(tmp_path / "people"), ReadOptions(limit=6))
    assert len(data.train_pixels) + len(data.test_pixels) == 6


def test_links_out_of_the_folder_are_left_out(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "people")
    make_picture(200).save(tmp_path / "secret.png")
    (folder / "s8" / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "s8" / "inner.png").symlink_to(folder / "s9" / "0.png")
    files, notes, _ = find_images(folder)
    assert len(files) == 16
    assert notes[0] == f"1 links that lead out of {folder} are left out: s8/link.png"


def test_odd_names_are_fit_to_be_printed(tmp_path: Path) -> None:
    for name in ("a\nb", "<b>bold</b>", "x" * 200):
        inner = tmp_path / "set" / name
        inner.mkdir(parents=True)
        for number in range(2):
            make_picture(number).save(inner / f"{number}.png")
    names = read(tmp_path / "set").class_names
    assert "a\N{REPLACEMENT CHARACTER}b" in names
    assert max(map(len, names)) == 32


def test_links_to_folders_are_followed_once_and_within_the_folder(tmp_path: Path) -> None:
    outside = write_classes(tmp_path / "outside")
    folder = write_classes(tmp_path / "people", classes=2)
    (folder / "s99").symlink_to(outside / "s10")
    (folder / "s8" / "loop").symlink_to(folder)
    (folder / "s8" / "itself").symlink_to("itself")
    (folder / "s8" / "chain.png").symlink_to(folder / "s8" / "next.png")
    (folder / "s8" / "next.png").symlink_to(outside / "s8" / "0.png")
    (folder / "s8" / "round.png").symlink_to(folder / "s8" / "round.png")
    (folder / "s8" / "gone.png").symlink_to(folder / "s8" / "nothing.png")
    files, notes, _ = find_images(folder)
    assert len(files) == 10
    assert {file.label for file in files} == {"s8", "s9"}
    assert notes[:3] == [
        f"3 links that lead out of {folder} are left out: s99, s8/chain.png, s8/next.png",
        "1 links to folders that are in the data set already are left out: s8/loop",
        "3 links and other names without a file are left out: s8/gone.png, s8/itself, s8/round.png",
    ]


def test_train_and_test_may_not_be_links_out_of_the_folder(tmp_path: Path) -> None:
    write_classes(tmp_path / "outside")
    folder = tmp_path / "set"
    write_classes(folder / "train")
    (folder / "test").symlink_to(tmp_path / "outside")
    files, notes, _ = find_images(folder)
    assert {file.split for file in files} == {None}
    assert notes[0] == f"1 links that lead out of {folder} are left out: test"


def test_a_table_may_not_lead_out_of_the_folder_unless_it_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for number in range(4):
        make_picture(number).save(folder / f"{number}.png")
    (tmp_path / "secret.csv").write_text("0.png,a\n1.png,b\n2.png,a\n")
    (folder / "labels.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(InputError, match=r"holds labels\.csv, a link that leads out of it"):
        read(folder)
    assert len(get_values(read(folder, ReadOptions(labels=str(folder / "labels.csv"))))) == 3


def test_what_is_no_file_keeps_nobody_waiting(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "people")
    os.mkfifo(folder / "s8" / "pipe.png")
    (folder / "s8" / "folder.png").mkdir()
    (folder / "s8" / "device.png").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listening:
        place = os.getcwd()
        os.chdir(folder / "s8")  # names of sockets are short
        try:
            listening.bind("socket.png")
        finally:
            os.chdir(place)
        assert len(get_values(read(folder))) == 15
    os.mkfifo(folder / "labels.csv")
    assert len(get_values(read(folder))) == 15
    with pytest.raises(InputError, match=r"there is no file .*labels\.csv"):
        read(folder, ReadOptions(labels=str(folder / "labels.csv")))


ODD_NAMES = (
    *(b"a\nb", b"a\tb", b"\x1b[31mred\x1b[0m", b"\x07bell", b"<script>alert(1)<"),
    *(b"$(touch x)`;&|", b"\xff\xfe", b"%s{0}\\n", b"-rf", b"' OR \"1", b" ", b"...", b"CON"),
    *("x\u202egnp.exe".encode(), "a\u200bb".encode(), "e\u0301".encode(), "\u00e9".encode()),
    *(b"x" * 255, b"x" * 254),
)


def test_odd_names_stay_apart_and_are_harmless(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    for place, name in enumerate(ODD_NAMES):
        inner = os.fsencode(folder) + b"/" + name
        os.makedirs(inner)
        for number in range(2):
            make_picture(5 * place + number).save(os.fsdecode(inner) + f"/{number}.png")
        with open(inner + b"/" + name[:240] + b".png", "wb") as file:
            file.write(b"no image")
    data = read(folder)
    shown = [name for name in ODD_NAMES if not name.startswith(b".")]
    assert len(data.class_names) == len(set(data.class_names)) == len(shown)
    for text in (*data.class_names, *data.notes, str(data)):
        assert text.isprintable()
        text.encode()  # no half of a surrogate pair, at which printing would fail
    assert len(get_values(data)) == 2 * len(shown)
    json.dumps(data.facts)


@pytest.mark.parametrize(
    "text",
    [
        b"../../etc/x.png,a\n/etc/passwd.png,b\n0.png,c\n1.png,d\n",
        b"\0.png,a\n0.png,c\n1.png,\0\n",
        b"0.png," + b"9" * 100_000 + b"\n1.png," + b"8" * 9000 + b"\n",
        b"0.png," + b"x" * 200_000 + b"\n1.png,a\n",  # longer than a field may be
        b'0.png,"a\n\x1b[31m"\n1.png,b\n',
        b"\xef\xbb\xbf0.png,a\n1.png,b\n",
        "0.png,a\n1.png,b\n".encode("utf-16"),
        "0.png,\xe9\n1.png,b\n".encode("latin-1"),
        b"0.png,=1+1\n1.png,<img src=x>\n" + b"," * 1000,
        b"\n" * 1000,
        b'"' * 999,
        b"\x1b]0;title\x07\n",
    ],
)
def test_any_table_gives_classes_or_is_refused(tmp_path: Path, text: bytes) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for number in range(3):
        make_picture(number).save(folder / f"{number}.png")
    (tmp_path / "table.csv").write_bytes(text)
    data = call_or_none(read, folder, ReadOptions(labels=str(tmp_path / "table.csv")))
    if data is not None:
        assert len(get_values(data)) == 2
        assert all(part.isprintable() for part in (*data.class_names, *data.notes))


@pytest.mark.parametrize(
    "change",
    [lambda path: make_picture(99).save(path), Path.unlink, lambda path: swap_for_pipe(path)],
)
def test_images_that_change_while_they_are_read_are_no_data_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change
) -> None:
    folder, cache = write_classes(tmp_path / "people"), tmp_path / "cache"

    def meddled(paths, **options):
        looks = inspect_files(paths, **options)
        change(folder / "s8" / "0.png")
        return looks

    monkeypatch.setattr("latentspace.datasets.folder.inspect_files", meddled)
    with pytest.raises(InputError, match=r"s8/0\.png changed while images were read"):
        read(folder, cache=cache)
    assert not list(cache.glob("*"))


def swap_for_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def test_decoded_images_that_do_not_fit_into_memory_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_classes(tmp_path / "people")
    monkeypatch.setattr(memory, "measure_available", lambda: 1500)
    with pytest.raises(
        InputError, match=r"15 images of 12x9 pixels in grey, which can't be kept in the cache, "
        r"needs 1\.6 KB of memory\. There are 1\.5 KB: .*--limit N or a smaller --image-size"
    ):  # fmt: skip
        read(folder)
    assert len(get_values(read(folder, ReadOptions(limit=8)))) == 8
    assert read(folder, ReadOptions(image_size=(8, 8))).image_shape == (8, 8, 1)
    assert len(get_values(read(folder, cache=tmp_path / "cache"))) == 15
    (tmp_path / "closed").write_text("no folder")
    with pytest.raises(InputError, match="can't be kept in the cache"):
        read(folder, cache=tmp_path / "closed")


def test_images_to_validate_with_are_kept_for_it(tmp_path: Path) -> None:
    for split, each in (("train", 5), ("val", 2), ("test", 1)):
        write_classes(tmp_path / "set" / split, each=each)
    make_picture(200).save(tmp_path / "set" / "val" / "s8" / "0.png")
    data = read(tmp_path / "set")
    assert (len(data.train_pixels), len(data.test_pixels), data.num_validation) == (21, 3, 6)
    fitted, held_back = data.split_validation(0.05, 0)
    assert (len(fitted), len(held_back)) == (15, 6)
    assert 200 in data.train_pixels[held_back][:, 5, 5, 0]
    (tmp_path / "set" / "val" / "s8" / "0.png").write_bytes(b"no image")
    assert read(tmp_path / "set").num_validation == 5


def test_classes_come_from_a_table_or_from_folders(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "set")
    with pytest.raises(InputError, match=r"--label-column needs a table .* pass --labels FILE"):
        read(folder, ReadOptions(label_column="breed"))
    (folder / "labels.csv").write_text("id,name\n0,zero\n1,one\n")
    for level, classes in ((1, ("s8", "s9", "s10")), ("none", UNLABELLED)):
        assert read(folder, ReadOptions(classes_from=level)).class_names == classes
    assert not read(folder, ReadOptions(no_labels=True)).has_classes


@pytest.mark.parametrize("bare", ["train", "val", "test"])
def test_a_split_without_classes_is_no_traceback(tmp_path: Path, bare: str) -> None:
    for split in ("train", "val", "test"):
        write_classes(tmp_path / "set" / split)
        for path in (tmp_path / "set" / bare).glob("*/*"):
            path.rename(tmp_path / "set" / bare / f"{path.parent.name}-{path.name}")
    data = read(tmp_path / "set")
    assert data.has_classes == (bare != "train")
    assert len(data.train_labels) + len(data.test_labels) == (45 if bare == "train" else 30)
    whole = read(tmp_path / "set", ReadOptions(classes_from="none"))
    assert (whole.class_names, len(whole.train_pixels)) == (UNLABELLED, 30)


def test_what_is_lost_is_counted_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    folder = write_classes(tmp_path / "set")
    for name, ending in (("s11", "HEIC"), ("s12", "dcm"), ("s13", "svg")):
        (folder / name).mkdir()
        for number in range(2):
            (folder / name / f"{number}.{ending}").write_bytes(
                b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
            )
    data = read(folder)
    assert data.class_names == ("s8", "s9", "s10")
    assert data.notes[:2] == (
        "4 files are no images and are left out: 2 .dcm, 2 .svg",
        "2 folders hold no images but other files: s12, s13",
    )
    assert "2 files can't be read and are skipped: s11/0.HEIC (HEIC, which needs: pip" in (
        " ".join(data.notes)
    )
    assert data.notes[-1] == "1 classes are lost with all their files: s11"
    shutil.rmtree(folder / "s9")
    for path in folder.glob("s*/*.png"):
        path.unlink()
    with pytest.raises(InputError, match=r"HEIC, which needs: pip install pillow-heif") as caught:
        read(folder)
    assert "4 files are no images and are left out: 2 .dcm, 2 .svg" in caught.value.__notes__
    shutil.rmtree(folder / "s11")
    with pytest.raises(InputError, match=r"holds no images.* Received: 4 files are no images"):
        read(folder)


def test_heic_is_read_where_its_package_is_installed(tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    folder = write_classes(tmp_path / "set")
    for ending in ("heic", "HEIC", "jpg"):  # phones call them .jpg as well
        make_picture(200, (64, 64)).save(folder / "s8" / f"{ending}.{ending}", "HEIF")
    assert len(read(folder).train_pixels) + len(read(folder).test_pixels) == 18


@pytest.mark.parametrize("ending", ["tif", "gif", "png", "webp"])
def test_frames_are_left_out_or_taken_one_by_one(tmp_path: Path, ending: str) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for stack in range(6):
        frames = [make_picture(30 * stack + 5 * number) for number in range(3)]
        frames[0].save(
            folder / f"{stack}.{ending}", save_all=True, append_images=frames[1:],
            **({"lossless": True} if ending == "webp" else {}),
        )  # fmt: skip
    for asked in (None, "first"):
        data = read(folder, ReadOptions(frames_as=asked))
        assert len(data.train_pixels) + len(data.test_pixels) == 6
        assert data.notes == (
            "12 further pages or frames in 6 files are left out; --frames-as images takes each as "
            "an image",
        )
    cached = [
        read(folder, ReadOptions(frames_as="images", channels=1), tmp_path / "cache")
        for _ in range(2)
    ]
    assert cached[0].hash == cached[1].hash
    greys = np.concatenate([cached[0].train_pixels, cached[0].test_pixels])[:, 5, 5, 0]
    expected = [30 * stack + 5 * number for stack in range(6) for number in range(3)]
    assert np.abs(np.sort(greys.astype(int)) - expected).max() <= 1
    assert len({int(grey) // 30 for grey in cached[0].test_pixels[:, 5, 5, 0]}) == 1  # one stack
    assert len(read(folder, ReadOptions(frames_as="images", limit=7)).notes) == 0
    for stack in range(1, 6):
        (folder / f"{stack}.{ending}").unlink()
    alone = read(folder, ReadOptions(frames_as="images"))
    assert (len(alone.train_pixels), len(alone.test_pixels)) == (2, 1)


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["subject01.happy", "subject01.sad", "subject02.glasses"], "GIF"),
        (["1", "2", "3"], "PNG"),
        (["a.jpg_large", "b.jpg?w=200", "c.jpg.1"], "JPEG"),
        (["x.bad", "y.0001", "z."], "PPM"),
        (["u.img", "v.picture", "w.raw"], "TIFF"),
    ],
)
def test_the_first_bytes_decide_where_an_ending_tells_nothing(
    tmp_path: Path, names: list[str], kind: str
) -> None:
    for number, name in enumerate(names):
        make_picture(50 * number).save(tmp_path / name, kind)
    (tmp_path / "readme.txt").write_text("BMW and P5 are no images, or are they?")
    (tmp_path / "empty").write_bytes(b"")
    make_picture(1).save(tmp_path / "camera.NEF", "TIFF")  # as if it were its thumbnail
    files, notes, _ = find_images(tmp_path)
    assert sorted(file.path.name for file in files if file.path.suffix != ".txt") == sorted(names)
    assert "without an ending" in notes[0]


def test_class_folders_may_be_links_within_the_data_set(tmp_path: Path) -> None:
    write_classes(tmp_path / "hidden" / ".store", classes=4)
    write_classes(tmp_path / "split" / "store", classes=4)
    for folder, target in (("hidden", "../.store"), ("split", "../store")):
        for split, classes in (("train", ("s8", "s9")), ("test", ("s10", "s11"))):
            (tmp_path / folder / split).mkdir()
            for name in classes:
                (tmp_path / folder / split / name).symlink_to(f"{target}/{name}")
        files, *_ = find_images(tmp_path / folder)
        assert {(file.split, file.label) for file in files} == {
            ("train", "s8"), ("train", "s9"), ("test", "s10"), ("test", "s11")
        }  # fmt: skip
    chain = write_classes(tmp_path / "chain", classes=2)
    for number in range(12):  # 2 ** 12 paths, were each followed
        inner = chain / "s8" / f"level{number}"
        inner.mkdir()
        for name in ("a", "b"):
            (inner / name).symlink_to(f"../level{number + 1}")
    assert len(find_images(chain)[0]) == 10


def test_an_image_file_larger_than_any_image_is_not_read(tmp_path: Path) -> None:
    folder = write_classes(tmp_path / "people")
    os.truncate(folder / "s8" / "0.png", 2**40)
    note = read(folder).notes[-1]
    assert "s8/0.png (a file of 1,099,511,627,776 bytes, more than an image has" in note


def get_attributes(data: ImageDataset) -> dict[int, list[float]]:
    """The grey of each image, and its attributes, with -1 for what is not known."""
    return {
        int(image[5, 5, 0]): np.nan_to_num(values, nan=-1).tolist()
        for pixels, about in (
            (data.train_pixels, data.train_attributes),
            (data.test_pixels, data.test_attributes),
        )
        for image, values in zip(pixels, about.values, strict=True)
    }


def write_attributes(folder: Path, count: int = 20) -> Path:
    """Images whose grey their attributes tell, in two classes; nothing is known of the last one."""
    lines = []
    for number in range(count):
        inner = folder / "ab"[number % 2]
        inner.mkdir(parents=True, exist_ok=True)
        make_picture(number).save(inner / f"{number}.png")
        lines.append(f"{'ab'[number % 2]}/{number}.png,{number % 3 == 0:d},{number / 4}")
    (folder / "attributes.csv").write_text("\n".join(["file,third,quarter", *lines[-2::-1]]))
    return folder


@pytest.mark.parametrize("limit", [None, 12])
def test_attributes_go_with_their_images_through_split_and_limit(
    tmp_path: Path, limit: int | None
) -> None:
    data = read(write_attributes(tmp_path / "set"), ReadOptions(limit=limit))
    assert data.train_attributes.names == data.test_attributes.names == ("third", "quarter")
    found = get_attributes(data)
    assert len(found) == (limit or 20)
    assert found.pop(19, [-1, -1]) == [-1, -1]
    assert found == {grey: [grey % 3 == 0, grey / 4] for grey in found}
    assert not [note for note in data.notes if "attributes.csv" in note or "no images" in note]
    assert str(data).endswith("2 classes, 2 attributes")
    assert data.attributes_hash


@pytest.mark.parametrize("table", ["attributes.csv", "labels.csv"])
def test_images_may_be_read_without_their_attributes(tmp_path: Path, table: str) -> None:
    folder = write_attributes(tmp_path / "set")
    text = (folder / "attributes.csv").read_text().replace("file,third", "file,label")
    (folder / "attributes.csv").unlink()
    (folder / table).write_text(text.replace("quarter", "quarter,odd", 1))
    given = read(folder)
    data = read(folder, ReadOptions(attributes_file="none"))
    assert given.train_attributes.names
    assert not data.train_attributes.names + data.test_attributes.names
    assert data.class_names == given.class_names
    assert data.hash == given.hash
    assert not any("attributes.csv" in note for note in data.notes)
    assert data.read_options.attributes_file == "none"


def test_another_table_of_attributes_may_be_named(tmp_path: Path) -> None:
    folder = write_attributes(tmp_path / "set")
    (folder / "a" / "0.png").write_bytes(b"no image")
    (tmp_path / "other.csv").write_text("id;even\n" + "".join(f"{k};{k % 2}\n" for k in range(20)))
    data = read(folder, ReadOptions(attributes_file=str(tmp_path / "other.csv")))
    assert get_attributes(data) == {grey: [grey % 2] for grey in range(1, 20)}
    (tmp_path / "other.csv").write_text("id;even\nx;1\ny;0\n")
    with pytest.raises(InputError, match=r"no name in .*other\.csv is that of an image"):
        read(folder, ReadOptions(attributes_file=str(tmp_path / "other.csv")))
    with pytest.raises(InputError, match=r"there is no file .*gone\.csv: expected a table"):
        read(folder, ReadOptions(attributes_file=str(tmp_path / "gone.csv")))


def test_a_table_of_attributes_may_not_lead_out_of_the_folder_unless_it_is_named(
    tmp_path: Path,
) -> None:
    folder = write_attributes(tmp_path / "set")
    table = (folder / "attributes.csv").rename(tmp_path / "secret.csv")
    (folder / "attributes.csv").symlink_to(table)
    with pytest.raises(InputError, match=r"holds attributes\.csv, a link that leads out of it"):
        read(folder)
    data = read(folder, ReadOptions(attributes_file=str(folder / "attributes.csv")))
    assert len(data.train_attributes.names) == 2


def test_a_dead_link_to_a_table_of_attributes_is_said(tmp_path: Path) -> None:
    folder = write_attributes(tmp_path / "set")
    (folder / "attributes.csv").unlink()
    (folder / "attributes.csv").symlink_to("gone.csv")
    data = read(folder)
    assert not data.train_attributes.names
    assert "1 links and other names without a file are left out: attributes.csv" in data.notes


@pytest.mark.parametrize("limit", [None, 16])
def test_attributes_go_with_their_images_through_splits_of_the_folder(
    tmp_path: Path, limit: int | None
) -> None:
    folder = write_attributes(tmp_path / "set", 24)
    for number in range(24):
        split = folder / ("train", "val", "test")[number * 7 % 3]
        split.mkdir(exist_ok=True)
        (folder / "ab"[number % 2] / f"{number}.png").rename(split / f"{number}.png")
    (folder / "a").rmdir()
    (folder / "b").rmdir()
    text = (folder / "attributes.csv").read_text().replace("a/", "").replace("b/", "")
    (folder / "attributes.csv").write_text(text)
    make_picture(200).save(folder / "train" / "200.png")
    data = read(folder, ReadOptions(limit=limit))
    assert data.num_validation
    found = get_attributes(data)
    assert len(found) == (limit or 25)
    for grey, values in found.items():
        assert values == ([grey % 3 == 0, grey / 4] if grey < 23 else [-1, -1])


def write_labels(folder: Path, text: str) -> Path:
    folder.mkdir()
    for number in range(6):
        make_picture(number).save(folder / f"{number}.png")
    (folder / "labels.csv").write_text(text)
    return folder


def test_what_else_stands_in_a_table_of_labels_are_attributes(tmp_path: Path) -> None:
    lines = [f"{k}.png,{'ab'[k % 2]},{'no' if k < 3 else 'yes'},{k * k}" for k in range(6)]
    folder = write_labels(tmp_path / "set", "\n".join(["file,label,late,square", *lines]))
    data = read(folder)
    assert get_values(data) == {k: "ab"[k % 2] for k in range(6)}
    assert data.train_attributes.names == ("late", "square")
    assert get_attributes(data) == {k: [k > 2, k * k] for k in range(6)}
    # An attributes.csv is what counts, where there is one.
    (folder / "attributes.csv").write_text("file,x\n" + "".join(f"{k},{k % 2}\n" for k in range(6)))
    data = read(folder)
    assert get_attributes(data) == {k: [k % 2] for k in range(6)}
    assert data.class_names == ("a", "b")


def test_a_table_of_labels_without_a_clear_label_holds_attributes_alone(tmp_path: Path) -> None:
    lines = [f"{k}.png,{'ab'[k % 2]},{k > 2:d}" for k in range(6)]
    folder = write_labels(tmp_path / "set", "\n".join(["file,person,late", *lines]))
    data = read(folder)
    assert not data.has_classes
    assert data.train_attributes.names == ("person=a", "person=b", "late")
    assert get_attributes(data) == {k: [k % 2 == 0, k % 2, k > 2] for k in range(6)}
    assert "is not clear: all are attributes; --label-column names it" in data.notes[0]
    data = read(folder, ReadOptions(label_column="person"))
    assert data.class_names == ("a", "b")
    assert data.train_attributes.names == ("late",)
    # Images without a line stay, since the table names no classes.
    (folder / "labels.csv").write_text("\n".join(["file,person,late", *lines[1:]]))
    found = get_attributes(read(folder))
    assert len(found) == 6
    assert found[0] == [-1, -1, -1]


@pytest.mark.parametrize(
    ("heading", "cells", "note"),
    [
        ("file,label,size", "7", ", line 7, column size: expected a number, as in most lines"),
        ("file,label,size,size", "7,8", " has two columns 'size': rename one"),
    ],
)
def test_further_columns_with_a_fault_do_not_stand_in_the_way_of_labels(
    tmp_path: Path, heading: str, cells: str, note: str
) -> None:
    lines = [f"{k}.png,{'ab'[k % 2]},{cells if k < 5 else 'large'}" for k in range(6)]
    folder = write_labels(tmp_path / "set", "\n".join([heading, *lines]))
    data = read(folder)
    assert get_values(data) == {k: "ab"[k % 2] for k in range(6)}
    assert not data.train_attributes.names
    said = [text for text in data.notes if "labels.csv" in text]
    assert len(said) == 1
    assert f"labels.csv{note}" in said[0]
    assert said[0].endswith(": its attributes are left out")


def test_an_index_without_a_heading_and_a_file_named_twice_are_no_trouble(tmp_path: Path) -> None:
    lines = [f"{k},{k % 6}.png,{'ab'[k % 2]},{k > 2:d}" for k in range(7)]
    data = read(write_labels(tmp_path / "set", "\n".join([",file,label,late", *lines])))
    assert data.class_names == ("a", "b")
    assert get_attributes(data)[3] == [1]
    assert any("left out: 1" in note for note in data.notes)
