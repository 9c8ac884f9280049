"""Commits: making one from a tree, and landing it on a branch that others move at the same time."""

from __future__ import annotations

import fcntl
import os
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from gitml import faults
from gitml.errors import ContentionError, RepositoryError
from gitml.git.command import DURABLE, Git, GitFailed
from gitml.git.loose_commit import write_commit
from gitml.git.repository import Repository

GIVE_UP_SECONDS = 60.0

# What Git says when a reference doesn't hold the expected value (any more).
_MOVED = ("but expected", "reference already exists", "unable to resolve reference")
_SIGNING_SECONDS = 120.0
_QUEUE_SECONDS = 20.0
# The messages are UTF-8, whatever encoding the repository prefers for its own.
_UTF8 = ("-c", "i18n.commitEncoding=UTF-8")
_LOCK = re.compile(r"Unable to create '(.+\.lock)': File exists", re.DOTALL)


def commit_tree(
    git: Git,
    tree: str,
    parents: Sequence[str],
    message: str,
    *,
    sign: bool = False,
    config: Mapping[str, str] | None = None,
) -> str:
    """Make a commit object and return its id.

    `git commit-tree` ignores `commit.gpgSign`, so the caller says whether to sign. Where Git's
    configuration is known, a commit that isn't signed needs no process.

    Raises:
        GitFailed: if the identity is missing or signing fails.
    """
    if config is not None and not sign:
        written = write_commit(git, tree, parents, message, config)
        if written is not None:
            return written
    arguments = ["commit-tree", tree]
    for parent in parents:
        arguments += ["-p", parent]
    if sign:
        arguments.append("-S")
    done = git.run(
        *DURABLE,
        *_UTF8,
        *arguments,
        stdin=message.encode("utf-8", "surrogateescape"),
        timeout=_SIGNING_SECONDS if sign else None,
    )
    return done.decode().strip()


def read_ref(git: Git, ref: str) -> str:
    """Return the object that a full reference name points at, or empty if there is none.

    Raises:
        GitFailed: if the reference names an object that is missing.
    """
    # `rev-parse` would also find a tag whose name is the whole of `ref`.
    arguments = ("show-ref", "--verify", "--hash", "--end-of-options", ref)
    done = git.attempt(*arguments)
    if done.returncode == 0:
        return done.stdout.decode().strip()
    said = done.stderr.decode("utf-8", "replace")
    if "not a valid ref" in said:
        return ""
    raise GitFailed(arguments, done.returncode, said)


def update_ref(git: Git, ref: str, new: str, old: str, reason: str, release: str = "") -> None:
    """Move a full reference name from `old` to `new`; an `old` of zeros means it must not exist.

    `release` is another reference, deleted in the same transaction if it exists.

    Raises:
        ContentionError: if it doesn't point at `old` any more, or another process holds its lock.
        RepositoryError: for anything else that Git says, such as a hook that refuses.
    """
    lines = [f"update {ref} {new} {old}", *([f"delete {release}"] if release else [])]
    done = git.attempt(
        *DURABLE,
        "-c",
        "core.filesRefLockTimeout=2000",
        "update-ref",
        "--create-reflog",
        "-m",
        reason.replace("\n", " "),
        "--stdin",
        stdin="".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape"),
    )
    if done.returncode == 0:
        return
    said = done.stderr.decode("utf-8", "replace").strip()
    if "reference broken" in said:
        raise RepositoryError(
            f"{ref} is broken: its file holds no object id (after a power cut, say).",
            hint=f"`git log -g {ref}` or the file logs/{ref} in the Git folder names its commits.",
        )
    if any(sign in said for sign in _MOVED):
        raise ContentionError(f"{ref} was moved by another process.")
    locked = _LOCK.search(said)
    if locked:
        raise ContentionError(
            f"Another process holds the lock of {ref}: {locked[1]}{_age(Path(locked[1]))}.",
            hint="If no git is running, one was killed and left it behind: delete that file.",
        )
    if "exists; cannot create" in said:
        raise RepositoryError(
            f"The branch {ref.removeprefix('refs/heads/')} can't be made: {said}",
            hint="A branch named like the folder is in the way; rename it (git branch -m).",
        )
    raise RepositoryError(f"{ref} could not be written: {said}")


def _age(lock: Path) -> str:
    try:
        seconds = time.time() - lock.stat().st_mtime
    except OSError:
        return ""
    return f", {seconds:.0f} s old" if seconds < 600 else f", {seconds / 60:.0f} minutes old"


def delete_ref(git: Git, ref: str, old: str = "") -> None:
    """Delete a reference if it exists (and still points at `old`, if that is given)."""
    git.attempt("update-ref", "-d", ref, *([old] if old else []))


def land(
    repository: Repository,
    ref: str,
    root: Callable[[], str],
    make: Callable[[str], str],
    reason: str,
    release: str = "",
) -> str:
    """Put a new commit on top of a branch, however many processes do so at once.

    Args:
        repository: Where.
        ref: Full name of the branch.
        root: Makes the commit that the branch begins with, when there is no branch yet.
        make: Makes the commit for the tip that is given; called again when the tip has moved.
        reason: Message for the reflog.
        release: A reference that is deleted in the same transaction, if it exists.

    Returns:
        The id of the commit that landed.

    Raises:
        ContentionError: if the branch could not be won within a minute.
        RepositoryError: if Git refuses (a hook, a signature, no space).
    """
    git = repository.git
    pause = 0.01
    with _one_at_a_time(repository, ref):
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while True:
            tip = _tip(repository, ref)
            commit = make(tip or root())
            faults.reach("commit.written")
            try:
                update_ref(git, ref, commit, tip or repository.zero, reason, release)
            except ContentionError:
                if time.monotonic() > deadline:
                    raise
            else:
                faults.reach("commit.landed")
                return commit
            time.sleep(random.uniform(0, pause))
            pause = min(pause * 2, 1.0)


def _tip(repository: Repository, ref: str) -> str:
    """Return where a branch points; a loose reference is read from its file, without a process."""
    try:
        oid = (repository.common_dir / ref).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        oid = ""
    if len(oid) == len(repository.zero) and not set(oid) - set("0123456789abcdef"):
        return oid
    return read_ref(repository.git, ref)


def _head_ref(repository: Repository) -> str:
    """Return the branch that is checked out at this moment; `repository` may be hours old."""
    if repository.bare:
        return ""
    text = (repository.git_dir / "HEAD").read_text("utf-8", "surrogateescape").strip()
    if text.endswith("/.invalid"):  # reftable keeps HEAD elsewhere
        return repository.git.attempt("symbolic-ref", "-q", "HEAD").stdout.decode().strip()
    return text.removeprefix("ref: ")


@contextmanager
def _one_at_a_time(repository: Repository, ref: str) -> Iterator[None]:
    """Queue up with the other processes of this machine, for a while.

    Only saves lost rounds: the compare-and-swap of the branch keeps the promise, also where this
    lock can't be had (a file system without locks, a read-only folder, a process that hangs).
    """
    folder = repository.state_dir / "locks"
    descriptor = -1
    try:
        folder.mkdir(parents=True, exist_ok=True)
        name = ref.replace("/", "%")[-200:]
        descriptor = os.open(folder / name, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        _queue(descriptor)
    except OSError:
        pass
    try:
        yield
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _queue(descriptor: int) -> None:
    deadline = time.monotonic() + _QUEUE_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return
            time.sleep(random.uniform(0.002, 0.02))
        else:
            return


def root_commit(repository: Repository, message: str) -> str:
    """Make the commit that a study begins with: the same bytes on every machine.

    It has an empty tree, a fixed identity and the epoch as its date, and is never signed.
    """
    fixed = {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "gitml"), ("EMAIL", "gitml"), ("DATE", "@0 +0000"))
    }
    git = Git(repository.root, env=fixed)
    tree = git.text(*DURABLE, "hash-object", "-w", "-t", "tree", "--stdin")
    return git.text(*DURABLE, *_UTF8, "commit-tree", tree, stdin=message.encode())


def checked_out_at(repository: Repository, ref: str) -> Path | None:
    """Return the work tree that has this branch checked out, or None.

    Moving such a branch would show its user changes that they didn't make.
    """
    if not (repository.common_dir / "worktrees").is_dir():
        return repository.root if _head_ref(repository) == ref else None
    end = b"\0"
    done = repository.git.attempt("worktree", "list", "--porcelain", "-z")
    if done.returncode:  # Git before 2.36 knows no -z here
        end = b"\n"
        done = repository.git.attempt("worktree", "list", "--porcelain")
    for block in done.stdout.split(end * 2):
        lines = block.split(end)
        # A work tree whose folder is gone has no files that could seem to change.
        gone = any(line.startswith(b"prunable") for line in lines)
        if f"branch {ref}".encode() in lines and not gone:
            return Path(os.fsdecode(lines[0].removeprefix(b"worktree ")))
    return None
