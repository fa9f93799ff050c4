from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from conftest import call_or_none
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from latentspace.core import memory
from latentspace.core.errors import InputError
from latentspace.core.npz import read_arrays
from latentspace.datasets import ImageDataset, ReadOptions, load_dataset, named
from latentspace.datasets.arrays import Arrays, assemble, estimate_memory, find_arrays
from latentspace.datasets.dataset import UNLABELLED, index_classes, natural_sort_key
from latentspace.datasets.values import choose_ranges, look_at_values, to_pixels


def make_images(count: int, shape: tuple[int, ...] = (5, 4)) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, *shape), dtype=np.uint8)


def convert(images: np.ndarray) -> np.ndarray:
    values = look_at_values(images, "here")
    return to_pixels(images, choose_ranges([values], None)[0][values.own], "here")


def load(
    tmp_path: Path, read_options: ReadOptions | None = None, **arrays: np.ndarray
) -> ImageDataset:
    path = tmp_path / "mine.npz"
    np.savez(path, **arrays)
    return load_dataset(str(path), read_options=read_options or ReadOptions())


def test_npz_round_trip_in_colour(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (9, 6, 7, 3), dtype=np.uint8)
    labels = np.array([[5], [9], [5]] * 3)  # (N, 1), as Keras has them for CIFAR
    path = tmp_path / "colour.npz"
    np.savez(path, x_train=images, y_train=labels, x_test=images[:3], y_test=labels[:3])
    data = load_dataset(str(path))
    assert data.source == str(path)
    np.testing.assert_array_equal(data.train_pixels, images)
    assert data.class_names == ("5", "9")
    assert data.test_labels.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x_train": np.full((4, 5, 4), 1e31)}, r"at most 1e\+30. Received: 1e\+31 to 1e\+31"),
        (
            {"x_train": np.full((4, 5, 4), np.nan)},
            "80 values of the images are NaN",
        ),
        ({"x_train": np.full((4, 5, 4), "a")}, "should be numbers"),
        ({"x_test": np.zeros((2, 5, 5), np.uint8)}, "one shape"),
        ({"x_train": np.zeros((4, 5, 4, 2), np.uint8)}, r"the shape \(N, H, W\)"),
        ({"y_test": np.zeros(3, int)}, "2 whole numbers"),
        ({"y_test": np.array([0.5, 1])}, "2 whole numbers"),
        ({"y_test": np.array(["a", "b"])}, "numbers or names, not both"),
        ({"y_train": None}, "should both have labels.*y_test"),
        ({"z_train": make_images(4)}, "x_train, y_train, x_test and y_test"),
        ({"y_train": np.array([object()] * 4)}, "4,.* Python objects, which is not read"),
    ],
)
def test_foreign_npz_files_are_refused(tmp_path: Path, change: dict, message: str) -> None:
    images = np.zeros((4, 5, 4), np.uint8)
    arrays = {"x_train": images, "y_train": np.zeros(4, int)}
    arrays |= {"x_test": images[:2], "y_test": np.zeros(2, int)} | change
    path = tmp_path / "a.npz"
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})
    with pytest.raises(InputError, match=message):
        load_dataset(str(path))


def test_truncated_npz_files_are_refused(tmp_path: Path, tiny_npz: Path) -> None:
    whole = tiny_npz.read_bytes()
    path = tmp_path / "a.npz"
    for length in (0, 10, len(whole) // 2, len(whole) - 5):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError):
            load_dataset(str(path))


def test_one_array_of_images_and_one_of_labels_are_split_by_class(tmp_path: Path) -> None:
    images, names = make_images(50), np.array(["two", "ten"] * 25)
    data = load(tmp_path, pictures=images, kinds=names)
    assert data.class_names == ("ten", "two")
    assert (len(data.train_pixels), len(data.test_pixels)) == (40, 10)
    for pixels, labels in (
        (data.train_pixels, data.train_labels),
        (data.test_pixels, data.test_labels),
    ):
        for image, label in zip(pixels[..., 0], labels, strict=True):
            (row,) = np.flatnonzero((images == image).all(axis=(1, 2)))
            assert names[row] == data.class_names[label]
    assert np.bincount(data.test_labels).tolist() == [5, 5]
    again = load(tmp_path, pictures=images, kinds=names)
    assert again.hash == data.hash
    assert "40 to train and 10 to test, 5x4 pixels in grey, 2 classes" in str(data)


def test_images_alone_have_no_classes(tmp_path: Path) -> None:
    data = load(tmp_path, read_options=ReadOptions(test_fraction=0.5), arr_0=make_images(10))
    assert (len(data.train_pixels), len(data.test_pixels)) == (5, 5)
    assert data.class_names == UNLABELLED
    assert not data.has_classes
    assert str(data).endswith("no classes")


def test_copies_of_an_image_stay_on_one_side(tmp_path: Path) -> None:
    data = load(tmp_path, arr_0=make_images(10).repeat(4, axis=0))
    train = {image.tobytes() for image in data.train_pixels}
    assert not any(image.tobytes() in train for image in data.test_pixels)
    assert (len(data.train_pixels), len(data.test_pixels)) == (32, 8)


def test_validation_images_beside_test_images_validate(tmp_path: Path) -> None:
    arrays = {
        f"{split}_{kind}": values
        for split, count in (("train", 8), ("val", 3), ("test", 4))
        for kind, values in (("images", make_images(count)), ("labels", np.arange(count)[:, None]))
    }
    data = load(tmp_path, **arrays)
    np.testing.assert_array_equal(data.test_pixels[..., 0], arrays["test_images"])
    _, held_back = data.split_validation(0.5, 0)
    np.testing.assert_array_equal(data.train_pixels[held_back][..., 0], arrays["val_images"])
    assert data.train_labels[held_back].tolist() == [0, 1, 2]
    assert data.notes == ("3 images of 'val_images' validate",)
    assert load(tmp_path, ReadOptions(no_labels=True), **arrays).num_validation == 3
    few = load(tmp_path, ReadOptions(limit=12), **arrays)
    assert (len(few.train_pixels), few.num_validation) == (8, 2)
    del arrays["val_labels"]
    assert load(tmp_path, **arrays).num_validation == 0
    arrays["val_labels"] = np.array([{}] * 3, object)
    assert "val_labels (3,) Python objects" in load(tmp_path, **arrays).notes[0]


def test_validation_images_are_the_test_images_where_there_are_no_others(tmp_path: Path) -> None:
    arrays = {"x_train": make_images(8), "y_train": np.arange(8) % 2}
    data = load(tmp_path, **arrays, x_val=make_images(3), y_val=np.arange(3) % 2)
    assert (len(data.train_pixels), len(data.test_pixels), data.num_validation) == (8, 3, 0)


def test_files_that_belong_together_are_read_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "script"
    folder.mkdir()
    for split, count in (("train", 8), ("test", 4)):
        np.savez(folder / f"script-{split}-imgs.npz", make_images(count))
        np.savez(folder / f"script-{split}-labels.npz", np.arange(count) % 3)
    data = load_dataset(str(folder))
    assert data.name == "script"
    np.testing.assert_array_equal(data.train_pixels[..., 0], make_images(8))
    assert data.test_labels.tolist() == [0, 1, 2, 0]
    alone = str(folder / "script-train-imgs.npz")
    assert not load_dataset(alone).has_classes
    labels = str(folder / "script-train-labels.npz")
    monkeypatch.chdir(folder)
    data = load_dataset("script-train-imgs.npz", read_options=ReadOptions(labels=Path(labels).name))
    assert len(data.class_names) == 3
    assert (data.source, data.read_options.labels) == (alone, labels)


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (np.array([[[0, 255]]], np.uint8), [0, 255]),
        (np.array([[[0, 255]]], np.int64), [0, 255]),
        (np.array([[[False, True]]]), [0, 255]),
        (np.array([[[0, 1]]], np.uint8), [0, 255]),
        (np.array([[[0.0, 1.0]]]), [0, 255]),
        (np.array([[[-1.0, 1.0]]]), [0, 255]),
        (np.array([[[0.0, 254.6]]]), [0, 255]),
    ],
)
def test_values_of_every_common_range_become_bytes(images: np.ndarray, expected: list) -> None:
    pixels = convert(images)
    assert pixels.dtype == np.uint8
    assert pixels.shape == (1, 1, 2, 1)
    assert pixels.ravel().tolist() == expected


def test_channels_first_and_opacity_are_understood() -> None:
    images = make_images(6, (5, 7, 3))
    np.testing.assert_array_equal(convert(np.moveaxis(images, 3, 1)), images)
    clear = np.zeros((2, 5, 4, 4), np.uint8)
    clear[1, ..., 3] = 255
    pixels = convert(clear)
    assert pixels.shape == (2, 5, 4, 3)
    assert (pixels[0] == 255).all()
    assert (pixels[1] == 0).all()


def test_images_are_brought_to_a_size_and_to_grey(tmp_path: Path) -> None:
    images = np.zeros((12, 20, 40, 3), np.uint8)
    images[:, :, 10:30, 0] = 255  # a red square in the middle, which a square keeps
    read_options = ReadOptions(image_size=(10, 10), channels=1)
    data = load(tmp_path, read_options=read_options, arr_0=images)
    assert data.image_shape == (10, 10, 1)
    np.testing.assert_allclose(data.train_pixels, 76, atol=5)  # the luminance of red
    assert "images of 20x40 pixels in colour are brought to 10x10 pixels in grey" in data.notes[0]
    assert load(
        tmp_path, read_options=ReadOptions(channels=3), arr_0=make_images(9)
    ).image_shape == (
        5,
        4,
        3,
    )


def test_limit_takes_of_both_splits(tmp_path: Path) -> None:
    arrays = {"x_train": make_images(80), "x_test": make_images(20)}
    data = load(tmp_path, read_options=ReadOptions(limit=50), **arrays)
    assert len(data.train_pixels) + len(data.test_pixels) == 50
    assert 5 <= len(data.test_pixels) <= 15
    with pytest.raises(InputError, match="--limit 1"):
        load(tmp_path, read_options=ReadOptions(limit=1), **arrays)


def test_names_sort_as_a_person_would() -> None:
    assert sorted(["s10", "s2", "b", "s1"], key=natural_sort_key) == ["b", "s1", "s2", "s10"]
    long = "9" * 5000  # of which Python makes no number
    assert sorted([f"s{long}", "s2", "9s"], key=natural_sort_key) == ["9s", "s2", f"s{long}"]


def test_names_that_look_alike_have_an_order_and_stay_different() -> None:
    for names in (["01", "1", "001"], ["1", "001", "01"]):
        assert index_classes(names)[1] == ("001", "01", "1")
    bad = "\N{REPLACEMENT CHARACTER}"
    indices, names = index_classes(["a\n", "a\t", f"a{bad}", f"a{bad} (2)", "x" * 40, "x" * 50])
    assert len(set(names)) == 6
    assert sorted(indices) == list(range(6))
    assert all(name.isprintable() for name in names)
    assert sorted(index_classes(["", "  ", "\u2003", "a"])[1]) == [
        *("(blank)", "(blank) (2)", "(blank) (3)", "a"),
    ]


@given(st.lists(st.text(max_size=6), min_size=1, max_size=8))
@settings(max_examples=200)
def test_any_labels_become_as_many_classes_in_a_fixed_order(labels: list[str]) -> None:
    indices, names = index_classes(labels)
    assert len(set(names)) == len(names) == len(set(labels))
    assert all(name.isprintable() for name in names)
    assert [labels[0] == label for label in labels] == (indices == indices[0]).tolist()
    again, same = index_classes(labels[::-1])
    assert same == names
    assert again[::-1].tolist() == indices.tolist()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([0, 1, np.inf, 1]), "whole numbers or names"),
        (np.array([0, 1, 1e300, 1]), "whole numbers or names"),
        (np.array([0, 1, np.nan, 1]), "whole numbers or names"),
        (np.array([0, 1, 2**64 - 1, 1], np.uint64), "whole numbers or names"),
        (np.array([0, 1, 2, 3], np.complex64), "whole numbers or names"),
        (np.array([1, 2, 3, 0x110000], "<u4").view("<U1"), "whole numbers or names"),
        (np.array([1, 2, 3, 2**32 - 1], ">u4").view(">U1"), "whole numbers or names"),
    ],
)
def test_labels_that_are_no_labels_are_refused(
    tmp_path: Path, labels: np.ndarray, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        load(tmp_path, images=make_images(4), labels=labels)


@pytest.mark.parametrize("order", "<>")
def test_names_in_either_byte_order_are_read(tmp_path: Path, order: str) -> None:
    names = np.array(["aß", "b", "\ud800", "\U0010ffff"], f"{order}U2")
    data = load(tmp_path, images=make_images(4), labels=names)
    assert data.class_names == ("aß", "b", "?", "\N{REPLACEMENT CHARACTER}")


def test_a_file_that_would_not_fit_as_a_data_set_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = np.zeros((1000, 10, 10))  # 0.8 MB as they lie there, three times as much to convert
    np.savez_compressed(tmp_path / "floats.npz", x_train=images, y_train=np.arange(1000) % 2)
    read = []
    monkeypatch.setattr(
        named, "read_arrays", lambda path, **how: read.append(path) or read_arrays(path, **how)
    )
    for available, is_enough in ((3_500_000, True), (3_000_000, False)):
        monkeypatch.setattr(memory, "measure_available", lambda available=available: available)
        if is_enough:
            load_dataset(str(tmp_path / "floats.npz"))
            assert len(read) == 1
            continue
        with pytest.raises(InputError, match=r"needs 3\.4 MB of memory\. There are 3\.0 MB"):
            load_dataset(str(tmp_path / "floats.npz"), read_options=ReadOptions(limit=10))
        assert len(read) == 1


@pytest.mark.parametrize("kind", ["u1", "?", "f4", "f8", "rgba"])
def test_what_memory_is_asked_for_is_about_what_is_taken(kind: str) -> None:
    rng = np.random.default_rng(0)
    images = rng.random((300, 40, 40, 4 if kind == "rgba" else 1)) * 2 - 1
    if kind in ("u1", "rgba"):
        images = (images * 127 + 128).astype(np.uint8)
    images = images.astype("u1" if kind == "rgba" else kind)
    needed = estimate_memory([images])
    tracemalloc.start()
    try:
        own = images.copy()
        assemble(Arrays([own]), ReadOptions(), name="x", source=None)
        taken = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 0.9 * taken < needed < 1.6 * taken


OBJECTS = np.array([{"a": 1}] * 12, object)
NUMBERS = np.arange(12) % 3


@pytest.mark.parametrize(
    ("others", "left_out"),
    [
        ({"metadata": OBJECTS}, "metadata (12,) Python objects"),
        ({"when": np.array(["2020-01-01"] * 12, "M8[D]")}, "when (12,) datetime64[D]"),
        ({"boxes": np.zeros((12, 4)), "id": np.arange(12)}, "boxes (12, 4), id (12,)"),
        ({"classes": np.array(["a", "b", "c"], object)}, "classes (3,) Python objects"),
        ({"val_images": make_images(2)}, "val_images (2, 5, 4)"),
        ({"val_images": np.zeros((2, 9, 9)), "val_labels": np.arange(2)}, "val_images (2, 9, 9),"),
    ],
)
def test_arrays_that_are_not_needed_are_left_out_and_said(
    tmp_path: Path, others: dict, left_out: str
) -> None:
    arrays = {"images": make_images(12), "labels": NUMBERS, **others}
    if "val_images" in others:
        arrays |= {"test_images": make_images(3), "test_labels": np.arange(3)}
    data = load(tmp_path, **arrays)
    assert data.class_names == ("0", "1", "2")
    assert f", left out: {left_out}" in data.notes[0]
    assert "labels from 'labels'" in data.notes[0]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"labels": NUMBERS.astype(object)}, r"labels is \(12,\) Python objects, which is not"),
        ({"coarse_labels": NUMBERS, "fine_labels": NUMBERS}, "'coarse_labels' and 'fine_labels'"),
        ({"a": NUMBERS, "b": NUMBERS}, "'a' and 'b' could each be the labels"),
        ({"labels": np.zeros((12, 5))}, "Received: shape .12, 5."),
        ({"y": OBJECTS, "ids": np.arange(12)}, "y is .12,. Python objects"),
    ],
)
def test_unclear_labels_are_chosen_or_left_out_by_a_flag(
    tmp_path: Path, labels: dict, message: str
) -> None:
    arrays = {"x": make_images(12), "other": NUMBERS + 5, **labels}
    with pytest.raises(InputError, match=f"{message}.*--labels-key.*--no-labels"):
        load(tmp_path, **arrays)
    assert not load(tmp_path, ReadOptions(no_labels=True), **arrays).has_classes
    chosen = load(tmp_path, ReadOptions(labels_key=("other",)), **arrays)
    assert chosen.class_names == ("5", "6", "7")


def test_the_advice_for_objects_makes_a_file_that_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    objects = NUMBERS.astype(object)
    np.save("objects.npy", objects)
    np.save("x.npy", make_images(12))
    np.savez("mine.npz", x=make_images(12), y=objects)
    for place, options, new in (
        ("mine.npz", ReadOptions(), lambda: load_dataset("NEW.npz")),
        (
            "x.npy",
            ReadOptions(labels="objects.npy"),
            lambda: load_dataset("x.npy", read_options=ReadOptions(labels="NEW.npy")),
        ),
    ):
        with pytest.raises(InputError, match="in place of objects") as caught:
            load_dataset(place, read_options=options)
        code = str(caught.value).rpartition("objects: ")[2]
        exec(code, {"numpy": np, "FILE": options.labels or place})
        assert new().class_names == ("0", "1", "2")


def test_images_are_chosen_by_a_flag(tmp_path: Path) -> None:
    masks = np.zeros((12, 5, 4), np.uint8)
    arrays = {"images": make_images(12), "masks": masks, "boxes": np.zeros((12, 1, 4))}
    with pytest.raises(InputError, match=r"one array of images.*boxes \(12, 1, 4\); --images-key"):
        load(tmp_path, **arrays)
    data = load(tmp_path, ReadOptions(images_key=("images",)), **arrays)
    assert data.train_pixels.max() > 200
    assert load(tmp_path, data.read_options, **arrays).hash == data.hash
    arrays = {"x_train": make_images(8), "x_test": make_images(4), "z_train": masks}
    both = load(tmp_path, ReadOptions(images_key=("x_train", "x_test")), **arrays)
    assert (len(both.train_pixels), len(both.test_pixels)) == (8, 4)
    for option in ("images_key", "labels_key"):
        with pytest.raises(InputError, match=r"no array nothing for --\w+-key. Received: x_train"):
            load(tmp_path, ReadOptions(**{option: ("nothing",)}), **arrays)


def test_single_arrays_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("X.npy", make_images(12))
    np.save("y.NPY", NUMBERS)
    (tmp_path / "y.NPY.npy").rename("y.NPY")
    alone = load_dataset("X.npy")
    assert (alone.name, alone.has_classes) == ("X", False)
    data = load_dataset("X.npy", read_options=ReadOptions(labels="y.NPY"))
    together = load_dataset(".")
    assert data.class_names == together.class_names == ("0", "1", "2")
    assert data.hash == together.hash
    np.savez("z.npz", train_images=make_images(12))
    with pytest.raises(InputError, match="one array of images"):
        load_dataset(".")  # two of them
    (tmp_path / "z.npz").unlink()
    Image.new("L", (9, 9)).save("a.png")  # beside which arrays may be anything
    Image.new("L", (9, 9), 9).save("b.png")
    assert load_dataset(".").image_shape == (9, 9, 1)


def test_files_of_a_folder_may_not_lead_out_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    np.savez(tmp_path / "outside.npz", x=make_images(9))
    (folder / "a.npz").symlink_to(tmp_path / "outside.npz")
    with pytest.raises(InputError, match=r"holds a\.npz, a link that leads out of it"):
        load_dataset(str(folder))
    named_directly = load_dataset(str(folder / "a.npz"))  # whoever names a link means it
    assert len(named_directly.train_pixels) + len(named_directly.test_pixels) == 9
    (folder / "a.npz").unlink()
    np.savez(folder / "b.npz", x=make_images(9))
    os.mkfifo(folder / "pipe.npz")
    (folder / "folder.npz").mkdir()
    assert load_dataset(str(folder)).name == "set"


def test_names_of_arrays_and_files_are_fit_to_be_printed(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for name in ("a\n\x1b[31mred", "b\u202egnp"):
        np.savez(folder / f"{name}.npz", x=make_images(3))
    assert call_or_none(load_dataset, str(folder)) is None
    with pytest.raises(InputError, match="one array of images") as caught:
        load(tmp_path, **{f"x\n{number}": make_images(2) for number in range(50)})
    assert "(2, 5, 4), ...; --images-key" in str(caught.value)


@given(
    arrays.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4).flatmap(
        lambda shape: arrays.arrays(
            st.sampled_from(["u1", "?", "i2", "u8", "f2", "f8", "c8", "S3", "U2"]), shape
        )
    )
)
@example(np.empty((0, 1, 1), np.complex64))
@settings(max_examples=200)
def test_any_array_is_images_or_refused(array: np.ndarray) -> None:
    pixels = call_or_none(convert, array)
    if pixels is not None:
        assert pixels.dtype == np.uint8
        assert pixels.shape[0] == array.shape[0]
        assert pixels.shape[3] in (1, 3)
        assert array.dtype.kind in "?biuf"


@given(
    st.dictionaries(
        st.sampled_from(["x_train", "y_train", "x_test", "y_test", "val", "labels", "a\n"]),
        st.tuples(
            st.lists(st.integers(0, 3), max_size=4).map(tuple),
            st.sampled_from(["u1", "f4", "U2", "S2", "i8", "c8"]),
        ),
        max_size=5,
    )
)
@example({"x_test": ((0, 0, 0), "u1"), "y_test": ((0,), "u1")})
@settings(max_examples=200)
def test_any_set_of_arrays_is_a_data_set_or_refused(shapes: dict) -> None:
    found = call_or_none(
        find_arrays, {name: np.zeros(*about) for name, about in shapes.items()}, "here"
    )
    if found is not None:
        assert all(images.ndim in (3, 4) for images in found.images)
        data = call_or_none(lambda: assemble(found, ReadOptions(), name="any", source=None))
        if data is not None:
            assert len(data.train_labels) == len(data.train_pixels) > 0
            assert len(data.test_labels) == len(data.test_pixels) > 0
            assert max(data.train_labels.max(), data.test_labels.max()) < len(data.class_names)


def get_attributes(data: ImageDataset) -> dict[bytes, list[float]]:
    """The attributes of each image, by its content."""
    return {
        image.tobytes(): values.tolist()
        for pixels, about in (
            (data.train_pixels, data.train_attributes),
            (data.test_pixels, data.test_attributes),
        )
        for image, values in zip(pixels, about.values, strict=True)
    }


def expect_attributes(images: np.ndarray, *columns: np.ndarray) -> dict[bytes, list[float]]:
    values = np.stack(columns, axis=1).tolist()
    return {image.tobytes(): list(row) for image, row in zip(images, values, strict=True)}


SMILE = np.arange(12) % 2
AGE = np.arange(12) * 2.5 + np.arange(12) % 3


@pytest.mark.parametrize("limit", [None, 7])
def test_further_arrays_are_attributes_and_go_with_their_images(
    tmp_path: Path, limit: int | None
) -> None:
    images = make_images(12)
    data = load(
        tmp_path,
        ReadOptions(limit=limit),
        **{
            "images": images,
            "labels": NUMBERS,
            "smile": SMILE.astype(bool),
            "oval=face": 2 - SMILE,
        },
        age=AGE[np.newaxis].astype("f4"),
        pose=np.array([b"left", b"up", b"left"] * 4),
    )
    names = ("smile", "oval:face", "age", "pose=left", "pose=up")
    assert data.train_attributes.names == names
    left = np.arange(12) % 3 != 1
    expected = expect_attributes(images, SMILE, 1 - SMILE, AGE, left, ~left)
    found = get_attributes(data)
    assert len(found) == (limit or 12)
    assert found == {image: expected[image] for image in found}
    assert "attributes from 'smile' and 'oval=face' and 'age' and 'pose'" in data.notes[0]


def test_arrays_may_be_read_without_their_attributes(tmp_path: Path) -> None:
    arrays = {"images": make_images(12), "labels": NUMBERS, "smile": SMILE}
    assert load(tmp_path, **arrays).train_attributes.names == ("smile",)
    data = load(tmp_path, ReadOptions(attributes_file="none"), **arrays)
    assert not data.attributes_hash
    assert "attributes" not in " ".join(data.notes)


def test_arrays_of_each_split_are_one_attribute(tmp_path: Path) -> None:
    images = make_images(12)
    splits = {"train": slice(0, 6), "val": slice(6, 8), "test": slice(8, 12)}
    arrays = {
        f"{name}_{split}": array[rows]
        for split, rows in splits.items()
        for name, array in (("x", images), ("y", NUMBERS), ("smile", SMILE), ("age", AGE))
    }
    data = load(tmp_path, **arrays, hat_train=SMILE[:6])
    assert data.train_attributes.names == ("smile", "age")
    assert data.num_validation == 2
    assert get_attributes(data) == expect_attributes(images, SMILE, AGE)
    assert "left out: hat_train (6,)" in data.notes[-1]
    plain = load(tmp_path, images=images, labels=NUMBERS, valence=AGE, contest=SMILE)
    assert plain.train_attributes.names == ("valence", "contest")


@pytest.mark.parametrize("name", ["smile", "valence", "contest", "restrained", "value"])
@pytest.mark.parametrize(
    ("form", "ending"), [("{}_{}", "{}"), ("{1}.{0}", "{}"), ("{}-{}", "{}ing"), ("a/{1}/{0}", "")]
)
def test_splits_are_told_from_words_that_hold_them(
    tmp_path: Path, name: str, form: str, ending: str
) -> None:
    images = make_images(12)
    arrays = {}
    for split, rows in {"train": slice(0, 5), "val": slice(5, 8), "test": slice(8, 12)}.items():
        long = "validation" if split == "val" and ending == "{}ing" else ending.format(split)
        arrays |= {f"x_{split}": images[rows], form.format(name, long or split): AGE[rows]}
    data = load(tmp_path, ReadOptions(no_labels=True), **arrays)
    assert len(data.train_attributes.names) == 1
    assert name in data.train_attributes.names[0]
    assert get_attributes(data) == expect_attributes(images, AGE.astype("f4"))


def test_arrays_that_are_no_attributes_block_nothing(tmp_path: Path) -> None:
    data = load(
        tmp_path,
        **{"images": make_images(12), "labels": NUMBERS, "id": np.arange(12)},
        **{"far": np.array([np.inf] + [1.5, 2.5, 4] * 3 + [0, 0]), "flat": np.zeros(12)},
        **{"when": np.array(["2020-01-01"] * 12, "M8[D]"), "boxes": np.zeros((12, 4))},
        # 12 values, but not one for each image; no letters, but any numbers.
        **{"camera": np.arange(12).reshape(3, 4) % 5},
        **{"text": np.array([2**31 - 1, 65] * 6, "<u4").view("<U1")},
    )
    assert not data.train_attributes.names
    assert data.attributes_hash == ""
    assert "left out: id (12,), far (12,), flat (12,), boxes" in data.notes[0]


def test_arrays_of_labels_that_are_chosen_or_not_wanted_leave_attributes_be(tmp_path: Path) -> None:
    arrays = {"images": make_images(12), "smile": SMILE, "kind": NUMBERS, "fine_label": NUMBERS}
    arrays |= {"young": 1 - SMILE}
    data = load(tmp_path, **arrays)
    assert (len(data.class_names), data.train_attributes.names) == (3, ("smile", "kind", "young"))
    data = load(tmp_path, ReadOptions(labels_key=("kind",)), **arrays)
    assert (len(data.class_names), data.train_attributes.names) == (3, ("smile", "young"))
    data = load(tmp_path, ReadOptions(no_labels=True), **arrays)
    assert (data.has_classes, data.train_attributes.names) == (False, ("smile", "kind", "young"))


def test_a_table_of_attributes_has_a_line_for_each_image(tmp_path: Path) -> None:
    images = make_images(12)
    table = tmp_path / "t.csv"
    table.write_text("smile;age\n" + "".join(f"{k % 2};{k * 3 % 7}\n" for k in range(12)))
    options = ReadOptions(attributes_file=str(table))
    arrays = {"x_train": images[:8], "x_test": images[8:], "age_train": AGE[:8]}
    data = load(tmp_path, options, **arrays, age_test=AGE[8:])
    assert data.train_attributes.names == ("smile", "age")
    assert get_attributes(data) == expect_attributes(images, SMILE, np.arange(12) * 3 % 7)
    assert data.read_options.attributes_file == str(table)
    with pytest.raises(InputError, match=r"a line for each of 11 images. Received: 13 lines"):
        load(tmp_path, options, x=images[:11])
