from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from conftest import LinearRun

from latentspace import projection, scores
from latentspace.datasets import ImageDataset, validation_indices
from latentspace.files import InputError
from latentspace.study import Study, StudyOptions

OPTIONS = StudyOptions(
    samples=None, perplexity=8, pairs=5, endpoints=None, frames=7, expression=None, seed=0
)


def study(run: LinearRun, data: ImageDataset, cache: Path | None = None, **options) -> Study:
    return Study(run, data, dataclasses.replace(OPTIONS, **options), cache_dir=cache)


def test_reconstruction_metrics(linear_run: LinearRun, tiny: ImageDataset) -> None:
    metrics = study(linear_run, tiny).reconstruction_metrics
    back = linear_run.decode(linear_run.encode(tiny.test_images))
    assert metrics["test_mse"] == pytest.approx(np.mean((back - tiny.test_images) ** 2), rel=1e-5)
    assert metrics["pca_mse"] == pytest.approx(
        scores.pca_error(tiny.train_images, tiny.test_images, 8)
    )
    # A random basis is worse than the principal components.
    assert metrics["test_mse"] > metrics["pca_mse"]
    assert metrics["train_mse"] == pytest.approx(metrics["test_mse"], rel=0.5)
    assert metrics["test_ssim"] < 1


def test_training_images_leave_out_those_held_back(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    assert len(study(linear_run, tiny).fitted) == 120
    assert not study(linear_run, tiny).is_trained_on_data
    linear_run.facts["dataset"]["hash"] = tiny.hash
    subject = study(linear_run, tiny)
    fitted, held_back = validation_indices(120, 0.1, seed=0)
    np.testing.assert_array_equal(subject.fitted, fitted)
    shown = {image.tobytes() for image in subject.reconstruction_examples("train", 200)[0]}
    assert not shown & {image.tobytes() for image in tiny.train_images[held_back]}
    train = tiny.train_images[fitted]
    error = np.mean((linear_run.decode(linear_run.encode(train)) - train) ** 2)
    assert subject.reconstruction_metrics["train_mse"] == pytest.approx(error, rel=1e-5)


def test_nothing_is_computed_before_it_is_asked_for_nor_twice(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    subject = study(linear_run, tiny)
    assert linear_run.calls == []
    for _ in range(2):
        assert len(subject.codes) == 60
        assert subject.ways["codes"].shape[:2] == (5, 7)
    assert linear_run.calls == [("encode", 60), ("decode", 35)]


def test_maps_have_all_metrics_and_come_from_the_cache_the_second_time(
    linear_run: LinearRun, tiny: ImageDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    original = projection.tsne

    def counted(vectors: np.ndarray, **options) -> projection.Projection:
        calls.append(vectors.shape)
        return original(vectors, **options)

    monkeypatch.setattr(projection, "tsne", counted)
    first = study(linear_run, tiny, tmp_path)
    metrics = first.metrics({"maps"})["maps"]
    assert calls == [(60, 154), (60, 8)]
    for space in ("pixel", "latent"):
        assert set(metrics[space]) == {
            "samples",
            "perplexity",
            "kl_divergence",
            "knn_accuracy",
            "source_knn_accuracy",
            "trustworthiness",
            "seconds",
        }
        assert (metrics[space]["samples"], metrics[space]["perplexity"]) == (60, 8)
    source = tiny.test_images.reshape(60, -1)
    assert metrics["pixel"]["trustworthiness"] == scores.trustworthiness(
        source, first.map("pixel").points
    )
    assert metrics["pixel"]["source_knn_accuracy"] == scores.knn_accuracy(source, tiny.test_labels)

    second = study(linear_run, tiny, tmp_path)
    assert second.metrics({"maps"})["maps"] == metrics
    np.testing.assert_array_equal(second.map("latent").points, first.map("latent").points)
    assert len(calls) == 2
    assert study(linear_run, tiny, tmp_path, perplexity=9).map("pixel").metrics["perplexity"] == 9
    assert len(calls) == 4


def test_samples_are_a_choice_of_test_images_by_seed(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    subject = study(linear_run, tiny, samples=40)
    assert len(np.unique(subject.map_indices)) == 40
    np.testing.assert_array_equal(subject.map_images, tiny.test_images[subject.map_indices])
    other = study(linear_run, tiny, samples=40, seed=1)
    assert not np.array_equal(subject.map_indices, other.map_indices)


def test_pairs_are_of_different_classes(linear_run: LinearRun, tiny: ImageDataset) -> None:
    pairs = study(linear_run, tiny, pairs=30).pairs
    assert pairs.shape == (30, 2)
    assert (tiny.test_labels[pairs[:, 0]] != tiny.test_labels[pairs[:, 1]]).all()


def test_ways_end_at_the_images_and_at_their_reconstructions(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    subject = study(linear_run, tiny, endpoints=(4, 11))
    ways = subject.ways
    np.testing.assert_array_equal(ways["pixels"][0, [0, -1]], tiny.test_images[[4, 11]])
    back = linear_run.decode(linear_run.encode(tiny.test_images[[4, 11]]))
    np.testing.assert_allclose(ways["codes"][0, [0, -1]], back, atol=1e-6)
    assert subject.pair_names == ["lying → slanted\n(#4 → #11)"]


def test_sums_of_codes(linear_run: LinearRun, tiny: ImageDataset) -> None:
    headings, names, images = study(linear_run, tiny).arithmetic_sections()[0]
    assert headings == ["A", "B", "C", "A + B", "A − B + C"]
    assert images.shape == (6, 5, 14, 11, 1)
    assert len(names) == 6


def test_class_section_moves_each_class_to_each_other(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    headings, names, images = study(linear_run, tiny).arithmetic_sections()[1]
    assert headings == ["image", "upright", "lying", "slanted"]
    assert names == ["upright", "lying", "slanted"]
    for row in range(3):  # to its own class nothing changes
        np.testing.assert_allclose(images[row, 0], images[row, row + 1], atol=1e-5)


def test_expression_is_calculated_and_shown_term_by_term(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    subject = study(linear_run, tiny, expression="3 - class:upright + 2*5")
    ((headings, _, images),) = subject.arithmetic_sections()
    assert headings == ["+ 3", "− class:upright", "+ 2 × 5", "="]
    mean = linear_run.encode(tiny.train_images[tiny.train_labels == 0]).mean(axis=0)
    codes = linear_run.encode(tiny.test_images)
    expected = linear_run.decode((codes[3] - mean + 2 * codes[5])[None])
    np.testing.assert_allclose(images[0, -1:], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"samples": 61}, "60 test images. Received: --samples 61"),
        ({"samples": 20}, "at most 6. Received: --perplexity 8"),
        ({"perplexity": 30}, "at most 20. Received: --perplexity 30"),
        ({"frames": 1}, "--frames 1"),
        ({"endpoints": (0, 60)}, "0 to 59. Received: --to 60"),
        ({"expression": "3 - 77"}, "'77' at character 5"),
        ({"expression": "3 - class:round"}, "upright, lying, slanted.*'class:round'"),
        ({"expression": "3 3"}, "character 3"),
    ],
)
def test_options_beyond_the_data_are_refused(
    linear_run: LinearRun, tiny: ImageDataset, options: dict, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        study(linear_run, tiny, **options)


def test_images_of_another_shape_are_refused(tiny: ImageDataset) -> None:
    with pytest.raises(InputError, match=r"\(14, 12, 1\). Received: \(14, 11, 1\)"):
        study(LinearRun((14, 12, 1)), tiny)
