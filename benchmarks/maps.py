"""Makes both maps, of pixels and of codes, with scikit-learn and with ours, and compares them.

Both get the same vectors: the 50 principal components of the pixels, and the codes of a run. For
each number of images, one process each: seconds for both maps, the KL divergence of the same
affinities (perplexity 30) in either map, 10-NN label accuracy in it, and the peak of memory; then
how many times faster ours is, and where its time goes. Images are test images first, then training
images. With --markdown the table goes into docs/results.md.

    python benchmarks/maps.py --data-dir DIR --run mnist-best --markdown
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from results import rewrite_table

from config import TrainConfig
from latentspace import datasets
from latentspace.analysis import neighborhoods, projection, tsne
from latentspace.analysis.neighbors import find_nearest_others
from latentspace.core.pixels import to_unit_range
from latentspace.models import runs

SIZES = (500, 1_000, 2_000, 5_000, 10_000, 20_000, 70_000)
PERPLEXITY = projection.DEFAULT_PERPLEXITY
HEADING = ("| images | | scikit-learn | this project | |", "|---|---|---|---|---|")
FINE_CELL, FINE_THETA = 0.7, 0.2  # for a divergence that is exact to three digits
SPACES = ("pixel", "latent")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data-dir", default=TrainConfig().data_dir, metavar="DIR")
    parser.add_argument("--models-dir", default=TrainConfig().models_dir, metavar="DIR")
    parser.add_argument("--run", default="mnist-best", metavar="NAME")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N")
    parser.add_argument("--dataset", default="mnist", metavar="NAME|PATH", help="of the run")
    parser.add_argument("--markdown", action="store_true", help="rewrite docs/results.md")
    arguments = parser.parse_args()
    lines = list(HEADING)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vectors.npz"
        data = datasets.load_dataset(arguments.dataset, arguments.data_dir)
        run_in_process(save_vectors, data, arguments.models_dir, arguments.run, path)
        for count in arguments.sizes:
            theirs, mine = (
                run_in_process(measure, maker, path, count)
                for maker in (run_scikit_learn, run_ours)
            )
            rows = list(list_rows(count, theirs, mine))
            print("\n".join(rows), flush=True)
            lines += rows
    if arguments.markdown:
        rewrite_table("maps", lines)


def run_in_process(function: Any, *arguments: Any) -> Any:
    """Calls a function in a fresh process, so that each has a peak of memory of its own."""
    # Not `multiprocessing.Pool`: its workers may not have the processes that two maps need.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *arguments).result()


def save_vectors(data: datasets.ImageDataset, models_dir: str, run: str, path: Path) -> None:
    """Writes what is to be projected, with images and labels."""
    images = np.concatenate([data.test_images, data.train_images])
    model = runs.find_run(run, models_dir)
    np.savez(
        path,
        pixel=projection.reduce_dimensions(images.reshape(len(images), -1))[0],
        latent=model.encode(images),
        labels=np.concatenate([data.test_labels, data.train_labels]),
        pixels=np.concatenate([data.test_pixels, data.train_pixels]),
    )


def run_scikit_learn(sources: dict[str, np.ndarray]) -> dict[str, Any]:
    """Its t-SNE as it comes, on all cores."""
    from sklearn.manifold import TSNE

    return {
        name: TSNE(perplexity=PERPLEXITY, random_state=0, n_jobs=-1).fit_transform(vectors)
        for name, vectors in sources.items()
    }


def run_ours(sources: dict[str, np.ndarray]) -> dict[str, Any]:
    """Both maps as `visualize.py` makes them."""
    settings = projection.Settings(perplexity=PERPLEXITY)
    made = projection.project_all(sources, settings, on_progress=lambda *report: None)
    seconds = {
        part: max(one.facts[f"seconds_{part}"] for one in made.values())
        for part in ("neighbors", "optimization")
    }
    return {**{name: one.points for name, one in made.items()}, "parts": seconds}


def measure(maker: Any, path: Path, count: int) -> dict[str, Any]:
    """Makes both maps of the first images, and says what they cost and how good they are."""
    with np.load(path) as archive:
        sources = {name: archive[name][:count] for name in SPACES}
        labels = archive["labels"][:count]
        pixels = archive["pixels"][:count] if maker is run_ours else None
    started = time.perf_counter()
    made = maker(sources)
    result: dict[str, Any] = {"seconds": time.perf_counter() - started}
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Of the processes of its own the larger one is known: both together are at most twice that.
    children = 2 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    result["memory"] = (own + children) / 2**20
    rows = np.arange(count)
    for space in SPACES:
        points = made[space]
        near = find_nearest_others(points, rows)[1]
        result[f"knn_{space}"] = neighborhoods.score_votes(near, labels, rows).mean()
        result[f"kl_{space}"] = compute_divergence(sources[space], points)
    if pixels is not None:
        result["parts"] = {**made["parts"], "drawing": time_drawing(made, pixels, labels)}
    return result


def compute_divergence(vectors: np.ndarray, points: np.ndarray) -> float:
    """KL divergence of a map from the affinities of its vectors, the same way for every map."""
    from openTSNE import affinity, nearest_neighbors
    from openTSNE.tsne import kl_divergence_bh, kl_divergence_fft
    from sklearn.neighbors import NearestNeighbors

    count = int(tsne.NEIGHBORS_PER_PERPLEXITY * PERPLEXITY)
    search = NearestNeighbors(n_neighbors=count, algorithm="brute", n_jobs=-1).fit(vectors)
    distances, indices = search.kneighbors()
    affinities = affinity.PerplexityBasedNN(
        perplexity=PERPLEXITY,
        knn_index=nearest_neighbors.PrecomputedNeighbors(indices, distances),
        n_jobs=-1,
    )
    common = {"should_eval_error": True, "n_jobs": 2}
    points = points.astype(float)
    if len(points) <= tsne.BARNES_HUT_LIMIT:
        return kl_divergence_bh(points, affinities.P, 1, {"theta": FINE_THETA}, **common)[0]
    grid = {"n_interpolation_points": 3, "min_num_intervals": 50, "ints_in_interval": FINE_CELL}
    return kl_divergence_fft(points, affinities.P, 1, grid, **common)[0]


def time_drawing(made: dict[str, Any], pixels: np.ndarray, labels: np.ndarray) -> float:
    """Seconds to draw and encode the three pictures of the maps."""
    from latentspace.chapters.maps import draw
    from latentspace.drawing.media import encode_as
    from latentspace.drawing.points import LabelledMaps
    from latentspace.drawing.text import Text

    started = time.perf_counter()
    both, text = {space: made[space] for space in SPACES}, Text("", "")
    pages = []
    images = to_unit_range(pixels)
    for points in both.values():
        page = draw.draw_image_map(
            images=images,
            cells=draw.arrange_images(images.shape, points),
            labels=labels,
            class_names=datasets.DIGITS,
            as_ink=True,
        )
        pages.append(page)
    pages.append(draw.draw_comparison(LabelledMaps(both, labels, datasets.DIGITS)))
    for page in pages:
        encode_as(".png", page.write(text)[0], fps=1.0)
    return time.perf_counter() - started


def list_rows(count: int, theirs: dict[str, Any], mine: dict[str, Any]) -> Iterator[str]:
    """One number of images, a line of Markdown for each measure."""
    ratio = theirs["seconds"] / mine["seconds"]
    seconds = (f"{made['seconds']:.1f}" for made in (theirs, mine))
    yield f"| {count:,} | seconds for both | {' | '.join(seconds)} | {ratio:.1f} times faster |"
    for name, digits, words in (("kl", 3, "KL"), ("knn", 3, "10-NN")):
        pairs = [(theirs[f"{name}_{space}"], mine[f"{name}_{space}"]) for space in SPACES]
        shown = ("; ".join(f"{pair[maker]:.{digits}f}" for pair in pairs) for maker in (0, 1))
        changes = (
            f"{second / first - 1:+.1%}" if name == "kl" else f"{second - first:+.3f}"
            for first, second in pairs
        )
        yield f"| | {words}, pixels; codes | {' | '.join(shown)} | {'; '.join(changes)} |"
    memory = (f"{made['memory']:.2f}" for made in (theirs, mine))
    yield f"| | peak memory, GiB, at most | {' | '.join(memory)} | |"
    parts = "; ".join(f"{name} {seconds:.1f}" for name, seconds in mine["parts"].items())
    yield f"| | seconds of its parts | | {parts} | |"


if __name__ == "__main__":
    main()
