"""Train a convolutional autoencoder and keep its encoder and decoder as a run in models/."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

from config import TrainConfig, describe, parse, run_script
from latentspace import datasets, runs
from latentspace.files import InputError, hushed

EXAMPLES = (
    "python train_cae.py                                   MNIST, 32 units, saved as models/mnist",
    "python train_cae.py --preset quick --dataset digits   a first look in seconds",
    "python train_cae.py --run small --latent-dim 8 --epochs 5",
    "python train_cae.py --run small --resume              go on after Ctrl-C or a crash",
)
# Where things lie and what to do with them: not part of how a model is made, so not kept with it.
NOT_KEPT = ("models_dir", "data_dir", "dataset", "run", "quiet", "resume", "overwrite", "dry_run")


def main() -> None:
    config, given = parse(TrainConfig, None, description=__doc__ or "", examples=EXAMPLES)
    print(f"settings\n{describe(config)}")
    if config.dry_run:
        return

    data = datasets.load_dataset(config.dataset, config.data_dir)
    if config.dataset is None and data.name != "mnist":
        print(
            f"MNIST is neither on disk nor to be downloaded: going on with {data.name!r}. "
            "For MNIST: python train_cae.py --dataset mnist --data-dir DIR"
        )
    folder = Path(config.models_dir) / (config.run or data.name)
    _check_folder(folder, config)

    # Keras takes seconds to load, so whatever can be refused has been refused by now.
    with hushed():
        import keras

        from latentspace import network, scores, training

        device = training.device_name()
    if config.resume:
        config = _settings_of(folder, config, given, data.hash)
    keras.utils.set_random_seed(config.seed)
    size: dict[str, Any] = {"channels": config.channels, "hidden_units": config.hidden_units}
    encoder = network.build_encoder(data.image_shape, config.latent_dim, **size, normalize=True)
    decoder = network.build_decoder(data.image_shape, config.latent_dim, **size)
    fitted, held_back = datasets.validation_indices(
        len(data.train_images), config.validation_split, config.seed
    )
    splits = {
        "train": data.train_images[fitted],
        "validation": data.train_images[held_back],
        "test": data.test_images,
    }
    settings = {k: v for k, v in dataclasses.asdict(config).items() if k not in NOT_KEPT}
    progress = training.fit(
        training.join(encoder, decoder, code_noise=config.code_noise),
        splits["train"],
        splits["validation"],
        recipe=training.Recipe(
            epochs=config.epochs,
            batch_size=config.batch_size or training.suitable_batch_size(len(fitted)),
            learning_rate=config.learning_rate,
            augment=config.augment,
            seed=config.seed,
        ),
        checkpoint=folder / runs.CHECKPOINT,
        facts={"settings": settings, "dataset_hash": data.hash},
        resume=config.resume,
        verbose=0 if config.quiet else 1 if sys.stdout.isatty() else 2,
    )

    encoder = network.standardize_codes(encoder, decoder, runs.predict(encoder, splits["train"]))
    autoencoder = training.join(encoder, decoder)
    errors = {
        f"{split}_mse": float(
            scores.squared_errors(images, runs.predict(autoencoder, images)).mean()
        )
        for split, images in splits.items()
    }
    errors["pca_mse"] = scores.pca_error(splits["train"], splits["test"], config.latent_dim)
    run = runs.save_run(
        folder,
        encoder,
        decoder,
        facts={
            "status": progress.status,
            "dataset": {"name": data.name, "source": data.source, "hash": data.hash},
            "image_shape": data.image_shape,
            "latent_dim": config.latent_dim,
            "settings": settings,
            "parameters": autoencoder.count_params(),
            "device": device,
            "epochs": len(progress.rows),
            "best_epoch": progress.best_epoch,
            "seconds": round(sum(row["seconds"] for row in progress.rows), 1),
            "scores": errors,
        },
        history=progress.rows,
    )
    if progress.status == "complete":
        (folder / runs.CHECKPOINT).unlink(missing_ok=True)
    print(
        f"{run.path}: mean squared error per pixel {errors['train_mse']:.5f} train, "
        f"{errors['test_mse']:.5f} test; PCA with {config.latent_dim} components "
        f"{errors['pca_mse']:.5f} test"
    )
    _report_end(progress.status, len(progress.rows), config.epochs, folder)


def _check_folder(folder: Path, config: TrainConfig) -> None:
    """Makes sure that the run may be written, or resumed, before anything slow begins."""
    trained = (folder / runs.FACTS).exists()
    checkpoint = (folder / runs.CHECKPOINT).exists()
    if config.resume and not checkpoint:
        raise InputError(
            f"{folder} {'is finished' if trained else 'does not exist'}: there is nothing to "
            "resume; train without --resume"
        )
    if (trained or checkpoint) and not config.resume and not config.overwrite:
        raise InputError(
            f"{folder} exists: pass --resume to go on where it was stopped, --overwrite to replace "
            "it, or --run NAME for another run"
        )


def _settings_of(
    folder: Path, config: TrainConfig, given: frozenset[str], dataset_hash: str
) -> TrainConfig:
    """The settings that a training began with; an explicit flag must not contradict them."""
    from latentspace import training

    facts = training.read_checkpoint(folder / runs.CHECKPOINT)[0]
    if facts["dataset_hash"] != dataset_hash:
        raise InputError(
            f"{folder} was begun with other images: pass the same --dataset and --data-dir, or "
            "start anew with --overwrite"
        )
    began: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in facts["settings"].items()
    }
    for name in sorted(given & began.keys()):
        if getattr(config, name) != began[name]:
            raise InputError(
                f"{folder} was begun with {name} = {began[name]}. Received: "
                f"{getattr(config, name)}; drop the flag, or start anew with --overwrite"
            )
    return dataclasses.replace(config, **began)


def _report_end(status: str, epochs: int, planned: int, folder: Path) -> None:
    if status == "complete":
        print(f"next: python visualize.py --run {folder.name}")
    elif status == "interrupted":
        print(
            f"interrupted after epoch {epochs} of {planned}, the best one kept; go on with "
            f"python train_cae.py --run {folder.name} --resume"
        )
    else:
        print(
            f"stopped after epoch {epochs} of {planned}: the loss is no longer finite. The best "
            f"epoch is kept; train again with --overwrite and a lower --learning-rate"
        )


if __name__ == "__main__":
    sys.exit(run_script(main, mendable=(InputError, OSError)))
