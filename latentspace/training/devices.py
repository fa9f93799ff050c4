"""The devices that a training spreads over, of this machine or of several."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import os
import re
import signal
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from latentspace.core.cluster import read_cluster
from latentspace.core.errors import InputError

HEARTBEAT_SECONDS = 30  # after which a process that says nothing is taken for dead
GRACE_SECONDS = 2.0  # in which Python may say first that another process is missing
MISSING = "another process has ended or is out of reach: start all again, with --resume to go on"
OF_OTHERS = re.compile("gloo|nccl|coordination|heartbeat", re.IGNORECASE)  # in errors of JAX


def list_devices() -> list[str]:
    """What training spreads over: every visible GPU, or else the CPU as one device.

    With JAX they are those of all processes; XLA_FLAGS can make several out of the CPU.
    """
    backend = keras.backend.backend()
    if backend == "torch":  # for which Keras lists none; it uses the first GPU
        import torch

        return ["gpu:0"] if torch.cuda.is_available() else ["cpu:0"]
    kinds = keras.distribution.list_devices()
    if backend == "jax":
        return kinds
    return [name for name in kinds if not name.startswith("cpu")] or ["cpu:0"]


def describe(names: list[str]) -> str:
    """The devices in a line, and how many processes they belong to if training is shared."""
    cluster = read_cluster()
    return ", ".join(names) + (f" of {cluster.count} processes" if cluster is not None else "")


def distribute_over(names: list[str]) -> contextlib.AbstractContextManager[object]:
    """The scope in which TensorFlow builds a model and fits it on all devices at once.

    With one device, or another backend, it does nothing: for JAX, `spread` does it.
    """
    if len(names) < 2 or keras.backend.backend() != "tensorflow":
        return contextlib.nullcontext()
    import tensorflow as tf

    return tf.distribute.MirroredStrategy([name.upper() for name in names]).scope()


@contextlib.contextmanager
def join_processes(same: str) -> Iterator[None]:
    """Trains together, in the block, with the processes that the environment names, if it does.

    `same` says what has to be the same in all of them. Where another process ends, each ends soon:
    by an `InputError`, or, while it waits for the other one, by a line and exit code 2. Raises an
    `InputError` as well where another backend than JAX is set, or `same` differs.
    """
    cluster = read_cluster()
    if cluster is None:
        yield
        return
    if (name := keras.backend.backend()) != "jax":
        raise InputError(f"training together needs KERAS_BACKEND=jax. Received: {name}")
    import jax
    from jax.experimental import multihost_utils

    print(f"waiting for {cluster.count} processes to meet at {cluster.address}", flush=True)
    ctypes.CDLL(None).signal(signal.SIGABRT, _end_aborted)  # by which JAX ends what waits
    try:
        of_this = cluster.address, cluster.count, cluster.number
        jax.distributed.initialize(*of_this, heartbeat_timeout_seconds=HEARTBEAT_SECONDS)
        first = multihost_utils.broadcast_one_to_all(np.uint32(zlib.crc32(same.encode())))
        if first != zlib.crc32(same.encode()):
            raise InputError("the first process has other images, settings or checkpoint: end all")
        yield
        jax.distributed.shutdown()  # together: from here on each may end when it likes
        signal.signal(signal.SIGABRT, signal.SIG_DFL)
    except BaseException as error:
        # Else JAX would wait, when Python ends, for processes that do not come any more.
        atexit.register(os._exit, 130 if isinstance(error, KeyboardInterrupt) else 2)
        if not isinstance(error, InputError) and OF_OTHERS.search(str(error)):
            raise InputError(MISSING) from error
        raise


@ctypes.CFUNCTYPE(None, ctypes.c_int)
def _end_aborted(number: int) -> None:
    """Ends the process that a native library is about to abort, with a line in place of a dump."""
    time.sleep(GRACE_SECONDS)
    print(f"{Path(sys.argv[0]).name}: error: {MISSING}", file=sys.stderr, flush=True)
    os._exit(2)


class _Shares(keras.distribution.DataParallel):
    """Weights and batches lie whole on each device, which computes its share of what layers make.

    So a batch need not divide by the devices, and every process passes the same one.
    """

    share: keras.distribution.TensorLayout | None = None  # to be set when the model is built

    def get_data_layout(self, data_shape: tuple[int, ...]) -> keras.distribution.TensorLayout:
        return keras.distribution.TensorLayout([None] * len(data_shape), self.device_mesh)

    def get_tensor_layout(self, path: str) -> keras.distribution.TensorLayout | None:
        return self.share


@contextlib.contextmanager
def spread(model: keras.Model) -> Iterator[keras.Model]:
    """A copy of a model to fit on all devices of JAX at once, which `model` then gets back.

    With one device, or another backend, it is the model itself.
    """
    names = list_devices()
    if len(names) < 2 or keras.backend.backend() != "jax":
        yield model
        return
    from jax.experimental import multihost_utils

    # Several machines need not have computed the same, to the last bit, to begin with.
    values = multihost_utils.broadcast_one_to_all(_copy_values(model.variables))
    shares = _Shares(devices=names, auto_shard_dataset=False)
    with shares.scope():
        copied = keras.models.clone_model(model, recursive=True)  # layers that serve twice are one
        for variable, value in zip(copied.variables, values, strict=True):
            variable.assign(value)
        axes = [shares.batch_dim_name]
        shares.share = keras.distribution.TensorLayout(axes, shares.device_mesh)
        yield copied
    for variable, value in zip(model.variables, _copy_values(copied.variables), strict=True):
        variable.assign(value)


def predict_once(model: keras.Model, images: np.ndarray) -> Any:
    """What a model that is being fitted makes of images (N, H, W, C), in one batch: arrays."""
    shares = keras.distribution.distribution()
    if shares is None:
        return model.predict_on_batch(images)
    keras.distribution.set_distribution(None)  # on one device of this process
    try:
        parts = (model.trainable_variables, model.non_trainable_variables)
        found, _ = model.stateless_call(*map(_copy_values, parts), images, training=False)
    finally:
        keras.distribution.set_distribution(shares)
    return keras.tree.map_structure(keras.ops.convert_to_numpy, found)


def _copy_values(variables: list[keras.Variable]) -> list[np.ndarray]:
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]
