"""What replicates say about two experiments: the verdict, and means instead of single values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gitml.views import values
from gitml.views.sheet import Section
from gitml.views.table import Cell
from gitml.views.values import Tone

if TYPE_CHECKING:
    from gitml.comparison.result import Comparison, Metric, Repeated

_TONES: dict[bool | None, Tone] = {True: "good", False: "bad", None: ""}
_WORDS = {True: "better", False: "worse", None: ""}


def section(comparison: Comparison) -> Section:
    """Return the line above the metrics; empty without replicates."""
    verdict = comparison.verdict
    if verdict is None or verdict.runs == (1, 1):
        return Section()
    return Section("Verdict", lines=(values.escape(verdict.sentence),))


def remarks(comparison: Comparison) -> tuple[str, ...]:
    """Return what belongs below the metrics: that single runs say nothing about noise."""
    verdict = comparison.verdict
    if verdict is None or verdict.runs != (1, 1):
        return ()
    differs = any(row.name == verdict.metric and row.change for row in comparison.metrics)
    return (values.escape(verdict.sentence),) if differs else ()


def cells(row: Metric, repeated: Repeated, single: Sequence[Cell]) -> list[Cell]:
    """Return mean ± deviation (number of runs) for each side; single values where there is one."""
    return [_cell(repeated, side, single[side], row.values[side]) for side in (0, 1)]


def change(repeated: Repeated) -> list[Cell]:
    """Return the difference of the means, and a word where the replicates allow one.

    Where a run diverged there is neither: what is left would flatter its side.
    """
    step = repeated.difference
    if step is None or any(repeated.not_finite):
        return [Cell(""), Cell("")]
    tone = _TONES[repeated.better]
    return [Cell(_signed(step), step, tone), Cell(_WORDS[repeated.better], None, tone)]


def _cell(repeated: Repeated, side: int, single: Cell, value: object) -> Cell:
    mean, deviation, count = repeated.means[side], repeated.deviations[side], repeated.runs[side]
    lost = repeated.not_finite[side]
    total = count + lost
    if total < 2:
        return single
    if lost:
        return Cell(f"not finite in {lost:,} of {total:,}", None)
    if mean is None or deviation is None:
        return single
    return Cell(f"{_rounded(mean, deviation)} ± {_rounded(deviation, deviation)} ({count:,})", mean)


def _rounded(number: float, deviation: float) -> str:
    """Return a number with as many digits as its deviation leaves a meaning."""
    from gitml.comparison.statistics.wording import spell

    return spell(number, deviation) if deviation else values.number(number)


def _signed(step: float) -> str:
    return (
        "0"
        if step == 0
        else f"{'+' if step > 0 else '-'}{values.number(abs(float(f'{step:.4g}')))}"
    )
