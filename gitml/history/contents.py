"""Putting experiments and events into the index's tables, and taking them out."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence

from gitml.history.reading import Experiment
from gitml.history.walk import Step

_COLUMNS = tuple(name for name in Experiment.__struct_fields__ if name != "made")
_INSERT = (
    f"INSERT OR REPLACE INTO experiments (id, {', '.join(_COLUMNS)})"
    f" VALUES ({', '.join('?' * (len(_COLUMNS) + 1))})"
)


def store_experiment(connection: sqlite3.Connection, number: int, entry: Experiment) -> None:
    """Put an experiment under the number of its commit."""
    values = [getattr(entry, name) for name in _COLUMNS]
    connection.execute(_INSERT, (number, *values))
    connection.executemany(
        "INSERT OR IGNORE INTO made VALUES (?, ?)", [(digest, number) for digest in entry.made]
    )
    if entry.outputs:
        listed = json.loads(entry.outputs)
        connection.executemany(
            "INSERT INTO outputs VALUES (?, ?, 1)"
            " ON CONFLICT (path, command) DO UPDATE SET uses = uses + 1",
            [(path, listed["command"]) for path in listed["paths"]],
        )


def forget_outputs(connection: sqlite3.Connection, numbers: Iterable[int]) -> None:
    """Take back what the experiments said about outputs."""
    for number in numbers:
        found = connection.execute(
            "SELECT outputs FROM experiments WHERE id = ? AND outputs != ''", (number,)
        ).fetchone()
        connection.execute("DELETE FROM made WHERE id = ?", (number,))
        if found:
            listed = json.loads(found[0])
            pairs = [(path, listed["command"]) for path in listed["paths"]]
            connection.executemany(
                "UPDATE outputs SET uses = uses - 1 WHERE path = ? AND command = ?", pairs
            )
            connection.executemany(
                "DELETE FROM outputs WHERE path = ? AND command = ? AND uses <= 0", pairs
            )


def store_event(connection: sqlite3.Connection, number: int, step: Step, about: str) -> None:
    """Put an event under the number of its commit."""
    commit = step.commit

    def clean(text: str) -> str:
        return text.encode("utf-8", "replace").decode("utf-8", "replace")

    connection.execute(
        "INSERT OR REPLACE INTO events VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            number,
            clean(about),
            clean(step.header.event),
            clean(commit.author),
            clean(commit.mail),
            commit.committed,
            json.dumps(step.header.body),
        ),
    )


def forget(connection: sqlite3.Connection, numbers: Sequence[int]) -> None:
    """Take commits out of the index, with all that they said."""
    forget_outputs(connection, numbers)
    for table in ("experiments", "events", "commits"):
        connection.executemany(
            f"DELETE FROM {table} WHERE id = ?", [(number,) for number in numbers]
        )
