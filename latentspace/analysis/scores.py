"""Every number that is reported. Arrays in, numbers out; nothing here knows a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from latentspace.analysis import neighbors
from latentspace.analysis.projection import fit_pca
from latentspace.core.pixels import Images, iterate_parts, map_parts, space_evenly

if TYPE_CHECKING:
    from sklearn.decomposition import PCA

SSIM_WINDOW = 11  # pixels a side
SSIM_VALUES = 2**20  # at once
FINE_WAVE = 4  # pixels: from here down to 2 is the upper half of the spectrum
INK = 0.15  # what is brighter belongs to a stroke
BRIGHT = 0.65  # what is darker, and ink, is grey
PCA_IMAGES = 100_000
MANIFOLD_NEIGHBORS = 3

# What encodes images, and what decodes codes.
LinearAutoencoder = tuple[Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray], np.ndarray]]


def squared_errors(images: np.ndarray, reconstructions: np.ndarray) -> np.ndarray:
    """Mean squared error of each image, float32 (N, H, W, C) in [0, 1], per pixel: float64 (N,)."""
    difference = (images - reconstructions).reshape(len(images), -1)
    return np.einsum("ij,ij->i", difference, difference, dtype=np.float64) / difference.shape[1]


def structural_similarity(images: np.ndarray, reconstructions: np.ndarray) -> np.ndarray:
    """Structural similarity (SSIM) of each image, with the Gaussian window of its authors.

    Source: Wang, Bovik, Sheikh & Simoncelli 2004, "Image quality assessment", as in
    `skimage.metrics.structural_similarity` with sigma 1.5 and population covariances. Images too
    small for that window of 11 pixels get the largest square window that fits. Both batches are
    float32 (N, H, W, C) in [0, 1]; float64 (N,), means over pixels and channels, at most 1 (equal).
    """
    from skimage.metrics import structural_similarity as ssim

    height, width = images.shape[1:3]
    side = min(height, width, SSIM_WINDOW)
    side -= 1 - side % 2  # a window has a middle
    window: dict[str, Any] = {"gaussian_weights": True, "sigma": 1.5}
    if side < SSIM_WINDOW:
        window = {"win_size": side}
    options = {"data_range": 1.0, "channel_axis": -1, "use_sample_covariance": False, **window}
    margin, found = side // 2, []
    for part in iterate_parts(images, max(1, SSIM_VALUES // images[0].size)):
        # One below the other: the means are of windows that lie in one image.
        columns = (batch[part].reshape(-1, *batch.shape[2:]) for batch in (images, reconstructions))
        _, at_pixels = ssim(*columns, full=True, **options)
        inner = at_pixels.reshape(-1, *images.shape[1:])
        inner = inner[:, margin : height - margin, margin : width - margin]
        found.append(inner.mean(axis=(1, 2, 3), dtype=np.float64))
    return np.concatenate(found)


def measure_fine_power(images: np.ndarray) -> np.ndarray:
    """Power of each image in waves of `FINE_WAVE` pixels or less, the upper half of the spectrum.

    It is what blur removes first. Images are float32 (N, H, W, C) in [0, 1]; float64 (N,), means
    over pixels and channels, by Parseval's theorem.
    """
    from scipy.fft import fftfreq, rfft2, rfftfreq

    down, across = fftfreq(images.shape[1])[:, np.newaxis], rfftfreq(images.shape[2])
    counted = np.where((across == 0) | (across == 0.5), 1, 2)  # times; others have a mirror image
    counted = counted * (np.hypot(down, across) >= 1 / FINE_WAVE)
    power = np.square(np.abs(rfft2(images, axes=(1, 2), norm="forward")))
    return np.einsum("nhwc,hw->n", power, counted, dtype=np.float64) / images.shape[3]


def score_reconstructions(
    images: Images, reconstruct: Callable[[slice], np.ndarray]
) -> dict[str, np.ndarray]:
    """Scores of each image, (N, H, W, C), by what is reconstructed of a part: float64 (N,) each.

    "mse" are `squared_errors`, "ssim" is `structural_similarity`, and "detail" the
    `measure_fine_power` of a reconstruction over the mean of that of images: 1 where nothing is
    blurred, NaN where images have none. All are float32 in [0, 1].
    """
    found: dict[str, list[np.ndarray]] = {"mse": [], "ssim": [], "detail": []}
    power = 0.0
    for part in iterate_parts(images):
        shown, back = images[part], reconstruct(part)
        found["mse"].append(squared_errors(shown, back))
        found["ssim"].append(structural_similarity(shown, back))
        found["detail"].append(measure_fine_power(back))
        power += measure_fine_power(shown).sum()
    scored = {name: np.concatenate(parts) for name, parts in found.items()}
    return scored | {"detail": scored["detail"] / (power / len(images) or np.nan)}


def fit_components(images: Images, components: int) -> PCA:
    """PCA of float32 (N, H, W, C) in [0, 1], of `PCA_IMAGES` at most, evenly spaced."""
    rows = space_evenly(len(images), PCA_IMAGES)
    return fit_pca(images[rows].reshape(len(rows), -1), components)


def pca_error(pca: PCA, images: Images) -> float:
    """Mean of the `squared_errors` of images, float32 (M, H, W, C) in [0, 1], under `pca`."""
    encode, decode = linear_autoencoder(pca, images.shape[1:])
    return float(map_parts(lambda part: squared_errors(part, decode(encode(part))), images).mean())


def pack_components(pca: PCA) -> dict[str, np.ndarray]:
    """What `unpack_components` makes the same of."""
    return {"mean": pca.mean_, "components": pca.components_}


def unpack_components(kept: Mapping[str, np.ndarray]) -> PCA:
    """Principal components that encode and decode as those that were packed."""
    from sklearn.decomposition import PCA

    pca = PCA(len(kept["components"]))
    pca.mean_, pca.components_ = kept["mean"], kept["components"]
    pca.n_components_, pca.n_features_in_ = pca.components_.shape
    return pca


def linear_autoencoder(pca: PCA, shape: Sequence[int]) -> LinearAutoencoder:
    """The best linear autoencoder of images of a shape (H, W, C), out of principal components.

    What encodes images, float32 (M, H, W, C) in [0, 1], as codes (M, components), and what decodes
    them, clipped to [0, 1] as a model's decoder does it.
    """

    def decode(codes: np.ndarray) -> np.ndarray:
        images = np.clip(pca.inverse_transform(codes), 0, 1)
        return images.astype(np.float32, copy=False).reshape(-1, *shape)

    return lambda images: pca.transform(images.reshape(len(images), -1)), decode


def precision_and_recall(real: np.ndarray, drawn: np.ndarray) -> tuple[float, float]:
    """How many new points lie among real ones, and how many real ones among new ones.

    Source: Kynkaanniemi, Karras, Laine, Lehtinen & Aila 2019, "Improved precision and recall metric
    for assessing generative models": a point lies among others if it is no farther from one of them
    than that one from its third nearest. Points are codes or pixels, (N, D) and (M, D); precision
    and recall each in [0, 1], NaN among a single point.
    """
    return _share_among(drawn, real), _share_among(real, drawn)


def _share_among(points: np.ndarray, others: np.ndarray) -> float:
    from sklearn.metrics import pairwise_distances_chunked

    count = min(MANIFOLD_NEIGHBORS, len(others) - 1)
    if not count:
        return float("nan")
    reach = neighbors.find_nearest_others(others, np.arange(len(others)), count)[0][:, -1]
    chunks = pairwise_distances_chunked(points, others)
    return float(np.concatenate([(away <= reach).any(axis=1) for away in chunks]).mean())


def grey_share(images: np.ndarray) -> float:
    """Pixels up to `BRIGHT` among all above `INK`, of float32 (..., H, W, C): ghosts."""
    ink = images > INK
    return float((ink & (images < BRIGHT)).sum() / max(ink.sum(), 1))


def sharpness(images: np.ndarray) -> np.ndarray:
    """Mean gradient length, float32 (..., H, W, C) in [0, 1] -> (...); 0 if a side is 1."""
    if min(images.shape[-3:-1]) < 2:
        return np.zeros(images.shape[:-3], np.float32)
    down = np.diff(images, axis=-3)[..., :, :-1, :]
    across = np.diff(images, axis=-2)[..., :-1, :, :]
    return np.hypot(down, across).mean(axis=(-3, -2, -1))


def step_lengths(paths: np.ndarray) -> np.ndarray:
    """Euclidean lengths of the steps of paths, float32 (N, T, H, W, C) -> float32 (N, T - 1)."""
    steps = np.diff(paths.reshape(*paths.shape[:2], -1), axis=1)
    return np.sqrt(np.einsum("ntp,ntp->nt", steps, steps))


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's rank correlation of measures (N,) but NaN pairs; NaN where one never varies."""
    from scipy.stats import spearmanr

    known = np.isfinite(first) & np.isfinite(second)
    first, second = first[known], second[known]
    if min(len(np.unique(first)), len(np.unique(second))) < 2:
        return float("nan")
    return float(spearmanr(first, second).statistic)


def mean_rank_correlation(order: np.ndarray, rows: np.ndarray) -> float:
    """Mean Spearman correlation of rows (N, S) with an order (S,); 0 of NaN or constant rows."""
    from scipy.spatial.distance import cdist
    from scipy.stats import rankdata

    varied = np.isfinite(rows).all(axis=1) & (np.ptp(rows, axis=1) > 0)
    ranks = rankdata(rows[varied], axis=1)
    correlations = 1 - cdist(ranks, rankdata(order)[np.newaxis], "correlation")
    return float(correlations.sum() / len(rows))
