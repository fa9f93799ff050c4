from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from latentspace.chapters.chapter import HIGHER, LOWER, Row, Value
from latentspace.report.score_rows import HEADLINES, ScoreRow, collect_headlines, collect_rows


def make_metrics(**rows: list[Row]) -> dict[str, Any]:
    return {name: {"rows": [dataclasses.asdict(row) for row in of]} for name, of in rows.items()}


def collect_lines(**rows: list[Row]) -> list[ScoreRow]:
    return [line for lines in collect_rows(make_metrics(**rows)).values() for line in lines]


def test_lines_stand_in_the_order_of_the_story_by_part() -> None:
    rows = {
        name: [Row(name, Value(0.5))]
        for name in ("outliers", "clusters", "reconstruction", "maps", "unknown")
    }
    found = collect_rows(make_metrics(**rows))
    assert list(found) == ["reconstruct", "map", "use"]
    assert [line.words for line in found["use"]] == ["clusters", "outliers"]


def test_a_line_has_value_interval_and_baselines() -> None:
    baselines = {"PCA, 32 components": Value(1234.5)}
    (line,) = collect_lines(
        maps=[Row("An error", Value(0.945, 0.937, 0.952), baselines, better=LOWER, digits=2)]
    )
    assert (line.words, line.better) == ("An error", LOWER)
    assert (line.own.value, line.own.interval, line.own.is_best) == ("0.94", "0.94 to 0.95", True)
    (linear,) = line.beside
    assert (linear.name, linear.value, linear.interval) == ("PCA, 32 components", "1,234.50", "")
    assert not linear.is_best


@pytest.mark.parametrize("damaged", [3, [], "text", {"rows": 3}, {"rows": [3, {}, None]}, None])
def test_damaged_rows_are_left_out(damaged: object) -> None:
    assert collect_rows({"maps": damaged}) == {}
    assert collect_headlines({"maps": damaged}) == []


@pytest.mark.parametrize("value", [None, "x", [], float("nan")])
def test_a_row_without_a_number_is_left_out_alone(value: object) -> None:
    metrics = make_metrics(reconstruction=[Row("a", Value(0.5)), Row("b", Value(0.5))])
    metrics["reconstruction"]["rows"][0]["own"]["value"] = value
    (line,) = collect_rows(metrics)["reconstruct"]
    assert line.words == "b"


def test_the_better_one_is_marked_where_intervals_do_not_overlap() -> None:
    def mark(own: float, other: float, apart: float | None, better: str = HIGHER) -> list[bool]:
        one, two = (
            Value(value) if apart is None else Value(value, value - apart, value + apart)
            for value in (own, other)
        )
        (line,) = collect_lines(maps=[Row("words", one, {"pixels": two}, better=better)])
        return [line.own.is_best, line.beside[0].is_best]

    assert mark(0.9, 0.8, None) == [True, False]
    assert mark(0.9, 0.8, None, LOWER) == [False, True]
    assert mark(0.8, 0.9, 0.01) == [False, True]
    assert mark(0.9, 0.8, 0.1) == [False, False]
    assert mark(0.9, 0.9, None) == [False, False]
    assert mark(0.9, 0.8, None, "") == [False, False]


def test_real_images_do_not_compete() -> None:
    row = Row(
        "The confidence of the reference classifier",
        Value(0.8),
        {"pixels blended": Value(0.7), "straight line": Value(0.75)},
        {"real test images": Value(0.9)},
        better=HIGHER,
    )
    (line,) = collect_lines(interpolation=[row])
    assert line.own.is_best
    assert [(cell.name, cell.is_best) for cell in line.beside] == [
        ("pixels blended", False),
        ("straight line", False),
        ("real test images", False),
    ]


def test_the_page_begins_with_five_numbers_beside_their_baselines() -> None:
    def make_row(words: str, *names: str) -> Row:
        return Row(words, Value(0.9), {name: Value(0.5) for name in names}, better=HIGHER)

    metrics = make_metrics(
        outliers=[
            make_row("Detection of noise among test images", "PCA's error"),
            make_row("Detection of letters among test images", "model's error", "PCA's error"),
        ],
        maps=[make_row("Trustworthiness", "pixels"), make_row("10-NN label accuracy in the map")],
        reconstruction=[
            make_row("Mean squared error of test images", "PCA, 8 components"),
        ],
        interpolation=[
            make_row("Least confidence of the classifier on a path", "straight line", "sphere")
        ],
        clusters=[make_row("Accuracy of clusters, k-means", "pixels", "PCA, 8 components")],
    )
    found = collect_headlines(metrics)
    assert [(line.words, [cell.name for cell in line.beside]) for line in found] == [
        ("Mean squared error of test images", ["PCA, 8 components"]),
        ("10-NN label accuracy in the map", []),
        ("Least confidence of the classifier on a path", ["straight line"]),
        ("Accuracy of clusters, k-means", ["pixels"]),
        ("Detection of letters among test images", ["PCA's error"]),
    ]
    assert len(found) == len(HEADLINES)
    del metrics["interpolation"]
    assert len(collect_headlines(metrics)) == 4
