"""Times training and pictures as the work grows: with the number of images, and with their size.

Images are MNIST digits, shifted by up to two pixels either way, or enlarged. Each time is one
command in a process of its own, from an empty cache: one epoch of training with all that comes
after it, the story of the run, all images on both maps, and the page to explore. Memory is the peak
of its largest process. With --markdown the tables go into docs/results.md.

    python benchmarks/growth.py --data-dir DIR --counts 1000 10000 100000 1000000 --markdown
    python benchmarks/growth.py --data-dir DIR --sides 28 64 128 256 --markdown
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from results import PROJECT, rewrite_table
from story import Times, time_script

from config import DataConfig
from latentspace import datasets
from latentspace.core.pixels import resize

MOST_SHIFTED = 2  # pixels, either way
OF_EACH_SIDE = 2_000  # images
TESTED = 0.1  # of all images
EPOCH = ("--preset", "quick", "--epochs", "1", "--quiet")
LOOKS = {
    "the story": (),
    "both maps of all images": ("--maps", "--split", "all", "--samples", "all"),
    "the page to explore": ("--explorer",),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data-dir", default=DataConfig().data_dir, metavar="DIR")
    parser.add_argument("--counts", nargs="*", type=int, default=[], metavar="N")
    parser.add_argument("--sides", nargs="*", type=int, default=[], metavar="PIXELS")
    parser.add_argument("--markdown", action="store_true", help="rewrite docs/results.md")
    arguments = parser.parse_args()
    data = datasets.load_dataset("mnist", data_dir=arguments.data_dir)
    pixels = np.concatenate([data.train_pixels, data.test_pixels])
    labels = np.concatenate([data.train_labels, data.test_labels])
    tables: dict[str, dict[str, dict[str, Times]]] = {"growth": {}, "growth-sides": {}}
    for count in arguments.counts:
        rng = np.random.default_rng(0)
        rows = rng.choice(len(pixels), count, replace=count > len(pixels))
        found = measure(shift(pixels[rows], rng), labels[rows])
        tables["growth"][f"{count:,}"] = found
    for side in arguments.sides:
        rows = np.random.default_rng(0).choice(len(pixels), OF_EACH_SIDE, replace=False)
        large = resize(pixels[rows], side, side, Image.Resampling.BICUBIC)
        tables["growth-sides"][f"{side}x{side}"] = measure(large, labels[rows])
    for name, times in tables.items():
        if times:
            lines = list(list_times(times))
            print("\n".join(lines), flush=True)
            if arguments.markdown:
                rewrite_table(name, lines)


def shift(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shifts each image, uint8 (N, H, W, C), by a whole number of pixels, in place."""
    span = np.arange(-MOST_SHIFTED, MOST_SHIFTED + 1)
    down, across = (rng.choice(span, len(pixels)) for _ in range(2))
    for one in span:
        for other in span:
            own = (down == one) & (across == other)
            pixels[own] = np.roll(pixels[own], (one, other), axis=(1, 2))
    return pixels


def measure(pixels: np.ndarray, labels: np.ndarray) -> dict[str, Times]:
    """The times of all commands on images, uint8 (N, H, W, C), by what they do."""
    with tempfile.TemporaryDirectory() as place:
        folder, tested = Path(place), max(1, round(TESTED * len(pixels)))
        train = {"x_train": pixels[tested:], "y_train": labels[tested:]}
        test = {"x_test": pixels[:tested], "y_test": labels[:tested]}
        np.savez(folder / "images.npz", allow_pickle=False, **train, **test)
        run = ["--run", "grown", "--models-dir", place]
        learn = [str(PROJECT / "train_cae.py"), "--dataset", str(folder / "images.npz"), *EPOCH]
        look = [str(PROJECT / "visualize.py"), "--outputs-dir", place, "--quiet"]
        commands = {"an epoch": learn, **{what: [*look, *flags] for what, flags in LOOKS.items()}}
        found = {}
        for what, command in commands.items():
            found[what] = time_script([*command, *run], PROJECT, folder)
            print(f"{pixels.shape} {what}: {found[what]}", file=sys.stderr, flush=True)
        return found


def list_times(measured: dict[str, dict[str, Times]]) -> Iterator[str]:
    """Seconds and memory, a line of Markdown for each size."""
    columns = next(iter(measured.values()))
    yield f"| | {' | '.join(columns)} |"
    yield "|" + "---|" * (1 + len(columns))
    for name, found in measured.items():
        cells = [f"{times.wall:.0f} s, {times.memory:.1f} GiB" for times in found.values()]
        yield f"| {name} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
