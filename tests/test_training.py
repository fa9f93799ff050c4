from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from conftest import PROJECT

from latentspace import network, training
from latentspace.datasets import ImageDataset
from latentspace.files import InputError
from latentspace.training import Batches, Progress, Recipe

RECIPE = Recipe(epochs=4, batch_size=8, learning_rate=2e-2, augment=0.5, seed=3)


def build(seed: int = 0) -> keras.Model:
    keras.utils.set_random_seed(seed)
    size = {"channels": (4, 6), "hidden_units": 16}
    return training.join(
        network.build_encoder((14, 11, 1), 4, **size, normalize=True),
        network.build_decoder((14, 11, 1), 4, **size),
    )


def fit(
    model: keras.Model, data: ImageDataset, checkpoint: Path, *, resume: bool = False
) -> Progress:
    return training.fit(
        model,
        data.train_images,
        data.test_images,
        recipe=RECIPE,
        checkpoint=checkpoint,
        facts={"note": "kept"},
        resume=resume,
        verbose=0,
    )


@pytest.mark.parametrize(
    ("count", "size"), [(57_000, 512), (20_000, 128), (1_365, 32), (10, 32), (10**6, 512)]
)
def test_batch_size_suits_the_data(count: int, size: int) -> None:
    assert training.suitable_batch_size(count) == size


def test_batches_cover_each_image_once_in_an_order_of_seed_and_epoch() -> None:
    images = np.arange(50, dtype=np.float32).reshape(50, 1, 1, 1)
    recipe = Recipe(epochs=1, batch_size=8, learning_rate=1, augment=0, seed=0)
    batches = Batches(images, recipe)
    assert batches.num_batches == 6

    def epoch() -> list[float]:
        order = np.concatenate([batches[i][0] for i in range(6)]).ravel().tolist()
        batches.on_epoch_end()
        return order

    first, second = epoch(), epoch()
    assert len(set(first)) == len(set(second)) == 48
    assert first != second
    resumed = Batches(images, recipe, epoch=1)
    assert np.concatenate([resumed[i][0] for i in range(6)]).ravel().tolist() == second


def test_the_asked_share_of_a_batch_is_deformed(tiny: ImageDataset) -> None:
    batches = Batches(tiny.train_images, RECIPE)
    inputs, targets = batches[0]
    np.testing.assert_array_equal(inputs, targets)
    known = {image.tobytes() for image in tiny.train_images}
    assert [image.tobytes() in known for image in inputs] == [False] * 4 + [True] * 4
    np.testing.assert_array_equal(batches[0][0], inputs)


def test_fit_learns_and_keeps_the_best_epoch(tiny: ImageDataset, tmp_path: Path) -> None:
    model = build()
    progress = fit(model, tiny, tmp_path / "checkpoint.npz")
    losses = [row["val_loss"] for row in progress.rows]
    assert progress.status == "complete"
    assert [row["epoch"] for row in progress.rows] == [1, 2, 3, 4]
    assert min(losses) < 0.7 * losses[0]
    assert progress.best_epoch == 1 + int(np.argmin(losses))
    back = model.predict(tiny.test_images, verbose=0)
    assert np.mean((back - tiny.test_images) ** 2) == pytest.approx(min(losses), rel=1e-4)
    rates = [row["learning_rate"] for row in progress.rows]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.02 * RECIPE.learning_rate


class StopAfter(keras.callbacks.Callback):
    def __init__(self, epoch: int, error: type[BaseException]) -> None:
        super().__init__()
        self.epoch, self.error = epoch, error

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        if epoch == self.epoch:
            raise self.error


def stop_fit_after(monkeypatch: pytest.MonkeyPatch, epoch: int, error: type[BaseException]) -> None:
    original = keras.Model.fit

    def stopped(self, *args, callbacks, **kwargs):
        return original(self, *args, callbacks=[*callbacks, StopAfter(epoch, error)], **kwargs)

    monkeypatch.setattr(keras.Model, "fit", stopped)


def test_resumed_training_ends_like_an_uninterrupted_one(
    tiny: ImageDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = build()
    expected = fit(whole, tiny, tmp_path / "whole.npz")
    with monkeypatch.context() as patch:
        stop_fit_after(patch, 2, RuntimeError)
        with pytest.raises(RuntimeError):
            fit(build(), tiny, tmp_path / "part.npz")
    facts, before = training.read_checkpoint(tmp_path / "part.npz")
    assert facts == {"note": "kept"}
    assert len(before.rows) == 2

    resumed = build(seed=99)  # other weights, so that only the checkpoint can make them equal
    progress = fit(resumed, tiny, tmp_path / "part.npz", resume=True)
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
    back = model.predict(tiny.test_images, verbose=0)
    best = progress.rows[progress.best_epoch - 1]["val_loss"]
    assert np.mean((back - tiny.test_images) ** 2) == pytest.approx(best, rel=1e-4)
    assert (tmp_path / "checkpoint.npz").exists()


def test_ctrl_c_before_the_first_epoch_says_so(
    tiny: ImageDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_fit_after(monkeypatch, 0, KeyboardInterrupt)
    with pytest.raises(InputError, match="interrupted before the end of the first epoch"):
        fit(build(), tiny, tmp_path / "checkpoint.npz")


def test_a_loss_that_is_not_finite_stops_the_training(tiny: ImageDataset, tmp_path: Path) -> None:
    model = build()
    bad = ImageDataset(**{**vars(tiny)})
    images = bad.train_images.copy()
    images[:] = np.nan
    with pytest.raises(InputError, match=r"diverged.*--learning-rate"):
        training.fit(
            model,
            images,
            tiny.test_images,
            recipe=RECIPE,
            checkpoint=tmp_path / "checkpoint.npz",
            facts={},
            verbose=0,
        )


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a zip", b"\x93NUMPY"])
def test_damaged_checkpoints_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "checkpoint.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"no checkpoint.*--overwrite"):
        training.read_checkpoint(path)


DISTRIBUTED = """
import sys
import keras
import numpy as np
import tensorflow as tf
import os
import subprocess
import sys
from pathlib import Path
from conftest import tiny_arrays
from latentspace import network, training

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
images = tiny_arrays(128, seed=0)[0][..., None].astype("float32") / 255
recipe = training.Recipe(epochs=3, batch_size=16, learning_rate=2e-3, augment=0.5, seed=0)
for names in (["cpu:0"], ["cpu:0", "cpu:1"]):
    training.make_repeatable(0, bitwise=True)
    with training.spread_over(names):
        size = {"channels": (4, 6), "hidden_units": 16}
        encoder = network.build_encoder((14, 11, 1), 4, **size, normalize=True)
        model = training.join(encoder, network.build_decoder((14, 11, 1), 4, **size))
        progress = training.fit(
            model, images[:96], images[96:], recipe=recipe, facts={}, verbose=0,
            checkpoint=Path(sys.argv[1]) / "checkpoint.npz",
        )
    replicas = model.distribute_strategy.num_replicas_in_sync
    losses = [row[name] for row in progress.rows for name in ("loss", "val_loss")]
    print("RESULT", replicas, *losses)
"""


def test_two_devices_give_the_losses_of_one(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", DISTRIBUTED, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": f"{PROJECT}{os.pathsep}{PROJECT / 'tests'}"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    lines = [line.split() for line in result.stdout.splitlines() if line.startswith("RESULT")]
    assert [line[1] for line in lines] == ["1", "2"]
    one, two = (np.array(line[2:], float) for line in lines)
    np.testing.assert_allclose(two, one, rtol=2e-3)
    assert one[-1] < one[1]


def test_one_device_needs_no_spreading() -> None:
    assert training.devices() == ["cpu:0"] or "gpu" in training.devices()[0]
    with training.spread_over(["cpu:0"]) as scope:
        assert scope is None
