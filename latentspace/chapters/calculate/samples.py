"""New images, drawn from a density of the codes."""

from functools import cached_property
from typing import Any

import numpy as np

from latentspace.analysis import scores
from latentspace.analysis.density import Density, fit_gaussian
from latentspace.analysis.projection import is_degenerate
from latentspace.chapters.chapter import Chapter, Row, list_rows
from latentspace.core.documents import read_tables

SHOWN, SCORED = 10, 2_000
TEMPERATURE = 0.95  # more precision for less recall, and still no nearer than real images
SHOWN_CLASSES, SCORED_OF_CLASS = 10, 500
GAUSSIAN, DENSITY, REAL = "gaussian", "density", "real_images"
ONE_GAUSSIAN, EVERYTHING = "one Gaussian", "mixture"
NOT_CLASSES = (ONE_GAUSSIAN, EVERYTHING, REAL)
ROWS = read_tables(__file__)["rows"]


class Samples(Chapter):
    """Images decoded from codes that are drawn from a density, and how real they are."""

    section = "samples"
    needs = ("decoder", "images")
    uses_classifier = True

    @property
    def unavailable(self) -> str | None:
        why = "the codes of all training images are equal: nothing else can be drawn from them"
        return why if is_degenerate(self.study.train_codes) else None

    @cached_property
    def shown(self) -> dict[str, np.ndarray]:
        """New images of a Gaussian, the mixture and its classes, float32 (SHOWN, H, W, C)."""
        rng = np.random.default_rng(self.study.settings.seed)
        codes = {
            ONE_GAUSSIAN: _draw(fit_gaussian(self.study.train_codes), SHOWN, rng),
            EVERYTHING: _draw(self.study.density, SHOWN, rng),
        }
        for label, name in self.classes.items():
            codes[name] = _draw(self.study.density, SHOWN, rng, label)
        images = self.study.decode(np.stack(list(codes.values())))
        return dict(zip(codes, images, strict=True))

    @property
    def classes(self) -> dict[int, str]:
        """What the classes that are shown are called, by label; none where there is one only."""
        data = self.study.data
        if self.study.classes_unavailable is not None:
            return {}
        labels = np.unique(data.train_labels)[:SHOWN_CLASSES]
        names = ((int(label), data.class_names[label]) for label in labels)
        return {
            label: f"{name} (a class)" if name in NOT_CLASSES else name for label, name in names
        }

    @cached_property
    def metrics(self) -> dict[str, Any]:
        study = self.study
        if self.unavailable is not None:
            return {}

        def compute() -> dict[str, dict[str, Any]]:
            rng = np.random.default_rng(study.settings.seed)
            count = min(SCORED, len(study.codes))
            real = study.codes[np.sort(rng.choice(len(study.codes), count, replace=False))]
            rows = np.sort(rng.permutation(len(study.train_codes))[:count])
            drawn = {
                GAUSSIAN: _draw(fit_gaussian(study.train_codes), count, rng),
                DENSITY: _draw(study.density, count, rng),
                REAL: study.train_codes[rows],
            }
            unseen = study.decode(real)
            with study.make_bar("scoring new images", len(drawn) + 1) as bar:
                numbers: dict[str, dict[str, Any]] = {}
                for name, codes in drawn.items():
                    images = study.decode(codes)
                    # Of training images the nearest would be they themselves.
                    new = unseen if name == REAL else images
                    found = {"nearest_distance": study.search.find(new)[0].mean()}
                    if study.classifier is not None:
                        believed = study.classifier.predict_probabilities(new)
                        found["confidence"] = believed.max(axis=1).mean()
                    found |= _score_coverage("codes", real, codes)
                    numbers[name] = found | _score_coverage("pixels", unseen, images)
                    bar.update()
                if study.classifier is not None:
                    numbers["class_confidence"] = self._score_classes(study.density, rng)
                bar.update()
            return numbers

        key = (*study.model_key, study.settings.seed, study.classifier_key)
        numbers = study.load_or_compute_numbers("samples", compute, *key)
        return {"components": len(study.density.weights), **numbers}

    @property
    def rows(self) -> list[Row]:
        table = ROWS if self.unavailable is None else {}
        groups = {ONE_GAUSSIAN: GAUSSIAN}, {"real images": REAL}
        return list_rows(table, self.metrics, DENSITY, *groups)

    def _score_classes(self, density: Density, rng: np.random.Generator) -> dict[str, Any]:
        """Mean confidence in the class that was asked for, of new images and of real ones."""
        study, judge = self.study, self.study.classifier
        assert judge is not None
        found = {}
        for label, name in self.classes.items():
            images = study.decode(_draw(density, SCORED_OF_CLASS, rng, label))
            found[name] = judge.predict_probabilities(images)[:, label].mean()
        labels = study.data.test_labels
        rows = np.flatnonzero(np.isin(labels, list(self.classes)))[:SCORED]
        if not len(rows):
            return found
        believed = judge.predict_probabilities(study.decode(study.codes[rows]))
        return {**found, REAL: believed[np.arange(len(rows)), labels[rows]].mean()}


def _draw(
    density: Density, count: int, rng: np.random.Generator, label: int | None = None
) -> np.ndarray:
    return density.sample(count, rng, label, temperature=TEMPERATURE)


def _score_coverage(space: str, real: np.ndarray, drawn: np.ndarray) -> dict[str, float]:
    flat = (batch.reshape(len(batch), -1) for batch in (real, drawn))
    precision, recall = scores.precision_and_recall(*flat)
    return {f"precision_{space}": precision, f"recall_{space}": recall}
