"""Where a lost object can be had: remotes, other caches, work trees, Git itself."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from gitml.errors import GitmlError, RepositoryError, StorageError
from gitml.git.log import list_refs
from gitml.git.objects import ObjectReader
from gitml.git.repository import Repository
from gitml.operations.fsck_values import Source
from gitml.operations.gc_roots import work_trees
from gitml.operations.project import Project
from gitml.storage import place, settings
from gitml.storage.digests import md5
from gitml.storage.inventory import look
from gitml.storage.objects import hash_file, hash_folder
from gitml.storage.paths import why_unsafe
from gitml.storage.place import Storage
from gitml.storage.remotes import open_remote
from gitml.storage.verifying import unsound

_LARGEST_BLOB = 100_000_000
_MOST_REVISIONS = 200


class Wanted(msgspec.Struct, frozen=True):
    """An object that is looked for.

    Attributes:
        digest: The object.
        paths: Where its bytes may be in a work tree or a commit, from the repository's root.
        size: Its bytes, or None where they aren't known.
    """

    digest: str
    paths: tuple[str, ...] = ()
    size: int | None = None


def find_sources(
    project: Project,
    storage: Storage,
    wanted: Sequence[Wanted],
    asked: Mapping[str, Iterable[str]],
    bases: Iterable[str] = (),
) -> dict[str, Source]:
    """Return digest → the nearest place that has a sound copy; nothing is fetched.

    Copies on this machine are hashed. That a remote has an object is believed: what comes from
    there is hashed when it is fetched.

    Args:
        project: Where.
        storage: The cache that lacks them.
        wanted: What is looked for.
        asked: Remote → what it is known to have; it isn't asked again.
        bases: Commits that may hold a copy in Git.
    """
    found: dict[str, Source] = {}
    left = {one.digest: one for one in wanted}
    for step in (
        _other_caches(project, storage, left),
        _work_trees(project.repository, left),
        _git(project.repository, left, bases),
        _remotes(storage, left, asked),
    ):
        for digest, source in step:
            if left.pop(digest, None) is not None:
                found[digest] = source
    return found


def _remotes(
    storage: Storage, left: Mapping[str, Wanted], asked: Mapping[str, Iterable[str]]
) -> Iterator[tuple[str, Source]]:
    """Yield what remotes have; one that can't be asked has nothing."""
    for name, there in asked.items():
        for digest in set(there) & left.keys():
            yield digest, Source("remote", f"the DVC remote {name}", name)
    try:
        names = settings.read(storage.config_files)["remote"]
    except StorageError:
        return
    for name in names:
        if name in asked or not left:
            continue
        try:
            there = open_remote(storage, name).has({one.digest: one.size for one in left.values()})
        except GitmlError:
            continue
        for digest in there:
            yield digest, Source("remote", f"the DVC remote {name}", name)


def _other_caches(
    project: Project, storage: Storage, left: Mapping[str, Wanted]
) -> Iterator[tuple[str, Source]]:
    """Yield what caches of other work trees and of clones on this machine have."""
    for folder in _clones(project):
        if not left:
            return
        try:
            other = place.find(folder, folder)
        except StorageError:
            continue
        if other is None or os.path.realpath(other.cache) == os.path.realpath(storage.cache):
            continue
        held = [look(other, digest) for digest in left]
        there = [one for one in held if one is not None]
        bad = unsound(there)
        for one in there:
            if one.digest not in bad:
                yield one.digest, Source("cache", f"the cache of {folder}", one.path)


def _clones(project: Project) -> list[Path]:
    """Return folders of work trees and clones that this one is linked with."""
    repository = project.repository
    found = [*work_trees(repository)]
    if repository.git_dir != repository.common_dir:
        found.append(repository.common_dir.parent)
    for key, value in project.git_config.items():
        if key.startswith("remote.") and key.endswith(".url"):
            path = value.removeprefix("file://")
            if "://" not in path and os.path.isabs(path):
                found.append(Path(path))
            elif path.startswith(("./", "../")):
                found.append(repository.root / path)
    found += _alternates(repository)
    real = {os.path.realpath(path): path for path in found if (path / ".dvc").is_dir()}
    return [Path(path) for path in real]


def _alternates(repository: Repository) -> Iterator[Path]:
    """Yield the work trees of the repositories whose Git objects this one borrows."""
    try:
        text = (repository.common_dir / "objects/info/alternates").read_text(
            "utf-8", "surrogateescape"
        )
    except OSError:
        return
    for line in text.splitlines():
        path = Path(os.path.normpath(repository.common_dir / "objects" / line))
        if path.name == "objects" and path.parent.name == ".git":
            yield path.parent.parent


def _work_trees(repository: Repository, left: Mapping[str, Wanted]) -> Iterator[tuple[str, Source]]:
    """Yield files and folders of work trees that have the bytes."""
    for root in work_trees(repository):
        for one in list(left.values()):
            for path in one.paths:
                target = root / path
                if not why_unsafe(path) and _holds(target, one):
                    shown = path if root == repository.root else target
                    yield one.digest, Source("file", f"the file {shown}", str(target))
                    break


def _holds(target: Path, one: Wanted) -> bool:
    """Whether a file or folder has the bytes of an object."""
    try:
        if target.is_dir():
            return one.digest.endswith(".dir") and hash_folder(target).digest == one.digest
        if not target.is_file() or one.digest.endswith(".dir"):
            return False
        if one.size is not None and target.stat().st_size != one.size:
            return False
        return hash_file(target).digest == one.digest
    except (StorageError, OSError):
        return False


def _git(
    repository: Repository, left: Mapping[str, Wanted], bases: Iterable[str]
) -> Iterator[tuple[str, Source]]:
    """Yield blobs at the same paths in branches, tags and bases that have the bytes."""
    wanted = [one for one in left.values() if one.paths and not one.digest.endswith(".dir")]
    if not wanted:
        return
    tips = list_refs(repository.git, "refs/heads", "refs/tags").values()
    revisions = list(dict.fromkeys([repository.head, *bases, *tips]))
    revisions = [one for one in revisions if one][:_MOST_REVISIONS]
    names = {
        f"{revision}:{path}": one
        for one in wanted
        for path in one.paths
        for revision in revisions
        if "\n" not in path
    }
    try:
        for name, oid in _blobs(repository, names):
            one = names[name]
            if one.digest not in left:
                continue
            with ObjectReader(repository.git, offline=True) as reader:
                data = reader.read(oid)
            if data is not None and md5(data).hexdigest() == one.digest:
                yield one.digest, Source("git", f"Git, as {name[:12]}{name[40:]}", oid)
    except RepositoryError:
        return


def _blobs(repository: Repository, names: Mapping[str, Wanted]) -> Iterator[tuple[str, str]]:
    """Yield (name, blob) of what is there and may have the bytes, by its size; each blob once."""
    request = "".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape")
    offline = repository.git.with_environment({"GIT_NO_LAZY_FETCH": "1"})
    output = offline.run(
        "cat-file", "--batch-check=%(objectname) %(objecttype) %(objectsize)", stdin=request
    )
    seen: set[tuple[str, str]] = set()
    lines = output.decode("utf-8", "surrogateescape").splitlines()
    for (name, one), line in zip(names.items(), lines, strict=False):
        fields = line.rsplit(" ", 2)
        if len(fields) != 3 or fields[1] != "blob" or (fields[0], one.digest) in seen:
            continue
        size = int(fields[2])
        if size <= _LARGEST_BLOB and one.size in (None, size):
            seen.add((fields[0], one.digest))
            yield name, fields[0]
