"""Planning how a run's encoder and decoder are made of a person's model, and making them so."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from latentspace.core.errors import InputError
from latentspace.datasets.values import Range
from latentspace.models.importing import inspecting
from latentspace.models.importing.graph import Step, Tensor, Trace, count_values, format_shape
from latentspace.models.importing.inspecting import ImageShape, Interface, Shape, fit_layout

if TYPE_CHECKING:
    from config import VisualizeConfig

MAX_LISTED = 12

Dominator = tuple[Step, Tensor]
Named = tuple[str, Tensor]  # a tensor by its name


@dataclass(frozen=True)
class Section:
    """All that leads from one tensor of a model to another."""

    trace: Trace
    start: Tensor
    end: Tensor


def build(
    interface: Interface, image_shape: ImageShape, config: VisualizeConfig
) -> tuple[Any, Any, str]:
    """Makes an encoder and a decoder of a person's model, and says of what.

    They lead from float32 (N, H, W, C) in [0, 1] to float32 (N, D), and back, and are of the kind
    that the person's models are. Those of Keras share their layers with these, and are these where
    nothing has to be converted. What is said is such as "my.keras is cut after layer 'encoded':
    784 -> 32 -> 784 values per image".

    An autoencoder is cut at the first narrowest tensor that everything in it passes through, after
    activations and normalisations that follow it directly; `config` may name another. Where a
    sample is drawn there (Kingma & Welling 2014, "Auto-encoding variational Bayes"), the code is
    the mean that it is drawn around, if a name tells which layer that is. Raises an `InputError`
    where images, codes or outputs do not fit, or there is no place to cut.
    """
    model, takes = interface.models[0], interface.takes[0] or image_shape
    layout = fit_layout(takes, image_shape)
    if layout is None:
        raise inspecting.refuse_images(f"the model {model.name!r} takes", [takes], image_shape)
    graph = interface.trace(model, layout)
    if len(interface.models) == 1:
        encoder, decoder, place = _cut(graph, image_shape, config)
    else:
        encoder, decoder, place = _pair(graph, interface, image_shape, config)
    description = f"{interface.names[0]} {place}"
    values, size = math.prod(image_shape), math.prod(encoder.end.shape[1:])  # type: ignore[arg-type]
    if interface.whole is None:
        description += f": {values} -> {size} -> {values} values per image"
    taken, given = config.ranges
    network = _build_encoder(encoder, image_shape, taken)
    return network, _build_decoder(decoder, size, image_shape, given), description


def _build_encoder(section: Section, image_shape: ImageShape, pixels: Range) -> Any:
    parts, (black, white) = section.trace, pixels
    images = parts.begin(image_shape, "images")
    x = _apply(section, _rescale(parts, images, white - black, black), "encoder")
    codes = _arrange(parts, x, x.shape[1:], (math.prod(x.shape[1:]),))
    return parts.finish(images, parts.as_float32(codes), "encoder")


def _build_decoder(section: Section, size: int, image_shape: ImageShape, pixels: Range) -> Any:
    parts, (black, white) = section.trace, pixels
    codes = parts.begin((size,), "codes")
    x = _apply(section, codes, "decoder")
    layout = fit_layout(x.shape[1:], image_shape)
    x = _arrange(parts, x, layout, image_shape, axes=(2, 3, 1))
    x = _rescale(parts, x, 1 / (white - black), -black / (white - black))
    return parts.finish(codes, parts.as_float32(x), "decoder")


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


def says_mean(name: str) -> bool:
    """Whether the name of a layer or output says that it is the mean of a distribution."""
    words = re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.split("/")[-1]).lower())
    spread = {"var", "logvar", "variance", "std", "stddev", "sigma", "scale", "logsigma"}
    mean = {"mu", "mean", "means", "zmean", "zmu"}
    return spread.isdisjoint(words) and not mean.isdisjoint(words)


def _cut(
    graph: Trace, image_shape: ImageShape, config: VisualizeConfig
) -> tuple[Section, Section, str]:
    """The two parts of an autoencoder, and where it is cut, as the end of a sentence."""
    image = _find_image(graph, image_shape)
    if image is None:
        takes, gives = format_shape(graph.source.shape[1:]), _list_outputs(graph)
        what = f"takes images of {takes} values and gives none: its outputs are {gives}"
        mend = "pass an autoencoder, or --encoder and --decoder"
        raise InputError(f"the model {graph.name!r} {what}; {mend}")
    dominators = graph.dominators(image)
    if config.bottleneck is None:
        at = _find_narrowest(graph, dominators[:-1], image_shape)
    else:
        at = _find_layer(graph, dominators[:-1], config.bottleneck)
    step, entrance = dominators[at]
    name, code = step.name, entrance
    if config.latent_output is not None:
        name, code = _find_tensor(graph, config.latent_output)
        if code.shape != entrance.shape:
            has, takes = (format_shape(x.shape[1:]) for x in (code, entrance))
            what = f"{config.latent_output!r} has {has} values, where the decoder takes {takes}"
            raise InputError(f"{what} from {step.name!r}: name another --latent-output")
    elif mean := _find_mean(graph, dominators, at):
        name, code = mean
    elif config.bottleneck is None:
        step, entrance = dominators[_pass_elementwise(dominators, at)]
        code = entrance
    other = f", with {name!r} for the code" if code is not entrance else ""
    place = f"is cut after layer {step.name!r}{other}"
    return _lead_to(graph, code), Section(graph, entrance, image), place


def _pair(
    graph: Trace, interface: Interface, image_shape: ImageShape, config: VisualizeConfig
) -> tuple[Section, Section, str]:
    """An encoder and a decoder, and what is taken of them, as the end of a sentence."""
    if config.bottleneck is not None:
        if interface.whole is not None:
            raise inspecting.refuse_cutting(interface.whole)
        raise InputError(
            "--bottleneck says where to cut one model, not an encoder and a decoder: leave it out"
        )
    name, code = _choose_code(graph, config.latent_output)
    encoder, model = _lead_to(graph, code), interface.models[1]
    decoder = interface.trace(model, _fit_code(model.name, interface.takes[1], code.shape[1:]))
    image = _find_image(decoder, image_shape)
    if image is None:
        shapes = [tensor.shape[1:] for _, tensor in decoder.outputs]
        raise inspecting.refuse_images(f"the decoder {model.name!r} gives", shapes, image_shape)
    chosen, used = "", ""
    if name and not graph.is_whole(graph.source, code):
        chosen, used = f"(output {name!r}) ", f", with {name!r} for the code"
    place = f"{chosen}and {interface.names[-1]} are taken as they are"
    if interface.whole is not None:
        place = f"is cut between its parts encoder and decoder{used}"
    return encoder, Section(decoder, decoder.source, image), place


def _choose_code(encoder: Trace, wanted: str | None) -> Named:
    """What is wanted, else an encoder's only output or the mean behind it, else the only mean."""
    if wanted is not None:
        return _find_tensor(encoder, wanted)
    if len(encoder.outputs) == 1:
        dominators = encoder.dominators(encoder.outputs[0][1])
        mean = _find_mean(encoder, dominators, len(dominators) - 1) if dominators else None
        return mean or encoder.outputs[0]
    means = [output for output in encoder.outputs if says_mean(output[0])]
    if len(means) != 1:
        raise InputError(
            f"the encoder {encoder.name!r} has several outputs and no name tells which is "
            f"the code: choose one with --latent-output ({_list_outputs(encoder)})"
        )
    return means[0]


def _lead_to(graph: Trace, code: Tensor) -> Section:
    """The encoder of a code, the size of which has to be known."""
    if count_values(code) is None:
        what = f"the encoder {graph.name!r} gives codes of {format_shape(code.shape[1:])} values"
        raise InputError(f"{what}, of which the number is open: give its layers fixed sizes")
    return Section(graph, graph.source, code)


def _fit_code(name: str, takes: Shape | None, code: Shape) -> Shape:
    """The shape in which a decoder takes one code, its open sides taken from the encoder."""
    takes = takes or code
    if len(takes) == len(code):
        takes = tuple(own if side is None else side for side, own in zip(takes, code, strict=True))
    if None in takes or math.prod(takes) != math.prod(code):  # type: ignore[arg-type]
        raise InputError(
            f"the encoder gives codes of {format_shape(code)} values, but the decoder "
            f"{name!r} takes {format_shape(takes)}: pass two parts of one autoencoder, or "
            "choose another output of the encoder with --latent-output"
        )
    return takes


def _find_image(graph: Trace, image_shape: ImageShape) -> Tensor | None:
    images = [x for _, x in graph.outputs if fit_layout(x.shape[1:], image_shape) is not None]
    return min(images, key=lambda x: x.shape != graph.source.shape, default=None)


def _find_narrowest(graph: Trace, dominators: list[Dominator], image_shape: ImageShape) -> int:
    widths = [count_values(tensor) or float("inf") for _, tensor in dominators]
    least, whole = min(widths, default=float("inf")), count_values(graph.source) or 0
    if least >= whole:
        others = [one for one in dominators if fit_layout(one[1].shape[1:], image_shape) is None]
        mend = "pass a model without them, or an encoder and a decoder"
        if others:
            narrow = _list_narrow(others)
            mend = f"--bottleneck LAYER cuts it all the same, and the narrowest are {narrow}"
        inner = (count_values(tensor) or 0 for step in graph.steps for tensor in step.outputs)
        is_skipped = any(0 < count < whole for count in inner)
        why = ", as where skip connections lead past the middle" if is_skipped else ""
        raise InputError(
            f"the model {graph.name!r} has no bottleneck: nothing that all of the image "
            f"passes through is narrower than its {whole} values{why}; {mend}"
        )
    return widths.index(least)


def _pass_elementwise(dominators: list[Dominator], at: int) -> int:
    """Index of the last of the activations and normalisations that directly follow a dominator."""
    for index in range(at + 1, len(dominators) - 1):
        step, tensor = dominators[index]
        before = dominators[index - 1][1]
        follows = [id(x) for x in step.inputs] == [id(before)] and tensor.shape == before.shape
        if not step.is_elementwise or not follows:
            return index - 1
    return max(at, len(dominators) - 2)


def _find_layer(graph: Trace, dominators: list[Dominator], name: str) -> int:
    steps = [*enumerate(dominators)]
    found = [i for i, (step, x) in steps if _is_called(step.name, name) or x.name == name]
    inside = [i for i, (step, _) in steps if f"/{name}/" in f"/{step.name}"]
    if found or inside:
        return found[0] if found else inside[-1]
    listed = _list_narrow(dominators) or "none"
    problem = f"there is no layer {name!r}"
    if any(_is_called(step.name, name) for step in graph.steps):
        problem = f"the layer {name!r} is bypassed: part of the image takes another path"
    raise InputError(
        f"{problem}; --bottleneck takes one that all of the image passes through, the narrowest "
        f"first: {listed}"
    )


def _list_narrow(dominators: Iterable[Dominator]) -> str:
    narrow = sorted((count_values(tensor) or 0, step.name) for step, tensor in dominators)
    return ", ".join(f"{layer} ({width})" for width, layer in narrow[:MAX_LISTED])


def _find_tensor(graph: Trace, name: str) -> Named:
    """An output by its index or name, or else the result of a layer."""
    if name.isdigit() and int(name) < len(graph.outputs):
        label, tensor = graph.outputs[int(name)]
        return label or f"output {name}", tensor
    layers = [(step.name, step.outputs[0]) for step in graph.steps if len(step.outputs) == 1]
    layers += [(tensor.name, tensor) for step in graph.steps for tensor in step.outputs]
    for label, tensor in [*graph.outputs, *layers]:
        if _is_called(label, name):
            return label, tensor
    what = f"the model {graph.name!r} has no output or layer {name!r} for --latent-output"
    raise InputError(f"{what}; its outputs: {_list_outputs(graph)}")


def _find_mean(graph: Trace, dominators: list[Dominator], at: int) -> Named | None:
    """The mean out of which, and more, a dominator is made; None where no name tells it."""
    end = dominators[at][1]
    start = dominators[at - 1][1] if at else graph.source
    means = [
        (step.name, tensor)
        for step in graph.between(start, end)
        for tensor in step.outputs
        if tensor is not end and tensor.shape == end.shape and says_mean(step.name)
    ]
    return means[-1] if means else None


def _is_called(full_name: str, name: str) -> bool:
    return full_name == name or full_name.endswith("/" + name)


def _list_outputs(graph: Trace) -> str:
    return ", ".join(
        f"{index}: {f'{name!r}, ' if name else ''}{format_shape(tensor.shape[1:])}"
        for index, (name, tensor) in enumerate(graph.outputs)
    )
