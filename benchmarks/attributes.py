"""Prints what becomes of attributes, strokes and analogies, out of the metrics.json of some runs.

In docs/results.md it rewrites the tables that these runs have lines for.

python visualize.py --run avatars --attributes
python benchmarks/attributes.py outputs/avatars/metrics.json --markdown
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from results import format_row, list_heading, rewrite_table

from latentspace.report.metrics import read_metrics

KINDS = ("codes", "pca", "pixels")
STROKES = ("slant", "thickness", "width", "height")
SWEPT = (  # in words, how they are written, and whether beside directions of pixels
    ("change per step, in standard deviations", "slope", ".2f", False),
    ("rank correlation with the step", "spearman", ".3f", False),
    ("same digit to the classifier", "same_class", ".3f", False),
    ("largest change of another; directions of pixels", "leakage", ".2f", True),
    ("ghosting; directions of pixels", "grey_share", ".2f", True),
)
WAYS = ("pixels", "single_codes", "means", "transport", "nearest_training_image")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("metrics", nargs="+", type=Path, metavar="METRICS.json")
    parser.add_argument("--markdown", action="store_true", help="rewrite docs/results.md")
    arguments = parser.parse_args()
    found = [read_metrics(path) for path in arguments.metrics]
    for name, lines in (
        ("attributes", [*list_strokes(found)]),
        ("attribute-changes", [*list_changes(found)]),
        ("analogies", [*list_analogies(found)]),
    ):
        print("\n".join(lines))
        if arguments.markdown and len(lines) > 2:  # more than the heading
            rewrite_table(name, lines)


def list_strokes(found: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Lines of Markdown on the strokes of the first run that has any."""
    yield from list_heading("", *STROKES)
    swept = [each.get("attributes", {}) for each in found]
    swept = [
        each for each in swept if set(STROKES) <= each.get("codes", {}).get("slope", {}).keys()
    ]
    for words, measure, form, has_pixels in SWEPT if swept else ():
        cells = []
        for name in STROKES:
            kinds = ("codes", "pixels") if has_pixels else ("codes",)
            values = [swept[0][kind][measure][name] for kind in kinds]
            cells.append("; ".join(format_number(value, form) for value in values))
        yield format_row(words, *cells)


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


def format_number(value: float | None, form: str = ".2f") -> str:
    return "–" if value is None else f"{value:{form}}"


if __name__ == "__main__":
    main()
