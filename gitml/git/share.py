"""Branches travelling between repositories: fetched, joined, pushed; never forced."""

from __future__ import annotations

import sys

import msgspec

from gitml.errors import ContentionError, RepositoryError, UsageError
from gitml.git.command import Git, GitFailed
from gitml.git.commits import commit_tree, read_ref, update_ref
from gitml.git.log import list_refs
from gitml.git.repository import Repository


class Rejected(msgspec.Struct, frozen=True):
    """A branch that the remote did not take.

    Attributes:
        ref: Full name of the branch.
        diverged: The remote has commits that we don't; fetching and joining helps.
        reason: What the remote said.
    """

    ref: str
    diverged: bool
    reason: str


def network_git(repository: Repository) -> Git:
    """Return a runner that may ask for a password when there is somebody to answer."""
    asks = "1" if sys.stdin is not None and sys.stdin.isatty() else "0"
    return Git(repository.root, env={"GIT_TERMINAL_PROMPT": asks})


def choose_remote(repository: Repository, config: dict[str, str], name: str = "") -> str:
    """Return the Git remote to share with: the one named, the branch's own, or the usual one.

    Raises:
        UsageError: if there is none, or not the one that was named.
    """
    remotes = [
        key[len("remote.") : -len(".url")]
        for key in config
        if key.startswith("remote.") and key.endswith(".url")
    ]
    if name:
        if name not in remotes:
            raise UsageError(
                f"There is no Git remote {name!r}.",
                hint=f"There are: {', '.join(remotes) or 'none'}. `git remote add` makes one.",
            )
        return name
    wanted = [
        config.get(f"branch.{repository.branch}.remote", ""),
        config.get("remote.pushdefault", ""),
        "origin",
    ]
    if len(remotes) == 1:
        wanted += remotes
    for candidate in wanted:
        if candidate in remotes:
            return candidate
    raise UsageError(
        "There is no Git remote to share with.",
        hint="git remote add origin URL"
        if not remotes
        else f"Name one of: {', '.join(remotes)} (--remote NAME).",
    )


def fetch_branches(
    repository: Repository, remote: str, prefix: str, *, whole: bool = False
) -> dict[str, str]:
    """Fetch `refs/heads/<prefix>*` of a remote and return branch name → commit as it is there.

    Args:
        repository: Where to.
        remote: Name of the remote.
        prefix: What the names of the branches begin with.
        whole: Whether a shallow clone gets the history that it lacks.

    Raises:
        RepositoryError: if the remote can't be reached.
    """
    refspec = f"+refs/heads/{prefix}*:refs/remotes/{remote}/{prefix}*"
    arguments = ["--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", "--prune"]
    if whole:
        arguments.append("--unshallow")
    git = network_git(repository)
    try:
        git.run("fetch", "--quiet", *arguments, "--end-of-options", remote, refspec)
    except GitFailed as error:
        raise RepositoryError(
            f"Nothing could be fetched from {remote}: {error.stderr.strip()}",
            hint=f"`git fetch {remote}` shows the same; check the address and your access.",
        ) from error
    start = f"refs/remotes/{remote}/"
    refs = list_refs(repository.git, f"{start}{prefix.rstrip('/')}")
    return {ref.removeprefix(start): oid for ref, oid in refs.items()}


def is_shallow(repository: Repository) -> bool:
    """Whether the repository is a clone that lacks older history."""
    return (repository.common_dir / "shallow").exists()


def is_ancestor(git: Git, old: str, new: str) -> bool:
    """Whether `old` is `new` or can be reached from it.

    Raises:
        GitFailed: if the history can't be read.
    """
    if old == new:
        return True
    arguments = ("merge-base", "--is-ancestor", old, new)
    done = git.attempt(*arguments)
    if done.returncode not in (0, 1):
        raise GitFailed(arguments, done.returncode, done.stderr.decode("utf-8", "replace"))
    return done.returncode == 0


def join_branch(
    repository: Repository, ref: str, theirs: str, message: str, *, sign: bool = False
) -> str:
    """Bring `theirs` into a local branch without rewriting a commit; return what was done.

    Returns:
        `new` (the branch began here), `same`, `ahead` (nothing to bring in), `forward`, or
        `joined` (a commit with both as parents and the tree of theirs was added).

    Raises:
        ContentionError: if the branch keeps moving.
    """
    git = repository.git
    for _ in range(50):
        ours = read_ref(git, ref)
        if ours == theirs:
            return "same"
        if ours and is_ancestor(git, theirs, ours):
            return "ahead"
        if not ours:
            new, done = theirs, "new"
        elif is_ancestor(git, ours, theirs):
            new, done = theirs, "forward"
        else:
            tree = git.text("rev-parse", f"{theirs}^{{tree}}")
            new, done = commit_tree(git, tree, [theirs, ours], message, sign=sign), "joined"
        try:
            update_ref(git, ref, new, ours or repository.zero, f"gitml: pull ({done})")
        except ContentionError:
            continue
        return done
    raise ContentionError(f"{ref} keeps moving; try again in a moment.")


def push_branches(repository: Repository, remote: str, refs: list[str]) -> list[Rejected]:
    """Push branches to the same names on a remote and return those that it did not take.

    Raises:
        RepositoryError: if the remote can't be reached at all.
    """
    rejected: list[Rejected] = []
    git = network_git(repository)
    for start in range(0, len(refs), 50):  # some hosts refuse pushes of more than 100 refs
        batch = [f"{ref}:{ref}" for ref in refs[start : start + 50]]
        done = git.attempt(
            "push",
            "--porcelain",
            "--no-recurse-submodules",
            "--no-follow-tags",
            "--end-of-options",
            remote,
            *batch,
        )
        output = done.stdout.decode("utf-8", "replace")
        found = [_rejection(line) for line in output.splitlines() if line.startswith("!\t")]
        rejected += found
        if done.returncode and not found:
            said = done.stderr.decode("utf-8", "replace").strip()
            raise RepositoryError(
                f"Nothing could be pushed to {remote}: {said}",
                hint="Check the address, that you may write there, and what a pre-push hook says.",
            )
    return rejected


def _rejection(line: str) -> Rejected:
    _, refs, summary = line.split("\t", 2)
    diverged = any(word in summary for word in ("fetch first", "non-fast-forward", "stale info"))
    # Two pushes at the same moment: the loser is told about the lock or the old value.
    raced = any(
        words in summary
        for words in ("cannot lock ref", "failed to update ref", "incorrect old value")
    )
    return Rejected(refs.partition(":")[0], diverged or raced, summary)
