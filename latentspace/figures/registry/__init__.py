"""`FIGURES`, the one list of pictures: flag, file, caption, numbers, and how each is drawn."""

from latentspace.figures.registry import (
    arithmetic,
    interpolation,
    map_details,
    maps,
    reconstructions,
)
from latentspace.figures.registry.figure import Figure

__all__ = ["FIGURES", "FLAGS", "Figure"]

FLAGS = {  # those without a value; "--place IMAGE" asks for its picture as well
    "--reconstructions": "how well the model draws what it has never seen",
    "--maps": "t-SNE of the pixels against t-SNE of the codes; with --dims 3 in space",
    "--map-films": "the maps forming, from the start to the end of the optimisation",
    "--cousins": "the same by PCA, ICA, t-SNE and, where it is installed, UMAP",
    "--confused": "the classes that run together (8, 5, 7, 3), alone",
    "--latent-grid": "what the model draws at each place of the latent map",
    "--interpolation": "blending pixels against walking between codes",
    "--arithmetic": "sums and differences of codes, other classes in the same hand",
    "--attributes": "slant, thickness, width and height of strokes, changed by a code's direction",
    "--traversals": "what each axis of latent space draws, and new images drawn from it",
}
FIGURES: tuple[Figure, ...] = (
    *reconstructions.FIGURES,
    *maps.FIGURES,
    *map_details.FIGURES,
    *interpolation.FIGURES,
    *arithmetic.FIGURES,
)
