"""Look into the latent space of a trained autoencoder: pictures and numbers in outputs/."""

from __future__ import annotations

import sys
from pathlib import Path

from config import VisualizeConfig, describe, parse, run_script
from latentspace.figures.registry import FIGURES, FLAGS, Figure
from latentspace.files import InputError, cache_folder, write_bytes

EXAMPLES = (
    "python visualize.py                                  the whole story of the run trained last",
    "python visualize.py --run mnist --maps --samples 10000",
    "python visualize.py --interpolation --from 3 class:7 --to 18 class:1 --format mp4",
    "python visualize.py --arithmetic --expression '12 - class:1 + class:7'",
    "python visualize.py --arithmetic --expression '12 + 1.5*slant'",
    "python visualize.py --attributes --traversals",
)


def main() -> None:
    config, given = parse(
        VisualizeConfig, None, description=__doc__ or "", examples=EXAMPLES, switches=FLAGS
    )
    if config.list:
        width = max(len(figure.file) for figure in FIGURES)
        print("\n".join(f"{f.flag:<18} {f.file:<{width}}  {f.about}" for f in FIGURES))
        return
    asked = {flag for flag in {f.flag for f in FIGURES} if given & {flag, flag.removeprefix("--")}}
    chosen = _chosen(config, asked)
    if len(config.start) != len(config.end):
        raise InputError(
            f"--from and --to go together, one image each for every way. Received: "
            f"{len(config.start)} and {len(config.end)}"
        )

    from latentspace import runs

    run = runs.find_run(config.run, config.models_dir)
    folder = Path(config.outputs_dir) / run.name
    if config.dry_run:
        print(f"settings\n{describe(config)}\nfiles")
        for figure in chosen:
            for suffix in _suffixes(figure, config.format):
                print(f"  {(folder / figure.file_by(config.method)).with_suffix(suffix)}")
        return

    from latentspace import datasets
    from latentspace.media import encoded_as
    from latentspace.projection import Settings
    from latentspace.report import METRICS, write_metrics
    from latentspace.study import Study, StudyOptions

    trained_on = run.facts["dataset"]
    height, width, channels = run.image_shape
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
    options = StudyOptions(
        samples=config.samples,
        split=config.split,
        projection=Settings(
            method=config.method,
            dims=config.dims,
            perplexity=config.perplexity,
            exaggeration=config.exaggeration,
            seed=config.seed,
        ),
        place=config.place,
        pairs=config.pairs,
        starts=config.start,
        ends=config.end,
        frames=config.frames,
        path=config.path,
        axes=config.axes,
        expression=config.expression,
        thorough=config.all or bool(asked),
        seed=config.seed,
    )
    study = Study(
        run,
        data,
        options,
        cache_dir=None if config.no_cache else cache_folder(),
        models_dir=Path(config.models_dir),
        show_progress=not config.quiet,
    )
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for figure in chosen:
        path = folder / figure.file_by(config.method)
        if (reason := figure.missing(study)) is not None:
            print(f"{path} is left out: {reason}")
            continue
        frames = figure.draw(study, config.fps)
        for suffix in _suffixes(figure, config.format):
            encoded = encoded_as(suffix, frames, fps=config.fps)
            write_bytes(path.with_suffix(suffix), encoded)
            print(f"{path.with_suffix(suffix)}  {len(encoded) / 1e6:.2f} MB")
        made.append(figure)
    sections = {str(figure.section) for figure in made if figure.measures(study)}
    write_metrics(folder / METRICS, study, sections)
    print(folder / METRICS)
    for line in study.answers(sections):
        print(line)


def _chosen(config: VisualizeConfig, asked: set[str]) -> list[Figure]:
    """The pictures that the flags ask for; those of the story where none does."""
    if config.all:
        return [figure for figure in FIGURES if figure.flag != "--place" or figure.flag in asked]
    return [
        figure
        for figure in FIGURES
        if (figure.flag in asked if asked else figure.in_story)
        and figure.dims in (None, config.dims)
    ]


def _suffixes(figure: Figure, animation: str) -> list[str]:
    """The file types in which a figure is written."""
    if not figure.moves:
        return [".png"]
    return [".gif", ".mp4"] if animation == "both" else [f".{animation}"]


if __name__ == "__main__":
    sys.exit(run_script(main, mendable=(InputError, OSError)))
