from __future__ import annotations

import numpy as np
import pytest

from latentspace.expressions import Term, evaluate, parse_expression
from latentspace.files import InputError


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("12", [Term(1, "12", 0)]),
        ("12 - class:1 + 0.5*class:7", [Term(1, "12", 0), Term(-1, "class:1", 5),
                                        Term(0.5, "class:7", 19)]),
        (" -3+4 ", [Term(-1, "3", 2), Term(1, "4", 4)]),
        ("2 * 3 - 1.5 * class:T-shirt", [Term(2, "3", 4), Term(-1.5, "class:T-shirt", 14)]),
        ("12 + 2*wide", [Term(1, "12", 0), Term(2, "wide", 7)]),
        ("my/7.png - class:7", [Term(1, "my/7.png", 0), Term(-1, "class:7", 11)]),
    ],
)  # fmt: skip
def test_expressions_are_parsed(text: str, terms: list[Term]) -> None:
    assert parse_expression(text, ("wide",)) == tuple(terms)


@pytest.mark.parametrize(
    ("text", "place", "expected"),
    [
        ("", "character 1", "a term"),
        ("12 - ", "character 4", "a term"),
        ("12 13", "character 4", r"\+ or -"),
        ("12 - x", "character 4", "a term"),
        ("class:7 % 2", "character 9", r"\+ or -"),
        ("1 + + 2", "character 3", "a term"),
        ("1 + class:", "character 3", "a term"),
    ],
)
def test_errors_point_at_the_place(text: str, place: str, expected: str) -> None:
    with pytest.raises(InputError, match=f"at {place},.*expected {expected}"):
        parse_expression(text)


def test_terms_are_added_up() -> None:
    codes = [np.array([1.0, 0.0]), np.array([0.0, 2.0])]
    result = evaluate(parse_expression("2*3 - class:1"), codes)
    assert result.tolist() == [2, -2]
    assert result.dtype == np.float32


def test_labels_say_what_was_added() -> None:
    labels = [term.label for term in parse_expression("3 - 0.5*class:1 + my/7.png")]
    assert labels == ["+ 3", "− 0.5 × class:1", "+ 7.png"]
