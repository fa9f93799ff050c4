"""Paths between two points of pixel or latent space: straight, on a sphere, along the data."""

from dataclasses import dataclass

import numpy as np

from latentspace.analysis.density import Density

PATHS = ("linear", "spherical", "data")
CHAIN = 33  # points of a path along the data, until it is walked in other steps
ROUNDS = 40
STEP = 0.05
LIKELY, SOFTNESS = 0.5, 2.0  # quantile of the log density that a path strives for, and how sharply
DENSITY_PULL, BRIGHTNESS_PULL, RADIUS_PULL = 30.0, 30.0, 30.0
LONGEST_MOVE = 0.3  # of a typical code's distance from the centre, a round
NEARLY_PARALLEL = 1e-3  # sine of the angle under which a great circle is drawn as a straight line
TINY = 1e-9


def linear_paths(starts: np.ndarray, ends: np.ndarray, steps: int) -> np.ndarray:
    """Straight paths (N, steps, ...) with both ends exactly, in 2 steps or more."""
    return np.linspace(starts, ends, steps, axis=1)


def choose_steps(count: int, most: int) -> np.ndarray:
    """Indices of all of `count` steps, or of as many as are shown, about even: int (K,)."""
    return np.unique(np.linspace(0, count - 1, most).round().astype(int))


def span_evenly(values: np.ndarray) -> np.ndarray:
    """What values (N, T) on paths would be if they went evenly from end to end."""
    return linear_paths(values[:, 0], values[:, -1], values.shape[1])


def spherical_paths(
    starts: np.ndarray, ends: np.ndarray, steps: int, centre: np.ndarray
) -> np.ndarray:
    """As `linear_paths`, along great circles about a centre (D,); the length grows evenly.

    Source: White 2016, "Sampling generative networks", after Shoemake 1985. Where both codes lie in
    (nearly) the same or opposite directions, or in the centre, the path is straight.
    """
    share = np.linspace(0, 1, steps)[:, np.newaxis]
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
class Terrain:
    """Where data is, for paths along it; codes are counted from a centre in standard deviations."""

    density: Density
    centre: np.ndarray  # float64 (D,), the mean of training codes
    scale: np.ndarray  # float64 (D,), their standard deviations
    within: np.ndarray  # float64 (D, D), mean covariance of the components of the density
    likely: float  # the log density that a path strives for
    brightness: np.ndarray  # float64 (D,): what a step changes of an image's brightness, in sds
    spread: float  # standard deviation of the distance from the centre


def learn_terrain(density: Density, codes: np.ndarray, brightness: np.ndarray) -> Terrain:
    """What paths along the data need of codes, (N, D), not all equal, and of mean pixels, (N,)."""
    centre, scale = codes.mean(axis=0, dtype=np.float64), codes.std(axis=0, dtype=np.float64)
    scale[scale == 0] = scale.max()
    places = (codes - centre) / scale
    slope = np.linalg.lstsq(places, brightness - brightness.mean(), rcond=None)[0]
    within = np.einsum("k,kij->ij", density.weights, density.covariances)
    within = within / scale[:, np.newaxis] / scale
    likely = float(np.quantile(density.log_density(codes), LIKELY))
    slope = slope / max(float(brightness.std()), np.finfo(np.float32).tiny)
    spread = float(np.linalg.norm(places, axis=1).std()) or 1.0
    return Terrain(density, centre, scale, within, likely, slope, spread)


def data_paths(terrain: Terrain, starts: np.ndarray, ends: np.ndarray, steps: int) -> np.ndarray:
    """Paths that keep to where data is, and keep the image on the way.

    A chain of codes, at first on the sphere, is drawn together as by springs (as in the active
    contours of Kass, Witkin & Terzopoulos 1988), pushed to where the density is that of typical
    images, and held between its ends in brightness, since the densest codes are often the emptiest
    images, and in distance from the centre, where codes are blurred. Codes are float32 (N, D);
    steps and paths are as in `linear_paths`.
    """
    first, last = ((codes - terrain.centre) / terrain.scale for codes in (starts, ends))
    origin = np.zeros(starts.shape[1])
    chain = _relax(terrain, spherical_paths(first, last, CHAIN, origin))
    places = np.linspace(0, CHAIN - 1, steps)
    low = np.minimum(places.astype(int), CHAIN - 2)
    share = (places - low)[:, np.newaxis]
    path = (chain[:, low] * (1 - share) + chain[:, low + 1] * share) * terrain.scale
    path = (path + terrain.centre).astype(starts.dtype)
    path[:, 0], path[:, -1] = starts, ends
    return path


def _relax(terrain: Terrain, chain: np.ndarray) -> np.ndarray:
    """Chains (N, CHAIN, D) about the centre, moved until springs and forces balance; ends stay.

    Springs are solved for implicitly, so that a step may be as long as the forces allow.
    """
    from scipy.special import expit

    count, length, dim = chain.shape
    solve = invert_springs(length)
    held = np.zeros((count, length - 2, dim))
    held[:, 0], held[:, -1] = (STEP * length * chain[:, end] for end in (0, -1))
    inner = chain[:, 1:-1]
    brightness = span_evenly(chain @ terrain.brightness)[:, 1:-1]
    radius = span_evenly(np.linalg.norm(chain, axis=2))[:, 1:-1]
    # Between near ends there is little to go round: an image to itself stays where it is.
    reach = np.linalg.norm(chain[:, -1:] - chain[:, :1], axis=2, keepdims=True) / np.sqrt(2 * dim)
    for _ in range(ROUNDS):
        codes = (inner * terrain.scale + terrain.centre).reshape(-1, dim)
        density, gradient = terrain.density.log_density_gradient(codes)
        short = expit((terrain.likely - density) / SOFTNESS).reshape(count, -1, 1)
        away = np.linalg.norm(inner, axis=2)
        inward = np.maximum(radius - away, 0) / terrain.spread**2 / np.maximum(away, TINY)
        off = inner @ terrain.brightness - brightness
        force = (
            DENSITY_PULL * short * (gradient.reshape(inner.shape) * terrain.scale) @ terrain.within
            - BRIGHTNESS_PULL * off[..., np.newaxis] * terrain.brightness
            + RADIUS_PULL * inward[..., np.newaxis] * inner
        )
        force *= np.minimum(reach, 1)
        lengths = np.linalg.norm(force, axis=2, keepdims=True)
        longest = LONGEST_MOVE * np.sqrt(dim) / STEP
        force *= np.minimum(1, longest / np.maximum(lengths, TINY))
        inner = solve @ (inner + STEP * force + held)
    return np.concatenate([chain[:, :1], inner, chain[:, -1:]], axis=1)


def invert_springs(length: int) -> np.ndarray:
    """What solves for the springs of a chain of `length` points, float64 (length - 2, same)."""
    free = length - 2
    springs = 2 * np.eye(free) - np.eye(free, k=1) - np.eye(free, k=-1)
    return np.linalg.inv(np.eye(free) + STEP * length * springs)
