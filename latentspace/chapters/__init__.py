"""`STORY`, the chapters in the order in which they are told, and what they hold together."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from latentspace.chapters.figure import Contents, Figure, Part, Recipe, read_contents

if TYPE_CHECKING:
    from latentspace.chapters.chapter import Chapter

STORY = tuple(
    read_contents(folder)
    for folder in (
        *("reconstruct", "learn", "maps", "explorer", "interpolate"),
        *("calculate", "attributes", "clusters", "compression", "outliers"),
    )
)
COMPARED = read_contents("compare")  # of two runs beside each other
FIGURES = tuple(figure for contents in STORY for figure in contents.figures)
FLAGS = {flag: text for contents in STORY for flag, text in contents.flags.items()}
FORMER_FLAGS = {"--cousins": "--methods", "--confused": "--overlap"}  # still understood
PARTS = tuple(dict.fromkeys(contents.part for contents in STORY))


def find_part(figure: Figure) -> Part:
    """The part of the story that a figure belongs to."""
    everything = (*STORY, COMPARED)
    return next(contents.part for contents in everything if figure in contents.figures)


def choose_figures(
    flags: Collection[str], *, every: bool = False, dims: int = 2, among: Sequence[Figure] = FIGURES
) -> list[Figure]:
    """The figures that given flags ask for, `among` some; those of the story where none does.

    With `every` it is all of them; those of "--place" only when their flag is given. Figures of
    maps of other dimensions than `dims` are left out unless `every`.
    """
    flags = {figure.flag for figure in among}.intersection(flags)
    if every:
        return [figure for figure in among if figure.flag != "--place" or figure.flag in flags]
    return [
        figure
        for figure in among
        if (figure.flag in flags if flags else figure.in_story) and figure.dims in (None, dims)
    ]


def load_recipes(story: Iterable[Contents] = STORY) -> Mapping[str, Recipe[Any]]:
    """How each figure of some chapters is made, by file."""
    return {file: recipe for contents in story for file, recipe in contents.load_recipes().items()}


def load_chapters() -> list[type[Chapter]]:
    """All chapters that measure something, in the order of the story."""
    return list(dict.fromkeys(one for recipe in load_recipes().values() for one in recipe.of))
