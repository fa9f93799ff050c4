"""The page to explore of two models, in a real browser, beside the program."""

from __future__ import annotations

import csv
import dataclasses
import html
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from browsing import LEVELS, Opened, open_page, visit
from conftest import LinearRun, make_study
from PIL import Image
from playwright.sync_api import Browser, expect

from latentspace.analysis import clustering, projection, scores
from latentspace.analysis.neighbors import find_nearest_others
from latentspace.chapters.compare.figures import RECIPES
from latentspace.chapters.compare.measure import Comparison, align_maps
from latentspace.chapters.explorer.measure import Exploration
from latentspace.chapters.interpolate.measure import Interpolation
from latentspace.chapters.maps import images as map_images
from latentspace.chapters.study import Study
from latentspace.core.pixels import to_uint8
from latentspace.datasets import ImageDataset
from latentspace.models.portable import NotPortableError

FRAMES = 9
RUNS = {"A": ("small", 8), "B": ("it's large", 16)}
REFUSED = "the layer 'sampling' of the kind Lambda"
Make = Callable[..., Path]


class OpenedPair(Opened):
    """The page of two models, of which the second starts when it is first chosen."""

    PATIENCE = 80


def make_pair(data: ImageDataset, *, refused: str = "", **settings) -> Comparison:
    """A comparison of a run of 8 units and one of 16; a page can't run the letters of `refused`."""
    studies = []
    for letter, (name, units) in RUNS.items():
        run = LinearRun(data.image_shape, units, name=name, model_hash=name)
        run.facts["dataset"]["hash"] = data.hash
        if letter in refused:
            run.describe_networks = refuse
        studies.append(make_study(run, data, frames=FRAMES, **settings))
    return Comparison(*studies)


def refuse() -> None:
    raise NotPortableError(REFUSED)


@pytest.fixture(scope="module")
def pair(tiny: ImageDataset) -> Comparison:
    return make_pair(tiny)


@pytest.fixture(scope="module")
def file(pair: Comparison, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pair") / "explorer.html"
    path.write_bytes(RECIPES["explorer.html"].draw(pair).frames)
    return path


@pytest.fixture
def page(browser: Browser, file: Path) -> Iterator[Opened]:
    with visit(OpenedPair, browser, file, ready="body.live") as result:
        yield result


@pytest.fixture
def open_refused(browser: Browser, tiny: ImageDataset, tmp_path: Path) -> Callable[[str], Opened]:
    """Opens the page of which some models, by their letters, can't run there."""

    def opened(refused: str, ready: str = "body.live") -> Opened:
        path = tmp_path / "explorer.html"
        path.write_bytes(RECIPES["explorer.html"].draw(make_pair(tiny, refused=refused)).frames)
        return open_page(OpenedPair, browser, path, ready)

    return opened


def choose_model(page: Opened, letter: str) -> None:
    page.page.locator("#models button", has_text=f"{letter}: ").click()


def find_back(pair: Comparison) -> dict[str, np.ndarray]:
    """What each model makes of the images, by letter."""
    images = pair.data.test_images[:]
    return {
        letter: study.run.decode(study.run.encode(images)) for letter, study in pair.studies.items()
    }


def find_errors(pair: Comparison) -> dict[str, np.ndarray]:
    back = find_back(pair).items()
    return {letter: scores.squared_errors(pair.data.test_images[:], of) for letter, of in back}


def name_better(more: float) -> str:
    return "A: small" if more > 0 else "B: it's large"


def test_an_image_is_shown_with_what_both_models_make_of_it(page: Opened, pair: Comparison) -> None:
    back, errors = find_back(pair), find_errors(pair)
    clusters = {letter: study.of(Exploration).clusters for letter, study in pair.studies.items()}
    for index in (7, 29):
        x, y = align_maps(pair.maps)["A"][index]
        page.page.evaluate(f"explorer.tap('A', {{x: {x}, y: {y}}})")
        original = page.picture("#original")
        np.testing.assert_array_equal(
            original, np.broadcast_to(pair.data.test_pixels[index], original.shape)
        )
        for letter, images in back.items():
            shown = page.picture(f"#reconstruction{letter}")
            np.testing.assert_array_equal(
                shown, np.broadcast_to(to_uint8(images[index]), shown.shape)
            )
            study = pair.studies[letter]
            nearest = find_nearest_others(study.codes, np.array([index]), 5)[1][0]
            titles = page.page.locator(f"[data-space={letter}] button").evaluate_all(
                "all => all.map((one) => one.title)"
            )
            assert titles == [f"test image #{other}" for other in nearest]
        more = errors["B"][index] - errors["A"][index]
        assert page.page.locator("#facts dd").all_inner_texts() == [
            f"test image #{index}",
            pair.data.class_names[pair.data.test_labels[index]],
            *(found.names[found.labels[index]] for found in clusters.values()),
            *(f"{of[index]:.5f}" for of in errors.values()),
            name_better(more),
        ]


def test_headings_name_the_runs_with_their_units_and_scores(page: Opened, pair: Comparison) -> None:
    headings = page.page.locator(".heading").all_inner_texts()
    for (letter, (name, units)), heading in zip(RUNS.items(), headings, strict=True):
        scored = pair._on_maps[letter]
        assert heading.split("\n\n") == [
            f"{letter}: {name}, {units} units",
            f"10-NN label accuracy {scored['knn_accuracy'].mean():.3f}, silhouette "
            f"{scored['silhouette'].mean():.3f}, mean error {find_errors(pair)[letter].mean():.5f}",
        ]


def test_the_better_model_is_a_group_and_the_difference_a_number(
    page: Opened, pair: Comparison
) -> None:
    menu = page.page.locator("#coloring option").all_inner_texts()
    difference = "error of B − error of A"
    assert menu == [
        *("class", "cluster of A", "cluster of B", "error of A", "error of B"),
        *("better model", difference, "copy"),
    ]
    errors = find_errors(pair)
    more = errors["B"] - errors["A"]
    counts = [int((more > 0).sum()), int((more < 0).sum())]
    page.page.select_option("#coloring", label="better model")
    lines = page.page.locator("ul.chosen button")
    assert lines.locator(".name").all_inner_texts() == ["A: small", "B: it's large"]
    assert lines.locator(".count").all_inner_texts() == [*map(str, counts)]
    lines.nth(1).click()
    expect(page.page.locator("#total")).to_have_text(f"{counts[0]} of 60 images")
    page.page.click("[data-on=all]")
    page.page.select_option("#coloring", label=difference)
    most = np.quantile(np.abs(more), 0.99)
    assert page.page.inner_text("#measured") == difference
    assert page.page.locator("#low, #high").all_inner_texts() == [
        f"{-most:.4f} or less",
        f"+{most:.4f} or more",
    ]


def test_a_saved_table_has_all_columns(page: Opened, pair: Comparison, tmp_path: Path) -> None:
    with page.page.expect_download() as download:
        page.page.click("#table")
    download.value.save_as(tmp_path / "images.csv")
    with (tmp_path / "images.csv").open(newline="", encoding="utf-8") as table:
        head, *rows = csv.reader(table)
    difference = "error of B − error of A"
    assert head == [
        *("split", "index", "class", "cluster of A", "cluster of B", "error of A", "error of B"),
        *("better model", difference, "copy"),
    ]
    errors = find_errors(pair)
    for row in rows:
        found, index = dict(zip(head, row, strict=True)), int(row[1])
        more = errors["B"][index] - errors["A"][index]
        assert float(found["error of A"]) == pytest.approx(errors["A"][index], abs=1e-5)
        assert float(found["error of B"]) == pytest.approx(errors["B"][index], abs=1e-5)
        assert float(found[difference]) == pytest.approx(more, abs=1e-5)
        assert found["better model"] == name_better(more)


def test_images_that_differ_most_are_listed_either_way(page: Opened, pair: Comparison) -> None:
    page.page.click("[data-panel=differences]")
    errors = find_errors(pair)
    more = errors["B"] - errors["A"]
    sides = page.page.locator(".side")
    assert sides.locator("h2").all_inner_texts() == [
        "A: small is better by most original, by A, by B",
        "B: it's large is better by most original, by A, by B",
    ]
    for side, order in ((0, np.argsort(-more)), (1, np.argsort(more))):
        better = [index for index in order if (more[index] > 0) == (side == 0)]
        items = sides.nth(side).locator("button")
        titles = items.evaluate_all("all => all.map((one) => one.title)")
        assert titles == [f"test image #{index}" for index in better[:40]]
        for place in {0, len(titles) - 1} if titles else ():
            told = items.nth(place).locator("span").all_inner_texts()
            assert told[1:] == [f"{of[better[place]]:.5f}" for of in errors.values()]
    last = sides.nth(1).locator("button").last
    index = last.get_attribute("title").split("#")[1]
    last.click()
    expect(page.page.locator("#facts dd").first).to_have_text(f"test image #{index}")
    assert last.get_attribute("aria-pressed") == "true"
    # Of what is selected only.
    page.page.evaluate(
        "Bokeh.documents[0].roots()[0].renderers[0].data_source.selected.indices = [3, 4, 5]"
    )
    expect(page.page.locator(".side button")).to_have_count(3)


@pytest.mark.parametrize("path", ["linear", "data"])
def test_a_walk_of_either_model_is_that_of_the_program(
    page: Opened, pair: Comparison, path: str
) -> None:
    page.fill("walk", 3, 17)
    page.page.select_option("#path", path)
    page.page.fill("#step", "4")
    for letter, name in (("A", "small"), ("B", "'it'\\''s large'"), ("A", "small")):
        choose_model(page, letter)
        study = pair.studies[letter]
        chosen = dataclasses.replace(study.settings, start=["3"], end=["17"])
        images = Study(study.run, study.data, chosen).of(Interpolation).get_images(path)[0]
        page.expect_picture("#walked", images[4])
        strip = page.picture("#strip").reshape(14, FRAMES, 11, 3).swapaxes(0, 1)
        np.testing.assert_allclose(
            strip[..., :1].astype(int), to_uint8(images).astype(int), atol=LEVELS
        )
        expect(page.page.locator("#walk code")).to_have_text(
            f"--run {name} --interpolation --from 3 --to 17 --path {path}"
        )
        assert page.page.input_value("#step") == "4"
        assert page.page.locator("#walk .slot").count() == 2
        for space in "AB":
            letters = page.page.locator(f"#{space} .traces text").all_text_contents()
            assert letters == ["1", "2", ""]


def test_what_was_chosen_stays_with_the_other_model(
    page: Opened, pair: Comparison, tmp_path: Path
) -> None:
    Image.fromarray(pair.data.test_pixels[8, ..., 0]).save(tmp_path / "8.png")
    page.page.click("[data-panel=draw]")
    page.page.set_input_files("#file", tmp_path / "8.png")
    expect(page.page.locator("#judged")).to_contain_text("squared error")
    taken = page.picture("#taken")
    page.fill("change", 5)
    knob = "#knobs label:has(span[title='thickness']) input"
    page.page.fill(knob, "2")
    page.fill("calculate", 3, 17, 30)
    page.page.click("[data-panel=walk]")
    page.page.locator("#walk .own").click()
    page.page.locator("#walk .slot input").nth(1).fill("3")
    page.page.locator("#walk .slot input").nth(1).press("Enter")
    page.page.fill("#step", "0")
    choose_model(page, "B")
    own = taken[None, ..., :1].astype(np.float32) / 255
    study = pair.studies["B"]
    back = study.run.decode(study.run.encode(own))[0]
    page.expect_picture("#walked", back)
    page.page.click("[data-panel=calculate]")
    code = study.codes[3] - study.codes[17] + study.codes[30]
    page.expect_picture("#result", study.run.decode(code[None])[0])
    expect(page.page.locator("#calculate code")).to_have_text(
        "--run 'it'\\''s large' --arithmetic --expression '3 - 17 + 30'"
    )
    page.page.click("[data-panel=change]")
    assert page.page.input_value(knob) == "2"
    expect(page.page.locator("#change code")).to_have_text(
        "--run 'it'\\''s large' --arithmetic --expression '5 + 2*thickness'"
    )
    assert page.page.locator("#knobs span[title='unit 15']").count() == 1
    page.page.click("[data-panel=draw]")
    np.testing.assert_array_equal(page.picture("#taken"), taken)
    page.expect_picture("#redrawn", back)


@pytest.mark.parametrize("letter", ["A", "B"])
def test_between_points_the_model_of_the_map_draws(page: Opened, letter: str) -> None:
    box = page.page.locator(f"#{letter}").bounding_box()
    page.page.mouse.move(box["x"] + 3, box["y"] + 3)
    expect(page.page.locator("#tip span")).to_have_text(f"drawn by {letter}")
    assert page.picture("#tip canvas").std() > 0


@pytest.mark.parametrize(("refused", "other"), [("A", "B"), ("B", "A")])
def test_of_two_models_the_one_that_can_runs(
    open_refused: Callable[[str], Opened], pair: Comparison, refused: str, other: str
) -> None:
    opened = open_refused(refused)
    expect(opened.page.locator("#still")).to_have_text(
        f"Model {refused} ({RUNS[refused][0]}) does not run on this page: it can't run {REFUSED}."
    )
    opened.fill("walk", 3, 17)
    study = pair.studies[other]
    opened.page.fill("#step", "0")
    opened.expect_picture("#walked", study.run.decode(study.codes[3:4])[0])
    assert opened.page.locator("#models button:disabled").inner_text().startswith(f"{refused}: ")
    box = opened.page.locator(f"#{refused}").bounding_box()
    opened.page.mouse.move(box["x"] + 3, box["y"] + 3)
    opened.page.wait_for_timeout(300)
    assert not opened.page.locator("#tip").is_visible()
    assert opened.troubles == []
    opened.page.context.close()


def test_without_any_model_that_runs_the_differences_are_there(
    open_refused: Callable[..., Opened],
) -> None:
    opened = open_refused("AB", "body.ready")
    assert opened.page.inner_text("#still").count("does not run on this page") == 2
    assert opened.page.locator("[role=tab]:visible").all_inner_texts() == [
        *("Image", "Differences", "Check")
    ]
    opened.page.click("[data-panel=differences]")
    assert opened.page.locator(".side button").count() > 0
    assert opened.troubles == []
    opened.page.context.close()


@pytest.mark.parametrize(
    ("width", "height"), [(390, 844), (880, 700), (1000, 700), (1280, 800), (1440, 900)]
)
def test_every_panel_has_room_in_every_window(
    browser: Browser, file: Path, width: int, height: int
) -> None:
    window = {"width": width, "height": height}
    opened = open_page(OpenedPair, browser, file, "body.live", viewport=window)
    room = opened.page.locator("#details").bounding_box()
    for panel in ("image", "differences", "walk", "change", "calculate", "draw"):
        opened.page.click(f"[data-panel={panel}]")
        assert opened.page.evaluate("document.documentElement.scrollWidth") == width
        room = opened.page.locator("#details").bounding_box()
        inner = opened.page.locator(f"#{panel}").bounding_box()
        assert inner["x"] + inner["width"] <= room["x"] + room["width"] + 1
        if width > 860:
            assert room["y"] + room["height"] <= height
            tabs = opened.page.locator("#tabs").bounding_box()
            assert tabs["height"] <= inner["height"] + 1
            ends = opened.page.locator(f"#{panel} > *:not(.side)").evaluate_all(
                "all => all.map((one) => one.getBoundingClientRect().bottom)"
            )
            assert max(ends, default=0) <= room["y"] + room["height"]
    assert opened.troubles == []
    opened.page.context.close()


def test_more_images_than_on_pictures_lie_on_both_maps(
    tiny: ImageDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(map_images, "DEFAULT_SAMPLES", 30)
    monkeypatch.setattr(clustering, "reduce_dimensions", lambda vectors, graph, seed: vectors)
    pair = make_pair(tiny)
    explored = {letter: study.of(Exploration).maps for letter, study in pair.studies.items()}
    first, second = align_maps(explored).values()
    assert len(first) == len(second) == 60
    assert len(align_maps(pair.maps)["A"]) == 30
    turn, shift = projection.align(second, first)
    np.testing.assert_allclose(turn, np.eye(2), atol=1e-5)
    np.testing.assert_allclose(shift, 0, atol=1e-4)
    page = html.unescape(RECIPES["explorer.html"].draw(pair).frames.decode())
    assert "60 test images of bars" in page
    assert "B's map is turned and mirrored onto A's" in page
    assert "The file holds the networks of both models." in page


def test_equal_models_have_no_better_one(
    browser: Browser, tiny: ImageDataset, tmp_path: Path
) -> None:
    run = LinearRun(tiny.image_shape)
    path = tmp_path / "explorer.html"
    pair = Comparison(*(make_study(run, tiny) for _ in range(2)))
    path.write_bytes(RECIPES["explorer.html"].draw(pair).frames)
    opened = open_page(OpenedPair, browser, path, "body.live")
    opened.page.select_option("#coloring", label="better model")
    counts = opened.page.locator("ul.chosen button").all_inner_texts()
    assert [line.split() for line in counts] == [
        *(["A:", "linear", "0"], ["B:", "linear", "0"], ["neither", "60"])
    ]
    opened.page.click("[data-panel=differences]")
    assert opened.page.locator(".side button").count() == 0
    assert opened.troubles == []
    opened.page.context.close()


def test_the_same_page_has_the_same_bytes(tiny: ImageDataset, file: Path) -> None:
    assert RECIPES["explorer.html"].draw(make_pair(tiny)).frames == file.read_bytes()
