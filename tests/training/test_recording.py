from __future__ import annotations

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest
from conftest import small_training, start_facts, stop_fit_after

from config import TrainConfig
from latentspace.datasets import ImageDataset
from latentspace.models import snapshots
from latentspace.models.snapshots import Snapshots
from latentspace.training import stages
from latentspace.training.checkpoint import Job, Progress
from latentspace.training.recording import Recorder

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("recording")]  # they share a training
CONFIG = small_training(epochs=3, refine_epochs=2, refine_steps=1)
RESUMING = dataclasses.replace(CONFIG, resume=True)
STEPS = 15  # an epoch
Outcome = tuple[keras.Model, keras.Model, Progress]


def train(
    data: ImageDataset, folder: Path, config: TrainConfig = CONFIG, *, watched: bool = True
) -> Outcome:
    """Trains on the training images; the test images stand for those held back."""
    keras.utils.set_random_seed(0)
    both = dataclasses.replace(
        data,
        train_pixels=np.concatenate([data.test_pixels, data.train_pixels]),
        train_labels=np.concatenate([data.test_labels, data.train_labels]),
    )
    held_back = np.arange(len(data.test_labels))
    recorder = Recorder(folder / "snapshots.npz", both, held_back, config)
    images, path = (data.train_images, data.test_images), folder / "checkpoint.npz"
    job = Job(*images, path, start_facts(data), [recorder] if watched else [])
    return stages.train(job, config)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `whole` keeps its files."""
    return tmp_path_factory.mktemp("whole")


@pytest.fixture(scope="module")
def whole(tiny: ImageDataset, folder: Path) -> Outcome:
    """A watched training that nothing disturbed."""
    return train(tiny, folder)


def test_what_was_seen_at_the_end_of_an_epoch_has_its_validation_loss(
    tiny: ImageDataset, whole: Outcome, folder: Path
) -> None:
    encoder, decoder, progress = whole
    film = Snapshots.read(folder / "snapshots.npz")
    assert film.steps[0] == 0
    assert film.steps[-1] == 5 * STEPS
    assert film.errors[0] > 1.05 * film.errors[-1]
    losses = {row["epoch"] * STEPS: row["val_loss"] for row in progress.rows}
    seen = dict(zip(film.steps, film.errors, strict=True))
    assert len(set(losses) & set(seen)) >= 4
    for step in set(losses) & set(seen):
        assert seen[step] == pytest.approx(losses[step], rel=1e-3)
    np.testing.assert_allclose(film.epochs * STEPS, film.steps)
    np.testing.assert_array_equal(film.images_seen, film.steps * 8)
    # The last epoch is the best here, so that what is saved draws what was seen last.
    assert progress.best_epoch == 5
    probes = tiny.test_images[film.indices[: len(film.originals)]]
    codes = encoder.predict(probes, verbose=0)
    drawn = np.rint(255 * decoder.predict(codes, verbose=0))
    assert np.abs(drawn - film.reconstructions[-1]).max() <= 1
    np.testing.assert_array_equal(film.originals, np.rint(255 * probes))
    # Codes are kept as they were then; their scale is set to 1 afterwards, unit by unit.
    for unit in range(4):
        then, now = film.codes[-1, : len(codes), unit].astype(float), codes[:, unit]
        assert abs(np.corrcoef(then, now)[0, 1]) > 0.999


def test_being_watched_changes_nothing(tiny: ImageDataset, whole: Outcome, tmp_path: Path) -> None:
    *_, watched = whole
    *_, alone = train(tiny, tmp_path, watched=False)
    assert not (tmp_path / "snapshots.npz").exists()
    for name in ("loss", "val_loss"):
        np.testing.assert_allclose(
            [row[name] for row in watched.rows], [row[name] for row in alone.rows], rtol=1e-4
        )


@pytest.mark.parametrize("after", [2, 4])
def test_frames_are_kept_when_a_stopped_training_goes_on(
    tiny: ImageDataset,
    whole: Outcome,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    after: int,
) -> None:
    with monkeypatch.context() as patch:
        stop_fit_after(patch, after, RuntimeError)
        with pytest.raises(RuntimeError):
            train(tiny, tmp_path)
    begun = Snapshots.read(tmp_path / "snapshots.npz")
    assert begun.steps[-1] == after * STEPS
    train(tiny, tmp_path, RESUMING)
    expected, found = (Snapshots.read(path / "snapshots.npz") for path in (folder, tmp_path))
    np.testing.assert_array_equal(found.steps, expected.steps)
    np.testing.assert_allclose(found.errors, expected.errors, rtol=1e-3)


def test_a_lost_film_begins_again_where_training_goes_on(
    tiny: ImageDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        stop_fit_after(patch, 2, RuntimeError)
        with pytest.raises(RuntimeError):
            train(tiny, tmp_path)
    (tmp_path / "snapshots.npz").write_bytes(b"")
    train(tiny, tmp_path, RESUMING)
    film = Snapshots.read(tmp_path / "snapshots.npz")
    assert film.steps[0] == 2 * STEPS
    assert film.steps[-1] == 5 * STEPS


def test_a_new_training_does_not_go_on_with_an_old_film(tiny: ImageDataset, tmp_path: Path) -> None:
    train(tiny, tmp_path)
    train(tiny, tmp_path, small_training(epochs=1, refine_epochs=0))
    assert Snapshots.read(tmp_path / "snapshots.npz").steps[-1] == STEPS


def test_a_long_training_keeps_no_more_frames(
    tiny: ImageDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "MOST_FRAMES", 4)
    train(tiny, tmp_path)
    film = Snapshots.read(tmp_path / "snapshots.npz")
    assert len(film.steps) <= 5
    assert film.steps[[0, -1]].tolist() == [0, 5 * STEPS]
