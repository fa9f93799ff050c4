"""Storing the images of a study in one way or another, and measuring what comes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any

import numpy as np

from latentspace.analysis import scores
from latentspace.chapters.compression import codecs, coding
from latentspace.chapters.study import Study
from latentspace.core.pixels import count_images_at_once, to_uint8, to_unit_range
from latentspace.datasets import choose_limited

MEASURED_IMAGES = 10_000
ALONE_IMAGES = 2_000  # stored as a file each
SIMILARITY_IMAGES = 500
SHOWN_IMAGES = 10
BITS = (2, 3, 4, 6, 8)  # for each unit
BITS_OF_A_BYTE = 8
SHEET, ALONE = "in one sheet", "in single files"

Numbers = dict[str, Any]  # what is measured of one setting, see `methods.Method`


def _count_table_bytes(quantiser: coding.Quantiser) -> int:
    return quantiser.table_bytes


class Storing:
    """The test images that are stored, and what each way of storing them costs and loses."""

    def __init__(self, study: Study) -> None:
        self.study = study

    @cached_property
    def rows(self) -> np.ndarray:
        """Test images that are measured: all, or a fixed choice of more."""
        pixels = self.study.data.test_pixels
        return choose_limited(len(pixels), min(MEASURED_IMAGES, count_images_at_once(pixels)))

    @cached_property
    def alone_rows(self) -> np.ndarray:
        """Those among `rows`, by place, that are stored as a file each."""
        return choose_limited(len(self.rows), ALONE_IMAGES)

    @cached_property
    def similar(self) -> np.ndarray:
        """Those among `alone_rows`, by place, of which structural similarity is measured."""
        return choose_limited(len(self.alone_rows), SIMILARITY_IMAGES)

    @cached_property
    def shown(self) -> np.ndarray:
        """Those among `rows`, by place, that are shown.

        The first of each class where there are ten classes, else the first ones of all.
        """
        labels = self.study.data.test_labels[self.rows]
        _, firsts = np.unique(labels, return_index=True)
        return firsts if len(firsts) == SHOWN_IMAGES else np.arange(len(self.rows))[:SHOWN_IMAGES]

    @cached_property
    def pixels(self) -> np.ndarray:
        """The images of `rows`, uint8 (N, H, W, C)."""
        return self.study.data.test_pixels[self.rows]

    @cached_property
    def images(self) -> np.ndarray:
        """The same, float32 in [0, 1]."""
        return to_unit_range(self.pixels)

    def measure_bits(
        self,
        plain: str,
        coded: str,
        *,
        table: np.ndarray,
        codes: np.ndarray,
        decode: Callable[[np.ndarray], np.ndarray],
        tables: Callable[[coding.Quantiser], int] = _count_table_bytes,
    ) -> dict[str, Numbers]:
        """The same cells twice: packed plainly, and entropy coded; by the names of the methods."""
        found: dict[str, dict[str, Numbers]] = {plain: {}, coded: {}}
        for bits in BITS:
            quantiser = coding.fit_by_range(table, bits)
            symbols = quantiser.quantise(codes)
            numbers = self.measure(
                decode(quantiser.dequantise(symbols)),
                -(-symbols.size * bits // BITS_OF_A_BYTE),  # packed without any coding
                tables=tables(quantiser),
            )
            stream = self._divide_size(len(quantiser.encode(symbols)))
            setting = f"{bits} bits a unit"
            found[plain][setting], found[coded][setting] = numbers, {**numbers, "sizes": stream}
        return {name: to_columns(settings) for name, settings in found.items()}

    def measure_steps(
        self,
        steps: np.ndarray,
        *,
        table: np.ndarray,
        codes: np.ndarray,
        decode: Callable[[np.ndarray], np.ndarray],
        tables: Callable[[coding.Quantiser], int] = _count_table_bytes,
    ) -> Numbers:
        """Cells of the same width for all units, entropy coded, at several widths."""
        found = {}
        for step in steps:
            quantiser = coding.fit_by_step(table, step)
            symbols = quantiser.quantise(codes)
            found[f"step {step:.3g}"] = self.measure(
                decode(quantiser.dequantise(symbols)),
                len(quantiser.encode(symbols)),
                tables=tables(quantiser),
            )
        return to_columns(found)

    def make_file_tasks(self, codec: codecs.Codec) -> dict[tuple[str, str], Callable[[], Numbers]]:
        """What there is to measure of a codec, by names of method and setting."""
        tasks: dict[tuple[str, str], Callable[[], Numbers]] = {}

        def store_in_sheets(quality: int | None, block: int, halved: bool) -> Numbers:
            size, back = codecs.store_in_sheets(
                self.pixels, codec, quality, block=block, halved=halved
            )
            return self.measure(to_unit_range(back), size)

        def store_alone(quality: int | None) -> Numbers:
            size, back = codecs.store_alone(self.pixels[self.alone_rows], codec, quality)
            return self.measure(to_unit_range(back), size, among=self.alone_rows)

        for halved, qualities in ((False, codec.qualities), (True, codec.half_qualities)):
            if not qualities:
                continue
            block = codecs.find_best_block(self.pixels, codec, halved=halved)
            for quality in qualities:
                words = [
                    *(["half size"] if halved else []),
                    "lossless" if quality is None else f"quality {quality}",
                    *([f"blocks of {block}"] if block > 1 else []),
                ]
                name = f"{codec.name} {SHEET}", ", ".join(words)
                tasks[name] = partial(store_in_sheets, quality, block, halved)
                if codec.is_small and not halved:
                    tasks[f"{codec.name} {ALONE}", words[0]] = partial(store_alone, quality)
        return tasks

    def measure(
        self, back: np.ndarray, size: int, *, tables: int = 0, among: np.ndarray | None = None
    ) -> Numbers:
        """Numbers of one setting.

        Args:
            back: What comes back, float32 (N, H, W, C) in [0, 1], of all `rows`, or of those
                `among` them.
            size: Bytes of all these together.
            tables: Bytes of what does not grow with them.
            among: Places among `rows`.
        """
        images = self.images if among is None else self.images[among]
        similar = self.alone_rows[self.similar] if among is None else self.similar
        return {
            "sizes": self._divide_size(size, len(images)),
            "mse": scores.squared_errors(images, back).mean(),
            "ssim": scores.structural_similarity(images[similar], back[similar]).mean(),
            "tables": float(tables),
            "shown": to_uint8(back[self.shown] if among is None else back[:0]),
        }

    def _divide_size(self, size: int, count: int | None = None) -> float:
        """Bytes an image; a stream of nothing counts as one byte."""
        return max(1, size) / (count or len(self.rows))


def to_columns(settings: Mapping[str, Numbers]) -> Numbers:
    """Numbers by setting -> an array for each number, with the names of the settings."""
    names = next(iter(settings.values()))
    columns = {name: np.array([numbers[name] for numbers in settings.values()]) for name in names}
    return {"settings": np.array(list(settings)), **columns}
