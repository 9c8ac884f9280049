"""The gate of `exp diff --fail-if-worse`: is the second experiment worse, by more than a margin?

It fails closed where metrics can't be compared at all, and stays open where replicates leave it
open. What it says is one sentence.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from gitml.comparison.result import Comparison, Gate
from gitml.comparison.verdicts import Groups, compare_metric, names_of
from gitml.errors import UsageError
from gitml.experiment.record import Record
from gitml.history.rows import Goals
from gitml.values import as_number


def parse_gate(text: str, known: Collection[str], goals: Goals) -> tuple[str, float]:
    """Return the metric and the margin that `[METRIC[:MARGIN]]` means.

    Without a metric it is the primary one; without a margin it is the smallest effect that is
    declared to matter, else 0.

    Args:
        text: As given.
        known: Names of the metrics that there are, which may hold colons.
        goals: The primary metric, and the smallest effects.

    Raises:
        UsageError: for a margin that is no number of 0 or more, or without any metric.
    """
    name, colon, tail = text.rpartition(":")
    if not colon or text in known:
        name, tail = text, ""
    name = name or goals.primary
    if not name:
        raise UsageError(
            "No primary metric is declared, so nothing says what to judge.",
            hint="Name one: --fail-if-worse=accuracy, or declare it under metrics in gitml.yaml.",
        )
    if not tail and not (colon and text not in known):
        return name, goals.min_effects.get(name, 0.0)
    try:
        margin = float(tail)
    except ValueError:
        margin = math.nan
    if not 0 <= margin < math.inf:
        raise UsageError(
            f"--fail-if-worse: the margin {tail!r} is no number of 0 or more.",
            hint="It is in the metric's unit, such as --fail-if-worse=accuracy:0.01.",
        )
    return name, margin


def judge_gate(
    found: Comparison, records: Sequence[Record], groups: Groups | None, goals: Goals, text: str
) -> Gate:
    """Return whether the second experiment is worse than the first by more than a margin.

    Args:
        found: Their comparison.
        records: Their records.
        groups: Each with its replicates; None where they are runs of the same thing, can't be
            compared, or failed.
        goals: What is better.
        text: `[METRIC[:MARGIN]]`.

    Raises:
        UsageError: if there aren't two experiments, one lacks the metric, it is no number, nothing
            says what is better, or the margin makes no sense.
    """
    if len(records) != 2:
        raise UsageError(
            "--fail-if-worse compares two experiments.", hint="Name two: gitml exp diff A B."
        )
    names = names_of(found)
    metric, margin = parse_gate(text, {*records[0].metrics, *records[1].metrics}, goals)
    _check(records, names, metric, goals)
    failed, sentence = _closed(found, records, names, metric) or (False, "")
    if not sentence and groups is None:
        sentence = (
            f"{names[1]} differs from {names[0]} in nothing but seeds, so what differs in {metric} "
            "is noise."
        )
    elif not sentence and groups is not None:
        failed, sentence = _by_replicates(groups, names, metric, margin, goals)
    return Gate(metric, margin, failed, sentence)


def _check(records: Sequence[Record], names: tuple[str, str], metric: str, goals: Goals) -> None:
    for record, name in zip(records, names, strict=True):
        if metric not in record.metrics:
            raise UsageError(f"{name} has no metric {metric!r}.", hint=_of_metrics(metric, records))
        if as_number(record.metrics[metric]) is None:
            raise UsageError(f"The metric {metric!r} of {name} is no number.")
    if goals.goals.get(metric) not in ("max", "min"):
        raise UsageError(
            f"Nothing says whether a higher {metric!r} is better.",
            hint="Declare its goal, max or min, under metrics in gitml.yaml.",
        )


def _of_metrics(metric: str, records: Sequence[Record]) -> str:
    """Return what helps when an experiment lacks a metric."""
    from difflib import get_close_matches

    known = sorted(set(records[0].metrics).intersection(records[1].metrics))
    near = get_close_matches(metric, known, 3)
    meant = f"Did you mean {' or '.join(near)}? " if near else ""
    return (
        f"{meant}Write --fail-if-worse=METRIC, or put --fail-if-worse after the experiments: the "
        "word after it is taken for a metric."
    )


def _closed(
    found: Comparison, records: Sequence[Record], names: tuple[str, str], metric: str
) -> tuple[bool, str] | None:
    """Return the decision where metrics can't be held against each other, else None."""
    if not found.comparable:
        reason = next((note for note in found.notes if note.startswith("Not comparable")), "")
        return True, reason or "Not comparable: they were measured on different examples."
    for record, name in zip(records, names, strict=True):
        if record.status == "failed":
            return True, f"{name} failed, so its {metric} may not be final."
    if not _finite(records[1], metric):
        return True, f"{metric} of {names[1]} is {records[1].metrics[metric]}."
    if not _finite(records[0], metric):
        return False, (
            f"{metric} of {names[0]} is {records[0].metrics[metric]}, so that {names[1]} can't be "
            "worse."
        )
    return None


def _finite(record: Record, metric: str) -> bool:
    number = as_number(record.metrics[metric])
    return number is not None and (isinstance(number, int) or math.isfinite(number))


def _by_replicates(
    groups: Groups, names: tuple[str, str], metric: str, margin: float, goals: Goals
) -> tuple[bool, str]:
    from gitml.comparison.statistics.verdict import worse_by_more_than
    from gitml.comparison.statistics.wording import spell_interval

    compared = compare_metric(groups, metric, goals)
    if compared.b.not_finite:
        return (
            True,
            f"{metric} isn't a finite number in {compared.b.not_finite} of the runs of {names[1]}.",
        )
    if compared.difference is None or compared.reason == "not finite":
        return False, f"Can't tell: {metric} isn't a finite number in some runs of {names[0]}."
    by = f" by more than {margin:g}" if margin else ""
    worse = worse_by_more_than(compared.interval, margin, goal=compared.goal)
    if compared.interval is not None:
        how = f"({spell_interval(compared.interval)} of the difference in {metric})"
        if worse is None:
            return False, f"Can't tell whether {names[1]} is worse than {names[0]}{by} {how}."
        return worse, f"{names[1]} is {'' if worse else 'not '}worse than {names[0]}{by} {how}."
    loss = -compared.difference if compared.goal == "max" else compared.difference
    single = compared.a.n == 1 and compared.b.n == 1
    runs = "single runs" if single else f"{compared.a.n:,} against {compared.b.n:,} runs"
    failed = loss > margin and not math.isclose(loss, margin, rel_tol=1e-9)
    return failed, (
        f"{metric} of {names[1]} is {'' if failed else 'not '}worse than that of {names[0]}{by}: "
        f"{compared.difference:+.4g} ({runs}, no estimate of noise)."
    )
