"""One folder in models/ is one trained model: saving, finding, checking and loading it."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from latentspace.files import (
    InputError,
    file_hash,
    now,
    read_json,
    replacing,
    versions,
    write_bytes,
    write_json,
)
from latentspace.model_files import load_model, save_model
from latentspace.pixels import Pixels, parts, to_unit_range
from latentspace.snapshots import Snapshots

if TYPE_CHECKING:
    import keras

ENCODER, DECODER = "encoder.keras", "decoder.keras"
FACTS, HISTORY, CHECKPOINT = "run.json", "history.csv", "checkpoint.npz"
SNAPSHOTS = "snapshots.npz"
PREDICT_BATCH = 1024
WEIGHT_BYTES = 4  # of a float32


@dataclass(frozen=True)
class Run:
    """A trained model on disk, its files checked against run.json, its networks loaded on demand.

    Attributes:
        path: The folder.
        facts: What run.json says, or will say.
        networks: The encoder and the decoder where they are in memory already, as those of a model
            that was adopted and not yet saved.
    """

    path: Path
    facts: dict[str, Any]
    networks: tuple[keras.Model, keras.Model] | None = None

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the images that the encoder takes."""
        height, width, channels = self.facts["image_shape"]
        return height, width, channels

    @property
    def latent_dim(self) -> int:
        """Number of values in a code."""
        return int(self.facts["latent_dim"])

    @property
    def is_adopted(self) -> bool:
        """Whether it was trained elsewhere, so that nobody knows here on which images."""
        return "adopted" in self.facts

    @property
    def history_missing(self) -> str | None:
        """Why there is no history of a training; None where there is one."""
        if self.is_adopted:
            return "this model was not trained here, so nothing tells how it learned"
        return None

    @property
    def model_hash(self) -> str:
        """SHA-256 of both model files, as one string."""
        return self.facts["sha256"][ENCODER] + self.facts["sha256"][DECODER]

    @property
    def decoder_bytes(self) -> int:
        """Size of the decoder's file; of its float32 weights where it lies in memory only."""
        if self.networks is not None:
            return int(self.networks[1].count_params()) * WEIGHT_BYTES
        return (self.path / DECODER).stat().st_size

    def history(self) -> dict[str, np.ndarray]:
        """The columns of history.csv, each float64 (epochs,).

        Raises:
            InputError: The file is missing or is no such table.
        """
        path = self.path / HISTORY
        try:
            rows = list(csv.DictReader(io.StringIO(path.read_text())))
            return {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}
        except (OSError, ValueError, TypeError, IndexError, KeyError) as error:
            raise InputError(f"{path} is no history of a training: {error}; train again") from error

    @property
    def snapshots_missing(self) -> str | None:
        """Why there are no snapshots of a training; None where there are some."""
        if self.history_missing is None and not (self.path / SNAPSHOTS).is_file():
            return f"{self.path} has no {SNAPSHOTS} of its training; train anew for them"
        return self.history_missing

    def snapshots(self) -> Snapshots:
        """What the model made of a few images while it learned.

        Raises:
            InputError: The file is missing or damaged.
        """
        return Snapshots.read(self.path / SNAPSHOTS)

    @cached_property
    def _encoder(self) -> keras.Model:
        return self.networks[0] if self.networks else load_model(self.path / ENCODER)

    @cached_property
    def _decoder(self) -> keras.Model:
        return self.networks[1] if self.networks else load_model(self.path / DECODER)

    def encode(self, images: Pixels) -> np.ndarray:
        """Images (N, H, W, C), as for `predict` -> float32 codes (N, D), in batches."""
        return predict(self._encoder, images)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """float32 codes (N, D) -> float32 images (N, H, W, C) in [0, 1], in batches.

        A decoder that ends linearly may leave the range by a little; it is clipped, as in pictures.
        """
        images = predict(self._decoder, codes)
        return np.clip(images, 0, 1, out=images)


def predict(model: keras.Model, inputs: Pixels) -> np.ndarray:
    """Runs a model over any number of inputs in batches, silently.

    Args:
        model: The model.
        inputs: float32 (N, ...), or uint8 pixels, which become floats in [0, 1] a part at a time.

    Returns:
        float32 (N, ...).
    """

    def run(part: np.ndarray) -> np.ndarray:
        return model.predict(part, batch_size=PREDICT_BATCH, verbose=0)

    if isinstance(inputs, np.ndarray) and inputs.dtype != np.uint8:
        return run(inputs)
    return np.concatenate([run(to_unit_range(inputs[part])) for part in parts(inputs)])


def checked_name(name: str) -> str:
    """A name for a run, which is that of one folder.

    Raises:
        InputError: It leads elsewhere.
    """
    if not name or name in (".", "..") or Path(name).name != name:
        raise InputError(f"a run's name is that of one folder, without / in it. Received: {name!r}")
    return name


def claim(path: Path, *, overwrite: bool) -> None:
    """Makes sure that a new training may write a run.

    Args:
        path: The run's folder.
        overwrite: What is there may be replaced.

    Raises:
        InputError: There is a run, whole or begun, that may not be replaced.
    """
    if not overwrite and ((path / FACTS).exists() or (path / CHECKPOINT).exists()):
        raise InputError(
            f"{path} exists: pass --resume to go on where it was stopped, --overwrite to replace "
            "it, or --run NAME for another run"
        )


def check_resumable(path: Path) -> None:
    """Makes sure that a run was begun and not finished.

    Raises:
        InputError: There is nothing to resume.
    """
    if not (path / CHECKPOINT).exists():
        state = "is finished" if (path / FACTS).exists() else "does not exist"
        raise InputError(
            f"{path} {state}: there is nothing to resume; train without --resume, or name another "
            "run with --run"
        )


def save_run(
    path: Path,
    encoder: keras.Model,
    decoder: keras.Model,
    *,
    facts: Mapping[str, Any],
    history: Sequence[Mapping[str, float]],
) -> Run:
    """Writes a run: the two models, the history, and last run.json with the hashes of the models.

    Each file is replaced atomically, and run.json comes last, so an interruption leaves a run that
    `load_run` either accepts whole or refuses.

    Args:
        path: The folder; made where it is missing.
        encoder: A whole Keras model of images -> codes.
        decoder: A whole Keras model of codes -> images.
        facts: What run.json is to say; time, versions and hashes are added.
        history: One row per epoch, each with the same keys; none of a model trained elsewhere.

    Returns:
        The run.
    """
    for name, model in ((ENCODER, encoder), (DECODER, decoder)):
        with replacing(path / name) as temporary:
            save_model(model, temporary)
    if history:
        table = io.StringIO()
        writer = csv.DictWriter(table, fieldnames=list(history[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
        write_bytes(path / HISTORY, table.getvalue().encode())
    complete = {
        **facts,
        "finished": now(),
        "versions": versions(),
        "sha256": {name: file_hash(path / name) for name in (ENCODER, DECODER)},
    }
    write_json(path / FACTS, complete)
    return Run(path, complete)


def find_run(name: str | None, models_dir: str | os.PathLike[str]) -> Run:
    """Finds a run and checks that it is whole.

    Args:
        name: A folder in `models_dir`, or the path of a folder; None takes the run finished last.
        models_dir: The folder of all runs.

    Returns:
        The run, its networks not yet loaded.

    Raises:
        InputError: There is none, or it is unfinished, damaged or half written.
    """
    folder = Path(models_dir)
    if name is None:
        finished = {path: _finished(path) for path in sorted(folder.glob(f"*/{FACTS}"))}
        if not finished:
            raise InputError(f"no trained run in {folder}: train one with python train_cae.py")
        return _load_run(max(finished, key=lambda path: finished[path]).parent)
    for path in (folder / name, Path(name)):
        if path.is_dir():
            return _load_run(path)
    known = ", ".join(sorted(path.parent.name for path in folder.glob(f"*/{FACTS}"))) or "none"
    raise InputError(f"no run {name!r}: expected a path or one of the runs in {folder} ({known})")


def _finished(path: Path) -> str:
    try:
        return str(read_json(path).get("finished", ""))
    except InputError:
        return ""


def _load_run(path: Path) -> Run:
    train = f"python train_cae.py --run {path.name}"
    if not (path / FACTS).is_file():
        if (path / CHECKPOINT).is_file():
            raise InputError(f"{path} is an unfinished training: finish it with {train} --resume")
        raise InputError(f"{path} is no run: it has no {FACTS}; train one with {train}")
    facts = read_json(path / FACTS)
    for key, kind in {
        "dataset": dict,
        "image_shape": list,
        "latent_dim": int,
        "settings": dict,
        "scores": dict,
        "sha256": dict,
    }.items():
        if not isinstance(facts.get(key), kind):
            raise InputError(
                f"{path / FACTS} should have {key!r}, a {kind.__name__}. Received: "
                f"{facts.get(key)!r}; train again with {train} --overwrite"
            )
    for name in (ENCODER, DECODER):
        if not (path / name).is_file():
            raise InputError(f"{path} has no {name}: train again with {train} --overwrite")
        if file_hash(path / name) != facts["sha256"].get(name):
            raise InputError(
                f"{path / name} is not the file that {FACTS} describes (SHA-256 differs): the run "
                f"is damaged or half written; train again with {train} --overwrite"
            )
    return Run(path, facts)
