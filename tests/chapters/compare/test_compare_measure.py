from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import LinearRun, make_study
from faces import LinearReader

from latentspace.analysis import neighborhoods, projection, scores
from latentspace.analysis.neighborhoods import Estimate
from latentspace.analysis.neighbors import find_nearest_others
from latentspace.chapters.attributes.changes import MEASURES, AttributeChanges
from latentspace.chapters.compare.measure import OF_CLASSES, OF_MAPS, SHOWN, Comparison, align_maps
from latentspace.chapters.compare.paired import Measure
from latentspace.chapters.maps.measure import Maps
from latentspace.core.errors import InputError
from latentspace.datasets import ImageDataset
from latentspace.drawing.grids import Grid, Note
from latentspace.models.run_schema import DECODER, ENCODER

Make = Callable[..., Comparison]


@pytest.fixture
def make(tiny: ImageDataset, tmp_path: Path) -> Make:
    """Makes a comparison of a run of 8 units, called small, and one of 16, called large."""

    def made(data: ImageDataset = tiny, cache: Path | None = None, **options) -> Comparison:
        studies = []
        for name, units in (("small", 8), ("large", 16)):
            run = LinearRun(data.image_shape, units, name=name, model_hash=name)
            run.path = tmp_path / name
            run.path.mkdir(exist_ok=True)
            (run.path / ENCODER).write_bytes(b"e" * units)
            (run.path / DECODER).write_bytes(b"d" * 3)
            run.facts |= {
                "dataset": {"name": data.name, "hash": data.hash},
                "scores": {"train_mse": 0.5},
                "parameters": units * 100,
                "seconds": None,
            }
            study = make_study(run, data, cache, **options)
            study.reader = LinearReader(data) if data.train_attributes.names else None
            studies.append(study)
        return Comparison(*studies)

    return made


def index_by_key(comparison: Comparison) -> dict[str, Measure]:
    return {measure.key: measure for measure in comparison.measures}


def test_more_units_draw_better_and_the_answer_says_so(make: Make, tiny: ImageDataset) -> None:
    comparison = make()
    test = index_by_key(comparison)["test_mse"]
    for value, study in zip(test.values, comparison.studies.values(), strict=True):
        back = study.run.decode(study.run.encode(tiny.test_images[:]))
        assert value == pytest.approx(np.mean((back - tiny.test_images[:]) ** 2), rel=1e-5)
    assert test.difference == pytest.approx(test.values[1] - test.values[0])
    assert test.more.value == pytest.approx(test.difference)
    assert test.more.low < test.more.value < test.more.high < 0
    assert test.better == "B"
    assert comparison.answer.startswith("B (large) has learned more by mean squared test error (")
    assert f"{test.values[1]:.5f} against {test.values[0]:.5f}" in comparison.answer
    assert comparison.answer.count("has learned more") == 1


def test_the_interval_is_that_of_the_paired_difference(make: Make) -> None:
    comparison = make()
    first, second = comparison.errors
    more = index_by_key(comparison)["test_mse"].more
    expected = neighborhoods.mean_estimate(second - first, np.random.default_rng(1))
    assert more.low == pytest.approx(expected.low, rel=0.1)
    assert more.high == pytest.approx(expected.high, rel=0.1)
    # Images differ in how hard they are: unpaired, the interval would be wider.
    apart = [
        neighborhoods.mean_estimate(part, np.random.default_rng(1)) for part in (first, second)
    ]
    assert more.high - more.low < sum(part.high - part.low for part in apart)


def test_scores_of_codes_and_maps_stand_beside_their_baselines(
    make: Make, tiny: ImageDataset
) -> None:
    comparison = make()
    assert list(comparison.baselines) == ["pixels", "PCA 8", "PCA 16"]
    measures = index_by_key(comparison)
    assert set(measures) >= {*OF_CLASSES, *OF_MAPS}
    rows = np.arange(60)

    def accuracy(vectors: np.ndarray) -> float:
        near = find_nearest_others(vectors, rows)[1]
        return neighborhoods.score_votes(near, tiny.test_labels, rows).mean()

    codes = measures["source_knn_accuracy"]
    expected = [accuracy(study.codes) for study in comparison.studies.values()]
    assert codes.values == pytest.approx(expected)
    assert codes.baselines["pixels"] == pytest.approx(accuracy(tiny.test_images[:].reshape(60, -1)))
    fitted = tiny.train_images[comparison.studies["A"].fit_indices]
    encode, _ = scores.linear_autoencoder(scores.fit_components(fitted, 16), tiny.image_shape)
    assert codes.baselines["PCA 16"] == pytest.approx(accuracy(encode(tiny.test_images[:])))
    linear = measures["test_mse"].baselines
    assert set(linear) == {"PCA 8", "PCA 16"}
    assert linear["PCA 8"] == pytest.approx(
        scores.pca_error(scores.fit_components(fitted, 8), tiny.test_images[:])
    )
    for key, at in (("knn_accuracy", 0), ("silhouette", 1)):
        study = list(comparison.studies.values())[at]
        values = study.of(Maps).score_images("latent", study.of(Maps).flat)[key]
        assert measures[key].values[at] == pytest.approx(values.mean())


def test_attributes_that_both_runs_measure_stand_beside_each_other(
    make: Make, tiny: ImageDataset, faces: ImageDataset
) -> None:
    comparison = make(faces, attribute=("hat", "glasses", "gaze"))
    chapters = [study.of(AttributeChanges) for study in comparison.studies.values()]
    measures = index_by_key(comparison)
    found = [key for key in measures if key.startswith(("hat_", "glasses_"))]
    assert found == [f"{name}_{key}" for key in MEASURES for name in ("hat", "glasses")]
    for key in MEASURES:
        measure = measures[f"hat_{key}"]
        assert measure.values == tuple(each.metrics["codes"][key]["hat"] for each in chapters)
        assert measure.baselines == {
            "pixels": chapters[0].metrics["pixels"][key]["hat"],
            "PCA 8": chapters[0].metrics["pca"][key]["hat"],
            "PCA 16": chapters[1].metrics["pca"][key]["hat"],
        }
        assert measure.better == "-"
    assert "hat" not in comparison.answer
    # What only one of both measures, and what no reader can tell, is left out.
    again = make(faces, attribute=("hat", "glasses"))
    for study in again.studies.values():
        study.reader = LinearReader(faces, unfit="glasses")
    again.studies["B"].of(AttributeChanges).names = ("glasses",)
    assert [key for key in index_by_key(again) if key.startswith(("hat_", "glasses_"))] == [
        "glasses_read",
        "glasses_kept",
    ]


def test_plain_facts_have_no_winner(make: Make) -> None:
    measures = index_by_key(make())
    assert measures["latent_dim"].values == (8, 16)
    assert measures["parameters"].difference == 800
    assert measures["bytes"].values == (11, 19)
    assert measures["seconds"].values == (None, None)
    assert measures["seconds"].difference is None
    assert measures["train_mse"].values == (0.5, 0.5)
    ratio = measures["test_over_train"].values[0]
    assert ratio == pytest.approx(measures["test_mse"].values[0] / 0.5)
    for key in ("latent_dim", "bytes", "seconds", "train_mse", "test_over_train", "trained_on"):
        assert (measures[key].better, measures[key].more) == ("-", None)


def list_indices(grid: Grid) -> list[int]:
    """Of the images of a grid, as their notes name them."""
    return [int(note.text.split("#")[1].rstrip(")")) for (note,) in grid.notes[0]]


def test_examples_are_drawn_by_seed_and_differ_most_either_way(
    make: Make, tiny: ImageDataset
) -> None:
    comparison = make()
    drawn, better_b, *rest = comparison.examples
    assert drawn.names == ["original", *comparison.names.values()]
    worse = comparison.errors[0] - comparison.errors[1]
    order = np.argsort(-worse)
    assert list_indices(better_b) == list(order[:SHOWN])
    indices = list_indices(drawn)
    assert len(set(indices)) == SHOWN
    label = tiny.class_names[tiny.test_labels[indices[0]]]
    assert drawn.notes[0][0] == [Note(f"{label} (#{indices[0]})")]
    np.testing.assert_array_equal(drawn.images[0], tiny.test_images[indices])
    for at, study in enumerate(comparison.studies.values()):
        back = study.run.decode(study.codes[indices])
        np.testing.assert_allclose(drawn.images[1 + at], back, atol=1e-6)
        errors = scores.squared_errors(tiny.test_images[indices], back)
        written = [float(note.text) for (note,) in drawn.notes[1 + at]]
        np.testing.assert_allclose(written, errors, atol=1e-5)
    # Only images on which A is really the better one are shown as such.
    assert len(rest) == (worse < 0).any()
    for grid, faint in ((better_b, [True, False]), *((grid, [False, True]) for grid in rest)):
        errors = comparison.errors[:, list_indices(grid)]
        assert ((errors[0] > errors[1]) == faint[0]).all()
        for row, is_faint in zip(grid.notes[1:], faint, strict=True):
            assert all(note.is_faint == is_faint for (note,) in row)
    assert list_indices(make(seed=1).examples[0]) != indices


def test_the_map_of_b_is_laid_onto_that_of_a_without_any_of_pixels(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = []
    original = projection.project

    def counted(vectors: np.ndarray, *arguments, **options) -> projection.Projection:
        shapes.append(vectors.shape)
        return original(vectors, *arguments, **options)

    monkeypatch.setattr(projection, "project", counted)
    comparison = make()
    first, second = align_maps(comparison.maps)["A"], align_maps(comparison.maps)["B"]
    assert len(comparison.measures) > 10
    assert shapes == [(60, 8), (60, 16)]
    np.testing.assert_allclose(first.mean(axis=0), second.mean(axis=0), atol=1e-3)
    turn, shift = projection.align(second, first)
    np.testing.assert_allclose(turn, np.eye(2), atol=1e-3)
    np.testing.assert_allclose(shift, 0, atol=1e-2)


def test_the_second_run_encodes_and_projects_nothing(make: Make, tmp_path: Path) -> None:
    first = make(cache=tmp_path / "cache")
    measures = first.measures
    again = make(cache=tmp_path / "cache")
    assert again.measures == measures
    np.testing.assert_array_equal(align_maps(again.maps)["B"], align_maps(first.maps)["B"])
    for study in again.studies.values():
        assert study.run.calls == []


def test_a_model_of_other_images_is_named(make: Make, tiny: ImageDataset) -> None:
    comparison = make()
    assert comparison.notes == []
    comparison.studies["B"].run.facts["dataset"] = {"name": "letters", "hash": "other"}
    (note,) = comparison.notes
    assert "B: large was, by its record, not trained on these images of bars" in note
    measures = index_by_key(comparison)
    assert measures["trained_on"].values == ("bars", "letters, other images")
    assert measures["train_mse"].values == (0.5, None)
    assert measures["test_over_train"].values[1] is None


def test_without_two_classes_their_measures_are_left_out(make: Make, tiny: ImageDataset) -> None:
    alone = dataclasses.replace(
        tiny, test_labels=np.zeros_like(tiny.test_labels), class_names=("one",)
    )
    comparison = make(alone)
    measures = index_by_key(comparison)
    assert not set(measures) & set(OF_CLASSES)
    assert set(measures) >= set(OF_MAPS)
    assert any("they need two classes" in note for note in comparison.notes)
    assert "accuracy" not in comparison.answer
    assert comparison.examples[0].notes[0][0][0].text.startswith("#")


@pytest.mark.parametrize(
    ("low", "high", "less_is_better", "better"),
    [
        (0.1, 0.3, False, "B"),
        (0.1, 0.3, True, "A"),
        (-0.3, -0.1, False, "A"),
        (-0.3, -0.1, True, "B"),
        (-0.1, 0.3, False, "neither"),
        (0.0, 0.3, True, "neither"),
    ],
)
def test_the_better_one_stands_first_in_the_sentence(
    low: float, high: float, less_is_better: bool, better: str
) -> None:
    middle = (low + high) / 2
    more = Estimate(middle, low, high)
    measure = Measure(
        "k", "words", (0.5, 0.5 + middle), more, less_is_better=less_is_better, decimals=2
    )
    assert measure.better == better
    first, second = "0.50", f"{0.5 + middle:.2f}"
    expected = {
        "A": f"words ({first} against {second}, {-middle:+.2f}, 95% interval {-high:+.2f} to "
        f"{-low:+.2f})",
        "B": f"words ({second} against {first}, {middle:+.2f}, 95% interval {low:+.2f} to "
        f"{high:+.2f})",
        "neither": f"words (A {first}, B {second}, B - A {middle:+.2f}, 95% interval {low:+.2f} "
        f"to {high:+.2f})",
    }
    assert measure.sentence == expected[better]


def test_the_answer_names_all_three_outcomes(make: Make) -> None:
    comparison = make()
    comparison.measures = [
        Measure("a", "first", (1.0, 2.0), Estimate(1, -1, 3)),
        Measure("b", "second", (1.0, 2.0), Estimate(1, 0.5, 2)),
        Measure("c", "third", (2.0, 1.0), Estimate(-1, -2, -0.5)),
        Measure("d", "fourth", (1.0, 3.0), Estimate(2, 1, 3), is_learned=False),
    ]
    parts = comparison.answer.split("; ")
    assert [part.split(" (1")[0].split(" (2")[0] for part in parts] == [
        "B (large) has learned more by second",
        "A (small) by third",
        "neither by first (A 1.0000, B 2.0000, B - A +1.0000, 95% interval -1.0000 to +3.0000)",
    ]
    assert "fourth" not in comparison.answer
    comparison.measures = comparison.measures[:1]
    assert comparison.answer.startswith("neither has learned more by first (A 1.0000, B 2.0000")


def test_too_few_images_are_refused_and_imported_models_named(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    few = make_study(linear_run, tiny, samples=10)
    with pytest.raises(
        InputError, match="without maps of both: of run linear 10 images are no map: 12 are needed"
    ):
        Comparison(few, few)
    own = dataclasses.replace(linear_run, is_imported=True)
    comparison = Comparison(make_study(linear_run, tiny), make_study(own, tiny))
    assert "B: linear was trained elsewhere, perhaps on these images." in comparison.notes


def test_the_settings_used_are_those_of_the_maps(make: Make) -> None:
    comparison = make(perplexity=None)
    assert comparison.settings_used == comparison.studies["B"].of(Maps).settings_used
    assert comparison.settings_used["samples"] == 60
    assert comparison.settings_used["perplexity"] < 30
