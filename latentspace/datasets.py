"""Named data sets, IDX folders and NPZ files -> `ImageDataset`."""

from __future__ import annotations

import gzip
import math
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from latentspace.files import InputError, content_hash, hushed, read_arrays

IDX_FILES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}
NPZ_ARRAYS = ("x_train", "y_train", "x_test", "y_test")
DIGITS = tuple("0123456789")
CLASS_NAMES = {
    "mnist": DIGITS,
    "fashion_mnist": (
        "T-shirt",
        "trouser",
        "pullover",
        "dress",
        "coat",
        "sandal",
        "shirt",
        "sneaker",
        "bag",
        "ankle boot",
    ),
    "digits": DIGITS,
}
DIGITS_TEST_SHARE = 0.2
LIGHT_GROUND, INK_CONTRAST = 127, 40  # of 255


@dataclass(frozen=True)
class ImageDataset:
    """Images with labels, split into training and test.

    Attributes:
        name: What the data set is called in captions and file names.
        source: The path that it was read from when a person named one, else None.
        train_pixels: uint8 (N, H, W, C) with C = 1 or 3.
        test_pixels: uint8 (M, H, W, C).
        train_labels: int64 (N,) indices into `class_names`.
        test_labels: int64 (M,).
        class_names: One name per class.
    """

    name: str
    source: str | None
    train_pixels: np.ndarray
    test_pixels: np.ndarray
    train_labels: np.ndarray
    test_labels: np.ndarray
    class_names: tuple[str, ...]

    @cached_property
    def train_images(self) -> np.ndarray:
        """The training images, float32 (N, H, W, C) in [0, 1]."""
        return to_unit_range(self.train_pixels)

    @cached_property
    def test_images(self) -> np.ndarray:
        """The test images, float32 (M, H, W, C) in [0, 1]."""
        return to_unit_range(self.test_pixels)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of all images and labels."""
        return content_hash(
            self.train_pixels, self.train_labels, self.test_pixels, self.test_labels
        )

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of every image."""
        height, width, channels = self.test_pixels.shape[1:]
        return height, width, channels


def to_unit_range(pixels: np.ndarray) -> np.ndarray:
    """uint8 in 0..255 -> float32 in [0, 1], shape kept, input untouched."""
    return np.multiply(pixels, np.float32(1 / 255), dtype=np.float32)


def validation_indices(count: int, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Splits `count` training images into those to fit and those to validate with.

    Args:
        count: Number of training images, at least 2.
        share: Share to validate with, in (0, 1); at least one image and at most all but one.
        seed: Seed of the choice.

    Returns:
        Two sorted int64 arrays of indices: fitted, held back.
    """
    held_back = min(max(1, round(count * share)), count - 1)
    order = np.random.default_rng(seed).permutation(count)
    return np.sort(order[held_back:]), np.sort(order[:held_back])


def load_dataset(dataset: str | None = None, data_dir: str | None = None) -> ImageDataset:
    """Finds and reads a data set.

    Args:
        dataset: A named set (a key of `CLASS_NAMES`), a folder of four IDX files (raw or .gz), or
            an .npz file in Keras' layout. None asks for MNIST, and for `digits` where MNIST is
            neither on disk nor to be downloaded.
        data_dir: A folder with named sets as subfolders, each with four IDX files.

    Returns:
        The data set. Its `name` says what was really loaded.

    Raises:
        InputError: The name is unknown, nothing is there, or a file is no such file.

    Example:
        >>> load_dataset("digits").image_shape
        (28, 28, 1)
    """
    if dataset is None:
        try:
            return _load_named("mnist", data_dir)
        except _UnavailableError:
            return _load_digits()
    if dataset in CLASS_NAMES:
        return _load_named(dataset, data_dir)
    path = Path(dataset)
    if path.is_dir():
        return _read_idx_folder(path, name=path.resolve().name, source=dataset)
    if path.is_file() and path.suffix == ".npz":
        return _read_npz(path, source=dataset)
    raise InputError(
        f"no data set {dataset!r}: expected one of {', '.join(CLASS_NAMES)}, a folder of four IDX "
        "files, or an .npz file"
    )


def read_idx(path: Path) -> np.ndarray:
    """Reads one IDX file of unsigned bytes, raw or gzip-compressed.

    The format: two zero bytes, a type code (8: unsigned byte), the number of dimensions, each
    dimension as a big-endian 32-bit integer, then the values (LeCun, Cortes & Burges, "The MNIST
    database").

    Args:
        path: The file; `.gz` at its end means compressed.

    Returns:
        uint8 array of the shape in the header.

    Raises:
        InputError: The file can't be read, is no IDX file, or is longer or shorter than it says.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            start = file.read(4)
            if len(start) < 4 or start[:3] != b"\0\0\x08" or not 1 <= start[3] <= 4:
                raise InputError(
                    f"{path} is no IDX file of bytes: expected it to begin with 00 00 08 and the "
                    f"number of dimensions. Received: {start.hex(' ') or 'nothing'}"
                )
            header = file.read(4 * start[3])
            if len(header) < 4 * start[3]:
                raise InputError(f"{path} ends within its header; download it again")
            shape = tuple(int(size) for size in np.frombuffer(header, ">u4"))
            expected = math.prod(shape)
            # One byte more than promised tells a longer file from a complete one.
            values = file.read(expected + 1)
    except (OSError, EOFError, zlib.error, OverflowError, MemoryError) as error:
        raise InputError(f"{path} can't be read: {error}; download it again") from error
    if len(values) != expected:
        found = "more" if len(values) > expected else f"{len(values):,}"
        raise InputError(
            f"{path} should hold {expected:,} values, as its header {shape} says. Received: "
            f"{found}; download it again"
        )
    return np.frombuffer(values, np.uint8).reshape(shape)


def read_image(
    path: Path, image_shape: tuple[int, int, int], *, ink_side: int | None = None
) -> np.ndarray:
    """Reads a person's own image file and brings it to the shape of a data set.

    The picture is scaled to fit, aspect kept, and centred on its own ground. A grey picture on
    light ground is inverted, since grey data sets here are bright on dark.

    Args:
        path: Anything that Pillow reads.
        image_shape: (height, width, channels) to bring it to.
        ink_side: Longer side of what is drawn, in pixels of the result, see `typical_ink_side`:
            margins are cut off, and what is left gets this size. None keeps the whole picture.

    Returns:
        float32 `image_shape` in [0, 1].

    Raises:
        InputError: The file is no image that Pillow reads.
    """
    from PIL import Image, ImageOps

    height, width, channels = image_shape
    try:
        with Image.open(path) as opened:
            picture = ImageOps.exif_transpose(opened).convert("RGBA")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"{path} can't be read as an image: {error}") from error
    paper = Image.new("RGBA", picture.size, "white")  # what is transparent is white
    picture = Image.alpha_composite(paper, picture).convert("L" if channels == 1 else "RGB")
    border = np.asarray(picture)
    edges = [border[0], border[-1], border[:, 0], border[:, -1]]
    ground = np.median(np.concatenate([edge.reshape(-1, channels) for edge in edges]), axis=0)
    if channels == 1 and ground[0] > LIGHT_GROUND:
        picture, ground = ImageOps.invert(picture), 255 - ground
    box = _ink(np.asarray(picture).reshape(*picture.size[::-1], channels), ground)
    room = (width, height)
    if ink_side is not None and box is not None:
        top, bottom, left, right = box
        picture, room = picture.crop((left, top, right, bottom)), (ink_side, ink_side)
    fitted = ImageOps.contain(picture, room, Image.Resampling.LANCZOS)
    pixels = np.tile(to_unit_range(ground), (height, width, 1))
    top, left = (height - fitted.height) // 2, (width - fitted.width) // 2
    inside = to_unit_range(np.asarray(fitted)).reshape(fitted.height, fitted.width, channels)
    pixels[top : top + fitted.height, left : left + fitted.width] = inside
    return pixels


def typical_ink_side(pixels: np.ndarray) -> int | None:
    """How large what is drawn on dark ground usually is.

    Args:
        pixels: uint8 (N, H, W, C).

    Returns:
        Median over the images of the longer side of what is drawn, in pixels; None for colour, and
        where the images have no dark margin, so that what is drawn can't be told from the ground.
    """
    if pixels.shape[3] != 1:
        return None
    boxes = [_ink(image, np.zeros(1)) for image in pixels]
    sides = [max(bottom - top, right - left) for top, bottom, left, right in filter(None, boxes)]
    side = int(np.median(sides)) if sides else 0
    return side if 0 < side < min(pixels.shape[1:3]) else None


def _ink(pixels: np.ndarray, ground: np.ndarray) -> tuple[int, int, int, int] | None:
    """Top, bottom, left and right of what differs from the ground; None where nothing does."""
    drawn = (np.abs(pixels - ground) > INK_CONTRAST).any(axis=2)
    rows, columns = (np.flatnonzero(drawn.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return None
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


class _UnavailableError(InputError):
    """A named data set is neither on disk nor to be downloaded."""


def _load_named(name: str, data_dir: str | None) -> ImageDataset:
    if name == "digits":
        return _load_digits()
    if data_dir is not None:
        if not Path(data_dir).is_dir():
            raise InputError(f"no data folder {data_dir!r}: check --data-dir or LATENTSPACE_DATA")
        folder = Path(data_dir) / name
        if folder.is_dir():
            return _read_idx_folder(folder, name=name, source=None)
    return _download(name)


def _download(name: str) -> ImageDataset:
    """Keras' own loader: its cache in ~/.keras, else its download."""
    with hushed():
        import keras

    try:
        splits = getattr(keras.datasets, name).load_data()
    except Exception as error:  # Keras raises a bare Exception where the network is missing.
        raise _UnavailableError(
            f"{name} is not on disk and can't be downloaded ({error}): pass --data-dir DIR with "
            f"DIR/{name}/{IDX_FILES['train_images']}.gz and its three companions, or "
            "--dataset digits"
        ) from error
    (train_images, train_labels), (test_images, test_labels) = splits
    arrays = (train_images, train_labels, test_images, test_labels)
    return _checked(arrays, name=name, source=None)


def _load_digits() -> ImageDataset:
    """The UCI digits that scikit-learn bundles: 1,797 images of 8x8, brought to 28x28."""
    from scipy.ndimage import zoom
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    # Cubic upsampling of 8x8 by 3.5; grid_mode keeps the image centred.
    large = zoom(digits.images / 16, (1, 3.5, 3.5), order=3, mode="grid-constant", grid_mode=True)
    pixels = np.rint(np.clip(large, 0, 1) * 255).astype(np.uint8)
    train, test = train_test_split(
        np.arange(len(pixels)),
        test_size=DIGITS_TEST_SHARE,
        random_state=0,
        stratify=digits.target,
    )
    arrays = (pixels[train], digits.target[train], pixels[test], digits.target[test])
    return _checked(arrays, name="digits", source=None)


def _read_idx_folder(folder: Path, *, name: str, source: str | None) -> ImageDataset:
    arrays = []
    for stem in IDX_FILES.values():
        path = next((p for p in (folder / stem, folder / f"{stem}.gz") if p.is_file()), None)
        if path is None:
            raise InputError(
                f"{folder} should hold {stem} or {stem}.gz: a data set of IDX files has four of "
                f"them, {', '.join(IDX_FILES.values())}"
            )
        arrays.append(read_idx(path))
    return _checked(tuple(arrays), name=name, source=source)


def _read_npz(path: Path, *, source: str) -> ImageDataset:
    arrays = read_arrays(path)
    if not arrays.keys() >= set(NPZ_ARRAYS):
        raise InputError(
            f"{path} should hold the arrays {', '.join(NPZ_ARRAYS)}. Received: "
            f"{', '.join(arrays) or 'none'}"
        )
    return _checked(tuple(arrays[name] for name in NPZ_ARRAYS), name=path.stem, source=source)


def _checked(arrays: tuple[np.ndarray, ...], *, name: str, source: str | None) -> ImageDataset:
    """Brings four arrays in Keras' order (images, labels, images, labels) into the contract."""
    train_images, train_labels, test_images, test_labels = arrays
    where = source or name
    pixels = {}
    for split, images in (("training", train_images), ("test", test_images)):
        if images.ndim == 3:
            images = images[..., np.newaxis]
        if images.ndim != 4 or images.shape[-1] not in (1, 3) or min(images.shape) < 1:
            raise InputError(
                f"{where}: {split} images should have the shape (N, H, W), (N, H, W, 1) or "
                f"(N, H, W, 3). Received: {images.shape}"
            )
        if images.dtype != np.uint8:
            raise InputError(
                f"{where}: {split} images should be bytes (uint8, 0 to 255). Received: "
                f"{images.dtype}"
            )
        pixels[split] = images
    if pixels["training"].shape[1:] != pixels["test"].shape[1:]:
        raise InputError(
            f"{where}: training and test images should have one shape. Received: "
            f"{pixels['training'].shape[1:]} and {pixels['test'].shape[1:]}"
        )
    labels = {}
    for split, values in (("training", train_labels), ("test", test_labels)):
        values = np.squeeze(values)
        if values.shape != (len(pixels[split]),) or not np.issubdtype(values.dtype, np.integer):
            raise InputError(
                f"{where}: {split} labels should be {len(pixels[split])} whole numbers. Received: "
                f"shape {values.shape}, {values.dtype}"
            )
        labels[split] = values.astype(np.int64)
    present, indices = np.unique(
        np.concatenate([labels["training"], labels["test"]]), return_inverse=True
    )
    known = CLASS_NAMES.get(name, ())
    in_range = len(present) <= len(known) and present[0] >= 0 and present[-1] < len(known)
    if in_range:
        class_names = known
        indices = np.concatenate([labels["training"], labels["test"]])
    else:
        class_names = tuple(str(value) for value in present)
    count = len(pixels["training"])
    return ImageDataset(
        name=name,
        source=source,
        train_pixels=pixels["training"],
        test_pixels=pixels["test"],
        train_labels=indices[:count],
        test_labels=indices[count:],
        class_names=class_names,
    )
