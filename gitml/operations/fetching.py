"""What a check needs of the recorded experiments, brought into clones that have only some of it.

A CI job's clone is shallow, partial, or follows one branch. The commits of the studies come first:
their trailers say which experiments could be meant. Of these, and of the newest ones, come the
records and what differs of their trees, in a handful of requests however many there are. What can't
be had is an error: a check that misses an experiment would let its repetition pass.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from gitml.errors import RepositoryError, UsageError
from gitml.experiment.message import parse
from gitml.experiment.record import PATH
from gitml.git.fetching import (
    COMMITS_ONLY,
    WITHOUT_FILES,
    cut_off,
    fetch_commits,
    fetch_objects,
    folders_of,
    follows,
    may_lack_objects,
    missing,
)
from gitml.git.log import read_commits
from gitml.git.repository import Repository, configuration
from gitml.git.share import choose_remote, is_shallow
from gitml.git.trees import diff_trees
from gitml.history.branches import studies
from gitml.history.index import Index, Row
from gitml.operations.plan import Plan

Mode = Literal["auto", "always", "never"]

_PREFIX = "exp/"
_NEWEST = 100  # records of so many: a kilobyte each, and recent ones are the likely neighbours
_CANDIDATES = 25
_NEIGHBOURS = 3
_FOLDER, _, _FILE = PATH.partition("/")


class Brought(msgspec.Struct, frozen=True):
    """What was fetched, and where the rest can be had.

    Attributes:
        remote: The remote that was fetched from, empty if none was.
        lean: Whether objects may be missing in this clone.
        notes: Sentences that users should see.
    """

    remote: str = ""
    lean: bool = False
    notes: tuple[str, ...] = ()


def bring_studies(
    repository: Repository,
    remote: str,
    mode: Mode,
    say: Callable[[str], None],
    config: Mapping[str, str] | None = None,
) -> Brought:
    """Make sure that the commits of all studies are in this clone.

    Args:
        repository: Where.
        remote: Name of the remote to fetch from; empty for the usual one.
        mode: `auto` fetches where a plain `git fetch` would not have brought the studies (the
            clone is shallow, partial, or follows one branch) and where there are none at all
            though there is a remote. `always` fetches anyway, `never` doesn't, and keeps this
            process from fetching missing objects, too.
        say: Takes a sentence before something takes a while.
        config: Git's configuration, if it is known already.

    Raises:
        RepositoryError: if they can't be fetched.
        UsageError: if there is no such remote, or it isn't clear which one is meant.
    """
    known = dict(config if config is not None else configuration(repository))
    lean = is_shallow(repository) or may_lack_objects(known)
    if mode == "never":
        if not lean:
            return Brought()
        os.environ["GIT_NO_LAZY_FETCH"] = "1"
        return Brought(
            lean=True, notes=("Nothing was fetched: only what is in this clone counts.",)
        )
    source = _source(repository, known, remote, required=lean or mode == "always")
    if not source or not (remote or mode == "always" or _needs(repository, known, source, lean)):
        return Brought()
    say(f"fetching the recorded experiments from {source}")
    try:
        fetch_commits(repository, known, source, _PREFIX)
        if _is_cut_off(repository):
            fetch_commits(repository, known, source, _PREFIX, unshallow=True)
    except RepositoryError as error:
        raise _unproven(f"could not be fetched from {source}", error) from error
    # A whole clone stays one; a shallow one, or a filtered fetch, leaves objects behind.
    return Brought(source, lean)


def bring_records(repository: Repository, index: Index, brought: Brought) -> None:
    """Bring the records of the newest experiments into a clone that has their commits alone.

    Without them, an experiment's settings, and what recorded runs wrote, would not be known.

    Raises:
        RepositoryError: if they can't be fetched, or a study can't be read at all.
    """
    if index.problems:
        raise _unproven(f"can't all be read: {index.problems[0]}")
    if not brought.remote or not brought.lean:
        return
    rows = [row for row in index.rows(limit=_NEWEST, hidden=True) if not row.complete]
    _fetch_records(repository, index, brought, rows)


def bring_candidates(repository: Repository, index: Index, plan: Plan, brought: Brought) -> None:
    """Bring what comparing with the likely experiments needs, and refuse to go on without it.

    Raises:
        RepositoryError: if it can't be fetched, or the record of an experiment that may be the
            same can't be read.
    """
    if brought.lean and brought.remote:
        found = index.by_lookup(plan.lookup)[:_CANDIDATES]
        _fetch_records(repository, index, brought, [row for row in found if not row.complete])
        found = index.by_lookup(plan.lookup)[:_CANDIDATES]
        likely = {row.commit: row for row in [*found, *_neighbours(index, plan)]}
        _fetch_differing(repository, brought, plan, likely)
        _fetch_sources(repository, index, brought, plan, [row for row in found if row.reusable])
    for row in index.by_lookup(plan.lookup)[:_CANDIDATES]:
        if row.problem:
            raise RepositoryError(
                f"{row.experiment or row.commit[:12]} may be the same experiment, and that can't "
                f"be told: {row.problem}.",
                hint=f"`gitml exp show {row.commit[:12]}` says more"
                + ("." if row.complete else "; without --no-fetch the record is fetched."),
            )


def _source(repository: Repository, config: dict[str, str], remote: str, *, required: bool) -> str:
    """Return the remote to fetch from, or empty where there is none and none is needed."""
    try:
        return choose_remote(repository, config, remote)
    except UsageError as error:
        if remote or any(key.startswith("remote.") and key.endswith(".url") for key in config):
            raise
        if not required:
            return ""
        raise RepositoryError(
            "The recorded experiments can't be fetched: this clone has no remote. "
            "A check without them would prove nothing.",
            hint="`git remote add` names one; `--no-fetch` compares with what is in this clone.",
        ) from error


def _needs(repository: Repository, config: Mapping[str, str], remote: str, lean: bool) -> bool:
    return lean or not follows(repository, config, remote, _PREFIX) or not studies(repository)


def _is_cut_off(repository: Repository) -> bool:
    """Whether a study's own line is shallow: its branch was cloned with a depth."""
    ends, found = cut_off(repository), studies(repository)
    if not ends or not found:
        return False
    git = repository.git
    here = list(ends.difference(missing(git, ends)))
    if any(parse(commit.message).kind != "other" for commit in read_commits(git, here)):
        return True
    tips = "".join(f"{tip}\n" for tip in found.values())
    line = git.text("rev-list", "--first-parent", "--stdin", stdin=tips.encode()).split()
    return not ends.isdisjoint(line)


def _unproven(what: str, error: RepositoryError | UsageError | None = None) -> RepositoryError:
    said = f": {error.message}" if error is not None else ""
    return RepositoryError(
        f"The recorded experiments {what}{said.rstrip('.')}. "
        "A check without them would prove nothing.",
        hint="Check the address of the remote and your access; `--no-fetch` compares with what "
        "is in this clone."
        if error is not None
        else "`git fsck` says what is damaged; a fresh clone may mend it.",
    )


def _fetch(repository: Repository, brought: Brought, oids: Collection[str], leave_out: str) -> None:
    try:
        fetch_objects(repository, brought.remote, oids, _PREFIX, leave_out=leave_out)
    except RepositoryError as error:
        raise _unproven(f"can't be compared with what is in {brought.remote}", error) from error


def _fetch_records(
    repository: Repository, index: Index, brought: Brought, rows: Sequence[Row]
) -> None:
    """Fetch from the outside in: trees, the folders of gitml in them, the records in these."""
    if not rows:
        return
    git = repository.git
    roots = [commit.tree for commit in read_commits(git, [row.commit for row in rows])]
    _fetch(repository, brought, roots, COMMITS_ONLY)
    folders = _named(folders_of(git, roots).values(), _FOLDER)
    _fetch(repository, brought, folders, COMMITS_ONLY)
    files = _named(folders_of(git, folders).values(), _FILE)
    _fetch(repository, brought, files, COMMITS_ONLY)
    index.complete([row.commit for row in rows])


def _named(trees: Iterable[Mapping[str, tuple[str, str]]], name: str) -> list[str]:
    return [tree[name][1] for tree in trees if name in tree]


def _neighbours(index: Index, plan: Plan) -> list[Row]:
    """Return the recent experiments whose settings differ in the fewest places."""
    rows = [row for row in index.rows(limit=_NEWEST, hidden=True) if row.reusable]
    mine = plan.params.items()
    return sorted(rows, key=lambda row: len(mine ^ row.params.items()))[:_NEIGHBOURS]


def _fetch_differing(
    repository: Repository, brought: Brought, plan: Plan, commits: Collection[str]
) -> None:
    """Fetch the folders that experiments have otherwise than the work tree."""
    git = repository.git
    roots = [commit.tree for commit in read_commits(git, list(commits))]
    _fetch(repository, brought, roots, COMMITS_ONLY)
    known = folders_of(git, [*roots, plan.snapshot.tree])
    present = {oid for _, oid in known.get(plan.snapshot.tree, {}).values()}
    differing = [
        oid
        for root in roots
        for mode, oid in known.get(root, {}).values()
        if mode == "40000" and oid not in present
    ]
    _fetch(repository, brought, differing, WITHOUT_FILES)


def _fetch_sources(
    repository: Repository, index: Index, brought: Brought, plan: Plan, rows: Sequence[Row]
) -> None:
    """Fetch the modules of experiments that don't have a Python file that is here now.

    Whether they would have picked it up depends on what they mention.
    """
    wanted: set[str] = set()
    for row in rows:
        changes = diff_trees(repository.git, row.commit, plan.snapshot.tree)
        if any(not change.old and change.path.endswith(".py") for change in changes):
            modules = index.record(row.commit).inputs.code.modules
            wanted.update(module.content for module in modules.values())
    _fetch(repository, brought, wanted - {""}, COMMITS_ONLY)
