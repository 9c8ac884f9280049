"""Which files a run wrote: what it was seen to write, what changed on disk, what is declared."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import msgspec

from gitml.config import Outputs
from gitml.execution.trace import Trace
from gitml.experiment.record import FOLDER
from gitml.git.repository import Repository
from gitml.git.snapshot import read_status
from gitml.outputs.roles import is_cache, is_declared, is_plain_result

_MAX_IGNORED = 200_000


class Written(msgspec.Struct, frozen=True):
    """The files of a run, as paths from the repository's root.

    Attributes:
        outputs: What the run wrote, sorted.
        edited: Files of the snapshot that somebody else changed while it ran.
    """

    outputs: tuple[str, ...] = ()
    edited: tuple[str, ...] = ()


class Question(msgspec.Struct, frozen=True):
    """What has to be known to tell the outputs of a run.

    Attributes:
        root: Work tree that the run ran in.
        since: Change time (nanoseconds) of a file made just before the run started.
        isolated: The work tree is the run's own.
        shared: Another run was active in the same work tree.
        snapshot: Paths of the snapshot.
        not_outputs: Paths that never are outputs (parameter files, data).
        known_outputs: Paths that recorded runs wrote.
        folder: The project's folder in the repository.
    """

    root: Path
    since: int
    isolated: bool
    shared: bool
    snapshot: frozenset[str]
    not_outputs: frozenset[str]
    known_outputs: frozenset[str]
    folder: str


def find_written(
    repository: Repository, question: Question, outputs: Outputs, trace: Trace
) -> Written:
    """Return what a run wrote below its work tree.

    `repository` is the one of the work tree that the run ran in.
    """
    seen = {path for path in _below(question.root, trace.written) if not _never(path, question)}
    declared = declared_test(question.root, question.folder, outputs)
    status = read_status(repository, ignored=True)
    found: set[str] = set()
    edited: set[str] = set()
    for path in (*status.changed, *status.untracked):
        if path.endswith("/") or _never(path, question) or not _touched(question, path):
            continue
        if question.isolated or path in seen or declared(path):
            found.add(path)
        elif path in question.snapshot and not _is_own(path, question):
            edited.add(path)
        elif not question.shared:
            found.add(path)
    for path in _ignored_files(question.root, status.ignored):
        result = is_plain_result(path) and (path in seen or not question.shared)
        if (result or declared(path)) and not _never(path, question) and _touched(question, path):
            found.add(path)
    # A tracked output that was written again with the same bytes is no change for Git.
    for path in seen:
        if path in question.snapshot and path not in found and _touched(question, path):
            found.add(path)
    for path in question.snapshot:
        if declared(path) and not _never(path, question) and _touched(question, path):
            found.add(path)
    return Written(tuple(sorted(found)), tuple(sorted(edited)))


def declared_test(root: Path, folder: str, outputs: Outputs) -> Callable[[str], bool]:
    """Return a test whether a path from the repository's root is declared as an output."""
    prefix = f"{folder}/" if folder else ""

    def test(path: str) -> bool:
        return path.startswith(prefix) and is_declared(path[len(prefix) :], outputs)

    return test


def _is_own(path: str, question: Question) -> bool:
    """Whether a changed path of the snapshot is a result although nobody was seen to write it.

    Native code writes without being seen: safetensors, a C++ checkpoint.
    """
    return not question.shared and (path in question.known_outputs or is_plain_result(path))


def _never(path: str, question: Question) -> bool:
    return (
        path in question.not_outputs
        or is_cache(path)
        or path.startswith((f"{FOLDER}/", ".git/", ".dvc/"))
        or f"/{FOLDER}/" in path
        or any(path.startswith(f"{folder}/") for folder in question.not_outputs)
    )


def _touched(question: Question, path: str) -> bool:
    """Whether a file changed after the run started (by its change time, which no copy fakes)."""
    try:
        status = os.lstat(question.root / path)
    except OSError:
        return False
    return status.st_ctime_ns >= question.since


def _below(root: Path, paths: Collection[str]) -> Iterator[str]:
    top = str(root) + os.sep
    for path in paths:
        if path.startswith(top) and os.path.isfile(path):
            yield path[len(top) :]


def _ignored_files(root: Path, ignored: Collection[str]) -> Iterator[str]:
    """Yield the files that Git ignores, without the insides of caches and environments."""
    budget = _MAX_IGNORED
    for path in ignored:
        if not path.endswith("/"):
            yield path
            continue
        for folder, folders, files in os.walk(root / path):
            relative = os.path.relpath(folder, root)
            if is_cache(f"{relative}/") or "pyvenv.cfg" in files:
                folders.clear()
                continue
            folders[:] = [name for name in folders if name not in (".git", "__pycache__")]
            budget -= len(files)
            if budget < 0:
                return
            for name in files:
                yield f"{relative}/{name}"
