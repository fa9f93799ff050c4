"""An ONNX model as the steps that it takes, and networks in the form of a run made of some."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from latentspace.core.errors import InputError
from latentspace.models.importing.graph import Shape, Step, Trace, format_shape, refuse_inputs
from latentspace.models.keras_files.loading import shorten
from latentspace.models.onnx_files.network import OnnxNetwork
from latentspace.models.onnx_files.reading import AGAIN, FLOATS, read_model
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


@dataclass(frozen=True, eq=False)
class Value(Tensor):
    """A tensor of a network that is being made."""

    part: onnx.GraphProto  # its operators, and the arrays that the model has not


class OnnxModel:
    """A file of a person's, read and checked."""

    def __init__(self, path: Path) -> None:
        """Reads it; an `InputError` as `read_model`, or where it takes no image of floats."""
        self.name, self.model = path.name, read_model(path)
        inputs = find_inputs(self.model)
        if len(inputs) != 1:
            raise refuse_inputs(self.name, len(inputs))
        said = inputs[0].type.tensor_type
        if said.elem_type not in FLOATS or not said.shape.dim:
            raise InputError(
                f"the model {self.name!r} should take floats, of images or codes. Received: "
                f"{len(said.shape.dim)} axes of type {said.elem_type} of ONNX; {AGAIN}"
            )
        batch, *sides = (side.dim_value or None for side in said.shape.dim)
        self.batch: int | None = batch  # None: any number of images at once
        self.input_shape: Shape = tuple(sides)

    def trace(self, shape: Shape) -> OnnxTrace:
        """All its steps for inputs of a shape; an `InputError` where it can't take such."""
        # A model that says that it takes any number of images at once may do so with one alone.
        for batch in [self.batch] if self.batch else [TRIED, 1]:
            try:
                shapes = measure_shapes(self.model, (batch, *shape))  # type: ignore[arg-type]
            except InputError:
                raise
            except Exception as error:  # onnx and onnxruntime have errors of their own
                reason = error
                continue
            trace = OnnxTrace(self, shapes, batch)
            is_last = self.batch or batch == 1
            if is_last or any(tensor.shape != NO_IMAGES for _, tensor in trace.outputs):
                return trace
        raise InputError(
            f"the model {self.name!r} can't be called on {format_shape(shape)} values: "
            f"{shorten(reason)}; pass images of the size that it was trained on"
        ) from reason


class OnnxTrace(Trace):
    """All steps of an ONNX model, and networks made of some of them."""

    def __init__(self, model: OnnxModel, shapes: Shapes, batch: int) -> None:
        """Those steps that depend on the images of a batch; what asks for a shape is told it."""
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
        self.steps: list[Step] = []
        ended = set()
        for node, inputs, outputs in reversed(taken):  # the last of a layer is called as it is
            layer, kind = _name_layer(node), node.op_type
            name = f"{layer}/{kind}" if layer in ended else layer
            self.steps.insert(0, Step(name, inputs, outputs, kind in ELEMENTWISE.split()))
            ended.add(layer)
        given = [value.name for value in model.model.graph.output]
        self.outputs = [(name, tensors[name]) for name in given if name in tensors]

    def begin(self, shape: tuple[int, ...], name: str) -> Value:
        whole, kind = (None, *shape), onnx.TensorProto.FLOAT
        return Value(f"{self._own}{name}", whole, kind, onnx.GraphProto())

    def apply(self, start: Tensor, end: Tensor, x: Value, name: str) -> Value:
        x.part.node.append(onnx.helper.make_node("Cast", [x.name], [start.name], to=start.dtype))
        x.part.node.extend(collect(self.nodes, [end.name], start.name))
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
        nodes, helper = [*end.part.node], onnx.helper
        if any(self._any in node.input for node in nodes):
            first = onnx.numpy_helper.from_array(np.array([0], np.int64), f"{self._own}first")
            end.part.initializer.append(first)
            sides = f"{self._own}sides"
            count = helper.make_node("Gather", [sides, first.name], [self._any])
            nodes[:0] = helper.make_node("Shape", [source.name], [sides]), count
        read = {each for node in nodes for each in node.input}
        held = (*self.model.graph.initializer, *end.part.initializer)
        arrays = [array for array in held if array.name in read]
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
        name = f"{self._own}{len(x.part.node)}"
        held = [onnx.numpy_helper.from_array(array, f"{name}_{kind}") for array in arrays]
        x.part.initializer.extend(held)
        read = [x.name, *(array.name for array in held)]
        x.part.node.append(onnx.helper.make_node(kind, read, [name], **options))
        return Value(name, shape, options.get("to", x.dtype), x.part)


def _name_layer(node: onnx.NodeProto) -> str:
    """What the layer of an operator was called where the model was made, as far as it tells."""
    for entry in node.metadata_props:
        # PyTorch's list of modules around it.
        scopes = re.findall("'([^']*)'", entry.value) if entry.key.endswith("name_scopes") else []
        if layer := ["", "", *scopes][-2]:
            return layer
    around, _, own = node.name.strip("/").rpartition("/")
    return around or own or node.output[0]
