"""`STORY`, the one list of pictures: flag, file, caption, numbers, and how each is drawn.

`FIGURES` are its pictures; `COMPARISONS` those of two runs beside each other.
"""

from collections.abc import Collection
from typing import Any

from latentspace.chapters.calculate import figures as arithmetic
from latentspace.chapters.clusters import figures as clusters
from latentspace.chapters.compare import figures as comparison
from latentspace.chapters.compression import figures as compression
from latentspace.chapters.explorer import figures as explorer
from latentspace.chapters.figure import Figure, Part, strip_folders
from latentspace.chapters.interpolate import figures as interpolation
from latentspace.chapters.learn import figures as learning
from latentspace.chapters.maps import detail_figures
from latentspace.chapters.maps import figures as maps
from latentspace.chapters.outliers import figures as outliers
from latentspace.chapters.reconstruct import figures as reconstructions

__all__ = [
    "COMPARED",
    "COMPARISONS",
    "FIGURES",
    "FLAGS",
    "STORY",
    "Figure",
    "Part",
    "choose_figures",
    "find_options",
    "find_part",
    "strip_folders",
]

FLAGS = {  # those without a value; "--place IMAGE" asks for its picture as well
    "--reconstructions": "how well the model draws what it has never seen",
    "--film": "the model learning: reconstructions, the error and the map of the codes",
    "--maps": "t-SNE of the pixels against t-SNE of the codes; with --dims 3 in space",
    "--map-films": "the maps forming, from the start to the end of the optimisation",
    "--methods": "the same by PCA, ICA, t-SNE and UMAP",
    "--overlap": "the classes that run together (8, 5, 7, 3), alone",
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
STORY = (
    Part(
        "reconstruct",
        "Reconstruct",
        "A short code is all that is kept of an image. How much of it comes back, of images that "
        "the model has never seen?",
        reconstructions.FIGURES,
    ),
    Part(
        "learn",
        "Learn",
        "How the model got there, epoch by epoch.",
        learning.FIGURES,
    ),
    Part(
        "map",
        "Map",
        "Codes are points in a space of many dimensions. Maps bring what is near there near on "
        "paper: pixels against codes.",
        (*maps.FIGURES, *detail_figures.FIGURES, *explorer.FIGURES),
    ),
    Part(
        "interpolate",
        "Interpolate",
        "Between two images, blended pixels are ghosts. Do the codes between theirs stand for "
        "images at every step?",
        interpolation.FIGURES,
    ),
    Part(
        "calculate",
        "Calculate",
        "Codes can be added, subtracted and moved. What changes in the images then, and what "
        "stays?",
        arithmetic.FIGURES,
    ),
    Part(
        "use",
        "Use",
        "What codes are good for: finding groups without a label, storing images in a few bytes, "
        "noticing what does not belong.",
        (*clusters.FIGURES, *compression.FIGURES, *outliers.FIGURES),
    ),
)
COMPARED = Part(
    "compare",
    "Side by side",
    "The same images through both models.",
    comparison.FIGURES,
)
FIGURES: tuple[Figure[Any], ...] = tuple(figure for part in STORY for figure in part.figures)
COMPARISONS = COMPARED.figures

MAP_OPTIONS = ("--samples", "--split", "--perplexity", "--exaggeration", "--seed")
PATH_OPTIONS = ("--pairs", "--from", "--to", "--frames", "--path", "--seed")
OPTIONS = {  # by flag what its pictures depend on, or by file where one is an exception
    "--maps": MAP_OPTIONS,
    "--map-films": MAP_OPTIONS,
    "--methods": MAP_OPTIONS,
    "--overlap": MAP_OPTIONS,
    "--latent-grid": MAP_OPTIONS,
    "--explorer": MAP_OPTIONS[1:],  # without --samples: by itself it shows more images than maps do
    "--place": (*MAP_OPTIONS, "--place"),
    "--interpolation": PATH_OPTIONS,
    "interpolation_on_map.png": (*MAP_OPTIONS, *PATH_OPTIONS),
    "--arithmetic": ("--expression", "--seed"),
    "class_transfer.png": ("--seed",),
    "--traversals": ("--axes", "--seed"),
    "--clusters": ("--split", "--num-clusters", "--seed"),
    comparison.FLAG: MAP_OPTIONS,
    "learning_curve.png": (),
}


def find_options(figure: Figure[Any]) -> tuple[str, ...]:
    """The options that a picture depends on; what `OPTIONS` does not name, on the seed alone.

    A map's method and dimensions are no such option: maps by others lie beside it.
    """
    return OPTIONS.get(figure.file, OPTIONS.get(figure.flag, ("--seed",)))


def find_part(figure: Figure[Any]) -> Part:
    """The part that a picture belongs to."""
    return next(part for part in (*STORY, COMPARED) if figure in part.figures)


def choose_figures(flags: Collection[str], *, every: bool, dims: int) -> list[Figure]:
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
