from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from conftest import HOSTILE_NAMES, LinearRun, make_study
from PIL import Image

from latentspace.chapters.maps.measure import Maps
from latentspace.chapters.reconstruct.measure import Reconstruction
from latentspace.core.errors import InputError
from latentspace.core.files import check_folder
from latentspace.datasets import ImageDataset
from latentspace.report import embedding_projector
from latentspace.report.embedding_projector import (
    choose_cell_side,
    encode_metadata,
    encode_vectors,
    make_sprite,
)

ABOUT = {"image": ["a", "b"], "label": [0, 1]}


def read_tsv(data: bytes) -> list[list[str]]:
    return [line.split("\t") for line in data.decode().splitlines()]


def make_noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_vectors_come_back_and_pixels_exactly() -> None:
    codes = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    read = np.array(read_tsv(encode_vectors(codes)), float)
    np.testing.assert_allclose(read, codes, rtol=1e-3)
    pixels = np.arange(256, dtype=np.uint8).reshape(2, 128)
    read = np.array(read_tsv(encode_vectors((pixels / 255).astype(np.float32))), float)
    np.testing.assert_array_equal(np.rint(read * 255), pixels)
    assert encode_vectors(np.zeros((1, 3))) == b"0\t0\t0\n"


def test_metadata_has_a_header_and_keeps_each_value_on_its_place() -> None:
    data = encode_metadata({"image": ["a\tb\nc\r\u2028d", "é"], "error": [0.5, 1]})
    assert read_tsv(data) == [["image", "error"], ["a b c d", "0.5"], ["é", "1"]]


def test_no_name_breaks_the_table() -> None:
    rows = read_tsv(encode_metadata({"label": HOSTILE_NAMES, "index": range(len(HOSTILE_NAMES))}))
    assert [row[1:] for row in rows] == [["index"], *([str(n)] for n in range(len(HOSTILE_NAMES)))]


@pytest.mark.parametrize("channels", [1, 3])
def test_sprite_holds_square_images_pixel_for_pixel_row_by_row(channels: int) -> None:
    pixels = make_noise(5, 6, 6, channels)
    sheet = make_sprite(pixels, choose_cell_side(pixels.shape))
    assert sheet.shape == (18, 18, channels)
    for number, image in enumerate(pixels):
        y, x = (6 * place for place in divmod(number, 3))
        np.testing.assert_array_equal(sheet[y : y + 6, x : x + 6], image)
    assert not sheet[6:, 12:].any()


@pytest.mark.parametrize("channels", [1, 3])
def test_images_that_are_not_square_lie_in_transparent_squares(channels: int) -> None:
    pixels = make_noise(2, 8, 3, channels)
    sheet = make_sprite(pixels, choose_cell_side(pixels.shape))
    assert sheet.shape == (16, 16, channels + 1)
    np.testing.assert_array_equal(sheet[:8, 10:13, :channels], pixels[1])
    opaque = np.zeros((16, 16), bool)
    opaque[:8, 2:5] = opaque[:8, 10:13] = True
    np.testing.assert_array_equal(sheet[..., channels], 255 * opaque)


def test_a_sprite_stays_within_its_limit() -> None:
    assert choose_cell_side((10_000, 28, 28, 1)) == 28
    assert choose_cell_side((70_000, 28, 28, 1)) == 28
    assert choose_cell_side((70_000, 28, 64, 3)) == 30
    for count in (1, 4, 5, 9_999, embedding_projector.MOST_IMAGES):
        side = choose_cell_side((count, 300, 200, 3))
        cells = int(np.ceil(np.sqrt(count)))
        assert 1 <= side <= 300
        assert side * cells <= embedding_projector.LONGEST_SIDE
    with pytest.raises(InputError, match="--samples 100000 or fewer"):
        embedding_projector.check_count(embedding_projector.MOST_IMAGES + 1)


def test_images_that_have_no_room_are_scaled_down_and_not_stretched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(embedding_projector, "LONGEST_SIDE", 20)
    pixels = np.full((2, 40, 20, 3), 200, np.uint8)
    embedding_projector.write_projector(tmp_path, np.zeros((2, 2)), pixels, ABOUT)
    assert "scaled down to 10" in capsys.readouterr().out
    sheet = np.asarray(Image.open(io.BytesIO((tmp_path / embedding_projector.SPRITE).read_bytes())))
    assert sheet.shape == (20, 20, 4)
    assert (sheet[:10, 2:7] == (200, 200, 200, 255)).all()
    assert (sheet[..., 3] > 0).sum() == 2 * 10 * 5
    config = (tmp_path / embedding_projector.CONFIG).read_text()
    assert re.findall(r"single_image_dim: (\d+)", config) == ["10"] * 4
    assert re.findall(r"tensor_shape: (\d+)", config) == ["2", "2", "2", "2400"]


def test_other_files_stay_and_the_settings_come_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    written = []
    original = embedding_projector.write_bytes

    def noted(path: Path, data: bytes) -> None:
        written.append(path.relative_to(tmp_path).as_posix())
        original(path, data)

    monkeypatch.setattr(embedding_projector, "write_bytes", noted)
    embedding_projector.write_projector(tmp_path, np.zeros((2, 2)), make_noise(2, 4, 4, 1), ABOUT)
    assert written == [
        *("codes/vectors.tsv", "pixels/vectors.tsv", "metadata.tsv", "sprite.png"),
        "projector_config.pbtxt",
    ]
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_folder_that_can_not_be_is_refused_without_being_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "inner"):
        with pytest.raises(InputError, match="file is a file"):
            check_folder(path)
    check_folder(tmp_path / "new" / "inner")
    assert not (tmp_path / "new").exists()


def test_the_table_names_images_of_both_splits(linear_run: LinearRun, tiny: ImageDataset) -> None:
    study = make_study(linear_run, tiny, split="all", samples="all")
    table = study.of(Maps).table
    assert table["image"][1] == "lying test #1"
    assert table["image"][60 + 2] == "slanted train #2"
    assert table["index"] == [*range(60), *range(120)]
    assert table["split"] == ["test"] * 60 + ["train"] * 120
    assert table["label"][:3] == ["upright", "lying", "slanted"]
    by_image = study.of(Reconstruction).by_image["mse"]
    np.testing.assert_allclose(np.array(table["error"][:60], float), by_image, atol=1e-5)
