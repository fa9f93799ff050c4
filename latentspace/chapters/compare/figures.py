"""Two models beside each other."""

from collections.abc import Mapping

from latentspace.chapters.captions import CAVEAT, format_metric
from latentspace.chapters.compare.measure import LATENT, Comparison, align_maps
from latentspace.chapters.explorer.draw import Map
from latentspace.chapters.explorer.figures import draw_page
from latentspace.chapters.explorer.measure import Exploration
from latentspace.chapters.figure import Drawing, Recipe
from latentspace.chapters.maps.describe import describe_images, describe_maps
from latentspace.chapters.maps.draw import draw_comparison
from latentspace.chapters.maps.measure import Maps
from latentspace.drawing.grids import draw_grids
from latentspace.drawing.points import LabelledMaps
from latentspace.drawing.text import Text

IN_HEADINGS = {  # measures of a map, with their words above it
    "knn_accuracy": "{knn}",
    "silhouette": "silhouette",
    "knn_preservation": "k-NN preservation",
    "trustworthiness": "trustworthiness",
}


def draw_reconstructions(comparison: Comparison) -> Drawing:
    test = comparison.measures[0]
    first, second = comparison.errors
    counts = {name.removeprefix("PCA "): value for name, value in test.baselines.items()}
    linear = ", ".join(f"{count} components {value:.5f}" for count, value in counts.items())
    text = Text(
        "The same test images through both models",
        f"{_describe_models(comparison)} Under each image its mean squared error per pixel, the "
        "smaller of two in black. Mean over all "
        f"{comparison.data.name_tests(len(first))}: A {first.mean():.5f}, B {second.mean():.5f}, "
        f"B - A {test.format_number(test.difference, '+')}, 95% interval "
        f"{test.format_interval(test.more)}; PCA with {linear}. B's error is the smaller one on "
        f"{(second < first).sum():,} images, A's on {(first < second).sum():,}.",
    )
    return Drawing.of_images(draw_grids, text, grids=comparison.examples)


def draw_maps(comparison: Comparison) -> Drawing:
    measures = {measure.key: measure for measure in comparison.measures}
    maps, knn = comparison.maps, comparison.maps["A"].knn
    known = {key: words.format(knn=knn) for key, words in IN_HEADINGS.items() if key in measures}
    headings = [
        f"{name}\n"
        + ", ".join(f"{words} {measures[key].values[at]:.3f}" for key, words in known.items())
        for at, name in enumerate(comparison.names.values())
    ]
    differences = "; ".join(
        f"{words} {measures[key].format_number(measures[key].difference, '+')} "
        f"({measures[key].format_interval(measures[key].more)})"
        for key, words in known.items()
    )
    before = ""
    if (codes := measures.get("source_knn_accuracy")) is not None:
        first, second = codes.values
        before = (
            f" Before any map the {knn} label accuracy is {first:.3f} (A), {second:.3f} (B), "
            f"{codes.baselines['pixels']:.3f} (pixels)."
        )
    text = Text(
        "The same images, mapped from the codes of both models",
        f"{comparison.images}. {_describe_models(comparison)} {_describe_maps(maps)}. B's "
        "map is turned and mirrored onto A's; each has its own scale. B - A, with its 95% "
        f"interval: {differences}.{before} {CAVEAT}",
    )
    points = dict(zip(headings, align_maps(maps).values(), strict=True))
    shown = LabelledMaps(points, maps["A"].labels, comparison.data.class_names)
    return Drawing.of_page(draw_comparison(shown), text)


def draw_explorer(comparison: Comparison) -> Drawing:
    studies, reason = comparison.studies, comparison.errors_unavailable
    maps = {letter: study.of(Exploration).maps for letter, study in studies.items()}
    points = align_maps(maps)  # which may be of more images than those of pictures
    held = f"network of A alone: of B, {reason}" if reason else "networks of both models"
    about = (
        f"{_describe_maps(maps)}. B's map is turned and mirrored onto A's; each has its own scale. "
        f"{CAVEAT} Errors are squared, means over pixels. The nearest are those of the images "
        "shown, in the codes of A and of B themselves, not on the maps. The file holds the "
        f"{held}. {' '.join(comparison.origins)}"
    ).rstrip()
    shown = {
        letter: Map(
            f"{name}, {studies[letter].run.latent_dim} units",
            _format_scores(maps[letter]),
            points[letter],
            f"nearest in codes of {letter}",
            studies[letter].of(Exploration).find_neighbors(LATENT),
            model,
        )
        for model, (letter, name) in enumerate(comparison.names.items())
    }
    title = "The same images, in the codes of two models"
    return draw_page(studies, shown, title, about, describe_images(maps["A"]))


def _format_scores(maps: Maps) -> str:
    """How well the map of the codes tells the classes apart, and the error on its images."""
    found = []
    if maps.study.data.has_classes:
        scored = maps.score_images(LATENT, maps.flat)
        found += format_metric(f"{maps.knn} label accuracy", scored["knn_accuracy"].mean())
        found += format_metric("silhouette", scored["silhouette"].mean())
    if maps.study.explain_lack("decoder") is None:
        found.append(f"mean error {maps.errors.mean():.5f}")
    return ", ".join(found)


def _describe_models(comparison: Comparison) -> str:
    units = {key: study.run.latent_dim for key, study in comparison.studies.items()}
    names = "; ".join(f"{name}, {units[key]} units" for key, name in comparison.names.items())
    return " ".join([f"{names}.", *comparison.notes])


def _describe_maps(maps: Mapping[str, Maps]) -> str:
    first, second = maps.values()
    words = describe_maps(first, first.flat, LATENT)
    if first.flat.method != "tsne":
        return words
    facts = second.project(first.flat, spaces=(LATENT,))[LATENT].facts
    return f"{words} (A), {facts['kl_divergence']:.2f} (B)"


RECIPES = {
    "comparison.png": Recipe(
        draw_reconstructions, unavailable=lambda comparison: comparison.errors_unavailable
    ),
    "comparison_maps.png": Recipe(draw_maps),
    "explorer.html": Recipe(draw_explorer),
}
