"""Labels that look wrong are checked on the page, and what was decided is read again."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from browsing import Opened, open_page, visit
from conftest import HOSTILE_NAMES, LinearRun, make_study
from PIL import Image
from playwright.sync_api import Browser, expect
from test_explorer_draw import (
    CLASSES,
    COUNT,
    FILES,
    LABELS,
    NEIGHBORS,
    ORIGINALS,
    POINTS,
    OpenedMaps,
    draw_page,
)

from latentspace.analysis import clustering
from latentspace.chapters.explorer.draw import Check
from latentspace.chapters.explorer.figures import RECIPES
from latentspace.datasets import ImageDataset, ReadOptions, load_dataset
from latentspace.drawing.points import choose_class_colors

Rows = list[list[str]]
HEAD = ["split", "index", "file", "label"]


def name(index: int) -> str:
    return f"{'test' if index < 50 else 'training'} image #{100 + index}"


def row(index: int, label: int) -> list[str]:
    return ["test" if index < 50 else "train", str(100 + index), FILES[index], CLASSES[label]]


def save(opened: Opened, folder: Path) -> Rows:
    with opened.page.expect_download() as download:
        opened.page.click("#labels")
    assert download.value.suggested_filename == "labels.csv"
    download.value.save_as(folder / "labels.csv")
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as table:
        return list(csv.reader(table))


def expect_image(opened: Opened, index: int | None, done: str) -> None:
    figure = opened.page.locator("#check figcaption")
    expect(figure).to_have_text(name(index)) if index is not None else expect(figure).to_be_hidden()
    expect(opened.page.locator("#done")).to_have_text(f"{done} checked")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("check") / "explorer.html"
    path.write_bytes(draw_page())
    return path


@pytest.fixture
def page(browser: Browser, file: Path) -> Iterator[OpenedMaps]:
    with visit(OpenedMaps, browser, file) as result:
        result.page.click("[data-panel=check]")
        yield result


def test_suspects_are_gone_through_by_keys(page: OpenedMaps, tmp_path: Path) -> None:
    tabs = page.page.locator("#tabs button:visible")
    assert tabs.all_inner_texts() == ["Image", "Check"], "there is no model"
    expect_image(page, 7, "0 of 3")
    shown = page.picture("#checked")
    np.testing.assert_array_equal(shown, np.broadcast_to(ORIGINALS[7], shown.shape))
    assert page.page.inner_text("#doubt") == (
        f"Its label is {CLASSES[1]}. It looks like {CLASSES[0]}: so are 20 of its 20 nearest "
        "training images."
    )
    near = page.page.locator("#check .found button").all_inner_texts()
    assert near == [CLASSES[LABELS[other]] for other in NEIGHBORS["latent"][7]]
    assert page.page.locator("#labels").is_disabled()
    page.page.keyboard.press("Enter")
    page.expect_counts("60 images", [21, 19, 20])
    expect_image(page, 52, "1 of 3")
    page.page.keyboard.press("Backspace")
    expect_image(page, 3, "2 of 3")
    page.page.keyboard.press("Enter")
    expect_image(page, None, "3 of 3")
    assert page.page.inner_text("#doubt").startswith("All labels that look wrong are checked.")
    page.expect_counts("60 images", [20, 20, 20])
    assert page.page.inner_text("#changed-labels") == "2 labels changed"
    assert save(page, tmp_path) == [HEAD, row(7, 0), row(3, 1)]
    page.page.keyboard.press("Control+z")
    expect_image(page, 3, "2 of 3")
    page.page.keyboard.press("Control+z")
    expect_image(page, 52, "1 of 3")
    page.page.locator("#changes button").last.click()  # takes the first one back
    page.expect_counts("60 images", [20, 20, 20])
    assert page.page.inner_text("#changed-labels") == "0 labels changed"


def test_buttons_and_any_image_of_the_maps(page: OpenedMaps, tmp_path: Path) -> None:
    page.page.click("#keep")
    expect_image(page, 52, "1 of 3")
    page.page.click("#undo")
    expect_image(page, 7, "0 of 3")
    page.page.click("#take")
    page.page.mouse.click(*page.place("pixel", POINTS["pixel"][30]))
    expect_image(page, 30, "1 of 3")
    assert page.page.inner_text("#doubt") == f"Its label is {CLASSES[0]}."
    assert page.page.locator("#take").is_disabled()
    color, colors = page.color("latent", 30), choose_class_colors(3) * 255
    assert np.linalg.norm(colors - color, axis=1).argmin() == 0
    page.page.select_option("#relabel", CLASSES[2])
    page.expect_counts("60 images", [20, 19, 21])
    assert np.linalg.norm(colors - page.color("latent", 30), axis=1).argmin() == 2
    assert page.page.inner_text("#keep") == f"Keep {CLASSES[2]}"
    page.page.keyboard.press("Escape")
    page.page.click("#keep")
    expect_image(page, 52, "1 of 3")
    assert save(page, tmp_path) == [HEAD, row(7, 0), row(30, 2)]
    # A kept label of an image that nothing speaks against is no decision.
    page.page.locator("#check .found button").first.click()
    page.page.click("#keep")
    assert page.page.inner_text("#changed-labels") == "2 labels changed"
    page.page.click("[data-panel=image]")
    page.page.mouse.click(*page.place("pixel", POINTS["pixel"][30]))
    page.expect_name(name(30))
    assert page.page.locator("dd").nth(1).inner_text() == CLASSES[2]


def test_decisions_last_where_the_browser_keeps_them(
    browser: Browser, file: Path, page: OpenedMaps, tmp_path: Path
) -> None:
    page.page.keyboard.press("Enter")
    page.page.keyboard.press("Backspace")
    page.page.reload()
    page.page.wait_for_selector("body.ready")
    page.expect_counts("60 images", [21, 19, 20])
    page.page.click("[data-panel=check]")
    expect_image(page, 3, "2 of 3")
    # A page of other images of the same data keeps them, and the labels that it was made with.
    corrected = [(*row(9, 2)[:1], 109, FILES[9], CLASSES[2]), ("test", 107, FILES[7], CLASSES[1])]
    other = file.with_name("other.html")
    other.write_bytes(draw_page(check=Check([], 0, "they are few", corrected, "hash")))
    page.page.goto(other.as_uri())
    page.page.wait_for_selector("body.ready")
    page.page.click("[data-panel=check]")
    assert page.page.inner_text("#doubt").startswith("What looks wrong can't be told: they are few")
    assert save(page, tmp_path) == [HEAD, row(9, 2), row(7, 0)]


def test_where_nothing_is_kept_the_page_goes_on(browser: Browser, file: Path) -> None:
    made = browser.new_context()
    refuse = "Object.defineProperty(window, 'localStorage', {get() { throw new Error('no') }})"
    made.add_init_script(refuse)
    page = made.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.goto(file.as_uri())
    page.wait_for_selector("body.ready")
    page.click("[data-panel=check]")
    page.keyboard.press("Enter")
    expect(page.locator("#changed-labels")).to_have_text("1 label changed")
    assert troubles == []
    made.close()


def test_without_classes_there_is_nothing_to_check(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "plain.html"
    everything = {"class": (np.zeros(COUNT, int), ("image",))}
    check = Check([], 0, "without two classes or more no label can be wrong", [], "hash")
    path.write_bytes(draw_page(groups=everything, check=check))
    opened = open_page(OpenedMaps, browser, path)
    opened.page.click("[data-panel=check]")
    assert opened.page.inner_text("#check") == (
        "There is nothing to check: without two classes or more no label can be wrong."
    )
    opened.page.keyboard.press("Enter")
    opened.page.mouse.click(*opened.place("pixel", POINTS["pixel"][30]))
    assert opened.troubles == []
    opened.page.context.close()


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1000, 700), (390, 844)])
def test_the_panel_has_room(browser: Browser, file: Path, width: int, height: int) -> None:
    window = {"width": width, "height": height}
    opened = open_page(OpenedMaps, browser, file, viewport=window)
    opened.page.click("[data-panel=check]")
    assert opened.page.evaluate("document.documentElement.scrollWidth") == width
    room = opened.page.locator("#details").bounding_box()
    assert room["height"] < height * 0.6
    for part in ("#checked", "#take", "#keep", "#relabel", "#undo"):
        box = opened.page.locator(part).bounding_box()
        assert room["x"] <= box["x"]
        assert box["x"] + box["width"] <= room["x"] + room["width"]
        assert room["y"] <= box["y"]
        assert box["y"] + box["height"] <= room["y"] + room["height"]
    opened.page.context.close()


CORNERS = ((1, 1), (1, 7), (7, 1))


def test_what_is_confirmed_is_read_again(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clustering, "reduce_dimensions", lambda vectors, graph, seed: vectors)
    rng, names = np.random.default_rng(0), ("alpha", '"b", or not', "\N{GREEK SMALL LETTER GAMMA}")
    folder, planted = tmp_path / "squares", {5: 1, 40: 0, 60: 2}
    odd = [each.replace("/", "")[:40] for each in HOSTILE_NAMES if each.strip("./ ")]
    odd += ["a,b", 'c"d"', "e\r\nf", "\N{GREEK SMALL LETTER DELTA}", "caf\udce9"]
    for number in range(120):
        pixels = np.zeros((12, 12), np.uint8)
        y, x = CORNERS[number % 3]
        pixels[y : y + 4, x : x + 4] = rng.integers(120, 256, (4, 4))
        place = folder / names[planted.get(number, number % 3)]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place / f"{number} {odd[number % len(odd)]}.png")
    data = load_dataset(str(folder))
    flat = data.train_images[:].reshape(len(data.train_pixels), -1)
    run = LinearRun(data.image_shape)
    run.basis = np.linalg.svd(flat, full_matrices=False)[2][: run.latent_dim].T
    run.facts["dataset"]["hash"] = data.hash
    path = tmp_path / "explorer.html"
    path.write_bytes(RECIPES["explorer.html"].draw(make_study(run, data, split="all")).frames)
    opened = open_page(Opened, browser, path, ready="body.live")
    opened.page.click("[data-panel=check]")
    expect(opened.page.locator("#done")).to_have_text("0 of 3 checked")
    for done in range(3):
        opened.page.keyboard.press("Enter")
        expect(opened.page.locator("#done")).to_have_text(f"{done + 1} of 3 checked")
    rows = save(opened, tmp_path)
    assert len(rows) == 4
    options = ReadOptions(corrections=str(tmp_path / "labels.csv"))
    corrected = load_dataset(str(folder), read_options=options)
    assert count_right(data, names) == 117
    assert count_right(corrected, names) == 120
    assert corrected.test_files == data.test_files
    assert make_study(run, corrected).is_trained_on_data
    assert opened.troubles == []
    # The next page keeps what was corrected, and finds nothing any more.
    path.write_bytes(RECIPES["explorer.html"].draw(make_study(run, corrected, split="all")).frames)
    opened = open_page(Opened, browser, path, ready="body.live")
    opened.page.click("[data-panel=check]")
    assert opened.page.inner_text("#doubt").startswith("No label looks wrong.")
    assert sorted(save(opened, tmp_path)) == sorted(rows)
    opened.page.context.close()


def count_right(data: ImageDataset, names: tuple[str, ...]) -> int:
    """How many images are labelled as their number says."""
    places = [("train", index) for index in range(len(data.train_labels))]
    places += [("test", index) for index in range(len(data.test_labels))]
    told = (data.describe(*place) for place in places)
    return sum(
        names[int(file.partition("/")[2].split()[0]) % 3] == label.replace("\ufffd", "")
        for file, label in told
    )
