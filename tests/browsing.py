"""Pages opened in a real browser without a network."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from playwright.sync_api import Browser, Page

OWN = ("file:", "data:", "blob:")  # begin addresses that are no network


@dataclass
class Opened:
    """A page in a browser, and what went wrong on it."""

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
        lambda asked: (
            asked.url.startswith(("file:", "data:", "blob:")) or result.troubles.append(asked.url)
        ),
    )
    result.page.goto(file.as_uri())
    result.page.wait_for_selector(ready)
    return result
