"""Reading and writing many Git objects with one process."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from gitml.errors import RepositoryError
from gitml.git.command import DURABLE, Git, executable
from gitml.git.loose import SMALL_BYTES, SMALL_FILES, write_loose
from gitml.git.offline import without_promises

# Larger objects were not written by gitml, and reading one would only fill the memory.
MOST_BYTES = 1 << 30
# Fewer bytes than the smallest pipe holds, so that neither side can block while the other writes.
_REQUEST_BYTES = 4096
_BY_ID = re.compile(r"[0-9a-f]{40,64}(?![0-9a-z])")
# Git ends at some of the others when they name nothing: `HEAD@{9}`, `@{u}`, `HEAD:../x`.
_HARMLESS = re.compile(r"[\w./-]*(:(?!\.{0,2}/).*)?", re.ASCII)


class _EndedError(Exception):
    """`git cat-file` answers no more."""


class ObjectReader:
    """One `git cat-file --batch` process that answers object by object.

    A context manager, for one reader at a time. With `offline`, a partial clone fetches nothing:
    what isn't there is missing.
    """

    def __init__(self, git: Git, *, offline: bool = False) -> None:
        env = {"GIT_NO_LAZY_FETCH": "1"} if offline else {}
        self._git = git.with_environment(env)
        self._offline = offline
        self._by_id_only = False
        self._owed = 0
        self._process = _start(self._git, self._git.environment)

    def __enter__(self) -> ObjectReader:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def read_many(self, names: Iterable[str]) -> Iterator[bytes | None]:
        """Yield the content of each object in order; None for what is missing.

        A name is anything that Git resolves (`<commit>:<path>`).

        Raises:
            RepositoryError: if Git can't read the repository any more, or an object has more
                than `MOST_BYTES`.
        """
        batch: list[str] = []
        waiting = 0
        for name in names:
            length = len(name.encode("utf-8", "surrogateescape")) + 1
            if batch and waiting + length > _REQUEST_BYTES:
                yield from self._answer(batch)
                batch, waiting = [], 0
            batch.append(name)
            waiting += length
        if batch:
            yield from self._answer(batch)

    def read(self, name: str) -> bytes | None:
        """Return the content of one object, or None if it is missing."""
        return next(self.read_many([name]))

    def _answer(self, names: list[str]) -> Iterator[bytes | None]:
        asked = [self._on_one_line(name) for name in names]
        self._ask(name for name in asked if name is not None)
        for position, name in enumerate(asked):
            try:
                content = None if name is None else self._next()
            except _EndedError:
                self._go_offline()
                yield from self._answer(names[position:])
                return
            yield content

    def _on_one_line(self, name: str) -> str | None:
        """Return a name that the process takes, or None for what can't be there.

        It reads lines, drops a carriage return at their end, and stops at a NUL.
        """
        if "\0" in name:
            return None
        plain = _HARMLESS.fullmatch(name) and "\n" not in name and not name.endswith("\r")
        if plain and (not self._by_id_only or _BY_ID.match(name)):
            return name
        done = self._git.attempt("rev-parse", "--verify", "--quiet", "--end-of-options", name)
        return done.stdout.decode().strip() if done.returncode == 0 else None

    def _ask(self, names: Iterable[str]) -> None:
        assert self._process.stdin
        while self._owed:  # an earlier reader stopped before its last answer
            self._next()
        lines = [f"{name}\n".encode("utf-8", "surrogateescape") for name in names]
        with suppress(OSError):  # a process that has ended is noticed when it doesn't answer
            self._process.stdin.write(b"".join(lines))
            self._process.stdin.flush()
        self._owed = len(lines)

    def _next(self) -> bytes | None:
        assert self._process.stdout
        try:
            content = _read_answer(self._process.stdout)
        except RepositoryError:
            self._owed -= 1
            raise
        self._owed -= 1
        return content

    def _go_offline(self) -> None:
        if self._by_id_only or not self._offline:
            raise RepositoryError(
                "git cat-file ended early.", hint="`git fsck` says whether the repository is sound."
            )
        self.close()
        self._owed = 0
        self._by_id_only = True
        self._process = _start(self._git, without_promises(self._git))

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin and self._process.stdout
        with suppress(OSError):
            self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


def _start(git: Git, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            [executable(), "cat-file", "--batch"],
            cwd=git.folder,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError as error:
        raise RepositoryError(f"git could not be started in {git.folder}: {error}") from error


def _read_answer(stdout: IO[bytes]) -> bytes | None:
    header = stdout.readline()
    if not header:
        raise _EndedError
    parts = header.rsplit(b" ", 2)
    if len(parts) != 3 or not parts[2].strip().isdigit():
        return None
    size = int(parts[2])
    if size > MOST_BYTES:
        _skip(stdout, size + 1)
        raise RepositoryError(
            f"The object {parts[0].decode('ascii', 'replace')} is too large to be read: "
            f"{size:,} bytes.",
            hint="gitml never puts as much into Git; `git cat-file -p` shows what it is.",
        )
    content = stdout.read(size + 1)
    if len(content) != size + 1:
        raise _EndedError
    return content[:-1]


def _skip(stdout: IO[bytes], size: int) -> None:
    while size:
        piece = stdout.read(min(size, 1 << 20))
        if not piece:
            raise _EndedError
        size -= len(piece)


def read_object(git: Git, name: str) -> bytes | None:
    """Return the content of one object, or None if it is missing."""
    with ObjectReader(git) as reader:
        return reader.read(name)


def write_blob(git: Git, data: bytes) -> str:
    """Write `data` as a blob, without any filter, and return its object id."""
    if written := write_loose(git, [data]):
        return written[0]
    return git.text(*DURABLE, "hash-object", "-w", "-t", "blob", "--stdin", stdin=data)


def write_blobs(git: Git, contents: Mapping[str, bytes], folder: Path) -> dict[str, str]:
    """Write several blobs with one process and return name → object id.

    Args:
        git: Runner in the repository.
        contents: Name → bytes.
        folder: An empty private folder for files on the way; it is removed.

    Raises:
        RepositoryError: if the objects can't be written.
    """
    if (written := write_loose(git, list(contents.values()))) is not None:
        return dict(zip(contents, written, strict=True))
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    try:
        for number, data in enumerate(contents.values()):
            files.append(folder / str(number))
            files[-1].write_bytes(data)
        return dict(zip(contents, write_files(git, files), strict=True))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_files(git: Git, paths: Iterable[Path]) -> list[str]:
    """Write files as blobs, byte by byte (no clean filters), and return their object ids.

    Relative paths are taken from the folder that Git runs in.

    Raises:
        RepositoryError: if a file can't be read or the objects can't be written.
    """
    listed = [str(path) for path in paths]
    if not listed:
        return []
    if (written := _write_small(git, listed)) is not None:
        return written
    plain = [path for path in listed if not _is_odd(path)]
    oids: dict[str, str] = {}
    if plain:
        request = "\n".join(plain).encode("utf-8", "surrogateescape")
        arguments = ("hash-object", "-w", "-t", "blob", "--no-filters", "--stdin-paths")
        output = git.run(*DURABLE, *arguments, stdin=request + b"\n").decode().split()
        oids.update(zip(plain, output, strict=True))
    for path in listed:
        if path not in oids:
            oids[path] = write_blob(git, _read_file(git.folder / path))
    return [oids[path] for path in listed]


def _write_small(git: Git, paths: list[str]) -> list[str] | None:
    """Write a few small files without Git; None if they aren't."""
    places = [git.folder / path for path in paths[: SMALL_FILES + 1]]
    try:
        if len(places) > SMALL_FILES or any(os.path.getsize(at) > SMALL_BYTES for at in places):
            return None
        return write_loose(git, [place.read_bytes() for place in places])
    except OSError:
        return None


def _is_odd(path: str) -> bool:
    """Whether `--stdin-paths` would take the line for another path."""
    return "\n" in path or path.startswith('"') or path.endswith("\r")


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RepositoryError(f"{str(path)!r} can't be read: {error.strerror}.") from error
