"""What a model made of a few fixed images while it learned: which images, when, and the file."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from latentspace.core.errors import InputError
from latentspace.core.files import replace_file
from latentspace.core.npz import read_arrays
from latentspace.core.pixels import to_uint8, to_unit_range

MOST_FRAMES = 96  # after the one at the start
FIRST_STEP = 2
PROBES, FEWEST_PROBES = 30, 12
WATCHED = 400
# Bounds of what is kept and of what is looked at in one go; MNIST stays well within them.
IMAGE_BYTES, CODE_BYTES, WATCHED_VALUES = 24_000_000, 6_000_000, 2**24

_GROWING = {  # arrays with an entry for each frame
    **{"steps": np.int64, "epochs": np.float64, "images_seen": np.int64, "errors": np.float64},
    **{"reconstructions": np.uint8, "codes": np.float16},
}


@dataclass(frozen=True)
class Snapshots:
    """Frames of a training, in order; images shrunk where a film of them would be too large."""

    indices: np.ndarray  # what is watched, as indices in the training split, int64 (M,)
    originals: np.ndarray  # the first P of them, uint8 (P, H, W, C)
    steps: np.ndarray  # batches that the model had learned from, int64 (T,)
    epochs: np.ndarray  # the same in epochs, float64 (T,)
    images_seen: np.ndarray  # the same in images, int64 (T,)
    errors: np.ndarray  # mean squared error per pixel over what is watched, float64 (T,)
    reconstructions: np.ndarray  # of the originals, uint8 (T, P, H, W, C)
    codes: np.ndarray  # of all that is watched, float16 (T, M, D)

    @classmethod
    def begin(
        cls, indices: np.ndarray, pixels: np.ndarray, *, num_probes: int, latent_dim: int
    ) -> Self:
        """Snapshots without a frame, of pixels, uint8 (M, H, W, C), whose indices are int64 (M,).

        Of the first `num_probes` of them reconstructions are kept.
        """
        originals = shrink(to_unit_range(pixels[:num_probes]))
        shapes = {"reconstructions": originals.shape, "codes": (len(pixels), latent_dim)}
        frames = {name: np.empty((0, *shapes.get(name, ())), of) for name, of in _GROWING.items()}
        return cls(indices, originals, **frames)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads what `write` wrote; an `InputError` if unreadable, or something else."""
        arrays = read_arrays(path)
        names = {field.name for field in dataclasses.fields(cls)}
        if set(arrays) != names or len({len(arrays[name]) for name in _GROWING}) != 1:
            raise InputError(f"{path} holds no snapshots of a training: train again")
        return cls(**arrays)

    def write(self, path: Path) -> None:
        """Writes everything to an .npz file, atomically."""
        with replace_file(path) as temporary:
            np.savez(temporary, **dataclasses.asdict(self))

    def up_to(self, step: int) -> Self:
        count = int(np.searchsorted(self.steps, step, side="right"))
        return dataclasses.replace(self, **{name: getattr(self, name)[:count] for name in _GROWING})

    def append_frame(self, **frame: Any) -> Self:
        """One frame more; every growing array by its name, one entry of it each."""
        for name, dtype in _GROWING.items():
            frame[name] = np.concatenate([getattr(self, name), [frame[name]]]).astype(dtype)
        return dataclasses.replace(self, **frame)


def choose_watched(
    labels: np.ndarray, image_shape: tuple[int, ...], *, latent_dim: int, seed: int
) -> tuple[np.ndarray, int]:
    """Chooses what to watch: as many of each class as of any other, as far as there are.

    Labels are the classes of the images to choose from, int (V,). Returns which of them, int64
    (M,), and of how many, the first, reconstructions are to be kept.
    """
    size = int(np.prod(image_shape))
    frames = MOST_FRAMES + 1
    probes = int(np.clip(IMAGE_BYTES // (frames * size), FEWEST_PROBES, PROBES))
    most = min(WATCHED, WATCHED_VALUES // size, CODE_BYTES // (frames * 2 * latent_dim))
    rows = np.random.default_rng(seed).permutation(len(labels))
    # The first of each class, then the second of each, and so on.
    classes = labels[rows]
    by_class = np.argsort(classes, kind="stable")
    turns = np.empty(len(rows), np.int64)
    turns[by_class] = np.arange(len(rows)) - np.searchsorted(classes[by_class], classes[by_class])
    rows = rows[np.argsort(turns, kind="stable")][: max(most, probes)]
    probes = min(probes, len(rows))
    rows[:probes] = sorted(rows[:probes], key=labels.__getitem__)
    return rows, probes


def choose_steps(steps: int) -> np.ndarray:
    """When to look at a training, ever more rarely: sorted, int64, `MOST_FRAMES` + 1 at most."""
    later = np.geomspace(min(FIRST_STEP, steps), steps, MOST_FRAMES)
    return np.unique(np.rint([0, *later]).astype(np.int64))


def shrink(images: np.ndarray) -> np.ndarray:
    """Images, float32 (P, H, W, C) in [0, 1], reduced where a film of them would be too large.

    uint8 (P, H // s, W // s, C), each pixel the mean of s x s, with the least s that will do.
    """
    count, height, width, channels = images.shape
    most, factor = IMAGE_BYTES / (MOST_FRAMES + 1), 1
    while count * (height // factor) * (width // factor) * channels > most:
        factor += 1
    height, width = height // factor, width // factor
    whole = images[:, : height * factor, : width * factor]
    blocks = whole.reshape(count, height, factor, width, factor, channels)
    return to_uint8(blocks.mean(axis=(2, 4)))
