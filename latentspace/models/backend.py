"""Keras, started quietly and with the settings that this project needs."""

import contextlib
import functools
import os
from pathlib import Path

from latentspace.core.errors import InputError, format_reason
from latentspace.core.provenance import silence_stderr

FLOATS, AXES = "float32", "channels_last"
TRAINING = ("tensorflow", "jax", "torch")  # backends that can train
TENSORFLOW = "set the environment variable KERAS_BACKEND=tensorflow"


@functools.cache
def start_keras() -> None:
    """Imports Keras, and sets the kind of numbers and the order of axes that the networks need.

    What a person's keras.json says of both is for their own programs; a line says that it is left
    out here. Raises an `InputError` where Keras can't start as a person set it up, or can't train.
    """
    file = Path(os.environ.get("KERAS_HOME", "~/.keras"), "keras.json").expanduser()
    try:
        with silence_stderr():
            import keras

            with contextlib.suppress(Exception):  # Keras does so later, whatever its backend
                import tensorflow

                tensorflow.get_logger().setLevel("ERROR")  # it warns of batches of many sizes
    except Exception as error:  # what is in the file makes Keras raise anything
        if isinstance(error, ModuleNotFoundError) and error.name in ("keras", "tensorflow"):
            raise
        reason = format_reason(error)
        if isinstance(error, ImportError) or "import backend" in reason:
            asked = os.environ.get("KERAS_BACKEND")
            what = f"the backend that {f'KERAS_BACKEND={asked}' if asked else file} names"
            raise InputError(f"Keras can't use {what}: {reason}; {TENSORFLOW}") from error
        raise InputError(f"Keras can't use {file}: {reason}; mend or delete it") from error
    if (backend := keras.backend.backend()) not in TRAINING:
        raise InputError(f"Keras' backend {backend} can't train networks: {TENSORFLOW}")
    asked_for = (keras.config.floatx(), keras.config.image_data_format())
    if asked_for != (FLOATS, AXES):
        print(
            f"{file} asks for {' and '.join(asked_for)}: left out, the networks here need {FLOATS} "
            f"and {AXES}; code for --model-code sets its own with keras.config"
        )
        keras.config.set_floatx(FLOATS)
        keras.config.set_image_data_format(AXES)
