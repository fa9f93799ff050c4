"""Images that stand out, labels that may be wrong, detection of out-of-distribution images."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from latentspace.analysis import neighborhoods
from latentspace.chapters.chapter import HIGHER, LOWER, Chapter, Row, list_rows, value_in
from latentspace.chapters.maps.measure import to_numbers
from latentspace.chapters.outliers import detection
from latentspace.chapters.outliers.image_scores import LEAST_VOTERS, LETTERS, SCORES, ImageScores
from latentspace.chapters.study import Study

LISTED = 10
HEADING = ("split", "index", "file", "label", "suggested", "support")
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
    needs = ("images", "train_codes")

    def __init__(self, study: Study) -> None:
        super().__init__(study)
        self.scores = ImageScores(study)

    @property
    def unavailable(self) -> str | None:
        several = len(self.study.images) > 1
        return None if several else "a single test image has no others to stand out from"

    @property
    def labels_unavailable(self) -> str | None:
        """Why neighbours can't say anything of labels; None where they can."""
        if (reason := self.study.explain_lack("train_codes")) is not None:
            return reason
        if self.study.classes_unavailable is not None:
            return "without two classes or more no label can be wrong"
        if self.scores.voters < LEAST_VOTERS:
            return f"half of its classes have fewer than {2 * LEAST_VOTERS} training images"
        return None

    @cached_property
    def listings(self) -> dict[str, Listing]:
        """What stands out, by name; without classes, what neighbours vote is left out."""
        judges = "error" in self.scores.own
        worst, far = "Largest reconstruction error", "Farthest from the training images in codes"
        found = {
            **({"largest_error": self._list_largest("error", worst, "error", 4)} if judges else {}),
            "farthest_code": self._list_largest("codes", far, "distance", 2),
        }
        if self.labels_unavailable is None:
            found["most_ambiguous"] = self._list_ambiguous()
            found["likely_mislabelled"] = self._list_mislabelled()
        return found

    @cached_property
    def planted(self) -> dict[str, dict[str, Any]]:
        """How well neighbours find planted labels: `ON_PLANTED` by space, and the difference."""
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
                means["right"] = mean(right, rng=np.random.default_rng(self.study.settings.seed))
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
        images, numbers = self.scores, self.study.data.test_numbers
        errors = images.own.get("error")
        left_out = {LETTERS: images.letters_unavailable, "labels": self.labels_unavailable}
        found: dict[str, Any] = {
            "images": len(images.rows),
            "references": len(self.study.reference_rows),
            "neighbors": images.neighbors,
            **({"median_error": float(np.median(errors))} if errors is not None else {}),
            **({"mean_error": float(errors.mean())} if errors is not None else {}),
            "median_distance": float(np.median(images.own["codes"])),
            **{
                name: [
                    {"index": int(index), "reason": ", ".join(lines)}
                    for index, lines in zip(numbers[listing.indices], listing.reasons, strict=True)
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
                "agreement": images.agreement,
                "mislabelled": len(self._flagged),
                "planted_share": PLANTED,
                "planted": self.planted,
                "suspect_labels": len(self.csv_lines) - 1,
            }
        return found

    @property
    def rows(self) -> list[Row]:
        found, rows = self.metrics, []
        for kind, numbers in found["auroc"].items():
            words = f"Detection of {kind} among test images (AUROC of the distance in codes)"
            rivals = {who: value_in(numbers, name) for who, name in RIVALS.items()}
            rows.append(Row(words, value_in(numbers, "codes"), rivals, better=HIGHER))
        if (planted := found.get("planted")) is not None:
            rows += list_rows(ON_PLANTED, planted, "codes", {"neighbours in pixels": "pixels"})
        return rows

    @cached_property
    def csv_lines(self) -> list[tuple[Any, ...]]:
        """`find_suspects` of the training images that vote and the test images looked at."""
        if self.labels_unavailable is not None:
            return []
        data, count, lines = self.study.data, self.scores.voters, list[tuple[Any, ...]]([HEADING])
        tests = data.test_numbers[self.scores.rows]
        rows = {"train": self.study.reference_rows, "test": tests}
        for split, index, suggested, votes in self.find_suspects(rows):
            about = (split, index, *data.whole.describe(split, index))
            lines.append((*about, data.class_names[suggested], f"{votes / count:.2f}"))
        return lines

    def find_suspects(self, rows: Mapping[str, np.ndarray]) -> list[tuple[str, int, int, int]]:
        """Labels that look wrong by their nearest training images, those of the most support first.

        Images are given by "train" and "test", int (N,), of the whole set, where they have labels.
        Returns the split and index of each, the class that its voters have, and how many have it.
        """
        data, found = self.study.data.whole, list[tuple[int, float, tuple[str, int, int, int]]]()
        for split, indices in rows.items():
            near = self.scores.find_neighbors(split, indices)
            distances, voters = (each[:, : self.scores.voters] for each in near)
            labels, away = self.scores.reference_labels[voters], distances.mean(axis=1)
            votes = neighborhoods.count_votes(labels, len(data.class_names))
            own = getattr(data, f"{split}_labels")[indices]
            for at in np.flatnonzero(detection.flag_labels(votes, own, self.scores.agreement)):
                suggested, support = int(votes[at].argmax()), int(votes[at].max())
                found.append((-support, away[at], (split, int(indices[at]), suggested, support)))
        return [suspect for *_, suspect in sorted(found, key=lambda one: one[:2])]

    @property
    def answer(self) -> str | None:
        found, parts = self.scores.auroc, []
        if found:
            hardest = min(found, key=lambda kind: found[kind]["error"].value)
            kind = LETTERS if LETTERS in found else hardest
            error, codes, pca_error, pixels = (f"{found[kind][name].value:.3f}" for name in SCORES)
            parts.append(
                f"out-of-distribution images ({kind}) are detected among test images with AUROC "
                f"{error} by the reconstruction error (PCA's {pca_error}), {codes} by the distance "
                f"in codes (in pixels {pixels})"
            )
        if self.labels_unavailable is None:
            wrong = f"{len(self._flagged):,} of {len(self.scores.rows):,} labels look wrong"
            first = self.study.data.test_numbers[self.listings["likely_mislabelled"].indices[:1]]
            parts.append(wrong + "".join(f", that of #{index} most" for index in first))
        return "; ".join(parts) or None

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
        named = zip(map(self.study.format_name, indices), whys, strict=True)
        return Listing(heading, indices, [[name, *why] for name, why in named])

    def _list_largest(self, score: str, heading: str, word: str, digits: int) -> Listing:
        values = self.scores.own[score]
        order, median = np.argsort(-values, kind="stable")[:LISTED], np.median(values)
        whys = [[f"{word} {value:.{digits}f}"] for value in values[order]]
        for why, value in zip(whys, values[order], strict=True):
            why += [f"{value / median:.1f}x the median"] if median > 0 else []
        return self._make_listing(f"{heading}; median {median:.{digits}f}", order, whys)

    def _list_ambiguous(self) -> Listing:
        votes = self.scores.count_votes("codes")
        order = detection.sort_by_ambiguity(votes, self.scores.own["codes"])[:LISTED]
        names = self.study.data.class_names
        whys = [
            [f"{names[label]}: {of[label]} votes" for label in np.argsort(-of, kind="stable")[:2]]
            for of in votes[order]
        ]
        return self._make_listing("Most ambiguous", order, whys)

    def _list_mislabelled(self) -> Listing:
        names, votes = self.study.data.class_names, self.scores.count_votes("codes")
        classes, flagged, whys = votes.argmax(axis=1), self._flagged, []
        own, other = (
            self.scores.measure_distances(labels[flagged], flagged)
            for labels in (self._labels, classes)
        )
        # Unanimous neighbours mean little where their class is dense, unless the own one is far.
        times = own / np.maximum(other, np.finfo(np.float32).eps)
        order = np.argsort(-times, kind="stable")[:LISTED]
        for place, farther in zip(flagged[order], times[order], strict=True):
            said = f"{votes[place].max()} of {self.scores.voters} say {names[classes[place]]}"
            is_known = np.isfinite(farther)
            far = f"its class {farther:.2f}x as far" if is_known else "its class was never seen"
            whys.append([said, far])
        heading = f"Likely mislabelled: {len(flagged):,} of {len(self.scores.rows):,}"
        return self._make_listing(heading, flagged[order], whys)
