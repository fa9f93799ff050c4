"""Codes in few bytes: quantised unit by unit, written by a range coder."""

from dataclasses import dataclass

import numpy as np

TAILS = (0.0, 0.0001, 0.001, 0.005, 0.02, 0.05)  # shares of the codes beyond either end of a range
SMOOTHING = 0.5  # added to every count, so that what was never seen can be written too
ENTRY_BYTES = 8  # a symbol's probability and value, float32 each


@dataclass(frozen=True)
class Quantiser:
    """Uniform cells for each unit of a code, learnt from training codes."""

    low: np.ndarray  # float64 (D,), where a unit's first cell begins
    step: np.ndarray  # float64 (D,), width of a unit's cells
    levels: np.ndarray  # int64 (D,), cells of each unit, 1 or more; the outer ones are open
    # float32 (D, K), what stands for a cell: the mean of the training codes in it, the best choice
    # for the squared error; the middle of an empty cell.
    values: np.ndarray
    counts: np.ndarray  # int64 (D, K), training codes in each cell

    def quantise(self, codes: np.ndarray) -> np.ndarray:
        """Codes (N, D) -> the number of the cell of each value, int32 (N, D) from 0."""
        return _find_cells(codes, self.low, self.step, self.levels)

    def dequantise(self, symbols: np.ndarray) -> np.ndarray:
        """Numbers of cells (N, D) -> codes, float32 (N, D)."""
        return self.values[np.arange(len(self.low)), symbols]

    @property
    def table_bytes(self) -> int:
        """What the tables take where they have to be stored too."""
        return int(self.levels.sum()) * ENTRY_BYTES

    def encode(self, symbols: np.ndarray) -> bytes:
        """Writes cells (N, D) as one stream by range coding (Martin 1979; Bamler's library)."""
        from constriction import stream

        encoder = stream.queue.RangeEncoder()
        for unit in np.flatnonzero(self.levels > 1).tolist():  # the others need no bytes
            weights = self.counts[unit, : self.levels[unit]] + SMOOTHING
            model = stream.model.Categorical(weights / weights.sum(), perfect=False)
            encoder.encode(np.ascontiguousarray(symbols[:, unit]), model)
        return encoder.get_compressed().astype("<u4").tobytes()


def fit_by_range(codes: np.ndarray, bits: int) -> Quantiser:
    """2^bits cells, of 1 bit or more, for each unit over the range of training codes (N, D).

    Of a few ranges, with more or less of the tails, each unit gets that of least squared error.
    """
    levels = np.full(codes.shape[1], 2**bits)
    best, least = np.zeros((2, codes.shape[1])), np.full(codes.shape[1], np.inf)
    for tail in TAILS:
        low, high = np.quantile(codes, (tail, 1 - tail), axis=0)
        step = (high - low) / levels
        step = np.where(step > 0, step, 1.0)  # 1 for a unit that never moves
        made = _fit(codes, low, step, levels)
        error = np.square(codes - made.dequantise(made.quantise(codes))).mean(axis=0)
        best = np.where(error < least, [low, step], best)
        least = np.minimum(error, least)
    return _fit(codes, best[0], best[1], levels)


def fit_by_step(codes: np.ndarray, step: float) -> Quantiser:
    """Cells of one width for all units of training codes (N, D): transform coding (Goyal 2001)."""
    mean = codes.mean(axis=0, dtype=np.float64)
    first, last = (np.rint((end - mean) / step) for end in (codes.min(axis=0), codes.max(axis=0)))
    low = mean + (first - 0.5) * step
    return _fit(codes, low, np.full(len(mean), step), (last - first).astype(np.int64) + 1)


def _find_cells(
    codes: np.ndarray, low: np.ndarray, step: np.ndarray, levels: np.ndarray
) -> np.ndarray:
    return np.clip(np.floor((codes - low) / step), 0, levels - 1).astype(np.int32)


def _fit(codes: np.ndarray, low: np.ndarray, step: np.ndarray, levels: np.ndarray) -> Quantiser:
    """Cells with the tables that the codes (N, D) give them."""
    units, most = len(low), int(levels.max())
    places = (_find_cells(codes, low, step, levels) + most * np.arange(units)).ravel()
    counts = np.bincount(places, minlength=units * most).reshape(units, most)
    sums = np.bincount(places, codes.ravel(), units * most).reshape(units, most)
    middles = low[:, np.newaxis] + step[:, np.newaxis] * (np.arange(most) + 0.5)
    values = np.where(counts > 0, sums / np.maximum(counts, 1), middles)
    return Quantiser(low, step, levels, values.astype(np.float32), counts)
