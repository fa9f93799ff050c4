"""One training, from settings and images to a run on disk; Keras is loaded when all is well."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import math
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from latentspace import datasets
from latentspace.core.cluster import is_first_process
from latentspace.core.documents import validate
from latentspace.core.errors import InputError, to_printable
from latentspace.core.files import check_folder
from latentspace.core.pixels import UnitImages, count_images_held
from latentspace.core.progress import show_running
from latentspace.core.provenance import hash_file, silence_stderr
from latentspace.datasets import ImageDataset, augmentation, choose_limited
from latentspace.models import saving
from latentspace.models.backend import start_keras
from latentspace.models.run_schema import CHECKPOINT, DENSITY, KEPT_CODES, PARTIAL_SNAPSHOTS
from latentspace.models.runs import Run, predict

if TYPE_CHECKING:
    import keras

    from config import TrainConfig

LEAST_SIDE = 4  # pixels
USUAL_VALUES = 28 * 28  # in an image, for the usual number of units
MOST_UNITS = 256  # where nobody asked for others
IMAGES_PER_UNIT = 32
LOOKED_AT = 4_000  # images that tell what they are like


def choose_latent_dim(config: TrainConfig, values: int, count: int) -> int:
    """Units for `count` images: a power of two by the root of values, few for few images."""
    wanted = config.latent_dim * math.sqrt(values / USUAL_VALUES)
    nearest = 2 ** round(math.log2(max(min(wanted, count / IMAGES_PER_UNIT), 1)))
    return max(min(nearest, MOST_UNITS), config.latent_dim)


def resume_settings(
    config: TrainConfig, given: frozenset[str]
) -> tuple[TrainConfig, dict[str, Any]]:
    """Settings and facts of images that a training began with; else an `InputError`."""
    name = config.run or config.dataset or "mnist"
    path = Path(config.models_dir) / name / CHECKPOINT
    saving.check_resumable(path.parent)
    start_keras()
    with silence_stderr():
        from latentspace.training.checkpoint import START_OVER, read_checkpoint
    facts = read_checkpoint(path)[0]["facts"]
    text = json.dumps(facts["settings"]).encode()
    begun = validate(text, type(config), where=str(path), renew=START_OVER).of_model
    if unknown := set(facts["settings"]) - set(begun):
        shown = to_printable(", ".join(sorted(unknown)))
        what = f"settings that this version does not know, {shown}"
        raise InputError(f"{path} has {what}: {START_OVER}")
    for key, value in config.of_model.items():
        if key in given and value != begun[key]:
            found = f"{path.parent} was begun with {key} = {begun[key]}. Received: {value}"
            raise InputError(f"{found}; drop the flag, or start over with --overwrite")
    place = config.dataset or datasets.find_recorded_place(facts["dataset"])
    return dataclasses.replace(config, **begun, run=name, dataset=place), dict(facts["dataset"])


def train_run(
    config: TrainConfig, given: frozenset[str], data: ImageDataset, folder: Path
) -> Run | None:
    """Trains a model on images and saves it as a run, saying on the way what is done.

    Settings that were `given` are not chosen by the data. Nobody else may write to the folder.
    Of several processes that train together, all but the first write nothing and return None.
    Raises an `InputError` where there is too little to learn from, or it can't be logged.
    """
    writes = is_first_process()
    log = Path(config.tensorboard) / folder.name if writes and config.tensorboard else None
    fitted, held_back = data.split_validation(config.validation_split, config.seed)
    _check_enough(data, len(fitted))
    if not config.resume:
        saving.check_available(folder, overwrite=config.overwrite)
    if log is not None:
        _check_log(log, config)
    start_keras()
    with silence_stderr():
        from latentspace.analysis import scores
        from latentspace.analysis.density import fit_density
        from latentspace.training import devices, fitting, recording, stages
    splits = {
        "train": UnitImages(data.train_pixels, fitted),
        "validation": UnitImages(data.train_pixels, held_back),
        "test": data.test_images,
    }
    if not config.resume:
        config = choose_settings(config, given, data, fitted)
    begun = {"settings": config.of_model, "dataset": data.facts}
    reached = hash_file(folder / CHECKPOINT) if config.resume else ""
    with devices.join_processes(json.dumps([config.of_model, data.images_hash, reached])):
        with silence_stderr():
            names = devices.list_devices()
        place = devices.describe(names)
        print(f"training on {place}")
        stages.make_repeatable(config.seed, bitwise=config.deterministic)
        with show_running("fitting principal components", quiet=config.quiet):
            pca = scores.fit_components(splits["train"], config.latent_dim)
        watchers: list[keras.callbacks.Callback] = []
        if writes:
            path = folder / PARTIAL_SNAPSHOTS
            watchers.append(recording.Recorder(path, data, held_back, config))
        if log is not None:
            watchers.append(recording.TrainingLog(log, splits["validation"]))
            print(f"watch: tensorboard --logdir {shlex.quote(str(log.parent))}")
        learned_from = splits["train"], splits["validation"]
        job = stages.Job(*learned_from, folder / CHECKPOINT, begun, watchers)
        try:
            with devices.distribute_over(names):
                encoder, decoder, progress = stages.train(job, config, pca)
        except fitting.DivergedError:  # there is nothing to go on with
            if writes:
                saving.delete_checkpoint(folder)
            raise
    if not writes:
        return None

    with show_running("measuring errors", quiet=config.quiet):
        learned = predict(encoder, data.train_images)
        of_tests = predict(encoder, data.test_images)
        codes = {"train": learned[fitted], "validation": learned[held_back], "test": of_tests}
        errors = dict[str, float]()
        for split, images in splits.items():
            errors[f"{split}_mse"] = stages.measure_mean_error(decoder, codes[split], images)
        errors["pca_mse"] = scores.pca_error(pca, data.test_images)
    arrays = {KEPT_CODES: {"train": learned, "test": of_tests}}
    if progress.status == "complete":
        with show_running("fitting a density to the codes", quiet=config.quiet):
            rng = np.random.default_rng(config.seed)
            density = fit_density(learned, data.train_labels, rng)
        arrays[DENSITY] = dataclasses.asdict(density)
    run = saving.save_run(
        folder,
        encoder,
        decoder,
        facts={
            "status": progress.status,
            "dataset": data.facts,
            "image_shape": data.image_shape,
            "latent_dim": config.latent_dim,
            "settings": config.of_model,
            "parameters": encoder.count_params() + decoder.count_params(),
            "device": place,
            "epochs": len(progress.rows),
            "best_epoch": progress.best_epoch,
            "seconds": round(sum(row["seconds"] for row in progress.rows), 1),
            "scores": errors,
        },
        history=progress.rows,
        arrays=arrays,
    )
    if progress.status == "complete":
        saving.delete_checkpoint(folder)
    return run


def describe_outcome(run: Run, config: TrainConfig, given: frozenset[str]) -> list[str]:
    """How a training ended, and what to do next, a line each."""
    errors, settings = run.facts["scores"], run.facts["settings"]
    where = f"--run {shlex.quote(run.name)}"
    if "models_dir" in given:
        where += f" --models-dir {shlex.quote(config.models_dir)}"
    planned = settings["epochs"] + settings["refine_epochs"]
    when = f"after epoch {run.facts['epochs']} of {planned}"
    end = (
        f"stopped {when}: the loss has exploded, beyond that of plain grey, or is no longer finite."
        " The best epoch is kept; train again with --overwrite and a lower --learning-rate"
    )
    if run.facts["status"] == "complete":
        end = f"next: python visualize.py {where}"
    elif run.facts["status"] == "interrupted":
        where += " --resume"
        if config.tensorboard is not None:
            where += f" --tensorboard {shlex.quote(str(Path(config.tensorboard)))}"
        end = f"interrupted {when}, the best one kept; go on with python train_cae.py {where}"
    kept = [] if run.facts["best_epoch"] else ["no epoch was better than PCA, which is kept"]
    return [
        *kept,
        f"{run.path}: mean squared error per pixel {errors['train_mse']:.5f} train, "
        f"{errors['test_mse']:.5f} test; PCA with {run.latent_dim} components "
        f"{errors['pca_mse']:.5f} test",
        end,
    ]


def _check_enough(data: ImageDataset, num_fitted: int) -> None:
    height, width, _ = data.image_shape
    if num_fitted < 2:
        received = f"{len(data.train_pixels)}; raise --limit, or lower --test-fraction"
        wanted = f"{data.name} should have at least 3 training images"
        raise InputError(f"{wanted}. Received: {received}")
    if min(height, width) < LEAST_SIDE:
        received = f"{height}x{width}; pass a larger --image-size"
        wanted = f"images should have at least {LEAST_SIDE}x{LEAST_SIDE} pixels"
        raise InputError(f"{wanted}. Received: {received}")


def _check_log(log: Path, config: TrainConfig) -> None:
    check_folder(log)
    if importlib.util.find_spec("tensorboard") is None:
        raise InputError("--tensorboard needs the package tensorboard: pip install tensorboard")
    earlier = [] if config.resume else list(log.glob("*/events.out.tfevents.*"))
    if earlier and not config.overwrite:
        how = "--overwrite to replace it, --run NAME for another run, or another --tensorboard DIR"
        raise InputError(f"{log} is the log of an earlier training: pass {how}")
    for file in earlier:
        file.unlink()


def choose_settings(
    config: TrainConfig, given: frozenset[str], data: ImageDataset, fitted: np.ndarray
) -> TrainConfig:
    """The settings with what the data decides where nobody else has: it is said on the way.

    `given` names those given; `fitted` are indices of the images to learn from, int64 (N,).
    """
    from latentspace.training.fitting import choose_epochs, choose_learning_rate

    count, chosen = len(fitted), dict[str, Any]()
    values = math.prod(data.image_shape)
    units = choose_latent_dim(config, values, count)
    if "latent_dim" not in given and units != config.latent_dim:
        chosen["latent_dim"] = units
        print(f"{units} units, for images of {values:,} values; --latent-dim N chooses another")
    at_once = count_images_held(data.train_pixels)
    rows = fitted[choose_limited(count, min(LOOKED_AT, at_once))]
    images, labels = data.train_images[rows], data.train_labels[rows]
    chosen["aligned"] = augmentation.are_aligned(images)
    rng = np.random.default_rng(config.seed)
    chosen["mirrored"] = augmentation.looks_alike_mirrored(images, labels, rng)
    if chosen["mirrored"]:
        print("mirrored images look alike: half of them are mirrored while it trains")
    rng = np.random.default_rng(config.seed)
    if not augmentation.look_alike_deformed(images, rng):
        chosen["augment"] = 0.0
        print("deformed images look like no others: none is deformed while it trains")
    if not chosen["aligned"]:
        print("a place in one image means nothing in another: no dense layers correct the codes")
    epochs, refined = choose_epochs(config, count), config.refine_epochs
    if "epochs" not in given and epochs != config.epochs:
        if "refine_epochs" not in given:
            refined = round(refined * epochs / config.epochs)
        chosen |= {"epochs": epochs, "refine_epochs": refined}
        why = f"{epochs} + {refined} epochs, to make as many steps as learning takes"
        print(f"{count:,} images are few: {why}; --epochs N chooses another number")
    if "learning_rate" not in given:
        chosen["learning_rate"] = choose_learning_rate(config, count)
    return dataclasses.replace(config, **chosen)
