"""Moving along single axes of latent space."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from latentspace.analysis.projection import is_degenerate
from latentspace.chapters.chapter import Chapter
from latentspace.chapters.figure import CLASS_PREFIX
from latentspace.chapters.study import Selected
from latentspace.core.errors import InputError

STEPS = 33  # of a moving picture; a still one shows every fourth
SHOWN_AXES = 8
SHOWN_STARTS, FEW_STARTS = 6, 2  # test images that are moved along a few axes, along many
MEAN = "mean code"
AXIS, UNIT = "axis:", "unit:"  # begin the names of single axes in expressions
RANGE = (0.01, 0.99)  # quantiles of the codes between which an axis is walked
DEAD_SHARE = 0.05  # of the largest deviation: a unit that moves less is dead


@dataclass(frozen=True)
class Axes:
    """Axes of latent space, those that change the decoded image most before the others."""

    names: list[str]  # one per axis
    starts: list[str]  # what is moved: `MEAN`, then test images
    images: np.ndarray  # float32 (axes, starts, steps, H, W, C): each start, moved along each axis
    changes: np.ndarray  # float64 (axes,): Euclidean, between the decoded ends of the mean's walk


@dataclass(frozen=True)
class Principal:
    """Principal axes of codes, in the order of their variance."""

    names: list[str]
    vectors: np.ndarray  # float64 (D, D), an axis in each row
    deviations: np.ndarray  # float64 (D,), standard deviations along them


class Traversals(Chapter):
    """What single axes of latent space stand for."""

    section = "traversals"
    needs = ("decoder", "images")

    @property
    def unavailable(self) -> str | None:
        why = "the codes of all training images are equal: no axis of them leads anywhere"
        return why if is_degenerate(self.study.train_codes) else None

    @cached_property
    def axes(self) -> Axes:
        """Principal axes of the training codes, or single units, walked between quantiles."""
        study, codes = self.study, self.study.train_codes.astype(np.float64)
        centre = codes.mean(axis=0)
        if study.settings.axes == "units":
            vectors, names = np.eye(codes.shape[1]), self.unit_names
        else:
            vectors, names = self.principal.vectors, self.principal.names
        along = (codes - centre) @ vectors.T
        low, high = np.quantile(along, RANGE, axis=0)
        places = low[:, None] + (high - low)[:, None] * np.linspace(0, 1, STEPS)  # (axes, steps)
        ends = study.decode((centre + places[:, [0, -1], None] * vectors[:, None]).astype("f4"))
        changes = np.linalg.norm((ends[:, 1] - ends[:, 0]).reshape(len(ends), -1), axis=1)
        order = np.argsort(-changes, kind="stable")
        if study.settings.axes != "units":
            order = order[:SHOWN_AXES]
        chosen = self._choose_starts(SHOWN_STARTS if len(order) <= SHOWN_AXES else FEW_STARTS)
        starts = np.stack([centre, *(selected.code for selected in chosen)])
        # What lies elsewhere along an axis begins at the same place of it as the mean.
        offsets = places[order, None] - ((starts - centre) @ vectors[order].T).T[..., None]
        walked = starts[None, :, None] + offsets[..., None] * vectors[order, None, None]
        shown, moved = [names[axis] for axis in order], [MEAN, *(one.name for one in chosen)]
        images = study.decode(walked.astype(np.float32))
        return Axes(shown, moved, images, changes[order].astype(float))

    @cached_property
    def principal(self) -> Principal:
        """The principal axes of the training codes, those of the largest variance first."""
        codes = self.study.train_codes.astype(np.float64)
        variances, found = np.linalg.eigh(np.atleast_2d(np.cov(codes.T)))
        variances = np.maximum(variances[::-1], 0)
        shares = variances / variances.sum()
        names = [f"axis {number}, {share:.1%}" for number, share in enumerate(shares, 1)]
        return Principal(names, found.T[::-1], np.sqrt(variances))

    @cached_property
    def unit_names(self) -> list[str]:
        dead, count = self.dead_units, self.study.run.latent_dim
        return [f"unit {n}, dead" if n in dead else f"unit {n}" for n in range(count)]

    def parse_axis(self, name: str) -> tuple[str, int] | None:
        """Kind and place of an axis such as "axis:1", None of others; `InputError` if absent."""
        kind = next((kind for kind in (AXIS, UNIT) if name.startswith(kind)), None)
        if kind is None:
            return None
        number, count = int(name.removeprefix(kind)) - (kind == AXIS), self.study.run.latent_dim
        if not 0 <= number < count:
            first = int(kind == AXIS)
            raise InputError(
                f"{self.study.run.title} has {kind}{first} to {kind}{count - 1 + first}. "
                f"Received: {name}"
            )
        return kind, number

    def find_step(self, name: str) -> np.ndarray | None:
        """A standard deviation along "axis:1" or "unit:0", float64 (D,); else as `parse_axis`."""
        if (axis := self.parse_axis(name)) is None:
            return None
        kind, number = axis
        if kind == AXIS:
            return self.principal.vectors[number] * self.principal.deviations[number]
        deviation = self.study.train_codes[:, number].std(dtype=np.float64)
        return np.eye(self.study.run.latent_dim)[number] * deviation

    @cached_property
    def deviations(self) -> np.ndarray:
        """Standard deviation of each unit on the images, float32 (D,)."""
        return self.study.codes.std(axis=0)

    @cached_property
    def dead_units(self) -> list[int]:
        """Units whose standard deviation is under 5% of the largest."""
        return np.flatnonzero(self.deviations < DEAD_SHARE * self.deviations.max()).tolist()

    @cached_property
    def metrics(self) -> dict[str, Any]:
        return {"unit_deviations": self.deviations.round(4).tolist(), "dead_units": self.dead_units}

    def _choose_starts(self, count: int) -> list[Selected]:
        """A typical test image of each of `count` classes at most; without classes test images."""
        study = self.study
        rng = np.random.default_rng(study.settings.seed)
        if study.data.has_classes:
            present = np.sort(rng.permutation(np.unique(study.data.test_labels))[:count])
            names = (study.data.class_names[label] for label in present)
            return [study.select(f"{CLASS_PREFIX}{name}") for name in names]
        indices = rng.choice(len(study.images), min(count, len(study.images)), replace=False)
        return [study.select_index(int(index)) for index in np.sort(indices)]
