"""The work tree as a tree object, without touching the user's index."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec

from gitml.background import begin
from gitml.errors import RepositoryError
from gitml.git.command import DURABLE, PRIVATE, Git, GitFailed, join_nul, split_nul
from gitml.git.repository import Repository
from gitml.git.trees import Entry

# One sync for all of many files instead of one for each: half the time and less, much less on
# a spinning disk.
_MANY = 100
_MANY_FILES = ("-c", "core.fsyncMethod=batch")
# `core.safecrlf` protects a commit that people make; a snapshot must not fail for it.
_AS_IS = ("-c", "core.safecrlf=false")


class WorkTreeStatus(msgspec.Struct, frozen=True):
    """How the work tree differs from what is checked out.

    Attributes:
        changed: Tracked paths whose content or mode differs from HEAD (staged or not).
        deleted: Tracked paths that are gone from the work tree.
        dropped: Paths that the user took out of the index (the file may still lie there).
        untracked: Paths that Git neither tracks nor ignores; a nested repository ends in `/`.
        ignored: Paths that Git ignores; a wholly ignored folder ends in `/`.
        unmerged: Paths with conflicts.
    """

    changed: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    untracked: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    unmerged: tuple[str, ...] = ()


class Snapshot(msgspec.Struct, frozen=True):
    """The work tree at one moment.

    Attributes:
        tree: Tree object that holds it.
        status: How it differed from what is checked out.
        entries: Its files.
        too_large: Untracked paths that were left out because of their size, with their bytes.
    """

    tree: str
    status: WorkTreeStatus
    entries: tuple[Entry, ...] = ()
    too_large: dict[str, int] = {}


def read_status(repository: Repository, *, ignored: bool = False) -> WorkTreeStatus:
    """Ask Git how the work tree differs from HEAD; the user's index is not refreshed.

    Raises:
        RepositoryError: if Git can't tell, because a filter fails, say.
    """
    return _status(repository.git, ignored=ignored)


def _status(git: Git, *, ignored: bool = False) -> WorkTreeStatus:
    arguments = ["status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all"]
    arguments += ["--ignored=matching" if ignored else "--ignored=no", "--ignore-submodules=none"]
    with _explained():
        output = git.run("-c", "status.submoduleSummary=false", *arguments)
    groups: dict[str, list[str]] = {name: [] for name in WorkTreeStatus.__struct_fields__}
    for item in split_nul(output):
        code, path = item[:2], item[3:]
        groups[_group(code)].append(path)
    return WorkTreeStatus(**{name: tuple(paths) for name, paths in groups.items()})


def _group(code: str) -> str:
    if code == "??":
        return "untracked"
    if code == "!!":
        return "ignored"
    if "U" in code or code in ("AA", "DD"):
        return "unmerged"
    if code == "D ":
        return "dropped"
    return "deleted" if code[1] == "D" else "changed"


def take_snapshot(
    repository: Repository,
    index: Path,
    *,
    large: int,
    leave_out: Collection[str] = (),
    status: WorkTreeStatus | None = None,
) -> Snapshot:
    """Write the whole project as it is now as a tree: tracked files, edits, untracked files.

    The private index starts as a copy of the user's, so that unchanged files are not read again
    and settings such as sparse checkouts hold. Edits that the user hides from Git
    (`--assume-unchanged`, `--skip-worktree`) are in the snapshot and its status all the same,
    since the command that runs sees them.

    Args:
        repository: Where.
        index: Path of a private index file; it is overwritten and stays behind for later steps.
        large: Untracked files of at least this many bytes are left out.
        leave_out: Untracked paths to leave out (what recorded runs wrote).
        status: The status, if it is known already.

    Raises:
        RepositoryError: if there are conflicts, or a filter fails.
    """
    # First the status, then the copy: what is added or committed in between is in the copy.
    status = status or read_status(repository)
    private = repository.git.with_index(index)
    _copy_index(repository, private, index)
    untracked, too_large = _take_in(repository, private, status, large, leave_out)
    tree = begin(partial(_tree, repository, private, status, untracked))
    entries, hidden = _list_index(repository.root, private)
    if hidden:
        tree()  # of what Git was told to see: the index must not be written by two
        _reveal(private, *hidden)
        status = _status(private)
        untracked, too_large = _take_in(repository, private, status, large, leave_out)
        entries, _ = _list_index(repository.root, private)
        return Snapshot(_tree(repository, private, status, untracked), status, entries, too_large)
    return Snapshot(tree(), status, entries, too_large)


def _tree(
    repository: Repository, private: Git, status: WorkTreeStatus, untracked: Collection[str]
) -> str:
    if repository.head and not (status.dropped or status.deleted or status.changed or untracked):
        return repository.git.text("rev-parse", "HEAD^{tree}")
    return private.text(*DURABLE, *PRIVATE, "write-tree")


def _take_in(
    repository: Repository,
    private: Git,
    status: WorkTreeStatus,
    large: int,
    leave_out: Collection[str],
) -> tuple[list[str], dict[str, int]]:
    """Bring a private index up to date; return the untracked files in it, and those too large."""
    if status.unmerged:
        raise RepositoryError(
            f"{status.unmerged[0]} has conflicts that are not resolved.",
            hint="Resolve them and `git add` the files, then run again.",
        )
    untracked, too_large = _worth_keeping(repository, status.untracked, large, leave_out)
    _remove(private, repository.zero, status.deleted)
    _update(private, [*status.changed, *untracked])
    return untracked, too_large


def _copy_index(repository: Repository, private: Git, index: Path) -> None:
    index.parent.mkdir(parents=True, exist_ok=True)
    own = repository.git_dir / "index"
    try:
        shutil.copyfile(own, index)
        # Git trusts the recorded times only if the index is newer than the files it describes.
        shutil.copystat(own, index)
    except FileNotFoundError:  # nothing was ever added or checked out
        index.unlink(missing_ok=True)
        private.run(*PRIVATE, "read-tree", "--empty")


def _list_index(
    root: Path, private: Git
) -> tuple[tuple[Entry, ...], tuple[list[str], list[str]] | None]:
    """Return the files of an index, and the paths that Git was told to take as unchanged.

    Those are (assumed, skipped), or None if there are none. What a sparse checkout leaves out
    isn't there, and stays as it is.
    """
    entries: list[Entry] = []
    assumed: list[str] = []
    skipped: list[str] = []
    for item in split_nul(private.run("ls-files", "-v", "-s", "-z")):
        head, _, path = item.partition("\t")
        tag, mode, oid, _ = head.split(" ")
        entries.append(Entry(mode, oid, path))
        if tag == "H":
            continue
        if tag in "Ss" and os.path.lexists(root / path):
            skipped.append(path)
        if tag.islower() and (tag != "s" or path in skipped[-1:]):
            assumed.append(path)
    return tuple(entries), (assumed, skipped) if assumed or skipped else None


def _reveal(private: Git, assumed: list[str], skipped: list[str]) -> None:
    """Make Git look at files that it was told to take as unchanged."""
    for option, paths in (
        ("--no-assume-unchanged", assumed),
        ("--no-skip-worktree", skipped),
    ):
        if paths:
            private.run(*PRIVATE, "update-index", option, "-z", "--stdin", stdin=join_nul(paths))


def _worth_keeping(
    repository: Repository, untracked: Iterable[str], large: int, leave_out: Collection[str]
) -> tuple[list[str], dict[str, int]]:
    keep: list[str] = []
    too_large: dict[str, int] = {}
    environments: dict[str, bool] = {}
    for path in untracked:
        if path.endswith("/"):  # a nested repository: its own history, not ours
            continue
        if path in leave_out or _in_environment(repository.root, path, environments):
            continue
        try:
            status = os.lstat(repository.root / path)
        except OSError:
            continue
        if status.st_size >= large:
            too_large[path] = status.st_size
        else:
            keep.append(path)
    return keep, too_large


def _in_environment(root: Path, path: str, known: dict[str, bool]) -> bool:
    """Whether a folder above `path` is a virtual environment (holds a `pyvenv.cfg`)."""
    folder = os.path.dirname(path)
    while folder:
        if folder not in known:
            known[folder] = os.path.lexists(root / folder / "pyvenv.cfg")
        if known[folder]:
            return True
        folder = os.path.dirname(folder)
    return False


def _remove(private: Git, zero: str, paths: Collection[str]) -> None:
    """Take paths out of the index; by `--remove`, Git refuses one that is now behind a link."""
    if paths:
        lines = join_nul(f"0 {zero}\t{path}" for path in paths)
        private.run(*PRIVATE, "update-index", "-z", "--index-info", stdin=lines)


def _update(private: Git, paths: list[str]) -> None:
    if not paths:
        return
    sync = _MANY_FILES if len(paths) > _MANY else ()
    arguments = ("update-index", "--add", "--remove", "--replace", "-z", "--stdin")
    with _explained():
        private.run(*DURABLE, *sync, *PRIVATE, *_AS_IS, *arguments, stdin=join_nul(paths))


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except GitFailed as error:
        if "filter" in error.stderr:
            raise RepositoryError(
                f"A clean filter of .gitattributes failed: {error.stderr.strip()}",
                hint="Install the program that the filter needs (git-lfs, say).",
            ) from error
        raise
