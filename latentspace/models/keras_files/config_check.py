"""What a .keras file would make Keras do, read before Keras does it."""

from __future__ import annotations

import json
import types
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from latentspace.core.errors import InputError, format_reason, to_printable
from latentspace.core.memory import refuse_too_large
from latentspace.core.provenance import silence_stderr

CONFIG = "config.json"
MEMBERS = ("metadata.json", CONFIG, "model.weights.h5")
NAMED = 8  # unknown classes, in messages
LONGEST_TEXT = 160  # characters, out of the file
MAX_CONFIG_BYTES = 64 << 20  # real ones are of some 100 kB; constants in them add little
# Where Keras keeps what a model is made of. keras.utils and keras.saving, which read and write
# files, are not among them.
PARTS = (
    *("activations", "constraints", "dtype_policies", "initializers", "layers", "losses"),
    *("metrics", "models", "ops", "optimizers", "quantizers", "random", "regularizers"),
)
ROOT_CLASSES = ("DTypePolicy", "FloatDTypePolicy", "Model", "Sequential")  # as keras.NAME
FUNCTION_PARTS = tuple(
    part for part in PARTS if part not in ("dtype_policies", "layers", "models", "random")
)
# Keras' own ways to write what is no object.
VALUES = ("__keras_tensor__", "__tensor__", "__numpy__", "__bytes__", "__ellipsis__", "__slice__")
# Layers that run code out of the file, or read other files that it names.
REACHING_OUT = (
    *("__lambda__", "Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"),
    *("IndexLookup", "StringLookup", "IntegerLookup", "TextVectorization"),
)


def read_config(path: Path) -> dict[str, Any]:
    """Reads the description of the model out of a .keras file, within bounds.

    Raises:
        InputError: The file is damaged or is no .keras file.
    """
    again = "save the model again with model.save('NAME.keras')"
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(archive, path)
            with archive.open(CONFIG) as file:
                text = file.read(MAX_CONFIG_BYTES + 1)
    except InputError:
        raise
    except Exception as error:  # the ways to compress and encrypt a file have errors of their own
        raise InputError(
            f"{path} is damaged or no Keras model: {format_reason(error)}; {again}"
        ) from error
    if len(text) > MAX_CONFIG_BYTES:
        raise InputError(
            f"{path} has a {CONFIG} of more than {MAX_CONFIG_BYTES >> 20} MiB, which is no "
            f"description of a model; {again}"
        )
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{path} has a damaged {CONFIG}: {format_reason(error)}; {again}"
        ) from error
    if not isinstance(config, dict):
        raise InputError(f"{path} has a {CONFIG} that describes no model; {again}")
    return config


def refuse_foreign_code(path: Path, config: dict[str, Any]) -> None:
    """Makes sure that a model asks for nothing but what Keras has and what is registered with it.

    Args:
        path: The file, for messages.
        config: What `read_config` gave.

    Raises:
        InputError: It asks for code in the file, for other files, or for what Keras does not know.
    """
    with silence_stderr():
        import keras  # noqa: F401  quietly, before the functions below do
    foreign = set()
    for layer in _find_computed_while_loading(config):
        raise InputError(
            f"{path} computes its layer {layer!r} while it is loaded, out "
            "of no image: save the model again with model.save('NAME.keras')"
        )
    for entry, layer in _iterate_entries(config):
        kind = str(entry["class_name"])
        if not kind.startswith("__") and _is_registered(entry):
            continue
        if kind in REACHING_OUT:
            what = "a lambda function in its" if kind == "__lambda__" else f"a {kind}"
            reach = "runs code out of the file" if "lambda" in kind.lower() else "uses other files"
            raise InputError(
                f"{path} has {what} layer {layer!r}, which {reach}: pass --model-code "
                f"FILE.py:FUNCTION that builds the model, with --weights {path}"
            )
        if not _is_of_keras(entry):
            name = entry.get("config") if kind == "function" else kind
            module = entry.get("module")
            full = str(name) if module in (None, "builtins") else f"{module}.{name}"
            foreign.add(to_printable(full, LONGEST_TEXT))
    if foreign:
        raise InputError(
            f"{path} needs {', '.join(sorted(foreign)[:NAMED])}, which Keras does not have: pass "
            "--model-code FILE.py, the file that defines and registers "
            f"{'it' if len(foreign) == 1 else 'them'} (@keras.saving.register_keras_serializable())"
        )


def _check_members(archive: zipfile.ZipFile, path: Path) -> None:
    """Makes sure that an archive holds what Keras writes, each once, and no more than fits.

    Keras unpacks what else there is onto the disk. Of two files of one name another reader may take
    the other one.
    """
    names = archive.namelist()
    if CONFIG not in names:
        raise InputError(
            f"{path} is no Keras model: it has no {CONFIG}; save the model again with "
            "model.save('NAME.keras')"
        )
    odd = [name for name in names if name not in MEMBERS or names.count(name) > 1]
    if odd:
        raise InputError(
            f"{path} should hold {', '.join(MEMBERS)}, each once. Received: "
            f"{to_printable(odd[0], LONGEST_TEXT)}"
        )
    needed = sum(member.file_size for member in archive.infolist())
    refuse_too_large(needed, f"unpacking {path}", "pass a smaller model")


def _iterate_entries(config: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Everything in a config that Keras would make an object of, with the layer it belongs to."""
    waiting: list[tuple[Any, str]] = [(config, "")]
    while waiting:
        value, layer = waiting.pop()
        if isinstance(value, dict):
            if "class_name" in value:
                settings = value.get("config")
                named = settings.get("name") if isinstance(settings, dict) else None
                layer = to_printable(str(value.get("name") or named or layer))
                yield value, layer
            waiting.extend((inner, layer) for inner in value.values())
        elif isinstance(value, list):
            waiting.extend((inner, layer) for inner in value)


def _find_computed_while_loading(config: dict[str, Any]) -> Iterator[str]:
    """Layers that are called on constants: Keras does so at once, whatever size they ask for.

    Keras itself writes none, since calls without an image are no part of a model.
    """
    for entry, layer in _iterate_entries(config):
        nodes = entry.get("inbound_nodes")
        for node in nodes if isinstance(nodes, list) else []:
            if isinstance(node, dict) and all(
                inner["class_name"] != "__keras_tensor__" for inner, _ in _iterate_entries(node)
            ):
                yield layer


def _is_registered(entry: dict[str, Any]) -> bool:
    """Whether Keras would take a registered class or function for an entry, as it does first."""
    import keras

    kind = entry["class_name"]
    name = entry.get("config") if kind == "function" else entry.get("registered_name", kind)
    return isinstance(name, str) and keras.saving.get_registered_object(name) is not None


def _is_of_keras(entry: dict[str, Any]) -> bool:
    """Whether an entry names a part of a model that Keras itself brings."""
    import keras

    kind, module = entry["class_name"], entry.get("module")
    if not isinstance(kind, str) or not isinstance(module, str) or kind.startswith("__"):
        return isinstance(kind, str) and kind in VALUES
    package, _, place = module.partition(".")
    if kind == "function":  # an activation, loss or the like, found by Keras under its name
        name, homes = entry.get("config"), [getattr(keras, part) for part in FUNCTION_PARTS]
        return package in ("builtins", "keras") and any(
            isinstance(getattr(home, str(name), None), types.FunctionType) for home in homes
        )
    if module == "keras":
        return kind in ROOT_CLASSES
    if package != "keras" or place.removeprefix("src.").split(".")[0] not in PARTS:
        return False
    if place.startswith("src."):  # from there Keras itself takes layers and operations only
        return True
    home: Any = keras
    for part in place.split("."):
        home = getattr(home, part, None)
    return isinstance(getattr(home, kind, None), type)
