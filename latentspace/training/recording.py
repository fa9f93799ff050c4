"""What is kept of a training while it goes on: snapshots, and what TensorBoard shows."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np

from latentspace.analysis.scores import squared_errors
from latentspace.core.errors import InputError
from latentspace.core.pixels import Images, to_uint8, to_unit_range
from latentspace.datasets import ImageDataset
from latentspace.models import snapshots
from latentspace.models.network import CODE_NOISE
from latentspace.models.snapshots import Snapshots
from latentspace.training.devices import predict_once
from latentspace.training.fitting import choose_batch_size

if TYPE_CHECKING:
    from config import TrainConfig

PROBES = 8  # images that TensorBoard shows
SHOWN = ("loss", "val_loss")  # of what Keras counts; its own callback adds the learning rate


class Recorder(keras.callbacks.Callback):
    """Looks at fixed images at chosen steps, and writes what it saw after each epoch to `path`.

    One recorder goes through all stages of a training, of which `config` is that of the whole; one
    that resumes goes on from the frames at `path`. Some of the images that are `held_back`, indices
    in the training split, int64 (V,), are watched. All frames so far are its `snapshots`.
    """

    def __init__(
        self, path: Path, data: ImageDataset, held_back: np.ndarray, config: TrainConfig
    ) -> None:
        super().__init__()
        labels, units = data.train_labels[held_back], config.latent_dim
        how = {"latent_dim": units, "seed": config.seed}
        rows, num_probes = snapshots.choose_watched(labels, data.image_shape, **how)
        indices = held_back[rows]
        pixels = data.train_pixels[indices]
        self.snapshots = Snapshots.begin(indices, pixels, num_probes=num_probes, latent_dim=units)
        if not config.resume:
            path.unlink(missing_ok=True)
        with contextlib.suppress(InputError):  # a film that begins late is better than none
            self.snapshots = Snapshots.read(path)
        self._path, self._images = path, to_unit_range(pixels)
        self._epochs = config.epochs + config.refine_epochs
        self._batch_size = choose_batch_size(config, len(data.train_pixels) - len(held_back))
        self._before = 0  # steps before the epoch that runs

    def set_model(self, model: keras.Model) -> None:
        super().set_model(model)
        # A model of its own predicts without disturbing the training.
        self._view = keras.Model(model.input, [model.get_layer(CODE_NOISE).output, model.output])

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        self._due = snapshots.choose_steps(self._epochs * self.params["steps"])

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._before = epoch * self.params["steps"]
        # What was seen of an epoch that did not end is seen again.
        self.snapshots = self.snapshots.up_to(self._before)
        self._take_snapshot(self._before)

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        # `batch` jumps where Keras joins several in one call, at times beyond the epoch's last.
        self._take_snapshot(self._before + min(batch + 1, self.params["steps"]))

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.snapshots.write(self._path)

    def _take_snapshot(self, step: int) -> None:
        last = self.snapshots.steps.max(initial=-1)
        if not ((self._due > last) & (self._due <= step)).any():
            return
        if keras.backend.backend() == "jax":
            self.model.jax_state_sync()  # while it trains, the weights are elsewhere
        codes, images = predict_once(self._view, self._images)
        images = np.clip(images, 0, 1)
        if not (np.isfinite(codes).all() and np.isfinite(images).all()):
            return  # whoever watches the loss ends this training
        self.snapshots = self.snapshots.append_frame(
            steps=step,
            epochs=step / self.params["steps"],
            images_seen=step * self._batch_size,
            errors=squared_errors(self._images, images).mean(),
            reconstructions=snapshots.shrink(images[: len(self.snapshots.originals)]),
            codes=codes,
        )


class TrainingLog(keras.callbacks.TensorBoard):
    """Logs losses, learning rate, graph, and reconstructions of validation images.

    One log may follow several fits, the stages of a training, and a training that goes on: epochs
    are counted through, from 1. Of the images, float32 (M, H, W, C) in [0, 1], a few are drawn.
    """

    def __init__(self, folder: Path, validation_images: Images) -> None:
        super().__init__(folder)
        count = len(validation_images)
        chosen = np.linspace(0, count - 1, min(PROBES, count)).astype(int)
        self._probes = validation_images[chosen]

    def set_model(self, model: keras.Model) -> None:
        super().set_model(model)
        self._view = keras.Model(model.input, model.output)
        # Keras writes its layers as a graph, but TensorBoard looks for one of operations first.
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            images = tf.TensorSpec((None, *self._probes.shape[1:]), name="images")
            traced = tf.function(model).get_concrete_function(images, training=False)
            with self._train_writer.as_default():
                self.summary.graph(traced.graph)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        assert logs is not None
        super().on_epoch_end(epoch + 1, {name: logs[name] for name in SHOWN})
        back = predict_once(self._view, self._probes)
        sheet = np.concatenate([np.concatenate(row, axis=1) for row in (self._probes, back)])
        with self._val_writer.as_default():
            self.summary.image("reconstructions", to_uint8(sheet)[np.newaxis], step=epoch + 1)
        # Else TensorBoard would see an epoch minutes later, and after a crash never.
        for writer in self._writers.values():
            writer.flush()

    def on_test_end(self, logs: dict[str, float] | None = None) -> None:
        """Logs nothing: the same error, over steps that a second stage counts from 0 again."""
