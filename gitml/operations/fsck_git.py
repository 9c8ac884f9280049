"""Git's side: branches and the objects behind them, the index, runs, and what was left over."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from gitml.errors import RepositoryError
from gitml.execution import journal
from gitml.experiment.record import Record
from gitml.git.commits import delete_ref
from gitml.git.fetching import missing
from gitml.git.log import list_refs
from gitml.git.repository import Repository
from gitml.history import database
from gitml.history.branches import studies, study_of
from gitml.history.index import Index, Row
from gitml.history.walk import walk
from gitml.inputs.examples import counted
from gitml.operations.fsck_values import GitProblem
from gitml.operations.project import Project
from gitml.storage.cache import STAGING, TEMPORARY, clear_leftovers
from gitml.storage.durable import amount
from gitml.storage.paths import shown
from gitml.storage.place import Storage

_ANCHORS = "refs/gitml/tmp/"
_MOST = 20
_STALE = 24 * 3600
# What `git fsck` says of objects that are gone or damaged; what else it says is a matter of taste.
_BROKEN = re.compile(
    r"(?:missing (?:blob|tree|commit|tag) [0-9a-f]{40,64}"
    r"|error: .*(?:corrupt|mismatch|missing|unable to|invalid|garbage|inflate|truncated|bad).*"
    r"|broken link from .*|\s+to\s+\w+ [0-9a-f]{40,64}|fatal: .*)"
)


def branches(repository: Repository, wanted: Sequence[str]) -> Iterator[GitProblem]:
    """Yield branches of studies that point at nothing, or whose files hold no object id."""
    done = repository.git.attempt("for-each-ref", "--format=%(refname)", "refs/heads/exp")
    for line in done.stderr.decode("utf-8", "replace").splitlines():
        said = line.removeprefix("warning: ").strip()
        if said:
            yield GitProblem("branch", "error", f"Git says: {shown(said)[:300]}.", _REFLOG)
    refs = {
        ref: oid
        for ref, oid in studies(repository).items()
        if not wanted or study_of(ref) in wanted
    }
    gone = set(missing(repository.git, refs.values()))
    for ref, oid in refs.items():
        if oid in gone:
            name = ref.removeprefix("refs/heads/").removeprefix("refs/remotes/")
            said = f"The branch {shown(name)} points at {oid[:12]}, which Git doesn't have."
            yield GitProblem("branch", "error", said, _REFLOG)


_RESTORE = "Fetch it from a remote or copy it from another clone: git fetch --refetch."
_REFLOG = "`git reflog show <branch>` lists where it was; another clone may have what is lost."


def objects(repository: Repository) -> Iterator[GitProblem]:
    """Yield what `git fsck` finds: every object of Git is read and hashed."""
    arguments = ("fsck", "--full", "--no-dangling", "--no-progress", "--no-reflogs")
    done = repository.git.attempt(*arguments)
    lines = (done.stdout + b"\n" + done.stderr).decode("utf-8", "replace").splitlines()
    broken = list(dict.fromkeys(" ".join(x.split()) for x in lines if _BROKEN.fullmatch(x)))
    for line in broken[:_MOST]:
        yield GitProblem(
            "git",
            "error",
            f"git fsck: {shown(line)[:300]}",
            _RESTORE,
        )
    if len(broken) > _MOST:
        more = len(broken) - _MOST
        yield GitProblem("git", "error", f"git fsck says {more} more of that kind.", "git fsck")


def index_agrees(
    repository: Repository, index: Index, rows: Sequence[Row], records: dict[str, Record]
) -> Iterator[GitProblem]:
    """Yield where the index and the commits disagree, and lines that no branch reaches any more."""
    for said in index.problems:
        yield GitProblem("branch", "error", said, "`git fsck` says more.")
    known = {row.commit: row for row in rows}
    listed = {row.study for row in rows}
    reached: set[str] = set()
    broken: list[str] = []
    for ref, tip in studies(repository).items():
        if study_of(ref) in listed:
            try:
                reached |= _experiments(repository, tip)
            except RepositoryError:
                broken.append(ref.removeprefix("refs/heads/").removeprefix("refs/remotes/"))
    for name in broken if not index.problems else ():
        said = f"The branch {shown(name)} can't be read to its beginning: a commit is damaged."
        yield GitProblem("branch", "error", said, _RESTORE)
    # Below a damaged commit only the index knows what there was: it must not be made anew.
    wrong = sorted(known.keys() ^ reached) if not index.problems and not broken else []
    for commit, record in records.items():
        row = known.get(commit)
        if row is not None and _differs(row, record):
            wrong.append(commit)
    if wrong:
        some = ", ".join(commit[:12] for commit in wrong[:3])
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        yield GitProblem(
            "index",
            "error",
            f"The index doesn't say what the commits do: {some}{more}.",
            "It is derived: --repair makes it anew.",
        )
    for line in index.lost():
        if line.study in listed or not rows:
            names = ", ".join(line.experiments[:5]) or "experiments"
            yield GitProblem(
                "branch",
                "warning",
                f"No branch reaches {shown(names)} of exp/{line.study} any more.",
                f"git branch exp/{line.study}-lost {line.tip}",
            )


def _experiments(repository: Repository, tip: str) -> set[str]:
    steps = walk(repository, tip, known=())
    return {step.commit.oid for step in steps if step.header.kind == "experiment"}


def _differs(row: Row, record: Record) -> bool:
    return row.complete and (
        row.experiment != record.name
        or row.status != record.status
        or row.fingerprint != record.fingerprint
        or row.lookup != record.lookup
        or row.digests != record.digests
        or row.metrics != record.metrics
        or row.params != record.params
    )


def runs(project: Project) -> Iterator[GitProblem]:
    """Yield runs that were cut off, and snapshots that are kept for none."""
    anchors = list_refs(project.repository.git, _ANCHORS)
    entries = journal.entries(project.runs_dir)
    for entry in entries:
        if not journal.alive(entry):
            yield GitProblem(
                "run",
                "warning",
                f"The run {shown(entry.name)} was cut off ({entry.state}) and isn't recorded.",
                "gitml exp recover",
            )
    # The journal was read after the references: whoever is in neither has ended.
    names = {entry.id for entry in entries}
    stale = [ref for ref in anchors if ref.removeprefix(_ANCHORS) not in names]
    if stale:
        yield GitProblem(
            "left over",
            "warning",
            f"{counted(len(stale), 'snapshot')} kept for runs that have ended.",
            "--repair lets go of them.",
        )


def leftovers(project: Project, storage: Storage | None) -> Iterator[GitProblem]:
    """Yield half-written files that killed processes left, and objects that were set aside."""
    if storage is not None:
        count, size = _abandoned(storage)
        if count:
            yield GitProblem(
                "left over",
                "warning",
                f"Killed processes left {counted(count, 'half-written file')} ({amount(size)}).",
                "--repair removes them.",
            )
    aside = _files_in(project.quarantine)
    if aside:
        size = sum(aside.values())
        yield GitProblem(
            "left over",
            "warning",
            f"{counted(len(aside), 'corrupt object')} ({amount(size)}) set aside by --repair.",
            f"To be deleted when nothing is missed: {project.quarantine}",
        )


def mend(project: Project, storage: Storage | None, found: Sequence[GitProblem]) -> list[str]:
    """Mend what derived and temporary files need; return the messages of what was mended.

    Raises:
        StorageError: if something can't be removed.
    """
    mended = []
    for problem in found:
        if problem.topic == "index":
            database.discard_file(project.state_dir)
            mended.append(problem.message)
        elif problem.topic == "left over" and problem.mend.startswith("--repair"):
            _release_anchors(project)
            if storage is not None:
                clear_leftovers(storage)
            mended.append(problem.message)
    return mended


def _release_anchors(project: Project) -> None:
    anchors = list_refs(project.repository.git, _ANCHORS)
    names = {entry.id for entry in journal.entries(project.runs_dir)}
    for ref, oid in anchors.items():
        if ref.removeprefix(_ANCHORS) not in names:
            delete_ref(project.repository.git, ref, oid)


def _abandoned(storage: Storage) -> tuple[int, int]:
    """Return how many temporary files are older than a day, and their bytes."""
    oldest = time.time() - _STALE
    count = size = 0
    for folder, prefix in ((storage.cache / TEMPORARY, ""), (storage.dvc_dir / "tmp", STAGING)):
        try:
            with os.scandir(folder) as items:
                for item in items:
                    info = item.stat(follow_symlinks=False)
                    if item.name.startswith(prefix) and info.st_mtime < oldest:
                        count, size = count + 1, size + info.st_size
        except OSError:
            continue
    return count, size


def _files_in(folder: Path) -> dict[str, int]:
    try:
        with os.scandir(folder) as items:
            return {item.name: item.stat().st_size for item in items if item.is_file()}
    except OSError:
        return {}
