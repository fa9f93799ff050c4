"""The steps that a network takes from its input to its outputs, of whichever kind it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from latentspace.core.errors import InputError

Shape = tuple[int | None, ...]


class Tensor(Protocol):
    """What flows between steps; the same object wherever it is the same tensor."""

    name: str
    shape: Shape  # with the batch, None, in front


@dataclass(frozen=True)
class Step:
    """One call of a layer or operator that holds no steps of its own."""

    name: str  # of the layer, after the names of the models around it: "encoder/codes"
    inputs: Sequence[Any]  # the tensors that it takes, constants left out
    outputs: Sequence[Any]
    is_elementwise: bool  # only gives each value another scale or form


class Trace(Protocol):
    """All steps of a model, those of the models inside it included."""

    name: str  # of the model
    source: Any  # its input
    steps: Sequence[Any]  # in an order in which they can be taken
    outputs: list[tuple[str, Any]]  # each after its name, "" where it has none

    def between(self, start: Any, end: Any) -> list[Any]:
        """The steps that lead from one tensor to another, in order."""
        reached = {id(start)}
        after = [step for step in self.steps if _touches(step.inputs, reached, step.outputs)]
        needed = {id(end)}
        before = [step for step in after[::-1] if _touches(step.outputs, needed, step.inputs)]
        return before[::-1]

    def dominators(self, end: Any) -> list[tuple[Any, Any]]:
        """The tensors that all on the path from the input to `end` passes through, in order.

        Each with the step that made it, the last result that is still needed; `end` is the last.
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

    def is_whole(self, start: Any, end: Any) -> bool:
        """Whether two tensors are the input of the model and its only output."""
        return start is self.source and [id(x) for _, x in self.outputs] == [id(end)]

    # How a network of one input and one output is put together, of these steps and a few more.
    # Shapes are without the batch, which stays in front; axes are counted from 1.

    def begin(self, shape: tuple[int, ...], name: str) -> Any: ...  # its input, of float32
    def apply(self, start: Any, end: Any, x: Any, name: str) -> Any: ...  # the steps between two
    def permute(self, x: Any, axes: tuple[int, ...]) -> Any: ...
    def reshape(self, x: Any, shape: tuple[int, ...]) -> Any: ...
    def rescale(self, x: Any, scale: float, offset: float) -> Any: ...  # x * scale + offset
    def as_float32(self, x: Any) -> Any: ...  # where a model computes in another precision
    def finish(self, source: Any, end: Any, name: str) -> Any: ...  # from the input to a result


def count_values(tensor: Tensor) -> int | None:
    """Number of values for one image; None where a side is open."""
    sides = tensor.shape[1:]
    return None if None in sides else math.prod(sides)  # type: ignore[arg-type]


def format_shape(shape: Sequence[int | None]) -> str:
    """A shape for a person: 28x28x1, with ? for an open side."""
    return "x".join("?" if side is None else str(side) for side in shape)


def refuse_inputs(name: str, count: int) -> InputError:
    return InputError(
        f"the model {name!r} takes {count} inputs, where images alone, or codes alone, are "
        "expected: save a model that takes one"
    )


def _touches(sources: Sequence, reached: set[int], targets: Sequence) -> bool:
    """Whether a step touches what was reached, and if so, adds the other side of it."""
    found = not reached.isdisjoint(map(id, sources))
    reached.update(map(id, targets) if found else ())
    return found
