"""Codes as a way to store images, against principal components and image files."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from typing import Any

import numpy as np

from latentspace import scores
from latentspace.compression import codecs, coding
from latentspace.compression.verdict import Method, Verdict, verdict
from latentspace.datasets import limited
from latentspace.files import content_hash
from latentspace.pixels import Chosen, images_at_once, to_uint8, to_unit_range
from latentspace.study.base import Base

MEASURED_IMAGES = 10_000
ALONE_IMAGES = 2_000  # stored as a file each
SIMILARITY_IMAGES = 500
TABLE_IMAGES = 10_000  # training images that cells and frequencies are learnt from
SHOWN_IMAGES = 10
BITS = (2, 3, 4, 6, 8)  # for each unit
BUDGET_BITS = (2, 4, 6, 8)  # for each unit, packed plainly: the picture's budgets
CODE_STEPS = np.geomspace(2.8, 0.1, 8)  # in root mean square deviations of a unit
PCA_STEPS = np.geomspace(2.0, 0.05, 10)  # in deviations of the first component
MOST_COMPONENTS = 400
FLOAT_BYTES = 4

FLOATS, PLAIN = "codes, float32", "codes, plain"
CODED, ONE_STEP = "codes, entropy coded", "codes, one step for all units"
PCA_ONE_STEP = "PCA, one step for all components"
SHEET, ALONE = "in one sheet", "in single files"

Numbers = dict[str, Any]  # what is measured of one setting, see `Method`


class Compression:
    """Bytes and errors of codes, of principal components and of image files."""

    def __init__(self, base: Base) -> None:
        self._base = base

    # --- which images

    @cached_property
    def rows(self) -> np.ndarray:
        """Test images that are measured: all, or a fixed choice of more."""
        pixels = self._base.data.test_pixels
        return limited(len(pixels), min(MEASURED_IMAGES, images_at_once(pixels)))

    @cached_property
    def alone(self) -> np.ndarray:
        """Those among `rows`, by place, that are stored as a file each."""
        return limited(len(self.rows), ALONE_IMAGES)

    @cached_property
    def similar(self) -> np.ndarray:
        """Those among `alone`, by place, of which structural similarity is measured."""
        return limited(len(self.alone), SIMILARITY_IMAGES)

    @cached_property
    def shown(self) -> np.ndarray:
        """Those among `rows`, by place, that are shown.

        The first of each class where there are ten classes, else the first ones of all.
        """
        labels = self._base.data.test_labels[self.rows]
        _, firsts = np.unique(labels, return_index=True)
        return firsts if len(firsts) == SHOWN_IMAGES else np.arange(len(self.rows))[:SHOWN_IMAGES]

    @cached_property
    def pixels(self) -> np.ndarray:
        """The images of `rows`, uint8 (N, H, W, C)."""
        return self._base.data.test_pixels[self.rows]

    @cached_property
    def images(self) -> np.ndarray:
        """The same, float32 in [0, 1]."""
        return to_unit_range(self.pixels)

    # --- what is measured

    @cached_property
    def codes(self) -> dict[str, Method]:
        """Quantised codes in their forms, and `FLOATS`, what they are before."""
        base = self._base

        def compute() -> dict[str, Numbers]:
            codes = base.codes[self.rows]
            table = self._training_codes(base.fitted[limited(len(base.fitted), TABLE_IMAGES)])
            spread = float(np.sqrt(table.var(axis=0).mean()))
            floats = self._measured(base.run.decode(codes), codes.nbytes)
            common = {"table": table, "codes": codes, "decode": base.run.decode}
            tables = _table_bytes
            return {
                FLOATS: _columns({"float32": floats}),
                **self._by_bits(PLAIN, CODED, tables=tables, **common),
                ONE_STEP: self._by_steps(CODE_STEPS * (spread or 1.0), tables=tables, **common),
            }

        return self._kept("compression_codes", compute, *base.model_key)

    @cached_property
    def components(self) -> dict[str, Method]:
        """Principal components: as many as units at as many bits, and at their best."""
        base, few = self._base, self._base.run.latent_dim

        def compute() -> dict[str, Numbers]:
            chosen = Chosen(base.data.train_pixels, base.fitted)
            encode, inverse = scores.linear_autoencoder(chosen, MOST_COMPONENTS)
            count = min(TABLE_IMAGES, images_at_once(chosen))
            table = encode(to_unit_range(chosen[limited(len(chosen), count)]))
            codes = encode(self.images)
            vector = FLOAT_BYTES * self.images[0].size

            def decode(parts: np.ndarray) -> np.ndarray:
                whole = np.pad(parts, ((0, 0), (0, codes.shape[1] - parts.shape[1])))
                return np.clip(inverse(whole), 0, 1).astype(np.float32)

            def tables(quantiser: coding.Quantiser) -> int:
                used = np.count_nonzero(quantiser.levels > 1) + 1  # the mean image too
                return int(used) * vector + quantiser.table_bytes

            spread = float(table[:, 0].std())
            common: dict[str, Any] = {"decode": decode, "tables": tables}
            return {
                **self._by_bits(
                    *self.pca_names, table=table[:, :few], codes=codes[:, :few], **common
                ),
                PCA_ONE_STEP: self._by_steps(
                    PCA_STEPS * (spread or 1.0), table=table, codes=codes, **common
                ),
            }

        key = (base.data.hash, content_hash(base.fitted), few)
        return self._kept("compression_components", compute, *key)

    @property
    def pca_names(self) -> tuple[str, str]:
        """What principal components, as many as units, are called: plain and entropy coded."""
        few = self._base.run.latent_dim
        return f"PCA {few}, plain", f"PCA {few}, entropy coded"

    @cached_property
    def files(self) -> dict[str, Method]:
        """Image files, by codec and by whether each image has a file of its own."""
        known = codecs.available()

        def compute() -> dict[str, Numbers]:
            with ThreadPoolExecutor(os.cpu_count()) as pool:  # codecs run beside each other
                blocks = pool.map(partial(codecs.best_block, self.pixels), known)
                tasks = [
                    (name, setting, task)
                    for codec, block in zip(known, blocks, strict=True)
                    for (name, setting), task in self._file_tasks(codec, block).items()
                ]
                found: dict[str, dict[str, Numbers]] = {}
                with self._base.bar("image files", len(tasks)) as bar:
                    results = pool.map(lambda task: task[2](), tasks)
                    for (name, setting, _), numbers in zip(tasks, results, strict=True):
                        found.setdefault(name, {})[setting] = numbers
                        bar.update()
            return {name: _columns(settings) for name, settings in found.items()}

        key = (self._base.data.hash, *(codec.name for codec in known))
        return self._kept("compression_files", compute, *key)

    @property
    def lossless(self) -> dict[str, float]:
        """Bytes of an image by each way of storing it that loses nothing."""
        kinds = [codec.name for codec in codecs.CODECS if codec.is_lossless]
        names = [f"{kind} {form}" for kind in kinds for form in (SHEET, ALONE)]
        return {name: float(self.files[name].sizes[0]) for name in names}

    @cached_property
    def verdict(self) -> Verdict:
        """What follows from all curves."""
        forms = {name: method for name, method in self.codes.items() if name != FLOATS}
        return verdict(
            forms,
            {**self.components, **self.files},
            error=float(self.codes[FLOATS].mse[0]),
            decoder_bytes=self._base.run.decoder_bytes,
        )

    @property
    def metrics(self) -> dict[str, Any]:
        """Bytes an image, errors and similarity of each method and setting, and the verdict."""
        found = self.verdict
        methods = {**self.codes, **self.components, **self.files}
        return {
            "images": len(self.rows),
            "images_in_a_file_each": len(self.alone),
            "images_of_ssim": len(self.similar),
            "pixel_bytes": self.pixels[0].size,
            "methods": {name: _listed(method) for name, method in methods.items()},
            "lossless_bytes": self.lossless,
            "chosen": f"{found.method}, {found.setting}",
            "chosen_bytes": found.size,
            "chosen_mse": found.mse,
            "nearest": found.nearest,
            "nearest_bytes": found.nearest_size,
            "decoder_bytes": self._base.run.decoder_bytes,
            "break_even_images": found.break_even,
            "overtaken_by": found.overtaken_by,
            "overtaken_at_bytes": found.overtaken_at,
        }

    @property
    def answer(self) -> str:
        """What codes cost and what the nearest alternative does, and where codes lose."""
        found = self.verdict
        parts = [
            f"at {found.size:.1f} bytes an image the codes give a mean squared error of "
            f"{found.mse:.5f}"
        ]
        if found.nearest is None:
            parts.append("no alternative reaches that error")
        else:
            parts.append(
                f"the nearest alternative at that error, {found.nearest}, needs "
                f"{found.nearest_size:.1f}"
            )
        if found.break_even is not None:
            parts.append(
                f"the decoder ({self._base.run.decoder_bytes / 1e6:.1f} MB) pays from "
                f"{found.break_even:,} images on"
            )
        if found.overtaken_at is None:
            parts.append("nothing that was measured beats them with more bytes")
        else:
            parts.append(f"from {found.overtaken_at:.1f} bytes on {found.overtaken_by} is better")
        return "; ".join(parts)

    # --- inside

    def _by_bits(
        self,
        plain: str,
        coded: str,
        *,
        table: np.ndarray,
        codes: np.ndarray,
        decode: Callable[[np.ndarray], np.ndarray],
        tables: Callable[[coding.Quantiser], int],
    ) -> dict[str, Numbers]:
        """The same cells twice: packed plainly, and entropy coded."""
        found: dict[str, dict[str, Numbers]] = {plain: {}, coded: {}}
        for bits in BITS:
            quantiser = coding.by_range(table, bits)
            symbols = quantiser.quantised(codes)
            numbers = self._measured(
                decode(quantiser.restored(symbols)),
                len(coding.packed(symbols, bits)),
                tables=tables(quantiser),
            )
            stream = self._per_image(len(quantiser.written(symbols)))
            setting = f"{bits} bits a unit"
            found[plain][setting], found[coded][setting] = numbers, {**numbers, "sizes": stream}
        return {name: _columns(settings) for name, settings in found.items()}

    def _by_steps(
        self,
        steps: np.ndarray,
        *,
        table: np.ndarray,
        codes: np.ndarray,
        decode: Callable[[np.ndarray], np.ndarray],
        tables: Callable[[coding.Quantiser], int],
    ) -> Numbers:
        found = {}
        for step in steps:
            quantiser = coding.by_step(table, step)
            symbols = quantiser.quantised(codes)
            found[f"step {step:.3g}"] = self._measured(
                decode(quantiser.restored(symbols)),
                len(quantiser.written(symbols)),
                tables=tables(quantiser),
            )
        return _columns(found)

    def _file_tasks(
        self, codec: codecs.Codec, block: int
    ) -> dict[tuple[str, str], Callable[[], Numbers]]:
        """What there is to measure of a codec, by names of method and setting."""
        tasks: dict[tuple[str, str], Callable[[], Numbers]] = {}

        def in_sheets(quality: int | None, halved: bool) -> Numbers:
            size, back = codecs.stored_in_sheets(
                self.pixels, codec, quality, block=block, halved=halved
            )
            return self._measured(to_unit_range(back), size)

        def by_itself(quality: int | None) -> Numbers:
            size, back = codecs.stored_alone(self.pixels[self.alone], codec, quality)
            return self._measured(to_unit_range(back), size, among=self.alone)

        for quality in codec.qualities:
            setting = "lossless" if quality is None else f"quality {quality}"
            padded = f", padded to multiples of {block}" if block > 1 else ""
            sheet = f"{codec.name} {SHEET}"
            tasks[sheet, setting + padded] = partial(in_sheets, quality, False)
            if quality in codec.coarse:
                tasks[sheet, f"half size, {setting}{padded}"] = partial(in_sheets, quality, True)
            if codec.is_small:
                tasks[f"{codec.name} {ALONE}", setting] = partial(by_itself, quality)
        return tasks

    def _measured(
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
        similar = self.alone[self.similar] if among is None else self.similar
        return {
            "sizes": self._per_image(size, len(images)),
            "mse": scores.squared_errors(images, back).mean(),
            "ssim": scores.structural_similarity(images[similar], back[similar]).mean(),
            "tables": float(tables),
            "shown": to_uint8(back[self.shown] if among is None else back[:0]),
        }

    def _per_image(self, size: int, count: int | None = None) -> float:
        """Bytes an image; a stream of nothing counts as one byte."""
        return max(1, size) / (count or len(self.rows))

    def _training_codes(self, rows: np.ndarray) -> np.ndarray:
        """Codes of some training images; where those of all are not known yet, these alone."""
        base = self._base
        if base.is_cached("codes", "train", *base.model_key):
            return base.train_codes[rows]
        return base.run.encode(base.data.train_pixels[rows])

    def _kept(
        self, kind: str, compute: Callable[[], Mapping[str, Numbers]], *key: str | int
    ) -> dict[str, Method]:
        groups = self._base.cached_groups(kind, compute, *key)
        return {name: Method(**numbers) for name, numbers in groups.items()}


def _table_bytes(quantiser: coding.Quantiser) -> int:
    return quantiser.table_bytes


def _columns(settings: Mapping[str, Numbers]) -> Numbers:
    """Numbers by setting -> what `Method` takes, an array for each number."""
    names = next(iter(settings.values()))
    columns = {name: np.array([numbers[name] for numbers in settings.values()]) for name in names}
    return {"settings": np.array(list(settings)), **columns}


def _listed(method: Method) -> list[dict[str, Any]]:
    """A method for metrics.json, a setting each."""
    return [
        {
            "setting": str(setting),
            "bytes": float(size),
            "mse": float(mse),
            "ssim": float(ssim),
            "table_bytes": int(tables),
        }
        for setting, size, mse, ssim, tables in zip(
            method.settings, method.sizes, method.mse, method.ssim, method.tables, strict=True
        )
    ]
