"""What a notebook takes from this package: the pictures and numbers of the scripts, without files.

run = latentspace.open_run("mnist-best")
study = latentspace.study(run, images, labels)
study.show("interpolation")
study.metrics("maps")
"""

from __future__ import annotations

import base64
import dataclasses
import html
import io
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import PurePath
from typing import Any

import numpy as np
from PIL import Image

from latentspace import chapters
from latentspace.chapters.chapter import Chapter
from latentspace.chapters.figure import Figure, Recipe
from latentspace.chapters.study import make_study
from latentspace.core.errors import InputError
from latentspace.datasets import ImageDataset, ReadOptions
from latentspace.datasets.arrays import Arrays, assemble
from latentspace.models import runs, sources
from latentspace.models.runs import Run
from latentspace.report.gallery import encode, find_unavailable
from latentspace.report.metrics import measure

PAGE_HEIGHT = 860  # pixels of the frame of a page
ARRAYS = ("np.ndarray", "dict[str, np.ndarray]", np.ndarray, dict[str, np.ndarray])


def open_run(name: str | None = None, models_dir: str | None = None) -> Run:
    """Opens a run of train_cae.py, or a model that was kept by `--save-run`.

    Its `encode` takes images, float32 (N, H, W, C) in [0, 1] or uint8, to codes, float32 (N, D);
    its `decode` takes codes to images, float32 in [0, 1]. The name may be the path of its folder;
    None takes the run finished last, and as `models_dir` models/ of this project. Raises an
    `InputError` where there is no such run, or it is not whole.
    """
    return runs.find_run(name, models_dir or _make_settings().models_dir)


def load_images(run: Run, dataset: str | None = None, **reading: Any) -> ImageDataset:
    """Reads images in the form that a run takes; an `InputError` where that can't be.

    The data set is a name, a file or a folder, as for `--dataset`; None takes the run's own images.
    `reading` is what `--help` lists under "data", with underscores, such as `limit=1000`.
    """
    settings = _make_settings(dataset=dataset, quiet=True, **reading)
    return sources.load_images(settings, frozenset(reading), run)


def study(
    run: Run,
    images: ImageDataset | np.ndarray | Sequence[np.ndarray] | None = None,
    labels: np.ndarray | Sequence[np.ndarray] | None = None,
    **settings: Any,
) -> Study:
    """Looks at images through a run. What takes long is kept in the cache of the scripts.

    Args:
        run: As `open_run` returns it.
        images: As `load_images` returns them, which None does; or an array of any shape and range
            that `--dataset` takes, a fifth of which are then test images; or two such arrays, of
            training and of test images.
        labels: Numbers or names of the classes, (N,), of one array of images; two of two.
        settings: Flags of visualize.py with underscores, such as `samples=2000` or `frames=20`.

    Raises:
        InputError: The images do not fit the run or the labels, or a setting is none.
    """
    config = _make_settings(**{"quiet": True, **settings})
    if images is None:
        images = load_images(run)
    if not isinstance(images, ImageDataset):
        single = isinstance(images, np.ndarray)
        height, width, channels = run.image_shape

        def list_splits(of: Any) -> list[np.ndarray]:
            return [np.asarray(of)] if single else [*map(np.asarray, of)]

        arrays = Arrays(list_splits(images), None if labels is None else list_splits(labels))
        options = ReadOptions(image_size=(height, width), channels=channels)
        images = assemble(arrays, options, name="images", source=None)
    return Study(config, run, images)


class Study:
    """Pictures, numbers and arrays of a run and images, each made when it is asked for."""

    def __init__(self, settings: Any, run: Run, images: ImageDataset) -> None:
        self._study = make_study(settings, run, images, thorough=True)
        self._study.check(chapters.load_chapters())

    @property
    def pictures(self) -> dict[str, str]:
        """What `show` takes, with what it shows."""
        return {figure.file: figure.about for figure in chapters.FIGURES}

    def show(self, name: str) -> Image.Image | Shown:
        """A picture as the last line of a cell shows it.

        The name is one of `pictures`, or what comes before its ending, or that of a flag, such as
        "maps": of several pictures the first. Returns the picture; of an animation or a page what
        shows itself and has its bytes as `data`. Raises an `InputError` where there is no such
        picture, or the images do not allow it, and why.
        """
        figure, recipe = self._find(name)
        if (reason := find_unavailable(recipe, self._study)) is not None:
            raise InputError(f"{name} is left out: {reason}")
        suffix = PurePath(figure.file).suffix
        data = encode(suffix, recipe.draw(self._study), self._study)[1]
        return Image.open(io.BytesIO(data)) if suffix == ".png" else Shown(data, suffix)

    def metrics(self, name: str) -> dict[str, Any]:
        """The numbers of a section of metrics.json, such as "maps", or of those behind a picture.

        Raises an `InputError` where there are none, or the images do not allow them, and why.
        """
        for chapter in self._find_chapters(name):
            if chapter.section:
                if (reason := self._study.find_unavailable(chapter)) is not None:
                    raise InputError(f"{name} is left out: {reason}")
                return measure(self._study, chapter).numbers
        raise InputError(f"there are no numbers of {name!r}: expected one of {self._sections}")

    def arrays(self, name: str) -> Mapping[str, Any]:
        """The arrays behind a picture, or a section, by name; each is computed when it is read."""
        return _ArraysOf([self._study.of(chapter) for chapter in self._find_chapters(name)])

    @cached_property
    def _sections(self) -> str:
        return ", ".join(one.section for one in chapters.load_chapters() if one.section)

    def _find(self, name: str) -> tuple[Figure, Recipe[Any]]:
        named = [(one.file, PurePath(one.file).stem, one.flag[2:]) for one in chapters.FIGURES]
        for of_kind in zip(*named, strict=True):
            if (wanted := name.removeprefix("--")) in of_kind:
                figure = chapters.FIGURES[of_kind.index(wanted)]
                return figure, chapters.load_recipes()[figure.file]
        raise InputError(f"no picture {name!r}: expected one of {', '.join(self.pictures)}")

    def _find_chapters(self, name: str) -> Sequence[type[Chapter]]:
        sections = [one for one in chapters.load_chapters() if one.section == name]
        return sections or self._find(name)[1].of


@dataclasses.dataclass(frozen=True)
class Shown:
    """An animation or a page, which a notebook shows."""

    data: bytes = dataclasses.field(repr=False)  # the file
    suffix: str  # .gif or .html

    def _repr_html_(self) -> str:
        if self.suffix == ".html":
            page = html.escape(self.data.decode())
            style = f'width="100%" height="{PAGE_HEIGHT}" style="border: 0"'
            return f'<iframe srcdoc="{page}" {style}></iframe>'
        return f'<img src="data:image/gif;base64,{base64.b64encode(self.data).decode()}">'


class _ArraysOf(Mapping[str, Any]):
    """Those public properties of chapters that are arrays, or arrays by name."""

    def __init__(self, measured: Sequence[Chapter]) -> None:
        self._owners = {
            name: owner
            for owner in reversed(measured)
            for name in dir(type(owner))
            if not name.startswith("_") and _is_array(getattr(type(owner), name))
        }

    def __getitem__(self, name: str) -> Any:
        return getattr(self._owners[name], name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._owners)

    def __len__(self) -> int:
        return len(self._owners)


def _is_array(attribute: Any) -> bool:
    function = getattr(attribute, "fget", None) or getattr(attribute, "func", None)
    return getattr(function, "__annotations__", {}).get("return") in ARRAYS


def _make_settings(**given: Any) -> Any:
    """The settings of visualize.py, with some of them given."""
    from config import VisualizeConfig

    known = {field.name for field in dataclasses.fields(VisualizeConfig)}
    if unknown := given.keys() - known:
        shown = ", ".join(map(repr, sorted(unknown)))
        raise InputError(f"no setting {shown}: expected one of {', '.join(sorted(known))}")
    return VisualizeConfig(**given)
