"""The command that makes pictures again, out of the settings that they were made with."""

import dataclasses
import shlex
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from latentspace.chapters.captions import strip_folders
from latentspace.chapters.figure import CLASS_PREFIX

PLACES = ("run", "models_dir", "outputs_dir", "data_dir", "projector")  # where things lie
QUIETLY = ("open", "list", "dry_run", "quiet", "no_cache", "redraw")  # change nothing in a picture
OWN_MODEL = ("autoencoder", "encoder", "weights", "model_code", "codes")
NO_FILES = ("bottleneck", "latent_output")  # names of layers, which may look like paths
FLAGS = {"start": "--from", "end": "--to"}  # those that are spelled otherwise than their settings


def format_flag(name: str) -> str:
    """The flag of a setting."""
    return FLAGS.get(name, "--" + name.replace("_", "-"))


def format_command(settings: Any, flag: str, runs: Sequence[str]) -> str:
    """The command that makes a picture again, of settings other than defaults, no folders."""
    chosen = {
        item.name: value
        for item in dataclasses.fields(settings)
        if (value := getattr(settings, item.name)) != item.default
        and item.name not in (*PLACES, *QUIETLY)
    }
    runs = [PurePath(run).name for run in settings.run] if settings.codes else runs
    is_own = not settings.run and any(name in chosen for name in OWN_MODEL)
    words = [] if is_own else [word for run in runs for word in ("--run", run)]
    by_runs = flag.startswith("--run ")  # what two runs are shown in
    if not by_runs and "all" not in chosen and flag.removeprefix("--") not in chosen:
        words.append(flag)
    for name, value in chosen.items():
        plain = [] if value is True else strip_place(name, value)
        words += [format_flag(name), *map(str, plain if isinstance(plain, list) else [plain])]
    return shlex.join(["python", "visualize.py", *words])


def strip_place(name: str, value: Any) -> Any:
    """The value of a setting, a file by its name alone; tuples become lists, as JSON has them."""
    if isinstance(value, list | tuple):
        return [strip_place(name, inner) for inner in value]
    if not isinstance(value, str) or name in NO_FILES or value.startswith(CLASS_PREFIX):
        return value
    return strip_folders(value) if name == "expression" else PurePath(value).name or value
