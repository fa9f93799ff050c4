"""The state of a training on disk: written after each epoch, read to go on."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import keras
import numpy as np
from annotated_types import Ge, Le
from typing_extensions import TypedDict

from latentspace.core.documents import validate
from latentspace.core.errors import InputError, to_printable
from latentspace.core.files import replace_file
from latentspace.core.npz import read_arrays
from latentspace.models.run_schema import DatasetFacts

PATIENCE = 2  # epochs
MOST_ARRAYS = 100_000  # of a model that anybody trains
START_OVER = "train anew with --overwrite"


class EpochRow(TypedDict):
    """One finished epoch."""

    epoch: int
    stage: int
    loss: float
    val_loss: float
    learning_rate: float
    seconds: float


class ProgressFacts(TypedDict):
    """What is kept of `Progress`."""

    rows: list[EpochRow]
    best_epoch: int
    status: str


class StateFacts(TypedDict):
    """What a checkpoint says of itself."""

    facts: dict[str, Any]
    progress: ProgressFacts
    counts: dict[str, Annotated[int, Ge(0), Le(MOST_ARRAYS)]]


class StartFacts(TypedDict):
    """What a training that can be resumed keeps of what it began with."""

    settings: dict[str, Any]
    dataset: DatasetFacts


@dataclass
class Progress:
    """Where a training stands: one row per finished epoch, and which of them was the best.

    Attributes:
        rows: One dictionary per epoch: epoch, stage (from 1), loss, val_loss, learning_rate,
            seconds.
        best_epoch: The epoch (from 1) with the lowest validation loss; 0 before the first.
        status: "running", "complete", "interrupted" (Ctrl-C) or "diverged" (the loss is not finite,
            or has stayed beyond reason).
    """

    rows: list[EpochRow] = field(default_factory=list)
    best_epoch: int = 0
    status: str = "running"

    @property
    def stage(self) -> int:
        """The stage of the last finished epoch; 0 before the first."""
        return int(self.rows[-1]["stage"]) if self.rows else 0

    def rewind_to(self, stage: int) -> Progress:
        """What had been reached when a stage began."""
        rows = [row for row in self.rows if row["stage"] < stage]
        best = min(rows, key=lambda row: row["val_loss"], default={"epoch": 0})
        return Progress(rows, int(best["epoch"]))


def read_checkpoint(path: Path) -> tuple[dict[str, Any], Progress]:
    """Reads what a checkpoint says of itself, without its weights.

    Returns:
        The facts given to `fit`, and the progress so far.

    Raises:
        InputError: There is no readable checkpoint.
    """
    state = _read_state(path)[0]
    return state["facts"], Progress(**state["progress"])


def read_start_facts(checkpoint: Path, kind: type, *, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What a training began with, for going on with it.

    Args:
        checkpoint: What `fit` wrote; its facts hold "settings" and "dataset".
        kind: The dataclass of all settings.
        asked: Settings that a person names now; they must not contradict.

    Returns:
        The facts.

    Raises:
        InputError: There is no readable checkpoint, or a setting contradicts it.
    """
    begun = json.dumps(read_checkpoint(checkpoint)[0]).encode()
    facts = validate(begun, StartFacts, where=str(checkpoint), renew=START_OVER)
    text = json.dumps(facts["settings"]).encode()
    whole = dataclasses.asdict(validate(text, kind, where=str(checkpoint), renew=START_OVER))
    if unknown := set(facts["settings"]) - set(whole):
        raise InputError(
            f"{checkpoint} has settings that this version does not know, "
            f"{to_printable(', '.join(sorted(unknown)))}: {START_OVER}"
        )
    settings = {name: whole[name] for name in facts["settings"]}
    for name, value in asked.items():
        if value != (begun_with := settings.get(name)):
            raise InputError(
                f"{checkpoint.parent} was begun with {name} = {begun_with}. Received: {value}; "
                "drop the flag, or start anew with --overwrite"
            )
    return {**facts, "settings": settings}


def _read_state(path: Path) -> tuple[StateFacts, dict[str, np.ndarray]]:
    try:
        arrays = read_arrays(path)
        text = arrays.pop("state").tobytes()
    except (InputError, KeyError) as error:
        raise InputError(f"{path} is no checkpoint ({error}): {START_OVER}") from error
    return validate(text, StateFacts, where=str(path), renew=START_OVER), arrays


class CheckpointCallback(keras.callbacks.Callback):
    """Keeps the history, the best weights and a checkpoint of everything after each epoch.

    Args:
        model: What is trained, its optimiser built.
        checkpoint: The file to keep all in.
        facts: Kept beside the state, for whoever resumes.
        epochs: The last epoch that is planned.
        earlier: What earlier stages reached with a model that draws what this one draws now.
        worst: Validation loss beyond reason. What stays above it for `PATIENCE` epochs without
            getting better has exploded: behind a sigmoid a loss can't grow without bounds.
    """

    def __init__(
        self,
        model: keras.Model,
        checkpoint: Path,
        facts: dict[str, Any],
        epochs: int,
        earlier: Progress,
        *,
        worst: float,
    ) -> None:
        super().__init__()
        self.progress = Progress(list(earlier.rows), earlier.best_epoch)
        self._stage = earlier.stage + 1
        self._keras_model = model
        self._checkpoint = checkpoint
        self._facts = facts
        self._epochs = epochs
        self._worst = worst
        self._best = _get_values(model.variables)
        self._started = 0.0

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        if not self.progress.rows:  # so that what is stopped in its first epoch can be resumed
            self._save()

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._started = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if logs is not None and not math.isfinite(logs["loss"]):
            self._raise_diverged()  # Keras asks after each step

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        assert logs is not None
        if not math.isfinite(logs["loss"] + logs["val_loss"]):
            self._raise_diverged()
            return
        rows = self.progress.rows
        seconds = time.monotonic() - self._started
        rows.append(
            {
                "epoch": epoch + 1,
                "stage": self._stage,
                "loss": float(logs["loss"]),
                "val_loss": float(logs["val_loss"]),
                "learning_rate": float(
                    keras.ops.convert_to_numpy(self._keras_model.optimizer.learning_rate)
                ),
                "seconds": round(seconds, 3),
            }
        )
        if rows[-1]["val_loss"] <= min(row["val_loss"] for row in rows):
            self.progress.best_epoch = epoch + 1
            self._best = _get_values(self._keras_model.variables)
        recent = [row["val_loss"] for row in rows[-PATIENCE:] if row["stage"] == self._stage]
        if epoch + 1 - self.progress.best_epoch >= PATIENCE and min(recent) > self._worst:
            self._raise_diverged()
        self._save()
        # Keras' bar shows whatever stands in the logs, so the time left appears beside the loss.
        spent = [row["seconds"] for row in rows if row["stage"] == self._stage]
        mean_seconds = sum(spent) / len(spent)
        logs["minutes_left"] = mean_seconds * (self._epochs - epoch - 1) / 60

    def _raise_diverged(self) -> None:
        self.progress.status = "diverged"
        self._keras_model.stop_training = True

    def load_best(self) -> None:
        """Gives the model the weights of its best epoch."""
        _assign(self._keras_model.variables, self._best)

    def restore(self) -> None:
        """Gives model, optimiser and progress the state in the checkpoint."""
        state, arrays = _read_state(self._checkpoint)
        self.progress = Progress(**state["progress"])
        try:
            groups = {
                group: [arrays[f"{group}_{number}"] for number in range(state["counts"][group])]
                for group in ("model", "optimizer", "best")
            }
            _assign(self._keras_model.variables, groups["model"])
            _assign(self._keras_model.optimizer.variables, groups["optimizer"])
        except (KeyError, ValueError) as error:
            raise InputError(
                f"{self._checkpoint} is of another model than its settings describe: {START_OVER}"
            ) from error
        self._best = groups["best"]

    def _save(self) -> None:
        groups = {
            "model": _get_values(self._keras_model.variables),
            "optimizer": _get_values(self._keras_model.optimizer.variables),
            "best": self._best,
        }
        state = {
            "facts": self._facts,
            "progress": dataclasses.asdict(self.progress),
            "counts": {group: len(values) for group, values in groups.items()},
        }
        arrays = {
            f"{group}_{number}": value
            for group, values in groups.items()
            for number, value in enumerate(values)
        }
        arrays["state"] = np.frombuffer(json.dumps(state).encode(), np.uint8)
        with replace_file(self._checkpoint) as temporary:
            np.savez(temporary, **arrays)  # type: ignore[arg-type]


def _get_values(variables: Sequence[keras.Variable]) -> list[np.ndarray]:
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def _assign(variables: Sequence[keras.Variable], values: Sequence[np.ndarray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
