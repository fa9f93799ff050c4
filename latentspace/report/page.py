"""index.html: all pictures of a folder in the order of the story, their scores, how it was made."""

import webbrowser
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote

import jinja2

from latentspace.chapters import COMPARED, STORY, load_recipes
from latentspace.chapters.compare.measure import Comparison
from latentspace.chapters.compare.paired import UNKNOWN
from latentspace.chapters.figure import Contents, Figure, Part
from latentspace.chapters.study import Study
from latentspace.core.files import write_bytes
from latentspace.report.comparison import make_table_rows
from latentspace.report.facts import collect_facts, list_invocations
from latentspace.report.gallery import find_unavailable
from latentspace.report.metrics import METRICS, read_metrics
from latentspace.report.records import Record, find_staleness, read_records
from latentspace.report.score_rows import collect_headlines, collect_rows

PAGE = "index.html"
TEMPLATE = "index.html.jinja"
NO_RECORD = "no record of how it was made"
KINDS = {".png": "image", ".gif": "image", ".mp4": "video", ".html": "page"}
WIDE = 900  # pixels from which on a picture has a row to itself


@dataclass(frozen=True)
class PageFigure:
    file: str  # the file that is shown
    others: list[str]  # the same in other formats, and its table
    kind: str  # "image", "video", or "page" for one that is linked only
    title: str  # text above
    caption: str  # text below
    alt: str  # what it shows, in a line, for who does not see it
    size: tuple[int, int] | None  # width and height in pixels; None where they are not known
    body: tuple[int, int] | None  # the rows between title and caption, which the page shows
    stale: str | None  # why it is out of date; None where it is not

    @property
    def is_wide(self) -> bool:
        """Whether it has a row to itself."""
        return self.size is None or self.size[0] >= WIDE

    @property
    def crop(self) -> str:
        """What lets a browser show the body alone, as CSS; empty where the whole is shown."""
        if self.size is None or self.body is None:
            return ""
        (width, height), (top, bottom) = self.size, self.body
        if not 0 <= top < bottom <= height or bottom - top == height:
            return ""
        place = 100 * top / (height - bottom + top)
        return f"aspect-ratio: {width} / {bottom - top}; object-position: 0 {place:.3f}%"

    @property
    def shown_size(self) -> tuple[int, int] | None:
        """Width and height in pixels of what is shown."""
        if self.size is None or self.body is None or not self.crop:
            return self.size
        return self.size[0], self.body[1] - self.body[0]


@dataclass(frozen=True)
class Section:
    part: Part  # its part of the story
    pictures: list[PageFigure]  # those that lie there
    notes: list[str]  # why pictures of the story can't be had, a line each
    flags: list[str]  # flags whose pictures have not been made


def write_page(folder: Path, study: Study) -> Path:
    """Writes the page of a run: what lies in the folder now, whenever it was made; its path."""
    run, metrics = study.run, read_metrics(folder / METRICS)
    return _write(
        folder,
        study,
        STORY,
        title=run.name,
        lead=f"What a code of {run.latent_dim} numbers keeps of an image. Images: {study.data}.",
        headlines=collect_headlines(metrics),
        scores=collect_rows(metrics),
        facts={"": collect_facts(run.facts)},
    )


def write_comparison_page(folder: Path, comparison: Comparison, *, measured: bool = True) -> Path:
    """Writes the page of two runs beside each other, as `write_page`; a table if `measured`."""
    runs = {letter: study.run for letter, study in comparison.studies.items()}
    rows = make_table_rows(comparison, timed=False) if measured else []
    lead = [f"{comparison.images}.", *comparison.notes] if measured else [f"{comparison.data}."]
    return _write(
        folder,
        comparison,
        (COMPARED,),
        title=" against ".join(run.name for run in runs.values()),
        lead=" ".join(lead),
        table=[["" if cell == UNKNOWN else cell for cell in row] for row in rows],
        answer=comparison.answer if measured else "",
        facts={f"{letter}: {run.name}": collect_facts(run.facts) for letter, run in runs.items()},
    )


def announce_page(page: Path, *, in_browser: bool) -> None:
    """Names a page in a line to stdout; opens it first where that was asked for."""
    if in_browser and not webbrowser.open(page.resolve().as_uri()):
        print("there is no browser here to open the page with")
    print(page)


def to_address(name: str) -> str:
    """The name of a file beside the page, quoted for a link."""
    return quote(name, safe="", errors="replace")


def _write(folder: Path, subject: Any, story: Sequence[Contents], **content: Any) -> Path:
    records = read_records(folder)
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    how: dict[str, Any] = {"autoescape": True, "trim_blocks": True, "lstrip_blocks": True}
    environment = jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, **how)
    environment.filters["to_address"] = to_address
    parts = dict.fromkeys(contents.part for contents in story)
    html = environment.get_template(TEMPLATE).render(
        {"headlines": [], "scores": {}, "table": [], "answer": "", **content},
        sections=[_make_section(part, story, folder, records, subject) for part in parts],
        invocations=list_invocations(records.values()),
        images=str(subject.data),
        images_hash=subject.data.hash,
    )
    write_bytes(folder / PAGE, html.encode(errors="replace"))
    return folder / PAGE


def _make_section(
    part: Part, story: Sequence[Contents], folder: Path, records: Mapping[str, Record], subject: Any
) -> Section:
    here = [contents for contents in story if contents.part == part]
    found = {
        figure: list(_list_pictures(figure, folder, records, subject.model_key))
        for contents in here
        for figure in contents.figures
    }
    absent = [figure for figure, pictures in found.items() if not pictures]
    recipes = load_recipes(here)
    # Other reasons than those of the story may take long to find out.
    files = [figure.file for figure in absent if figure.in_story]
    reasons = {file: find_unavailable(recipes[file], subject) for file in files}
    notes = [f"{file} is left out: {reason}." for file, reason in reasons.items() if reason]
    made = {figure.flag for figure, pictures in found.items() if pictures}
    flags = [figure.flag for figure in absent if not reasons.get(figure.file)]
    pictures = [shown for of_figure in found.values() for shown in of_figure]
    return Section(part, pictures, notes, [f for f in dict.fromkeys(flags) if f not in made])


def _list_pictures(
    figure: Figure, folder: Path, records: Mapping[str, Record], key: tuple[str, str]
) -> Iterator[PageFigure]:
    tables = [figure.table] * (figure.table != "" and (folder / figure.table).is_file())
    for plain in map(PurePath, figure.files):
        names = [str(plain), *([str(plain.with_suffix(".mp4"))] if figure.is_animation else [])]
        reasons = {
            name: find_staleness(records[name], records, key) if name in records else NO_RECORD
            for name in names
            if (folder / name).is_file()
        }
        if not reasons:
            continue
        # Of several formats the one that is not out of date.
        file = min(reasons, key=lambda name: reasons[name] is not None)
        one = records.get(file)
        yield PageFigure(
            file=file,
            others=[other for other in reasons if other != file] + tables,
            kind=KINDS[PurePath(file).suffix],
            title=one.title if one is not None else file,
            caption=one.caption if one is not None else figure.about,
            alt=figure.about,
            size=one.size if one is not None else None,
            body=one.body if one is not None else None,
            stale=reasons[file],
        )
