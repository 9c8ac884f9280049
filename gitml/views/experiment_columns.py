"""The columns of `gitml exp list`: attributes, metrics and settings of experiments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from gitml.errors import UsageError
from gitml.inputs.arguments import PREFIX
from gitml.values import Scalar
from gitml.views import values
from gitml.views.table import FIXED, Cell, Column
from gitml.views.values import Tone

if TYPE_CHECKING:
    from gitml.history.rows import Row

_TONES: dict[str, Tone] = {"failed": "bad", "unreadable": "bad"}


class Part(msgspec.Struct, frozen=True):
    """One column in the making: its head, and how a row fills it."""

    column: Column
    fill: Callable[[Row], Cell | Scalar]


def short(name: str) -> str:
    """Return the name of a setting as a title has it: `lr` for the argument `args.lr`."""
    return name.removeprefix(PREFIX)


def metric(name: str, keep: int) -> Part:
    """Return the column of a metric; `keep` says how long it stays in a narrow table."""
    return Part(
        Column(name, f"metrics.{name}", keep=keep), lambda row: _value(row, row.metrics, name)
    )


def setting(name: str, keep: int) -> Part:
    """Return the column of a setting; `keep` says how long it stays in a narrow table."""
    return Part(
        Column(short(name), f"params.{name}", keep=keep),
        lambda row: _value(row, row.params, name),
    )


def _value(row: Row, found: dict[str, Scalar], name: str) -> Cell | Scalar:
    if name in found:
        value = found[name]
        return Cell("null", None) if value is None else value
    return Cell("?", None, "dim") if not row.complete else None


_ATTRIBUTES: dict[str, tuple[Column, Callable[[Row], Cell | Scalar]]] = {
    "experiment": (
        Column("experiment", keep=FIXED, narrow=20),
        lambda row: Cell(
            values.escape(row.experiment), row.experiment, "dim" if row.hidden else ""
        ),
    ),
    "study": (Column("study", keep=86), lambda row: row.study),
    "created": (
        Column("created", keep=88),
        lambda row: Cell(values.age(row.created), row.created, "", values.time(row.created)),
    ),
    "status": (
        Column("status", keep=97),
        lambda row: Cell(row.status, row.status, _TONES.get(row.status, "")),
    ),
    "author": (Column("author", keep=20), lambda row: row.author),
    "mail": (Column("mail", keep=10), lambda row: row.mail),
    "tags": (Column("tags", keep=35), lambda row: _joined(row.tags)),
    "notes": (Column("notes", keep=30), lambda row: _joined(row.notes)),
    "seconds": (
        Column("took", "seconds", keep=40),
        lambda row: Cell(values.duration(row.seconds), row.seconds),
    ),
    "commit": (
        Column("commit", keep=50, narrow=7),
        lambda row: Cell(values.commit(row.commit), row.commit),
    ),
    "base": (
        Column("base", keep=15, narrow=7),
        lambda row: Cell(values.commit(row.base), row.base),
    ),
    "fingerprint": (Column("fingerprint", keep=15), lambda row: row.fingerprint),
    "problem": (Column("problem", keep=95), lambda row: row.problem),
}


def attribute(name: str) -> Part:
    """Return the column of something that every experiment has, such as its date."""
    return Part(*_ATTRIBUTES[name])


def named(name: str, rows: Sequence[Row]) -> Part:
    """Return the column that is meant: an attribute, `metrics.x`, `params.x`, or a bare name.

    Raises:
        UsageError: if no row has it.
    """
    if name in _ATTRIBUTES:
        return attribute(name)
    metrics = {key for row in rows for key in row.metrics}
    params = {key for row in rows for key in row.params}
    for prefix, known, make in (("metrics.", metrics, metric), ("params.", params, setting)):
        bare = name.removeprefix(prefix)
        if name.startswith(prefix) and (bare in known or f"args.{bare}" in known):
            return make(bare if bare in known else f"args.{bare}", 80)
    if name in metrics:
        return metric(name, 80)
    if name in params or f"args.{name}" in params:
        return setting(name if name in params else f"args.{name}", 80)
    raise _unknown(name, [*_ATTRIBUTES, *sorted(metrics), *sorted(params)])


def _unknown(name: str, known: Sequence[str]) -> UsageError:
    import difflib

    near = difflib.get_close_matches(name, known, n=3)
    hint = f"Did you mean {', '.join(near)}?" if near else f"There are: {', '.join(known[:20])}."
    return UsageError(f"There is no column {name!r} in these experiments.", hint=hint)


def _joined(texts: Sequence[str]) -> Cell:
    shown = ", ".join(values.escape(text) for text in texts)
    return Cell(shown, ", ".join(texts))
