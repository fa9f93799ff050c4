"""Near copies among images: shifted by a pixel, or saved again with a loss."""

import io
import itertools

import numpy as np

from latentspace.analysis.neighbors import NEIGHBORS, find_nearest, find_nearest_others
from latentspace.core.pixels import iterate_parts, to_pil, to_unit_range

LEAST_IMAGES = 5  # among fewer there is no telling what is near
SIDE, LEAST_SIDE = 32, 5  # pixels a side that are looked at; fewer than the least are not shifted
DIMS, FITTED = 32, 4_000  # principal components of spectra; images that these are fitted to
SHIFTS = ((0, 0), *(step for step in itertools.product((-1, 0, 1), repeat=2) if any(step)))
SAMPLE = 500  # images of which copies set the level, and as many to measure it
MOST_MISSED, MOST_ALARMS = 0.01, 0.005  # shares of copies and of different images
PAIRS_AT_ONCE = 8_192


def find_near_copies(
    pixels: np.ndarray, labels: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Pairs of images that are as alike as copies, and how well that tells copies.

    Candidates are the nearest by how strong each frequency is, which a shift leaves as it is. A
    pair is scored by its distance, see `measure_distances`, as a share of that to the farthest
    candidate of either image. The level up to which it counts lies between what all but
    `MOST_MISSED` of copies made for it score and what `MOST_ALARMS` of images and their second
    nearest one of the same class do: the nearest may be a copy. Images in series are as alike as
    copies; then copies alone set it.

    Pixels are uint8 (N, H, W, C), all different, `LEAST_IMAGES` or more; labels are int (N,), the
    same for all where there are no classes. Returns "pairs", int64 (P, 2), and "distances" of all
    candidates, the best first; "near", how many of them count; "level". Measured on images that did
    not set it: "found" and "false_alarms", whether a copy, and whether a second nearest, counts;
    "made", the copies, and "sources".
    """
    from sklearn.decomposition import PCA

    count, spectra = len(pixels), measure_spectra(pixels)
    neighbors = min(NEIGHBORS, (count - 1) // 2)
    projection = PCA(min(DIMS, *spectra.shape), svd_solver="covariance_eigh")
    points = projection.fit(spectra[:: -(-count // FITTED)]).transform(spectra)
    places = find_nearest_others(points, np.arange(count), neighbors)[1]
    distances = measure_distances(pixels, pixels, places)
    farthest = distances.max(axis=1)

    def score(away: np.ndarray, reach: np.ndarray, others: np.ndarray) -> np.ndarray:
        nearer = np.maximum(np.minimum(reach, farthest[others]), np.finfo(np.float32).tiny)
        return np.where(away == 0, 0, away / nearer)

    scores = score(distances, farthest[:, np.newaxis], places)
    level = np.nan
    for half in np.array_split(rng.permutation(count), 2):  # the first sets it
        sources = half[:SAMPLE]
        made = np.concatenate([shift_images(pixels[sources], rng), save_as_jpeg(pixels[sources])])
        sources = np.tile(sources, 2)
        spectra = projection.transform(measure_spectra(made))
        found = find_nearest(spectra, points, neighbors + 1)[1]
        away, is_source = measure_distances(made, pixels, found), found == sources[:, np.newaxis]
        own, reach = np.where(is_source, away, np.inf), np.where(is_source, 0, away)
        of_copies = score(own.min(axis=1), reach.max(axis=1), sources)
        is_of_class = labels[places[half]] == labels[half, np.newaxis]
        different = np.sort(np.where(is_of_class, scores[half], np.inf), axis=1)[:, 1]
        different = different[np.isfinite(different)]
        if np.isnan(level):
            known = of_copies[np.isfinite(of_copies)]
            low = np.quantile(known, 1 - MOST_MISSED) if len(known) else 0.0
            high = np.quantile(different, MOST_ALARMS) if len(different) else low
            level = (low + max(low, high)) / 2

    rows, others, flat = np.repeat(np.arange(count), neighbors), places.ravel(), scores.ravel()
    order = np.lexsort((distances.ravel(), flat))
    pairs = np.sort(np.column_stack([rows, others])[order], axis=1)
    first = np.sort(np.unique(pairs @ (count, 1), return_index=True)[1])  # a pair is there twice
    return {
        "pairs": pairs[first],
        "distances": distances.ravel()[order][first],
        "near": np.array((flat[order][first] <= level).sum()),
        "level": np.array(level),
        "found": of_copies <= level,
        "made": made,
        "sources": sources,
        "false_alarms": different <= level,
    }


def measure_spectra(pixels: np.ndarray) -> np.ndarray:
    """How strong frequencies are in small grey copies: uint8 (N, H, W, C) -> float32 (N, F)."""
    steps = [-(-side // SIDE) for side in pixels.shape[1:3]]
    rows, columns = (side // step for side, step in zip(pixels.shape[1:3], steps, strict=True))
    found = []
    for part in iterate_parts(pixels):
        grey = to_unit_range(pixels[part]).mean(axis=3)[:, : rows * steps[0], : columns * steps[1]]
        small = grey.reshape(-1, rows, steps[0], columns, steps[1]).mean(axis=(2, 4))
        found.append(np.abs(np.fft.rfft2(small)).reshape(len(small), -1))
    return np.concatenate(found).astype(np.float32)


def measure_distances(images: np.ndarray, others: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The least root mean square between images and K of others each, over shifts by a pixel.

    Both are uint8 (N, H, W, C) and (M, H, W, C); of larger ones than `SIDE` an even choice of
    pixels is compared. A margin is left out, so that both show the same. Places are int (N, K); the
    result is float32 (N, K), in [0, 1].
    """
    margin = int(min(images.shape[1:3]) >= LEAST_SIDE)

    def take_inner(pixels: np.ndarray, shift: tuple[int, ...]) -> np.ndarray:
        cut = (
            slice(margin + move, side - margin + move, -(-side // SIDE))
            for side, move in zip(pixels.shape[1:3], shift, strict=True)
        )
        return pixels[:, *cut].reshape(len(pixels), -1)

    inner, rows = take_inner(images, (0, 0)), np.repeat(np.arange(len(places)), places.shape[1])
    least = np.full(places.size, np.inf, np.float32)
    for shift in SHIFTS if margin else SHIFTS[:1]:
        moved = take_inner(others, shift)
        for part in iterate_parts(rows, PAIRS_AT_ONCE):
            away = inner[rows[part]].astype(np.float32) - moved[places.ravel()[part]]
            np.minimum(least[part], np.einsum("ij,ij->i", away, away), out=least[part])
    return (np.sqrt(least / inner.shape[1]) / 255).reshape(places.shape)


def shift_images(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Images (N, H, W, C), each shifted by a pixel in one of eight directions, edges repeated."""
    height, width = images.shape[1:3]
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), "edge")
    moves = 1 + np.array(SHIFTS[1:])[rng.integers(len(SHIFTS) - 1, size=len(images))]
    return np.stack(
        [one[y : y + height, x : x + width] for one, (y, x) in zip(padded, moves, strict=True)]
    )


def save_as_jpeg(images: np.ndarray) -> np.ndarray:
    """Images, uint8 (N, H, W, 1 or 3), as they come out of JPEG files of Pillow's own quality."""
    from PIL import Image

    files = [io.BytesIO() for _ in images]
    for image, file in zip(images, files, strict=True):
        to_pil(image).save(file, "JPEG")
    return np.stack([np.asarray(Image.open(file)) for file in files]).reshape(images.shape)
