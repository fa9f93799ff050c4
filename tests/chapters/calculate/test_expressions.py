from __future__ import annotations

import math

import pytest
from conftest import call_or_none
from hypothesis import given, settings
from hypothesis import strategies as st

from latentspace.chapters.calculate.expressions import MOST_DIGITS, Term, parse_expression
from latentspace.core.errors import InputError


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("12", [Term(1, "12", 0)]),
        ("12 - class:1 + 0.5*class:7", [Term(1, "12", 0), Term(-1, "class:1", 5),
                                        Term(0.5, "class:7", 19)]),
        (" -3+4 ", [Term(-1, "3", 2), Term(1, "4", 4)]),
        ("2 * 3 - 1.5 * class:T-shirt", [Term(2, "3", 4), Term(-1.5, "class:T-shirt", 14)]),
        ("12 + 2*wide", [Term(1, "12", 0), Term(2, "wide", 7, "width")]),
        ("12 + 2*axis:1 - unit:0", [Term(1, "12", 0), Term(2, "axis:1", 7, "axis:1"),
                                    Term(-1, "unit:0", 16, "unit:0")]),
        ("my/7.png - class:7", [Term(1, "my/7.png", 0), Term(-1, "class:7", 11)]),
    ],
)  # fmt: skip
def test_expressions_are_parsed(text: str, terms: list[Term]) -> None:
    assert parse_expression(text) == tuple(terms)


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
        ("1 + axis:x", "character 3", "a term"),
    ],
)
def test_errors_point_at_the_place(text: str, place: str, expected: str) -> None:
    with pytest.raises(InputError, match=f"at {place},.*expected {expected}"):
        parse_expression(text)


def test_labels_say_what_was_added() -> None:
    labels = [term.label for term in parse_expression("3 - 0.5*class:1 + my/7.png")]
    assert labels == ["+ 3", "− 0.5 × class:1", "+ 7.png"]


@pytest.mark.parametrize("text", ["²", "٣", "1²", "9" * 19, "9" * 5000, "1 + ²*3"])
def test_only_plain_digits_are_an_index(text: str) -> None:
    with pytest.raises(InputError, match="expected a term"):
        parse_expression(text)


def test_factors_are_finite() -> None:
    with pytest.raises(InputError, match=r"can't multiply with 9{31}…: expected a factor"):
        parse_expression("9" * 400 + "*3")


def test_an_expression_of_words_alone_is_refused_on_one_line() -> None:
    with pytest.raises(InputError, match=r"begin with an index, as in '12 \+ wide\\n\+ tall'"):
        parse_expression("wide\n+ tall\n")


def test_labels_are_fit_to_be_drawn() -> None:
    (term,) = parse_expression("class:\x1b[31mred\u202e")
    assert term.label == "+ class:\N{REPLACEMENT CHARACTER}[31mred\N{REPLACEMENT CHARACTER}"


NAMES = st.one_of(
    st.integers(0, 10**MOST_DIGITS - 1).map(str),
    st.sampled_from(["wide", "class:7", "class:T-shirt", "my/7.png", "7.png", "class:a+b"]),
)
FACTORS = st.none() | st.integers(0, 999) | st.decimals(0, 999, places=3)


@given(
    st.lists(st.tuples(st.sampled_from("+-"), FACTORS, NAMES), min_size=1, max_size=6),
    st.sampled_from([" ", "  ", "\n"]),
)
@settings(max_examples=200)
def test_what_is_written_as_an_expression_is_read_as_it(terms: list, space: str) -> None:
    text = space.join(
        f"{sign}{space}{'' if factor is None else f'{factor}*'}{name}"
        for sign, factor, name in terms
    )
    if all(name == "wide" for _, _, name in terms):
        terms, text = [*terms, ("+", None, "3")], f"{text}{space}+ 3"
    read = parse_expression(text)
    assert [(term.factor, term.name) for term in read] == [
        (float(1 if factor is None else factor) * (-1 if sign == "-" else 1), name)
        for sign, factor, name in terms
    ]
    assert all(text[term.position :].startswith(term.name) for term in read)


@given(st.text(max_size=30) | st.text("0123456789+-* .classwide:/²\n", max_size=30))
@settings(max_examples=400)
def test_any_text_is_terms_or_a_refusal(text: str) -> None:
    terms = call_or_none(parse_expression, text)
    if terms is not None:
        assert terms
        assert all(math.isfinite(term.factor) for term in terms)
        assert all(term.label.isprintable() for term in terms)
        assert all(int(term.name) >= 0 for term in terms if term.name.isdigit())
