"""Train a convolutional autoencoder and keep its encoder and decoder as a run in models/."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from config import TrainConfig, describe, parse, run_script
from latentspace.core.errors import InputError


def main() -> None:
    config, given = parse(TrainConfig, __doc__)
    print(f"settings\n{describe(config)}")
    if config.dry_run:
        return

    from latentspace import datasets
    from latentspace.core.cache import find_cache_folder
    from latentspace.core.files import check_temporary_folder, lock_folder
    from latentspace.models import downloads, saving
    from latentspace.training import session

    check_temporary_folder()
    started: dict[str, Any] = {}  # what a resumed training says of its images
    if config.resume:
        config, started = session.resume_settings(config, given)
    data = datasets.load_dataset(
        config.dataset,
        config.data_dir,
        read_options=datasets.ReadOptions.from_facts(
            {**started.get("reading", {}), **config.read_options(given)}
        ),
        cache_dir=find_cache_folder(),
        show_progress=not config.quiet,
        download=downloads.download,
    )
    if started and started["hash"] != data.hash:
        raise InputError(
            f"{config.run} was begun with other images: pass the --dataset and --data-dir of then, "
            "or start over with --overwrite"
        )
    print("\n".join([*data.notes, f"images: {data}"]))
    if config.dataset is None and data.name != "mnist":
        print(
            f"MNIST is neither on disk nor to be downloaded: going on with {data.name!r}. "
            "For MNIST: python train_cae.py --dataset mnist --data-dir DIR"
        )
    folder = Path(config.models_dir) / saving.check_name(config.run or data.name)
    with lock_folder(folder, wait=False):
        run = session.train_run(config, given, data, folder)
    print("\n".join(session.describe_outcome(run, config, given)))


if __name__ == "__main__":
    sys.exit(run_script(main, user_errors=(InputError, OSError)))
