"""The operators of ONNX on the page to explore, in a real browser, against onnxruntime."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from browsing import run_networks
from onnx_models import Graph
from playwright.sync_api import Browser, Page

from latentspace.models.onnx_files.network import OnnxNetwork
from latentspace.models.portable import NotPortableError, describe_network, pack

SHAPE = (4, 7, 6)  # channels first
OPSETS = (13, 21)
Build = Callable[[Graph, str], str]


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    with browser.new_page() as opened:
        yield opened


def draw(*shape: int, least: float | None = None) -> np.ndarray:
    values = np.random.default_rng(len(shape)).normal(size=shape) / 2
    return np.asarray(values if least is None else np.abs(values) + least)


def make(
    build: Build, shape: Sequence[int] = SHAPE, opset: int = 13, **options: Any
) -> OnnxNetwork:
    graph = Graph(shape, **options)
    end = graph.add("Identity", build(graph, "image"))
    model = graph.finish({end: ()}, opset)
    del model.graph.output[0].type.tensor_type.shape.dim[:]
    model.graph.output[0].type.tensor_type.ClearField("shape")
    return OnnxNetwork(model, "the model")


def assert_same(page: Page, networks: list[OnnxNetwork], tolerance: float = 2e-4) -> None:
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=(2, *x.input_shape[1:])).astype(np.float32) for x in networks]
    wanted = [x.predict(given) for x, given in zip(networks, inputs, strict=True)]
    described = [describe_network(network) for network in networks]
    found = run_networks(page, *pack(described), inputs)
    for network, results, values, steps in zip(networks, found, wanted, described, strict=True):
        assert steps.output_shape == values.shape[1:]
        named = onnx.printer.to_text(network.model.graph)
        size = max(1, np.abs(values).max())
        given = np.reshape(results, values.shape)
        np.testing.assert_allclose(given, values, rtol=0, atol=tolerance * size, err_msg=named)


def call(kind: str, *given: np.ndarray, **options: Any) -> Build:
    return lambda graph, x: graph.add(kind, x, *given, **options)


def test_convolutions(page: Page) -> None:
    parts = [
        call("Conv", draw(5, 4, 3, 3), draw(5)),
        call("Conv", draw(5, 4, 3, 2), strides=[2, 1], pads=[1, 0, 2, 1]),
        call("Conv", draw(5, 4, 2, 3), dilations=[2, 2], pads=[1, 2, 1, 2]),
        call("Conv", draw(6, 2, 3, 3), draw(6), group=2, pads=[1] * 4),
        call("Conv", draw(8, 1, 3, 3), draw(8), group=4, strides=[2, 2]),
        *(
            call("Conv", draw(3, 4, *size), auto_pad=kind, strides=[2, 2])
            for kind in ("SAME_UPPER", "SAME_LOWER", "VALID")
            for size in ((2, 3), (4, 4))
        ),
        call("ConvTranspose", draw(4, 5, 3, 3), draw(5), strides=[2, 2]),
        call("ConvTranspose", draw(4, 5, 3, 3), pads=[1] * 4),
        call("ConvTranspose", draw(4, 5, 3, 4), strides=[2, 3], pads=[1, 0, 0, 2]),
        call("ConvTranspose", draw(4, 5, 2, 2), dilations=[2, 1]),
        call(
            "ConvTranspose",
            draw(4, 5, 3, 3),
            draw(5),
            strides=[2, 2],
            pads=[1] * 4,
            output_padding=[1, 1],
        ),
        call("ConvTranspose", draw(4, 2, 3, 3), draw(4), group=2, strides=[2, 2]),
        call("ConvTranspose", draw(4, 1, 4, 4), group=4, strides=[2, 2], pads=[1] * 4),
        call("ConvTranspose", draw(4, 5, 3, 3), strides=[2, 2], output_shape=[14, 12]),
        *(
            call("ConvTranspose", draw(4, 5, 3, 3), auto_pad=kind, strides=[2, 2])
            for kind in ("SAME_UPPER", "SAME_LOWER", "VALID")
        ),
    ]
    assert_same(page, [make(part, opset=opset) for part in parts for opset in OPSETS])


def test_products(page: Page) -> None:
    parts = [
        (call("Gemm", draw(20, 7), draw(7)), (20,)),
        (call("Gemm", draw(7, 20), draw(1, 7), transB=1, alpha=0.5, beta=2.0), (20,)),
        (call("Gemm", draw(20, 33), np.array(0.5)), (20,)),
        (call("MatMul", draw(6, 5)), SHAPE),
        (lambda graph, x: graph.add("MatMul", graph.add("Flatten", x), draw(168, 9)), SHAPE),
        (
            lambda graph, x: graph.add(
                "MatMul", graph.add("Transpose", x, perm=[0, 2, 3, 1]), draw(4, 5)
            ),
            SHAPE,
        ),
    ]
    assert_same(page, [make(part, shape) for part, shape in parts])


def test_axes(page: Page) -> None:
    def shuffle(graph: Graph, x: str) -> str:
        x = graph.add("Conv", x, draw(8, 4, 1, 1))
        x = graph.add("Reshape", x, np.array([0, 2, 4, 7, 6]))
        x = graph.add("Transpose", x, perm=[0, 2, 1, 3, 4])
        return graph.add("Conv", graph.add("Reshape", x, np.array([0, 8, 7, 6])), draw(3, 8, 3, 3))

    def split(graph: Graph, x: str) -> str:
        x = graph.add("Conv", x, draw(4, 4, 1, 1))
        first, second = graph.add("Split", x, np.array([1, 3]), axis=1, count=2)
        return graph.add("Concat", second, first, graph.add("Relu", first), axis=1)

    def squeeze(graph: Graph, x: str) -> str:
        x = graph.add("Conv", x, draw(4, 4, 7, 1))
        x = graph.add("Squeeze", x, np.array([2]))
        return graph.add("Concat", graph.add("Unsqueeze", x, np.array([3])), axis=2)

    parts = [
        *(shuffle, split, squeeze),
        call("Flatten"),
        call("Transpose", perm=[0, 3, 1, 2]),
        call("DepthToSpace", blocksize=2),
        call("DepthToSpace", blocksize=2, mode="CRD"),
        call("Slice", np.array([1, -2]), np.array([9, -5]), np.array([2, 3]), np.array([2, -1])),
        call("Gather", np.array([3, 0, 3]), axis=1),
        call("Gather", np.array(2), axis=2),
        call("Tile", np.array([1, 2, 1, 3])),
        call("Expand", np.array([1, 4, 7, 6])),
        call("Pad", np.array([0, 0, 1, 2, 0, 1, 0, -1])),
        call("Pad", np.array([0, 0, 1, 2, 0, 0, 3, 1]), mode="reflect"),
    ]
    assert_same(page, [make(part, opset=opset) for part in parts for opset in OPSETS])


def test_sizes(page: Page) -> None:
    sizes = {"kernel_shape": [3, 2], "strides": [2, 2]}
    parts = [
        call(kind, **options)
        for kind in ("MaxPool", "AveragePool")
        for options in (
            sizes,
            sizes | {"pads": [1, 0, 1, 1]},
            sizes | {"pads": [1, 1, 0, 1], "ceil_mode": 1},
            sizes | {"auto_pad": "SAME_UPPER"},
            sizes | {"auto_pad": "SAME_LOWER"},
        )
    ]
    parts += [
        call("AveragePool", **sizes, pads=[1, 0, 1, 1], count_include_pad=1),
        call("MaxPool", **sizes, dilations=[2, 1]),
        call("GlobalAveragePool"),
        call("GlobalMaxPool"),
        call("ReduceMax", axes=[1], keepdims=0),
        call("ReduceMean", axes=[2, 3], keepdims=0),
        call("ReduceMean", axes=[-1]),
    ]
    empty, scales = np.zeros(0, np.float32), np.array([1, 1, 2, 1.5])
    for mode in ("half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel"):
        common = {"coordinate_transformation_mode": mode}
        parts += [
            call("Resize", empty, scales, mode="linear", **common),
            call("Resize", empty, scales, mode="nearest", nearest_mode="floor", **common),
            call("Resize", empty, scales, mode="cubic", **common),
        ]
    networks = [make(part) for part in parts]
    networks += [
        make(call("Upsample", scales, mode=mode), opset=9) for mode in ("nearest", "linear")
    ]
    sides = np.array([1, 4, 9, 13])
    networks.append(make(call("Resize", empty, empty, sides, mode="linear"), batch=1))
    networks.append(make(call("ReduceMean", np.array([2, 3])), opset=18))
    assert_same(page, networks)


def test_functions(page: Page) -> None:
    names = """
        Relu LeakyRelu ThresholdedRelu Elu Selu Sigmoid HardSigmoid Tanh Softplus Softsign Exp Erf
        Neg Identity Dropout Softmax LogSoftmax
    """
    networks = [make(call(name)) for name in names.split()]
    networks += [make(call("Clip", min=-0.2, max=0.3), opset=9)]
    networks += [make(call("Softmax"), (9,), opset=9)]
    networks += [make(call(name), opset=20) for name in ("Gelu", "Mish", "HardSwish")]
    parts = [
        call("LeakyRelu", alpha=0.3),
        call("Elu", alpha=0.7),
        call("Selu", alpha=1.5, gamma=1.1),
        call("HardSigmoid", alpha=1 / 6, beta=0.4),
        call("Softmax", axis=1),
        call("Clip", np.array(-0.3), np.array(0.4)),
        call("Clip", np.array(0.1)),
        call("Pow", np.array(3.0)),
        lambda graph, x: graph.add("Sqrt", graph.add("Exp", x)),
        call("PRelu", draw(4, 1, 1)),
        lambda graph, x: graph.add("Clip", x, "", graph.add("Identity", np.array(0.2))),
        lambda graph, x: graph.add("Cast", graph.add("Cast", x, to=10), to=1),
    ]
    networks += [make(part) for part in parts]
    assert_same(page, networks, 1e-3)


def test_normalizations(page: Page) -> None:
    moments = (draw(4), draw(4), draw(4), draw(4, least=0.1))
    networks = [
        make(call("BatchNormalization", *moments, epsilon=1e-3)),
        make(lambda graph, x: graph.add("BatchNormalization", graph.add("Relu", x), *moments)),
        make(call("InstanceNormalization", draw(4), draw(4))),
        make(call("LayerNormalization", draw(6), draw(6)), opset=17),
        make(call("LayerNormalization", draw(*SHAPE), axis=1), opset=17),
    ]
    assert_same(page, networks)


def test_merges(page: Page) -> None:
    def merge(kind: str, second: Build) -> Build:
        return lambda graph, x: graph.add(
            kind, graph.add("Conv", x, draw(4, 4, 1, 1)), second(graph, x)
        )

    def mean(graph: Graph, x: str) -> str:
        return graph.add("GlobalAveragePool", x)

    def away(graph: Graph, x: str) -> str:
        return graph.add("Add", graph.add("Abs", np.array([3.0])), graph.add("Relu", x))

    parts: list[Build] = []
    for kind in ("Add", "Sub", "Mul", "Max", "Min", "Sum"):
        parts += [merge(kind, lambda graph, x: x), merge(kind, mean)]
    parts += [merge("Div", away)]
    for kind in ("Add", "Sub", "Mul", "Div"):
        for shape in ((), (4, 1, 1), (6,), SHAPE):
            parts.append(call(kind, draw(*shape, least=0.3)))
    parts += [
        call("Max", np.array(0.1)),
        call("Min", np.array(0.1)),
        lambda graph, x: graph.add("Sub", graph.add("Identity", draw(4, 1, 1)), x),
    ]
    assert_same(page, [make(part) for part in parts])


def test_layouts_and_types(page: Page) -> None:
    """A residual network, channels last around it, for one image or for many, in each type."""

    def residual(graph: Graph, x: str) -> str:
        x = graph.add("Transpose", x, perm=[0, 3, 1, 2])
        for _ in range(2):
            y = graph.add("Conv", x, draw(3, 3, 3, 3), draw(3), pads=[1] * 4)
            y = graph.add("BatchNormalization", y, *(draw(3, least=0.2) for _ in range(4)))
            y = graph.add("Mul", y, graph.add("Sigmoid", y))
            x = graph.add("Add", x, y)
        x = graph.add("Flatten", graph.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]))
        x = graph.add("Reshape", graph.add("Gemm", x, draw(27, 36)), np.array([-1, 4, 3, 3]))
        x = graph.add("ConvTranspose", x, draw(4, 2, 2, 2), strides=[2, 2])
        return graph.add("Transpose", x, perm=[0, 2, 3, 1])

    networks = [
        make(residual, (6, 7, 3), opset, batch=batch) for opset in OPSETS for batch in (1, "N")
    ]
    assert_same(page, networks)
    assert sum(step["do"] == "permute" for step in describe_network(networks[0]).steps) == 8


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (call("Sin", name="wave"), "the operator Sin 'wave'"),
        (call("RandomNormalLike", name="noise"), "the operator RandomNormalLike 'noise'"),
        (call("Softmax", axis=1), "the operator Softmax '', an old one"),
        (call("Gelu", approximate="tanh", name="near"), "the operator Gelu 'near', an approx"),
        (
            lambda graph, x: graph.add("MatMul", x, graph.add("Transpose", x, perm=[0, 1, 3, 2])),
            "more than one tensor",
        ),
    ],
)
def test_what_is_not_known_is_named(build: Build, said: str) -> None:
    with pytest.raises(NotPortableError, match=said):
        describe_network(make(build, opset=12 if "old" in said else 20))


def test_a_batch_of_several_images_is_named() -> None:
    with pytest.raises(NotPortableError, match="2 images at once"):
        describe_network(make(call("Relu"), batch=2))
