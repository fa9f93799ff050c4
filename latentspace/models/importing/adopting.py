"""Making a run's encoder and decoder out of a person's own model."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from latentspace.core.errors import InputError
from latentspace.core.provenance import hash_content
from latentspace.datasets import ImageDataset
from latentspace.models.importing.checking import check_reconstruction
from latentspace.models.importing.cutting import choose_code, cut_autoencoder
from latentspace.models.importing.layouts import (
    UNIT_RANGE,
    ImageShape,
    find_input_shape,
    find_read_options,
    normalize_interface,
)
from latentspace.models.keras_files.loading import (
    load_code,
    load_model,
    load_weights,
    shorten_error,
)
from latentspace.models.run_schema import DECODER, ENCODER
from latentspace.models.runs import Run

CHECKED_IMAGES = 1000


@dataclass(frozen=True)
class ImportedModel:
    """A person's model in the form of a run.

    Attributes:
        encoder: float32 images (N, H, W, C) in [0, 1] -> float32 codes (N, D).
        decoder: float32 codes (N, D) -> float32 images (N, H, W, C) in about [0, 1].
        description: What was made of what, for a person: "my.keras is cut after layer 'encoded':
            784 -> 32 -> 784 values per image".
    """

    encoder: keras.Model
    decoder: keras.Model
    description: str


@dataclass(frozen=True)
class Source:
    """What a person named: one model, or two.

    Attributes:
        models: The autoencoder, or the encoder and the decoder.
        names: Of the files, or of the function, for messages.
    """

    models: tuple[keras.Model, ...]
    names: tuple[str, ...]


def read_source(
    *,
    autoencoder: str | Path | None = None,
    encoder: str | Path | None = None,
    decoder: str | Path | None = None,
    weights: str | Path | None = None,
    model_code: str | None = None,
) -> Source:
    """Loads what a person named.

    Args:
        autoencoder: A .keras file of images -> images.
        encoder: A .keras file of images -> codes, together with `decoder`.
        decoder: A .keras file of codes -> images.
        weights: A file of weights for the one model that a function in `model_code` returns.
        model_code: FILE.py that defines the layers of the files above, or FILE.py:FUNCTION whose
            function returns an autoencoder, or an encoder and a decoder.

    Returns:
        The models.

    Raises:
        InputError: A file is wrong in itself, or the files do not go together.
    """
    if (encoder is None) != (decoder is None):
        raise InputError("--encoder and --decoder go together: pass both, or one --autoencoder")
    build = load_code(model_code) if model_code is not None else None
    if sum(way is not None for way in (autoencoder, encoder, build)) != 1:
        raise InputError(
            "a model comes from one of --autoencoder FILE, --encoder FILE with --decoder FILE, or "
            "--model-code FILE.py:FUNCTION: pass one of them"
        )
    if weights is not None and build is None:
        raise InputError(
            "--weights go into a model that code builds: pass --model-code FILE.py:FUNCTION as well"
        )
    if build is not None:
        models = _build(build, str(model_code))
        if weights is not None:
            if len(models) > 1:
                raise InputError(
                    f"--weights go into one model, but {model_code} returns two: return the "
                    "autoencoder, or load the weights in the function"
                )
            load_weights(models[0], weights)
        return Source(models, (str(model_code),) * len(models))
    paths = [Path(path) for path in (autoencoder, encoder, decoder) if path is not None]
    return Source(tuple(load_model(path) for path in paths), tuple(path.name for path in paths))


def import_model(
    source: Source,
    *,
    image_shape: ImageShape,
    pixel_range: tuple[float, float] = UNIT_RANGE,
    bottleneck: str | None = None,
    latent_output: str | None = None,
) -> ImportedModel:
    """Makes an encoder and a decoder in the form of a run.

    Args:
        source: What a person named.
        image_shape: (height, width, channels) of the images to be shown to it.
        pixel_range: Values of black and of white that the model was trained with.
        bottleneck: As for `cut_autoencoder`.
        latent_output: As for `cut_autoencoder`, or for `choose_code` where there are two models.

    Returns:
        Both, and what was done. Whether they reconstruct images is for `check_reconstruction` to find.

    Raises:
        InputError: The model can't be brought into that form.
    """
    shape = find_input_shape(source.models[0], image_shape)
    if len(source.models) == 1:
        cut = cut_autoencoder(
            source.models[0], bottleneck=bottleneck, latent_output=latent_output, input_shape=shape
        )
        encoder, decoder = cut.encoder, cut.decoder
        description = f"{source.names[0]} {cut.description}"
    else:
        if bottleneck is not None:
            raise InputError(
                "--bottleneck says where to cut one model: drop it, or pass --autoencoder"
            )
        encoder, name = choose_code(
            source.models[0], latent_output=latent_output, input_shape=shape
        )
        decoder = source.models[1]
        chosen = f" (output {name!r})" if name and encoder is not source.models[0] else ""
        description = f"{source.names[0]}{chosen} and {source.names[1]} are taken as they are"
    encoder, decoder = normalize_interface(
        encoder, decoder, image_shape=image_shape, pixel_range=pixel_range
    )
    if len(source.models) == 2:
        values = math.prod(image_shape)
        description += f": {values} -> {encoder.output_shape[-1]} -> {values} values per image"
    if _is_random(encoder, image_shape):
        description += (
            "; its codes are random samples, others each time: name the mean with --latent-output"
        )
    return ImportedModel(encoder, decoder, description)


def import_run(
    source: Mapping[str, str | None],
    *,
    path: Path,
    read: Callable[[dict[str, Any]], ImageDataset],
    pixel_range: tuple[float, float] = UNIT_RANGE,
    bottleneck: str | None = None,
    latent_output: str | None = None,
) -> tuple[Run, ImageDataset]:
    """Makes a run in memory out of a person's files; `run_saving.save_run` can keep it.

    Args:
        source: The arguments of `read_source`.
        path: The folder that it would have as a run.
        read: Reads images to check it with; is told what the model wants, see `find_read_options`.
        pixel_range: As for `import_model`.
        bottleneck: As for `import_model`.
        latent_output: As for `import_model`.

    Returns:
        The run, and the images. Its hash is that of the weights and of all that shapes what they
        compute.

    Raises:
        InputError: The files are no such model, or one that does not reconstruct the images.
    """
    if not pixel_range[0] < pixel_range[1]:
        raise InputError(
            f"--pixel-range takes black before white, as in -1 1. Received: {pixel_range[0]:g} "
            f"{pixel_range[1]:g}"
        )
    models = read_source(**source)
    data = read(find_read_options(models.models[0]))
    how = {"bottleneck": bottleneck, "latent_output": latent_output}
    adopted = import_model(models, image_shape=data.image_shape, pixel_range=pixel_range, **how)
    error = check_reconstruction(
        adopted.encoder,
        adopted.decoder,
        data.test_images[:CHECKED_IMAGES],
        pixel_range=pixel_range,
    )
    origin = {**source, **how, "pixel_range": pixel_range}
    hashes = {
        name: hash_content(json.dumps([adopted.description, origin]), *model.get_weights())
        for name, model in ((ENCODER, adopted.encoder), (DECODER, adopted.decoder))
    }
    facts = {
        "status": "adopted",
        "adopted": {"description": adopted.description, **origin},
        "dataset": data.facts,
        "image_shape": list(adopted.encoder.input_shape[1:]),
        "latent_dim": int(adopted.encoder.output_shape[-1]),
        "settings": {},
        "parameters": adopted.encoder.count_params() + adopted.decoder.count_params(),
        "scores": {"test_mse": error},
        "sha256": hashes,
    }
    return Run(path, facts, (adopted.encoder, adopted.decoder)), data


def _build(build: Callable[[], object], spec: str) -> tuple[keras.Model, ...]:
    """The model, or the two, that a person's function returns."""
    try:
        result = build()
    except Exception as error:  # anything may be in that function
        raise InputError(
            f"{spec} failed: {type(error).__name__}: {shorten_error(error)}; the function is called "
            "without arguments"
        ) from error
    models = tuple(result) if isinstance(result, list | tuple) else (result,)
    if len(models) not in (1, 2) or not all(isinstance(model, keras.Model) for model in models):
        kinds = ", ".join(type(model).__name__ for model in models)
        raise InputError(
            f"{spec} should return a Keras model, or a pair (encoder, decoder). Received: {kinds}"
        )
    return models


def _is_random(encoder: keras.Model, image_shape: ImageShape) -> bool:
    """Whether the same image gets another code each time."""
    image = np.full((1, *image_shape), 0.5, np.float32)
    first, second = (keras.ops.convert_to_numpy(encoder(image)) for _ in range(2))
    return not np.array_equal(first, second, equal_nan=True)
