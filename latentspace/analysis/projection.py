"""Codes or pixels (N, D) -> points (N, 2 or 3), by t-SNE, UMAP, PCA or ICA; aligning maps."""

from __future__ import annotations

import atexit
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from latentspace.analysis import tsne
from latentspace.analysis.neighbors import find_nearest, find_nearest_others
from latentspace.core.pixels import iterate_parts
from latentspace.core.processes import count_cores, run_all
from latentspace.core.provenance import silence_stderr

if TYPE_CHECKING:
    from sklearn.decomposition import PCA

EXACT_DIM = 1024
FAR_MORE = 8  # times as many dimensions as vectors, from where rotating these saves time
LARGEST_DIM = 50  # what has more dimensions is brought to so many principal components first
THREADS_LIMIT = 5_000  # points up to which a process for each map costs more than it gains
ROUNDING = 1e-5  # of the largest value: what vectors that are encoded apart may differ by
AT_ONCE = 2  # maps, of pixels and of codes
PLACING_NEIGHBORS = 10
MOST_EMBEDDED = 100_000  # of more vectors t-SNE maps a choice; the others are placed on that map
PLACED_AT_ONCE = 20_000
NEAREST_EMBEDDED = 3  # by whom these are placed: ten lie in several clusters more often
DEFAULT_PERPLEXITY = 30.0
IMAGES_PER_PERPLEXITY = 9  # at least, where nobody chose; t-SNE itself demands three
UMAP_NEIGHBORS, UMAP_MIN_DIST = 15, 0.1
MOST_EXACT = 20_000  # vectors


def choose_perplexity(count: int, wanted: float | None = None) -> float:
    """The perplexity for `count` images: the wanted or usual one, lowered for a few images."""
    return float(min(wanted or DEFAULT_PERPLEXITY, max(1, (count - 1) // IMAGES_PER_PERPLEXITY)))


@dataclass(frozen=True)
class Settings:
    """How to project."""

    method: str = "tsne"  # or a key of `PROJECTORS`
    dims: int = 2  # or 3
    perplexity: float = DEFAULT_PERPLEXITY  # effective neighbours: up to `find_largest_perplexity`
    exaggeration: float = 1.0  # of attraction after the early phase; above 1 clusters get denser
    seed: int = 0

    @property
    def key(self) -> tuple[str | int | float, ...]:
        """What a projection depends on besides its vectors."""
        own = (self.perplexity, self.exaggeration) if self.method == "tsne" else ()
        return (self.method, self.dims, self.seed, *own)


@dataclass(frozen=True)
class Projection:
    points: np.ndarray  # float32 (N, dims)
    seconds: float  # wall time
    facts: dict[str, float]  # what t-SNE says of itself, see `embed_and_place`
    arrays: dict[str, np.ndarray]  # its trajectory and divergences, and which vectors these are of

    @property
    def embedded(self) -> np.ndarray | slice:
        """Which vectors the map was made of: all, or a choice, sorted int64 (`MOST_EMBEDDED`,)."""
        return self.arrays.get("embedded", slice(None))


def fit_pca(vectors: np.ndarray, count: int) -> PCA:
    """Fits `count` principal components to float32 (N, D); fewer where N or D is less."""
    from sklearn.decomposition import PCA

    # Of many dimensions the covariance alone would take longer than approximating the components.
    solver = "covariance_eigh" if vectors.shape[1] <= EXACT_DIM else "auto"
    pca = PCA(min(count, *vectors.shape), svd_solver=solver, random_state=0)
    if len(vectors) == 1:  # it varies as little as two equal ones, of which there is a covariance
        vectors = np.repeat(vectors, 2, axis=0)
    with np.errstate(invalid="ignore"):  # of equal vectors no component has a share
        return pca.fit(vectors)


def is_degenerate(vectors: np.ndarray) -> bool:
    """Whether vectors (N, D) are equal but for rounding, so that nothing can be told of them."""
    spread = (vectors.max(axis=0) - vectors.min(axis=0)).max()
    return bool(spread <= ROUNDING * np.abs(vectors).max())


def keep_distances(vectors: np.ndarray) -> np.ndarray:
    """Vectors, float32 (N, D), with the same distances but for rounding, in fewer dimensions.

    Of far more dimensions than vectors, `FAR_MORE` times as many, N are left. What is told of
    distances alone is told sooner so, where each vector is an image of many pixels.
    """
    if vectors.shape[1] < FAR_MORE * len(vectors):
        return vectors
    products = np.zeros((len(vectors), len(vectors)))
    for part in iterate_parts(vectors.T):
        values = vectors[:, part].astype(np.float64)
        values -= values.mean(axis=0)
        products += values @ values.T
    squares, axes = np.linalg.eigh(products)
    return (axes * np.sqrt(np.maximum(squares, 0))).astype(np.float32)


def reduce_dimensions(vectors: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Brings vectors of many dimensions, float32 (N, D), to `LARGEST_DIM` principal components.

    As van der Maaten & Hinton 2008 do before t-SNE: distances keep nearly all of their variance
    and neighbours are found many times faster. Returns float32 (N, min(D, LARGEST_DIM)), and the
    function that does the same to other vectors.
    """
    if vectors.shape[1] <= LARGEST_DIM or len(vectors) <= LARGEST_DIM:
        return vectors, lambda others: others
    pca = fit_pca(vectors, LARGEST_DIM)
    return pca.transform(vectors), pca.transform


def project(
    vectors: np.ndarray,
    settings: Settings,
    threads: int | None = None,
    on_progress: Callable[[int, float], None] = lambda iteration, divergence: None,
) -> Projection:
    """Projects vectors, float32 (N, D), `reduce_dimensions` where D is large.

    Without a number of threads all cores are used. t-SNE calls `on_progress` with the number of
    finished steps (of `count_steps`) and the KL divergence. Raises a `ValueError` where the
    perplexity is too large for the points that it maps.
    """
    started = time.perf_counter()
    facts: dict[str, float] = {}
    arrays: dict[str, np.ndarray] = {}
    if settings.method == "tsne":
        threads = threads or count_cores()
        points, facts, arrays = embed_and_place(vectors, settings, threads, on_progress)
    else:
        points = PROJECTORS[settings.method](vectors, settings).astype(np.float32)
        # Vectors of fewer dimensions than the map has lie on a line of it, or on a plane.
        points = np.pad(points, ((0, 0), (0, settings.dims - points.shape[1])))
    return Projection(points, time.perf_counter() - started, facts, arrays)


def count_steps(count: int, settings: Settings) -> int:
    """What t-SNE of `count` vectors reports: its iterations, and parts that are placed."""
    embedded = min(count, MOST_EMBEDDED)
    parts = -(-(count - embedded) // PLACED_AT_ONCE)
    return tsne.count_iterations(embedded, settings.dims) + parts


def embed_and_place(
    vectors: np.ndarray, settings: Settings, threads: int, on_progress: Callable[[int, float], None]
) -> tuple[np.ndarray, dict[str, float], dict[str, np.ndarray]]:
    """`tsne.embed` of up to `MOST_EMBEDDED` vectors; of more, float32 (N, D), of a choice by seed.

    The others are placed on the finished map by `place`, each by itself, in parts. The facts then
    have "placed", how many these are, and "seconds_placing" as well; the arrays have "embedded",
    the sorted indices of the choice, int64 (`MOST_EMBEDDED`,), which the trajectory is of.
    """
    count = len(vectors)
    if count <= MOST_EMBEDDED:
        return tsne.embed(vectors, settings, threads, on_progress)
    rng = np.random.default_rng(settings.seed)
    is_embedded = np.zeros(count, bool)
    is_embedded[rng.choice(count, MOST_EMBEDDED, replace=False)] = True
    embedded, others = np.flatnonzero(is_embedded), np.flatnonzero(~is_embedded)
    reference = vectors[embedded]
    mapped, facts, arrays = tsne.embed(reference, settings, threads, on_progress)
    started = time.perf_counter()
    points = np.empty((count, settings.dims), np.float32)
    points[embedded] = mapped
    with threadpool_limits(threads):
        for number, part in enumerate(iterate_parts(others, PLACED_AT_ONCE), start=1):
            points[others[part]] = place(vectors[others[part]], reference, mapped, NEAREST_EMBEDDED)
            on_progress(int(facts["iterations"]) + number, facts["kl_divergence"])
    facts |= {"placed": len(others), "seconds_placing": time.perf_counter() - started}
    return points, facts, arrays | {"embedded": embedded}


def project_all(
    sources: Mapping[str, np.ndarray],
    settings: Settings,
    *,
    on_progress: Callable[[str, int, float], None],
) -> dict[str, Projection]:
    """Projects several sets of vectors by name, at the same time.

    Neither way of approximating repulsion makes full use of a second core, but maps do not depend
    on each other. Large ones get a process each; of few points this would take longer to start than
    to work, so that each gets a thread. One thread gives a slightly other map than several do, so a
    large map that is made alone, since the other one is in the cache, has no more threads than it
    would have beside the other. `on_progress` is as in `project`, with the name before. Raises an
    `InputError` where a process was ended from outside.
    """
    cores, is_small = count_cores(), max(map(len, sources.values())) <= THREADS_LIMIT
    at_once = AT_ONCE if settings.method == "tsne" else 1
    threads = 1 if is_small else max(1, cores // at_once)
    tasks = {name: (vectors, settings, threads) for name, vectors in sources.items()}
    how: dict[str, Any] = {"at_once": min(at_once, len(sources), cores), "in_threads": is_small}
    with threadpool_limits(1 if is_small else None):
        return run_all(project, tasks, **how, on_report=on_progress)


def _ica(vectors: np.ndarray, settings: Settings) -> np.ndarray:
    """FastICA (Hyvärinen & Oja 2000): independent directions within the first components."""
    from sklearn.decomposition import FastICA
    from sklearn.exceptions import ConvergenceWarning

    rank = int(np.linalg.matrix_rank(vectors - vectors.mean(axis=0)))
    if rank == 0:
        return np.zeros((len(vectors), settings.dims))
    if rank < vectors.shape[1]:  # a direction without variance can't be scaled to have some
        vectors = fit_pca(vectors, rank).transform(vectors)
    dims = min(settings.dims, rank)
    ica = FastICA(dims, whiten="unit-variance", random_state=settings.seed)
    # Two components that keep turning are as independent as any others.
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        return ica.fit_transform(vectors)


def umap(
    vectors: np.ndarray,
    *,
    dims: int,
    seed: int,
    min_dist: float = UMAP_MIN_DIST,
    epochs: int | None = None,
    graph: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    """Projects by UMAP (McInnes, Healy & Melville 2018), with the settings of its package.

    Vectors are float32 (N, D), the result float32 (N, dims), fewer where N is small; the same seed
    gives the same points, by one thread. `min_dist` is how near neighbours may come to lie, 0 for
    clusters. None of `epochs`, passes over the neighbours, takes 500, or 200 of more than 10,000
    vectors. A `graph` has the neighbours of each vector, itself first: indices, int (N, k), and
    distances, float32 (N, k). Without it 15 are found exactly, or of more than `MOST_EXACT` vectors
    approximated by the package.
    """
    # The package speaks of the single thread that a seed costs.
    with warnings.catch_warnings(action="ignore"):
        neighbors = min(UMAP_NEIGHBORS, len(vectors) - 1) if graph is None else graph[0].shape[1]
        if graph is None and len(vectors) <= MOST_EXACT:  # sooner than the package is compiled
            rows = np.arange(len(vectors))
            distances, indices = find_nearest_others(vectors, rows, neighbors - 1)
            near = np.column_stack([np.zeros(len(vectors)), distances]).astype(np.float32)
            graph = np.column_stack([rows, indices]), near
        known = (None, None, None) if graph is None else (*graph, None)
        sizes = {"n_neighbors": neighbors, "n_components": min(dims, len(vectors) - 2)}
        how = {"min_dist": min_dist, "n_epochs": epochs, "random_state": seed}
        reducer = _load_umap_class()(**sizes, **how, precomputed_knn=known)
        with threadpool_limits(1):  # several only wait for each other while eigenvectors are found
            return reducer.fit_transform(vectors)


@cache
def _load_umap_class() -> type:
    """The class of umap-learn, which keeps what it compiles in a folder that may be closed.

    TensorFlow, which it would load for what is not used, is hidden from it.
    """
    modules: dict[str, Any] = sys.modules
    is_hidden = modules.setdefault("tensorflow", None) is None  # as if it were not installed
    try:
        with silence_stderr():
            from umap import UMAP
    except RuntimeError:  # neither beside its source nor in the home folder
        import numba

        folder = tempfile.mkdtemp(prefix="latentspace-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        numba.config.CACHE_DIR = folder  # type: ignore[attr-defined]
        from umap import UMAP
    finally:
        if is_hidden:
            del modules["tensorflow"]
    return UMAP


PROJECTORS: Mapping[str, Callable[[np.ndarray, Settings], np.ndarray]] = {
    "pca": lambda vectors, settings: fit_pca(vectors, settings.dims).transform(vectors),
    "ica": _ica,
    "umap": lambda vectors, settings: umap(vectors, dims=settings.dims, seed=settings.seed),
}


def place(
    vectors: np.ndarray,
    reference: np.ndarray,
    points: np.ndarray,
    neighbors: int = PLACING_NEIGHBORS,
) -> np.ndarray:
    """Puts further vectors on a map at the median place of their nearest neighbours on it.

    Source: the initial placement of Poličar, Stražar & Zupan 2019, "Embedding to reference t-SNE
    space". A vector far from all others still lands among those nearest to it. Vectors (M, D) are
    placed, (M, dims), on a map, `points` (N, dims), that was made of `reference`, (N, D).
    """
    return np.median(points[find_nearest(vectors, reference, neighbors)[1]], axis=1)


def align(points: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The turn and mirroring that lays a map as near as possible to another one.

    Source: orthogonal Procrustes (Schönemann 1966). Distances within the map stay what they are.
    Both maps are (N, dims), of the same images in the same order. The rotation R, (dims, dims), and
    the shift s, (dims,), make `points @ R + s` the map aligned, centred on that of `reference`.
    """
    from scipy.linalg import orthogonal_procrustes

    centre = points.mean(axis=0)
    rotation, _ = orthogonal_procrustes(points - centre, reference - reference.mean(axis=0))
    return rotation, reference.mean(axis=0) - centre @ rotation
