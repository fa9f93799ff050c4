"""Look into the latent space of a trained autoencoder: pictures and numbers in outputs/."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from config import (
    DataConfig,
    VisualizeConfig,
    describe,
    format_command_line,
    format_flags,
    parse,
    run_script,
)
from latentspace.chapters import COMPARISONS, FIGURES, FLAGS, Figure, choose_figures
from latentspace.core.cache import find_cache_folder
from latentspace.core.errors import InputError
from latentspace.core.files import check_folder, check_temporary_folder, lock_folder
from latentspace.report import embedding_projector, gallery

if TYPE_CHECKING:
    from latentspace.chapters.study import Study
    from latentspace.datasets import ImageDataset
    from latentspace.models.runs import Run

EXAMPLES = (
    "python visualize.py                                  the whole story of the run trained last",
    "python visualize.py --run mnist --maps --samples 10000",
    "python visualize.py --run mnist-best --run mnist      which of two has learned more",
    "python visualize.py --autoencoder mine.keras --dataset FOLDER --save-run mine",
    "python visualize.py --interpolation --from 3 class:7 --to 18 class:1 --format mp4",
    "python visualize.py --arithmetic --expression '12 - class:1 + class:7'",
    "python visualize.py --arithmetic --expression '12 + 1.5*slant'",
    "python visualize.py --attributes --traversals",
    "python visualize.py --run mnist-best --projector logs   then: tensorboard --logdir logs",
)
SOURCE = ("autoencoder", "encoder", "decoder", "weights", "model_code")  # of a person's own model
OWN_MODEL = {*SOURCE, "bottleneck", "latent_output", "pixel_range", "save_run"} - {"model_code"}
FOR_TWO = {  # settings that mean something where two runs are compared
    *(item.name for item in dataclasses.fields(DataConfig)),
    *("run", "models_dir", "outputs_dir", "samples", "split", "method", "perplexity"),
    *("exaggeration", "seed", "no_cache", "dry_run", "quiet", "open"),
}


def main() -> None:
    config, given = parse(
        VisualizeConfig, None, description=__doc__ or "", examples=EXAMPLES, switches=FLAGS
    )
    if config.list:
        figures = (*FIGURES, *COMPARISONS)
        width = max(len(figure.file) for figure in figures)
        print("\n".join(f"{f.flag:<18} {f.file:<{width}}  {f.about}" for f in figures))
        return
    check_temporary_folder()
    if len(config.run) < 2:
        visualize_run(config, given)
    else:
        compare_runs(config, given)


def visualize_run(config: VisualizeConfig, given: frozenset[str]) -> None:
    """Draws and measures what a run, or a person's own model, has learned."""
    asked = {flag for flag in {f.flag for f in FIGURES} if given & {flag, flag.removeprefix("--")}}
    figures = choose_figures(asked, every=config.all, dims=config.dims)
    board = None if config.projector is None else Path(config.projector)
    if board is not None:
        check_folder(board)
        figures = figures if asked or config.all else []
    if len(config.start) != len(config.end):
        raise InputError(
            f"--from and --to go together, one image each for every way. Received: "
            f"{len(config.start)} and {len(config.end)}"
        )
    is_own = bool(given & OWN_MODEL) or ("model_code" in given and not config.run)
    if is_own and config.run:
        raise InputError(
            f"a model comes from --run or from {format_flags(config, given & OWN_MODEL)}: pass one of "
            "them, and --save-run NAME to make a run of your own model"
        )

    from latentspace.models import runs

    name = choose_own_name(config) if is_own else ""
    run = None if is_own else runs.find_run(next(iter(config.run), None), config.models_dir)
    folder = Path(config.outputs_dir) / (name if run is None else run.name)
    if config.dry_run:
        pictures = gallery.list_files(folder, figures, **format_values(config))
        print_plan(
            config,
            [*pictures, *(embedding_projector.list_files(board) if board is not None else [])],
        )
        return

    if run is None:
        run, data = import_own_model(config, given, name)
    else:
        if config.model_code is not None:
            from latentspace.models.keras_files.loading import load_code

            load_code(config.model_code)
        data = load_images(config, given, run)
    study = make_study(config, run, data, thorough=config.all or bool(asked))
    if board is not None:
        embedding_projector.check_count(len(study.maps.indices))
        with lock_folder(board, wait=True):
            write_projector(board, study)
    if figures:
        with lock_folder(folder, wait=True):
            draw_story(config, folder, figures, study)


def draw_story(
    config: VisualizeConfig, folder: Path, figures: Sequence[Figure], study: Study
) -> None:
    """Makes pictures, and leaves their numbers beside them."""
    from latentspace.report import METRICS, announce_page, write_metrics, write_page

    made = gallery.write_figures(folder, figures, study, **drawing_arguments(config))
    sections = {str(figure.section) for figure in made if figure.is_measured(study)}
    write_metrics(folder / METRICS, study, sections)
    print("\n".join([str(folder / METRICS), *study.collect_answers(sections)]))
    announce_page(write_page(folder, study), in_browser=config.open)


def write_projector(folder: Path, study: Study) -> None:
    """Leaves the images on the maps where TensorBoard finds them."""
    maps = study.maps
    embedding_projector.write_projector(folder, maps.codes, maps.pixels, maps.table)
    print(f"next: tensorboard --logdir {shlex.quote(str(folder))}")


def compare_runs(config: VisualizeConfig, given: frozenset[str]) -> None:
    """Draws and measures what two runs make of the same images."""
    if others := given - FOR_TWO:
        raise InputError(
            f"two runs are compared in pictures of their own, without {format_flags(config, others)}: "
            "leave it out, or pass --run once"
        )

    from latentspace.models import runs

    if len(config.run) != 2:
        raise InputError(f"two runs can be compared. Received: --run {len(config.run)} times")
    first, second = (runs.find_run(name, config.models_dir) for name in config.run)
    if first.name == second.name:
        raise InputError(
            f"expected two runs of different names. Received: {first.name} twice; pass another "
            "--run, or only one to look at it alone"
        )
    if first.image_shape != second.image_shape:
        raise InputError(
            f"only models of images of the same shape can be compared. Received: {first.name} for "
            f"{first.image_shape}, {second.name} for {second.image_shape}"
        )
    folder = Path(config.outputs_dir) / f"{first.name}-vs-{second.name}"
    if config.dry_run:
        print_plan(config, gallery.list_files(folder, COMPARISONS, **format_values(config)))
        return

    from latentspace import report
    from latentspace.chapters.compare.measure import Comparison

    data = load_images(config, given, first)
    comparison = Comparison(
        *(make_study(config, run, data, thorough=False) for run in (first, second))
    )
    with lock_folder(folder, wait=True):
        gallery.write_figures(folder, COMPARISONS, comparison, **drawing_arguments(config))
        report.write_comparison(folder, comparison)
        print(f"{folder / report.TABLE}\n{folder / report.METRICS}\n\n{comparison.images}")
        print("\n".join([*report.format_table(comparison), *comparison.notes, comparison.answer]))
        report.announce_page(
            report.write_comparison_page(folder, comparison), in_browser=config.open
        )


def format_values(config: VisualizeConfig) -> dict[str, str]:
    """What the files of pictures are named after."""
    return {"method": config.method, "animation": config.format}


def drawing_arguments(config: VisualizeConfig) -> dict[str, Any]:
    """How pictures are drawn and written, and the command that asked for them."""
    return {**format_values(config), "fps": config.fps, "command": format_command_line()}


def print_plan(config: VisualizeConfig, files: Iterable[Path]) -> None:
    """Prints the settings and the files to be made."""
    print(f"settings\n{describe(config)}\nfiles")
    print("\n".join(f"  {path}" for path in files))


def load_images(config: VisualizeConfig, given: frozenset[str], run: Run) -> ImageDataset:
    """The images that were asked for, or those of a run, in the form that its model takes."""
    from latentspace import datasets

    height, width, channels = run.image_shape
    shape = {"image_size": (height, width), "channels": channels}
    trained_on = run.facts["dataset"]
    if config.dataset is not None:
        return read_images(config, {**shape, **config.read_options(given)})
    kept = trained_on.get("reading", {})
    place = datasets.find_recorded_place(trained_on)
    return read_images(config, {**shape, **kept, **config.read_options(given)}, dataset=place)


def read_images(
    config: VisualizeConfig, read_options: Mapping[str, Any], dataset: str | None = None
) -> ImageDataset:
    """Reads images, and says what was read."""
    from latentspace import datasets
    from latentspace.models import downloads

    data = datasets.load_dataset(
        dataset or config.dataset,
        config.data_dir,
        read_options=datasets.ReadOptions.from_facts(read_options),
        cache_dir=None if config.no_cache else find_cache_folder(),
        show_progress=not config.quiet,
        download=downloads.download,
    )
    print("\n".join([*data.notes, f"images: {data}"]))
    return data


def import_own_model(
    config: VisualizeConfig, given: frozenset[str], name: str
) -> tuple[Run, ImageDataset]:
    """A person's own model as a run, checked with the images that are read for it."""
    from latentspace.core.provenance import silence_stderr
    from latentspace.models import saving

    with silence_stderr():
        from latentspace.models import importing

    path = Path(config.models_dir) / saving.check_name(name)
    if config.save_run is not None and path.exists():
        raise InputError(f"{path} exists: choose another name for --save-run")
    run, data = importing.import_run(
        {part: getattr(config, part) for part in SOURCE},
        path=path,
        read=lambda wanted: read_images(config, {**wanted, **config.read_options(given)}),
        bottleneck=config.bottleneck,
        latent_output=config.latent_output,
        pixel_range=config.pixel_range,
    )
    print(f"model: {run.facts['adopted']['description']}")
    if config.save_run is not None and run.networks is not None:
        with lock_folder(path, wait=False):
            saving.check_available(path, overwrite=False)
            run = saving.save_run(path, *run.networks, facts=run.facts, history=())
        print(f"{path} is kept: from now on --run {name} is enough")
    return run, data


def choose_own_name(config: VisualizeConfig) -> str:
    """What a person's own model is called where it is given no name."""
    file = config.autoencoder or config.encoder or (config.model_code or "").partition(":")[0]
    return config.save_run or Path(file).stem or "own"


def make_study(config: VisualizeConfig, run: Run, data: ImageDataset, *, thorough: bool) -> Study:
    """A study of a run with the options that were asked for."""
    from latentspace.chapters.study import Study, StudyOptions

    return Study(
        run,
        data,
        StudyOptions.from_settings(dataclasses.asdict(config), thorough=thorough),
        cache_dir=None if config.no_cache else find_cache_folder(),
        models_dir=Path(config.models_dir),
        show_progress=not config.quiet,
    )


if __name__ == "__main__":
    sys.exit(run_script(main, user_errors=(InputError, OSError)))
