"""The elements of tensors as numbers, from the bytes of a safetensors file.

The module needs numpy, so it is imported by the function that uses it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[Any]

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

_EXACT = frozenset({"F64", "I64", "U64", "I32", "U32"})
_ROW = 4096


def is_decoded(dtype: str) -> bool:
    """Whether there is a decoder of an element type (there is none of F4 and F6)."""
    return dtype in _PLAIN or dtype in _SMALL or dtype in ("BF16", "C64", "F8_E8M0")


def is_double(dtype: str) -> bool:
    """Whether elements of a type are decoded to double precision."""
    return dtype in _EXACT


def decoder(dtype: str) -> Callable[[memoryview], Floats]:
    """Return what makes an array of bytes, in single precision if that holds every element.

    Elements of F32 and F64 are seen where they are; C64 stays complex.

    Raises:
        KeyError: if the elements of the type aren't decoded.
    """
    if dtype == "BF16":
        return _bfloats
    if dtype in _SMALL or dtype == "F8_E8M0":
        table = _table(dtype)
        # No index is out of range; saying so is three times as fast.
        return lambda piece: table.take(np.frombuffer(piece, np.uint8), mode="clip")
    plain = "<c8" if dtype == "C64" else _PLAIN[dtype]
    if dtype in ("F32", "F64", "C64"):
        return lambda piece: np.frombuffer(piece, plain)
    target = np.float64 if dtype in _EXACT else np.float32
    return lambda piece: np.frombuffer(piece, plain).astype(target)


def sum_of_squares(values: Floats) -> float:
    """Return the sum of squares, in the precision of the values for 4,096 of them at a time.

    Larger products would wake the threads of BLAS, which stand in the way of each other when
    several of ours call it.
    """
    whole = values.size - values.size % _ROW
    total = 0.0
    if whole:
        rows = values[:whole]
        products = np.matmul(rows.reshape(-1, 1, _ROW), rows.reshape(-1, _ROW, 1))
        total = float(products.sum(dtype=np.float64))
    rest = values[whole:]
    return total + float(rest.dot(rest)) if rest.size else total


def _bfloats(piece: memoryview) -> Floats:
    bits = np.frombuffer(piece, "<u2").astype("<u4")
    bits <<= 16
    return bits.view("<f4")


@cache
def _table(dtype: str) -> Floats:
    """Return the values of all 256 patterns of an 8-bit float.

    Source of the formats: https://arxiv.org/abs/2209.05433 and, for those without a negative
    zero, https://arxiv.org/abs/2206.02915; E8M0 is a power of two.
    """
    if dtype == "F8_E8M0":
        values = [2.0 ** (code - 127) for code in range(255)] + [math.nan]
    else:
        values = [_small_float(code, dtype, *_SMALL[dtype]) for code in range(256)]
    return np.array(values, np.float32)


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
