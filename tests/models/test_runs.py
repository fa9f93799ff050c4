from __future__ import annotations

import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from latentspace.core.errors import InputError
from latentspace.core.provenance import hash_file
from latentspace.models import runs, saving
from latentspace.models.run_schema import (
    CHECKPOINT,
    DECODER,
    DENSITY,
    ENCODER,
    FACTS,
    HISTORY,
    KEPT_CODES,
    SNAPSHOTS,
)

ABOUT = {
    "dataset": {"name": "bars", "source": None, "hash": "0"},
    "image_shape": (6, 5, 1),
    "latent_dim": 3,
    "settings": {"seed": 0},
    "scores": {"test_mse": 0.25},
}
ROWS = [
    {"epoch": 1, "loss": 0.5, "val_loss": 0.6, "learning_rate": 0.1, "seconds": 1.5},
    {"epoch": 2, "loss": 0.25, "val_loss": 0.3, "learning_rate": 0.0, "seconds": 1.25},
]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one run, "first", made of one layer each way."""
    folder = tmp_path_factory.mktemp("models")
    images, codes = keras.Input((6, 5, 1)), keras.Input((3,))
    encoder = keras.Model(images, keras.layers.Dense(3)(keras.layers.Flatten()(images)))
    decoder = keras.Model(
        codes, keras.layers.Reshape((6, 5, 1))(keras.layers.Dense(30, "sigmoid")(codes))
    )
    saving.save_run(folder / "first", encoder, decoder, facts=ABOUT, history=ROWS)
    return folder


@pytest.fixture
def copy(models: Path, tmp_path: Path) -> Path:
    shutil.copytree(models, tmp_path / "models")
    return tmp_path / "models"


def test_run_round_trip(models: Path) -> None:
    run = runs.find_run("first", models)
    assert (run.name, run.image_shape, run.latent_dim) == ("first", (6, 5, 1), 3)
    assert {name: ABOUT[name] for name in ABOUT} == {name: run.facts[name] for name in ABOUT}
    assert run.facts["versions"]["keras"] == keras.__version__
    history = run.read_history()
    assert list(history) == list(ROWS[0])
    assert history["val_loss"].tolist() == [0.6, 0.3]
    images = np.random.default_rng(0).random((7, 6, 5, 1)).astype(np.float32)
    codes = run.encode(images)
    assert (codes.shape, codes.dtype) == ((7, 3), np.float32)
    assert run.decode(codes).shape == images.shape


def test_models_load_without_this_project(models: Path) -> None:
    encoder = keras.models.load_model(models / "first" / ENCODER)
    assert encoder.output_shape == (None, 3)


def test_runs_are_found_by_name_path_and_age(copy: Path) -> None:
    assert runs.find_run(str(copy / "first"), "elsewhere").path == copy / "first"
    shutil.copytree(copy / "first", copy / "second")
    facts = json.loads((copy / "second" / FACTS).read_text())
    facts["finished"] = "2999-01-01T00:00:00+00:00"
    (copy / "second" / FACTS).write_text(json.dumps(facts))
    assert runs.find_run(None, copy).name == "second"


def test_missing_runs_are_named(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no run 'nope'.*\(first\)"):
        runs.find_run("nope", copy)
    with pytest.raises(InputError, match=r"train one with python train_cae\.py"):
        runs.find_run(None, tmp_path / "empty")


@pytest.mark.parametrize("name", [ENCODER, DECODER])
def test_files_that_do_not_match_their_hash_are_refused(copy: Path, name: str) -> None:
    path = copy / "first" / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match=f"{name}.*SHA-256 differs.*--overwrite"):
        runs.find_run("first", copy)
    path.unlink()
    with pytest.raises(InputError, match=f"has no {name}"):
        runs.find_run("first", copy)


def test_half_written_runs_are_refused(copy: Path) -> None:
    facts = copy / "first" / FACTS
    whole = facts.read_text()
    facts.write_text(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="can't be read as JSON"):
        runs.find_run("first", copy)
    facts.write_text(json.dumps({**json.loads(whole), "latent_dim": "32"}))
    with pytest.raises(InputError, match=r"latent_dim is wrong .*Received: '32'"):
        runs.find_run("first", copy)
    facts.unlink()
    with pytest.raises(InputError, match=r"it has no run\.json"):
        runs.find_run("first", copy)
    (copy / "first" / CHECKPOINT).write_bytes(b"")
    with pytest.raises(InputError, match=r"unfinished training.*--run first --resume"):
        runs.find_run("first", copy)


@pytest.mark.parametrize("content", ["", "epoch,loss\n1,x\n", "epoch,loss\n1\n"])
def test_damaged_history_is_refused(copy: Path, content: str) -> None:
    (copy / "first" / HISTORY).write_text(content)
    with pytest.raises(InputError, match=r"history\.csv is not the file that run\.json describes"):
        runs.find_run("first", copy).read_history()
    forget_hash(copy / "first", HISTORY)
    with pytest.raises(InputError, match="no history of a training"):
        runs.find_run("first", copy).read_history()


def forget_hash(run: Path, name: str) -> None:
    """Makes a run one of those that kept hashes of their models only."""
    facts = json.loads((run / FACTS).read_text())
    del facts["sha256"][name]
    (run / FACTS).write_text(json.dumps(facts))


@pytest.mark.parametrize("name", [DENSITY, KEPT_CODES])
def test_what_a_training_has_kept_is_taken_only_whole(copy: Path, name: str) -> None:
    def read(run: runs.Run) -> dict[str, np.ndarray] | None:
        return run.read_kept(name)

    path = copy / "first" / name
    assert read(runs.find_run("first", copy)) is None  # as in older runs
    np.savez(path, weights=np.ones(3))
    facts = json.loads((copy / "first" / FACTS).read_text())
    facts["sha256"][name] = hash_file(path)
    (copy / "first" / FACTS).write_text(json.dumps(facts))
    found = read(runs.find_run("first", copy))
    assert found is not None
    np.testing.assert_array_equal(found["weights"], [1, 1, 1])
    whole = path.read_bytes()
    for damage in (whole[: len(whole) // 2], b"", whole + b"more"):
        path.write_bytes(damage)
        assert read(runs.find_run("first", copy)) is None
    forget_hash(copy / "first", name)
    path.write_bytes(b"no archive")
    assert read(runs.find_run("first", copy)) is None


def test_snapshots_of_another_training_are_refused(copy: Path) -> None:
    facts = json.loads((copy / "first" / FACTS).read_text())
    facts["sha256"][SNAPSHOTS] = "0" * 64
    (copy / "first" / FACTS).write_text(json.dumps(facts))
    (copy / "first" / SNAPSHOTS).write_bytes(b"another film")
    run = runs.find_run("first", copy)
    assert run.snapshots_unavailable is None
    with pytest.raises(InputError, match=r"snapshots\.npz is not the file"):
        run.read_snapshots()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("image_shape", value) for value in ([6, 5], [6, 5, 2], [-6, 5, 1], "6")),
        *(("image_shape", value) for value in ([1 << 20, 5, 1], None, {"0": 6})),
        *(("latent_dim", value) for value in (0, -3, 3.5, "3", True, [3], 1 << 40)),
        *(("dataset", value) for value in ({}, "bars", {"name": "bars", "source": 3, "hash": "0"})),
        *(("settings", value) for value in ([], {"seed": -1}, {"validation_split": 2.0})),
        *(("scores", value) for value in ([], {"test_mse": "0"}, {"test_mse": float("nan")})),
        *(("sha256", value) for value in ({}, {"encoder.keras": "0"}, {"encoder.keras": 3})),
        ("seconds", -1.0),
        ("epochs", -1),
        ("parameters", "many"),
        ("adopted", {}),
        *(("schema_version", value) for value in (0, 2, "1", None, 1.0)),
    ],
)
def test_facts_that_make_no_sense_are_refused(copy: Path, key: str, value: object) -> None:
    facts = json.loads((copy / "first" / FACTS).read_text())
    (copy / "first" / FACTS).write_text(json.dumps({**facts, key: value}))
    with pytest.raises(InputError, match=r"run\.json|encoder\.keras") as refused:
        runs.find_run("first", copy)
    assert "train again with python train_cae.py --run first --overwrite" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "read_options",
    [
        {"image_size": [0, 5], "channels": 1, "test_fraction": 0.2, "limit": None, "labels": None},
        {"image_size": None, "channels": 2, "test_fraction": 0.2, "limit": None, "labels": None},
        {"image_size": None, "channels": 1, "test_fraction": 1.5, "limit": None, "labels": None},
        {"image_size": None, "channels": 1, "test_fraction": 0.2, "limit": -1, "labels": None},
        {"image_size": None, "channels": 1, "test_fraction": 0.2, "limit": 1, "labels": ["x"]},
        {"open": "x", "channels": 1, "test_fraction": 0.2, "limit": None, "labels": None},
    ],
)
def test_a_reading_that_makes_no_sense_is_refused(copy: Path, read_options: dict) -> None:
    facts = json.loads((copy / "first" / FACTS).read_text())
    facts["dataset"]["reading"] = read_options
    (copy / "first" / FACTS).write_text(json.dumps(facts))
    with pytest.raises(InputError, match=r"dataset\.reading\.[\w.]+ is wrong"):
        runs.find_run("first", copy)


def test_models_of_another_shape_than_the_facts_say_are_refused(copy: Path) -> None:
    facts = json.loads((copy / "first" / FACTS).read_text())
    (copy / "first" / FACTS).write_text(json.dumps({**facts, "latent_dim": 4}))
    run = runs.find_run("first", copy)
    with pytest.raises(InputError, match=r"a model of \(6, 5, 1\) -> \(3,\), but run\.json says"):
        run.encode(np.zeros((1, 6, 5, 1), np.float32))
    with pytest.raises(InputError, match=r"a model of \(3,\) -> \(6, 5, 1\), but run\.json says"):
        run.decode(np.zeros((1, 4), np.float32))


def test_a_model_that_is_replaced_after_the_facts_were_read_is_refused(copy: Path) -> None:
    run = runs.find_run("first", copy)
    shutil.copyfile(copy / "first" / DECODER, copy / "first" / ENCODER)
    with pytest.raises(InputError, match="just being replaced"):
        run.encode(np.zeros((1, 6, 5, 1), np.float32))


def test_what_can_be_resumed_is_said_to_be(copy: Path) -> None:
    (copy / "first" / CHECKPOINT).write_bytes(b"")
    (copy / "first" / DECODER).write_bytes(b"half")
    with pytest.raises(InputError, match=r"finish it with .* --run first --resume"):
        runs.find_run("first", copy)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused_with_its_count(models: Path, value: float) -> None:
    run = runs.find_run("first", models)
    images = np.zeros((7, 6, 5, 1), np.float32)
    images[2:5, 1, 1] = value
    with pytest.raises(InputError) as caught:
        run.encode(images)
    assert str(caught.value) == (
        "run first gives codes that are not finite for 3 of 7 images (first for number 2): "
        "train again with python train_cae.py --run first --overwrite"
    )
    networks = run._encoder, keras.models.clone_model(run._decoder)
    networks[1].set_weights([np.full_like(part, np.nan) for part in networks[1].get_weights()])
    adopted = runs.Run(run.path, {**run.facts, "adopted": {}}, networks)
    broken = r"images that are not finite for 4 of 4 codes .*: pass another model"
    with pytest.raises(InputError, match=broken):
        adopted.decode(np.zeros((4, 3), np.float32))


def test_a_folder_with_a_name_that_can_not_be_printed_is_no_run(copy: Path) -> None:
    shutil.copytree(copy / "first", copy / "a\nb")
    with pytest.raises(InputError, match=r"'a\\nb' can't be the name of a run.*rename the folder"):
        runs.find_run("a\nb", copy)
    with pytest.raises(InputError, match=r"no run 'x\\x1b'") as caught:
        runs.find_run("x\x1b", copy)
    assert str(caught.value).isprintable()


def test_a_run_has_its_folders_name_from_within_it(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (copy / "first" / "inner").mkdir()
    for folder, name in (("first", "."), ("first/inner", "..")):
        monkeypatch.chdir(copy / folder)
        assert runs.find_run(name, "elsewhere").name == "first"


@pytest.mark.parametrize("count", [3, 1024, 1500])
def test_each_batch_is_reported_with_what_was_in_it(count: int) -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    done: list[int] = []
    found = runs.predict(model, np.ones((count, 2), np.float32), done.append)
    assert len(found) == sum(done) == count
    assert runs.predict(model, np.ones((count, 2), np.float32)).shape == found.shape
