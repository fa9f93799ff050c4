"""What each operator of ONNX is in steps.

A graph is lowered as it is for one image. ONNX has channels first, the steps have them last: so a
`Value` knows in which order its axes lie in memory. Most operators leave them as they lie, those on
images bring channels to the end, and a transpose only counts them anew.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from latentspace.core.documents import read_tables
from latentspace.core.errors import to_printable
from latentspace.models.keras_files.loading import shorten
from latentspace.models.onnx_files.network import OnnxNetwork, start_session
from latentspace.models.onnx_files.reading import FLOATS
from latentspace.models.onnx_files.shapes import find_inputs
from latentspace.models.portable import windows
from latentspace.models.portable.steps import Builder, Network, NotPortableError, Tensor, view_axis
from latentspace.models.portable.windows import Shape, Window

TABLES = read_tables(__file__)
MOST_ENTRIES = 1 << 22  # of a matrix


@dataclass(frozen=True)
class Value:
    """A tensor as ONNX counts its axes, the batch of one in front."""

    number: int
    shape: Shape
    order: Sequence[int]  # of its axes in memory

    @property
    def tensor(self) -> Tensor:
        """As it lies in memory."""
        return Tensor(self.number, tuple(self.shape[axis] for axis in self.order))


@dataclass(frozen=True)
class Call:
    node: onnx.NodeProto
    given: list[Any]  # values, arrays, and None where nothing is given
    shapes: list[Shape]  # of what it gives
    model: onnx.ModelProto

    @property
    def x(self) -> Value:
        return self.given[0]

    @property
    def shape(self) -> Shape:
        return self.shapes[0]

    def option(self, name: str, default: Any = None) -> Any:
        found = [each for each in self.node.attribute if each.name == name]
        return helper.get_attribute_value(found[0]) if found else default

    def array(self, place: int, default: Any = None) -> np.ndarray:
        found = self.given[place] if place < len(self.given) else None
        if isinstance(found, Value):
            raise NotPortableError(", which takes more than one tensor that depends on the input")
        return np.asarray(default if found is None else found)


def describe_graph(network: OnnxNetwork) -> Network:
    """Lowers a network, in float32; a `NotPortableError` where an operator can't be expressed."""
    if network.batch > 1:
        raise NotPortableError(f"a model that takes {network.batch} images at once")
    model, shape = _simplify(network.model), tuple(network.input_shape[1:])
    graph, (source,) = model.graph, find_inputs(model)
    shapes = {
        each.name: tuple(side.dim_value for side in each.type.tensor_type.shape.dim)
        for each in (*graph.value_info, *graph.output)
    }
    builder, start = Builder([math.prod(shape)]), _lay(0, (1, *shape))
    values: dict[str, Any] = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    values |= {"": None, source.name: start}
    for node in graph.node:
        try:
            if node.op_type not in OPERATORS:
                raise NotPortableError
            given, sides = [values[name] for name in node.input], [shapes[x] for x in node.output]
            made = OPERATORS[node.op_type](builder, Call(node, given, sides, model))
        except Exception as error:  # of onnxruntime's own, where a model is odd
            why = str(error) if isinstance(error, NotPortableError) else f" ({shorten(error)})"
            kind, name = to_printable(node.op_type), to_printable(node.name)
            raise NotPortableError(f"the operator {kind} {name!r}{why}") from error
        values |= zip(node.output, made if isinstance(made, list) else [made], strict=False)
    end = values[graph.output[0].name]
    if not isinstance(end, Value):
        raise NotPortableError("a model that gives the same for each input")
    last = _arrange(builder, end, range(len(end.shape)))
    return builder.finish(Tensor(0, shape), Tensor(last.number, end.shape[1:]))


def _simplify(model: onnx.ModelProto) -> onnx.ModelProto:
    """As onnxruntime has it before it runs it, for one image: what is constant is computed."""
    one = onnx.ModelProto()
    one.CopyFrom(model)
    find_inputs(one)[0].type.tensor_type.shape.dim[0].dim_value = 1
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.onnx")
        for _ in range(2):  # the first time it puts operators in the place of some
            start_session(one, simplified=path)
            one = onnx.load(path)
    return onnx.shape_inference.infer_shapes(one)


def _lay(number: int, shape: Shape) -> Value:
    return Value(number, shape, range(len(shape)))


def _arrange(to: Builder, x: Value, order: Sequence[int]) -> Tensor:
    """A value with its axes in an order in memory; those of one entry lie anywhere."""
    lies, wanted = ([axis for axis in each if x.shape[axis] > 1] for each in (x.order, order))
    tensor = Tensor(x.number, tuple(x.shape[axis] for axis in lies))
    if lies != wanted:
        tensor = to.permute(tensor, [lies.index(axis) for axis in wanted])
    return Tensor(tensor.number, tuple(x.shape[axis] for axis in order))


def _reshape(to: Builder, x: Value, shape: Shape) -> Value:
    old, new = ([axis for axis, n in enumerate(each) if n > 1] for each in (x.shape, shape))
    if [x.shape[axis] for axis in old] != [shape[axis] for axis in new]:
        return _lay(_arrange(to, x, range(len(x.shape))).number, shape)
    units = {*range(len(shape))} - {*new}  # only axes of one entry come or go
    kept = (new[old.index(axis)] for axis in x.order if axis in old)
    return Value(x.number, shape, (*units, *kept))


def _add(to: Builder, do: str, x: Value, **options: Any) -> Value:
    """A step that leaves the shape."""
    return replace(x, number=to.add(do, [x.tensor], x.tensor.shape, **options).number)


def _affine(to: Builder, x: Value, scale: Any, shift: Any) -> Value:
    both = (np.broadcast_to(each, x.shape).transpose(x.order) for each in (scale, shift))
    return replace(x, number=to.affine(x.tensor, *both).number)


def _activate(to: Builder, call: Call) -> Value:
    if call.option("approximate", b"none") != b"none":
        raise NotPortableError(", an approximation")
    kind, *options = TABLES["activations"][call.node.op_type]
    options = [call.option(*each) if isinstance(each, list) else each for each in options]
    return _add(to, "activate", call.x, kind=kind, options=options)


def _give_slopes(to: Builder, call: Call) -> Value:
    slopes = np.broadcast_to(call.array(1), call.shape).transpose(call.x.order)
    return _add(to, "slope", call.x, slope=to.keep_vector(slopes))


def _softmax(to: Builder, call: Call) -> Value:
    x, logarithm = call.x, call.node.op_type == "LogSoftmax"
    (opset,) = (each.version for each in call.model.opset_import if each.domain in ("", "ai.onnx"))
    if opset < 13 and len(x.shape) > 2:
        raise NotPortableError(", an old one over several axes")
    axis = x.order.index(call.option("axis", -1) % len(x.shape))
    return _add(to, "softmax", x, logarithm=logarithm, **view_axis(x.tensor.shape, axis))


def _merge(to: Builder, call: Call) -> Value:
    result, *others = call.given
    for other in others:
        result = _merge_two(to, TABLES["merges"][call.node.op_type], result, other)
    return result


def _merge_two(to: Builder, kind: str, a: Any, b: Any) -> Value:
    shape = np.broadcast_shapes(a.shape, b.shape)
    values = [x for x in (a, b) if isinstance(x, Value)]
    both = [_reshape(to, x, (1,) * (len(shape) - len(x.shape)) + x.shape) for x in values]
    order = max(both, key=lambda x: math.prod(x.shape)).order
    sides = [shape[axis] for axis in order]
    first, *second = (to.spread(_arrange(to, x, order), sides) for x in both)
    if second:
        return Value(to.add("merge", [first, *second], sides, kind=kind).number, shape, order)
    x, is_first = Value(first.number, shape, order), isinstance(a, Value)
    constant = np.asarray(b if is_first else a, float)
    if kind in ("maximum", "minimum") and constant.size == 1:
        ends = (constant.item(), None) if kind == "maximum" else (None, constant.item())
        return _add(to, "activate", x, kind="clip", options=ends)
    if kind == "divide" and is_first:
        kind, constant = "multiply", 1 / constant
    lines = {"add": (1, constant), "multiply": (constant, 0)}
    lines["subtract"] = (1, -constant) if is_first else (-1, constant)
    if kind not in lines:
        raise NotPortableError(" of a constant")
    return _affine(to, x, *lines[kind])


def _multiply(to: Builder, call: Call) -> Value:
    x, matrix, option = call.x, call.array(1), call.option
    if matrix.ndim != 2 or option("transA"):
        raise NotPortableError(", of other than a matrix")
    kernel = to.keep(matrix * np.float32(option("alpha", 1)))
    kernel = kernel.T if option("transB") else kernel
    order = x.order if x.order[-1] == len(x.shape) - 1 else range(len(x.shape))
    rows = _arrange(to, x, order)
    made = to.multiply(rows, (*rows.shape[:-1], kernel.shape[1]), kernel, None)
    bias = call.array(2, 0) * option("beta", 1.0)
    return _affine(to, Value(made.number, call.shape, order), 1, bias)


def _to_image(to: Builder, x: Value) -> Tensor:
    """Its channels last, and no batch."""
    if len(x.shape) != 4 or x.shape[0] != 1:
        raise NotPortableError(f" over {len(x.shape) - 2} axes")
    return Tensor(_arrange(to, x, (0, 2, 3, 1)).number, (*x.shape[2:], x.shape[1]))


def _convolve(to: Builder, call: Call) -> Value:
    x, shape, option = _to_image(to, call.x), (*call.shape[2:], call.shape[1]), call.option
    kernel, bias = call.array(1).transpose(2, 3, 1, 0), call.array(2, np.zeros(shape[2]))
    strides, dilation = option("strides", [1, 1]), option("dilations", [1, 1])
    is_transposed, groups = call.node.op_type == "ConvTranspose", option("group", 1)
    if is_transposed and max(strides) > 1 and max(dilation) > 1:
        raise NotPortableError(" with strides and dilations")
    window = Window(kernel.shape[:2], strides, dilation)
    many, part = (x.shape, shape) if is_transposed else (shape, x.shape)
    corner, kind = option("pads", [0, 0])[:2], option("auto_pad", b"NOTSET")
    if kind != b"NOTSET" or option("output_shape"):
        whole = np.add(window.span(many, part)[0], option("output_padding", 0))
        over = (whole - part[:2]).clip(0) + (kind != b"SAME_UPPER")
        corner = (over // 2 * (kind != b"VALID")).tolist()
    window = replace(window, corner=corner)
    if groups == x.shape[2] > 1 and not is_transposed:
        made = to.affine(windows.convolve_channels(to, window, x, shape, kernel), 1, bias)
    else:
        make = windows.convolve_transposed if is_transposed else windows.convolve
        made = make(to, window, x, shape, to.keep(windows.join_groups(kernel, groups)), bias)
    return Value(made.number, call.shape, (0, 2, 3, 1))


def _shuffle(to: Builder, call: Call) -> Value:
    """Channels become squares of pixels."""
    x, size = _to_image(to, call.x), call.option("blocksize")
    parts, axes = (size, size, call.shape[1]), (0, 2, 1, 3, 4)
    if call.option("mode") == b"CRD":
        parts, axes = parts[::-1], (0, 3, 1, 4, 2)
    made = to.permute(Tensor(x.number, (*x.shape[:2], *parts)), axes)
    return Value(made.number, call.shape, (0, 2, 3, 1))


def _standardize(to: Builder, call: Call) -> Value:
    arrays = (call.array(place).astype(float) for place in range(1, 5))
    scale, shift, mean, variance = (each.reshape(-1, *[1] * len(call.shape[2:])) for each in arrays)
    scale = scale / np.sqrt(variance + call.option("epsilon", 1e-5))
    return _affine(to, call.x, scale, shift - mean * scale)


def _normalize(to: Builder, call: Call) -> Value:
    """Over the last axes, which are those after channels where each image has them alone."""
    x, is_layer = call.x, call.node.op_type == "LayerNormalization"
    axis = call.option("axis", -1) % len(x.shape) if is_layer else 2
    if {*x.order[axis:]} != {*range(axis, len(x.shape))}:
        x = _lay(_arrange(to, x, range(len(x.shape))).number, x.shape)
    view = {"outer": math.prod(x.shape[:axis]), "size": math.prod(x.shape[axis:])}
    view |= {"middle": 1, "groups": 1}
    x = _add(to, "normalize", x, epsilon=call.option("epsilon", 1e-5), **view)
    alone = () if is_layer else (-1, *[1] * len(x.shape[2:]))
    scale, shift = (
        each.reshape(alone or each.shape) for each in (call.array(1), call.array(2, 0.0))
    )
    return _affine(to, x, scale, shift)


def _resample(to: Builder, call: Call) -> list[Value]:
    """What acts along one axis after the other: onnxruntime shows how."""
    node, arrays = onnx.NodeProto(), []
    node.CopyFrom(call.node)
    for option in node.attribute:
        if option.name == "keepdims":  # the shape is given at last
            option.i = 1
    for name, each in zip(node.input[1:], call.given[1:], strict=True):
        if name:
            kind = np.float32 if each.dtype.kind == "f" else each.dtype
            arrays.append(numpy_helper.from_array(np.atleast_1d(each).astype(kind), name))
    info, kind = helper.make_tensor_value_info, onnx.TensorProto.FLOAT
    source, *ends = (info(name, kind, None) for name in (node.input[0], *node.output))
    graph = helper.make_graph([node], "resampling", [source], ends, arrays)
    versions = {"opset_imports": call.model.opset_import, "ir_version": call.model.ir_version}
    session, made = start_session(helper.make_model(graph, **versions)), []
    for name, shape in zip(node.output, call.shapes, strict=True):

        def run(x: np.ndarray, name: str = name) -> np.ndarray:
            return session.run([name], {source.name: x.astype(np.float32)})[0]

        x = _resample_as(to, call.x, run, largest="Max" in node.op_type)
        made.append(_reshape(to, x, shape))
    return made


def _resample_as(
    to: Builder, x: Value, run: Callable[[np.ndarray], np.ndarray], *, largest: bool
) -> Value:
    """A function that is a product of matrices, one for each axis, as a few inputs tell them."""
    rng, ones = np.random.default_rng(0), np.ones(x.shape)
    whole, found = run(ones), (tried := rng.normal(size=x.shape))
    peak = np.unravel_index(np.abs(whole).argmax(), whole.shape)  # no axis gives 0 there

    def look_along(axis: int, vector: np.ndarray) -> np.ndarray:
        given = np.moveaxis(np.moveaxis(ones, axis, -1) * vector, -1, axis)
        return run(given)[(*peak[:axis], slice(None), *peak[axis + 1 :])] / whole[peak]

    for axis, size in enumerate(x.shape):
        random = rng.random(size)
        changed = look_along(axis, random)
        if changed.shape == (size,) and np.allclose(changed, random):
            continue
        matrix = np.full((1, size), 1 / size)
        if changed.shape != (1,) or not np.allclose(
            changed, max(random) if largest else random.mean()
        ):
            if size * len(changed) > MOST_ENTRIES:
                raise NotPortableError(f" along {size} values")
            matrix = np.stack([look_along(axis, unit) for unit in np.eye(size)], axis=1)
        made = to.resample(x.tensor, x.order.index(axis), matrix, largest=largest)
        sides = (*x.shape[:axis], len(matrix), *x.shape[axis + 1 :])
        x, lines = Value(made.number, sides, x.order), np.moveaxis(found, axis, -1)
        if largest:
            lines = np.stack([lines[..., row != 0].max(axis=-1) for row in matrix], axis=-1)
        else:
            lines = lines @ matrix.T
        found = np.moveaxis(lines, -1, axis)
    if not np.allclose(found * whole[peak], run(tried), atol=1e-4):
        raise NotPortableError(", which is no product of one matrix for each axis")
    return x if np.isclose(whole[peak], 1) else _affine(to, x, whole[peak], 0)


def _concatenate(to: Builder, call: Call) -> Value:
    order, axis = call.x.order, call.option("axis") % len(call.shape)
    parts, place = [_arrange(to, x, order) for x in call.given], order.index(axis)
    runs, shape = [math.prod(x.shape[place:]) for x in parts], [call.shape[n] for n in order]
    return Value(to.add("concatenate", parts, shape, runs=runs).number, call.shape, order)


def _transpose(to: Builder, call: Call) -> Value:
    axes = call.option("perm", [*range(len(call.shape))][::-1])
    return Value(call.x.number, call.shape, [axes.index(axis) for axis in call.x.order])


def _pass(to: Builder, call: Call) -> Value:
    if call.option("to", FLOATS[0]) not in FLOATS:
        raise NotPortableError(" to whole numbers")
    return _reshape(to, call.x, call.shape)


def _clip(to: Builder, call: Call) -> Value:
    places = enumerate(("min", "max"), 1)
    ends = [call.array(place, call.option(name, np.inf)).item() for place, name in places]
    ends = [end if abs(end) < np.finfo(np.float32).max else None for end in ends]
    return _add(to, "activate", call.x, kind="clip", options=ends)


OPERATORS: dict[str, Callable[[Builder, Call], Value | list[Value]]] = {
    **dict.fromkeys(TABLES["activations"], _activate),
    **dict.fromkeys(TABLES["merges"], _merge),
    **dict.fromkeys(TABLES["passed"], _pass),
    **dict.fromkeys(TABLES["resampled"], _resample),
    **dict.fromkeys(("Conv", "ConvTranspose"), _convolve),
    **dict.fromkeys(("Gemm", "MatMul"), _multiply),
    **dict.fromkeys(("LayerNormalization", "InstanceNormalization"), _normalize),
    **dict.fromkeys(("Softmax", "LogSoftmax"), _softmax),
    "BatchNormalization": _standardize,
    "Clip": _clip,
    "Concat": _concatenate,
    "DepthToSpace": _shuffle,
    "Expand": lambda to, call: _merge_two(to, "add", call.x, np.zeros(call.shape)),
    "Pow": lambda to, call: _add(
        to, "activate", call.x, kind="power", options=[call.array(1).item()]
    ),
    "PRelu": _give_slopes,
    "Transpose": _transpose,
}
