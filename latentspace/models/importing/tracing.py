"""The steps that a Keras model takes from its input to its outputs, and models made of some."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

from latentspace.core.errors import InputError
from latentspace.models.keras_files.loading import shorten

Shape = tuple[int | None, ...]
GRAPHS = (keras.Function, keras.Sequential)


@dataclass(frozen=True)
class Step:
    """One call, on symbolic tensors, of a layer or operation that holds no steps of its own."""

    name: str  # of the layer, after the names of the models around it: "encoder/codes"
    operation: keras.Operation
    args: Sequence[Any]
    kwargs: dict[str, Any]
    outputs: list[keras.KerasTensor]

    @property
    def inputs(self) -> list[keras.KerasTensor]:
        """The symbolic tensors among the arguments."""
        return find_tensors([self.args, self.kwargs])


@dataclass(frozen=True)
class Trace:
    """All steps of a model, those of the models inside it included."""

    model: keras.Model
    source: keras.KerasTensor  # its input
    steps: list[Step]  # in an order in which they can be taken
    outputs: list[tuple[str, keras.KerasTensor]]  # each after its name, "" where it has none

    def between(self, start: keras.KerasTensor, end: keras.KerasTensor) -> list[Step]:
        """The steps that lead from one tensor to another, in order."""
        reached = {id(start)}
        after = [step for step in self.steps if _touches(step.inputs, reached, step.outputs)]
        needed = {id(end)}
        before = [step for step in after[::-1] if _touches(step.outputs, needed, step.inputs)]
        return before[::-1]

    def dominators(self, end: keras.KerasTensor) -> list[tuple[Step, keras.KerasTensor]]:
        """The tensors that everything on its path from the input to `end` passes through, in order.

        Each with the step that made it; `end` is the last. In any order of the steps, all that is
        still needed after one of them is its result.
        """
        steps = self.between(self.source, end)
        last_use = {id(end): len(steps)}
        for index, step in enumerate(steps):
            last_use |= dict.fromkeys(map(id, step.inputs), index)
        open_until = last_use[id(self.source)] if steps else 0
        found = []
        for index, step in enumerate(steps):
            uses = [(last_use[id(x)], x) for x in step.outputs if id(x) in last_use]
            if open_until <= index and len(uses) == 1:
                found.append((step, uses[0][1]))
            open_until = max([open_until, *(use for use, _ in uses)])
        return found

    def is_whole(self, start: keras.KerasTensor, end: keras.KerasTensor) -> bool:
        """Whether two tensors are the input of the model and its only output."""
        return start is self.source and [id(x) for _, x in self.outputs] == [id(end)]

    def extract(
        self, start: keras.KerasTensor, end: keras.KerasTensor, *, name: str
    ) -> keras.Model:
        """A model of the steps from one tensor to a later one that depends on it alone.

        It shares the layers and their weights, and is the model itself where these are all steps.
        """
        if self.is_whole(start, end):
            return self.model
        source = keras.Input(start.shape[1:], dtype=start.dtype, name=name + "_input")
        known = {id(start): source}
        names: dict[str, keras.Operation] = {}

        for step in self.between(start, end):
            operation = step.operation
            if names.setdefault(operation.name, operation) is not operation:
                # Layers of two models inside may share a name, which within one model none may.
                operation.name = step.name.replace("/", "_")
                names[operation.name] = operation
            asked = (step.args, step.kwargs)
            args, kwargs = keras.tree.map_structure(lambda x: known.get(id(x), x), asked)
            results = find_tensors(operation(*args, **kwargs))
            known.update(zip(map(id, step.outputs), results, strict=True))
        return keras.Model(source, known[id(end)], name=name)


def trace(model: keras.Model, shape: Shape) -> Trace:
    """Takes all steps of a model once, symbolically, for inputs of a shape without the batch.

    A subclassed model, in it or as a whole, is a single step: Keras can't see its inside. Raises an
    `InputError` where the model can't be called on such an input.
    """
    source = keras.Input(shape, name="images")
    steps: list[Step] = []
    try:
        outputs = _record(model, steps, prefix="", outermost=True)(source)
    except Exception as error:  # layers, a person's among them, raise anything
        raise InputError(
            f"the model {model.name!r} can't be called on {format_shape(shape)} values: "
            f"{shorten(error)}; pass images of the size that it was trained on"
        ) from error
    tensors = find_tensors(outputs)
    names = list(model.output_names) if isinstance(model, keras.Function) else [""] * len(tensors)
    if isinstance(outputs, dict):
        names = [str(path[0]) for path, _ in keras.tree.flatten_with_path(outputs)]
    return Trace(model, source, steps, list(zip(names, tensors, strict=True)))


def is_graph(model: Any) -> bool:
    """Whether a model is a graph of layers that Keras made, with no `call` written by a person."""
    if not isinstance(model, keras.Model) or not isinstance(model, GRAPHS):
        return False
    home = next(base for base in type(model).__mro__ if "call" in vars(base))
    return home.__module__.split(".")[0] == "keras"


def find_tensors(structure: Any) -> list[keras.KerasTensor]:
    """The symbolic tensors in nested lists, tuples and dicts, in a fixed order."""
    return [x for x in keras.tree.flatten(structure) if isinstance(x, keras.KerasTensor)]


def count_values(tensor: keras.KerasTensor) -> int | None:
    """Number of values for one image; None where a side is open."""
    sides = tensor.shape[1:]
    return None if None in sides else math.prod(sides)


def format_shape(shape: Sequence[int | None]) -> str:
    """A shape for a person: 28x28x1, with ? for an open side."""
    return "x".join("?" if side is None else str(side) for side in shape)


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
        steps.append(Step(prefix + operation.name, operation, args, kwargs, find_tensors(outputs)))
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


def _touches(sources: list, reached: set[int], targets: list) -> bool:
    """Whether a step touches what was reached, and if so, adds the other side of it."""
    found = not reached.isdisjoint(map(id, sources))
    reached.update(map(id, targets) if found else ())
    return found
