"""Fitting a model by mean squared error: batches, schedule, optimiser."""

from __future__ import annotations

import contextlib
import math
import signal
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import keras
import numpy as np

from latentspace.core.cluster import read_cluster
from latentspace.core.errors import InputError
from latentspace.core.pixels import Images, count_images_held
from latentspace.datasets.augmentation import deform
from latentspace.models.network import count_blocks
from latentspace.training.checkpoint import CheckpointCallback, Job, Progress
from latentspace.training.devices import spread

if TYPE_CHECKING:
    from config import TrainConfig

WARMUP_SHARE = 0.02  # of all steps
START_RATE_SHARE = 0.05  # of the peak, where the warm-up begins
ADAM_RATE_SHARE = 1.0  # of Muon's rate, for convolutions and biases
ADAM_RATE_SHARE_OF_BLOCKS = 0.25  # the same where blocks lie one upon another, which explode sooner
SQUARES_KEPT = 0.95  # of Adam's mean of squares; of more, a sudden large gradient throws it off
MUON_UPDATE_SIZE = 0.2  # root mean square of an update, as in Liu et al. 2025
STEPS_PER_EXECUTION = 5  # between which callbacks are called
STEPS_WANTED = 100  # an epoch
SMALLEST_BATCH, LARGEST_BATCH = 32, 512
SIMILARITY_WEIGHT, CONTRAST_WEIGHT = 0.05, 6.0  # of the sharp loss, beside the squared error
WINDOW = 5  # pixels a side: as far as the Gaussian of SSIM reaches, of 1.5 pixels
FINEST_SIDE, FINE_SIDE = 2, 4  # pixels: means over the one have what is fine, over the other not
LEAST_CONTRAST = 0.01  # has no gradient without end
SSIM_CONSTANTS = 0.01**2, 0.03**2  # of Wang et al. 2004, for images in [0, 1]
LAST = "channels_last"  # as in all images here, whatever Keras is set to
MIRRORED_SHARE = 0.5  # of a batch, where mirrored images look alike
LEAST_WORST = 0.01  # mean squared error that plain images are not expected to exceed


class DivergedError(InputError):
    """A training came to nothing: there is no epoch to keep."""


def choose_batch_size(config: TrainConfig, count: int) -> int:
    """Images per step of `count`: as asked for, or a power of two for `STEPS_WANTED`."""
    wanted = 2 ** int(math.log2(max(count / STEPS_WANTED, 1)))
    return min(config.batch_size or min(max(wanted, SMALLEST_BATCH), LARGEST_BATCH), count)


def choose_epochs(config: TrainConfig, count: int) -> int:
    """Passes over `count` images: as many as wanted, or more of a few, to make enough steps."""
    steps = count // choose_batch_size(config, count)
    return max(config.epochs, -(-config.least_steps // steps))


def choose_learning_rate(config: TrainConfig, count: int) -> float:
    """The rate for `count` images: that of the largest batch, lowered by the square root of theirs.

    So the noise of a step stays the same (Malladi et al. 2022, "On the SDEs and scaling rules for
    adaptive gradient algorithms").
    """
    share = choose_batch_size(config, count) / LARGEST_BATCH
    return config.learning_rate * math.sqrt(min(share, 1))


def clipped_error(images: keras.KerasTensor, drawn: keras.KerasTensor) -> keras.KerasTensor:
    """Mean squared error in each row, of what is drawn as of `_clip`."""
    return keras.ops.mean(keras.ops.square(images - _clip(drawn)), axis=-1)


def _clip(drawn: keras.KerasTensor) -> keras.KerasTensor:
    """Clips to [0, 1] but not gradients, so that darker images draw back what is beyond."""
    return drawn + keras.ops.stop_gradient(keras.ops.clip(drawn, 0, 1) - drawn)


def sharp_error(images: keras.KerasTensor, drawn: keras.KerasTensor) -> keras.KerasTensor:
    """`clipped_error`, structural similarity, and the fine contrast that is missing, of each image.

    Similarity compares each window, so that blur costs as much as displacement (Zhao et al. 2017,
    "Loss functions for image restoration with neural networks"); but of what is uncertain the best
    guess is still smooth. So it also costs where a window has not as much that is fine as it should
    have, wherever that lies.
    """
    ops = keras.ops
    squares = ops.mean(clipped_error(images, drawn), axis=(1, 2))
    drawn = _clip(drawn)
    means = _average(images), _average(drawn)
    variances = _average(images**2) - means[0] ** 2, _average(drawn**2) - means[1] ** 2
    shared = _average(images * drawn) - means[0] * means[1]
    light, contrast = SSIM_CONSTANTS
    similarity = (2 * means[0] * means[1] + light) / (means[0] ** 2 + means[1] ** 2 + light)
    similarity *= (2 * shared + contrast) / (variances[0] + variances[1] + contrast)
    missing = ops.square(_measure_fine_contrast(images) - _measure_fine_contrast(drawn))
    similarity, missing = (ops.mean(each, axis=(1, 2, 3)) for each in (similarity, missing))
    return squares + SIMILARITY_WEIGHT * (1 - similarity) + CONTRAST_WEIGHT * missing


def _average(values: keras.KerasTensor) -> keras.KerasTensor:
    """Means over windows: those that overlap by a half cost a tenth of all."""
    return _pool(values, WINDOW, WINDOW // 2)


def _measure_fine_contrast(values: keras.KerasTensor) -> keras.KerasTensor:
    """By windows the root mean square of what is fine, waves of two pixels left out.

    Those are the grid of a transposed convolution, which would give contrast for nothing.
    """
    fine, coarse = (_pool(values, side, 1) for side in (FINEST_SIDE, FINE_SIDE))
    (height, width), sides = coarse.shape[1:3], fine.shape[1:3]
    top, left = (sides[0] - height) // 2, (sides[1] - width) // 2
    band = fine[:, top : top + height, left : left + width] - coarse
    return keras.ops.sqrt(_average(band**2) + LEAST_CONTRAST**2)


def _pool(values: keras.KerasTensor, side: int, stride: int) -> keras.KerasTensor:
    side = min(side, *values.shape[1:3])
    return keras.ops.average_pool(values, side, strides=stride, padding="valid", data_format=LAST)


LOSSES = {"mse": clipped_error, "sharp": sharp_error}


class Batches(keras.utils.PyDataset):
    """Shuffled, partly deformed batches of (images, images): a function of seed and epoch alone.

    So a resumed training sees the batches that an uninterrupted one would have seen. The last,
    incomplete batch is left out. Many batches are made at once: batch by batch, while the model
    trains on the one before, costs several times as much where every core is busy.
    """

    def __init__(self, images: Images, config: TrainConfig, epoch: int = 0) -> None:
        """Takes float32 (N, H, W, C) in [0, 1], and the epoch to begin with."""
        super().__init__()
        self._all, self._config = images, config
        self._batch_size = choose_batch_size(config, len(images))
        self._at_once = max(1, count_images_held(images) // self._batch_size)  # batches
        self._begin(epoch)

    @property
    def num_batches(self) -> int:
        """Batches in an epoch."""
        return len(self._all) // self._batch_size

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        part, place = divmod(index, self._at_once)
        if part != self._part:
            self._prepare(part)
        images = self._images[place * self._batch_size : (place + 1) * self._batch_size]
        # TensorFlow may read an array itself, and not a copy, while the model trains on it. Of one
        # that was both input and target, the second of two devices saw nothing but zeros at times.
        return images.copy(), images.copy()

    def on_epoch_end(self) -> None:
        self._begin(self._epoch + 1)

    def _begin(self, epoch: int) -> None:
        self._epoch = epoch
        rng = np.random.default_rng((self._config.seed, epoch))
        self._order = rng.permutation(len(self._all))
        self._prepare(0)

    def _prepare(self, part: int) -> None:
        self._part = part
        rng = np.random.default_rng((self._config.seed, self._epoch, part))
        count = self._at_once * self._batch_size
        self._images = self._all[self._order[part * count : (part + 1) * count]]
        if self._config.mirrored:
            mirrored = rng.random(len(self._images)) < MIRRORED_SHARE
            self._images[mirrored] = self._images[mirrored, :, ::-1]
        deformed = round(self._config.augment * self._batch_size)
        for start in range(0, len(self._images) if deformed else 0, self._batch_size):
            batch = self._images[start : start + deformed]
            batch[:] = deform(batch, rng)


def fit(
    autoencoder: keras.Model, job: Job, config: TrainConfig, earlier: Progress | None = None
) -> Progress:
    """Trains a stage by mean squared error and leaves the best epoch's weights in the model.

    Muon (Jordan et al. 2024) updates the dense kernels and Adam the rest; the rate warms up and
    then follows a cosine to zero. A loss that is no longer finite, or stays above that of plain
    grey, ends the training.

    To resume, images, model and settings must be the same. `earlier` is what earlier stages
    reached; epochs are counted on from there.

    Returns the progress, earlier stages included; its status says how the training ended. Raises a
    `DivergedError` where the loss was not finite in the first epoch, and an `InputError` where the
    first epoch was interrupted.
    """
    with spread(autoencoder) as model:
        return _fit(model, job, config, earlier or Progress())


def _fit(autoencoder: keras.Model, job: Job, config: TrainConfig, earlier: Progress) -> Progress:
    last = len(earlier.rows) + config.epochs
    count = len(job.train_images)
    steps = count // choose_batch_size(config, count)
    optimizer = _make_optimizer(config, total_steps=steps * config.epochs)
    joined = min(STEPS_PER_EXECUTION, steps) if _can_join_steps(autoencoder) else 1
    autoencoder.compile(optimizer, LOSSES[config.loss], steps_per_execution=joined)
    autoencoder.optimizer.build(autoencoder.trainable_variables)
    validation_images = job.validation_images[:]
    pairs = validation_images, validation_images
    worst = max(float(validation_images.var()), LEAST_WORST)
    if config.loss == "sharp":
        worst = (1 + CONTRAST_WEIGHT) * worst + SIMILARITY_WEIGHT
    keeper = CheckpointCallback(autoencoder, job, last_epoch=last, earlier=earlier, worst=worst)
    if config.resume:
        keeper.restore()
    finished = len(keeper.progress.rows)
    at_once = min(LARGEST_BATCH, len(validation_images))
    try:
        with allow_interrupts() as watcher:
            if keeper.progress.start_loss is None:
                keeper.progress.start_loss = autoencoder.evaluate(*pairs, at_once, verbose=0)
            autoencoder.fit(
                Batches(job.train_images, config, epoch=finished),
                shuffle=False,  # the batches have their own order, which resuming can repeat
                validation_data=pairs,
                validation_batch_size=at_once,
                epochs=last,
                initial_epoch=finished,
                # An epoch that is kept has been watched.
                callbacks=[*job.callbacks, keeper, watcher],
                verbose=0 if config.quiet else 1 if sys.stdout.isatty() else 2,
            )
    except KeyboardInterrupt:
        if read_cluster() is not None:
            raise  # no two processes would stop at the same step
        keeper.progress.status = "interrupted"
    progress = keeper.progress
    if not progress.rows and progress.status == "diverged":
        why = "the loss was no longer finite before the end of the first epoch"
        why += ", so there is nothing to keep"
        raise DivergedError(f"{why}: train with a lower --learning-rate")
    if not progress.rows:
        raise InputError("stopped before the end of the first epoch: go on with --resume")
    if progress.status == "running":
        progress.status = "complete"
    keeper.load_best()
    return progress


@contextlib.contextmanager
def allow_interrupts() -> Iterator[keras.callbacks.Callback]:
    """Lets Ctrl-C, or SIGTERM, end a training between two steps, and a second one at once.

    An interrupt may come while a finalizer or a callback out of TensorFlow runs, where Python only
    reports exceptions. So a callback, for the training, is yielded that raises KeyboardInterrupt.
    """
    asked = threading.Event()

    def request_stop(number: int, frame: object) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    def stop_training(step: int, logs: object = None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt

    ends = ("on_epoch_end", "on_train_batch_end", "on_test_batch_end")
    watcher = keras.callbacks.LambdaCallback(**dict.fromkeys(ends, stop_training))
    if threading.current_thread() is not threading.main_thread():  # where no signal arrives
        yield watcher
        return
    with contextlib.ExitStack() as stack:
        for number in (signal.SIGINT, signal.SIGTERM):
            stack.callback(signal.signal, number, signal.signal(number, request_stop))
        yield watcher


def _make_optimizer(config: TrainConfig, *, total_steps: int) -> keras.optimizers.Optimizer:
    warmup = max(1, round(WARMUP_SHARE * total_steps))
    peak, decay = config.learning_rate, max(1, total_steps - warmup)
    start, schedules = START_RATE_SHARE * peak, keras.optimizers.schedules
    rate = schedules.CosineDecay(start, decay, warmup_target=peak, warmup_steps=warmup)
    share = ADAM_RATE_SHARE_OF_BLOCKS if count_blocks(config) else ADAM_RATE_SHARE
    how = {"adam_lr_ratio": share, "adam_beta_2": SQUARES_KEPT, "rms_rate": MUON_UPDATE_SIZE}
    return keras.optimizers.Muon(rate, **how, weight_decay=None)


def _can_join_steps(model: keras.Model) -> bool:
    """Whether Keras can run several steps in one call: not with PyTorch, nor on several devices."""
    strategy = getattr(model, "distribute_strategy", None)
    is_spread = strategy is not None and strategy.num_replicas_in_sync > 1
    return keras.backend.backend() != "torch" and not is_spread
