"""What TensorBoard shows of a training while it goes on."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from latentspace.core.pixels import Pixels, to_uint8, to_unit_range

PROBES = 8
SHOWN = ("loss", "val_loss")  # of what Keras counts; its own callback adds the learning rate


class TrainingLog(keras.callbacks.TensorBoard):
    """Logs losses, learning rate, graph, and reconstructions of validation images.

    One log may follow several fits, the stages of a training, and a training that was stopped and
    goes on: epochs are counted through, from 1 as in history.csv.

    Args:
        folder: Where to write; its subfolders train and validation are the runs of TensorBoard.
        validation_pixels: uint8 (M, H, W, C), of which a few are drawn, evenly spread.
    """

    def __init__(self, folder: Path, validation_pixels: Pixels) -> None:
        super().__init__(folder)
        count = len(validation_pixels)
        chosen = np.linspace(0, count - 1, min(PROBES, count)).astype(int)
        self._probes = to_unit_range(validation_pixels[chosen])

    def set_model(self, model: keras.Model) -> None:
        super().set_model(model)
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
        back = keras.ops.convert_to_numpy(self.model(self._probes, training=False))
        sheet = np.concatenate([np.concatenate(row, axis=1) for row in (self._probes, back)])
        with self._val_writer.as_default():
            self.summary.image("reconstructions", to_uint8(sheet)[np.newaxis], step=epoch + 1)
        # Else TensorBoard would see an epoch minutes later, and after a crash never.
        for writer in self._writers.values():
            writer.flush()

    def on_test_end(self, logs: dict[str, float] | None = None) -> None:
        """Logs nothing: the same error, over steps that a second stage counts from 0 again."""
