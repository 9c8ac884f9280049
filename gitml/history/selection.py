"""The columns that make a row, and the row that they make."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import msgspec

from gitml.history.rows import Event, Row
from gitml.values import Scalar, as_number

_WIDTH = (
    "c.oid, e.name, {study}, e.status, e.created, e.started, e.committed, {position}, e.author,"
    " e.mail, e.params, e.metrics, e.fingerprint, e.lookup, e.digests, e.reusable, e.seconds,"
    " e.base, e.primary_metric, e.tags, e.notes, e.hidden, e.complete, e.problem"
)
ALL = (
    f"SELECT {_WIDTH.format(study='e.study', position='e.position')}"
    " FROM experiments e JOIN commits c ON c.id = e.id"
)
OF_STUDY = (
    f"SELECT {_WIDTH.format(study='l.study', position='l.position')}"
    " FROM line l JOIN experiments e ON e.id = l.id JOIN commits c ON c.id = l.id"
)
NEWEST = " ORDER BY e.committed DESC, e.position DESC"
decode_values = msgspec.json.Decoder(dict[str, Scalar]).decode
decode_texts = msgspec.json.Decoder(dict[str, str]).decode
decode_list = msgspec.json.Decoder(tuple[str, ...]).decode


def row_of(found: Sequence[Any]) -> Row:
    """Return the row that was found by `ALL` or `OF_STUDY`."""
    values = [
        *found[:10],
        decode_values(found[10]),
        decode_values(found[11]),
        found[12],
        found[13],
        decode_texts(found[14]),
        bool(found[15]),
        *found[16:19],
        decode_list(found[19]) if found[19] else (),
        decode_list(found[20]) if found[20] else (),
        bool(found[21]),
        bool(found[22]),
        found[23],
    ]
    return Row(*values)


def event_of(found: Sequence[Any]) -> Event:
    """Return the event whose columns were found in the order of its fields."""
    values = [*found[:6], json.loads(found[6])]
    return Event(*values)


def rank(found: Sequence[tuple[int, str]], metric: str, highest: bool) -> list[int]:
    """Return the numbers of those whose JSON metrics have a finite `metric`, the best first."""
    valued = []
    for number, metrics in found:
        value = as_number(decode_values(metrics).get(metric))
        if value is not None and (isinstance(value, int) or math.isfinite(value)):
            valued.append((value, number))
    valued.sort(key=lambda pair: pair[0], reverse=highest)
    return [number for _, number in valued]
