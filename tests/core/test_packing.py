from __future__ import annotations

import numpy as np

from latentspace.core.packing import EXACT_VALUES, Blob


def read(blob: Blob, place: dict) -> np.ndarray:
    kind = "<i2" if "step" in place else "<f2" if "scale" in place else "<f4"
    values = np.frombuffer(blob.data, kind, place["size"], place["offset"]).astype(float)
    return values * place.get("scale", 1)


def test_small_arrays_are_exact_and_large_ones_nearly() -> None:
    rng = np.random.default_rng(0)
    blob = Blob(b"head")
    small = rng.normal(size=7).astype(np.float32)
    large = 1e6 * rng.normal(size=EXACT_VALUES + 1).astype(np.float32)
    places = [blob.add(small), blob.add(large), blob.add(large, exact=True)]
    assert [place["offset"] % 4 for place in places] == [0, 0, 0]
    np.testing.assert_array_equal(read(blob, places[0]), small)
    np.testing.assert_allclose(read(blob, places[1]), large, atol=np.abs(large).max() * 5e-4)
    np.testing.assert_array_equal(read(blob, places[2]), large)
    assert blob.data[:4] == b"head"


def test_equal_arrays_lie_there_once() -> None:
    blob = Blob()
    first = blob.add(np.arange(5))
    size = len(blob.data)
    assert blob.add(np.arange(5)) == first
    assert len(blob.data) == size
    assert blob.add(np.arange(1, 6)) != first


def test_columns_keep_sixteen_bits_between_their_ends() -> None:
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(50, 3)) * [1, 1e-4, 0] + [5, 0, 2]
    blob = Blob()
    place = blob.add_columns(codes)
    counted = read(blob, place).reshape(50, 3)
    found = np.array(place["middle"]) + counted * np.array(place["step"])
    spans = codes.max(axis=0) - codes.min(axis=0)
    assert (np.abs(found - codes).max(axis=0) <= 1e-5 * spans + 1e-12).all()


def test_an_array_of_zeros_is_one() -> None:
    blob = Blob()
    assert not read(blob, blob.add(np.zeros(EXACT_VALUES + 1))).any()
