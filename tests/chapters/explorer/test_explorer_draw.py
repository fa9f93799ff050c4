"""The page to explore, opened in a real browser without a network."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from browsing import Opened, open_page, visit
from conftest import HOSTILE_NAMES, LinearRun, make_study, tiny_arrays
from PIL import Image
from playwright.sync_api import Browser, expect

from latentspace.chapters.explorer import draw
from latentspace.chapters.explorer.draw import Check, Map, Model, Pictures, draw_explorer
from latentspace.chapters.explorer.plots import MARGIN
from latentspace.datasets import ImageDataset
from latentspace.datasets.dataset import index_classes
from latentspace.drawing.points import choose_class_colors
from latentspace.drawing.text import Text
from latentspace.report.page import write_page
from latentspace.report.records import Record, keep_records

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
COUNT = 60
CLASSES = ("<script>alert(1)</script>", "a\"b'c&", "slanted")
LABELS = np.arange(COUNT) % 3
# Each class is a block of 4 rows and 5 columns: side by side in one map, stacked in the other.
ROWS, COLUMNS = np.divmod(np.arange(COUNT) // 3, 5)
POINTS = {
    "pixel": np.stack([10.0 * LABELS + COLUMNS, 12.0 + ROWS], axis=1),
    "latent": np.stack([12.0 + COLUMNS, 10.0 * LABELS + ROWS], axis=1),
}
NEIGHBORS = {
    "pixel": (np.arange(COUNT)[:, np.newaxis] + [1, 2, 3, 4, 5]) % COUNT,
    "latent": (np.arange(COUNT)[:, np.newaxis] + [3, 6, 9, 12, 15]) % COUNT,
}
ORIGINALS = tiny_arrays(COUNT, seed=1)[0][..., np.newaxis]
RECONSTRUCTIONS = 255 - ORIGINALS
FILES = [f"{HOSTILE_NAMES[index % len(HOSTILE_NAMES)]}\n,{index}.png" for index in range(COUNT)]
SUSPECTS = [(7, 0, 20), (52, 2, 19), (3, 1, 18)]
ERRORS = np.linspace(0.001, 0.02, COUNT)


def draw_page(**changed) -> bytes:
    arguments = {
        "maps": {
            space: Map(f"t-SNE, {space}", "", POINTS[space], f"near, {space}", NEIGHBORS[space])
            for space in POINTS
        },
        "pictures": Pictures(
            draw.make_sheet(np.concatenate([ORIGINALS, RECONSTRUCTIONS])),
            100 + np.arange(COUNT),
            np.arange(COUNT) >= 50,
            FILES,
            "/a folder/it's",
        ),
        "groups": {
            "class": (LABELS, CLASSES),
            "cluster": ((LABELS + 1) % 3, ("cluster 1", "cluster 2", "cluster 3")),
        },
        "attributes": {},
        "models": [Model(ERRORS, "it can't run the layer 'odd' of the kind Lambda")],
        "check": Check(SUSPECTS, 20, "", [], "hash"),
        "subject": "60 images of <b>bars</b>",
        "text": Text("A <title>", "A caption & more"),
    }
    return draw_explorer(**{**arguments, **changed})


class OpenedMaps(Opened):
    """The page with its maps."""

    def place(self, space: str, point: np.ndarray) -> tuple[float, float]:
        """Where a point of a map lies in the window."""
        box = self.page.locator(f"#{space}").bounding_box()
        low, high = POINTS[space].min(axis=0), POINTS[space].max(axis=0)
        reach = MARGIN * (high - low).max()
        x, y = (point - (low + high) / 2) / reach + 0.5
        return box["x"] + x * box["width"], box["y"] + (1 - y) * box["height"]

    def point_at(self, space: str, index: int) -> None:
        self.page.mouse.move(*self.place(space, POINTS[space][index]))

    def select(self, space: str, start: tuple[float, float], end: tuple[float, float]) -> None:
        self.page.mouse.move(*self.place(space, np.array(start)))
        self.page.mouse.down()
        self.page.mouse.move(*self.place(space, np.array(end)), steps=4)
        self.page.mouse.up()

    def expect_name(self, name: str) -> None:
        """Waits for the details of an image."""
        expect(self.page.locator("dd").first).to_have_text(name)

    def expect_counts(self, total: str, counts: list[int]) -> None:
        """Waits for the number of images, altogether and of each class."""
        expect(self.page.locator("#total")).to_have_text(total)
        expect(self.page.locator("#classes .count")).to_have_text([*map(str, counts)])

    def color(self, space: str, index: int) -> np.ndarray:
        """The colour at the place of an image on a map, float (3,) in 0..255."""
        x, y = self.place(space, POINTS[space][index])
        self.page.mouse.move(0, 0)
        self.page.wait_for_timeout(100)
        screen = np.asarray(Image.open(io.BytesIO(self.page.screenshot())).convert("RGB"))
        return screen[round(y), round(x)].astype(float)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "explorer.html"
    path.write_bytes(draw_page())
    return path


@pytest.fixture
def page(browser: Browser, file: Path) -> Iterator[OpenedMaps]:
    with visit(OpenedMaps, browser, file) as result:
        yield result


def test_the_image_pointed_at_is_shown_with_all_that_is_known_of_it(page: OpenedMaps) -> None:
    for space, index in (("pixel", 7), ("latent", 52)):
        page.point_at(space, index)
        number = 100 + index
        kind = "test" if index < 50 else "training"
        page.expect_name(f"{kind} image #{number}")
        grey = page.picture("#original")
        np.testing.assert_array_equal(grey, np.broadcast_to(ORIGINALS[index], grey.shape))
        back = page.picture("#reconstruction")
        np.testing.assert_array_equal(back, np.broadcast_to(RECONSTRUCTIONS[index], back.shape))
        for near in NEIGHBORS:
            buttons = page.page.locator(f"[data-space={near}] button")
            names = [CLASSES[LABELS[other]] for other in NEIGHBORS[near][index]]
            assert buttons.all_inner_texts() == names
            shown = page.picture(f"[data-space={near}] button:nth-child(3) canvas")
            other = ORIGINALS[NEIGHBORS[near][index, 2]]
            np.testing.assert_array_equal(shown, np.broadcast_to(other, shown.shape))
        facts = page.page.locator("dd").all_inner_texts()
        assert facts[1:] == [
            CLASSES[LABELS[index]],
            f"cluster {(LABELS[index] + 1) % 3 + 1}",
            f"{ERRORS[index]:.5f}",
            *([f"--from {number}"] if index < 50 else []),
        ]


def test_a_click_holds_an_image_and_leads_to_its_neighbours(page: OpenedMaps) -> None:
    page.page.mouse.click(*page.place("pixel", POINTS["pixel"][7]))
    page.point_at("pixel", 8)
    page.expect_name("test image #107")
    page.page.locator("[data-space=latent] button").first.click()
    page.expect_name("test image #110")
    page.page.mouse.click(*page.place("pixel", np.array([12.0, 20.0])))
    page.point_at("latent", 9)
    page.expect_name("test image #109")


def test_a_selection_lights_the_same_images_up_in_the_other_map(page: OpenedMaps) -> None:
    page.expect_counts("60 images", [20, 20, 20])
    strong = page.color("latent", 1), page.color("latent", 13)
    # The whole first block, and two of five columns of the second.
    page.select("pixel", (-0.4, 11.6), (11.5, 15.4))
    page.expect_counts("28 of 60 selected", [20, 8, 0])
    assert [COLUMNS[1], COLUMNS[13]] == [0, 4]
    np.testing.assert_allclose(page.color("latent", 1), strong[0], atol=3)
    assert np.abs(page.color("latent", 13) - strong[1]).max() > 60

    page.page.click("[data-mode=lasso]")
    page.select("latent", (11.5, 9.5), (11.5, 15.5))  # a line holds nothing
    expect(page.page.locator("#total")).to_have_text("60 images")
    page.page.click("[data-mode=box]")
    page.select("latent", (11.5, -0.3), (13.5, 23.3))
    page.expect_counts("24 of 60 selected", [8, 8, 8])
    page.page.click("#reset")
    expect(page.page.locator("#total")).to_have_text("60 images")


def test_what_is_selected_is_saved_as_a_table(page: OpenedMaps, tmp_path: Path) -> None:
    page.select("pixel", (-0.4, 11.6), (11.5, 15.4))
    page.expect_counts("28 of 60 selected", [20, 8, 0])
    with page.page.expect_download() as download:
        page.page.click("#table")
    download.value.save_as(tmp_path / "images.csv")
    with (tmp_path / "images.csv").open(newline="", encoding="utf-8") as table:
        head, *rows = csv.reader(table)
    assert head == ["split", "index", "file", "class", "cluster", "error"]
    assert len(rows) == 28
    for split, number, file, label, cluster, error in rows:
        index = int(number) - 100
        assert split == ("test" if index < 50 else "train")
        assert file == FILES[index]
        assert (label, cluster) == (
            CLASSES[LABELS[index]],
            f"cluster {(LABELS[index] + 1) % 3 + 1}",
        )
        assert error == f"{ERRORS[index]:.5f}"


def test_a_class_switched_off_is_gone_from_everything(page: OpenedMaps) -> None:
    page.select("pixel", (-0.4, 11.6), (11.5, 15.4))
    ground = page.color("pixel", 0), page.color("latent", 0)
    page.page.locator("#classes button").first.click()
    page.expect_counts("8 of 60 selected", [0, 8, 0])
    page.page.click("#reset")
    page.expect_counts("40 of 60 images", [0, 20, 20])
    for space, before in zip(POINTS, ground, strict=True):
        index = 33
        after = page.color(space, index)
        assert LABELS[index] == 0
        assert np.ptp(after) < 6, "a colour, where grey ground should be"
        assert np.abs(after - before).max() > 60
    page.point_at("pixel", 31)
    page.expect_name("test image #131")
    page.point_at("pixel", 30)
    page.page.wait_for_timeout(200)
    page.expect_name("test image #131")
    page.select("pixel", (-0.4, 11.6), (11.5, 15.4))
    page.expect_counts("8 of 60 selected", [0, 8, 0])
    page.page.click("[data-on=all]")
    page.page.click("#reset")
    page.expect_counts("60 images", [20, 20, 20])


def test_the_menu_changes_the_colours_of_both_maps(page: OpenedMaps) -> None:
    colors = choose_class_colors(3) * 255
    index = 30
    assert LABELS[index] == 0
    for space in POINTS:
        page.page.select_option("#coloring", "class")
        by_class = page.color(space, index)
        assert np.linalg.norm(colors - by_class, axis=1).argmin() == 0
        page.page.select_option("#coloring", "cluster")
        by_cluster = page.color(space, index)
        assert np.linalg.norm(colors - by_cluster, axis=1).argmin() == 1
        page.page.select_option("#coloring", "error")
        by_error = page.color(space, index)
        assert min(np.abs(by_error - other).max() for other in (by_class, by_cluster)) > 30
    assert page.page.inner_text("#low") == "0.0012 or less"


def test_texts_are_texts(page: OpenedMaps) -> None:
    assert page.page.locator("#classes .name").all_inner_texts() == list(CLASSES)
    assert page.page.inner_text("h1") == "A <title>"
    assert page.page.inner_text("#subject") == "60 images of <b>bars</b>"


def test_everything_is_seen_at_once_on_a_laptop(page: OpenedMaps) -> None:
    size = "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    assert page.page.evaluate(size) == [1280, 800]
    boxes = [page.page.locator(f"#{space}").bounding_box() for space in POINTS]
    assert boxes[0]["y"] == boxes[1]["y"]
    assert all(box["width"] == box["height"] > 490 for box in boxes)


def test_a_phone_stacks_the_maps_and_a_tap_shows_an_image(browser: Browser, file: Path) -> None:
    window = {"width": 390, "height": 844}
    phone = open_page(OpenedMaps, browser, file, viewport=window, is_mobile=True, has_touch=True)
    assert phone.page.evaluate("document.documentElement.scrollWidth") == 390
    boxes = [phone.page.locator(f"#{space}").bounding_box() for space in POINTS]
    assert boxes[1]["y"] > boxes[0]["y"] + boxes[0]["height"]
    phone.page.touchscreen.tap(*phone.place("pixel", POINTS["pixel"][22]))
    phone.expect_name("test image #122")
    box = phone.page.locator("#facts").bounding_box()
    assert box["y"] + box["height"] <= 844
    assert phone.troubles == []
    phone.page.context.close()


def test_without_webgl_and_without_groups_the_page_works(
    launch: Callable[..., Browser], tmp_path: Path
) -> None:
    path = tmp_path / "plain.html"
    everything = {"class": (np.zeros(COUNT, int), ("image",))}
    path.write_bytes(draw_page(groups=everything))
    with launch("--disable-3d-apis") as browser:
        page = open_page(OpenedMaps, browser, path)
        has_webgl = "document.createElement('canvas').getContext('webgl') !== null"
        assert page.page.evaluate(has_webgl) is False
        assert page.page.locator("#coloring option").all_inner_texts() == ["class", "error"]
        page.select("pixel", (-0.4, 11.6), (11.5, 15.4))
        page.expect_counts("28 of 60 selected", [28])
        assert page.troubles == []


POSES = ("left", "<b>right</b>")
POSE = np.where(np.arange(COUNT) < 6, np.nan, np.arange(COUNT) % 2)
SMILE = np.where(np.arange(COUNT) % 10 == 0, np.nan, np.linspace(-1, 1, COUNT))
GREY = [138, 144, 153]


@pytest.fixture
def with_attributes(browser: Browser, tmp_path: Path) -> Iterator[OpenedMaps]:
    path = tmp_path / "attributes.html"
    # One is called like a fact of the page's own, and one like what every object has.
    attributes = {"pose": (POSE, POSES), "error": (SMILE, None), "__proto__": (POSE, POSES)}
    path.write_bytes(draw_page(attributes=attributes))
    with visit(OpenedMaps, browser, path) as result:
        yield result


def read_told(opened: OpenedMaps) -> list[str]:
    """The attributes in the details, each with its value; lines that are empty are left out."""
    lines = opened.page.locator("#attributes div").all_inner_texts()
    return [" ".join(line.split()) for line in lines if line.strip()]


def test_names_of_an_attribute_are_switched_like_classes(with_attributes: OpenedMaps) -> None:
    page, colors = with_attributes.page, choose_class_colors(2) * 255
    kinds = ["class", "cluster", "error", "pose", "error", "__proto__"]
    assert page.locator("#coloring option").all_inner_texts() == kinds
    assert page.locator("#find").is_hidden()
    page.select_option("#coloring", "pose")
    lines = page.locator("ul[aria-label=pose] button")
    expect(lines.locator(".name")).to_have_text([*POSES, "unknown"])
    expect(lines.locator(".count")).to_have_text(["27", "27", "6"])
    for index in (30, 33):
        shown = with_attributes.color("pixel", index)
        assert np.linalg.norm(colors - shown, axis=1).argmin() == index % 2
    assert np.abs(with_attributes.color("pixel", 3) - GREY).max() < 25
    with_attributes.point_at("latent", 33)
    with_attributes.expect_name("test image #133")
    assert read_told(with_attributes) == [
        *("pose <b>right</b>", f"error {SMILE[33]:.3g}", "__proto__ <b>right</b>")
    ]
    names = page.locator("[data-space=pixel] button").all_inner_texts()
    assert names == [POSES[index % 2] for index in range(34, 39)]

    lines.nth(2).focus()  # by keyboard: all that is unknown goes, then what is to the left
    page.keyboard.press("Space")
    lines.nth(0).click()
    with_attributes.expect_counts("27 of 60 images", [9, 9, 9])
    page.select_option("#coloring", "class")  # what is switched off stays so, and in sight
    page.locator("#classes button").first.click()
    with_attributes.expect_counts("18 of 60 images", [0, 9, 9])
    expect(lines.locator(".count")).to_have_text(["0", "18", "0"])
    page.click("[data-on=all]")
    with_attributes.expect_counts("60 images", [20, 20, 20])
    expect(lines).to_have_count(3)
    assert lines.first.is_hidden()
    page.select_option("#coloring", "pose")
    page.click("[data-on='']")
    with_attributes.expect_counts("0 of 60 images", [0, 0, 0])


def test_numbers_of_an_attribute_have_a_scale(with_attributes: OpenedMaps) -> None:
    page = with_attributes.page
    page.select_option("#coloring", "4")  # the attribute that is called "error"
    low, high = np.nanquantile(SMILE, (0.01, 0.99))
    texts = page.locator("#measured, #low, #high").all_inner_texts()
    assert texts == ["error", f"{low:.3g} or less", f"{high:.3g} or more"]
    assert page.locator("#unknown").inner_text().split() == ["unknown", "6"]
    assert np.abs(with_attributes.color("latent", 30) - GREY).max() < 25
    ends = [with_attributes.color("latent", index) for index in (1, 59)]
    assert ends[0][2] > ends[0][1] + 60, "low is violet"
    assert ends[1][0] > ends[1][2] + 60, "high is yellow"
    with_attributes.point_at("pixel", 30)
    with_attributes.expect_name("test image #130")
    assert read_told(with_attributes) == ["pose left", "__proto__ left"]
    page.select_option("#coloring", "2")  # the page's own
    assert page.inner_text("#measured") == "squared error of the reconstruction"
    assert page.locator("#unknown").is_hidden()


@pytest.mark.parametrize("width", [1280, 390])
def test_of_hundreds_of_attributes_each_is_found(
    browser: Browser, tmp_path: Path, width: int
) -> None:
    path = tmp_path / "many.html"
    rare = np.where(np.arange(COUNT) == 30, 1.0, np.nan)
    attributes = {f"attribute {number} {'x' * 40}": (POSE, POSES) for number in range(300)}
    attributes = {"rare": (rare, ["no", "yes"]), **attributes}
    path.write_bytes(draw_page(attributes=attributes))
    opened = open_page(OpenedMaps, browser, path, viewport={"width": width, "height": 844})
    page, details = opened.page, opened.page.locator("#details")
    assert len(read_told(opened)) == 0, "nothing is known of the first images"
    height = details.bounding_box()["height"]
    page.fill("#find", "BUTE 217")
    assert page.locator("optgroup option").count() == 1
    page.press("#find", "Enter")
    expect(page.locator("ul.chosen")).to_have_attribute("aria-label", f"attribute 217 {'x' * 40}")
    page.mouse.click(*opened.place("pixel", POINTS["pixel"][30]))
    opened.expect_name("test image #130")
    told = read_told(opened)
    assert [len(told), told[0].split()[1], told[1]] == [12, "217", "rare yes"]
    assert page.inner_text("#more") == "and 289 more"
    assert details.bounding_box()["height"] == height, "nothing moves under the pointer"
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.fill("#find", "no such")
    page.press("#find", "Enter")
    assert page.locator("#coloring option:checked").inner_text().startswith("attribute 217")
    page.fill("#find", "")
    assert page.locator("optgroup option").count() == 301
    assert opened.troubles == []
    page.context.close()


def cut_tile(made: draw.Sheet, number: int) -> np.ndarray:
    """A picture cut out of a sheet, uint8 (H, W, 3)."""
    height, width = made.tile
    row, column = divmod(number, made.columns)
    whole = np.asarray(Image.open(io.BytesIO(made.encoded)).convert("RGB"))
    return whole[row * height :, column * width :][:height, :width]


@pytest.mark.parametrize("shape", [(8, 8, 1), (14, 11, 3), (9, 256, 1), (256, 256, 3)])
def test_a_sheet_holds_every_picture_exactly(shape: tuple[int, int, int]) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (7, *shape), np.uint8)
    made = draw.make_sheet(pictures)
    assert (made.tile, made.note) == (shape[:2], "")
    for number, picture in enumerate(pictures):
        shown = cut_tile(made, number)
        np.testing.assert_array_equal(shown, np.broadcast_to(picture, shown.shape))


def test_a_large_sheet_is_bounded_and_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draw, "MOST_PIXELS", 10_000)
    monkeypatch.setattr(draw, "MOST_BYTES", 5_000)
    pictures = np.random.default_rng(0).integers(0, 256, (100, 20, 40, 3), np.uint8)
    made = draw.make_sheet(pictures)
    assert made.tile == (7, 14)
    assert made.note == "scaled down to 7x14 pixels and compressed with a little loss"
    assert np.prod(Image.open(io.BytesIO(made.encoded)).size) <= 10_000 + 20 * 100
    mean = cut_tile(made, 42).mean()
    assert mean == pytest.approx(pictures[42].mean(), abs=10)


def test_names_are_text_on_the_pages_and_nothing_else(
    browser: Browser, tmp_path: Path, tiny: ImageDataset
) -> None:
    labels, names = index_classes(list(HOSTILE_NAMES))
    told = " ".join(names)
    explorer = tmp_path / "explorer.html"
    groups = {
        "class": (np.resize(labels, COUNT), names),
        "cluster": (LABELS, [f"cluster, mostly {name}" for name in names[:3]]),
    }
    explorer.write_bytes(draw_page(groups=groups, subject=told, text=Text(told, told)))
    data = dataclasses.replace(tiny, name=names[0], class_names=names)
    facts = {"dataset": {"name": told, "hash": ""}, "imported": {"source": told}}
    run = LinearRun(data.image_shape, name=names[1], is_imported=True, facts=facts)
    study = make_study(run, data)
    (tmp_path / "tour.gif").touch()
    shown = Record(told, told, "", "", (), (4, 4), None, *study.model_key, {}, "", told, told, {})
    keep_records(tmp_path, {"tour.gif": shown})
    index = write_page(tmp_path, study)
    for path, ready in ((explorer, "body.ready"), (index, "#made")):
        result = open_page(OpenedMaps, browser, path, ready=ready)
        assert result.page.locator("[onerror]").count() == 0
        if path is explorer:
            listed = result.page.locator("#classes .name").all_text_contents()
            assert listed == [*names]
            assert " ".join(result.page.inner_text("footer").split()) == " ".join(told.split())
        else:
            assert result.page.locator("script").count() == 0
            assert result.page.inner_text("h1") == names[1]
        assert result.troubles == []
        result.page.context.close()
