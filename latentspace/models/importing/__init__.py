"""A person's own Keras model -> the encoder and the decoder of a run."""

from latentspace.models.importing.adopting import (
    ImportedModel,
    Source,
    import_model,
    import_run,
    read_source,
)
from latentspace.models.importing.checking import check_reconstruction

__all__ = [
    "ImportedModel",
    "Source",
    "check_reconstruction",
    "import_model",
    "import_run",
    "read_source",
]
