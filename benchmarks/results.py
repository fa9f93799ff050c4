"""Rewrites tables of docs/results.md between their markers: those of one run, out of its numbers.

python benchmarks/results.py --metrics outputs/gallery/metrics.json
"""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from latentspace.chapters import PARTS
from latentspace.chapters.compression.methods import Method, find_best_within, size_at
from latentspace.core.files import write_bytes
from latentspace.report.metrics import read_metrics
from latentspace.report.score_rows import Cell, collect_rows

PROJECT = Path(__file__).resolve().parent.parent
RESULTS = PROJECT / "docs" / "results.md"
Metrics = Mapping[str, Any]  # of a metrics.json

PATHS = {
    "pixels": "pixels blended",
    "linear": "straight",
    "spherical": "spherical",
    "data": "along data",
    "real_images": "real images",
}
OF_PATHS = (
    ("confidence of the classifier, mean", "confidence", ".3f"),
    ("least on each path, mean", "least_confidence", ".3f"),
    ("distance to the nearest training image", "nearest_distance", ".2f"),
    ("sharpness", "sharpness", ".3f"),
    ("least brightness, over what it should be there", "least_brightness", ".2f"),
    ("thickness of strokes, pixels off", "thickness_off", ".2f"),
    ("ghosting", "grey_share", ".2f"),
    ("length", "length", ".1f"),
    ("longest step over mean step", "step_ratio", ".2f"),
)
TRANSFERS = {"class_means": "class means", "transport": "transport"}
OF_TRANSFERS = (
    ("the classifier calls them that digit", "target_accuracy", ".3f"),
    ("distance to the nearest training image", "nearest_distance", ".2f"),
    ("rank correlation of slant before and after", "slant_kept", ".3f"),
    ("rank correlation of thickness before and after", "thickness_kept", ".3f"),
)
DETECTORS = {
    "error": "model's error",
    "codes": "distance in codes",
    "pca_error": "PCA's error",
    "pixels": "distance in pixels",
}
NEIGHBORS = {"codes": "codes", "pixels": "pixels"}
OF_LABELS = (
    ("wrong labels flagged", "found", ".1%"),
    ("own labels flagged", "false_alarms", ".2%"),
    ("wrong ones among the flagged, if one label in a hundred is wrong", "precision", ".0%"),
)
BUDGETS, ERRORS = (8, 16, 24, 32), (0.01, 0.005, 0.001)  # bytes an image; mean squared errors


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--metrics", default=PROJECT / "outputs" / "gallery" / "metrics.json", type=Path
    )
    metrics = read_metrics(parser.parse_args().metrics)
    for name, list_lines in TABLES.items():
        rewrite_table(name, list_lines(metrics))


def rewrite_table(name: str, lines: Iterable[str]) -> None:
    """Puts a table between its markers; ends the program where there are none."""
    text = RESULTS.read_text()
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    if begin not in text or end not in text:
        sys.exit(f"{RESULTS} has no markers of {name}")
    table = "\n".join(lines)
    found = re.compile(f"{begin}.*?{end}", re.DOTALL)
    text = found.sub(lambda _: f"{begin}\n\n{table}\n\n{end}", text)
    write_bytes(RESULTS, text.encode())


def list_scores(metrics: Metrics) -> Iterator[str]:
    """All scores, a line of Markdown each."""
    yield from list_heading("measure", "this model", "beside it")
    rows = collect_rows(metrics)
    for part in PARTS:
        if part.name not in rows:
            continue
        yield f"| **{part.title}** | | |"
        for row in rows[part.name]:
            beside = "; ".join(f"{cell.name} {format_cell(cell)}" for cell in row.beside)
            better = f" ({row.better})" if row.better else ""
            yield f"| {row.words}{better} | {format_cell(row.own)} | {beside} |"


def format_cell(cell: Cell) -> str:
    """A value with its interval, in bold where it is clearly the best."""
    value = f"**{cell.value}**" if cell.is_best else cell.value
    return f"{value} ({cell.interval})" if cell.interval else value


def list_heading(*cells: str) -> Iterator[str]:
    """The first two lines of a table."""
    yield format_row(*cells)
    yield "|---" * len(cells) + "|"


def format_row(*cells: str) -> str:
    return "|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|"


def list_measures(
    numbers: Metrics,
    columns: Mapping[str, str],
    rows: Sequence[tuple[str, str, str]],
    first: str = "",
) -> Iterator[str]:
    """A column for each key of numbers, and a row for each measure: its words, key and format."""
    yield from list_heading(first, *columns.values())
    for words, key, form in rows:
        found = (numbers[column].get(key) for column in columns)
        yield format_row(words, *("" if one is None else format(one, form) for one in found))


def list_detection(metrics: Metrics) -> Iterator[str]:
    """Images of no class, by what tells them apart; kinds that all tell lie on one line."""
    counts, found = metrics["outliers"]["ood_images"], metrics["outliers"]["auroc"]
    yield from list_heading("kind", *DETECTORS.values())
    for kinds in (("noise", "inverted"), ("pixels shuffled",), ("upside down",), ("letters",)):
        words = "; ".join(f"{kind} ({counts[kind]:,})" for kind in kinds)
        cells = ("; ".join(f"{found[kind][by]:.3f}" for kind in kinds) for by in DETECTORS)
        yield format_row(words, *cells)


def list_clusters(metrics: Metrics) -> Iterator[str]:
    """Methods of clustering, medians over seeds; of the accuracy also the range."""
    yield from list_heading("method, no labels", "accuracy", "NMI", "ARI")
    for name, found in metrics["clusters"]["methods"].items():
        counts = ", ".join(map(str, sorted(set(found["clusters"]))))
        words = f"{name}, which found {counts} clusters" if "HDBSCAN" in name else name
        accuracy = "{median:.3f} ({low:.3f} to {high:.3f})".format(**found["accuracy"])
        others = (f"{found[key]['median']:.3f}" for key in ("nmi", "ari"))
        yield format_row(words, accuracy, *others)


def list_errors(metrics: Metrics) -> Iterator[str]:
    """The least error of each way of storing images within `BUDGETS`."""
    yield from list_heading("mean squared error within", *(f"{each} bytes" for each in BUDGETS))
    for family, methods in gather_methods(metrics).items():
        cells = []
        for budget in BUDGETS:
            name, at = find_best_within(methods, budget)
            size, error = methods[name].sizes[at], methods[name].mse[at]
            cells.append(f"{error:.4f}" if size <= budget else f"needs {size:.1f}")
        if size <= budget:  # of the largest budget
            yield format_row(family, *cells)


def list_bytes(metrics: Metrics) -> Iterator[str]:
    """What codes need for some errors, beside the best of all else."""
    chosen = float(metrics["compression"]["chosen_mse"])
    errors = (*sorted((*ERRORS, chosen), reverse=True), 0.0)
    words = [f"{error:.5f}" if error == chosen else f"{error:g}" for error in errors]
    yield from list_heading("bytes an image for an error of", *words)
    families = gather_methods(metrics)
    for row, among in (("codes", ["codes"]), ("best of all else", families.keys() - {"codes"})):
        cells = []
        for error in errors:
            needed = {
                family: min(size_at(method.curve, error) for method in families[family].values())
                for family in among
            }
            best = min(needed, key=lambda family: needed[family])
            named = f"{needed[best]:.1f}" if row == best else f"{best} {needed[best]:.1f}"
            cells.append(named if math.isfinite(needed[best]) else "never")
        yield format_row(row, *cells)


def gather_methods(metrics: Metrics) -> dict[str, dict[str, Method]]:
    """Ways of storing images by family and name; codes that are floats are left out."""
    families: dict[str, dict[str, Method]] = {}
    for name, settings in metrics["compression"]["methods"].items():
        if "float" not in name:
            found = {key: np.array([each[key] for each in settings]) for key in settings[0]}
            sizes, tables = found.pop("bytes"), found.pop("table_bytes")
            method = Method(found.pop("setting"), sizes, tables=tables, shown=np.empty(0), **found)
            families.setdefault(re.split(r",| \d| in ", name)[0], {})[name] = method
    return families


TABLES: dict[str, Callable[[Metrics], Iterator[str]]] = {
    "scores": list_scores,
    "paths": lambda found: list_measures(found["interpolation"], PATHS, OF_PATHS, "path"),
    "class-transfer": lambda found: list_measures(found["arithmetic"], TRANSFERS, OF_TRANSFERS),
    "out-of-distribution": list_detection,
    "wrong-labels": lambda found: list_measures(
        found["outliers"]["planted"], NEIGHBORS, OF_LABELS, "neighbours in"
    ),
    "clusters-test": list_clusters,
    "compression-errors": list_errors,
    "compression-bytes": list_bytes,
}

if __name__ == "__main__":
    main()
