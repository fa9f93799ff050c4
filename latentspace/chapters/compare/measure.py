"""Two models beside each other: the same images through both, and which is better by what."""

from collections.abc import Mapping
from functools import cached_property, partial
from itertools import product
from typing import Any

import numpy as np

from latentspace.analysis import projection
from latentspace.chapters.attributes.changes import CODES, MEASURES, PCA, PIXELS, AttributeChanges
from latentspace.chapters.compare.paired import NEITHER, A, B, Measure, measure_pairs
from latentspace.chapters.maps.measure import Maps
from latentspace.chapters.reconstruct.measure import Reconstruction
from latentspace.chapters.study import Study
from latentspace.core.documents import read_tables
from latentspace.core.errors import InputError
from latentspace.core.provenance import hash_content
from latentspace.drawing.grids import Grid, Note

SHOWN = 10  # images in a row of examples
LATENT = "latent"  # of `maps.images.SPACES`
_TABLES = read_tables(__file__)
OF_IMAGES, OF_CLASSES, OF_MAPS = (_TABLES[of] for of in ("images", "classes", "maps"))


class Comparison:
    """What two `studies` of the same images, by letter, say of their models, A and B."""

    def __init__(self, first: Study, second: Study) -> None:
        """Takes A's and B's study of the same data and settings; an `InputError` without maps."""
        for study in (first, second):
            study.of(Maps).check()
            if (reason := study.of(Maps).unavailable) is not None:
                without = "two runs can't be compared without maps of both"
                raise InputError(f"{without}: of run {study.run.name} {reason}")
        self.studies = {A: first, B: second}
        self.data, self.settings = first.data, first.settings
        # Why not both reconstruct; None where they do.
        self.errors_unavailable = first.explain_lack("decoder") or second.explain_lack("decoder")

    @property
    def names(self) -> dict[str, str]:
        """What each model is called, by its letter."""
        return {letter: f"{letter}: {study.run.name}" for letter, study in self.studies.items()}

    @property
    def model_key(self) -> tuple[str, str]:
        """Hashes of both models, as one string, and of the images."""
        return "".join(study.run.model_hash for study in self.studies.values()), self.data.hash

    @property
    def settings_used(self) -> dict[str, Any]:
        """What stands in place of a setting, by its name: of the maps of both."""
        return self.maps[A].settings_used | self.maps[B].settings_used

    @property
    def images(self) -> str:
        """Which images were measured, in words."""
        maps = self.maps[A]
        scored = len(self._on_maps[A]["knn_preservation"])
        few = f", {scored:,} of them scored" if scored < len(maps.indices) else ""
        return (
            f"{self.data.name_tests(len(self.data.test_images))}; on the maps "
            f"{len(maps.indices):,} {maps.split_name}{few}"
        )

    @property
    def notes(self) -> list[str]:
        """What a reader must know beside the numbers, a sentence each."""
        without = "Measures of classes are left out: they need two classes, and one of two images."
        return [*self.origins, *[without] * (not self.has_classes)]

    @property
    def origins(self) -> list[str]:
        """Which model was not trained on these images, a sentence each."""
        return [
            f"{self.names[letter]} was trained elsewhere, perhaps on these images."
            if study.run.is_imported
            else f"{self.names[letter]} was, by its record, not trained on these images of "
            f"{self.data.name}."
            for letter, study in self.studies.items()
            if not study.is_trained_on_data
        ]

    @cached_property
    def has_classes(self) -> bool:
        """Whether the labels of the images on the maps say anything."""
        return bool(np.isfinite(self._on_maps[A]["silhouette"]).all())

    @property
    def errors(self) -> np.ndarray:
        """Mean squared error per pixel of every test image, float64 (2, N): A's and B's."""
        both = [study.of(Reconstruction).by_image["mse"] for study in self.studies.values()]
        return np.stack(both)

    @cached_property
    def examples(self) -> list[Grid]:
        """Images drawn by seed, and those on which the models differ most, either way.

        Under each stands its error, the larger of two faint.
        """
        errors, rng = self.errors, np.random.default_rng(self.settings.seed)
        worse = errors[0] - errors[1]  # of A than of B
        order = np.argsort(-worse, kind="stable")
        first, last = order[:SHOWN], order[::-1][:SHOWN]
        chosen = {
            "drawn by seed": np.sort(rng.choice(len(order), len(first), replace=False)),
            "where B is better by most": first[worse[first] > 0],
            "where A is better by most": last[worse[last] < 0],
        }
        every = np.concatenate(list(chosen.values()))
        back = [study.decode(study.codes[every]) for study in self.studies.values()]
        images = np.stack([self.data.test_images[every], *back])
        ends = np.cumsum([len(rows) for rows in chosen.values()])[:-1]
        parts = zip(chosen.items(), np.split(images, ends, axis=1), strict=True)
        called, found = ["original", *self.names.values()], []
        for (title, rows), part in parts:
            notes = [[[Note(self.studies[A].format_name(row))] for row in rows]]
            for own, other in (errors[:, rows], errors[::-1, rows]):
                pairs = zip(own, own > other, strict=True)
                notes.append([[Note(f"{error:.5f}", bool(worse))] for error, worse in pairs])
            found += [Grid([], called, part, title, notes=notes)] if len(rows) else []
        return found

    @cached_property
    def measures(self) -> list[Measure]:
        """All measures: those with an interval, then attributes, training errors and facts."""
        rng = np.random.default_rng(self.settings.seed)
        found = []
        for key, about in OF_IMAGES.items() if self.errors_unavailable is None else ():
            options = {"baselines": self._find_baselines(key), **about}
            pair = [study.of(Reconstruction).by_image[key] for study in self.studies.values()]
            if np.isfinite(pair).all():
                found.append(measure_pairs(f"test_{key}", pair, rng, **options))
        for key, words in {**(OF_CLASSES if self.has_classes else {}), **OF_MAPS}.items():
            on_maps = [scored[key] for scored in self._on_maps.values()]
            if not np.isfinite(on_maps).all():  # so few images that it is not defined
                continue
            options = {"is_learned": key not in OF_MAPS, "baselines": self._find_baselines(key)}
            said = words.format(knn=self.maps[A].knn)
            found.append(measure_pairs(key, on_maps, rng, words=said, **options))
        test = found[0] if self.errors_unavailable is None else None
        return [*found, *self._measure_attributes(), *self._measure_facts(test)]

    @property
    def answer(self) -> str:
        """Which model has learned more by which measures, in a line."""
        groups: dict[str, list[str]] = {}
        for measure in self.measures:
            if measure.is_learned:
                groups.setdefault(measure.better, []).append(measure.sentence)
        parts: list[str] = []
        for winner in sorted(groups, key=lambda winner: winner == NEITHER):  # that one at the end
            name = NEITHER if winner == NEITHER else f"{winner} ({self.studies[winner].run.name})"
            verb = "" if parts else " has learned more"
            parts.append(f"{name}{verb} by {', '.join(groups[winner])}")
        return "; ".join(parts)

    @property
    def maps(self) -> dict[str, Maps]:
        """The maps of both, by letter."""
        return {letter: study.of(Maps) for letter, study in self.studies.items()}

    @cached_property
    def _on_maps(self) -> dict[str, dict[str, np.ndarray]]:
        """Scores of the images on the maps by model, see `Maps.score_images`."""
        return {letter: maps.score_images(LATENT, maps.flat) for letter, maps in self.maps.items()}

    @cached_property
    def baselines(self) -> dict[str, dict[str, float]]:
        """By what has learned nothing, pixels and principal components, the means of its scores."""
        study, maps = self.studies[A], self.maps[A]
        key = (self.data.hash, self.settings.split, hash_content(maps.indices), self.settings.seed)

        def score_pixels() -> dict[str, np.ndarray]:
            return maps.score_source(maps.get_vectors("pixel"))[1]

        found = {"pixels": study.load_or_compute("baseline_pixels", score_pixels, *key)}
        fitted = (*key, hash_content(study.fit_indices))
        for count in sorted({study.run.latent_dim for study in self.studies.values()}):
            score = partial(self._score_components, count)
            found[f"PCA {count}"] = study.load_or_compute("baseline_pca", score, *fitted, count)
        return {
            name: {key: float(values.mean()) for key, values in by_image.items()}
            for name, by_image in found.items()
        }

    def _score_components(self, count: int) -> dict[str, np.ndarray]:
        """Scores by image of principal components of the images that A was fitted to."""
        study, maps = self.studies[A], self.maps[A]
        encode, _ = study.make_linear_autoencoder(count)
        reconstructed = study.of(Reconstruction).score_components(count)
        return {**maps.score_source(encode(maps.images))[1], **reconstructed}

    def _find_baselines(self, key: str) -> dict[str, float]:
        return {name: found[key] for name, found in self.baselines.items() if key in found}

    def _measure_attributes(self) -> list[Measure]:
        """How well codes carry what images have or have not, as far as both runs measure it."""
        if not self.data.train_attributes.names or self.errors_unavailable is not None:
            return []
        both, found = [study.of(AttributeChanges) for study in self.studies.values()], []
        names = [name for name in both[0].names if name in both[1].names]
        for (key, words), name in product(MEASURES.items(), names):
            values = [each.metrics[CODES][key][name] for each in both]
            if not np.isfinite(values).all():  # no reader can tell it
                continue
            others = {"pixels": both[0].metrics[PIXELS][key][name]}
            for each in both:
                others[f"PCA {each.study.run.latent_dim}"] = each.metrics[PCA][key][name]
            about, pair = (f"{name}_{key}", words.format(name)), (values[0], values[1])
            found.append(Measure(*about, pair, is_learned=False, baselines=others, decimals=3))
        return found

    def _measure_facts(self, test: Measure | None) -> list[Measure]:
        """What the records of both runs say, beside their test errors where both have some."""
        rows: list[tuple[str, str, list[Any], int]] = []
        if test is not None:
            train: list[Any] = [study.training_error for study in self.studies.values()]
            pairs = zip(test.values, train, strict=True)
            ratios = [None if error is None else value / error for value, error in pairs]
            rows.append(("train_mse", "mean squared training error", train, 5))
            rows.append(("test_over_train", "test error over training error", ratios, 3))
        runs = [study.run for study in self.studies.values()]
        sizes = [
            sum((run.path / name).stat().st_size for name in run.files)
            if run.codes is None
            else None
            for run in runs
        ]
        trained_on = [_describe_training_data(study) for study in self.studies.values()]
        rows += [
            ("latent_dim", "units per code", [run.latent_dim for run in runs], 0),
            ("parameters", "parameters", [run.facts.get("parameters") for run in runs], 0),
            ("bytes", "bytes of both model files", sizes, 0),
            ("seconds", "seconds of training", [run.facts.get("seconds") for run in runs], 1),
            ("trained_on", "trained on", trained_on, 0),
        ]
        return [
            Measure(key, words, (first, second), is_learned=False, decimals=decimals)
            for key, words, (first, second), decimals in rows
        ]


def align_maps(maps: Mapping[str, Maps]) -> dict[str, np.ndarray]:
    """Both maps of the codes, float32 (samples, 2); B's is turned and mirrored onto A's."""
    first, second = (of.project(of.flat, spaces=(LATENT,))[LATENT].points for of in maps.values())
    turn, shift = projection.align(second, first)
    return {A: first, B: second @ turn + shift}


def _describe_training_data(study: Study) -> str:
    if study.run.is_imported:
        return "not known"
    name = study.run.facts["dataset"]["name"]
    return name if study.is_trained_on_data else f"{name}, other images"
