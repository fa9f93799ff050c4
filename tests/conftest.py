"""Small data, and one small trained run, that several tests share."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import importlib
import io
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from playwright.sync_api import Browser

os.environ.pop("LATENTSPACE_DATA", None)  # what a person has set must not change a test
_worker = os.environ.get("PYTEST_XDIST_WORKER")
if _worker and hasattr(os, "sched_setaffinity"):  # threads of two workers would wait in turns
    _cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {_cores[int(_worker.removeprefix("gw")) % len(_cores)]})

import hypothesis
import keras
import numpy as np
import pytest

import config
from config import TrainConfig, VisualizeConfig
from latentspace.analysis import clustering, neighborhoods, projection, scores, tsne
from latentspace.chapters.attributes import sweeps
from latentspace.chapters.calculate import arithmetic
from latentspace.chapters.clusters import measure as clusters
from latentspace.chapters.clusters import partitions
from latentspace.chapters.interpolate import measure as interpolation
from latentspace.chapters.study import Study
from latentspace.core.errors import InputError, warn_once
from latentspace.core.pixels import to_uint8
from latentspace.core.provenance import hash_content
from latentspace.datasets import ImageDataset
from latentspace.models import portable
from latentspace.models.snapshots import Snapshots

# The same examples in every run, and no folder left in the checkout.
os.environ.setdefault(
    "HYPOTHESIS_STORAGE_DIRECTORY", str(Path(tempfile.gettempdir(), "hypothesis"))
)
hypothesis.settings.register_profile(
    "project", deadline=None, derandomize=True, database=None, print_blob=False
)
hypothesis.settings.load_profile("project")

# Keras collects garbage where a model can't be loaded: what libraries hold need not be looked at.
gc.freeze()

PROJECT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--budget",
        choices=("small", "full"),
        default="small",
        help="how many damaged files and kills tests/robustness tries: full takes an hour or two",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What shares something slow goes to one worker, and what is slow comes first."""
    for item in items:
        for name in {"trained", "old"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.xdist_group(name))
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def budget(request: pytest.FixtureRequest) -> str:
    return request.config.getoption("--budget")


TINY_SHAPE = (14, 11)  # neither side is divisible by four
HOSTILE_NAMES = (  # as folders and labels may have them
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'); alert(1); ('",
    "<!-- <script>",
    "$\\frac{",
    "$x$",
    "%(s)s {0} {{ ${heading} $$",
    "a\tb\nc",
    "\x1b[31mred",
    "\u202edlrow\u2028",
    "a" * 255,
    "\N{GRINNING FACE}",
    "Z\u0351\u0343\u0357a\u0352\u0348l\u0349g\u034ao",
    "_hidden",
    "   ",
    "",
    "../..",
    "CON",
)


def tiny_arrays(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Bars: upright, lying and slanted ones, uint8 (count, 14, 11), with their classes."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    ys, xs = np.mgrid[: TINY_SHAPE[0], : TINY_SHAPE[1]]
    normals = np.array([(0.0, 1.0), (1.0, 0.0), (0.7, 0.7)])[labels]
    centres = np.array([6.5, 5.0]) + rng.uniform(-2.5, 2.5, (count, 2))
    distance = normals[:, :1, None] * (ys - centres[:, :1, None]) + normals[:, 1:, None] * (
        xs - centres[:, 1:, None]
    )
    thickness = rng.uniform(1.0, 2.0, (count, 1, 1))
    images = np.exp(-((distance / thickness) ** 2))
    return np.rint(images * 255).astype(np.uint8), labels.astype(np.int64)


def call_or_none(call: Callable, *arguments: object) -> Any:
    """What a call gives; None where it refuses its input, which has to be said in one line."""
    try:
        return call(*arguments)
    except InputError as error:
        said = str(error)
    assert said.strip()
    assert said.isprintable(), said
    return None


def small_training(**options: Any) -> TrainConfig:
    """A small network, trained for a few epochs in batches of eight."""
    network = {"latent_dim": 4, "channels": (4, 6), "hidden_units": 16, "augment": 0.5, "seed": 3}
    epochs = {"epochs": 4, "refine_epochs": 3, "refine_steps": 2, "batch_size": 8, "quiet": True}
    return TrainConfig(**{**network, **epochs, "learning_rate": 5e-3, **options})


def start_facts(data: ImageDataset) -> dict[str, Any]:
    """What a training of its own keeps in its checkpoint."""
    return {"settings": {"note": "kept"}, "dataset": data.facts}


@pytest.fixture(scope="session")
def tiny() -> ImageDataset:
    """120 training and 60 test images of three classes, which no test may change."""
    train, test = tiny_arrays(120, seed=0), tiny_arrays(60, seed=1)
    for array in (*train, *test):
        array.flags.writeable = False
    return ImageDataset(
        name="bars",
        source=None,
        train_pixels=train[0][..., None],
        test_pixels=test[0][..., None],
        train_labels=train[1],
        test_labels=test[1],
        class_names=("upright", "lying", "slanted"),
    )


@pytest.fixture(scope="session")
def tiny_npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same images as an .npz file in Keras' layout."""
    path = tmp_path_factory.mktemp("data") / "bars.npz"
    train, test = tiny_arrays(120, seed=0), tiny_arrays(60, seed=1)
    np.savez(path, x_train=train[0], y_train=train[1], x_test=test[0], y_test=test[1])
    return path


def chain(*inner: keras.layers.Layer) -> keras.Sequential:
    return keras.Sequential([keras.Input((4,)), *inner])


def rewrite(path: Path, change: Callable[[dict], object]) -> Path:
    """A copy of a .keras file whose config was changed."""
    target = path.with_name(f"changed_{path.name}")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as copy:
        for name in source.namelist():
            data = source.read(name)
            if name == "config.json":
                config = json.loads(data)
                change(config)
                data = json.dumps(config).encode()
            copy.writestr(name, data)
    return target


class Killed(BaseException):
    """The process is dead from here on."""


def kill_at(monkeypatch: pytest.MonkeyPatch, call: int) -> None:
    """Lets a process die at its n-th call (from 0) that changes the file system.

    Nothing that comes after it changes anything any more, not even what would tidy up.
    """
    calls = 0

    def kill(name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def called(*args: Any, **kwargs: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls > call:
                raise Killed
            return real(*args, **kwargs)

        return called

    for name in ("replace", "unlink", "rename", "rmdir", "mkdir", "chmod", "fsync"):
        monkeypatch.setattr(os, name, kill(name))


@dataclass
class LinearRun:
    """Stands in for a trained run: codes are coordinates in an orthonormal basis."""

    image_shape: tuple[int, int, int]
    latent_dim: int = 8
    name: str = "linear"
    model_hash: str = "linear"
    decoder_bytes: int = 5000
    files: tuple[str, str] = ("encoder.keras", "decoder.keras")
    is_imported: bool = False
    history_unavailable: str | None = None
    warning: str | None = None
    codes: dict | None = None
    lacks: dict = field(default_factory=dict)
    snapshots_unavailable: str | None = "a stand-in was not trained"
    facts: dict = field(
        default_factory=lambda: {
            "dataset": {"hash": "none"},
            "settings": {"validation_split": 0.1, "seed": 0},
            "scores": {},
        }
    )
    calls: list[tuple[str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        size = int(np.prod(self.image_shape))
        random = np.random.default_rng(0).normal(size=(size, self.latent_dim))
        self.basis = np.linalg.qr(random)[0].astype(np.float32)

    @property
    def title(self) -> str:
        return f"run {self.name}"

    @property
    def hash(self) -> str:
        return hash_content(self.name, self.model_hash, json.dumps(self.facts))

    def read_kept(self, name: str) -> None:
        """It has none, as runs that were imported."""

    def describe_networks(self) -> tuple[list[dict[str, Any]], bytes]:
        """As `Run.describe_networks`."""
        images, codes = keras.Input(self.image_shape), keras.Input((self.latent_dim,))
        to_code = keras.layers.Dense(self.latent_dim, use_bias=False)
        to_image = keras.layers.Dense(math.prod(self.image_shape), use_bias=False)
        flat = keras.layers.Flatten()(images)
        encoder = keras.Model(images, to_code(flat))
        decoder = keras.Model(codes, keras.layers.Reshape(self.image_shape)(to_image(codes)))
        to_code.set_weights([self.basis])
        to_image.set_weights([self.basis.T])
        return portable.pack([portable.describe_network(each) for each in (encoder, decoder)])

    def encode(self, images: np.ndarray, on_batch: object = None) -> np.ndarray:
        self.calls.append(("encode", len(images)))
        return np.asarray(images).reshape(len(images), -1) @ self.basis

    def decode(self, codes: np.ndarray, on_batch: Any = None) -> np.ndarray:
        self.calls.append(("decode", len(codes)))
        return np.clip(codes @ self.basis.T, 0, 1).reshape(len(codes), *self.image_shape)


@pytest.fixture
def linear_run(tiny: ImageDataset) -> LinearRun:
    return LinearRun(tiny.image_shape)


@pytest.fixture(scope="session")
def faces() -> ImageDataset:
    """700 training and 200 test images with attributes, which no test may change."""
    from faces import make_faces  # which imports this

    return make_faces()


@pytest.fixture(scope="session")
def principal_run(faces: ImageDataset) -> LinearRun:
    """A model of the faces."""
    from faces import make_principal_run

    return make_principal_run(faces)


MOMENTS = 5
WATCHED = np.arange(3, 120, 2)  # of the training images


class Filmed(LinearRun):
    """A linear model whose codes came out of noise, little by little."""

    film: Snapshots

    def read_snapshots(self) -> Snapshots:
        return self.film


def make_filmed(data: ImageDataset, watched: np.ndarray = WATCHED) -> Filmed:
    run = Filmed(data.image_shape, snapshots_unavailable=None)
    run.facts["dataset"]["hash"] = data.hash
    images = data.train_images[watched]
    codes = run.encode(images)
    noise = np.random.default_rng(0).normal(size=(MOMENTS, *codes.shape)) * codes.std()
    learned = np.linspace(0, 1, MOMENTS)[:, None, None]
    codes = learned * codes + (1 - learned) * noise
    drawn = np.stack([run.decode(each.astype(np.float32)) for each in codes])
    run.film = Snapshots(
        indices=watched,
        originals=to_uint8(images[:6]),
        steps=np.array([0, 1, 2, 5, 10]),
        epochs=np.array([0, 0.1, 0.2, 0.5, 1]),
        images_seen=np.array([0, 8, 16, 40, 80]),
        errors=np.array([scores.squared_errors(images, each).mean() for each in drawn]),
        reconstructions=to_uint8(drawn[:, :6]),
        codes=codes.astype(np.float16),
    )
    return run


@dataclass
class StandInClassifier:
    """What is known of a classifier that was not trained."""

    facts: dict = field(
        default_factory=lambda: {
            "sha256": "stand-in",
            "balanced_accuracy": 1.0,
            "balanced_accuracy_interval": [0.9, 1.0],
            "chance": 1 / 3,
        }
    )
    unfit: str | None = None


class AngleClassifier(StandInClassifier):
    """Tells the bars apart by their moments."""

    def predict_probabilities(self, images: np.ndarray) -> np.ndarray:
        ys, xs = (grid.ravel() for grid in np.mgrid[: images.shape[1], : images.shape[2]])
        ink = images.reshape(len(images), -1) + 1e-9
        ink = ink / ink.sum(axis=1, keepdims=True)
        ys, xs = (grid - (ink @ grid)[:, None] for grid in (ys, xs))
        spread_y, spread_x, both = ((ink * part).sum(axis=1) for part in (ys**2, xs**2, xs * ys))
        likes = np.stack([spread_y - spread_x, spread_x - spread_y, 2 * np.abs(both)], axis=1)
        weights = np.exp(likes - likes.max(axis=1, keepdims=True))
        return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


class StopTrainingAfter(keras.callbacks.Callback):
    def __init__(self, epoch: int, error: type[BaseException]) -> None:
        super().__init__()
        self.epoch, self.error = epoch, error

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        if epoch == self.epoch:
            raise self.error


def stop_fit_after(monkeypatch: pytest.MonkeyPatch, epoch: int, error: type[BaseException]) -> None:
    original = keras.Model.fit

    def stopped(self, *args, callbacks, **kwargs):
        return original(
            self, *args, callbacks=[*callbacks, StopTrainingAfter(epoch, error)], **kwargs
        )

    monkeypatch.setattr(keras.Model, "fit", stopped)


SETTINGS = VisualizeConfig(perplexity=8.0, pairs=5, frames=7, samples=None)


def make_study(
    run: LinearRun,
    data: ImageDataset,
    cache: Path | None = None,
    *,
    with_classifier: bool = False,
    thorough: bool = True,
    **settings: Any,
) -> Study:
    """A study of a stand-in run, with a stand-in classifier where one is asked for."""
    chosen = dataclasses.replace(SETTINGS, **settings)
    subject = Study(run, data, chosen, thorough=thorough, cache_dir=cache)
    if with_classifier:
        subject.trained_classifier = AngleClassifier()
        subject._models_dir = Path()  # where classifiers would be; this one was never there
    return subject


FEW = {  # of what is measured by the hundred
    interpolation: {"SCORED_PAIRS": 20},
    arithmetic: {"SCORED_IMAGES": 20},
    sweeps: {"SCORED_IMAGES": 20, "CALIBRATION_IMAGES": 20, "MEASURED_IMAGES": 200},
    clusters: {"SEEDS": 2},
    partitions: {"COPIES": 1},
    clustering: {"MANIFOLD_EPOCHS": 10},
}


def measure_few(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, numbers in FEW.items():
        for name, value in numbers.items():
            monkeypatch.setattr(module, name, value)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves out UMAP, which takes its time, shortens t-SNE, and measures few."""
    measure_few(monkeypatch)
    short = tuple(dataclasses.replace(phase, iterations=20) for phase in tsne.EXACT)
    for schedule in ("EXACT", "FOLLOWING"):
        monkeypatch.setattr(tsne, schedule, short)
    monkeypatch.setattr(projection, "count_cores", lambda: 1)  # several: never the same twice
    monkeypatch.setattr(
        clustering, "reduce_dimensions", lambda vectors, graph, seed: vectors[:, :3]
    )
    projectors = projection.PROJECTORS
    monkeypatch.setattr(projection, "PROJECTORS", {**projectors, "umap": projectors["pca"]})
    monkeypatch.setattr(neighborhoods, "RESAMPLES", 20)


def run_script(
    *arguments: str | Path, cwd: Path, code: int = 0, process: bool = False, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Runs a script of the project as a person would, and checks its exit code.

    Args:
        *arguments: The script and what follows it.
        cwd: The folder in which it is run.
        code: The exit code to expect.
        process: Run it in a process of its own, as loading the libraries takes; else in this one.
        **environment: More variables of the environment.
    """
    script, *rest = (str(argument) for argument in arguments)
    environment = {"LATENTSPACE_CACHE": str(cwd / "cache"), **environment}
    if process:
        result = subprocess.run(
            [sys.executable, str(PROJECT / script), *rest],
            cwd=cwd,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
    else:
        result = _run_here(script, rest, cwd, environment)
    assert result.returncode == code, result.stdout + result.stderr
    assert "Traceback" not in result.stderr, result.stderr
    return result


_SMALL = "--quiet --samples 40 --perplexity 5 --pairs 2 --frames 4"
VISUALIZE_OWN = tuple(_SMALL.split())


def visualize_own(
    folder: Path, outputs: Path, *arguments: str, code: int = 0, process: bool = False
) -> subprocess.CompletedProcess[str]:
    """Runs visualize.py on a person's own model in a folder, all that it makes in another."""
    return run_script(
        "visualize.py",
        *("--models-dir", outputs / "models", "--outputs-dir", outputs),
        *(*VISUALIZE_OWN, *arguments),
        cwd=folder,
        code=code,
        process=process,
    )


def check_refusal(folder: Path, outputs: Path, own: Sequence[str], message: str) -> None:
    """A person's own model on data.npz: one line says what is wrong, and nothing is drawn."""
    result = visualize_own(folder, outputs, *own, "--dataset", "data.npz", code=2)
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not list(outputs.rglob("*.png"))


def _run_here(
    script: str, arguments: list[str], cwd: Path, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Runs a script in this process, which has loaded the libraries already."""
    module = importlib.import_module(script.removesuffix(".py"))
    registered = keras.saving.get_custom_objects()
    before = set(registered)
    printed, said = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(cwd)
        patch.setattr(sys, "argv", [script, *arguments])
        for name, value in environment.items():
            patch.setenv(name, value)
        warn_once.cache_clear()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(said):
            try:
                code = config.run_script(module.main, user_errors=(InputError, OSError))
            except SystemExit as end:
                code = int(end.code or 0)
    for name in set(registered) - before:  # layers of a person's own end with the process
        if not registered[name].__module__.startswith("latentspace."):
            del registered[name]
    return subprocess.CompletedProcess(
        [script, *arguments], code, printed.getvalue(), said.getvalue()
    )


@dataclass(frozen=True)
class Trained:
    """A folder in which `train_cae.py` made models/bars, and what it printed."""

    folder: Path
    output: str

    @property
    def models(self) -> Path:
        return self.folder / "models"


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny_npz: Path) -> Trained:
    folder = tmp_path_factory.mktemp("person")
    result = run_script(
        "train_cae.py",
        *("--dataset", tiny_npz, "--models-dir", folder / "models"),
        *("--epochs", "3", "--refine-epochs", "1", "--batch-size", "8", "--latent-dim", "4"),
        "--quiet",
        cwd=folder,
        process=True,
    )
    return Trained(folder, result.stdout)


@pytest.fixture(scope="session")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models that Keras 2 wrote."""
    folder = tmp_path_factory.mktemp("old")
    script = PROJECT / "tests" / "models" / "keras_files" / "keras2_files.py"
    subprocess.run([sys.executable, script, folder], check=True, capture_output=True, timeout=200)
    return folder


class Page(HTMLParser):
    """An index.html: its elements with attributes and text; refuses what is not nested well."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[dict] = []
        self._open: list[dict] = []
        self.feed(path.read_text())
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        element = {"tag": tag, "text": "", **dict(attrs)}
        self.elements.append(element)
        if tag not in ("meta", "img"):
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()["tag"] == tag

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element["text"] += data

    def all(self, *tags: str, **attributes: str) -> list[dict]:
        return [
            element
            for element in self.elements
            if element["tag"] in tags
            and all(element.get(name.rstrip("_")) == value for name, value in attributes.items())
        ]

    def texts(self, *tags: str, **attributes: str) -> list[str]:
        return [" ".join(found["text"].split()) for found in self.all(*tags, **attributes)]

    @property
    def text(self) -> str:
        """All text."""
        return " ".join(self.elements[0]["text"].split())

    @property
    def shown(self) -> list[str]:
        """Files of the pictures, in their order."""
        return [unquote(found["src"]) for found in self.all("img", "video")]


BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def launch() -> Iterator[Callable[..., Browser]]:
    """Starts Chromium, with flags; skips where none is installed, but on a server that tests."""
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None and "CI" not in os.environ:
        pytest.skip(f"none of {', '.join(BROWSERS)} is installed")
    with sync_playwright() as playwright:
        # Without a sandbox, since the tests may be run by root.
        kind = playwright.chromium
        yield lambda *flags: kind.launch(executable_path=path, args=["--no-sandbox", *flags])


@pytest.fixture(scope="module")
def browser(launch: Callable[..., Browser]) -> Iterator[Browser]:
    with launch() as opened:
        yield opened
