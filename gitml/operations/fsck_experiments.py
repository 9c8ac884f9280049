"""Is every experiment what it says: its commit, its record, and the tree that this describes?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from gitml.config import Config
from gitml.errors import RepositoryError
from gitml.experiment.message import Header, parse
from gitml.experiment.record import PATH, Record
from gitml.git.fetching import missing
from gitml.git.log import Commit, read_commit, read_commits
from gitml.git.repository import Repository
from gitml.git.share import is_shallow
from gitml.git.trees import Entry
from gitml.history.index import Row
from gitml.history.reading import is_partial
from gitml.inputs.syntax_cache import SyntaxCache
from gitml.operations.fsck_values import Trouble
from gitml.operations.soundness import (
    Contents,
    Evidence,
    Problem,
    bounded,
    guarded,
    name_of,
    read_record,
)
from gitml.operations.soundness_files import check_metrics, check_settings, read_config
from gitml.operations.soundness_partition import check_partition
from gitml.operations.soundness_record import check_place, check_record
from gitml.operations.soundness_tree import check_artifacts, check_code, check_lock
from gitml.operations.trees_in_bulk import Trees

Progress = Callable[[int, int], None]

_BATCH = 500
_SUBMODULE = "160000"


class Looked(msgspec.Struct, frozen=True):
    """What was found about experiments.

    Attributes:
        records: Commit → record, of those that have one that can be read.
        troubles: What is wrong.
    """

    records: dict[str, Record]
    troubles: tuple[Trouble, ...]


def look_at_experiments(
    repository: Repository,
    rows: Sequence[Row],
    syntax: SyntaxCache,
    progress: Progress | None = None,
) -> Looked:
    """Read what Git has of experiments, and judge each.

    Digests and the fingerprint are made again from what the record says, pointers are parsed and
    compared with it, and files of the tree with what it says of them.

    Args:
        repository: Where.
        rows: The experiments.
        syntax: Knows syntax digests of files by their ids.
        progress: Takes (done, total).
    """
    records: dict[str, Record] = {}
    troubles: list[Trouble] = []
    for start in range(0, len(rows), _BATCH):
        some = rows[start : start + _BATCH]
        for row, record, problems in _look(repository, some, syntax):
            if record is not None:
                records[row.commit] = record
            troubles += [
                Trouble(row.experiment or row.commit[:12], row.commit, row.study, problem)
                for problem in bounded(problems)
            ]
            if progress is not None:
                progress(min(start + len(some), len(rows)), len(rows))
    return Looked(records, tuple(troubles))


def _look(
    repository: Repository, rows: Sequence[Row], cache: SyntaxCache
) -> Iterator[tuple[Row, Record | None, list[Problem]]]:
    """Yield each experiment with its record and what is wrong with it."""
    commits = _commits(repository, [row.commit for row in rows])
    firsts = [c.parents[0] for c in commits.values() if c.parents]
    headers = {c.oid: parse(c.message) for c in _commits(repository, firsts).values()}
    shallow = is_shallow(repository)
    try:
        trees: Trees | None = Trees(repository, [c.tree for c in commits.values()])
    except RepositoryError:
        trees = None  # one of them is corrupt: each is read on its own
    contents = Contents(repository.git)
    absent = _absent(repository, commits.values(), trees)
    try:
        for row in rows:
            commit = commits.get(row.commit)
            if commit is None:
                yield row, None, [_broken("The commit can't be read.")]
                continue
            try:
                record, found = _judge(
                    repository, commit, headers, trees, contents, cache, shallow=shallow
                )
            except RepositoryError as error:
                record, found = None, [_broken(f"Git can't read it: {error.message}")]
                contents.__exit__(None, None, None)
                contents = Contents(repository.git)
            gone = _gone(commit, trees, absent)
            yield row, record, [*found, *gone]
    finally:
        contents.__exit__(None, None, None)


def _absent(repository: Repository, commits: Iterable[Commit], trees: Trees | None) -> set[str]:
    """Return the files of the trees that Git should have and hasn't."""
    if trees is None or is_partial(repository):
        return set()
    wanted = {
        oid for commit in commits for _, mode, oid in trees.files(commit.tree) if mode != _SUBMODULE
    }
    return set(missing(repository.git, wanted))


def _gone(commit: Commit, trees: Trees | None, absent: set[str]) -> list[Problem]:
    if trees is None or not absent:
        return []
    paths = [path for path, _, oid in trees.files(commit.tree) if oid in absent]
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    some = ", ".join(name_of(path) for path in paths[:3])
    return [_broken(f"Git has lost the content of {some}{more}.")] if paths else []


def _judge(
    repository: Repository,
    commit: Commit,
    headers: Mapping[str, Header],
    trees: Trees | None,
    contents: Contents,
    cache: SyntaxCache,
    *,
    shallow: bool,
) -> tuple[Record | None, list[Problem]]:
    found: list[Problem] = []
    entries, lacking = _entries(repository, commit, trees)
    if lacking:
        found.append(_broken("A part of its tree is missing in Git."))
        if PATH not in entries:
            return None, found
    record = read_record(entries, contents)
    if isinstance(record, Problem):
        return None, [*found, record]
    config = read_config(record.project, entries, contents)
    if isinstance(config, Problem):
        found.append(config)
        config = Config()
    before = headers.get(commit.parents[0]) if commit.parents else None
    evidence = Evidence(commit, entries, record, config, before)
    checks = [
        check_record(evidence),
        check_place(evidence, shallow=shallow),
        check_artifacts(evidence, contents),
        check_code(evidence, contents, cache),
        check_settings(evidence, contents),
        check_metrics(evidence, contents),
        check_partition(evidence, contents),
        check_lock(evidence, contents),
    ]
    if not lacking:
        for check in checks:
            found += guarded(check)
    return record, found


def _entries(
    repository: Repository, commit: Commit, trees: Trees | None
) -> tuple[dict[str, Entry], bool]:
    """Return path → file of a commit's tree, and whether a part of it is missing."""
    if trees is None:
        trees = Trees(repository, [commit.tree])
    return trees.entries(commit.tree), trees.lacks(commit.tree)


def _commits(repository: Repository, oids: Sequence[str]) -> dict[str, Commit]:
    """Return id → commit, of those that are here and can be read."""
    wanted = list(dict.fromkeys(oids))
    absent = set(missing(repository.git, wanted))
    present = [oid for oid in wanted if oid not in absent]
    try:
        return {commit.oid: commit for commit in read_commits(repository.git, present)}
    except RepositoryError:  # one of them is corrupt
        found = {oid: read_commit(repository.git, oid) for oid in present}
        return {oid: commit for oid, commit in found.items() if commit is not None}


def _broken(message: str) -> Problem:
    return Problem("tree", "error", message)
