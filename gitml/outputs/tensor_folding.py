"""Making the sketch of a tensor that arrives in pieces; see `tensor_sketch` for what it is.

The signs of 130,048 elements repeat from block to block. What a block adds up to is turned by as
many places, and has the signs, that its number says. All of these are bits of SHAKE-256, so that
every machine has the same ones and no tensor is so long that they repeat.

The module needs numpy, so it is imported by the function that uses it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from gitml.outputs import tensor_sketch

BLOCK = tensor_sketch.WIDE * 1024
_SEED = b"gitml tensor sketch 1"
# Sums of so many terms lose no digit that counts in the precision of 32 bits.
_RUN = 64

Floats = npt.NDArray[np.floating[Any]]


class Folding:
    """The sums of one tensor.

    Args:
        shape: Its dimensions.
    """

    def __init__(self, shape: Sequence[int]) -> None:
        self._width = tensor_sketch.width(shape)
        self._block = BLOCK - BLOCK % max(self._width, 1)
        self._position = 0
        self._sums = np.zeros(self._width)

    def add(self, values: Floats) -> None:
        """Take the next elements, all of them finite, in single or double precision."""
        while values.size:
            number, at = divmod(self._position, self._block)
            part = values[: self._block - at]
            places, signs = _turn(number, self._width)
            self._sums += _folded(part, at, self._width)[places] * signs
            self._position += part.size
            values = values[part.size :]

    def text(self) -> str:
        """Return the sketch as it is recorded."""
        return tensor_sketch.encode(self._sums.tolist())


def _folded(values: Floats, at: int, width: int) -> npt.NDArray[np.float64]:
    """Return the sums of values that begin at position `at` of a block."""
    lead = at % width
    rows = -(-(lead + values.size) // width)
    if lead or values.size != rows * width:
        padded = np.zeros(rows * width, values.dtype)
        padded[lead : lead + values.size] = values
        values = padded
    signs = _signs(values.dtype.str)[at - lead : at - lead + values.size]
    whole = rows - rows % _RUN
    sums = np.zeros(width)
    for first, last in ((0, whole), (whole, rows)):
        if first < last:
            shape = (-1, min(_RUN, last - first), width)
            part, sign = (
                array[first * width : last * width].reshape(shape) for array in (values, signs)
            )
            sums += np.einsum("crk,crk->ck", part, sign).sum(axis=0, dtype=np.float64)
    return sums


@cache
def _signs(dtype: str) -> Floats:
    bits = np.frombuffer(hashlib.shake_256(_SEED).digest(BLOCK // 8), np.uint8)
    signs: Floats = np.unpackbits(bits).astype(dtype) * 2 - 1
    return signs


@lru_cache(maxsize=8192)
def _turn(number: int, width: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """Return which sum of a block each place gets, and with which sign."""
    data = hashlib.shake_256(_SEED + b" block %d" % number).digest(2 + -(-width // 8))
    places = (np.arange(width) + int.from_bytes(data[:2], "little")) % width
    bits = np.unpackbits(np.frombuffer(data[2:], np.uint8))[:width]
    return places, bits.astype(np.float64) * 2 - 1
