"""Norm, mean, deviation, largest value and sketch of a tensor that arrives in pieces.

The module needs numpy, so it is imported by the function that uses it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gitml.outputs.tensor_elements import Floats, decoder, is_decoded, sum_of_squares
from gitml.outputs.tensor_folding import Folding


class Statistics:
    """Sums over the pieces of one tensor, joined as Chan, Golub and LeVeque (1979) do.

    Args:
        dtype: Element type of safetensors.
        shape: Of the tensor; None for no sketch of it.
    """

    def __init__(self, dtype: str, shape: Sequence[int] | None = None) -> None:
        self._dtype = dtype
        self._decode = decoder(dtype)
        self._folding = Folding(shape) if shape is not None and dtype != "C64" else None
        self._count = 0
        self._odd = 0
        self._mean = 0.0
        self._squares = 0.0
        self._spread = 0.0
        self._largest = 0.0

    @staticmethod
    def of(dtype: str, shape: Sequence[int] | None = None) -> Statistics | None:
        """Return empty statistics, or None for an element type that isn't decoded (F4, F6)."""
        return Statistics(dtype, shape) if is_decoded(dtype) else None

    def add(self, piece: memoryview) -> None:
        """Take the next bytes, which must be whole elements."""
        with np.errstate(all="ignore"):
            values = self._decode(piece)
            self._add(np.abs(values) if self._dtype == "C64" else values)

    def figures(self) -> dict[str, Any]:
        """Return the fields of `TensorSummary`: None where there is nothing to say."""
        if not self._count:
            return {"odd": self._odd} if self._odd else {}
        complex_ = self._dtype == "C64"
        return {
            "norm": _rounded(math.sqrt(self._squares)),
            "mean": None if complex_ else _rounded(self._mean),
            "deviation": None
            if complex_
            else _rounded(math.sqrt(max(self._spread, 0.0) / self._count)),
            "largest": _rounded(self._largest),
            "odd": self._odd,
            "sketch": "" if self._folding is None else self._folding.text(),
        }

    def _add(self, found: Floats) -> None:
        values = found.astype(np.float64)
        squares = sum_of_squares(values)
        if not math.isfinite(squares):
            finite = np.isfinite(values)
            found = np.where(finite, found, 0)
            values = values[finite]
            self._odd += int(finite.size - values.size)
            squares = sum_of_squares(values)
        if self._folding is not None:
            self._folding.add(found)
        if not values.size:
            return
        count = values.size
        # What was left out is zero here, which makes no value larger.
        self._largest = max(self._largest, float(found.max()), -float(found.min()))
        mean = float(values.mean())
        spread = squares - count * mean * mean
        if spread < 1e-6 * squares:  # too few digits are left of the difference
            values = values - mean
            spread = sum_of_squares(values)
        total = self._count + count
        shift = mean - self._mean
        self._spread += spread + shift * shift * self._count * count / total
        self._mean += shift * count / total
        self._squares += squares
        self._count = total


def _rounded(value: float) -> float | None:
    """Return six digits, so that the last bits of another processor make no difference."""
    return float(f"{value:.6g}") if math.isfinite(value) else None
