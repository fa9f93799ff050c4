"""Two models beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latentspace.chapters.figure import Figure
from latentspace.chapters.maps.figures import CAVEAT, describe_maps

if TYPE_CHECKING:
    from latentspace.chapters.compare.measure import Comparison

FLAG = "--run A --run B"


def _describe_models(comparison: Comparison) -> str:
    """Both models and what must be known of them, for captions."""
    units = {key: study.run.latent_dim for key, study in comparison.studies.items()}
    names = "; ".join(f"{name}, {units[key]} units" for key, name in comparison.names.items())
    return " ".join([f"{names}.", *comparison.notes])


def _describe_maps(comparison: Comparison) -> str:
    """How both maps were made, for captions."""
    first, second = (study.maps for study in comparison.studies.values())
    words = describe_maps(comparison.studies["A"], first.flat, "latent")
    if first.flat.method != "tsne":
        return words
    facts = second.project(first.flat, spaces=("latent",))["latent"].facts
    return f"{words} (A), {facts['kl_divergence']:.2f} (B)"


def _reconstructions(comparison: Comparison, fps: float) -> dict[str, Any]:
    test = comparison.measures[0]
    first, second = comparison.errors
    linear = ", ".join(
        f"{name.removeprefix('PCA ')} components {value:.5f}"
        for name, value in test.baselines.items()
    )
    return {
        "blocks": comparison.examples,
        "rows": ["original", *comparison.names.values()],
        "title": "The same test images through both models",
        "caption": (
            f"{_describe_models(comparison)} Under each image its mean squared "
            f"error per pixel, the smaller of two in black. Mean over all {len(first):,} test "
            f"images of {comparison.data.name}: A {first.mean():.5f}, B {second.mean():.5f}, B - A "
            f"{test.format_number(test.difference, '+')}, 95% interval {test.format_interval(test.more)}; PCA "
            f"with {linear}. B's error is the smaller one on {(second < first).sum():,} images, "
            f"A's on {(first < second).sum():,}."
        ),
    }


def _maps(comparison: Comparison, fps: float) -> dict[str, Any]:
    first = comparison.studies["A"]
    measures = {measure.key: measure for measure in comparison.measures}
    shown = {
        "knn_accuracy": "10-NN",
        "silhouette": "silhouette",
        "knn_preservation": "neighbours kept",
        "trustworthiness": "trustworthiness",
    }
    known = {key: words for key, words in shown.items() if key in measures}
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
    pixels = measures.get("source_knn_accuracy")
    before = (
        f" Before any map the 10-NN label accuracy is {pixels.values[0]:.3f} (A), "
        f"{pixels.values[1]:.3f} (B), {pixels.baselines['pixels']:.3f} (pixels)."
        if pixels is not None
        else ""
    )
    return {
        "maps": list(zip(headings, comparison.points.values(), strict=True)),
        "labels": first.maps.labels,
        "class_names": comparison.data.class_names,
        "title": "The same images, mapped from the codes of both models",
        "caption": (
            f"{comparison.images}. {_describe_models(comparison)} {_describe_maps(comparison)}. B's map is "
            f"turned and mirrored onto A's; each has its own scale. B - A, with its 95% interval: "
            f"{differences}.{before} {CAVEAT}"
        ),
    }


FIGURES = (
    Figure(
        FLAG,
        "comparison.png",
        "two models: the same images through both, and where they differ most",
        None,
        "chapters.compare.draw.draw_reconstructions",
        _reconstructions,
    ),
    Figure(
        FLAG,
        "comparison_maps.png",
        "two models: maps of both models' codes side by side, with their scores",
        None,
        "chapters.maps.draw.draw_comparison",
        _maps,
    ),
)
