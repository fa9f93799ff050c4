from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from latentspace.core.errors import InputError
from latentspace.datasets import ImageDataset, ReadOptions, choose_limited, load_dataset
from latentspace.datasets import vectors as module
from latentspace.datasets.vectors import Vectors, make_rows, read_vectors, split_rows

ROWS = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)


def save(path: Path, **arrays: object) -> Path:
    if path.suffix == ".npy":
        np.save(path, arrays["codes"])
    elif path.suffix == ".npz":
        np.savez(path, **arrays)
    else:
        path.write_text(str(arrays["codes"]))
    return path


def write_text(rows: np.ndarray = ROWS, *, mark: str = ",", names: list[str] | None = None) -> str:
    lines = [mark.join(map(repr, map(float, row))) for row in rows]
    lines = lines if names is None else [f"{n}{mark}{x}" for n, x in zip(names, lines, strict=True)]
    return "".join(f"{line}\n" for line in lines)


FILES = [f"{number}.png" for number in range(6)]


@pytest.mark.parametrize(
    ("name", "arrays"),
    [
        ("a.npy", {"codes": ROWS}),
        ("a.npy", {"codes": np.asfortranarray(ROWS.astype("f8"))}),
        ("a.npy", {"codes": ROWS.astype(">f8")}),
        ("a.npz", {"any": ROWS}),
        ("a.npz", {"any": ROWS, "labels": np.arange(6), "names": np.array(["a"] * 6)}),
        ("a.npz", {"codes": ROWS, "points": ROWS[:, :2], "objects": np.array([None])}),
        ("a.csv", {"codes": write_text()}),
        ("a.csv", {"codes": "\ufeffa,b,c\r\n" + write_text().replace("\n", "\r\n")}),
        ("a.csv", {"codes": "0,1,2\n" + write_text()}),
        ("a.csv", {"codes": ",0,1,2\n" + write_text(names=[*"012345"])}),
        ("a.csv", {"codes": write_text(mark=";")}),
        ("a.tsv", {"codes": "a\tb\tc\n" + write_text(mark="\t")}),
        ("a.txt", {"codes": write_text(mark="  ")}),
    ],
)
def test_tables_of_numbers_are_read_in_all_forms(
    tmp_path: Path, name: str, arrays: dict[str, object]
) -> None:
    found = read_vectors(save(tmp_path / name, **arrays), "codes")
    assert found.values.dtype == np.float32
    assert found.names == ()
    np.testing.assert_array_equal(found.values, ROWS)


@pytest.mark.parametrize("heading", ["", "file,0,1,2\n", "name,a,b,c\n", ",0,1,2\n"])
def test_a_first_column_names_the_rows(tmp_path: Path, heading: str) -> None:
    path = save(tmp_path / "a.csv", codes=heading + write_text(names=FILES))
    found = read_vectors(path, "codes")
    assert found.names == tuple(FILES)
    np.testing.assert_array_equal(found.values, ROWS)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "u8", "?"])
def test_any_real_numbers_become_single_floats(tmp_path: Path, dtype: str) -> None:
    values = np.arange(6).reshape(3, 2).astype(dtype)
    found = read_vectors(save(tmp_path / "a.npy", codes=values), "codes").values
    np.testing.assert_array_equal(found, values.astype(np.float32))


@pytest.mark.parametrize(
    ("name", "arrays", "message"),
    [
        ("a.npy", {"codes": ROWS[0]}, r"one table of real numbers, \(N, D\).* \(3,\) float32"),
        ("a.npy", {"codes": ROWS[None]}, r"\(1, 6, 3\) float32"),
        ("a.npy", {"codes": ROWS[:1]}, r"two rows of numbers. Received: a \(1, 3\)"),
        ("a.npy", {"codes": ROWS[:0]}, "two rows of numbers"),
        ("a.npy", {"codes": ROWS[:, :0]}, "two rows of numbers"),
        ("a.npy", {"codes": ROWS.astype("c8")}, "complex64"),
        ("a.npy", {"codes": ROWS.astype("U4")}, "<U4"),
        ("a.npy", {"codes": ROWS.astype(object)}, "Python objects, which is not read"),
        ("a.npy", {"codes": np.where(ROWS[2, 1] == ROWS, np.nan, ROWS)}, "1 of 6 rows with NaN"),
        ("a.npy", {"codes": ROWS.astype("f8") * 1e300}, "6 of 6 rows"),
        ("a.npz", {"a": ROWS, "b": ROWS}, r"called codes. Received: a \(6, 3\) float32, b"),
        ("a.npz", {}, "Received: none"),
        ("a.csv", {"codes": ""}, "two rows"),
        ("a.csv", {"codes": "a,b\n"}, "two rows"),
        ("a.csv", {"codes": "1,2,3\n"}, "two rows"),
        ("a.csv", {"codes": "a,b\n1,2\n"}, "two rows"),
        ("a.csv", {"codes": "1,2\n3,x\n"}, "could not convert string 'x'"),
        ("a.csv", {"codes": "1,2\n3,4\n5\n"}, "columns changed from 2 to 1 at row 3"),
        ("a.csv", {"codes": "1,2\n3,nan\n"}, "1 of 2 rows with NaN"),
        ("a.csv", {"codes": "a,label\n3,1\n4,2\n"}, "a column label"),
        ("a.csv", {"codes": "1,2\n1+2j,3\n4,5\n"}, "could not convert"),
        ("a.parquet", {"codes": ""}, r"an .npz, .npy or .csv file"),
    ],
)
def test_other_tables_are_refused_in_a_line(
    tmp_path: Path, name: str, arrays: dict[str, object], message: str
) -> None:
    path = save(tmp_path / name, **arrays)
    with pytest.raises(InputError, match=message) as caught:
        read_vectors(path, "codes")
    assert str(path) in str(caught.value)
    assert str(caught.value).isprintable()


def test_files_that_are_not_there_are_refused(tmp_path: Path) -> None:
    for name in ("a.npy", "a.npz", "a.csv"):
        with pytest.raises(InputError, match="there is no"):
            read_vectors(tmp_path / name, "codes")


def test_a_huge_array_is_refused_by_its_shape(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.npy"
    with path.open("wb") as file:  # as sparse as the disk allows
        header = {"descr": "<f4", "fortran_order": False, "shape": (1, 1 << 40)}
        np.lib.format.write_array_header_2_0(file, header)
        file.truncate(file.tell() + (4 << 40))
    monkeypatch.setattr(module, "read_arrays", None)
    with pytest.raises(InputError, match="two rows"):
        read_vectors(path, "codes")


@pytest.fixture
def files(tiny: ImageDataset) -> ImageDataset:
    names = [f"folder/{number}.png" for number in range(180)]
    return dataclasses.replace(tiny, train_files=tuple(names[:120]), test_files=tuple(names[120:]))


def number_rows(count: int, names: tuple[str, ...] = ()) -> Vectors:
    return Vectors(Path("a.csv"), np.arange(count * 2.0, dtype="f4").reshape(count, 2), names)


def test_rows_are_those_of_tests_or_of_all_images_in_order(tiny: ImageDataset) -> None:
    rows, said = split_rows(number_rows(60), tiny)
    assert said == "a.csv: 60 rows of 2 numbers: the test images"
    assert rows.keys() == {"test"}
    table = number_rows(180)
    rows, said = split_rows(table, tiny)
    assert said.endswith("all images in order")
    np.testing.assert_array_equal(np.concatenate([rows["train"], rows["test"]]), table.values)
    order = np.random.default_rng(0).permutation(180)
    rows, _ = split_rows(table, dataclasses.replace(tiny, order=order))
    np.testing.assert_array_equal(rows["test"], table.values[order[120:]])
    with pytest.raises(InputError, match=r"61 rows, and bars has 60 test images, 180 images in"):
        split_rows(number_rows(61), tiny)


def test_names_of_files_make_the_order_free(files: ImageDataset) -> None:
    order = np.random.default_rng(0).permutation(180)
    whole = number_rows(180, tuple(f"{number}.PNG" for number in order))
    rows, said = split_rows(whole, files)
    assert said.endswith("all images, by file")
    places = np.argsort(order)
    np.testing.assert_array_equal(rows["train"], whole.values[places[:120]])
    np.testing.assert_array_equal(rows["test"], whole.values[places[120:]])
    rows, said = split_rows(number_rows(60, files.test_files), files)
    assert (rows.keys(), said.rpartition(": ")[2]) == ({"test"}, "the test images, by file")
    with pytest.raises(InputError, match=r"names 59 of 60 test images.*also for folder/179\.png"):
        split_rows(number_rows(59, files.test_files[:59]), files)
    with pytest.raises(InputError, match=r"folder/120\.png twice"):
        split_rows(number_rows(61, (*files.test_files, "120.png")), files)


@pytest.mark.parametrize("limit", [None, 200])
def test_all_images_are_in_the_order_of_their_source(tmp_path: Path, limit: int | None) -> None:
    from sklearn.datasets import load_digits

    labels = load_digits().target
    images = np.random.default_rng(0).integers(0, 256, (len(labels), 8, 8), np.uint8)
    np.savez(tmp_path / "a.npz", images=images, labels=labels)
    kept = choose_limited(len(labels), limit)
    for dataset in ("digits", str(tmp_path / "a.npz")):
        data = load_dataset(dataset, read_options=ReadOptions(limit=limit))
        both = np.concatenate([data.train_labels, data.test_labels])
        if dataset == "digits" and limit:
            assert sorted(data.order) == list(range(limit))
            continue
        np.testing.assert_array_equal(both, labels[kept][data.order])


def test_all_files_are_in_the_order_of_their_names(tmp_path: Path) -> None:
    names = [f"{label}/{number}.png" for label in "ab" for number in range(12)]
    for number, name in enumerate(names):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((8, 8), 10 * number, np.uint8)).save(tmp_path / name)
    data = load_dataset(str(tmp_path))
    files = (*data.train_files, *data.test_files)
    assert [names[place] for place in data.order] == list(files)


def write_npy(path: Path) -> Path:
    np.save(path.with_suffix(".npy"), np.arange(6) % 2)
    return path.with_suffix(".npy")


def write_table(text: str) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize(
    ("write", "names", "labels"),
    [
        (write_npy, (), "010101"),
        (write_table("cat\ndog\n" * 3), (), ["cat", "dog"] * 3),
        (write_table("label\n" + "cat\ndog\n" * 3), (), ["cat", "dog"] * 3),
        (write_table("size,class\n" + "1,cat\n2,dog\n" * 3), (), ["cat", "dog"] * 3),
        (
            write_table("file,label\n" + "".join(f"{k}.png,{k % 2}\n" for k in range(5, -1, -1))),
            *(tuple(FILES), "010101"),
        ),
    ],
)
def test_rows_without_images_have_labels(
    tmp_path: Path,
    write: Callable[[Path], Path],
    names: tuple[str, ...],
    labels: str | list[str],
) -> None:
    table = Vectors(Path("a.npy"), ROWS, names)
    data = make_rows(table, "a", write(tmp_path / "labels.csv"), None)
    assert [data.class_names[label] for label in data.test_labels] == list(labels)
    assert not data.has_images
    assert str(data) == "a, 6 rows without images, 2 classes"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cat\ndog\n", r"a label for each of 6 rows. Received: 2; --label-column"),
        ("a,b\n" + "1,2\n" * 6, r"Received: 0; --label-column names their column"),
    ],
)
def test_labels_of_other_rows_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = write_table(text)(tmp_path / "labels.csv")
    with pytest.raises(InputError, match=message):
        make_rows(Vectors(Path("a.npy"), ROWS), "a", path, None)


@pytest.mark.slow
def test_a_hundred_thousand_rows_of_text_take_seconds(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(100_000, 32)).astype(np.float32)
    np.savetxt(tmp_path / "a.csv", values, delimiter=",", fmt="%.9g", header="x" + ",x" * 31)
    started = time.process_time()
    found = read_vectors(tmp_path / "a.csv", "codes").values
    assert time.process_time() - started < 30
    np.testing.assert_array_equal(found, values)
