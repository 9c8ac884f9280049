"""`gitml exp diff`: what the predictions of two experiments say, in a few sections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gitml.comparison.statistics.wording import count, spell
from gitml.values import Scalar
from gitml.views import values
from gitml.views.flipped import flipped
from gitml.views.sheet import Section
from gitml.views.table import FIXED, Cell, Column, Table
from gitml.views.values import Tone

if TYPE_CHECKING:
    from gitml.comparison.contents import ComparedPredictions
    from gitml.comparison.statistics.agreement import Agreement
    from gitml.comparison.statistics.calibration import Calibration
    from gitml.comparison.statistics.estimates import Estimate
    from gitml.comparison.statistics.intervals import Interval
    from gitml.comparison.statistics.predictions import PredictionComparison
    from gitml.comparison.statistics.slices import Slice

_SLICES = 4
_CONFUSIONS = 6
_ALPHA = 0.05
_MORE = "--json has them"

Names = tuple[str, str]


def sections(found: Sequence[ComparedPredictions], titles: Sequence[str]) -> list[Section]:
    """Return the sections for the files of predictions that both experiments have.

    Args:
        found: The comparisons.
        titles: Names of the two experiments.
    """
    shown: list[Section] = []
    names = (values.escape(titles[0]), values.escape(titles[1])) if len(titles) > 1 else ("A", "B")
    for one in found:
        of = f" of {values.escape(one.path)}" if len(found) > 1 else ""
        notes = tuple(map(values.escape, one.notes))
        comparison = one.comparison
        if comparison is None:
            shown.append(Section(f"Predictions{of}", lines=notes))
            continue
        said = tuple(map(values.escape, comparison.notes))
        lines = (*_sentences(comparison, names), *said, *notes)
        shown += [
            Section(f"Predictions{of}", _estimates(comparison.estimates, names), lines),
            _slices(comparison, names, of),
            _confusion(comparison, of),
            flipped(comparison, names, of, pictures=len(one.pictures)),
        ]
    return shown


def _estimates(found: Sequence[Estimate], names: Names) -> Table:
    columns = ("metric", *names, "change", "interval")
    keeps = (FIXED, FIXED, FIXED, 95, 90)
    rows: list[tuple[Cell | Scalar, ...]] = []
    for row in found:
        width = row.interval.half_width if row.interval else 0.0
        cells = [Cell(_number(value, width), value) for value in (row.a, row.b)]
        better = (row.difference > 0) == (row.goal == "max")
        tone: Tone = ("good" if better else "bad") if _sure(row.interval) else ""
        rows.append((row.name, *cells, _step(row.difference, width, tone), _interval(row.interval)))
    headers = (Column(title, keep=keep) for title, keep in zip(columns, keeps, strict=True))
    return Table(tuple(headers), tuple(rows))


def _sure(interval: Interval | None) -> bool:
    return interval is not None and not interval.low <= 0 <= interval.high


def _step(step: float, width: float, tone: Tone) -> Cell:
    text = _number(abs(step), width) if step else "0"
    sign = "" if not step or not float(text) else "+" if step > 0 else "-"
    return Cell(f"{sign}{text}", step, tone)


def _interval(interval: Interval | None) -> Cell:
    if interval is None:
        return Cell("", "")
    low, high = (spell(end, interval.half_width) for end in (interval.low, interval.high))
    return Cell(f"{low} to {high}", f"{low} to {high}")


def _number(value: float, uncertainty: float = 0.0) -> str:
    return spell(value, uncertainty) if uncertainty else f"{value:.4g}"


def _sentences(comparison: PredictionComparison, names: Names) -> list[str]:
    lines = [_joined(comparison)] if comparison.left.shared else []
    if comparison.agreement is not None:
        lines += _agreement(comparison.agreement, comparison, names)
    elif comparison.left.shared:
        flips = comparison.flips
        lines.append(
            f"{names[1]} is closer to the truth on {flips.won:,}, {names[0]} on {flips.lost:,}."
        )
    calibrated = _calibration(comparison.calibration_a, comparison.calibration_b)
    return [*lines, calibrated] if calibrated else lines


def _joined(comparison: PredictionComparison) -> str:
    runs = comparison.runs
    groups = f" in {comparison.groups:,} groups" if comparison.groups is not None else ""
    over = f"; means over {runs[0]:,} and {runs[1]:,} runs" if max(runs) > 1 else ""
    return f"{count(comparison.left.shared, 'example')}{groups}, joined by id{over}."


def _agreement(found: Agreement, comparison: PredictionComparison, names: Names) -> list[str]:
    one, other = names
    if max(comparison.runs) > 1:
        said = f"{other} is right more often on {found.wins:,}, {one} on {found.losses:,}."
    else:
        said = f"Only {other} is right on {found.wins:,}, only {one} on {found.losses:,}."
    lines = [said, *_mcnemar(found)]
    lines.append(f"{_percent(found.churn)} of the predictions differ.")
    seeds = [
        f"{_percent(share)} ({name})"
        for name, share in ((one, found.churn_a), (other, found.churn_b))
        if share is not None
    ]
    return [*lines, f"Other seeds alone change {' and '.join(seeds)}."] if seeds else lines


def _mcnemar(found: Agreement) -> list[str]:
    if found.mcnemar is None or not found.wins + found.losses:
        return []
    p = found.mcnemar.p_value
    shown = "< 0.001" if p < 0.001 else f"= {p:.2g}"
    beyond = "more than chance explains" if p < _ALPHA else "no difference beyond chance"
    # It says nothing of how another training would turn out.
    return [f"McNemar's test of these two trainings: p {shown}, {beyond}."]


def _percent(share: float) -> str:
    return f"{share * 100:.2g} %" if 0 < share < 0.1 else f"{share * 100:.0f} %"


def _calibration(a: Sequence[Calibration], b: Sequence[Calibration]) -> str:
    if not (a and b):
        return ""
    means = [sum(one.ece for one in arm) / len(arm) for arm in (a, b)]
    return f"Calibration error (ECE): {_percent(means[0])} → {_percent(means[1])}."


def _slices(comparison: PredictionComparison, names: Names, of: str) -> Section:
    """Return the slices where the difference is largest, in both directions."""
    goal = "min" if comparison.task == "regression" else "max"
    ordered = sorted(comparison.slices, key=lambda row: _gain(row, goal))
    moved = [row for row in ordered if row.difference and row.examples >= 30]
    shown = moved if len(moved) <= 2 * _SLICES else moved[:_SLICES] + moved[-_SLICES:]
    rows: list[tuple[Cell | Scalar, ...]] = []
    for row in shown:
        width = row.interval.half_width if row.interval else 1 / row.examples
        tone: Tone = ("bad" if _gain(row, goal) < 0 else "good") if _sure(row.interval) else ""
        name = f"{values.escape(row.column)} = {values.escape(row.value) or values.MISSING}"
        cells = [Cell(_number(value, width), value) for value in (row.a, row.b)]
        step = _step(row.difference, width, tone)
        label = Cell(name, f"{row.column}={row.value}")
        rows.append((label, row.examples, *cells, step, _interval(row.interval)))
    titles = ("slice", "examples", *names, "change", "interval")
    keeps = (FIXED, 70, FIXED, FIXED, 95, 60)
    columns = (Column(title, keep=keep) for title, keep in zip(titles, keeps, strict=True))
    lines = []
    if len(comparison.slices) > len(shown) > 0:
        metric = comparison.slices[0].metric
        left = len(comparison.slices) - len(shown)
        lines.append(f"{metric} on parts of the test set; {left:,} more are alike or small.")
    if any(_sure(row.interval) for row in shown):
        lines.append("One slice in 20 stands out by chance: they show where to look.")
    if comparison.not_slices:
        lines.append(f"Too many values for slices: {values.listing(comparison.not_slices)}.")
    return Section(f"Slices{of}", Table(tuple(columns), tuple(rows)), tuple(lines))


def _gain(row: Slice, goal: str) -> float:
    return row.difference if goal == "max" else -row.difference


def _confusion(comparison: PredictionComparison, of: str) -> Section:
    """Return the mistakes that became more or fewer."""
    changes = comparison.confusion.changes if comparison.confusion else ()
    mistakes = [cell for cell in changes if cell.truth != cell.predicted]
    lines = []
    for cell in mistakes[:_CONFUSIONS]:
        step = cell.b - cell.a
        truth, predicted = values.escape(cell.truth), values.escape(cell.predicted)
        lines.append(
            f"{truth} taken for {predicted}: {abs(step):.3g} {'more' if step > 0 else 'fewer'} "
            f"({cell.a:.3g} → {cell.b:.3g})"
        )
    if len(mistakes) > _CONFUSIONS:
        lines.append(f"and {len(mistakes) - _CONFUSIONS:,} more: {_MORE}.")
    return Section(f"Confusions{of}", lines=tuple(lines))
