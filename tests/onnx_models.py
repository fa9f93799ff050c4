"""Small ONNX models, made operator by operator, whose codes are principal components."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from conftest import TINY_SHAPE, tiny_arrays
from onnx import TensorProto, helper, numpy_helper

SIZE = TINY_SHAPE[0] * TINY_SHAPE[1]
UNITS = 6
NCHW = (1, *TINY_SHAPE)


def find_components() -> tuple[np.ndarray, np.ndarray]:
    """Principal components of the bars, float32 (UNITS, SIZE), and their mean image."""
    flat = tiny_arrays(120, seed=0)[0].reshape(120, -1) / np.float32(255)
    return np.linalg.svd(flat - flat.mean(axis=0))[2][:UNITS], flat.mean(axis=0)


class Graph:
    """A model that grows by an operator at a time."""

    def __init__(self, shape: Sequence[int], batch: int | str = "N", kind: int = TensorProto.FLOAT):
        self.batch, self.kind = batch, kind
        self.nodes: list[onnx.NodeProto] = []
        self.arrays: list[onnx.TensorProto] = []
        self.inputs = [helper.make_tensor_value_info("image", kind, [batch, *shape])]

    def add(self, kind: str, *given: str | np.ndarray, name: str = "", count: int = 1, **options):
        """The name of what an operator gives for tensors and arrays; names, where it gives many."""
        read = []
        for each in given:
            if isinstance(each, np.ndarray):
                floats = each.dtype.kind == "f"
                dtype = helper.tensor_dtype_to_np_dtype(self.kind) if floats else each.dtype
                self.arrays.append(
                    numpy_helper.from_array(each.astype(dtype), f"w{len(self.arrays)}")
                )
                each = self.arrays[-1].name
            read.append(each)
        made = [f"{name or f'{kind}{len(self.nodes)}'}{i or ''}" for i in range(count)]
        self.nodes.append(helper.make_node(kind, read, made, name=name, **options))
        return made[0] if count == 1 else made

    def finish(self, outputs: dict[str, Sequence[int]], opset: int = 13) -> onnx.ModelProto:
        """The model, its outputs by name with their shapes."""
        given = [
            helper.make_tensor_value_info(name, self.kind, [self.batch, *shape])
            for name, shape in outputs.items()
        ]
        graph = helper.make_graph(self.nodes, "model", self.inputs, given, self.arrays)
        versions = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
        model = helper.make_model(graph, opset_imports=versions, ir_version=8 if opset < 19 else 10)
        onnx.checker.check_model(model)
        return model


def encode(graph: Graph, x: str, name: str = "codes") -> str:
    components, mean = find_components()
    x = graph.add("Flatten", x, axis=1)
    return graph.add("Gemm", x, components.T, -components @ mean, name=name)


def decode(graph: Graph, codes: str, name: str = "shown") -> str:
    components, mean = find_components()
    return graph.add("Add", graph.add("MatMul", codes, components), mean, name=name)


def dense(batch: int | str = "N", opset: int = 13, kind: int = TensorProto.FLOAT):
    """Flat images to flat images."""
    graph = Graph((SIZE,), batch, kind)
    shown = decode(graph, encode(graph, "image"))
    return graph.finish({shown: (SIZE,)}, opset)


def convolutional(batch: int | str = "N", opset: int = 13, channels: int = 1) -> onnx.ModelProto:
    """Convolutions, channels first, around the components; the batch is asked for, as PyTorch does.

    All of it leaves values between 0 and 1 as they are.
    """
    graph = Graph((channels, *TINY_SHAPE), batch)
    middle = np.zeros((channels, channels, 3, 3))
    middle[range(channels), range(channels), 1, 1] = 1
    x = graph.add("Conv", "image", middle, np.zeros(channels), pads=[1] * 4, name="/down/Conv")
    x = graph.add("Relu", x, name="/down/Relu")
    codes = encode(graph, x, name="/narrow/Gemm")
    wide = decode(graph, codes)
    count = graph.add("Gather", graph.add("Shape", "image"), np.array([0]))
    sides = graph.add("Concat", count, np.array([channels, *TINY_SHAPE]), axis=0)
    x = graph.add("Reshape", wide, sides)
    x = graph.add("ConvTranspose", x, np.eye(channels)[..., None, None], name="/up/ConvTranspose")
    shown = graph.add("Identity", x, name="output")
    return graph.finish({shown: (channels, *TINY_SHAPE)}, opset)


def variational(batch: int | str = "N") -> onnx.ModelProto:
    """A sample around a mean; the image, the mean and the logarithm of the variance are given."""
    graph = Graph(NCHW, batch)
    mean = encode(graph, "image", name="/fc_mu/Gemm")
    x = graph.add("Flatten", "image", axis=1)
    spread = graph.add("Gemm", x, np.zeros((SIZE, UNITS)), np.full(UNITS, -4.0), name="spread")
    noise = graph.add("RandomNormalLike", mean)
    scaled = graph.add("Mul", noise, graph.add("Exp", graph.add("Mul", spread, np.array(0.5))))
    sample = graph.add("Add", mean, scaled, name="sample")
    shown = graph.add("Reshape", decode(graph, sample), np.array([0, *NCHW]))
    return graph.finish({shown: NCHW, mean: (UNITS,), spread: (UNITS,)})


def pair(batch: int | str = "N") -> tuple[onnx.ModelProto, onnx.ModelProto]:
    """An encoder of two outputs, and a decoder."""
    first, second = Graph(NCHW, batch), Graph((UNITS, 1, 1), batch)
    codes = encode(first, "image")
    other = first.add("Exp", codes, name="other")
    flat = second.add("Reshape", "image", np.array([0, -1]))
    shown = second.add("Reshape", decode(second, flat), np.array([0, *NCHW]))
    return first.finish({codes: (UNITS,), other: (UNITS,)}), second.finish({shown: NCHW})


def save(model: onnx.ModelProto, path: Path, **options: Any) -> Path:
    onnx.save_model(model, path, **options)
    return path


def change(model: onnx.ModelProto, how: Callable[[onnx.ModelProto], object]) -> onnx.ModelProto:
    """A copy of a model, changed."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    how(copy)
    return copy
