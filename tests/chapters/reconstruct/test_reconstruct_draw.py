"""What the pictures of reconstructions show, read back from their pixels."""

from __future__ import annotations

import numpy as np
from drawn import is_shown, random_images, write

from latentspace.chapters.reconstruct import draw
from latentspace.drawing import layout


def test_reconstructions_show_all_pairs_on_the_right_side() -> None:
    def block(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return random_images(4, seed=seed), random_images(4, seed=seed + 1), np.full(4, 0.1234)

    trained, unseen = block(0), block(10)
    frame = write(draw.draw_reconstructions(blocks={"t": trained, "u": unseen}, columns=2))
    middle, zoom = frame.shape[1] // 2, layout.choose_zoom(8)
    for part, other, side in (
        (trained, unseen, frame[:, :middle]),
        (unseen, trained, frame[:, middle:]),
    ):
        for image in (*part[0], *part[1]):
            assert is_shown(side, image, zoom)
        assert not is_shown(side, other[0][0], zoom)
