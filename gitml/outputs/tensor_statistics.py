"""Norm, mean, deviation and largest value of a tensor that arrives in pieces.

The module needs numpy, so it is imported by the function that uses it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_PLAIN = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "u1",
    "BOOL": "u1",
}
# Exponent bits, fraction bits, bias.
_SMALL = {
    "F8_E5M2": (5, 2, 15),
    "F8_E4M3": (4, 3, 7),
    "F8_E5M2FNUZ": (5, 2, 16),
    "F8_E4M3FNUZ": (4, 3, 8),
}


class Statistics:
    """Sums over the pieces of one tensor, joined as Chan, Golub and LeVeque (1979) do."""

    def __init__(self, dtype: str) -> None:
        self._dtype = dtype
        self._table = _table(dtype)
        self._count = 0
        self._odd = 0
        self._mean = 0.0
        self._squares = 0.0
        self._spread = 0.0
        self._largest = 0.0

    @staticmethod
    def of(dtype: str) -> Statistics | None:
        """Return empty statistics, or None for an element type that isn't decoded (F4, F6)."""
        known = dtype in _PLAIN or dtype in _SMALL or dtype in ("BF16", "C64", "F8_E8M0")
        return Statistics(dtype) if known else None

    def add(self, piece: memoryview) -> None:
        """Take the next bytes, which must be whole elements."""
        with np.errstate(all="ignore"):
            self._add(self._decode(piece))

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
        }

    def _add(self, values: Floats) -> None:
        squares = float(values.dot(values))
        if not math.isfinite(squares):
            finite = np.isfinite(values)
            self._odd += int(values.size - np.count_nonzero(finite))
            values = values[finite]
            squares = float(values.dot(values))
        if not values.size:
            return
        count = values.size
        self._largest = max(self._largest, float(values.max()), -float(values.min()))
        mean = float(values.mean())
        spread = squares - count * mean * mean
        if spread < 1e-6 * squares:  # too few digits are left of the difference
            values = values - mean
            spread = float(values.dot(values))
        total = self._count + count
        shift = mean - self._mean
        self._spread += spread + shift * shift * self._count * count / total
        self._mean += shift * count / total
        self._squares += squares
        self._count = total

    def _decode(self, piece: memoryview) -> Floats:
        if self._table is not None:
            decoded: Floats = self._table[np.frombuffer(piece, np.uint8)]
            return decoded
        if self._dtype == "BF16":
            bits = np.frombuffer(piece, "<u2").astype(np.uint32) << 16
            values: npt.NDArray[Any] = bits.view(np.float32)
        elif self._dtype == "C64":
            values = np.abs(np.frombuffer(piece, "<c8"))
        else:
            values = np.frombuffer(piece, _PLAIN[self._dtype])
        return values.astype(np.float64)


def _rounded(value: float) -> float | None:
    """Return six digits, so that the last bits of another processor make no difference."""
    return float(f"{value:.6g}") if math.isfinite(value) else None


def _table(dtype: str) -> Floats | None:
    """Return the values of all 256 patterns of an 8-bit float, or None for other types.

    Source of the formats: https://arxiv.org/abs/2209.05433 and, for those without a negative
    zero, https://arxiv.org/abs/2206.02915; E8M0 is a power of two.
    """
    if dtype == "F8_E8M0":
        return np.array([2.0 ** (code - 127) for code in range(255)] + [math.nan])
    if dtype not in _SMALL:
        return None
    exponent_bits, fraction_bits, bias = _SMALL[dtype]
    return np.array(
        [_small_float(code, dtype, exponent_bits, fraction_bits, bias) for code in range(256)]
    )


def _small_float(code: int, dtype: str, exponent_bits: int, fraction_bits: int, bias: int) -> float:
    sign = -1.0 if code & 0x80 else 1.0
    exponent = (code >> fraction_bits) & ((1 << exponent_bits) - 1)
    fraction = code & ((1 << fraction_bits) - 1)
    if dtype.endswith("FNUZ"):
        if code == 0x80:
            return math.nan
    elif dtype == "F8_E4M3":
        if code & 0x7F == 0x7F:
            return math.nan
    elif exponent == 31:
        return math.nan if fraction else sign * math.inf
    scale: float = 2.0**-fraction_bits
    if exponent == 0:
        return float(sign * fraction * scale * 2.0 ** (1 - bias))
    return float(sign * (1 + fraction * scale) * 2.0 ** (exponent - bias))
