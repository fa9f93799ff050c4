"""What is in an ONNX file, looked at before anything is made of it.

Such a file carries no code. It may name other files and operators of anyone's, ask for any size,
and be damaged.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latentspace.core.errors import InputError, explain_error, to_printable
from latentspace.core.memory import refuse_too_large
from latentspace.core.provenance import silence_stderr
from latentspace.models.keras_files.loading import shorten

if TYPE_CHECKING:
    import onnx

SUFFIX = ".onnx"
DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")  # of operators that onnxruntime brings
LONGEST_PATH = 120  # letters, in messages
MOST_BYTES = (1 << 31) - 1  # that Protocol Buffers can hold
FLOATS = (1, 10, 11)  # of 32, 16 and 64 bits, as onnx numbers types of values
COPIES = 4  # of the weights, while a model is cut and its shapes are found
AGAIN = 'export it again with torch.onnx.export(model, image, "NAME.onnx")'
PACKAGES = "ONNX models need two more packages: pip install onnxruntime onnx"


def import_packages() -> tuple[Any, Any]:
    """onnx and onnxruntime, quiet; an `InputError` where they are not installed."""
    try:
        with silence_stderr():
            import onnx.external_data_helper
            import onnxruntime
    except ImportError as error:
        raise InputError(f"{PACKAGES} ({error})") from error
    onnxruntime.set_default_logger_severity(4)  # errors are raised as well
    return onnx, onnxruntime


explain = partial(explain_error, advice=AGAIN, reason=shorten)  # of the packages and of their files


def read_model(path: Path) -> onnx.ModelProto:
    """The model in a file, its weights in it, wherever they lay.

    Raises an `InputError` where the file is missing, damaged, large or of another format, has its
    weights outside of its folder, or holds more than a plain graph of operators that are known.
    """
    onnx, _ = import_packages()
    if not path.is_file():
        raise InputError(f"there is no file {path}: name a model exported as NAME.onnx")
    _refuse_large(path.stat().st_size, path)
    model = onnx.ModelProto()
    with explain(f"{path} is damaged or no ONNX model"):
        model.ParseFromString(path.read_bytes())
    graph = model.graph
    if not graph.node:
        raise InputError(f"{path} holds no ONNX model, since it has no operators; {AGAIN}")
    if model.functions or graph.sparse_initializer:
        what = "functions of its own" if model.functions else "sparse weights"
        raise InputError(f"{path} has {what}, and plain operators are expected; {AGAIN}")
    for node in graph.node:
        shown = f"the operator {to_printable(node.op_type)} {to_printable(node.name)!r}"
        if node.domain not in DOMAINS:
            raise InputError(
                f"{path} has {shown} of {to_printable(node.domain)!r}, which onnxruntime does not "
                f"bring: replace it in the model by operators of ONNX, and {AGAIN}"
            )
        if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
            raise InputError(
                f"{path} has {shown}, a branch or loop, and a plain graph is expected; {AGAIN}"
            )
    _read_weights(onnx, path, graph)
    with explain(f"{path} is no sound ONNX model"):
        onnx.checker.check_model(model)
    return model


def _read_weights(onnx: Any, path: Path, graph: onnx.GraphProto) -> None:
    """Puts weights that lie in other files of the model's folder into it."""
    attributes = [attribute for node in graph.node for attribute in node.attribute]
    tensors = [*graph.initializer, *(x for each in attributes for x in (each.t, *each.tensors))]
    outside = [tensor for tensor in tensors if tensor.data_location == onnx.TensorProto.EXTERNAL]
    folder, needed = path.parent.resolve(), path.stat().st_size
    for tensor in outside:
        said = {entry.key: entry.value for entry in tensor.external_data}
        location = said.get("location", "")
        file, shown = folder / location, to_printable(location, LONGEST_PATH)
        is_plain = location.isprintable() and location and ".." not in Path(location).parts
        if not is_plain or not file.resolve().is_relative_to(folder):
            what = f"{path} names {shown!r} for its weights"
            raise InputError(f"{what}, and a file in its own folder is expected; {AGAIN}")
        if not file.is_file():
            raise InputError(f"{path} has its weights in {shown}: put that file beside it")
        length, size = said.get("length", ""), file.stat().st_size
        needed += min(size, int(length)) if re.fullmatch("[0-9]{1,19}", length) else size
    _refuse_large(needed, path)
    with explain(f"{path} has damaged weights"):
        for tensor in outside:
            onnx.external_data_helper.load_external_data_for_tensor(tensor, str(folder))
            tensor.data_location = onnx.TensorProto.DEFAULT
            del tensor.external_data[:]


def _refuse_large(size: int, path: Path) -> None:
    refuse_too_large(COPIES * size, f"reading {path}", "pass a smaller model")
    if size > MOST_BYTES:
        raise InputError(f"{path} is larger than 2 GiB with its weights: pass a smaller model")
