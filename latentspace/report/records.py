"""What is kept of pictures when they are written: what they show, of what, and how they were made.

It lies beside them as pictures.json. By it a later look knows which of them are out of date.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typing_extensions import TypedDict

from latentspace.chapters import Figure, find_options, find_part
from latentspace.core.documents import read_document, validate, write_document
from latentspace.core.errors import InputError, warn_once
from latentspace.core.provenance import format_now, hash_file, read_versions

RECORDS = "pictures.json"
RECORDS_VERSION = 1
RENEW = "make the pictures again"


class RecordsFacts(TypedDict):
    """What pictures.json holds: records by name of the file."""

    pictures: dict[str, Any]


@dataclass(frozen=True)
class Record:
    """What is known of one picture.

    Attributes:
        title: What stands above it.
        caption: What stands below it.
        flag: What asked for it.
        part: Name of its part of the story.
        section: The section of metrics.json with its numbers; None where it has none.
        size: Width and height of a frame in pixels; None of what is no picture.
        model_hash: Of the model that it shows.
        dataset_hash: Of the images that it shows.
        settings: The options that it depends on, by flag.
        made: When, in UTC, as ISO 8601.
        command: The command line that made it.
        versions: Of Python and of packages, at that time.
        sha256: Of the file; None of what earlier versions kept.
    """

    title: str
    caption: str
    flag: str
    part: str
    section: str | None
    size: tuple[int, int] | None
    model_hash: str
    dataset_hash: str
    settings: Mapping[str, Any]
    made: str
    command: str
    versions: Mapping[str, str]
    sha256: str | None = None


def make_record(
    figure: Figure[Any],
    subject: Any,
    arguments: Mapping[str, Any],
    *,
    size: tuple[int, int] | None,
    command: str,
) -> Record:
    """What is to be kept of a picture that is being written.

    Args:
        figure: The picture.
        subject: What it is of: a `Study` or a `Comparison`.
        arguments: What it is drawn from; title and caption among them, where it has any.
        size: Width and height of a frame in pixels.
        command: The command line.
    """
    model_hash, dataset_hash = subject.model_key
    return Record(
        title=arguments.get("title", figure.about),
        caption=arguments.get("caption", ""),
        flag=figure.flag,
        part=find_part(figure).name,
        section=figure.section,
        size=size,
        model_hash=model_hash,
        dataset_hash=dataset_hash,
        settings={flag: subject.choices[flag] for flag in find_options(figure)},
        made=format_now(),
        command=command,
        versions=read_versions(),
    )


def read_records(folder: Path) -> dict[str, Record]:
    """Records of the pictures that lie in a folder, by file name.

    What is damaged counts as absent, and is said so: a picture without a record is still a picture.
    So does the record of a file that has been replaced since.
    """
    return {
        name: one
        for name, one in _read_kept_records(folder).items()
        if one.sha256 is None or hash_file(folder / name) == one.sha256
    }


def keep_records(folder: Path, records: Mapping[str, Record]) -> None:
    """Adds records of pictures to those of their folder; those of files that are gone go."""
    kept = {**_read_kept_records(folder), **records}
    facts = {name: dataclasses.asdict(one) for name, one in kept.items()}
    write_document(folder / RECORDS, {"pictures": facts}, version=RECORDS_VERSION)


def _read_kept_records(folder: Path) -> dict[str, Record]:
    """All readable records of files that lie in a folder, whatever these hold now."""
    path = folder / RECORDS
    if not path.exists():
        return {}
    try:
        kept = read_document(path, RecordsFacts, version=RECORDS_VERSION, renew=RENEW)["pictures"]
    except InputError as error:
        warn_once(str(error))
        return {}
    found = {name: _read_record(name, facts) for name, facts in kept.items()}
    return {
        name: one
        for name, one in found.items()
        if one is not None and Path(name).name == name and (folder / name).is_file()
    }


def find_staleness(one: Record, records: Mapping[str, Record], key: tuple[str, str]) -> str | None:
    """Why a picture is not of what is looked at now; None where it is.

    Args:
        one: Its record.
        records: Those of all pictures of the folder.
        key: Hashes of the model and of the images that are looked at now.
    """
    if one.model_hash != key[0]:
        return "made from another model"
    if one.dataset_hash != key[1]:
        return "made from other images"
    newer = [
        other
        for other in records.values()
        if (other.part == one.part or (one.section and other.section == one.section))
        and other.made > one.made
        and (other.model_hash, other.dataset_hash) == key
    ]
    for flag, value in one.settings.items():
        others = [other for other in newer if other.settings.get(flag, value) != value]
        if others:
            latest = max(others, key=lambda other: other.made).settings[flag]
            return (
                f"made with other settings ({_format_flag(flag, value)}; newer pictures of this part: "
                f"{_format_value(latest)})"
            )
    return None


def _format_flag(flag: str, value: Any) -> str:
    return f"no {flag}" if value in (None, []) else f"{flag} {_format_value(value)}"


def _format_value(value: Any) -> str:
    if value in (None, []):
        return "none"
    if isinstance(value, float):
        return f"{value:g}"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _read_record(name: str, facts: Any) -> Record | None:
    """A record out of what a file says; None where it says something else."""
    try:
        return validate(json.dumps(facts).encode(), Record, where=name, renew=RENEW)
    except InputError:
        return None
