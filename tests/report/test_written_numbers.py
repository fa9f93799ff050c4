from __future__ import annotations

import csv
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from latentspace.analysis.neighborhoods import Estimate
from latentspace.analysis.projection import Settings
from latentspace.chapters.compare.paired import Measure
from latentspace.report import METRICS, TABLE, format_table, write_comparison, write_metrics


def study(model_hash: str, **sections: dict) -> SimpleNamespace:
    return SimpleNamespace(
        run=SimpleNamespace(name="r", model_hash=model_hash),
        data=SimpleNamespace(name="bars", hash="d"),
        options=SimpleNamespace(seed=3),
        metrics=lambda names: {name: sections[name] for name in names},
    )


def test_sections_of_the_same_model_are_kept_and_renewed(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    write_metrics(path, study("m", maps={"a": 1}, reconstruction={"b": 2}), {"maps"})
    write_metrics(path, study("m", maps={"a": 9}, reconstruction={"b": 2}), {"reconstruction"})
    written = json.loads(path.read_text())
    assert written["maps"] == {"a": 1}
    assert written["reconstruction"] == {"b": 2}
    assert (written["run"], written["dataset"], written["seed"]) == ("r", "bars", 3)


@pytest.mark.parametrize("earlier", ['{"model_hash": "other", "maps": {"a": 1}}', "{", "[]"])
def test_sections_of_another_model_or_unreadable_ones_go(tmp_path: Path, earlier: str) -> None:
    path = tmp_path / "metrics.json"
    path.write_text(earlier)
    write_metrics(path, study("m", reconstruction={"b": 2}), {"reconstruction"})
    assert "maps" not in json.loads(path.read_text())


def test_what_could_not_be_measured_is_null(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    write_metrics(path, study("m", maps={"a": [float("nan"), 1.5]}), {"maps"})
    assert json.loads(path.read_text(), parse_constant=pytest.fail)["maps"] == {"a": [None, 1.5]}


@pytest.fixture
def comparison() -> SimpleNamespace:
    """What a report reads of a comparison: a score, and two plain facts."""
    return SimpleNamespace(
        studies={letter: study(f"model {letter}") for letter in "AB"},
        names={"A": "A: one", "B": "B: other"},
        data=SimpleNamespace(name="bars", hash="d"),
        options=SimpleNamespace(seed=3, projection=Settings()),
        images="60 test images of bars",
        notes=["B: other was trained elsewhere."],
        baseline_names=["pixels", "PCA 8"],
        measures=[
            Measure("s", "a score", (0.5, 0.75), Estimate(0.25, 0.1, 0.4), baselines={"PCA 8": 2}),
            Measure("n", "a number", (1000, 2500), decimals=0),
            Measure("t", "trained on", ("bars", None)),
        ],
    )


def test_a_comparison_is_written_as_numbers_and_as_a_table(
    tmp_path: Path, comparison: SimpleNamespace
) -> None:
    write_comparison(tmp_path, comparison)
    written = json.loads((tmp_path / METRICS).read_text())
    assert written["runs"]["B"] == {"run": "r", "model_hash": "model B"}
    assert written["maps"]["perplexity"] == 30
    assert written["notes"] == comparison.notes
    assert written["measures"]["s"] == {
        "words": "a score",
        "A": 0.5,
        "B": 0.75,
        "difference": 0.25,
        "interval": [0.1, 0.4],
        "better": "B",
        "baselines": {"PCA 8": 2},
    }
    assert written["measures"]["t"]["difference"] is None
    rows = list(csv.DictReader((tmp_path / TABLE).read_text().splitlines()))
    assert [row["measure"] for row in rows] == ["a score", "a number", "trained on"]
    assert (rows[0]["A: one"], rows[0]["B: other"], rows[0]["B - A"]) == ("0.5", "0.75", "0.25")
    assert (rows[0]["low"], rows[0]["high"], rows[0]["better"]) == ("0.1", "0.4", "B")
    assert (rows[0]["pixels"], rows[0]["PCA 8"]) == ("", "2")
    assert (rows[1]["low"], rows[1]["better"], rows[2]["B: other"]) == ("", "-", "")


def test_the_printed_table_is_aligned(comparison: SimpleNamespace) -> None:
    head, *lines = format_table(comparison)
    assert [" ".join(line.split()) for line in (head, *lines)] == [
        "A: one B: other B - A 95% interval better pixels PCA 8",
        "a score 0.5000 0.7500 +0.2500 +0.1000 to +0.4000 B - 2.0000",
        "a number 1,000 2,500 +1,500 - - - -",
        "trained on bars - - - - - -",
    ]
    ends = [head.index("B: other") + len("B: other"), head.index("B - A") + len("B - A")]
    for line in lines:
        assert all(line[end - 1] != " " and line[end] == " " for end in ends)
