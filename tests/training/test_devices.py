"""Several devices, and several processes, reach the losses of one device, and make one run."""

from __future__ import annotations

import csv
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import PROJECT

from latentspace.core.errors import InputError
from latentspace.models.snapshots import Snapshots
from latentspace.training import devices

IMPORTS = f"{PROJECT}{os.pathsep}{PROJECT / 'tests'}"
MISSING = f"train_cae.py: error: {devices.MISSING}\n"

DISTRIBUTED = """
import sys
from pathlib import Path
import tensorflow as tf
from conftest import small_training, tiny_arrays
from latentspace.core.pixels import UnitImages
from latentspace.training import devices, stages

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
images = UnitImages(tiny_arrays(128, seed=0)[0][..., None])
config = small_training(
    epochs=3, refine_epochs=2, refine_steps=1, batch_size=16, learning_rate=2e-3, seed=0,
    code_noise=0,
)
for names in (["cpu:0"], ["cpu:0", "cpu:1"]):
    stages.make_repeatable(0, bitwise=True)
    with devices.distribute_over(names):
        job = stages.Job(images[:96], images[96:], Path(sys.argv[1]) / "checkpoint.npz", {})
        decoder, progress = stages.train(job, config)[1:]
    replicas = decoder.distribute_strategy.num_replicas_in_sync
    losses = [row[name] for row in progress.rows for name in ("loss", "val_loss")]
    print("RESULT", replicas, *losses)
"""


@pytest.mark.slow
def test_two_devices_give_the_losses_of_one(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", DISTRIBUTED, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": IMPORTS},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    lines = [line.split() for line in result.stdout.splitlines() if line.startswith("RESULT")]
    assert [line[1] for line in lines] == ["1", "2"]
    one, two = (np.array(line[2:], float).reshape(-1, 2) for line in lines)  # loss, val_loss
    np.testing.assert_allclose(two[:, 1], one[:, 1], rtol=2e-3)
    np.testing.assert_allclose(two[:, 0], one[:, 0], rtol=2e-3)
    assert one[-1, 1] < one[0, 1]


def test_one_device_needs_no_spreading() -> None:
    assert devices.list_devices() == ["cpu:0"] or "gpu" in devices.list_devices()[0]
    with devices.distribute_over(["cpu:0"]) as scope:
        assert scope is None


# A person's command, on a small network: its batches of 9 images, and the 6 to validate, do not
# divide by four devices. At the beginning of epoch DIE, counted from 0, the process is killed.
COMMAND = """
import os
import signal
import sys
import keras
import config
import train_cae

class Die(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == int(os.environ["DIE"]):
            os.kill(os.getpid(), signal.SIGKILL)

def fit(self, *arguments, callbacks, original=keras.Model.fit, **options):
    return original(self, *arguments, callbacks=[*callbacks, Die()], **options)

if "DIE" in os.environ:
    keras.Model.fit = fit
small = {"latent_dim": 4, "channels": (4, 6), "hidden_units": 16, "refine_steps": 1, "augment": 0.5}
small |= {"epochs": 2, "refine_epochs": 1, "batch_size": 9, "learning_rate": 5e-3}
sys.argv = ["train_cae.py", *sys.argv[1:]]
_, dataset, folder, *flags = sys.argv
seed = int(os.environ.get("SEED", 0))
places = {"dataset": dataset, "models_dir": folder, "run": "run", "tensorboard": f"{folder}/logs"}
settings = config.TrainConfig(**places, **small, seed=seed, resume="--resume" in flags)
train_cae.parse = lambda *_: (settings, frozenset(small))
sys.exit(config.run_script(train_cae.main, user_errors=(train_cae.InputError, OSError)))
"""


def start(folder: Path, dataset: Path, *flags: str, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, dataset, folder, *flags],
        # Compiling takes most of the time, and none of it is what is tested here.
        env={
            **os.environ,
            **{"PYTHONPATH": IMPORTS, "KERAS_BACKEND": "jax", "TF_CPP_MIN_LOG_LEVEL": "3"},
            **{"JAX_DISABLE_MOST_OPTIMIZATIONS": "1", **variables},
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(process: subprocess.Popen[str], *, code: int) -> tuple[str, str]:
    """What a process has printed to stdout and stderr until it ended with a code."""
    printed, said = process.communicate(timeout=280)
    assert process.returncode == code, printed + said
    return printed, said


def start_two(
    folder: Path, dataset: Path, *flags: str, first: dict[str, str], second: dict[str, str]
) -> list[subprocess.Popen[str]]:
    """Two processes that train together, each with variables of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    together = {"JOB_ADDRESSES": f"127.0.0.1:{port}", "NUM_PROCESSES": "2"}
    started = []
    for number, own in enumerate((first, second)):
        given = {**together, "PROCESS_ID": str(number)}
        variables = {f"KERAS_DISTRIBUTION_{name}": value for name, value in given.items()}
        started.append(start(folder, dataset, *flags, **variables, **own))
    return started


def read_losses(folder: Path) -> np.ndarray:
    """Losses of training and validation images, float64 (epochs, 2), of both stages."""
    rows = list(csv.DictReader((folder / "run" / "history.csv").read_text().splitlines()))
    assert [row["stage"] for row in rows] == ["1", "1", "2"]
    return np.array([[float(row["loss"]), float(row["val_loss"])] for row in rows])


def read_device(folder: Path) -> str:
    return json.loads((folder / "run" / "run.json").read_text())["device"]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, tiny_npz: Path) -> Path:
    """Where one process has trained on one device."""
    pytest.importorskip("jax")
    folder = tmp_path_factory.mktemp("alone")
    wait_for(start(folder, tiny_npz), code=0)
    assert read_device(folder) == "cpu:0"
    return folder


@pytest.mark.slow
@pytest.mark.xdist_group("devices")
def test_four_devices_of_jax_give_the_losses_of_one(
    alone: Path, tmp_path: Path, tiny_npz: Path
) -> None:
    variables = {"XLA_FLAGS": "--xla_force_host_platform_device_count=4"}
    wait_for(start(tmp_path, tiny_npz, **variables, DIE="1"), code=-9)
    printed, said = wait_for(start(tmp_path, tiny_npz, "--resume", **variables), code=0)
    assert said == ""
    assert "training on cpu:0, cpu:1, cpu:2, cpu:3\n" in printed
    assert read_device(tmp_path) == "cpu:0, cpu:1, cpu:2, cpu:3"
    np.testing.assert_allclose(read_losses(tmp_path), read_losses(alone), rtol=1e-5)
    seen = [Snapshots.read(folder / "run" / "snapshots.npz") for folder in (tmp_path, alone)]
    np.testing.assert_allclose(seen[0].errors, seen[1].errors, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.xdist_group("devices")
def test_two_processes_make_the_run_of_one(alone: Path, tmp_path: Path, tiny_npz: Path) -> None:
    pair = start_two(tmp_path, tiny_npz, first={}, second={"SEED": "1"})
    assert wait_for(pair[0], code=2)[1] == MISSING
    said = wait_for(pair[1], code=2)[1]
    assert said.startswith("train_cae.py: error: the first process has other images, settings or")
    assert said.count("\n") == 1
    pair = start_two(tmp_path, tiny_npz, first={"DIE": "1"}, second={})
    assert wait_for(pair[0], code=-9)[1] == ""
    assert wait_for(pair[1], code=2) == ("", MISSING)
    pair = start_two(tmp_path, tiny_npz, "--resume", first={}, second={})
    printed, said = wait_for(pair[0], code=0)
    assert "training on cpu:0, cpu:2048 of 2 processes\n" in printed
    assert "[Gloo]" not in printed
    assert said == ""
    assert wait_for(pair[1], code=0) == ("", "")
    assert read_device(tmp_path) == "cpu:0, cpu:2048 of 2 processes"
    np.testing.assert_allclose(read_losses(tmp_path), read_losses(alone), rtol=1e-5)
    folders = (tmp_path, alone)
    seen = [Snapshots.read(folder / "run" / "snapshots.npz") for folder in folders]
    np.testing.assert_allclose(seen[0].errors, seen[1].errors, rtol=1e-4)
    names = [sorted(path.name for path in (folder / "run").iterdir()) for folder in folders]
    assert names[0] == names[1]


def test_training_together_needs_jax(monkeypatch: pytest.MonkeyPatch) -> None:
    for part, value in {"JOB_ADDRESSES": "here:1", "NUM_PROCESSES": "2", "PROCESS_ID": "1"}.items():
        monkeypatch.setenv(f"KERAS_DISTRIBUTION_{part}", value)
    with pytest.raises(InputError, match=r"KERAS_BACKEND=jax\. Received: tensorflow"):  # noqa: SIM117
        with devices.join_processes("settings"):
            raise AssertionError
