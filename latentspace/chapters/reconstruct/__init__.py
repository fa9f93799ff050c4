"""How well the model reconstructs what it has never seen."""

from latentspace.chapters.figure import RECONSTRUCT, Contents, Figure

CONTENTS = Contents(
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
