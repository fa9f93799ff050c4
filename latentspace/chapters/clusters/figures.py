"""Clusters that were found without labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from latentspace.chapters.figure import Figure, format_model

if TYPE_CHECKING:
    from latentspace.chapters.study import Study

HEADINGS = {"nmi": "NMI", "ari": "ARI"}
MOST_SHOWN = 20  # clusters, and classes beside them


def _clusters(study: Study, fps: float) -> dict[str, Any]:
    chapter, names = study.clusters, study.data.class_names
    sheets = chapter.summaries[:MOST_SHOWN]
    images, labels = chapter.images.images, chapter.images.labels
    numbers = chapter.metrics
    judged = bool(chapter.agreements)
    classes = [sheet.match for sheet in sheets if sheet.match is not None] if judged else []
    classes += [label for label in range(len(names)) if judged and label not in classes]
    columns = ["stability"]
    if judged:
        columns = ["accuracy", "nmi", "ari", *columns]
    shown = "" if len(sheets) == len(chapter.summaries) else f" The first {len(sheets)} are drawn."
    return {
        "centres": np.stack([sheet.centre for sheet in sheets]),
        "members": {
            heading: [
                (images[rows], labels[rows] != sheet.counts.argmax())
                for sheet, rows in zip(sheets, chosen, strict=True)
            ]
            for heading, chosen in {
                "most typical": [sheet.typical for sheet in sheets],
                "least certain": [sheet.uncertain for sheet in sheets],
            }.items()
        },
        "names": [
            (
                f"cluster {number}" if sheet.match is None else names[sheet.match],
                f"{sheet.size:,}" + (f", {sheet.purity:.1%} pure" if judged else ""),
            )
            for number, sheet in enumerate(sheets, 1)
        ],
        "counts": np.stack([sheet.counts for sheet in sheets])[:, classes[:MOST_SHOWN]],
        "class_names": [names[label] for label in classes[:MOST_SHOWN]],
        "table": (
            ["method", "clusters", *(HEADINGS.get(column, column) for column in columns)],
            [
                [
                    name,
                    _format_range(scores["clusters"]),
                    *(_format_cell(scores[each], each) for each in columns),
                ]
                for name, scores in numbers["methods"].items()
            ],
        ),
        "title": f"{chapter.count} clusters, found without labels",
        "caption": (
            f"All {numbers['images']:,} {chapter.images.split_name} of {study.data.name}, "
            f"{format_model(study)}. Drawn: {chapter.shown}, seed {numbers['seeds'][0]}.{shown} A "
            "cluster's picture is its mean code, decoded; most typical are the codes nearest to "
            "it, least certain those that the mixture would most likely give to another cluster; "
            "a red frame: of another class than most of the cluster. UMAP brings the neighbours "
            "to ten dimensions. With deformed copies, the distance of two images is that of a "
            "slightly turned, scaled, shifted or bent copy of one to the other, where that is "
            "less. The table: medians of "
            f"{len(numbers['seeds'])} seeds, with their range. Accuracy is that of the best "
            "matching of clusters and classes; stability, how far clusterings of different seeds "
            "agree (ARI)."
        ),
    }


def _format_cell(value: dict[str, float] | float, name: str) -> str:
    if isinstance(value, float):
        return f"{value:.2f}"
    if name in ("nmi", "ari"):
        return f"{value['median']:.3f}"
    return f"{value['median']:.3f} ({value['low']:.3f} to {value['high']:.3f})"


def _format_range(counts: list[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low}" if low == high else f"{low} to {high}"


FIGURES = (
    Figure(
        "--clusters",
        "clusters.png",
        "each cluster's decoded centre and members, the classes in it, and the scores of methods",
        "clusters",
        "chapters.clusters.draw.draw_clusters",
        _clusters,
        in_story=False,
        unavailable=lambda study: study.clusters.unavailable,
    ),
)
