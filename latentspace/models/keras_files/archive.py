"""The bytes of a .keras file, rid of all that says when and where it was written.

Keras leaves in them the time of saving, addresses of objects in memory as identifiers, and names of
unnamed layers that count all layers made before. What the model is and does stays as it was.
"""

import io
import itertools
import json
import re
import zipfile
from collections.abc import Mapping
from typing import Any

from latentspace.models.keras_files.checks import CONFIG, METADATA, WEIGHTS, get_settings, walk

VARIABLES = "vars"
READABLE = 0o600 << 16  # what Keras' own archives say of the permissions of a file
SHARED, POLICY = "shared_object_id", "DTypePolicy"
NUMBER = re.compile(r"_\d+$")


def canonicalize(archive: bytes) -> bytes:
    """A .keras file as `keras.Model.save` writes it, in bytes that depend on the model alone.

    A name that is made of a class in one place of the model and given in another stays.
    """
    with zipfile.ZipFile(io.BytesIO(archive)) as source:
        members = {name: source.read(name) for name in source.namelist()}
    about = json.loads(members[METADATA])
    del about["date_saved"]
    config = json.loads(members[CONFIG])
    config = _rewrite(config, _choose_names(config), {})
    members |= {METADATA: json.dumps(about).encode(), CONFIG: json.dumps(config).encode()}
    members[WEIGHTS] = _copy_weights(members[WEIGHTS], config["config"].get("name"))
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as file:
        for name in sorted(members, key=(METADATA, CONFIG, *sorted(members)).index):
            entry = zipfile.ZipInfo(name)  # of 1980, the earliest date that an archive can say
            entry.external_attr = READABLE
            file.writestr(entry, members[name])
    return target.getvalue()


def _choose_names(config: Any) -> dict[str, str]:
    """New names of unnamed layers, after their class and place, by the old ones."""
    every = [entry for entry, _ in walk(config)]
    named = [entry for entry in every if isinstance(get_settings(entry).get("name"), str)]
    counted = [entry["config"]["name"] for entry in named if _is_counted(entry)]
    given = {entry["config"]["name"] for entry in named if not _is_counted(entry)}
    names: dict[str, str] = {}
    for name in counted:
        if name not in names and name not in given:
            stem, taken = NUMBER.sub("", name), given.union(names.values())
            more = (f"{stem}_{number}" for number in itertools.count(1))
            names[name] = next(free for free in itertools.chain([stem], more) if free not in taken)
    return names


def _rewrite(value: Any, names: Mapping[str, str], numbers: dict[Any, int]) -> Any:
    """A config with new names of layers, and shared objects numbered as they stand in it."""
    if isinstance(value, list):
        if [type(inner) for inner in value] == [str, int, int]:  # layer, node and output
            return [names.get(value[0], value[0]), *value[1:]]
        return [_rewrite(inner, names, numbers) for inner in value]
    if not isinstance(value, dict):
        return value
    made: dict[str, Any] = {}
    for key, inner in value.items():
        if key == SHARED:
            # Kinds of numbers are values, as good shared as not; which of them are depends on
            # whether a model was built or cloned.
            if not str(value.get("class_name")).endswith(POLICY):
                made[key] = numbers.setdefault(inner, len(numbers) + 1)
        elif key == "name" and isinstance(inner, str):
            made[key] = names.get(inner, inner)
        else:
            made[key] = _rewrite(inner, names, numbers)
    return made


def _is_counted(entry: Mapping[str, Any]) -> bool:
    """Whether the name of an object is the one that Keras makes of its class."""
    stem = NUMBER.sub("", entry["config"]["name"])
    return stem.replace("_", "") == str(entry["class_name"]).lower().replace("_", "")


def _copy_weights(weights: bytes, model: str | None) -> bytes:
    """An HDF5 file of the same arrays, written anew in the order of their names."""
    import h5py

    # Keras notes the name of a layer beside its arrays and finds them by their place: a name that
    # counts layers becomes that of the place, and that of the whole what the config says.
    target = io.BytesIO()
    with h5py.File(io.BytesIO(weights)) as source, h5py.File(target, "w") as copy:

        def copy_one(place: str, found: h5py.HLObject) -> None:
            if isinstance(found, h5py.Dataset):
                made = copy.create_dataset(place, data=found[()], dtype=found.dtype)
            else:
                made = copy.require_group(place)
            owner = f"/{place}".removesuffix(f"/{VARIABLES}").rpartition("/")[2] or model or ""
            for key, value in found.attrs.items():
                is_counted = key == "name" and NUMBER.sub("", str(value)) == NUMBER.sub("", owner)
                # Once only: what is replaced leaves traces in the file.
                made.attrs[key] = owner if is_counted else value

        copy_one("/", source)
        source.visititems(copy_one)  # in the order of their names
    return target.getvalue()
