"""`gitml.log`: metrics over steps, one line of the run's `history.jsonl` a call.

This is called in the innermost loop of a training, so the usual case is spelled out by hand.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from typing import Any, SupportsIndex

from gitml.api import scalars
from gitml.api.doubts import doubt
from gitml.api.lines import Lines

HISTORY = Lines("history.jsonl")

_MOST_KEYS = 10_000
_WHOLE = scalars.WHOLE
_keys: dict[str, str] = {}  # metric name → what stands before its value
_now, _is_finite, _text_of = time.time, math.isfinite, float.__repr__


def log(
    metrics: Mapping[str, Any] | None = None,
    /,
    *,
    step: SupportsIndex | None = None,
    **values: Any,
) -> None:
    """Log metrics of one moment of the training.

        for step in range(100):
            loss = 1 / (step + 1)
            gitml.log(step=step, loss=loss)
        gitml.log({"val/accuracy": 0.97, "val/loss": 0.1}, step=99)

    In `gitml exp run` the lines become the history of the experiment, and the last value of each
    name one of its metrics, unless `gitml.summary` or a metrics file has that name. Elsewhere they
    are in a folder below `.gitml/outside`, which Git ignores.

    The line is with the operating system when the call returns: killing the process loses none.
    Threads, forks and processes of one run may log at once. All of them are one history, so of a
    distributed training either one process logs, or each uses names of its own. A run that is
    resumed goes on with the same history; a step that is logged again is kept twice.

    Nothing that it is given ends the training. What is no number is left out with a
    `gitml.errors.MetricWarning`, once for each name, and the rest is recorded; so it is with a
    full disk. `warnings.simplefilter("error", gitml.errors.MetricWarning)` makes errors of these.

    Args:
        metrics: Metric name → value, for names that are no Python names. A nested mapping has
            dotted names (`{"val": {"loss": 0.1}}` is `val.loss`), and `step` in it is the step.
        step: Number of the training step or epoch, an integer. Without it a line has no step, and
            curves count the measurements: nothing is counted up.
        values: Further metrics. Numbers, booleans and texts, and what other libraries have for
            one number (an array or tensor with a single element: a GPU is waited for). NaN and
            infinities are recorded as such. None stands for what wasn't measured.
    """
    if metrics is not None:
        values, step = gathered(metrics, values, step)
    if step is None or (type(step) is int and -_WHOLE < step < _WHOLE):
        text = f'"time":{_now():.3f}' if step is None else f'"step":{step},"time":{_now():.3f}'
        for name, value in values.items():
            key = _keys.get(name)
            if key is None:
                break
            if isinstance(value, float) and _is_finite(value):
                text += key + _text_of(value)
            elif type(value) is int and -_WHOLE < value < _WHOLE:
                text += f"{key}{value}"
            else:
                break
        else:
            if values:
                HISTORY.append(f"{{{text}}}\n".encode())
            return
    _log_anything(values, step)


def _log_anything(values: Mapping[Any, Any], step: Any) -> None:
    found = scalars.scalars(values)
    for name in found:
        _learn(name)
    number = scalars.whole_step(step)
    if found:
        HISTORY.append(scalars.line(number, _now(), found))


def gathered(metrics: Any, values: dict[str, Any], step: Any = None) -> tuple[dict[Any, Any], Any]:
    """Return the metrics of both kinds of arguments, and the step that is among them."""
    if metrics is None:
        return values, step
    try:
        given = dict(metrics)
    except Exception:  # whatever keeps it from being a mapping
        kind = type(metrics).__name__
        doubt(
            "no mapping",
            f"A metric needs a name, and this is a {kind}: gitml.log(loss=0.5, step=1), or "
            'gitml.log({"val/loss": 0.5}, step=1). It is not recorded.',
        )
        return values, step
    if step is None:
        step = given.pop("step", None)
    return {**given, **values}, step


def _learn(name: str) -> None:
    """Remember how a name is spelled in JSON."""
    if name in _keys or name in scalars.RESERVED or len(_keys) >= _MOST_KEYS:
        return
    if name.isprintable():  # no half of a surrogate pair, which UTF-8 doesn't have
        _keys[name] = f",{json.dumps(name, ensure_ascii=False)}:"
