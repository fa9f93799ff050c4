"""Which values of images are black and white: by their type, or by what they plainly hold."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from latentspace.core.errors import InputError
from latentspace.core.pixels import iterate_parts, to_uint8

Range = tuple[float, float]  # black and white; never int, since keys of the cache are made of it

BYTES: Range = (0.0, 255.0)
SIXTEEN_BITS: Range = (0.0, 65535.0)
UNIT: Range = (0.0, 1.0)
# Narrow ones first. Ten, twelve and fourteen bits are what cameras and scanners have.
KNOWN: tuple[Range, ...] = (
    *(UNIT, (-0.5, 0.5), (-1.0, 1.0), BYTES, (-128.0, 127.0)),
    *((0.0, 1023.0), (0.0, 4095.0), (0.0, 16383.0), SIXTEEN_BITS, (-32768.0, 32767.0)),
)
FEW = 0.005  # share of the values at either end that may lie beyond a range, and are clipped
MOST_BEYOND = 1 / 4  # of a range that these may lie beyond it, as resizing and sharpening do
ROUNDING = 1 / 20  # of a range that many may lie beyond it, as a little noise does
LITTLE = 1 / 8  # of a range: what reaches no further than that is another range
WIDEST = 1e30  # as a difference of single floats it is still finite
SAMPLED = 1 << 16  # values that are sorted
SAMPLED_SIDE = 32  # rows and columns of each image among them
CHANNELS = (1, 3, 4)
AT_ONCE = 1 << 18  # values that become floats together


@dataclass(frozen=True)
class Values:
    """What the values of images are like before they are scaled."""

    own: Range  # what their type takes for black and white
    low: float
    high: float
    most_low: float  # but for the `FEW` lowest
    most_high: float


def measure_values(images: np.ndarray, own: Range) -> Values:
    """Looks at the values of images, (N, H, W, C) of finite numbers, at least one."""
    rows, columns = (max(1, side // SAMPLED_SIDE) for side in images.shape[1:3])
    sample = images[:, ::rows, ::columns]
    sample = np.sort(sample[:: -(-sample.size // SAMPLED)], axis=None)
    few = int(FEW * len(sample))
    ends = (images.min(), images.max(), sample[few], sample[-1 - few])
    return Values(own, *map(float, ends))


def to_pixels(images: np.ndarray, value_range: Range, where: str) -> np.ndarray:
    """Brings an array of images to uint8 (N, H, W, 1 or 3), `value_range` to black and white.

    They are finite numbers or booleans, (N, H, W), (N, H, W, C) or (N, C, H, W) of 1, 3 or 4
    channels, the fourth an opacity, which is laid on white. Raises an `InputError` for others.
    """
    pixels = to_bytes(_to_channels_last(images, where), value_range)
    if pixels.shape[3] == 4:
        opacity = pixels[..., 3:] / np.float32(255)
        pixels = to_uint8((pixels[..., :3] * opacity + 255 * (1 - opacity)) / 255)
    return pixels


def look_at_values(images: np.ndarray, where: str) -> Values:
    """Looks at the values of images, shaped as for `to_pixels`; an `InputError` of no images."""
    found = _to_channels_last(images, where)
    if found.dtype.kind not in "buif":
        raise InputError(f"{where}: images should be numbers. Received: {found.dtype}")
    if found.dtype.kind == "f" and (broken := int((~np.isfinite(found)).sum())):
        raise InputError(f"{where}: {broken:,} values of the images are NaN or infinite")
    own = UNIT if found.dtype.kind in "bf" else SIXTEEN_BITS if found.dtype == np.uint16 else BYTES
    if not found.size or found.dtype == bool:
        return Values(own, *own, *own)
    values = measure_values(found, own)
    if max(-values.low, values.high) > WIDEST:
        wanted = f"values of images should be at most {WIDEST:g}"
        raise InputError(f"{where}: {wanted}. Received: {values.low:g} to {values.high:g}")
    return values


def _to_channels_last(images: np.ndarray, where: str) -> np.ndarray:
    found = images[..., np.newaxis] if images.ndim == 3 else images
    if found.ndim == 4 and found.shape[3] not in CHANNELS and found.shape[1] in CHANNELS:
        found = np.moveaxis(found, 1, 3)
    if found.ndim != 4 or found.shape[3] not in CHANNELS or min(found.shape[1:]) < 1:
        wanted = "the shape (N, H, W), (N, H, W, C) or (N, C, H, W), with C of 1, 3 or 4"
        raise InputError(f"{where}: images should have {wanted}. Received: {images.shape}")
    return found


def choose_ranges(
    found: Iterable[Values], given: Range | None
) -> tuple[dict[Range, Range], list[str]]:
    """Chooses black and white for a whole set of images, of the values of each file or array.

    Returns the range to read for each range that a type says, and notes for a person. Raises an
    `InputError` where the `given` one is no range, or leaves nothing but black or white.
    """
    if given is not None and not given[0] < given[1]:
        wanted = "two numbers, black and then white, the first below the second"
        received = f"{given[0]:g} {given[1]:g}"
        raise InputError(f"--value-range should be {wanted}. Received: {received}")
    by_own: dict[Range, list[Values]] = {}
    for values in found:
        by_own.setdefault(values.own, []).append(values)
    joined = {own: join_values(values) for own, values in by_own.items()}
    ranges = {own: given or _choose_range(values) for own, values in joined.items()}
    notes = [describe_range(values, ranges[own]) for own, values in joined.items()]
    return ranges, [note for note in notes if note is not None]


def describe_range(values: Values, chosen: Range) -> str | None:
    """A line on how values are read, where one might wonder; an `InputError` if all look alike."""
    low, high = chosen
    if values.low < values.high and (values.high <= low or values.low >= high):
        found = f"the images, whose values lie from {values.low:g} to {values.high:g}"
        what = f"--value-range {low:g} {high:g} leaves nothing of {found}"
        raise InputError(f"{what}: pass another, or leave it out")
    whole = f"{low:g} (black) to {high:g} (white)"
    used, rounding = values.most_high - values.most_low, (high - low) / 255
    if 0 < used < LITTLE * (high - low):
        ends, part = (f"{values.most_low:g}", f"{values.most_high:g}"), f"a small part of {whole}"
        advice = f"--value-range {' '.join(ends)} shows more of them"
        return f"nearly all values lie from {' to '.join(ends)}, {part}: {advice}"
    if chosen != values.own or values.low < low - rounding or values.high > high + rounding:
        read = f"values from {values.low:g} to {values.high:g} are read as {whole}"
        return f"{read}; --value-range LOW HIGH sets others"
    return None


def fits(values: Values, chosen: Range) -> bool:
    """Whether values lie in a range, but for a few, and use a good part of it."""
    low, high = chosen
    width = high - low
    return (
        low - MOST_BEYOND * width <= values.low
        and low - ROUNDING * width <= values.most_low
        and values.most_high <= high + ROUNDING * width
        and values.high <= high + MOST_BEYOND * width
        and values.high - low > (LITTLE if chosen == values.own else 1 / 2) * width
        and (low == 0 or values.low - low < width / 4)
    )


def to_bytes(values: np.ndarray, chosen: Range) -> np.ndarray:
    """Brings finite numbers of any type to uint8, shape kept: black and below is 0, white 255."""
    if values.dtype == np.uint8 and chosen == BYTES:
        return values
    if values.dtype == bool:
        return values * np.uint8(255)
    low, high = chosen
    dtype = np.promote_types(values.dtype, np.float32)
    result = np.empty(values.shape, np.uint8)
    for rows in iterate_parts(values, max(1, AT_ONCE // max(1, values[:1].size))):
        part = values[rows].astype(dtype, copy=False)
        result[rows] = to_uint8((part - low) / (high - low))
    return result


def find_common(ranges: Iterable[Range]) -> Range | None:
    """The one range that all were read with, to be kept on record; None where there are several."""
    found = {*ranges}
    return found.pop() if len(found) == 1 else None


def join_values(values: Sequence[Values]) -> Values:
    """The values of several files or frames of one type: a rare one does not tell what most are."""
    low, high = min(one.low for one in values), max(one.high for one in values)
    most_low = np.quantile([one.most_low for one in values], 0.05)
    most_high = np.quantile([one.most_high for one in values], 0.95)
    return Values(values[0].own, low, high, float(most_low), float(most_high))


def _choose_range(values: Values) -> Range:
    low, high = values.low, values.high
    if low == high:  # nothing to be seen, whatever is black and white
        around = [one for one in (values.own, *KNOWN) if one[0] <= low <= one[1]]
        return around[0] if around else (min(low, 0.0), max(high, 0.0))
    plain = (0.0 if 0 <= low < high / 2 else low), high
    return next((known for known in KNOWN if fits(values, known)), plain)
