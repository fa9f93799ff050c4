"""Labels that look wrong, of training and test images, each with the class that others say."""

from typing import Any

import numpy as np

from latentspace.analysis.neighborhoods import count_votes
from latentspace.analysis.neighbors import find_nearest_others
from latentspace.chapters.outliers import detection
from latentspace.chapters.outliers.image_scores import ImageScores

HEADING = ("split", "index", "file", "label", "suggested", "support")


def list_suspects(scores: ImageScores) -> list[tuple[Any, ...]]:
    """Flagged labels under `HEADING`, the most support first, then those in the densest places.

    The nearest training images vote, of which an image itself is none. Looked at are the training
    images of `Study.reference_rows` and the test images of `ImageScores.rows`.
    """
    study, data, count = scores.study, scores.study.data, scores.voters

    def compute() -> dict[str, np.ndarray]:
        codes = study.train_codes[study.reference_rows]
        distances, found = find_nearest_others(codes, np.arange(len(codes)), count)
        return {"voters": found, "distances": distances.mean(axis=1)}

    train, test = study.load_or_compute("voters", compute, *study.model_key, count), scores.own
    rows = {"train": study.reference_rows, "test": scores.rows}
    places = [(split, int(index)) for split, indices in rows.items() for index in indices]
    labels = np.concatenate([data.train_labels[rows["train"]], data.test_labels[rows["test"]]])
    voters = np.concatenate([train["voters"], test["codes_neighbors"][:, :count]])
    votes = count_votes(labels[voters], len(data.class_names))
    flagged = np.flatnonzero(detection.flag_labels(votes, labels, scores.agreement))
    support, away = votes.max(axis=1), np.concatenate([train["distances"], test["codes"]])
    lines: list[tuple[Any, ...]] = [HEADING]
    for at in flagged[np.lexsort((away[flagged], -support[flagged]))]:
        suggested, share = data.class_names[votes[at].argmax()], f"{support[at] / count:.2f}"
        lines.append((*places[at], *data.describe(*places[at]), suggested, share))
    return lines
