"""Ways of storing images, measured at several settings, and what follows from them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from latentspace.chapters.compression import curves

NEAR = 1.05  # an error so many times that of unquantised codes is as good


@dataclass(frozen=True)
class Method:
    """A way of storing images, measured at several settings.

    Attributes:
        settings: What each setting is called, (S,).
        sizes: Bytes of an image, float64 (S,), tables and model not counted.
        mse: Mean squared error per pixel, float64 (S,), over all measured images.
        ssim: Mean structural similarity, float64 (S,), over some of them.
        tables: Bytes of what a reader needs besides and does not grow with the images (tables,
            matrices, but not the decoder), float64 (S,).
        shown: What comes back of the images that a picture shows, uint8 (S, K, H, W, C); K is 0
            where no picture shows the method.
    """

    settings: np.ndarray
    sizes: np.ndarray
    mse: np.ndarray
    ssim: np.ndarray
    tables: np.ndarray
    shown: np.ndarray

    @property
    def curve(self) -> curves.Curve:
        """Sizes and mean squared errors."""
        return self.sizes, self.mse


@dataclass(frozen=True)
class Verdict:
    """What curves say in the end, as metrics.json has it.

    Attributes:
        chosen: The form of the codes that is spoken of, and its setting: the smallest whose error
            is at most `NEAR` times that of unquantised codes.
        chosen_bytes: Its bytes an image.
        chosen_mse: Its error.
        nearest: The alternative that needs fewest bytes for that error; None if none reaches it.
        nearest_bytes: How many; None if none.
        break_even_images: Images from which on decoder and tables are paid for; None if never.
        overtaken_by: The best alternative there; None if none.
        overtaken_at_bytes: Bytes from which on an alternative has a smaller error than the codes
            ever have with so many; None if never.
    """

    chosen: str
    chosen_bytes: float
    chosen_mse: float
    nearest: str | None
    nearest_bytes: float | None
    break_even_images: int | None
    overtaken_by: str | None
    overtaken_at_bytes: float | None


def compare_codes(
    codes: Mapping[str, Method], others: Mapping[str, Method], *, error: float, decoder_bytes: int
) -> Verdict:
    """Compares codes with the best of everything else.

    Args:
        codes: Their forms, by name.
        others: The alternatives, by name.
        error: Mean squared error of unquantised codes.
        decoder_bytes: What a reader of codes needs besides their tables.
    """
    sizes = np.concatenate([method.sizes for method in codes.values()])
    errors = np.concatenate([method.mse for method in codes.values()])
    allowed = max(NEAR * error, errors.min())
    name, at = min(
        (place for place in _list_places(codes) if codes[place[0]].mse[place[1]] <= allowed),
        key=lambda place: codes[place[0]].sizes[place[1]],
    )
    size, mse = float(codes[name].sizes[at]), float(codes[name].mse[at])
    needed = {other: curves.size_at(method.curve, mse) for other, method in others.items()}
    nearest = min(needed, key=lambda other: needed[other])
    reached = math.isfinite(needed[nearest])
    fixed = decoder_bytes + float(codes[name].tables[at])
    overtaken = curves.find_overtaking((sizes, errors), [other.curve for other in others.values()])
    return Verdict(
        chosen=f"{name}, {codes[name].settings[at]}",
        chosen_bytes=size,
        chosen_mse=mse,
        nearest=nearest if reached else None,
        nearest_bytes=needed[nearest] if reached else None,
        break_even_images=_find_break_even(fixed, size, others[nearest], mse, needed[nearest]),
        overtaken_by=None
        if overtaken is None
        else min(others, key=lambda other: curves.error_at(others[other].curve, overtaken)),
        overtaken_at_bytes=overtaken,
    )


def find_best_within(methods: Mapping[str, Method], budget: float) -> tuple[str, int]:
    """The method and setting of least error at no more than so many bytes.

    Where all need more, those that need fewest.
    """

    def rank(place: tuple[str, int]) -> tuple[float, float]:
        method, at = methods[place[0]], place[1]
        return max(budget, method.sizes[at]), method.mse[at]

    return min(_list_places(methods), key=rank)


def _list_places(methods: Mapping[str, Method]) -> list[tuple[str, int]]:
    """All settings: the names of their methods, and their places there."""
    return [(name, at) for name, method in methods.items() for at in range(len(method.mse))]


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
