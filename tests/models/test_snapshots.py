from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from latentspace.core.errors import InputError
from latentspace.models import snapshots
from latentspace.models.snapshots import MOST_FRAMES, Snapshots


def choose(
    labels: np.ndarray, shape: tuple[int, int, int] = (28, 28, 1), **options
) -> tuple[np.ndarray, int]:
    return snapshots.choose_watched(labels, shape, **{"latent_dim": 32, "seed": 0, **options})


def begin(rows: np.ndarray, num_probes: int) -> Snapshots:
    pixels = np.random.default_rng(0).integers(0, 256, (len(rows), 6, 5, 1), np.uint8)
    return Snapshots.begin(2 * rows + 1, pixels, num_probes=num_probes, latent_dim=3)


def add_frames(film: Snapshots, *steps: int) -> Snapshots:
    for step in steps:
        film = film.append_frame(
            steps=step,
            epochs=step / 10,
            images_seen=8 * step,
            errors=1 / (1 + step),
            reconstructions=np.full_like(film.originals, step),
            codes=np.full(film.codes.shape[1:], step + 0.5),
        )
    return film


@pytest.mark.parametrize("steps", [1, 7, 2_109, 1_000_000])
def test_moments_are_close_together_at_first_then_rare_and_never_too_many(steps: int) -> None:
    due = snapshots.choose_steps(steps)
    assert due[0] == 0
    assert due[-1] == steps
    assert len(due) <= MOST_FRAMES + 1
    gaps = np.diff(due)
    assert (gaps > 0).all()
    if steps > 1000:
        assert (gaps[1:11] <= 3).all()
        assert gaps[-1] > 20 * gaps[1]
        assert gaps[-1] < 0.2 * steps


def test_of_each_class_as_many_are_watched_and_the_probes_stand_class_by_class() -> None:
    labels = np.arange(1000) % 10
    rows, num_probes = choose(labels)
    assert len(rows) == len(set(rows.tolist())) == snapshots.WATCHED
    np.testing.assert_array_equal(np.bincount(labels[rows]), np.full(10, 40))
    assert labels[rows[:num_probes]].tolist() == np.repeat(range(10), 3).tolist()
    np.testing.assert_array_equal(choose(labels)[0], rows)
    assert (choose(labels, seed=1)[0] != rows).any()


def test_where_images_are_few_or_classes_uneven_all_are_watched() -> None:
    labels = np.array([0, 0, 0, 0, 0, 1, 2])
    rows, num_probes = choose(labels)
    assert sorted(rows.tolist()) == list(range(7))
    assert num_probes == 7
    assert choose(np.zeros(1, int))[1] == 1


@pytest.mark.parametrize(
    ("shape", "latent_dim"), [((28, 28, 1), 32), ((256, 256, 3), 32), ((28, 28, 1), 4096)]
)
def test_what_is_kept_is_bounded_whatever_the_images(
    shape: tuple[int, int, int], latent_dim: int
) -> None:
    rows, num_probes = choose(np.arange(1000) % 10, shape, latent_dim=latent_dim)
    assert num_probes >= snapshots.FEWEST_PROBES
    kept = snapshots.shrink(np.zeros((num_probes, *shape), np.float32))
    frames = MOST_FRAMES + 1
    assert frames * kept.nbytes <= snapshots.IMAGE_BYTES
    assert frames * 2 * latent_dim * (len(rows) - num_probes) <= snapshots.CODE_BYTES
    if shape == (28, 28, 1) and latent_dim == 32:
        assert kept.shape == (30, 28, 28, 1)
        assert frames * (kept.nbytes + 2 * latent_dim * len(rows)) < 8_000_000


def test_large_images_are_kept_as_means_of_squares(monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.default_rng(0).random((2, 7, 6, 3), np.float32)
    monkeypatch.setattr(snapshots, "IMAGE_BYTES", (MOST_FRAMES + 1) * 2 * 3 * 3 * 3)
    small = snapshots.shrink(images)
    assert small.shape == (2, 3, 3, 3)
    np.testing.assert_allclose(small[1, 2, 0, 1] / 255, images[1, 4:6, :2, 1].mean(), atol=0.002)


def test_frames_are_added_cut_off_and_come_back_from_the_file(tmp_path: Path) -> None:
    film = add_frames(begin(*choose(np.arange(5))), 0, 2, 5, 9)
    assert film.steps.tolist() == [0, 2, 5, 9]
    assert film.codes.dtype == np.float16
    film.up_to(5).write(tmp_path / "snapshots.npz")
    back = Snapshots.read(tmp_path / "snapshots.npz")
    assert back.steps.tolist() == [0, 2, 5]
    assert back.images_seen.tolist() == [0, 16, 40]
    assert back.epochs.tolist() == [0.0, 0.2, 0.5]
    assert back.errors.tolist() == pytest.approx([1, 1 / 3, 1 / 6])
    assert (back.reconstructions[2] == 5).all()
    assert (back.codes[1] == 2.5).all()
    np.testing.assert_array_equal(back.originals, film.originals)
    np.testing.assert_array_equal(back.indices, film.indices)
    np.testing.assert_array_equal(back.indices, 2 * choose(np.arange(5))[0] + 1)


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "snapshots.npz"
    np.savez(path, steps=np.arange(3))
    with pytest.raises(InputError, match="holds no snapshots of a training"):
        Snapshots.read(path)
    path.write_bytes(b"PK half a file")
    with pytest.raises(InputError, match="can't be read"):
        Snapshots.read(path)
