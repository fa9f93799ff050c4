"""Look into the latent space of a trained autoencoder: pictures and numbers in outputs/."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from config import DataConfig, VisualizeConfig, describe, parse, run_script, spelled
from latentspace.figures.registry import COMPARISONS, FIGURES, FLAGS, Figure, chosen
from latentspace.files import InputError, cache_folder, write_bytes

if TYPE_CHECKING:
    from latentspace.runs import Run
    from latentspace.study import Study

EXAMPLES = (
    "python visualize.py                                  the whole story of the run trained last",
    "python visualize.py --run mnist --maps --samples 10000",
    "python visualize.py --run mnist-best --run mnist      which of two has learned more",
    "python visualize.py --interpolation --from 3 class:7 --to 18 class:1 --format mp4",
    "python visualize.py --arithmetic --expression '12 - class:1 + class:7'",
    "python visualize.py --arithmetic --expression '12 + 1.5*slant'",
    "python visualize.py --attributes --traversals",
)
FOR_TWO = {  # settings that mean something where two runs are compared
    *(item.name for item in dataclasses.fields(DataConfig)),
    *("run", "models_dir", "outputs_dir", "samples", "split", "method", "perplexity"),
    *("exaggeration", "seed", "no_cache", "dry_run", "quiet"),
}


def main() -> None:
    config, given = parse(
        VisualizeConfig, None, description=__doc__ or "", examples=EXAMPLES, switches=FLAGS
    )
    if config.list:
        figures = (*FIGURES, *COMPARISONS)
        width = max(len(figure.file) for figure in figures)
        print("\n".join(f"{f.flag:<18} {f.file:<{width}}  {f.about}" for f in figures))
    elif len(config.run) < 2:
        look_at_one(config, given)
    else:
        compare_two(config, given)


def look_at_one(config: VisualizeConfig, given: frozenset[str]) -> None:
    """Draws and measures what a run has learned."""
    asked = {flag for flag in {f.flag for f in FIGURES} if given & {flag, flag.removeprefix("--")}}
    figures = chosen(asked, every=config.all, dims=config.dims)
    if len(config.start) != len(config.end):
        raise InputError(
            f"--from and --to go together, one image each for every way. Received: "
            f"{len(config.start)} and {len(config.end)}"
        )

    from latentspace import runs

    run = runs.find_run(next(iter(config.run), None), config.models_dir)
    folder = Path(config.outputs_dir) / run.name
    if config.dry_run:
        print_plan(config, folder, figures)
        return

    from latentspace.report import METRICS, write_metrics

    (study,) = study_runs(config, given, [run], thorough=config.all or bool(asked))
    made = draw(config, folder, figures, study)
    sections = {str(figure.section) for figure in made if figure.measures(study)}
    write_metrics(folder / METRICS, study, sections)
    print("\n".join([str(folder / METRICS), *study.answers(sections)]))


def compare_two(config: VisualizeConfig, given: frozenset[str]) -> None:
    """Draws and measures what two runs make of the same images."""
    if others := given - FOR_TWO:
        raise InputError(
            f"two runs are compared in pictures of their own, without {spelled(config, others)}: "
            "leave it out, or pass --run once"
        )

    from latentspace import runs

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
        print_plan(config, folder, COMPARISONS)
        return

    from latentspace.report import METRICS, TABLE, table_lines, write_comparison
    from latentspace.study.comparison import Comparison

    comparison = Comparison(*study_runs(config, given, [first, second], thorough=False))
    draw(config, folder, COMPARISONS, comparison)
    write_comparison(folder, comparison)
    print(f"{folder / TABLE}\n{folder / METRICS}\n\n{comparison.images}")
    print("\n".join([*table_lines(comparison), *comparison.notes, comparison.answer]))


def study_runs(
    config: VisualizeConfig, given: frozenset[str], runs: Sequence[Run], *, thorough: bool
) -> list[Study]:
    """Studies of runs that share their images: those asked for, or those of the first run."""
    from latentspace import datasets
    from latentspace.study import Study, StudyOptions

    trained_on = runs[0].facts["dataset"]
    height, width, channels = runs[0].image_shape
    data = datasets.load_dataset(
        config.dataset or trained_on["source"] or trained_on["name"],
        config.data_dir,
        reading=datasets.Reading.from_facts(
            {} if config.dataset else trained_on,
            {"image_size": (height, width), "channels": channels, **config.reading(given)},
        ),
        cache_dir=None if config.no_cache else cache_folder(),
        show_progress=not config.quiet,
    )
    print("\n".join([*data.notes, f"images: {data}"]))
    return [
        Study(
            run,
            data,
            StudyOptions.from_settings(dataclasses.asdict(config), thorough=thorough),
            cache_dir=None if config.no_cache else cache_folder(),
            models_dir=Path(config.models_dir),
            show_progress=not config.quiet,
        )
        for run in runs
    ]


def print_plan(config: VisualizeConfig, folder: Path, figures: Sequence[Figure]) -> None:
    """Prints the settings and the pictures to be made."""
    print(f"settings\n{describe(config)}\nfiles")
    for figure in figures:
        for suffix in figure.suffixes(config.format):
            print(f"  {(folder / figure.file_by(config.method)).with_suffix(suffix)}")


def draw(
    config: VisualizeConfig, folder: Path, figures: Sequence[Figure], subject: Any
) -> list[Figure]:
    """Draws and writes pictures of a study or a comparison; the ones that could be made."""
    from latentspace.media import encoded_as

    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for figure in figures:
        path = folder / figure.file_by(config.method)
        if (reason := figure.missing(subject)) is not None:
            print(f"{path} is left out: {reason}")
            continue
        frames = figure.draw(subject, config.fps)
        for suffix in figure.suffixes(config.format):
            encoded = encoded_as(suffix, frames, fps=config.fps)
            write_bytes(path.with_suffix(suffix), encoded)
            print(f"{path.with_suffix(suffix)}  {len(encoded) / 1e6:.2f} MB")
        made.append(figure)
    return made


if __name__ == "__main__":
    sys.exit(run_script(main, mendable=(InputError, OSError)))
