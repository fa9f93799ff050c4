"""From a person's files to a run: their models are loaded, and kept in the form of a run."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import keras
import numpy as np

from latentspace.core.errors import InputError
from latentspace.core.provenance import hash_content
from latentspace.datasets import ImageDataset
from latentspace.models.importing.building import build
from latentspace.models.importing.checking import check
from latentspace.models.importing.inspecting import Interface, inspect
from latentspace.models.importing.planning import Options, plan
from latentspace.models.keras_files.loading import load_code, load_model, load_weights, shorten
from latentspace.models.run_schema import DECODER, ENCODER
from latentspace.models.runs import Run

CHECKED_IMAGES = 1000
RANDOM = "its codes are random samples, others each time: name the mean with --latent-output"


def load_interface(
    *,
    autoencoder: str | Path | None = None,
    encoder: str | Path | None = None,
    decoder: str | Path | None = None,
    weights: str | Path | None = None,
    model_code: str | None = None,
) -> Interface:
    """Loads what a person named, and inspects it.

    Args:
        autoencoder: A .keras file of images -> images.
        encoder: A .keras file of images -> codes, together with `decoder`.
        decoder: A .keras file of codes -> images.
        weights: A file of weights for the one model that a function in `model_code` returns.
        model_code: FILE.py that defines the layers of the files above, or FILE.py:FUNCTION whose
            function returns an autoencoder, or an encoder and a decoder.

    Raises:
        InputError: A file is wrong in itself, or the files do not go together.
    """
    if (encoder is None) != (decoder is None):
        raise InputError("--encoder and --decoder go together: pass both, or one --autoencoder")
    build = load_code(model_code) if model_code is not None else None
    if sum(source is not None for source in (autoencoder, encoder, build)) != 1:
        raise InputError(
            "a model comes from one of --autoencoder FILE, --encoder FILE with --decoder FILE, or "
            "--model-code FILE.py:FUNCTION: pass one of them"
        )
    if weights is not None and build is None:
        raise InputError(
            "--weights go into a model that code builds: pass --model-code FILE.py:FUNCTION as well"
        )
    if build is None:
        paths = [Path(path) for path in (autoencoder, encoder, decoder) if path is not None]
        return inspect([load_model(path) for path in paths], [path.name for path in paths])
    models = _build(build, str(model_code))
    if weights is not None and len(models) > 1:
        raise InputError(
            f"--weights go into one model, but {model_code} returns two: return the autoencoder, "
            "or load the weights in the function"
        )
    if weights is not None:
        load_weights(models[0], weights)
    return inspect(models, [str(model_code)] * len(models))


def import_model(
    interface: Interface,
    data: ImageDataset,
    options: Options,
    *,
    name: str,
    origin: Mapping[str, str | None],
) -> Run:
    """Makes a run in memory out of a person's model; `saving.save_run` can keep it.

    Args:
        interface: What `inspect` found.
        data: Images to check it with.
        options: What a person said of it.
        name: Of the run.
        origin: The files that it comes from, for the record and for its hash.

    Raises:
        InputError: It can't be cut, or is no model that reconstructs the images.
    """
    planned = plan(interface, data.image_shape, options)
    encoder, decoder = build(planned)
    description = planned.description + (f"; {RANDOM}" if is_random(encoder) else "")
    images = data.test_images[:CHECKED_IMAGES]
    error = check(encoder, decoder, images, pixel_range=options.pixel_range)
    facts = {**origin, **vars(options)}
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
