"""Models of Keras 2 in the terms of Keras 3: what a file describes, and where its weights lie.

Nothing is built here. A translated description goes the way of every other: it is checked before
Keras sees it. What has no equal in Keras 3 is refused, and never guessed.
"""

from __future__ import annotations

import inspect
import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latentspace.core.documents import read_tables
from latentspace.core.errors import InputError, explain_error, to_printable
from latentspace.models.keras_files.archive import NUMBER
from latentspace.models.keras_files.checks import get_settings, name_weights, walk

if TYPE_CHECKING:
    import h5py
    import keras

Config = dict[str, Any]
TABLES = read_tables(__file__)
HOMES = ("keras", "tf_keras", "tensorflow")  # packages whose layers are those of Keras
OPERATIONS = ("TFOpLambda", "SlicingOpLambda")
ONLY_TRAINING = re.compile(r".*_(initializer|regularizer|constraint)$|regularizer$")
CALLED_WITH = ("x2", "key")  # arguments of a call; the others make the operation
LAYERS, OLD_LAYERS = "layers", "_layer_checkpoint_dependencies"  # the latter to Keras 2.14


def is_keras2(config: Config) -> bool:
    """Whether a description is of Keras 2, by what is in it."""
    for entry, _ in walk(config):
        module = str(entry.get("module")).split(".")
        if "batch_input_shape" in get_settings(entry) or {"tf_keras", "engine"} & {*module}:
            return True
    return False


def translate(path: Path, config: Config) -> Config:
    """The description of a model of Keras 2, or of any in HDF5, as .keras files of Keras 3 have it.

    How weights are initialised and constrained is left out: they are read, and not trained. Raises
    an `InputError` where it has something that Keras 3 has no equal for, or describes no model.
    """
    what = f"{path} has a damaged description of a model of Keras 2"
    with explain_error(what, "save the model again"):
        for entry, layer in walk(config) if is_keras2(config) else ():
            for key, value in get_settings(entry).items():
                if "activation" in key and value in TABLES["changed"]:
                    raise _refuse(path, f"the activation {value}, which has changed,", layer)
        return _translate(path, config)


def _translate(path: Path, entry: Config) -> Config:
    import keras

    full = entry["class_name"]
    kind, settings = full.rpartition(">")[2], entry["config"]
    is_own = ">" in full or ">" in (entry.get("registered_name") or "")
    is_own |= (entry.get("module") or "keras").partition(".")[0] not in HOMES
    if not is_own and kind in TABLES["graphs"]:
        module, kind = TABLES["graphs"][kind]
        translated = _translate_graph(path, kind, settings)
    elif not is_own and hasattr(keras.layers, _find_equal(kind)):
        names = TABLES["renamed"].get(kind, {})
        settings = {names.get(key, key): value for key, value in settings.items()}
        module, kind = "keras.layers", _find_equal(kind)
        translated = settings if kind == "Lambda" else _translate_settings(path, kind, settings)
    else:  # for Keras to find among what a person has registered, or to refuse
        named = entry.get("registered_name") or full
        return {"module": None, "class_name": kind, "config": settings, "registered_name": named}
    return {"module": module, "class_name": kind, "config": translated, "registered_name": None}


def _translate_graph(path: Path, kind: str, settings: Any) -> Config:
    if isinstance(settings, list):  # a sequential model, before Keras 2.2.3
        settings = {"name": "sequential", "layers": settings}
    entries, name = settings["layers"], _fit_name(settings.get("name") or "model")
    if kind == "Sequential":
        first = get_settings(entries[0]) if entries else {}
        shape = first.get("batch_input_shape")
        if shape is not None and entries[0]["class_name"] != "InputLayer":
            source = {"batch_input_shape": shape, "name": f"{first.get('name')}_input"}
            entries = [{"class_name": "InputLayer", "config": source}, *entries]
        shape = settings.get("build_input_shape")
        layers = [_translate(path, entry) for entry in entries]
        return {"name": name, "layers": layers, "build_input_shape": shape}
    graphs = {str(entry["name"]): entry["class_name"] for entry in entries}
    needed = _find_needed(entries, settings["output_layers"])
    layers = []
    for entry in entries:
        if entry["name"] not in needed and entry["class_name"] != "InputLayer":
            continue  # a loss that was added to the model
        nodes = entry["inbound_nodes"]
        if entry["class_name"] in OPERATIONS:
            layer, nodes = _translate_operation(path, entry, graphs)
        else:
            layer = _translate(path, entry)
            nodes = [_translate_node(path, entry["name"], node, graphs) for node in nodes]
        layers.append({**layer, "name": _fit_name(entry["name"]), "inbound_nodes": nodes})
    # A functional model inside another one counts itself as its first call, here in Keras 3 too.
    ends = {key: _count_calls(settings[key], graphs) for key in ("input_layers", "output_layers")}
    return {"name": name, "trainable": settings.get("trainable", True), "layers": layers, **ends}


def _translate_settings(path: Path, kind: str, settings: Config) -> Config:
    """The arguments of a layer, without those that Keras 3 does not have and nobody needs."""
    import keras

    home, name = getattr(keras.layers, kind), str(settings.get("name"))
    makers = [vars(base)["__init__"] for base in home.__mro__ if "__init__" in vars(base)]
    known = {argument for make in makers for argument in inspect.signature(make).parameters}
    made: Config = {}
    for key, value in settings.items():
        if ONLY_TRAINING.match(key):
            continue
        if key not in known:
            if value in (None, False, TABLES["neutral"].get(key)) or key in TABLES["no_effect"]:
                continue
            raise _refuse(path, f"{to_printable(key)}={to_printable(str(value))}", name)
        if key == "dtype" and isinstance(value, dict):  # a policy, such as mixed_float16
            value = value["config"]["name"]
        elif isinstance(value, dict) and "class_name" in value:
            is_layer = hasattr(keras.layers, _find_equal(str(value["class_name"])))
            value = _translate(path, value) if is_layer else {"module": None, **value}
        elif kind == "BatchNormalization" and key == "axis" and isinstance(value, list):
            (value,) = value
        made[key] = _fit_name(value) if key == "name" else value
    return made


def _find_equal(kind: str) -> str:
    return TABLES["equals"].get(kind, kind)


def _fit_name(name: str) -> str:
    """A name of a layer without what Keras 3 does not allow in it."""
    return name.replace("/", "_")


def _translate_operation(
    path: Path, entry: Config, graphs: Mapping[str, str]
) -> tuple[Config, list[Config]]:
    function, name = entry["config"]["function"].removeprefix("compat.v1."), entry["name"]
    if function not in TABLES["functions"] or len(entry["inbound_nodes"]) != 1:
        raise _refuse(path, f"the function tf.{to_printable(function)}", name)
    place, names = TABLES["functions"][function]
    node = _translate_node(path, name, entry["inbound_nodes"][0], graphs)
    called: Config = {}
    settings: Config = {"name": _fit_name(name)}
    for key, value in node["kwargs"].items():
        if key not in names:
            if value is False:
                continue
            raise _refuse(path, f"the function tf.{function} with {to_printable(key)}", name)
        (called if names[key] in CALLED_WITH else settings)[names[key]] = value
    module, _, kind = place.partition(".")
    home = {"module": f"keras.src.ops.{module}", "class_name": kind, "registered_name": kind}
    return {**home, "config": settings}, [{"args": node["args"], "kwargs": called}]


def _translate_node(path: Path, name: str, node: Any, graphs: Mapping[str, str]) -> Config:
    if isinstance(node, dict) and "args" in node:  # of Keras 3
        return node
    if not isinstance(node, list):
        raise _refuse(path, "inputs by name", name)
    entries = node if isinstance(node[0], list) else [node]
    tensors = [_translate_value(entry, graphs) for entry in entries]
    extra = entries[0][3] if len(entries[0]) > 3 else {}
    kwargs = {
        key: _translate_value(value, graphs)
        for key, value in extra.items()
        if key != "name" and value is not None
    }
    return {"args": [tensors[0] if len(tensors) == 1 else tensors], "kwargs": kwargs}


def _translate_value(value: Any, graphs: Mapping[str, str]) -> Any:
    """What a layer is called with: a tensor, a constant, a slice, or a list of these."""
    if isinstance(value, dict) and value.keys() == {"start", "stop", "step"}:
        return {"class_name": "__slice__", "config": value}
    if not isinstance(value, list):
        return value
    if not _is_tensor(value, graphs):
        return [_translate_value(inner, graphs) for inner in value]
    if value[0] == "_CONSTANT_VALUE":
        return value[2]
    layer, node, index = value[:3]
    history = [_fit_name(layer), node - (graphs[layer] in TABLES["graphs"]), index]
    settings = {"shape": [1], "dtype": "float32", "keras_history": history}
    return {"class_name": "__keras_tensor__", "config": settings}


def _is_tensor(value: Any, graphs: Mapping[str, str]) -> bool:
    is_place = isinstance(value, list) and len(value) in (3, 4) and isinstance(value[0], str)
    return is_place and (value[0] in graphs or value[0] == "_CONSTANT_VALUE")


def _count_calls(ends: Any, graphs: Mapping[str, str]) -> Any:
    if not _is_tensor(ends, graphs):
        if len(ends) == 1:  # no list of one, which Keras 3 would want to be called with
            return _count_calls(ends[0], graphs)
        return [_count_calls(end, graphs) for end in ends]
    # Of a sequential model Keras 3 counts the calls alone.
    return [_fit_name(ends[0]), ends[1] - (graphs[ends[0]] == "Sequential"), ends[2]]


def _find_needed(entries: list[Config], outputs: Any) -> set[str]:
    """The layers that outputs, or calls of layers that are needed, name."""
    from keras import tree

    nodes = {entry["name"]: entry["inbound_nodes"] for entry in entries}
    needed, waiting = set[str](), nodes.keys() & tree.flatten(outputs)
    while waiting:
        needed |= waiting
        called = tree.flatten([nodes[name] for name in waiting])
        waiting = (nodes.keys() & called) - needed
    return needed


def _refuse(path: Path, what: str, layer: str) -> InputError:
    where = f"in its layer {to_printable(layer)!r}, for which Keras 3 has no equal"
    code = f"FILE.py:FUNCTION that builds the model in Keras 3, with {name_weights(path)}"
    return InputError(f"{path} is a model of Keras 2 with {what} {where}: pass --model-code {code}")


def arrange_weights(source: h5py.Group, target: h5py.Group, model: keras.Model) -> None:
    """Copies the weights in a .keras file of Keras 2 to where Keras 3 looks for them.

    Both count layers by class, in the same order, but Keras 2 counted those with weights twice
    until 2.14. Raises a `ValueError` where they are of more or fewer layers than the model has.
    """
    import h5py

    with h5py.File(io.BytesIO(), "w") as tidy:

        def keep(name: str, found: h5py.HLObject) -> None:
            if isinstance(found, h5py.Dataset):  # Keras 2 wrote folders as the system did
                tidy[name.replace("\\", "/")] = found[()]

        source.visititems(keep)
        _arrange(tidy, target, model)


def _arrange(source: h5py.Group, target: h5py.Group, model: keras.Model) -> None:
    import keras
    from keras.src.utils.naming import to_snake_case

    held, ready = source.get(LAYERS) or source.get(OLD_LAYERS) or {}, dict[str, list[Any]]()
    for name in sorted(held, key=lambda name: (len(name), name)):  # dense, dense_2, dense_10
        ready.setdefault(NUMBER.sub("", name), []).append(held[name])
    counts: dict[str, int] = {}
    for layer in model.layers:
        stem = to_snake_case(type(layer).__name__)
        number = counts[stem] = counts.get(stem, -1) + 1
        if not layer.weights:
            continue
        if not ready.get(stem):
            raise ValueError(f"the file has no weights of the layer {layer.name!r}")
        group = ready[stem].pop(0)
        place = target.create_group(f"{LAYERS}/{stem}_{number}" if number else f"{LAYERS}/{stem}")
        if isinstance(layer, keras.Model):
            _arrange(group, place, layer)
            continue
        for name in group:
            group.copy(name, place)
    if any(ready.values()):
        raise ValueError("the file has weights of more layers than the model")
