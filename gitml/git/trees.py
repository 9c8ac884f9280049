"""Trees: listing one, comparing two, and building a new one from changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from gitml.errors import RepositoryError
from gitml.git.command import DURABLE, PRIVATE, Git, GitFailed, split_nul

# Nothing that the repository's attributes or the user's configuration name is started or hidden.
_DIFF = (
    "diff-tree",
    "-r",
    "--no-renames",
    "--no-ext-diff",
    "--no-textconv",
    "--ignore-submodules=none",
)


class Entry(msgspec.Struct, frozen=True):
    """One file of a tree: mode (`100644`, `100755`, `120000`, `160000`), object id, path."""

    mode: str
    oid: str
    path: str


class Change(msgspec.Struct, frozen=True):
    """One path that differs between two trees; an empty object id means "not there"."""

    path: str
    old: str
    new: str
    old_mode: str
    new_mode: str


def list_tree(git: Git, tree: str) -> list[Entry]:
    """Return every file of `tree`, folders unfolded, sorted by path as Git sorts.

    Raises:
        GitFailed: if there is no such tree.
    """
    output = git.run("ls-tree", "-r", "-z", "--full-tree", "--end-of-options", tree)
    entries = []
    for item in split_nul(output):
        head, _, path = item.partition("\t")
        mode, _, oid = head.split(" ")
        entries.append(Entry(mode, oid, path))
    return entries


def diff_trees(git: Git, old: str, new: str) -> list[Change]:
    """Return the paths that differ between two trees or commits."""
    parts = split_nul(git.run(*_DIFF, "-z", "--end-of-options", old, new))
    changes = []
    for head, path in zip(parts[::2], parts[1::2], strict=True):
        old_mode, new_mode, old_oid, new_oid, _ = head[1:].split(" ")
        changes.append(
            Change(
                path=path,
                old="" if not old_oid.strip("0") else old_oid,
                new="" if not new_oid.strip("0") else new_oid,
                old_mode=old_mode,
                new_mode=new_mode,
            )
        )
    return changes


def count_lines(git: Git, old: str, new: str) -> dict[str, tuple[int, int] | None]:
    """Return lines added and deleted by path between two trees; None for a binary file."""
    counts: dict[str, tuple[int, int] | None] = {}
    for item in split_nul(git.run(*_DIFF, "-z", "--numstat", "--end-of-options", old, new)):
        added, deleted, path = item.split("\t", 2)
        counts[path] = None if added == "-" else (int(added), int(deleted))
    return counts


def patch(git: Git, old: str, new: str, paths: Iterable[str] = ()) -> bytes:
    """Return the textual difference between two trees, for people to read."""
    wanted = (f":(literal){path}" for path in paths)
    return git.run(*_DIFF, "-p", "--end-of-options", old, new, "--", *wanted)


def build_tree(
    git: Git, index: Path, base: str | None, changes: Mapping[str, tuple[str, str] | None]
) -> str:
    """Return the tree that `base` becomes by `changes`, using a private index file.

    Args:
        git: Runner in the repository.
        index: Path of an index file that nobody else uses; it is overwritten.
        base: Tree to begin with, or None to begin with what the index file holds.
        changes: Path → (mode, object id), or None to delete it. A file takes the place of a folder
            of the same name and the other way round.

    Raises:
        GitFailed: if an object is missing.
        RepositoryError: if a path is one that Git refuses (`.git`, `..`).
    """
    private = git.with_index(index)
    index.parent.mkdir(parents=True, exist_ok=True)
    if base is not None:
        index.unlink(missing_ok=True)
        private.run(*PRIVATE, "read-tree", base)
    if changes:
        zero = "0" * len(next((change[1] for change in changes.values() if change), ""))
        zero = zero or _zero(private)
        lines = []
        for path, change in sorted(changes.items(), key=lambda pair: pair[1] is not None):
            _check_path(path)
            mode, oid = change or ("0", zero)
            lines.append(f"{mode} {oid}\t{path}".encode("utf-8", "surrogateescape") + b"\0")
        _change_index(private, b"".join(lines))
    return private.text(*DURABLE, *PRIVATE, "write-tree")


def _zero(git: Git) -> str:
    return "0" * (64 if git.text("rev-parse", "--show-object-format") == "sha256" else 40)


def _check_path(path: str) -> None:
    if any(part.lower() in (".git", "..", ".", "") or "\0" in part for part in path.split("/")):
        raise RepositoryError(f"Git can't store the path {path!r} in a commit.")


def _change_index(private: Git, lines: bytes) -> None:
    arguments = (*PRIVATE, "update-index", "-z", "--add", "--replace", "--index-info")
    done = private.attempt(*arguments, stdin=lines)
    said = done.stderr.decode("utf-8", "surrogateescape")
    if done.returncode:
        raise GitFailed(arguments, done.returncode, said)
    # It leaves out a path that Git forbids (`git~1`, say) and ends with status 0.
    _, ignored, rest = said.partition("Ignoring path ")
    if ignored:
        raise RepositoryError(f"Git can't store the path {rest.splitlines()[0]!r} in a commit.")
