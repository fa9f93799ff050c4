"""Trains the article's autoencoder and ours in turn on this machine and prints both side by side.

The article's recipe: two 3x3 convolutions of 32 and 64 channels with ELU and max-pooling, a dense
layer of 32 units, the mirror image, RMSprop at 2.5e-4, batches of 256, 20 epochs. Ours is the
default preset of `train_cae.py`, snapshots for its film included; what these take is measured too.
The clock starts before compilation and stops while the test error is measured.

    python benchmarks/training.py --data-dir DIR --markdown

With `--sets` it trains on each of several data sets with several sizes of the bottleneck instead,
by `train_cae.py` as a person runs it, and prints the test errors beside those of PCA. Runs that
lie in `--models-dir` are not trained again.

    python benchmarks/training.py --sets digits DIR/smiles --units 16 32 --seeds 2 --models-dir RUNS
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import multiprocessing
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from results import PROJECT, rewrite_table

from config import PRESETS, TrainConfig
from latentspace import datasets
from latentspace.core.provenance import silence_stderr
from latentspace.models.runs import find_run

TARGETS = (0.0234, 0.0168, 0.0126, 0.00383)
ARTICLE_EPOCHS = 20
OUR_EPOCHS = PRESETS["default"]["epochs"] + PRESETS["default"]["refine_epochs"]
LATENT_DIM = 32
LEAST_SHORT = 1e-3  # an error, with five digits after the point


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data-dir", default=TrainConfig().data_dir, metavar="DIR")
    parser.add_argument("--limit", type=int, metavar="N", help="train on N images only")
    parser.add_argument("--article-epochs", type=int, default=ARTICLE_EPOCHS, metavar="N")
    parser.add_argument("--our-epochs", type=int, default=OUR_EPOCHS, metavar="N")
    parser.add_argument("--dataset", default="mnist", metavar="NAME|PATH")
    parser.add_argument("--markdown", action="store_true", help="rewrite docs/results.md")
    parser.add_argument("--sets", nargs="+", default=(), metavar="NAME|PATH")
    parser.add_argument("--units", type=int, nargs="+", default=(16, 32, 64, 128), metavar="N")
    parser.add_argument("--presets", nargs="+", default=("quick", "default"), choices=PRESETS)
    parser.add_argument("--seeds", type=int, default=1, metavar="N")
    parser.add_argument("--models-dir", type=Path, metavar="DIR", help="of the runs of --sets")
    arguments = parser.parse_args()
    if arguments.sets:
        lines = list(list_sets(arguments))
        print("\n".join(lines))
        if arguments.markdown:
            rewrite_table("data-sets", lines)
        return
    data = datasets.load_dataset(arguments.dataset, arguments.data_dir)
    results = []
    for train, epochs in (
        (train_article, arguments.article_epochs),
        (train_ours, arguments.our_epochs),
    ):
        # A process each, so that each has a peak of memory of its own.
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            results.append(pool.apply(measure_training, (train, data, arguments.limit, epochs)))
    lines = list(list_rows(*results))
    print("\n".join(lines))
    if arguments.markdown:
        rewrite_table("training-speed", lines)


def list_sets(arguments: argparse.Namespace) -> Iterator[str]:
    """A line of Markdown for each data set, size and preset, over all seeds."""
    with tempfile.TemporaryDirectory() as folder:
        models_dir = arguments.models_dir or Path(folder)
        yield "| data set | units | preset | test error | PCA | error over PCA's | training, s |"
        yield "|---|---|---|---|---|---|---|"
        for place, units, preset in itertools.product(
            arguments.sets, arguments.units, arguments.presets
        ):
            found = [
                train_run(place, units, preset, seed, models_dir, arguments.data_dir)
                for seed in range(arguments.seeds)
            ]
            errors = [facts["scores"]["test_mse"] for facts in found]
            linear = found[0]["scores"]["pca_mse"]
            ratios = " to ".join(f"{e / linear:.3f}" for e in sorted({min(errors), max(errors)}))
            yield (
                f"| {found[0]['dataset']['name']} | {units} | {preset} | "
                f"{', '.join(map(format_error, errors))} | {format_error(linear)} | {ratios} | "
                f"{max(facts['seconds'] for facts in found):.0f} |"
            )


def format_error(error: float) -> str:
    """An error with digits enough to be compared, however small it is."""
    return f"{error:.5f}" if error >= LEAST_SHORT else f"{error:.7f}"


def train_run(
    place: str, units: int, preset: str, seed: int, models_dir: Path, data_dir: str | None
) -> dict[str, Any]:
    """What is on record of a run, which is trained where it is not there yet."""
    name = f"{Path(place).stem}-{units}-{preset}-{seed}"
    if not (models_dir / name / "run.json").exists():
        flags = {"dataset": place, "latent-dim": units, "preset": preset, "seed": seed}
        flags |= {"run": name, "models-dir": models_dir}
        flags |= {"data-dir": data_dir} if data_dir else {}
        pairs = [text for flag, value in flags.items() for text in (f"--{flag}", str(value))]
        command = [sys.executable, str(PROJECT / "train_cae.py"), *pairs, "--quiet"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return dict(find_run(name, models_dir).facts)


def measure_training(
    train: Any, data: datasets.ImageDataset, limit: int | None, epochs: int
) -> dict[str, Any]:
    """Runs one training and says how long it took to get how far."""
    data = dataclasses.replace(
        data, train_pixels=data.train_pixels[:limit], train_labels=data.train_labels[:limit]
    )
    with silence_stderr():
        import keras  # noqa: F401
    clock = train(data, epochs)
    return {
        "epochs": epochs,
        "images": len(data.train_pixels),
        "curve": clock.curve,
        "seconds": clock.elapsed,
        "watching": getattr(clock, "watching", None),
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def train_article(data: datasets.ImageDataset, epochs: int) -> Any:
    """The network and the recipe of the article."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    train_images = data.train_images[:]

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
    clock = make_stopwatch(data.test_images[:], every=40)
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
    clock = make_stopwatch(data.test_images[:], every=20)
    clock.watching = 0.0
    with tempfile.TemporaryDirectory() as folder:
        recorder = Timed(Path(folder) / "snapshots.npz", data, held_back, config)
        images = data.train_images[fitted], data.train_images[held_back]
        job = training.Job(*images, Path(folder) / "checkpoint.npz", {}, [clock, recorder])
        training.train(job, config)
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


def list_rows(theirs: dict[str, Any], mine: dict[str, Any]) -> Iterator[str]:
    """Both results and how many times better ours is, a line of Markdown for each."""

    def format_row(name: str, values: Sequence[float | None], digits: int) -> str:
        shown = (f"{v:.{digits}f}" if v is not None else "not reached" for v in values)
        first, second = values
        ratio = f"{first / second:.1f}" if first is not None and second else ""
        return f"| {name} | {' | '.join(shown)} | {ratio} |"

    def find_reached(result: dict[str, Any], target: float) -> float | None:
        return next((seconds for seconds, error in result["curve"] if error <= target), None)

    both = (theirs, mine)
    yield "| | article | default preset | ratio |"
    yield "|---|---|---|---|"
    for target in TARGETS:
        reached = [find_reached(result, target) for result in both]
        yield format_row(f"seconds to a test error of {target}", reached, 1)
    yield format_row("final test error", [result["curve"][-1][1] for result in both], 5)
    for name, key, digits in (
        ("epochs", "epochs", 0),
        ("seconds in all", "seconds", 0),
        ("peak memory, GiB", "memory", 2),
    ):
        yield format_row(name, [result[key] for result in both], digits)
    speeds = [result["images"] * result["epochs"] / result["seconds"] for result in both]
    yield format_row("images a second", speeds, 0)
    yield f"| share of the time for snapshots | | {mine['watching'] / mine['seconds']:.1%} | |"


if __name__ == "__main__":
    main()
