"""The numbers of a look at a run, as metrics.json."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NotRequired

from typing_extensions import TypedDict

from latentspace.chapters.study import Study
from latentspace.core.documents import read_document, write_document
from latentspace.core.errors import InputError, warn_once

METRICS = "metrics.json"
METRICS_VERSION = 1


class MetricsFacts(TypedDict):
    """What numbers of a look are of; sections of numbers stand beside it."""

    __pydantic_config__ = {"extra": "allow"}  # type: ignore[misc]  # noqa: RUF012
    run: NotRequired[str]
    model_hash: NotRequired[str]
    dataset: NotRequired[str]
    dataset_hash: NotRequired[str]
    seed: NotRequired[int]


def write_metrics(path: Path, study: Study, sections: set[str]) -> None:
    """Writes metrics.json whole: the sections just measured, and earlier ones that still hold.

    An earlier section still holds when it was measured with the same model on the same images.

    Args:
        path: The file.
        study: What was measured.
        sections: Names of the sections to measure now, see `Study.collect_metrics`.
    """
    about = {
        "run": study.run.name,
        "model_hash": study.run.model_hash,
        "dataset": study.data.name,
        "dataset_hash": study.data.hash,
    }
    earlier = read_metrics(path)
    if {key: earlier.get(key) for key in about} != about:
        earlier = {}
    measured = replace_nan(study.collect_metrics(sections))
    numbers = {**earlier, **about, "seed": study.options.seed, **measured}
    write_document(path, numbers, version=METRICS_VERSION)


def read_metrics(path: Path) -> dict[str, Any]:
    """What metrics.json holds; nothing where there is none, or one that is said to be damaged."""
    if not path.exists():
        return {}
    renew = "measure again with python visualize.py --all"
    try:
        return read_document(path, MetricsFacts, version=METRICS_VERSION, renew=renew)
    except InputError as error:
        warn_once(str(error))
        return {}


def replace_nan(value: Any) -> Any:
    """NaN -> None, which is what JSON has for a number that could not be measured."""
    if isinstance(value, dict):
        return {key: replace_nan(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [replace_nan(inner) for inner in value]
    return None if isinstance(value, float) and math.isnan(value) else value
