from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from latentspace.core.errors import InputError
from latentspace.datasets import ImageDataset, read_list

TRAINED = tuple(f"train/a{at}.png" for at in range(120))
TESTED = tuple(f"test/b{at}.png" for at in range(60))


@pytest.fixture
def named(tiny: ImageDataset) -> ImageDataset:
    return dataclasses.replace(tiny, train_files=TRAINED, test_files=TESTED)


def write(folder: Path, text: str | bytes, name: str = "chosen.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7\n3\n", [7, 3]),
        ("# a note, 5 words\n\n 7, 3 9\r\n\n#4\n3;12\n", [7, 3, 9, 3, 12]),
        ("index\n7\n3\n", [7, 3]),
        ("split,index,class,error\r\ntest,7,lying,0.1\r\ntest,3,slanted,\r\n", [7, 3]),
        ('# saved\nsplit;index;class\n\n"test";7;"a;b"\n# no\n;3;c\nTest;4;\n', [7, 3, 4]),
        ("split\tindex\ntest\t59\n", [59]),
        ("index,pose,index\n3,left,0.5\n", [3]),
        ("split,index\ntest,7\n".encode("utf-16"), [7]),
        (b"\xef\xbb\xbfsplit,index\ntest,7\n", [7]),
    ],
)
def test_indices_are_read_in_their_order(
    tiny: ImageDataset, tmp_path: Path, text: str | bytes, expected: list[int]
) -> None:
    assert read_list(write(tmp_path, text), tiny) == (expected, 0)


def test_training_images_are_counted_and_left_out(tiny: ImageDataset, tmp_path: Path) -> None:
    path = write(tmp_path, "split,index\ntrain,119\ntest,3\ntrain,5\n")
    assert read_list(path, tiny) == ([3], 2)


def test_tables_of_outliers_are_read(tiny: ImageDataset, tmp_path: Path) -> None:
    text = (
        "split_1,index_1,file_1,class_1,split_2,index_2,file_2,class_2,kind,distance\n"
        "train,8,,lying,test,9,,lying,exact,0.0\n"
        "test,4,,lying,test,5,,upright,near,0.1\n"
    )
    assert read_list(write(tmp_path, text), tiny) == ([9, 4, 5], 1)
    text = (
        "split,index,file,label,suggested,support\ntrain,7,,lying,upright,1.00\ntest,6,,a,b,0.9\n"
    )
    assert read_list(write(tmp_path, text), tiny) == ([6], 1)


def test_a_file_decides_where_the_data_set_has_files(named: ImageDataset, tmp_path: Path) -> None:
    text = (
        "split,index,file\n"
        "test,1,test/b7.png\n"  # another index than that of the file
        "test,1,train/a2.png\n"
        "test,9,\n"
        "test,1,/elsewhere/test/B8.PNG\n"
    )
    assert read_list(write(tmp_path, text), named) == ([7, 9, 8], 1)
    assert read_list(write(tmp_path, "file\nb3.png\nb2\n"), named) == ([3, 2], 0)


def test_of_pages_of_one_file_the_index_decides(named: ImageDataset, tmp_path: Path) -> None:
    pages = dataclasses.replace(named, test_files=("stack.tif",) * 60)
    path = write(tmp_path, "split,index,file\ntest,5,stack.tif\n")
    assert read_list(path, pages) == ([5], 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "chosen.csv should list indices of test images. Received: a file without any"),
        ("# nothing\n\n", "Received: a file without any"),
        ("split,index\n", "of bars. Received: nothing below its heading"),
        ("split,index\ntrain,4\ntrain,5\n", "of bars. Received: 2 training images"),
        ("3\n60\n", "chosen.csv, line 2: bars has test images 0 to 59. Received: '60'"),
        ("3\n4 -1\n", "line 2: bars has test images 0 to 59. Received: '-1'"),
        ("3\n1.5\n", "line 2: bars has test images 0 to 59. Received: '1.5'"),
        (f"{'9' * 5000}\n", "line 1: bars has test images 0 to 59. Received: '9+…'"),
        ("3\nclass:7\n", "line 2: bars has test images 0 to 59. Received: 'class:7'"),
        ("\nsplit,index\ntest,60\n", "line 3: bars has test images 0 to 59. Received: '60'"),
        ("split,index\ntrain,120\n", "line 2: bars has training images 0 to 119. Received: '120'"),
        ("split,index\ntest,\n", "line 2: bars has test images 0 to 59. Received: ''"),
        ("split,index\nvalid,3\n", "line 2: expected the split train or test. Received: 'valid'"),
        ("name,label\na.png,3\n", "line 1: expected a heading with split and index, or indices"),
        ("file\na.png\n", "line 1: expected a heading with split and index, or indices"),
        (b"a\0b\0\xff\xfe\xff", "chosen.csv can't be read as a table of indices of test images"),
    ],
)
def test_what_cannot_be_followed_is_named_with_its_line(
    tiny: ImageDataset, tmp_path: Path, text: str | bytes, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read_list(write(tmp_path, text), tiny)


@pytest.mark.parametrize("name", ["absent.txt", "folder.csv"])
def test_what_is_no_file_is_named(tiny: ImageDataset, tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InputError, match=f"there is no file .*{name}: expected"):
        read_list(tmp_path / name, tiny)


def test_an_unknown_file_is_named(named: ImageDataset, tmp_path: Path) -> None:
    path = write(tmp_path, "split,index,file\ntest,3,test/b3.png\ntest,4,other.png\n")
    with pytest.raises(InputError, match=r"line 3: 'other.png' is not the file of one image of ba"):
        read_list(path, named)
    with pytest.raises(InputError, match="expected a heading with split and index or file, or"):
        read_list(write(tmp_path, "label,error\nx,3\n"), named)


def test_chosen_test_images_stand_alone(named: ImageDataset) -> None:
    chosen = named.choose_tests(np.array([3, 7, 40]))
    np.testing.assert_array_equal(chosen.test_images, named.test_images[[3, 7, 40]])
    np.testing.assert_array_equal(chosen.test_labels, named.test_labels[[3, 7, 40]])
    assert chosen.test_files == ("test/b3.png", "test/b7.png", "test/b40.png")
    assert chosen.train_pixels is named.train_pixels
    assert chosen.whole is named
    assert named.whole is named
    assert chosen.test_numbers.tolist() == [3, 7, 40]
    assert named.test_numbers.tolist() == list(range(60))
    others = [named, named.choose_tests(np.array([3, 7, 41])), named.choose_tests(np.array([3, 7]))]
    assert len({chosen.hash, *(other.hash for other in others)}) == 4


def test_chosen_test_images_are_counted_in_words(tiny: ImageDataset) -> None:
    chosen = tiny.choose_tests(np.array([3, 7, 40]))
    assert tiny.name_tests(60) == "60 test images of bars"
    assert chosen.name_tests(3) == "3 of 60 test images of bars"
    assert chosen.name_tests(2) == "2 of 3 of 60 test images of bars"
    assert (tiny.title, chosen.title) == ("bars", "bars (3 of 60 test images)")
    assert "120 to train and 3 of 60 to test" in str(chosen)
