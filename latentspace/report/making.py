"""What pictures and numbers are made of, as hashes: where these are equal, so is what comes out."""

import dataclasses
import json
import platform
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from latentspace.chapters.calculate.arithmetic import Arithmetic
from latentspace.chapters.chapter import Chapter
from latentspace.chapters.compare.measure import Comparison
from latentspace.chapters.study import Study
from latentspace.core.provenance import hash_content, hash_file
from latentspace.report.commands import PLACES, QUIETLY

PACKAGE = Path(__file__).resolve().parent.parent
CHOICES = ("all", "format")  # say which files are made, and change nothing in any


def list_studies(subject: Any) -> list[Study]:
    """The study that a picture is of, or the two of a comparison."""
    return [*subject.studies.values()] if isinstance(subject, Comparison) else [subject]


def hash_making(subject: Any, of: Iterable[type[Chapter]], name: str) -> str:
    """What a picture, or the numbers of some chapters, of a `Study` or a `Comparison` are made of.

    That is the code, the models, the images, a person's own images, all settings but those that
    change nothing, and the reference classifier where it has a part. `name` tells it from others.
    """
    studies = list_studies(subject)
    parts = [hash_code(), name, *map(_describe_study, studies)]
    if (own := studies[0].settings.model_code) is not None:
        parts.append(hash_file(own if own.endswith(".py") else own.rpartition(":")[0]))
    if (given := studies[0].settings.map) is not None:
        parts.append(hash_file(given))
    parts += [hash_content(image) for image in _list_own_images(studies[0])]
    measured = [one for one in of if studies[0].thorough or not one.takes_minutes]
    if any(chapter.uses_classifier for chapter in measured):
        found = studies[0].trained_classifier
        parts.append(json.dumps(None if found is None else found.facts, sort_keys=True))
    return hash_content(*parts)


@cache
def hash_code() -> str:
    """The source of this package, and what is installed, by names and versions."""
    found = (path for path in PACKAGE.rglob("*") if path.parent.name != "__pycache__")
    files = sorted(path for path in found if path.is_file())
    installed = {one.name for place in sys.path for one in Path(place).glob("*-info")}
    return hash_content(
        *(f"{path.relative_to(PACKAGE)} {hash_file(path)}" for path in files),
        *sorted(installed),
        platform.python_version(),
    )


def _describe_study(study: Study) -> str:
    data, settings = study.data, dataclasses.asdict(study.settings)
    kept = {name: settings[name] for name in settings if name not in (*PLACES, *QUIETLY, *CHOICES)}
    about = [data.facts, data.class_names, data.attributes_hash, data.num_validation]
    about += [study.run.hash, study.thorough]
    return json.dumps([*about, kept])


def _list_own_images(study: Study) -> list[Any]:
    settings = study.settings
    names = [*settings.start, *settings.end, *settings.place]
    names += [term.name for term in study.of(Arithmetic).terms if term.attribute is None]
    return [study.read_own_image(name) for name in names if study.is_file(name)]
