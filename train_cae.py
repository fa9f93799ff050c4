"""Train a convolutional autoencoder and keep its encoder and decoder as a run in models/."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from pathlib import Path
from typing import Any

from config import TrainConfig, describe, parse, run_script
from latentspace.core.cluster import is_first_process, read_cluster
from latentspace.core.errors import InputError


def main() -> None:
    config, given = parse(TrainConfig, __doc__)
    cluster = read_cluster()
    if cluster is not None:
        cluster.silence_others()
        config = dataclasses.replace(config, quiet=config.quiet or not is_first_process())
    print(f"settings\n{describe(config)}")
    if config.dry_run:
        return

    from latentspace.core.files import check_temporary_folder, lock_folder
    from latentspace.models import saving, sources
    from latentspace.training import session

    check_temporary_folder()
    started: dict[str, Any] = {}  # what a resumed training says of its images
    if config.resume:
        config, started = session.resume_settings(config, given)
    options = {**started.get("reading", {}), **sources.read_options(config, given)}
    data = sources.read_images(config, options, config.dataset)
    if started and not data.are_images_of(started):
        raise InputError(
            f"{config.run} was begun with other images: pass the --dataset and --data-dir of then, "
            "or start over with --overwrite"
        )
    if config.dataset is None and data.name != "mnist":
        print(
            f"MNIST is neither on disk nor to be downloaded: going on with {data.name!r}. "
            "For MNIST: python train_cae.py --dataset mnist --data-dir DIR"
        )
    folder = Path(config.models_dir) / saving.check_name(config.run or data.name)
    with lock_folder(folder, wait=False) if is_first_process() else contextlib.nullcontext():
        run = session.train_run(config, given, data, folder)
    if run is not None:
        print("\n".join(session.describe_outcome(run, config, given)))


if __name__ == "__main__":
    sys.exit(run_script(main, user_errors=(InputError, OSError)))
