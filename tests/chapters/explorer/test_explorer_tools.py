"""The tools of the page to explore: conditions, images on the maps, what is taken out."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from browsing import open_page, visit
from conftest import HOSTILE_NAMES
from playwright.sync_api import Browser, expect
from test_explorer_draw import (
    CLASSES,
    COUNT,
    ERRORS,
    LABELS,
    ORIGINALS,
    POINTS,
    RECONSTRUCTIONS,
    OpenedMaps,
    draw_page,
)

from latentspace.chapters.explorer import draw
from latentspace.chapters.explorer.draw import Pictures

AGES = np.where(np.arange(COUNT) % 4 == 0, np.nan, np.arange(COUNT) / 2)
HATS = np.array([0.0, 1.0, np.nan])[np.arange(COUNT) % 3]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tools") / "explorer.html"
    attributes = {"age": (AGES, None), "hat": (HATS, ["no", "yes"])}
    path.write_bytes(draw_page(attributes=attributes))
    return path


@pytest.fixture
def page(browser: Browser, file: Path) -> Iterator[OpenedMaps]:
    with visit(OpenedMaps, browser, file) as result:
        yield result


def set_condition(page: OpenedMaps, column: str, *typed: str) -> None:
    page.page.select_option("#filtered", column)
    for place, text in enumerate(typed):
        page.page.locator("#condition input").nth(place).fill(text)


def count(wanted: np.ndarray) -> list[int]:
    """How many of those that are wanted, bool (COUNT,), are of each class."""
    return np.bincount(LABELS[wanted], minlength=3).tolist()


@pytest.mark.parametrize(
    ("column", "typed", "wanted", "said"),
    [
        ("error", ("0.01",), ERRORS >= 0.01, "error ≥ 0.01"),
        ("error", ("", "0.01"), ERRORS <= 0.01, "error ≤ 0.01"),
        ("error", ("0.005", "0.01"), (ERRORS >= 0.005) & (ERRORS <= 0.01), "error 0.005 to 0.01"),
        ("age", ("10",), np.nan_to_num(AGES, nan=-1) >= 10, "age ≥ 10"),
        ("hat", ("yes",), HATS == 1, "hat is yes"),
        ("hat", ("unknown",), np.isnan(HATS), "hat has unknown"),
        ("cluster", ("Cluster 2",), (LABELS + 1) % 3 == 1, "cluster is Cluster 2"),
        ("class", ("slan",), LABELS == 2, "class has slan"),
        ("split", ("training",), np.arange(COUNT) >= 50, "split is training"),
        (
            "index",
            ("103, 110-119 150",),
            np.isin(np.arange(COUNT), [3, *range(10, 20), 50]),
            "index 103, 110-119 150",
        ),
        ("file", (",7.PNG",), np.arange(COUNT) == 7, "file has ,7.PNG"),
    ],
)
def test_a_condition_shows_what_fits_it(
    page: OpenedMaps, column: str, typed: tuple[str, ...], wanted: np.ndarray, said: str
) -> None:
    set_condition(page, column, *typed)
    page.expect_counts(f"{wanted.sum()} of 60 images", count(wanted))
    assert page.page.locator("#conditions .name").all_inner_texts() == [said]
    page.page.locator("#conditions button").click()
    page.expect_counts("60 images", [20, 20, 20])
    assert page.page.locator("#condition input").first.input_value() == ""


def test_conditions_hold_together_and_with_what_is_switched_off(page: OpenedMaps) -> None:
    set_condition(page, "error", "0.005")
    set_condition(page, "cluster", "cluster 2")
    wanted = (ERRORS >= 0.005) & (LABELS == 0)
    page.expect_counts(f"{wanted.sum()} of 60 images", count(wanted))
    page.page.locator("#classes button").first.click()
    page.expect_counts("0 of 60 images", [0, 0, 0])
    page.page.click("[data-on=all]")
    page.page.select_option("#filtered", "error")
    assert page.page.locator("#condition input").first.input_value() == "0.005"
    page.page.locator("#conditions button").nth(1).click()
    page.expect_counts(f"{(ERRORS >= 0.005).sum()} of 60 images", count(ERRORS >= 0.005))


def test_a_condition_keeps_of_a_selection_what_fits(page: OpenedMaps) -> None:
    page.select("pixel", (-0.4, 11.6), (11.5, 15.4))
    page.expect_counts("28 of 60 selected", [20, 8, 0])
    set_condition(page, "class", CLASSES[1])
    page.expect_counts("8 of 60 selected", [0, 8, 0])


def test_what_is_no_index_is_marked_and_hides_nothing(page: OpenedMaps) -> None:
    set_condition(page, "index", "seven")
    expect(page.page.locator("#condition [aria-invalid]")).to_have_count(1)
    page.expect_counts("60 images", [20, 20, 20])
    assert page.page.locator("#conditions li").count() == 0


def test_test_images_are_saved_as_a_list(page: OpenedMaps, tmp_path: Path) -> None:
    set_condition(page, "index", "145-155")
    page.expect_counts("11 of 60 images", count(np.isin(np.arange(COUNT), range(45, 56))))
    with page.page.expect_download() as download:
        page.page.click("#list")
    download.value.save_as(tmp_path / "images.txt")
    assert (tmp_path / "images.txt").read_text().split() == [*map(str, range(145, 150))]


def test_files_are_copied_by_the_command_on_the_page(browser: Browser, tmp_path: Path) -> None:
    folder = tmp_path / "it's a folder"
    odd = [name.replace("/", "_")[:240] for name in (*HOSTILE_NAMES, "-n")]
    names = [f"{place % 3}/{name}.png" for place, name in enumerate(odd)]
    names += ["a\nb.png", "q\"uo'te\\.png", "naïve 字.png", "@x.png", "tab\there.png", "$HOME.png"]
    files = [names[place % len(names)] for place in range(COUNT)]
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    pictures = Pictures(
        draw.make_sheet(np.concatenate([ORIGINALS, RECONSTRUCTIONS])),
        *(np.arange(COUNT), np.zeros(COUNT, bool), files, str(folder)),
    )
    (tmp_path / "page.html").write_bytes(draw_page(pictures=pictures))
    page = open_page(OpenedMaps, browser, tmp_path / "page.html")
    chosen = [place for place in range(len(names)) if place != 1]
    set_condition(page, "index", ",".join(map(str, chosen)))
    expect(page.page.locator("#total")).to_have_text(f"{len(chosen)} of 60 images")
    page.page.click("#files")
    command = page.page.locator("#command").input_value()
    page.page.click("#copy")
    page.page.click("#copying form button:last-of-type")
    assert not page.troubles
    page.page.context.close()
    subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True)
    copied = tmp_path / "chosen"
    assert {path.relative_to(copied).as_posix() for path in copied.rglob("*.*")} == {
        names[place] for place in chosen
    }
    assert all((copied / names[place]).read_text() == names[place] for place in chosen)


def test_without_a_folder_there_is_no_command(
    page: OpenedMaps, browser: Browser, tmp_path: Path
) -> None:
    expect(page.page.locator("#files")).to_be_visible()
    pictures = Pictures(
        draw.make_sheet(np.concatenate([ORIGINALS, RECONSTRUCTIONS])),
        *(np.arange(COUNT), np.zeros(COUNT, bool), [], ""),
    )
    (tmp_path / "page.html").write_bytes(draw_page(pictures=pictures))
    other = open_page(OpenedMaps, browser, tmp_path / "page.html")
    expect(other.page.locator("#files")).to_be_hidden()
    assert "file" not in other.page.locator("#filtered option").all_inner_texts()
    other.page.context.close()


def zoom(page: OpenedMaps, index: int) -> None:
    """Brings an image of the map of the codes into the middle of a sixth of it."""
    page.page.evaluate(
        """([x, y]) => {
            const { x_range, y_range } = Bokeh.documents[0].roots()[1];
            const reach = (x_range.end - x_range.start) / 12;
            x_range.setv({ start: x - reach, end: x + reach });
            y_range.setv({ start: y - reach, end: y + reach });
        }""",
        POINTS["latent"][index].tolist(),
    )
    expect(page.page.locator("#latent .images")).to_be_visible()


def read_middle(page: OpenedMaps) -> np.ndarray:
    """The middle of the map of the codes as it is drawn in images, uint8 (21, 21, 3)."""
    shown = page.picture("#latent .images")
    middle = len(shown) // 2
    return shown[middle - 10 : middle + 11, middle - 10 : middle + 11]


def test_zoomed_in_points_are_images(page: OpenedMaps) -> None:
    expect(page.page.locator("#latent .images")).to_be_hidden()
    zoom(page, 31)
    height, width = ORIGINALS.shape[1:3]
    scale = 64 / max(height, width)  # few are seen: as large as they are drawn
    middle = read_middle(page)
    for row, column in ((-8, -8), (0, 0), (8, 8)):
        at = [int(length / 2 + place / scale) for length, place in ((height, row), (width, column))]
        wanted = int(ORIGINALS[31, at[0], at[1], 0])
        near = middle[row + 10, column + 10].astype(int)
        assert abs(near - wanted).max() <= 2, (row, column)
    page.point_at("pixel", 5)
    box = page.page.locator("#latent").bounding_box()
    page.page.mouse.move(box["x"] + box["width"] / 2 + 25, box["y"] + box["height"] / 2)
    page.expect_name("test image #131")  # within the image, and far from its point
    page.page.click("#as-images")
    expect(page.page.locator("#latent .images")).to_be_hidden()
    page.page.click("#as-images")
    expect(page.page.locator("#latent .images")).to_be_visible()
    page.page.click("#reset")
    expect(page.page.locator("#latent .images")).to_be_hidden()
    expect(page.page.locator("#pixel .images")).to_be_hidden()


def test_images_that_are_selected_stand_out(page: OpenedMaps) -> None:
    zoom(page, 31)
    assert read_middle(page).any()
    page.page.evaluate(
        "() => (Bokeh.documents[0].roots()[1].renderers[0].data_source.selected.indices = [2])"
    )
    page.page.wait_for_timeout(200)
    alpha = page.page.locator("#latent .images").evaluate(
        """canvas => canvas.getContext("2d")
            .getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data[3]"""
    )
    assert 30 < alpha < 80
    set_condition(page, "index", "102")
    page.page.wait_for_timeout(400)
    expect(page.page.locator("#latent .images")).to_be_hidden()  # nothing there is shown
