"""Events folded into what is said of an experiment: its tags, its notes, whether it is hidden.

What the events say:

    note   {"text": "..."}
    tag    {"add": ["..."], "remove": ["..."]}
    hide   {"hidden": true}

Anything else in a body, and a body that is malformed, says nothing.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import Any


def fold_events(connection: sqlite3.Connection, about: Iterable[str] | None) -> None:
    """Bring the experiments' own columns up to date with the events.

    Args:
        connection: The index, in a write transaction.
        about: Commits of the experiments, or None for all that have events.
    """
    if about is None:
        rows = connection.execute("SELECT DISTINCT about FROM events").fetchall()
        connection.execute(
            "UPDATE experiments SET tags = '', notes = '', hidden = 0"
            " WHERE tags != '' OR notes != '' OR hidden = 1"
        )
        about = [row[0] for row in rows]
    for oid in about:
        found = connection.execute(
            "SELECT e.kind, e.body FROM events e JOIN line l ON l.id = e.id WHERE e.about = ?"
            " GROUP BY e.id ORDER BY min(l.position), e.committed, e.id",
            (oid,),
        ).fetchall()
        if found:
            tags, notes, hidden = fold([(kind, json.loads(body)) for kind, body in found])
            connection.execute(
                "UPDATE experiments SET tags = ?, notes = ?, hidden = ?"
                " WHERE id = (SELECT id FROM commits WHERE oid = ?)",
                (_listed(tags), _listed(notes), hidden, oid),
            )


def fold(events: Iterable[tuple[str, dict[str, Any]]]) -> tuple[list[str], list[str], bool]:
    """Return the tags, the notes and whether it is hidden, after the events in their order."""
    tags: dict[str, None] = {}
    notes: list[str] = []
    hidden = False
    for kind, body in events:
        if kind == "note":
            notes += _texts([body.get("text")])
        elif kind == "tag":
            tags.update(dict.fromkeys(_texts(body.get("add"))))
            for tag in _texts(body.get("remove")):
                tags.pop(tag, None)
        elif kind == "hide":
            hidden = body.get("hidden", True) is not False
    return list(tags), notes, hidden


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list):
        return []
    return [_plain(item) for item in value if isinstance(item, str) and item]


def _plain(text: str) -> str:
    """Return `text` without the halves of surrogate pairs that JSON can spell."""
    return text.encode("utf-8", "replace").decode()


def _listed(texts: list[str]) -> str:
    return json.dumps(texts) if texts else ""
