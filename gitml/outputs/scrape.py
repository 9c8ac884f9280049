"""Metrics from what a command printed: by declared patterns, or by well-known names.

Every match is one point of the history, and the last one is the metric. A progress bar that
redraws itself with carriage returns is read as one line for each redraw.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from gitml.errors import ConfigError
from gitml.outputs.history import HistoryLine, last_values
from gitml.outputs.printed_numbers import parse_number
from gitml.outputs.wellknown import find_known
from gitml.values import Scalar

MAX_LINE = 10_000
MAX_TEXT = 1_000

_STEP_NAMES = frozenset({"step", "global_step", "iteration", "iter", "epoch"})
_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?"
    r"|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]*[0-~])"
)


class Match(NamedTuple):
    """What one match gave: a step, if it named one, and values."""

    step: int | None
    values: dict[str, Scalar]


def compile_patterns(patterns: Iterable[str]) -> list[re.Pattern[str]]:
    """Return the compiled patterns of `outputs.scrape`.

    Raises:
        ConfigError: if one is no regular expression, or has no named group for a metric.
    """
    compiled = []
    for pattern in patterns:
        try:
            expression = re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as error:
            raise ConfigError(
                f"outputs.scrape: {pattern!r} is no regular expression: {error}."
            ) from error
        if not expression.groupindex.keys() - _STEP_NAMES:
            raise ConfigError(
                f"outputs.scrape: {pattern!r} has no named group, so no metric gets its value.",
                hint=r"Name the group after the metric: `val loss (?P<val_loss>[\d.]+)`.",
            )
        compiled.append(expression)
    return compiled


def scrape(
    text_lines: Iterable[bytes | str], patterns: Sequence[re.Pattern[str]]
) -> tuple[dict[str, Scalar], list[HistoryLine]]:
    """Return the metrics (last match wins) and the history that `patterns` find.

    A group named `step`, `iter` or `epoch` (in this order of preference) gives the step, for all
    matches on the same line. A value that is no number is recorded as text.

    Args:
        text_lines: What was printed, line by line; only the first 10,000 characters of a line
            count, so that a bad pattern can't take for ever on a huge one.
        patterns: From `compile_patterns`.
    """

    def find(line: str) -> list[Match]:
        return [_match(found) for pattern in patterns for found in pattern.finditer(line)]

    history = list(_history(text_lines, find))
    return last_values(history), history


def guess(
    text_lines: Iterable[bytes | str],
) -> tuple[dict[str, Scalar], list[HistoryLine]]:
    """Return the metrics and the history that are printed under well-known names.

    Such as `step 100: train loss 1.9, val loss 2.0` or `Test set: Average loss: 0.0268, Accuracy:
    9918/10000 (99%)`; names become `train_loss`, `test_accuracy`. Percentages stay as they are
    printed (`97.1%` is 97.1), a fraction is divided (0.9918).
    """

    def find(line: str) -> list[Match]:
        step, values = find_known(line)
        return [Match(step, values)] if values else []

    history: list[HistoryLine] = []
    for line in _history(text_lines, find):
        # A progress bar shows the same numbers again and again.
        if not history or _text_of(line) != _text_of(history[-1]):
            history.append(line)
    return last_values(history), history


def plain_lines(text_lines: Iterable[bytes | str]) -> Iterator[str]:
    """Yield the lines of a terminal's output without escapes, one for each redraw."""
    for line in text_lines:
        text = line.decode("utf-8", "replace") if isinstance(line, bytes) else line
        for part in re.split(r"[\r\n]+", text):
            part = part[:MAX_LINE]
            if "\x1b" in part:
                part = _ESCAPES.sub("", part)
            if part and not part.isspace():
                yield part


def _history(
    text_lines: Iterable[bytes | str], find: Callable[[str], list[Match]]
) -> Iterator[HistoryLine]:
    for line in plain_lines(text_lines):
        matches = find(line)
        steps = {match.step for match in matches if match.step is not None}
        common = steps.pop() if len(steps) == 1 else None
        pending: HistoryLine | None = None
        for match in matches:
            if not match.values:
                continue
            step = match.step if match.step is not None else common
            if pending and pending.step == step and not pending.values.keys() & match.values.keys():
                pending = HistoryLine(step, {**pending.values, **match.values})
                continue
            if pending:
                yield pending
            pending = HistoryLine(step, match.values)
        if pending:
            yield pending


def _match(found: re.Match[str]) -> Match:
    groups = {name: text for name, text in found.groupdict().items() if text is not None}
    step = None
    for name in ("step", "global_step", "iteration", "iter", "epoch"):
        text = groups.pop(name, None)
        if text is not None and step is None:
            step = _step(text)
    return Match(step, {name: _value(text) for name, text in groups.items()})


def _step(text: str) -> int | None:
    number = parse_number(text.replace(",", ""))
    if isinstance(number, float):
        return int(number) if number.is_integer() else None
    return number


def _value(text: str) -> Scalar:
    # `[\d.]+` takes the full stop at the end of a sentence, too.
    number = parse_number(text.strip().rstrip(".,;:%"))
    return number if number is not None else text.strip()[:MAX_TEXT]


def _text_of(line: HistoryLine) -> str:
    """Return what a line says, in a form in which NaN equals itself."""
    return f"{line.step} {line.values}"
