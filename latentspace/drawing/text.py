"""What is written on a picture."""

from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True)
class Text:
    title: str  # one line above
    caption: str  # any number of sentences below, wrapped to the width of the picture

    def add(self, sentence: str) -> Self:
        """The same with a sentence more below, if it is not empty."""
        return replace(self, caption=f"{self.caption} {sentence}".strip()) if sentence else self
