"""Arrays in one run of bytes, from which JavaScript reads them as 32-bit floats."""

from typing import Any

import numpy as np

EXACT_VALUES = 4096  # arrays that are no larger keep 32 bits
LARGEST_STEP = 2**15 - 1  # of a 16-bit integer


class Blob:
    """Arrays one after the other: the bytes of `data`, in groups of four."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = bytearray(data)
        self._places: dict[bytes, dict[str, Any]] = {}

    def add(self, array: np.ndarray, *, exact: bool = False) -> dict[str, Any]:
        """Appends an array, if it is small or `exact` as 32-bit floats, else as 16-bit floats.

        Returns where it lies: "offset" in bytes, "size" in values, and "scale" of 16-bit floats.
        """
        values = np.ascontiguousarray(array, np.float32)
        if exact or values.size <= EXACT_VALUES:
            return self._append(values)
        scale = float(np.abs(values).max()) or 1.0
        return self._append((values / scale).astype(np.float16), scale=scale)

    def add_columns(self, array: np.ndarray) -> dict[str, Any]:
        """Appends an array (N, D) as 16-bit integers, each column between its ends."""
        low, high = array.min(axis=0), array.max(axis=0)
        step = np.where(high > low, (high - low) / (2 * LARGEST_STEP), 1.0)
        middle = (low + high) / 2
        counted = np.rint((array - middle) / step).astype(np.int16)
        columns = {"middle": middle.astype(float).tolist(), "step": step.astype(float).tolist()}
        return self._append(counted, **columns)

    def _append(self, values: np.ndarray, **more: Any) -> dict[str, Any]:
        written = values.astype(values.dtype.newbyteorder("<")).tobytes()
        key = repr(more).encode() + written
        if key not in self._places:
            place = {"offset": len(self.data), "size": values.size, **more}
            self.data += written + bytes(-len(written) % 4)
            self._places[key] = place
        return self._places[key]
