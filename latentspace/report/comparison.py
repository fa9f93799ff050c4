"""The numbers of two runs beside each other, as metrics.json and as a table."""

import csv
import io
from pathlib import Path
from typing import Any

from latentspace.chapters.compare.measure import Comparison
from latentspace.chapters.compare.paired import A, B
from latentspace.core.documents import write_document
from latentspace.core.files import write_bytes
from latentspace.report.metrics import METRICS, METRICS_VERSION, replace_nan

TABLE = "comparison.csv"


def write_comparison(folder: Path, comparison: Comparison) -> None:
    """Writes the measures of two runs, whole: metrics.json, and the same as a table."""
    data, settings = comparison.data, comparison.settings
    made = {"method": settings.method, "dims": 2, "exaggeration": settings.exaggeration}
    about = {
        "runs": {
            letter: {"run": study.run.name, "model_hash": study.run.model_hash}
            for letter, study in comparison.studies.items()
        },
        "dataset": data.name,
        "dataset_hash": data.hash,
        "images": comparison.images,
        "maps": made | comparison.settings_used,
        "seed": settings.seed,
        "notes": comparison.notes,
    }
    measured: dict[str, dict[str, Any]] = {
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
    document = replace_nan({**about, "measures": measured})
    write_document(folder / METRICS, document, version=METRICS_VERSION)

    names, columns = comparison.names.values(), list(comparison.baselines)
    rows = [["measure", *names, "B - A", "low", "high", "better", *columns]]
    for numbers in measured.values():
        interval = numbers["interval"] or [None, None]
        baselines = [numbers["baselines"].get(name) for name in columns]
        both = (numbers["words"], numbers[A], numbers[B], numbers["difference"])
        rows.append([*both, *interval, numbers["better"], *baselines])
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows(rows)
    write_bytes(folder / TABLE, table.getvalue().encode())


def make_table_rows(comparison: Comparison, *, timed: bool = True) -> list[list[str]]:
    """The measures of two runs as cells, the headings first; `timed` with training time."""
    columns = list(comparison.baselines)
    rows = [["", *comparison.names.values(), "B - A", "95% interval", "better", *columns]]
    for one in comparison.measures:
        if timed or one.key != "seconds":
            own = map(one.format_number, one.values)
            more = one.format_number(one.difference, "+"), one.format_interval(one.more)
            beside = (one.format_number(one.baselines.get(name)) for name in columns)
            rows.append([one.words, *own, *more, one.better, *beside])
    return rows


def format_table(comparison: Comparison) -> list[str]:
    """The measures of two runs as aligned lines."""
    rows = make_table_rows(comparison)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for words, *cells in rows:
        numbers = (cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
        lines.append("  ".join([words.ljust(widths[0]), *numbers]).rstrip())
    return lines
