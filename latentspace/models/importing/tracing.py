"""The steps that a Keras model takes from its input to its outputs, and models made of some."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

from latentspace.core.errors import explain_error
from latentspace.models.importing import graph
from latentspace.models.importing.graph import Shape, Trace, format_shape
from latentspace.models.keras_files.loading import shorten

GRAPHS = (keras.Function, keras.Sequential)
# Layers that give each value of a code another scale or form, and the code its final one.
ELEMENTWISE = (
    *(keras.layers.Activation, keras.layers.ELU, keras.layers.LeakyReLU, keras.layers.PReLU),
    *(keras.layers.ReLU, keras.layers.Softmax),
    *(keras.layers.BatchNormalization, keras.layers.LayerNormalization),
)


@dataclass(frozen=True)
class Step(graph.Step):
    """One call, on symbolic tensors, of a layer or of an operation of keras.ops."""

    operation: keras.Operation
    args: Sequence[Any]
    kwargs: dict[str, Any]


@dataclass(frozen=True)
class KerasTrace(Trace):
    """All steps of a Keras model; networks made of them are of Keras' own layers beside."""

    name: str
    model: keras.Model
    source: keras.KerasTensor
    steps: list[Step]
    outputs: list[tuple[str, keras.KerasTensor]]

    def begin(self, shape: tuple[int, ...], name: str) -> Any:
        return keras.Input(shape, name=name)

    def apply(self, start: Any, end: Any, x: Any, name: str) -> Any:
        """Calls a model of these steps, which shares their layers; the whole, if all."""
        model = self.model
        if not self.is_whole(start, end):
            names: dict[str, keras.Operation] = {}
            for step in self.between(start, end):
                if names.setdefault(step.operation.name, step.operation) is not step.operation:
                    # Layers of two models inside may share a name, which within one none may.
                    step.operation.name = step.name.replace("/", "_")
                    names[step.operation.name] = step.operation
            model = keras.Model(start, end, name=name)
            model.layers[0].name = f"{name}_input"
        (result,) = keras.tree.flatten(model(x))
        return result

    def permute(self, x: Any, axes: tuple[int, ...]) -> Any:
        return keras.layers.Permute(axes)(x)

    def reshape(self, x: Any, shape: tuple[int, ...]) -> Any:
        return keras.layers.Reshape(shape)(x)

    def rescale(self, x: Any, scale: float, offset: float) -> Any:
        return keras.layers.Rescaling(scale, offset=offset)(x)

    def as_float32(self, x: Any) -> Any:
        return x if x.dtype == "float32" else keras.layers.Activation("linear", dtype="float32")(x)

    def finish(self, source: Any, end: Any, name: str) -> keras.Model:
        wrapper = keras.Model(source, end, name=name)
        _, inner, *others = wrapper.layers
        if others or not is_graph(inner) or inner.input_shape != wrapper.input_shape:
            return wrapper
        # The output of the model inside may be a list or dict of one.
        return inner if isinstance(inner.output, keras.KerasTensor) else wrapper


def trace(model: keras.Model, shape: Shape) -> KerasTrace:
    """Takes all steps of a model once, symbolically, for inputs of a shape without the batch.

    A subclassed model, in it or as a whole, is a single step: Keras can't see its inside. Raises an
    `InputError` where the model can't be called on such an input.
    """
    source = keras.Input(shape, name="images")
    steps: list[Step] = []
    what = f"the model {model.name!r} can't be called on {format_shape(shape)} values"
    advice = "pass images of the size that it was trained on"
    with explain_error(what, advice, reason=shorten):  # layers may be a person's
        outputs = _record(model, steps, prefix="", outermost=True)(source)
    tensors = find_tensors(outputs)
    names = list(model.output_names) if isinstance(model, keras.Function) else [""] * len(tensors)
    if isinstance(outputs, dict):
        names = [str(path[0]) for path, _ in keras.tree.flatten_with_path(outputs)]
    return KerasTrace(model.name, model, source, steps, list(zip(names, tensors, strict=True)))


def is_graph(model: Any) -> bool:
    """Whether a model is a graph of layers that Keras made, with no `call` written by a person."""
    if not isinstance(model, keras.Model) or not isinstance(model, GRAPHS):
        return False
    home = next(base for base in type(model).__mro__ if "call" in vars(base))
    return home.__module__.split(".")[0] == "keras"


def find_tensors(structure: Any) -> list[keras.KerasTensor]:
    """The symbolic tensors in nested lists, tuples and dicts, in a fixed order."""
    return [x for x in keras.tree.flatten(structure) if isinstance(x, keras.KerasTensor)]


def _record(operation: Any, steps: list[Step], *, prefix: str, outermost: bool = False) -> Any:
    """A stand-in for an operation that takes its steps one by one, and keeps them in `steps`."""
    inner = prefix if outermost else f"{prefix}{operation.name}/"

    def call(*args: Any, **kwargs: Any) -> Any:
        if _can_be_entered(operation, args, kwargs):
            (x,) = args
            if isinstance(operation, keras.Sequential):
                for layer in operation.layers:
                    x = _record(layer, steps, prefix=inner)(x)
                return x
            # Keras has no public way to walk through a model's graph. This one is what calling
            # the model does, with other calls in the place of the operations.
            outputs = operation._run_through_graph(
                x, operation_fn=functools.partial(_record, steps=steps, prefix=inner)
            )
            single = isinstance(outputs, list | tuple) and len(outputs) == 1
            return outputs[0] if single else outputs
        outputs = operation(*args, **kwargs)
        is_function = type(operation).__name__.lower() in dir(keras.activations)  # of keras.ops
        is_elementwise = isinstance(operation, ELEMENTWISE) or is_function
        tensors = find_tensors([args, kwargs]), find_tensors(outputs)
        steps.append(
            Step(prefix + operation.name, *tensors, is_elementwise, operation, args, kwargs)
        )
        return outputs

    return call


def _can_be_entered(operation: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> bool:
    """Whether calling an operation means to call those inside it in turn, and nothing else."""
    if not is_graph(operation) or len(args) != 1 or find_tensors(kwargs):
        return False
    if isinstance(operation, keras.Sequential) and not operation.built:
        return True
    # Keras would add or take away a last axis to fit, which no step would show.
    return [len(x.shape) for x in find_tensors(args)] == [len(x.shape) for x in operation.inputs]
