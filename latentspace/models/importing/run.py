"""From a person's files to a run: their models are loaded, and kept in the form of a run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from latentspace.core.errors import InputError
from latentspace.core.provenance import hash_content
from latentspace.datasets import ImageDataset, choose_limited
from latentspace.models.importing.checking import CLEARLY, Finding, check, list_ranges
from latentspace.models.importing.inspecting import Interface, inspect
from latentspace.models.importing.planning import build
from latentspace.models.keras_files import loading
from latentspace.models.onnx_files.reading import SUFFIX, import_packages
from latentspace.models.runs import AnyNetwork, Run, list_files, predict

if TYPE_CHECKING:
    import keras

    from config import VisualizeConfig

CHECKED_IMAGES = 1000
ON_RECORD = (
    *("autoencoder", "encoder", "decoder", "weights", "model_code"),
    *("bottleneck", "latent_output", "pixel_range", "input_range", "output_range"),
)
RANDOM = "its codes are random samples, others each time: name the mean with --latent-output"


def load_interface(config: VisualizeConfig) -> Interface:
    """Loads and inspects what a person named; an `InputError` if it is wrong or does not fit."""
    spec = config.model_code or ""
    build = loading.load_code(spec) if config.model_code is not None else None
    named = (config.autoencoder, config.encoder, config.decoder)
    paths = [Path(path) for path in named if path is not None]
    names = [path.name for path in paths]
    if any(path.suffix.lower() == SUFFIX for path in paths):
        import_packages()
        from latentspace.models.onnx_files.graph import OnnxModel

        found = [OnnxModel(path) for path in paths]
        shapes = tuple(model.input_shape for model in found)
        return Interface(tuple(found), tuple(names), shapes, OnnxModel.trace)
    models = [loading.load_model(path) for path in paths] if build is None else _build(build, spec)
    if build is not None:
        names = [spec] * len(models)
    if config.weights and len(config.weights) != len(models):
        mend = "" if build is None else ", or load them in the function"
        what = f"--weights takes a file for each model of {', '.join(dict.fromkeys(names))}"
        raise InputError(f"{what}: pass {len(models)}{mend}. Received: {len(config.weights)}")
    for model, weights in zip(models, config.weights, strict=False):
        loading.load_weights(model, weights)
    return inspect(models, names)


def import_model(
    interface: Interface,
    data: ImageDataset,
    config: VisualizeConfig,
    *,
    name: str,
    padded: ImageDataset | None = None,
) -> tuple[Run, ImageDataset]:
    """Makes a run in memory out of a person's model; `saving.save_run` can keep it.

    `padded` are the images of `data` padded, not scaled: they are taken, and returned, where the
    model reconstructs them clearly better. Raises an `InputError` where the model can't be cut, or
    does not reconstruct the images.
    """
    encoder, decoder, description = build(interface, data.image_shape, config)
    description += f"; {RANDOM}" if is_random(encoder) else ""

    def look(images: ImageDataset) -> Finding:
        rows = choose_limited(len(images.train_pixels), CHECKED_IMAGES)
        ranges = list_ranges(images.train_images[rows])
        tried = images.test_images[:CHECKED_IMAGES]
        return check(encoder, decoder, tried, built_with=config.ranges, ranges=ranges)

    finding, notes = look(data), []
    if padded is not None:
        other = look(padded)
        shares = [round(one.unexplained, 3) for one in (finding, other)]
        if shares[1] < CLEARLY * shares[0]:
            data, finding = padded, other
        taken, left = ("padded", "scaled") if data is padded else ("scaled", "padded")
        notes.append(
            f"images are {taken}, not {left}: the model leaves {shares[0]:.1%} of the variance of "
            f"scaled ones, {shares[1]:.1%} of padded ones; --fit scale|pad chooses"
        )
    if finding.problem is not None and not config.anyway:
        raise InputError(f"{finding.problem}; --anyway looks at the model as it is")
    facts = {said: getattr(config, said) or None for said in ON_RECORD}
    facts |= {"notes": [*notes, *filter(None, [finding.note])], "warning": finding.problem}
    networks = (encoder, decoder)
    hashes = (hash_content(json.dumps([description, facts]), *x.get_weights()) for x in networks)
    complete = {
        "status": "adopted",
        "adopted": {"description": description, **facts},
        "dataset": data.facts,
        "image_shape": list(encoder.input_shape[1:]),
        "latent_dim": int(encoder.output_shape[-1]),
        "settings": {},
        "parameters": encoder.count_params() + decoder.count_params(),
        "scores": {"test_mse": finding.score.error},
        "sha256": dict(zip(list_files(networks), hashes, strict=True)),
    }
    return Run(None, complete, networks, label=name), data


def is_random(encoder: AnyNetwork) -> bool:
    """Whether the same image gets another code each time."""
    image = np.full((1, *encoder.input_shape[1:]), 0.5, np.float32)
    first, second = (predict(encoder, image) for _ in range(2))
    return not np.array_equal(first, second, equal_nan=True)


def _build(build: Callable[[], object], spec: str) -> list[keras.Model]:
    try:
        with loading.named_as_script(spec.rpartition(":")[0]):
            result = build()
    except (Exception, SystemExit) as error:  # anything may be in that function
        what = f"{spec} failed: {type(error).__name__}: {loading.shorten(error)}"
        raise InputError(f"{what}; the function is called without arguments") from error
    import keras

    models = list(result) if isinstance(result, list | tuple) else [result]
    if len(models) not in (1, 2) or not all(isinstance(model, keras.Model) for model in models):
        kinds = ", ".join(type(model).__name__ for model in models)
        raise InputError(
            f"{spec} should return a Keras model, or a pair (encoder, decoder). Received: {kinds}"
        )
    return models
