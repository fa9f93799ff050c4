"""The steps that a Keras model takes from its input to its outputs, and models made of some."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

from latentspace.core.errors import InputError

Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class Step:
    """One call of a layer, or of another operation, that holds no steps of its own.

    Attributes:
        name: Of the layer, after the names of the models around it: "encoder/codes".
        operation: The layer or operation.
        args: Its positional arguments, symbolic tensors among them.
        kwargs: Its keyword arguments.
        outputs: Its results.
    """

    name: str
    operation: keras.Operation
    args: Sequence[Any]
    kwargs: dict[str, Any]
    outputs: list[keras.KerasTensor]

    @property
    def inputs(self) -> list[keras.KerasTensor]:
        """The symbolic tensors among the arguments."""
        return find_symbolic([self.args, self.kwargs])


@dataclass(frozen=True)
class Trace:
    """All steps of a model, those of the models inside it included.

    Attributes:
        source: The input.
        steps: In an order in which they can be taken.
        outputs: The model's outputs.
        output_names: One for each; empty where the model has no name for it.
    """

    source: keras.KerasTensor
    steps: list[Step]
    outputs: list[keras.KerasTensor]
    output_names: list[str]

    def find_steps(self, start: keras.KerasTensor, end: keras.KerasTensor) -> list[Step]:
        """The steps that lead from one tensor to another, in order."""
        reached = {id(start)}
        after = [step for step in self.steps if _touches(step.inputs, reached, step.outputs)]
        needed = {id(end)}
        before = [step for step in after[::-1] if _touches(step.outputs, needed, step.inputs)]
        return before[::-1]

    def dominators(self, end: keras.KerasTensor) -> list[tuple[Step, keras.KerasTensor]]:
        """The tensors that everything on its way from the input to `end` passes through, in order.

        They are the dominators of `end` in the graph of tensors: in any order of the steps, all
        that is still needed after one of them is its result.

        Args:
            end: A tensor of this trace.

        Returns:
            Each with the step that made it; `end` is the last.
        """
        steps = self.find_steps(self.source, end)
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

    def extract(
        self, start: keras.KerasTensor, end: keras.KerasTensor, *, name: str
    ) -> keras.Model:
        """A model of the steps from one tensor to another. It shares the layers and their weights.

        Args:
            start: Its input.
            end: Its output; all ways to it from `self.source` lead through `start`.
            name: Of the new model.
        """
        source = keras.Input(start.shape[1:], dtype=start.dtype, name=name + "_input")
        known = {id(start): source}
        names: dict[str, keras.Operation] = {}

        def new(x: Any) -> Any:
            return known.get(id(x), x)

        for step in self.find_steps(start, end):
            operation = step.operation
            if names.setdefault(operation.name, operation) is not operation:
                # Layers of two models inside may share a name, which within one model none may.
                operation.name = step.name.replace("/", "_")
                names[operation.name] = operation
            args, kwargs = keras.tree.map_structure(new, (step.args, step.kwargs))
            results = find_symbolic(operation(*args, **kwargs))
            known.update(zip(map(id, step.outputs), results, strict=True))
        return keras.Model(source, known[id(end)], name=name)


def trace(model: keras.Model, input_shape: Shape | None) -> Trace:
    """Takes all steps of a model once, symbolically.

    Args:
        model: Any model of one input. Of a subclassed one, in it or as a whole, Keras can't see
            the inside: it is a single step.
        input_shape: Shape of one input without the batch; None takes the model's own.

    Returns:
        The steps.

    Raises:
        InputError: The model has several inputs, or can't be called on such an input.
    """
    shape = input_shape or find_declared_shape(model)
    if shape is None:
        raise InputError(
            f"the model {model.name!r} does not say which input it takes: call it once on a batch "
            "of images before saving it"
        )
    source = keras.Input(shape, name="images")
    steps: list[Step] = []
    outputs = call_symbolically(
        _make_recorder(model, steps, prefix="", outermost=True), source, model.name
    )
    return Trace(source, steps, find_symbolic(outputs), find_output_names(model, outputs))


def is_graph(model: Any) -> bool:
    """Whether a model is a graph of layers that Keras made, with no `call` written by a person."""
    if not isinstance(model, keras.Model) or not isinstance(
        model, keras.Function | keras.Sequential
    ):
        return False
    home = next(base for base in type(model).__mro__ if "call" in vars(base))
    return home.__module__.split(".")[0] == "keras"


def call_symbolically(call: Any, source: keras.KerasTensor, name: str) -> Any:
    """What a model gives for a symbolic input.

    Raises:
        InputError: The model does not take it.
    """
    try:
        return call(source)
    except InputError:
        raise
    except Exception as error:  # layers, a person's among them, raise anything
        reason = " ".join(str(error).split())[:160]
        raise InputError(
            f"the model {name!r} can't be called on {format_open_shape(source.shape[1:])} values: {reason}; "
            "pass images of the size that it was trained on"
        ) from error


def find_declared_shape(model: keras.Model) -> Shape | None:
    """Shape of one input without the batch, as far as a model tells; sides may be None.

    Raises:
        InputError: It takes several inputs.
    """
    try:
        shape = model.input_shape
    except AttributeError:  # subclassed, or a Sequential that was never called
        shape = (model.get_build_config() or {}).get("input_shape")
    if shape is None:
        return None
    if isinstance(shape, dict) or any(isinstance(side, list | tuple) for side in shape):
        raise InputError(
            f"the model {model.name!r} takes {len(shape)} inputs, where images alone, or codes "
            "alone, are expected: save a model that takes one"
        )
    return tuple(shape[1:])


def find_output_names(model: keras.Model, outputs: Any) -> list[str]:
    """A name for each output of a model: a key, or the layer it comes from, or else ""."""
    if isinstance(outputs, dict):
        return [str(path[0]) for path, _ in keras.tree.flatten_with_path(outputs)]
    if isinstance(model, keras.Function):
        return list(model.output_names)
    return [""] * len(find_symbolic(outputs))


def find_symbolic(structure: Any) -> list[keras.KerasTensor]:
    """The symbolic tensors in nested lists, tuples and dicts, in a fixed order."""
    return [x for x in keras.tree.flatten(structure) if isinstance(x, keras.KerasTensor)]


def count_values(tensor: keras.KerasTensor) -> int | None:
    """Number of values for one image; None where a side is open."""
    sides = tensor.shape[1:]
    return None if None in sides else math.prod(sides)


def format_open_shape(shape: Sequence[int | None]) -> str:
    """A shape for a person: 28x28x1, with ? for an open side."""
    return "x".join("?" if side is None else str(side) for side in shape)


def _make_recorder(
    operation: Any, steps: list[Step], *, prefix: str, outermost: bool = False
) -> Any:
    """A stand-in for an operation that takes its steps one by one, and keeps them in `steps`."""
    inner = prefix if outermost else f"{prefix}{operation.name}/"

    def call(*args: Any, **kwargs: Any) -> Any:
        if _can_be_entered(operation, args, kwargs):
            (x,) = args
            if isinstance(operation, keras.Sequential):
                for layer in operation.layers:
                    x = _make_recorder(layer, steps, prefix=inner)(x)
                return x
            # Keras has no public way to walk through a model's graph. This one is what calling
            # the model does, with other calls in the place of the operations.
            outputs = operation._run_through_graph(
                x, operation_fn=functools.partial(_make_recorder, steps=steps, prefix=inner)
            )
            single = isinstance(outputs, list | tuple) and len(outputs) == 1
            return outputs[0] if single else outputs
        outputs = operation(*args, **kwargs)
        steps.append(Step(prefix + operation.name, operation, args, kwargs, find_symbolic(outputs)))
        return outputs

    return call


def _can_be_entered(operation: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> bool:
    """Whether calling an operation means to call those inside it in turn, and nothing else."""
    if not is_graph(operation) or len(args) != 1 or find_symbolic(kwargs):
        return False
    if isinstance(operation, keras.Sequential) and not operation.built:
        return True
    # Keras would add or take away a last axis to fit, which no step would show.
    return [len(x.shape) for x in find_symbolic(args)] == [len(x.shape) for x in operation.inputs]


def _touches(sources: list, reached: set[int], targets: list) -> bool:
    """Whether a step touches what was reached, and if so, adds the other side of it."""
    if not reached.isdisjoint(map(id, sources)):
        reached.update(map(id, targets))
        return True
    return False
