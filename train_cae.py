"""Train a convolutional autoencoder and keep its encoder and decoder as a run in models/."""

from __future__ import annotations

import dataclasses
import importlib.util
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np

from config import DataConfig, TrainConfig, describe, parse, run_script
from latentspace import datasets
from latentspace.core.cache import find_cache_folder
from latentspace.core.errors import InputError
from latentspace.core.files import check_folder, check_temporary_folder, lock_folder
from latentspace.core.pixels import Pixels, Subset
from latentspace.core.provenance import silence_stderr
from latentspace.models import downloads, saving
from latentspace.models.run_schema import CHECKPOINT, PARTIAL_SNAPSHOTS

EXAMPLES = (
    "python train_cae.py                                   MNIST, 32 units, saved as models/mnist",
    "python train_cae.py --preset quick --dataset digits   a first look in seconds",
    "python train_cae.py --run small --latent-dim 8 --epochs 5",
    "python train_cae.py --run small --resume              go on after Ctrl-C or a crash",
    "python train_cae.py --tensorboard logs                then: tensorboard --logdir logs",
)
# Where things lie and what to do with them: not part of how a model is made, so not kept with it.
LEAST_SIDE = 4  # pixels
NOT_KEPT = (
    *("models_dir", "run", "quiet", "resume", "overwrite", "dry_run"),
    "tensorboard",
    *(field.name for field in dataclasses.fields(DataConfig)),
)


def main() -> None:
    config, given = parse(TrainConfig, None, description=__doc__ or "", examples=EXAMPLES)
    print(f"settings\n{describe(config)}")
    if config.dry_run:
        return

    check_temporary_folder()
    begun: dict[str, Any] = {}
    if config.resume:
        config, begun = _resume_settings(config, given)
    data = datasets.load_dataset(
        config.dataset,
        config.data_dir,
        read_options=datasets.ReadOptions.from_facts(
            {**begun.get("reading", {}), **config.read_options(given)}
        ),
        cache_dir=find_cache_folder(),
        show_progress=not config.quiet,
        download=downloads.download,
    )
    if begun and begun["hash"] != data.hash:
        raise InputError(
            f"{config.run} was begun with other images: pass the --dataset and --data-dir of then, "
            "or start anew with --overwrite"
        )
    print("\n".join([*data.notes, f"images: {data}"]))
    if config.dataset is None and data.name != "mnist":
        print(
            f"MNIST is neither on disk nor to be downloaded: going on with {data.name!r}. "
            "For MNIST: python train_cae.py --dataset mnist --data-dir DIR"
        )
    fitted, held_back = datasets.split_validation(
        len(data.train_pixels), config.validation_split, config.seed
    )
    _refuse_too_little(data, len(fitted))
    folder = Path(config.models_dir) / saving.check_name(config.run or data.name)
    with lock_folder(folder, wait=False):
        if not config.resume:
            saving.check_available(folder, overwrite=config.overwrite)
        train(config, given, data, folder, fit_indices=fitted, held_back=held_back)


def train(
    config: TrainConfig,
    given: frozenset[str],
    data: datasets.ImageDataset,
    folder: Path,
    *,
    fit_indices: np.ndarray,
    held_back: np.ndarray,
) -> None:
    """Trains on the images `fit_indices`, watches the error on those `held_back`, and saves the run."""
    log = None if config.tensorboard is None else Path(config.tensorboard) / folder.name
    if log is not None:
        _check_log_available(log, config)

    # Keras takes seconds to load, so whatever can be refused has been refused by now.
    with silence_stderr():
        from latentspace.analysis import scores
        from latentspace.models import snapshots
        from latentspace.training import stages

        devices = stages.list_devices()
    if not config.resume and "epochs" not in given:
        config = _lengthen(config, len(fit_indices), given)
    settings = {k: v for k, v in dataclasses.asdict(config).items() if k not in NOT_KEPT}
    print(f"training on {', '.join(devices)}")
    stages.make_repeatable(config.seed, bitwise=config.deterministic)
    splits: dict[str, Pixels] = {
        "train": Subset(data.train_pixels, fit_indices),
        "validation": Subset(data.train_pixels, held_back),
        "test": data.test_pixels,
    }
    watchers = []
    if log is not None:
        from latentspace.training.tensorboard import TrainingLog

        watchers.append(TrainingLog(log, splits["validation"]))
        print(f"watch: tensorboard --logdir {shlex.quote(str(log.parent))}")
    with stages.distribute_over(devices):
        encoder, decoder, progress = stages.train(
            splits["train"],
            splits["validation"],
            plan=stages.Plan.from_settings(settings, len(fit_indices)),
            checkpoint=folder / CHECKPOINT,
            facts={"settings": settings, "dataset": data.facts},
            watch=snapshots.choose_watched(
                folder / PARTIAL_SNAPSHOTS,
                data.train_labels,
                held_back,
                data.image_shape,
                latent_dim=config.latent_dim,
                seed=config.seed,
            ),
            resume=config.resume,
            callbacks=watchers,
            verbose=0 if config.quiet else 1 if sys.stdout.isatty() else 2,
        )

    autoencoder = stages.join_autoencoder(encoder, decoder)
    errors = {
        f"{split}_mse": stages.measure_mean_error(autoencoder, pixels)
        for split, pixels in splits.items()
    }
    errors["pca_mse"] = scores.pca_error(splits["train"], data.test_images, config.latent_dim)
    run = saving.save_run(
        folder,
        encoder,
        decoder,
        facts={
            "status": progress.status,
            "dataset": data.facts,
            "image_shape": data.image_shape,
            "latent_dim": config.latent_dim,
            "settings": settings,
            "parameters": autoencoder.count_params(),
            "device": ", ".join(devices),
            "epochs": len(progress.rows),
            "best_epoch": progress.best_epoch,
            "seconds": round(sum(row["seconds"] for row in progress.rows), 1),
            "scores": errors,
        },
        history=progress.rows,
    )
    if progress.status == "complete":
        saving.delete_checkpoint(folder)
    print(
        f"{run.path}: mean squared error per pixel {errors['train_mse']:.5f} train, "
        f"{errors['test_mse']:.5f} test; PCA with {config.latent_dim} components "
        f"{errors['pca_mse']:.5f} test"
    )
    planned = config.epochs + config.refine_epochs
    where = f"--run {shlex.quote(folder.name)}"
    if "models_dir" in given:
        where += f" --models-dir {shlex.quote(config.models_dir)}"
    watched = "" if log is None else f" --tensorboard {shlex.quote(str(log.parent))}"
    _report_end(progress.status, len(progress.rows), planned, where, watched)


def _refuse_too_little(data: datasets.ImageDataset, fit_indices: int) -> None:
    """Raises an InputError where there is nothing that a model could learn from."""
    if fit_indices < 2:
        raise InputError(
            f"{data.name} should have at least 3 training images. Received: "
            f"{len(data.train_pixels)}; raise --limit, or lower --test-fraction"
        )
    if min(data.image_shape[:2]) < LEAST_SIDE:
        height, width, _ = data.image_shape
        raise InputError(
            f"images should have at least {LEAST_SIDE}x{LEAST_SIDE} pixels. Received: "
            f"{height}x{width}; pass a larger --image-size"
        )


def _check_log_available(log: Path, config: TrainConfig) -> None:
    """Makes sure that a training can be logged in a folder, and that nothing else is logged there.

    Raises:
        InputError: It can't be, or the log of another training may not be replaced.
    """
    check_folder(log)
    if importlib.util.find_spec("tensorboard") is None:
        raise InputError("--tensorboard needs the package tensorboard: pip install tensorboard")
    earlier = [] if config.resume else list(log.glob("*/events.out.tfevents.*"))
    if earlier and not config.overwrite:
        raise InputError(
            f"{log} is the log of an earlier training: pass --overwrite to replace it, --run NAME "
            "for another run, or another --tensorboard DIR"
        )
    for file in earlier:
        file.unlink()


def _lengthen(config: TrainConfig, count: int, given: frozenset[str]) -> TrainConfig:
    """The settings with epochs enough to learn from `count` images, where these are a few."""
    from latentspace.training import fitting

    batch_size = config.batch_size or fitting.choose_batch_size(count)
    epochs = fitting.choose_epochs(
        config.epochs, least_steps=config.least_steps, batch_size=batch_size, count=count
    )
    if epochs == config.epochs:
        return config
    refine_epochs = config.refine_epochs
    if "refine_epochs" not in given:
        refine_epochs = round(refine_epochs * epochs / config.epochs)
    print(
        f"{count:,} images are few: {epochs} + {refine_epochs} epochs, to make as many steps as "
        "learning takes; --epochs N chooses another number"
    )
    return dataclasses.replace(config, epochs=epochs, refine_epochs=refine_epochs)


def _resume_settings(
    config: TrainConfig, given: frozenset[str]
) -> tuple[TrainConfig, dict[str, Any]]:
    """The settings and the facts of the images that a stopped training began with."""
    name = config.run or config.dataset or "mnist"
    folder = Path(config.models_dir) / name
    saving.check_resumable(folder)
    with silence_stderr():
        from latentspace.training import checkpoint
    asked = {key: getattr(config, key) for key in given - set(NOT_KEPT)}
    facts = checkpoint.read_start_facts(folder / CHECKPOINT, TrainConfig, asked=asked)
    dataset = config.dataset or datasets.find_recorded_place(facts["dataset"])
    config = dataclasses.replace(config, **facts["settings"], run=name, dataset=dataset)
    return config, facts["dataset"]


def _report_end(status: str, epochs: int, planned: int, where: str, watched: str) -> None:
    if status == "complete":
        print(f"next: python visualize.py {where}")
    elif status == "interrupted":
        print(
            f"interrupted after epoch {epochs} of {planned}, the best one kept; go on with "
            f"python train_cae.py {where} --resume{watched}"
        )
    else:
        print(
            f"stopped after epoch {epochs} of {planned}: the loss has exploded, beyond that of "
            "plain grey, or is no longer finite. The best epoch is kept; train again with "
            "--overwrite and a lower --learning-rate"
        )


if __name__ == "__main__":
    sys.exit(run_script(main, user_errors=(InputError, OSError)))
