"""How well the model reconstructs what it has never seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latentspace.chapters.figure import RECONSTRUCT, Contents, Figure

if TYPE_CHECKING:
    from latentspace.chapters.study import Study


CONTENTS: Contents[Study] = Contents(
    __name__,
    part=RECONSTRUCT,
    flags={"--reconstructions": "how well the model reconstructs what it has never seen"},
    figures=(
        Figure(
            "--reconstructions",
            "reconstructions.png",
            "originals over reconstructions, trained and unseen, with their errors",
        ),
    ),
)
