"""Storing the images of a study in one way or another, and measuring what comes back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from latentspace.analysis import scores
from latentspace.chapters.compression import codecs, coding
from latentspace.chapters.study import Study
from latentspace.core.pixels import count_images_held, to_uint8, to_unit_range
from latentspace.datasets import choose_limited

MEASURED_IMAGES = 4_000
ALONE_IMAGES = 2_000  # stored as a file each
SIMILARITY_IMAGES = 500
SHOWN_IMAGES = 10
BITS = (2, 3, 4, 6, 8)  # for each unit
SHEET, ALONE = "in one sheet", "in single files"

Numbers = dict[str, Any]  # what is measured of one setting, or of several, see `Method`


@dataclass(frozen=True)
class Coded:
    """Images as codes that cells are to make small."""

    table: np.ndarray  # training codes, float (M, D), that cells and frequencies are learnt from
    codes: np.ndarray  # of the measured images, float (N, D)
    decode: Callable[[np.ndarray], np.ndarray]  # codes (N, D) -> float32 (N, H, W, C) in [0, 1]
    vector_bytes: int = 0  # needed besides for each unit of several cells, and once for the mean


class Storing:
    """The test images that are stored, and what each way of storing them costs and loses."""

    def __init__(self, study: Study) -> None:
        """Chooses rows, int64: `rows` of the test images are measured; others are places in these.

        `alone_rows` are stored as a file each, `similar` of these are compared, and `shown` are the
        first of each of ten classes, else of all.
        """
        self.study, data = study, study.data
        count = min(MEASURED_IMAGES, count_images_held(data.test_pixels))
        self.rows = choose_limited(len(data.test_pixels), count)
        self.alone_rows = choose_limited(len(self.rows), ALONE_IMAGES)
        self.similar = choose_limited(len(self.alone_rows), SIMILARITY_IMAGES)
        firsts = np.unique(data.test_labels[self.rows], return_index=True)[1]
        first = np.arange(len(self.rows))[:SHOWN_IMAGES]
        self.shown = firsts if len(firsts) == SHOWN_IMAGES else first

    @cached_property
    def pixels(self) -> np.ndarray:
        """The images of `rows`, uint8 (N, H, W, C)."""
        return self.study.data.test_pixels[self.rows]

    @cached_property
    def images(self) -> np.ndarray:
        """The same, float32 in [0, 1]."""
        return to_unit_range(self.pixels)

    def measure_bits(self, name: str, coded: Coded) -> dict[str, Numbers]:
        """As many cells for each unit, packed plainly, and the same entropy coded."""
        cells = {f"{bits} bits a unit": coding.fit_by_range(coded.table, bits) for bits in BITS}
        found = self._measure_cells(coded, cells)
        packed = [-(-coded.codes.size * bits // 8) for bits in BITS]  # bytes
        plain = {**found, "sizes": np.array(packed) / len(coded.codes)}
        return {f"{name}, plain": plain, f"{name}, entropy coded": found}

    def measure_steps(self, coded: Coded, steps: np.ndarray) -> Numbers:
        """Cells of the same width for all units, entropy coded, at several widths."""
        cells = {f"step {step:.3g}": coding.fit_by_step(coded.table, step) for step in steps}
        return self._measure_cells(coded, cells)

    def _measure_cells(self, coded: Coded, quantisers: Mapping[str, coding.Quantiser]) -> Numbers:
        found = {}
        for setting, quantiser in quantisers.items():
            symbols = quantiser.quantise(coded.codes)
            vectors = int(np.count_nonzero(quantiser.levels > 1)) + 1
            tables = quantiser.table_bytes + vectors * coded.vector_bytes
            back, size = coded.decode(quantiser.dequantise(symbols)), len(quantiser.encode(symbols))
            found[setting] = self.measure(back, size, tables=tables)
        return gather_settings(found)

    def make_file_tasks(self, codec: codecs.Codec) -> dict[tuple[str, str], Callable[[], Numbers]]:
        """What there is to measure of a codec, by names of method and setting."""
        tasks: dict[tuple[str, str], Callable[[], Numbers]] = {}
        alone = self.pixels[self.alone_rows]
        for halved, qualities in ((False, codec.qualities), (True, codec.half_qualities)):
            if not qualities:
                continue
            block = codecs.find_best_block(self.pixels, codec, halved=halved)
            for quality in qualities:
                fidelity = "lossless" if quality is None else f"quality {quality}"
                words = ["half size"] * halved + [fidelity] + [f"blocks of {block}"] * (block > 1)
                store = partial(
                    codecs.store_in_sheets, self.pixels, codec, quality, block=block, halved=halved
                )
                name = f"{codec.name} {SHEET}", ", ".join(words)
                tasks[name] = partial(self._measure_files, store)
                if codec.is_small and not halved:
                    store = partial(codecs.store_alone, alone, codec, quality)
                    name = f"{codec.name} {ALONE}", fidelity
                    tasks[name] = partial(self._measure_files, store, among=self.alone_rows)
        return tasks

    def _measure_files(
        self, store: Callable[[], tuple[int, np.ndarray]], among: np.ndarray | None = None
    ) -> Numbers:
        size, back = store()
        return self.measure(to_unit_range(back), size, among=among)

    def measure(
        self, back: np.ndarray, size: int, *, tables: int = 0, among: np.ndarray | None = None
    ) -> Numbers:
        """Numbers of one setting.

        What comes back is float32 (N, H, W, C) in [0, 1], of all `rows`, or of those at the places
        `among` them; `size` is its bytes, `tables` those of what does not grow with it.
        """
        images = self.images if among is None else self.images[among]
        similar = self.alone_rows[self.similar] if among is None else self.similar
        return {
            "sizes": max(1, size) / len(images),
            "mse": scores.squared_errors(images, back).mean(),
            "ssim": scores.structural_similarity(images[similar], back[similar]).mean(),
            "tables": float(tables),
            "shown": to_uint8(back[self.shown] if among is None else back[:0]),
        }


def gather_settings(settings: Mapping[str, Numbers]) -> Numbers:
    """What was measured at several settings, by name, as the fields of a `Method`."""
    names = next(iter(settings.values()))
    columns = {name: np.array([numbers[name] for numbers in settings.values()]) for name in names}
    return {"settings": np.array(list(settings)), **columns}
