"""The bytes of a .keras file, rid of all that says when and where it was written.

Keras leaves in them the time of saving, addresses of objects in memory as identifiers, and names of
unnamed layers that count all layers made before, of other models too. So no two files of equal
models were equal. What the model is and does stays as it was.
"""

from __future__ import annotations

import io
import itertools
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

CONFIG, METADATA = "config.json", "metadata.json"
WEIGHTS_SUFFIX, VARIABLES = ".h5", "vars"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date that an archive can say
READABLE = 0o600 << 16  # what Keras' own archives say of the permissions of a file
SHARED, POLICY = "shared_object_id", "DTypePolicy"
NUMBER = re.compile(r"_\d+$")


def canonicalize(archive: bytes) -> bytes:
    """The same model in bytes that depend on the model alone.

    Args:
        archive: What `keras.Model.save` has written.

    Returns:
        A .keras file: its members in a fixed order, dated alike, without the time of saving; shared
        objects and unnamed layers counted from the first of the model itself.
    """
    with zipfile.ZipFile(io.BytesIO(archive)) as source:
        members = {name: source.read(name) for name in source.namelist()}
    about = json.loads(members[METADATA])
    del about["date_saved"]
    config = _rename(_number_shared(json.loads(members[CONFIG])), {})
    members |= {METADATA: json.dumps(about).encode(), CONFIG: json.dumps(config).encode()}
    for name in members:
        if name.endswith(WEIGHTS_SUFFIX):
            members[name] = _copy_weights(members[name], config["config"].get("name"))
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as file:
        for name in sorted(members, key=(METADATA, CONFIG, *sorted(members)).index):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.external_attr = READABLE
            file.writestr(entry, members[name])
    return target.getvalue()


def _number_shared(config: Any) -> Any:
    """A config whose shared objects are numbered in the order in which they stand.

    Kinds of numbers are values, as good shared as not; which of them are depends on whether a model
    was built or cloned.
    """
    numbers: dict[Any, int] = {}

    def visit(value: Any) -> Any:
        if isinstance(value, dict):
            is_value = str(value.get("class_name")).endswith(POLICY)
            return {
                key: numbers.setdefault(inner, len(numbers) + 1) if key == SHARED else visit(inner)
                for key, inner in value.items()
                if not (key == SHARED and is_value)
            }
        return [visit(inner) for inner in value] if isinstance(value, list) else value

    return visit(config)


def _rename(value: Any, names: Mapping[str, str]) -> Any:
    """A config in which unnamed layers are called after their class and place.

    Args:
        value: The config, or a part of it.
        names: New names of the layers of the model that the part belongs to, by the old ones.
    """
    if isinstance(value, list):
        return [_rename(inner, names) for inner in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") == "__keras_tensor__":  # [layer, node, output] that it comes from
        tensor = value["config"]
        history = _rename_places(tensor["keras_history"], names)
        return {**value, "config": {**tensor, "keras_history": history}}
    made = {key: inner if key == "name" else _rename(inner, names) for key, inner in value.items()}
    config: Any = value.get("config")
    if not isinstance(value.get("class_name"), str) or not isinstance(config, dict):
        return made
    layers = config.get("layers")
    if isinstance(layers, list):
        inside = _choose_names(layers)
        made["config"] = {
            key: _rename_places(inner, inside)
            if key in ("input_layers", "output_layers")
            else _rename(inner, inside)
            for key, inner in config.items()
        }
    if _is_counted(value):
        own = NUMBER.sub("", config["name"])
        made["config"]["name"] = names.get(config["name"], own)
    if "name" in value:
        made["name"] = made["config"].get("name", value["name"])
    return made


def _rename_places(value: Any, names: Mapping[str, str]) -> Any:
    """Places of the form [layer, node, output], however nested, with the new names of layers."""
    if isinstance(value, dict):
        return {key: _rename_places(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [_rename_places(inner, names) for inner in value]
    return names.get(value, value) if isinstance(value, str) else value


def _choose_names(layers: list[Any]) -> dict[str, str]:
    """New names of the layers of a model, by the old ones; of a counted one a name that is free."""
    entries = [one for one in layers if isinstance(one, dict) and isinstance(one["config"], dict)]
    counted = [one["config"]["name"] for one in entries if _is_counted(one)]
    taken = {one["config"].get("name") for one in entries} - set(counted)
    names = {}
    for name in counted:
        stem = NUMBER.sub("", name)
        names[name] = next(free for free in _count_up(stem) if free not in taken)
        taken.add(names[name])
    return names


def _count_up(stem: str) -> Iterator[str]:
    """The names that Keras gives: dense, dense_1, dense_2, ..."""
    return itertools.chain([stem], (f"{stem}_{number}" for number in itertools.count(1)))


def _is_counted(entry: Mapping[str, Any]) -> bool:
    """Whether the name of an object is the one that Keras makes of its class."""
    name = entry["config"].get("name")
    if not isinstance(name, str) or not isinstance(entry.get("class_name"), str):
        return False
    return NUMBER.sub("", name).replace("_", "") == entry["class_name"].lower().replace("_", "")


def _copy_weights(weights: bytes, model: str | None) -> bytes:
    """An HDF5 file of the same arrays, written anew in the order of their names.

    Keras notes the name of a layer beside its arrays and finds them by their place: a name that
    counts layers becomes that of the place, and that of the whole what the config says.
    """
    import h5py

    target = io.BytesIO()
    with h5py.File(io.BytesIO(weights)) as source, h5py.File(target, "w") as copy:
        _copy_group(source, copy, model)
    return target.getvalue()


def _copy_group(source: Any, copy: Any, owner: str | None) -> None:
    """Copies a group of HDF5 with all in it; `owner` is what a group of variables may be called."""
    for key, value in source.attrs.items():
        is_counted = key == "name" and NUMBER.sub("", str(value)) == NUMBER.sub("", owner or "")
        # Once only: what is replaced leaves traces in the file.
        copy.attrs[key] = owner if is_counted else value
    for name in sorted(source):
        inner = source[name]
        if hasattr(inner, "keys"):
            _copy_group(inner, copy.create_group(name), owner if name == VARIABLES else name)
        else:
            array = copy.create_dataset(name, data=inner[()], dtype=inner.dtype)
            for key, value in inner.attrs.items():
                array.attrs[key] = value
