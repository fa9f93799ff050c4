"""Pages opened in a real browser without a network."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
from conftest import PROJECT
from playwright.sync_api import Browser, Page

from latentspace.core.pixels import to_uint8

LEVELS = 3  # of 255, that a picture of the page may be off
OWN = ("file:", "data:", "blob:")  # begin addresses that are no network
NETWORKS = PROJECT / "latentspace" / "chapters" / "explorer" / "network.js"
RUN = """([script, descriptions, packed, inputs]) => new Promise((resolve, reject) => {
    const act = `onmessage = ({ data: [descriptions, bytes, inputs] }) => {
        const networks = makeNetworks(descriptions, bytes);
        const run = (network, i) => inputs[i].map((x) => Array.from(network.run(x)));
        postMessage([networks.map(run), networks.map(run)]);
    }`;
    const worker = new Worker(URL.createObjectURL(new Blob([script, act])));
    worker.onerror = (event) => reject(event.message);
    worker.onmessage = ({ data: [first, second] }) => {
        const isSame = JSON.stringify(first) === JSON.stringify(second);
        isSame ? resolve(first) : reject("a second run is another");
    };
    const bytes = Uint8Array.from(atob(packed), (one) => one.charCodeAt(0));
    worker.postMessage([descriptions, bytes, inputs]);
})"""


@dataclass
class Opened:
    """A page in a browser, and what went wrong on it."""

    PATIENCE: ClassVar[int] = 50  # tenths of a second for a picture to be drawn

    page: Page
    troubles: list[str] = field(default_factory=list)

    def picture(self, selector: str) -> np.ndarray:
        """What a canvas shows, uint8 (H, W, 3)."""
        code = """canvas => {
            const context = canvas.getContext("2d");
            const shown = context.getImageData(0, 0, canvas.width, canvas.height);
            return [canvas.height, canvas.width, [...shown.data]];
        }"""
        height, width, values = self.page.locator(selector).evaluate(code)
        return np.array(values, np.uint8).reshape(height, width, 4)[..., :3]

    def expect_picture(self, selector: str, image: np.ndarray) -> None:
        """Waits until a canvas shows an image, float (H, W, 1), or nearly."""
        wanted = np.broadcast_to(to_uint8(image), (*image.shape[:2], 3)).astype(int)
        for _ in range(self.PATIENCE):
            shown = self.picture(selector)
            if shown.shape == wanted.shape and np.abs(shown - wanted).max() <= LEVELS:
                return
            self.page.wait_for_timeout(100)
        np.testing.assert_allclose(shown, wanted, atol=LEVELS)

    def fill(self, panel: str, *numbers: int) -> None:
        """Types the numbers of images into the slots of a panel."""
        self.page.click(f"[data-panel={panel}]")
        inputs = self.page.locator(f"#{panel} .slot input")
        for place, number in enumerate(numbers):
            inputs.nth(place).fill(str(number))
            inputs.nth(place).press("Enter")


def run_networks(
    page: Page, descriptions: list[dict[str, Any]], packed: bytes, inputs: list[np.ndarray]
) -> list[list[list[float]]]:
    """What a browser makes of some inputs (N, ...) of each network that `pack` described."""
    lists = [[one.ravel().tolist() for one in given] for given in inputs]
    script, sent = NETWORKS.read_text("utf-8"), base64.b64encode(packed).decode()
    return page.evaluate(RUN, [script, descriptions, sent, lists])


AnyOpened = TypeVar("AnyOpened", bound=Opened)


def open_page(
    kind: type[AnyOpened], browser: Browser, file: Path, ready: str = "body.ready", **context: Any
) -> AnyOpened:
    """Opens a file in a window of its own without a network, and waits until it is ready."""
    made = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **context})
    made.set_offline(True)
    result = kind(made.new_page())
    result.page.on("pageerror", lambda error: result.troubles.append(str(error)))
    result.page.on("dialog", lambda dialog: result.troubles.append(dialog.message))
    result.page.on(
        "console", lambda said: said.type == "error" and result.troubles.append(said.text)
    )
    result.page.on(
        "request",
        lambda asked: asked.url.startswith(OWN) or result.troubles.append(asked.url),
    )
    result.page.goto(file.as_uri())
    result.page.wait_for_selector(ready)
    return result


@contextmanager
def visit(
    kind: type[AnyOpened], browser: Browser, file: Path, ready: str = "body.ready", **context: Any
) -> Iterator[AnyOpened]:
    """As `open_page`, for as long as nothing goes wrong on the page; it is closed in the end."""
    result = open_page(kind, browser, file, ready, **context)
    yield result
    assert result.troubles == []
    result.page.context.close()
