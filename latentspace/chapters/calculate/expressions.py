"""Arithmetic expressions over codes, as a person writes them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from latentspace.chapters.figure import CLASS_PREFIX
from latentspace.core.errors import InputError, to_printable

WORDS = ("slant", "thick", "wide", "tall")  # of `strokes.ATTRIBUTES`, in their order
MOST_DIGITS = 18  # of an index; there are no data sets with more images
_TERM = re.compile(
    r"(?P<sign>[+-]?)\s*(?:(?P<factor>[0-9]+(?:\.[0-9]+)?)\s*\*\s*)?"
    r"(?P<name>[0-9]+(?=[\s+-]|$)|[^\s+*%-]\S*)\s*"
)
LONGEST_NAME = 255


@dataclass(frozen=True)
class Term:
    """One term of an expression."""

    factor: float  # what it is multiplied with, the sign included
    name: str  # "1234", the index of an image, "class:7", of `WORDS`, or the path of an image file
    position: int  # where it begins in the expression, from 0

    @property
    def label(self) -> str:
        """The term as a person would write it, with its sign."""
        size = "" if abs(self.factor) == 1 else f"{abs(self.factor):g} × "
        name = self.name if self.name.startswith(CLASS_PREFIX) else self.name.split("/")[-1]
        return f"{'−' if self.factor < 0 else '+'} {size}{to_printable(name, LONGEST_NAME)}"


def parse_expression(text: str) -> tuple[Term, ...]:
    """Parses sums and differences such as "12 - class:1 + 0.5*class:7".

    Args:
        text: The expression. A term is the index of an image, class:NAME, one of `WORDS`, or the
            path of an image file, with an optional factor before a `*`; terms that begin with a
            letter end at a space.

    Returns:
        The terms in their order, at least one of which is no word.

    Raises:
        InputError: Something is no term; the message points at the place.
    """
    terms: list[Term] = []
    position = len(text) - len(text.lstrip())
    while position < len(text) or not terms:
        match = _TERM.match(text, position)
        if match is None or not _is_term(match["name"]) or (terms and not match["sign"]):
            expected = "a term" if not terms or text[position] in "+-" else "+ or -"
            known = ", ".join(["an index", "class:NAME", *WORDS, "an image file"])
            raise InputError(
                f"can't read {text!r} at character {position + 1}, {text[position:]!r}: expected "
                f"{expected}; a term is one of {known}, as in '12 - class:1 + 0.5*class:7'"
            )
        factor = float(match["factor"] or 1) * (-1 if match["sign"] == "-" else 1)
        if not math.isfinite(factor):
            shown = to_printable(match["factor"])
            raise InputError(f"can't multiply with {shown}: expected a factor that is finite")
        terms.append(Term(factor, match["name"], match.start("name")))
        position = match.end()
    if all(term.name in WORDS for term in terms):
        raise InputError(
            f"{text!r} changes no image: begin with an index, as in {'12 + ' + text.strip()!r}"
        )
    return tuple(terms)


def _is_term(name: str) -> bool:
    return (
        (name.isascii() and name.isdigit() and len(name) <= MOST_DIGITS)
        or name in WORDS
        or "." in name
        or "/" in name
        or name[: len(CLASS_PREFIX)] == CLASS_PREFIX != name
    )
