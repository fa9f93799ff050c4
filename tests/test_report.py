from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from latentspace.report import write_metrics


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
