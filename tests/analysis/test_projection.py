from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from latentspace.analysis import projection, tsne
from latentspace.analysis.projection import Settings
from latentspace.core.errors import InputError


@pytest.fixture
def clusters() -> np.ndarray:
    rng = np.random.default_rng(0)
    centres = rng.normal(0, 6, (3, 10))
    return (centres[np.arange(150) % 3] + rng.normal(size=(150, 10))).astype(np.float32)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("method", ["tsne", "pca", "ica", "umap"])
def test_every_method_gives_finite_points_that_the_seed_repeats(
    clusters: np.ndarray, method: str, dims: int
) -> None:
    settings = Settings(method=method, dims=dims, perplexity=10)
    made = projection.project(clusters, settings)
    assert made.points.shape == (150, dims)
    assert made.points.dtype == np.float32
    assert np.isfinite(made.points).all()
    assert made.seconds > 0
    assert ("kl_divergence" in made.facts) == ("trajectory" in made.arrays) == (method == "tsne")
    if method != "tsne":  # whose threads add up in any order
        np.testing.assert_array_equal(projection.project(clusters, settings).points, made.points)


def test_umap_starts_from_exact_neighbors(
    clusters: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple] = []

    class Recorded:
        def __init__(self, precomputed_knn: tuple, **options: object) -> None:
            given.append(precomputed_knn)

        def fit_transform(self, vectors: np.ndarray) -> np.ndarray:
            return vectors[:, :2]

    monkeypatch.setattr(projection, "_load_umap_class", lambda: Recorded)
    equal = np.concatenate([clusters, clusters[:1]])  # of two equal ones each is its own nearest
    projection.umap(equal, dims=2, seed=0)
    ((indices, distances, _),) = given
    np.testing.assert_array_equal(indices[:, 0], np.arange(151))
    assert (indices[0, 1], indices[150, 1]) == (150, 0)
    away = np.linalg.norm(equal[:, None] - equal, axis=2)
    np.testing.assert_allclose(distances, np.sort(away, axis=1)[:, :15], atol=1e-3)
    monkeypatch.setattr(projection, "MOST_EXACT", 150)
    projection.umap(equal, dims=2, seed=0)
    assert given[1] == (None, None, None)


def test_umap_does_not_load_tensorflow() -> None:
    code = """if True:
        import sys
        import numpy as np
        from latentspace.analysis.projection import umap
        umap(np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32), dims=2, seed=0)
        assert "tensorflow" not in sys.modules
        import tensorflow
        assert tensorflow.reduce_sum([1, 2]) == 3
    """
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_pca_finds_the_widest_directions(clusters: np.ndarray) -> None:
    points = projection.project(clusters, Settings(method="pca")).points
    variances = np.linalg.eigvalsh(np.cov(clusters.T))[::-1]
    np.testing.assert_allclose(points.var(axis=0, ddof=1), variances[:2], rtol=1e-4)


def test_ica_gives_uncorrelated_directions_of_equal_size(clusters: np.ndarray) -> None:
    points = projection.project(clusters, Settings(method="ica")).points
    np.testing.assert_allclose(np.cov(points.T), np.eye(2), atol=0.02)


def test_many_dimensions_are_condensed_and_others_follow() -> None:
    rng = np.random.default_rng(0)
    vectors = (rng.normal(size=(200, 8)) @ rng.normal(size=(8, 90))).astype(np.float32)
    reduced, condense = projection.reduce_dimensions(vectors)
    assert reduced.shape == (200, projection.LARGEST_DIM)
    np.testing.assert_allclose(condense(vectors[:7]), reduced[:7], atol=1e-4)
    # Eight directions hold all variance, so distances stay what they are.
    np.testing.assert_allclose(
        np.linalg.norm(reduced[:20] - reduced[20:40], axis=1),
        np.linalg.norm(vectors[:20] - vectors[20:40], axis=1),
        rtol=1e-4,
    )


@pytest.mark.parametrize("shape", [(60, 20), (30, 90)])
def test_few_dimensions_or_vectors_stay_as_they_are(shape: tuple[int, int]) -> None:
    vectors = np.random.default_rng(0).normal(size=shape)
    assert projection.reduce_dimensions(vectors)[0] is vectors


@pytest.mark.parametrize("limit", [100, 1000])
def test_several_maps_come_by_name_also_from_processes_or_threads_of_their_own(
    clusters: np.ndarray, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(projection, "THREADS_LIMIT", limit)
    monkeypatch.setattr(projection, "count_cores", lambda: 2)
    reports: list[tuple[str, int, float]] = []
    made = projection.project_all(
        {"one": clusters, "other": clusters[::-1].copy()},
        Settings(perplexity=10),
        on_progress=lambda *report: reports.append(report),
    )
    assert set(made) == {"one", "other"}
    for name, points in made.items():
        assert points.points.shape == (150, 2)
        assert any(report[0] == name for report in reports)
    assert made["one"].facts["kl_divergence"] < 1


@pytest.mark.parametrize(("limit", "threads"), [(100, 4), (1000, 1)])
def test_a_map_has_the_same_threads_whether_made_alone_or_beside_another(
    clusters: np.ndarray, monkeypatch: pytest.MonkeyPatch, limit: int, threads: int
) -> None:
    given: list[tuple[int, int]] = []

    def run_all(function, inputs, *, at_once, in_threads, on_report):
        assert in_threads == (limit == 1000)
        given.extend((arguments[-1], at_once) for arguments in inputs.values())
        return {}

    monkeypatch.setattr(projection, "THREADS_LIMIT", limit)
    monkeypatch.setattr(projection, "count_cores", lambda: 8)
    monkeypatch.setattr(projection, "run_all", run_all)
    for sources in ({"one": clusters}, {"one": clusters, "other": clusters}):
        projection.project_all(sources, Settings(), on_progress=lambda *report: None)
    assert given == [(threads, 1), (threads, 2), (threads, 2)]


class Deadly(np.ndarray):
    """Vectors that end the process that they are sent to."""

    def __reduce__(self) -> tuple:
        return os._exit, (9,)


def test_a_process_that_was_ended_gets_one_line(
    clusters: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projection, "THREADS_LIMIT", 100)
    monkeypatch.setattr(projection, "count_cores", lambda: 2)
    sources = {"one": clusters, "other": clusters.view(Deadly)}
    with pytest.raises(InputError, match=r"ended from outside.*--samples"):
        projection.project_all(sources, Settings(perplexity=10), on_progress=lambda *report: None)


@pytest.mark.parametrize("dims", [2, 3])
def test_of_many_vectors_a_choice_is_embedded_and_the_others_join_their_clusters(
    clusters: np.ndarray, monkeypatch: pytest.MonkeyPatch, dims: int
) -> None:
    monkeypatch.setattr(projection, "MOST_EMBEDDED", 90)
    monkeypatch.setattr(projection, "PLACED_AT_ONCE", 25)
    settings, steps = Settings(perplexity=10, dims=dims, seed=3), []
    made = projection.project(clusters, settings, 1, lambda step, _: steps.append(step))
    assert made.facts["placed"] == 60
    assert made.facts["seconds_placing"] > 0
    embedded = made.embedded
    assert len(np.unique(embedded)) == 90
    np.testing.assert_array_equal(embedded, np.sort(embedded))
    assert made.points.shape == (150, dims)
    assert made.points.dtype == np.float32
    assert made.arrays["trajectory"].shape[1:] == (90, dims)  # no more, however many are placed
    total = projection.count_steps(150, settings)
    assert steps == sorted(steps)
    assert (steps[-1], total) == (total, tsne.count_iterations(90, dims) + 3)
    alone = projection.project(clusters[embedded], settings, 1)
    np.testing.assert_array_equal(made.points[embedded], alone.points)
    assert "placed" not in alone.facts
    assert alone.embedded == slice(None)

    placed, labels = np.setdiff1d(np.arange(150), embedded), np.arange(150) % 3
    centres = np.stack([alone.points[labels[embedded] == k].mean(axis=0) for k in range(3)])
    away = np.linalg.norm(made.points[placed][:, np.newaxis] - centres, axis=2)
    np.testing.assert_array_equal(away.argmin(axis=1), labels[placed])

    other = projection.project(clusters, Settings(perplexity=10, dims=dims, seed=4), 1)
    assert not np.array_equal(other.embedded, embedded)


def test_where_vectors_are_placed_does_not_depend_on_how_many_are_at_once(
    clusters: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projection, "MOST_EMBEDDED", 90)
    found = []
    for at_once in (1, 7, 1000):
        monkeypatch.setattr(projection, "PLACED_AT_ONCE", at_once)
        found.append(projection.project(clusters, Settings(perplexity=10), 1).points)
    np.testing.assert_array_equal(found[0], found[2])
    np.testing.assert_array_equal(found[1], found[2])


@pytest.mark.parametrize("method", ["pca", "ica", "umap"])
def test_other_methods_project_all_vectors_however_many(
    clusters: np.ndarray, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    usual = projection.project(clusters, Settings(method=method))
    monkeypatch.setattr(projection, "MOST_EMBEDDED", 90)
    made = projection.project(clusters, Settings(method=method))
    np.testing.assert_array_equal(made.points, usual.points)
    assert (made.facts, made.embedded) == ({}, slice(None))


def test_alignment_undoes_turning_mirroring_and_shifting() -> None:
    rng = np.random.default_rng(0)
    reference = rng.normal(size=(40, 2))
    turn = np.array([[np.cos(2.0), -np.sin(2.0)], [np.sin(2.0), np.cos(2.0)]])
    moved = (reference * [1, -1]) @ turn + [3, -5]
    rotation, shift = projection.align(moved, reference)
    np.testing.assert_allclose(moved @ rotation + shift, reference, atol=1e-9)


@pytest.mark.parametrize("dims", [2, 3])
def test_alignment_keeps_distances(dims: int) -> None:
    rng = np.random.default_rng(0)
    points, reference = rng.normal(size=(2, 40, dims))
    rotation, shift = projection.align(points, reference)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(dims), atol=1e-9)
    np.testing.assert_allclose(
        (points @ rotation + shift).mean(axis=0), reference.mean(axis=0), atol=1e-9
    )


def test_settings_that_a_method_does_not_read_do_not_count() -> None:
    assert Settings(method="pca", perplexity=5).key == Settings(method="pca").key
    assert Settings(perplexity=5).key != Settings().key
    assert Settings(exaggeration=2).key != Settings().key


def test_vectors_longer_than_they_are_many_keep_their_distances_in_fewer_dimensions() -> None:
    vectors = np.random.default_rng(0).random((12, 100)).astype(np.float32) + 3
    short = projection.keep_distances(vectors)
    assert short.shape == (12, 12)
    np.testing.assert_allclose(pdist(short), pdist(vectors), rtol=1e-5)
    few = vectors[:, :50]  # for which finding others would take longer
    assert projection.keep_distances(few) is few
