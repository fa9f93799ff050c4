"""Measures the page to explore in headless Chromium, its model beside Keras.

python benchmarks/explorer.py --run mnist-best --run smiles --markdown

Needs Chromium and the requirements of the tests. The page of each run is drawn first.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, FloatRect, Page, Playwright, sync_playwright
from results import PROJECT, rewrite_table

from config import VisualizeConfig
from latentspace.core.pixels import to_uint8
from latentspace.datasets import ImageDataset
from latentspace.models import sources
from latentspace.models.backend import start_keras
from latentspace.models.runs import Run, find_run

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
COMPARED, TIMED = 100, 60  # images, questions
SECONDS = 3  # of dragging and of pointing
ZOOMED = 400  # images, or half of fewer, that are seen as such while a map is moved
ACTIONS = 2_000
STROKES = (  # sevens, as shares of the pad
    ((0.25, 0.2), (0.75, 0.2), (0.45, 0.85)),
    ((0.2, 0.25), (0.7, 0.18), (0.55, 0.5), (0.5, 0.85)),
    ((0.3, 0.2), (0.72, 0.25), (0.4, 0.8)),
)
PANELS = ("image", "walk", "change", "calculate", "draw")
FRAMES = """
([seconds, act]) => new Promise((resolve) => {
  const gaps = [];
  const start = performance.now();
  let last = start;
  requestAnimationFrame(function step(now) {
    gaps.push(now - last);
    last = now;
    act && eval(act)(gaps.length);
    now - start < 1000 * seconds ? requestAnimationFrame(step) : resolve(gaps.slice(1));
  });
})
"""
ASK = "([what, more]) => explorer.live.ask(what, more).then((answer) => [...answer.codes])"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--run", action="append", required=True)
    parser.add_argument("--models-dir", default=PROJECT / "models", type=Path)
    parser.add_argument("--outputs-dir", default=PROJECT / "outputs", type=Path)
    parser.add_argument("--samples", default=10_000, type=int, help="test images, at most")
    parser.add_argument("--actions", default=ACTIONS, type=int, help="random ones on each page")
    parser.add_argument("--markdown", action="store_true", help="rewrite docs/results.md")
    arguments = parser.parse_args()
    start_keras()
    lines = [*list_rows(arguments)]
    print("\n".join(lines))
    if arguments.markdown:
        rewrite_table("explorer", lines)


def list_rows(arguments: argparse.Namespace) -> Iterator[str]:
    """A line of Markdown for each run."""
    yield (
        "| run | images | file | opens | decoded: grey levels off | encoded: deviations off "
        "| decode | encode | a walk | frames a second, dragging | frame while pointing "
        f"| frames a second, moving {ZOOMED} images "
        "| longest pause, random actions below the maps | the same, anywhere |"
    )
    yield f"|{'---|' * 14}"
    with sync_playwright() as playwright:
        browser = launch_browser(playwright)
        for name in arguments.run:
            run = find_run(name, arguments.models_dir)
            data = sources.load_images(VisualizeConfig(), frozenset(), run)
            path = draw_page(run, len(data.test_pixels), arguments)
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            troubles: list[str] = []
            page.on("pageerror", partial(note_error, troubles))
            begun = time.perf_counter()
            page.goto(path.as_uri())
            page.wait_for_selector("body.ready", timeout=60_000)
            opened = time.perf_counter() - begun
            page.wait_for_selector("body.live", timeout=60_000)
            count = page.evaluate("known.models[0].live.count")
            yield " | ".join(
                [
                    f"| {run.name}, {'x'.join(map(str, run.image_shape))}",
                    f"{count:,}",
                    f"{path.stat().st_size / 1e6:.1f} MB",
                    f"{opened:.1f} s",
                    f"{compare_decoded(page, run, data):.0f}",
                    f"{compare_encoded(page, run, data):.4f}",
                    *(f"{1000 * seconds:.1f} ms" for seconds in time_questions(page, run, data)),
                    f"{count_frames_dragging(page):.0f}",
                    f"{measure_pointing(page):.1f} ms",
                    f"{count_frames_moving(page):.0f}",
                    f"{act_at_random(page, arguments.actions // 2, '#details'):.0f} ms",
                    f"{act_at_random(page, arguments.actions // 2, 'body'):.0f} ms |",
                ]
            )
            if run.image_shape == (28, 28, 1):
                print("nearest to drawn sevens:", *draw_sevens(page), file=sys.stderr)
            if troubles:
                print("errors on the page:", *troubles, sep="\n", file=sys.stderr)
            page.close()


def launch_browser(playwright: Playwright) -> Browser:
    """Chromium or Chrome, without a sandbox, since root may be the one who measures."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        sys.exit(f"none of {', '.join(BROWSERS)} is installed")
    return playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])


def note_error(troubles: list[str], error: Exception) -> None:
    troubles.append(str(error))


def draw_page(run: Run, images: int, arguments: argparse.Namespace) -> Path:
    """The page of a run, drawn by the program."""
    flags = {
        "--run": run.name,
        "--models-dir": arguments.models_dir,
        "--outputs-dir": arguments.outputs_dir,
        "--samples": min(arguments.samples, images),
    }
    command = [sys.executable, PROJECT / "visualize.py", "--explorer"]
    command += [part for flag in flags.items() for part in flag]
    subprocess.run([*map(str, command)], check=True, stdout=subprocess.DEVNULL)
    return (arguments.outputs_dir / run.name / "explorer.html").resolve()


def compare_decoded(page: Page, run: Run, data: ImageDataset) -> float:
    """The largest difference of an image decoded on the page to the same by Keras, of 255."""
    codes = run.encode(data.test_images[:COMPARED])
    wanted = to_uint8(run.decode(codes)).astype(int)
    worst = 0
    for code, image in zip(codes, wanted, strict=True):
        shown = page.evaluate(
            """(code) => explorer.live
                .ask("make", { parts: [{ code: Float32Array.from(code), weight: 1 }], near: 0 })
                .then(({ pictures }) => [...pictures])""",
            code.tolist(),
        )
        pixels = np.array(shown).reshape(*run.image_shape[:2], 4)[..., : run.image_shape[2]]
        worst = max(worst, int(np.abs(pixels - image).max()))
    return worst


def compare_encoded(page: Page, run: Run, data: ImageDataset) -> float:
    """The largest difference of a code to that by Keras, in standard deviations of its unit."""
    images = data.test_images[:COMPARED]
    wanted = run.encode(images)
    deviations = np.maximum(run.encode(data.test_images[:2000]).std(axis=0), 1e-6)
    found = [page.evaluate(ASK, ["encode", {"image": image.ravel().tolist(), "near": 0}])
             for image in images]  # fmt: skip
    return float((np.abs(np.array(found) - wanted) / deviations).max())


def time_questions(page: Page, run: Run, data: ImageDataset) -> Iterator[float]:
    """Seconds from a question to its answer, at the median: to decode, to encode, to walk."""
    image = data.test_images[0].ravel().tolist()
    last = page.evaluate("known.models[0].live.count") - 1
    path = "data" if page.evaluate("!!known.models[0].live.terrain") else "linear"
    for what, more, times in (
        ("make", {"parts": [{"index": 0, "weight": 1}], "near": 0}, TIMED),
        ("encode", {"image": image, "near": 10}, TIMED),
        ("walk", {"first": {"index": 0}, "last": {"index": last}, "path": path, "near": 10}, 5),
    ):
        taken = page.evaluate(
            """async ([what, more, times]) => {
                const taken = [];
                for (let at = 0; at < times; at++) {
                    const start = performance.now();
                    await explorer.live.ask(what, more);
                    taken.push(performance.now() - start);
                }
                return taken;
            }""",
            [what, more, times],
        )
        yield float(np.median(taken)) / 1000


def count_frames_dragging(page: Page) -> float:
    """How often a second the changed image is drawn anew while a slider moves all the time."""
    page.click("[data-panel=change]")
    act = """(at) => {
        const slider = [...document.querySelectorAll("#knobs input")].at(-1);
        slider.value = 3 * Math.sin(at / 10);
        slider.dispatchEvent(new Event("input"));
    }"""
    page.evaluate(
        """() => {
            window.drawn = 0;
            const own = CanvasRenderingContext2D.prototype.putImageData;
            CanvasRenderingContext2D.prototype.putImageData = function (...given) {
                window.drawn += this.canvas.id === "changed";
                return own.apply(this, given);
            };
        }"""
    )
    page.evaluate(FRAMES, [SECONDS, act])
    return float(page.evaluate("window.drawn")) / SECONDS


def measure_pointing(page: Page) -> float:
    """Milliseconds from frame to frame while the pointer crosses a map, at the 95th percentile."""
    page.click("[data-panel=image]")
    box = page.locator("#latent").bounding_box()
    assert box is not None
    page.evaluate(f"window.gaps = ({FRAMES})([{SECONDS}, null])")
    end, at = time.perf_counter() + SECONDS, 0
    while time.perf_counter() < end:
        share = 0.5 + 0.4 * np.sin(at / 15), 0.5 + 0.4 * np.cos(at / 11)
        page.mouse.move(box["x"] + share[0] * box["width"], box["y"] + share[1] * box["height"])
        at += 1
    return float(np.quantile(page.evaluate("window.gaps"), 0.95))


def count_frames_moving(page: Page) -> float:
    """How often a second the map of the codes is drawn anew while it is moved, zoomed in."""
    page.evaluate(
        """(wanted) => {
            const plot = Bokeh.documents[0].roots()[1];
            const { latent_x: x, latent_y: y } = plot.renderers[0].data_source.data;
            const sort = (values) => [...values].sort((a, b) => a - b);
            const [left, top] = [x, y].map((values) => sort(values)[values.length >> 1]);
            const far = (own, at) => Math.max(Math.abs(own - left), Math.abs(y[at] - top));
            const away = [...x].map(far);
            const reach = sort(away)[Math.min(wanted, away.length >> 1) - 1];
            plot.x_range.setv({ start: left - reach, end: left + reach });
            plot.y_range.setv({ start: top - reach, end: top + reach });
        }""",
        ZOOMED,
    )
    page.wait_for_selector("#latent .images", state="visible")
    page.click("[data-mode=move]")
    box = page.locator("#latent").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.evaluate(
        """() => {
            window.moved = new Set();
            const own = CanvasRenderingContext2D.prototype.drawImage;
            CanvasRenderingContext2D.prototype.drawImage = function (...given) {
                this.canvas.matches("#latent .images") && moved.add(document.timeline.currentTime);
                return own.apply(this, given);
            };
        }"""
    )
    end, at = time.perf_counter() + SECONDS, 0
    while time.perf_counter() < end:
        at += 1
        page.mouse.move(x + 10 * np.sin(at / 5), y + 10 * np.cos(at / 7))
    page.mouse.up()
    frames = float(page.evaluate("moved.size")) / SECONDS
    page.click("#reset")
    page.click("[data-mode=box]")
    return frames


def draw_sevens(page: Page) -> Iterator[str]:
    """The labels of the ten images nearest to each drawn seven."""
    page.click("[data-panel=draw]")
    box = page.locator("#pad").bounding_box()
    assert box is not None
    for strokes in STROKES:
        page.click("#wipe")
        for number, (x, y) in enumerate(strokes):
            place = box["x"] + x * box["width"], box["y"] + y * box["height"]
            page.mouse.move(*place, steps=12)
            if not number:
                page.mouse.down()
        page.mouse.up()
        page.wait_for_function("explorer.live.drawn() !== null")
        page.wait_for_timeout(300)
        labels = page.evaluate("explorer.live.drawn().near.map((index) => explorer.nameOf(index))")
        yield "".join(labels)


def choose_place(rng: random.Random, box: FloatRect) -> tuple[float, float]:
    return (
        rng.uniform(box["x"], box["x"] + box["width"]),
        rng.uniform(box["y"], box["y"] + box["height"]),
    )


def act_at_random(page: Page, count: int, area: str) -> float:
    """The longest pause between two frames, in ms, while somebody does anything in an area."""
    rng = random.Random(0)
    page.evaluate(
        """() => {
            window.longest = 0;
            let last = performance.now();
            requestAnimationFrame(function step(now) {
                window.longest = Math.max(window.longest, now - last);
                last = now;
                requestAnimationFrame(step);
            });
        }"""
    )
    for _ in range(count):
        box = page.locator(area).bounding_box()
        assert box is not None

        match rng.randrange(7):
            case 0:
                page.mouse.click(*choose_place(rng, box))
            case 1:
                page.mouse.move(*choose_place(rng, box))
            case 2:
                page.mouse.move(*choose_place(rng, box))
                page.mouse.down()
                page.mouse.move(*choose_place(rng, box), steps=3)
                page.mouse.up()
            case 3:
                page.click(f"[data-panel={rng.choice(PANELS)}]", force=True)
            case 4:
                page.keyboard.press(rng.choice(["Tab", "Space", "ArrowRight", "ArrowUp", "Escape"]))
            case 5:
                page.evaluate(
                    """(share) => {
                        const all = [...document.querySelectorAll("input[type=range]")];
                        const one = all[Math.floor(share * all.length)];
                        one.value = Number(one.min) + share * (one.max - one.min);
                        one.dispatchEvent(new Event("input"));
                    }""",
                    rng.random(),
                )
            case 6:
                page.set_input_files(
                    "#file", {"name": "a.png", "mimeType": "image/png", "buffer": b"no image"}
                )
    return float(page.evaluate("window.longest"))


if __name__ == "__main__":
    main()
