"""Films the page to explore in use, for the README.

python visualize.py --run mnist-best --explorer
python benchmarks/explorer_film.py outputs/mnist-best/explorer.html outputs/gallery/explorer.gif
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import numpy as np
from explorer import STROKES, launch_browser
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from latentspace.core.files import write_bytes
from latentspace.drawing.media import encode_gif

SIZE = (1120, 700)  # of the window
WIDTH = 760  # of the film
FPS = 8
WALK, CHANGED = (3, 17), 8  # numbers of test images


class Film:
    """What a page shows, frame by frame, with the pointer."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.frames: list[np.ndarray] = []
        self.pointer = (0.0, 0.0)

    def shoot(self, times: int = 1) -> None:
        self.page.wait_for_timeout(60)
        shown = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
        scale = WIDTH / shown.width
        small = shown.resize((WIDTH, round(shown.height * scale)), Image.Resampling.LANCZOS)
        frame = np.array(small)
        x, y = (round(scale * value) for value in self.pointer)
        for row in range(14):  # an arrow
            for column in range(max(1, row * 2 // 3)):
                if 0 <= y + row < frame.shape[0] and 0 <= x + column < frame.shape[1]:
                    edge = column in (0, row * 2 // 3 - 1) or row == 13
                    frame[y + row, x + column] = 255 if edge else 0
        self.frames += [frame] * times

    def move(self, x: float, y: float, steps: int = 6) -> None:
        start = self.pointer
        for step in range(1, steps + 1):
            share = step / steps
            self.pointer = (start[0] + share * (x - start[0]), start[1] + share * (y - start[1]))
            self.page.mouse.move(*self.pointer)
            self.shoot()

    def go_to(
        self, selector: str, shares: tuple[float, float] = (0.5, 0.5), steps: int = 4
    ) -> None:
        box = self.page.locator(selector).first.bounding_box()
        assert box is not None
        self.move(box["x"] + shares[0] * box["width"], box["y"] + shares[1] * box["height"], steps)

    def click(self, selector: str) -> None:
        self.go_to(selector)
        self.page.mouse.click(*self.pointer)
        self.shoot(2)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("page", type=Path)
    parser.add_argument("film", type=Path)
    arguments = parser.parse_args()
    with sync_playwright() as playwright:
        browser = launch_browser(playwright)
        page = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})
        page.goto(arguments.page.resolve().as_uri())
        page.wait_for_selector("body.live", timeout=60_000)
        film = Film(page)
        act(film)
        browser.close()
    write_bytes(arguments.film, encode_gif(np.stack(film.frames), fps=FPS))


def act(film: Film) -> None:
    """Points between images, walks, turns a knob, and draws a seven."""
    page = film.page
    film.go_to("#latent", (0.3, 0.75), 1)
    film.go_to("#latent", (0.55, 0.42), 8)
    film.click("[data-panel=walk]")
    for place, number in enumerate(WALK):
        field = page.locator("#walk .slot input").nth(place)
        field.fill(str(number))
        field.press("Enter")
        page.wait_for_timeout(500)
        film.shoot(2)
    film.go_to("#step", (0.02, 0.5))
    last = int(page.get_attribute("#step", "max") or 1)
    for step in range(0, last + 1, 2):
        page.fill("#step", str(step))
        film.go_to("#step", (0.02 + 0.96 * step / last, 0.5), 1)
    film.click("[data-panel=change]")
    field = page.locator("#change .slot input").first
    field.fill(str(CHANGED))
    field.press("Enter")
    page.wait_for_timeout(300)
    for place, ends in ((0, (-2, 2)), (1, (0, 2.5))):
        for share in np.linspace(0, 1, 8):
            amount = ends[0] + share * (ends[1] - ends[0])
            page.locator("#knobs input").nth(place).fill(f"{round(20 * amount) / 20}")
            film.go_to(f"#knobs label:nth-of-type({place + 1}) input", ((amount + 3) / 6, 0.5), 1)
    film.click("[data-panel=draw]")
    strokes = STROKES[0]
    film.go_to("#pad", strokes[0], 3)
    page.mouse.down()
    for point in strokes[1:]:
        film.go_to("#pad", point, 5)
    page.mouse.up()
    page.wait_for_timeout(500)
    film.shoot(12)


if __name__ == "__main__":
    main()
