"""What the page needs to run the model by itself: networks, codes, paths, directions."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any

import numpy as np

from latentspace.analysis import code_reader, directions
from latentspace.analysis.code_reader import CodeReader
from latentspace.analysis.neighbors import NEIGHBORS
from latentspace.analysis.projection import PLACING_NEIGHBORS, is_degenerate
from latentspace.chapters.attributes.changes import OWN_WEIGHT, AttributeChanges
from latentspace.chapters.attributes.sweeps import TOWARD_DATA, AttributeSweeps
from latentspace.chapters.attributes.values import AttributeValues
from latentspace.chapters.calculate.traversals import AXIS, UNIT, Traversals
from latentspace.chapters.chapter import Chapter
from latentspace.chapters.explorer.measure import Exploration
from latentspace.chapters.interpolate import paths
from latentspace.chapters.interpolate.measure import Interpolation
from latentspace.core.packing import Blob

MOST_AXES = 12
MOST_UNITS = 512  # of codes of more, what needs a matrix of units by units is left out
READ = ("centre", "whitening", "landmarks", "weights", "quality")  # of a `CodeReader`
USUAL = (0.05, 0.95)  # quantiles of the errors of images that are usual


class Live(Chapter):
    """The model, its codes and its directions, for a page that runs without this program."""

    @cached_property
    def model_unavailable(self) -> str | None:
        """Why the page can't run the model; None where it can."""
        if (reason := self.study.explain_lack("decoder")) is not None:
            return reason
        layer = str(self._networks["unavailable"])
        return f"it can't run {layer}" if layer else None

    @cached_property
    def model(self) -> tuple[dict[str, Any], bytes]:
        """Facts that JSON can hold, and the arrays that they point into."""
        study, maps = self.study, self.study.of(Exploration).maps
        blob = Blob(self._networks["data"].tobytes())
        facts: dict[str, Any] = {
            "networks": json.loads(str(self._networks["facts"])),
            "shape": list(study.run.image_shape),
            "dim": study.run.latent_dim,
            "count": len(maps.codes),
            "codes": blob.add_columns(maps.codes),
            "frames": study.settings.frames,
            "place": PLACING_NEIGHBORS,
            "usual": np.quantile(maps.errors, USUAL).tolist(),
            "ink": study.ink._asdict() if study.ink is not None else None,
            "toward": NEIGHBORS,
            "towardData": TOWARD_DATA,
            "unmoved": self.attributes_unavailable,
        }
        if study.run.latent_dim <= MOST_UNITS and not is_degenerate(study.train_codes):
            facts["terrain"] = _describe_terrain(study.of(Interpolation).terrain, blob)
        facts["knobs"] = self._describe_knobs(blob)
        if any(knob["kind"] == "attribute" for knob in facts["knobs"]):
            facts["reader"] = _describe_reader(study.of(AttributeChanges).get_reader(), blob)
        return facts, bytes(blob.data)

    @property
    def attributes_unavailable(self) -> str | None:
        """Why no attribute can be changed; None where some can."""
        study = self.study
        if study.run.latent_dim > MOST_UNITS:
            return f"codes of {study.run.latent_dim:,} units are too long to change them on a page"
        if study.of(AttributeValues).unavailable is None and study.of(AttributeChanges).names:
            return None
        return study.of(AttributeSweeps).nothing_to_sweep

    def _describe_knobs(self, blob: Blob) -> list[dict[str, Any]]:
        """What can be turned: attributes first, then principal axes, then units."""
        traversals, knobs = self.study.of(Traversals), []
        if traversals.unavailable is not None:
            return []
        if self.attributes_unavailable is None:
            knobs = self._describe_changes(blob)
            if self.study.of(AttributeSweeps).nothing_to_sweep is None:
                knobs += self._describe_sweeps(blob)
        for group, kind, first, names in (
            ("principal axes", AXIS, 1, traversals.principal.names[:MOST_AXES]),
            ("units", UNIT, 0, traversals.unit_names[:MOST_UNITS]),
        ):
            for number, about in enumerate(names, first):
                name = f"{kind}{number}"
                step = traversals.find_step(name)
                assert step is not None  # since the name is that of an axis
                common = {"kind": "axis", "group": group, "name": name, "about": about}
                knobs.append({**common, "step": blob.add(step)})
        return knobs

    def _describe_sweeps(self, blob: Blob) -> list[dict[str, Any]]:
        """Numbers: what a standard deviation within its class adds to a code."""
        sweeps = self.study.of(AttributeSweeps)
        steps = blob.add(sweeps.directions.steps)
        common = {"kind": "number", "group": "attributes", "many": len(sweeps.names)}
        return [
            {**common, "name": name, "about": name, "steps": steps, "place": place}
            for place, name in enumerate(sweeps.names)
        ]

    def _describe_changes(self, blob: Blob) -> list[dict[str, Any]]:
        """What is there or not: the lines of codes with and without it, in each of its forms."""
        changes, maps = self.study.of(AttributeChanges), self.study.of(Exploration).maps
        values, knobs = self.study.of(AttributeValues), []
        probes = np.vstack([np.zeros(self.study.run.latent_dim), np.eye(self.study.run.latent_dim)])
        for name in changes.names:
            moves, (form, reach) = changes.fit(name), changes.find_best(name)
            fit = moves.forms

            def find_line(has: int, form: int, fit: Any = fit) -> Any:
                states = np.full(len(probes), has)
                moved = directions.transport(probes, states, 1 - states, fit.gaussians[form])
                moved -= probes
                moved[1:] -= moved[0]
                return blob.add(moved)

            is_class = name == values.class_name
            known = maps.labels if is_class else maps.attributes[:, values.find(name)]
            knob = {
                "kind": "attribute",
                "group": "attributes",
                "name": name,
                "about": name,
                "on": find_line(0, form),
                "off": [find_line(1, each) for each in range(fit.count)],
                "place": moves.place,
                "column": moves.column,
                "reach": reach,
                "has": "".join("?" if np.isnan(one) else str(int(one)) for one in known),
            }
            if fit.teller is not None:
                weights = np.column_stack([fit.teller.coef_, fit.teller.intercept_])
                if len(weights) == 1:  # of two forms the score of the second
                    weights = np.vstack([np.zeros_like(weights), weights])
                told = [blob.add(row) for row in weights]
                knob |= {"forms": fit.teller.classes_.tolist(), "teller": told}
            knobs.append(knob)
        return knobs

    @cached_property
    def _networks(self) -> dict[str, np.ndarray]:
        """Both networks: facts as JSON, the arrays that they point into, and why there are none."""

        def compute() -> dict[str, Any]:
            from latentspace.models.portable import NotPortableError

            try:
                described, data = self.study.run.describe_networks()
            except NotPortableError as error:
                return {"facts": "", "data": np.empty(0, np.uint8), "unavailable": str(error)}
            facts, values = json.dumps(described), np.frombuffer(data, np.uint8)
            return {"facts": facts, "data": values, "unavailable": ""}

        return self.study.load_or_compute("networks", compute, self.study.run.model_hash)


def _describe_reader(reader: CodeReader, blob: Blob) -> dict[str, Any]:
    """What corrects changes of attributes, as reader.js reads it."""
    arrays = {
        "inverse": np.linalg.inv(reader.whitening),
        "absent": reader.standardize(0),
        "present": reader.standardize(1),
        **{name: getattr(reader, name) for name in READ},
    }
    return {
        "many": len(reader.quality),
        "width": reader.width,
        "anchor": code_reader.ANCHOR,
        "rounds": code_reader.ROUNDS,
        "longest": code_reader.LONGEST_STEP,
        "ownWeight": OWN_WEIGHT,
        **{name: blob.add(array, exact=True) for name, array in arrays.items()},
    }


def _describe_terrain(terrain: paths.Terrain, blob: Blob) -> dict[str, Any]:
    """Where data is, as paths.js reads it."""
    density = terrain.density
    exact = {name: getattr(terrain, name) for name in ("centre", "scale", "brightness", "within")}
    exact |= {name: getattr(density, name) for name in ("offset", "heights")}
    return {
        "chain": paths.CHAIN,
        "rounds": paths.ROUNDS,
        "step": paths.STEP,
        "softness": paths.SOFTNESS,
        "pulls": {
            "density": paths.DENSITY_PULL,
            "brightness": paths.BRIGHTNESS_PULL,
            "radius": paths.RADIUS_PULL,
        },
        "longest": paths.LONGEST_MOVE * np.sqrt(len(terrain.centre)) / paths.STEP,
        "likely": terrain.likely,
        "spread": terrain.spread,
        "classes": density.classes.tolist(),
        "solve": blob.add(paths.invert_springs(paths.CHAIN)),
        **{name: blob.add(array, exact=True) for name, array in exact.items()},
        "whitening": blob.add(density.whitening),
    }
