"""Clusters that were found without labels."""

import numpy as np

from latentspace.chapters.captions import format_model
from latentspace.chapters.clusters import draw
from latentspace.chapters.clusters.measure import Clusters, ClusterSummary
from latentspace.chapters.clusters.partitions import DEFORMED
from latentspace.chapters.figure import Drawing, Recipe
from latentspace.chapters.maps.describe import describe_images
from latentspace.chapters.study import Study
from latentspace.drawing.text import Text

HEADINGS = {"nmi": "NMI", "ari": "ARI"}
DEFORMED_COPIES = (
    "With deformed copies, the distance of two images is that of a slightly turned, scaled, "
    "shifted or bent copy of one to the other, where that is less. "
)
MOST_SHOWN = 20  # clusters, and classes beside them


def draw_clusters(study: Study) -> Drawing:
    chapter, names = study.of(Clusters), study.data.class_names
    summaries = chapter.summaries[:MOST_SHOWN]
    labels = chapter.images.labels
    centres = [summary.centre for summary in summaries if summary.centre is not None]
    numbers = chapter.metrics
    has_classes = bool(chapter.agreements)
    classes, columns = [], ["stability"]
    if has_classes:
        classes = [summary.match for summary in summaries if summary.match is not None]
        classes += [label for label in range(len(names)) if label not in classes]
        columns = ["accuracy", "nmi", "ari", *columns]

    def show(summary: ClusterSummary, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Images, and whether they are of another class than most of the cluster."""
        return chapter.images.images[rows], labels[rows] != summary.counts.argmax()

    shown, deformed = "", DEFORMED_COPIES if DEFORMED in chapter.shown else ""
    if len(summaries) < len(chapter.summaries):
        shown = f" The first {len(summaries)} are drawn."
    text = Text(
        f"{chapter.count} clusters, found without labels",
        f"All {describe_images(chapter.images)}, "
        f"{format_model(study)}. Drawn: {chapter.shown}, seed {numbers['seeds'][0]}.{shown}"
        f"{_describe_drawn(chapter)} UMAP brings the neighbours to ten dimensions. {deformed}"
        f"The table has medians of {len(numbers['seeds'])} seeds, with their range. "
        "Accuracy is that of the best matching of clusters and classes. Stability says how far "
        "clusterings of different seeds agree (ARI).",
    )
    headings = ["method", "clusters", *(HEADINGS.get(column, column) for column in columns)]
    rows = [
        [name, _format_range(own["clusters"]), *(_format_cell(own[one], one) for one in columns)]
        for name, own in numbers["methods"].items()
    ]
    return Drawing.of_images(
        draw.draw_clusters,
        text,
        centres=np.stack(centres) if centres else None,
        members={
            "most typical": [show(summary, summary.typical) for summary in summaries],
            "least certain": [show(summary, summary.uncertain) for summary in summaries],
        }
        if study.data.has_images
        else {},
        names=[
            (
                f"cluster {number}" if summary.match is None else names[summary.match],
                f"{summary.size:,}" + (f", {summary.purity:.1%} pure" if has_classes else ""),
            )
            for number, summary in enumerate(summaries, 1)
        ],
        counts=np.stack([summary.counts for summary in summaries])[:, classes[:MOST_SHOWN]],
        class_names=[names[label] for label in classes[:MOST_SHOWN]],
        table=(headings, rows),
    )


def _describe_drawn(chapter: Clusters) -> str:
    """What the pictures of a cluster are; empty where there are none."""
    if not chapter.study.data.has_images:
        return ""
    centre = ""
    if chapter.summaries[0].centre is not None:
        centre = " A cluster's centre is its mean code, decoded."
    return (
        f"{centre} The most typical images have the codes nearest to "
        f"{'it' if centre else 'the mean'}. The mixture would most likely give the least certain "
        "ones to another cluster. A red frame marks another class than that of most of the cluster."
    )


def _format_cell(value: dict[str, float] | float, name: str) -> str:
    if isinstance(value, float):
        return f"{value:.2f}"
    if name in ("nmi", "ari"):
        return f"{value['median']:.3f}"
    return f"{value['median']:.3f} ({value['low']:.3f} to {value['high']:.3f})"


def _format_range(counts: list[int]) -> str:
    return " to ".join(map(str, sorted({min(counts), max(counts)})))


RECIPES = {"clusters.png": Recipe(draw_clusters, of=(Clusters,))}
