"""Hostile, damaged and foreign ONNX files: each is refused in a line, and nothing else is read."""

from __future__ import annotations

import builtins
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_models as made
import pytest
from conftest import call_or_none
from onnx import TensorProto, helper

from config import VisualizeConfig
from latentspace.core import memory
from latentspace.core.errors import InputError
from latentspace.models.importing.planning import build
from latentspace.models.importing.run import load_interface
from latentspace.models.onnx_files import reading
from latentspace.models.onnx_files.reading import read_model
from latentspace.models.onnx_files.shapes import measure_shapes

SHAPE = (14, 11, 1)


def refuse(path: Path, message: str) -> None:
    """Makes sure that a file is refused when it is read, in one line."""
    with pytest.raises(InputError, match=message) as caught:
        read_model(path)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600


@pytest.fixture
def dense(tmp_path: Path) -> onnx.ModelProto:
    return made.dense()


def outside(model: onnx.ModelProto, **said: str) -> onnx.ModelProto:
    """A model whose first weights lie elsewhere, as `said`."""

    def move(model: onnx.ModelProto) -> None:
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in said.items():
            tensor.external_data.add(key=key, value=value)

    return made.change(model, move)


def write(model: onnx.ModelProto, path: Path) -> Path:
    """Writes a model without the checks of the package."""
    path.write_bytes(model.SerializeToString())
    return path


def test_weights_in_a_file_beside_it_are_read(dense: onnx.ModelProto, tmp_path: Path) -> None:
    path = tmp_path / "folder" / "m.onnx"
    path.parent.mkdir()
    options = {"save_as_external_data": True, "location": "m.onnx.data", "size_threshold": 0}
    made.save(made.change(dense, lambda _: None), path, **options)
    assert path.stat().st_size < 1000
    again = read_model(path)
    assert again.graph.initializer[0].raw_data == dense.graph.initializer[0].raw_data
    assert not any(tensor.external_data for tensor in again.graph.initializer)
    (path.parent / "m.onnx.data").write_bytes(b"short")
    refuse(path, "has damaged weights")
    (path.parent / "m.onnx.data").unlink()
    refuse(path, r"has its weights in m\.onnx\.data: put that file beside it")


@pytest.mark.parametrize(
    "location", ["../secret", "{folder}/secret", "sub/../../secret", "link", "", "a\nb", ".."]
)
def test_weights_outside_of_the_folder_are_not_read(
    dense: onnx.ModelProto, tmp_path: Path, location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, folder = tmp_path / "secret", tmp_path / "model"
    folder.mkdir()
    secret.write_bytes(bytes(10_000))
    os.symlink(secret, folder / "link")
    path = write(outside(dense, location=location.format(folder=tmp_path)), folder / "m.onnx")
    opened: list[str] = []
    real = builtins.open
    monkeypatch.setattr(builtins, "open", lambda file, *a, **k: opened.append(file) or real(file, *a, **k))  # fmt: skip  # noqa: E501
    refuse(path, "for its weights, and a file in its own folder is expected")
    assert not [file for file in opened if "secret" in str(file) or "link" in str(file)]


def test_weights_in_an_attribute_are_looked_at_as_well(tmp_path: Path) -> None:
    graph = made.Graph((4,))
    constant = graph.add("Constant", value=onnx.numpy_helper.from_array(np.ones(4, np.float32)))
    model = graph.finish({graph.add("Add", "image", constant): (4,)})
    tensor = model.graph.node[0].attribute[0].t
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    refuse(write(model, tmp_path / "m.onnx"), "'/etc/passwd' for its weights")


def test_many_weights_out_of_one_file_fit_no_memory(
    dense: onnx.ModelProto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").write_bytes(bytes(1 << 20))
    model = outside(dense, location="data", offset="0", length=str(1 << 19))
    for number in range(40):
        copy = model.graph.initializer.add()
        copy.CopyFrom(model.graph.initializer[0])
        copy.name = f"copy{number}"
    monkeypatch.setattr(memory, "measure_available", lambda: 50 << 20)
    refuse(write(model, tmp_path / "m.onnx"), r"reading .*m\.onnx needs 86 MB of memory")
    monkeypatch.setattr(reading, "MOST_BYTES", 1 << 20)
    monkeypatch.setattr(memory, "measure_available", lambda: 1 << 40)
    refuse(tmp_path / "m.onnx", "is larger than 2 GiB with its weights")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: setattr(m.graph.node[0], "domain", "my.ops"), "of 'my.ops', which onnxruntime"),
        (lambda m: setattr(m.graph.node[0], "domain", "com.microsoft.nchwc"), "does not bring"),
        (lambda m: setattr(m.graph.node[0], "op_type", "NoSuch"), "is no sound ONNX model"),
        (lambda m: m.graph.node[0].input.__setitem__(0, "shown"), "sound.*topologically sorted"),
        (lambda m: m.graph.node.reverse(), "sound.*topologically sorted"),
        (lambda m: m.graph.node.add().CopyFrom(m.graph.node[0]), "sound.*SSA"),
        (lambda m: m.functions.add(name="f", domain="f"), "has functions of its own"),
        (lambda m: m.graph.sparse_initializer.add(), "has sparse weights"),
        (lambda m: m.__setattr__("ir_version", 999), "is no sound ONNX model"),
        (lambda m: m.graph.initializer[0].dims.append(1 << 40), "is no sound ONNX model"),
        (lambda m: m.graph.ClearField("node"), "holds no ONNX model, since it has no operators"),
    ],
)
def test_models_that_are_not_plain_or_sound(
    dense: onnx.ModelProto, tmp_path: Path, change: Any, message: str
) -> None:
    refuse(write(made.change(dense, change), tmp_path / "m.onnx"), message)


def test_loops_and_branches(tmp_path: Path) -> None:
    graph = made.Graph((4,))
    inner = helper.make_graph([], "inner", [], [])
    for kind, options in {"If": {"then_branch": inner, "else_branch": inner},
                          "Loop": {"body": inner}}.items():  # fmt: skip
        node = helper.make_node(kind, ["image"], ["out"], **options)
        model = helper.make_model(helper.make_graph([node], "m", graph.inputs, []))
        refuse(write(model, tmp_path / "m.onnx"), f"{kind} '', a branch or loop, and a plain")


def test_files_that_are_none(tmp_path: Path, dense: onnx.ModelProto) -> None:
    path = tmp_path / "m.onnx"
    for content in (b"", b"PK\x03\x04" * 20, b"\x89HDF\r\n\x1a\n", b"\xff" * 50):
        path.write_bytes(content)
        refuse(path, "no ONNX model")
    whole = dense.SerializeToString()
    for length in (10, len(whole) // 2, len(whole) - 3):
        path.write_bytes(whole[:length])
        refuse(path, r"damaged or no ONNX model: .*; export it again with torch\.onnx\.export")
    refuse(tmp_path / "none.onnx", r"there is no file .*none\.onnx: name a model exported as")


def test_sizes_that_fit_no_memory_are_never_made(tmp_path: Path) -> None:
    """Operators may ask for any size, at once or by many small steps."""
    graph = made.Graph((4,))
    huge = graph.add("ConstantOfShape", np.array([1 << 20, 1 << 20]))
    plain = graph.finish({graph.add("Add", "image", graph.add("ReduceMax", huge)): (4,)})
    graph = made.Graph((4,))
    x = graph.add("Reshape", "image", np.array([0, 4, 1]))
    for _ in range(40):
        x = graph.add("Concat", x, x, axis=2)
    doubled = graph.finish({graph.add("ReduceMax", x, axes=[2], keepdims=0): (4,)})
    graph = made.Graph((4,))
    x = graph.add("Cast", graph.add("ReduceMax", "image", keepdims=0), to=TensorProto.INT64)
    many = graph.add("Add", graph.add("Reshape", x, np.array([1])), np.array([1 << 40]))
    huge = graph.add("ReduceMax", graph.add("ConstantOfShape", many), keepdims=0)
    by_value = graph.finish({graph.add("Add", "image", huge): (4,)})
    for model in (plain, doubled, by_value):
        read = read_model(made.save(model, tmp_path / "m.onnx"))
        with pytest.raises(InputError, match=r"needs .* [TPE]B of memory|nothing tells how large"):
            measure_shapes(read, (13, 4))


def test_packages_that_are_missing(
    tmp_path: Path, dense: onnx.ModelProto, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.save(dense, tmp_path / "m.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    refuse(tmp_path / "m.onnx", "need two more packages: pip install onnxruntime onnx")


def test_damaged_files_are_read_or_refused_in_one_line(tmp_path: Path) -> None:
    """Bytes changed, left out and put in, at random; what is read is cut and measured as well."""
    path, rng = tmp_path / "m.onnx", np.random.default_rng(0)
    models = [made.convolutional(), made.variational(), made.dense()]
    short = [made.change(model, shorten_weights).SerializeToString() for model in models]

    def use(path: Path) -> None:
        config = VisualizeConfig(autoencoder=str(path))
        build(load_interface(config), SHAPE, config)

    for number in range(300):
        data = bytearray(short[number % 3])
        for _ in range(rng.integers(1, 4)):
            at = int(rng.integers(len(data)))
            how = rng.integers(3)
            data[at : at + (how < 2)] = rng.bytes(int(how != 1))
        path.write_bytes(data)
        call_or_none(use, path)


def shorten_weights(model: onnx.ModelProto) -> None:
    """Leaves most weights out, so that what is damaged are descriptions."""
    for tensor in model.graph.initializer:
        if len(tensor.raw_data) > 100:
            size = int(np.prod(tensor.dims))
            tensor.ClearField("raw_data")
            tensor.float_data.extend(np.zeros(size))
