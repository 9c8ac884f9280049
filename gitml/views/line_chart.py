"""Several curves over each other, drawn with Braille dots (or letters) for a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import msgspec

from gitml.views import values
from gitml.views.curves import Line, Range, resampled, share, span

# How each curve is told from the others without colours: of every so many dots so many are drawn;
# what stands beside its name; and its letter where there is only ASCII.
_STROKES = ((1, 1, "──", "a"), (3, 6, "╌╌", "b"), (1, 3, "┄┄", "c"), (7, 9, "─╌", "d"))
MOST_CURVES = len(_STROKES)

_BRAILLE = 0x2800
# Bits of the eight dots of a character: two columns of four, from the top.
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
# Positive values of which the middle 80 % span more than this are drawn over their logarithms: one
# that is nearly zero, as at the start, doesn't make it so.
_SPAN = 100.0
_NARROWEST, _NAME = 12, 20

Grid = list[list[int]]


def chart(
    lines: Sequence[Line], width: int, height: int, *, unit: str = "step", plain: bool = False
) -> list[str]:
    """Return curves over each other as rows of characters; empty where they can't be drawn.

    Each has its own stroke (or letter), with its name and last value beside its end.

    Args:
        lines: At most `MOST_CURVES`.
        width: Of the whole, in columns.
        height: Rows, without the axis below; at least as many as there are curves.
        unit: What the x-axis counts.
        plain: Whether to use ASCII only.
    """
    x = span([at for line in lines for at in line.xs])
    y = span([value for line in lines for value in line.ys])
    if x is None or y is None or x[0] == x[1]:
        return []
    logarithmic = _is_wide([value for line in lines for value in line.ys if math.isfinite(value)])
    names = [_name(line, place, plain=plain) for place, line in enumerate(lines)]
    ticks = _ticks(*y)
    margin = max(map(len, ticks))
    columns = width - margin - 4 - max(map(values.width, names))
    if columns < _NARROWEST:
        return []
    scale = (math.log10(y[0]), math.log10(y[1])) if logarithmic else y
    drawn = [_logarithms(line) if logarithmic else line for line in lines]
    rows = (_letters if plain else _braille)(drawn, columns, height, x, scale)
    ends = [_end(line, scale, height) for line in drawn]
    labels = _beside(ends, names, height)
    axis = "|" if plain else "│"
    told = [ticks[1], *[""] * (height - 2), ticks[0]]
    shown = [
        f"{tick:>{margin}} {axis}{text}  {label}".rstrip()
        for tick, text, label in zip(told, rows, labels, strict=True)
    ]
    return [*shown, _below(x, margin + 2, columns, f"{unit}, log scale" if logarithmic else unit)]


def _name(line: Line, place: int, *, plain: bool) -> str:
    _, _, stroke, letter = _STROKES[place]
    last = values.number(float(f"{line.ys[-1]:.4g}")) if line.ys else ""
    return f"{letter if plain else stroke} {values.cut(line.name, _NAME)} {last}".rstrip()


def _ticks(low: float, high: float) -> tuple[str, str]:
    for digits in (3, 4, 6, 9):
        ticks = (f"{low:.{digits}g}", f"{high:.{digits}g}")
        if ticks[0] != ticks[1]:
            break
    return ticks


def _is_wide(finite: Sequence[float]) -> bool:
    ordered = sorted(finite)
    low, high = ordered[len(ordered) // 10], ordered[-1 - len(ordered) // 10]
    return ordered[0] > 0 and high / low > _SPAN


def _logarithms(line: Line) -> Line:
    ys = [math.log10(value) if math.isfinite(value) else value for value in line.ys]
    return msgspec.structs.replace(line, ys=ys)


def _braille(lines: Sequence[Line], columns: int, height: int, x: Range, y: Range) -> list[str]:
    cells: Grid = [[0] * columns for _ in range(height)]
    for place, line in enumerate(lines):
        drawn, of = _STROKES[place][:2]
        for across, down in _path(line, columns * 2, height * 4, x, y):
            if across % of < drawn or len(line.xs) == 1:
                cells[down // 4][across // 2] |= _DOTS[across % 2][down % 4]
    return ["".join(chr(_BRAILLE + cell) if cell else " " for cell in row) for row in cells]


def _letters(lines: Sequence[Line], columns: int, height: int, x: Range, y: Range) -> list[str]:
    cells = [[" "] * columns for _ in range(height)]
    for place, line in enumerate(lines):
        letter = _STROKES[place][3]
        for across, down in _path(line, columns, height, x, y):
            there = cells[down][across]
            cells[down][across] = letter if there in (" ", letter) else "*"
    return ["".join(row) for row in cells]


def _path(line: Line, wide: int, high: int, x: Range, y: Range) -> Iterator[tuple[int, int]]:
    """Yield the dots of a curve, as (from the left, from the top)."""
    before: int | None = None
    for across, value in enumerate(resampled(line, wide, x, y)):
        if value is None or not math.isfinite(value):
            before = None
            continue
        down = _down(value, y, high)
        start = down if before is None else before
        step = 1 if start < down else -1
        # A steep curve is as tall as it rises, so that it stays one line.
        for dot in range(start + step if start != down else down, down + step, step):
            yield across, dot
        before = down


def _down(value: float, y: Range, high: int) -> int:
    middle = y[0] == y[1]
    return (high - 1) // 2 if middle else round((1 - share(value, *y)) * (high - 1))


def _end(line: Line, y: Range, height: int) -> int:
    last = next((value for value in reversed(line.ys) if math.isfinite(value)), y[0])
    return _down(last, y, height)


def _beside(ends: Sequence[int], names: Sequence[str], height: int) -> list[str]:
    """Return a name for each row: that of the curve that ends there, or near it."""
    labels = [""] * height
    for end, name in sorted(zip(ends, names, strict=True), key=lambda pair: pair[0]):
        free = [row for row in range(height) if not labels[row]]
        labels[min(free, key=lambda row: abs(row - end))] = name
    return labels


def _below(x: Range, margin: int, columns: int, unit: str) -> str:
    first, last = (f"{at:,.0f}" if float(at).is_integer() else f"{at:.4g}" for at in x)
    middle = unit.center(max(0, columns - len(first) - len(last)))
    return f"{'':{margin}}{first}{middle}{last}"
