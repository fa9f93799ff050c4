"""One training, from settings and images to a run on disk; Keras is loaded when all is well."""

from __future__ import annotations

import dataclasses
import importlib.util
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latentspace import datasets
from latentspace.core.errors import InputError
from latentspace.core.files import check_folder
from latentspace.core.pixels import Pixels, Subset
from latentspace.core.provenance import silence_stderr
from latentspace.datasets import ImageDataset
from latentspace.models import saving
from latentspace.models.run_schema import CHECKPOINT, PARTIAL_SNAPSHOTS

if TYPE_CHECKING:
    from config import TrainConfig

LEAST_SIDE = 4  # pixels


@dataclass(frozen=True)
class Outcome:
    """How a training ended.

    Attributes:
        folder: The run.
        status: "complete", "interrupted" or "diverged".
        epochs: Finished ones.
        planned: Epochs of both stages.
        scores: Mean squared errors per pixel, as run.json has them.
    """

    folder: Path
    status: str
    epochs: int
    planned: int
    scores: dict[str, float]


def resume_settings(
    config: TrainConfig, given: frozenset[str]
) -> tuple[TrainConfig, dict[str, Any]]:
    """The settings and the facts of the images that a stopped training began with.

    Raises:
        InputError: There is nothing to resume, or a given setting contradicts it.
    """
    name = config.run or config.dataset or "mnist"
    folder = Path(config.models_dir) / name
    saving.check_resumable(folder)
    with silence_stderr():
        from latentspace.training import checkpoint
    asked = {key: value for key, value in config.of_model.items() if key in given}
    facts = checkpoint.read_start_facts(folder / CHECKPOINT, type(config), asked=asked)
    place = config.dataset or datasets.find_recorded_place(facts["dataset"])
    config = dataclasses.replace(config, **facts["settings"], run=name, dataset=place)
    return config, facts["dataset"]


def train_run(
    config: TrainConfig, given: frozenset[str], data: ImageDataset, folder: Path
) -> Outcome:
    """Trains a model on images and saves it as a run, saying on the way what is done.

    Args:
        config: The settings.
        given: Names of those that were given, and so are not to be chosen by the data.
        data: The images; part of those to train on is held back to watch the error.
        folder: Of the run; nobody else may write there.

    Raises:
        InputError: There is too little to learn from, or the training can't be logged.
    """
    log = None if config.tensorboard is None else Path(config.tensorboard) / folder.name
    fitted, held_back = datasets.split_validation(
        len(data.train_pixels), config.validation_split, config.seed
    )
    _check_enough(data, len(fitted))
    if not config.resume:
        saving.check_available(folder, overwrite=config.overwrite)
    if log is not None:
        _check_log(log, config)
    with silence_stderr():
        from latentspace.analysis import scores
        from latentspace.models import snapshots
        from latentspace.training import stages

        devices = stages.list_devices()
    if not config.resume and "epochs" not in given:
        config = _lengthen(config, len(fitted), given)
    settings = config.of_model
    print(f"training on {', '.join(devices)}")
    stages.make_repeatable(config.seed, bitwise=config.deterministic)
    splits: dict[str, Pixels] = {
        "train": Subset(data.train_pixels, fitted),
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
            plan=stages.Plan.from_settings(settings, len(fitted)),
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
    saving.save_run(
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
    planned = config.epochs + config.refine_epochs
    return Outcome(folder, progress.status, len(progress.rows), planned, errors)


def describe_outcome(outcome: Outcome, config: TrainConfig, given: frozenset[str]) -> list[str]:
    """How a training ended, and what to do next, a line each."""
    errors = outcome.scores
    where = f"--run {shlex.quote(outcome.folder.name)}"
    if "models_dir" in given:
        where += f" --models-dir {shlex.quote(config.models_dir)}"
    when = f"after epoch {outcome.epochs} of {outcome.planned}"
    if outcome.status == "complete":
        end = f"next: python visualize.py {where}"
    elif outcome.status == "interrupted":
        if config.tensorboard is not None:
            where += f" --resume --tensorboard {shlex.quote(str(Path(config.tensorboard)))}"
        else:
            where += " --resume"
        end = f"interrupted {when}, the best one kept; go on with python train_cae.py {where}"
    else:
        end = (
            f"stopped {when}: the loss has exploded, beyond that of plain grey, or is no longer "
            "finite. The best epoch is kept; train again with --overwrite and a lower "
            "--learning-rate"
        )
    return [
        f"{outcome.folder}: mean squared error per pixel {errors['train_mse']:.5f} train, "
        f"{errors['test_mse']:.5f} test; PCA with {config.latent_dim} components "
        f"{errors['pca_mse']:.5f} test",
        end,
    ]


def _check_enough(data: ImageDataset, num_fitted: int) -> None:
    """Raises an InputError where there is nothing that a model could learn from."""
    if num_fitted < 2:
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


def _check_log(log: Path, config: TrainConfig) -> None:
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
