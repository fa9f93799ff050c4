"""Labels that look wrong, of training and test images, each with the class that others say."""

from functools import cached_property
from typing import Any

import numpy as np

from latentspace.analysis.neighborhoods import count_votes
from latentspace.analysis.neighbors import find_nearest_others
from latentspace.chapters.outliers import detection
from latentspace.chapters.outliers.image_scores import ImageScores

HEADING = ("split", "index", "file", "label", "suggested", "support")


class Suspects:
    """What the nearest training images say against labels; an image has no part in its own vote.

    It looks at the training images of `Study.reference_rows`, then at the test images of
    `ImageScores.rows`.
    """

    def __init__(self, scores: ImageScores) -> None:
        self.study, self.scores = scores.study, scores

    @cached_property
    def table(self) -> list[tuple[Any, ...]]:
        """Flagged labels, those with the most support first, then those in the densest places."""
        data, rows = self.study.data, (self.study.reference_rows, self.scores.rows)
        places = [(s, int(i)) for s, of in zip(("train", "test"), rows, strict=True) for i in of]
        labels = np.concatenate([data.train_labels[rows[0]], data.test_labels[rows[1]]])
        voters, distances = self._voters
        votes = count_votes(labels[voters], len(data.class_names))
        flagged = detection.flag_labels(votes, labels, self.scores.agreement)
        suggested, support = votes.argmax(axis=1), votes.max(axis=1)
        order = np.lexsort((distances, -support))
        return [HEADING] + [
            (
                *(*places[at], *data.describe(*places[at]), data.class_names[suggested[at]]),
                f"{support[at] / self.scores.voters:.2f}",
            )
            for at in order[flagged[order]]
        ]

    @cached_property
    def _voters(self) -> tuple[np.ndarray, np.ndarray]:
        """Those of each image as places among the training images, and their mean distance."""
        study, count, test = self.study, self.scores.voters, self.scores.own

        def compute() -> dict[str, np.ndarray]:
            codes = study.train_codes[study.reference_rows]
            distances, found = find_nearest_others(codes, np.arange(len(codes)), count)
            return {"voters": found, "distances": distances.mean(axis=1)}

        train = study.load_or_compute("voters", compute, *study.model_key, count)
        voters = np.concatenate([train["voters"], test["codes_neighbors"][:, :count]])
        return voters, np.concatenate([train["distances"], test["codes"]])
