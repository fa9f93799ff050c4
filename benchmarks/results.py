"""Rewrites tables of docs/results.md between their markers: the scores of a run out of its numbers.

python benchmarks/results.py --metrics outputs/gallery/metrics.json
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from latentspace.chapters import PARTS
from latentspace.core.files import write_bytes
from latentspace.report.metrics import read_metrics
from latentspace.report.score_rows import Cell, collect_rows

PROJECT = Path(__file__).resolve().parent.parent
RESULTS = PROJECT / "docs" / "results.md"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--metrics", default=PROJECT / "outputs" / "gallery" / "metrics.json", type=Path
    )
    rewrite_table("scores", list_scores(parser.parse_args().metrics))


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


def list_scores(metrics: Path) -> Iterator[str]:
    """All scores in a metrics.json, a line of Markdown each."""
    yield "| measure | this model | beside it |"
    yield "|---|---|---|"
    rows = collect_rows(read_metrics(metrics))
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


if __name__ == "__main__":
    main()
