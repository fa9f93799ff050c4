from __future__ import annotations

import dataclasses
import signal
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import small_training, start_facts, stop_fit_after

from config import PRESETS, TrainConfig
from latentspace.core import pixels
from latentspace.core.errors import InputError
from latentspace.core.pixels import UnitImages
from latentspace.datasets import ImageDataset
from latentspace.models import network
from latentspace.training import checkpoint, fitting
from latentspace.training.checkpoint import Job, Progress
from latentspace.training.fitting import Batches, allow_interrupts, choose_epochs
from latentspace.training.stages import join_autoencoder

CONFIG = small_training()
RESUMING = dataclasses.replace(CONFIG, resume=True)


def build(seed: int = 0, mean: np.ndarray | None = None) -> keras.Model:
    """An autoencoder that starts near to an image, (154,), or to plain grey."""
    keras.utils.set_random_seed(seed)
    encoder, decoder = (
        build_part((14, 11, 1), CONFIG)
        for build_part in (network.build_encoder, network.build_decoder)
    )
    mean = np.full(154, 0.5, np.float32) if mean is None else mean
    network.start_as_pca(
        encoder, decoder, mean=mean, components=np.eye(4, 154), std=np.ones(4) / 100
    )
    return join_autoencoder(encoder, decoder)


def fit(
    model: keras.Model, data: ImageDataset, path: Path, config: TrainConfig = CONFIG, **options
) -> Progress:
    job = Job(data.train_images, data.test_images, path, start_facts(data), **options)
    return fitting.fit(model, job, config)


@pytest.mark.parametrize(
    ("count", "size"),
    [(57_000, 512), (20_000, 128), (1_365, 32), (33, 32), (10, 10), (10**6, 512)],
)
def test_batch_size_suits_the_data(count: int, size: int) -> None:
    assert fitting.choose_batch_size(TrainConfig(**PRESETS["best"]), count) == size
    assert fitting.choose_batch_size(TrainConfig(batch_size=7), count) == 7


def test_batches_cover_each_image_once_in_an_order_of_seed_and_epoch() -> None:
    images = UnitImages(np.arange(50, dtype=np.uint8).reshape(50, 1, 1, 1))
    config = TrainConfig(batch_size=8, augment=0)
    batches = Batches(images, config)
    assert batches.num_batches == 6

    def epoch() -> list[float]:
        order = np.concatenate([batches[i][0] for i in range(6)]).ravel().tolist()
        batches.on_epoch_end()
        return order

    first, second = epoch(), epoch()
    assert len(set(first)) == len(set(second)) == 48
    assert first != second
    resumed = Batches(images, config, epoch=1)
    assert np.concatenate([resumed[i][0] for i in range(6)]).ravel().tolist() == second


def test_the_asked_share_of_a_batch_is_deformed(tiny: ImageDataset) -> None:
    batches = Batches(tiny.train_images, CONFIG)
    inputs, targets = batches[0]
    np.testing.assert_array_equal(inputs, targets)
    known = {image.tobytes() for image in tiny.train_images[:]}
    assert [image.tobytes() in known for image in inputs] == [False] * 4 + [True] * 4
    np.testing.assert_array_equal(batches[0][0], inputs)


def test_fit_learns_and_keeps_the_best_epoch(tiny: ImageDataset, tmp_path: Path) -> None:
    model = build()
    progress = fit(model, tiny, tmp_path / "checkpoint.npz")
    losses = [row["val_loss"] for row in progress.rows]
    assert progress.status == "complete"
    assert [row["epoch"] for row in progress.rows] == [1, 2, 3, 4]
    assert min(losses) < 0.9 * losses[0] < 0.9 * progress.start_loss
    assert progress.best_epoch == 1 + int(np.argmin(losses))
    back = model.predict(tiny.test_images[:], verbose=0).clip(0, 1)
    assert np.mean((back - tiny.test_images[:]) ** 2) == pytest.approx(min(losses), rel=1e-4)
    rates = [row["learning_rate"] for row in progress.rows]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.02 * CONFIG.learning_rate


def test_after_an_epoch_that_is_far_behind_training_goes_on_from_the_best_one(
    tiny: ImageDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "FAR_BEHIND", 1.2)  # the first epochs of few images are poor
    lost: list[int] = []

    def lose(epoch: int, logs: object = None) -> None:
        if epoch == 2:
            lost.append(epoch)

    def scramble(batch: int, logs: object = None) -> None:
        if lost and len(lost) == 1:
            lost.append(batch)
            model.set_weights([10 * one for one in model.get_weights()])

    ends = keras.callbacks.LambdaCallback(on_epoch_begin=lose, on_train_batch_end=scramble)
    model = build()
    progress = fit(model, tiny, tmp_path / "checkpoint.npz", callbacks=[ends])
    losses = [row["val_loss"] for row in progress.rows]
    assert losses[2] > 1.2 * losses[1]
    assert losses[3] < 0.8 * losses[2]


def test_resumed_training_ends_like_an_uninterrupted_one(
    tiny: ImageDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = build()
    expected = fit(whole, tiny, tmp_path / "whole.npz")
    with monkeypatch.context() as patch:
        stop_fit_after(patch, 2, RuntimeError)
        with pytest.raises(RuntimeError):
            fit(build(), tiny, tmp_path / "part.npz")
    state, _ = checkpoint.read_checkpoint(tmp_path / "part.npz")
    assert state["facts"]["settings"] == {"note": "kept"}
    assert state["facts"]["dataset"]["hash"] == tiny.hash
    assert len(state["progress"].rows) == 2

    resumed = build(seed=99)  # other weights, so that only the checkpoint can make them equal
    progress = fit(resumed, tiny, tmp_path / "part.npz", RESUMING)
    for column in ("epoch", "loss", "val_loss", "learning_rate"):
        np.testing.assert_allclose(
            [row[column] for row in progress.rows],
            [row[column] for row in expected.rows],
            rtol=1e-4,
        )
    for mine, theirs in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=2e-4)


def test_ctrl_c_keeps_the_best_epoch_so_far(
    tiny: ImageDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_fit_after(monkeypatch, 2, KeyboardInterrupt)
    model = build()
    progress = fit(model, tiny, tmp_path / "checkpoint.npz")
    assert progress.status == "interrupted"
    assert len(progress.rows) == 2
    back = model.predict(tiny.test_images[:], verbose=0).clip(0, 1)
    assert np.mean((back - tiny.test_images[:]) ** 2) == pytest.approx(progress.best_loss, rel=1e-4)
    assert (tmp_path / "checkpoint.npz").exists()


def test_ctrl_c_in_the_first_epoch_says_how_to_go_on(
    tiny: ImageDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoint.npz"
    with monkeypatch.context() as patch:
        stop_fit_after(patch, 0, KeyboardInterrupt)
        with pytest.raises(InputError, match=r"before the end of the first epoch.*--resume"):
            fit(build(), tiny, path)
    assert len(fit(build(seed=99), tiny, path, RESUMING).rows) == CONFIG.epochs


def test_a_loss_that_is_not_finite_stops_the_training(tiny: ImageDataset, tmp_path: Path) -> None:
    model = build()
    model.set_weights([np.full_like(weights, np.nan) for weights in model.get_weights()])
    with pytest.raises(InputError, match=r"no longer finite.*--learning-rate"):
        fit(model, tiny, tmp_path / "checkpoint.npz")


class Spoil(keras.callbacks.Callback):
    """Sets all weights to a value at a step of an epoch, and counts the steps after it."""

    def __init__(self, value: float, epoch: int) -> None:
        super().__init__()
        self._value, self._epoch = value, epoch
        self.steps_after = 0

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        if epoch >= self._epoch:
            weights = self.model.get_weights()
            self.model.set_weights([np.full_like(each, self._value) for each in weights])

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        self.steps_after += not np.isfinite(self.model.get_weights()[0]).all()


@pytest.mark.parametrize(("value", "epochs"), [(np.nan, 2), (10.0, 4)])
def test_what_explodes_later_ends_with_the_best_epoch(
    tiny: ImageDataset, tmp_path: Path, value: float, epochs: int
) -> None:
    model, spoil = build(), Spoil(value, epoch=2)
    config = dataclasses.replace(CONFIG, epochs=8)
    progress = fit(model, tiny, tmp_path / "checkpoint.npz", config, callbacks=[spoil])
    assert progress.status == "diverged"
    assert len(progress.rows) == epochs
    assert progress.best_epoch <= 2
    assert spoil.steps_after <= 1
    back = model.predict(tiny.test_images[:], verbose=0).clip(0, 1)
    assert np.mean((back - tiny.test_images[:]) ** 2) == pytest.approx(progress.best_loss, rel=1e-4)


def test_a_part_at_a_time_is_shuffled_and_all_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    images = UnitImages(np.arange(48, dtype=np.uint8).reshape(48, 1, 1, 1))
    monkeypatch.setattr(pixels, "VALUES_HELD", 20)  # two batches of eight
    config = dataclasses.replace(CONFIG, augment=0.0)
    batches = Batches(images, config)
    seen = np.concatenate([batches[number][0] for number in range(batches.num_batches)])
    assert sorted(np.rint(seen.ravel() * 255)) == list(range(48))
    assert len(batches._images) == 16
    first = batches[0][0].copy()
    batches.on_epoch_end()
    assert not np.array_equal(batches[0][0], first)
    np.testing.assert_array_equal(Batches(images, config, epoch=1)[5][0], batches[5][0])


def test_few_images_get_more_epochs() -> None:
    config = TrainConfig(epochs=16, least_steps=1000, batch_size=512)
    assert choose_epochs(config, 57_000) == 16
    assert choose_epochs(dataclasses.replace(config, batch_size=32), 300) == 112
    assert choose_epochs(TrainConfig(epochs=3, least_steps=0, batch_size=32), 5) == 3


def test_ctrl_c_waits_for_the_end_of_a_step_and_a_second_one_does_not() -> None:
    before = signal.getsignal(signal.SIGINT)
    with allow_interrupts() as watcher:
        watcher.on_train_batch_end(0)
        signal.raise_signal(signal.SIGINT)  # is not raised here, where it might be lost
        for moment in (watcher.on_train_batch_end, watcher.on_test_batch_end, watcher.on_epoch_end):
            with pytest.raises(KeyboardInterrupt):
                moment(1)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_training_that_makes_nothing_better_keeps_its_start(
    tiny: ImageDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mean = tiny.train_images[:].mean(axis=0).ravel()
    model = build(mean=mean)
    start = [weights.copy() for weights in model.get_weights()]
    config = dataclasses.replace(CONFIG, learning_rate=10.0)
    with monkeypatch.context() as patch:
        stop_fit_after(patch, 1, RuntimeError)
        with pytest.raises(RuntimeError):
            fit(model, tiny, tmp_path / "checkpoint.npz", config)
    resuming = dataclasses.replace(config, resume=True)
    resumed = build(seed=99)
    progress = fit(resumed, tiny, tmp_path / "checkpoint.npz", resuming)
    assert progress.best_epoch == 0
    assert progress.best_loss == progress.start_loss < min(row["val_loss"] for row in progress.rows)
    for mine, theirs in zip(resumed.get_weights(), start, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_the_error_is_that_of_clipped_images_and_leads_back_from_beyond() -> None:
    images = np.array([[0.0, 0.5, 1.0, 0.5]], np.float32)
    drawn = tf.Variable([[-0.3, -0.3, 1.2, 0.75]])
    with tf.GradientTape() as tape:
        error = fitting.clipped_error(images, drawn)
    np.testing.assert_allclose(error, [(0 + 0.25 + 0 + 0.0625) / 4], rtol=1e-6)
    # Only where black is too dark does it lead back; what should be black may lie beyond.
    np.testing.assert_allclose(tape.gradient(error, drawn), [[0, -0.25, 0, 0.125]], atol=1e-7)


@pytest.mark.parametrize("shape", [(16, 12, 3), (5, 4, 1)])
def test_a_blurred_image_costs_more_than_a_darker_one_under_the_sharp_loss(
    shape: tuple[int, int, int],
) -> None:
    rng = np.random.default_rng(0)
    images = rng.uniform(0.3, 0.7, (6, *shape)).astype(np.float32)
    blurred = np.broadcast_to(images.mean(axis=(1, 2), keepdims=True), images.shape)
    off = np.sqrt(np.square(images - blurred).mean(axis=(1, 2, 3), keepdims=True))
    same, blur, dark = (
        np.asarray(fitting.sharp_error(images, drawn)) for drawn in (images, blurred, images - off)
    )
    np.testing.assert_allclose(same, 0, atol=1e-6)
    squares = np.square(off).ravel()
    # As nothing of the pattern is left.
    assert (blur - squares > 0.9 * fitting.SIMILARITY_WEIGHT).all()
    assert (dark - squares < 0.3 * fitting.SIMILARITY_WEIGHT).all()


def test_fine_contrast_may_lie_elsewhere_under_the_sharp_loss() -> None:
    images = np.random.default_rng(0).uniform(0.3, 0.7, (4, 24, 24, 1)).astype(np.float32)
    moved, plain = np.roll(images, 1, axis=2), np.full_like(images, 0.5)
    true, other, none = map(fitting._measure_fine_contrast, (images, moved, plain))
    assert np.square(true - other).mean() < 0.2 * np.square(true - none).mean()
    np.testing.assert_allclose(none, fitting.LEAST_CONTRAST, rtol=1e-5)
    # Waves of two pixels are worth nothing.
    grid = np.indices((24, 24)).sum(axis=0, dtype=np.float32) % 2
    for waves in (grid, np.indices((24, 24), np.float32)[0] % 2):
        contrast = fitting._measure_fine_contrast(waves[np.newaxis, ..., np.newaxis])
        np.testing.assert_allclose(contrast, fitting.LEAST_CONTRAST, rtol=1e-4)
    smooth = np.broadcast_to(np.linspace(0, 1, 24, dtype=np.float32)[:, np.newaxis], (24, 24))
    smooth = fitting._measure_fine_contrast(smooth[np.newaxis, ..., np.newaxis])
    np.testing.assert_allclose(smooth, fitting.LEAST_CONTRAST, rtol=1e-2)


def test_a_training_may_be_for_sharp_images(tiny: ImageDataset, tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, loss="sharp")
    progress = fit(build(), tiny, tmp_path / "checkpoint.npz", config)
    assert progress.best_epoch > 0
    assert progress.best_loss < 0.9 * progress.start_loss


def test_half_of_the_images_are_mirrored_where_they_look_alike(tiny: ImageDataset) -> None:
    config = dataclasses.replace(CONFIG, augment=0.0)
    plain, mirrored = (
        Batches(tiny.train_images, dataclasses.replace(config, mirrored=mirror))
        for mirror in (False, True)
    )
    turned = [
        np.array_equal(image, other[:, ::-1]) and not np.array_equal(image, other)
        for number in range(plain.num_batches)
        for image, other in zip(mirrored[number][0], plain[number][0], strict=True)
    ]
    same = [
        np.array_equal(image, other)
        for number in range(plain.num_batches)
        for image, other in zip(mirrored[number][0], plain[number][0], strict=True)
    ]
    assert sum(turned) + sum(same) == len(turned)
    assert 0.3 < np.mean(turned) < 0.7


@pytest.mark.parametrize(("count", "share"), [(57_000, 1), (20_000, 0.5), (1_365, 0.25)])
def test_small_batches_learn_more_slowly(count: int, share: float) -> None:
    config = TrainConfig()
    assert fitting.choose_learning_rate(config, count) == share * config.learning_rate
