"""An encoder that corrects its codes by the gradient of its decoder."""

import keras
from keras import layers


def refine(
    encoder: keras.Model, decoder: keras.Model, *, steps: int, hidden_units: int
) -> keras.Model:
    """Appends learned corrections, so many steps, to an encoder, a model of images -> codes.

    An encoder falls short of the best code that its decoder could be given (the amortization gap of
    Cremer, Li & Duvenaud 2018, "Inference suboptimality in variational autoencoders"). So each step
    decodes the code at hand, leads what is missing in the image back through the decoder, and lets
    a small network turn code and gradient into a correction, of nothing to begin with (Marino, Yue
    & Mandt 2018, "Iterative amortized inference").

    Both models are shared with the result, and frozen: the decoder, of `build_decoder`, must not
    change any more, since its kernels are copied for the way back. Only corrections are trainable.
    """
    encoder.trainable = decoder.trainable = False
    images, codes = encoder.input, encoder.output
    *graph, clip = decoder.layers[1:]  # from the code to the image: a layer after what it reads
    transposed = {layer.name: _transpose_layer(layer) for layer in graph if layer.weights}
    for step in range(steps):
        values = {id(decoder.input): codes}
        for layer in graph:
            entered = [values[id(tensor)] for tensor in keras.tree.flatten(layer.input)]
            values[id(layer.output)] = layer(entered if len(entered) > 1 else entered[0])
        # Minus half the gradient of the squared error, led back from layer to layer. The clip at
        # the end lets it through: else pixels beyond it could never come back.
        drawn = id(graph[-1].output)
        gradients = {drawn: layers.subtract([images, clip(values[drawn])])}
        for layer in reversed(graph):
            gradient = gradients.pop(id(layer.output))
            if isinstance(layer, layers.Activation):
                slope = _activation_slope(layer, values[id(layer.input)], values[id(layer.output)])
                gradient = layers.multiply([gradient, slope])
            elif layer.weights:
                gradient = transposed[layer.name](gradient)
            elif not isinstance(layer, layers.Add):
                gradient = _transpose_shape(layer, f"back_{layer.name}_{step}")(gradient)
            for tensor in keras.tree.flatten(layer.input):
                earlier = gradients.get(id(tensor))
                summed = gradient if earlier is None else layers.add([earlier, gradient])
                gradients[id(tensor)] = summed
        x = layers.concatenate([codes, gradients[id(decoder.input)]])
        x = layers.Dense(hidden_units, activation="silu", name=f"evidence_{step}")(x)
        begun = {"kernel_initializer": "zeros", "name": f"correction_{step}"}
        codes = layers.add([codes, layers.Dense(codes.shape[-1], **begun)(x)])
    return keras.Model(images, codes, name=encoder.name)


def _transpose_layer(layer: layers.Layer) -> layers.Layer:
    """The layer that leads a gradient from the outputs of a layer with weights to its inputs."""
    options = {"use_bias": False, "name": f"back_{layer.name}", "trainable": False}
    kernel = layer.kernel
    if isinstance(layer, layers.Dense):
        kernel = keras.ops.transpose(kernel)
        back = layers.Dense(layer.input.shape[-1], **options)
    else:  # both lay their kernels out so that the same array serves both directions
        is_up = isinstance(layer, layers.Conv2DTranspose)
        kind = layers.Conv2D if is_up else layers.Conv2DTranspose
        size = (layer.input.shape[-1], layer.kernel_size, layer.strides)
        back = kind(*size, padding=layer.padding, **options)
    back.build(layer.output.shape)
    back.set_weights([keras.ops.convert_to_numpy(kernel)])
    return back


def _transpose_shape(layer: layers.Layer, name: str) -> layers.Layer:
    """The layer that undoes what a layer without weights does to the shape."""
    if isinstance(layer, layers.Cropping2D):
        return layers.ZeroPadding2D(layer.cropping, name=name)
    if isinstance(layer, layers.ZeroPadding2D):
        return layers.Cropping2D(layer.padding, name=name)
    return layers.Reshape(layer.input.shape[1:], name=name)


def _activation_slope(
    layer: layers.Activation, before: keras.KerasTensor, after: keras.KerasTensor
) -> keras.KerasTensor:
    """The derivative of an activation, of what entered it and what left it."""
    if layer.activation is not keras.activations.silu:
        raise ValueError(f"{layer.name}: expected silu. Received: {layer.activation}")
    gate = layers.Activation("sigmoid")(before)  # silu(x) = x * gate
    return layers.add([gate, layers.subtract([after, layers.multiply([gate, after])])])
