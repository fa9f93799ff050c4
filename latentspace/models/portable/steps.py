"""A network as plain steps and arrays, for a runtime that knows a dozen kinds of them.

Every value is a float32 tensor without the batch, row by row. The steps (`Network.steps`) are:

| do | what it makes of the tensors `in`, as tensor `out` |
|---|---|
| multiply | rows @ kernel + bias; a row is gathered from places of the tensor (a convolution) |
| scatter | what each pixel writes, added up on a canvas (the second half of a transposed one) |
| depthwise | a convolution in each channel of its own |
| place | a part of an image, or an image among zeros |
| resample | along one axis weighted sums, or the largest, of some entries (pooling, upsampling) |
| permute | other axes first |
| affine | x * scale + shift, repeated over and over |
| activate, slope | a function of each value; a slope of its own below 0 for each value |
| softmax | along one axis; or its logarithm |
| normalize | mean 0 and variance 1 in each group |
| merge, concatenate | several tensors into one |
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from latentspace.core.packing import Blob

ROOM = 16  # values; a tensor begins at a multiple, and so many after it may be overwritten
IN_PLACE = ("affine", "activate", "slope", "merge")  # each value of them needs that one place only


class NotPortableError(ValueError):
    """The message names what can't be expressed: "the layer 'sampling' of the kind Lambda"."""


@dataclass(frozen=True)
class Network:
    steps: list[dict[str, Any]]  # JSON-able: "do", numbers of tensors "in" and "out", parameters
    arrays: list[np.ndarray]  # float32, no two alike; steps name them by their index
    places: list[tuple[int, int]]  # of each tensor: where it begins in memory, and how many values
    input_shape: tuple[int, ...]  # of tensor 0
    output_shape: tuple[int, ...]
    output: int  # the number of its tensor


@dataclass(frozen=True)
class Tensor:
    number: int  # 0 is the input; each step makes the next one
    shape: tuple[int, ...]


@dataclass
class Builder:
    """The steps so far."""

    sizes: list[int]  # values of each tensor
    steps: list[dict[str, Any]] = field(default_factory=list)
    arrays: dict[bytes, np.ndarray] = field(default_factory=dict)  # by content

    def add(self, do: str, inputs: list[Tensor], shape: Sequence[int], **options: Any) -> Tensor:
        result = Tensor(len(self.sizes), tuple(shape))
        self.sizes.append(math.prod(shape))
        read = [x.number for x in inputs]
        self.steps.append({"do": do, "in": read, "out": result.number, **options})
        return result

    def keep(self, array: Any) -> np.ndarray:
        """Stores an array, or finds it, transposed or not. Returns a view of what is stored."""
        array = to_numpy(array)
        content, turned = array.tobytes(), array.T.tobytes()
        if array.ndim == 2 and content not in self.arrays and turned in self.arrays:
            return self.arrays[turned].reshape(array.T.shape).T
        return self.arrays.setdefault(content, array).reshape(array.shape)

    def keep_vector(self, array: Any) -> int:
        """The index of an array of which nothing but the order of its values counts."""
        kept = self.keep(to_numpy(array).ravel())
        return list(self.arrays).index(kept.tobytes())

    def multiply(
        self, x: Tensor, shape: Sequence[int], kernel: np.ndarray, bias: Any, **gather: Any
    ) -> Tensor:
        """rows @ kernel + bias, for a kernel that `keep` gave.

        The rows are the last axis of the tensor, and the columns all but the first of the kernel.
        Or `gather` tells of rows: `lines` times `rows` of them, `line_step` and `row_step` values
        apart, each of `length` values at each of `offsets`; then the columns are the last axis.
        """
        count = 3 if gather else 1  # axes of the kernel that make rows of the matrix
        if not gather:
            gather = {"lines": 1, "line_step": 0, "rows": math.prod(x.shape[:-1])}
            gather |= {"row_step": x.shape[-1], "offsets": [0], "length": x.shape[-1]}
        elif gather["line_step"] == gather["rows"] * gather["row_step"]:  # as if in one line
            gather |= {"lines": 1, "rows": gather["lines"] * gather["rows"]}
        kept = enumerate(self.arrays.values())
        index, base = next(each for each in kept if np.may_share_memory(each[1], kernel))
        axes = [[n, stride // 4] for n, stride in zip(kernel.shape, kernel.strides, strict=True)]
        offset = (kernel.ctypes.data - base.ctypes.data) // 4
        matrix = {"array": index, "offset": offset, "rows": axes[:count], "columns": axes[count:]}
        gather |= {"kernel": matrix, "bias": None if bias is None else self.keep_vector(bias)}
        return self.add("multiply", [x], shape, columns=math.prod(kernel.shape[count:]), **gather)

    def affine(self, x: Tensor, scale: Any, shift: Any) -> Tensor:
        """x * scale + shift, which broadcast to it; with as few values of both as tell all."""
        both = np.broadcast_arrays(to_numpy(scale), to_numpy(shift), np.empty((1, *x.shape)))[:2]
        flat = np.stack(both, axis=-1).reshape(-1, 2)
        periods = [math.prod(x.shape[axis:]) for axis in range(len(x.shape), -1, -1)]
        period = next(p for p in periods if (flat == np.resize(flat[:p], flat.shape)).all())
        scale, shift = flat[:period].T
        if (scale == 1).all() and (shift == 0).all():
            return x
        kept = {"scale": self.keep_vector(scale), "shift": self.keep_vector(shift)}
        return self.add("affine", [x], x.shape, **kept)

    def resample(self, x: Tensor, axis: int, matrix: Any, *, largest: bool = False) -> Tensor:
        """Sums along an axis, by weights (M, N), few not 0; or the `largest` that has a weight."""
        matrix = to_numpy(matrix) != 0 if largest else to_numpy(matrix)
        if np.array_equal(matrix, np.eye(x.shape[axis])):
            return x
        taps = [[[int(i), float(row[i])] for i in np.flatnonzero(row)] for row in matrix]
        shape = (*x.shape[:axis], len(matrix), *x.shape[axis + 1 :])
        view = view_axis(x.shape, axis)
        return self.add("resample", [x], shape, taps=taps, largest=largest, **view)

    def place(self, x: Tensor, size: Sequence[int], corner: Sequence[int]) -> Tensor:
        """An image whose corner lies at a place of another size, cut off there or among zeros."""
        (height, width, channels), (top, left) = x.shape, corner
        if (height, width, 0, 0) == (*size, *corner):
            return x
        rows, out_rows = [height, width * channels], [size[0], size[1] * channels]
        options = {"rows": rows, "out_rows": out_rows, "corner": [top, left * channels]}
        return self.add("place", [x], (*size, channels), **options)

    def spread(self, x: Tensor, shape: Sequence[int]) -> Tensor:
        """What has one entry along an axis, or lacks the first axes, again and again to a shape."""
        x = Tensor(x.number, (1,) * (len(shape) - len(x.shape)) + x.shape)
        for axis, size in enumerate(shape):
            if x.shape[axis] < size:
                x = self.resample(x, axis, np.ones((size, 1)))
        return x

    def permute(self, x: Tensor, axes: Sequence[int]) -> Tensor:
        strides = [math.prod(x.shape[axis + 1 :]) for axis in axes]
        shape = [x.shape[axis] for axis in axes]
        moved = [axis for axis in axes if x.shape[axis] > 1]
        if moved == sorted(moved):  # the values lie as before
            return Tensor(x.number, tuple(shape))
        return self.add("permute", [x], shape, axes=[*zip(shape, strides, strict=True)])

    def finish(self, start: Tensor, end: Tensor) -> Network:
        places, arrays = self.plan_memory(end.number), [*self.arrays.values()]
        return Network(self.steps, arrays, places, start.shape, end.shape, end.number)

    def plan_memory(self, output: int) -> list[tuple[int, int]]:
        """A place for each tensor, in values, that no other needs at the same time; its size."""
        last_use = {x: made for made, step in enumerate(self.steps, 1) for x in step["in"]}
        last_use[output] = len(self.sizes)
        places: list[tuple[int, int]] = []
        live: list[int] = []
        for number, size in enumerate(self.sizes):
            needed = [other for other in live if last_use.get(other, 0) > number]
            start = 0
            is_in_place = number and self.steps[number - 1]["do"] in IN_PLACE
            for place in sorted(places[other] for other in (needed if is_in_place else live)):
                if place[0] - start >= size + ROOM:
                    break
                start = -(-(sum(place) + ROOM) // ROOM) * ROOM
            places.append((start, size))
            live = [*needed, number] if last_use.get(number, 0) > number else needed
        return places


def pack(networks: Sequence[Network]) -> tuple[list[dict[str, Any]], bytes]:
    """Networks, JSON-able, with "arrays" as `Blob.add` describes them, and the bytes of all."""
    blob = Blob()
    described = [{**vars(one), "arrays": [*map(blob.add, one.arrays)]} for one in networks]
    return described, bytes(blob.data)


def view_axis(shape: Sequence[int], axis: int) -> dict[str, int]:
    """Values before, along and after an axis, as steps along one name them."""
    before, after = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
    return {"outer": before, "size": shape[axis], "inner": after}


def to_numpy(array: Any) -> np.ndarray:
    """A copy, row by row; of a variable of Keras as well."""
    return np.array(np.asarray(array), np.float32, order="C")
