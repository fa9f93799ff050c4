"""What a look at a run, or at two, leaves behind beside its pictures: numbers, as files."""

from __future__ import annotations

import csv
import dataclasses
import io
import math
from pathlib import Path
from typing import Any

from latentspace.files import InputError, read_json, write_bytes, write_json
from latentspace.study import Study
from latentspace.study.comparison import Comparison
from latentspace.study.measure import A, B

METRICS, TABLE = "metrics.json", "comparison.csv"


def write_metrics(path: Path, study: Study, sections: set[str]) -> None:
    """Writes metrics.json whole: the sections just measured, and earlier ones that still hold.

    An earlier section still holds when it was measured with the same model on the same images.

    Args:
        path: The file.
        study: What was measured.
        sections: Names of the sections to measure now, see `Study.metrics`.
    """
    about = {
        "run": study.run.name,
        "model_hash": study.run.model_hash,
        "dataset": study.data.name,
        "dataset_hash": study.data.hash,
    }
    earlier = {}
    if path.exists():
        try:
            earlier = read_json(path)
        except InputError:
            earlier = {}
    if {key: earlier.get(key) for key in about} != about:
        earlier = {}
    measured = _without_nan(study.metrics(sections))
    write_json(path, {**earlier, **about, "seed": study.options.seed, **measured})


def write_comparison(folder: Path, comparison: Comparison) -> None:
    """Writes the measures of two runs, whole: metrics.json, and the same as a table.

    Args:
        folder: Where.
        comparison: What was measured.
    """
    data = comparison.data
    about = {
        "runs": {
            letter: {"run": study.run.name, "model_hash": study.run.model_hash}
            for letter, study in comparison.studies.items()
        },
        "dataset": data.name,
        "dataset_hash": data.hash,
        "images": comparison.images,
        "maps": dataclasses.asdict(comparison.options.projection) | {"dims": 2},
        "seed": comparison.options.seed,
        "notes": comparison.notes,
    }
    measured = {
        measure.key: {
            "words": measure.words,
            A: measure.values[0],
            B: measure.values[1],
            "difference": measure.difference,
            "interval": None if measure.more is None else [measure.more.low, measure.more.high],
            "better": measure.better,
            "baselines": dict(measure.baselines),
        }
        for measure in comparison.measures
    }
    write_json(folder / METRICS, _without_nan({**about, "measures": measured}))

    columns = comparison.baseline_names
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(
        ["measure", *comparison.names.values(), "B - A", "low", "high", "better", *columns]
    )
    for measure in comparison.measures:
        more = measure.more
        interval = [None, None] if more is None else [more.low, more.high]
        baselines = [measure.baselines.get(name) for name in columns]
        writer.writerow(
            [
                measure.words,
                *measure.values,
                measure.difference,
                *interval,
                measure.better,
                *baselines,
            ]
        )
    write_bytes(folder / TABLE, table.getvalue().encode())


def table_lines(comparison: Comparison) -> list[str]:
    """The measures of two runs as aligned lines, for a person to read."""
    columns = comparison.baseline_names
    rows = [
        ["", *comparison.names.values(), "B - A", "95% interval", "better", *columns],
        *(
            [
                measure.words,
                *map(measure.number, measure.values),
                measure.number(measure.difference, "+"),
                measure.interval(measure.more),
                measure.better,
                *(measure.number(measure.baselines.get(name)) for name in columns),
            ]
            for measure in comparison.measures
        ),
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _without_nan(value: Any) -> Any:
    """NaN -> None, which is what JSON has for a number that could not be measured."""
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and math.isnan(value) else value
