from __future__ import annotations

import csv
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from latentspace.analysis.neighborhoods import Estimate
from latentspace.chapters.chapter import Chapter, Row, Value
from latentspace.chapters.compare.paired import Measure
from latentspace.report import metrics as report_metrics
from latentspace.report.comparison import TABLE, format_table, write_comparison
from latentspace.report.metrics import METRICS, METRICS_VERSION, read_metrics, write_metrics

NAN = float("nan")


def study(model_hash: str) -> SimpleNamespace:
    return SimpleNamespace(
        run=SimpleNamespace(name="r", model_hash=model_hash, codes=None),
        data=SimpleNamespace(name="bars", hash="d"),
        settings=SimpleNamespace(seed=3, quiet=True),
        trained_classifier=SimpleNamespace(facts={"balanced_accuracy": 0.9}, unfit=None),
        of=lambda chapter: chapter(None),
        load_or_compute=lambda kind, compute, *key: compute(),
    )


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_metrics, "hash_making", lambda *of: "")


def chapter(name: str, numbers: dict, *found: Row, judged: bool = False) -> type[Chapter]:
    class Measured(Chapter):
        section = name
        uses_classifier = judged
        metrics = numbers
        rows = list(found)  # noqa: RUF012

    return Measured


def test_sections_of_the_same_model_are_kept_and_renewed(tmp_path: Path) -> None:
    path = tmp_path / METRICS
    write_metrics(path, study("m"), [chapter("maps", {"a": 1})])
    write_metrics(path, study("m"), [chapter("reconstruction", {"b": 2}), chapter("", {"c": 3})])
    written = json.loads(path.read_text())
    assert written["maps"] == {"a": 1, "rows": []}
    assert written["reconstruction"] == {"b": 2, "rows": []}
    assert (written["run"], written["dataset"], written["seed"]) == ("r", "bars", 3)
    assert not {"", "classifier"} & set(written)


@pytest.mark.parametrize(
    "earlier",
    [
        '{"schema_version": 2, "model_hash": "other", "maps": {"a": 1}}',
        '{"run": "r", "model_hash": "m", "dataset": "bars", "dataset_hash": "d", "maps": {"a": 1}}',
        "{",
        "[]",
    ],
)
def test_sections_of_another_model_or_version_or_unreadable_ones_go(
    tmp_path: Path, earlier: str
) -> None:
    path = tmp_path / METRICS
    path.write_text(earlier)
    write_metrics(path, study("m"), [chapter("reconstruction", {"b": 2})])
    assert "maps" not in json.loads(path.read_text())


def test_an_earlier_version_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / METRICS).write_text('{"schema_version": 1, "maps": {}}')
    assert read_metrics(tmp_path / METRICS) == {}
    (line,) = capsys.readouterr().err.splitlines()
    assert "schema_version is wrong" in line
    assert "visualize.py --all" in line


def test_what_could_not_be_measured_is_null_and_has_no_row(tmp_path: Path) -> None:
    path = tmp_path / METRICS
    rows = (
        Row("one", Value(0.5), {"known": Value(0.25, 0.1, 0.4), "not": Value(NAN)}),
        Row("other", Value(NAN), {"known": Value(1.0)}),
    )
    write_metrics(path, study("m"), [chapter("maps", {"a": [NAN, 1.5]}, *rows)])
    written = json.loads(path.read_text(), parse_constant=pytest.fail)["maps"]
    assert written["a"] == [None, 1.5]
    (row,) = written["rows"]
    assert row == {
        "words": "one",
        "own": {"value": 0.5, "low": None, "high": None},
        "baselines": {"known": {"value": 0.25, "low": 0.1, "high": 0.4}},
        "references": {},
        "better": "",
        "digits": 3,
    }


def test_the_facts_of_the_classifier_stand_beside_what_it_has_judged(tmp_path: Path) -> None:
    path = tmp_path / METRICS
    write_metrics(path, study("m"), [chapter("interpolation", {}, judged=True)])
    assert json.loads(path.read_text())["classifier"] == {"balanced_accuracy": 0.9, "unfit": None}
    assert json.loads(path.read_text())["schema_version"] == METRICS_VERSION


@pytest.fixture
def comparison() -> SimpleNamespace:
    """What a report reads of a comparison: a score, and two plain facts."""
    return SimpleNamespace(
        studies={letter: study(f"model {letter}") for letter in "AB"},
        names={"A": "A: one", "B": "B: other"},
        data=SimpleNamespace(name="bars", hash="d"),
        settings=SimpleNamespace(seed=3, method="tsne", exaggeration=1.0, perplexity=None),
        settings_used={"samples": 60, "perplexity": 14.0},
        images="60 test images of bars",
        notes=["B: other was trained elsewhere."],
        baselines={"pixels": {}, "PCA 8": {}},
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
    assert written["maps"] == {
        **{"method": "tsne", "dims": 2, "exaggeration": 1.0},
        **{"samples": 60, "perplexity": 14.0},
    }
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
