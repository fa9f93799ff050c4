from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from conftest import LinearRun, make_study

from latentspace.analysis import neighborhoods, projection, tsne
from latentspace.analysis.neighborhoods import Estimate
from latentspace.analysis.neighbors import find_nearest_others
from latentspace.chapters.maps import figures
from latentspace.chapters.maps.figures import RECIPES
from latentspace.chapters.maps.measure import Maps, to_numbers
from latentspace.chapters.maps.placing import Placing
from latentspace.core.errors import InputError
from latentspace.datasets import ImageDataset

MEASURES = {
    "knn_accuracy",
    "source_knn_accuracy",
    "knn_preservation",
    "trustworthiness",
    "silhouette",
    "source_silhouette",
    "distance_correlation",
}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The shapes of all vectors that are projected from now on."""
    shapes: list[tuple[int, ...]] = []
    original = projection.project

    def counted(vectors: np.ndarray, *arguments, **options) -> projection.Projection:
        shapes.append(vectors.shape)
        return original(vectors, *arguments, **options)

    monkeypatch.setattr(projection, "project", counted)
    return shapes


def test_maps_have_all_metrics_with_intervals(linear_run: LinearRun, tiny: ImageDataset) -> None:
    study = make_study(linear_run, tiny)
    metrics = study.of(Maps).metrics
    assert (metrics["method"], metrics["dims"], metrics["split"]) == ("tsne", 2, "test")
    rows = np.arange(60)
    for space, source in (
        ("pixel", tiny.test_images[:].reshape(60, -1)),
        ("latent", linear_run.encode(tiny.test_images[:])),
    ):
        numbers = metrics[space]
        assert set(numbers) >= MEASURES | {f"{name}_interval" for name in MEASURES}
        assert (numbers["samples"], numbers["perplexity"], numbers["iterations"]) == (60, 8, 300)
        assert numbers["kl_divergence"] > 0
        for name in MEASURES:
            low, high = numbers[f"{name}_interval"]
            assert low <= numbers[name] <= high
        near = find_nearest_others(study.of(Maps).get_points(space), rows)[1]
        trust = neighborhoods.trustworthiness(source, near, rows).mean()
        assert numbers["trustworthiness"] == pytest.approx(trust, abs=1e-3)
        before = find_nearest_others(source, rows)[1]
        hits = neighborhoods.score_votes(before, tiny.test_labels, rows)
        assert numbers["source_knn_accuracy"] == pytest.approx(hits.mean())
    for name in ("knn_accuracy", "silhouette"):
        assert metrics["difference"][name] == pytest.approx(
            metrics["latent"][name] - metrics["pixel"][name]
        )


def test_the_second_look_takes_everything_from_the_cache(
    linear_run: LinearRun, tiny: ImageDataset, tmp_path: Path, calls: list[tuple[int, ...]]
) -> None:
    first = make_study(linear_run, tiny, tmp_path)
    metrics = first.of(Maps).metrics
    assert calls == [(60, 50), (60, 8)]  # pixels as principal components
    second = make_study(linear_run, tiny, tmp_path)
    assert second.of(Maps).metrics == metrics
    np.testing.assert_array_equal(
        second.of(Maps).get_points("latent"), first.of(Maps).get_points("latent")
    )
    np.testing.assert_array_equal(
        second.of(Maps).get_film("latent").points, first.of(Maps).get_film("latent").points
    )
    assert len(calls) == 2
    other = make_study(linear_run, tiny, tmp_path, perplexity=9.0)
    assert other.of(Maps).metrics["pixel"]["perplexity"] == 9
    assert len(calls) == 4
    # Another model changes the codes, not the pixels.
    linear_run.model_hash = "another"
    make_study(linear_run, tiny, tmp_path).of(Maps).get_points("pixel")
    assert calls[4:] == [(60, 8)]


def test_scores_by_image_of_one_space_need_no_map_of_the_other(
    linear_run: LinearRun, tiny: ImageDataset, tmp_path: Path, calls: list[tuple[int, ...]]
) -> None:
    maps = make_study(linear_run, tiny, tmp_path).of(Maps)
    by_image = maps.score_images("latent", maps.flat)
    assert calls == [(60, 8)]
    assert {values.shape for values in by_image.values()} == {(60,)}
    again = make_study(linear_run, tiny, tmp_path).of(Maps).score_images("latent", maps.flat)
    np.testing.assert_array_equal(again["silhouette"], by_image["silhouette"])
    assert len(calls) == 1
    estimates = maps.score_maps(maps.settings)["latent"]
    assert set(by_image) < set(estimates)
    for name, values in by_image.items():
        assert estimates[name].value == pytest.approx(values.mean())


def test_a_damaged_cache_is_computed_afresh(
    linear_run: LinearRun, tiny: ImageDataset, tmp_path: Path, calls: list[tuple[int, ...]]
) -> None:
    points = make_study(linear_run, tiny, tmp_path).of(Maps).get_points("pixel")
    for path in tmp_path.glob("map-*.npz"):
        path.write_bytes(path.read_bytes()[:200])
    again = make_study(linear_run, tiny, tmp_path).of(Maps).get_points("pixel")
    assert len(calls) == 4
    assert again.shape == points.shape


def test_samples_are_a_choice_of_test_images_by_seed(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    maps = make_study(linear_run, tiny, samples=40).of(Maps)
    assert len(np.unique(maps.indices)) == 40
    np.testing.assert_array_equal(maps.images, tiny.test_images[maps.indices])
    other = make_study(linear_run, tiny, samples=40, seed=1).of(Maps)
    assert not np.array_equal(maps.indices, other.indices)


@pytest.mark.parametrize(("split", "count"), [("test", 60), ("train", 120), ("all", 180)])
def test_all_images_of_a_split(
    linear_run: LinearRun, tiny: ImageDataset, split: str, count: int
) -> None:
    maps = make_study(linear_run, tiny, samples="all", split=split).of(Maps)
    expected = {
        "test": (tiny.test_images[:], tiny.test_labels),
        "train": (tiny.train_images[:], tiny.train_labels),
    }
    parts = [expected[name] for name in (("test", "train") if split == "all" else (split,))]
    np.testing.assert_array_equal(maps.indices, np.arange(count))
    np.testing.assert_array_equal(maps.images, np.concatenate([images for images, _ in parts]))
    np.testing.assert_array_equal(maps.labels, np.concatenate([labels for _, labels in parts]))
    np.testing.assert_allclose(maps.codes, linear_run.encode(maps.images), atol=1e-6)


def test_a_few_images_of_both_splits_keep_their_labels(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    maps = make_study(linear_run, tiny, samples=50, split="all").of(Maps)
    whole = np.concatenate([tiny.test_images[:], tiny.train_images[:]])
    labels = np.concatenate([tiny.test_labels, tiny.train_labels])
    np.testing.assert_array_equal(maps.images, whole[maps.indices])
    np.testing.assert_array_equal(maps.labels, labels[maps.indices])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"samples": 61}, "60 test images"),
        ({"samples": 121, "split": "train"}, "120 training images"),
        ({"samples": 13}, "perplexity of at most 4"),
        ({"place": ("nope.png",)}, "Received: --place nope.png"),
    ],
)
def test_what_the_images_do_not_allow_is_refused(
    linear_run: LinearRun, tiny: ImageDataset, options: dict, message: str
) -> None:
    study = make_study(linear_run, tiny, **options)
    with pytest.raises(InputError, match=message):
        study.check([Maps, Placing])


def test_the_film_ends_at_the_map_and_knows_its_phases(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    maps = make_study(linear_run, tiny).of(Maps)
    film = maps.get_film("latent")
    np.testing.assert_allclose(film.points[-1], maps.get_points("latent"), atol=0.1)
    assert film.iterations[-1] == tsne.count_iterations(60, 2)
    early = sum(phase.iterations for phase in tsne.EXACT if phase.exaggeration > 1)
    assert film.exaggerated.sum() == early // tsne.REPORT_EVERY + 1
    late = film.divergences[~film.exaggerated]
    assert late[-1] < late[0]


def test_of_many_images_a_choice_is_mapped_and_the_others_are_placed(
    linear_run: LinearRun, tiny: ImageDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projection, "MOST_EMBEDDED", 110)
    study = make_study(linear_run, tiny, tmp_path, samples="all", split="all", place=("7",))
    maps = study.of(Maps)
    metrics = maps.metrics
    votes, made = maps.score_images("latent", maps.flat)["knn_accuracy"], maps.project(maps.flat)
    for space, numbers in ((space, metrics[space]) for space in ("pixel", "latent")):
        assert (numbers["samples"], numbers["placed"]) == (180, 70)
        assert numbers["seconds_placing"] > 0
        assert maps.get_points(space).shape == (180, 2)
    embedded = made["latent"].embedded
    np.testing.assert_array_equal(made["pixel"].embedded, embedded)  # the same images
    means = votes[embedded].mean(), np.delete(votes, embedded).mean()
    found = [metrics["latent"][f"{part}_knn_accuracy"] for part in ("embedded", "placed")]
    assert found == pytest.approx(means)
    low, high = metrics["latent"]["placed_knn_accuracy_interval"]
    assert low <= found[1] <= high

    caption = figures.draw_comparison(study).text.caption
    assert (
        "made of 110 of them, chosen by the seed: the other 70 are placed at the median of their 3"
        in caption
    )
    caption = RECIPES["tsne_latent.png"].draw(study).text.caption
    assert f"of the placed images {found[1]:.3f}; of the others {found[0]:.3f}" in caption
    film = maps.get_film("latent")
    assert film.points.shape[1:] == (110, 2)
    np.testing.assert_allclose(film.points[-1], maps.get_points("latent")[embedded], atol=0.1)
    drawing = RECIPES["tsne_latent.gif"].draw(study)
    assert "Only those that the maps are made of are shown." in drawing.text.caption
    for places, neighbors in study.of(Placing).placed.values():
        assert places.shape == (1, 2)
        assert neighbors.max() < 180
    with pytest.raises(InputError, match="110 images allow a perplexity of at most 36"):
        make_study(linear_run, tiny, samples="all", split="all", perplexity=40.0).check([Maps])


def test_the_latent_map_is_turned_onto_the_other(linear_run: LinearRun, tiny: ImageDataset) -> None:
    maps = make_study(linear_run, tiny).of(Maps)
    pixel, latent = maps.get_points("pixel"), maps.get_points("latent")
    np.testing.assert_allclose(latent.mean(axis=0), pixel.mean(axis=0), atol=1e-3)
    raw = maps.project(maps.flat)["latent"].points
    away = np.linalg.norm(latent[:, np.newaxis] - latent, axis=2)
    np.testing.assert_allclose(
        away, np.linalg.norm(raw[:, np.newaxis] - raw, axis=2), rtol=1e-3, atol=1e-3
    )


def test_three_dimensions_are_measured_and_drawn_beside_two(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    study = make_study(linear_run, tiny, dims=3)
    metrics = study.of(Maps).metrics
    assert metrics["dims"] == 3
    assert study.of(Maps).get_points("latent", study.of(Maps).solid).shape == (60, 3)
    assert study.of(Maps).get_points("latent").shape == (60, 2)


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.1, 0.3, "denser in the latent map"),
        (-0.3, -0.1, "denser in the pixel map"),
        (-0.1, 0.3, "neither map has clearly"),
    ],
)
def test_the_answer_says_what_was_measured(
    linear_run: LinearRun,
    tiny: ImageDataset,
    monkeypatch: pytest.MonkeyPatch,
    low: float,
    high: float,
    words: str,
) -> None:
    study = make_study(linear_run, tiny)
    difference = {
        "silhouette": Estimate((low + high) / 2, low, high),
        "knn_accuracy": Estimate(0.01, 0, 0.02),
    }
    space = {name: Estimate(0.5, 0.4, 0.6) for name in difference}
    found = {"pixel": space, "latent": space, "difference": difference}
    monkeypatch.setattr(study.of(Maps), "score_maps", lambda settings: found)
    line = study.of(Maps).answer
    assert words in line
    assert f"{low:+.3f} to {high:+.3f}" in line
    assert "0.500 against 0.500" in line


def test_without_two_classes_there_is_no_answer(linear_run: LinearRun, tiny: ImageDataset) -> None:
    alone = dataclasses.replace(tiny, test_labels=np.zeros_like(tiny.test_labels))
    study = make_study(linear_run, alone)
    assert study.of(Maps).answer is None
    assert np.isnan(study.of(Maps).metrics["latent"]["silhouette"])


def test_intervals_stand_beside_their_numbers() -> None:
    assert to_numbers({"a": Estimate(2, 1, 3)}) == {"a": 2, "a_interval": [1, 3]}


def test_the_default_perplexity_suits_few_images(linear_run: LinearRun, tiny: ImageDataset) -> None:
    def perplexity(samples: int, split: str) -> float:
        options = {"samples": samples, "split": split, "perplexity": None}
        return make_study(linear_run, tiny, **options).of(Maps).settings.perplexity

    assert [perplexity(13, "test"), perplexity(60, "test"), perplexity(180, "all")] == [1, 6, 19]


def test_too_few_images_are_no_map(linear_run: LinearRun, tiny: ImageDataset) -> None:
    assert "10 images are no map: 12 are needed" in str(
        make_study(linear_run, tiny, samples=10).of(Maps).unavailable
    )
    assert make_study(linear_run, tiny).of(Maps).unavailable is None


def test_the_number_of_images_and_the_perplexity_are_on_record_as_used(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    lowered = make_study(linear_run, tiny, perplexity=None)
    assert lowered.of(Maps).settings_used == {"samples": 60, "perplexity": 6}
    # What a person chose stays, even where it is the usual one.
    chosen = make_study(linear_run, tiny, perplexity=30.0)
    with pytest.raises(InputError, match="perplexity of at most"):
        chosen.check([Maps])


def test_the_rows_are_the_scores_beside_those_of_the_pixels(
    linear_run: LinearRun, tiny: ImageDataset
) -> None:
    maps = make_study(linear_run, tiny).of(Maps)
    rows = {row.words: row for row in maps.rows}
    row = rows["k-NN preservation in the map"]
    numbers = maps.metrics
    assert row.own.value == numbers["latent"]["knn_preservation"]
    assert [row.own.low, row.own.high] == numbers["latent"]["knn_preservation_interval"]
    assert row.baselines["pixels"].value == numbers["pixel"]["knn_preservation"]
    assert not any(np.isnan(row.own.value) for row in rows.values())
