"""Finding a data set by its name or its path."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL

from latentspace.core.cache import load_or_compute
from latentspace.core.documents import read_tables
from latentspace.core.errors import InputError, to_printable
from latentspace.core.files import refuse_outside
from latentspace.core.memory import refuse_too_large
from latentspace.core.npz import read_arrays, read_headers
from latentspace.core.pixels import to_uint8
from latentspace.core.provenance import hash_content
from latentspace.datasets import avatars
from latentspace.datasets.arrays import Arrays, assemble, estimate_memory, find_arrays
from latentspace.datasets.corrections import correct_labels
from latentspace.datasets.dataset import AS_IT_IS, ImageDataset, ReadOptions, choose_limited
from latentspace.datasets.decoding import Decoding
from latentspace.datasets.folder import read_image_folder
from latentspace.datasets.idx import IDX_FILES, is_idx_folder, read_idx_folder
from latentspace.datasets.other_files import EXPECTED, explain_file
from latentspace.datasets.pictures import list_suffixes

CLASS_NAMES = {name: tuple(text.split(", ")) for name, text in read_tables(__file__).items()}
DIGITS = CLASS_NAMES["digits"]
DIGITS_TEST_SHARE = 0.2
MADE_HERE = ("digits", "avatars")  # sets that need no file
AVATARS, TEST_AVATARS, AVATARS_VERSION = 12_000, 2_000, 1
LONGEST_PATH = 1000  # letters, in messages
LONGEST_NAME = 255  # bytes or letters: as long as names of files can be
ARRAY_SUFFIXES = (".npz", ".npy")
# Settings of `ReadOptions` that only arrays in files, or only folders of images, have a use for.
ARRAY_FLAGS = ("images_key", "labels_key")
FOLDER_FLAGS = ("label_column", "classes_from", "frames_as")
CORRECT = "a table with the columns split, index and label corrects some of them"
Download = Callable[[str], tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]]


def load_dataset(
    dataset: str | None = None,
    data_dir: str | None = None,
    *,
    read_options: ReadOptions = AS_IT_IS,
    cache_dir: Path | None = None,
    show_progress: bool = False,
    download: Download | None = None,
) -> ImageDataset:
    """Finds and reads a data set; its `name` says what was really loaded.

    Args:
        dataset: A named set (a key of `CLASS_NAMES`), a folder of four IDX files (raw or .gz), an
            .npz or .npy file or a folder of some (see `find_arrays`), or a folder of image files
            (see `find_images`). None asks for MNIST, or for `digits` where it can't be had.
        data_dir: A folder in which a named set is a subfolder or an .npz file.
        cache_dir: Where decoded image files are kept; None keeps them in memory.
        download: Name of a set -> its training and its test images and labels, asked where the set
            is not in `data_dir`; raises an OSError where it can't be had. None has none.

    Labels are corrected last, see `correct_labels`: test images stay test images. Raises an
    `InputError` where the name is unknown, nothing is there, or a file is no such file.
    """
    for name in ("labels", "corrections", "attributes_file"):  # found again from another folder
        if (path := getattr(read_options, name)) not in (None, "none"):
            recorded: dict[str, Any] = {name: _to_recorded(Path(path))}
            read_options = replace(read_options, **recorded)
    how = Decoding(cache_dir, show_progress)
    if dataset is not None and dataset not in CLASS_NAMES:
        data = _load_path(dataset, read_options, how)
    else:
        try:
            data = _load_named(dataset or "mnist", data_dir, read_options, download, how)
        except _UnavailableError:
            if dataset is not None:
                raise
            data = _load_named("digits", data_dir, read_options, download, how)
    table = read_options.corrections
    return data if table is None else correct_labels(data, Path(table))


def _load_path(dataset: str, read_options: ReadOptions, how: Decoding) -> ImageDataset:
    path = Path(dataset).resolve()
    if path.is_file() and path.suffix.lower() not in ARRAY_SUFFIXES:
        raise InputError(explain_file(path))
    if not path.is_dir() and not path.is_file():
        wanted = f"one of {', '.join(CLASS_NAMES)}, {EXPECTED}"
        raise InputError(f"no data set {dataset!r}: expected {wanted}")
    name = to_printable(path.name if path.is_dir() else path.stem, LONGEST_NAME)
    return _read(path, read_options, how, name=name, source=_to_recorded(path))


def _to_recorded(path: Path) -> str:
    """A path as a run keeps it, right from any folder; an `InputError` where it is no text."""
    try:
        return str(path.resolve()).encode().decode()
    except UnicodeEncodeError as error:
        why = "can't be kept on record, since its name is no UTF-8: rename it"
        raise InputError(f"{to_printable(str(path), LONGEST_NAME)} {why}") from error


def find_recorded_place(facts: Mapping[str, Any]) -> str:
    """Where images of `ImageDataset.facts` lie, for `load_dataset`; an `InputError` if nowhere."""
    place = facts["source"] or facts["name"]
    if facts["source"] is not None and not Path(place).exists():
        where = f"no longer at {to_printable(place, LONGEST_PATH)}"
        raise InputError(f"the images of the run are {where}: pass --dataset with their new place")
    if facts["source"] is None and place not in CLASS_NAMES:
        what = f"{to_printable(place)!r}, which is no data set of that name"
        raise InputError(f"the images are on record as {what}: pass --dataset")
    return place


class _UnavailableError(InputError):
    """A named data set is neither on disk nor to be downloaded."""


def _read(
    path: Path, read_options: ReadOptions, how: Decoding, *, name: str, source: str | None
) -> ImageDataset:
    common: dict[str, Any] = {"name": name, "source": source}
    is_idx = is_idx_folder(path)
    files = [path] if path.is_file() else [] if is_idx else _find_array_files(path)
    if not files:
        _refuse_flags(read_options, ARRAY_FLAGS, f"{path} has no arrays with names")
    if not (files or is_idx):
        return read_image_folder(path, read_options, how, **common)
    _refuse_flags(read_options, FOLDER_FLAGS, f"{path} is no folder of image files")
    if is_idx:
        _refuse_flags(read_options, ("labels",), f"{path} has labels: {CORRECT}")
    arrays = read_idx_folder(path) if is_idx else _read_arrays(files, read_options)
    return assemble(arrays, read_options, **common, class_names=CLASS_NAMES.get(name, ()))


def _refuse_flags(read_options: ReadOptions, names: Sequence[str], why: str) -> None:
    if given := [name for name in names if getattr(read_options, name) is not None]:
        flags = " and ".join("--" + name.replace("_", "-") for name in given)
        is_none = "classes_from" in given and read_options.classes_from == "none"
        instead = ", and pass --no-labels" if is_none else ""
        raise InputError(f"{why}: leave out {flags}{instead}")


def _read_arrays(paths: list[Path], read_options: ReadOptions) -> Arrays:
    """The arrays of one file, or of several that belong together, such as images and labels."""
    several = len(paths) > 1
    where = str(paths[0].parent if several else paths[0])
    named = [(path, f"{path.stem}/" if several else "") for path in paths]
    if read_options.labels is not None:
        named.append((Path(read_options.labels), "labels/"))
    headers = [each for path, _ in named for each in read_headers(path, unread={}).values()]
    instead = "store fewer images or bytes in place of floats, or pass a folder of image files"
    refuse_too_large(estimate_memory(headers), where, f"{instead}, which are read as needed")
    found, unread = dict[str, np.ndarray](), dict[str, str]()
    for path, prefix in named:
        left = dict[str, str]()
        arrays = read_arrays(path, unread=left)
        names = {name: prefix + name for name in (*arrays, *left)}
        if path.suffix.lower() == ".npy":  # whose one array has no name but the file's
            names = dict.fromkeys(names, prefix.removesuffix("/") or path.stem)
        found |= {names[name]: array for name, array in arrays.items()}
        unread |= {names[name]: what for name, what in left.items()}
    return find_arrays(found, where, read_options, unread)


def _find_array_files(folder: Path) -> list[Path]:
    """The .npz and .npy files of a folder; an `InputError` where a link leads out of it."""
    inside = [path for path in sorted(folder.iterdir()) if path.name[0] != "."]
    suffixes = {path.suffix.lower() for path in inside}
    files = [path for path in inside if path.suffix.lower() in ARRAY_SUFFIXES and path.is_file()]
    # A single array beside images may be anything.
    if ".npz" not in suffixes and (suffixes & list_suffixes() or any(map(Path.is_dir, inside))):
        return []
    for path in files:
        refuse_outside(path, folder)
    return files


def _load_named(
    name: str, data_dir: str | None, read_options: ReadOptions, download: Any, how: Decoding
) -> ImageDataset:
    if data_dir is not None and name not in MADE_HERE:
        if not Path(data_dir).is_dir():
            raise InputError(f"no data folder {data_dir!r}: check --data-dir or LATENTSPACE_DATA")
        folder = Path(data_dir) / name
        for path in (folder, folder.with_suffix(".npz")):
            if path.exists():
                return _read(path, read_options, how, name=name, source=None)
    _refuse_flags(read_options, (*ARRAY_FLAGS, *FOLDER_FLAGS), f"{name} is read as it is")
    _refuse_flags(read_options, ("labels",), f"{name} has labels: {CORRECT}")
    if name == "avatars":
        return _load_avatars(read_options, how.cache_dir)
    arrays = _load_digits() if name == "digits" else _download(name, download)
    return assemble(arrays, read_options, name=name, source=None, class_names=CLASS_NAMES[name])


def _download(name: str, download: Download | None) -> Arrays:
    """A named set from where `download` finds it; an `InputError` where it can't be had."""
    try:
        if download is None:
            raise FileNotFoundError("no download was given")
        (images, labels), (test_images, test_labels) = download(name)
    except OSError as error:
        raise _UnavailableError(
            f"{name} is not on disk and can't be downloaded ({error}): pass --data-dir DIR with "
            f"DIR/{name}/{IDX_FILES['train_images']}.gz and its three companions, or with "
            f"DIR/{name}.npz, or --dataset digits"
        ) from error
    return Arrays([images, test_images], [labels, test_labels])


def _load_digits() -> Arrays:
    """The UCI digits that scikit-learn bundles: 1,797 images of 8x8, brought to 28x28."""
    from scipy.ndimage import zoom
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    # Cubic upsampling of 8x8 by 3.5; grid_mode keeps the image centred.
    large = zoom(digits.images / 16, (1, 3.5, 3.5), order=3, mode="grid-constant", grid_mode=True)
    pixels = to_uint8(large)
    how = {"test_size": DIGITS_TEST_SHARE, "random_state": 0, "stratify": digits.target}
    split = train_test_split(pixels, digits.target, np.arange(len(pixels)), **how)
    return Arrays(split[:2], split[2:4], places=np.concatenate(split[4:]))


def _load_avatars(read_options: ReadOptions, cache_dir: Path | None) -> ImageDataset:
    """Faces that are drawn here, each of which can be drawn again with something changed."""
    factors = avatars.choose_factors(AVATARS)
    key = hash_content(AVATARS_VERSION, PIL.__version__)
    path = None if cache_dir is None else cache_dir / f"avatars-{key}.npz"
    kept = load_or_compute(path, lambda: {"images": avatars.draw(factors)}, version=AVATARS_VERSION)
    drawn, count = kept["images"], AVATARS - TEST_AVATARS
    images, labels = (np.split(values, [count]) for values in (drawn, factors["woman"]))
    arrays = Arrays(images, labels, attributes=avatars.describe(factors))
    names = CLASS_NAMES["avatars"]
    data = assemble(arrays, read_options, name="avatars", source=None, class_names=names)
    if data.image_shape != drawn.shape[1:]:
        return data
    rows = choose_limited(AVATARS, read_options.limit)
    return replace(data, truth=avatars.Truth(factors, rows[rows >= count]))
