"""Clusters that are found without labels."""

from latentspace.chapters.figure import USE, Contents, Figure

CONTENTS = Contents(
    __name__,
    part=USE,
    flags={
        "--clusters": "clusters of codes, found without labels, against those of pixels and of PCA"
    },
    figures=(
        Figure(
            "--clusters",
            "clusters.png",
            "each cluster's decoded centre and members, the classes in it, and the scores of "
            "methods",
            settings=("split", "num_clusters", "seed"),
            in_story=False,
        ),
    ),
)
