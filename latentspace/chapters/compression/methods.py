"""Ways of storing images, measured at several settings, and what follows from them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

NEAR = 1.05  # an error so many times that of unquantised codes is as good
LEAST_ERROR = 1e-12  # stands for none at all, which has no logarithm
SIZES = 2000  # at which curves are compared, evenly spaced in their logarithm

# Curves are read between points along straight lines in both logarithms.
Curve = tuple[np.ndarray, np.ndarray]  # sizes and errors, float (S,) each, in any order


@dataclass(frozen=True)
class Method:
    """A way of storing images, measured at several settings."""

    settings: np.ndarray  # what each setting is called, (S,)
    sizes: np.ndarray  # bytes of an image, float64 (S,), tables and model not counted
    mse: np.ndarray  # mean squared error per pixel, float64 (S,), over all measured images
    ssim: np.ndarray  # mean structural similarity, float64 (S,), over some of them
    # Bytes of what a reader needs besides and does not grow with the images (tables, matrices, but
    # not the decoder), float64 (S,).
    tables: np.ndarray
    # What comes back of the images that a picture shows, uint8 (S, K, H, W, C); K is 0 where no
    # picture shows the method.
    shown: np.ndarray

    @property
    def curve(self) -> Curve:
        """Sizes and mean squared errors."""
        return self.sizes, self.mse


@dataclass(frozen=True)
class Verdict:
    """What curves say in the end, as metrics.json has it."""

    # The form of the codes that is spoken of, and its setting: the smallest whose error is at most
    # `NEAR` times that of unquantised codes.
    chosen: str
    chosen_bytes: float  # its bytes an image
    chosen_mse: float  # its error
    nearest: str | None  # what else needs fewest bytes for that error; None if nothing reaches it
    nearest_bytes: float | None  # how many
    break_even_images: int | None  # from which on decoder and tables are paid for; None if never
    overtaken_by: str | None  # the best alternative from those bytes on; None if none
    # From which on an alternative has less error than codes ever have with so many; None if never.
    overtaken_at_bytes: float | None


def compare_codes(
    codes: Mapping[str, Method], others: Mapping[str, Method], *, error: float, decoder_bytes: int
) -> Verdict:
    """Compares codes by form with the best of all else; `error` is that of unquantised codes."""
    places = _list_places(codes)
    sizes, errors = (np.array([place[axis] for place in places]) for axis in (0, 1))
    allowed = max(NEAR * error, errors.min())
    size, mse, name, at = min((one for one in places if one[1] <= allowed), key=lambda one: one[0])
    needed = {other: size_at(method.curve, mse) for other, method in others.items()}
    nearest = min(needed, key=lambda other: needed[other])
    reached = math.isfinite(needed[nearest])
    fixed = decoder_bytes + float(codes[name].tables[at])
    overtaken = find_overtaking((sizes, errors), [other.curve for other in others.values()])
    return Verdict(
        chosen=f"{name}, {codes[name].settings[at]}",
        chosen_bytes=size,
        chosen_mse=mse,
        nearest=nearest if reached else None,
        nearest_bytes=needed[nearest] if reached else None,
        break_even_images=_find_break_even(fixed, size, others[nearest], mse, needed[nearest]),
        overtaken_by=None
        if overtaken is None
        else min(others, key=lambda other: error_at(others[other].curve, overtaken)),
        overtaken_at_bytes=overtaken,
    )


def find_best_within(methods: Mapping[str, Method], budget: float) -> tuple[str, int]:
    """The method and setting of least error within so many bytes; else of fewest bytes."""
    return min(_list_places(methods), key=lambda place: (max(budget, place[0]), place[1]))[2:]


def _list_places(methods: Mapping[str, Method]) -> list[tuple[float, float, str, int]]:
    """All settings: bytes, errors, the names of their methods, and their places there."""
    return [
        (float(size), float(error), name, at)
        for name, method in methods.items()
        for at, (size, error) in enumerate(zip(*method.curve, strict=True))
    ]


def _find_break_even(
    fixed: float, size: float, other: Method, mse: float, other_size: float
) -> int | None:
    """Images from which on `fixed` bytes and `size` an image are less than the other's."""
    if not math.isfinite(other_size):
        return 1
    if other_size <= size:
        return None
    reaching = np.flatnonzero(other.mse <= mse)
    tables = float(other.tables[reaching[other.sizes[reaching].argmin()]])
    return max(1, math.ceil((fixed - tables) / (other_size - size)))


def pareto_front(curve: Curve) -> Curve:
    """The points that no other one beats: sizes rise, errors fall."""
    sizes, errors = curve
    order = np.lexsort((errors, sizes))
    before = np.minimum.accumulate(np.concatenate([[np.inf], errors[order]]))[:-1]
    kept = order[errors[order] < before]
    return sizes[kept], errors[kept]


def size_at(curve: Curve, error: float) -> float:
    """The bytes that a curve needs for an error; infinite where it never comes so low."""
    sizes, errors = pareto_front(curve)
    if errors[-1] > error:
        return np.inf
    return float(np.exp(np.interp(-_log(error), -_log(errors), np.log(sizes))))


def error_at(curve: Curve, size: float) -> float:
    """The error that a curve reaches with so many bytes; infinite where it needs more."""
    sizes, errors = pareto_front(curve)
    if size < sizes[0]:
        return np.inf
    return float(np.exp(np.interp(np.log(size), np.log(sizes), _log(errors))))


def find_overtaking(curve: Curve, others: list[Curve]) -> float | None:
    """The bytes from which on one of the others always has less error; None where none has."""
    ends = [size for sizes, _ in (curve, *others) for size in (sizes.min(), sizes.max())]
    sizes = np.geomspace(min(ends), max(ends), SIZES)
    least = np.array([min(error_at(other, size) for other in others) for size in sizes])
    ahead = least < np.array([error_at(curve, size) for size in sizes])
    if not ahead[-1]:
        return None
    behind = np.flatnonzero(~ahead)
    return float(sizes[0 if not len(behind) else behind[-1] + 1])


def mean_ratio(curve: Curve, other: Curve) -> float:
    """How many times the bytes of another curve a curve needs: geometric mean at equal errors."""
    sizes, errors = pareto_front(other)
    least, most = curve[1].min(), curve[1].max()
    shared = (errors >= least) & (errors <= most)
    if not shared.any():
        return float(np.exp(np.mean(np.log(curve[0])) - np.mean(np.log(other[0]))))
    wanted = np.array([size_at(curve, error) for error in errors[shared]])
    return float(np.exp(np.mean(np.log(wanted / sizes[shared]))))


def _log(errors: np.ndarray | float) -> np.ndarray:
    return np.log(np.maximum(errors, LEAST_ERROR))
