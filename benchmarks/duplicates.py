"""Plants copies and wrong labels among images, and counts what of them is found.

Of each set at most 10,000 images are taken, four fifths of them as training images. For copies a
twentieth is planted as it is, and as many shifted by a pixel or saved as JPEG. For labels a
twentieth is made wrong at random. With --markdown the table goes into docs/results.md.

    python benchmarks/duplicates.py --sets mnist=mnist faces=DIR/faces --markdown
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from results import rewrite_table

from config import TrainConfig, VisualizeConfig
from latentspace import datasets
from latentspace.analysis.copies import save_as_jpeg, shift_images
from latentspace.chapters.outliers.duplicates import Duplicates
from latentspace.chapters.outliers.measure import Outliers
from latentspace.chapters.study import Study
from latentspace.datasets import ImageDataset
from latentspace.models import runs

MOST_IMAGES, SHARE, TRAIN_SHARE = 10_000, 0.05, 0.8
HEADING = (
    "| data set | images | exact copies found | near copies found | nearest code | "
    "images taken for copies | processor seconds | wrong labels found | class suggested is right | "
    "wrong ones among the flagged |",
    "|---" * 10 + "|",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data-dir", default=TrainConfig().data_dir, metavar="DIR")
    parser.add_argument("--models-dir", default=TrainConfig().models_dir, metavar="DIR")
    parser.add_argument("--sets", nargs="+", default=["mnist-best=mnist"], metavar="RUN=NAME|PATH")
    parser.add_argument("--markdown", action="store_true", help="rewrite docs/results.md")
    arguments = parser.parse_args()
    lines = list(HEADING)
    for given in arguments.sets:
        name, _, source = given.partition("=")
        run = runs.find_run(name, arguments.models_dir)
        data = take_images(datasets.load_dataset(source, arguments.data_dir))
        cells = [*plant_copies(run, data), *plant_labels(run, data)]
        lines.append(f"| {data.name} | {len(data.train_pixels):,} | {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    if arguments.markdown:
        rewrite_table("planted", lines)


def take_images(data: ImageDataset) -> ImageDataset:
    """Test images first, then training images, all of them as training images."""
    pixels = np.concatenate([data.test_pixels, data.train_pixels])[:MOST_IMAGES]
    labels = np.concatenate([data.test_labels, data.train_labels])[:MOST_IMAGES]
    return replace(data, train_pixels=pixels, train_labels=labels, train_files=(), test_files=())


def split(data: ImageDataset, pixels: np.ndarray, labels: np.ndarray) -> ImageDataset:
    first = round(TRAIN_SHARE * len(pixels))
    (train, test), (told, asked) = (np.split(array, [first]) for array in (pixels, labels))
    return replace(data, train_pixels=train, test_pixels=test, train_labels=told, test_labels=asked)


def make_study(run: runs.Run, data: ImageDataset) -> Study:
    return Study(run, data, VisualizeConfig(quiet=True))


def plant_copies(run: runs.Run, data: ImageDataset) -> Iterator[str]:
    """Shares found of exact and near copies and by the nearest code, false alarms, seconds."""
    rng, pixels = np.random.default_rng(0), data.train_pixels
    count, planted = len(pixels), round(SHARE * len(pixels))
    exact, near = np.split(rng.permutation(count)[: 2 * planted], 2)
    shifted, saved = np.array_split(near, 2)
    copies = shift_images(pixels[shifted], rng), save_as_jpeg(pixels[saved])
    everything = np.concatenate([pixels, pixels[exact], *copies])
    sources = np.concatenate([np.arange(count), exact, near])
    order = rng.permutation(len(everything))
    labels = data.train_labels[sources]
    study = make_study(run, split(data, everything[order], labels[order]))
    codes = np.concatenate([study.train_codes, study.codes])
    start = time.process_time()
    found = {kind: places for kind, (places, _) in study.of(Duplicates).pairs.items()}
    del found["next"]
    seconds = time.process_time() - start
    places = np.argsort(order)  # of each image and then of each copy, after shuffling
    pairs = set(map(tuple, np.concatenate([*found.values()]).tolist()))
    yield f"{np.isin(places[count : count + planted], found['exact']).mean():.1%}"
    wanted = np.sort(np.column_stack([places[near], places[count + planted :]]), axis=1)
    yield f"{np.mean([tuple(pair) in pairs for pair in wanted.tolist()]):.1%}"
    nearest = [
        np.delete(np.arange(len(codes)), place)[
            np.linalg.norm(np.delete(codes, place, axis=0) - codes[place], axis=1).argmin()
        ]
        for place in places[count + planted :]
    ]
    yield f"{np.mean(np.array(nearest) == places[near]):.1%}"
    origins = sources[order]
    wrong = found["near"][origins[found["near"][:, 0]] != origins[found["near"][:, 1]]]
    yield f"{len(np.unique(origins[wrong])) / count:.2%}"
    yield f"{seconds:.0f}"


def plant_labels(run: runs.Run, data: ImageDataset) -> Iterator[str]:
    """Share found of wrong labels, right ones of the suggestions, wrong ones of what is flagged."""
    rng, labels = np.random.default_rng(1), data.train_labels
    count, classes = len(labels), len(data.class_names)
    wrong = rng.permutation(count)[: round(SHARE * count)]
    given, order = labels.copy(), rng.permutation(count)
    given[wrong] = (labels[wrong] + rng.integers(1, classes, len(wrong))) % classes
    changed = split(data, data.train_pixels[order], given[order])
    first, names = len(changed.train_pixels), data.class_names
    found = {
        order[index + first * (of == "test")]: names.index(suggested)
        for of, index, _, _, suggested, _ in make_study(run, changed).of(Outliers).csv_lines[1:]
    }
    hits = [place for place in wrong if place in found]
    yield f"{len(hits) / len(wrong):.1%}"
    yield f"{np.mean([found[place] == labels[place] for place in hits]):.1%}" if hits else "–"
    yield f"{len(hits) / len(found):.1%}" if found else "–"


if __name__ == "__main__":
    main()
