"""Which commits belong to a study: its line, the lines it joined, and never a base."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence

import msgspec

from gitml.experiment.message import Header, parse
from gitml.git.log import Commit, read_commit, walk_line
from gitml.git.repository import Repository

_FOREIGN_LIMIT = 100


class Step(msgspec.Struct, frozen=True):
    """One commit of a study's line.

    Attributes:
        commit: The commit.
        header: What its message says.
        line: Its parents on the line: the first one, and for a join all of them.
    """

    commit: Commit
    header: Header
    line: tuple[str, ...]


def walk(repository: Repository, tip: str, known: Container[str]) -> Iterator[Step]:
    """Yield the commits of the line that ends in `tip`, newest first, without fetching anything.

    A commit in `known` ends its line. Commits that people made by hand on a study's branch are
    walked over; a branch that is nothing else (a copy of `main`) is left soon.

    Raises:
        RepositoryError: if Git can't read the history.
    """
    line = _Line(repository, known)
    for commit in walk_line(repository.git, tip, known=line, branches=line.branches, offline=True):
        yield line.steps.pop(commit.oid)


class _Line:
    """Decides where a walk goes on: it holds what must not be entered."""

    def __init__(self, repository: Repository, known: Container[str]) -> None:
        self._repository = repository
        self._known = known
        self._foreign: dict[str, int] = {}
        self._ends: set[str] = set()
        self.steps: dict[str, Step] = {}

    def __contains__(self, oid: object) -> bool:
        return oid in self._ends or oid in self._known

    def branches(self, commit: Commit) -> Sequence[str]:
        """Return the parents besides the first that belong to the line."""
        header = parse(commit.message)
        others: tuple[str, ...] = ()
        if header.event == "join":
            others = commit.parents[1:]
        elif header.kind == "other":
            others = self._by_hand(commit)
        self.steps[commit.oid] = Step(commit, header, commit.parents[:1] + others)
        return others

    def _by_hand(self, commit: Commit) -> tuple[str, ...]:
        passed = self._foreign.pop(commit.oid, 0) + 1
        for parent in commit.parents[:1]:
            if passed < _FOREIGN_LIMIT:
                self._foreign[parent] = passed
            else:
                self._ends.add(parent)
        # Somebody may have merged two lines of a study with plain Git.
        return tuple(oid for oid in commit.parents[1:] if self._is_ours(oid))

    def _is_ours(self, oid: str) -> bool:
        commit = read_commit(self._repository.git, oid)
        return commit is not None and parse(commit.message).kind != "other"
