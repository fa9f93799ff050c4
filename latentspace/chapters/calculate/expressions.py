"""Arithmetic expressions over codes, as a person writes them."""

import math
import re
from collections.abc import Collection
from dataclasses import dataclass

from latentspace.analysis.strokes import ATTRIBUTES as STROKES
from latentspace.chapters.figure import CLASS_PREFIX
from latentspace.core.errors import InputError, to_printable
from latentspace.datasets.dataset import MOST_DIGITS

SHORT = {"thick": "thickness", "wide": "width", "tall": "height"}  # for attributes of strokes
_FACTOR = re.compile(r"(?P<sign>[+-]?)\s*(?:(?P<factor>[0-9]+(?:\.[0-9]+)?)\s*\*\s*)?")
_INDEX = re.compile(r"[0-9]+(?=[\s+-]|$)")
_QUOTED = re.compile(r'"(?P<name>[^"]+)"')
_AXIS = re.compile(r"(axis|unit):[0-9]{1,6}(?=[\s+-]|$)")
_NAME = re.compile(r"[^\s+*%-]\S*")
_ENDS = ("", " ", "\t", "\n", "+", "-")  # what comes after the name of an attribute
LONGEST_NAME = 255
SHOWN_NAMES = 12  # attributes, in messages


@dataclass(frozen=True)
class Term:
    factor: float  # what it is multiplied with, the sign included
    name: str  # "1234" (of an image), "class:7", an attribute, an axis, or the path of an image
    position: int  # where it begins in the expression, from 0
    attribute: str | None = None  # that it is, or "axis:1", "unit:0"; None of an image

    @property
    def label(self) -> str:
        """The term as a person would write it, with its sign."""
        size = "" if abs(self.factor) == 1 else f"{abs(self.factor):g} × "
        is_file = self.attribute is None and not self.name.startswith(CLASS_PREFIX)
        name = self.name.split("/")[-1] if is_file else self.name.strip('"')
        return f"{'−' if self.factor < 0 else '+'} {size}{to_printable(name, LONGEST_NAME)}"


def parse_expression(text: str, attributes: Collection[str] = ()) -> tuple[Term, ...]:
    """Parses sums and differences such as "12 - class:1 + 0.5*class:7".

    A term is the index of an image, class:NAME, an attribute, an axis as in axis:1 or unit:0, or
    the path of an image file, with an optional factor before a `*`. A name in double quotes is an
    attribute, whatever else it could be. `attributes` are those there are, beside those of strokes.
    At least one term is an image. Raises an `InputError` on what is no term, and where.
    """
    terms: list[Term] = []
    named = {*attributes, *STROKES, *SHORT}
    longest_first = sorted(named, key=len, reverse=True)
    position = len(text) - len(text.lstrip())
    while position < len(text) or not terms:
        start = _FACTOR.match(text, position)
        assert start is not None  # for it may be empty
        term = _parse_name(text, start.end(), longest_first)
        if term is None or (terms and not start["sign"]):
            expected = "a term" if not terms or text[position] in "+-" else "+ or -"
            plain_first = sorted([*attributes, *STROKES], key=lambda name: "=" in name)
            own = map(to_printable, plain_first[:SHOWN_NAMES])
            known = ["an index", "class:NAME", *own, "axis:NUMBER", "unit:NUMBER", "an image file"]
            raise InputError(
                f"can't read {text!r} at character {position + 1}, {text[position:]!r}: expected "
                f"{expected}; a term is one of {', '.join(known)}, as in "
                "'12 - class:1 + 0.5*class:7'"
            )
        name, attribute = term
        factor = float(start["factor"] or 1) * (-1 if start["sign"] == "-" else 1)
        if not math.isfinite(factor):
            shown = to_printable(start["factor"])
            raise InputError(f"can't multiply with {shown}: expected a factor that is finite")
        terms.append(Term(factor, name, start.end(), attribute))
        end = start.end() + len(name)
        position = len(text) - len(text[end:].lstrip())
    if all(term.attribute for term in terms):
        raise InputError(
            f"{text!r} changes no image: begin with an index, as in {'12 + ' + text.strip()!r}"
        )
    return tuple(terms)


def _parse_name(
    text: str, position: int, attributes: Collection[str]
) -> tuple[str, str | None] | None:
    """A name at a place, as written, and the attribute that it is; None where there is none."""
    if (quoted := _QUOTED.match(text, position)) is not None:
        name = quoted["name"]
        return (quoted[0], SHORT.get(name, name)) if name in attributes else None
    if (axis := _AXIS.match(text, position)) is not None:
        return axis[0], axis[0]
    if (index := _INDEX.match(text, position)) is not None:
        return (index[0], None) if len(index[0]) <= MOST_DIGITS else None
    for name in attributes:
        if text.startswith(name, position) and text[position + len(name) :][:1] in _ENDS:
            return name, SHORT.get(name, name)
    found = _NAME.match(text, position)
    if found is None:
        return None
    name = found[0]
    is_image = "." in name or "/" in name or name[: len(CLASS_PREFIX)] == CLASS_PREFIX != name
    return (name, None) if is_image else None
