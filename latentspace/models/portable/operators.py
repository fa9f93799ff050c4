"""What each operator of ONNX is in steps.

A graph is lowered as it is for one image. ONNX has channels first and the batch in front, and so
have tensors here; what works on images brings channels to the end, and back.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
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
class Call:
    node: onnx.NodeProto
    given: list[Any]  # tensors, arrays, and None where nothing is given
    shapes: list[Shape]  # of what it gives
    model: onnx.ModelProto

    @property
    def x(self) -> Tensor:
        return self.given[0]

    @property
    def shape(self) -> Shape:
        return self.shapes[0]

    def option(self, name: str, default: Any = None) -> Any:
        found = [each for each in self.node.attribute if each.name == name]
        return helper.get_attribute_value(found[0]) if found else default

    def array(self, place: int, default: Any = None) -> np.ndarray:
        found = self.given[place] if place < len(self.given) else None
        if isinstance(found, Tensor):
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
    builder, start = Builder([math.prod(shape)]), Tensor(0, (1, *shape))
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
    if not isinstance(end, Tensor):
        raise NotPortableError("a model that gives the same for each input")
    return builder.finish(Tensor(0, shape), Tensor(end.number, end.shape[1:]))


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


def _activate(to: Builder, call: Call) -> Tensor:
    if call.option("approximate", b"none") != b"none":
        raise NotPortableError(", an approximation")
    kind, *options = TABLES["activations"][call.node.op_type]
    options = [call.option(*each) if isinstance(each, list) else each for each in options]
    return to.add("activate", [call.x], call.shape, kind=kind, options=options)


def _give_slopes(to: Builder, call: Call) -> Tensor:
    slope = to.keep_vector(np.broadcast_to(call.array(1), call.shape))
    return to.add("slope", [call.x], call.shape, slope=slope)


def _softmax(to: Builder, call: Call) -> Tensor:
    x, logarithm = call.x, call.node.op_type == "LogSoftmax"
    (opset,) = (each.version for each in call.model.opset_import if each.domain in ("", "ai.onnx"))
    if opset < 13 and len(x.shape) > 2:
        raise NotPortableError(", an old one over several axes")
    view = view_axis(x.shape, call.option("axis", -1) % len(x.shape))
    return to.add("softmax", [x], x.shape, logarithm=logarithm, **view)


def _merge(to: Builder, call: Call) -> Tensor:
    result, *others = call.given
    for other in others:
        result = _merge_two(to, TABLES["merges"][call.node.op_type], result, other)
    return result


def _merge_two(to: Builder, kind: str, a: Any, b: Any) -> Tensor:
    shape, is_first = np.broadcast_shapes(a.shape, b.shape), isinstance(a, Tensor)
    x, *second = (to.spread(each, shape) for each in (a, b) if isinstance(each, Tensor))
    if second:
        return to.add("merge", [x, *second], shape, kind=kind)
    constant = np.asarray(b if is_first else a, float)
    if kind in ("maximum", "minimum") and constant.size == 1:
        ends = (constant.item(), None) if kind == "maximum" else (None, constant.item())
        return to.add("activate", [x], shape, kind="clip", options=ends)
    if kind == "divide" and is_first:
        kind, constant = "multiply", 1 / constant
    lines = {"add": (1, constant), "multiply": (constant, 0)}
    lines["subtract"] = (1, -constant) if is_first else (-1, constant)
    if kind not in lines:
        raise NotPortableError(" of a constant")
    return _affine(to, x, *lines[kind])


def _multiply(to: Builder, call: Call) -> Tensor:
    x, matrix, option = call.x, call.array(1), call.option
    if matrix.ndim != 2 or option("transA"):
        raise NotPortableError(", of other than a matrix")
    kernel = to.keep(matrix * np.float32(option("alpha", 1)))
    kernel = kernel.T if option("transB") else kernel
    made = to.multiply(x, call.shape, kernel, None)
    return to.affine(made, 1, call.array(2, 0) * option("beta", 1.0))


def _to_image(to: Builder, x: Tensor) -> Tensor:
    """Its channels last, and no batch."""
    if len(x.shape) != 4 or x.shape[0] != 1:
        raise NotPortableError(f" over {len(x.shape) - 2} axes")
    return to.permute(Tensor(x.number, x.shape[1:]), (1, 2, 0))


def _from_image(to: Builder, x: Tensor) -> Tensor:
    x = to.permute(x, (2, 0, 1))
    return Tensor(x.number, (1, *x.shape))


def _affine(to: Builder, x: Tensor, scale: Any, shift: Any) -> Tensor:
    """Channels last where they have values of their own, of which few then tell all."""
    if len(x.shape) != 4 or np.size(scale) == np.size(shift) == 1:
        return to.affine(x, scale, shift)
    both = (np.broadcast_to(each, x.shape)[0].transpose(1, 2, 0) for each in (scale, shift))
    return _from_image(to, to.affine(_to_image(to, x), *both))


def _convolve(to: Builder, call: Call) -> Tensor:
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
    return _from_image(to, made)


def _shuffle(to: Builder, call: Call) -> Tensor:
    """Channels become squares of pixels."""
    x, size = _to_image(to, call.x), call.option("blocksize")
    parts, axes = (size, size, call.shape[1]), (0, 2, 1, 3, 4)
    if call.option("mode") == b"CRD":
        parts, axes = parts[::-1], (0, 3, 1, 4, 2)
    made = to.permute(Tensor(x.number, (*x.shape[:2], *parts)), axes)
    _, channels, height, width = call.shape
    return _from_image(to, Tensor(made.number, (height, width, channels)))


def _standardize(to: Builder, call: Call) -> Tensor:
    arrays = (call.array(place).astype(float) for place in range(1, 5))
    scale, shift, mean, variance = (each.reshape(-1, *[1] * len(call.shape[2:])) for each in arrays)
    scale = scale / np.sqrt(variance + call.option("epsilon", 1e-5))
    return _affine(to, call.x, scale, shift - mean * scale)


def _normalize(to: Builder, call: Call) -> Tensor:
    """Over the last axes, which are those after channels where each image has them alone."""
    x, is_layer = call.x, call.node.op_type == "LayerNormalization"
    axis = call.option("axis", -1) % len(x.shape) if is_layer else 2
    view = {"outer": math.prod(x.shape[:axis]), "size": math.prod(x.shape[axis:])}
    view |= {"middle": 1, "groups": 1}
    x = to.add("normalize", [x], x.shape, epsilon=call.option("epsilon", 1e-5), **view)
    alone = () if is_layer else (-1, *[1] * len(x.shape[2:]))
    scale, shift = (
        each.reshape(alone or each.shape) for each in (call.array(1), call.array(2, 0.0))
    )
    return _affine(to, x, scale, shift)


def _resample(to: Builder, call: Call) -> list[Tensor]:
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
        made.append(Tensor(x.number, shape))
    return made


def _resample_as(
    to: Builder, x: Tensor, run: Callable[[np.ndarray], np.ndarray], *, largest: bool
) -> Tensor:
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
        x, lines = to.resample(x, axis, matrix, largest=largest), np.moveaxis(found, axis, -1)
        if largest:
            lines = np.stack([lines[..., row != 0].max(axis=-1) for row in matrix], axis=-1)
        else:
            lines = lines @ matrix.T
        found = np.moveaxis(lines, -1, axis)
    if not np.allclose(found * whole[peak], run(tried), atol=1e-4):
        raise NotPortableError(", which is no product of one matrix for each axis")
    return to.affine(x, whole[peak], 0)


def _concatenate(to: Builder, call: Call) -> Tensor:
    axis = call.option("axis") % len(call.shape)
    runs = [math.prod(x.shape[axis:]) for x in call.given]
    return to.add("concatenate", call.given, call.shape, runs=runs)


def _transpose(to: Builder, call: Call) -> Tensor:
    return to.permute(call.x, call.option("perm", range(len(call.shape))[::-1]))


def _pass(to: Builder, call: Call) -> Tensor:
    if call.option("to", FLOATS[0]) not in FLOATS:
        raise NotPortableError(" to whole numbers")
    return Tensor(call.x.number, call.shape)


def _clip(to: Builder, call: Call) -> Tensor:
    places = enumerate(("min", "max"), 1)
    ends = [call.array(place, call.option(name, np.inf)).item() for place, name in places]
    ends = [end if abs(end) < np.finfo(np.float32).max else None for end in ends]
    return to.add("activate", [call.x], call.shape, kind="clip", options=ends)


OPERATORS: dict[str, Callable[[Builder, Call], Tensor | list[Tensor]]] = {
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
    "Pow": lambda to, call: to.add(
        "activate", [call.x], call.shape, kind="power", options=[call.array(1).item()]
    ),
    "PRelu": _give_slopes,
    "Transpose": _transpose,
}
