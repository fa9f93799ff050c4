"""One folder in models/ is one trained model: finding, checking and loading it."""

from __future__ import annotations

import csv
import json
import math
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from latentspace.core.documents import read_document
from latentspace.core.errors import InputError, explain_error, to_printable
from latentspace.core.npz import read_arrays
from latentspace.core.pixels import Images, UnitImages, map_parts
from latentspace.core.provenance import hash_content, hash_file
from latentspace.models import run_schema as schema
from latentspace.models.keras_files.loading import BYTES_PER_VALUE, load_model
from latentspace.models.onnx_files.network import OnBatch, OnnxNetwork
from latentspace.models.onnx_files.reading import read_model
from latentspace.models.snapshots import Snapshots

if TYPE_CHECKING:
    import keras

AnyNetwork: TypeAlias = "keras.Model | OnnxNetwork"
PREDICT_BATCH = 1024
PREDICT_VALUES = 2**22  # of a batch: features between them need many times the memory
LONGEST_SHOWN = 120  # letters of a name
WITHOUT_MODEL = "codes were given without the model that made them, so nothing can be decoded"
ASIDE = (schema.HISTORY, schema.SNAPSHOTS, schema.DENSITY)  # beside its models and run.json


@dataclass(frozen=True)
class Run:
    """A trained model, its files checked against run.json, its networks loaded on demand."""

    folder: Path | None  # where it lies; None in memory
    facts: dict[str, Any]  # what run.json says, or will say
    networks: tuple[AnyNetwork, AnyNetwork] | None = None  # both, of an unsaved imported model
    label: str = ""  # what a run in memory is called
    # Of codes that a person has given without their model, of "test" images and perhaps "train"
    codes: Mapping[str, np.ndarray] | None = None

    @property
    def path(self) -> Path:
        assert self.folder is not None, f"{self.label} was never saved"
        return self.folder

    @property
    def name(self) -> str:
        """The folder's name, or what it would be."""
        return self.label if self.folder is None else self.folder.name

    @property
    def title(self) -> str:
        """What it is and what it is called, for captions."""
        return f"{'run' if self.codes is None else 'codes'} {self.name}"

    @property
    def lacks(self) -> dict[str, str]:
        """What it has not, by what a chapter `needs`, and why."""
        if self.codes is None:
            return {}
        alone = "only the test images have codes here: pass --codes with those of all images"
        found = dict.fromkeys(("decoder", "encoder"), WITHOUT_MODEL)
        return found if "train" in self.codes else {**found, "train_codes": alone}

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the images that the encoder takes."""
        height, width, channels = self.facts["image_shape"]
        return height, width, channels

    @property
    def latent_dim(self) -> int:
        return int(self.facts["latent_dim"])

    @property
    def is_imported(self) -> bool:
        """Whether it was trained elsewhere, so that nobody knows here on which images."""
        return "adopted" in self.facts

    @property
    def warning(self) -> str | None:
        """Why what it shows can't be trusted; None where nothing is known against it."""
        return self.facts.get("adopted", {}).get("warning")

    @property
    def history_unavailable(self) -> str | None:
        reason = "this model was not trained here, so nothing tells how it learned"
        return reason if self.is_imported else None

    @property
    def files(self) -> tuple[str, ...]:
        """What the files of its encoder and its decoder are called, or that of its codes."""
        if self.codes is not None:
            return (schema.CODES,)
        return schema.ONNX if {*schema.ONNX} <= self.facts["sha256"].keys() else schema.KERAS

    @property
    def model_hash(self) -> str:
        """SHA-256 of both model files, as one string, or of its codes."""
        return "".join(self.facts["sha256"][name] for name in self.files)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of all that is known of it: its models, run.json, the files of its training."""
        files = [] if self.folder is None else [self.folder / name for name in ASIDE]
        hashes = [hash_file(path) if path.is_file() else None for path in files]
        return hash_content(self.name, json.dumps(self.facts), self.decoder_bytes, *hashes)

    @property
    def decoder_bytes(self) -> int:
        """Size of the decoder's file; of its float32 weights where it lies in memory only."""
        if self.codes is not None:
            return 0
        if self.networks is not None:
            return int(self.networks[1].count_params()) * BYTES_PER_VALUE
        return (self.path / self.files[1]).stat().st_size

    def read_history(self) -> dict[str, np.ndarray]:
        """The columns of history.csv, float64 (epochs,); an `InputError` without such a table."""
        path = self.path / schema.HISTORY
        self._check(schema.HISTORY)
        with explain_error(f"{path} is no history of a training", _describe_remedy(self.path)):
            names, *rows = csv.reader(path.read_text().splitlines())
            return dict(zip(names, np.array(rows, np.float64).T, strict=True))

    @property
    def snapshots_unavailable(self) -> str | None:
        if self.history_unavailable is None and not (self.path / schema.SNAPSHOTS).is_file():
            return f"{self.path} has no {schema.SNAPSHOTS} of its training; train it again for them"
        return self.history_unavailable

    def read_snapshots(self) -> Snapshots:
        """What the model made of a few images while it learned; or an `InputError`."""
        self._check(schema.SNAPSHOTS)
        return Snapshots.read(self.path / schema.SNAPSHOTS)

    def read_kept(self, name: str) -> dict[str, np.ndarray] | None:
        """Arrays of its `DENSITY` or `KEPT_CODES`; None of older, imported, unfinished runs."""
        path = self.path / name
        try:
            self._check(name)
            return read_arrays(path) if path.is_file() else None
        except (InputError, OSError):  # they are computed again
            return None

    @cached_property
    def _encoder(self) -> AnyNetwork:
        return self.networks[0] if self.networks else self._load_network(self.files[0])

    @cached_property
    def _decoder(self) -> AnyNetwork:
        return self.networks[1] if self.networks else self._load_network(self.files[-1])

    def encode(self, images: Images, on_batch: OnBatch | None = None) -> np.ndarray:
        """Images as for `predict` -> float32 codes (N, D); an `InputError` if not finite."""
        return self._check_finite(predict(self._encoder, images, on_batch), "codes", "images")

    def decode(self, codes: np.ndarray, on_batch: OnBatch | None = None) -> np.ndarray:
        """float32 codes (N, D) -> float32 images (N, H, W, C) in [0, 1], in batches.

        A decoder that ends linearly may leave the range by a little; it is clipped, as in pictures.
        Raises an `InputError` where an image is not finite.
        """
        images = self._check_finite(predict(self._decoder, codes, on_batch), "images", "codes")
        return np.clip(images, 0, 1, out=images)

    def describe_networks(self) -> tuple[list[dict[str, Any]], bytes]:
        """Both as steps, and the arrays of these; raises a `NotPortableError` of `portable`."""
        from latentspace.models import portable

        networks = (self._encoder, self._decoder)
        return portable.pack([portable.describe_network(each) for each in networks])

    def _check_finite(self, values: np.ndarray, what: str, made_of: str) -> np.ndarray:
        """What a network gave (N, ...), unchanged: all that is drawn or measured comes this way."""
        odd = np.flatnonzero(~np.isfinite(values).reshape(len(values), -1).all(axis=1))
        if len(odd):
            mend = "pass another model" if self.is_imported else _describe_remedy(self.path)
            raise InputError(
                f"run {self.name} gives {what} that are not finite for {len(odd):,} of "
                f"{len(values):,} {made_of} (first for number {odd[0]}): {mend}"
            )
        return values

    def _load_network(self, name: str) -> AnyNetwork:
        if self.codes is not None:
            raise InputError(f"{WITHOUT_MODEL}: pass a model as well, or leave out what needs one")
        path, is_onnx = self.path / name, name in schema.ONNX
        model = OnnxNetwork(read_model(path), str(path)) if is_onnx else load_model(path)
        self._check(name)  # a training may have replaced it since run.json was read
        sides = [self.image_shape, (self.latent_dim,)]
        wanted = sides if name == self.files[0] else sides[::-1]
        found = [tuple(side[1:]) for side in (model.input_shape, model.output_shape)]
        if found != wanted:
            raise InputError(
                f"{path} is a model of {found[0]} -> {found[1]}, but {schema.FACTS} says "
                f"{wanted[0]} -> {wanted[1]}: {_describe_remedy(self.path)}"
            )
        return model

    def _check(self, name: str) -> None:
        known = self.facts["sha256"].get(name)  # older runs know their models only
        path = self.path / name
        if known is not None and path.is_file() and hash_file(path) != known:
            raise InputError(
                f"{path} is not the file that {schema.FACTS} describes (SHA-256 differs): the run "
                f"is damaged, half written or just being replaced; {_describe_remedy(self.path)}"
            )


def list_files(networks: tuple[AnyNetwork, AnyNetwork]) -> tuple[str, str]:
    """What the files of an encoder and a decoder are called in a run."""
    return schema.ONNX if isinstance(networks[0], OnnxNetwork) else schema.KERAS


def predict(model: AnyNetwork, inputs: Images, on_batch: OnBatch | None = None) -> np.ndarray:
    """Runs a model over any number of inputs in batches, silently; it gives float32 (N, ...).

    Inputs are float32 (N, ...), or uint8 pixels, which become floats in [0, 1] a part at a time.
    `on_batch` is called after each batch with the number of inputs in it.
    """

    def run(part: np.ndarray) -> np.ndarray:
        if isinstance(model, OnnxNetwork):
            return model.predict(part, on_batch)
        import keras

        watch, shapes = keras.callbacks.Callback(), (model.input_shape, model.output_shape)
        if on_batch is not None:
            watch.on_predict_batch_end = lambda batch, logs=None: on_batch(len(logs["outputs"]))
        sizes = (math.prod(side or 1 for side in shape[1:]) for shape in shapes)
        batch_size = max(1, min(PREDICT_BATCH, PREDICT_VALUES // max(sizes)))
        return model.predict(part, batch_size=batch_size, verbose=0, callbacks=[watch])

    if isinstance(inputs, np.ndarray) and inputs.dtype == np.uint8:
        inputs = UnitImages(inputs)
    return run(inputs) if isinstance(inputs, np.ndarray) else map_parts(run, inputs)


def find_run(name: str | None, models_dir: str | os.PathLike[str]) -> Run:
    """Finds a run and checks that it is whole.

    The name is that of a folder in `models_dir`, where all runs lie, or the path of one; None takes
    the run finished last. Raises an `InputError` where there is none, or it is not whole.
    """
    folder = Path(models_dir)
    found = sorted(folder.glob(f"*/{schema.FACTS}"))
    if name is None:
        if not found:
            raise InputError(f"no trained run in {folder}: train one with python train_cae.py")
        return _load_run(max(found, key=_find_end).parent)
    for path in (folder / name, Path(name)):
        if path.is_dir():
            # A run is called what its folder is, and "." and ".." are no names.
            return _load_run(path if path.name.strip(".") else path.resolve())
    known = ", ".join(to_printable(path.parent.name, LONGEST_SHOWN) for path in found) or "none"
    what = f"no run {to_printable(repr(name), LONGEST_SHOWN)}"
    raise InputError(f"{what}: expected a path or one of the runs in {folder} ({known})")


def _find_end(path: Path) -> str:
    try:
        return str(_read_facts(path.parent).get("finished", ""))
    except InputError:
        return ""


def _read_facts(path: Path) -> dict[str, Any]:
    kind, version = schema.RunFacts, schema.RUN_VERSION
    return read_document(path / schema.FACTS, kind, version=version, renew=_describe_remedy(path))


def _load_run(path: Path) -> Run:
    if not path.name.isprintable():
        what = f"{to_printable(repr(path.name), LONGEST_SHOWN)} can't be the name of a run"
        raise InputError(f"{what}, since it can't be printed: rename the folder")
    if not (path / schema.FACTS).is_file():
        if (path / schema.CHECKPOINT).is_file():
            raise InputError(f"{path} is an unfinished training: {_describe_remedy(path)}")
        raise InputError(
            f"{path} is no run: it has no {schema.FACTS}; train one with python train_cae.py --run "
            f"{shlex.quote(path.name)}"
        )
    run = Run(path, _read_facts(path))
    for name in run.files:
        if not (path / name).is_file():
            raise InputError(f"{path} has no {name}: {_describe_remedy(path)}")
        if name not in run.facts["sha256"]:
            facts = path / schema.FACTS
            raise InputError(f"{facts} has no SHA-256 of {name}: {_describe_remedy(path)}")
        run._check(name)
    return run


def _describe_remedy(path: Path) -> str:
    train = f"python train_cae.py --run {shlex.quote(path.name)}"
    if (path / schema.CHECKPOINT).is_file():
        return f"finish it with {train} --resume"
    return f"train again with {train} --overwrite"
