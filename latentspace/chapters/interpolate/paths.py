"""Paths between two points of pixel or latent space: straight, on a sphere, along the data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latentspace.analysis.neighbors import find_nearest, find_nearest_others

PATHS = ("linear", "spherical", "data")
GRAPH_NEIGHBORS = 12
LENGTH_POWER = 12.0  # the higher, the more a path prefers many short steps to one long one
LOCAL_SCALING = 0.7  # how far the spacing of its place scales an edge: 0 not at all, 1 fully
SMOOTHING = 0.015  # of a path's length: standard deviation of the Gaussian that rounds its corners
FINE_STEPS = 4  # points of a smoothed path for each step on it
SHORTEST_EDGE = 1e-6
NEARLY_PARALLEL = 1e-3  # sine of the angle under which a great circle is drawn as a straight line


def linear_paths(starts: np.ndarray, ends: np.ndarray, steps: int) -> np.ndarray:
    """Straight paths at constant speed.

    Args:
        starts: float (N, ...): codes (N, D) or images (N, H, W, C).
        ends: The same shape.
        steps: Points on each path, both ends included; at least 2.

    Returns:
        float (N, steps, ...) of the dtype of `starts`; the first and last points are exactly the
        ends.

    Raises:
        ValueError: There are fewer than 2 steps.
    """
    share = _make_shares(starts, steps)
    return starts[:, np.newaxis] * (1 - share) + ends[:, np.newaxis] * share


def spherical_paths(
    starts: np.ndarray, ends: np.ndarray, steps: int, centre: np.ndarray
) -> np.ndarray:
    """Paths along great circles about a centre: the direction turns and the length grows evenly.

    Source: White 2016, "Sampling generative networks", after Shoemake 1985. Where the two codes
    lie in (nearly) the same or opposite directions, or in the centre, no great circle is defined
    and the path is straight.

    Args:
        starts: Codes, float (N, D); they, `ends`, `steps`, the paths and errors are as in
            `linear_paths`.
        ends: The same shape.
        steps: Points on each path.
        centre: float (D,).
    """
    share = _make_shares(starts, steps).astype(np.float64)
    middle = centre.astype(np.float64)
    first, last = (starts - middle)[:, np.newaxis], (ends - middle)[:, np.newaxis]  # (N, 1, D)
    length, last_length = (np.linalg.norm(codes, axis=2, keepdims=True) for codes in (first, last))
    with np.errstate(invalid="ignore", divide="ignore"):
        unit, last_unit = first / length, last / last_length
        angle = np.arccos(np.clip((unit * last_unit).sum(axis=2, keepdims=True), -1, 1))
        turned = np.sin((1 - share) * angle) * unit + np.sin(share * angle) * last_unit
        turned /= np.sin(angle)
    path = middle + turned * (length * (1 - share) + last_length * share)
    undefined = ~(np.sin(angle) > NEARLY_PARALLEL)  # NaN, for a code in the centre, included
    path = np.where(undefined, linear_paths(starts, ends, steps), path).astype(starts.dtype)
    path[:, 0], path[:, -1] = starts, ends
    return path


@dataclass(frozen=True)
class NeighborGraph:
    """Codes and their nearest neighbours: the roads that a path along the data may take."""

    codes: np.ndarray  # float32 (M, D) of real images
    distances: np.ndarray  # float32 (M, k) Euclidean distances to the nearest neighbours
    indices: np.ndarray  # int64 (M, k), which codes they are


def build_neighbor_graph(codes: np.ndarray, neighbors: int = GRAPH_NEIGHBORS) -> NeighborGraph:
    """Finds the exact nearest neighbours of every code.

    Args:
        codes: float32 (M, D), M at least 2.
        neighbors: How many; fewer where there are fewer codes.
    """
    count = min(neighbors, len(codes) - 1)
    return NeighborGraph(codes, *find_nearest_others(codes, np.arange(len(codes)), count))


def data_paths(
    graph: NeighborGraph, starts: np.ndarray, ends: np.ndarray, steps: int
) -> np.ndarray:
    """Paths that keep to where data is: shortest paths from neighbour to neighbour, smoothed.

    The shortest path through the graph of nearest neighbours, whose edges cost a power of their
    length, approximates a geodesic of a metric that favours dense regions (Hwang, Damelin & Hero
    2016, "Shortest path through random points"). Lengths are taken relative to the spacing of the
    codes around, as in self-tuning spectral clustering (Zelnik-Manor & Perona 2004), since the
    densest class would draw all paths through itself. Corners are rounded by a Gaussian with the
    ends held, and the path is walked at constant speed. Where the graph has none, it is straight.

    Args:
        graph: From `build_neighbor_graph`.
        starts: Codes, float32 (N, D); they, `ends`, `steps`, the paths and errors are as in
            `linear_paths`.
        ends: The same shape.
        steps: Points on each path.
    """
    _make_shares(starts, steps)
    fine = FINE_STEPS * (steps - 1) + 1
    routes = _find_shortest(graph, starts, ends)
    paths = np.stack([resample_evenly(route, fine) for route in routes])
    paths = _smooth(paths, SMOOTHING * (fine - 1))
    result = np.stack([resample_evenly(path, steps) for path in paths])
    result[:, 0], result[:, -1] = starts, ends
    return result.astype(starts.dtype)


def _make_shares(starts: np.ndarray, steps: int) -> np.ndarray:
    """0 to 1 in `steps` points, (steps, 1, ...) to go with (N, steps, ...)."""
    if steps < 2:
        raise ValueError(f"a path needs both of its ends. Received: steps={steps}")
    share = np.linspace(0, 1, steps, dtype=starts.dtype)
    return share.reshape(steps, *(1,) * (starts.ndim - 1))


def _find_shortest(graph: NeighborGraph, starts: np.ndarray, ends: np.ndarray) -> list[np.ndarray]:
    """The codes that each shortest path passes, its own ends included."""
    from scipy.sparse import coo_matrix, csgraph

    count, neighbors = graph.indices.shape
    added = np.concatenate([starts, ends])
    places = np.concatenate([graph.codes, added])
    found = find_nearest(added, graph.codes, neighbors)
    distances, indices = (
        np.concatenate(parts) for parts in zip((graph.distances, graph.indices), found, strict=True)
    )
    # An edge of length 0, to a copy, would be no edge at all.
    distances = np.maximum(distances.astype(np.float64), SHORTEST_EDGE)
    spacing = distances[:, -1] ** (LOCAL_SCALING / 2)
    costs = (distances / (spacing[:, np.newaxis] * spacing[indices])) ** LENGTH_POWER
    rows = np.repeat(np.arange(len(places)), neighbors)
    edges = coo_matrix((costs.ravel(), (rows, indices.ravel())), (len(places),) * 2).tocsr()
    edges = edges.maximum(edges.T)
    routes = []
    for source in range(count, count + len(starts)):
        # One source at a time: the table of predecessors is as long as the graph.
        _, before = csgraph.dijkstra(edges, indices=source, return_predecessors=True)
        route = [source + len(starts)]
        while route[-1] != source:
            previous = before[route[-1]]
            route.append(previous if previous >= 0 else source)
        routes.append(places[route[::-1]])
    return routes


def resample_evenly(path: np.ndarray, steps: int) -> np.ndarray:
    """Points (steps, D) on a polygon (K, D), evenly spaced by its length."""
    lengths = np.linalg.norm(np.diff(path, axis=0), axis=1)
    passed = np.concatenate([[0.0], lengths.cumsum(dtype=np.float64)])
    places = np.linspace(0, passed[-1], steps)
    return np.stack([np.interp(places, passed, values) for values in path.T], axis=1)


def _smooth(paths: np.ndarray, deviation: float) -> np.ndarray:
    """Gaussian along axis 1 of (N, K, D); reflecting each end at itself holds it in its place."""
    from scipy.ndimage import gaussian_filter1d

    reach = paths.shape[1] - 1
    padded = np.pad(paths, ((0, 0), (reach, reach), (0, 0)), "reflect", reflect_type="odd")
    return gaussian_filter1d(padded, deviation, axis=1)[:, reach:-reach]
