"""Trains the article's autoencoder and ours in turn on this machine and prints both side by side.

The article's recipe: two 3x3 convolutions of 32 and 64 channels with ELU and max-pooling, a dense
layer of 32 units, the mirror image, RMSprop at 2.5e-4, batches of 256, 20 epochs. Ours is the
default preset of `train_cae.py`, snapshots for its film included; what these take is measured too.
The clock starts before compilation and stops while the test error is measured.

    python benchmarks/training.py --data-dir DIR
"""

from __future__ import annotations

import argparse
import dataclasses
import multiprocessing
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from config import PRESETS, TrainConfig
from latentspace import datasets
from latentspace.core.provenance import silence_stderr

TARGETS = (0.0234, 0.0168, 0.0126, 0.00383)
ARTICLE_EPOCHS = 20
OUR_EPOCHS = PRESETS["default"]["epochs"] + PRESETS["default"]["refine_epochs"]
LATENT_DIM = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data-dir", default=TrainConfig().data_dir, metavar="DIR")
    parser.add_argument("--limit", type=int, metavar="N", help="train on N images only")
    parser.add_argument("--article-epochs", type=int, default=ARTICLE_EPOCHS, metavar="N")
    parser.add_argument("--our-epochs", type=int, default=OUR_EPOCHS, metavar="N")
    arguments = parser.parse_args()
    results = []
    for train, epochs in (
        (train_article, arguments.article_epochs),
        (train_ours, arguments.our_epochs),
    ):
        # A process each, so that each has a peak of memory of its own.
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            place = (arguments.data_dir, arguments.limit)
            results.append(pool.apply(measure_training, (train, place, epochs)))
    print_table(*results)


def measure_training(
    train: Any, place: tuple[str | None, int | None], epochs: int
) -> dict[str, Any]:
    """Runs one training and says how long it took to get how far."""
    data_dir, limit = place
    mnist = datasets.load_dataset("mnist", data_dir)
    mnist = dataclasses.replace(
        mnist, train_pixels=mnist.train_pixels[:limit], train_labels=mnist.train_labels[:limit]
    )
    with silence_stderr():
        import keras  # noqa: F401
    started = time.perf_counter()
    clock = train(mnist, epochs)
    return {
        "epochs": epochs,
        "images": len(mnist.train_pixels),
        "curve": clock.curve,
        "seconds": clock.elapsed,
        "watching": getattr(clock, "watching", None),
        "wall": time.perf_counter() - started,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def train_article(data: datasets.ImageDataset, epochs: int) -> Any:
    """The network and the recipe of the article."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    train_images = data.train_images

    def convolution(channels: int) -> layers.Layer:
        return layers.Conv2D(channels, 3, padding="same", activation="elu")

    model = keras.Sequential(
        [
            keras.Input(train_images.shape[1:]),
            *(convolution(32), layers.MaxPooling2D(), convolution(64), layers.MaxPooling2D()),
            *(layers.Flatten(), layers.Dense(LATENT_DIM)),
            *(layers.Dense(7 * 7 * 64, activation="elu"), layers.Reshape((7, 7, 64))),
            *(layers.UpSampling2D(), convolution(32), layers.UpSampling2D()),
            layers.Conv2D(1, 3, padding="same", activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.RMSprop(2.5e-4), "mean_squared_error")
    clock = make_stopwatch(data.test_images, every=40)
    model.fit(
        train_images, train_images, batch_size=256, epochs=epochs, callbacks=[clock], verbose=2
    )
    return clock


def train_ours(data: datasets.ImageDataset, epochs: int) -> Any:
    """The default preset; `epochs` counts those of both stages."""
    from latentspace.training import recording
    from latentspace.training import stages as training

    class Timed(recording.Recorder):
        """Adds its time to a clock's account."""

        def timed(self, method: Any, *arguments: Any, **options: Any) -> None:
            started = time.perf_counter()
            method(*arguments, **options)
            clock.watching += time.perf_counter() - started

        def set_model(self, model: Any) -> None:
            self.timed(super().set_model, model)

        def on_epoch_begin(self, *arguments: Any, **options: Any) -> None:
            self.timed(super().on_epoch_begin, *arguments, **options)

        def on_train_batch_end(self, *arguments: Any, **options: Any) -> None:
            self.timed(super().on_train_batch_end, *arguments, **options)

        def on_epoch_end(self, *arguments: Any, **options: Any) -> None:
            self.timed(super().on_epoch_end, *arguments, **options)

    config = TrainConfig(**PRESETS["default"])
    training.make_repeatable(config.seed, bitwise=False)
    fitted, held_back = datasets.split_validation(
        len(data.train_pixels), config.validation_split, config.seed
    )
    config = dataclasses.replace(config, epochs=epochs - config.refine_epochs)
    clock = make_stopwatch(data.test_images, every=20)
    clock.watching = 0.0
    with tempfile.TemporaryDirectory() as folder:
        recorder = Timed(Path(folder) / "snapshots.npz", data, held_back, config)
        training.train(
            data.train_pixels[fitted],
            data.train_pixels[held_back],
            config,
            checkpoint=Path(folder) / "checkpoint.npz",
            facts={},
            callbacks=[clock, recorder],
        )
    return clock


def make_stopwatch(test_images: np.ndarray, *, every: int) -> Any:
    """A callback that measures the test error every so many steps, its own time not counted.

    It goes on through a second stage: what lies between the stages counts.
    """
    import keras

    from latentspace.analysis import scores
    from latentspace.models import runs

    class Stopwatch(keras.callbacks.Callback):
        def __init__(self) -> None:
            super().__init__()
            self.curve: list[tuple[float, float]] = []
            self.elapsed = 0.0
            self._since = time.perf_counter()

        def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
            # A model of its own predicts without disturbing the training.
            self._view = keras.Model(self.model.inputs, self.model.outputs)

        def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
            # `batch` jumps where Keras runs several steps in one call.
            if (batch + 1) % every == 0:
                self.measure()

        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            self.measure()

        def measure(self) -> None:
            self.elapsed += time.perf_counter() - self._since
            errors = scores.squared_errors(test_images, runs.predict(self._view, test_images))
            self.curve.append((self.elapsed, float(errors.mean())))
            self._since = time.perf_counter()

    return Stopwatch()


def print_table(theirs: dict[str, Any], mine: dict[str, Any]) -> None:
    """Prints both results and how many times better ours is."""

    def print_row(name: str, first: float | None, second: float | None, digits: int) -> None:
        shown = [f"{v:.{digits}f}" if v is not None else "-" for v in (first, second)]
        ratio = f"{first / second:.1f}" if first is not None and second else ""
        print(f"{name:<40}{shown[0]:>14}{shown[1]:>14}{ratio:>10}")

    def find_reached(result: dict[str, Any], target: float) -> float | None:
        return next((seconds for seconds, error in result["curve"] if error <= target), None)

    print(f"{'':<40}{'article':>14}{'ours':>14}{'ratio':>10}")
    for name, value, digits in (
        ("epochs", lambda r: r["epochs"], 0),
        ("seconds an epoch", lambda r: r["seconds"] / r["epochs"], 1),
        ("images a second", lambda r: r["images"] * r["epochs"] / r["seconds"], 0),
        ("seconds in all", lambda r: r["seconds"], 0),
        ("peak memory in GiB", lambda r: r["memory"], 2),
        ("seconds for snapshots", lambda r: r["watching"], 2),
    ):
        print_row(name, value(theirs), value(mine), digits)
    print(f"snapshots take {mine['watching'] / mine['seconds']:.2%} of our training")
    for target in TARGETS:
        print_row(
            f"seconds to a test error of {target}",
            find_reached(theirs, target),
            find_reached(mine, target),
            1,
        )
    print_row("final test error", theirs["curve"][-1][1], mine["curve"][-1][1], 5)


if __name__ == "__main__":
    main()
