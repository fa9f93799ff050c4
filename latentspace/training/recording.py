"""Taking snapshots while a model learns."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import keras
import numpy as np

from latentspace.analysis.scores import squared_errors
from latentspace.core.errors import InputError
from latentspace.core.pixels import Pixels, to_unit_range
from latentspace.models import snapshots
from latentspace.models.network import CODE_NOISE
from latentspace.models.snapshots import Snapshots, Watch

if TYPE_CHECKING:
    from config import TrainConfig


class Recorder(keras.callbacks.Callback):
    """Looks at fixed images at chosen steps, and writes what it saw after each epoch.

    One recorder goes through all stages of a training.

    Args:
        watch: What is watched.
        validation_pixels: uint8 (M, H, W, C), some of which these are.
        config: Of the whole training. Where it resumes one, frames go on from those that are kept.
        batch_size: Images per step.

    Attributes:
        snapshots: All frames so far.
    """

    def __init__(
        self, watch: Watch, validation_pixels: Pixels, config: TrainConfig, *, batch_size: int
    ) -> None:
        super().__init__()
        pixels = validation_pixels[watch.rows]
        self.snapshots = Snapshots.begin(watch, pixels, config.latent_dim)
        if config.resume:
            with contextlib.suppress(InputError):  # a film that begins late is better than none
                self.snapshots = Snapshots.read(watch.path)
        else:
            watch.path.unlink(missing_ok=True)
        self._watch, self._images = watch, to_unit_range(pixels)
        self._epochs = config.epochs + config.refine_epochs
        self._batch_size = batch_size
        self._epoch = 0

    def set_model(self, model: keras.Model) -> None:
        super().set_model(model)
        # A model of its own predicts without disturbing the training.
        self._view = keras.Model(model.input, [model.get_layer(CODE_NOISE).output, model.output])

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
        if not ((self._due > last) & (self._due <= step)).any():
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
