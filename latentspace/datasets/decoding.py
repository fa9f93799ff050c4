"""Many image files at once: a first look at each, and their pixels, kept decoded in the cache."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
from tqdm import tqdm
from typing_extensions import TypedDict

from latentspace.core.documents import read_document, write_document
from latentspace.core.errors import InputError, to_printable, warn_once
from latentspace.core.files import replace_file
from latentspace.core.memory import refuse_too_large
from latentspace.core.provenance import hash_content, hash_file
from latentspace.datasets.dataset import format_shape
from latentspace.datasets.pictures import crop_to, open_picture, read_file, read_size

FILES_AT_ONCE = 2048  # to bound memory
LONGEST_PATH = 200  # letters, in messages
CACHE_VERSION = 1  # raised when the same files would give other pixels
DECODE_AGAIN = "the images are decoded afresh"

Made = TypeVar("Made")


class CacheFacts(TypedDict):
    """What is kept beside the pixels: their version and hash, and which files gave none."""

    kept_as: int
    failures: dict[str, str]
    sha256: str


@dataclass(frozen=True)
class FileInfo:
    """What the bytes of an image file tell before they are decoded.

    Attributes:
        digest: Hash of the bytes; equal for copies.
        size: Height and width, as a person sees it.
        grey: Whether it has no colour.
    """

    digest: str
    size: tuple[int, int]
    grey: bool


@dataclass(frozen=True)
class Decoded:
    """Pixels of those files that could be decoded.

    Attributes:
        pixels: uint8 (K, H, W, C), in the order of the files; read from disk as needed where they
            lie in the cache.
        failures: What was wrong with each of the others, by its number.
    """

    pixels: np.ndarray
    failures: dict[int, str]


def inspect_files(paths: Sequence[Path], *, show_progress: bool) -> list[FileInfo | InputError]:
    """Takes a first look at files, in parallel; for what can't be read its error."""

    def inspect(path: Path) -> FileInfo | InputError:
        try:
            data = read_file(path)
            height, width, grey = read_size(data)
        except (InputError, OSError) as error:
            return InputError(str(error))
        return FileInfo(hashlib.sha256(data).hexdigest(), (height, width), grey)

    return list(_map_parallel(inspect, paths, "looking at images", show_progress))


def decode_files(
    paths: Sequence[Path],
    digests: Sequence[str],
    *,
    size: tuple[int, int],
    channels: int,
    cache_dir: Path | None,
    show_progress: bool,
) -> Decoded:
    """Decodes files in parallel, or takes them from the cache.

    Args:
        paths: The files.
        digests: The hash of each.
        size: Height and width to bring each to, see `crop_to`.
        channels: 1 for grey, 3 for colour.
        cache_dir: Where pixels are kept, under a key made of the hashes; None keeps them in memory.
        show_progress: Draw a progress bar on stderr.

    Raises:
        InputError: A file is another than it was at the first look, or the pixels have to be kept
            in memory, and there is not enough.
    """
    expected = dict(zip(paths, digests, strict=True))

    def decode(path: Path) -> np.ndarray | InputError:
        with contextlib.suppress(InputError, OSError):
            data = read_file(path)
            if hashlib.sha256(data).hexdigest() == expected[path]:
                try:
                    return crop_to(open_picture(data, channels, draft=max(size)), size)
                except InputError as error:
                    return error
        # What can't be read goes into the cache as well, under the hashes of the first look.
        shown = to_printable(str(path), LONGEST_PATH)
        raise InputError(f"{shown} changed while images were read: read them again")

    def iterate_images(failures: dict[int, str]) -> Iterator[np.ndarray]:
        found = _map_parallel(decode, paths, "decoding images", show_progress)
        for number, image in enumerate(found):
            if isinstance(image, InputError):
                failures[number] = str(image)
            else:
                yield image

    shape = (*size, channels)
    if cache_dir is not None:
        key = hash_content(*digests, *shape)
        # A full disk or a folder that can't be written to costs the cache, not the images.
        with contextlib.suppress(OSError):
            return _load_or_decode(
                cache_dir / f"images-{key}", (len(paths), *shape), iterate_images
            )
    refuse_too_large(
        len(paths) * math.prod(shape),
        f"{len(paths):,} images of {format_shape(shape)}, which can't be kept in the cache,",
        "mend or allow the cache, where they are read from as they are needed, or pass --limit N "
        "or a smaller --image-size",
    )
    failures: dict[int, str] = {}
    pixels = np.empty((len(paths), *shape), np.uint8)
    count = 0
    for image in iterate_images(failures):
        pixels[count] = image
        count += 1
    return Decoded(pixels[:count], failures)


def _load_or_decode(
    path: Path,
    shape: tuple[int, int, int, int],
    images: Callable[[dict[int, str]], Iterator[np.ndarray]],
) -> Decoded:
    """Maps the pixels of a cache into memory, after writing them where they are not yet there.

    The shape is that of all images, those included that turn out to be unreadable.
    """
    raw, about = path.with_suffix(".raw"), path.with_suffix(".json")
    if (found := _map_cache(raw, about, shape)) is not None:
        return found
    failures: dict[int, str] = {}
    with replace_file(raw) as temporary, temporary.open("wb") as file:
        _write(file, images(failures))
    facts = {
        "kept_as": CACHE_VERSION,
        "failures": {str(number): text for number, text in failures.items()},
        "sha256": hash_file(raw),
    }
    write_document(about, facts, version=1)
    found = _map_cache(raw, about, shape)
    if found is None:
        raise OSError(f"{raw} can't be read again")
    return found


def _write(file: BinaryIO, images: Iterator[np.ndarray]) -> None:
    for image in images:
        file.write(np.ascontiguousarray(image).data)


def _map_cache(raw: Path, about: Path, shape: tuple[int, int, int, int]) -> Decoded | None:
    """What lies in the cache; None where it is missing, or is said to be damaged."""
    if not about.exists():
        return None
    try:
        facts = read_document(about, CacheFacts, version=1, renew=DECODE_AGAIN)
        if facts["kept_as"] != CACHE_VERSION or hash_file(raw) != facts["sha256"]:
            raise InputError(f"{raw} is damaged, or was kept by another version: {DECODE_AGAIN}")
        failures = {int(number): text for number, text in facts["failures"].items()}
        wanted = (shape[0] - len(failures), *shape[1:])
        # There is no memory to map where no file could be decoded.
        kept = np.memmap(raw, np.uint8, "r") if wanted[0] else np.empty(0, np.uint8)
        pixels = kept.reshape(wanted)
    except (OSError, ValueError) as error:
        warn_once(str(error))
        return None
    return Decoded(pixels, failures)


def _map_parallel(
    what: Callable[[Path], Made], paths: Sequence[Path], text: str, show_progress: bool
) -> Iterator[Made]:
    """Applies a function to each file on all cores, some thousands of files at a time."""
    hidden = None if show_progress else True  # None: hidden where stderr is no terminal
    with (
        warnings.catch_warnings(),
        ThreadPoolExecutor(os.cpu_count()) as pool,
        tqdm(total=len(paths), desc=text, leave=False, disable=hidden) as bar,
    ):
        warnings.simplefilter("ignore")  # Pillow's, about odd metadata
        for start in range(0, len(paths), FILES_AT_ONCE):
            for made in pool.map(what, paths[start : start + FILES_AT_ONCE]):
                bar.update()
                yield made
