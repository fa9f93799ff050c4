from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from config import TrainConfig
from latentspace.core import packing
from latentspace.models.network import build_decoder, build_encoder
from latentspace.models.portable import Network, NotPortableError, describe_network, pack
from latentspace.models.refinement import refine

SHAPE = (6, 5, 4)


def sequence(*parts: Any, shape: tuple[int | None, ...] = SHAPE) -> keras.Model:
    return keras.Sequential([keras.Input(shape), *parts])


def list_kinds(network: Network) -> list[str]:
    return [step["do"] for step in network.steps]


def unpack(description: dict[str, Any], packed: bytes) -> list[np.ndarray]:
    found = []
    for one in description["arrays"]:
        kind = "<f2" if "scale" in one else "<f4"
        values = np.frombuffer(packed, kind, one["size"], one["offset"]).astype(np.float32)
        found.append(values * np.float32(one.get("scale", 1)))
    return found


def read_matrix(network: Network, kernel: dict[str, Any]) -> np.ndarray:
    """What a step says of its kernel, as a runtime reads it."""

    def list_places(axes: Sequence[Sequence[int]]) -> np.ndarray:
        places = np.zeros(1, int)
        for count, stride in axes:
            places = (places[:, np.newaxis] + stride * np.arange(count)).ravel()
        return places

    rows, columns = list_places(kernel["rows"]), list_places(kernel["columns"])
    values = network.arrays[kernel["array"]].ravel()
    return values[kernel["offset"] + rows[:, np.newaxis] + columns]


def test_a_model_inside_a_model_is_steps_like_any() -> None:
    inner = sequence(layers.Conv2D(3, 3, padding="same", activation="silu"), layers.Flatten())
    network = describe_network(sequence(layers.Dropout(0.5), inner, layers.Dense(2)))
    assert list_kinds(network) == ["place", "multiply", "activate", "multiply"]
    assert (network.input_shape, network.output_shape) == (SHAPE, (2,))
    assert [array.dtype for array in network.arrays] == [np.float32] * len(network.arrays)


def test_a_kernel_is_read_as_the_matrix_that_it_is() -> None:
    model = sequence(
        layers.Conv2D(3, (2, 3)), layers.Conv2DTranspose(2, 3, 1), layers.Conv2DTranspose(2, 3, 2)
    )
    network = describe_network(model)
    multiplied = [step["kernel"] for step in network.steps if step["do"] == "multiply"]
    plain, turned, written = (np.asarray(layer.kernel) for layer in model.layers)
    np.testing.assert_array_equal(read_matrix(network, multiplied[0]), plain.reshape(-1, 3))
    turned = turned[::-1, ::-1].swapaxes(2, 3).reshape(-1, 2)
    np.testing.assert_array_equal(read_matrix(network, multiplied[1]), turned)
    written = np.moveaxis(written, 3, 0).reshape(2, -1)
    np.testing.assert_array_equal(read_matrix(network, multiplied[2]), written)


def test_an_encoder_that_holds_its_decoder_holds_its_kernels_once() -> None:
    config = TrainConfig(latent_dim=4, channels=(4, 6), hidden_units=16)
    encoder, decoder = build_encoder((12, 11, 1), config), build_decoder((12, 11, 1), config)
    for layer in decoder.layers:
        layer.set_weights([np.random.default_rng(0).random(w.shape) for w in layer.get_weights()])
    networks = [describe_network(refine(encoder, decoder, steps=2, hidden_units=8))]
    networks.append(describe_network(decoder))
    once = [array for network in networks for array in network.arrays]
    assert len({(array.shape, array.tobytes()) for array in networks[0].arrays}) == len(
        networks[0].arrays
    )
    of_matrices = [array for array in once if array.ndim == 2]
    keys = {array.tobytes() for array in of_matrices}
    turned = [
        a for a in networks[0].arrays if a.ndim == 2 and a.T.tobytes() in keys and min(a.shape) > 1
    ]
    assert all(array.T.tobytes() == array.tobytes() for array in turned)
    descriptions, packed = pack(networks)
    assert len(packed) <= 4 * sum(array.size for array in networks[0].arrays) + 4 * 11 * 12
    offsets = [{one["offset"] for one in each["arrays"]} for each in descriptions]
    assert offsets[1] <= offsets[0]


def test_packed_arrays_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "EXACT_VALUES", 99)
    model = sequence(layers.Dense(31), layers.Conv2D(5, 1), layers.Dense(40))
    model.layers[0].kernel.assign(1e6 * np.random.default_rng(0).normal(size=(4, 31)))
    model.layers[2].kernel.assign(np.zeros((5, 40)))
    network = describe_network(model)
    (packed_network,), packed = pack([network])
    assert json.loads(json.dumps(packed_network))["steps"] == json.loads(json.dumps(network.steps))
    spans = sorted((one["offset"], one["size"], "scale" in one) for one in packed_network["arrays"])
    ends = [offset + size * (2 if is_half else 4) for offset, size, is_half in spans]
    assert all(offset % 4 == 0 for offset, _, _ in spans)
    assert all(end <= span[0] for end, span in zip(ends, spans[1:], strict=False))
    assert ends[-1] <= len(packed)
    assert {is_half for _, size, is_half in spans if size >= 100} == {True}
    for array, again in zip(network.arrays, unpack(packed_network, packed), strict=True):
        least = 0 if array.size < 100 else np.abs(array).max() / 2**11
        np.testing.assert_allclose(again, array.ravel(), rtol=0, atol=least)


def test_tensors_that_are_needed_together_do_not_overlap() -> None:
    images = keras.Input(SHAPE)
    kept, x = [images], images
    for count in (3, 7, 4):
        x = layers.Conv2D(count, 3, padding="same", activation="tanh")(x)
        kept.append(x)
    joined = layers.Concatenate()([*kept[::-1], layers.Activation("relu")(kept[1])])
    network = describe_network(keras.Model(images, layers.GlobalMaxPooling2D()(joined)))
    last = {number: i for i, step in enumerate(network.steps) for number in step["in"]}
    born = {0: -1} | {step["out"]: i for i, step in enumerate(network.steps)}
    spans = {n: (start, start + size) for n, (start, size) in enumerate(network.places)}
    for a in spans:
        for b in set(spans) - {a}:
            together = born[a] <= born[b] < last.get(a, len(network.steps))
            apart = spans[a][1] + 15 < spans[b][0] + 1 or spans[b][1] + 15 < spans[a][0] + 1
            assert apart or not together, (a, b)
    assert max(end for _, end in spans.values()) < sum(size for _, size in network.places)


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (layers.Lambda(lambda x: 2 * x, name="sampling"), "sampling' of the kind Lambda"),
        (layers.LayerNormalization(axis=1, name="norm"), r"/norm' .* the axis"),
        (layers.GroupNormalization(6, axis=1, name="groups"), r"/groups' .* the axis 1"),
        (layers.Softmax(axis=(1, 2), name="soft"), r"/soft' .* the axes"),
        (layers.Dense(4, activation="glu", name="gate"), r"/gate' .* the activation glu"),
        (
            layers.Conv2D(4, 1, activation=lambda x: x, name="own"),
            r"/own' .* the activation <lambda>",
        ),
    ],
)
def test_what_is_not_known_is_named(layer: keras.Layer, said: str) -> None:
    with pytest.raises(NotPortableError, match=said):
        describe_network(sequence(sequence(layer), layers.Flatten()))


def test_what_is_no_inference_is_named() -> None:
    images = keras.Input(SHAPE)
    noisy = keras.Model(images, layers.Dropout(0.5, name="noise")(images, training=True))
    with pytest.raises(NotPortableError, match=r"'noise' .* more than its input"):
        describe_network(noisy)
    with pytest.raises(NotPortableError, match="2 outputs"):
        describe_network(keras.Model(images, [images, layers.Dense(2)(images)]))


def test_an_open_side_is_refused() -> None:
    model = sequence(layers.Conv2D(2, 3), shape=(None, None, 1))
    with pytest.raises(NotPortableError, match=r"\?x\?x1"):
        describe_network(model)
