"""A person's own Keras model -> a run: inspect it, plan how to cut it, build its two networks."""

from latentspace.models.importing.building import build
from latentspace.models.importing.checking import check
from latentspace.models.importing.inspecting import inspect
from latentspace.models.importing.planning import Options, plan
from latentspace.models.importing.run import import_model, load_interface

__all__ = ["Options", "build", "check", "import_model", "inspect", "load_interface", "plan"]
