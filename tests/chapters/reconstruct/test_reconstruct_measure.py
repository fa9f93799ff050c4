from __future__ import annotations

import numpy as np
import pytest
from conftest import LinearRun, make_study

from latentspace.analysis import scores
from latentspace.chapters.chapter import LOWER
from latentspace.chapters.reconstruct.measure import Reconstruction
from latentspace.datasets import ImageDataset, split_validation


def test_reconstruction_metrics(linear_run: LinearRun, tiny: ImageDataset) -> None:
    metrics = make_study(linear_run, tiny).of(Reconstruction).metrics
    images = tiny.test_images[:]
    back = linear_run.decode(linear_run.encode(images))
    assert metrics["test_mse"] == pytest.approx(np.mean((back - images) ** 2), rel=1e-5)
    assert metrics["pca_mse"] == pytest.approx(
        scores.pca_error(scores.fit_components(tiny.train_images, 8), tiny.test_images[:])
    )
    by_image = make_study(linear_run, tiny).of(Reconstruction).by_image
    errors = scores.squared_errors(tiny.test_images[:], back)
    np.testing.assert_allclose(by_image["mse"], errors, rtol=1e-5)
    assert by_image["ssim"].shape == (60,)
    assert by_image["ssim"].mean() == pytest.approx(metrics["test_ssim"])
    # A random basis is worse than the principal components.
    assert metrics["test_mse"] > metrics["pca_mse"]
    assert metrics["train_mse"] == pytest.approx(metrics["test_mse"], rel=0.5)
    assert metrics["test_ssim"] < 1


def test_training_images_leave_out_those_held_back(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    assert len(make_study(linear_run, tiny).fit_indices) == 120
    assert not make_study(linear_run, tiny).is_trained_on_data
    linear_run.facts["dataset"]["hash"] = tiny.hash
    subject = make_study(linear_run, tiny)
    fitted, held_back = split_validation(120, 0.1, seed=0)
    np.testing.assert_array_equal(subject.fit_indices, fitted)
    shown = {image.tobytes() for image in subject.of(Reconstruction).draw_examples("train", 200)[0]}
    assert not shown & {image.tobytes() for image in tiny.train_images[held_back]}
    train = tiny.train_images[fitted]
    error = np.mean((linear_run.decode(linear_run.encode(train)) - train) ** 2)
    assert subject.of(Reconstruction).metrics["train_mse"] == pytest.approx(error, rel=1e-5)
    linear_run.facts["scores"]["train_mse"] = 0.25  # as the training measured it
    assert make_study(linear_run, tiny).of(Reconstruction).metrics["train_mse"] == 0.25


def test_rows_are_the_numbers_beside_principal_components(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    chapter = make_study(linear_run, tiny).of(Reconstruction)
    first, train, similar, detail = chapter.rows
    assert first.words == "Mean squared error of test images"
    assert first.own.value == chapter.metrics["test_mse"]
    assert first.baselines["PCA, 8 components"].value == chapter.metrics["pca_mse"]
    assert first.better == LOWER
    assert train.own.value == chapter.metrics["train_mse"]
    assert similar.own.value == chapter.metrics["test_ssim"]
    assert similar.baselines["PCA, 8 components"].value == chapter.metrics["pca_ssim"]
    assert detail.own.value == chapter.metrics["test_detail"]
    assert detail.references["the images themselves"].value == 1
    # Few components leave out some of what is fine.
    assert 0 < detail.baselines["PCA, 8 components"].value < 1
