from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from latentspace.analysis import tsne
from latentspace.analysis.neighborhoods import score_votes
from latentspace.analysis.neighbors import find_nearest_others
from latentspace.analysis.projection import Settings


@pytest.fixture
def clusters() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = np.arange(150) % 3
    centres = rng.normal(0, 6, (3, 10))
    return (centres[labels] + rng.normal(size=(150, 10))).astype(np.float32), labels


def embed(vectors: np.ndarray, **options: Any) -> tuple:
    threads, on_progress = 2, options.pop("on_progress", lambda *report: None)
    return tsne.embed(vectors, Settings(**{"perplexity": 15, **options}), threads, on_progress)


def accuracy(points: np.ndarray, labels: np.ndarray) -> float:
    rows = np.arange(len(points))
    return float(score_votes(find_nearest_others(points, rows)[1], labels, rows).mean())


@pytest.mark.parametrize("dims", [2, 3])
def test_clusters_stay_apart_and_progress_is_reported(
    clusters: tuple[np.ndarray, np.ndarray], dims: int
) -> None:
    vectors, labels = clusters
    reports: list[tuple[int, float]] = []
    points, facts, _ = embed(vectors, dims=dims, on_progress=lambda *report: reports.append(report))
    assert points.shape == (150, dims)
    assert points.dtype == np.float32
    assert accuracy(points, labels) > 0.98
    assert 0 < facts["kl_divergence"] < 2
    assert min(facts["seconds_neighbors"], facts["seconds_optimization"]) > 0
    iterations = [iteration for iteration, _ in reports]
    total = tsne.count_iterations(150, dims)
    assert facts["iterations"] == total
    assert iterations == list(range(tsne.REPORT_EVERY, total + 1, tsne.REPORT_EVERY))
    assert reports[-1][1] < reports[0][1]


def test_the_trajectory_leads_from_the_principal_components_to_the_map(
    clusters: tuple[np.ndarray, np.ndarray],
) -> None:
    vectors, _ = clusters
    points, _, arrays = embed(vectors)
    trajectory, divergences = arrays["trajectory"], arrays["divergences"]
    assert trajectory.dtype == np.float16
    assert len(trajectory) == len(divergences) == 61
    assert np.isnan(divergences[0])
    assert np.isfinite(divergences[1:]).all()
    np.testing.assert_allclose(trajectory[-1], points, rtol=1e-3, atol=0.02)
    centred = vectors - vectors.mean(axis=0)
    components = np.linalg.svd(centred, full_matrices=False)[2][:2]
    for axis, component in enumerate(components):
        agreement = np.corrcoef(trajectory[0][:, axis], centred @ component)[0, 1]
        assert abs(agreement) > 0.99


LIMITS = [tsne.EXACT_LIMIT, tsne.SMALL_LIMIT, tsne.BARNES_HUT_LIMIT, 70_000]


@pytest.mark.parametrize("count", LIMITS)
def test_every_schedule_pulls_harder_first_and_ends_finest(count: int) -> None:
    phases = tsne.plan_phases(count, 2)
    pulls = [phase.exaggeration for phase in phases]
    assert pulls == sorted(pulls, reverse=True)
    assert pulls[0] > pulls[-1] == 1
    late = [phase.coarseness for phase in phases if phase.exaggeration == 1]
    assert late == sorted(late, reverse=True)
    assert tsne.count_iterations(count, 2) % tsne.REPORT_EVERY == 0
    assert "fft" not in {phase.gradient for phase in tsne.plan_phases(count, 3)}


@pytest.mark.parametrize("phases", [tsne.SMALL, tsne.MEDIUM, tsne.LARGE])
def test_schedules_of_large_maps_separate_clusters_too(
    phases: tuple[tsne.Phase, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tsne, "plan_phases", lambda count, dims: phases)
    rng = np.random.default_rng(0)
    labels = np.arange(1200) % 4
    vectors = rng.normal(0, 6, (4, 10))[labels] + rng.normal(size=(1200, 10))
    points, _, _ = embed(vectors.astype(np.float32), perplexity=30)
    assert accuracy(points, labels) > 0.97
    assert np.abs(points).max() < 1000


def test_exaggeration_makes_clusters_denser(clusters: tuple[np.ndarray, np.ndarray]) -> None:
    vectors, labels = clusters

    def spread(points: np.ndarray) -> float:
        within = [points[labels == label].std(axis=0).mean() for label in range(3)]
        return float(np.mean(within) / points.std(axis=0).mean())

    loose, dense = embed(vectors)[0], embed(vectors, exaggeration=4)[0]
    assert spread(dense) < 0.8 * spread(loose)


def test_perplexity_beyond_the_data_is_refused(clusters: tuple[np.ndarray, np.ndarray]) -> None:
    with pytest.raises(ValueError, match="perplexity=50"):
        embed(clusters[0], perplexity=50)


def test_largest_perplexity_is_accepted(clusters: tuple[np.ndarray, np.ndarray]) -> None:
    vectors = clusters[0][:31]
    assert tsne.find_largest_perplexity(31) == 10
    assert embed(vectors, perplexity=10)[0].shape == (31, 2)


def test_further_vectors_are_put_into_their_clusters_and_the_map_stays(
    clusters: tuple[np.ndarray, np.ndarray],
) -> None:
    vectors, labels = clusters
    known, new = vectors[:120], vectors[120:]
    points = embed(known)[0] + np.float32([100, -40])
    before = points.copy()
    placed = tsne.transform(new, known, points)
    np.testing.assert_array_equal(points, before)
    assert placed.shape == (30, 2)
    centres = np.stack([points[labels[:120] == label].mean(axis=0) for label in range(3)])
    nearest = np.linalg.norm(placed[:, np.newaxis] - centres, axis=2).argmin(axis=1)
    np.testing.assert_array_equal(nearest, labels[120:])
    # Each by itself: alone an image lands where it lands among others.
    alone = tsne.transform(new[:1], known, points)
    np.testing.assert_allclose(alone, placed[:1], atol=1e-3)


def test_maps_that_follow_each_other_travel_and_end_as_good_as_one_made_afresh() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(90) % 3
    noise = rng.normal(size=(90, 6)).astype(np.float32)
    apart = noise + 8 * np.eye(6, dtype=np.float32)[labels]
    frames = np.stack([noise + share * (apart - noise) for share in [*np.linspace(0, 1, 12), 1]])
    steps: list[int] = []
    maps, divergences = tsne.follow(
        frames.astype(np.float32), perplexity=9, seed=0, on_progress=lambda: steps.append(1)
    )
    assert maps.shape == (13, 90, 2)
    assert maps.dtype == np.float32
    assert len(steps) == len(divergences) == 13
    afresh = tsne.follow(frames[-1:], perplexity=9, seed=0, on_progress=lambda: None)[1][0]
    assert divergences[-1] < 1.1 * afresh + 0.02
    # The same vectors again: the map all but stays.
    moved = np.linalg.norm(maps[-1] - maps[-2], axis=1).mean()
    assert moved < 0.1 * np.ptp(maps[-1])
    found = find_nearest_others(maps[-1], np.arange(90))[1]
    assert score_votes(found, labels, np.arange(90)).mean() > 0.95
