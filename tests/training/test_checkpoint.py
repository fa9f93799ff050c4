from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from latentspace.core.errors import InputError
from latentspace.training.checkpoint import Progress, read_checkpoint

ROWS = [
    {"epoch": 1, "stage": 1, "val_loss": 0.3},
    {"epoch": 2, "stage": 1, "val_loss": 0.2},
    {"epoch": 3, "stage": 1, "val_loss": 0.25},
    {"epoch": 4, "stage": 2, "val_loss": 0.1},
]


def test_progress_knows_its_stage_and_what_came_before_it() -> None:
    assert Progress().stage == 0
    progress = Progress(ROWS, best_epoch=4)
    assert progress.stage == 2
    before = progress.rewind_to(2)
    assert before.rows == ROWS[:3]
    assert (before.best_epoch, before.stage, before.status) == (2, 1, "running")
    assert progress.rewind_to(1) == Progress()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a zip", b"\x93NUMPY"])
def test_damaged_checkpoints_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "checkpoint.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"no checkpoint.*--overwrite"):
        read_checkpoint(path)


def test_a_checkpoint_of_an_older_version_is_refused(tmp_path: Path) -> None:
    facts = {"settings": {}, "dataset": {"name": "bars", "source": None, "hash": "0"}}
    state = {"facts": facts, "progress": {"rows": [{"epoch": 1, "val_loss": 0.3}]}}
    path = tmp_path / "checkpoint.npz"
    np.savez(path, state=np.frombuffer(json.dumps(state).encode(), np.uint8))
    with pytest.raises(InputError, match=r"stage is wrong \(field required\).*--overwrite"):
        read_checkpoint(path)


def test_the_start_counts_as_an_epoch() -> None:
    progress = Progress(ROWS, start_loss=0.22)
    assert progress.best_loss == 0.1
    before = progress.rewind_to(2)
    assert (before.best_epoch, before.best_loss, before.start_loss) == (2, 0.2, 0.22)
    unbeaten = Progress(ROWS, start_loss=0.15).rewind_to(2)
    assert (unbeaten.best_epoch, unbeaten.best_loss) == (0, 0.15)
    assert Progress().best_loss == float("inf")
