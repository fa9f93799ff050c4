from __future__ import annotations

import json

from conftest import PROJECT

from latentspace.chapters import STORY
from latentspace.report.scores import ScoreRow, collect_rows
from latentspace.report.table import EACH, TABLE

SHIPPED = json.loads((PROJECT / "outputs" / "gallery" / "metrics.json").read_text())


def row(rows: list[ScoreRow], words: str) -> ScoreRow:
    (found,) = [row for row in rows if row.words == words]
    return found


def test_every_line_of_the_table_is_measured_for_the_shipped_run() -> None:
    found = collect_rows(SHIPPED, 32)
    parts = [part.name for part in STORY]
    assert [part for part in parts if part in found] == list(found) == list(TABLE)
    for part, scores in TABLE.items():
        names = [score.words.split("{")[0] for score in scores]
        for name in names:
            assert any(row.words.startswith(name) for row in found[part]), name
        single = [score for score in scores if EACH not in score.path]
        for score in single:
            line = row(found[part], score.words)
            assert len(line.beside) >= len(score.beside), score.words


def test_a_line_has_value_interval_and_baselines() -> None:
    line = row(collect_rows(SHIPPED, 32)["reconstruct"], "Mean squared error of test images")
    assert (line.own.value, line.own.interval, line.own.is_best) == ("0.00167", "", True)
    (linear,) = line.beside
    assert (linear.name, linear.value, linear.is_best) == ("PCA, 32 components", "0.01683", False)
    line = row(collect_rows(SHIPPED, 32)["map"], "10-NN label accuracy in the map")
    assert (line.own.value, line.own.interval) == ("0.945", "0.937 to 0.952")
    assert (line.beside[0].name, line.beside[0].interval) == ("pixels", "0.905 to 0.925")
    line = row(collect_rows(SHIPPED, 32)["use"], "Accuracy of clusters, k-means")
    assert (line.own.value, line.own.interval) == ("0.606", "0.601 to 0.642")
    assert [cell.name for cell in line.beside] == ["pixels", "PCA, 32 components"]


def test_only_what_was_measured_has_a_line() -> None:
    assert collect_rows({}, 32) == {}
    found = collect_rows({"reconstruction": {"test_mse": 0.5, "pca_mse": None}}, 32)
    assert list(found) == ["reconstruct"]
    (line,) = found["reconstruct"]
    assert (line.own.value, line.own.is_best, line.beside) == ("0.50000", False, [])


def test_damaged_numbers_are_left_out() -> None:
    for damaged in (3, [], "text", {"test_mse": "x"}, {"test_mse": []}, None):
        assert collect_rows({"reconstruction": damaged}, 32) == {}
    assert collect_rows({"methods": 3, "overlap": {"latent": [1.0]}}, 32) == {}


def test_the_better_one_is_marked_where_intervals_do_not_overlap() -> None:
    def marks(own: float, pixels: float, apart: float | None) -> list[bool]:
        maps: dict = {"latent": {"trustworthiness": own}, "pixel": {"trustworthiness": pixels}}
        for space, value in (("latent", own), ("pixel", pixels)):
            if apart is not None:
                interval = [value - apart, value + apart]
                maps[space]["trustworthiness_interval"] = interval
        (line,) = collect_rows({"maps": maps}, 8)["map"]
        return [line.own.is_best, line.beside[0].is_best]

    assert marks(0.9, 0.8, None) == [True, False]
    assert marks(0.8, 0.9, 0.01) == [False, True]
    assert marks(0.9, 0.8, 0.1) == [False, False]
    assert marks(0.9, 0.9, None) == [False, False]


def test_real_images_do_not_compete() -> None:
    paths = {"data": 0.8, "pixels": 0.7, "linear": 0.75, "real_images": 0.9}
    numbers = {way: {"confidence": value} for way, value in paths.items()}
    (line,) = collect_rows({"interpolation": numbers}, 8)["interpolate"]
    assert line.own.is_best
    assert [(cell.name, cell.is_best) for cell in line.beside] == [
        ("pixels blended", False),
        ("straight line", False),
        ("real test images", False),
    ]


def test_names_may_be_anything() -> None:
    found = collect_rows({"outliers": {"auroc": {"<a/b> {units}": {"codes": 0.9}}}}, 8)
    assert "<a/b>" in found["use"][0].words
    confusion = {"classes": ["a/b", "{each}"], "latent": [0.1, 0.2], "pixel": [0.2, 0.1]}
    lines = collect_rows({"overlap": confusion}, 8)["map"]
    assert [line.words for line in lines] == [
        "Neighbours of another class, a/b",
        "Neighbours of another class, {each}",
    ]
