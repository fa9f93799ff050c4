"""What a chapter says of itself: its place in the story, its flags, its figures.

Only the standard library is imported, so that `--help` and `--list` need nothing else.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from config import VisualizeConfig
    from latentspace.chapters.chapter import Chapter
    from latentspace.drawing.layout import Page
    from latentspace.drawing.media import Frames
    from latentspace.drawing.text import Text

METHODS = {"tsne": "t-SNE", "umap": "UMAP", "pca": "PCA", "ica": "ICA"}  # of projection, in words
TSNE = "tsne_"  # begins the files of maps that another method can make as well
MAP_SETTINGS = ("samples", "split", "perplexity", "exaggeration", "seed")  # change every map
CLASS_PREFIX = "class:"  # names a typical image of a class, or its mean code
Subject = TypeVar("Subject")  # what is drawn: a study, or a comparison of two


@dataclass(frozen=True)
class Part:
    """One part of the story, a headed section of the page."""

    name: str  # its name in records and in links
    title: str  # its heading
    about: str  # what it asks, in a line or two


@dataclass(frozen=True)
class Figure:
    flag: str  # the command-line flag that asks for it
    file: str  # its name in the output folder; still (.png), animation (.gif) or page (.html)
    about: str  # what it shows, in one line
    # Those that change it, by the names of config.py. Those that change its file's name, as the
    # method of a map may, are not among them: the other lies beside it.
    settings: tuple[str, ...] = ("seed",)
    in_story: bool = True  # whether it is made when no flag asks for pictures
    dims: int | None = None  # `--dims` of the map that it shows; None: it shows none, or one only
    table: str = ""  # a CSV file beside it, of the first chapter that measures its numbers

    def get_file(self, method: str) -> str:
        """Its name when maps are made by a method, a key of `METHODS`."""
        return self.file.replace(TSNE, f"{method}_", 1) if self.file.startswith(TSNE) else self.file

    @property
    def files(self) -> list[str]:
        """Its names by all methods, each once."""
        return list(dict.fromkeys(map(self.get_file, METHODS)))

    def list_suffixes(self, animation: str) -> list[str]:
        """The kinds of file that it is written as, when animations are "gif", "mp4" or "both"."""
        if not self.is_animation:
            return [PurePath(self.file).suffix]
        return [".gif", ".mp4"] if animation == "both" else [f".{animation}"]

    @property
    def depends_on(self) -> tuple[str, ...]:
        """The settings that change it or, of an animation, how fast it is played."""
        return (*self.settings, "fps") if self.is_animation else self.settings

    @property
    def is_animation(self) -> bool:
        return PurePath(self.file).suffix == ".gif"


def list_files(
    folder: Path, figures: Iterable[Figure], settings: VisualizeConfig
) -> Iterator[Path]:
    """The files in a folder that figures are written to, by the method and format of settings."""
    for figure in figures:
        for suffix in figure.list_suffixes(settings.format):
            yield (folder / figure.get_file(settings.method)).with_suffix(suffix)


@dataclass(frozen=True)
class Drawing:
    """A picture that has been drawn, or a page to explore."""

    # uint8 (H, W, 3) of a still, (T, H, W, 3) of an animation, held or drawn; a page's bytes
    frames: Frames | bytes
    text: Text  # what is written on it
    body: tuple[int, int] | None = None  # rows between title and caption; None: not known
    page: Page | None = None  # what another text may be written on; None: nothing

    @classmethod
    def of_page(cls, page: Page, text: Text) -> Drawing:
        """A picture with its text."""
        frames, body = page.write(text)
        return cls(frames, text, body, page)

    @classmethod
    def of_images(
        cls, draw: Callable[..., Page], text: Text, *, moving: bool = False, **shown: Any
    ) -> Drawing:
        """Draws by `draw`, which takes `shown`; too large images are scaled down."""
        from latentspace.drawing.tiles import fit_tiles

        fitting, note = fit_tiles(shown, moving=moving)
        return cls.of_page(draw(**fitting), text.add(note))

    def add(self, note: str) -> Drawing:
        """The same with a sentence more in its caption; as it is where there is none to add."""
        return self.of_page(self.page, self.text.add(note)) if note and self.page else self


@dataclass(frozen=True)
class Recipe(Generic[Subject]):
    draw: Callable[[Subject], Drawing]  # measures what is shown, and draws it
    of: tuple[type[Chapter], ...] = ()  # measure its numbers, which go into metrics.json with it
    # Says why a subject can't have it, beside what `of` say; None where it can.
    unavailable: Callable[[Subject], str | None] = lambda _: None


@dataclass(frozen=True)
class Contents:
    package: str  # the name of its package, whose `figures.RECIPES` say how each picture is made
    part: Part  # where it stands in the story
    flags: Mapping[str, str]  # its flags without a value, with their help texts
    figures: tuple[Figure, ...]  # its pictures, in the order in which they are told

    def load_recipes(self) -> Mapping[str, Recipe[Any]]:
        """How each of its pictures is made, by file; what measures and draws is imported here."""
        return import_module(f"{self.package}.figures").RECIPES


def read_contents(folder: str) -> Contents:
    """What contents.toml in a chapter's folder says.

    Its tables `figures` have the fields of each `Figure`, by file; `every_figure` those of all that
    say nothing else, and the one of the same file in a chapter that it is `like` those of that one.
    It is about what its flag asks for, if it does not say. What `shows_map` depends on
    `MAP_SETTINGS` as well. The parts of the story are in parts.toml.
    """
    told, figures = _read(f"{folder}/contents.toml"), []
    flags, every = told.get("flags", {}), told.get("every_figure", {})
    for file, own in told["figures"].items():
        like = own.get("like")
        usual = _read(f"{like}/contents.toml")["figures"][file] if like else every
        fields = {"settings": Figure.settings, **usual, **own}
        fields.pop("like", None)
        if "about" not in fields:
            fields["about"] = flags[fields["flag"]]
        common = MAP_SETTINGS if fields.pop("shows_map", False) else ()
        settings = tuple(dict.fromkeys((*common, *fields.pop("settings"))))
        figures.append(Figure(file=file, settings=settings, **fields))
    part = Part(told["part"], **_read("parts.toml")[told["part"]])
    return Contents(f"{__package__}.{folder}", part, flags, tuple(figures))


@cache
def _read(file: str) -> dict[str, Any]:
    return tomllib.loads(Path(__file__).parent.joinpath(file).read_text("utf-8"))
