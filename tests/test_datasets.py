from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from latentspace import datasets
from latentspace.datasets import IDX_FILES, load_dataset, read_idx, to_unit_range
from latentspace.files import InputError


def idx_bytes(array: np.ndarray) -> bytes:
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.tobytes()


def write_idx_folder(folder: Path, *, compress: bool = False) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    arrays = {
        "train_images": rng.integers(0, 256, (12, 5, 4), dtype=np.uint8),
        "train_labels": np.arange(12, dtype=np.uint8) % 3,
        "test_images": rng.integers(0, 256, (6, 5, 4), dtype=np.uint8),
        "test_labels": np.arange(6, dtype=np.uint8) % 3,
    }
    folder.mkdir(parents=True)
    for key, stem in IDX_FILES.items():
        data = idx_bytes(arrays[key])
        name = f"{stem}.gz" if compress else stem
        (folder / name).write_bytes(gzip.compress(data) if compress else data)
    return arrays


@pytest.mark.parametrize("compress", [False, True])
def test_idx_folder_round_trip(tmp_path: Path, compress: bool) -> None:
    arrays = write_idx_folder(tmp_path / "shapes", compress=compress)
    data = load_dataset(str(tmp_path / "shapes"))
    assert data.name == "shapes"
    assert data.image_shape == (5, 4, 1)
    np.testing.assert_array_equal(data.train_pixels[..., 0], arrays["train_images"])
    np.testing.assert_array_equal(data.test_pixels[..., 0], arrays["test_images"])
    np.testing.assert_array_equal(data.test_labels, arrays["test_labels"])
    assert data.class_names == ("0", "1", "2")
    assert data.train_images.dtype == np.float32
    np.testing.assert_allclose(data.train_images[..., 0], arrays["train_images"] / 255, rtol=1e-6)


def test_named_set_is_found_under_the_data_folder(tmp_path: Path) -> None:
    write_idx_folder(tmp_path / "mnist", compress=True)
    data = load_dataset("mnist", str(tmp_path))
    assert (data.name, data.source, len(data.class_names)) == ("mnist", None, 10)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-1], "should hold 60 values.*Received: 59"),
        (lambda data: data + b"\0", "Received: more"),
        (lambda data: data[:9], "ends within its header"),
        (lambda data: b"\x89PNG" + data[4:], "no IDX file of bytes.*89 50 4e 47"),
        (lambda data: b"", "Received: nothing"),
        (lambda data: data[:4] + b"\xff\xff\xff\xff" * 3 + data[16:], "can't be read|should hold"),
    ],
)
def test_damaged_idx_files_are_refused(tmp_path: Path, damage, message: str) -> None:
    path = tmp_path / "images"
    path.write_bytes(damage(idx_bytes(np.zeros((3, 5, 4), np.uint8))))
    with pytest.raises(InputError, match=message):
        read_idx(path)


def test_every_truncation_of_a_compressed_idx_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "images.gz"
    whole = gzip.compress(idx_bytes(np.arange(200, dtype=np.uint8).reshape(10, 5, 4)))
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError):
            read_idx(path)


def test_missing_idx_file_is_named(tmp_path: Path) -> None:
    write_idx_folder(tmp_path / "shapes")
    (tmp_path / "shapes" / IDX_FILES["test_labels"]).unlink()
    with pytest.raises(InputError, match="t10k-labels-idx1-ubyte"):
        load_dataset(str(tmp_path / "shapes"))


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
        ({"x_train": np.zeros((4, 5, 4))}, "should be bytes"),
        ({"x_test": np.zeros((2, 5, 5), np.uint8)}, "one shape"),
        ({"x_train": np.zeros((4, 5, 4, 2), np.uint8)}, r"shape \(N, H, W\)"),
        ({"y_test": np.zeros(3, int)}, "2 whole numbers"),
        ({"y_test": np.zeros(2)}, "2 whole numbers"),
        ({"y_train": None}, "y_train"),
        ({"y_train": np.array([object()] * 4)}, "can't be read"),
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


def test_unknown_data_set_names_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"'mnits'.*mnist, fashion_mnist, digits"):
        load_dataset("mnits")
    with pytest.raises(InputError, match="--data-dir or LATENTSPACE_DATA"):
        load_dataset("mnist", "/no/such/folder")


def test_digits_are_real_digits_at_28x28() -> None:
    data = load_dataset("digits")
    assert data.image_shape == (28, 28, 1)
    assert (len(data.train_pixels), len(data.test_pixels)) == (1437, 360)
    # Zeros are hollow and ones are not: the images survived the upsampling, upright and centred.
    means = [data.test_images[data.test_labels == label].mean(axis=0) for label in (0, 1)]
    assert means[0][14, 14] < 0.1 < 0.8 < means[1][14, 14]
    hashes = {image.tobytes() for image in data.train_pixels}
    assert not any(image.tobytes() in hashes for image in data.test_pixels)


def test_fallback_to_digits_only_where_nothing_was_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable(name: str) -> None:
        raise datasets._UnavailableError(f"{name} can't be downloaded")

    monkeypatch.setattr(datasets, "_download", unavailable)
    assert load_dataset(None).name == "digits"
    with pytest.raises(InputError, match="mnist can't be downloaded"):
        load_dataset("mnist")


def test_validation_images_are_a_choice_by_seed() -> None:
    fitted, held_back = datasets.validation_indices(100, 0.1, seed=0)
    assert (len(fitted), len(held_back)) == (90, 10)
    assert sorted([*fitted, *held_back]) == list(range(100))
    other = datasets.validation_indices(100, 0.1, seed=1)[1]
    assert not np.array_equal(held_back, other)
    assert [len(part) for part in datasets.validation_indices(2, 0.01, seed=0)] == [1, 1]


def test_hash_follows_the_content(tiny: datasets.ImageDataset) -> None:
    changed = tiny.test_pixels.copy()
    changed[0, 0, 0, 0] ^= 1
    other = datasets.ImageDataset(**{**vars(tiny), "test_pixels": changed})
    assert tiny.hash != other.hash


def test_unit_range_maps_the_ends_exactly_and_leaves_the_input() -> None:
    pixels = np.arange(256, dtype=np.uint8)
    images = to_unit_range(pixels)
    assert images.dtype == np.float32
    assert (images[0], images[255]) == (0.0, 1.0)
    np.testing.assert_array_equal(np.rint(images * 255), np.arange(256))
    assert pixels[255] == 255


@pytest.mark.parametrize("size", [(28, 28), (50, 200), (90, 30)])
def test_own_image_fits_whole_and_keeps_its_aspect(tmp_path: Path, size: tuple[int, int]) -> None:
    width, height = size
    pixels = np.zeros((height, width), np.uint8)
    pixels[height // 4 : height - height // 4, width // 4 : width - width // 4] = 255
    path = tmp_path / "mine.png"
    Image.fromarray(pixels).save(path)
    image = datasets.read_image(path, (28, 28, 1))
    assert image.shape == (28, 28, 1)
    assert image.dtype == np.float32
    assert 0 <= image.min() <= image.max() <= 1
    bright = image[..., 0] > 0.5
    aspect = np.ptp(np.nonzero(bright)[1]) + 1, np.ptp(np.nonzero(bright)[0]) + 1
    assert aspect[0] / aspect[1] == pytest.approx(width / height, rel=0.35)


def test_light_ground_is_inverted_and_transparent_paper_is_light(tmp_path: Path) -> None:
    pixels = np.zeros((28, 28, 4), np.uint8)
    pixels[10:18, 10:18] = (0, 0, 0, 255)  # black ink, no paper
    Image.fromarray(pixels).save(tmp_path / "mine.png")
    image = datasets.read_image(tmp_path / "mine.png", (28, 28, 1))
    assert image[14, 14] == 1
    assert image[0, 0] == 0
    colour = datasets.read_image(tmp_path / "mine.png", (28, 28, 3))
    assert colour[0, 0].tolist() == [1, 1, 1]


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.png"
    path.write_bytes(b"no image")
    with pytest.raises(InputError, match=r"mine\.png can't be read as an image"):
        datasets.read_image(path, (28, 28, 1))


def test_margins_are_cut_and_what_is_drawn_gets_the_usual_size(tmp_path: Path) -> None:
    pixels = np.full((300, 200), 255, np.uint8)
    pixels[20:100, 30:70] = 0  # twice as high as wide, far from the centre
    Image.fromarray(pixels).save(tmp_path / "mine.png")
    image = datasets.read_image(tmp_path / "mine.png", (28, 28, 1), ink_side=20)
    rows, columns = np.nonzero(image[..., 0] > 0.5)
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (20, 10)
    assert (rows.mean(), columns.mean()) == (13.5, 13.5)
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / "empty.png")
    assert not datasets.read_image(tmp_path / "empty.png", (28, 28, 1), ink_side=20).any()


def test_usual_size_of_what_is_drawn() -> None:
    pixels = np.zeros((3, 28, 28, 1), np.uint8)
    pixels[:2, 4:24, 10:15] = 255
    assert datasets.typical_ink_side(pixels) == 20
    assert datasets.typical_ink_side(np.full((3, 28, 28, 1), 255, np.uint8)) is None
    assert datasets.typical_ink_side(np.zeros((3, 28, 28, 1), np.uint8)) is None
    assert datasets.typical_ink_side(pixels.repeat(3, axis=3)) is None
