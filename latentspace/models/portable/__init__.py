"""Keras networks as plain steps and arrays, which run without Keras."""

from latentspace.models.portable.lowering import describe_network
from latentspace.models.portable.steps import Network, NotPortableError, pack

__all__ = ["Network", "NotPortableError", "describe_network", "pack"]
