"""What is written on a picture."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Text:
    """The text of a picture.

    Attributes:
        title: One line above.
        caption: Any number of sentences below, wrapped to the width of the picture.
    """

    title: str
    caption: str
