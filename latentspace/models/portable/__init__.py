"""Networks as plain steps and arrays, which run without Keras and onnxruntime."""

from typing import Any

from latentspace.models.onnx_files.network import OnnxNetwork
from latentspace.models.portable.steps import Network, NotPortableError, pack

__all__ = ["Network", "NotPortableError", "describe_network", "pack"]


def describe_network(model: Any) -> Network:
    """As `lowering.describe_layers`, or `operators.describe_graph` where the network is of ONNX."""
    if isinstance(model, OnnxNetwork):
        from latentspace.models.portable.operators import describe_graph

        return describe_graph(model)
    from latentspace.models.portable.lowering import describe_layers

    return describe_layers(model)
