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
    """What curves say in the end.

    Attributes:
        method: The form of the codes that is spoken of.
        setting: The smallest whose error is at most `NEAR` times that of unquantised codes.
        size: Its bytes an image.
        mse: Its error.
        nearest: The alternative that needs fewest bytes for that error; None if none reaches it.
        nearest_size: How many; None if none.
        break_even: Images from which on decoder and tables are paid for; None if never.
        overtaken_at: Bytes from which on an alternative has a smaller error than the codes ever
            have with so many; None if never.
        overtaken_by: The best alternative there.
    """

    method: str
    setting: str
    size: float
    mse: float
    nearest: str | None
    nearest_size: float | None
    break_even: int | None
    overtaken_at: float | None
    overtaken_by: str | None


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
    all_settings = [(name, at) for name, method in codes.items() for at in range(len(method.mse))]
    least = min(float(method.mse.min()) for method in codes.values())
    allowed = max(NEAR * error, least)
    name, at = min(
        ((name, at) for name, at in all_settings if codes[name].mse[at] <= allowed),
        key=lambda pair: codes[pair[0]].sizes[pair[1]],
    )
    size, mse = float(codes[name].sizes[at]), float(codes[name].mse[at])
    needed = {other: curves.size_at(method.curve, mse) for other, method in others.items()}
    nearest = min(needed, key=lambda other: needed[other])
    reached = math.isfinite(needed[nearest])
    fixed = decoder_bytes + float(codes[name].tables[at])
    best = (
        np.concatenate([method.sizes for method in codes.values()]),
        np.concatenate([method.mse for method in codes.values()]),
    )
    overtaken = curves.find_overtaking(best, [method.curve for method in others.values()])
    return Verdict(
        method=name,
        setting=str(codes[name].settings[at]),
        size=size,
        mse=mse,
        nearest=nearest if reached else None,
        nearest_size=needed[nearest] if reached else None,
        break_even=_find_break_even(fixed, size, others[nearest], mse, needed[nearest]),
        overtaken_at=overtaken,
        overtaken_by=None
        if overtaken is None
        else min(others, key=lambda other: curves.error_at(others[other].curve, overtaken)),
    )


def find_best_within(methods: Mapping[str, Method], budget: float) -> tuple[str, int]:
    """The method and setting of least error at no more than so many bytes.

    Where all need more, those that need fewest.
    """
    all_settings = [(name, at) for name, method in methods.items() for at in range(len(method.mse))]
    fitting = [(name, at) for name, at in all_settings if methods[name].sizes[at] <= budget]
    if not fitting:
        return min(all_settings, key=lambda pair: methods[pair[0]].sizes[pair[1]])
    return min(fitting, key=lambda pair: methods[pair[0]].mse[pair[1]])


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
