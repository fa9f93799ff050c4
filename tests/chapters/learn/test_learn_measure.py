from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from conftest import MOMENTS, WATCHED, Filmed, LinearRun, make_filmed, make_study

from latentspace.analysis import neighborhoods, scores
from latentspace.analysis.neighbors import find_nearest_others
from latentspace.analysis.projection import choose_perplexity
from latentspace.chapters.learn import figures
from latentspace.chapters.learn.measure import Learning
from latentspace.chapters.study import Study
from latentspace.core.errors import InputError
from latentspace.datasets import ImageDataset
from latentspace.models.snapshots import Snapshots


@pytest.fixture
def study(tiny: ImageDataset, tmp_path: Path) -> Study:
    return make_study(make_filmed(tiny), tiny, tmp_path)


def test_numbers_are_those_of_the_codes_at_each_moment(study: Study, tiny: ImageDataset) -> None:
    numbers = study.of(Learning).metrics
    film = study.run.read_snapshots()
    assert numbers["images"] == len(WATCHED)
    assert numbers["probes"] == 6
    assert numbers["images_seen"] == [0, 8, 16, 40, 80]
    assert numbers["mse"] == film.errors.tolist()
    labels, rows = tiny.train_labels[WATCHED], np.arange(len(WATCHED))
    for codes, accuracy in zip(film.codes, numbers["knn_accuracy"], strict=True):
        found = find_nearest_others(codes.astype(np.float32), rows)[1]
        assert accuracy == neighborhoods.score_votes(found, labels, rows).mean()
    assert numbers["knn_accuracy"][-1] > numbers["knn_accuracy"][0]
    pixels = tiny.train_images[WATCHED]
    found = find_nearest_others(pixels.reshape(len(rows), -1), rows)[1]
    assert numbers["pixel_knn_accuracy"] == neighborhoods.score_votes(found, labels, rows).mean()
    expected = scores.pca_error(
        scores.fit_components(tiny.train_images[study.fit_indices], 8), pixels
    )
    assert numbers["pca_mse"] == pytest.approx(expected)
    # In five moments out of noise no map can follow; it says so by its own divergence.
    assert 0 < numbers["afresh_kl_divergence"] < 1.1 * numbers["map_kl_divergence"]


def test_the_answer_sets_the_errors_at_both_ends_beside_that_of_pca(
    study: Study, tiny: ImageDataset
) -> None:
    linear, run = study.of(Learning).metrics["pca_mse"], make_filmed(tiny)
    run.film = dataclasses.replace(run.film, errors=linear * np.array([1, 0.8, 0.6, 0.4, 0.2]))
    learning = make_study(run, tiny).of(Learning)
    said = f"error 100% of that of PCA ({linear:.5f}) at the start, 20% at the end"
    assert said in str(learning.answer)
    assert f"{learning.metrics['knn_accuracy'][-1]:.3f} at the end" in str(learning.answer)


def test_maps_travel_and_the_pixels_stay(study: Study) -> None:
    maps = study.of(Learning).maps
    assert maps["latent"].shape == maps["pixel"].shape == (MOMENTS, len(WATCHED), 2)
    assert np.ptp(maps["pixel"], axis=0).max() == 0
    travelled = np.linalg.norm(np.diff(maps["latent"], axis=0), axis=2).mean(axis=1)
    assert (travelled > 0).all()
    assert (travelled < np.ptp(maps["latent"])).all()


def test_other_images_and_untrained_models_have_no_film(tiny: ImageDataset) -> None:
    run = make_filmed(tiny)
    run.facts["dataset"]["hash"] = "of other images"
    assert "drop --dataset" in str(make_study(run, tiny).of(Learning).unavailable)
    alone = make_study(LinearRun(tiny.image_shape), tiny).of(Learning)
    assert alone.unavailable == alone.map_unavailable == "a stand-in was not trained"


def test_a_few_images_have_a_film_but_no_map(tiny: ImageDataset) -> None:
    learning = make_study(make_filmed(tiny, np.arange(8)), tiny).of(Learning)
    assert learning.unavailable is None
    assert "8 images are no map" in str(learning.map_unavailable)
    assert set(learning.metrics) == {"images", "probes", "steps", "images_seen", "mse", "pca_mse"}
    assert "10-NN" not in str(learning.answer)


def test_a_damaged_film_costs_only_the_film(
    tiny: ImageDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(run: Filmed) -> Snapshots:
        raise InputError("snapshots.npz can't be read")

    monkeypatch.setattr(Filmed, "read_snapshots", damaged)
    learning = make_study(make_filmed(tiny), tiny).of(Learning)
    assert learning.unavailable == learning.map_unavailable == "snapshots.npz can't be read"


@pytest.mark.usefixtures("quick")
def test_the_maps_follow_the_perplexity_that_was_given(tiny: ImageDataset) -> None:
    run = make_filmed(tiny)
    largest = choose_perplexity(len(WATCHED))
    given = make_study(run, tiny, perplexity=2.0).of(Learning)
    assert given.settings_used == {"perplexity": given.perplexity} == {"perplexity": 2}
    for unfit in (50.0, None):
        assert make_study(run, tiny, perplexity=unfit).of(Learning).perplexity == largest
    other = make_study(run, tiny, perplexity=largest).of(Learning)
    assert np.abs(given.maps["latent"] - other.maps["latent"]).max() > 0.01 * np.ptp(
        other.maps["latent"]
    )


def test_the_film_of_images_without_classes_does_not_speak_of_them(
    tiny: ImageDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "_describe_training", lambda study: "Trained.")
    zeros = {name: np.zeros_like(getattr(tiny, name)) for name in ("train_labels", "test_labels")}
    plain = dataclasses.replace(tiny, class_names=("image",), **zeros)
    texts = [
        figures.draw_training_map(make_study(make_filmed(data), data, tmp_path)).text
        for data in (tiny, plain)
    ]
    assert [text.title for text in texts] == [
        "How classes come apart while the model learns",
        "How the codes come apart while the model learns",
    ]
    assert ["label accuracy" in text.caption for text in texts] == [True, False]
