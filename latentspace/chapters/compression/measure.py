"""Codes as a way to store images, against principal components and image files."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import cached_property
from typing import Any

import numpy as np

from latentspace.chapters.chapter import LOWER, Chapter, Row, value_in
from latentspace.chapters.compression import codecs
from latentspace.chapters.compression.draw import RateLine
from latentspace.chapters.compression.methods import (
    Method,
    Verdict,
    compare_codes,
    find_best_within,
    pareto_front,
)
from latentspace.chapters.compression.storing import ALONE, SHEET, Coded, Storing, gather_settings
from latentspace.chapters.study import Groups, Study
from latentspace.core.pixels import count_images_held, to_unit_range
from latentspace.core.processes import count_cores
from latentspace.core.provenance import hash_content
from latentspace.datasets import choose_limited
from latentspace.drawing.grids import Grid

TABLE_IMAGES = 10_000  # training images that cells and frequencies are learnt from
BUDGET_BITS = (2, 4, 6, 8)  # for each unit, packed plainly: the picture's budgets
SHOWN_SIDE = 56  # pixels of an image in it
CODE_STEPS = np.geomspace(2.8, 0.1, 8)  # in root mean square deviations of a unit
PCA_STEPS = np.geomspace(2.0, 0.05, 16)  # in deviations of the first component
MOST_COMPONENTS = 400
FLOAT_BYTES = 4

FLOATS, ONE_STEP = "codes, float32", "codes, one step for all units"
PCA_ONE_STEP = "PCA, one step for all components"
STYLES = {"plain": "dashed", ONE_STEP: "dotted", ALONE: "dashed"}  # of lines, by how a name ends


class Compression(Chapter):
    """Bytes and errors of codes, of principal components and of image files."""

    section = "compression"
    needs = ("decoder", "images")

    def __init__(self, study: Study) -> None:
        super().__init__(study)
        self.storing = Storing(study)

    @cached_property
    def codes(self) -> dict[str, Method]:
        """Quantised codes in their forms, and `FLOATS`, what they are before."""
        study, storing = self.study, self.storing

        def encode_table() -> dict[str, np.ndarray]:
            # Encoded alone: a code's last digits depend on what else is encoded with it.
            chosen = study.fit_indices[choose_limited(len(study.fit_indices), TABLE_IMAGES)]
            return {"codes": study.run.encode(study.data.train_images[chosen])}

        def compute() -> Groups:
            codes = study.codes[storing.rows]
            key = study.whole.model_key
            table = study.load_or_compute("compression_table", encode_table, *key)["codes"]
            spread = float(np.sqrt(table.var(axis=0).mean())) or 1.0
            coded = Coded(table, codes, study.run.decode)
            floats = storing.measure(study.run.decode(codes), codes.nbytes)
            return {
                FLOATS: gather_settings({"float32": floats}),
                **storing.measure_bits("codes", coded),
                ONE_STEP: storing.measure_steps(coded, CODE_STEPS * spread),
            }

        return self._load_or_compute("compression_codes", compute, *study.model_key)

    @cached_property
    def components(self) -> dict[str, Method]:
        """Principal components: as many as units at as many bits, and at their best."""
        study, storing, few = self.study, self.storing, self.study.run.latent_dim

        def compute() -> Groups:
            chosen = study.fit_images
            encode, decode_all = study.make_linear_autoencoder(MOST_COMPONENTS)
            count = min(TABLE_IMAGES, count_images_held(chosen))
            table = encode(chosen[choose_limited(len(chosen), count)])
            codes = encode(storing.images)
            spread = float(table[:, 0].std()) or 1.0
            vector_bytes = FLOAT_BYTES * storing.pixels[0].size

            def decode(parts: np.ndarray) -> np.ndarray:
                return decode_all(np.pad(parts, ((0, 0), (0, codes.shape[1] - parts.shape[1]))))

            best = Coded(table, codes, decode, vector_bytes)
            same = Coded(table[:, :few], codes[:, :few], decode, vector_bytes)
            return {
                **storing.measure_bits(f"PCA {few}", same),
                PCA_ONE_STEP: storing.measure_steps(best, PCA_STEPS * spread),
            }

        key = (study.data.hash, hash_content(study.fit_indices), few)
        return self._load_or_compute("compression_components", compute, *key)

    @cached_property
    def files(self) -> dict[str, Method]:
        """Image files, by codec and by whether each image has a file of its own."""
        known = codecs.list_available()

        def compute() -> Groups:
            with ThreadPoolExecutor(count_cores()) as pool:  # codecs run beside each other
                by_codec = pool.map(self.storing.make_file_tasks, known)
                tasks = {names: task for made in by_codec for names, task in made.items()}
                found: dict[str, dict[str, Any]] = {}
                with self.study.make_bar("image files", len(tasks)) as bar:
                    results = pool.map(lambda task: task(), tasks.values())
                    for (name, setting), numbers in zip(tasks, results, strict=True):
                        found.setdefault(name, {})[setting] = numbers
                        bar.update()
            return {name: gather_settings(settings) for name, settings in found.items()}

        key = (self.study.data.hash, *(codec.name for codec in known))
        return self._load_or_compute("compression_files", compute, *key)

    @property
    def methods(self) -> dict[str, Method]:
        return {**self.codes, **self.components, **self.files}

    @property
    def lossless(self) -> dict[str, float]:
        """Bytes of an image by each way of storing it that loses nothing."""
        kinds = [codec.name for codec in codecs.CODECS if codec.is_lossless]
        names = [f"{kind} {form}" for kind in kinds for form in (SHEET, ALONE)]
        return {name: float(self.files[name].sizes[0]) for name in names}

    @property
    def lines(self) -> list[RateLine]:
        """All curves; a method of one setting is a line of one point."""
        found = []
        for name, method in self.methods.items():
            family = re.split(", | in ", name)[0]
            style = next((style for end, style in STYLES.items() if name.endswith(end)), "solid")
            sizes, lost = pareto_front((method.sizes, 1 - method.ssim))
            curves = pareto_front(method.curve), (sizes, 1 - lost)
            found.append(RateLine(name, family, style, *curves))
        return found

    @property
    def budgets(self) -> list[Grid]:
        """The same images as they are, and by the best of codes, PCA and each codec in sheets.

        A grid for what codes of each of `BUDGET_BITS` take.
        """
        losing = [codec.name for codec in codecs.list_available() if not codec.is_lossless]
        sheets = [f"{name} {SHEET}" for name in losing]
        kinds = [self._forms, self.components, *({name: self.files[name]} for name in sheets)]
        originals = self.storing.images[self.storing.shown]
        found = [Grid([], ["original"], originals[np.newaxis], thumbnail=SHOWN_SIDE)]
        for bits in BUDGET_BITS:
            budget, names, rows = self.study.run.latent_dim * bits / 8, [], []
            for methods in kinds:
                name, at = find_best_within(methods, budget)
                method, size = methods[name], float(methods[name].sizes[at])
                cost = f"{size:.1f} bytes{' (over)' * (size > budget)}, error {method.mse[at]:.5f}"
                names.append(f"{name}, {method.settings[at]}\n{cost}")
                rows.append(to_unit_range(method.shown[at]))
            title = f"at most {budget:g} bytes an image"
            found.append(Grid([], names, np.stack(rows), title, thumbnail=SHOWN_SIDE))
        return found

    @cached_property
    def verdict(self) -> Verdict:
        error, size = float(self.codes[FLOATS].mse[0]), self.study.run.decoder_bytes
        others = {**self.components, **self.files}
        return compare_codes(self._forms, others, error=error, decoder_bytes=size)

    @cached_property
    def metrics(self) -> dict[str, Any]:
        return {
            "images": len(self.storing.rows),
            "images_in_a_file_each": len(self.storing.alone_rows),
            "images_of_ssim": len(self.storing.similar),
            "pixel_bytes": self.storing.pixels[0].size,
            "methods": {
                name: [
                    {
                        "setting": str(setting),
                        "bytes": float(method.sizes[at]),
                        "mse": float(method.mse[at]),
                        "ssim": float(method.ssim[at]),
                        "table_bytes": int(method.tables[at]),
                    }
                    for at, setting in enumerate(method.settings)
                ]
                for name, method in self.methods.items()
            },
            "lossless_bytes": self.lossless,
            "decoder_bytes": self.study.run.decoder_bytes,
            **asdict(self.verdict),
        }

    @property
    def rows(self) -> list[Row]:
        found = self.metrics
        words = "Bytes an image at an error near the codes' least"
        others = {"best other method": "nearest_bytes", "pixels as they are": "pixel_bytes"}
        beside = {who: value_in(found, name) for who, name in others.items()}
        rows = [
            Row(words, value_in(found, "chosen_bytes"), beside, better=LOWER, digits=1),
            Row("Bytes of the decoder", value_in(found, "decoder_bytes"), digits=0),
        ]
        if found["break_even_images"] is not None:
            words = "Images from which on the decoder pays"
            rows.append(Row(words, value_in(found, "break_even_images"), digits=0))
        return rows

    @property
    def answer(self) -> str:
        found = self.verdict
        line = (
            f"at {found.chosen_bytes:.1f} bytes an image the codes give a mean squared error of "
            f"{found.chosen_mse:.5f}; "
        )
        if found.nearest is None:
            line += "no alternative reaches that error"
        else:
            line += f"the nearest alternative at that error, {found.nearest}, needs "
            line += f"{found.nearest_bytes:.1f}"
        if found.break_even_images is not None:
            pays = f"pays from {found.break_even_images:,} images on"
            line += f"; the decoder ({self.study.run.decoder_bytes / 1e6:.1f} MB) {pays}"
        if found.overtaken_by is None:
            return f"{line}; nothing that was measured beats them with more bytes"
        at = f"from {found.overtaken_at_bytes:.1f} bytes on"
        return f"{line}; {at} {found.overtaken_by} is better"

    @property
    def _forms(self) -> dict[str, Method]:
        return {name: method for name, method in self.codes.items() if name != FLOATS}

    def _load_or_compute(
        self, kind: str, compute: Callable[[], Groups], *key: str | int
    ) -> dict[str, Method]:
        groups = self.study.load_or_compute_groups(kind, compute, *key)
        return {name: Method(**numbers) for name, numbers in groups.items()}
