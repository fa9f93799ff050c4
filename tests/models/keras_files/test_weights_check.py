from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from conftest import chain
from keras import layers

from latentspace.core import memory
from latentspace.core.errors import InputError
from latentspace.models.keras_files.loading import load_model, load_weights

SECRET = np.arange(12, dtype=np.float32).reshape(4, 3)


def model() -> keras.Model:
    return chain(layers.Dense(3, name="dense"))


@pytest.fixture(params=["a.keras", "a.weights.h5", "a.h5"])
def damaged(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Callable[[Callable[[h5py.Group, str], object]], Path]:
    """Writes a file of weights in each format after something was done to its kernel."""

    def write(damage: Callable[[h5py.Group, str], object]) -> Path:
        path, plain = tmp_path / request.param, tmp_path / "plain.weights.h5"
        trained = model()
        (trained.save if path.name == "a.h5" else trained.save_weights)(
            path if path.name == "a.h5" else plain
        )
        if path.name == "a.h5":
            plain = path
        with h5py.File(plain, "r+") as file:
            places: list[str] = []
            file.visititems(
                lambda name, found: (
                    places.append(name)
                    if isinstance(found, h5py.Dataset) and found.shape == (4, 3)
                    else None
                )
            )
            group, _, name = places[0].rpartition("/")
            parent = file[group]
            del parent[name]
            damage(parent, name)
        if path.suffix == ".keras":
            trained.save(tmp_path / "whole.keras")
            with (
                zipfile.ZipFile(tmp_path / "whole.keras") as whole,
                zipfile.ZipFile(path, "w") as copy,
            ):
                copy.writestr("metadata.json", whole.read("metadata.json"))
                copy.writestr("config.json", whole.read("config.json"))
                copy.write(plain, "model.weights.h5")
        elif path != plain:
            plain.rename(path)
        return path

    return write


def secret_file(folder: Path) -> Path:
    with h5py.File(folder / "secret.h5", "w") as file:
        file["kernel"] = SECRET
    (folder / "secret.bin").write_bytes(SECRET.tobytes())
    return folder / "secret.h5"


def bomb(group: h5py.Group, name: str) -> None:
    group.create_dataset(name, (2**20, 2**20), "f4", chunks=(64, 64), compression="gzip")


def virtual(group: h5py.Group, name: str, source: Path) -> None:
    layout = h5py.VirtualLayout((4, 3), "f4")
    layout[:] = h5py.VirtualSource(str(source), "kernel", (4, 3))
    group.create_virtual_dataset(name, layout)


def itself(group: h5py.Group, name: str) -> None:
    group[name] = SECRET
    group.file["round"] = group.file["/"]
    group.file["again"] = group[name]


HOSTILE: dict[str, tuple[Callable[[h5py.Group, str, Path], object], str]] = {
    "link to another file": (
        lambda group, name, secret: group.__setitem__(name, h5py.ExternalLink(secret, "kernel")),
        "file with ExternalLink",
    ),
    "link to a group of another file": (
        lambda group, name, secret: group.__setitem__(name, h5py.ExternalLink(secret, "/")),
        "file with ExternalLink",
    ),
    "soft link": (
        lambda group, name, secret: group.__setitem__(name, h5py.SoftLink("/elsewhere")),
        "file with SoftLink",
    ),
    "values in another file": (
        lambda group, name, secret: group.create_dataset(
            name, (4, 3), "f4", external=[(secret.with_suffix(".bin"), 0, 48)]
        ),
        "file with external Dataset",
    ),
    "values mapped from another file": (virtual, "file with virtual Dataset"),
    "huge and never written": (lambda group, name, secret: bomb(group, name), "needs 4.4 TB"),
    "huge beside the weights": (
        lambda group, name, secret: [group.__setitem__(name, SECRET), bomb(group, "more")],
        "needs 4.4 TB",
    ),
    "text of any length": (
        lambda group, name, secret: group.create_dataset(name, (4, 3), h5py.string_dtype()),
        "Received: .*no numbers",
    ),
    "references": (
        lambda group, name, secret: group.create_dataset(name, (4, 3), h5py.ref_dtype),
        "Received: .*no numbers",
    ),
    "rows of any length": (
        lambda group, name, secret: group.create_dataset(name, (4,), h5py.vlen_dtype("f4")),
        "Received: .*no numbers",
    ),
    "records": (
        lambda group, name, secret: group.create_dataset(name, (4, 3), [("a", "f4")]),
        "Received: .*no numbers",
    ),
    "a type": (
        lambda group, name, secret: group.__setitem__(name, np.dtype("f4")),
        "expected Dataset",
    ),
    "nothing": (lambda group, name, secret: None, "can't be"),
    "an empty dataset": (
        lambda group, name, secret: group.create_dataset(name, dtype="f4"), "can't be",
    ),
    "a group": (lambda group, name, secret: group.create_group(name), "can't be"),
    "another shape": (
        lambda group, name, secret: group.create_dataset(name, data=SECRET.T), "can't be",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_weights_elsewhere_or_of_no_size_are_refused(tmp_path: Path, damaged, kind: str) -> None:
    damage, message = HOSTILE[kind]
    secret = secret_file(tmp_path)
    path = damaged(lambda group, name: damage(group, name, secret))
    fresh = model()
    before = fresh.get_weights()
    with pytest.raises(InputError, match=message) as caught:
        load_weights(fresh, path)
    assert str(caught.value).isprintable()
    assert not any(np.array_equal(SECRET, weight) for weight in fresh.get_weights())
    if message.startswith(("needs", "Received")):  # refused before Keras changes anything
        for ours, old in zip(fresh.get_weights(), before, strict=True):
            np.testing.assert_array_equal(ours, old)
    if path.suffix == ".keras":
        with pytest.raises(InputError, match=message):
            load_model(path)


def test_a_group_that_holds_itself_is_looked_at_once(damaged) -> None:
    path, fresh = damaged(itself), model()
    load_weights(fresh, path)
    np.testing.assert_array_equal(fresh.get_weights()[0], SECRET)


def test_half_precision_is_numbers(tmp_path: Path) -> None:
    trained = chain(layers.Dense(3, dtype="bfloat16"))
    trained.save(tmp_path / "half.keras")
    assert load_model(tmp_path / "half.keras").layers[0].kernel.dtype == "bfloat16"


@pytest.mark.parametrize("name", ["a.weights.h5", "a.h5"])
def test_truncated_weights_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    trained, fresh = model(), model()
    (trained.save if name == "a.h5" else trained.save_weights)(path)
    whole = path.read_bytes()
    for length in range(0, len(whole) - 1, len(whole) // 40):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError) as caught:
            load_weights(fresh, path)
        assert str(caught.value).isprintable()


def test_weights_that_do_not_fit_into_memory_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.weights.h5"
    model().save_weights(path)
    monkeypatch.setattr(memory, "measure_available", lambda: 59)
    with pytest.raises(InputError, match=r"reading the weights in .* needs 60 bytes of memory"):
        load_weights(model(), path)


def test_an_attribute_larger_than_keras_writes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.weights.h5"
    model().save_weights(path)
    with h5py.File(path, "r+", libver="latest") as file:
        file.create_group("more").attrs["long"] = np.zeros(70_000, np.uint8)
    with pytest.raises(InputError, match="an attribute of more that is larger than any"):
        load_weights(model(), path)
