"""Which experiments were added since a revision?"""

from __future__ import annotations

from gitml.errors import RepositoryError, UsageError
from gitml.experiment.message import parse
from gitml.git.log import Commit, read_commit
from gitml.git.repository import Repository
from gitml.git.share import is_shallow
from gitml.history.branches import studies, study_of
from gitml.history.index import Index, Row
from gitml.history.walk import walk


def added_since(repository: Repository, index: Index, revision: str, study: str = "") -> list[Row]:
    """Return the experiments that were added since a revision, the oldest first.

    - A commit of a study's line (an experiment, what was said about one, the study's beginning):
      the experiments of the lines that go on from it and that it doesn't reach along the line.
    - Any other commit: the experiments that it doesn't reach and whose base it doesn't reach
      either, or that were committed no earlier than it.
    - Only zeros, which CI systems say for a branch that is new: all experiments.

    Args:
        repository: Where.
        index: What is recorded.
        revision: What somebody typed.
        study: Only those of this study.

    Raises:
        UsageError: if there is no such commit, or no such study.
    """
    _require_study(index, study)
    if revision and not revision.strip("0") and len(revision) == len(repository.zero):
        return _ordered(index.rows(study or None, hidden=True))
    commit = _commit(repository, revision)
    if parse(commit.message).kind == "other":
        return _ordered(_since_commit(repository, index, commit, study))
    return _ordered(_since_line(repository, index, commit, study))


def added_here(repository: Repository, index: Index, study: str = "") -> list[Row]:
    """Return the experiments that no remote is known to have, the oldest first.

    Raises:
        UsageError: if there is no such study.
    """
    _require_study(index, study)
    arguments = ("rev-list", "--branches=exp/*", "--not", "--remotes", "--ignore-missing")
    unpushed = set(repository.git.run(*arguments).decode().split())
    rows = index.rows(study or None, hidden=True)
    return _ordered([row for row in rows if row.commit in unpushed])


def _require_study(index: Index, study: str) -> None:
    if study and study not in index.studies():
        known = ", ".join(list(index.studies())[:5])
        raise UsageError(
            f"There is no study {study!r} in this clone.",
            hint=f"There are: {known}." if known else "Nothing is recorded here.",
        )


def _commit(repository: Repository, revision: str) -> Commit:
    odd = not revision or any(char in revision for char in "\0\n") or len(revision) > 1000
    # A partial clone would ask its remote for any id that somebody types.
    offline = repository.git.with_environment({"GIT_NO_LAZY_FETCH": "1"})
    commit = None if odd else read_commit(offline, revision)
    if commit is not None:
        return commit
    hint = "Name a branch, a tag or a commit that this clone has."
    if is_shallow(repository):
        hint = (
            "This clone is shallow and may lack it: `git fetch --unshallow`, or fetch with more "
            "`--depth` (in GitHub Actions `fetch-depth: 0`, in GitLab `GIT_DEPTH: 0`)."
        )
    raise UsageError(f"There is no commit {revision[:80]!r} in this clone.", hint=hint)


def _since_line(repository: Repository, index: Index, commit: Commit, study: str) -> list[Row]:
    """Return what the lines have beyond a commit that is on one of them."""
    reached = {step.commit.oid for step in walk(repository, commit.oid, known=())}
    found: dict[str, Row] = {}
    for name, tips in _tips(repository).items():
        if study and name != study:
            continue
        beyond, related = _beyond(repository, tips, reached)
        if related or study:
            rows = index.rows(name, hidden=True)
            found.update({row.commit: row for row in rows if row.commit in beyond})
    return list(found.values())


def _tips(repository: Repository) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for ref, tip in studies(repository).items():
        found.setdefault(study_of(ref), set()).add(tip)
    return found


def _beyond(repository: Repository, tips: set[str], reached: set[str]) -> tuple[set[str], bool]:
    """Return the commits of lines that are not in `reached`, and whether the lines touch it."""
    beyond: set[str] = set()
    related = bool(tips & reached)
    for tip in tips:
        try:
            steps = list(walk(repository, tip, known=reached | beyond))
        except RepositoryError:
            continue  # the index says that the branch can't be read
        beyond |= {step.commit.oid for step in steps}
        related = related or any(parent in reached for step in steps for parent in step.line)
    return beyond, related


def _since_commit(repository: Repository, index: Index, commit: Commit, study: str) -> list[Row]:
    unreached = _unreached(repository, commit.oid)
    # Without the older history a base may be missing, and be on either side.
    reached = _reached(repository, commit.oid) if is_shallow(repository) else None

    def is_new(base: str) -> bool:
        return base in unreached or (reached is not None and base not in reached)

    return [
        row
        for row in index.rows(study or None, hidden=True)
        if row.commit in unreached
        and (not row.base or is_new(row.base) or row.committed >= commit.committed)
    ]


def _unreached(repository: Repository, oid: str) -> set[str]:
    """Return the commits that the studies reach, bases included, and that a commit doesn't."""
    tips = set(studies(repository).values())
    request = "".join(f"{tip}\n" for tip in sorted(tips)) + f"^{oid}\n"
    # What a damaged clone lacks is no reason not to look at the rest.
    arguments = ("rev-list", "--stdin", "--ignore-missing")
    output = repository.git.run(*arguments, stdin=request.encode())
    return set(output.decode().split())


def _reached(repository: Repository, oid: str) -> set[str]:
    return set(repository.git.text("rev-list", "--end-of-options", oid).split())


def _ordered(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row.committed, row.study, row.position))
