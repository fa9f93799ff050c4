"""Maps of pixels against maps of codes: by several methods, of a few classes, with images on."""

from functools import partial

from latentspace.chapters.figure import MAP, MAP_SETTINGS, ON_MAP_SETTINGS, Contents, Figure

in_story = partial(Figure, "--maps", settings=MAP_SETTINGS)
aside = partial(Figure, settings=MAP_SETTINGS, in_story=False)
CONTENTS = Contents(
    __name__,
    part=MAP,
    flags={
        "--maps": "t-SNE of the pixels against t-SNE of the codes; with --dims 3 in space",
        "--map-films": "the maps forming, from the start to the end of the optimisation",
        "--methods": "the same images projected by PCA, ICA, t-SNE and UMAP",
        "--overlap": "the classes that overlap most in pixels (of MNIST 8, 5, 7, 3), alone",
        "--latent-grid": "images decoded at each place of the latent map",
    },
    figures=(
        in_story("tsne_pixel.png", "t-SNE of the pixels, drawn as the images themselves", dims=2),
        in_story("tsne_latent.png", "t-SNE of the codes, drawn as the images themselves", dims=2),
        in_story(
            "tsne_comparison.png",
            "both maps as labelled points side by side, with their scores, and a map of --map",
            settings=(*MAP_SETTINGS, "map"),
            dims=2,
        ),
        in_story("tsne_3d.png", "both maps in three dimensions", dims=3),
        in_story("tsne_3d.gif", "one slow turn around them", dims=3),
        aside("--map-films", "tsne_pixel.gif", "the map of the pixels forming"),
        aside("--map-films", "tsne_latent.gif", "the map of the codes forming"),
        aside("--map-films", "tsne_optimization.gif", "both maps forming side by side"),
        aside(
            "--methods",
            "projection_methods.png",
            "PCA, ICA, t-SNE and UMAP of pixels and codes, with their scores",
        ),
        aside(
            "--overlap",
            "overlapping_classes.png",
            "the classes that overlap most, alone: how far they do in pixels and in codes",
            settings=ON_MAP_SETTINGS,
        ),
        aside(
            "--latent-grid",
            "latent_grid.png",
            "images decoded at each place of the latent map",
            settings=ON_MAP_SETTINGS,
        ),
        aside(
            "--place",
            "placed.png",
            "a person's own images on the maps, with their nearest neighbours",
            settings=(*ON_MAP_SETTINGS, "place"),
        ),
    ),
)
