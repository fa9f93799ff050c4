"""An ONNX model as the steps that it takes, and networks in the form of a run made of some."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from latentspace.core.errors import InputError
from latentspace.models.importing.graph import Shape, Trace, format_shape, refuse_inputs
from latentspace.models.keras_files.loading import shorten
from latentspace.models.onnx_files.network import OnnxNetwork
from latentspace.models.onnx_files.reading import AGAIN, read_model
from latentspace.models.onnx_files.shapes import Shapes, collect, find_inputs, measure_shapes

TRIED = 13  # images at once: so long is the first axis of what belongs to them, and little else
NO_IMAGES = (None,) * 8  # the shape of what belongs to no single image: it fits nothing
# Operators that give each value of a code another scale or form.
ELEMENTWISE = """
    Add Sub Mul Div Relu LeakyRelu PRelu Elu Selu Celu ThresholdedRelu Sigmoid HardSigmoid Tanh
    Softplus Softsign HardSwish Gelu Mish Clip Softmax LogSoftmax BatchNormalization
    LayerNormalization InstanceNormalization Identity Dropout Cast
"""


@dataclass(frozen=True, eq=False)
class Tensor:
    name: str
    shape: tuple[int | None, ...]  # None for the batch first, as Keras has it
    dtype: int  # as onnx numbers them


@dataclass(frozen=True)
class Step:
    """One operator, with those of its tensors that depend on the input."""

    name: str  # of its layer, the last operator of which it is; else of the operator in the layer
    node: onnx.NodeProto
    inputs: list[Tensor]
    outputs: list[Tensor]

    @property
    def is_elementwise(self) -> bool:
        """Whether it gives each value another scale or form."""
        return self.node.op_type in ELEMENTWISE.split()


@dataclass(frozen=True)
class Part:
    """A network that is being made."""

    arrays: dict[str, onnx.TensorProto]  # that its operators may read, by name
    nodes: list[onnx.NodeProto] = field(default_factory=list)


@dataclass(frozen=True)
class Value:
    """A tensor of a network that is being made."""

    name: str
    shape: Shape
    dtype: int
    part: Part


class OnnxModel:
    """A file of a person's, read and checked."""

    def __init__(self, path: Path) -> None:
        """Reads it; an `InputError` as `read_model`, or where it takes no image of floats."""
        self.name, self.model = path.name, read_model(path)
        inputs = find_inputs(self.model)
        if len(inputs) != 1:
            raise refuse_inputs(self.name, len(inputs))
        said = inputs[0].type.tensor_type
        kinds = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE)
        if said.elem_type not in kinds or not said.shape.dim:
            raise InputError(
                f"the model {self.name!r} should take floats, of images or codes. Received: "
                f"{len(said.shape.dim)} axes of type {said.elem_type} of ONNX; {AGAIN}"
            )
        batch, *sides = (side.dim_value or None for side in said.shape.dim)
        self.batch: int | None = batch  # None: any number of images at once
        self.input_shape: Shape = tuple(sides)

    def trace(self, shape: Shape) -> OnnxTrace:
        """All its steps for inputs of a shape; an `InputError` where it can't take such an input.

        A model that says that it takes any number of images at once may do so with one alone.
        """
        for batch in [self.batch] if self.batch else [TRIED, 1]:
            try:
                shapes = measure_shapes(self.model, (batch, *shape))  # type: ignore[arg-type]
            except InputError:
                raise
            except Exception as error:  # onnx and onnxruntime have errors of their own
                reason = error
                continue
            trace = OnnxTrace(self, shapes, batch)
            if (
                self.batch
                or batch == 1
                or any(tensor.shape != NO_IMAGES for _, tensor in trace.outputs)
            ):
                return trace
        raise InputError(
            f"the model {self.name!r} can't be called on {format_shape(shape)} values: "
            f"{shorten(reason)}; pass images of the size that it was trained on"
        ) from reason


class OnnxTrace(Trace):
    """All steps of an ONNX model, and networks made of some of them."""

    def __init__(self, model: OnnxModel, shapes: Shapes, batch: int) -> None:
        """Those steps of a model that depend on its images, so many of them at once.

        What only asks for the shape of a tensor does not: it is told it.
        """
        self.name, self.model, self.shapes, self._tried = model.name, model.model, shapes, batch
        self.batch = batch if model.batch or batch == 1 else 0  # 0: any number of images at once
        self._own = f"{max(shapes, key=len)}_"  # begins names that the model has none of
        self._any = f"{self._own}batch"  # how many images there are, where the model asks for it
        self.source = self._make_tensor(find_inputs(model.model)[0].name)
        self.nodes: list[onnx.NodeProto] = []
        tensors, taken = {self.source.name: self.source}, []
        for node in model.model.graph.node:
            inputs = [tensors[name] for name in node.input if name in tensors]
            if node.op_type == "Shape" and inputs and inputs[0].shape != NO_IMAGES:
                self.nodes += self._tell_shape(node, inputs[0].shape)
                continue
            self.nodes.append(node)
            if inputs:
                outputs = [self._make_tensor(name) for name in node.output if name]
                tensors |= {output.name: output for output in outputs}
                taken.append((node, inputs, outputs))
        layers = [_name_layer(node) for node, *_ in taken]
        last = {layer: number for number, layer in enumerate(layers)}
        self.steps = [
            Step(layer if last[layer] == number else f"{layer}/{node.op_type}", node, *tensors_of)
            for number, (layer, (node, *tensors_of)) in enumerate(zip(layers, taken, strict=True))
        ]
        given = [value.name for value in model.model.graph.output]
        self.outputs = [(name, tensors[name]) for name in given if name in tensors]

    def begin(self, shape: tuple[int, ...], name: str) -> Value:
        part = Part({weights.name: weights for weights in self.model.graph.initializer})
        return Value(f"{self._own}{name}", (None, *shape), onnx.TensorProto.FLOAT, part)

    def apply(self, start: Tensor, end: Tensor, x: Value, name: str) -> Value:
        x.part.nodes.append(onnx.helper.make_node("Cast", [x.name], [start.name], to=start.dtype))
        x.part.nodes.extend(collect(self.nodes, [end.name], start.name))
        return Value(end.name, end.shape, end.dtype, x.part)

    def permute(self, x: Value, axes: tuple[int, ...]) -> Value:
        shape = (None, *(x.shape[axis] for axis in axes))
        return self._add("Transpose", x, shape, perm=[0, *axes])

    def reshape(self, x: Value, shape: tuple[int, ...]) -> Value:
        return self._add("Reshape", x, (None, *shape), np.array([0, *shape], np.int64))

    def rescale(self, x: Value, scale: float, offset: float) -> Value:
        scaled = self._add("Mul", self.as_float32(x), x.shape, np.array(scale, np.float32))
        return self._add("Add", scaled, x.shape, np.array(offset, np.float32))

    def as_float32(self, x: Value) -> Value:
        kind = onnx.TensorProto.FLOAT
        return x if x.dtype == kind else self._add("Cast", x, x.shape, to=kind)

    def finish(self, source: Value, end: Value, name: str) -> OnnxNetwork:
        nodes, part, helper = [*end.part.nodes], end.part, onnx.helper
        if any(self._any in node.input for node in nodes):
            first = onnx.numpy_helper.from_array(np.array([0], np.int64), f"{self._own}first")
            part.arrays[first.name] = first
            sides = f"{self._own}sides"
            count = helper.make_node("Gather", [sides, first.name], [self._any])
            nodes = [helper.make_node("Shape", [source.name], [sides]), count, *nodes]
        read = {each for node in nodes for each in node.input}
        arrays = [array for array in part.arrays.values() if array.name in read]
        given, result = (
            helper.make_tensor_value_info(
                x.name, onnx.TensorProto.FLOAT, [self.batch or "N", *x.shape[1:]]
            )
            for x in (source, end)
        )
        graph = helper.make_graph(nodes, name, [given], [result], arrays)
        versions = {"opset_imports": self.model.opset_import}
        made = helper.make_model(graph, ir_version=max(4, self.model.ir_version), **versions)
        return OnnxNetwork(made, f"the {name} of {self.name}")

    def _make_tensor(self, name: str) -> Tensor:
        shape, dtype = self.shapes[name]
        is_batch = shape[:1] == (self._tried,)
        return Tensor(name, (None, *shape[1:]) if is_batch else NO_IMAGES, dtype)

    def _tell_shape(self, node: onnx.NodeProto, shape: Shape) -> list[onnx.NodeProto]:
        """In place of an operator that asks for a shape, those that give it."""
        asked = {attribute.name: attribute.i for attribute in node.attribute}
        sides = [self.batch or None, *shape[1:]][asked.get("start", 0) : asked.get("end")]
        known = np.array([side for side in sides if side is not None], np.int64)
        rest, value = f"{self._own}of_{node.output[0]}", onnx.numpy_helper.from_array(known)
        read = [self._any, rest] if None in sides else [rest]
        return [
            onnx.helper.make_node("Constant", [], [rest], value=value),
            onnx.helper.make_node("Concat", read, node.output, axis=0),
        ]

    def _add(self, kind: str, x: Value, shape: Shape, *arrays: np.ndarray, **options: Any) -> Value:
        """An operator more, of a tensor and arrays; a cast gives another type."""
        part = x.part
        name = f"{self._own}{len(part.nodes)}"
        held = [onnx.numpy_helper.from_array(array, f"{name}_{kind}") for array in arrays]
        part.arrays.update((array.name, array) for array in held)
        read = [x.name, *(array.name for array in held)]
        part.nodes.append(onnx.helper.make_node(kind, read, [name], **options))
        return Value(name, shape, options.get("to", x.dtype), part)


def _name_layer(node: onnx.NodeProto) -> str:
    """What the layer of an operator was called where the model was made, as far as it tells."""
    for entry in node.metadata_props:
        if entry.key.endswith("name_scopes"):  # PyTorch's list of modules around it
            *_, layer, _ = ["", "", *re.findall("'([^']*)'", entry.value)]
            if layer:
                return layer
    *around, own = node.name.strip("/").split("/")
    return "/".join(around) or own or node.output[0]
