"""How large every tensor of an ONNX model is, and what of a model has to be run to know it."""

from __future__ import annotations

import copy
import math
from collections.abc import Collection, Sequence

import numpy as np
import onnx

from latentspace.core.errors import InputError, to_printable
from latentspace.core.memory import refuse_too_large
from latentspace.models.keras_files.loading import BYTES_PER_VALUE, LEAST_BATCH
from latentspace.models.onnx_files.network import start_session
from latentspace.models.onnx_files.reading import AGAIN

# What these give may be of any size, whatever the size of what they take.
SIZED_BY_VALUES = (
    *("ConstantOfShape", "Expand", "Tile", "Range", "Resize", "Upsample", "Pad", "OneHot"),
    *("RandomNormal", "RandomUniform", "MaxUnpool", "CenterCropPad"),
)
MOST_SIZES = 64  # in one tensor

Shapes = dict[str, tuple[tuple[int, ...], int]]  # by tensor: all its sides, the type of its values


def find_inputs(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """What has to be given to a model; older ones list their weights there as well."""
    held = {weights.name for weights in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in held]


def collect(
    nodes: Sequence[onnx.NodeProto], ends: Collection[str], start: str = ""
) -> list[onnx.NodeProto]:
    """The operators, of some in order, that make some tensors out of all else, or of `start`."""
    needed, found = {*ends} - {start}, []
    for node in reversed(nodes):
        if not needed.isdisjoint(node.output):
            needed |= {*node.input} - {start, ""}
            found.append(node)
    return found[::-1]


def measure_shapes(model: onnx.ModelProto, shape: tuple[int, ...]) -> Shapes:
    """All sides of every tensor, and the type of its values, for an input of all these sides.

    Parts of the model are run where shapes alone do not tell a size. Raises an `InputError` where
    that can't be, or no memory holds the model, and what onnx and onnxruntime raise of the input.
    """
    fixed = copy.deepcopy(model)
    graph, (source,) = fixed.graph, find_inputs(model)
    kind = source.type.tensor_type.elem_type
    del graph.input[:], graph.value_info[:]
    graph.input.append(onnx.helper.make_tensor_value_info(source.name, kind, shape))
    for output in graph.output:  # what is said of its sides may be of other inputs
        output.type.tensor_type.ClearField("shape")
    told: set[str] = set()
    makers = {name: node.op_type for node in graph.node for name in node.output if name}
    names, found = [*makers], {source.name: (shape, kind)}
    while True:
        inferred = onnx.shape_inference.infer_shapes(fixed, strict_mode=True).graph
        for value in (*inferred.value_info, *inferred.output):
            said = value.type.tensor_type
            sides = tuple(side.dim_value for side in said.shape.dim if side.HasField("dim_value"))
            if said.HasField("shape") and len(sides) == len(said.shape.dim):
                found[value.name] = sides, said.elem_type
        held = sum(math.prod(weights.dims) for weights in model.graph.initializer)
        largest = max(math.prod(sides) for sides, _ in found.values()) // shape[0]
        refuse_too_large(
            BYTES_PER_VALUE * (held + LEAST_BATCH * largest),
            f"an ONNX model of {held:,} weights and up to {largest:,} values between its operators",
            "pass a smaller model",
        )
        unknown = [name for name in makers if name not in found]
        if not unknown:
            return found
        # What comes after one that may be of any size waits until this one is known.
        open_sized = [name for name in unknown if makers[name] in SIZED_BY_VALUES]
        before = names[: names.index(open_sized[0]) if open_sized else None]
        ahead = [x for x in before if x not in told and (x not in found or _is_sizes(*found[x]))]
        if not ahead:
            raise InputError(
                f"nothing tells how large {to_printable(open_sized[0])!r} is, which the operator "
                f"{makers[open_sized[0]]} gives, before the model is run: {AGAIN}"
            )
        part = copy.deepcopy(fixed)
        del part.graph.node[:], part.graph.output[:]
        part.graph.node.extend(collect(graph.node, ahead))
        part.graph.output.extend(onnx.ValueInfoProto(name=name) for name in ahead)
        zeros = np.zeros(shape, onnx.helper.tensor_dtype_to_np_dtype(kind))
        values = start_session(part).run(ahead, {source.name: zeros})
        for name, value in zip(ahead, values, strict=True):
            found[name] = value.shape, onnx.helper.np_dtype_to_tensor_dtype(value.dtype)
            sides, dtype = found[name]
            graph.value_info.append(onnx.helper.make_tensor_value_info(name, dtype, sides))
            if _is_sizes(sides, dtype):
                graph.initializer.append(onnx.numpy_helper.from_array(value, name))
                told.add(name)
        for node in [node for node in graph.node if told.issuperset({*node.output} - {""})]:
            graph.node.remove(node)


def _is_sizes(shape: tuple[int, ...], kind: int) -> bool:
    """Whether a tensor is one of whole numbers that may tell the size of others."""
    return kind == onnx.TensorProto.INT64 and len(shape) < 2 and math.prod(shape) <= MOST_SIZES
