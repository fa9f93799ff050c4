"""`FIGURES`, the one list of pictures: flag, file, caption, numbers, and how each is drawn.

`COMPARISONS` is the same for two runs beside each other.
"""

from collections.abc import Collection

from latentspace.figures.registry import (
    arithmetic,
    clusters,
    comparison,
    compression,
    explorer,
    interpolation,
    map_details,
    maps,
    outliers,
    reconstructions,
)
from latentspace.figures.registry.figure import Figure

__all__ = ["COMPARISONS", "FIGURES", "FLAGS", "Figure", "chosen"]

FLAGS = {  # those without a value; "--place IMAGE" asks for its picture as well
    "--reconstructions": "how well the model draws what it has never seen",
    "--maps": "t-SNE of the pixels against t-SNE of the codes; with --dims 3 in space",
    "--map-films": "the maps forming, from the start to the end of the optimisation",
    "--cousins": "the same by PCA, ICA, t-SNE and UMAP",
    "--confused": "the classes that run together (8, 5, 7, 3), alone",
    "--latent-grid": "what the model draws at each place of the latent map",
    "--interpolation": "blending pixels against walking between codes",
    "--arithmetic": "sums and differences of codes, other classes in the same hand",
    "--attributes": "slant, thickness, width and height of strokes, changed by a code's direction",
    "--traversals": "what each axis of latent space draws, and new images drawn from it",
    "--clusters": "clusters of codes, found without labels, against those of pixels and of PCA",
    "--compression": "bytes and errors of codes, against PCA and image files",
    "--outliers": "images that stand out, labels that look wrong, how well foreign images are told",
    "--explorer": "a page to explore both maps with the mouse, image by image",
}
FIGURES: tuple[Figure, ...] = (
    *reconstructions.FIGURES,
    *maps.FIGURES,
    *map_details.FIGURES,
    *interpolation.FIGURES,
    *arithmetic.FIGURES,
    *clusters.FIGURES,
    *compression.FIGURES,
    *outliers.FIGURES,
    *explorer.FIGURES,
)
COMPARISONS = comparison.FIGURES


def chosen(flags: Collection[str], *, every: bool, dims: int) -> list[Figure]:
    """The pictures that flags ask for; those of the story where none does.

    Args:
        flags: Given ones, of those that `FIGURES` know.
        every: All of them; those of "--place" only when their flag is given.
        dims: Dimensions of the maps; pictures of other maps are left out unless `every`.
    """
    if every:
        return [figure for figure in FIGURES if figure.flag != "--place" or figure.flag in flags]
    return [
        figure
        for figure in FIGURES
        if (figure.flag in flags if flags else figure.in_story) and figure.dims in (None, dims)
    ]
