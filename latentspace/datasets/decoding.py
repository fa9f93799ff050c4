"""Many image files at once: a first look at each, and their pixels, kept decoded in the cache."""

import contextlib
import hashlib
import io
import itertools
import math
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeVar

import numpy as np

from latentspace.core.cache import map_or_write
from latentspace.core.errors import InputError, to_printable
from latentspace.core.memory import refuse_too_large
from latentspace.core.progress import make_bar
from latentspace.core.provenance import hash_content
from latentspace.datasets.dataset import format_shape
from latentspace.datasets.pictures import Look, crop_to, inspect_picture, open_frames, read_file
from latentspace.datasets.values import Range

FILES_AT_ONCE = 2048  # to bound memory
LONGEST_PATH = 200  # letters, in messages
CACHE_VERSION = 1  # raised when the same files would give other pixels

Item = TypeVar("Item")
Made = TypeVar("Made")


class Decoding(NamedTuple):
    """Where decoded files are kept, and whether a bar shows how far they are."""

    cache_dir: Path | None = None  # None keeps them in memory
    show_progress: bool = False


class Frame(NamedTuple):
    """A page or frame of an image file."""

    path: Path
    digest: str  # of the file
    number: int  # from 0
    value_range: Range | None  # black and white of the file; None takes those of its type


def inspect_files(
    paths: Sequence[Path], *, show_progress: bool, frames_too: bool = False
) -> list[Look | InputError]:
    """A first look at files, in parallel, or their errors; at all frames with `frames_too`."""

    def inspect(path: Path) -> Look | InputError:
        try:
            return inspect_picture(read_file(path), frames_too=frames_too)
        except (InputError, OSError) as error:
            return InputError(str(error))

    return list(_map_parallel(inspect, paths, "looking at images", show_progress))


def decode_files(
    frames: Sequence[Frame], how: Decoding, *, size: tuple[int, int], channels: int, fit: str
) -> tuple[np.ndarray, dict[int, str]]:
    """Decodes files in parallel, or takes them from the cache, see `crop_to`.

    Frames of a file follow each other. Without a cache pixels are kept in memory. Returns uint8
    (K, H, W, C), those that could be decoded, in the given order, read from disk as needed where
    they lie in the cache; and what was wrong with each of the others, by its number. Raises an
    `InputError` where a file has changed since the first look, or there is not enough memory.
    """
    draft = max(size) if fit == "scale" else None

    def decode(stack: Sequence[Frame]) -> list[np.ndarray | InputError]:
        path, digest, _, value_range = stack[0]
        numbers = [frame.number for frame in stack]
        with contextlib.suppress(InputError, OSError):
            data = read_file(path)
            if hashlib.sha256(data).hexdigest() == digest:
                images: list[np.ndarray | InputError] = []
                try:
                    for picture in open_frames(data, channels, numbers, draft, value_range):
                        images.append(crop_to(picture, size, fit=fit))
                except InputError as error:
                    images += [error] * (len(stack) - len(images))
                return images
        # What can't be read goes into the cache as well, under the hashes of the first look.
        shown = to_printable(str(path), LONGEST_PATH)
        raise InputError(f"{shown} changed while images were read: read them again")

    stacks = [list(stack) for _, stack in itertools.groupby(frames, lambda frame: frame.path)]

    def write_images(file: BinaryIO) -> dict[str, np.ndarray]:
        failures = {}
        found = _map_parallel(decode, stacks, "decoding images", how.show_progress)
        for number, image in enumerate(itertools.chain.from_iterable(found)):
            if isinstance(image, InputError):
                failures[number] = str(image)
            else:
                file.write(image.tobytes())
        reasons = np.array([*failures.values()], str)
        return {"failed": np.array([*failures], np.int64), "reasons": reasons}

    shape, pixels = (*size, channels), None
    keys = ["-".join(map(str, filter(None, frame[1:]))) for frame in frames]
    # The key of scaled ones is what it was before there were others.
    form: tuple[int | str, ...] = shape if fit == "scale" else (*shape, fit)
    if how.cache_dir is not None:
        path = how.cache_dir / f"images-{hash_content(*keys, *form)}.npz"
        # A full disk or a folder that can't be written to costs the cache, not the images.
        with contextlib.suppress(OSError):
            pixels, about = map_or_write(path, write_images, version=CACHE_VERSION)
    if pixels is None:
        what = f"{len(frames):,} images of {format_shape(shape)}, which can't be kept in the cache,"
        advice = "mend or allow the cache, where they are read from as they are needed, or pass"
        advice += " --limit N or a smaller --image-size"
        refuse_too_large(len(frames) * math.prod(shape), what, advice)
        held = io.BytesIO()
        about = write_images(held)
        pixels = np.frombuffer(held.getbuffer(), np.uint8)
    failures = dict(zip(about["failed"].tolist(), about["reasons"].tolist(), strict=True))
    return pixels.reshape(-1, *shape), failures


def _map_parallel(
    what: Callable[[Item], Made], items: Sequence[Item], text: str, show_progress: bool
) -> Iterator[Made]:
    with (
        warnings.catch_warnings(action="ignore"),  # Pillow's, about odd metadata
        ThreadPoolExecutor(os.cpu_count()) as pool,
        make_bar(text, len(items), quiet=not show_progress) as bar,
    ):
        for start in range(0, len(items), FILES_AT_ONCE):
            for made in pool.map(what, items[start : start + FILES_AT_ONCE]):
                bar.update()
                yield made
