"""Examining experiments one after the other: is each new, complete and sound?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from gitml.config import Config
from gitml.errors import NotFoundError
from gitml.experiment.message import Header, parse
from gitml.experiment.record import Record
from gitml.git.log import Commit, read_commit
from gitml.git.share import is_shallow
from gitml.history.index import Index, Row
from gitml.inputs.sameness import LEVELS, describe
from gitml.inputs.syntax_cache import SyntaxCache
from gitml.operations.examples import reader
from gitml.operations.project import Project
from gitml.operations.soundness import (
    Contents,
    Evidence,
    Policy,
    Problem,
    bounded,
    guarded,
    name_of,
    read_record,
    read_tree,
)
from gitml.operations.soundness_files import (
    check_metrics,
    check_settings,
    read_config,
)
from gitml.operations.soundness_objects import check_objects
from gitml.operations.soundness_partition import check_lineage, check_partition
from gitml.operations.soundness_record import check_place, check_policy, check_record
from gitml.operations.soundness_repeat import Older, Sameness
from gitml.operations.soundness_tree import (
    check_artifacts,
    check_code,
    check_lock,
    check_pickles,
)


class Examined(msgspec.Struct, frozen=True):
    """One experiment, and what is wrong with it.

    Attributes:
        row: The experiment.
        level: How its inputs relate to the nearest older experiment; empty when its record can't
            be read.
        nearest: That experiment.
        problems: What is wrong.
    """

    row: Row
    level: str = ""
    nearest: Row | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether it is new, complete and sound."""
        return all(problem.severity != "error" for problem in self.problems)


def examine(project: Project, index: Index, rows: Sequence[Row], policy: Policy) -> list[Examined]:
    """Read what Git has of experiments, ask the remote once, and judge each.

    Args:
        project: Where.
        index: What is recorded.
        rows: The experiments.
        policy: What is asked of them.

    Raises:
        StorageError: if the DVC remote can't be asked.
        NotFoundError: if what is needed can't be fetched.
    """
    if not rows:
        return []
    problems: dict[str, list[Problem]] = {row.commit: [] for row in rows}
    levels: dict[str, Sameness] = {}
    records: dict[str, Record] = {}
    older = Older(index, index.rows(hidden=True), problems)
    with (
        Contents(project.repository.git) as contents,
        SyntaxCache(project.state_dir / "syntax.db") as cache,
    ):
        bench = _Bench(project, index, contents, cache, policy)
        for row in rows:
            record, found = bench.examine(row)
            problems[row.commit] += found
            if record is not None:
                records[row.commit] = record
                levels[row.commit] = older.nearest(row, record)
                problems[row.commit] += _duplicate(levels[row.commit], record, policy)
    absent = check_objects(project.storage, records, allow_unpushed=policy.allow_unpushed)
    return [
        Examined(
            row=row,
            level=levels[row.commit].level if row.commit in levels else "",
            nearest=levels[row.commit].nearest if row.commit in levels else None,
            problems=tuple(bounded([*problems[row.commit], *absent.get(row.commit, ())])),
        )
        for row in rows
    ]


class _Bench:
    """Looks at one experiment after the other, and remembers what they share."""

    def __init__(
        self,
        project: Project,
        index: Index,
        contents: Contents,
        cache: SyntaxCache,
        policy: Policy,
    ) -> None:
        self._project = project
        self._index = index
        self._ids = reader(project.repository, project.folder)
        self._git = project.repository.git
        self._objects = project.storage.cache if project.storage else None
        self._contents = contents
        self._cache = cache
        self._policy = policy
        self._shallow = is_shallow(project.repository)
        self._commits: dict[str, Commit | None] = {}

    def examine(self, row: Row) -> tuple[Record | None, list[Problem]]:
        """Return an experiment's record, if it can be judged, and what is wrong."""
        commit = self._commit(row.commit)
        if commit is None:
            raise NotFoundError(
                f"The commit {row.commit[:12]} can't be read.",
                hint="`git fsck` says whether the repository is sound.",
            )
        entries = read_tree(self._git, commit)
        record = read_record(entries, self._contents)
        if isinstance(record, Problem):
            return None, [record]
        found = []
        config = read_config(record.project, entries, self._contents)
        if isinstance(config, Problem):
            found.append(config)
            config = Config()
        before = self._header(commit.parents[0]) if commit.parents else None
        evidence = Evidence(commit, entries, record, config, before)
        for check in self._checks(evidence):
            found += guarded(check)
        return record, found

    def _checks(self, evidence: Evidence) -> list[Iterator[Problem]]:
        return [
            check_record(evidence),
            check_place(evidence, shallow=self._shallow),
            check_artifacts(evidence, self._contents),
            check_code(evidence, self._contents, self._cache),
            check_settings(evidence, self._contents),
            check_metrics(evidence, self._contents),
            check_partition(evidence, self._contents),
            check_lineage(
                self._project.repository, self._index, evidence, self._project.folder, self._ids
            ),
            check_lock(evidence, self._contents),
            check_pickles(evidence, self._policy, self._objects),
            check_policy(evidence, self._policy),
        ]

    def _commit(self, oid: str) -> Commit | None:
        if oid not in self._commits:
            self._commits[oid] = read_commit(self._git, oid)
        return self._commits[oid]

    def _header(self, oid: str) -> Header | None:
        commit = self._commit(oid)
        return parse(commit.message) if commit is not None else None


def _duplicate(found: Sameness, record: Record, policy: Policy) -> list[Problem]:
    if found.nearest is None or not record.reusable:
        return []
    if LEVELS.index(found.level) > LEVELS.index(policy.level):
        return []
    where = f"{name_of(found.nearest.experiment)} ({found.nearest.commit[:12]})"
    differs = f"; it differs in {describe(found.differences)}" if found.differences else ""
    severity = policy.duplicates
    return [Problem("duplicate", severity, f"It repeats {where}: {found.level}{differs}.")]
