"""The sketch of a tensor: a few sums that tell how far two tensors are apart.

A count-sketch: element `i`, times a sign that every machine gives it alike, is added to the sum
`i mod k`. Sketches are linear, so the difference of two is the sketch of the difference. For any
tensor x with sums s, the expectation of ‖s‖² over the signs is ‖x‖², and where x is spread over
the sums, its relative standard deviation is √(2/k): that of ‖s‖ is about √(1/2k), 6 % for the 127
sums of a matrix or of a tensor of 4,096 elements, 13 % for the 31 sums of a shorter vector. A
tensor that has no more elements than sums, and a change of a single element, are exact. The worst
case is a difference that lies in one sum, such as one column of a matrix whose rows are a multiple
of k long: k is a prime, so that layers have no such rows.

Sources: Alon, Matias and Szegedy, "The space complexity of approximating the frequency moments"
(1996); Charikar, Chen and Farach-Colton, "Finding frequent items in data streams" (2002).

The sums are kept as integers of 24 bits times a common power of two, so that changes down to about
10⁻⁶ of a tensor's size are seen.
"""

from __future__ import annotations

import binascii
import math
import struct
from base64 import b64encode
from collections.abc import Sequence

WIDE, NARROW = 127, 31
_LONG = 4096
_BITS = 23
_TOP = (1 << _BITS) - 1
_EXPONENTS = range(-1100, 1025)

Sums = Sequence[float]


def width(shape: Sequence[int]) -> int:
    """Return how many sums the sketch of a tensor of this shape has."""
    elements = math.prod(shape)
    matrix = sum(size > 1 for size in shape) > 1
    return min(elements, WIDE if matrix or elements >= _LONG else NARROW)


def encode(sums: Sums) -> str:
    """Return a sketch as text; empty where all sums are zero, or one isn't finite.

    The text is the base64 of the exponent (16 bits), the lower 16 bits of each integer and the
    upper 8 bits of each, little-endian.
    """
    if not any(sums) or not all(map(math.isfinite, sums)):
        return ""
    exponent = math.frexp(max(map(abs, sums)))[1]
    scaled = [_whole(value, exponent) for value in sums]
    count = len(scaled)
    data = struct.pack(
        f"<h{count}H{count}b",
        exponent,
        *(value & 0xFFFF for value in scaled),
        *(value >> 16 for value in scaled),
    )
    return b64encode(data).decode()


def decode(text: str, shape: Sequence[int]) -> tuple[float, ...] | None:
    """Return the sums of a tensor of this shape; None if `text` isn't their sketch."""
    count = width(shape)
    layout = f"<h{count}H{count}b"
    try:
        data = binascii.a2b_base64(text.encode(), strict_mode=True)
        exponent, *parts = struct.unpack(layout, data)
    except (binascii.Error, ValueError, struct.error):
        return None
    if exponent not in _EXPONENTS:
        return None
    step = math.ldexp(1.0, exponent - _BITS)
    highs = parts[count:]
    return tuple([(high * 65_536 + low) * step for high, low in zip(highs, parts, strict=False)])


def distance(one: Sums, other: Sums) -> float:
    """Return the estimate of ‖B - A‖ from the sketches of A and B, which have the same width."""
    return math.dist(one, other)


def product(one: Sums, other: Sums) -> float:
    """Return the estimate of the inner product of A and B from their sketches."""
    return math.fsum(a * b for a, b in zip(one, other, strict=True))


def _whole(value: float, exponent: int) -> int:
    return min(round(math.ldexp(value, _BITS - exponent)), _TOP)
