"""Taking snapshots while a model learns."""

from __future__ import annotations

import contextlib
from pathlib import Path

import keras
import numpy as np

from latentspace.analysis.scores import squared_errors
from latentspace.core.errors import InputError
from latentspace.core.pixels import to_unit_range
from latentspace.models import snapshots
from latentspace.models.snapshots import Snapshots, Watch


class Recorder(keras.callbacks.Callback):
    """Looks at fixed images at chosen steps, and writes what it saw after each epoch.

    One recorder goes through all stages of a training; before each, `use_models` tells it what is
    trained.

    Attributes:
        snapshots: All frames so far.
    """

    def __init__(
        self,
        watch: Watch,
        pixels: np.ndarray,
        *,
        latent_dim: int,
        epochs: int,
        batch_size: int,
        resume: bool,
    ) -> None:
        """Takes what to look at, and when.

        Args:
            watch: What is watched.
            pixels: All of that, uint8 (M, H, W, C).
            latent_dim: Number of values in a code.
            epochs: Of the whole training, all its stages.
            batch_size: Images per step.
            resume: Go on from the frames that an earlier training has kept.
        """
        super().__init__()
        self.snapshots = Snapshots.begin(watch, pixels, latent_dim)
        if resume:
            with contextlib.suppress(InputError):  # a film that begins late is better than none
                self.snapshots = Snapshots.read(watch.path)
        self._watch, self._images = watch, to_unit_range(pixels)
        self._epochs, self._batch_size = epochs, batch_size
        self._view: keras.Model | None = None
        self._due = np.empty(0, np.int64)
        self._epoch = 0

    @property
    def path(self) -> Path:
        """The file that everything is kept in."""
        return self._watch.path

    def use_models(self, encoder: keras.Model, decoder: keras.Model) -> None:
        """Takes the models of images -> codes and of codes -> images that are trained next."""
        # A model of its own predicts without disturbing the training.
        self._view = keras.Model(encoder.input, [encoder.output, decoder(encoder.output)])

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        self._due = snapshots.choose_steps(self._epochs * self.params["steps"])

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._epoch = epoch
        # What was seen of an epoch that did not end is seen again.
        self.snapshots = self.snapshots.up_to(self._count_steps(0))
        self._take_snapshot(self._count_steps(0))

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        # `batch` jumps where Keras joins several in one call, at times beyond the epoch's last.
        self._take_snapshot(self._count_steps(min(batch + 1, self.params["steps"])))

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.snapshots.write(self._watch.path)

    def _count_steps(self, more: int) -> int:
        """Steps from the start of the training to so many of this epoch."""
        return self._epoch * self.params["steps"] + more

    def _take_snapshot(self, step: int) -> None:
        """Takes a snapshot where one has been due since the last."""
        last = self.snapshots.steps.max(initial=-1)
        if self._view is None or not ((self._due > last) & (self._due <= step)).any():
            return
        codes, images = self._view.predict_on_batch(self._images)
        if not (np.isfinite(codes).all() and np.isfinite(images).all()):
            return  # whoever watches the loss ends this training
        self.snapshots = self.snapshots.append_frame(
            steps=step,
            epochs=step / self.params["steps"],
            images_seen=step * self._batch_size,
            errors=squared_errors(self._images, images).mean(),
            reconstructions=snapshots.shrink(images[: self._watch.num_probes]),
            codes=codes,
        )
