"""A person's own Keras model -> the encoder and the decoder of a run."""

from latentspace.adoption.adopting import Adopted, Source, adopt, as_run, check, read_source
from latentspace.adoption.layouts import wanted_image_shape

__all__ = ["Adopted", "Source", "adopt", "as_run", "check", "read_source", "wanted_image_shape"]
