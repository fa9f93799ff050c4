"""Where the scripts get models and images from, as a person has asked for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from latentspace import datasets
from latentspace.core.cache import find_cache_folder
from latentspace.core.errors import InputError, to_printable
from latentspace.core.files import lock_folder
from latentspace.core.progress import show_running
from latentspace.core.provenance import hash_content, hash_file
from latentspace.datasets import ImageDataset
from latentspace.datasets.vectors import Vectors, make_rows, read_vectors, split_rows
from latentspace.models import runs, saving
from latentspace.models.backend import start_keras
from latentspace.models.keras_files.loading import load_code
from latentspace.models.run_schema import CODES
from latentspace.models.runs import Run

if TYPE_CHECKING:
    from config import TrainConfig, VisualizeConfig

LONGEST_PATH = 1000  # letters, in messages


def name_own_model(config: VisualizeConfig) -> str:
    """What a person's own model is called where it is given no name."""
    file = config.autoencoder or config.encoder or (config.model_code or "").partition(":")[0]
    name = config.save_run or Path(config.codes or file).stem or "own"
    return f"{name}-codes" if name in [Path(run).name for run in config.run] else name


def load_images(config: VisualizeConfig, given: frozenset[str], run: Run) -> ImageDataset:
    """The images asked for, or those of a run, as its model takes them; reads --model-code too."""
    if config.model_code is not None:
        load_code(config.model_code)
    height, width, channels = run.image_shape
    shape = {"image_size": (height, width), "channels": channels}
    trained_on, place = run.facts["dataset"], config.dataset
    source, recorded = trained_on["source"], trained_on.get("reading", {})
    kept = {"fit": recorded.get("fit", "scale")}
    if place is None:
        kept, place = recorded, datasets.find_recorded_place(trained_on)
    elif source and not Path(source).exists() and Path(place).resolve().name == Path(source).name:
        print("the run's images have moved: they are read as they were read then")
        kept = recorded
    asked = read_options(config, given)
    options = {**shape, **kept, **asked}
    for name, flag, without in (
        ("labels", "--labels", "--no-labels"),
        ("corrections", "--labels", "--no-labels"),
        ("attributes_file", "--attributes-file", "--attributes-file none to go on without"),
    ):
        path = None if asked.get(name) else options.get(name)
        if path not in (None, "none") and not Path(path).exists():
            raise InputError(
                f"the {name.partition('_')[0]} of the run's images are no longer at "
                f"{to_printable(path, LONGEST_PATH)}: pass {flag} with their new place, or "
                f"{without}"
            )
    data, had = read_images(config, options, place), trained_on.get("attributes")
    is_same = kept is recorded or place == source
    if had and is_same and not asked.get("attributes_file") and not data.train_attributes.names:
        print(
            f"{had:,} attributes of these images were known in training, and the table of them is "
            "gone: pass --attributes-file with its new place"
        )
    return data


def read_options(config: TrainConfig | VisualizeConfig, given: frozenset[str]) -> dict[str, Any]:
    """`config.read_options`; a table that corrects labels leaves what tells the others as it is."""
    asked = config.read_options(given)
    if config.labels is None or not datasets.is_corrections(Path(config.labels)):
        if conflict := config.find_label_conflict(given):
            raise InputError(conflict)
        return asked
    others = {name: asked[name] for name in asked.keys() & {*given, "channels"} - {"labels"}}
    return {**others, "corrections": asked["labels"]}


def read_images(
    config: TrainConfig | VisualizeConfig, options: Mapping[str, Any], dataset: str | None
) -> ImageDataset:
    """Reads images, by `options` as for `datasets.ReadOptions`, and says what was read."""
    data = _load(config, options, dataset)
    print("\n".join([*data.notes, f"images: {data}"]))
    return data


def _load(
    config: TrainConfig | VisualizeConfig, options: Mapping[str, Any], dataset: str | None
) -> ImageDataset:
    try:
        return datasets.load_dataset(
            dataset,
            config.data_dir,
            read_options=datasets.ReadOptions(**options),
            # A training has no such flag.
            cache_dir=None if getattr(config, "no_cache", False) else find_cache_folder(),
            show_progress=not config.quiet,
            download=_download,
        )
    except InputError as error:  # what was found until then may say why
        for note in getattr(error, "__notes__", ()):
            print(note, flush=True)
        raise


def _download(name: str) -> Any:
    """What `keras.datasets` loads of a name, such as "mnist": from ~/.keras, else by a download."""
    start_keras()
    import keras

    try:
        return getattr(keras.datasets, name).load_data()
    except Exception as error:  # Keras raises a bare Exception where the network is missing.
        raise OSError(str(error)) from error


def import_own_model(config: VisualizeConfig, given: frozenset[str]) -> tuple[Run, ImageDataset]:
    """A person's model as a run, and its images; an `InputError` if it is of no use for them."""
    if config.codes is not None:
        return import_codes(config, given)
    from latentspace.models.importing.run import import_model, load_interface

    name = name_own_model(config)
    path = Path(config.models_dir) / saving.check_name(name)
    if config.save_run is not None and path.exists():
        raise InputError(f"{path} exists: choose another name for --save-run")
    interface = load_interface(config)
    asked = {**interface.reading, **read_options(config, given)}
    data = read_images(config, asked, config.dataset)
    padded = None
    if config.fit is None and data.can_be_padded:
        size = data.image_shape[:2]
        padded = _load(config, {**asked, "image_size": size, "fit": "pad"}, config.dataset)
    with show_running("checking the model", quiet=config.quiet):
        run, data = import_model(interface, data, config, name=name, padded=padded)
    adopted = run.facts["adopted"]
    print("\n".join([f"model: {adopted['description']}", *adopted["notes"]]))
    if run.warning is not None:
        print(f"warning: {run.warning}")
    if config.save_run is not None and run.networks is not None:
        with lock_folder(path, wait=False):
            saving.check_available(path, overwrite=False)
            run = saving.save_run(path, *run.networks, facts=run.facts, history=())
        print(f"{path} is kept: from now on --run {name} is enough")
    return run, data


def import_codes(config: VisualizeConfig, given: frozenset[str]) -> tuple[Run, ImageDataset]:
    """A person's codes as a run, and the images that they are of, or rows without images."""
    if config.dataset is not None:
        data = read_images(config, read_options(config, given), config.dataset)
        return read_codes(config, data), data
    table = read_vectors(Path(str(config.codes)), CODES)
    labels = None if config.labels is None else Path(config.labels)
    data = make_rows(table, name_own_model(config), labels, config.label_column)
    print(f"codes: {data}")
    return read_codes(config, data, table), data


def read_codes(config: VisualizeConfig, data: ImageDataset, table: Vectors | None = None) -> Run:
    """Codes of the images of a data set as a run without a model, said in a line."""
    path, name = Path(str(config.codes)), saving.check_name(name_own_model(config))
    rows, said = split_rows(table or read_vectors(path, CODES), data.whole)
    print(said)
    facts = {
        "status": "codes",
        "adopted": {"description": said, "codes": str(path), "codes_sha256": hash_file(path)},
        "dataset": data.facts,
        "image_shape": list(data.image_shape),
        "latent_dim": rows["test"].shape[1],
        "settings": {},
        "scores": {},
        "sha256": {CODES: hash_content(*rows, *rows.values())},
    }
    return Run(None, facts, label=name, codes=rows)


def read_lists(config: VisualizeConfig, data: ImageDataset) -> tuple[VisualizeConfig, ImageDataset]:
    """The settings with indices in place of the lists that they name, and the images of `--only`.

    Raises an `InputError` where a list can't be read, or `--from` and `--to` have not as many.
    """

    def read(name: str) -> list[int]:
        found, left_out = datasets.read_list(Path(name), data.whole)
        if left_out:
            print(f"{name}: {left_out:,} training images are left out, only test images count")
        return found

    def expand(name: str) -> list[str]:
        return [str(index) for index in read(name)] if config.is_list(name) else [name]

    start, end, place = (
        tuple(word for name in names for word in expand(name))
        for names in (config.start, config.end, config.place)
    )
    config = replace(config, start=start, end=end, place=place)
    if (conflict := config.find_conflict(frozenset())) is not None:
        raise InputError(conflict)
    if config.only is not None:
        data = data.choose_tests(np.unique(read(config.only)))
        print(f"--only: {data.name_tests(len(data.test_labels))}")
    return config, data


def find_pair(config: VisualizeConfig) -> tuple[Run, Run | None]:
    """The two runs to compare; an `InputError` unless they are two of images of one shape.

    The second is None where it is to come from `read_codes`.
    """
    if config.codes is not None:
        return runs.find_run(config.run[0], config.models_dir), None
    first, second = (runs.find_run(name, config.models_dir) for name in config.run)
    if first.name == second.name:
        what = f"expected two runs of different names. Received: {first.name} twice"
        raise InputError(f"{what}; pass another --run, or only one to look at it alone")
    if first.image_shape != second.image_shape:
        raise InputError(
            f"only models of images of the same shape can be compared. Received: {first.name} for "
            f"{first.image_shape}, {second.name} for {second.image_shape}"
        )
    return first, second
