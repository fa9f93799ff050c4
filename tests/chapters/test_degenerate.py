"""Images of which little can be told: every chapter and every picture has an answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import LinearRun, StandInClassifier, make_study, tiny_arrays
from threadpoolctl import threadpool_limits

from latentspace.analysis.projection import Settings, is_degenerate, project
from latentspace.chapters import COMPARED, FIGURES, load_recipes
from latentspace.chapters.calculate import samples
from latentspace.chapters.chapter import Chapter
from latentspace.chapters.compare.measure import Comparison
from latentspace.chapters.figure import METHODS
from latentspace.chapters.interpolate import measure as interpolation
from latentspace.core.errors import InputError
from latentspace.datasets import ImageDataset
from latentspace.report.gallery import find_unavailable
from latentspace.report.metrics import write_metrics
from latentspace.report.page import write_page

pytestmark = pytest.mark.slow

CLASSES = ("upright", "lying", "slanted")
# Image files take long and see no code; what is placed has to be named; nothing was trained here.
LEFT = {"--place", "--compression", "--film"}
DRAWN = [
    f
    for f in FIGURES
    if f.flag not in LEFT
    and not f.is_animation
    and f.file not in ("learning_curve.png", "tsne_3d.png")
]
MAPS = {f.file for f in DRAWN if f.flag in ("--maps", "--methods", "--latent-grid", "--explorer")}
PATHS = {f.file for f in DRAWN if f.flag == "--interpolation"}
AXES = {f.file for f in DRAWN if f.flag == "--traversals"}
SOME = {"attributes.png", "overlapping_classes.png"}
OF_CLASSES = {"class_transfer.png", *SOME}


def make_bars(train: int, test: int, **changed: Any) -> ImageDataset:
    """Bars, or other pixels and labels in their place."""
    (train_pixels, train_labels), (test_pixels, test_labels) = (
        tiny_arrays(count, seed) for seed, count in enumerate((train, test))
    )
    arrays = {
        "train_pixels": train_pixels[..., np.newaxis],
        "test_pixels": test_pixels[..., np.newaxis],
        "train_labels": train_labels,
        "test_labels": test_labels,
        "class_names": CLASSES,
    }
    return ImageDataset("odd", None, **{**arrays, **changed})


def make_filled(value: int) -> ImageDataset:
    shape = (14, 11, 1)
    return make_bars(
        24,
        13,
        train_pixels=np.full((24, *shape), value, np.uint8),
        test_pixels=np.full((13, *shape), value, np.uint8),
    )


def make_noise(*shape: int) -> ImageDataset:
    rng = np.random.default_rng(0)
    train, test = (rng.integers(0, 256, (count, *shape), np.uint8) for count in (24, 13))
    return make_bars(24, 13, train_pixels=train, test_pixels=test)


def make_still() -> ImageDataset:
    """Half of the columns never change, and a few images are empty."""
    data = make_bars(24, 21)
    for pixels in (data.train_pixels, data.test_pixels):
        pixels[:, :, :5] = 0
        pixels[:4] = 0
    return data


def make_one_class() -> ImageDataset:
    nothing = {"train_labels": np.zeros(24, int), "test_labels": np.zeros(22, int)}
    return make_bars(24, 22, **nothing, class_names=("image",))


def make_singletons() -> ImageDataset:
    labels = {"train_labels": np.arange(13), "test_labels": np.arange(13)}
    return make_bars(13, 13, **labels, class_names=tuple(map(str, range(13))))


# What is left out, of the pictures that a whole data set has.
ODD: dict[str, tuple[Callable[[], ImageDataset], set[str]]] = {
    "black": (
        lambda: make_filled(0),
        MAPS | AXES | SOME | {"clusters.png", "interpolation_on_map.png"},
    ),
    "white": (
        lambda: make_filled(255),
        MAPS | AXES | SOME | {"clusters.png", "interpolation_on_map.png"},
    ),
    "two to train, one to test": (
        lambda: make_bars(2, 1),
        MAPS | PATHS | SOME | {"clusters.png", "outliers.png"},
    ),
    "one test image": (
        lambda: make_bars(24, 1),
        MAPS | PATHS | {"overlapping_classes.png", "clusters.png", "outliers.png"},
    ),
    "one chosen test image": (
        lambda: make_bars(24, 20).choose_tests(np.array([7])),
        MAPS | PATHS | {"overlapping_classes.png", "clusters.png", "outliers.png"},
    ),
    "chosen test images of one class": (
        lambda: make_bars(24, 60).choose_tests(np.arange(1, 60, 3)),
        {"overlapping_classes.png"},
    ),
    "two test images": (
        lambda: make_bars(24, 2),
        MAPS | {"overlapping_classes.png", "clusters.png"},
    ),
    "one image too few for a map": (lambda: make_bars(24, 11), MAPS | {"overlapping_classes.png"}),
    "one class": (make_one_class, (OF_CLASSES | {"clusters.png"}) - {"attributes.png"}),
    "a class for each image": (make_singletons, SOME | {"clusters.png"}),
    "one pixel": (lambda: make_noise(1, 1, 1), {"attributes.png"}),
    "one row": (lambda: make_noise(1, 9, 1), {"attributes.png"}),
    "four pixels in colour": (lambda: make_noise(2, 2, 3), {"attributes.png"}),
    "columns that never change": (make_still, set()),
}


class Collapsed(LinearRun):
    """Every image has the same code, but for what rounding does."""

    def encode(self, images: np.ndarray, on_batch: object = None) -> np.ndarray:
        return 0.3 + 1e-7 * super().encode(images)


class OneAlive(LinearRun):
    """All units but the first are dead."""

    def encode(self, images: np.ndarray, on_batch: object = None) -> np.ndarray:
        return super().encode(images) * (np.arange(self.latent_dim) == 0)


class BrightnessClassifier(StandInClassifier):
    """Knows any number of classes, by how bright an image is."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes

    def predict_probabilities(self, images: np.ndarray) -> np.ndarray:
        bright = images.reshape(len(images), -1).mean(axis=1, keepdims=True)
        believed = np.exp(-np.abs(self.classes * bright - np.arange(self.classes)))
        return (believed / believed.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def short(quick: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fewer of what is measured by the hundred, by one thread: of a few images more only wait."""
    monkeypatch.setattr(interpolation, "SCORED_PAIRS", 4)
    monkeypatch.setattr(interpolation, "SCORED_FRAMES", 5)
    monkeypatch.setattr(samples, "SCORED", 10)
    monkeypatch.setattr(samples, "SCORED_OF_CLASS", 10)
    with threadpool_limits(1):
        yield


def check_nothing_else(constant: str) -> None:
    raise AssertionError(f"{constant} in metrics.json")


def visualize(
    run: LinearRun, data: ImageDataset, folder: Path
) -> tuple[dict[str, str], dict, list]:
    """Asks for every picture; what is left out and why, the numbers, the answers."""
    cache = folder / "cache"
    study = make_study(run, data, cache, with_classifier=True, perplexity=None, frames=3)
    study.trained_classifier = BrightnessClassifier(len(data.class_names))
    reasons, recipes = {}, load_recipes()
    chapters: dict[type[Chapter], None] = {}
    for figure in DRAWN:
        recipe = recipes[figure.file]
        if (reason := find_unavailable(recipe, study)) is not None:
            assert reason.strip()
            assert reason.isprintable()
            reasons[figure.file] = reason
            continue
        text = recipe.draw(study).text
        told = f"{text.title} {text.caption}"
        assert "nan" not in told.replace("Gaussian", "").split()
        assert " inf" not in told
        chapters |= dict.fromkeys(recipe.of)
    write_metrics(folder / "metrics.json", study, chapters)
    numbers = json.loads((folder / "metrics.json").read_text(), parse_constant=check_nothing_else)
    write_page(folder, study)
    answers = {one.section: study.of(one).answer for one in chapters}
    return reasons, numbers, [f"{name}: {line}" for name, line in answers.items() if line]


def shrink(data: ImageDataset, kind: type[LinearRun] = LinearRun) -> LinearRun:
    size = int(np.prod(data.image_shape))
    return kind(data.image_shape, latent_dim=min(4, size))


@pytest.mark.parametrize("name", ODD)
def test_every_picture_is_drawn_or_left_out_with_a_reason(
    tmp_path: Path, short: None, name: str
) -> None:
    make, left_out = ODD[name]
    data = make()
    reasons, numbers, answers = visualize(shrink(data), data, tmp_path)
    assert left_out - set(reasons) == set()
    assert all("\n" not in answer for answer in answers)
    if name in ("one class", "a class for each image"):
        assert numbers["maps"]["latent"]["knn_accuracy"] is None
        assert numbers["maps"]["pixel"]["source_knn_accuracy"] is None
        assert not any(answer.startswith("maps") for answer in answers)
    if name == "columns that never change":
        assert numbers["maps"]["latent"]["knn_accuracy"] > 0


@pytest.mark.parametrize("kind", [Collapsed, OneAlive])
def test_codes_that_say_little_are_not_made_to_say_more(
    tmp_path: Path, short: None, kind: type[LinearRun]
) -> None:
    data = make_bars(24, 13)
    collapsed = shrink(data, kind)
    reasons, numbers, _ = visualize(collapsed, data, tmp_path)
    if kind is Collapsed:
        assert "codes of all 13 images are equal" in reasons["tsne_pixel.png"]
        assert set(reasons) >= MAPS | AXES
        with pytest.raises(InputError, match="of run linear the codes of all 13 images are equal"):
            Comparison(
                *(make_study(run, data, perplexity=None) for run in (shrink(data), collapsed))
            )
    else:
        assert not (MAPS | AXES) & set(reasons)
        assert numbers["traversals"]["dead_units"] == [1, 2, 3]


def test_equal_models_have_no_winner(tmp_path: Path, short: None) -> None:
    data = make_bars(24, 13)
    both = Comparison(
        *(make_study(shrink(data), data, tmp_path, perplexity=None) for _ in range(2))
    )
    both._measure_facts = lambda test: []
    assert {measure.better for measure in both.measures} == {"neither"}
    assert "trustworthiness" not in {measure.key for measure in both.measures}
    assert both.answer.startswith("neither has learned more by")
    for recipe in COMPARED.load_recipes().values():
        assert "nan" not in recipe.draw(both).text.caption


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("method", [name for name in METHODS if name != "umap"])
def test_maps_of_vectors_without_spread_are_finite(quick: None, method: str, dims: int) -> None:
    rng = np.random.default_rng(0)
    line = np.zeros((13, 4), np.float32)
    line[:, 0] = np.arange(13)
    for vectors in (
        rng.normal(size=(13, 1)).astype(np.float32),  # one dimension
        line,  # three dimensions without any variance
        np.repeat(line[:2], [6, 7], axis=0),  # two different vectors
        np.ones((13, 4), np.float32),
    ):
        settings = Settings(method=method, dims=dims, perplexity=2)
        points = project(vectors, settings, threads=1).points
        assert points.shape == (13, dims)
        assert np.isfinite(points).all()
        if method != "tsne" and len(np.unique(vectors, axis=0)) > 1:
            assert np.ptp(points[:, 0]) > 0


def test_vectors_are_alike_up_to_rounding() -> None:
    vectors = np.full((5, 3), 0.7, np.float32)
    assert is_degenerate(vectors)
    assert is_degenerate(vectors + np.linspace(0, 1e-6, 5, dtype=np.float32)[:, np.newaxis])
    assert is_degenerate(np.zeros((1, 2)))
    vectors[2, 1] += 1e-3
    assert not is_degenerate(vectors)
