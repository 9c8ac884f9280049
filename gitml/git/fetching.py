"""Fetching no more than is needed: the commits of branches, then single objects, many at a time."""

from __future__ import annotations

import random
import time
from collections.abc import Collection, Iterable, Mapping

from gitml.errors import RepositoryError
from gitml.git.command import Git, GitFailed
from gitml.git.objects import ObjectReader
from gitml.git.offline import without_promises
from gitml.git.repository import Repository, truthy
from gitml.git.share import is_shallow

# The two filters that hosts support.
COMMITS_ONLY = "tree:0"
WITHOUT_FILES = "blob:none"

# Nothing of the repository runs, nothing of the user's moves, no upkeep begins behind our back.
_QUIET = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false")
_FETCH = (
    "fetch",
    "--quiet",
    "--no-tags",
    "--no-recurse-submodules",
    "--no-write-fetch-head",
    "--no-auto-maintenance",
    "--no-show-forced-updates",
)
_PATIENCE = 900.0  # seconds; a first fetch over a slow line takes minutes
_BUSY = ("cannot lock ref", ".lock': File exists", "could not lock config file")


def may_lack_objects(config: Mapping[str, str]) -> bool:
    """Whether Git's configuration says that this is a partial clone."""
    return "extensions.partialclone" in config or any(
        key.startswith("remote.") and key.endswith(".promisor") and truthy(value)
        for key, value in config.items()
    )


def follows(repository: Repository, config: Mapping[str, str], remote: str, prefix: str) -> bool:
    """Whether `git fetch` of a remote brings the branches whose names begin with `prefix`."""
    key = f"remote.{remote}.fetch"
    if key not in config:
        return False
    if _covers(config[key], prefix):
        return True
    done = repository.git.attempt("config", "--get-all", "-z", key)  # `config` has the last one
    return any(_covers(item, prefix) for item in done.stdout.decode("utf-8", "replace").split("\0"))


def cut_off(repository: Repository) -> set[str]:
    """Return the commits whose parents a shallow clone hides; none in any other."""
    try:
        return set((repository.common_dir / "shallow").read_text("ascii").split())
    except (OSError, UnicodeDecodeError):
        return set()


def _covers(refspec: str, prefix: str) -> bool:
    source = refspec.removeprefix("+").partition(":")[0]
    start, star, end = source.partition("*")
    return bool(star) and not end and f"refs/heads/{prefix}".startswith(start)


def fetch_commits(
    repository: Repository,
    config: Mapping[str, str],
    remote: str,
    prefix: str,
    *,
    unshallow: bool = False,
) -> None:
    """Fetch the remote's branches whose names begin with `prefix`, as remote-tracking branches.

    A shallow or partial clone gets their commits alone, if the server can filter; everything
    comes if it can't, or if this is a whole clone. Where the clone's history was cut off before,
    it stays cut off, unless `unshallow` is set.

    Raises:
        RepositoryError: if the remote can't be reached or read.
    """
    lean = is_shallow(repository) or may_lack_objects(config)
    _fetch(
        repository.git,
        *([f"--filter={COMMITS_ONLY}"] if lean else []),
        *(["--unshallow"] if unshallow else []),
        "--end-of-options",
        remote,
        _refspec(remote, prefix),
    )


def fetch_objects(
    repository: Repository,
    remote: str,
    oids: Collection[str],
    prefix: str,
    *,
    leave_out: str = WITHOUT_FILES,
) -> None:
    """Fetch those of some objects that aren't here, all at once.

    Args:
        repository: A partial clone.
        remote: Where from.
        oids: Ids of trees or blobs.
        prefix: What the names of the branches that reach them begin with: a server that gives out
            no single objects is asked for the branches as a whole.
        leave_out: Filter for what the objects themselves refer to.

    Raises:
        RepositoryError: if the remote can't be reached, or doesn't have one of them.
    """
    wanted = missing(repository.git, oids)
    if not wanted:
        return
    try:
        # As Git itself fetches what is missing, only not one by one.
        _fetch(
            repository.git,
            f"--filter={leave_out}",
            "--stdin",
            "--end-of-options",
            remote,
            before=("-c", "fetch.negotiationAlgorithm=noop"),
            stdin="".join(f"{oid}\n" for oid in wanted),
        )
    except RepositoryError:
        _fetch(
            repository.git,
            "--refetch",
            "--no-filter",
            "--end-of-options",
            remote,
            _refspec(remote, prefix),
        )
    if left := missing(repository.git, wanted):
        raise RepositoryError(
            f"{remote} doesn't have the object {left[0][:12]}"
            + (f" and {len(left) - 1} more." if len(left) > 1 else "."),
            hint=f"`git fsck` in a full clone of {remote} says whether it is sound.",
        )


def missing(git: Git, oids: Iterable[str]) -> list[str]:
    """Return those of some objects that aren't here; nothing is fetched.

    Raises:
        RepositoryError: if the objects can't be looked at.
    """
    wanted = list(dict.fromkeys(oids))
    if not wanted:
        return []
    offline = git.with_environment(without_promises(git))
    request = "".join(f"{oid}\n" for oid in wanted).encode()
    output = offline.run("cat-file", "--batch-check=%(objecttype)", stdin=request)
    lines = output.decode("utf-8", "replace").splitlines()
    return [oid for oid, said in zip(wanted, lines, strict=True) if said.endswith(" missing")]


def folders_of(git: Git, trees: Iterable[str]) -> dict[str, dict[str, tuple[str, str]]]:
    """Return what trees hold themselves: tree → name → (mode, object id); nothing is fetched.

    A tree that isn't here holds nothing.

    Raises:
        RepositoryError: if Git can't read the repository.
    """
    wanted = list(dict.fromkeys(trees))
    with ObjectReader(git, offline=True) as reader:
        contents = list(reader.read_many(wanted))
    return {
        tree: _parse_tree(data or b"", len(tree) // 2)
        for tree, data in zip(wanted, contents, strict=True)
    }


def _parse_tree(data: bytes, width: int) -> dict[str, tuple[str, str]]:
    """Parse Git's binary tree format: mode, space, name, NUL, the id in `width` bytes."""
    found = {}
    position = 0
    while position < len(data):
        space = data.index(b" ", position)
        end = data.index(b"\0", space)
        name = data[space + 1 : end].decode("utf-8", "surrogateescape")
        oid = data[end + 1 : end + 1 + width].hex()
        found[name] = (data[position:space].decode(), oid)
        position = end + 1 + width
    return found


def _refspec(remote: str, prefix: str) -> str:
    return f"+refs/heads/{prefix}*:refs/remotes/{remote}/{prefix}*"


def _fetch(git: Git, *arguments: str, before: tuple[str, ...] = (), stdin: str = "") -> None:
    """Fetch; once more if another process was fetching at the same moment."""
    command = (*_QUIET, *before, *_FETCH, *arguments)
    for last in (False, True):
        try:
            git.run(*command, stdin=stdin.encode(), timeout=_PATIENCE)
        except GitFailed as error:
            if last or not any(words in error.stderr for words in _BUSY):
                raise
            time.sleep(0.3 + random.random() / 2)
        else:
            return
