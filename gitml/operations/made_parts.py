"""What several processes of a run logged under one name: joined by id, or kept side by side."""

from __future__ import annotations

import csv
import filecmp
import io
import math
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import msgspec

from gitml.outputs.csv_rows import row_writer

# Kind → how many columns after the id say what an example is (None: all).
_JOINED: dict[str, int | None] = {"predictions": 2, "explanations": None}
_LONGEST_CELL = 1 << 24
_QUOTED = frozenset('"\r\n')


class Joined(msgspec.Struct, frozen=True):
    """What became of several files of one name.

    Attributes:
        files: Name → file.
        warnings: Sentences that users should see.
    """

    files: dict[str, Path]
    warnings: tuple[str, ...] = ()


def join_parts(kind: str, name: str, parts: dict[str, Path], target: Path) -> Joined:
    """Return one file where parts are the same or can be joined by id, and all of them otherwise.

    Args:
        kind: Of the files.
        name: That they were logged under.
        parts: Label of a process (empty for the first) → what it logged.
        target: Where to write the joined file; its folder exists.

    Raises:
        OSError: if a file can't be read or written.
    """
    labels = sorted(parts, key=_order)
    different = [labels[0]]
    for label in labels[1:]:
        if not any(filecmp.cmp(parts[label], parts[one], shallow=False) for one in different):
            different.append(label)
    if len(different) == 1:
        return Joined({name: parts[different[0]]})
    files = [parts[label] for label in different]
    if kind in _JOINED and name.endswith(".csv"):
        contradicting = _join(files, target, _JOINED[kind])
        if contradicting is not None:
            return Joined({name: target}, _about(name, len(files), contradicting))
    return _side_by_side(name, different, files)


def _side_by_side(name: str, labels: Sequence[str], files: Sequence[Path]) -> Joined:
    numbers = count(2)
    found = {name: files[0]}
    for label, file in zip(labels[1:], files[1:], strict=True):
        known = label.partition("-")[0] if label.startswith("rank") else f"part{next(numbers)}"
        found[with_label(name, known, found)] = file
    said = f"{len(files)} processes logged {name}, each another; they are {', '.join(found)}."
    return Joined(found, (said,))


def with_label(name: str, label: str, taken: dict[str, Path]) -> str:
    """Return a name with a label before its suffix: `errors.rank1.csv`."""
    folder, slash, file = name.rpartition("/")
    stem, dot, suffix = file.partition(".")
    for number in count(1):
        more = f".{number}" if number > 1 else ""
        found = f"{folder}{slash}{stem}.{label}{more}{dot}{suffix}"
        if found not in taken:
            return found
    raise AssertionError


def _order(label: str) -> tuple[bool, int, str]:
    """Return a key that sorts the first process first, then ranks by number, then others."""
    rank = label.partition("-")[0].removeprefix("rank")
    return bool(label), int(rank) if rank.isdecimal() else 1 << 62, label


def _about(name: str, many: int, contradicting: Sequence[str]) -> tuple[str, ...]:
    if not contradicting:
        return ()
    more = f" and {len(contradicting) - 1:,} more ids" if len(contradicting) > 1 else ""
    return (
        f"{many} processes logged {name}, and don't agree on {contradicting[0][:80]!a}{more}; "
        "all of their rows are kept, and such examples are not compared.",
    )


def _join(files: Sequence[Path], target: Path, counting: int | None) -> list[str] | None:
    """Write the rows of all files sorted by id; return the ids that they don't agree on.

    None where their columns differ, or one can't be read.
    """
    rows: dict[str, list[str]] = {}  # id → lines: whole rows would take several times the memory
    header: list[str] = []
    contradicting: dict[str, None] = {}
    end = None if counting is None else 1 + counting
    usual = csv.field_size_limit(_LONGEST_CELL)
    try:
        for file in files:
            lines = _rows(file)
            first = next(lines, [])
            if not first or header not in ([], first):
                return None
            header = first
            for row in lines:
                if len(row) != len(header):
                    return None
                known = rows.setdefault(row[0], [])
                if known and any(_same(_parsed(one)[1:end], row[1:end]) for one in known):
                    continue
                if known:
                    contradicting[row[0]] = None
                known.append(_line(row))
    except (csv.Error, UnicodeDecodeError):
        return None
    finally:
        csv.field_size_limit(usual)
    with target.open("w", encoding="utf-8", newline="") as text:
        text.write(_line(header))
        text.writelines(line for one in sorted(rows) for line in rows[one])
    return sorted(contradicting)


def _rows(file: Path) -> Iterator[list[str]]:
    with file.open(encoding="utf-8", newline="") as text:
        yield from csv.reader(text, strict=True)


def _line(row: Sequence[str]) -> str:
    line = ",".join(row)
    if line.count(",") == len(row) - 1 and _QUOTED.isdisjoint(line):
        return f"{line}\n"
    text = io.StringIO(newline="")
    row_writer(text).writerow(row)
    return text.getvalue()


def _parsed(line: str) -> list[str]:
    return next(csv.reader(io.StringIO(line, newline="")))


def _same(one: Sequence[str], other: Sequence[str]) -> bool:
    return all(a == b or _close(a, b) for a, b in zip(one, other, strict=True))


def _close(one: str, other: str) -> bool:
    # The last batch of another process is summed in another order.
    try:
        return math.isclose(float(one), float(other), rel_tol=1e-4, abs_tol=1e-10)
    except ValueError:
        return False
