"""How well the model reconstructs what it has never seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from latentspace.chapters.figure import RECONSTRUCT, Contents, Figure, Recipe

if TYPE_CHECKING:
    from latentspace.chapters.study import Study


def _recipes() -> Mapping[str, Recipe[Study]]:
    from latentspace.chapters.reconstruct.figures import RECIPES

    return RECIPES


CONTENTS = Contents(
    part=RECONSTRUCT,
    flags={
        "--reconstructions": "how well the model reconstructs what it has never seen",
    },
    figures=(
        Figure(
            "--reconstructions",
            "reconstructions.png",
            "originals over reconstructions, trained and unseen, with their errors",
        ),
    ),
    recipes=_recipes,
)
