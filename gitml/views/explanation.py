"""Why something is new: the nearest experiments, and every input that differs from each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitml.values import Scalar
from gitml.views import sentences, values
from gitml.views.sheet import Section
from gitml.views.table import FIXED, Cell, Column, Table

if TYPE_CHECKING:
    from gitml.comparison.explanation import Detail, Explanation, Neighbour
    from gitml.inputs.pieces import Lines, Piece

_DETAILS = (12, 6)  # of the nearest experiment, and of the others
_PIECES = 6
_LONGEST = 60
_DIGEST = 7
_BLANK = Cell("", "")
_WORDS = {
    "formatting": "comments or formatting",
    "mode": "another mode",
    "type": "another type",
    "moved": "now at",
    "sources": "other sources",
    "added": "new",
}


def sections(explanation: Explanation, *, planned: str = "") -> list[Section]:
    """Return the sections of the explanation, one for each experiment that is near.

    Args:
        explanation: What there is to say.
        planned: Name of what the experiments are compared with; empty for what would run.
    """
    found = [
        _neighbour(neighbour, _DETAILS[place > 0], planned)
        for place, neighbour in enumerate(explanation.neighbours)
    ]
    said = [*explanation.caps, explanation.closing, *explanation.notes]
    return [*found, Section(lines=tuple(values.escape(text) for text in said if text))]


def document(explanation: Explanation) -> dict[str, Any]:
    """Return the explanation as JSON has it."""
    from gitml.views.documents import plain

    return {
        "nearest": [
            {
                "experiment": one.row.experiment,
                "commit": one.row.commit,
                "study": one.row.study,
                "metrics": plain(one.row.metrics),
                "level": one.level,
                "differences": [_plain(detail) for detail in one.details],
            }
            for one in explanation.neighbours
        ],
        "cap": explanation.cap,
        "caps": list(explanation.caps),
        "closing": explanation.closing,
        "notes": list(explanation.notes),
    }


def _plain(detail: Detail) -> dict[str, Any]:
    from gitml.views.documents import plain

    found: dict[str, Any] = plain(detail)
    return found


def _neighbour(neighbour: Neighbour, limit: int, planned: str) -> Section:
    row = neighbour.row
    counting = sum(detail.counts for detail in neighbour.details)
    said = f"{values.plural(counting, 'input')} differ{'s' if counting == 1 else ''}"
    if not counting:
        said = "nothing differs" if not neighbour.details else "nothing that counts differs"
    chosen = row.primary if row.primary in row.metrics else next(iter(sorted(row.metrics)), "")
    more = f", {sentences.metrics({chosen: row.metrics[chosen]})}" if chosen else ""
    title = f"{values.escape(row.experiment)} ({values.commit(row.commit)}{more})"
    shown = neighbour.details[:limit]
    rows = [line for detail in shown for line in _rows(detail)]
    columns = (
        Column("input", keep=FIXED),
        Column("name", keep=FIXED, narrow=16, middle=True),
        Column("difference", keep=FIXED, narrow=28),
        Column("why", keep=60, narrow=14),
    )
    left = len(neighbour.details) - len(shown)
    lines = [f"… and {values.plural(left, 'more input')} (--json has all)"] if left else []
    against = f" → {values.escape(planned)}" if planned else ""
    return Section(
        f"{title}{against}: {values.escape(neighbour.level)}, {said}",
        Table(columns, tuple(rows), headed=False),
        tuple(lines),
    )


def _rows(detail: Detail) -> list[tuple[Cell | Scalar, ...]]:
    """Return one line for the input, and one for each further piece of it."""
    texts = _texts(detail)
    why = _why(detail)
    first = texts[0] if texts else _WORDS.get(detail.change, detail.change)
    rows: list[tuple[Cell | Scalar, ...]] = [
        (
            Cell(detail.input, detail.input),
            Cell(values.escape(detail.name), detail.name),
            _cell(first),
            Cell(values.escape(why), why, "" if detail.counts else "dim"),
        )
    ]
    rows += [(_BLANK, _BLANK, _cell(text), _BLANK) for text in texts[1:]]
    return rows


def _why(detail: Detail) -> str:
    """Return what the input is, and why it counts or doesn't."""
    known = detail.kind if detail.input in ("settings", "data", "partition") else ""
    said = ", ".join(filter(None, [known, detail.why]))
    return said if detail.counts else f"doesn't count: {said}".rstrip(": ")


def _cell(text: str) -> Cell:
    return Cell(values.escape(text), text)


def _texts(detail: Detail) -> list[str]:
    """Return what differs in an input, line by line."""
    texts = [_headline(detail)] if _headline(detail) else []
    texts += [_piece(piece) for piece in detail.pieces[:_PIECES]]
    left = len(detail.pieces) - _PIECES + detail.more
    if left > 0:
        texts.append(f"… and {left:,} more")
    if detail.lines is not None:
        texts.append(_lines(detail.lines))
    if detail.note:
        texts.append(detail.note)
    return texts


def _headline(detail: Detail) -> str:
    """Return the step from one value to the other, where the values say something."""
    if detail.input in ("settings", "command", "partition"):
        if detail.change in ("added", "removed"):
            value = detail.planned if detail.change == "added" else detail.recorded
            return f"{'new' if detail.change == 'added' else 'no longer'}: {_value(value, detail)}"
        return f"{_value(detail.recorded, detail)} → {_value(detail.planned, detail)}"
    if detail.input == "libraries":
        if detail.change == "sources":
            return _WORDS["sources"]
        step = f" ({detail.change})" if detail.change not in ("added", "removed") else ""
        return f"{detail.recorded or values.MISSING} → {detail.planned or values.MISSING}{step}"
    if detail.change == "moved":
        return f"now at {detail.planned}"
    if detail.change == "kind":
        return f"{detail.recorded} → {detail.planned}"
    if detail.input == "data" and detail.change == "changed" and detail.pieces:
        count = len(detail.pieces) + detail.more
        return f"{values.plural(count, 'file')} differ{'s' if count == 1 else ''}"
    return "" if detail.pieces or detail.lines else _WORDS.get(detail.change, detail.change)


def _value(value: Scalar, detail: Detail) -> str:
    """Return a value; where only the type differs, so that it shows."""
    if detail.change == "type" and isinstance(value, str):
        return f'"{value}"'
    text = values.scalar(value)
    return values.cut(text, _LONGEST) if detail.input == "settings" else text


def _piece(piece: Piece) -> str:
    line = f" (line {piece.line})" if piece.line and piece.kind in ("statement",) else ""
    if piece.change == "renamed":
        return f"{piece.was} is now {piece.name}"
    aspect = f" ({piece.aspect})" if piece.aspect else ""
    what = "docstring" if piece.kind == "docstring" else ""
    name = f"{piece.name} {what}".strip()
    return f"{name} {piece.change}{aspect}{line}"


def _lines(lines: Lines) -> str:
    return f"+{lines.added:,} -{lines.removed:,} lines from line {lines.first:,}"
