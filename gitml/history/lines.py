"""Which experiments belong to which study, in which order, kept up to date with the branches."""

from __future__ import annotations

import itertools
import json
import sqlite3
import time
from collections.abc import Iterable, Sequence

from gitml.experiment.message import ABOUT
from gitml.history.branches import study_of
from gitml.history.contents import forget
from gitml.history.folding import fold_events
from gitml.history.graph import Node, in_order, reach
from gitml.history.walk import Step

_LOST_NAMES = 100
_FEW = 50  # below it, asking for each is quicker than asking for all


def extend(
    connection: sqlite3.Connection,
    present: dict[str, str],
    stored: dict[str, str],
    steps: Sequence[Step],
) -> bool:
    """Append new commits to a study that grew by a plain chain; False if it is anything else.

    This is what happens after every run, so it must not depend on how much is recorded.
    """
    moved = present.items() - stored.items()
    if len(moved) != 1 or not steps or stored.keys() - present.keys():
        return False
    ((ref, tip),) = moved
    study = study_of(ref)
    chain = list(reversed(steps))
    linear = all(step.line == (below.commit.oid,) for below, step in itertools.pairwise(chain))
    top = connection.execute(
        "SELECT c.oid, l.position FROM line l JOIN commits c ON c.id = l.id"
        " WHERE l.study = ? ORDER BY l.position DESC LIMIT 1",
        (study,),
    ).fetchone()
    before = top[0] if top else ""
    if not linear or chain[-1].commit.oid != tip or (top and chain[0].line != (before,)):
        return False
    if stored.get(ref, before) != before or (not top and chain[0].line):
        return False
    nodes = [node_of(connection, step.commit.oid) for step in chain]
    _append(connection, study, nodes, top[1] + 1 if top else 0)
    few = len(nodes) <= _FEW
    settle(connection, [node.id for node in nodes] if few else None)
    abouts = {step.header.trailers.get(ABOUT, "") for step in steps}
    fold_events(connection, abouts | {node.oid for node in nodes} if few else None)
    return True


def node_of(connection: sqlite3.Connection, oid: str) -> Node:
    """Return a commit that the index has."""
    return _as_node(
        connection.execute(
            "SELECT id, oid, parents, committed, kind FROM commits WHERE oid = ?", (oid,)
        ).fetchone()
    )


def _as_node(row: tuple[int, str, str, int, str]) -> Node:
    return Node(row[0], row[1], tuple(row[2].split()), row[3], row[4])


def _append(connection: sqlite3.Connection, study: str, nodes: Sequence[Node], start: int) -> None:
    connection.executemany(
        "INSERT INTO line VALUES (?, ?, ?, ?)",
        [
            (study, position, node.id, node.kind == "experiment")
            for position, node in enumerate(nodes, start)
        ],
    )


def settle(connection: sqlite3.Connection, numbers: Iterable[int] | None = None) -> None:
    """Say which study each experiment is listed under: the one it was recorded in, if it can be."""
    sql = (
        "SELECT e.id, l.study, l.position, e.recorded, e.study, e.position"
        " FROM experiments e JOIN line l ON l.id = e.id"
    )
    found: Iterable[tuple[int, str, int, str, str | None, int | None]]
    if numbers is None:
        found = connection.execute(sql).fetchall()
    else:
        found = [
            row
            for number in numbers
            for row in connection.execute(f"{sql} WHERE e.id = ?", (number,))
        ]
    homes: dict[int, tuple[bool, str, int]] = {}
    before = {}
    for number, study, position, recorded, was, was_at in found:
        before[number] = (was, was_at)
        home = (study != recorded, study, position)
        homes[number] = min(homes.get(number, home), home)
    connection.executemany(
        "UPDATE experiments SET study = ?, position = ? WHERE id = ?",
        [
            (study, position, number)
            for number, (_, study, position) in homes.items()
            if before[number] != (study, position)
        ],
    )


def rebuild(
    connection: sqlite3.Connection,
    present: dict[str, str],
    stored: dict[str, str],
    changed: set[str],
) -> None:
    """Say anew what belongs to the studies whose branches moved, however they moved."""
    nodes = {
        row[1]: _as_node(row)
        for row in connection.execute("SELECT id, oid, parents, committed, kind FROM commits")
    }
    for study in changed:
        tips = [oid for ref, oid in present.items() if study_of(ref) == study]
        connection.execute("DELETE FROM line WHERE study = ?", (study,))
        _append(connection, study, in_order(nodes, reach(nodes, tips)), 0)
    settle(connection)
    alive = reach(nodes, present.values())
    _note_lost(connection, nodes, present, stored, alive)
    forget(connection, [node.id for oid, node in nodes.items() if oid not in alive])
    fold_events(connection, None)


def _note_lost(
    connection: sqlite3.Connection,
    nodes: dict[str, Node],
    present: dict[str, str],
    stored: dict[str, str],
    alive: set[str],
) -> None:
    """Keep in mind what was recorded and can't be reached any more, for `gitml doctor`."""
    for ref, tip in stored.items():
        if present.get(ref) == tip or tip in alive or tip not in nodes:
            continue
        gone = [node for oid in reach(nodes, [tip]) - alive if (node := nodes[oid])]
        gone = [node for node in gone if node.kind == "experiment"]
        gone.sort(key=lambda node: node.committed, reverse=True)
        names = [
            connection.execute("SELECT name FROM experiments WHERE id = ?", (node.id,)).fetchone()
            for node in gone[:_LOST_NAMES]
        ]
        if gone:
            listed = json.dumps([name[0] for name in names if name])
            connection.execute(
                "INSERT OR REPLACE INTO lost VALUES (?, ?, ?, ?, ?)",
                (ref, tip, study_of(ref), listed, time.time()),
            )
    for (tip,) in connection.execute("SELECT tip FROM lost").fetchall():
        if tip in alive:
            connection.execute("DELETE FROM lost WHERE tip = ?", (tip,))
