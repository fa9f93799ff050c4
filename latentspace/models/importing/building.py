"""Building a run's encoder and decoder as planned; what converts images becomes a part of them."""

import math
from typing import Any

from latentspace.models.importing.inspecting import fit_layout
from latentspace.models.importing.planning import Plan, Section


def build(plan: Plan) -> tuple[Any, Any]:
    """An encoder of float32 (N, H, W, C) in [0, 1] -> float32 (N, D), and a decoder back.

    They are of the kind that the person's models are. Those of Keras share their layers with these,
    and are these where nothing has to be converted.
    """
    (black, white), (low, high) = plan.ranges
    parts = plan.encoder.trace
    images = parts.begin(plan.image_shape, "images")
    x = _apply(plan.encoder, _rescale(parts, images, white - black, black), "encoder")
    latent_dim = math.prod(x.shape[1:])
    codes = parts.as_float32(_arrange(parts, x, x.shape[1:], (latent_dim,)))
    encoder = parts.finish(images, codes, "encoder")

    parts = plan.decoder.trace
    source = parts.begin((latent_dim,), "codes")
    y = _apply(plan.decoder, source, "decoder")
    layout = fit_layout(y.shape[1:], plan.image_shape)
    y = _arrange(parts, y, layout, plan.image_shape, axes=(2, 3, 1))
    y = parts.as_float32(_rescale(parts, y, 1 / (high - low), -low / (high - low)))
    return encoder, parts.finish(source, y, "decoder")


def _apply(section: Section, x: Any, name: str) -> Any:
    x = _arrange(section.trace, x, x.shape[1:], section.start.shape[1:])
    return section.trace.apply(section.start, section.end, x, name)


def _arrange(parts: Any, x: Any, shape: Any, wanted: Any, axes: Any = (3, 1, 2)) -> Any:
    """Values in another shape; of an image in three axes that is no other one, other axes."""
    if shape == wanted:
        return x
    is_image = len(shape) == len(wanted) == 3
    return parts.permute(x, axes) if is_image else parts.reshape(x, wanted)


def _rescale(parts: Any, x: Any, scale: float, offset: float) -> Any:
    return x if (scale, offset) == (1, 0) else parts.rescale(x, scale, offset)
