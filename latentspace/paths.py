"""Ways between two points: of pixel space or of latent space."""

from __future__ import annotations

import numpy as np


def linear(starts: np.ndarray, ends: np.ndarray, steps: int) -> np.ndarray:
    """Straight ways at constant speed.

    Args:
        starts: float (N, ...): codes (N, D) or images (N, H, W, C).
        ends: The same shape.
        steps: Points on each way, both ends included; at least 2.

    Returns:
        float (N, steps, ...) of the dtype of `starts`; the first and last points are exactly the
        ends.

    Raises:
        ValueError: There are fewer than 2 steps.
    """
    if steps < 2:
        raise ValueError(f"a way needs both of its ends. Received: steps={steps}")
    share = np.linspace(0, 1, steps, dtype=starts.dtype)
    share = share.reshape(steps, *(1,) * (starts.ndim - 1))
    return starts[:, np.newaxis] * (1 - share) + ends[:, np.newaxis] * share
