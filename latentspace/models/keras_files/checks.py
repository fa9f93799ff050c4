"""What files would make Keras and HDF5 do, looked at before they do it."""

from __future__ import annotations

import contextlib
import json
import math
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latentspace.core.documents import read_tables
from latentspace.core.errors import InputError, explain_error, to_printable
from latentspace.core.memory import refuse_too_large

if TYPE_CHECKING:
    import h5py

ARCHITECTURE = ".json"  # ending of what `to_json` of a model gives
METADATA, CONFIG, WEIGHTS = MEMBERS = ("metadata.json", "config.json", "model.weights.h5")
AGAIN = "save the model again with model.save('NAME.keras')"
LONGEST_TEXT = 160  # characters, out of the file
MAX_ATTRIBUTE_BYTES = 1 << 16  # HDF5 itself writes no longer ones beside an object
MAX_CONFIG_BYTES = 64 << 20  # real ones are of some 100 kB; constants in them add little
TABLES = read_tables(__file__)
REFUSED_HERE, REFUSED_BY_KERAS = TABLES["refused_here"], TABLES["refused_by_keras"]
BY_SAFE_MODE = "Requested the "  # how Keras begins to say what its safe mode refuses
UNKNOWN = re.compile(
    r"(?:(?:Could not locate|Could not deserialize|Cannot deserialize) (?:class |function )?['`]"
    r"|Could not interpret \w+ identifier: \{.*?'class_name': ')([^'`]*)"
)


def read_config(path: Path) -> dict[str, Any]:
    """The description of a model out of a .keras, HDF5 or .json file; an `InputError` if none."""
    import h5py

    name = CONFIG
    with explain_error(f"{path} is damaged or no Keras model", AGAIN):
        if h5py.is_hdf5(path):
            text = _read_attribute(path)
        elif path.suffix.lower() == ARCHITECTURE:
            name = path.name
            with path.open("rb") as file:
                text = file.read(MAX_CONFIG_BYTES + 1)
        else:
            with zipfile.ZipFile(path) as archive:
                _check_members(archive, path)
                with archive.open(CONFIG) as member:
                    text = member.read(MAX_CONFIG_BYTES + 1)
    if len(text) > MAX_CONFIG_BYTES:
        what = f"of more than {MAX_CONFIG_BYTES >> 20} MiB, which is no description of a model"
        raise InputError(f"{path} has a {name} {what}; {AGAIN}")
    with explain_error(f"{path} has a damaged {name}", AGAIN):
        config = json.loads(text)
    if not isinstance(config, dict):
        raise InputError(f"{path} has a {name} that describes no model; {AGAIN}")
    return config


def _read_attribute(path: Path) -> bytes:
    import h5py

    check_weights(path)
    with h5py.File(path, "r") as file:
        if "model_config" in file.attrs:
            text = file.attrs["model_config"]
            return text if isinstance(text, bytes) else str(text).encode()
        held, about = list(file), list(file.attrs)
    if "layer_names" in about or {"layers", "_layer_checkpoint_dependencies"} & set(held):
        what = "weights only, and no description of the model: pass it as --weights, with"
        raise InputError(f"{path} holds {what} --model-code FILE.py:FUNCTION that builds the model")
    shown = to_printable(", ".join(held), LONGEST_TEXT) or "nothing"
    raise InputError(f"{path} is an HDF5 file without a Keras model: it holds {shown}; {AGAIN}")


def check_config(path: Path, config: dict[str, Any]) -> None:
    """Refuses, by an `InputError`, what Keras would let a model do while it is loaded or called.

    So is what computes with constants, passes arguments to a function, needs another backend, or
    no model is made of. Code, other packages and files are for Keras to refuse, see `explain`.
    """
    for entry, layer in walk(config):
        if _calls_on_constants(entry):
            what = f"computes its layer {layer!r} while it is loaded, out of no image"
            raise InputError(f"{path} {what}: {AGAIN}")
        kind, module = str(entry["class_name"]), entry.get("module")
        # Without a module Keras 3 looks a class up as Keras 2 did, which wrote no .keras so.
        is_known = "module" in entry or kind.startswith("__")
        if isinstance(module, str) and module.startswith("keras"):
            if kind in REFUSED_HERE:
                raise _refuse_unsafe(path, kind, layer)
            package, _, place = module.partition(".")  # keras_hub and the like are others
            parts = TABLES["functions"] + (TABLES["classes"] if kind != "function" else [])
            is_known = package == "keras" and place.removeprefix("src.").partition(".")[0] in parts
        if not is_known:
            raise _refuse_unknown(path, _read_name(entry), entry)


def explain(path: Path, config: dict[str, Any], error: Exception) -> InputError | None:
    """What to do about a model that Keras refuses with an error; None where it tells only why."""
    said = str(error).rpartition("Exception encountered: ")[2]
    if said.startswith(BY_SAFE_MODE):
        for entry, layer in walk(config):
            if str(entry["class_name"]) in REFUSED_BY_KERAS:
                return _refuse_unsafe(path, str(entry["class_name"]), layer)
    if match := UNKNOWN.match(said):
        named = (entry for entry, _ in walk(config) if _read_name(entry) == match[1])
        return _refuse_unknown(path, match[1], next(named, {}))
    return None


def _refuse_unsafe(path: Path, kind: str, layer: str) -> InputError:
    what = "a lambda function in its" if kind == "__lambda__" else f"a {kind}"
    reach = (REFUSED_HERE | REFUSED_BY_KERAS)[kind]
    code = f"--model-code FILE.py:FUNCTION that builds the model, with {name_weights(path)}"
    more = "(of a pair, it returns both, and --weights takes both files)"
    return InputError(f"{path} has {what} layer {layer!r}, which {reach}: pass {code} {more}")


def name_weights(path: Path) -> str:
    """The flag that takes the weights in a file of a model, or those beside an architecture."""
    return "its --weights" if path.suffix.lower() == ARCHITECTURE else f"--weights {path}"


def _refuse_unknown(path: Path, name: str, entry: dict[str, Any]) -> InputError:
    module = entry.get("module")
    full = name if module in (None, "builtins") else f"{module}.{name}"
    return InputError(
        f"{path} needs {to_printable(full, LONGEST_TEXT)}, which Keras does not have: pass "
        "--model-code FILE.py, the file that defines and registers it "
        "(@keras.saving.register_keras_serializable())"
    )


def _check_members(archive: zipfile.ZipFile, path: Path) -> None:
    """Makes sure that an archive holds what Keras writes, each once, and no more than fits.

    Keras would unpack what else there is; of two files of a name readers may take either.
    """
    names = archive.namelist()
    if CONFIG not in names:
        raise InputError(f"{path} is no Keras model: it has no {CONFIG}; {AGAIN}")
    if odd := [name for name in names if name not in MEMBERS or names.count(name) > 1]:
        wanted, received = ", ".join(MEMBERS), to_printable(odd[0], LONGEST_TEXT)
        raise InputError(f"{path} should hold {wanted}, each once. Received: {received}")
    needed = sum(member.file_size for member in archive.infolist())
    refuse_too_large(needed, f"unpacking {path}", "pass a smaller model")


def walk(config: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Everything in a config that Keras would make an object of, in order, each with its layer."""
    waiting: list[tuple[Any, str]] = [(config, "")]
    while waiting:
        value, layer = waiting.pop()
        if isinstance(value, dict):
            if "class_name" in value:
                named = value.get("name") or get_settings(value).get("name")
                layer = to_printable(str(named or layer))
                yield value, layer
            value = list(value.values())
        if isinstance(value, list):
            waiting.extend((inner, layer) for inner in reversed(value))


def get_settings(entry: dict[str, Any]) -> dict[str, Any]:
    """The arguments that an object in a config is made of; none where they have another form."""
    settings = entry.get("config")
    return settings if isinstance(settings, dict) else {}


def _calls_on_constants(entry: dict[str, Any]) -> bool:
    """Whether Keras would call a layer on constants: at once, whatever size they ask for.

    Keras itself writes no such calls, since those without an image are no part of a model.
    """
    nodes = entry.get("inbound_nodes")
    calls = [node for node in nodes if isinstance(node, dict)] if isinstance(nodes, list) else []
    kinds = [{str(inner["class_name"]) for inner, _ in walk(node)} for node in calls]
    return any("__keras_tensor__" not in within for within in kinds)


def _read_name(entry: dict[str, Any]) -> str:
    kind = entry["class_name"]
    return str(entry.get("config") if kind == "function" else kind)


def check_weights(path: Path) -> None:
    """Makes sure that the weights in an HDF5 or a .keras file are numbers and fit into memory.

    HDF5 files can hold arrays larger than any memory that were never written. Keras itself refuses
    what lies in other files. Raises an `InputError`; of damaged files h5py raises anything.
    """
    import h5py

    needed = 0

    def look(name: str, found: h5py.HLObject) -> None:
        nonlocal needed
        shown = to_printable(name, LONGEST_TEXT)
        for said in found.attrs:
            about = found.attrs.get_id(said)
            # HDF5 makes room for as much as an attribute says that it has, before it reads it.
            if math.prod(about.shape or ()) * about.dtype.itemsize > MAX_ATTRIBUTE_BYTES:
                what = f"an attribute of {shown} that is larger than any that Keras writes"
                raise InputError(f"{path} has {what}; save the weights again")
        if isinstance(found, h5py.Dataset) and found.shape is not None:
            if found.dtype.hasobject or found.dtype.fields:
                raise InputError(f"{path} should hold weights only. Received: {shown}, no numbers")
            needed += math.prod(found.shape) * found.dtype.itemsize

    with contextlib.ExitStack() as stack:
        source: Any = path
        if zipfile.is_zipfile(path):
            archive = stack.enter_context(zipfile.ZipFile(path))
            if WEIGHTS not in archive.namelist():
                return  # there are no weights, as Keras says
            source = stack.enter_context(archive.open(WEIGHTS))
        file = stack.enter_context(h5py.File(source, "r"))
        look("/", file)
        file.visititems(look)  # each object once, along no link to elsewhere
    refuse_too_large(needed, f"reading the weights in {path}", "pass a smaller model")
