"""`FIGURES`, the one list of pictures: flag, file, caption, numbers, and how each is drawn."""

from latentspace.figures.registry import arithmetic, interpolation, maps, reconstructions
from latentspace.figures.registry.figure import Figure

__all__ = ["FIGURES", "FLAGS", "Figure"]

FLAGS = {
    "--reconstructions": "how well the model draws what it has never seen",
    "--maps": "t-SNE of the pixels against t-SNE of the codes",
    "--interpolation": "blending pixels against walking between codes",
    "--arithmetic": "sums and differences of codes, other classes in the same hand",
    "--attributes": "slant, thickness, width and height of strokes, changed by a code's direction",
    "--traversals": "what each axis of latent space draws, and new images drawn from it",
}
FIGURES: tuple[Figure, ...] = (
    *reconstructions.FIGURES,
    *maps.FIGURES,
    *interpolation.FIGURES,
    *arithmetic.FIGURES,
)
