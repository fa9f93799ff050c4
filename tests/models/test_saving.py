from __future__ import annotations

import os
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from conftest import Killed, kill_at
from test_runs import ABOUT, ROWS

from latentspace.core.errors import InputError
from latentspace.core.files import PARTIAL, write_bytes
from latentspace.models import runs, saving
from latentspace.models.run_schema import (
    CHECKPOINT,
    DECODER,
    DENSITY,
    ENCODER,
    FACTS,
    HISTORY,
    KEPT_CODES,
    PARTIAL_SNAPSHOTS,
    SNAPSHOTS,
)

FILES = (ENCODER, DECODER, HISTORY, SNAPSHOTS, DENSITY, KEPT_CODES, FACTS)


@pytest.fixture(scope="module")
def networks() -> dict[str, tuple[keras.Model, keras.Model]]:
    """Two models of other weights."""

    def made() -> tuple[keras.Model, keras.Model]:
        images, codes = keras.Input((2, 2, 1)), keras.Input((3,))
        flat = keras.layers.Flatten()(images)
        return (
            keras.Model(images, keras.layers.Dense(3)(flat)),
            keras.Model(codes, keras.layers.Reshape((2, 2, 1))(keras.layers.Dense(4)(codes))),
        )

    return {"old": made(), "new": made()}


def save(path: Path, networks: tuple[keras.Model, keras.Model], rows: list[dict]) -> runs.Run:
    """Saves a run with snapshots that stand in for those of its training."""
    path.mkdir(exist_ok=True)
    (path / PARTIAL_SNAPSHOTS).write_text(f"snapshots of {len(rows)} epochs")
    (path / CHECKPOINT).write_text("all that is needed to save the run again")
    facts = {**ABOUT, "image_shape": (2, 2, 1), "epochs": len(rows)}
    arrays = {name: {"some": np.full(3, len(rows))} for name in (DENSITY, KEPT_CODES)}
    return saving.save_run(path, *networks, facts=facts, history=rows, arrays=arrays)


def read_contents(path: Path) -> dict[str, bytes]:
    return {name: (path / name).read_bytes() for name in FILES}


def test_a_run_that_is_killed_while_saved_is_the_old_one_the_new_one_or_refused(
    tmp_path: Path, networks: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "old"
    save(old, networks["old"], ROWS[:1])
    before, states, calls = read_contents(old), [], 0
    while True:
        path = tmp_path / str(calls)
        shutil.copytree(old, path)
        with monkeypatch.context() as patch:
            kill_at(patch, calls)
            try:
                save(path, networks["new"], ROWS)
                break
            except Killed:
                pass
        calls += 1
        after = read_contents(path)
        changed = [name for name in FILES if after[name] != before[name]]
        states.append({0: "old", len(FILES): "new"}.get(len(changed), "refused"))
        if states[-1] == "refused":
            with pytest.raises(InputError, match=rf"--run {path.name} --resume"):
                runs.find_run(str(path), tmp_path)
        else:
            run = runs.find_run(str(path), tmp_path)
            assert len(run.read_history()["loss"]) == run.facts["epochs"]
            assert run.facts["epochs"] == (2 if states[-1] == "new" else 1)
        save(path, networks["new"], ROWS)
        assert runs.find_run(str(path), tmp_path).facts["epochs"] == 2
        assert not list(path.glob(f"{PARTIAL}*"))
    assert calls > 10
    assert list(dict.fromkeys(states)) == ["old", "refused", "new"]


def test_a_disk_that_is_full_leaves_the_old_run(
    tmp_path: Path, networks: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "run", networks["old"], ROWS[:1])
    before = read_contents(tmp_path / "run")

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(InputError, match="No space left on device"):
        save(tmp_path / "run", networks["new"], ROWS)
    assert read_contents(tmp_path / "run") == before
    assert not list((tmp_path / "run").glob(f"{PARTIAL}*"))


def test_what_only_a_training_needs_goes(tmp_path: Path, networks: dict) -> None:
    run = save(tmp_path / "run", networks["old"], ROWS)
    saving.delete_checkpoint(run.path)
    saving.delete_checkpoint(run.path)
    assert sorted(os.listdir(run.path)) == sorted(FILES)


def test_a_run_that_is_there_is_not_begun_anew_unless_asked_for(tmp_path: Path) -> None:
    saving.check_available(tmp_path, overwrite=False)
    for name in (FACTS, CHECKPOINT):
        write_bytes(tmp_path / "run" / name, b"")
        with pytest.raises(InputError, match=r"exists: pass --resume.*--overwrite.*--run NAME"):
            saving.check_available(tmp_path / "run", overwrite=False)
        saving.check_available(tmp_path / "run", overwrite=True)
        (tmp_path / "run" / name).unlink()


def test_only_what_was_begun_can_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist: there is nothing to resume"):
        saving.check_resumable(tmp_path)
    write_bytes(tmp_path / FACTS, b"")
    with pytest.raises(InputError, match="is finished: there is nothing to resume"):
        saving.check_resumable(tmp_path)
    write_bytes(tmp_path / CHECKPOINT, b"")
    saving.check_resumable(tmp_path)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/a", "../a"])
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="is that of one folder"):
        saving.check_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *(" ", "a ", "\u2003a", "a\nb", "a\tb", "\x1b[31mred", "\u202edlrow", "\udcff", "a\0b"),
        *("-a", "--help", ".hidden", "...", "a" * 121, "é" * 61, "classifiers", "Classifiers"),
    ],
)
def test_a_name_that_can_not_be_seen_typed_or_kept_is_refused_in_a_line(name: str) -> None:
    with pytest.raises(InputError) as caught:
        saving.check_name(name)
    assert str(caught.value).isprintable()
    assert "another" in str(caught.value)


@pytest.mark.parametrize(
    "name", ["$x$", "<b>", "a b", "é" * 60, "CON", "%(s)s {0}", "a\\b", "a-b.c"]
)
def test_odd_names_of_runs_are_taken(name: str) -> None:
    assert saving.check_name(name) == name
