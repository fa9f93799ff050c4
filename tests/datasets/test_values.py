from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import call_or_none
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from test_pictures import encode_sixteen_bits

from latentspace.core.errors import InputError
from latentspace.datasets import ImageDataset, ReadOptions, load_dataset, read_image
from latentspace.datasets.values import choose_ranges, measure_values, to_bytes

BYTES = np.random.default_rng(0).integers(0, 256, (40, 8, 8), dtype=np.uint8)
BYTES[:, 0], BYTES[:, 1] = 0, 255


def scale(low: float, high: float, dtype: str) -> np.ndarray:
    """The images, with black and white at other values."""
    return (low + BYTES / 255 * (high - low)).astype(dtype)


def load(tmp_path: Path, images: np.ndarray, **options: object) -> ImageDataset:
    np.savez(tmp_path / "x.npz", x_train=images[:30], x_test=images[30:])
    return load_dataset(str(tmp_path / "x.npz"), read_options=ReadOptions(**options))


def write_files(folder: Path, images: np.ndarray, ending: str) -> Path:
    folder.mkdir(exist_ok=True)
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{number:02}{ending}")
    return folder


def assert_same(data: ImageDataset, tolerance: int = 1) -> None:
    pixels = np.concatenate([data.train_pixels, data.test_pixels])[..., 0].astype(int)
    expected = BYTES.astype(int)
    if data.source.endswith("files"):  # whose split is drawn
        pixels, expected = (np.sort(a.reshape(40, -1).mean(axis=1)) for a in (pixels, expected))
    assert np.abs(pixels - expected).max() <= tolerance


@pytest.mark.parametrize(
    ("images", "read_as"),
    [
        (BYTES.astype("u2") * 16, (0, 4095)),
        (BYTES.astype("i2") * 4, (0, 1023)),
        (BYTES.astype("i4"), (0, 255)),
        (BYTES.astype("u2"), (0, 255)),
        (BYTES.astype("u2") * 257, (0, 65535)),
        (BYTES.astype("i4") - 128, (-128, 127)),
        (scale(-1024, 3071, "i2"), (-1024, 3071)),
        (scale(1000, 1500, "u2"), (1000, 1500)),
        (scale(0, 100, "f4"), (0, 100)),
        (scale(0, 255, "f8"), (0, 255)),
        (scale(0, 4080, "f4"), (0, 4095)),
        (scale(0, 1 / 255, "f4"), (0, np.float32(1 / 255))),
        (scale(0, 1, "f2"), (0, 1)),
        (scale(-1, 1, "f4"), (-1, 1)),
        (scale(-0.5, 0.5, "f4"), (-0.5, 0.5)),
        (scale(-0.4242, 2.8215, "f8"), (-0.4242, 2.8215)),
    ],
)
def test_the_range_that_values_show_is_read_and_kept(
    tmp_path: Path, images: np.ndarray, read_as: tuple[float, float]
) -> None:
    data = load(tmp_path, images)
    assert_same(data)
    assert data.read_options.value_range == pytest.approx(read_as)
    own = {"u": (0, 65535), "i": (0, 255), "f": (0, 1)}[images.dtype.kind]
    assert len(data.notes) == (read_as != own)
    assert all("--value-range LOW HIGH" in note for note in data.notes)
    assert load(tmp_path, images, value_range=data.read_options.value_range).hash == data.hash


@pytest.mark.parametrize("levels", [2, 8, 10, 17, 32])
def test_a_few_levels_of_grey_are_black_to_white(tmp_path: Path, levels: int) -> None:
    images = (BYTES % levels).astype(np.uint8)
    data = load(tmp_path, images)
    assert (data.train_pixels.min(), data.train_pixels.max()) == (0, 255)
    assert data.notes == (
        f"values from 0 to {levels - 1} are read as 0 (black) to {levels - 1} (white); "
        "--value-range LOW HIGH sets others",
    )


@pytest.mark.parametrize(
    ("low", "high", "own"),
    [(-1e-7, 1 + 1e-7, (0, 1)), (-0.2, 1.15, (0, 1)), (-1.1, 1.02, (-1, 1)), (-20, 280, (0, 255))],
)
def test_a_few_values_beyond_are_no_other_range(
    tmp_path: Path, low: float, high: float, own: tuple[float, float]
) -> None:
    images = scale(*own, "f8")
    images[0, 0, 0], images[1, 1, 1] = low, high
    data = load(tmp_path, images)
    assert_same(data)
    assert data.read_options.value_range == own
    if abs(low) < 1e-6:
        assert not data.notes


def test_the_range_is_that_of_the_whole_set(tmp_path: Path) -> None:
    images = scale(0, 16, "f4")
    images[30:] /= 2  # darker images to test with
    data = load(tmp_path, images)
    assert data.test_pixels.max() in (127, 128)
    few = load(tmp_path, images, limit=4)
    assert few.read_options.value_range == (0, 16)


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
def test_little_of_a_range_is_said(tmp_path: Path, dtype: str) -> None:
    images = (BYTES // 16).astype(dtype)
    images[3, 3, 3] = {"u1": 255, "u2": 60000, "f4": 9000}[dtype]  # a broken pixel
    (note,) = load(tmp_path, images).notes
    assert note.endswith("--value-range 0 15 shows more of them")
    assert load(tmp_path, images, value_range=(0, 15)).train_pixels.mean() > 100


@pytest.mark.parametrize(
    ("images", "ending", "read_as"),
    [
        (BYTES.astype("u2") * 16, ".png", (0, 4095)),
        (BYTES.astype("u2") * 16, ".tif", (0, 4095)),
        (BYTES.astype("i4"), ".tif", (0, 255)),
        (scale(-1024, 3071, "i2"), ".tif", (-1024, 3071)),
        (BYTES.astype("f4"), ".tiff", (0, 255)),
        (scale(-1024, 3071, "f4"), ".tif", (-1024, 3071)),
        (BYTES.astype("u2") * 257, ".png", (0, 65535)),
        (scale(0, 1, "f4"), ".tif", (0, 1)),
    ],
)
def test_deep_files_are_read_by_what_they_hold(
    tmp_path: Path, images: np.ndarray, ending: str, read_as: tuple[float, float]
) -> None:
    folder = write_files(tmp_path / "files", images, ending)
    cache = tmp_path / "cache"
    data = load_dataset(str(folder), cache_dir=cache)
    assert_same(data)
    assert data.read_options.value_range == read_as
    assert len(data.notes) == (read_as not in ((0, 65535), (0, 1)))
    kept = sorted(cache.iterdir())
    for taken in (data.read_options.value_range, tuple(map(float, read_as))):  # as run.json has it
        options = replace(data.read_options, value_range=taken)
        again = load_dataset(str(folder), read_options=options, cache_dir=cache)
        assert again.hash == data.hash
    assert sorted(cache.iterdir()) == kept
    half = ReadOptions(value_range=(read_as[0], 2 * read_as[1] - read_as[0]))
    assert load_dataset(str(folder), read_options=half, cache_dir=cache).train_pixels.max() <= 128


def test_eight_bits_beside_deep_files_stay_as_they_are(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "files", BYTES[:20].astype("u2") * 16, ".tif")
    write_files(folder, BYTES[20:], ".png")
    data = load_dataset(str(folder))
    for options in (ReadOptions(), data.read_options):
        found = load_dataset(str(folder), read_options=options)
        assert found.train_pixels.max() >= 254
        assert 120 < found.train_pixels.mean() < 136


def test_frames_of_a_stack_are_read_with_one_range(tmp_path: Path) -> None:
    for number in range(0, 40, 10):
        first, *others = map(Image.fromarray, BYTES[number : number + 10].astype("u2") * 16)
        first.save(tmp_path / f"{number}.tif", save_all=True, append_images=others)
    data = load_dataset(str(tmp_path), read_options=ReadOptions(frames_as="images"))
    assert data.read_options.value_range == (0, 4095)
    found = {image.tobytes() for image in (*data.train_pixels, *data.test_pixels)}
    assert len(found) == len(BYTES)
    assert max(map(max, found)) == 254  # 4080 of 4095


def test_masks_of_eight_bits_are_said_to_be_dark_and_read_by_the_flag(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "files", BYTES % 3, ".png")
    (note,) = load_dataset(str(folder)).notes
    assert "from 0 to 2, a small part of 0 (black) to 255 (white)" in note
    data = load_dataset(str(folder), read_options=ReadOptions(value_range=(0, 2)))
    assert sorted({*data.train_pixels.ravel().tolist()}) == [0, 128, 255]
    assert data.read_options.value_range == (0, 2)
    beyond = load_dataset(str(folder), read_options=ReadOptions(value_range=(50, 60)))
    assert beyond.notes == ("all pixels are 0 of 255: check --value-range",)


def test_ones_own_deep_image_is_read_like_the_set_or_by_its_own_values(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for values, value_range in (
        (BYTES[0].astype("u2") * 16, (0, 4095)),
        (BYTES[0].astype("u2") * 16, (0.0, 16.0)),  # of a set of arrays
        (BYTES[0].astype("f4"), None),
    ):
        Image.fromarray(values).save(tmp_path / "a.tif")
        image = read_image(tmp_path / "a.tif", (8, 8, 3), value_range=value_range)
        np.testing.assert_allclose(image[..., 0] * 255, BYTES[0], atol=1.1)
    Image.fromarray(BYTES[0]).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png", (8, 8, 3), value_range=(0, 16))
    np.testing.assert_allclose(image[..., 0] * 255, BYTES[0], atol=1)


@pytest.mark.parametrize(
    ("value_range", "message"),
    [
        ((5, 5), "the first below the second. Received: 5 5"),
        ((255, 0), "the first below the second. Received: 255 0"),
        ((300, 4000), "leaves nothing of the images, whose values lie from 0 to 255"),
    ],
)
def test_a_range_that_is_none_is_refused(
    tmp_path: Path, value_range: tuple[float, float], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        load(tmp_path, BYTES, value_range=value_range)


@pytest.mark.parametrize("value", [0, 0.3, 300, -7, 1e9])
def test_images_of_one_value_are_read(tmp_path: Path, value: float) -> None:
    data = load(tmp_path, np.full((40, 8, 8), value))
    assert load(tmp_path, np.full((40, 8, 8), value), value_range=data.read_options.value_range)


@given(
    st.lists(st.floats(-1e30, 1e30), min_size=1, max_size=9),
    st.sampled_from([(0, 1), (0, 255), (0, 65535)]),
)
@settings(max_examples=300)
def test_any_values_get_a_range(numbers: list[float], own: tuple[float, float]) -> None:
    images = np.reshape(numbers, (1, 1, -1, 1))
    found = call_or_none(choose_ranges, [measure_values(images, own)], None)
    assert found is not None
    low, high = found[0][own]
    assert low < high
    assert to_bytes(images, (low, high)).shape == images.shape


@pytest.mark.parametrize(
    ("factor", "dtype", "read_as"),
    [(16, "u2", (0, 4095)), (4, "i4", (0, 1023)), (1, "f4", (0, 255)), (1 / 255, "f4", None)],
)
def test_the_range_of_stacks_is_that_of_all_that_is_taken_from_them(
    tmp_path: Path, factor: float, dtype: str, read_as: tuple[float, float] | None
) -> None:
    dark_first = (np.concatenate([BYTES[:1] * 0.0, BYTES]) * factor).astype(dtype)
    for name, part in (("a", dark_first[:20]), ("b", dark_first[20:])):
        first, *others = [Image.fromarray(image) for image in part]
        first.save(tmp_path / f"{name}.tif", save_all=True, append_images=others)
    data = load_dataset(str(tmp_path), read_options=ReadOptions(frames_as="images"))
    assert data.read_options.value_range == (read_as or (0, 1))
    assert len(data.notes) == (read_as is not None)
    pixels = np.concatenate([data.train_pixels, data.test_pixels]).reshape(41, -1).mean(axis=1)
    expected = np.sort(np.concatenate([BYTES[:1] * 0, BYTES]).reshape(41, -1).mean(axis=1))
    assert np.abs(np.sort(pixels) - expected).max() <= 1


def test_files_of_colour_with_sixteen_bits_are_counted(tmp_path: Path) -> None:
    colour = np.repeat(BYTES[..., np.newaxis], 3, axis=3).astype(np.uint16) * 257
    for number, image in enumerate(colour[:6]):
        (tmp_path / f"{number}.png").write_bytes(encode_sixteen_bits(image))
    Image.fromarray(colour[6].astype(np.uint8)).save(tmp_path / "6.png")
    [note] = load_dataset(str(tmp_path)).notes
    assert note.startswith("6 files of colour or with transparency have 16 bits a channel")
