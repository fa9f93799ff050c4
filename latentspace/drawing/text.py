"""What is written on a picture."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Text:
    """The text of a picture."""

    title: str  # one line above
    caption: str  # any number of sentences below, wrapped to the width of the picture
