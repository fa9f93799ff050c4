"""A study of a model: what its figures share, in chapters, each piece computed once on demand."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from latentspace.chapters.base import Base, StudyOptions
from latentspace.chapters.calculate.arithmetic import Arithmetic
from latentspace.chapters.calculate.attributes import AttributeSweeps
from latentspace.chapters.calculate.traversals import Traversals
from latentspace.chapters.clusters.measure import Clusters
from latentspace.chapters.compression.measure import Compression
from latentspace.chapters.explorer.measure import Exploration
from latentspace.chapters.interpolate.measure import Interpolation
from latentspace.chapters.learn.measure import Learning
from latentspace.chapters.maps.measure import Maps
from latentspace.chapters.maps.methods import ProjectionMethods
from latentspace.chapters.maps.overlap import Overlap
from latentspace.chapters.maps.placing import Placing
from latentspace.chapters.outliers.measure import Outliers
from latentspace.chapters.reconstruct.measure import Reconstruction

__all__ = ["Study", "StudyOptions"]

CLASSIFIED = {"interpolation", "arithmetic", "attributes", "traversals"}


class Study(Base):
    """A model, images, and everything that can be said of them.

    Nothing is computed before it is asked for, and nothing twice; what takes long is also kept in
    the cache, under a hash of all that it depends on. The names of the chapters are those of the
    sections of metrics.json.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Takes what `Base` takes, and refuses what a person chose where the data does not have it.

        Raises:
            InputError: Says what is there.
        """
        super().__init__(*arguments, **options)
        for chapter in (self.maps, self.interpolation, self.arithmetic):
            chapter.check()

    @cached_property
    def reconstruction(self) -> Reconstruction:
        """Reconstructions and their errors."""
        return Reconstruction(self)

    @cached_property
    def learning(self) -> Learning:
        """How the model learned."""
        return Learning(self)

    @cached_property
    def maps(self) -> Maps:
        """Maps of pixels and of codes."""
        return Maps(self)

    @cached_property
    def methods(self) -> ProjectionMethods:
        """The same maps by other methods."""
        return ProjectionMethods(self.maps)

    @cached_property
    def overlap(self) -> Overlap:
        """The classes that run together, alone."""
        return Overlap(self, self.maps)

    @cached_property
    def placing(self) -> Placing:
        """Codes and images that are brought to finished maps."""
        return Placing(self, self.maps)

    @cached_property
    def interpolation(self) -> Interpolation:
        """Ways between images."""
        return Interpolation(self, self.maps)

    @cached_property
    def attributes(self) -> AttributeSweeps:
        """Sweeps along measured attributes."""
        return AttributeSweeps(self)

    @cached_property
    def arithmetic(self) -> Arithmetic:
        """Sums and differences of codes."""
        return Arithmetic(self, self.attributes)

    @cached_property
    def traversals(self) -> Traversals:
        """Axes of latent space and samples from it."""
        return Traversals(self)

    @cached_property
    def clusters(self) -> Clusters:
        """Clusters found without labels."""
        return Clusters(self)

    @cached_property
    def compression(self) -> Compression:
        """Codes as a way to store images."""
        return Compression(self)

    @cached_property
    def outliers(self) -> Outliers:
        """Images that stand out, and how well foreign ones are told."""
        return Outliers(self, self.reconstruction)

    @cached_property
    def exploration(self) -> Exploration:
        """What there is to know of each image on the maps."""
        return Exploration(self, self.maps, self.clusters)

    @property
    def choices(self) -> dict[str, Any]:
        """What was chosen to look at, by flag, numbers in place of defaults; JSON has them all."""
        options, maps = self.options, self.maps
        return {
            "--samples": len(maps.indices),
            "--split": options.split,
            "--perplexity": maps.settings.perplexity,
            "--exaggeration": maps.settings.exaggeration,
            "--place": list(options.place),
            "--pairs": options.pairs,
            "--from": list(options.starts),
            "--to": list(options.ends),
            "--frames": options.frames,
            "--path": options.path,
            "--axes": options.axes,
            "--expression": options.expression,
            "--num-clusters": options.num_clusters,
            "--seed": options.seed,
        }

    def collect_metrics(self, sections: set[str]) -> dict[str, Any]:
        """The numbers of the named chapters, and who judged."""
        made: dict[str, Any] = {name: getattr(self, name).metrics for name in sorted(sections)}
        if sections & CLASSIFIED and self.classifier is not None:
            made["classifier"] = self.classifier.facts
        return made

    def collect_answers(self, sections: set[str]) -> list[str]:
        """What the named chapters say in a line each, where they have an answer."""
        lines = {name: getattr(getattr(self, name), "answer", None) for name in sorted(sections)}
        return [f"{name}: {line}" for name, line in lines.items() if line is not None]
