"""Making a run: whether a training may begin, and what it leaves when it ends."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from latentspace.core.documents import encode_document
from latentspace.core.errors import InputError, to_printable
from latentspace.core.files import replace_files
from latentspace.core.provenance import format_now, hash_file, read_versions
from latentspace.models import run_schema as schema
from latentspace.models.keras_files.loading import save_model
from latentspace.models.onnx_files.network import OnnxNetwork
from latentspace.models.runs import AnyNetwork, Run, list_files

LONGEST_NAME = 120  # bytes: the folder of a comparison has two names in one, of at most 255


def check_name(name: str) -> str:
    """A name for a run, which is that of one folder.

    Raises an `InputError` where it leads elsewhere, can't be typed, printed or seen, or is taken.
    """
    is_plain = name.isprintable() and name == name.strip() and name[:1] not in ("", ".", "-")
    if not is_plain or Path(name).name != name or len(name.encode()) > LONGEST_NAME:
        raise InputError(
            "a run's name is that of one folder: letters that can be printed, at most "
            f"{LONGEST_NAME} bytes of them, without / in it, with no . or - before it and no space "
            f"around it. Received: {to_printable(repr(name), LONGEST_NAME)}; pass another one"
        )
    if name.casefold() == schema.CLASSIFIERS:
        raise InputError(
            f"{name!r} is the folder in which classifiers lie beside the runs: pass another name"
        )
    return name


def check_available(path: Path, *, overwrite: bool) -> None:
    """Refuses, by an `InputError`, a folder with a run, whole or begun, unless to `overwrite`."""
    if not overwrite and any((path / name).exists() for name in (schema.FACTS, schema.CHECKPOINT)):
        raise InputError(
            f"{path} exists: pass --resume to go on where it was stopped, --overwrite to replace "
            "it, or --run NAME for another run"
        )


def check_resumable(path: Path) -> None:
    """Makes sure, by an `InputError`, that a run was begun and not finished."""
    if not (path / schema.CHECKPOINT).exists():
        state = "is finished" if (path / schema.FACTS).exists() else "does not exist"
        raise InputError(
            f"{path} {state}: there is nothing to resume; drop --resume, or name another run"
        )


def save_run(
    path: Path,
    encoder: AnyNetwork,
    decoder: AnyNetwork,
    *,
    facts: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
    arrays: Mapping[str, Mapping[str, np.ndarray]] | None = None,
) -> Run:
    """Writes a run: two models, history, snapshots, arrays, and run.json with the hashes of all.

    All files are written before the first of them is replaced, and run.json is replaced last. So an
    interruption leaves the old run or the new one; in the moment between, a run that `find_run`
    refuses, and that can be resumed from its checkpoint.

    The facts are what run.json is to say; time, versions and hashes are added. The history has one
    row per epoch, each with the same keys. Arrays by name come by the file that is to hold them,
    `DENSITY` or `KEPT_CODES`. Snapshots lie in the folder as `PARTIAL_SNAPSHOTS`.
    """
    begun = path / schema.PARTIAL_SNAPSHOTS
    networks = dict(zip(list_files((encoder, decoder)), (encoder, decoder), strict=True))
    names = [*networks, *[schema.HISTORY] * bool(history), *[schema.SNAPSHOTS] * begun.is_file()]
    names += arrays or {}
    with replace_files(path, (*names, schema.FACTS)) as places:
        for name, network in networks.items():
            if isinstance(network, OnnxNetwork):
                places[name].write_bytes(network.to_bytes())
            else:
                save_model(network, places[name])
        if history:
            with places[schema.HISTORY].open("w", newline="") as file:
                writer = csv.DictWriter(file, fieldnames=list(history[0]), lineterminator="\n")
                writer.writeheader()
                writer.writerows(history)
        if schema.SNAPSHOTS in names:
            shutil.copyfile(begun, places[schema.SNAPSHOTS])
        for name, held in (arrays or {}).items():
            np.savez(places[name], **held)  # type: ignore[arg-type]
        complete = {
            **facts,
            "finished": format_now(),
            "versions": read_versions(),
            "sha256": {name: hash_file(places[name]) for name in names},
        }
        places[schema.FACTS].write_bytes(encode_document(complete, version=schema.RUN_VERSION))
    return Run(path, complete)


def delete_checkpoint(path: Path) -> None:
    """Removes what only a training that goes on needs."""
    (path / schema.PARTIAL_SNAPSHOTS).unlink(missing_ok=True)
    (path / schema.CHECKPOINT).unlink(missing_ok=True)
