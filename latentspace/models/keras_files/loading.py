"""Reading a person's own Keras model, its weights and its code, from files.

A model file is data, but one that names classes for Keras to call. Keras refuses code in it, other
files, and what was not registered by a file of Python that the person named. What it would not
refuse is looked for before it sees the file. Nothing else here runs code of anyone.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import importlib.util
import inspect
import io
import math
import re
import shutil
import sys
import tempfile
import types
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latentspace.core.errors import InputError, explain_error, to_printable
from latentspace.core.memory import refuse_too_large
from latentspace.core.provenance import silence_stderr
from latentspace.models.backend import start_keras
from latentspace.models.keras_files import checks
from latentspace.models.keras_files.archive import canonicalize
from latentspace.models.keras_files.keras2 import arrange_weights, is_keras2, translate

if TYPE_CHECKING:
    import keras

CHECKPOINTS = (".pth", ".pt", ".ckpt", ".safetensors")
WEIGHTS = (".weights.h5", ".h5", ".keras")  # endings; the first that fits counts
WORDY = (  # in messages: bold type, whole models, values of weights, places in a source
    r"\x1b\[\d*m",
    *(r", value=\[.*", r"Full object config:.*", r"config=\{.*"),
    *(r"\[ONNXRuntimeError\] : \d+ : \w+ : ", r"/onnxruntime_src/\S+ [^(]*\(.*?\) "),
    r"A total of \d+ objects could not be loaded. Example error message for object ",
    r"The shape of the target variable and the shape of the target value in \S+ must match. ",
)
BYTES_PER_VALUE = 4  # weights and images are 32-bit floats nearly always
LEAST_BATCH = 32  # images; as many go through a model at once, or more
WITHOUT_STATE = "while in a stateless scope"  # is how Keras says what can't be done there
SHOWN_ERROR = 240  # characters; Keras likes to print whole models
SAVE = "with model.save('NAME.keras')"


def load_model(path: str | Path) -> keras.Model:
    """Loads a whole model, not compiled, without running code out of the file.

    It may be a .keras or a whole .h5 file, of Keras 3 or 2; what is in it tells, not its name. Of a
    .json, which `to_json` of a model gives, it has no weights yet. Raises an `InputError` where the
    file is missing, damaged, of another format, or asks for code that is neither part of Keras nor
    registered with it.
    """
    path = Path(path)
    is_whole = path.suffix.lower() != checks.ARCHITECTURE
    if path.is_dir():
        what = "a folder, such as TensorFlow's SavedModel, which Keras 3 can't open"
        raise InputError(f"{path} is {what}: save the model {SAVE}")
    if not path.is_file():
        made = "a model saved as NAME.keras" if is_whole else "what model.to_json() gave"
        raise InputError(f"there is no file {path}: name {made}")
    if path.suffix.lower() in CHECKPOINTS:
        raise InputError(
            f"{path} is a checkpoint of PyTorch, which needs its code to be read: load it there, "
            f'and pass what torch.onnx.export(model, image, "{path.stem}.onnx") writes'
        )
    if is_whole and path.suffix not in (".keras", ".h5", ".hdf5"):
        wanted = f"a .keras, a .h5 or an .onnx file. Received: {path}"
        raise InputError(f"a model is {wanted}; save it {SAVE}")
    config = checks.read_config(path)
    # Weights and layers are wanted, not the training, whose loss is often a function of its own.
    config.pop("compile_config", None)
    start_keras()
    # Warnings are on how the file was made, long ago.
    with silence_stderr(), warnings.catch_warnings(action="ignore"):
        import h5py
        import keras

        version = str(config.get("keras_version", "3"))
        if h5py.is_hdf5(path) or is_keras2(config) or not version.startswith("3"):
            config = translate(path, config)
        checks.check_config(path, config)
        try:
            model = _make_measured(path, config)
            if is_whole:
                _read_weights(model, path)
            return model
        except InputError:
            raise
        except Exception as error:  # a damaged model makes Keras raise anything
            plain = f"{path} can't be loaded by Keras {keras.__version__}: {shorten(error)}"
            known = checks.explain(path, config, error)
            raise known or InputError(f"{plain}; {checks.AGAIN}") from error


def load_code(spec: str) -> Callable[[], Any] | None:
    """Imports a file of Python, so that Keras knows its layers, and takes a function out of it.

    What Keras may make out of a config is registered under its own name where the file, or one
    beside it, defines it and does not register it. Of FILE.py, without :FUNCTION, None is returned.
    Raises an `InputError` where there is no such file or function, or it can't be imported.
    """
    match, takes = re.fullmatch(r"(.+\.py)(?::(\w+))?", spec), "--model-code takes FILE.py"
    if match is None:
        raise InputError(f"{takes} or FILE.py:FUNCTION. Received: {spec!r}")
    path, name = Path(match[1]), match[2]
    if not path.is_file():
        raise InputError(f"there is no file {path}: {takes} or FILE.py:FUNCTION")
    module = _import_file(path.resolve())
    if name is None:
        return None
    if callable(function := getattr(module, name, None)):
        return function
    functions = inspect.getmembers(module, inspect.isfunction)
    known = [key for key, value in functions if value.__module__ == module.__name__]
    shown = ", ".join(known) or "none"
    raise InputError(f"{path} has no function {name!r}; its functions: {shown}")


def load_weights(model: keras.Model, path: str | Path) -> None:
    """Reads weights into a model that is built, of the architecture that they were saved from.

    What is in the file, not its name, tells its format: a .weights.h5 file, a legacy .h5 file of
    weights or of a whole model, or a .keras file, of which only the weights are read. Raises an
    `InputError` where the file is missing, damaged or of another format, or does not fit.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"there is no file {path}: --weights takes a .weights.h5 or .h5 file")
    what = f"{path} can't be read into the model {model.name!r}"
    advice = "pass the --model-code, or the .json, of the model that they were saved from"
    with (
        explain_error(what, advice, reason=shorten),
        silence_stderr(),
        warnings.catch_warnings(action="ignore"),
    ):
        _read_weights(model, path)


def _read_weights(model: keras.Model, path: Path) -> None:
    import h5py

    # What a .keras file may hold is known to those who read its description.
    config = checks.read_config(path) if zipfile.is_zipfile(path) else None
    checks.check_weights(path)
    suffix, named = ".keras", path  # by which Keras knows the format that a file really has
    if config is None:
        with h5py.File(path) as file:
            is_legacy = "layer_names" in file.attrs or "model_weights" in file
            suffix = ".h5" if is_legacy else ".weights.h5"
    with tempfile.TemporaryDirectory() as folder:
        if config is not None and is_keras2(config):
            named = Path(folder) / "model.weights.h5"
            with (
                zipfile.ZipFile(path) as archive,
                archive.open(checks.WEIGHTS) as member,
                h5py.File(member, "r") as source,
                h5py.File(named, "w") as target,
            ):
                arrange_weights(source, target, model)
        elif suffix != next((end for end in WEIGHTS if path.name.endswith(end)), None):
            # Keras goes by the name, and Keras 2 gave .weights.h5 to files of the old format.
            named = Path(folder) / f"model{suffix}"
            shutil.copyfile(path, named)
        model.load_weights(named)


def shorten(error: BaseException) -> str:
    """What an exception says, on one line and without what Keras wraps around the cause."""
    text = str(error).rpartition("Exception encountered: ")[2]
    text = re.sub("|".join(WORDY), "", text, flags=re.DOTALL)
    text = " ".join(text.split()) or type(error).__name__
    return to_printable(text, SHOWN_ERROR).rstrip(" .;,")


def _make_measured(path: Path, config: dict[str, Any]) -> keras.Model:
    """The model of a config, whose variables get values once they are known to fit into memory."""
    import keras
    from keras.src.saving.serialization_lib import ObjectSharingScope

    def make() -> Any:
        with ObjectSharingScope():  # layers that share one, such as an activation, do so again
            return keras.saving.deserialize_keras_object(copy.deepcopy(config), safe_mode=True)

    # It costs a few letters to ask for a layer of a billion units. In a scope without state layers
    # are made without values, which takes no memory.
    try:
        with keras.StatelessScope(initialize_variables=False):
            model = make()
        if not isinstance(model, keras.Model):
            received = f"a {type(model).__name__}; save the whole model {SAVE}"
            raise InputError(f"{path} should hold a Keras model. Received: {received}")
        held = sum(math.prod(variable.shape) for variable in model.variables)
        largest = max((math.prod(shape) for shape in _list_shapes(model)), default=0)
        what = f"a model of {held:,} weights and up to {largest:,} values between its layers"
        needed = BYTES_PER_VALUE * (held + LEAST_BATCH * largest)
        refuse_too_large(needed, f"{path}, {what},", "pass a smaller model")
    except Exception as error:
        keras.utils.clear_session()  # it would give the variables their values some time
        if WITHOUT_STATE not in str(error) or not keras.saving.get_custom_objects():
            raise
        # Layers of a person's own may not do without values.
        return make()
    with keras.StatelessScope():
        pass  # the end of which gives variables their first values
    return model


def _list_shapes(model: keras.Model) -> Iterator[list[int]]:
    """The shapes of what flows between the layers of a model, and those of models in it."""
    import keras

    for operation in getattr(model, "operations", model.layers):
        try:
            flowing = keras.tree.flatten(operation.output)
        except (AttributeError, ValueError):  # used several times, or made of no layers
            flowing = []
        yield from ([side for side in tensor.shape if side is not None] for tensor in flowing)
        if isinstance(operation, keras.Model):
            yield from _list_shapes(operation)


@functools.cache
def _import_file(path: Path) -> types.ModuleType:
    """Imports a file under a name of its own. Once only: Keras refuses to register twice."""
    start_keras()
    import keras

    name = f"model_code_{path.stem}"
    specification = importlib.util.spec_from_file_location(name, path)
    assert specification is not None  # since it ends in .py
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # where dataclasses and pickling look their module up
    sys.path.append(str(path.parent))  # last, so that it hides nothing of this project
    try:
        with named_as_script(str(path)):
            specification.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # anything may be in that file
        why = f"{path} can't be imported: {type(error).__name__}: {shorten(error)}"
        end = f"so that python {path.name} defines the model and ends without an error"
        raise InputError(f"{why}; mend the file {end}") from error
    known = keras.saving.get_custom_objects()
    for value in list(vars(module).values()):
        if _is_own(value, path.parent) and value not in known.values():
            known.setdefault(value.__name__, value)
    return module


def _is_own(value: Any, folder: Path) -> bool:
    """Whether a config may name a value, a function or class that a file of a folder defines."""
    is_made = isinstance(value, type) and hasattr(value, "from_config")
    if not is_made and not isinstance(value, types.FunctionType):
        return False
    home = Path(getattr(sys.modules.get(value.__module__), "__file__", None) or "/")
    return "site-packages" not in home.parts and folder in home.resolve().parents


@contextlib.contextmanager
def named_as_script(path: str) -> Iterator[None]:
    """Shows a person's code the command line of a script without arguments, and not our own."""
    kept, said = sys.argv, io.StringIO()
    sys.argv = [path]
    try:
        with contextlib.redirect_stderr(said):
            yield
    except SystemExit as error:  # of argparse, which says why on stderr
        *_, reason = said.getvalue().strip().splitlines() or [""]
        raise SystemExit(reason or error.code) from error
    finally:
        sys.argv = kept


def save_model(model: keras.Model, path: Path) -> None:
    """Saves a whole model as a .keras file, equal ones in equal bytes; an `OSError` if it can't."""
    model.save(path)
    path.write_bytes(canonicalize(path.read_bytes()))
