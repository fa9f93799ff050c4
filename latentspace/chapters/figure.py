"""What the list of pictures is made of."""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from latentspace.chapters.study import Study
    from latentspace.drawing.media import Frames

HOLD_SECONDS = 0.6
TSNE = "tsne_"  # begins the files of maps that another method can make as well
TAKE_MINUTES = ("interpolation", "arithmetic")  # sections measured when asked for by flag
FOLDERS = re.compile(r"(?<![^\s*])(?!class:)[^\s*]*/(?=[^\s/])")  # before the name of a file
Subject = TypeVar("Subject")  # what is drawn: a study, or a comparison of two


@dataclass(frozen=True)
class Figure(Generic[Subject]):
    """One picture.

    Attributes:
        flag: The command-line flag that asks for it, a key of `FLAGS`.
        file: Its name in the output folder; the suffix says still (.png), animation (.gif) or page
            (.html).
        about: What it shows, in one line.
        section: The section of metrics.json with its numbers; None where it has none.
        function: The pure drawing function, as "module.name" within `latentspace`.
        arguments: Takes them, caption included, out of a study or a comparison.
        in_story: Whether it is made when no flag asks for pictures.
        dims: The `--dims` of the map that it shows; None where it shows none, or always the same.
        unavailable: Says why a study can't have it; None where it can.
    """

    flag: str
    file: str
    about: str
    section: str | None
    function: str
    arguments: Callable[[Subject, float], dict[str, Any]]
    in_story: bool = True
    unavailable: Callable[[Subject], str | None] = lambda _: None
    dims: int | None = None

    def get_file(self, method: str) -> str:
        """Its name when maps are made by a method, one of `projection.METHODS`."""
        return self.file.replace(TSNE, f"{method}_", 1) if self.file.startswith(TSNE) else self.file

    def list_suffixes(self, animation: str) -> list[str]:
        """The kinds of file that it is written as, when animations are "gif", "mp4" or "both"."""
        if not self.is_animation:
            return [PurePath(self.file).suffix]
        return [".gif", ".mp4"] if animation == "both" else [f".{animation}"]

    def is_measured(self, study: Study) -> bool:
        """Whether its numbers are to be measured for this study."""
        return self.section is not None and (
            study.options.thorough or self.section not in TAKE_MINUTES
        )

    @property
    def is_animation(self) -> bool:
        """Whether it is an animation."""
        return PurePath(self.file).suffix == ".gif"

    def draw(self, arguments: Mapping[str, Any]) -> Frames | bytes:
        """Draws it.

        Args:
            arguments: What `arguments` takes out of a subject, for as many frames per second as an
                animation will be shown at.

        Returns:
            uint8 (H, W, 3) for a still, (T, H, W, 3) for an animation, held whole or drawn frame by
            frame; a page as the bytes of its file.
        """
        module, _, name = self.function.rpartition(".")
        function = getattr(importlib.import_module(f"latentspace.{module}"), name)
        return function(**arguments)


@dataclass(frozen=True)
class Part:
    """One part of the story, a headed section of the report.

    Attributes:
        name: Its name in records and in links.
        title: Its heading.
        about: What it asks, in a line or two.
        figures: Its pictures, in the order in which they are told.
    """

    name: str
    title: str
    about: str
    figures: tuple[Figure[Any], ...]


def format_metric(words: str, value: float, form: str = ".3f") -> list[str]:
    """A number in words, for captions; none where it could not be measured."""
    return [] if math.isnan(value) else [f"{words} {value:{form}}"]


def maps_unavailable(study: Study) -> str | None:
    """Why there can be no map of a study's images; None where there can."""
    return study.maps.unavailable


def format_model(study: Study) -> str:
    """The model, for captions."""
    return f"run {study.run.name}, {study.run.latent_dim} units"


def count_hold_frames(fps: float) -> int:
    """For how many frames an animation rests at either end."""
    return max(1, round(HOLD_SECONDS * fps))


def describe_classifier(study: Study) -> str:
    """Who judged, for captions; empty without judge."""
    if study.classifier is None:
        return ""
    accuracy = study.classifier.facts["test_accuracy"]
    return f"Judge: a classifier trained on the real images, {accuracy:.1%} right on unseen ones."


def strip_folders(expression: str) -> str:
    """What a person wrote, image files by their names alone: where they lie is no part of it."""
    return FOLDERS.sub("", expression)
