"""Damaged files are given to everything that reads a file: each is read, or refused in one line.

A few good files of each kind are made and damaged: bytes are turned, cut out, put in, repeated,
replaced by numbers at the ends of their range or by words that mean something, two files are
spliced; half of the time inside an archive, whose checksums are then right. The same number gives
the same file. Each has to be read, or refused by an InputError of one printable line, within
seconds and 512 MB.

    pytest tests/robustness/test_fuzz.py --budget full -s
"""

from __future__ import annotations

import gzip
import io
import json
import resource
import signal
import struct
import tempfile
import time
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from conftest import PROJECT
from PIL import Image

from latentspace.chapters.calculate.expressions import parse_expression
from latentspace.core.errors import InputError
from latentspace.core.provenance import hash_file
from latentspace.datasets import ReadOptions, load_dataset
from latentspace.datasets.attributes import read_attribute_table
from latentspace.datasets.dataset import index_classes
from latentspace.datasets.folder import find_images
from latentspace.datasets.idx import read_idx
from latentspace.datasets.layout import arrange
from latentspace.datasets.pictures import inspect_picture, open_picture, read_file
from latentspace.models.keras_files.loading import load_model, load_weights
from latentspace.models.runs import find_run

INPUTS = {"small": 200, "full": 20_000}  # of each kind
MOST_SECONDS = 1.0
MOST_SECONDS_OF_KERAS = 5.0
MOST_BYTES = 512 << 20
IN_MEMORY = "/dev/shm"  # where files are written fast
HANGING = 20  # seconds after which an input is given up
NUMBERS = [
    struct.pack(order + kind, value)
    for order in "<>"
    for kind, bits in (("B", 8), ("H", 16), ("I", 32), ("Q", 64))
    for value in (0, 1, 2 ** (bits - 1) - 1, 2 ** (bits - 1), 2**bits - 1)
]
WORDS = [
    *(b"-1", b"0", b"1e999", b"NaN", b"9" * 40, b"9" * 5000, b"null", b"true", b"{}", b"[]", b'""'),
    *(b"(", b")", b",", b"\n", b"\0", b"\x1b[31m", b"\xff\xfe", b"../../", b"/etc/passwd", b"<b>"),
    *("\u202e".encode(), "²".encode(), b"class:", b"function", b"__lambda__", b"__tensor__"),
    *(b"keras.src.layers", b"os", b"|O", b"<U0", b"<f8", b"'''", b"[" * 3000, b"PK\x01\x02"),
]


@dataclass(frozen=True)
class Target:
    """Something that reads files.

    Attributes:
        name: What it is called.
        path: Of the file that it is given.
        seeds: Good files.
        read: Reads a file; gives what was read, or raises an InputError.
        mended: Damages the inside of a file by a function, so that its checksums stay right.
        of_keras: Whether Keras reads it, which takes longer.
    """

    name: str
    path: Path
    seeds: list[bytes]
    read: Callable[[Path], object]
    mended: Callable[[bytes, Callable[[bytes], bytes]], bytes] | None = None
    of_keras: bool = False


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Target]]:
    """All that is fuzzed, by name."""
    fast = IN_MEMORY if Path(IN_MEMORY).is_dir() else None
    with tempfile.TemporaryDirectory(dir=fast) as folder:
        yield {target.name: target for target in targets(Path(folder))}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["idx", "idx, packed", "npz", "expression", "class names", "labels.csv", "attributes.csv",
     "layout", "image files", ".keras", ".weights.h5", "run.json"],
)  # fmt: skip
def test_damaged_files_are_read_or_refused_in_one_line(
    made: dict[str, Target], name: str, budget: str
) -> None:
    give_damaged_files(made[name], INPUTS[budget])


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_damaged_models_of_keras_2_are_read_or_refused_in_one_line(
    old: Path, tmp_path: Path, ending: str, budget: str
) -> None:
    seeds = [(old / f"{name}{ending}").read_bytes() for name in ("sequential", "functions")]
    mended = in_archive if ending == ".keras" else None
    target = Target(
        f"Keras 2, {ending}", tmp_path / f"m{ending}", seeds, load_model, mended, of_keras=True
    )
    give_damaged_files(target, INPUTS[budget] // 4)


def give_damaged_files(target: Target, inputs: int) -> None:
    """Fails where one of so many damaged files is neither read nor refused."""
    accepted, failures = 0, []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(inputs):
            target.path.write_bytes(damaged(target, np.random.default_rng([0, number])))
            problem, was_read = problem_with(target)
            accepted += was_read
            if problem:
                failures.append(f"input {number}: {problem}")
    refused = inputs - accepted - len(failures)
    print(f"{target.name}: {inputs:,} files, {accepted:,} read, {refused:,} refused in one line")
    assert not failures, "\n".join(failures[:10])


def problem_with(target: Target) -> tuple[str, bool]:
    """What is wrong with how a file is dealt with, "" for nothing; and whether it was read."""

    def give_up(*_: object) -> None:
        raise TimeoutError(f"more than {HANGING} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(HANGING)
    problem, was_read = "", False
    peak, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    try:
        target.read(target.path)
        was_read = True
    except InputError as error:
        if not str(error).isprintable():
            problem = f"an unprintable message: {str(error)!r}"
    except BaseException as error:  # anything that comes is what is looked for
        problem = f"{type(error).__name__}: {error}"
        if isinstance(error, KeyboardInterrupt):
            raise
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    taken = time.process_time() - began
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) << 10
    if not problem and taken > (MOST_SECONDS_OF_KERAS if target.of_keras else MOST_SECONDS):
        problem = f"took {taken:.1f} s"
    if not problem and more > MOST_BYTES:
        problem = f"took {more >> 20} MB"
    return problem, was_read and not problem


def damaged(target: Target, rng: np.random.Generator) -> bytes:
    """One of a target's good files, damaged once or a few times."""

    def damage(data: bytes) -> bytes:
        for _ in range(rng.integers(1, 5)):
            data = damaged_once(data, target.seeds, rng)
        return data

    whole = target.seeds[rng.integers(len(target.seeds))]
    if target.mended is not None and rng.random() < 0.5:
        return target.mended(whole, lambda data: damage(data) if rng.random() < 0.5 else data)
    return damage(whole)


def damaged_once(data: bytes, others: list[bytes], rng: np.random.Generator) -> bytes:
    start, stop = sorted(rng.integers(0, len(data) + 1, 2).tolist())
    short = start + int(rng.integers(1, 9))
    kind = rng.integers(9)
    if kind == 0:  # turns bits
        place = min(start, len(data) - 1)
        return (
            data[:start]
            + bytes([data[place] ^ 1 << int(rng.integers(8))] if data else b"")
            + (data[start + 1 :])
        )
    if kind == 1:  # ends early
        return data[:stop]
    if kind == 2:  # lacks a part
        return data[:start] + data[short:]
    if kind == 3:  # random bytes
        return data[:start] + rng.bytes(short - start) + data[short:]
    if kind == 4:  # a number at an end of its range
        value = NUMBERS[rng.integers(len(NUMBERS))]
        return data[:start] + value + data[start + len(value) :]
    if kind == 5:  # a word more
        return data[:start] + WORDS[rng.integers(len(WORDS))] + data[start:]
    if kind == 6:  # a word in place of what was there
        return data[:start] + WORDS[rng.integers(len(WORDS))] + data[short:]
    if kind == 7:  # a part many times
        return data[:stop] + data[start:stop][:64] * int(rng.integers(1, 50)) + data[stop:]
    other = others[rng.integers(len(others))]
    return data[:start] + other[int(rng.integers(len(other) + 1)) :]


def targets(folder: Path) -> list[Target]:
    """All that is fuzzed; what they need beside the file is made in a folder."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (8, 5, 4), dtype=np.uint8)
    labels = np.arange(8, dtype=np.uint8) % 2
    idx = [idx_bytes(array) for array in (images, labels, images[..., None])]
    npz = [
        npz_bytes(compress, **arrays)
        for compress in (False, True)
        for arrays in (
            {"x_train": images, "y_train": labels, "x_test": images, "y_test": labels},
            {"pictures": images / 255, "names": np.array(["a", "bc"] * 4)},
            {"colour": rng.random((4, 3, 5, 5)).astype(np.float32) * 2 - 1},
            {"x": images, "y": labels, "age": labels * 3.5, "pose": np.array(["a", "bc"] * 4)},
        )
    ]
    pictures = folder / "pictures"
    pictures.mkdir()
    for number in range(4):
        Image.new("L", (5, 4), number).save(pictures / f"{number}.png")
    run, facts = small_run(folder)
    small_network().save_weights(folder / "good.weights.h5")
    small_network().save(folder / "good.h5")
    weights = [(folder / name).read_bytes() for name in ("good.weights.h5", "good.h5")]
    names = "\n".join(["a", "s1", "s2", "s10", "ä", "x" * 40, "1", "01"]).encode()
    return [
        Target("idx", folder / "images", idx, read_idx),
        Target("idx, packed", folder / "images.gz", [gzip.compress(data) for data in idx], read_idx,
               lambda data, damage: gzip.compress(damage(gzip.decompress(data)), 1)),
        Target("npz", folder / "data.npz", npz, lambda path: load_dataset(str(path)), in_archive),
        Target("expression", folder / "text",
               [b"12 - class:1 + 0.5*class:7", b"3 + 2*wide - my/7.png"],
               lambda path: parse_expression(path.read_text("utf-8", "replace"))),
        Target("class names", folder / "names", [names], lambda path: index_classes(
            path.read_text("utf-8", "surrogateescape").split("\n"))),
        Target("labels.csv", folder / "labels.csv", [b"file,label\n0.png,a\n1.png,b\n2.png,a\n",
                                            b'\xef\xbb\xbf0.png,"a,b"\r\n./1.png,2\r\n3.png,2',
                                            b"id;w;h;breed\n0;1;2;a\n1;1;2;b\n",
                                            "image,x,y\n0,1,0\n1,0,1\n".encode("utf-16")],
               lambda path: find_images(pictures, ReadOptions(labels=str(path)))),
        Target("attributes.csv", folder / "attributes.csv",
               [b"file,smile,pose,age\n0.png,1,left,3\n1.png,,up,4.5\n2.png,0,left,8\n3.png,1,up,9\n",
                b"\xef\xbb\xbfsmile;who\r\nyes;a\r\nno;?\r\nyes;b\r\n",
                b"3\nsmile pose \n0.jpg -1  1\n1.jpg  1 -1\n2.jpg -1 -1\n",
                'id\t"two\nlines"\n0\t-1,5\n1\t1\n2\tNA\n'.encode("utf-16")],
               lambda path: (path.stat().st_size % 2 and read_attribute_table(path, 3),
                             find_images(pictures, ReadOptions(attributes_file=str(path))))),
        Target("layout", folder / "paths", [b"train/a/0.png\nval/a/1.png\ntest/b/2.png",
                                            b"set/images/0.png\nset/masks/0.png\n1.png"],
               lambda path: arrange([(*line.split("/"), "0.png") for line in path.read_text(
                   "utf-8", "replace").split("\n")])),
        Target("image files", folder / "image", image_files(), read_picture, in_png),
        Target(".keras", folder / "model.keras",
               [(run / "encoder.keras").read_bytes(), convolutions()],
               load_model, in_archive, of_keras=True),
        Target(".weights.h5", folder / "model.weights.h5", weights,
               lambda path: load_weights(small_network(), path), of_keras=True),
        Target("run.json", folder / "run/run.json", [facts], lambda _: find_run(str(run), folder)),
    ]  # fmt: skip


def read_picture(path: Path) -> object:
    data = read_file(path)
    inspect_picture(data)
    return [open_picture(data, channels, draft=8) for channels in (1, 3)]


def small_network() -> keras.Model:
    return keras.Sequential(
        [keras.Input((5, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2, name="codes")]
    )


def idx_bytes(array: np.ndarray) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def npz_bytes(compress: bool, **arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    (np.savez_compressed if compress else np.savez)(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def image_files() -> list[bytes]:
    made = []
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (12, 9, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    options: dict[str, dict[str, Any]] = {"JPEG": {"exif": exif}, "PNG": {"exif": exif}}
    for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "ICO", "TGA", "PCX", "SGI"):
        for mode in ("RGB", "L", "P"):
            buffer = io.BytesIO()
            try:
                picture.convert(mode).save(buffer, kind, **options.get(kind, {}))
            except (OSError, ValueError):  # not every format has every mode
                continue
            made.append(buffer.getvalue())
    return made


def small_run(folder: Path) -> tuple[Path, bytes]:
    """A folder with two small networks, and the run.json that goes with them."""
    run = folder / "run"
    run.mkdir()
    encoder = small_network()
    decoder = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(20), keras.layers.Reshape((5, 4, 1))]
    )
    encoder.save(run / "encoder.keras")
    decoder.save(run / "decoder.keras")
    shipped = PROJECT / "models" / "mnist-best" / "run.json"
    facts = json.loads(shipped.read_text())
    facts.update(image_shape=[5, 4, 1], latent_dim=2)
    facts["sha256"] = {name: hash_file(run / name) for name in ("encoder.keras", "decoder.keras")}
    return run, json.dumps(facts, indent=2).encode()


def convolutions() -> bytes:
    """A model with more than dense layers in its description."""
    images = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(2, 3, activation="silu", kernel_regularizer="l2")(images)
    x = keras.layers.BatchNormalization()(x) * 0.5 + 1.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.keras")
        keras.Model(images, keras.layers.GlobalAveragePooling2D()(x)).save(path)
        return path.read_bytes()


def in_archive(data: bytes, damage: Callable[[bytes], bytes]) -> bytes:
    """Damages files in a ZIP archive, now and then also their names."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(buffer, "w") as copy:
        for member in source.infolist():
            content = source.read(member)
            changed = damage(content)
            name = member.filename
            if len(changed) % 16 == 0 and changed != content:
                name = damage(name.encode()).decode("utf-8", "replace").replace("\0", "")
            copy.writestr(name or "x", changed, member.compress_type)
    return buffer.getvalue()


def in_png(data: bytes, damage: Callable[[bytes], bytes]) -> bytes:
    """Damages what is in the parts of a PNG file; other files as they are."""
    if not data.startswith(b"\x89PNG"):
        return damage(data)
    parts, place = [data[:8]], 8
    while place < len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        kind, content = data[place + 4 : place + 8], damage(data[place + 8 : place + 8 + length])
        checksum = zlib.crc32(kind + content)
        parts.append(struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum))
        place += 12 + length
    return b"".join(parts)
