"""An encoder that corrects its codes by the gradient of its decoder."""

from __future__ import annotations

import keras
from keras import layers


def refine(
    encoder: keras.Model, decoder: keras.Model, *, steps: int, hidden_units: int
) -> keras.Model:
    """Appends learned corrections to an encoder.

    An encoder falls short of the best code that its decoder could be given, most of all on images
    that it has never seen (the amortization gap of Cremer, Li & Duvenaud 2018, "Inference
    suboptimality in variational autoencoders"). So each step decodes the code at hand, leads what
    is missing in the image back through the decoder, and lets a small network turn code and
    gradient into a correction (Marino, Yue & Mandt 2018, "Iterative amortized inference"). All of
    it is made of Keras' own layers. A new step corrects nothing.

    Args:
        encoder: Model of images -> codes; shared with the result, and frozen.
        decoder: A chain of layers from `build_decoder`; shared with the result, and frozen: its
            kernels are copied for the way back, so they must not change any more.
        steps: Number of corrections.
        hidden_units: Units of each network that corrects.

    Returns:
        A model of images -> codes of which only the corrections are trainable.
    """
    encoder.trainable = decoder.trainable = False
    images, codes = encoder.input, encoder.output
    chain = decoder.layers[1:]
    transposed = {
        index: _transpose_layer(layer)
        for index, layer in enumerate(chain)
        if not isinstance(layer, layers.Activation)
    }
    for step in range(steps):
        values = [codes]  # what enters each layer, and what leaves the last
        for layer in chain:
            values.append(layer(values[-1]))
        # Minus half the gradient of the squared error, led back from layer to layer.
        gradient = layers.subtract([images, values[-1]])
        for index in reversed(range(len(chain))):
            if isinstance(chain[index], layers.Activation):
                slope = _activation_slope(chain[index], *values[index : index + 2])
                gradient = layers.multiply([gradient, slope])
            else:
                gradient = transposed[index](gradient)
        x = layers.concatenate([codes, gradient])
        x = layers.Dense(hidden_units, activation="silu", name=f"evidence_{step}")(x)
        correction = layers.Dense(
            codes.shape[-1], kernel_initializer="zeros", name=f"correction_{step}"
        )(x)
        codes = layers.add([codes, correction])
    return keras.Model(images, codes, name=encoder.name)


def _transpose_layer(layer: layers.Layer) -> layers.Layer:
    """The layer that leads a gradient from the outputs of a layer to its inputs."""
    name = f"back_{layer.name}"
    entered = layer.input.shape
    kernels = []
    if isinstance(layer, layers.Dense):
        kernels = [keras.ops.transpose(layer.kernel)]
        back = layers.Dense(entered[-1], use_bias=False, name=name)
    elif isinstance(layer, layers.Conv2DTranspose):
        # Both lay their kernels out so that the same array serves both directions.
        kernels = [layer.kernel]
        back = layers.Conv2D(
            entered[-1],
            layer.kernel_size,
            layer.strides,
            padding=layer.padding,
            use_bias=False,
            name=name,
        )
    elif isinstance(layer, layers.Cropping2D):
        back = layers.ZeroPadding2D(layer.cropping, name=name)
    else:
        back = layers.Reshape(entered[1:], name=name)
    back.build(layer.output.shape)
    back.set_weights([keras.ops.convert_to_numpy(kernel) for kernel in kernels])
    back.trainable = False
    return back


def _activation_slope(
    layer: layers.Activation, before: keras.KerasTensor, after: keras.KerasTensor
) -> keras.KerasTensor:
    """The derivative of an activation, of what entered it and what left it."""
    if layer.activation is keras.activations.sigmoid:
        return layers.subtract([after, layers.multiply([after, after])])
    if layer.activation is not keras.activations.silu:
        raise ValueError(f"{layer.name}: expected silu or sigmoid. Received: {layer.activation}")
    gate = layers.Activation("sigmoid")(before)  # silu(x) = x * gate
    return layers.add([gate, layers.subtract([after, layers.multiply([gate, after])])])
