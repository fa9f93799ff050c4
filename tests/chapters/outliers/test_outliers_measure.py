from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import LinearRun, make_study

from latentspace.chapters import load_recipes
from latentspace.chapters.outliers import draw
from latentspace.chapters.outliers.image_scores import SCORES
from latentspace.chapters.outliers.measure import Outliers
from latentspace.chapters.reconstruct.measure import Reconstruction
from latentspace.chapters.study import Study
from latentspace.datasets import ImageDataset

SIDE = 12
CORNERS = ((1, 1), (1, 7), (7, 1))


def make_squares(count: int, seed: int, channels: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """A square in one of three corners, its place the class, uint8 (count, 12, 12, C)."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    pixels = np.zeros((count, SIDE, SIDE, channels), np.uint8)
    for image, label in zip(pixels, labels, strict=True):
        y, x = CORNERS[label]
        image[y : y + 4, x : x + 4] = rng.integers(120, 256, (4, 4, channels))
    return pixels, labels


def make_square_data(channels: int = 1, train: int = 90, test: int = 30) -> ImageDataset:
    (train_pixels, train_labels), (test_pixels, test_labels) = (
        make_squares(train, 0, channels),
        make_squares(test, 1, channels),
    )
    return ImageDataset(
        name="squares",
        source=None,
        train_pixels=train_pixels,
        test_pixels=test_pixels,
        train_labels=train_labels,
        test_labels=test_labels,
        class_names=("first", "second", "third"),
    )


def make_fitted_run(data: ImageDataset) -> LinearRun:
    """Codes are the first principal axes, so that what the images have in common is kept."""
    run = LinearRun(data.image_shape)
    flat = data.train_images[:].reshape(len(data.train_pixels), -1)
    run.basis = np.linalg.svd(flat, full_matrices=False)[2][: run.latent_dim].T
    return run


def make_square_study(data: ImageDataset, **options) -> Study:
    return make_study(make_fitted_run(data), data, **options)


def test_a_planted_image_comes_first_by_error_and_by_distance() -> None:
    data = make_square_data()
    pixels = data.test_pixels.copy()
    pixels[17] = 255
    pixels[17, 3:6] = 0
    outliers = make_square_study(dataclasses.replace(data, test_pixels=pixels)).of(Outliers)
    for name in ("largest_error", "farthest_code"):
        listing = outliers.listings[name]
        assert listing.indices[0] == 17
        assert listing.reasons[0][0] == "third (#17)"
        assert len(listing.indices) == 10
    errors = outliers.scores.own["error"]
    order = np.argsort(-errors)[:10]
    np.testing.assert_array_equal(outliers.listings["largest_error"].indices, order)
    times = errors[17] / np.median(errors)
    assert outliers.listings["largest_error"].reasons[0][1:] == [
        f"error {errors[17]:.4f}",
        f"{times:.1f}x the median",
    ]


def test_scores_are_distances_to_training_images_and_errors() -> None:
    data = make_square_data()
    study = make_square_study(data)
    images = study.of(Outliers).scores
    away = np.linalg.norm(study.codes[:, None] - study.train_codes, axis=2)
    nearest = np.sort(away, axis=1)[:, :10].mean(axis=1)
    np.testing.assert_allclose(images.own["codes"], nearest, rtol=1e-3)
    np.testing.assert_allclose(images.own["error"], study.of(Reconstruction).by_image["mse"])
    flat, others = data.test_images[:].reshape(30, -1), data.train_images[:].reshape(90, -1)
    away = np.linalg.norm(flat[:, None] - others, axis=2)
    np.testing.assert_allclose(
        images.own["pixels"], np.sort(away, axis=1)[:, :10].mean(axis=1), rtol=1e-3
    )
    assert images.own["pca_error"].mean() == pytest.approx(
        study.of(Reconstruction).metrics["pca_mse"]
    )


def test_a_flipped_label_is_found_and_no_other() -> None:
    data = make_square_data()
    labels = data.test_labels.copy()
    labels[4] = 2
    outliers = make_square_study(dataclasses.replace(data, test_labels=labels)).of(Outliers)
    listing = outliers.listings["likely_mislabelled"]
    assert listing.indices.tolist() == [4]
    assert listing.heading == "Likely mislabelled: 1 of 30"
    name, votes, farther = listing.reasons[0]
    assert (name, votes) == ("third (#4)", "15 of 15 say second")
    assert float(farther.split()[2].removesuffix("x")) > 1.5
    assert outliers.answer.endswith("1 of 30 labels look wrong, that of #4 most")
    metrics = outliers.metrics
    assert metrics["mislabelled"] == 1
    for space in ("codes", "pixels"):
        planted = metrics["planted"][space]
        assert planted["found"] >= 29 / 30  # what is planted on the flipped one may be right
        assert planted["false_alarms"] == pytest.approx(1 / 30)
    assert metrics["planted"]["difference"]["found"] == 0


def test_an_image_between_two_classes_is_ambiguous() -> None:
    data = make_square_data()
    pixels = data.test_pixels.copy()
    pixels[9, 1:5, 1:5] = pixels[9, 1:5, 7:11] = 188  # the squares of the first and the second
    outliers = make_square_study(dataclasses.replace(data, test_pixels=pixels)).of(Outliers)
    listing = outliers.listings["most_ambiguous"]
    assert listing.indices.tolist() == [9]
    name, *votes = listing.reasons[0]
    assert name == "first (#9)"
    assert {line.split(":")[0] for line in votes} == {"first", "second"}


def test_foreign_images_are_told_and_own_ones_are_not() -> None:
    study = make_square_study(make_square_data())
    found = study.of(Outliers).scores.auroc
    assert set(found) == {"noise", "inverted", "pixels shuffled", "upside down", "letters"}
    for kind in ("noise", "inverted", "pixels shuffled"):
        assert {name: found[kind][name].value for name in SCORES} == dict.fromkeys(SCORES, 1)
    images = study.of(Outliers).scores
    np.testing.assert_array_equal(
        images.draw_examples("inverted", 99), 1 - study.images[find_images_order()]
    )
    assert images.draw_examples("noise", 3).shape == (3, SIDE, SIDE, 1)


def find_images_order() -> np.ndarray:
    """In which order 30 images are drawn by the seed 0."""
    return np.random.default_rng(0).permutation(30)


def test_letters_are_left_out_where_they_would_not_be_foreign() -> None:
    data = dataclasses.replace(make_square_data(), class_names=("a", "b", "c"))
    outliers = make_square_study(data).of(Outliers)
    assert "letters" not in outliers.scores.kinds
    assert outliers.metrics["left_out"] == {"letters": "squares shows letters itself"}
    assert "out-of-distribution images (" in outliers.answer


def test_colour_has_no_letters_but_all_else() -> None:
    outliers = make_square_study(make_square_data(channels=3)).of(Outliers)
    metrics = outliers.metrics
    assert set(metrics["auroc"]) == {"noise", "inverted", "pixels shuffled", "upside down"}
    assert metrics["ood_images"]["noise"] == 30
    assert "letters" in metrics["left_out"]


def test_without_classes_neighbors_do_not_vote() -> None:
    data = make_square_data()
    plain = dataclasses.replace(
        data,
        train_labels=np.zeros_like(data.train_labels),
        test_labels=np.zeros_like(data.test_labels),
        class_names=("image",),
    )
    outliers = make_square_study(plain).of(Outliers)
    assert set(outliers.listings) == {"largest_error", "farthest_code"}
    assert outliers.listings["farthest_code"].reasons[0][0].startswith("#")
    metrics = outliers.metrics
    assert "planted" not in metrics
    assert "no label can be wrong" in metrics["left_out"]["labels"]
    assert "labels" not in outliers.answer


@pytest.mark.parametrize(("train", "votes"), [(9, None), (18, 3), (300, 20)])
def test_voters_are_at_most_half_a_class(train: int, votes: int | None) -> None:
    outliers = make_square_study(make_square_data(train=train, test=6)).of(Outliers)
    assert outliers.scores.neighbors == min(10, train)
    assert ("voters" in outliers.metrics) == (votes is not None)
    if votes is None:
        assert "fewer than 6 training images" in str(outliers.labels_unavailable)
    else:
        assert outliers.scores.voters == votes


def test_a_class_without_training_images_is_said_to_be_unseen() -> None:
    data = make_square_data()
    labels = data.test_labels.copy()
    labels[3] = 3
    strange = dataclasses.replace(data, test_labels=labels, class_names=("a1", "b1", "c1", "d1"))
    listing = make_square_study(strange).of(Outliers).listings["likely_mislabelled"]
    assert listing.reasons[0][2] == "its class was never seen"


def test_one_image_has_nothing_to_stand_out_from() -> None:
    assert make_square_study(make_square_data(test=1)).of(Outliers).unavailable is not None
    assert make_square_study(make_square_data(test=2)).of(Outliers).unavailable is None


def test_numbers_come_from_the_cache_the_second_time(tmp_path: Path) -> None:
    data = make_square_data()
    first = make_study(make_fitted_run(data), data, tmp_path).of(Outliers).metrics
    run = make_fitted_run(data)
    again = make_study(run, data, tmp_path).of(Outliers).metrics
    assert json.dumps(again) == json.dumps(first)
    assert run.calls == []


def test_the_picture_holds_what_is_listed_and_decodes_it_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    study = make_square_study(make_square_data())
    shown: dict[str, Any] = {}
    real = draw.draw_outliers
    monkeypatch.setattr(draw, "draw_outliers", lambda **given: shown.update(given) or real(**given))
    drawing = load_recipes()["outliers.png"].draw(study)
    listings = list(study.of(Outliers).listings.values())
    assert len(listings[-1].indices) == 0
    for grid, listing in zip(shown["grids"], listings, strict=True):
        images, below = (each.reshape(-1, *each.shape[2:]) for each in (grid.images, grid.below))
        np.testing.assert_array_equal(images, study.images[listing.indices])
        back = study.run.decode(study.codes[listing.indices])
        np.testing.assert_allclose(below, back, atol=1e-6)
        written = [[note.text for note in lines] for lines in grid.notes[0]]
        assert written == listing.reasons
    assert all(count > 0 for call, count in study.run.calls[: -len(listings)] if call == "decode")
    assert {len(scores) for _, scores in shown["ood"].values()} == {len(shown["score_names"])}
    assert f"finds {study.of(Outliers).planted['codes']['found']:.1%}" in drawing.text.caption
    assert drawing.frames.ndim == 3
