"""Image files -> pixels, by Pillow."""

import contextlib
import hashlib
import io
import threading
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from latentspace.core.errors import InputError, format_reason
from latentspace.core.memory import refuse_too_large
from latentspace.core.pixels import to_pil
from latentspace.datasets.values import (
    SIXTEEN_BITS,
    UNIT,
    Range,
    Values,
    join_values,
    measure_values,
    to_bytes,
)

# What Pillow hands to another program, or knows by name only.
NOT_READ = {"EPS", "WMF", "GRIB", "HDF5", "BUFR", "MPEG", "FITS"}
HEIF_SUFFIXES = {".heic", ".heif", ".hif"}
HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
# Told by their first bytes, where the name of a file tells nothing.
TOLD_BY_CONTENT = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000")
# TIFF by their first bytes, which Pillow takes for a thumbnail.
CAMERA_RAW = {".arw", ".cr2", ".dng", ".nef", ".nrw", ".orf", ".pef", ".rw2", ".sr2", ".srw"}
NO_STACKS = {"MPO", "PSD"}  # a phone's further pictures are previews, Photoshop's are layers
GREY_MODES = {"1", "L", "LA", "La", "I", "F"}
MOST_BYTES = 1 << 29  # of an image file; Pillow's limit of pixels is less in any format
MOST_FRAMES = 1 << 16  # that are looked for in a file, which may say that it has any number
DECODED_FRAMES = 8  # of a file of more than 8 bits, before its range is chosen
LARGE = 1 << 24  # pixels; larger images are decoded one at a time, in up to 16 bytes a pixel
_one_at_a_time = threading.Lock()
SWAPPED_SIDES = range(5, 9)  # orientations that a camera notes for a picture lying on its side
ORIENTATION, BITS = 0x0112, 0x0102


@lru_cache(maxsize=1)
def list_suffixes() -> frozenset[str]:
    """File name endings, lower case with the dot, of what is read as an image."""
    formats = _list_formats()
    known = Image.registered_extensions()
    return frozenset(suffix for suffix, name in known.items() if name in formats) | HEIF_SUFFIXES


def is_image_file(path: Path) -> bool:
    """Whether a file is an image, by its name or else its first bytes."""
    if path.suffix.lower() in list_suffixes() | CAMERA_RAW:
        return path.suffix.lower() not in CAMERA_RAW
    with contextlib.suppress(OSError), path.open("rb") as file:
        start = file.read(16)
        formats = [name for name in TOLD_BY_CONTENT if name in _list_formats()]
        return any((accept := Image.OPEN[name][1]) and accept(start) is True for name in formats)
    return False


def read_file(path: Path) -> bytes:
    """The bytes of an image file; an `InputError` if it is none or too large, or an `OSError`."""
    if not path.is_file():  # a pipe or a device could keep one waiting for ever
        raise InputError("no file")
    if (size := path.stat().st_size) > MOST_BYTES:
        raise InputError(f"a file of {size:,} bytes, more than an image has ({MOST_BYTES:,})")
    return path.read_bytes()


class Look(NamedTuple):
    """What an image file tells before it is decoded."""

    size: tuple[int, int]  # height and width, as a person sees it
    grey: bool  # whether it has no colour
    frames: int  # pages or frames, each a picture of its own
    values: Values | None  # of a file of more than 8 bits; None of others, and of damaged ones
    cut: bool  # whether the lower 8 bits of 16 are lost, as Pillow has no colour of 16 bits
    digest: str  # hash of the bytes; equal for copies


def inspect_picture(data: bytes, *, frames_too: bool = False) -> Look:
    """Looks at an image file's bytes, which are decoded only where they hold more than 8 bits.

    With `frames_too` up to `DECODED_FRAMES` pages or frames are. Raises an `InputError` where they
    are no image that Pillow reads, or one too large.
    """
    with _open(data) as picture:
        width, height = picture.size
        raw = _find_raw_mode(picture)  # forgotten when EXIF is looked for
        if picture.getexif().get(ORIENTATION) in SWAPPED_SIDES:
            width, height = height, width
        grey = picture.mode in GREY_MODES or picture.mode.startswith("I;") or raw == "LA;16B"
        cut = ";16" in raw and not picture.mode.startswith("I")
        is_stack = picture.format not in NO_STACKS
        frames = min(getattr(picture, "n_frames", 1), MOST_FRAMES) if is_stack else 1
        found = []
        with contextlib.suppress(Exception):  # a decoder's, which is said when it is decoded
            looked_at = min(frames, DECODED_FRAMES) if frames_too else 1
            for frame in np.linspace(0, frames - 1, looked_at).astype(int):
                picture.seek(int(frame))
                found += [values] if (values := _find_depth(picture)) is not None else []
        joined, digest = join_values(found) if found else None, hashlib.sha256(data).hexdigest()
        return Look((height, width), grey, frames, joined, cut, digest)


def look_at_depth(data: bytes) -> Values | None:
    """Values of an image of over 8 bits; None of others, or of NaN; errors as `open_picture`."""
    with _open(data) as picture:  # and not at its other frames, which may be damaged
        return _find_depth(picture)


def _find_depth(picture: Image.Image) -> Values | None:
    if not picture.mode.startswith(("I", "F")):
        return None
    values = np.asarray(picture)[np.newaxis, ..., np.newaxis]
    return measure_values(values, _find_own(picture)) if np.isfinite(values).all() else None


def open_picture(
    data: bytes, channels: int, *, draft: int | None = None, value_range: Range | None = None
) -> Image.Image:
    """Decodes the bytes of an image file to an upright picture of mode L (1 channel) or RGB (3).

    What is transparent is white. A JPEG file is decoded at a fraction of its size that leaves both
    sides as long as `draft`. The values of `value_range` are black and white; None takes those of
    the file's type. Raises an `InputError` where Pillow reads no image, or one too large.
    """
    return next(open_frames(data, channels, (0,), draft, value_range))


def open_frames(
    data: bytes, channels: int, frames: Sequence[int], draft: int | None, value_range: Range | None
) -> Iterator[Image.Image]:
    """Decodes pages or frames of an image, in rising order, one by one: see `open_picture`."""
    with _open(data) as opened:
        for frame in frames:
            if frame:
                opened.seek(frame)
            yield _take_picture(opened, channels, draft, value_range)


def crop_to(picture: Image.Image, size: tuple[int, int], *, fit: str = "scale") -> np.ndarray:
    """Brings a picture of mode L or RGB to a height and a width, as uint8 (H, W, 1 or 3).

    The middle is cut out, scaled to fit; with `fit` "pad" in its own scale, black around it.
    """
    if picture.size != size[::-1] and fit == "pad":
        left, top = (-((new - old) // 2) for new, old in zip(size[::-1], picture.size, strict=True))
        picture = picture.crop((left, top, left + size[1], top + size[0]))
    elif picture.size != size[::-1]:
        picture = ImageOps.fit(picture, size[::-1], Image.Resampling.LANCZOS)
    return np.asarray(picture).reshape(*size, -1)


def convert_to(
    pixels: np.ndarray, size: tuple[int, int], channels: int, *, fit: str = "scale"
) -> np.ndarray:
    """uint8 (N, H, W, 1 or 3) -> uint8 (N, *size, channels), if need be, see `crop_to`."""
    if pixels.shape[1:] == (*size, channels):
        return pixels
    mode = "L" if channels == 1 else "RGB"
    result = np.empty((len(pixels), *size, channels), np.uint8)
    for image, place in zip(pixels, result, strict=True):
        place[:] = crop_to(to_pil(image).convert(mode), size, fit=fit)
    return result


@contextlib.contextmanager
def _open(data: bytes) -> Iterator[Image.Image]:
    """Opens an image for Pillow alone; whatever goes wrong in the block is an `InputError`."""
    try:
        with Image.open(io.BytesIO(data), formats=_list_formats()) as opened:
            count = opened.width * opened.height
            # Pillow refuses twice as many, and only warns of these, unless warnings are off.
            if (most := Image.MAX_IMAGE_PIXELS) is not None and count > most:
                why = f"are more than {most:,} and may be a decompression bomb"
                raise InputError(f"{count:,} pixels {why}")
            if _has_deep_planes(opened):
                what = "channels of 16 bits in separate planes, which Pillow misreads"
                raise InputError(f"{what}: save it with the channels of each pixel together")
            with _one_at_a_time if count > LARGE else contextlib.nullcontext():
                if count > LARGE:
                    what = f"a picture of {count:,} pixels"
                    refuse_too_large(16 * count, what, "make it smaller")
                yield opened
    except InputError:
        raise
    except Image.UnidentifiedImageError as error:
        if data[4:8] == b"ftyp" and data[8:12] in HEIF_BRANDS:
            raise InputError("HEIC, which needs: pip install pillow-heif") from error
        raise InputError("no image that Pillow reads") from error
    except Exception as error:  # each of some fifty decoders raises what it likes
        raise InputError(format_reason(error)) from error


@lru_cache(maxsize=1)
def _list_formats() -> tuple[str, ...]:
    with contextlib.suppress(ImportError):
        from pillow_heif import register_heif_opener

        register_heif_opener()
    Image.init()
    return tuple(name for name in Image.OPEN if name not in NOT_READ)


def _find_raw_mode(picture: Image.Image) -> str:
    """How Pillow unpacks a file's pixels, such as "RGB;16B"; empty where its decoder knows."""
    tiles = getattr(picture, "tile", None)
    arguments = tiles[0][3] if tiles else ""
    return str(arguments[0] if isinstance(arguments, tuple) else arguments)


def _has_deep_planes(picture: Image.Image) -> bool:
    """Whether the channels of a TIFF lie one after the other in more than 8 bits each."""
    if picture.format != "TIFF" or len(picture.getbands()) < 2:
        return False
    bits = np.max(picture.tag_v2.get(BITS, 8))  # type: ignore[attr-defined]
    return bool(bits > 8) and ";16" not in _find_raw_mode(picture)


def _find_own(picture: Image.Image) -> Range:
    return UNIT if picture.mode == "F" else SIXTEEN_BITS


def _take_picture(
    opened: Image.Image, channels: int, draft: int | None, value_range: Range | None
) -> Image.Image:
    mode = "L" if channels == 1 else "RGB"
    if draft is not None:
        opened.draft(mode, (draft, draft))
    picture = ImageOps.exif_transpose(opened)
    if picture.mode.startswith(("I", "F")):
        deep = to_bytes(np.asarray(picture), value_range or _find_own(picture))
        return Image.fromarray(deep).convert(mode)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    picture = picture.convert(mode)
    if value_range is not None:
        picture = Image.fromarray(to_bytes(np.asarray(picture), value_range))
    return picture
