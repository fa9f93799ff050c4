"""Prints what becomes of attributes and analogies, out of the metrics.json of some runs.

python visualize.py --run avatars --attributes
python benchmarks/attributes.py outputs/avatars/metrics.json --markdown
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from results import rewrite_table

from latentspace.report.metrics import read_metrics

KINDS = ("codes", "pca", "pixels")
WAYS = ("pixels", "single_codes", "means", "transport", "nearest_training_image")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("metrics", nargs="+", type=Path, metavar="METRICS.json")
    parser.add_argument("--markdown", action="store_true", help="rewrite docs/results.md")
    arguments = parser.parse_args()
    found = [read_metrics(path) for path in arguments.metrics]
    for name, lines in (
        ("attribute-changes", [*list_changes(found)]),
        ("analogies", [*list_analogies(found)]),
    ):
        print("\n".join(lines))
        if arguments.markdown:
            rewrite_table(name, lines)


def list_changes(found: Sequence[dict[str, Any]]) -> Iterator[str]:
    """A line of Markdown for each attribute; the three numbers are codes, PCA and pixels."""
    yield "| data set | attribute | AUROC | put on | taken off | else kept | least kept | reader |"
    yield "|---|---|---|---|---|---|---|---|"
    for metrics in found:
        changes = metrics.get("attribute_changes", {})
        for name, quality in changes.get("reader", {}).items():
            cells = []
            for measure in ("read", "put_on", "taken_off", "kept", "least_kept"):
                values = [changes[kind][measure][name] for kind in KINDS]
                cells.append(" · ".join(format_number(value) for value in values))
            yield f"| {metrics['dataset']} | {name} | {' | '.join(cells)} | {quality:.3f} |"


def list_analogies(found: Sequence[dict[str, Any]]) -> Iterator[str]:
    """A line of Markdown for each attribute: median errors as multiples of the floor."""
    yield f"| data set | attribute | floor | {' | '.join(way.replace('_', ' ') for way in WAYS)} |"
    yield f"|---|---|---|{'---|' * len(WAYS)}"
    for metrics in found:
        for name, ways in metrics.get("analogies", {}).get("attributes", {}).items():
            floor = ways.get("reconstruction_of_the_truth", {}).get("error")
            if floor is None:
                continue
            cells = [f"{ways[way]['error'] / floor:.1f}" for way in WAYS]
            yield f"| {metrics['dataset']} | {name} | {floor:.5f} | {' | '.join(cells)} |"


def format_number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    main()
