"""Every setting of the two scripts: default, help text and flag. Standard library only."""

from __future__ import annotations

import argparse
import dataclasses
import io
import logging
import os
import re
import shlex
import sys
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NoReturn, TypeVar

PROJECT = Path(__file__).resolve().parent

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "quick": {"epochs": 3, "refine_epochs": 0, "least_steps": 300},
    "default": {"epochs": 16, "refine_epochs": 3},
    "best": {
        "epochs": 80,
        "refine_epochs": 12,
        "refine_steps": 6,
        "least_steps": 4000,
        "channels": (32, 48),
        "augment": 0.65,
    },
}


def _per_preset(name: str) -> str:
    return ", ".join(f"{preset} {values[name]}" for preset, values in PRESETS.items())


def positive_int(text: str) -> int:
    """Parses a whole number of 1 or more."""
    return _parse_number(text, int, lambda value: value >= 1, "a whole number of 1 or more")


def cluster_count(text: str) -> int:
    """Parses a whole number of 2 or more."""
    return _parse_number(text, int, lambda value: value >= 2, "a whole number of 2 or more")


def whole_number(text: str) -> int:
    """Parses a whole number of 0 or more."""
    return _parse_number(text, int, lambda value: value >= 0, "a whole number of 0 or more")


def positive_float(text: str) -> float:
    """Parses a finite number above 0."""
    return _parse_number(text, float, lambda value: 0 < value < float("inf"), "a number above 0")


def finite_number(text: str) -> float:
    """Parses a finite number."""
    return _parse_number(text, float, lambda value: abs(value) < float("inf"), "a finite number")


def frame_rate(text: str) -> float:
    """Parses a number that formats of films know as frames per second."""
    return _parse_number(text, float, lambda value: 0.1 <= value <= 240, "a number of 0.1 to 240")


def fraction(text: str) -> float:
    """Parses a number strictly between 0 and 1."""
    return _parse_number(text, float, lambda value: 0 < value < 1, "a number between 0 and 1")


def level_or_none(text: str) -> int | str:
    """Parses a whole number of 1 or more, or the word none."""
    if text == "none":
        return text
    expected = "a whole number of 1 or more, or none"
    return _parse_number(text, int, lambda value: value >= 1, expected)


def count_or_all(text: str) -> int | str:
    """Parses a whole number of 1 or more, or the word all."""
    if text == "all":
        return text
    expected = "a whole number of 1 or more, or all"
    return _parse_number(text, int, lambda value: value >= 1, expected)


def _parse_number(
    text: str, kind: Callable[[str], Any], accept: Callable[[Any], bool], what: str
) -> Any:
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not accept(value):
        raise argparse.ArgumentTypeError(f"expected {what}. Received: {text!r}")
    return value


def option(default: Any, text: str, *, group: str, **argument: Any) -> Any:
    """A dataclass field that is also a command-line flag.

    Args:
        default: The value without a flag.
        text: The help text; the default is appended to it.
        group: The heading under which `--help` lists the flag.
        **argument: Passed on to `ArgumentParser.add_argument`.
    """
    return field(default=default, metadata={"help": text, "group": group, "argument": argument})


def pixel_values(default: tuple[float, float] | None, text: str) -> Any:
    """A flag that says which values are black and white for a person's own model."""
    ends = ("BLACK", "WHITE")
    return option(default, text, group="own model", type=finite_number, nargs=2, metavar=ends)


def setting(default: Any) -> Any:
    """A dataclass field without a flag: a preset sets it."""
    return field(default=default)


READ_OPTIONS = {  # settings that are arguments of `datasets.ReadOptions`
    *("labels", "label_column", "classes_from", "no_labels", "images_key", "labels_key"),
    *("frames_as", "image_size", "fit", "test_fraction", "limit", "value_range"),
    "attributes_file",
}
# Where labels may come from: a table or arrays, folders, nowhere.
LABEL_SOURCES = ({"labels", "label_column", "labels_key"}, {"classes_from"}, {"no_labels"})


@dataclass(frozen=True)
class DataConfig:
    """How both scripts are told which images to read, and how."""

    examples: ClassVar[tuple[str, ...]] = ()  # commands to copy, at the end of the help

    dataset: str | None = option(
        None,
        "a named data set (mnist, fashion_mnist, cifar10, cifar100, digits, avatars), a folder of "
        "images (its subfolders are the classes), a folder of four IDX files, or an .npz or .npy "
        "file (default: mnist; where that can't be had, digits)",
        group="data",
        metavar="NAME|PATH",
    )
    data_dir: str | None = option(
        os.environ.get("LATENTSPACE_DATA") or None,
        "folder that holds named data sets, e.g. DIR/mnist/train-images-idx3-ubyte.gz "
        "(default: $LATENTSPACE_DATA)",
        group="data",
        metavar="DIR",
    )
    labels: str | None = option(
        None,
        "file of the labels, where --dataset has none: .npz or .npy for these, a table of "
        "file,label for a folder of images (default: its labels.csv); or, for any --dataset, a "
        "table of split,index,label that corrects some of them",
        group="data",
        metavar="FILE",
    )
    label_column: str | None = option(
        None,
        "column of the labels in a table, by its heading or its number from 1 (default: that of a "
        "heading such as label, class or category)",
        group="data",
        metavar="NAME|N",
    )
    classes_from: int | str | None = option(
        None,
        "of a folder of images: level of the folders that are the classes, 1 for those in "
        "--dataset itself, or none for no classes (default: the level below splits and folders "
        "around all others)",
        group="data",
        type=level_or_none,
        metavar="LEVEL|none",
    )
    attributes_file: str | None = option(
        None,
        "table of what is known of each image: a column of yes or no, of numbers or of names for "
        "each attribute, and for a folder of images one of the files; else a line an image, in "
        "their order; or none to go without (default: attributes.csv in the folder)",
        group="data",
        metavar="FILE|none",
    )
    frames_as: str | None = option(
        None,
        "of image files with several pages or frames: take each as an image, or the first one "
        "(default: first)",
        group="data",
        choices=("images", "first"),
    )
    images_key: tuple[str, ...] | None = option(
        None,
        "the array of images in an .npz file, or that of training and that of test images "
        "(default: found by shape and name)",
        group="data",
        nargs="+",
        metavar="NAME",
    )
    labels_key: tuple[str, ...] | None = option(
        None,
        "the array of labels in an .npz file, or one for each array of images (default: found by "
        "shape and name)",
        group="data",
        nargs="+",
        metavar="NAME",
    )
    no_labels: bool = option(False, "leave labels and classes out", group="data")
    image_size: tuple[int, int] | None = option(
        None,
        "height and width to bring images to: scaled, the middle cut out (default: as they are; of "
        "a folder the commonest size, of at most 256 pixels a side)",
        group="data",
        type=positive_int,
        nargs=2,
        metavar=("H", "W"),
    )
    fit: str | None = option(
        None,
        "how images are brought to another size: scaled, or padded with black, as 28x28 for a "
        "network of 32x32 (default: scale; for a model of your own whichever it reconstructs)",
        group="data",
        choices=("scale", "pad"),
    )
    grayscale: bool = option(False, "bring images to grey", group="data")
    test_fraction: float = option(
        0.2,
        "share that becomes test images, where a data set has none of its own",
        group="data",
        type=fraction,
        metavar="SHARE",
    )
    limit: int | None = option(
        None,
        "use at most so many images, a choice by a fixed seed",
        group="data",
        type=positive_int,
        metavar="N",
    )
    value_range: tuple[float, float] | None = option(
        None,
        "the values that are black and white (default: as the type of the values says, or as they "
        "plainly show over all images)",
        group="data",
        type=finite_number,
        nargs=2,
        metavar=("LOW", "HIGH"),
    )

    def read_options(self, given: frozenset[str]) -> dict[str, Any]:
        """What was asked for of how images are read, as arguments of `datasets.ReadOptions`.

        Args:
            given: Names of the fields that were given on the command line.
        """
        asked = {name: getattr(self, name) for name in given & READ_OPTIONS}
        if any(names & given for names in LABEL_SOURCES):  # in place of what a run has on record
            for names in LABEL_SOURCES:
                if not names & given:
                    asked |= {name: getattr(self, name) for name in names}
            asked["corrections"] = None
        return {**asked, "channels": 1} if self.grayscale else asked

    def find_conflict(self, given: frozenset[str]) -> str | None:
        """What is wrong with flags that were given together; None where nothing is."""
        may_correct = "classes_from" in given  # what the folders say; the table shows whether
        return self.find_label_conflict(given - {"labels"} if may_correct else given)

    def find_label_conflict(self, given: frozenset[str]) -> str | None:
        """As `find_conflict`, where --labels does not name a table of corrections."""
        asked = [names & given for names in LABEL_SOURCES if names & given]
        if len(asked) > 1:
            return (
                "classes come from a table or an array of labels, from folders, or from nowhere. "
                f"Received: {format_flags(self, set().union(*asked))}; pass one of them"
            )
        return None


Config = TypeVar("Config", bound=DataConfig)


@dataclass(frozen=True)
class TrainConfig(DataConfig):
    """The settings of `train_cae.py`."""

    examples: ClassVar[tuple[str, ...]] = (
        "python train_cae.py                                   MNIST, 32 units, run models/mnist",
        "python train_cae.py --preset quick --dataset digits   a first look in seconds",
        "python train_cae.py --run small --latent-dim 8 --epochs 5",
        "python train_cae.py --run small --resume              go on after Ctrl-C or a crash",
        "python train_cae.py --tensorboard logs                then: tensorboard --logdir logs",
    )

    validation_split: float = option(
        0.05,
        "share of the training images that is held back to watch the error",
        group="data",
        type=fraction,
        metavar="SHARE",
    )
    run: str | None = option(
        None, "name of the run, a folder in --models-dir (default: the data set)", group="run"
    )
    models_dir: str = option(
        str(PROJECT / "models"), "folder of all runs (default: models)", group="run", metavar="DIR"
    )
    resume: bool = option(
        False, "go on with a run that was stopped, with its own settings", group="run"
    )
    overwrite: bool = option(False, "replace a run of the same name", group="run")
    dry_run: bool = option(False, "print the settings and stop", group="run")
    quiet: bool = option(False, "no progress shown", group="run")
    preset: str = option(
        "default",
        "how long and how large; any flag given beside it wins",
        group="training",
        choices=tuple(PRESETS),
    )
    latent_dim: int = option(
        32,
        "units of the bottleneck (default: 32, more of images with more values than MNIST's)",
        group="training",
        type=positive_int,
        metavar="N",
    )
    epochs: int = option(
        16,
        f"passes over the training images (default: the preset's, {_per_preset('epochs')}; more "
        "of a few images)",
        group="training",
        type=positive_int,
        metavar="N",
    )
    refine_epochs: int = option(
        3,
        "passes after these in which the encoder learns to correct its codes by the gradient of "
        f"the decoder; 0 leaves them out (default: the preset's, {_per_preset('refine_epochs')})",
        group="training",
        type=whole_number,
        metavar="N",
    )
    batch_size: int | None = option(
        None,
        "images per training step (default: 512, fewer for small data sets)",
        group="training",
        type=positive_int,
        metavar="N",
    )
    learning_rate: float = option(
        2e-2,
        "peak of the warm-up and cosine decay (default: 0.02 for batches of 512, less for smaller "
        "ones)",
        group="training",
        type=positive_float,
        metavar="RATE",
    )
    loss: str = option(
        "mse",
        "what is made small: the mean squared error, or that and what is missing in structural "
        "similarity and fine contrast, for images with more detail and a larger error",
        group="training",
        choices=("mse", "sharp"),
    )
    seed: int = option(
        0, "seed of weights and shuffling", group="training", type=whole_number, metavar="N"
    )
    deterministic: bool = option(
        False,
        "the same weights, bit for bit, from the same seed on the same machine; costs "
        "nothing measurable on a CPU (9.1 to 10.1 s an epoch with it, 9.7 to 10.2 s without)",
        group="training",
    )
    tensorboard: str | None = option(
        None,
        "log losses, graph and reconstructions for TensorBoard while training, in DIR/RUN",
        group="tensorboard",
        metavar="DIR",
    )
    augment: float = setting(0.4)  # share of the images that are deformed a little
    code_noise: float = setting(0.05)  # in standard deviations of a code's unit
    channels: tuple[int, ...] = setting((16, 32))
    hidden_units: int = setting(256)
    blocks: int = setting(2)  # that correct the details of photographs
    aligned: bool = setting(True)  # each place in an image has its meaning; told by the data
    mirrored: bool = setting(False)  # images and mirror images look alike; told by the data
    least_steps: int = setting(1000)  # of a few images, so many steps are made in more epochs
    refine_steps: int = setting(3)  # corrections of a code

    @property
    def of_model(self) -> dict[str, Any]:
        """What is kept with a run: how its model is made, not where things lie or what to do."""
        elsewhere = {item.name for item in dataclasses.fields(DataConfig)}
        return {
            item.name: getattr(self, item.name)
            for item in dataclasses.fields(self)
            if item.name not in elsewhere
            and item.metadata.get("group") not in ("run", "tensorboard")
        }


@dataclass(frozen=True)
class VisualizeConfig(DataConfig):
    """The settings of `visualize.py`; which pictures it makes is asked by flags of the registry."""

    examples: ClassVar[tuple[str, ...]] = (
        "python visualize.py                               the whole story of the run trained last",
        "python visualize.py --run mnist --maps --samples 10000",
        "python visualize.py --run mnist-best --run mnist   which of two has learned more",
        "python visualize.py --run mnist-best --run mnist --explorer   both on a page",
        "python visualize.py --autoencoder mine.keras --dataset FOLDER --save-run mine",
        "python visualize.py --codes codes.npy --dataset FOLDER   codes of any model, without it",
        "python visualize.py --interpolation --from 3 class:7 --to 18 class:1 --format mp4",
        "python visualize.py --arithmetic --expression '12 - class:1 + class:7'",
        "python visualize.py --arithmetic --expression '12 + 1.5*slant'",
        "python visualize.py --attributes --traversals",
        "python visualize.py --run mnist-best --projector logs   then: tensorboard --logdir logs",
    )

    dataset: str | None = option(
        None,
        "look at these images instead of the ones that the run was trained on; as for train_cae.py",
        group="data",
        metavar="NAME|PATH",
    )
    only: str | None = option(
        None,
        "look at these test images alone: a table of split and index (or file), such as the page "
        "explorer.html saves, or a list of indices; pictures go to outputs/RUN-only-FILE",
        group="data",
        metavar="FILE",
    )
    run: tuple[str, ...] = option(
        (),
        "a run in --models-dir, or the path of one (default: the run trained last); given twice, "
        "the same images go through both and are compared",
        group="run",
        action="append",
        metavar="NAME|PATH",
    )
    models_dir: str = option(
        str(PROJECT / "models"), "folder of all runs (default: models)", group="run", metavar="DIR"
    )
    outputs_dir: str = option(
        str(PROJECT / "outputs"),
        "folder of all pictures (default: outputs)",
        group="run",
        metavar="DIR",
    )
    autoencoder: str | None = option(
        None,
        "look into this model of images -> images, in .keras, .h5 or .onnx; it is cut at its "
        "narrowest layer. An architecture in .json takes --weights",
        group="own model",
        metavar="A.keras",
    )
    encoder: str | None = option(
        None,
        "look into this model of images -> codes, together with --decoder",
        group="own model",
        metavar="E.keras",
    )
    decoder: str | None = option(
        None, "the model of codes -> images", group="own model", metavar="D.keras"
    )
    codes: str | None = option(
        None,
        "look at these codes, without a model: an .npz, .npy or .csv file with a row for each test "
        "image of --dataset, or for each image of it; without --dataset at the rows alone, with "
        "--labels; with --run they are compared with the codes of the run",
        group="own codes",
        metavar="FILE",
    )
    bottleneck: str | None = option(
        None,
        "layer, or tensor of an ONNX model, after which --autoencoder is cut (default: the "
        "narrowest)",
        group="own model",
        metavar="LAYER",
    )
    latent_output: str | None = option(
        None,
        "which of an encoder's outputs is the code, by number or name (default: the only one, or "
        "the one that is called a mean)",
        group="own model",
        metavar="INDEX|NAME",
    )
    pixel_range: tuple[float, float] = pixel_values(
        (0.0, 1.0), "what the model takes and gives for black and for white (default: 0 1)"
    )
    input_range: tuple[float, float] | None = pixel_values(
        None,
        "what it takes for black and for white, where it gives others (default: --pixel-range)",
    )
    output_range: tuple[float, float] | None = pixel_values(
        None,
        "what it gives for black and for white, where it takes others (default: --pixel-range)",
    )
    model_code: str | None = option(
        None,
        "file of Python that defines the layers and functions of the model; with :FUNCTION, which "
        "builds it. The only code that is run, and only when it is named here",
        group="own model",
        metavar="FILE.py[:FUNCTION]",
    )
    weights: tuple[str, ...] = option(
        (),
        "weights for the model that --model-code builds, or for an architecture in .json: "
        ".weights.h5, .h5 or .keras; of an encoder and a decoder two files, in this order",
        group="own model",
        nargs="+",
        metavar="FILE",
    )
    anyway: bool = option(
        False,
        "look at the model also where it does not reconstruct the images; every picture says so",
        group="own model",
    )
    save_run: str | None = option(
        None,
        "keep the model as a run of this name, so that --run NAME is enough from then on",
        group="own model",
        metavar="NAME",
    )
    all: bool = option(False, "every picture there is", group="pictures")
    list: bool = option(False, "list all pictures, a line each, and stop", group="pictures")
    projector: str | None = option(
        None,
        "write the images on the maps for TensorBoard's Embedding Projector, as codes and as "
        "pixels; pictures are made as well only where a flag asks for them",
        group="tensorboard",
        metavar="DIR",
    )
    open: bool = option(
        False, "open the page with all of them, index.html, in the browser", group="pictures"
    )
    samples: int | str | None = option(
        None,
        "images on a map, or all (default: 5000, or all where there are fewer)",
        group="maps",
        type=count_or_all,
        metavar="N",
    )
    split: str = option(
        "test",
        "which images lie on the maps; the model was fitted to most of the training images",
        group="maps",
        choices=("test", "train", "all"),
    )
    method: str = option(
        "tsne",
        "how maps are made",
        group="maps",
        choices=("tsne", "umap", "pca", "ica"),
    )
    dims: int = option(
        2,
        "dimensions of the maps; with 3 they are drawn in space, with one slow turn as a GIF",
        group="maps",
        type=int,
        choices=(2, 3),
    )
    map: str | None = option(
        None,
        "show this finished map, (N, 2), of any program beside ours, with the same scores: an "
        ".npz, .npy or .csv file with a row for each image on the maps, or as for --codes",
        group="maps",
        metavar="FILE",
    )
    perplexity: float | None = option(
        None,
        "effective number of neighbours that t-SNE preserves (default: 30, fewer where images are "
        "too few for it)",
        group="maps",
        type=positive_float,
        metavar="P",
    )
    exaggeration: float = option(
        1.0,
        "factor of t-SNE's attraction after its early phase; above 1 clusters get denser",
        group="maps",
        type=positive_float,
        metavar="X",
    )
    place: tuple[str, ...] = option(
        (),
        "image files to place on the finished maps (or indices of test images, class:7, or a list "
        "of indices, .txt or .csv, as for --only)",
        group="maps",
        nargs="+",
        metavar="IMAGE",
    )
    pairs: int = option(
        8,
        "pairs of test images of different classes, drawn by --seed",
        group="interpolation",
        type=positive_int,
        metavar="N",
    )
    start: tuple[str, ...] = option(
        (),
        "images to walk from: indices of test images, class:7 (a typical member), image files, or "
        "a list of indices, .txt or .csv, as for --only",
        group="interpolation",
        flag="--from",
        nargs="+",
        metavar="IMAGE",
    )
    end: tuple[str, ...] = option(
        (),
        "images to walk to, as many",
        group="interpolation",
        flag="--to",
        nargs="+",
        metavar="IMAGE",
    )
    path: str = option(
        "auto",
        "the path that animations take between codes: straight, on a sphere about the mean code, "
        "along the data, or whichever of the first and the last keeps nearer to real images",
        group="interpolation",
        choices=("auto", "linear", "spherical", "data"),
    )
    frames: int = option(
        33,
        "frames of an animation from one end to the other, both included",
        group="interpolation",
        type=positive_int,
        metavar="N",
    )
    axes: str = option(
        "principal",
        "what traversals walk along: principal axes of the codes, or single units",
        group="traversals",
        choices=("principal", "units"),
    )
    fps: float = option(
        20.0,
        "frames per second of an animation; of a GIF frames are left out above 33, which browsers "
        "would slow down",
        group="animation",
        type=frame_rate,
        metavar="F",
    )
    expression: str | None = option(
        None,
        "what arithmetic.png calculates; a term is the index of a test image, class:7 (the mean "
        "code of a class), an image file, an attribute (of images; of strokes slant, thick, "
        "wide, tall), axis:1 (a principal axis of the codes) or unit:0, and may carry a factor: "
        "'12 - class:1 + class:7', '12 + 1.5*slant', '12 + sunglasses'",
        group="arithmetic",
        metavar="EXPR",
    )
    attribute: tuple[str, ...] = option(
        (),
        "attributes to show (default: at most eight, the most reliable first)",
        group="arithmetic",
        nargs="+",
        metavar="NAME",
    )
    num_clusters: int | None = option(
        None,
        "clusters to find (default: as many as there are classes)",
        group="clusters",
        type=cluster_count,
        metavar="N",
    )
    format: str = option(
        "gif",
        "what an animation is written as; mp4 needs imageio-ffmpeg",
        group="animation",
        choices=("gif", "mp4", "both"),
    )
    seed: int = option(0, "seed of every choice", group="run", type=whole_number, metavar="N")
    no_cache: bool = option(
        False, "compute everything again and keep nothing for the next look", group="run"
    )
    redraw: bool = option(
        False, "draw also pictures again that would come out as they lie there", group="run"
    )
    dry_run: bool = option(
        False, "print the settings and the files to be made, and stop", group="run"
    )
    quiet: bool = option(False, "no progress shown", group="run")

    @property
    def ranges(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Values of black and of white in what a person's own model takes, and in what it gives."""
        return self.input_range or self.pixel_range, self.output_range or self.pixel_range

    @property
    def asks_for_two(self) -> bool:
        """Whether two runs, or a run and codes, are to be compared."""
        return len(self.run) > 1 or bool(self.run and self.codes)

    @staticmethod
    def is_list(name: str) -> bool:
        """Whether a name stands for the images that a file lists."""
        return name.lower().endswith((".txt", ".csv"))

    def name_folder(self, run: str) -> Path:
        """Where pictures of a run, or of two, are written: those of a few images by themselves."""
        only = "" if self.only is None else f"-only-{Path(self.only).stem}"
        return Path(self.outputs_dir) / f"{run}{only}"

    def is_own_model(self, given: frozenset[str]) -> bool:
        """Whether a person's own model or codes are; --model-code may belong to a run as well."""
        own = list_settings(type(self), "own model", "own codes") - {"model_code"}
        return bool(given & own) or ("model_code" in given and not self.run)

    def find_conflict(self, given: frozenset[str]) -> str | None:
        """What is wrong with flags that were given together; None where nothing is."""
        unread = any(map(self.is_list, (*self.start, *self.end)))
        if len(self.start) != len(self.end) and not unread:
            return (
                f"--from and --to go together, one image each for every path. Received: "
                f"{len(self.start)} and {len(self.end)}"
            )
        own = given & (list_settings(type(self), "own model") - {"model_code"})
        if own and self.codes:
            return f"--codes stands in place of a model: leave out {format_flags(self, own)}"
        if own and self.run:
            return (
                f"a model comes from --run or from {format_flags(self, own)}: pass one of them, "
                "and --save-run NAME to make a run of your own model"
            )
        if self.codes and len(self.run) > 1:
            return "codes are compared with one run: pass --run once, or leave out --codes"
        if len(self.run) > 2:
            return f"two runs can be compared. Received: --run {len(self.run)} times"
        if given >= {"pixel_range", "input_range", "output_range"}:
            return "--input-range and --output-range stand for --pixel-range: pass it, or the two"
        if self.is_own_model(given) and (conflict := self._find_own_conflict(given)):
            return conflict
        for_two = {*list_settings(type(self), "data", "run", "maps", "own codes"), "open"}
        for_two -= {"dims", "place", "map"}
        if "--explorer" in given:
            for_two |= {"--explorer", "num_clusters", "frames", "attribute"}
        if self.asks_for_two and (others := given - for_two):
            return (
                "two runs are compared in pictures of their own, without "
                f"{format_flags(self, others)}: leave it out, or pass --run once"
            )
        return super().find_conflict(given)

    def _find_own_conflict(self, given: frozenset[str]) -> str | None:
        """As `find_conflict`, of the flags that name a person's own model, or codes."""
        if self.codes:
            asked = self.read_options(given).keys() - {"labels", "label_column", "no_labels"}
            if self.run or self.dataset or not given & asked:
                return None
            unread = format_flags(self, given & asked)
            return f"codes without images have no use for {unread}: pass --dataset as well"
        for what in ("pixel", "input", "output"):
            low, high = getattr(self, f"{what}_range") or self.pixel_range
            if low >= high:
                wanted = f"--{what}-range takes black before white, as in -1 1"
                return f"{wanted}. Received: {low:g} {high:g}"
        if (self.encoder is None) != (self.decoder is None):
            return "--encoder and --decoder go together: pass both, or one --autoencoder"
        function = re.fullmatch(r".+\.py:\w+", self.model_code or "")
        if sum(source is not None for source in (self.autoencoder, self.encoder, function)) != 1:
            return (
                "a model comes from one of --autoencoder FILE, --encoder FILE with --decoder FILE, "
                "or --model-code FILE.py:FUNCTION: pass one of them"
            )
        files = [Path(file) for file in (self.autoencoder, self.encoder, self.decoder) if file]
        of_onnx, architectures = (
            [file.name for file in files if file.suffix.lower() == ending]
            for ending in (".onnx", ".json")
        )
        if of_onnx and (len(of_onnx) < len(files) or self.model_code or self.weights):
            return (
                f"{of_onnx[0]} is an ONNX model, which goes with no Keras model, --model-code or "
                "--weights: pass ONNX models alone"
            )
        if self.weights and len(architectures) < len(files):
            return (
                "--weights go into a model that code builds, or into an architecture in .json: "
                "pass --model-code FILE.py:FUNCTION as well"
            )
        if architectures and not self.weights:
            pair = " FILE, those of the encoder first" if self.encoder else ""
            return (
                f"{architectures[0]} holds the architecture of a model without its weights: pass "
                f"--weights FILE{pair}"
            )
        return None


def list_settings(kind: type[DataConfig], *groups: str) -> set[str]:
    """The names of the settings that `--help` lists under some headings."""
    return {f.name for f in dataclasses.fields(kind) if f.metadata.get("group") in groups}


def parse(
    kind: type[Config],
    description: str | None,
    *,
    argv: Sequence[str] | None = None,
    switches: Mapping[str, str] | None = None,
    aliases: Mapping[str, str] | None = None,
) -> tuple[Config, frozenset[str]]:
    """Parses a command line into a frozen settings object.

    Args:
        kind: `TrainConfig` or `VisualizeConfig`.
        description: The first line of the help.
        argv: The arguments, `sys.argv[1:]` where None.
        switches: More flags without a value, with their help texts, listed under "pictures".
        aliases: Former spellings of these, which are understood but not listed.

    Returns:
        The settings, and the names of everything that was given on the command line: names of
        fields, and the given ones among `switches`.
    """
    epilog = "examples:\n" + "\n".join(f"  {line}" for line in kind.examples)
    parser = _Parser(
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    groups: dict[str, Any] = {}
    for flag, text in (switches or {}).items():
        group = groups.setdefault("pictures", parser.add_argument_group("pictures"))
        group.add_argument(flag, dest=flag, action="store_true", help=text)
    for former, flag in (aliases or {}).items():
        parser.add_argument(former, dest=flag, action="store_true", help=argparse.SUPPRESS)
    options = [item for item in dataclasses.fields(kind) if item.metadata]
    for item in options:
        name = item.metadata["group"]
        if name not in groups:
            groups[name] = parser.add_argument_group(name)
        argument = dict(item.metadata["argument"])
        argument.pop("flag", None)
        text = item.metadata["help"]
        if isinstance(item.default, bool):
            argument["action"] = "store_true"
        elif item.default not in (None, ()) and "(default" not in text:
            text += f" (default: {item.default})"
        text = text.replace("%", "%%")
        groups[name].add_argument(_flag_name(item), dest=item.name, help=text, **argument)
    given = vars(parser.parse_args(argv))
    names = {item.name for item in options}
    values = {name: value for name, value in given.items() if name in names}
    if "preset" in names:
        values = {**PRESETS[values.get("preset", "default")], **values}
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    config = kind(**values)
    if (conflict := config.find_conflict(frozenset(given))) is not None:
        parser.error(conflict)
    return config, frozenset(given)


def format_command_line() -> str:
    """What was typed, as it can be typed again in the script's folder."""
    typed = shlex.join(["python", Path(sys.argv[0]).name, *sys.argv[1:]])
    return typed.encode(errors="backslashreplace").decode()  # names of files need not be text


def format_flags(config: Any, names: Collection[str]) -> str:
    """What was given, as `parse` says it, the way it is spelled on the command line."""
    flags = {item.name: _flag_name(item) for item in dataclasses.fields(config) if item.metadata}
    return ", ".join(sorted(flags.get(name, name) for name in names))


def describe(config: Any) -> str:
    """The settings as aligned lines, for a person to read before work begins."""
    values = {
        name: ", ".join(map(str, value)) if isinstance(value, tuple) else value
        for name, value in dataclasses.asdict(config).items()
        if value not in (None, ())
    }
    width = max(map(len, values))
    return "\n".join(f"  {name:<{width}}  {value}" for name, value in values.items())


def run_script(main: Callable[[], None], *, user_errors: tuple[type[Exception], ...]) -> int:
    """Runs a script's `main` and turns what a person can fix into one line on stderr.

    Args:
        main: The script.
        user_errors: The exceptions whose message is meant for a person.

    Returns:
        The exit code: 0; 2 after such an error or without a package; 130 after Ctrl-C.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):  # names of files need not be text
        sys.stdout.reconfigure(errors="backslashreplace")
    os.environ["MPLBACKEND"] = "agg"  # no picture needs a window; what is inherited may be absent
    log_level = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before JAX sets another
    if not sys.warnoptions and log_level not in "012":
        # What libraries warn of is for those who call them; what concerns a person is said here.
        warnings.showwarning = lambda *_, **__: None
        if logging.lastResort is not None:
            logging.lastResort.setLevel(logging.ERROR)
    try:
        main()
    except user_errors as error:
        said = "".join(letter if letter.isprintable() else " " for letter in str(error))
        print(f"{Path(sys.argv[0]).name}: error: {' '.join(said.split())}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "latentspace":
            raise
        print(
            f"{Path(sys.argv[0]).name}: error: the package {error.name} is not installed: "
            "pip install -r requirements.txt",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:
        print(f"\n{Path(sys.argv[0]).name}: stopped", file=sys.stderr)
        return 130
    return 0


def _flag_name(item: dataclasses.Field[Any]) -> str:
    return item.metadata["argument"].get("flag", "--" + item.name.replace("_", "-"))


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")
