"""From a person's files to a run: their models are loaded, and kept in the form of a run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np

from latentspace.core.errors import InputError
from latentspace.core.provenance import hash_content
from latentspace.datasets import ImageDataset
from latentspace.models.importing.building import build, check
from latentspace.models.importing.inspecting import Interface, inspect
from latentspace.models.importing.planning import plan
from latentspace.models.keras_files.loading import load_code, load_model, load_weights, shorten
from latentspace.models.run_schema import DECODER, ENCODER
from latentspace.models.runs import Run

if TYPE_CHECKING:
    from config import VisualizeConfig

CHECKED_IMAGES = 1000
ON_RECORD = (
    *("autoencoder", "encoder", "decoder", "weights", "model_code"),
    *("bottleneck", "latent_output", "pixel_range"),
)
RANDOM = "its codes are random samples, others each time: name the mean with --latent-output"


def load_interface(config: VisualizeConfig) -> Interface:
    """Loads what a person named, and inspects it.

    Raises:
        InputError: A file is wrong in itself, or the files do not go together.
    """
    autoencoder, encoder, decoder = config.autoencoder, config.encoder, config.decoder
    low, high = config.pixel_range
    if not low < high:
        raise InputError(
            f"--pixel-range takes black before white, as in -1 1. Received: {low:g} {high:g}"
        )
    if (encoder is None) != (decoder is None):
        raise InputError("--encoder and --decoder go together: pass both, or one --autoencoder")
    build = load_code(config.model_code) if config.model_code is not None else None
    if sum(source is not None for source in (autoencoder, encoder, build)) != 1:
        raise InputError(
            "a model comes from one of --autoencoder FILE, --encoder FILE with --decoder FILE, or "
            "--model-code FILE.py:FUNCTION: pass one of them"
        )
    if config.weights is not None and build is None:
        raise InputError(
            "--weights go into a model that code builds: pass --model-code FILE.py:FUNCTION as well"
        )
    if build is None:
        paths = [Path(path) for path in (autoencoder, encoder, decoder) if path is not None]
        return inspect([load_model(path) for path in paths], [path.name for path in paths])
    spec = str(config.model_code)
    models = _build(build, spec)
    if config.weights is not None:
        if len(models) > 1:
            raise InputError(
                f"--weights go into one model, but {spec} returns two: return the autoencoder, "
                "or load the weights in the function"
            )
        load_weights(models[0], config.weights)
    return inspect(models, [spec] * len(models))


def import_model(
    interface: Interface, data: ImageDataset, config: VisualizeConfig, *, name: str
) -> Run:
    """Makes a run in memory out of a person's model; `saving.save_run` can keep it.

    The images check it. What a person said of it is kept on record.

    Raises:
        InputError: It can't be cut, or is no model that reconstructs the images.
    """
    planned = plan(interface, data.image_shape, config)
    encoder, decoder = build(planned)
    description = planned.description + (f"; {RANDOM}" if is_random(encoder) else "")
    images = data.test_images[:CHECKED_IMAGES]
    error = check(encoder, decoder, images, pixel_range=config.pixel_range)
    facts = {said: getattr(config, said) for said in ON_RECORD}
    hashes = {
        file: hash_content(json.dumps([description, facts]), *model.get_weights())
        for file, model in ((ENCODER, encoder), (DECODER, decoder))
    }
    return Run(
        None,
        {
            "status": "adopted",
            "adopted": {"description": description, **facts},
            "dataset": data.facts,
            "image_shape": list(encoder.input_shape[1:]),
            "latent_dim": int(encoder.output_shape[-1]),
            "settings": {},
            "parameters": encoder.count_params() + decoder.count_params(),
            "scores": {"test_mse": error},
            "sha256": hashes,
        },
        (encoder, decoder),
        label=name,
    )


def is_random(encoder: keras.Model) -> bool:
    """Whether the same image gets another code each time."""
    image = np.full((1, *encoder.input_shape[1:]), 0.5, np.float32)
    first, second = (keras.ops.convert_to_numpy(encoder(image)) for _ in range(2))
    return not np.array_equal(first, second, equal_nan=True)


def _build(build: Callable[[], object], spec: str) -> list[keras.Model]:
    """The model, or the two, that a person's function returns."""
    try:
        result = build()
    except Exception as error:  # anything may be in that function
        raise InputError(
            f"{spec} failed: {type(error).__name__}: {shorten(error)}; the function is called "
            "without arguments"
        ) from error
    models = list(result) if isinstance(result, list | tuple) else [result]
    if len(models) not in (1, 2) or not all(isinstance(model, keras.Model) for model in models):
        kinds = ", ".join(type(model).__name__ for model in models)
        raise InputError(
            f"{spec} should return a Keras model, or a pair (encoder, decoder). Received: {kinds}"
        )
    return models
