"""What each of Keras' layers is in steps."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import activations, layers

from latentspace.core.documents import read_tables
from latentspace.models.importing.graph import format_shape
from latentspace.models.importing.tracing import Step, trace
from latentspace.models.portable import steps, windows
from latentspace.models.portable.steps import Builder, Network, NotPortableError, Tensor
from latentspace.models.portable.windows import Shape, Window

# Of a layer, its input and the shape of its result, channels last: that before the activation.
Lowering = Callable[[Builder, Any, Tensor, Shape], Tensor]


def describe_layers(model: keras.Model) -> Network:
    """Lowers a network, a graph of Keras' own layers, as it is used for inference, in float32.

    It has one input and one output. Raises a `NotPortableError` where a layer, or an option of one,
    can't be expressed.
    """
    traced = trace(model, model.input_shape[1:])
    if len(traced.outputs) != 1:
        raise NotPortableError(f"a model with {len(traced.outputs)} outputs")
    (_, end), source = traced.outputs[0], traced.source
    if None in source.shape[1:]:
        raise NotPortableError(f"an input of {format_shape(source.shape[1:])} values")
    start = Tensor(0, tuple(source.shape[1:]))
    builder, values = Builder([math.prod(start.shape)]), {id(source): start}
    for step in traced.between(source, end):
        values[id(step.outputs[0])] = _lower(builder, step, [values[id(x)] for x in step.inputs])
    return builder.finish(start, values[id(end)])


def _lower(builder: Builder, step: Step, inputs: list[Tensor]) -> Tensor:
    layer, (output, *others) = step.operation, step.outputs
    named = f"the layer {step.name!r} of the kind {type(layer).__name__}"
    given = [*step.args[1:], *step.kwargs.values()]
    if others or any(value is not None and value is not False for value in given):
        raise NotPortableError(f"{named}, called with more than its input")
    if not keras.backend.is_float_dtype(output.dtype):
        raise NotPortableError(f"{named}, whose values are {output.dtype}")
    if getattr(layer, "quantization_mode", None) is not None:
        raise NotPortableError(f"{named}, which is quantized")
    try:
        return _lower_layer(builder, layer, inputs, tuple(output.shape[1:]))
    except NotPortableError as error:
        raise NotPortableError(f"{named}{error}") from error


def _lower_layer(builder: Builder, layer: Any, inputs: list[Tensor], shape: Shape) -> Tensor:
    """The result of a layer, or an error with what to say after the name of the layer."""
    kind = type(layer)
    if kind in MERGES:
        return _merge(builder, layer, inputs, shape)
    if kind not in LAYERS:
        raise NotPortableError("")
    (x,) = inputs
    if getattr(layer, "data_format", None) == "channels_first":
        x = builder.permute(x, [*range(1, len(x.shape)), 0])
        x = LAYERS[kind](builder, layer, x, (*shape[1:], shape[0]))
        x = builder.permute(x, [len(shape) - 1, *range(len(shape) - 1)])
    else:
        x = LAYERS[kind](builder, layer, x, shape)
    return _activate(builder, getattr(layer, "activation", None), x)


def _pass(builder: Builder, layer: Any, x: Tensor, shape: Shape) -> Tensor:
    return Tensor(x.number, shape)


def _convolve(builder: Builder, layer: Any, x: Tensor, shape: Shape) -> Tensor:
    window = Window(layer.kernel_size, layer.strides, layer.dilation_rate)
    match layer:
        case layers.Conv2DTranspose():
            kernel = builder.keep(layer.kernel)
            return windows.convolve_transposed(builder, window, x, shape, kernel, layer.bias)
        case layers.DepthwiseConv2D():
            x = windows.convolve_channels(builder, window, x, shape, layer.kernel)
            return builder.affine(x, 1, _read(layer.bias, 0))
        case layers.SeparableConv2D():
            x = windows.convolve_channels(builder, window, x, shape, layer.depthwise_kernel)
            kernel = builder.keep(layer.pointwise_kernel)[0, 0]
            return builder.multiply(x, shape, kernel, layer.bias)
    kernel = builder.keep(windows.join_groups(_read(layer.kernel, 0), layer.groups))
    return windows.convolve(builder, window, x, shape, kernel, layer.bias)


def _resample_sides(builder: Builder, layer: Any, x: Tensor, shape: Shape) -> Tensor:
    """Pooling and upsampling, which take one side after the other: a unit matrix shows how."""
    largest = isinstance(layer, layers.MaxPooling2D | layers.GlobalMaxPooling2D)
    for axis in (0, 1):
        if isinstance(layer, layers.UpSampling2D):
            show = layers.UpSampling2D((layer.size[axis], 1), "channels_last", layer.interpolation)
        else:  # the window of a global one is the image
            size, step = (getattr(layer, name, x.shape)[axis] for name in ("pool_size", "strides"))
            padding = getattr(layer, "padding", "valid")
            show = layers.AveragePooling2D((size, 1), (step, 1), padding, "channels_last")
        unit = np.eye(x.shape[axis], dtype=np.float32)[np.newaxis, ..., np.newaxis]
        x = builder.resample(x, axis, _read(show(unit), 0)[0, ..., 0], largest=largest)
    return Tensor(x.number, shape)


def _read(weights: Any, default: float, after: int = 0) -> np.ndarray:
    """Weights as float64, to broadcast along so many further axes."""
    values = keras.ops.convert_to_numpy(default if weights is None else weights).astype(float)
    return values.reshape((*values.shape, *[1] * after))


def _standardize_batch(builder: Builder, layer: Any, x: Tensor, shape: Shape) -> Tensor:
    after = len(shape) - layer.axis % (len(shape) + 1)
    mean, variance = (_read(v, 0, after) for v in (layer.moving_mean, layer.moving_variance))
    scale = _read(layer.gamma, 1, after) / np.sqrt(variance + layer.epsilon)
    return builder.affine(x, scale, _read(layer.beta, 0, after) - mean * scale)


def _standardize(builder: Builder, layer: Any, x: Tensor, shape: Shape) -> Tensor:
    mean = _read(layer.mean, 0)
    std = np.maximum(np.sqrt(_read(layer.variance, 1)), keras.config.epsilon())
    return builder.affine(x, std, mean) if layer.invert else builder.affine(x, 1 / std, -mean / std)


def _normalize(builder: Builder, layer: Any, x: Tensor, shape: Shape) -> Tensor:
    """Over the last axes, or over groups of channels."""
    rank, groups = len(shape), getattr(layer, "groups", 1)
    axes = sorted(axis % (rank + 1) for axis in np.atleast_1d(layer.axis).tolist())
    if axes != [*range(axes[0], rank + 1)] or getattr(layer, "rms_scaling", False):
        raise NotPortableError(f", with the axis {layer.axis}")
    before, size = math.prod(shape[: axes[0] - 1]), math.prod(shape[axes[0] - 1 :]) // groups
    outer, middle = (1, before) if hasattr(layer, "groups") else (before, 1)
    view = {"outer": outer, "middle": middle, "groups": groups, "size": size}
    x = builder.add("normalize", [x], shape, epsilon=layer.epsilon, **view)
    return builder.affine(x, _read(layer.gamma, 1), _read(layer.beta, 0))


def _softmax(builder: Builder, x: Tensor, axis: Any, *, logarithm: bool = False) -> Tensor:
    first, *others = np.atleast_1d(axis)
    if others:
        raise NotPortableError(f", with the axes {axis}")
    view = steps.view_axis(x.shape, int(first) % (len(x.shape) + 1) - 1)
    return builder.add("softmax", [x], x.shape, logarithm=logarithm, **view)


def _apply(row: list[Any], builder: Builder, of: Any, x: Tensor, shape: Shape) -> Tensor:
    """A function of each value, by its row in the tables; arguments of a layer are options."""
    kind, *options = row
    options = [getattr(of, each, None) if isinstance(each, str) else each for each in options]
    return builder.add("activate", [x], shape, kind=kind, options=options)


def _activate(builder: Builder, function: Any, x: Tensor) -> Tensor:
    """The activation of a layer: a function of Keras' own, or a layer."""
    if function is None or function is activations.linear:
        return x
    if type(function) in LAYERS:
        return _lower_layer(builder, function, [x], x.shape)
    if function in (activations.softmax, activations.log_softmax):
        return _softmax(builder, x, -1, logarithm=function is activations.log_softmax)
    if function not in FUNCTIONS:
        raise NotPortableError(f", with the activation {getattr(function, '__name__', function)}")
    return _apply(FUNCTIONS[function], builder, function, x, x.shape)


def _merge(builder: Builder, layer: Any, inputs: list[Tensor], shape: Shape) -> Tensor:
    if isinstance(layer, layers.Concatenate):
        axis = layer.axis % (len(shape) + 1) - 1
        if axis < 0:
            raise NotPortableError(", along the batch")
        runs = [math.prod(x.shape[axis:]) for x in inputs]
        return builder.add("concatenate", inputs, shape, runs=runs)
    result, *others = (builder.spread(x, shape) for x in inputs)
    is_mean = isinstance(layer, layers.Average)
    kind = "add" if is_mean else type(layer).__name__.lower()
    for other in others:
        result = builder.add("merge", [result, other], shape, kind=kind)
    return builder.affine(result, 1 / len(inputs) if is_mean else 1, 0)


TABLES = read_tables(__file__)
FUNCTIONS = {getattr(activations, name): row for name, row in TABLES["functions"].items()}
MERGES = [getattr(layers, name) for name in TABLES["merges"]]
KINDS = {"convolved": _convolve, "resampled": _resample_sides, "normalized": _normalize}
LAYERS: dict[type, Lowering] = {
    **{getattr(layers, name): _pass for name in TABLES["passed"]},
    **{getattr(layers, name): how for kind, how in KINDS.items() for name in TABLES[kind]},
    **{getattr(layers, name): partial(_apply, row) for name, row in TABLES["applied"].items()},
    layers.Dense: lambda to, of, x, shape: to.multiply(x, shape, to.keep(of.kernel), of.bias),
    layers.Permute: lambda to, of, x, _: to.permute(x, [axis - 1 for axis in of.dims]),
    layers.Cropping2D: lambda to, of, x, shape: to.place(
        x, shape[:2], [-n for n, _ in of.cropping]
    ),
    layers.ZeroPadding2D: lambda to, of, x, shape: to.place(
        x, shape[:2], [n for n, _ in of.padding]
    ),
    layers.RepeatVector: lambda to, of, x, _: to.resample(
        Tensor(x.number, (1, *x.shape)), 0, np.ones((of.n, 1))
    ),
    layers.BatchNormalization: _standardize_batch,
    layers.Normalization: _standardize,
    layers.Rescaling: lambda to, of, x, _: to.affine(x, of.scale, of.offset),
    layers.PReLU: lambda to, of, x, shape: to.add(
        "slope", [x], shape, slope=to.keep_vector(_read(of.alpha, 0) + np.zeros(shape))
    ),
    layers.Softmax: lambda to, of, x, _: _softmax(to, x, of.axis),
}
