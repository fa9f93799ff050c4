"""The numbers of a study, as metrics.json."""

import csv
import dataclasses
import io
import json
import math
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, NotRequired

import numpy as np
from typing_extensions import TypedDict

from latentspace.chapters import FIGURES, load_recipes
from latentspace.chapters.chapter import Chapter, Row, Value
from latentspace.chapters.figure import Figure
from latentspace.chapters.study import Study
from latentspace.core.documents import read_if_sound, write_document
from latentspace.core.files import write_bytes
from latentspace.core.progress import show_running
from latentspace.report.making import hash_making

METRICS = "metrics.json"
METRICS_VERSION = 2  # 1 had no rows
ROWS, CLASSIFIER = "rows", "classifier"


class MetricsFacts(TypedDict):
    """What the numbers are of; sections of numbers stand beside it."""

    __pydantic_config__ = {"extra": "allow"}  # type: ignore[misc]  # noqa: RUF012
    schema_version: Literal[2]
    run: NotRequired[str]
    model_hash: NotRequired[str]
    dataset: NotRequired[str]
    dataset_hash: NotRequired[str]
    seed: NotRequired[int]


@dataclasses.dataclass(frozen=True)
class Measured:
    numbers: dict[str, Any]  # its section of metrics.json
    answer: str | None  # what it has found, in a line


def write_metrics(path: Path, study: Study, chapters: Iterable[type[Chapter]]) -> None:
    """Writes metrics.json whole: the sections just measured, and earlier ones that still hold.

    An earlier section still holds when it was measured with the same model on the same images.
    Each of the chapters is measured now that has a section.
    """
    about = {
        "run": study.run.name,
        "model_hash": study.run.model_hash,
        "dataset": study.data.name,
        "dataset_hash": study.data.hash,
    }
    if study.run.codes is not None:
        adopted = study.run.facts["adopted"]
        about["codes"] = f"{Path(adopted['codes']).name} {adopted['codes_sha256']}"
    earlier = read_metrics(path)
    if {key: earlier.get(key) for key in about} != about:
        earlier = {}
    named = [chapter for chapter in chapters if chapter.section]
    sections: dict[str, Any] = {}
    for chapter in named:
        with show_running(f"measuring {chapter.section}", quiet=study.settings.quiet):
            sections[chapter.section] = measure(study, chapter).numbers
    found = study.trained_classifier if any(one.uses_classifier for one in named) else None
    if found is not None:
        sections[CLASSIFIER] = replace_nan({**found.facts, "unfit": found.unfit})
    numbers = {**earlier, **about, "seed": study.settings.seed, **sections}
    write_document(path, numbers, version=METRICS_VERSION)


def write_tables(folder: Path, study: Study, made: Collection[Figure]) -> None:
    """Writes the tables of figures as CSV, each with a line to stdout.

    Those of others stay as long as metrics.json has their numbers, and else go. Names of files that
    are not of UTF-8 are written as they are on disk.
    """
    kept, recipes = read_metrics(folder / METRICS), load_recipes()
    for figure in FIGURES:
        chapter, path = next(iter(recipes[figure.file].of), Chapter), folder / figure.table
        if not figure.table or (figure not in made and chapter.section in kept):
            continue
        if lines := study.of(chapter).csv_lines if figure in made else []:
            text = io.StringIO(newline="")
            csv.writer(text).writerows(lines)
            write_bytes(path, text.getvalue().encode(errors="surrogateescape"))
            print(path)
        else:
            path.unlink(missing_ok=True)


def measure(study: Study, chapter: type[Chapter]) -> Measured:
    """What a chapter has measured, kept as a whole for the next look."""

    def compute() -> dict[str, np.ndarray]:
        made = study.of(chapter)
        rows = [dataclasses.asdict(row) for row in _keep_measured(made.rows)]
        numbers = replace_nan({**made.metrics, ROWS: rows})
        text = json.dumps([numbers, made.answer]).encode()
        return {"text": np.frombuffer(text, np.uint8)}

    key = hash_making(study, [chapter], chapter.section)
    return Measured(*json.loads(study.load_or_compute("measured", compute, key)["text"].tobytes()))


def read_metrics(path: Path) -> dict[str, Any]:
    """What metrics.json holds; nothing where there is none, or one that is said to be of no use."""
    renew = "measure again with python visualize.py --all"
    return read_if_sound(path, MetricsFacts, version=METRICS_VERSION, renew=renew)


def replace_nan(value: Any) -> Any:
    """NaN -> None, which is what JSON has for a number that could not be measured."""
    if isinstance(value, Mapping):
        return {key: replace_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [replace_nan(inner) for inner in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _keep_measured(rows: Iterable[Row]) -> list[Row]:
    def keep_known(values: Mapping[str, Value]) -> dict[str, Value]:
        return {name: one for name, one in values.items() if not math.isnan(one.value)}

    return [
        dataclasses.replace(
            row, baselines=keep_known(row.baselines), references=keep_known(row.references)
        )
        for row in rows
        if not math.isnan(row.own.value)
    ]
