"""Building a run's encoder and decoder as planned.

In a run the encoder takes float32 images (N, H, W, C) in [0, 1] and gives float32 codes (N, D), and
the decoder goes back. Where a model is of another form, the conversion becomes a part of it, made
of Keras' own layers.
"""

import math
from typing import Any

import keras

from latentspace.models.importing.inspecting import fit_layout, read_input_shape
from latentspace.models.importing.planning import Plan, Section
from latentspace.models.importing.tracing import is_graph


def build(plan: Plan) -> tuple[keras.Model, keras.Model]:
    """Makes an encoder and a decoder in the form of a run, as `plan` decided.

    Returns models of float32 (N, H, W, C) in [0, 1] -> float32 (N, D), and back. They share their
    layers with the person's models, and are those where nothing has to be converted. Whether they
    reconstruct images is for `checking` to find.
    """
    (black, white), (low, high) = plan.ranges
    images = keras.Input(plan.image_shape, name="images")
    encoder, x = _apply(plan.encoder, _rescale(images, white - black, black), "encoder")
    latent_dim = math.prod(x.shape[1:])
    codes = _as_float32(_arrange(x, x.shape[1:], (latent_dim,)))

    source = keras.Input((latent_dim,), name="codes")
    decoder, y = _apply(plan.decoder, source, "decoder")
    y = _arrange(y, fit_layout(y.shape[1:], plan.image_shape), plan.image_shape, axes=(2, 3, 1))
    y = _as_float32(_rescale(y, 1 / (high - low), -low / (high - low)))
    return (
        _unwrap(keras.Model(images, codes, name="encoder"), encoder),
        _unwrap(keras.Model(source, y, name="decoder"), decoder),
    )


def _apply(section: Section, x: Any, name: str) -> tuple[keras.Model, Any]:
    model = section.trace.extract(section.start, section.end, name=name)
    (output,) = keras.tree.flatten(model(_arrange(x, x.shape[1:], section.start.shape[1:])))
    return model, output


def _arrange(x: Any, shape: Any, wanted: Any, axes: tuple[int, ...] = (3, 1, 2)) -> Any:
    """Values in another shape; of an image in three axes that is no other one, other axes."""
    if shape == wanted:
        return x
    is_image = len(shape) == len(wanted) == 3
    return (keras.layers.Permute(axes) if is_image else keras.layers.Reshape(wanted))(x)


def _rescale(x: Any, scale: float, offset: float) -> Any:
    same = (scale, offset) == (1, 0)
    return x if same else keras.layers.Rescaling(scale, offset=offset)(x)


def _as_float32(x: Any) -> Any:
    """What a model with mixed precision gives, in the type that NumPy computes with."""
    return x if x.dtype == "float32" else keras.layers.Activation("linear", dtype="float32")(x)


def _unwrap(wrapper: keras.Model, model: keras.Model) -> keras.Model:
    needed = (
        len(wrapper.layers) > 2  # more than an input and the model
        or not is_graph(model)
        or not isinstance(model.output, keras.KerasTensor)  # but a list or dict of one
        or read_input_shape(model) != read_input_shape(wrapper)
    )
    return wrapper if needed else model
