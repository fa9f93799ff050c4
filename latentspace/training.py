"""Fitting an autoencoder: batches, schedule, checkpoints, resuming."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from latentspace.augmentation import deform
from latentspace.files import InputError, read_arrays, replacing

WARMUP_SHARE = 0.03  # of all steps
START_RATE_SHARE = 0.05  # of the peak, where the warm-up begins
ADAM_RATE_SHARE = 2.0  # of Muon's rate, for convolutions and biases
MUON_UPDATE_SIZE = 0.2  # root mean square of an update, as in Liu et al. 2025
STEPS_PER_EXECUTION = 20
STEPS_WANTED = 100  # an epoch
SMALLEST_BATCH, LARGEST_BATCH = 32, 512


@dataclass(frozen=True)
class Recipe:
    """All that shapes a fit besides the network and the images.

    Attributes:
        epochs: Passes over the training images.
        batch_size: Images per step; fewer where there are fewer images.
        learning_rate: Peak of the schedule.
        augment: Share of each batch that is deformed a little, in [0, 1].
        seed: Seed of the shuffling; the weights have had theirs.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    augment: float
    seed: int


@dataclass
class Progress:
    """Where a fit stands: one row per finished epoch, and which of them was the best.

    Attributes:
        rows: One dictionary per epoch: epoch, loss, val_loss, learning_rate, seconds.
        best_epoch: The epoch (from 1) with the lowest validation loss; 0 before the first.
        status: "running", "complete", "interrupted" (Ctrl-C) or "diverged" (loss not finite).
    """

    rows: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    status: str = "running"


def suitable_batch_size(count: int) -> int:
    """A power of two that gives `count` images about a hundred steps an epoch or more."""
    wanted = 2 ** int(math.log2(max(count / STEPS_WANTED, 1)))
    return min(max(wanted, SMALLEST_BATCH), LARGEST_BATCH)


class Batches(keras.utils.PyDataset):
    """Shuffled, partly deformed batches of (images, images): a function of seed and epoch alone.

    So a resumed training sees the batches that an uninterrupted one would have seen. The last,
    incomplete batch is left out, another choice of images each epoch.
    """

    def __init__(self, images: np.ndarray, recipe: Recipe, epoch: int = 0) -> None:
        super().__init__()
        self._images = images
        self._recipe = recipe
        self._batch_size = min(recipe.batch_size, len(images))
        self._prepare(epoch)

    @property
    def num_batches(self) -> int:
        """Batches in an epoch."""
        return len(self._images) // self._batch_size

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        images = self._shuffled[index * self._batch_size : (index + 1) * self._batch_size]
        return images, images

    def on_epoch_end(self) -> None:
        self._prepare(self._epoch + 1)

    def _prepare(self, epoch: int) -> None:
        """Shuffles and deforms a whole epoch at once.

        Deforming batch by batch, while the model trains on the one before, costs several times as
        much where every core is already busy: both then wait for each other.
        """
        self._epoch = epoch
        rng = np.random.default_rng((self._recipe.seed, epoch))
        self._shuffled = self._images[rng.permutation(len(self._images))]
        deformed = round(self._recipe.augment * self._batch_size)
        for start in range(0, len(self._images) if deformed else 0, self._batch_size):
            part = self._shuffled[start : start + deformed]
            part[:] = deform(part, rng)


def join(encoder: keras.Model, decoder: keras.Model, *, code_noise: float = 0.0) -> keras.Model:
    """The autoencoder made of an encoder and a decoder, sharing their weights.

    Args:
        encoder: Model of images -> codes.
        decoder: Model of codes -> images.
        code_noise: Standard deviation of Gaussian noise on the codes while training. It makes near
            codes decode to near images, so that distances in latent space mean something (Poole,
            Sohl-Dickstein & Ganguli 2014, "Analyzing noise in autoencoders and deep networks").

    Returns:
        A model of images -> images.
    """
    codes = encoder.output
    if code_noise:
        codes = keras.layers.GaussianNoise(code_noise, name="code_noise")(codes)
    return keras.Model(encoder.input, decoder(codes), name="autoencoder")


def fit(
    autoencoder: keras.Model,
    train_images: np.ndarray,
    validation_images: np.ndarray,
    *,
    recipe: Recipe,
    checkpoint: Path,
    facts: dict[str, Any],
    resume: bool = False,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    verbose: int | str = "auto",
) -> Progress:
    """Trains by mean squared error and leaves the best epoch's weights in the model.

    Muon (Jordan et al. 2024) updates the dense kernels and Adam the rest; the rate warms up and
    then follows a cosine to zero. After each epoch the whole state is written to `checkpoint`.

    Args:
        autoencoder: Model of images -> images; trained in place.
        train_images: float32 (N, H, W, C) in [0, 1].
        validation_images: float32 (M, H, W, C) in [0, 1], never trained on.
        recipe: How long, how fast, in what order.
        checkpoint: File for the state of the training; replaced after each epoch.
        facts: Kept in the checkpoint beside the state, for whoever resumes (`read_checkpoint`).
        resume: Go on from `checkpoint`, which must come from the same model and recipe.
        callbacks: Watchers of the training.
        verbose: Passed to Keras: 0 silent, 1 a bar, 2 a line per epoch.

    Returns:
        The progress; its status says how the training ended.
    """
    batches = Batches(train_images, recipe)
    steps = batches.num_batches
    autoencoder.compile(
        optimizer=_optimizer(recipe, total_steps=steps * recipe.epochs),
        loss="mean_squared_error",
        steps_per_execution=min(STEPS_PER_EXECUTION, steps) if _joins_steps(autoencoder) else 1,
    )
    autoencoder.optimizer.build(autoencoder.trainable_variables)
    keeper = _Keeper(autoencoder, checkpoint, facts, recipe.epochs)
    if resume:
        keeper.restore()
        batches = Batches(train_images, recipe, epoch=len(keeper.progress.rows))
    try:
        autoencoder.fit(
            batches,
            shuffle=False,  # the batches have their own order, which resuming can repeat
            validation_data=(validation_images, validation_images),
            validation_batch_size=min(LARGEST_BATCH, len(validation_images)),
            epochs=recipe.epochs,
            initial_epoch=len(keeper.progress.rows),
            callbacks=[keeper, *callbacks],
            verbose=verbose,
        )
    except KeyboardInterrupt:
        keeper.progress.status = "interrupted"
    progress = keeper.progress
    if not progress.rows:
        advice = "lower --learning-rate" if progress.status == "diverged" else "train again"
        raise InputError(f"{progress.status} before the end of the first epoch: {advice}")
    if progress.status == "running":
        progress.status = "complete"
    keeper.load_best()
    return progress


def make_repeatable(seed: int, *, bitwise: bool) -> None:
    """Seeds Python, NumPy and the backend.

    Args:
        seed: The seed.
        bitwise: Make the backend add numbers in a fixed order too, so that the same machine gives
            the same weights bit for bit. TensorFlow only.

    Raises:
        InputError: `bitwise` is asked of another backend than TensorFlow.
    """
    keras.utils.set_random_seed(seed)
    if bitwise:
        if keras.backend.backend() != "tensorflow":
            raise InputError(
                f"--deterministic needs KERAS_BACKEND=tensorflow. Received: "
                f"{keras.backend.backend()}; drop the flag"
            )
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def devices() -> list[str]:
    """What training spreads over: every visible GPU, or else the CPU as one device."""
    if keras.backend.backend() == "torch":  # for which Keras lists none; it uses the first GPU
        import torch

        return ["gpu:0"] if torch.cuda.is_available() else ["cpu:0"]
    kinds = keras.distribution.list_devices()
    return [name for name in kinds if not name.startswith("cpu")] or ["cpu:0"]


def spread_over(names: list[str]) -> contextlib.AbstractContextManager[object]:
    """The scope in which to build a model and fit it so that each step runs on all devices at once.

    Args:
        names: From `devices`. With one device the scope does nothing.

    Returns:
        A context manager; with TensorFlow that of `tf.distribute.MirroredStrategy`. Other backends
        have ways of their own (keras.distribution) and get a scope that does nothing.
    """
    if len(names) < 2 or keras.backend.backend() != "tensorflow":
        return contextlib.nullcontext()
    import tensorflow as tf

    return tf.distribute.MirroredStrategy([name.upper() for name in names]).scope()


def read_checkpoint(path: Path) -> tuple[dict[str, Any], Progress]:
    """Reads what a checkpoint says of itself, without its weights.

    Returns:
        The facts given to `fit`, and the progress so far.

    Raises:
        InputError: There is no readable checkpoint.
    """
    state = _read_state(path)[0]
    return state["facts"], Progress(**state["progress"])


def resumed_facts(checkpoint: Path, *, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What a training began with, for going on with it.

    Args:
        checkpoint: What `fit` wrote; its facts hold "settings".
        asked: Settings that a person names now; they must not contradict.

    Returns:
        The facts.

    Raises:
        InputError: There is no readable checkpoint, or a setting contradicts it.
    """
    facts = read_checkpoint(checkpoint)[0]
    settings = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in facts["settings"].items()
    }
    for name, value in asked.items():
        if value != settings[name]:
            raise InputError(
                f"{checkpoint.parent} was begun with {name} = {settings[name]}. Received: {value}; "
                "drop the flag, or start anew with --overwrite"
            )
    return {**facts, "settings": settings}


def _read_state(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    try:
        arrays = read_arrays(path)
        return json.loads(arrays.pop("state").tobytes()), arrays
    except (InputError, KeyError, ValueError) as error:
        raise InputError(f"{path} is no checkpoint: {error}; train with --overwrite") from error


def _optimizer(recipe: Recipe, *, total_steps: int) -> keras.optimizers.Optimizer:
    warmup = max(1, round(WARMUP_SHARE * total_steps))
    rate = keras.optimizers.schedules.CosineDecay(
        START_RATE_SHARE * recipe.learning_rate,
        decay_steps=max(1, total_steps - warmup),
        warmup_target=recipe.learning_rate,
        warmup_steps=warmup,
    )
    return keras.optimizers.Muon(
        rate, adam_lr_ratio=ADAM_RATE_SHARE, rms_rate=MUON_UPDATE_SIZE, weight_decay=None
    )


class _Keeper(keras.callbacks.Callback):
    """Keeps the history, the best weights and a checkpoint of everything after each epoch."""

    def __init__(
        self, model: keras.Model, checkpoint: Path, facts: dict[str, Any], epochs: int
    ) -> None:
        super().__init__()
        self.progress = Progress()
        self._keras_model = model
        self._checkpoint = checkpoint
        self._facts = facts
        self._epochs = epochs
        self._best: list[np.ndarray] = []
        self._started = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        assert logs is not None
        if not math.isfinite(logs["loss"] + logs["val_loss"]):
            self.progress.status = "diverged"
            self._keras_model.stop_training = True
            return
        rows = self.progress.rows
        seconds = time.monotonic() - self._started
        rows.append(
            {
                "epoch": epoch + 1,
                "loss": float(logs["loss"]),
                "val_loss": float(logs["val_loss"]),
                "learning_rate": float(
                    keras.ops.convert_to_numpy(self._keras_model.optimizer.learning_rate)
                ),
                "seconds": round(seconds, 3),
            }
        )
        if rows[-1]["val_loss"] <= min(row["val_loss"] for row in rows):
            self.progress.best_epoch = epoch + 1
            self._best = _values(self._keras_model.variables)
        self._save()
        # Keras' bar shows whatever stands in the logs, so the time left appears beside the loss.
        mean_seconds = sum(row["seconds"] for row in rows) / len(rows)
        logs["minutes_left"] = mean_seconds * (self._epochs - epoch - 1) / 60

    def load_best(self) -> None:
        _assign(self._keras_model.variables, self._best)

    def restore(self) -> None:
        state, arrays = _read_state(self._checkpoint)
        self.progress = Progress(**state["progress"])
        groups = {
            group: [arrays[f"{group}_{number}"] for number in range(count)]
            for group, count in state["counts"].items()
        }
        _assign(self._keras_model.variables, groups["model"])
        _assign(self._keras_model.optimizer.variables, groups["optimizer"])
        self._best = groups["best"]

    def _save(self) -> None:
        groups = {
            "model": _values(self._keras_model.variables),
            "optimizer": _values(self._keras_model.optimizer.variables),
            "best": self._best,
        }
        state = {
            "facts": self._facts,
            "progress": dataclasses.asdict(self.progress),
            "counts": {group: len(values) for group, values in groups.items()},
        }
        arrays = {
            f"{group}_{number}": value
            for group, values in groups.items()
            for number, value in enumerate(values)
        }
        arrays["state"] = np.frombuffer(json.dumps(state).encode(), np.uint8)
        with replacing(self._checkpoint) as temporary:
            np.savez(temporary, **arrays)  # type: ignore[arg-type]


def _joins_steps(model: keras.Model) -> bool:
    """Whether Keras can run several steps in one call: not with PyTorch, nor on several devices."""
    strategy = getattr(model, "distribute_strategy", None)
    is_spread = strategy is not None and strategy.num_replicas_in_sync > 1
    return keras.backend.backend() != "torch" and not is_spread


def _values(variables: Sequence[keras.Variable]) -> list[np.ndarray]:
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def _assign(variables: Sequence[keras.Variable], values: Sequence[np.ndarray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
