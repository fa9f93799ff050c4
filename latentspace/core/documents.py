"""JSON files that are written and read again: a version of their schema, a type of their content.

What a file says is checked before anything is done with it, whoever wrote it.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latentspace.core.errors import InputError, explain_error, to_printable, warn_once
from latentspace.core.files import write_bytes

if TYPE_CHECKING:
    import pydantic

VERSION = "schema_version"
UNVERSIONED = 1  # what a file that has no version was written as
MOST_BYTES = 64 << 20
SHOWN = 60  # characters of a wrong value


def encode_document(value: Mapping[str, Any], *, version: int) -> bytes:
    """A JSON object as it is written: indented, the version of its schema first."""
    return (json.dumps({VERSION: version, **value}, indent=2) + "\n").encode()


def write_document(path: Path, value: Mapping[str, Any], *, version: int) -> None:
    """Writes a JSON object atomically; raises as `files.replace_file`."""
    write_bytes(path, encode_document(value, version=version))


def read_tables(module: str) -> dict[str, Any]:
    """The tables of the TOML file beside a module, which is named by its `__file__`."""
    return tomllib.loads(Path(module).with_suffix(".toml").read_text("utf-8"))


def read_document(path: Path, kind: Any, *, version: int, renew: str) -> dict[str, Any]:
    """Reads a JSON object as `encode_document` makes it, as `kind` reads it, less its version.

    `version` is the newest that is known; `renew` says in messages what makes the file anew. Raises
    an `InputError` where it is unreadable, none, or of a newer program.
    """
    with explain_error(f"{path} can't be read as JSON", renew):
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path} is larger than {MOST_BYTES >> 20} MiB: {renew}")
        text = path.read_bytes()
        value = json.loads(text)
    if not isinstance(value, dict):
        received = f"a {type(value).__name__}"
        raise InputError(f"{path} should hold a JSON object. Received: {received}; {renew}")
    found = value.get(VERSION, UNVERSIONED)
    if type(found) is not int or not UNVERSIONED <= found <= version:
        known = f"this program knows {UNVERSIONED} to {version}: update the program, or {renew}"
        raise InputError(f"{path} is of schema version {_format_value(found)}, and {known}")
    content = validate(text, kind, where=str(path), renew=renew)
    content.pop(VERSION, None)
    return content


def read_if_sound(path: Path, kind: Any, *, version: int, renew: str) -> dict[str, Any]:
    """As `read_document`; nothing where there is no file, or one that is said to be of no use."""
    if not path.exists():
        return {}
    try:
        return read_document(path, kind, version=version, renew=renew)
    except InputError as error:
        warn_once(str(error))
        return {}


def read_value(value: Any, kind: Any) -> Any:
    """A value out of a document as a type reads it; None where it is something else."""
    try:
        return validate(json.dumps(value).encode(), kind, where="", renew="")
    except InputError:
        return None


def validate(text: bytes, kind: Any, *, where: str, renew: str) -> Any:
    """JSON as a type reads it; else an `InputError` on where it differs and what renews it."""
    import pydantic

    try:
        return _get_adapter(kind).validate_json(text, strict=True)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = to_printable(".".join(map(str, first["loc"])) or "its content", SHOWN)
        received, wrong = _format_value(first["input"]), f"is wrong ({first['msg'].lower()})"
        raise InputError(f"{where}: {place} {wrong}. Received: {received}; {renew}") from error


@cache
def _get_adapter(kind: Any) -> pydantic.TypeAdapter[Any]:
    import pydantic

    return pydantic.TypeAdapter(kind)


def _format_value(value: Any) -> str:
    return to_printable(repr(value), SHOWN)
