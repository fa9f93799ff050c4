"""A person's own Keras model -> the encoder and the decoder of a run."""

from latentspace.models.importing.adopting import Adopted, Source, adopt, adopt_run, read_source
from latentspace.models.importing.checking import check

__all__ = ["Adopted", "Source", "adopt", "adopt_run", "check", "read_source"]
