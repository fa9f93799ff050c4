"""Calculating with codes: class means and arithmetic expressions."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from latentspace.files import InputError

_NUMBER = r"\d+(?:\.\d+)?"
_TERM = re.compile(
    rf"(?P<sign>[+-]?)\s*(?:(?P<factor>{_NUMBER})\s*\*\s*)?(?P<name>class:[^\s+*]+|\d+)\s*"
)
CLASS_PREFIX = "class:"


@dataclass(frozen=True)
class Term:
    """One term of an expression.

    Attributes:
        factor: What it is multiplied with, the sign included.
        name: "1234", the index of an image, or "class:7".
        position: Where it begins in the expression, from 0.
    """

    factor: float
    name: str
    position: int

    @property
    def label(self) -> str:
        """The term as a person would write it, with its sign."""
        size = "" if abs(self.factor) == 1 else f"{abs(self.factor):g} × "
        return f"{'−' if self.factor < 0 else '+'} {size}{self.name}"


def class_means(codes: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Mean code of each class.

    Args:
        codes: float (N, D).
        labels: int (N,) in 0..classes-1.
        classes: Number of classes.

    Returns:
        float (classes, D); NaN for a class without members.
    """
    members = np.bincount(labels, minlength=classes)
    sums = np.zeros((classes, codes.shape[1]))
    np.add.at(sums, labels, codes)
    with np.errstate(invalid="ignore"):
        return (sums / members[:, np.newaxis]).astype(codes.dtype)


def parse_expression(text: str) -> tuple[Term, ...]:
    """Parses sums and differences such as "12 - class:1 + 0.5*class:7".

    Args:
        text: The expression. A term is the index of an image or class:NAME, with an optional factor
            before a `*`; + and - after a class name need a space before them.

    Returns:
        The terms in their order.

    Raises:
        InputError: Something is no term; the message points at the place.
    """
    terms: list[Term] = []
    position = len(text) - len(text.lstrip())
    while position < len(text) or not terms:
        match = _TERM.match(text, position)
        if match is None or (terms and not match["sign"]):
            expected = "+ or -" if match or (terms and text[position] not in "+-") else "a term"
            raise InputError(
                f"can't read {text!r} at character {position + 1}, {text[position:]!r}: expected "
                f"{expected}; a term is an index or class:NAME, as in '12 - class:1 + 0.5*class:7'"
            )
        factor = float(match["factor"] or 1) * (-1 if match["sign"] == "-" else 1)
        terms.append(Term(factor, match["name"], match.start("name")))
        position = match.end()
    return tuple(terms)


def evaluate(terms: Sequence[Term], code_of: Callable[[Term], np.ndarray]) -> np.ndarray:
    """Adds up the terms.

    Args:
        terms: From `parse_expression`.
        code_of: Gives the code (D,) that a term names, without its factor.

    Returns:
        float (D,).
    """
    codes = np.stack([term.factor * code_of(term) for term in terms])
    return codes.sum(axis=0, dtype=np.float32)
