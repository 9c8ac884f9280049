"""The shape of a study: which commits its branches reach, and their order."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping

import msgspec


class Node(msgspec.Struct, frozen=True):
    """A commit of a line.

    Attributes:
        id: Its number in the index.
        oid: Its id in Git.
        parents: Its parents on the line.
        committed: Commit date, seconds since the epoch.
        kind: As its message says.
    """

    id: int
    oid: str
    parents: tuple[str, ...]
    committed: int
    kind: str


def reach(nodes: Mapping[str, Node], tips: Iterable[str]) -> set[str]:
    """Return the commits that the tips reach along their lines."""
    found: set[str] = set()
    waiting = [tip for tip in tips if tip in nodes]
    while waiting:
        oid = waiting.pop()
        if oid not in found:
            found.add(oid)
            waiting += [parent for parent in nodes[oid].parents if parent in nodes]
    return found


def in_order(nodes: Mapping[str, Node], members: set[str]) -> list[Node]:
    """Return the members, parents before children; where the chain leaves it open, by date."""
    missing = {
        oid: sum(parent in members for parent in dict.fromkeys(nodes[oid].parents))
        for oid in members
    }
    children: dict[str, list[str]] = {}
    for oid in members:
        for parent in dict.fromkeys(nodes[oid].parents):
            children.setdefault(parent, []).append(oid)
    ready = [(nodes[oid].committed, oid) for oid, count in missing.items() if not count]
    heapq.heapify(ready)
    ordered = []
    while ready:
        _, oid = heapq.heappop(ready)
        ordered.append(nodes[oid])
        for child in children.get(oid, ()):
            missing[child] -= 1
            if not missing[child]:
                heapq.heappush(ready, (nodes[child].committed, child))
    return ordered
