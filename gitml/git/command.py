"""One runner that starts Git: argument lists, a cleaned environment, bytes in and out."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from gitml.errors import RepositoryError

# Variables that Git sets for its hooks and that would redirect us to another repository or index.
_REDIRECTING = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_GRAFT_FILE",
    "GIT_REPLACE_REF_BASE",
    "GIT_QUARANTINE_PATH",
    "GIT_LITERAL_PATHSPECS",
    "GIT_GLOB_PATHSPECS",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_ICASE_PATHSPECS",
    "GIT_EXTERNAL_DIFF",
    "GIT_DEFAULT_HASH",
    "GIT_CONFIG",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_ATTR_SOURCE",
)

# Git 2.39 syncs neither loose objects nor refs by default; what gitml calls recorded must survive
# a power cut.
DURABLE = ("-c", "core.fsync=loose-object,reference,pack,pack-metadata")

# A private index is written whole: a split one would leave its other half in the Git folder.
PRIVATE = ("-c", "core.splitIndex=false")

PROTOCOLS = "file:git:http:https:ssh"


# Programs that Git starts by itself when the configuration names them. A checked-in folder of hooks
# is a common one.
_STARTED = (("core.hooksPath", os.devnull), ("core.fsmonitor", "false"))


class GitFailed(RepositoryError):
    """Git ended with an error.

    Attributes:
        arguments: What Git was asked.
        status: Its exit status.
        stderr: What it said.
    """

    def __init__(self, arguments: tuple[str, ...], status: int, stderr: str) -> None:
        self.arguments = arguments
        self.status = status
        self.stderr = stderr
        said = stderr.strip() or f"exit status {status}"
        super().__init__(f"git {_verb(arguments)} failed: {said}", hint=_hint(said))


def _verb(arguments: tuple[str, ...]) -> str:
    words = (word for word in arguments if not word.startswith("-") and "=" not in word)
    return next(words, "")


def _hint(said: str) -> str:
    if "dubious ownership" in said:
        return "The repository belongs to another user; see git's own advice above."
    if "No space left" in said:
        return "Free some space on the disk of the repository, then try again."
    return ""


def clean_environment(base: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment that Git is started with.

    Messages are in English (they are matched), nothing prompts, reading takes no locks, and what
    a surrounding Git hook set doesn't leak in.
    """
    env = dict(os.environ if base is None else base)
    for name in _REDIRECTING:
        env.pop(name, None)
    for name in [name for name in env if name.startswith("GIT_TRACE")]:
        del env[name]
    env.update(
        LC_ALL="C",
        LANGUAGE="C",
        GIT_OPTIONAL_LOCKS="0",
        GIT_TERMINAL_PROMPT="0",
        GIT_ALLOW_PROTOCOL=_protocols(env.get("GIT_ALLOW_PROTOCOL")),
    )
    return env


def _protocols(wanted: str | None) -> str:
    """Return the transports that are allowed: never more than the user allows."""
    if wanted is None:
        return PROTOCOLS
    return ":".join(name for name in PROTOCOLS.split(":") if name in wanted.split(":"))


@contextmanager
def no_hooks() -> Iterator[None]:
    """As long as this lasts, no Git of this process starts a hook or a file system monitor."""
    before = {name: value for name, value in os.environ.items() if name.startswith("GIT_CONFIG_")}
    count = before.get("GIT_CONFIG_COUNT", "0")
    first = int(count) if count.isdigit() else 0
    for number, (key, value) in enumerate(_STARTED, start=first):
        os.environ[f"GIT_CONFIG_KEY_{number}"] = key
        os.environ[f"GIT_CONFIG_VALUE_{number}"] = value
    os.environ["GIT_CONFIG_COUNT"] = str(first + len(_STARTED))
    try:
        yield
    finally:
        for name in [name for name in os.environ if name.startswith("GIT_CONFIG_")]:
            del os.environ[name]
        os.environ.update(before)


def executable() -> str:
    """Return the path of the git program.

    Raises:
        RepositoryError: if there is none on PATH.
    """
    global _executable
    if not _executable:
        # A `git` in the folder that one happens to stand in may be anybody's.
        folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
        found = shutil.which("git", path=os.pathsep.join(filter(os.path.isabs, folders)))
        if not found:
            raise RepositoryError(
                "git was not found on PATH.", hint="Install Git 2.36 or newer, then try again."
            )
        _executable = found
    return _executable


_executable = ""


class Git:
    """Runs Git in one folder.

    Args:
        folder: Where Git runs.
        index: A private index file to use instead of the repository's own.
        env: Extra environment variables.
    """

    __slots__ = ("_env", "folder", "index")

    def __init__(
        self, folder: Path, *, index: Path | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        self.folder = folder
        self.index = index
        self._env = clean_environment()
        self._env.update(env or {})
        if index is not None:
            self._env["GIT_INDEX_FILE"] = os.path.abspath(index)

    @property
    def environment(self) -> dict[str, str]:
        """The environment that Git is started with."""
        return self._env

    def with_index(self, index: Path) -> Git:
        """Return a runner on the same repository with a private index."""
        return Git(self.folder, index=index, env=self._own())

    def with_environment(self, env: Mapping[str, str]) -> Git:
        """Return a runner like this one with more environment variables."""
        return Git(self.folder, index=self.index, env={**self._own(), **env})

    def _own(self) -> dict[str, str]:
        return {name: value for name, value in self._env.items() if name.startswith("GIT_")}

    def attempt(
        self, *arguments: str, stdin: bytes = b"", timeout: float | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run Git and return what happened, whatever its exit status.

        Raises:
            RepositoryError: if git can't be started or took longer than `timeout` seconds.
        """
        try:
            return subprocess.run(
                [executable(), *arguments],
                cwd=self.folder,
                env=self._env,
                input=stdin,
                capture_output=True,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise RepositoryError(
                f"git {_verb(arguments)} did not end within {timeout:.0f} s.",
                hint="It may be waiting for a passphrase or a network that doesn't answer.",
            ) from error
        except (OSError, ValueError) as error:  # ValueError: a NUL in an argument
            raise RepositoryError(f"git could not be started in {self.folder}: {error}") from error

    def run(self, *arguments: str, stdin: bytes = b"", timeout: float | None = None) -> bytes:
        """Run Git and return its standard output.

        Raises:
            GitFailed: if it ended with an error.
        """
        done = self.attempt(*arguments, stdin=stdin, timeout=timeout)
        if done.returncode:
            raise GitFailed(arguments, done.returncode, done.stderr.decode("utf-8", "replace"))
        return done.stdout

    def text(self, *arguments: str, stdin: bytes = b"") -> str:
        """Run Git and return its output as text without the last newline."""
        return self.run(*arguments, stdin=stdin).decode("utf-8", "surrogateescape").rstrip("\n")

    def succeeds(self, *arguments: str) -> bool:
        """Run Git and tell whether it ended with status 0."""
        return self.attempt(*arguments).returncode == 0


def split_nul(output: bytes) -> list[str]:
    """Split the output of a `-z` command; bytes that aren't UTF-8 are kept as surrogates."""
    return [part.decode("utf-8", "surrogateescape") for part in output.split(b"\0") if part]


def join_nul(items: Iterable[str]) -> bytes:
    """Join texts for a command that reads NUL-terminated input."""
    return b"".join(item.encode("utf-8", "surrogateescape") + b"\0" for item in items)
