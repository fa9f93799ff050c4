"""Finding the encoder and the decoder in an autoencoder, and the codes among what comes out."""

from __future__ import annotations

import re
from dataclasses import dataclass

import keras

from latentspace.core.errors import InputError
from latentspace.models.importing.tracing import (
    Shape,
    Step,
    Trace,
    count_values,
    format_open_shape,
    is_graph,
    trace,
)

# Layers that give each value of a code another scale or form, and the code its final one.
ELEMENTWISE = (
    keras.layers.Activation,
    keras.layers.BatchNormalization,
    keras.layers.ELU,
    keras.layers.LayerNormalization,
    keras.layers.LeakyReLU,
    keras.layers.PReLU,
    keras.layers.ReLU,
    keras.layers.Softmax,
)
MAX_LISTED = 12

Dominator = tuple[Step, keras.KerasTensor]


@dataclass(frozen=True)
class Cut:
    """An autoencoder in two.

    Attributes:
        encoder: What leads to the codes; shares its layers with the autoencoder.
        decoder: What leads from the codes to the image.
        description: Where the cut is, as the end of a sentence that begins with the model's name:
            "is cut after layer 'encoded': 784 -> 32 -> 784 values per image".
    """

    encoder: keras.Model
    decoder: keras.Model
    description: str


def cut_autoencoder(
    model: keras.Model,
    *,
    bottleneck: str | None = None,
    latent_output: str | None = None,
    input_shape: Shape | None = None,
) -> Cut:
    """Cuts an autoencoder at the narrowest tensor that everything in it passes through.

    Models inside the model are looked into. Of several tensors of the same size the first is
    taken, together with activations and normalisations that follow it directly. Where a sample is
    drawn there (Kingma & Welling 2014, "Auto-encoding variational Bayes"), the code is the mean it
    is drawn around, if a name tells which layer that is, and the decoder starts from the sample.

    Args:
        model: A model of images -> images, other outputs beside them or not.
        bottleneck: Name of the layer to cut after: "inner" or "outer/inner".
        latent_output: What to take for the code where it is not what the decoder takes: the index
            or name of an output, or the name of a layer.
        input_shape: Shape of one input, where the model leaves sides open.

    Returns:
        Both parts, and where the cut is.

    Raises:
        InputError: There is no such place or layer, or no output is the reconstruction.
    """
    if not is_graph(model):
        return _cut_between_attributes(model, bottleneck, latent_output)
    graph = trace(model, input_shape)
    image = _find_reconstruction(graph, model.name)
    passages = graph.dominators(image)
    if bottleneck is None:
        at = _find_narrowest(graph, passages[:-1], model.name)
    else:
        at = _find_named_dominator(graph, passages[:-1], bottleneck)
    step, entrance = passages[at]
    if latent_output is not None:
        code_name, code = _find_named_tensor(graph, latent_output, model.name)
        if code.shape != entrance.shape:
            raise InputError(
                f"{latent_output!r} has {format_open_shape(code.shape[1:])} values, where the decoder takes "
                f"{format_open_shape(entrance.shape[1:])} from {step.name!r}: name another --latent-output"
            )
    else:
        code_name, code = _find_mean(graph, passages, at) or (step.name, entrance)
        if code is entrance and bottleneck is None:
            at = _skip_elementwise(passages, at)
            (step, entrance), code = passages[at], passages[at][1]
    place = f"is cut after layer {step.name!r}"
    if code is not entrance:
        place += f", with {code_name!r} for the code"
    widths = " -> ".join(str(count_values(x)) for x in (graph.source, code, image))
    return Cut(
        graph.extract(graph.source, code, name="encoder"),
        graph.extract(entrance, image, name="decoder"),
        f"{place}: {widths} values per image",
    )


def choose_code(
    encoder: keras.Model, *, latent_output: str | None = None, input_shape: Shape | None = None
) -> tuple[keras.Model, str]:
    """Chooses which output of an encoder is the code.

    Args:
        encoder: A model of images -> codes, other outputs beside them or not.
        latent_output: Index or name of an output, or name of a layer. None takes the only output,
            or the one whose name says that it is a mean; in place of an only output that is a
            sample, the mean behind it.
        input_shape: Shape of one input, where the model leaves sides open.

    Returns:
        A model with the one output, sharing its layers (`encoder` itself where it has no other),
        and the name of the output or layer, "" where it has none.

    Raises:
        InputError: There is no such output, or several and no name tells.
    """
    graph = trace(encoder, input_shape)
    outputs = list(zip(graph.output_names, graph.outputs, strict=True))
    means = [output for output in outputs if is_named_mean(output[0])]
    if latent_output is not None:
        name, code = _find_named_tensor(graph, latent_output, encoder.name)
    elif len(outputs) == 1:
        passages = graph.dominators(graph.outputs[0])
        behind = _find_mean(graph, passages, len(passages) - 1) if passages else None
        name, code = behind or outputs[0]
    elif len(means) == 1:
        name, code = means[0]
    else:
        raise InputError(
            f"the encoder {encoder.name!r} has several outputs and no name tells which is the "
            f"code: choose one with --latent-output ({_list_outputs(graph)})"
        )
    if len(outputs) == 1 and code is outputs[0][1]:
        return encoder, name
    return graph.extract(graph.source, code, name="encoder"), name


def is_named_mean(name: str) -> bool:
    """Whether the name of a layer or output says that it is the mean of a distribution."""
    words = re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.split("/")[-1]).lower())
    spread = ("var", "logvar", "variance", "std", "stddev", "sigma", "scale", "logsigma")
    return not set(words) & set(spread) and any(
        word in ("mu", "mean", "means", "zmean", "zmu") for word in words
    )


def _cut_between_attributes(
    model: keras.Model, bottleneck: str | None, latent_output: str | None
) -> Cut:
    """Cuts a subclassed model, whose inside Keras can't see, by what it calls its parts."""
    parts = [getattr(model, name, None) for name in ("encoder", "decoder")]
    if bottleneck is not None or not all(isinstance(part, keras.Model) for part in parts):
        raise InputError(
            f"the model {model.name!r} is a subclass of keras.Model, whose inside can't be cut at "
            "a layer: save its two parts and pass them as --encoder and --decoder, or call them "
            "self.encoder and self.decoder in the class"
        )
    encoder, name = choose_code(parts[0], latent_output=latent_output)
    output = f", with {name!r} for the code" if name and encoder is not parts[0] else ""
    return Cut(encoder, parts[1], f"is cut between its parts encoder and decoder{output}")


def _find_reconstruction(graph: Trace, model_name: str) -> keras.KerasTensor:
    """The output that is an image like the input."""
    wanted, shapes = graph.source.shape, [output.shape for output in graph.outputs]
    if wanted in shapes:
        return graph.outputs[shapes.index(wanted)]
    for output in graph.outputs:  # another arrangement of as many values
        if count_values(output) in (count_values(graph.source), None):
            return output
    raise InputError(
        f"the model {model_name!r} takes images of {format_open_shape(wanted[1:])} values and gives none: its "
        f"outputs are {_list_outputs(graph)}; pass an autoencoder, or --encoder and --decoder"
    )


def _find_narrowest(graph: Trace, dominators: list[Dominator], model_name: str) -> int:
    """Index of the first of the narrowest passages."""
    widths = [count_values(tensor) or float("inf") for _, tensor in dominators]
    least, whole = min(widths, default=float("inf")), count_values(graph.source) or 0
    if least >= whole:
        raise InputError(
            f"the model {model_name!r} has no bottleneck: nothing that all of the image passes "
            f"through is narrower than its {whole} values, as where skip connections lead past "
            "the middle; pass a model without them, or name a layer with --bottleneck"
        )
    return widths.index(least)


def _skip_elementwise(dominators: list[Dominator], at: int) -> int:
    """Index of the last of the activations and normalisations that directly follow a passage."""
    for index in range(at + 1, len(dominators) - 1):
        step, tensor = dominators[index]
        before = dominators[index - 1][1]
        # Operations of keras.ops and keras.activations, such as Relu, are no layers.
        function = type(step.operation).__name__.lower() in dir(keras.activations)
        if (
            not (isinstance(step.operation, ELEMENTWISE) or function)
            or [id(x) for x in step.inputs] != [id(before)]
            or tensor.shape != before.shape
        ):
            return index - 1
    return max(at, len(dominators) - 2)


def _find_named_dominator(graph: Trace, dominators: list[Dominator], name: str) -> int:
    """Index of the passage that a layer makes, or the last one in a model inside the model."""
    found = [index for index, (step, _) in enumerate(dominators) if _has_name(step.name, name)]
    inside = [i for i, (step, _) in enumerate(dominators) if f"/{name}/" in f"/{step.name}"]
    if found or inside:
        return found[0] if found else inside[-1]
    narrow = sorted((count_values(tensor) or 0, step.name) for step, tensor in dominators)
    listed = ", ".join(f"{layer} ({width})" for width, layer in narrow[:MAX_LISTED]) or "none"
    if any(_has_name(step.name, name) for step in graph.steps):
        raise InputError(
            f"the layer {name!r} is bypassed: part of the image reaches the output on another way; "
            f"layers that all passes through, the narrowest first: {listed}"
        )
    raise InputError(
        f"there is no layer {name!r}: --bottleneck takes one that all of the image passes through, "
        f"the narrowest first: {listed}"
    )


def _find_named_tensor(graph: Trace, name: str, model_name: str) -> tuple[str, keras.KerasTensor]:
    """An output by its index or name, or else the result of a layer."""
    outputs = list(zip(graph.output_names, graph.outputs, strict=True))
    if name.isdigit() and int(name) < len(outputs):
        label, tensor = outputs[int(name)]
        return label or f"output {name}", tensor
    layers = [(step.name, step.outputs[0]) for step in graph.steps if len(step.outputs) == 1]
    for label, tensor in [*outputs, *layers]:
        if _has_name(label, name):
            return label, tensor
    raise InputError(
        f"the model {model_name!r} has no output or layer {name!r} for --latent-output; its "
        f"outputs: {_list_outputs(graph)}"
    )


def _find_mean(
    graph: Trace, dominators: list[Dominator], at: int
) -> tuple[str, keras.KerasTensor] | None:
    """The mean from which, with something beside it, a passage is made; None where no name tells.

    Both lie between the passage and the one before it.
    """
    end = dominators[at][1]
    start = dominators[at - 1][1] if at else graph.source
    means = [
        (step.name, tensor)
        for step in graph.find_steps(start, end)
        for tensor in step.outputs
        if tensor is not end and tensor.shape == end.shape and is_named_mean(step.name)
    ]
    return means[-1] if means else None


def _has_name(full_name: str, name: str) -> bool:
    return full_name == name or full_name.endswith("/" + name)


def _list_outputs(graph: Trace) -> str:
    return ", ".join(
        f"{index}: {f'{name!r}, ' if name else ''}{format_open_shape(tensor.shape[1:])}"
        for index, (name, tensor) in enumerate(zip(graph.output_names, graph.outputs, strict=True))
    )
