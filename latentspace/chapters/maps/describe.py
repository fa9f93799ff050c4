"""What captions say of maps, here and in other chapters."""

from __future__ import annotations

import numpy as np

from latentspace.analysis.projection import Settings
from latentspace.chapters.maps.measure import Maps
from latentspace.chapters.study import Study


def format_method(study: Study) -> str:
    """The method by which the maps of a study are made, in words."""
    maps = study.of(Maps)
    return maps.format_method(maps.settings.method)


def describe_images(study: Study, maps: Maps | None = None) -> str:
    """The images on the maps of a study, or on others of its maps."""
    maps = maps or study.of(Maps)
    return f"{len(maps.indices):,} {maps.split_name} of {study.data.name}"


def describe_maps(
    study: Study,
    settings: Settings,
    *spaces: str,
    rows: np.ndarray | None = None,
    maps: Maps | None = None,
) -> str:
    """What a reader must know of how maps of these spaces (or all), of some images, were made."""
    maps = maps or study.of(Maps)
    if settings.method != "tsne":
        return maps.format_method(settings.method)
    spaces = spaces or tuple(maps.spaces)
    made = maps.project(settings, rows, spaces)
    facts = {space: made[space].facts for space in spaces}
    exaggeration = f", exaggeration {settings.exaggeration:g}" if settings.exaggeration != 1 else ""
    divergences = " and ".join(
        f"{fact['kl_divergence']:.2f}" + (f" ({maps.spaces[space]})" if len(spaces) > 1 else "")
        for space, fact in facts.items()
    )
    return (
        f"t-SNE, perplexity {settings.perplexity:g}{exaggeration}, "
        f"{facts[spaces[0]]['iterations']} iterations, KL divergence {divergences}"
    )
