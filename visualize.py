"""Look into the latent space of a trained autoencoder: pictures and numbers in outputs/."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from config import VisualizeConfig, describe, format_command_line, parse, run_script
from latentspace.chapters import COMPARED, FIGURES, FLAGS, FORMER_FLAGS, choose_figures
from latentspace.chapters.figure import list_files
from latentspace.core.errors import InputError


def main() -> None:
    config, given = parse(VisualizeConfig, __doc__, switches=FLAGS, aliases=FORMER_FLAGS)
    if config.list:
        figures = (*FIGURES, *COMPARED.figures)
        width = max(len(figure.file) for figure in figures)
        print("\n".join(f"{f.flag:<18} {f.file:<{width}}  {f.about}" for f in figures))
    elif config.asks_for_two:
        compare_runs(config, given)
    else:
        visualize_run(config, given)


def visualize_run(config: VisualizeConfig, given: frozenset[str]) -> None:
    """Draws and measures what a run, or a person's own model, has learned."""
    asked = {f.flag for f in FIGURES if given & {f.flag, f.flag.removeprefix("--")}}
    figures = choose_figures(asked, every=config.all, dims=config.dims)
    board = None if config.projector is None else Path(config.projector)
    if board is not None and not asked and not config.all:
        figures = []
    from latentspace.core.files import check_folder, check_temporary_folder
    from latentspace.models import runs, sources
    from latentspace.report import embedding_projector

    check_temporary_folder()
    if board is not None:
        check_folder(board)
    run = (
        None
        if config.is_own_model(given)
        else runs.find_run(next(iter(config.run), None), config.models_dir)
    )
    folder = config.name_folder(run.name if run else sources.name_own_model(config))
    if config.dry_run:
        boards = [] if board is None else embedding_projector.list_files(board)
        print_plan(config, [*list_files(folder, figures, config), *boards])
        return

    from latentspace import chapters
    from latentspace.chapters.study import make_study
    from latentspace.report import visualization

    if run is None:
        run, data = sources.import_own_model(config, given)
    else:
        data = sources.load_images(config, given, run)
    config, data = sources.read_lists(config, data)
    study = make_study(config, run, data, thorough=config.all or bool(asked))
    study.check(chapters.load_chapters())
    if board is not None:
        visualization.write_projector(board, study)
    if figures:
        visualization.write_story(
            folder, figures, study, asked=asked, command=format_command_line()
        )


def compare_runs(config: VisualizeConfig, given: frozenset[str]) -> None:
    """Draws and measures what two runs make of the same images."""
    from latentspace.models import sources

    first, second = sources.find_pair(config)
    other = second.name if second else sources.name_own_model(config)
    folder = config.name_folder(f"{first.name}-vs-{other}")
    figures = choose_figures(given, among=COMPARED.figures)
    if config.dry_run:
        print_plan(config, list_files(folder, figures, config))
        return

    from latentspace.chapters.compare.measure import Comparison
    from latentspace.chapters.study import make_study
    from latentspace.report import visualization

    config, data = sources.read_lists(config, sources.load_images(config, given, first))
    second = second or sources.read_codes(config, data)
    studies = (make_study(config, run, data, thorough=False) for run in (first, second))
    visualization.write_pair(folder, figures, Comparison(*studies), command=format_command_line())


def print_plan(config: VisualizeConfig, files: Iterable[Path]) -> None:
    """Prints the settings and the files to be made."""
    print(f"settings\n{describe(config)}\nfiles")
    print("\n".join(f"  {path}" for path in files))


if __name__ == "__main__":
    sys.exit(run_script(main, user_errors=(InputError, OSError)))
