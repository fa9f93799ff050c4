"""Trains the same model from several seeds, looks at each, and prints how far the scores agree.

For each seed `train_cae.py --seed SEED --run seed-SEED`, then `visualize.py` with the flags that
give the numbers of the table of scores; a process for each command, its output kept in a log beside
the pictures. Runs that are there already are not trained again. What is printed is a table in
Markdown: each number's median and range over the seeds, and the same of what it is compared with.
Only the seed of the training changes; images, maps and reference classifier are those of --seed 0.

Clusters, compression and outliers take minutes for each seed and come with --all. What follows `--`
goes to train_cae.py.

    python benchmarks/seeds.py --data-dir DIR --seeds 5
    python benchmarks/seeds.py --dataset digits --seeds 3 -- --preset quick
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from results import rewrite_table

from config import TrainConfig
from latentspace.chapters import FIGURES, PARTS, load_recipes
from latentspace.core.errors import InputError
from latentspace.models import runs
from latentspace.report.metrics import METRICS, read_metrics
from latentspace.report.score_rows import Cell, ScoreRow, collect_rows

PROJECT = Path(__file__).resolve().parent.parent
TAKE_MINUTES = ("clusters", "compression", "outliers")
TITLES = {part.name: part.title for part in PARTS}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="seeds 0 to N - 1")
    parser.add_argument("--dataset", metavar="NAME|PATH")
    parser.add_argument("--data-dir", default=TrainConfig().data_dir, metavar="DIR")
    parser.add_argument("--models-dir", default="models/seeds", metavar="DIR")
    parser.add_argument("--outputs-dir", default="outputs/seeds", metavar="DIR")
    parser.add_argument("--all", action="store_true", help=f"also {', '.join(TAKE_MINUTES)}")
    parser.add_argument("--markdown", action="store_true", help="rewrite docs/results.md")
    parser.add_argument("training", nargs="*", help="after --: arguments of train_cae.py")
    arguments = parser.parse_args()
    places = ["--models-dir", arguments.models_dir]
    if arguments.data_dir is not None:
        places += ["--data-dir", arguments.data_dir]
    outputs = Path(arguments.outputs_dir)
    tables = []
    for seed in range(arguments.seeds):
        name = f"seed-{seed}"
        folder = Path(arguments.models_dir) / name
        more = ["--run", name, *places, "--quiet"]
        if not is_complete(folder, seed):
            dataset = [] if arguments.dataset is None else ["--dataset", arguments.dataset]
            begun = ["--overwrite"] if folder.exists() else []
            training = ["--seed", str(seed), *dataset, *begun, *arguments.training]
            run("train_cae.py", [*training, *more], outputs / f"{name}-training.log")
        look = [*choose_flags(everything=arguments.all), "--outputs-dir", str(outputs)]
        run("visualize.py", [*look, *more], outputs / f"{name}-look.log")
        tables.append(collect_rows(read_metrics(outputs / name / METRICS)))
    lines = [
        f"| median and range of {len(tables)} seeds | this model | beside it |",
        "|---|---|---|",
    ]
    lines += list_rows(tables)
    if arguments.markdown:
        rewrite_table("seeds", lines)
    print("\n".join(lines))


def is_complete(folder: Path, seed: int) -> bool:
    """Whether a run is there and complete; ends the program where it is of another seed."""
    try:
        facts = runs.find_run(str(folder.absolute()), "").facts
    except InputError:
        return False
    if facts["settings"].get("seed") != seed:
        sys.exit(f"{folder} is no training of seed {seed}: pass another --models-dir")
    return facts["status"] == "complete"


def choose_flags(*, everything: bool) -> list[str]:
    """The flags of visualize.py that measure what the table of scores holds."""
    recipes = load_recipes()
    found: dict[str, str] = {}
    for figure in FIGURES:
        for chapter in recipes[figure.file].of:
            found.setdefault(chapter.section, figure.flag)  # the first of each
    wanted = {section for section in found if everything or section not in TAKE_MINUTES}
    return sorted({found[section] for section in wanted - {"", "placing"}})


def run(script: str, arguments: Sequence[str], log: Path) -> None:
    """Runs a script in a process of its own; ends the program where it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    with log.open("w") as file:
        command = [sys.executable, str(PROJECT / script), *arguments]
        code = subprocess.run(
            command, stdout=file, stderr=subprocess.STDOUT, check=False
        ).returncode
    print(f"{log}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    if code:
        sys.exit(f"{script} ended with {code}: see {log}")


def list_rows(tables: Sequence[Mapping[str, Sequence[ScoreRow]]]) -> Iterator[str]:
    """The scores of several models of the same kind, a line of Markdown for each measure."""
    for part, rows in tables[0].items():
        yield f"| **{TITLES[part]}** | | |"
        for first in rows:
            same = [row for table in tables for row in table[part] if row.words == first.words]
            beside = []
            for name in (cell.name for cell in first.beside):
                cells = (cell for row in same for cell in row.beside if cell.name == name)
                beside.append(f"{name} {format_spread(cells)}")
            own = format_spread(row.own for row in same)
            yield f"| {first.words} | {own} | {'; '.join(beside)} |"


def format_spread(cells: Iterable[Cell]) -> str:
    """Median and range of a measure, with as many digits as it is told with elsewhere."""
    found = list(cells)
    digits = len(found[0].value.partition(".")[2])
    numbers = [float(cell.value.replace(",", "")) for cell in found]
    low, middle, high = (
        f"{value:,.{digits}f}" for value in (min(numbers), statistics.median(numbers), max(numbers))
    )
    return middle if low == high else f"{middle} ({low} to {high})"


if __name__ == "__main__":
    main()
