"""A visualization run from its study to the files that it leaves: pictures, numbers, a page."""

import shlex
from collections.abc import Collection, Sequence
from pathlib import Path

from latentspace.chapters import COMPARED, load_recipes
from latentspace.chapters.compare.measure import Comparison
from latentspace.chapters.figure import Figure
from latentspace.chapters.maps.measure import Maps
from latentspace.chapters.study import Study
from latentspace.core.errors import InputError
from latentspace.core.files import lock_folder
from latentspace.core.progress import show_running
from latentspace.report import embedding_projector
from latentspace.report.comparison import TABLE, format_table, write_comparison
from latentspace.report.gallery import find_unavailable, write_figures
from latentspace.report.metrics import METRICS, measure, write_metrics, write_tables
from latentspace.report.page import announce_page, write_comparison_page, write_page


def write_story(
    folder: Path,
    figures: Sequence[Figure],
    study: Study,
    *,
    asked: Collection[str] = (),
    command: str,
) -> None:
    """Draws figures of a study, and leaves their numbers and the page beside them.

    One writer at a time. Flags in `asked` asked for some of them; the records tell the `command`.
    Raises an `InputError`, all else written, where no figure of an asked flag could be made.
    """
    recipes = load_recipes()
    with lock_folder(folder, wait=True):
        made = write_figures(folder, figures, recipes, study, command=command)
        if not made:
            raise InputError(_explain_unmade(figures, study))
        chapters = dict.fromkeys(one for figure in made for one in recipes[figure.file].of)
        measured = [one for one in chapters if study.thorough or not one.takes_minutes]
        write_metrics(folder / METRICS, study, measured)
        print(folder / METRICS)
        write_tables(folder, study, made)
        for chapter in measured:
            if chapter.section and (answer := measure(study, chapter).answer) is not None:
                print(f"{chapter.section}: {answer}")
        announce_page(write_page(folder, study), in_browser=study.settings.open)
    if unmade := set(asked) - {figure.flag for figure in made}:
        raise InputError(_explain_unmade([one for one in figures if one.flag in unmade], study))


def _explain_unmade(figures: Sequence[Figure], study: Study) -> str:
    recipes, firsts = load_recipes(), {one.flag: one for one in reversed(figures)}
    reasons: dict[str | None, list[str]] = {}
    for flag, figure in reversed(firsts.items()):
        reasons.setdefault(find_unavailable(recipes[figure.file], study), []).append(flag)
    return "; ".join(
        f"nothing could be made for {', '.join(flags)}: {reason}"
        for reason, flags in reasons.items()
    )


def write_pair(
    folder: Path, figures: Sequence[Figure], comparison: Comparison, *, command: str
) -> None:
    """Draws figures of what two models make of the same images, as `write_story`.

    It measures both where a figure of the story is among them, or the folder has the measures.
    """
    with lock_folder(folder, wait=True):
        recipes = COMPARED.load_recipes()
        write_figures(folder, figures, recipes, comparison, command=command)
        measured = any(one.in_story for one in figures) or (folder / TABLE).is_file()
        if measured:
            with show_running("comparing", quiet=comparison.settings.quiet):
                write_comparison(folder, comparison)
            print(f"{folder / TABLE}\n{folder / METRICS}\n\n{comparison.images}")
            print("\n".join([*format_table(comparison), *comparison.notes, comparison.answer]))
        page = write_comparison_page(folder, comparison, measured=measured)
        announce_page(page, in_browser=comparison.settings.open)


def write_projector(folder: Path, study: Study) -> None:
    """Leaves the images on the maps where TensorBoard's Embedding Projector finds them."""
    maps = study.of(Maps)
    if (reason := study.explain_lack("images")) is not None:
        raise InputError(f"nothing could be written for --projector: {reason}")
    embedding_projector.check_count(len(maps.indices))
    with show_running("encoding", quiet=study.settings.quiet):
        contents = maps.codes, maps.pixels, maps.table
    with lock_folder(folder, wait=True):
        embedding_projector.write_projector(folder, *contents)
    print(f"next: tensorboard --logdir {shlex.quote(str(folder))}")
