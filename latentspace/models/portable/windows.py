"""Kernels that slide over images, in steps, as Keras and ONNX both know them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from latentspace.models.portable.steps import Builder, Tensor

Shape = tuple[int, ...]
Sides = Sequence[int]  # height and width


@dataclass(frozen=True)
class Window:
    """A kernel's size, how far it moves, how far its entries lie apart, and where it begins."""

    size: Sides
    strides: Sides
    dilation: Sides
    corner: Sides | None = None  # so far above and left of an image; None: in the middle of it

    def span(self, count: Sides, part: Sides) -> tuple[list[int], Sides]:
        """Sides of what so many kernels cover; what of it lies above and left of a part."""
        sides = zip(count, self.size, self.strides, self.dilation, strict=False)
        whole = [(n - 1) * stride + (k - 1) * dilation + 1 for n, k, stride, dilation in sides]
        middle = [max(n - inner, 0) // 2 for n, inner in zip(whole, part, strict=False)]
        return whole, self.corner or middle


def convolve(
    to: Builder, window: Window, x: Tensor, shape: Shape, kernel: np.ndarray, bias: Any
) -> Tensor:
    """A convolution, to a shape; a kernel (height, width, inputs, outputs) that `keep` gave."""
    x, taps, walk = _walk(to, window, x, shape)
    together = window.size[1] if window.dilation[1] == 1 else 1  # what lies in a line, at once
    walk |= {"offsets": taps[::together], "length": together * x.shape[2]}
    return to.multiply(x, shape, kernel, bias, **walk)


def convolve_channels(to: Builder, window: Window, x: Tensor, shape: Shape, kernel: Any) -> Tensor:
    """As `convolve`, each channel alone; a kernel with all results of one together at the end."""
    x, taps, walk = _walk(to, window, x, shape)
    channels = x.shape[2]
    many = math.prod(kernel.shape) // (len(taps) * channels)
    walk |= {"channels": channels, "multiplier": many, "offsets": taps}
    kept = to.keep_vector(kernel)
    return to.add("depthwise", [x], (*shape[:2], channels * many), kernel=kept, **walk)


def _walk(
    to: Builder, window: Window, x: Tensor, shape: Shape
) -> tuple[Tensor, list[int], dict[str, Any]]:
    """What windows slide over, where in one its values lie, and how they move."""
    needed, corner = window.span(shape, x.shape)
    if any(corner) or needed[0] > x.shape[0] or needed[1] > x.shape[1]:
        x = to.place(x, needed, corner)
    down, across = x.shape[1] * x.shape[2], x.shape[2]
    (height, width), (far, wide) = window.size, window.dilation
    taps = [i * far * down + j * wide * across for i in range(height) for j in range(width)]
    walk = {"line_step": window.strides[0] * down, "row_step": window.strides[1] * across}
    return x, taps, walk | {"lines": shape[0], "rows": shape[1]}


def convolve_transposed(
    to: Builder, window: Window, x: Tensor, shape: Shape, kernel: np.ndarray, bias: Any
) -> Tensor:
    """A transposed convolution; a kernel (height, width, outputs, inputs) that `keep` gave."""
    height, width, outputs, _ = kernel.shape
    whole, cut = window.span(x.shape, shape)
    if tuple(window.strides) == (1, 1):  # a convolution with the kernel turned around
        corner = [a - n - c for a, n, c in zip(whole, x.shape, cut, strict=False)]
        turned = kernel[::-1, ::-1].swapaxes(2, 3)
        return convolve(to, replace(window, corner=corner), x, shape, turned, bias)
    written_shape = (*x.shape[:2], height * width * outputs)
    written = to.multiply(x, written_shape, np.moveaxis(kernel, 3, 0), None)
    canvas = [max(a, b + c) for a, b, c in zip(whole, shape, cut, strict=False)]
    row = canvas[1] * outputs
    options = {"lines": x.shape[0], "rows": x.shape[1], "down": height, "run": width * outputs}
    options |= {"line_step": window.strides[0] * row, "row": row}
    options |= {"row_step": window.strides[1] * outputs}
    ground = to.keep_vector(np.zeros(outputs) if bias is None else bias)
    x = to.add("scatter", [written], (*canvas, outputs), bias=ground, **options)
    return to.place(x, shape[:2], [-c for c in cut])


def join_groups(kernel: np.ndarray, groups: int) -> np.ndarray:
    """A kernel (height, width, A / groups, B) as one (height, width, A, B), zeros where none is."""
    block = np.ones((kernel.shape[2], kernel.shape[3] // groups))
    return np.tile(kernel, (1, 1, groups, 1)) * np.kron(np.eye(groups), block)
