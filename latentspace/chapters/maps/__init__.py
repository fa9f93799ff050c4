"""Maps of pixels against maps of codes: by several methods, of a few classes, with images on."""

from latentspace.chapters.figure import MAP, MAP_SETTINGS, Contents, Figure

CONTENTS = Contents(
    __name__,
    part=MAP,
    flags={
        "--maps": "t-SNE of the pixels against t-SNE of the codes; with --dims 3 in space",
        "--map-films": "the maps forming, from the start to the end of the optimisation",
        "--methods": "the same images projected by PCA, ICA, t-SNE and UMAP",
        "--overlap": "the classes that overlap (8, 5, 7, 3), alone",
        "--latent-grid": "what the model draws at each place of the latent map",
    },
    figures=(
        Figure(
            "--maps",
            "tsne_pixel.png",
            "t-SNE of the pixels, drawn as the images themselves",
            MAP_SETTINGS,
            dims=2,
        ),
        Figure(
            "--maps",
            "tsne_latent.png",
            "t-SNE of the codes, drawn as the images themselves",
            MAP_SETTINGS,
            dims=2,
        ),
        Figure(
            "--maps",
            "tsne_comparison.png",
            "both maps as labelled points side by side, with their scores",
            MAP_SETTINGS,
            dims=2,
        ),
        Figure("--maps", "tsne_3d.png", "both maps in three dimensions", MAP_SETTINGS, dims=3),
        Figure("--maps", "tsne_3d.gif", "one slow turn around them", MAP_SETTINGS, dims=3),
        Figure(
            "--map-films",
            "tsne_pixel.gif",
            "the map of the pixels forming",
            MAP_SETTINGS,
            in_story=False,
        ),
        Figure(
            "--map-films",
            "tsne_latent.gif",
            "the map of the codes forming",
            MAP_SETTINGS,
            in_story=False,
        ),
        Figure(
            "--map-films",
            "tsne_optimization.gif",
            "both maps forming side by side",
            MAP_SETTINGS,
            in_story=False,
        ),
        Figure(
            "--methods",
            "projection_methods.png",
            "PCA, ICA, t-SNE and UMAP of pixels and codes, with their scores",
            MAP_SETTINGS,
            in_story=False,
        ),
        Figure(
            "--overlap",
            "overlapping_classes.png",
            "8, 5, 7 and 3 alone: how far they overlap in pixels and in codes",
            MAP_SETTINGS,
            in_story=False,
        ),
        Figure(
            "--latent-grid",
            "latent_grid.png",
            "what the model draws at each place of the latent map",
            MAP_SETTINGS,
            in_story=False,
        ),
        Figure(
            "--place",
            "placed.png",
            "a person's own images on the maps, with their nearest neighbours",
            (*MAP_SETTINGS, "place"),
            in_story=False,
        ),
    ),
)
