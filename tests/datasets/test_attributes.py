from __future__ import annotations

import csv
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latentspace.core.errors import InputError
from latentspace.datasets.attributes import (
    MOST_VALUES,
    read_attribute_table,
    read_columns,
    read_named_attributes,
)
from latentspace.datasets.dataset import Attributes
from latentspace.datasets.tables import name_files, read_table

NAN = np.nan


def read(folder: Path, text: str | bytes, count: int = 4) -> tuple[Attributes, list[str]]:
    path = folder / "t.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_attribute_table(path, count)


def read_named(
    folder: Path, text: str, files: list[str]
) -> tuple[dict[str, list[float]], list[str]]:
    """The values of each file, by its name, and all notes."""
    (folder / "t.csv").write_text(text)
    named = name_files(read_table(folder / "t.csv", "file,value"), files)
    rows, attributes, notes = read_named_attributes(named, [])
    values = {file: attributes.values[row].tolist() for file, row in rows.items()}
    return values, [*named.table.notes, *notes]


def read_cells(*cells: str, name: str = "a") -> dict[str, list[float]]:
    """Attributes of one column, by name."""
    found, _ = read_columns({name: cells}, lambda row, column: f"cell {row} of {column}")
    return {name: found.values[:, place].tolist() for place, name in enumerate(found.names)}


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["0", "1", "1", "0"], [0, 1, 1, 0]),
        (["-1", "1", "-1", "1"], [0, 1, 0, 1]),
        (["7", "3.5", "7", "7"], [1, 0, 1, 1]),
        (["yes", "no", "YES", " No "], [1, 0, 1, 0]),
        (["True", "False", "false", "TRUE"], [1, 0, 0, 1]),
        (["t", "F", "y", "n"], [1, 0, 1, 0]),
        (["1", "", "0", "NaN", "None", "?"], [1, NAN, 0, NAN, NAN, NAN]),
        (["yes", "-", "no", "n/a"], [1, NAN, 0, NAN]),
        (["0.5", "-.25", "+3", "1e-3", "2.", "1E2"], [0.5, -0.25, 3, 0.001, 2, 100]),
        (["1.5", "null", "2.5", "9"], [1.5, NAN, 2.5, 9]),
        (["3", "1", "2", "2"], [3, 1, 2, 2]),  # of three values, not all of which count up
    ],
)
def test_a_column_of_numbers_is_one_attribute(cells: list[str], expected: list[float]) -> None:
    found = read_cells(*cells)
    assert list(found) == ["a"]
    np.testing.assert_allclose(found["a"], expected, rtol=1e-6)


def test_each_name_in_a_column_is_an_attribute() -> None:
    found = read_cells("left", "up", "", "left", "up", "n/a", name="pose")
    assert list(found) == ["pose=left", "pose=up"]
    np.testing.assert_array_equal(found["pose=left"], [1, 0, NAN, 1, 0, NAN])
    np.testing.assert_array_equal(found["pose=up"], [0, 1, NAN, 0, 1, NAN])
    about, _ = read_columns({"pose": ["left", "up"] * 2, "age": ["1", "5", "5", "9"]})
    assert about.groups == {"pose": [0, 1], "age": [2]}
    assert about.is_binary.tolist() == [True, True, False]
    assert list(read_cells("v10", "v9", "v10", "v9")) == ["a=v9", "a=v10"]  # in natural order


def test_none_is_a_name_among_names_however_often_it_stands_there() -> None:
    found = read_cells(*["none"] * 9, "cap")
    assert found == {"a=cap": [0.0] * 9 + [1.0], "a=none": [1.0] * 9 + [0.0]}


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("id", ["4", "4", "5", "9"]),
        ("File Name", ["4", "4", "5", "9"]),
        ("a", ["10", "12", "13", "11"]),  # counts images
        ("a", ["x1", "x2", "x3", "x4"]),  # names each
        ("a", ["x1", "x2", "x3", "x1"]),  # or nearly
        ("a", ["3", "3", "3", ""]),
        ("a", ["yes"] * 4),
        ("a", ["left"] * 4),
        ("a", [""] * 4),
        ("a", ["none"] * 4),
        ("a", ["1700000000", "1700000001", "1700000003", ""]),  # one number as float32
        ("a", [f"x{number // 2}" for number in range(2 * MOST_VALUES + 2)]),
    ],
)
def test_what_tells_nothing_is_left_out(name: str, cells: list[str]) -> None:
    found, left = read_columns({name: cells, "b": ["yes", "no"] * (len(cells) // 2)})
    assert found.names == ("b",)
    assert left == [name]


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    found, notes = read(tmp_path, "id,who,b,same\n4,x1,1,z\n5,x2,0,z\n7,x3,1,z\n9,x4,0,z\n")
    assert found.names == ("b",)
    assert notes == [
        "3 columns say the same of all images, or name each: they are left out: id, who, same"
    ]


def test_a_wrong_cell_is_named_by_file_line_and_column(tmp_path: Path) -> None:
    for wrong in ("tall", "inf", "1,5,5", "1_0", "1e99"):
        with pytest.raises(InputError) as caught:
            read(tmp_path, f'"so\nlarge";b\n1;0\n2;1\n{wrong};1\n4;0\n')
        assert str(caught.value) == (
            f"{tmp_path / 't.csv'}, line 5, column so\N{REPLACEMENT CHARACTER}large: expected a "
            f"number, as in most lines. Received: '{wrong}'; mend it, or leave it empty"
        )
    # Whoever says no place gets the other columns.
    found, left = read_columns({"a": ["1", "2", "tall", "4"], "b": ["0", "1", "1", "0"]})
    assert (found.names, left) == (("b",), ["a"])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_tables_of_every_dialect_say_the_same(
    tmp_path: Path, encoding: str, end: str, delimiter: str
) -> None:
    lines = [
        ["a", '"wide, or ""so""; maybe"', "pos\u00e9"],
        ["1", "1.5", '"no, left"'],
        ["", "2", '"two\nlines"'],
        ["0", "", '"two\nlines"'],
        ["1", "3", '"no, left"'],
    ]
    text = "".join(delimiter.join(line) + end for line in lines)
    found, _ = read(tmp_path, text.encode(encoding))
    assert found.names == (
        *("a", 'wide, or "so"; maybe', "pos\u00e9=no, left"),
        "pos\u00e9=two\N{REPLACEMENT CHARACTER}lines",
    )
    np.testing.assert_array_equal(
        found.values, [[1, 1.5, 1, 0], [NAN, 2, 0, 1], [0, NAN, 0, 1], [1, 3, 1, 0]]
    )


def test_a_table_of_celeba_is_read_as_it_comes(tmp_path: Path) -> None:
    text = (
        "4\nBald 5_o_Clock_Shadow Young \n000001.jpg -1  1  1\n000002.jpg  1 -1 -1\n"
        "000003.jpg -1 -1  1\r\n  000009.jpg  1  1  1  \n"
    )
    files = [f"img_align_celeba/00000{number}.jpg" for number in range(1, 5)]
    values, notes = read_named(tmp_path, text, files)
    assert values == dict(zip(files, ([0, 1, 1], [1, 0, 0], [0, 0, 1]), strict=False))
    assert notes[-1].endswith("are not there, or are not clear: 000009.jpg")
    found, notes = read(tmp_path, text)
    assert found.names == ("Bald", "5_o_Clock_Shadow", "Young")
    assert found.is_binary.all()
    assert notes[-1].endswith("they are left out: file")  # of an array the order counts
    # The same where nobody counted, with a heading of the files, and with names in quotes.
    for text in (
        "id smile\n1.png -1\n2.png  1\n3.png -1\n",
        "smile\n1.png -1\n2.png  1\n3.png -1\n",
        '"id" "smile"\n"my 1.png" no\n"2.png" yes\n"3.png" no\n',
        "3\nid,smile\n1.png,-1\n2.png,1\n3.png,-1\n",
    ):
        values, notes = read_named(tmp_path, text, ["2.png", "3.png"])
        assert values == {"2.png": [1], "3.png": [0]}


def test_a_single_column_of_names_of_two_words_stays_one(tmp_path: Path) -> None:
    found, _ = read(tmp_path, "eye colour\ndark brown\nlight blue\n" + "dark brown\n" * 2)
    assert found.names == ("eye colour=dark brown", "eye colour=light blue")
    with pytest.raises(InputError, match=r"should have file,value in each line.* line 1$"):
        read_named(tmp_path, "my first.png 1\nb.png 0\n", ["b.png"])


@pytest.mark.parametrize("delimiter", [";", "\t"])
@pytest.mark.parametrize("heading", [["file", "age", "weight", "note"], []])
def test_decimal_commas_are_read_where_they_part_no_columns(
    tmp_path: Path, delimiter: str, heading: list[str]
) -> None:
    lines = [
        ["1.png", "1,5", "1,234", "here, there"],
        ["2.png", "-3", "0,5", "here, there"],
        ["3.png", ",25", "7e2", "there"],
        ["4.png", "2,5E-1", "", "there"],
    ]
    text = "\n".join(map(delimiter.join, [heading, *lines] if heading else lines))
    values, _ = read_named(tmp_path, text, [f"{number}.png" for number in range(1, 5)])
    expected = [[1.5, 1.234, 1, 0], [-3, 0.5, 1, 0], [0.25, 700, 0, 1], [0.25, NAN, 0, 1]]
    np.testing.assert_allclose(list(values.values()), expected, rtol=1e-6)


def test_commas_that_may_stand_for_thousands_are_no_decimal_ones(tmp_path: Path) -> None:
    for delimiter in (",", "\t"):
        text = delimiter.join(("{}", "1\n"))
        cells = ["income", "900", '"1,500"', "700", "20"]
        with pytest.raises(InputError, match=r"line 3, column income: .* Received: '1,500'; mend"):
            read(tmp_path, "".join(map(text.format, cells)))
    found, _ = read(tmp_path, "income;b\n900;1\n1,500;1\n700;0\n20;0\n")
    np.testing.assert_array_equal(found.values[:, 0], [900, 1.5, 700, 20])


def test_an_empty_line_of_a_single_column_is_a_missing_cell(tmp_path: Path) -> None:
    found, _ = read(tmp_path, 'smile\n1\n""\n0\n1\n\n')
    np.testing.assert_array_equal(found.values[:, 0], [1, NAN, 0, 1])
    found, _ = read(tmp_path, "smile,hat\n1,0\n,\n0,1\n1,1\n")
    np.testing.assert_array_equal(found.values[1], [NAN, NAN])


@pytest.mark.parametrize("lines", [3, 5])
def test_a_table_without_a_line_for_each_image_is_refused(tmp_path: Path, lines: int) -> None:
    with pytest.raises(InputError, match=rf"a line for each of 4 images\. Received: {lines + 1} "):
        read(tmp_path, "smile\n" + "1\n" * lines)
    with pytest.raises(InputError, match=r"should have a value or more.* an empty file"):
        read(tmp_path, "\n\n")
    assert not read(tmp_path, "smile,age\n", count=0)[0].names
    with pytest.raises(InputError, match=r"no file .*gone\.csv"):
        read_attribute_table(tmp_path / "gone.csv", 4)


def test_two_columns_of_one_name_are_refused_and_none_is_a_number(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"t\.csv has two columns 'a': rename one$"):
        read(tmp_path, "a,b,a \n" + "0,1,1\n1,0,0\n" * 2)
    # As pandas writes an index, and others a delimiter at the end of each line.
    found, notes = read(tmp_path, ",a,,\n0,1,x,\n1,0,y,\n2,1,x,\n3,0,y,\n")
    assert found.names == ("a", "3=x", "3=y")
    assert notes[0].endswith("they are left out: 1, 4")


def test_names_that_look_alike_stay_two_attributes() -> None:
    long = "of all the questions that were asked of them this was the one: "
    columns = {long + "A": ["0", "1"] * 2, long + "B": ["1", "0"] * 2, "a\nb": ["0", "1"] * 2}
    found, _ = read_columns({**columns, "a\tb": ["1", "0"] * 2, "c=d": ["0", "1"] * 2})
    assert len(set(found.names)) == 5
    assert all(name.isprintable() and len(name) < 70 for name in found.names)
    np.testing.assert_array_equal(found.values[0], [0, 1, 0, 1, 0])


def test_a_heading_never_looks_like_a_name_of_another_column() -> None:
    columns = {"a": ["x", "y"] * 2, "a=x": ["0", "0", "1", "1"], "a=": ["1", "2", "5", "5"]}
    found, _ = read_columns(columns)
    assert found.groups == {"a": [0, 1], "a:x": [2], "a:": [3]}
    # Nor does one that is only the same as far as it can be seen or shown.
    long = "of all the questions that were asked of them this was the one: "
    columns = {long + "A": ["x", "y"] * 2, long + "B": ["x", "x", "y", "y"]}
    found, _ = read_columns({**columns, "c\n": ["x", "y"] * 2, "c\t": ["y", "x"] * 2})
    assert list(found.groups.values()) == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert [name[-2:] for name in found.names] == ["=x", "=y"] * 4


def test_long_cells_take_little_time_and_memory() -> None:
    # Seconds for each 10,000 digits where digits are tried again and again.
    assert read_cells(*["9" * 120_000 + "x", "left"] * 2)["a=left"] == [0, 1, 0, 1]
    tracemalloc.start()
    read_columns({"a": ["left", "up"] * 10_000 + ["x" * 10_000]})
    assert tracemalloc.get_traced_memory()[1] < 20e6  # 800 MB where all cells are that long
    tracemalloc.stop()


def test_lines_of_other_images_count_for_nothing(tmp_path: Path) -> None:
    text = "file,a,b\n1.png,1,0\n2.png,1,1\n1.png,1 , 0\ngone.png,0,1\nlost.png,wrong,1\n"
    values, notes = read_named(tmp_path, text, ["1.png", "2.png"])
    assert values == {"1.png": [0], "2.png": [1]}  # said twice, with other spaces
    assert notes[-1].endswith("they are left out: a")
    text = "file,a\ngone.png,7\n1.png,1\n2.png,2\n3.png,wrong\n"
    with pytest.raises(InputError, match=r", line 5, column a: expected a number"):
        read_named(tmp_path, text, ["1.png", "2.png", "3.png"])


def test_images_get_the_row_of_their_file(tmp_path: Path) -> None:
    text = "a,photo,age\n0,x/1.PNG,5\n1,2.png,9\n1,gone.png,7\n0,2.png,8\n1,3,6\n1,3,6\n0,5,8\n"
    values, notes = read_named(tmp_path, text, [f"{number}.png" for number in range(1, 6)])
    assert values == {"1.png": [0, 5], "3.png": [1, 6], "5.png": [0, 8]}
    table = tmp_path / "t.csv"
    assert notes == [
        f"4 names in {table} fit files but for their folder, case or ending: x/1.PNG is 1.png",
        f"1 files that {table} names are not there, or are not clear: gone.png",
        f"{table} says several things of 1 files, none of which is taken: 2.png",
    ]


def test_a_table_may_have_no_heading(tmp_path: Path) -> None:
    values, _ = read_named(tmp_path, "1.png,yes\n2.png,no\n", ["1.png", "2.png"])
    assert values == {"1.png": [1], "2.png": [0]}


LETTERS = st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n\"'\t")
DELIMITERS = ",;\t|"


@given(
    st.data(),
    st.integers(2, 6),
    st.sampled_from(DELIMITERS),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
@settings(max_examples=150)
def test_any_table_that_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
    width: int,
    delimiter: str,
    quoting: int,
    end: str,
    encoding: str,
) -> None:
    def draw_row(letters: st.SearchStrategy[str]) -> list[str]:
        row = st.lists(st.text(letters, max_size=8), min_size=width, max_size=width)
        return data.draw(row.filter(lambda cells: any(map(str.strip, cells))))

    # Unquoted delimiters in a heading would be those of the table.
    is_bare = quoting == csv.QUOTE_MINIMAL
    heading = LETTERS.filter(lambda one: one not in DELIMITERS) if is_bare else LETTERS
    rows = [draw_row(heading), *(draw_row(LETTERS) for _ in range(data.draw(st.integers(0, 4))))]
    path = tmp_path_factory.mktemp("tables") / "t.csv"
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=delimiter, quoting=quoting, lineterminator=end).writerows(rows)
    table = read_table(path)
    assert table.rows == rows
