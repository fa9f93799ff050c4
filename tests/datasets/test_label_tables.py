from __future__ import annotations

from pathlib import Path

import pytest

from latentspace.core.errors import InputError
from latentspace.datasets.tables import match_files, name_files, read_labels, read_table

FILES = ["0.png", "1.png", "2.png"]
EXPECTED = {"0.png": "a", "1.png": "b", "2.png": "a"}


def read(
    folder: Path, text: str | bytes, files: list[str] = FILES, column: str | None = None
) -> tuple[dict[str, str], list[str]]:
    (folder / "t.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    named = name_files(read_table(folder / "t.csv"), files)
    known, _ = read_labels(named, column)
    return known or {}, named.table.notes


@pytest.mark.parametrize(
    "text",
    [
        "file,width,height,label\n0.png,9,8,a\n1.png,9,8,b\n2.png,7,8,a\n",
        "id,breed\n0,a\n1,b\n2,a\n",
        "Image Name,x,y1,Class\n0.png,9,8,a\n1.png,9,8,b\n2.png,7,8,a\n",
        "label,filename\na,0.png\nb,1.png\na,2.png\n",
        "index,label,path\n7,a,0.png\n8,b,1.png\n9,a,2.png\n",
        "id,file_name,category\n2,0.png,a\n1,1.png,b\n0,2.png,a\n",
        "id,class_id,class_name\n0,1,a\n1,0,b\n2,1,a\n",
        "image_id,a,b\n0,1,0\n1,0.0,1.0\n2,1,0\n",
        "Datei;Klasse;Breite\n0.png;a;3\n1.png;b;4\n2.png;a;5\n",
        "image\tsize\tspecies\n0.png\t1\ta\n1.png\t2\tb\n2.png\t3\ta\n",
        "0.png,a\n1.png,b\n2.png,a\n",
        "a|0.png\nb|1.png\na|2.png\n",
        "stem,what\n0,a\n1,b\n2,a\n",
    ],
)
def test_headings_or_the_files_decide_which_column_is_which(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text)[0] == EXPECTED


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("file,person,pose\n0.png,a,x\n1.png,b,x\n2.png,a,y\n", "person"),
        ("0.png,a,x\n1.png,b,x\n2.png,a,y\n", "2"),
    ],
)
def test_columns_none_of_which_is_the_label_name_no_classes(
    tmp_path: Path, text: str, column: str
) -> None:
    assert read(tmp_path, text)[0] == {}
    assert read(tmp_path, text, column=column)[0] == EXPECTED
    with pytest.raises(InputError, match=r"has no column 'colour': pass --label-column with one"):
        read(tmp_path, text, column="colour")


def test_of_two_columns_that_may_be_the_label_one_is_asked_for(tmp_path: Path) -> None:
    text = "file,class,type\n0.png,x,a\n1.png,x,b\n2.png,y,a\n"
    with pytest.raises(InputError, match="is not clear; pass --label-column with one of these"):
        read(tmp_path, text)
    assert read(tmp_path, text, column="Type")[0] == EXPECTED


@pytest.mark.parametrize(
    ("names", "files"),
    [
        (["0", "1", "2"], FILES),
        ([".\\0.png", ".\\1.png", ".\\2.png"], FILES),
        (["C:\\data\\0.PNG", "C:\\data\\1.PNG", "C:\\data\\2.PNG"], FILES),
        (["/home/x/set/0.jpg", "/home/x/set/1.jpg", "/home/x/set/2.jpg"], FILES),
        (["0.png", "1.png", "2.png"], ["train/images/0.png", "x/1.png", "2.png"]),
        (["cat/0.png", "cat/1.png", "dog/0.png"], ["cat/0.png", "cat/1.png", "dog/0.png"]),
        (["IMG_1", "img_2", "Img_3"], ["Img_1.JPG", "IMG_2.JPG", "img_3.jpeg"]),
        (["subject01.happy", "subject01.sad", "x"], ["subject01.happy", "subject01.sad", "X"]),
        (["caf\u00e9.png", "1", "2"], ["cafe\u0301.png", "1.png", "2.png"]),
    ],
)
def test_names_fit_but_for_folder_case_and_ending(names: list[str], files: list[str]) -> None:
    match = match_files(files)
    assert [match(name) for name in names] == files


def test_names_in_doubt_fit_no_file(tmp_path: Path) -> None:
    match = match_files(["train/0.png", "test/0.png", "cat/1.png", "2.png", "2.jpg"])
    assert [match(name) for name in ("0.png", "dog/1.png", "2", "", "..")] == [None] * 5
    text = "file,label\n0.png,a\n0.png,b\n1.png,b\n1.png,b\ngone.png,a\n"
    labels, notes = read(tmp_path, text)
    assert labels == {"1.png": "b"}
    assert notes == [
        f"1 files that {tmp_path / 't.csv'} names are not there, or are not clear: gone.png",
        f"{tmp_path / 't.csv'} says several things of 1 files, none of which is taken: 0.png",
    ]


def test_a_table_of_other_files_shows_one_name_beside_another(tmp_path: Path) -> None:
    for text in ("file,label\nx-7,a\nx-8,b\n", "x-7,a\n", "id;label;w\nx-7;a;2\n"):
        with pytest.raises(
            InputError,
            match=r"Received: 'x-7' in the table, '0\.png' in the folder; mend the names",
        ):
            read(tmp_path, text)


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        *(("utf-8", None), ("utf-8-sig", None), ("utf-16", "UTF-16"), ("utf-16-le", "UTF-16")),
        *(("utf-16-be", "UTF-16"), ("cp1252", "Latin-1"), ("latin-1", "Latin-1")),
    ],
)
def test_encodings_are_told_apart(tmp_path: Path, encoding: str, shown: str | None) -> None:
    text = "file,label\n0.png,\u00e9t\u00e9\n1.png,\u00f1\n"
    labels, notes = read(tmp_path, text.encode(encoding))
    assert labels == {"0.png": "\u00e9t\u00e9", "1.png": "\u00f1"}
    said = f"{tmp_path / 't.csv'} is read as {shown}, since it is no UTF-8"
    assert notes == ([said] if shown else [])
