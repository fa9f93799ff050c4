"""What is kept of pictures when they are written: what they show, of what, and how they were made.

It lies beside them as pictures.json. By it a later run knows which of them are out of date.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from typing_extensions import TypedDict

from latentspace.chapters import find_part
from latentspace.chapters.compare.measure import Comparison
from latentspace.chapters.figure import Drawing, Figure, Recipe
from latentspace.core.documents import read_if_sound, read_value, write_document
from latentspace.core.provenance import format_now, hash_content, hash_file, read_versions
from latentspace.drawing.media import get_first_frame
from latentspace.report.commands import format_command, format_flag, strip_place
from latentspace.report.making import list_studies

RECORDS = "pictures.json"
RECORDS_VERSION = 2  # 1 named settings by their flags
RENEW = "make the pictures again"
OF_ONE_RUN = ("made", "command", "repeat", "sha256", "making")  # of a record, beside its words


class RecordsFacts(TypedDict):
    """What pictures.json holds: records by name of the file."""

    schema_version: Literal[2]
    pictures: dict[str, Any]


@dataclass(frozen=True)
class Record:
    title: str  # what stands above it
    caption: str  # what stands below it
    flag: str  # what asked for it
    part: str  # name of its part of the story
    sections: tuple[str, ...]  # the sections of metrics.json with its numbers
    size: tuple[int, int] | None  # width and height of a frame in pixels; None of a page
    body: tuple[int, int] | None  # rows between title and caption; None where these are not known
    model_hash: str  # of the model that it shows
    dataset_hash: str  # of the images that it shows
    settings: Mapping[str, Any]  # those that it depends on, by name; files without their folders
    made: str  # when, in UTC, as ISO 8601
    command: str  # the command line that made it, as it was typed
    repeat: str  # the command that makes it again, without folders
    versions: Mapping[str, str]  # of Python and of packages, at that time
    sha256: str | None = None  # of the file; None before it is written
    making: str | None = None  # hash of all that it was made of; None of older records

    def seal(self, making: str) -> "Record":
        """The record with the hash of what the picture was made of, which covers its own words."""
        told = asdict(self)
        words = json.dumps({name: told[name] for name in told if name not in OF_ONE_RUN})
        return replace(self, making=hash_content(making, words))

    def is_made_of(self, making: str) -> bool:
        """Whether a picture of these bytes, made of `hash_making`, would come out as it was."""
        return self.sha256 is not None and self == self.seal(making)


def make_record(
    figure: Figure, recipe: Recipe[Any], subject: Any, drawing: Drawing, *, command: str
) -> Record:
    """What is to be kept of a picture of a `Study` or a `Comparison` that is being written."""
    model_hash, dataset_hash = subject.model_key
    text, size = drawing.text, None
    if not isinstance(drawing.frames, bytes):
        height, width, _ = get_first_frame(drawing.frames).shape
        size = (width, height)
    return Record(
        title=text.title or figure.about,
        caption=text.caption,
        flag=figure.flag,
        part=find_part(figure).name,
        sections=tuple(chapter.section for chapter in recipe.of if chapter.section),
        size=size,
        body=drawing.body,
        model_hash=model_hash,
        dataset_hash=dataset_hash,
        settings=_collect_settings(figure, recipe, subject),
        made=format_now(),
        command=command,
        repeat=_format_repeat(figure, subject),
        versions=read_versions(),
    )


def renew_record(one: Record, figure: Figure, subject: Any, *, command: str, made: str) -> Record:
    """The record of a picture that a later visualization run leaves as it is."""
    repeat = _format_repeat(figure, subject)
    return replace(one, made=made, command=command, repeat=repeat)


def _format_repeat(figure: Figure, subject: Any) -> str:
    names = [study.run.name for study in list_studies(subject)]
    return format_command(subject.settings, figure.flag, names)


def _collect_settings(figure: Figure, recipe: Recipe[Any], subject: Any) -> dict[str, Any]:
    measured = [subject] if isinstance(subject, Comparison) else map(subject.of, recipe.of)
    used = {name: value for one in measured for name, value in one.settings_used.items()}
    found = vars(subject.settings) | used
    return {name: strip_place(name, found[name]) for name in figure.depends_on}


def read_records(folder: Path) -> dict[str, Record]:
    """Records of the pictures that lie in a folder, by file name.

    What is damaged counts as absent, and is said so: a picture without a record is still a picture.
    So does the record of a file that has been replaced since.
    """
    kept = _read_kept_records(folder).items()
    return {name: one for name, one in kept if one.sha256 in (None, hash_file(folder / name))}


def keep_records(folder: Path, records: Mapping[str, Record]) -> None:
    """Adds records of pictures after those of their folder; those of files that are gone go."""
    kept = {name: one for name, one in _read_kept_records(folder).items() if name not in records}
    kept |= records
    facts = {name: asdict(one) for name, one in kept.items()}
    write_document(folder / RECORDS, {"pictures": facts}, version=RECORDS_VERSION)


def _read_kept_records(folder: Path) -> dict[str, Record]:
    kept = read_if_sound(folder / RECORDS, RecordsFacts, version=RECORDS_VERSION, renew=RENEW)
    found = {name: read_value(facts, Record) for name, facts in kept.get("pictures", {}).items()}
    return {
        name: one
        for name, one in found.items()
        if one is not None and Path(name).name == name and (folder / name).is_file()
    }


def find_staleness(one: Record, records: Mapping[str, Record], key: tuple[str, str]) -> str | None:
    """Why a picture, among `records`, is not of the model and images of `key`; None where it is."""
    if one.model_hash != key[0]:
        return "made from another model"
    if one.dataset_hash != key[1]:
        return "made from other images"
    newer = [
        other
        for other in records.values()
        if (other.part == one.part or set(one.sections) & set(other.sections))
        and other.made > one.made
        and (other.model_hash, other.dataset_hash) == key
    ]
    for name, value in one.settings.items():
        if any(other.settings.get(name, value) != value for other in newer):
            return f"newer pictures of this part were made with another {format_flag(name)}"
    return None
