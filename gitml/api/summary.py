"""`gitml.summary`: the numbers that a run is judged by."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

from gitml.api import scalars
from gitml.api.history import gathered
from gitml.api.lines import Lines
from gitml.values import NON_FINITE, Scalar

SUMMARY = Lines("summary.jsonl")


class Summary(Mapping[str, Scalar]):
    """The metrics of the run, by name; what is set last holds.

        gitml.summary["accuracy"] = 0.97
        gitml.summary(best_epoch=7, best_loss=0.031)
        if 0.98 > gitml.summary.get("accuracy", 0):
            gitml.summary["accuracy"] = 0.98

    In `gitml exp run` they become metrics of the experiment: instead of the last value that
    `gitml.log` has for a name, but not instead of what a declared metrics file says. Every value
    is with the operating system when it is set; a run that is resumed still has them, and so have
    the other processes of the run.

    Values are as for `gitml.log`, and so is what happens to others: a warning. Reading reads the
    file.
    """

    __slots__ = ()  # summary.accuracy = 0.97 would be lost, and is an error

    def __setitem__(self, name: str, value: Any) -> None:
        self({name: value})

    def __call__(self, metrics: Mapping[str, Any] | None = None, /, **values: Any) -> None:
        """Set metrics.

        Args:
            metrics: Metric name → value, for names that are no Python names.
            values: Further metrics.
        """
        if metrics is None:
            given: dict[Any, Any] = values
        else:
            given, _ = gathered(metrics, values, step=0)
        found = scalars.scalars(given)
        if found:
            SUMMARY.append(scalars.line(None, time.time(), found))

    def update(self, metrics: Mapping[str, Any] | None = None, /, **values: Any) -> None:
        """Set metrics, as calling it does."""
        self(metrics, **values)

    def __getitem__(self, name: str) -> Scalar:
        return self._read()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def __repr__(self) -> str:
        return f"gitml.summary({self._read()})"

    def _read(self) -> dict[str, Scalar]:
        try:
            text = SUMMARY.path().read_text(encoding="utf-8", errors="replace")
        except OSError:
            return {}
        found: dict[str, Scalar] = {}
        for one in text.split("\n"):
            try:
                tree = json.loads(one)
            except ValueError:  # torn by a kill
                continue
            if isinstance(tree, dict):
                hidden = tree.pop("values", {})
                tree.pop("time", None)
                found |= tree | (hidden if isinstance(hidden, dict) else {})
        return {
            name: NON_FINITE.get(value, value) if isinstance(value, str) else value
            for name, value in found.items()
        }


summary = Summary()
