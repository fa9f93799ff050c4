"""Some of the test images alone: what they are called, and what must not be computed again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import LinearRun, make_study

from latentspace.analysis import scores
from latentspace.chapters import load_chapters
from latentspace.chapters.attributes.sweeps import AttributeSweeps
from latentspace.chapters.calculate.arithmetic import Arithmetic
from latentspace.chapters.compare.measure import Comparison
from latentspace.chapters.explorer.measure import Exploration
from latentspace.chapters.maps.describe import describe_images
from latentspace.chapters.maps.measure import Maps
from latentspace.chapters.maps.placing import Placing
from latentspace.chapters.outliers.duplicates import Duplicates
from latentspace.chapters.outliers.measure import Outliers
from latentspace.chapters.reconstruct.measure import Reconstruction
from latentspace.core.errors import InputError
from latentspace.datasets import ImageDataset

NUMBERS = np.arange(1, 60, 3)  # all but one of them of the class "lying"


@pytest.fixture
def chosen(tiny: ImageDataset) -> ImageDataset:
    return tiny.choose_tests(np.append(NUMBERS, 59))


def test_training_images_are_neither_encoded_nor_fitted_again(
    linear_run: LinearRun,
    tiny: ImageDataset,
    chosen: ImageDataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    quick: None,
) -> None:
    linear_run.facts["dataset"]["hash"] = tiny.hash
    whole = make_study(linear_run, tiny, tmp_path)
    numbers = whole.of(Reconstruction).metrics
    assert whole.is_trained_on_data
    directions = whole.of(AttributeSweeps).directions
    voters = whole.of(Outliers).csv_lines
    whole.density  # noqa: B018
    linear_run.calls.clear()

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("fitted again")

    monkeypatch.setattr(scores, "fit_components", refuse)
    monkeypatch.setattr("latentspace.chapters.study.fit_density", refuse)
    study = make_study(linear_run, chosen, tmp_path)
    assert study.is_trained_on_data
    np.testing.assert_array_equal(study.fit_indices, whole.fit_indices)
    np.testing.assert_array_equal(study.train_codes, whole.train_codes)
    np.testing.assert_array_equal(study.codes, whole.codes[chosen.test_numbers])
    np.testing.assert_array_equal(study.density.offset, whole.density.offset)
    np.testing.assert_array_equal(study.of(AttributeSweeps).directions.steps, directions.steps)
    assert linear_run.calls == []
    own = study.of(Reconstruction).metrics
    assert own["train_mse"] == numbers["train_mse"]
    expected = whole.of(Reconstruction).by_image["mse"][chosen.test_numbers].mean()
    assert own["test_mse"] == pytest.approx(expected, rel=1e-5)
    assert linear_run.calls == [("decode", 21)]
    kept = [line for line in voters[1:] if line[0] == "train" or line[1] in chosen.test_numbers]
    assert sorted(study.of(Outliers).csv_lines[1:]) == sorted(kept)


def test_an_image_keeps_its_number(
    linear_run: LinearRun, tiny: ImageDataset, chosen: ImageDataset, quick: None
) -> None:
    study = make_study(linear_run, chosen, with_classifier=True)
    by_index = study.select("40")
    np.testing.assert_array_equal(by_index.image, tiny.test_images[40])
    assert by_index.name == "lying (#40)"
    assert study.select("class:slanted").name == "slanted (#59)"
    with pytest.raises(InputError, match=r"no test image of bars \(21 of 60 test images\) is of"):
        study.select("class:upright")
    listed = study.of(Outliers).metrics["largest_error"]
    errors = make_study(linear_run, tiny).of(Reconstruction).by_image["mse"]
    order = sorted(chosen.test_numbers, key=lambda number: -errors[number])
    assert [line["index"] for line in listed] == order[: len(listed)]
    assert study.of(Outliers).listings["largest_error"].reasons[0][0].endswith(f"(#{order[0]})")
    grid = study.of(Arithmetic).class_transfer
    assert grid.names == ["#1", "#59"]
    assert describe_images(study.of(Maps)) == "21 of 60 test images of bars"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("12", "test image 12 is not among those of --only. Received: --from 12; add it to the "),
        ("60", "bars has test images 0 to 59. Received: --from 60"),
    ],
)
def test_an_image_that_was_not_chosen_is_refused(
    linear_run: LinearRun, chosen: ImageDataset, name: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        make_study(linear_run, chosen, start=(name,), end=("1",), perplexity=5.0).check(
            load_chapters()
        )


@pytest.mark.parametrize("split", ["test", "train", "all"])
def test_maps_have_the_images_of_the_whole_under_its_numbers(
    linear_run: LinearRun, tiny: ImageDataset, chosen: ImageDataset, split: str, quick: None
) -> None:
    study = make_study(
        linear_run, chosen, samples="all", split=split, place=("40",), perplexity=5.0
    )
    maps, tests = study.of(Exploration).maps, [] if split == "train" else list(chosen.test_numbers)
    assert maps.numbers.tolist() == [*tests, *range(120 * (split != "test"))]
    assert maps.is_training.sum() == len(maps.numbers) - len(tests)
    assert len(study.of(Exploration).copies[0]) == len(maps.numbers)
    pixels = {False: tiny.test_pixels, True: tiny.train_pixels}
    for at in (0, len(maps.numbers) - 1):
        own = pixels[bool(maps.is_training[at])][maps.numbers[at]]
        np.testing.assert_array_equal(maps.pixels[at], own)
    if split == "test":
        (found,) = study.of(Placing).metrics.values()
        assert found["latent"]["neighbors"][0] == 40
    if split == "train":  # the same map as without a choice
        whole = make_study(linear_run, tiny, samples="all", split=split).of(Maps)
        assert whole.make_key("latent") == maps.make_key("latent")


def test_copies_are_those_of_the_whole_that_are_chosen(linear_run: LinearRun) -> None:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (140, 14, 11, 1)).astype(np.uint8)
    pixels[[100, 105, 130]] = pixels[3]  # three test images equal a training image
    data = ImageDataset("noise", None, pixels[:100], pixels[100:], *labels(100, 40), ("a", "b"))
    chosen = data.choose_tests(np.array([5, 9, 30]))
    study = make_study(linear_run, chosen)
    _, *lines = study.of(Duplicates).csv_lines
    assert {line[:2] + line[4:6] + line[8:9] for line in lines} == {
        ("train", 3, "test", 5, "exact"),
        ("train", 3, "test", 30, "exact"),
    }
    assert study.of(Duplicates).metrics["equal_to_training"] == 2


def labels(*counts: int) -> list[np.ndarray]:
    return [np.arange(count) % 2 for count in counts]


def test_too_few_images_are_said_to_be_too_few(linear_run: LinearRun, tiny: ImageDataset) -> None:
    study = make_study(linear_run, tiny.choose_tests(np.array([4])))
    reasons = [study.of(chapter).unavailable for chapter in (Maps, Outliers, Exploration)]
    assert all(reasons)
    study.check(load_chapters())


def test_two_runs_are_compared_on_chosen_images(
    tiny: ImageDataset, chosen: ImageDataset, quick: None
) -> None:
    runs = (LinearRun(tiny.image_shape, units, f"r{units}", f"r{units}") for units in (4, 8))
    comparison = Comparison(*(make_study(run, chosen, perplexity=5.0) for run in runs))
    assert comparison.images == ("21 of 60 test images of bars; on the maps 21 test images"), (
        comparison.images
    )
    names = [note.text for part in comparison.examples for (note,) in part.notes[0]]
    shown = {int(name.rpartition("#")[2].rstrip(")")) for name in names}
    assert shown
    assert shown <= set(chosen.test_numbers)
