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
    "python visualize.py --interpolation --from 3 --to 18",
    "python visualize.py --arithmetic --expression '12 - class:1 + class:7'",
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
    endpoints = None
    if config.start is not None and config.end is not None:
        endpoints = (config.start, config.end)
    elif config.start is not None or config.end is not None:
        raise InputError("--from and --to go together: pass the indices of two test images")

    from latentspace import runs

    run = runs.find_run(config.run, config.models_dir)
    folder = Path(config.outputs_dir) / run.name
    if config.dry_run:
        print(f"settings\n{describe(config)}\nfiles")
        print("\n".join(f"  {folder / figure.file}" for figure in chosen))
        return

    from latentspace import datasets
    from latentspace.media import gif_bytes, png_bytes
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
        endpoints=endpoints,
        frames=config.frames,
        expression=config.expression,
        seed=config.seed,
    )
    study = Study(run, data, options, cache_dir=cache_folder(), show_progress=not config.quiet)
    folder.mkdir(parents=True, exist_ok=True)
    for figure in chosen:
        frames = figure.draw(study, config.fps)
        encoded = gif_bytes(frames, fps=config.fps) if frames.ndim == 4 else png_bytes(frames)
        write_bytes(folder / figure.file, encoded)
        print(f"{folder / figure.file}  {len(encoded) / 1e6:.2f} MB")
    sections = {figure.section for figure in chosen if figure.section is not None}
    write_metrics(folder / METRICS, study, sections)
    print(folder / METRICS)


def _chosen(config: VisualizeConfig, given: frozenset[str]) -> list[Figure]:
    """The pictures that the flags ask for; those of the story where none does."""
    if config.all:
        return list(FIGURES)
    asked = given & set(FLAGS)
    return [figure for figure in FIGURES if (figure.flag in asked if asked else figure.in_story)]


if __name__ == "__main__":
    sys.exit(run_script(main, mendable=(InputError, OSError)))
