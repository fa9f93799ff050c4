"""The model at work on the page, in a real browser, beside the program."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from browsing import LEVELS, Opened, open_page, visit
from conftest import LinearRun, make_study
from faces import look_at
from PIL import Image
from playwright.sync_api import Browser, expect

from latentspace.chapters.attributes.values import AttributeValues
from latentspace.chapters.calculate.arithmetic import Arithmetic
from latentspace.chapters.explorer.figures import RECIPES
from latentspace.chapters.interpolate.measure import Interpolation
from latentspace.chapters.study import Study
from latentspace.core.pixels import to_uint8
from latentspace.datasets import ImageDataset, read_image

FRAMES = 9
HEIGHT, WIDTH = 14, 11


@pytest.fixture(scope="module")
def study(tiny: ImageDataset) -> Study:
    return make_study(LinearRun(tiny.image_shape), tiny, frames=FRAMES)


@pytest.fixture(scope="module")
def file(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("live") / "explorer.html"
    path.write_bytes(RECIPES["explorer.html"].draw(study).frames)
    return path


@pytest.fixture
def page(browser: Browser, file: Path) -> Iterator[Opened]:
    with visit(Opened, browser, file, ready="body.live") as result:
        yield result


def turn(page: Opened, name: str, amount: float) -> None:
    knob = page.page.locator("#knobs label", has=page.page.locator(f"span[title^='{name}']"))
    knob.first.locator("input").fill(str(amount))


def test_a_walk_is_that_of_the_program_frame_by_frame(page: Opened, study: Study) -> None:
    page.fill("walk", 3, 17)
    chosen = dataclasses.replace(study.settings, start=["3"], end=["17"])
    program = Study(study.run, study.data, chosen).of(Interpolation)
    for path in ("linear", "data"):
        page.page.select_option("#path", path)
        images = program.get_images(path)[0]
        expect(page.page.locator("#walk code")).to_have_text(
            f"--interpolation --from 3 --to 17 --path {path}"
        )
        for frame, image in enumerate(images):
            page.page.fill("#step", str(frame))
            page.expect_picture("#walked", image)
        strip = page.picture("#strip").reshape(HEIGHT, FRAMES, WIDTH, 3).swapaxes(0, 1)
        np.testing.assert_allclose(
            strip[..., :1].astype(int), to_uint8(images).astype(int), atol=LEVELS
        )
    assert page.page.locator("#pixel .traces polyline.chosen").count() == 1
    assert page.page.locator("#latent .traces polyline.other").count() == 1
    letters = page.page.locator("#latent .traces text").all_text_contents()
    assert letters == ["A", "B", ""]


def test_a_saved_strip_is_the_strip(page: Opened, tmp_path: Path) -> None:
    page.fill("walk", 3, 17)
    page.page.wait_for_selector("#save:enabled")
    with page.page.expect_download() as download:
        page.page.click("#save")
    assert download.value.suggested_filename == "walk-test-image-3-to-test-image-17.png"
    download.value.save_as(tmp_path / "strip.png")
    saved = np.asarray(Image.open(tmp_path / "strip.png").convert("RGB"))
    np.testing.assert_array_equal(saved, page.picture("#strip"))


def test_a_walk_plays_and_stops(page: Opened) -> None:
    page.fill("walk", 3, 17)
    page.page.wait_for_selector("#save:enabled")
    page.page.click("#play")
    expect(page.page.locator("#play")).to_have_text("Pause")
    page.page.wait_for_function("Number(document.querySelector('#step').value) > 2")
    page.page.click("#play")
    stopped = page.page.input_value("#step")
    page.page.wait_for_timeout(250)
    assert page.page.input_value("#step") == stopped


def test_knobs_move_an_image_as_the_expression_does(page: Opened, study: Study) -> None:
    page.fill("change", 5)
    turn(page, "axis 1,", 2)
    turn(page, "unit 4", -0.5)
    text = "5 + 2*axis:1 - 0.5*unit:4"
    expect(page.page.locator("#change code")).to_have_text(f"--arithmetic --expression '{text}'")
    chosen = dataclasses.replace(study.settings, expression=text)
    (section,) = Study(study.run, study.data, chosen).of(Arithmetic).make_sections()
    page.expect_picture("#changed", section.images[0, -1])
    page.page.click("#back")
    expect(page.page.locator("#change code")).to_have_text("--arithmetic --expression '5'")
    page.expect_picture("#changed", study.run.decode(study.codes[5:6])[0])


def test_an_attribute_changes_its_image(page: Opened, study: Study) -> None:
    page.fill("change", 5)
    turn(page, "thickness", 2)
    text = "--arithmetic --expression '5 + 2*thickness'"
    expect(page.page.locator("#change code")).to_have_text(text)
    before = study.run.decode(study.codes[5:6])[0].sum()
    page.page.wait_for_timeout(500)
    assert page.picture("#changed")[..., 0].sum() / 255 > 1.05 * before  # is more ink


def test_attributes_are_put_on_and_taken_off_as_by_the_program(
    browser: Browser, faces: ImageDataset, principal_run: LinearRun, tmp_path: Path
) -> None:
    study = look_at(principal_run, faces, attribute=["glasses"])
    path = tmp_path / "explorer.html"
    path.write_bytes(RECIPES["explorer.html"].draw(study).frames)
    opened = open_page(Opened, browser, path, ready="body.live")
    values = study.of(AttributeValues)
    has = values.tables["test"].values[:, values.find("glasses")]
    for value, sign in ((0, "+"), (1, "-")):
        index = int(np.flatnonzero(has == value)[0])
        opened.fill("change", index)
        turn(opened, "glasses", 0.75 if sign == "+" else -0.75)
        text = f"{index} {sign} 0.75*glasses"
        expect(opened.page.locator("#change code")).to_have_text(
            f"--arithmetic --expression '{text}'"
        )
        program = look_at(principal_run, faces, expression=text)
        (section,) = program.of(Arithmetic).make_sections()
        opened.expect_picture("#changed", section.images[0, -1])
        ends = opened.page.locator("#knobs input").first
        assert [ends.get_attribute(end) for end in ("min", "max")] == [
            str(-value), str(1 - value)
        ]  # fmt: skip
    assert opened.troubles == []


def test_a_sum_and_its_nearest_images(page: Opened, study: Study) -> None:
    page.fill("calculate", 3, 17, 30)
    code = study.codes[3] - study.codes[17] + study.codes[30]
    page.expect_picture("#result", study.run.decode(code[None])[0])
    expect(page.page.locator("#calculate code")).to_have_text(
        "--arithmetic --expression '3 - 17 + 30'"
    )
    order = np.argsort(np.linalg.norm(study.codes - code, axis=1))
    titles = page.page.locator("#calculate .found button").evaluate_all(
        "buttons => buttons.map((button) => button.title)"
    )
    assert titles == [f"test image #{index}" for index in order[:5]]
    page.page.click("#clear")
    assert page.page.locator("#calculate .found button").count() == 0


def test_an_image_that_is_opened_is_encoded(page: Opened, study: Study, tmp_path: Path) -> None:
    pixels = study.data.test_pixels[8, ..., 0]
    path = tmp_path / "it's 8.png"
    Image.fromarray(pixels).save(path)
    page.page.click("[data-panel=draw]")
    page.page.set_input_files("#file", path)
    image = read_image(path, study.run.image_shape)
    expect(page.page.locator("#judged")).to_contain_text("squared error")
    taken = page.picture("#taken")[..., :1].astype(int)
    assert np.abs(taken - to_uint8(image)).mean() < 12  # browsers scale in ways of their own
    back = study.run.decode(study.run.encode(taken[None].astype(np.float32) / 255))[0]
    page.expect_picture("#redrawn", back)
    assert page.page.locator("#draw .found button").count() == 5
    assert page.page.locator("#latent .traces text").all_text_contents() == ["✎"]
    page.page.click("[data-panel=walk]")
    page.page.locator("#walk .own").click()
    page.page.locator("#walk .slot input").nth(1).fill("3")
    page.page.locator("#walk .slot input").nth(1).press("Enter")
    expect(page.page.locator("#walk code")).to_have_text(
        "--interpolation --from 'it'\\''s 8.png' --to 3 --path data"
    )


def test_what_is_no_image_is_said(page: Opened) -> None:
    page.page.click("[data-panel=draw]")
    page.page.set_input_files(
        "#file", {"name": "note.png", "mimeType": "image/png", "buffer": b"a note"}
    )
    expect(page.page.locator("#judged")).to_have_text(
        "note.png is no image that this browser reads"
    )


def test_a_drawing_by_mouse_and_by_keys_is_encoded(page: Opened) -> None:
    page.page.click("[data-panel=draw]")
    box = page.page.locator("#pad").bounding_box()
    page.page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.2 * box["height"])
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.8 * box["height"], steps=5)
    page.page.mouse.up()
    expect(page.page.locator("#judged")).to_contain_text("squared error")
    assert page.picture("#taken").max() > 200
    page.page.click("#wipe")
    assert page.picture("#taken").max() == 0
    page.page.focus("#pad")
    page.page.keyboard.press("Space")
    for _ in range(12):
        page.page.keyboard.press("ArrowDown")
    expect(page.page.locator("#judged")).to_contain_text("squared error")
    assert page.picture("#taken").max() > 100


def test_the_image_at_hand_can_be_drawn_on(page: Opened, study: Study) -> None:
    page.page.click("[data-panel=draw]")
    page.page.click("#trace")
    expect(page.page.locator("#judged")).to_contain_text("squared error")
    taken = page.picture("#taken")[..., 0].astype(float) / 255
    image = study.images[0, ..., 0]
    assert np.corrcoef(taken.ravel(), image.ravel())[0, 1] > 0.9


def test_between_points_the_model_draws(page: Opened) -> None:
    box = page.page.locator("#latent").bounding_box()
    page.page.mouse.move(box["x"] + 3, box["y"] + 3)
    expect(page.page.locator("#tip span")).to_have_text("drawn by the model")
    assert page.picture("#tip canvas").std() > 0


def test_panels_are_chosen_by_keys(page: Opened) -> None:
    page.page.focus("[data-panel=image]")
    for panel in ("walk", "change", "calculate", "draw", "check", "image"):
        page.page.keyboard.press("ArrowDown")
        expect(page.page.locator(f"[data-panel={panel}]")).to_be_focused()
        expect(page.page.locator(f"#{panel}")).to_be_visible()
        assert page.page.locator(".panel:visible").count() == 1


def test_a_number_that_is_not_there_is_marked(page: Opened) -> None:
    page.fill("walk", 999)
    assert page.page.locator("#walk [aria-invalid]").count() == 1


@pytest.mark.parametrize("width", [880, 1000, 1120, 1280])
def test_what_is_known_of_an_image_has_room_in_every_window(
    browser: Browser, faces: ImageDataset, principal_run: LinearRun, tmp_path: Path, width: int
) -> None:
    study = look_at(principal_run, faces, attribute=["glasses"])
    path = tmp_path / "explorer.html"
    path.write_bytes(RECIPES["explorer.html"].draw(study).frames)
    opened = open_page(Opened, browser, path, "body.live", viewport={"width": width, "height": 800})
    room = opened.page.locator("#details").bounding_box()
    assert opened.page.locator("#facts").bounding_box()["width"] >= 150
    ends = opened.page.locator("#image *").evaluate_all(
        "all => all.map((one) => one.getBoundingClientRect()).map((box) => [box.right, box.bottom])"
    )
    assert max(right for right, _ in ends) <= room["x"] + room["width"]
    assert max(bottom for _, bottom in ends) <= room["y"] + room["height"]
    first, second = (opened.page.locator(".near").nth(place).bounding_box() for place in (0, 1))
    inner = opened.page.locator(".near").first.locator("button").last.bounding_box()
    assert inner["x"] + inner["width"] <= first["x"] + first["width"] + 1 <= second["x"]


def test_a_phone_has_room_for_every_panel(browser: Browser, file: Path) -> None:
    window = {"width": 390, "height": 844}
    phone = open_page(
        Opened, browser, file, "body.live", viewport=window, is_mobile=True, has_touch=True
    )
    for panel in ("image", "walk", "change", "calculate", "draw", "check"):
        phone.page.tap(f"[data-panel={panel}]")
        assert phone.page.evaluate("document.documentElement.scrollWidth") == 390
        details = phone.page.locator("#details").bounding_box()
        assert details["height"] < 0.6 * 844
        shown = phone.page.locator(f"#{panel} :is(canvas, button):visible").first.bounding_box()
        assert details["x"] <= shown["x"]
        assert shown["x"] + shown["width"] <= 390
    assert phone.troubles == []


def test_the_page_loads_nothing_from_anywhere(browser: Browser, file: Path) -> None:
    opened = open_page(Opened, browser, file, "body.live")
    opened.page.context.set_offline(False)
    outcome = opened.page.evaluate("fetch('http://localhost:9/').catch(() => 'refused')")
    assert outcome == "refused"
    assert any("Content Security Policy" in trouble for trouble in opened.troubles)


def test_without_a_model_that_runs_the_page_says_why(
    browser: Browser,
    tiny: ImageDataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from latentspace.models.portable import NotPortableError

    def refuse(run: LinearRun) -> None:
        raise NotPortableError("the layer 'sampling' of the kind Lambda")

    monkeypatch.setattr(LinearRun, "describe_networks", refuse)
    study = make_study(LinearRun(tiny.image_shape), tiny)
    path = tmp_path / "explorer.html"
    path.write_bytes(RECIPES["explorer.html"].draw(study).frames)
    opened = open_page(Opened, browser, path)
    expect(opened.page.locator("#still")).to_have_text(
        "The model does not run on this page: it can't run the layer 'sampling' of the kind Lambda."
    )
    assert opened.page.locator("#tabs button:visible").all_inner_texts() == ["Image", "Check"]
    assert opened.page.locator("dd").first.inner_text().startswith("test image #")
    assert opened.troubles == []


def test_the_same_page_has_the_same_bytes(study: Study, file: Path) -> None:
    again = make_study(LinearRun(study.run.image_shape), study.data, frames=FRAMES)
    assert RECIPES["explorer.html"].draw(again).frames == file.read_bytes()
    assert b"Content-Security-Policy" in io.BytesIO(file.read_bytes()).read(2000)
