"""An ONNX model in the form of a run, and how it is run."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from latentspace.models.keras_files.loading import BYTES_PER_VALUE
from latentspace.models.onnx_files.reading import FLOATS, explain, import_packages

if TYPE_CHECKING:
    import onnx

MOST_BYTES = 1 << 28  # of the largest values between operators, for the images run at once
MOST_IMAGES = 1024  # at once

OnBatch = Callable[[int], object]


class OnnxNetwork:
    """One input, one output, both of float32; as a Keras model where a run asks for one."""

    def __init__(self, model: onnx.ModelProto, name: str) -> None:
        """Finds the shapes of a model that was checked; an `InputError` where it has others."""
        from latentspace.models.onnx_files.shapes import find_inputs, measure_shapes

        self.model, self.name = model, name
        with explain(f"{name} is no network of a run"):
            (source,), (result,) = find_inputs(model), model.graph.output
            sides = [side.dim_value for side in source.type.tensor_type.shape.dim]
            self.batch = sides[0]  # 0: any number of images at once
            shapes = measure_shapes(model, (self.batch or 1, *sides[1:]))
            self._gives = shapes[result.name][0][1:]
            self.input_shape, self.output_shape = (None, *sides[1:]), (None, *self._gives)
        self._largest = max(math.prod(shape) for shape, _ in shapes.values()) // (self.batch or 1)

    def count_params(self) -> int:
        held = self.model.graph.initializer
        return sum(math.prod(each.dims) for each in held if each.data_type in FLOATS)

    def get_weights(self) -> list[np.ndarray]:
        """All that it computes by, as one array of bytes."""
        return [np.frombuffer(self.to_bytes(), np.uint8)]

    def to_bytes(self) -> bytes:
        """The file of it; equal models give equal bytes."""
        return self.model.SerializeToString(deterministic=True)

    def predict(self, inputs: np.ndarray, on_batch: OnBatch | None = None) -> np.ndarray:
        """As `runs.predict`, float32 (N, ...) to float32; an `InputError` where it can't be run."""
        many = MOST_BYTES // (BYTES_PER_VALUE * self._largest)
        size = self.batch or max(1, min(MOST_IMAGES, many))
        given = np.empty((len(inputs), *self._gives), np.float32)
        for start in range(0, len(inputs), size):
            part = inputs[start : start + size]
            missing = size - len(part) if self.batch else 0
            whole = np.concatenate([part, np.repeat(part[-1:], missing, axis=0)])
            with explain(f"onnxruntime can't run {self.name} on {len(whole)} images at once"):
                (values,) = self._session.run(None, {self._session.get_inputs()[0].name: whole})
                given[start : start + size] = values[: len(part)]
            if on_batch is not None:
                on_batch(len(part))
        return given

    @cached_property
    def _session(self) -> Any:
        return start_session(self.model)


def start_session(model: onnx.ModelProto, simplified: Path | None = None) -> Any:
    """What runs a model: onnxruntime, on the CPU; random operators draw the same every time.

    Writes to a file, where one is named, what it makes of the model by operators of ONNX alone.
    """
    _, runtime = import_packages()
    runtime.set_seed(0)
    options = runtime.SessionOptions()
    if simplified:
        options.optimized_model_filepath = str(simplified)
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    return runtime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
