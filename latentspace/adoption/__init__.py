"""A person's own Keras model -> the encoder and the decoder of a run."""

from latentspace.adoption.adopting import Adopted, Source, adopt, adopt_run, read_source
from latentspace.adoption.checking import check

__all__ = ["Adopted", "Source", "adopt", "adopt_run", "check", "read_source"]
