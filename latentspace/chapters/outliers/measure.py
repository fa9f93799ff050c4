"""Images that stand out, labels that may be wrong, detection of out-of-distribution images."""

from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from latentspace.analysis import neighborhoods
from latentspace.chapters.chapter import HIGHER, LOWER, Chapter, Row, list_rows, value_in
from latentspace.chapters.maps.measure import to_numbers
from latentspace.chapters.outliers import detection
from latentspace.chapters.outliers.image_scores import LEAST_VOTERS, LETTERS, SCORES, ImageScores
from latentspace.chapters.outliers.suspects import list_suspects
from latentspace.chapters.study import Study

LISTED = 10
PLANTED = 0.01  # share of wrong labels for which it is said how many of the flagged are wrong
SPACES = ("codes", "pixels")
RIVALS = {"model's error": "error", "PCA's error": "pca_error", "distance in pixels": "pixels"}
ON_PLANTED = {
    "found": ("Planted wrong labels that are flagged", HIGHER, 3),
    "right": ("Suggested classes that are right, of these", HIGHER, 3),
    "false_alarms": ("Own labels that are flagged", LOWER, 4),
    "precision": ("Wrong ones among the flagged, one label in a hundred wrong", HIGHER, 3),
}


@dataclass(frozen=True)
class Listing:
    """Images that stand out in one way, the most outstanding first."""

    heading: str  # in which way
    indices: np.ndarray  # of the test images, int64 (K,)
    reasons: list[list[str]]  # for each what it is called, and why it is listed, in short lines


class Outliers(Chapter):
    """Test images that are unlike the others or their label; training images vote on that."""

    section = "outliers"

    def __init__(self, study: Study) -> None:
        super().__init__(study)
        self.scores = ImageScores(study)

    @property
    def unavailable(self) -> str | None:
        if len(self.study.images) < 2:
            return "a single test image has no others to stand out from"
        return None

    @property
    def labels_unavailable(self) -> str | None:
        """Why neighbours can't say anything of labels; None where they can."""
        if not self.study.data.has_classes or len(np.unique(self.study.data.train_labels)) < 2:
            return "without two classes or more no label can be wrong"
        if self.scores.voters < LEAST_VOTERS:
            return f"half of its classes have fewer than {2 * LEAST_VOTERS} training images"
        return None

    @cached_property
    def listings(self) -> dict[str, Listing]:
        """What stands out, by name; without classes, what neighbours vote is left out."""
        largest = "Largest reconstruction error"
        farthest = "Farthest from the training images in codes"
        found = {
            "largest_error": self._list_largest("error", largest, "error", 4),
            "farthest_code": self._list_largest("codes", farthest, "distance", 2),
        }
        if self.labels_unavailable is None:
            found["most_ambiguous"] = self._list_ambiguous()
            found["likely_mislabelled"] = self._list_mislabelled()
        return found

    @cached_property
    def planted(self) -> dict[str, dict[str, Any]]:
        """How well neighbours, which keep their labels, find a wrong one of each image.

        In codes and in pixels: "found" and "false_alarms", the shares of wrong and of own labels
        that are flagged; "right", the share of the found ones for which most votes say the own
        class; "precision" if one label in a hundred is wrong; "auroc" of the votes against a label.
        "difference": what codes have more than pixels, image by image.
        """
        rng = np.random.default_rng(self.study.settings.seed)
        wrong = detection.draw_wrong_labels(self._labels, len(self.study.data.class_names), rng)
        given = {"found": wrong, "false_alarms": self._labels}
        mean = partial(neighborhoods.mean_estimate, rng=rng)
        by_image, found = {}, {}
        for space in SPACES:
            votes = self.scores.count_votes(space)
            by_image[space] = {
                name: detection.flag_labels(votes, labels, self.scores.agreement).astype(float)
                for name, labels in given.items()
            }
            means = {name: mean(values) for name, values in by_image[space].items()}
            right = (votes.argmax(axis=1) == self._labels)[by_image[space]["found"] > 0]
            if len(right):
                own_rng = np.random.default_rng(self.study.settings.seed)
                means["right"] = neighborhoods.mean_estimate(right, own_rng)
            for_wrong, for_own = (votes[np.arange(len(votes)), labels] for labels in given.values())
            found_share, alarms = (means[name].value for name in given)
            found[space] = {
                **to_numbers(means),
                "precision": detection.precision(found_share, alarms, PLANTED),
                "auroc": detection.auroc(-for_own, -for_wrong).value,
            }
        codes, pixels = by_image.values()
        more = {name: mean(codes[name] - pixels[name]) for name in given}
        return {**found, "difference": to_numbers(more)}

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """What is listed and why, AUROC by kind of images and score, planted labels, counts."""
        images = self.scores
        left_out = {LETTERS: images.letters_unavailable, "labels": self.labels_unavailable}
        found: dict[str, Any] = {
            "images": len(images.rows),
            "references": len(self.study.reference_rows),
            "neighbors": images.neighbors,
            "median_error": float(np.median(images.own["error"])),
            "mean_error": float(images.own["error"].mean()),
            "median_distance": float(np.median(images.own["codes"])),
            **{
                name: [
                    {"index": int(index), "reason": ", ".join(lines)}
                    for index, lines in zip(listing.indices, listing.reasons, strict=True)
                ]
                for name, listing in self.listings.items()
            },
            "ood_images": {kind: len(of["error"]) for kind, of in images.ood.items()},
            "auroc": {kind: to_numbers(by_score) for kind, by_score in images.auroc.items()},
            "left_out": {name: why for name, why in left_out.items() if why is not None},
        }
        if self.labels_unavailable is None:
            found |= {
                "voters": images.voters,
                "agreement": self.scores.agreement,
                "mislabelled": self.mislabelled,
                "planted_share": PLANTED,
                "planted": self.planted,
                "suspect_labels": len(self.csv_lines) - 1,
            }
        return found

    @property
    def rows(self) -> list[Row]:
        """AUROC of each kind of out-of-distribution images, and what planted labels showed."""
        found = self.metrics
        rows = [
            Row(
                f"Detection of {kind} among test images (AUROC of the distance in codes)",
                value_in(numbers, "codes"),
                {words: value_in(numbers, name) for words, name in RIVALS.items()},
                better=HIGHER,
            )
            for kind, numbers in found["auroc"].items()
        ]
        if (planted := found.get("planted")) is not None:
            rows += list_rows(ON_PLANTED, planted, "codes", {"neighbours in pixels": "pixels"})
        return rows

    @cached_property
    def csv_lines(self) -> list[tuple[Any, ...]]:
        """Labels of training and test images that look wrong."""
        return list_suspects(self.scores) if self.labels_unavailable is None else []

    @property
    def answer(self) -> str:
        """How well out-of-distribution images are detected, and how many labels look wrong."""
        found = self.scores.auroc
        hardest = min(found, key=lambda kind: found[kind]["error"].value)
        kind = LETTERS if LETTERS in found else hardest
        error, codes, pca_error, pixels = (f"{found[kind][name].value:.3f}" for name in SCORES)
        line = (
            f"out-of-distribution images ({kind}) are detected among test images with AUROC "
            f"{error} by the reconstruction error (PCA's {pca_error}), {codes} by the distance in "
            f"codes (in pixels {pixels})"
        )
        if self.labels_unavailable is not None:
            return line
        line += f"; {self.mislabelled:,} of {len(self.scores.rows):,} labels look wrong"
        first = self.listings["likely_mislabelled"].indices[:1]
        return line + "".join(f", that of #{index} most" for index in first)

    @property
    def mislabelled(self) -> int:
        """How many of the images looked at are flagged by their neighbours in codes."""
        return len(self._flagged)

    @cached_property
    def _flagged(self) -> np.ndarray:
        votes = self.scores.count_votes("codes")
        return np.flatnonzero(detection.flag_labels(votes, self._labels, self.scores.agreement))

    @property
    def _labels(self) -> np.ndarray:
        return self.study.data.test_labels[self.scores.rows]

    def _make_listing(self, heading: str, order: np.ndarray, whys: list[list[str]]) -> Listing:
        """A listing of images at places of `ImageScores.rows`, named."""
        indices = self.scores.rows[order]
        names = [self.study.format_name(index) for index in indices]
        reasons = [[name, *why] for name, why in zip(names, whys, strict=True)]
        return Listing(heading, indices, reasons)

    def _list_largest(self, score: str, heading: str, word: str, digits: int) -> Listing:
        values = self.scores.own[score]
        order = np.argsort(-values, kind="stable")[:LISTED]
        median = np.median(values)
        whys = [[f"{word} {value:.{digits}f}"] for value in values[order]]
        if median > 0:
            for why, value in zip(whys, values[order], strict=True):
                why.append(f"{value / median:.1f}x the median")
        return self._make_listing(f"{heading}; median {median:.{digits}f}", order, whys)

    def _list_ambiguous(self) -> Listing:
        votes = self.scores.count_votes("codes")
        order = detection.sort_by_ambiguity(votes, self.scores.own["codes"])[:LISTED]
        names = self.study.data.class_names
        leading = [np.argsort(-of, kind="stable")[:2] for of in votes[order]]
        whys = [
            [f"{names[label]}: {votes[place, label]} votes" for label in labels]
            for place, labels in zip(order, leading, strict=True)
        ]
        return self._make_listing("Most ambiguous", order, whys)

    def _list_mislabelled(self) -> Listing:
        names, votes = self.study.data.class_names, self.scores.count_votes("codes")
        classes, strengths = votes.argmax(axis=1), votes.max(axis=1)
        own, other = (
            self.scores.measure_distances(labels[self._flagged], self._flagged)
            for labels in (self._labels, classes)
        )
        # Unanimous neighbours mean little where their class is dense, unless the own one is far.
        times = own / np.maximum(other, np.finfo(np.float32).eps)
        order = np.argsort(-times, kind="stable")[:LISTED]
        places = self._flagged[order]
        whys = [
            [
                f"{strengths[place]} of {self.scores.voters} say {names[classes[place]]}",
                f"its class {farther:.2f}x as far"
                if np.isfinite(farther)
                else "its class was never seen",
            ]
            for place, farther in zip(places, times[order], strict=True)
        ]
        heading = f"Likely mislabelled: {self.mislabelled:,} of {len(self.scores.rows):,}"
        return self._make_listing(heading, places, whys)
