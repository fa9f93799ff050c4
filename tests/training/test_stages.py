from __future__ import annotations

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest
from conftest import small_training, start_facts, stop_fit_after
from sklearn.decomposition import PCA

from config import TrainConfig
from latentspace.core.pixels import UnitImages
from latentspace.datasets import ImageDataset
from latentspace.training import stages
from latentspace.training.checkpoint import Progress

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("stages")]  # they share a training
CONFIG = small_training()
Outcome = tuple[keras.Model, keras.Model, Progress]


def train(
    data: ImageDataset, path: Path, config: TrainConfig = CONFIG, *, seed: int = 0
) -> Outcome:
    keras.utils.set_random_seed(seed)
    job = stages.Job(data.train_images, data.test_images, path, start_facts(data))
    return stages.train(job, config)


@pytest.fixture(scope="module")
def whole(tiny: ImageDataset, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """A training of both stages that nothing disturbed."""
    return train(tiny, tmp_path_factory.mktemp("whole") / "checkpoint.npz")


def error(encoder: keras.Model, decoder: keras.Model, images: np.ndarray) -> float:
    codes = encoder.predict(images, verbose=0)
    return stages.measure_mean_error(decoder, codes, images)


def test_the_second_stage_corrects_the_codes_and_lets_the_decoder_learn_on(
    tiny: ImageDataset, whole: Outcome, tmp_path: Path
) -> None:
    one = dataclasses.replace(CONFIG, refine_epochs=0)
    first_encoder, first_decoder, before = train(tiny, tmp_path / "one.npz", one)
    encoder, decoder, progress = whole
    assert [row["stage"] for row in progress.rows] == [1] * 4 + [2] * 3
    assert [row["epoch"] for row in progress.rows] == list(range(1, 8))
    assert progress.best_epoch > 4
    assert progress.status == before.status == "complete"
    # The first stage is the same with and without a second.
    assert [row["loss"] for row in progress.rows[:4]] == pytest.approx(
        [row["loss"] for row in before.rows], rel=1e-4
    )
    rate = CONFIG.learning_rate
    assert max(row["learning_rate"] for row in progress.rows[4:]) < 0.3 * rate
    assert error(encoder, decoder, tiny.test_images[:]) < error(
        first_encoder, first_decoder, tiny.test_images[:]
    )
    assert error(encoder, decoder, tiny.test_images[:]) == pytest.approx(
        min(row["val_loss"] for row in progress.rows), rel=1e-3
    )
    kernels = [each.get_layer("unflatten").get_weights()[0] for each in (first_decoder, decoder)]
    assert np.abs(kernels[1] - kernels[0]).max() > 1e-3
    principal = [each.get_layer("components").get_weights()[0] for each in (first_decoder, decoder)]
    one, other = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in principal)
    np.testing.assert_allclose(other, one, atol=1e-3)  # but for the scale of the codes
    codes = encoder.predict(tiny.train_images[:], verbose=0)
    np.testing.assert_allclose(codes.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(codes.std(axis=0), 1, atol=1e-3)
    assert all(variable.trainable for variable in decoder.variables)


@pytest.mark.parametrize("after", [2, 4, 5])
def test_a_stop_in_either_stage_resumes_to_the_same_end(
    tiny: ImageDataset,
    whole: Outcome,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    after: int,
) -> None:
    *models, expected = whole
    with monkeypatch.context() as patch:
        stop_fit_after(patch, after, RuntimeError)
        with pytest.raises(RuntimeError):
            train(tiny, tmp_path / "part.npz")
    # Other weights to begin with, so that only the checkpoint can make the ends equal.
    resuming = dataclasses.replace(CONFIG, resume=True)
    *resumed, progress = train(tiny, tmp_path / "part.npz", resuming, seed=99)
    for column in ("epoch", "stage", "loss", "val_loss", "learning_rate"):
        np.testing.assert_allclose(
            [row[column] for row in progress.rows],
            [row[column] for row in expected.rows],
            rtol=1e-4,
        )
    assert progress.best_epoch == expected.best_epoch
    assert error(*resumed, tiny.test_images[:]) == pytest.approx(
        error(*models, tiny.test_images[:]), rel=1e-3
    )


def test_ctrl_c_in_the_second_stage_keeps_the_best_so_far(
    tiny: ImageDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_fit_after(monkeypatch, 5, KeyboardInterrupt)
    encoder, decoder, progress = train(tiny, tmp_path / "checkpoint.npz")
    assert progress.status == "interrupted"
    assert len(progress.rows) == 5
    assert error(encoder, decoder, tiny.test_images[:]) == pytest.approx(
        min(row["val_loss"] for row in progress.rows), rel=1e-3
    )


def test_training_is_never_behind_pca_where_pca_is_exact_also_after_a_stop(
    tiny: ImageDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images of a plane, from which each step of training leads away."""
    rng = np.random.default_rng(0)
    corners = rng.uniform(size=(3, 9, 7, 3))
    images = np.tensordot(rng.dirichlet(np.ones(3), 160), corners, 1)
    pixels = np.rint(images * 255).astype(np.uint8)
    pca = PCA(CONFIG.latent_dim).fit(pixels[:128].reshape(128, -1) / 255)
    unseen = pixels[128:].reshape(32, -1) / 255
    floor = np.mean((pca.inverse_transform(pca.transform(unseen)) - unseen) ** 2)
    fast = dataclasses.replace(CONFIG, learning_rate=10 * CONFIG.learning_rate)

    def train_on(config: TrainConfig) -> tuple[float, Progress]:
        keras.utils.set_random_seed(0)
        images = UnitImages(pixels)
        job = stages.Job(images[:128], images[128:], tmp_path / "one.npz", start_facts(tiny))
        *models, progress = stages.train(job, config)
        return error(*models, (pixels[128:] / 255).astype(np.float32)), progress

    with monkeypatch.context() as patch:
        stop_fit_after(patch, 2, RuntimeError)
        with pytest.raises(RuntimeError):
            train_on(fast)
    found, progress = train_on(dataclasses.replace(fast, resume=True))
    assert max(row["val_loss"] for row in progress.rows) > 2 * floor
    assert found <= 1.05 * floor
