"""The state of a training on disk: written after each epoch, read to go on."""

import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from typing_extensions import TypedDict

from latentspace.core.cluster import is_first_process
from latentspace.core.documents import validate
from latentspace.core.errors import InputError
from latentspace.core.files import replace_file
from latentspace.core.npz import read_arrays
from latentspace.core.pixels import Images
from latentspace.models.run_schema import DatasetFacts

PATIENCE = 2  # epochs
FAR_BEHIND = 2  # of the loss of the best epoch: then training goes on from that one
START_OVER = "train it again with --overwrite"


class EpochRow(TypedDict):
    epoch: int  # from 1, as are stages
    stage: int
    loss: float
    val_loss: float
    learning_rate: float
    seconds: float


class StartFacts(TypedDict):
    """What a training began with, for going on with it."""

    settings: dict[str, Any]
    dataset: DatasetFacts


@dataclass
class Progress:
    """Where a training stands: one row per finished epoch, and which of them was the best."""

    rows: list[EpochRow] = field(default_factory=list)
    best_epoch: int = 0  # from 1, with the lowest validation loss; 0 is the start
    status: str = "running"  # or "complete", "interrupted" (by Ctrl-C) or "diverged", see `fit`
    start_loss: float | None = None  # on the validation images, before the first epoch

    @property
    def stage(self) -> int:
        """The stage of the last finished epoch; 0 before the first."""
        return int(self.rows[-1]["stage"]) if self.rows else 0

    def rewind_to(self, stage: int) -> "Progress":
        """What had been reached when a stage began."""
        rows = [row for row in self.rows if row["stage"] < stage]
        reached = Progress(rows, start_loss=self.start_loss)
        best = (row["epoch"] for row in rows if row["val_loss"] <= reached.best_loss)
        return replace(reached, best_epoch=min(best, default=0))

    @property
    def best_loss(self) -> float:
        """The lowest validation loss of all epochs and of the start."""
        start = math.inf if self.start_loss is None else self.start_loss
        return min([start, *(row["val_loss"] for row in self.rows)])


class StateFacts(TypedDict):
    """What a checkpoint says of itself."""

    facts: StartFacts
    progress: Progress


def read_checkpoint(path: Path) -> tuple[StateFacts, dict[str, np.ndarray]]:
    """What a checkpoint of `fit` says of itself, and its arrays; an `InputError` if unreadable."""
    try:
        arrays = read_arrays(path)
        text = arrays.pop("state").tobytes()
    except (InputError, KeyError) as error:
        raise InputError(f"{path} is no checkpoint ({error}): {START_OVER}") from error
    return validate(text, StateFacts, where=str(path), renew=START_OVER), arrays


@dataclass(frozen=True)
class Job:
    """What a training learns from, and where it keeps its state."""

    train_images: Images  # float32 (N, H, W, C) in [0, 1]
    validation_images: Images  # float32 (M, H, W, C) in [0, 1]
    checkpoint: Path  # written after each epoch
    facts: dict[str, Any]  # in it, for whoever resumes: "settings" and "dataset", as in run.json
    callbacks: Sequence[keras.callbacks.Callback] = ()


class CheckpointCallback(keras.callbacks.Callback):
    """Keeps the history, the best weights and a checkpoint of everything after each epoch.

    The optimiser of the model is built; earlier progress is as for `fit`. After an epoch that ends
    `FAR_BEHIND` the best one, training goes on from that one. A validation loss that stays above
    `worst` for `PATIENCE` epochs, and no better, has exploded.
    """

    def __init__(
        self, model: keras.Model, job: Job, *, last_epoch: int, earlier: Progress, worst: float
    ) -> None:
        super().__init__()
        self.set_model(model)
        self.progress = replace(earlier, rows=list(earlier.rows), status="running")
        self._checkpoint, self._facts, self._stage = job.checkpoint, job.facts, earlier.stage + 1
        self._last_epoch, self._worst, self._started = last_epoch, worst, 0.0
        self._best = self._copy_weights()

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
        row: EpochRow = {
            "epoch": epoch + 1,
            "stage": self._stage,
            "loss": float(logs["loss"]),
            "val_loss": float(logs["val_loss"]),
            "learning_rate": float(_copy_value(self.model.optimizer.learning_rate)),
            "seconds": round(time.monotonic() - self._started, 3),
        }
        rows.append(row)
        if row["val_loss"] <= self.progress.best_loss:
            self.progress.best_epoch = epoch + 1
            self._best = self._copy_weights()
        recent = [row["val_loss"] for row in rows[-PATIENCE:] if row["stage"] == self._stage]
        if epoch + 1 - self.progress.best_epoch >= PATIENCE and min(recent) > self._worst:
            self._raise_diverged()
        elif row["val_loss"] > FAR_BEHIND * self.progress.best_loss:
            self.load_best()  # the optimiser has seen how steep it was, and takes smaller steps
        self._save()
        # Keras' bar shows whatever stands in the logs, so the time left appears beside the loss.
        seconds = np.mean([row["seconds"] for row in rows if row["stage"] == self._stage])
        logs["minutes_left"] = float(seconds) * (self._last_epoch - epoch - 1) / 60

    def _raise_diverged(self) -> None:
        self.progress.status = "diverged"
        self.model.stop_training = True

    def load_best(self) -> None:
        """Gives the model the weights of its best epoch."""
        for variable, value in zip(self.model.variables, self._best.values(), strict=True):
            variable.assign(value)

    def restore(self) -> None:
        """Gives model, optimiser and progress the state in the checkpoint."""
        state, arrays = read_checkpoint(self._checkpoint)
        self.progress = state["progress"]
        variables = self._name_variables()
        try:
            if arrays.keys() != variables.keys() | self._best.keys():
                raise ValueError("other arrays")
            for name, variable in variables.items():
                variable.assign(arrays[name])
        except ValueError as error:
            what = "is of another model than its settings describe"
            raise InputError(f"{self._checkpoint} {what}: {START_OVER}") from error
        self._best = {name: arrays[name] for name in self._best}

    def _name_variables(self) -> dict[str, keras.Variable]:
        optimizer = enumerate(self.model.optimizer.variables)
        named = {f"model_{number}": one for number, one in enumerate(self.model.variables)}
        return named | {f"optimizer_{number}": one for number, one in optimizer}

    def _copy_weights(self) -> dict[str, np.ndarray]:
        return {f"best_{n}": _copy_value(one) for n, one in enumerate(self.model.variables)}

    def _save(self) -> None:
        if not is_first_process():
            return
        state = {"facts": self._facts, "progress": asdict(self.progress)}
        arrays = {name: _copy_value(value) for name, value in self._name_variables().items()}
        arrays |= self._best
        arrays["state"] = np.frombuffer(json.dumps(state).encode(), np.uint8)
        with replace_file(self._checkpoint) as temporary:
            np.savez(temporary, **arrays)  # type: ignore[arg-type]


def _copy_value(variable: keras.Variable) -> np.ndarray:
    return np.array(keras.ops.convert_to_numpy(variable))
