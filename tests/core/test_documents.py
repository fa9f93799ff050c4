from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, NotRequired

import pytest
from annotated_types import Ge
from typing_extensions import TypedDict

from latentspace.core import documents
from latentspace.core.documents import read_document, read_tables, write_document
from latentspace.core.errors import InputError


class Facts(TypedDict):
    name: str
    sides: tuple[Annotated[int, Ge(1)], int]
    more: NotRequired[list[float]]


VALUE = {"name": "a", "sides": [3, 0], "more": [1.5, 2]}


def read(path: Path) -> dict:
    return read_document(path, Facts, version=2, renew="write it again")


def test_a_document_comes_back_as_its_type_says(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_document(path, VALUE, version=2)
    assert read(path) == {"name": "a", "sides": (3, 0), "more": [1.5, 2.0]}
    assert next(iter(json.loads(path.read_text()))) == "schema_version"


def test_older_versions_are_read_with_and_without_a_number(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_document(path, VALUE, version=1)
    assert read(path)["name"] == "a"
    path.write_text(json.dumps(VALUE))
    assert read(path)["name"] == "a"


@pytest.mark.parametrize("version", [3, 0, -1, 1.5, "1", None, True, 10**400])
def test_unknown_versions_are_refused(tmp_path: Path, version: object) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"schema_version": version, **VALUE}))
    with pytest.raises(InputError, match=r"knows 1 to 2: update the program, or write it again"):
        read(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "can't be read as JSON"),
        ("{", "can't be read as JSON"),
        ("\x80", "can't be read as JSON"),
        ("[" * 100_000, "can't be read as JSON"),
        ("9" * 5000, "can't be read as JSON"),
        ("[1]", "should hold a JSON object. Received: a list"),
        ("{}", r"name is wrong \(field required\)"),
        (json.dumps({**VALUE, "name": 3}), r"name is wrong .*Received: 3"),
        (json.dumps({**VALUE, "name": None}), "name is wrong"),
        (json.dumps({**VALUE, "sides": [0, 1]}), r"sides\.0 is wrong .*Received: 0"),
        (json.dumps({**VALUE, "sides": [True, 1]}), r"sides\.0 is wrong"),
        (json.dumps({**VALUE, "sides": [1]}), r"sides\.1 is wrong"),
        (json.dumps({**VALUE, "sides": [1, 2, 3]}), r"sides is wrong"),
        (json.dumps({**VALUE, "more": ["x" * 10_000]}), r"more\.0 is wrong"),
        ('{"name": "\\ud800", "sides": [1, 1]}', "wrong"),
        ('{"name": "a\\u001b[31m\\n", "sides": 1}', "sides is wrong"),
    ],
)
def test_what_is_no_such_document_gets_one_short_line(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=message) as refused:
        read(path)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 400 + len(str(path))


def test_what_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    write_document(path, VALUE, version=2)
    monkeypatch.setattr(documents, "MOST_BYTES", 20)
    with pytest.raises(InputError, match="is larger than"):
        read(path)


@pytest.mark.parametrize("place", ["missing.json", "."])
def test_what_is_no_file_is_refused(tmp_path: Path, place: str) -> None:
    with pytest.raises(InputError, match="can't be read as JSON"):
        read(tmp_path / place)


def test_tables_lie_beside_a_module(tmp_path: Path) -> None:
    (tmp_path / "words.toml").write_text('names = ["тест", "é"]', "utf-8")
    assert read_tables(str(tmp_path / "words.py")) == {"names": ["тест", "é"]}
