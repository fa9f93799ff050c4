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
    chosen = _chosen(config, given)
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
                print(f"  {(folder / figure.file).with_suffix(suffix)}")
        return

    from latentspace import datasets
    from latentspace.media import encoded_as
    from latentspace.report import METRICS, write_metrics
    from latentspace.study import Study, StudyOptions

    trained_on = run.facts["dataset"]
    data = datasets.load_dataset(
        config.dataset or trained_on["source"] or trained_on["name"], config.data_dir
    )
    options = StudyOptions(
        samples=config.samples,
        perplexity=config.perplexity,
        pairs=config.pairs,
        starts=config.start,
        ends=config.end,
        frames=config.frames,
        path=config.path,
        axes=config.axes,
        expression=config.expression,
        thorough=config.all or bool(given & set(FLAGS)),
        seed=config.seed,
    )
    study = Study(
        run,
        data,
        options,
        cache_dir=cache_folder(),
        models_dir=Path(config.models_dir),
        show_progress=not config.quiet,
    )
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for figure in chosen:
        if (reason := figure.missing(study)) is not None:
            print(f"{folder / figure.file} is left out: {reason}")
            continue
        frames = figure.draw(study, config.fps)
        for suffix in _suffixes(figure, config.format):
            path = (folder / figure.file).with_suffix(suffix)
            encoded = encoded_as(suffix, frames, fps=config.fps)
            write_bytes(path, encoded)
            print(f"{path}  {len(encoded) / 1e6:.2f} MB")
        made.append(figure)
    sections = {str(figure.section) for figure in made if figure.measures(study)}
    write_metrics(folder / METRICS, study, sections)
    print(folder / METRICS)


def _chosen(config: VisualizeConfig, given: frozenset[str]) -> list[Figure]:
    """The pictures that the flags ask for; those of the story where none does."""
    if config.all:
        return list(FIGURES)
    asked = given & set(FLAGS)
    return [figure for figure in FIGURES if (figure.flag in asked if asked else figure.in_story)]


def _suffixes(figure: Figure, animation: str) -> list[str]:
    """The file types in which a figure is written."""
    if not figure.moves:
        return [".png"]
    return [".gif", ".mp4"] if animation == "both" else [f".{animation}"]


if __name__ == "__main__":
    sys.exit(run_script(main, mendable=(InputError, OSError)))
