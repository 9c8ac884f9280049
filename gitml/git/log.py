"""Reading commits: metadata and messages, in the order of a line of commits."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Container, Iterator, Sequence

import msgspec

from gitml.errors import RepositoryError
from gitml.git.command import Git, executable

_FIELDS = "%H%x00%T%x00%P%x00%an%x00%ae%x00%at%x00%ct%x00%B"
_FIELD_COUNT = 8


class Commit(msgspec.Struct, frozen=True):
    """A commit without its content.

    Attributes:
        oid: Its id.
        tree: Id of its tree.
        parents: Ids of its parents.
        author: Name of the author.
        mail: Mail address of the author.
        authored: Author date, seconds since the epoch.
        committed: Commit date, seconds since the epoch.
        message: The whole message.
    """

    oid: str
    tree: str
    parents: tuple[str, ...]
    author: str
    mail: str
    authored: int
    committed: int
    message: str


def walk_line(
    git: Git,
    tip: str,
    *,
    known: Container[str],
    branches: Callable[[Commit], Sequence[str]],
    offline: bool = False,
) -> Iterator[Commit]:
    """Yield the commits of a line, newest first, along first parents.

    `branches` tells which further parents of a commit belong to the line (for a join: the others);
    they are walked after the first line, too. A commit in `known`, or seen before, ends its line.

    Raises:
        RepositoryError: if Git can't read the history.
    """
    seen: set[str] = set()
    waiting = [tip]
    while waiting:
        start = waiting.pop()
        for commit in _first_parents(git, start, offline=offline):
            if commit.oid in seen or commit.oid in known:
                break
            seen.add(commit.oid)
            waiting.extend(branches(commit))
            yield commit


def read_commit(git: Git, revision: str) -> Commit | None:
    """Return one commit, or None if the revision doesn't name one."""
    done = git.attempt(
        *_log_arguments(), "--max-count=1", "--end-of-options", f"{revision}^{{commit}}"
    )
    if done.returncode or not done.stdout:
        return None
    return _parse(done.stdout.removesuffix(b"\0").split(b"\0"))


def read_commits(git: Git, oids: Sequence[str]) -> list[Commit]:
    """Return commits by their ids, in that order.

    Raises:
        GitFailed: if one of them isn't here.
    """
    request = "".join(f"{oid}\n" for oid in oids).encode()
    arguments = (*_log_arguments(), "--no-walk=unsorted", "--stdin")
    fields = git.run(*arguments, stdin=request).split(b"\0") if oids else []
    starts = range(0, len(fields) - 1, _FIELD_COUNT)
    return [_parse(fields[start : start + _FIELD_COUNT]) for start in starts]


def list_refs(git: Git, *patterns: str) -> dict[str, str]:
    """Return full reference name → object id for the references at and below the patterns."""
    # Git takes a plain pattern as a folder, too, but one with a wildcard only as a whole name.
    below = [f"{pattern}/**" for pattern in patterns if "*" in pattern]
    output = git.run("for-each-ref", "--format=%(objectname) %(refname)", *patterns, *below)
    refs = {}
    for line in output.decode("utf-8", "surrogateescape").splitlines():
        oid, _, name = line.partition(" ")
        refs[name] = oid
    return refs


def _log_arguments() -> tuple[str, ...]:
    return (
        "-c",
        "log.showSignature=false",
        "log",
        "-z",
        "--no-color",
        "--no-decorate",
        "--encoding=UTF-8",
        f"--format=tformat:{_FIELDS}",
    )


def _first_parents(git: Git, start: str, *, offline: bool) -> Iterator[Commit]:
    env = dict(git.environment)
    if offline:
        env["GIT_NO_LAZY_FETCH"] = "1"
    # Streamed and cut off by the reader: `--not <known>` would also leave out what is reachable
    # through a base, such as experiments of another study that somebody stood on.
    process = subprocess.Popen(
        [executable(), *_log_arguments(), "--first-parent", "--end-of-options", start, "--"],
        cwd=git.folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout and process.stderr
    complete = False
    try:
        rest = b""
        fields: list[bytes] = []
        while chunk := process.stdout.read1(1 << 20):  # type: ignore[attr-defined]
            *parts, rest = (rest + chunk).split(b"\0")
            fields += parts
            while len(fields) >= _FIELD_COUNT:
                yield _parse(fields[:_FIELD_COUNT])
                del fields[:_FIELD_COUNT]
        complete = True
    finally:
        if not complete:
            process.kill()
        said = process.stderr.read().decode("utf-8", "replace").strip()
        process.stdout.close()
        process.stderr.close()
        status = process.wait()
    if status:
        raise RepositoryError(f"The history of {start} can't be read: {said}")


def _parse(fields: Sequence[bytes]) -> Commit:
    oid, tree, parents, author, mail, authored, committed, message = (
        field.decode("utf-8", "surrogateescape") for field in fields
    )
    return Commit(
        oid=oid,
        tree=tree,
        parents=tuple(parents.split()),
        author=author,
        mail=mail,
        authored=int(authored or 0),
        committed=int(committed or 0),
        message=message,
    )
