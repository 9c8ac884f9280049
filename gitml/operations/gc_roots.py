"""What needs objects besides recorded experiments: branches, tags, stashes, work trees, runs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from gitml.errors import RepositoryError
from gitml.execution import journal
from gitml.git.command import Git, split_nul
from gitml.git.log import list_refs
from gitml.git.objects import ObjectReader
from gitml.git.repository import Repository
from gitml.history.branches import study_of
from gitml.operations.gc_published import FETCHED_TAGS
from gitml.operations.named_objects import digests_in, is_pointer, named_by
from gitml.storage.durable import disk_errors
from gitml.storage.paths import is_digest
from gitml.storage.place import Storage

_LARGEST = 64_000_000
_FOREIGN = (".git", ".dvc")
# What `gitml.save_weights` stored is named here until the run is recorded.
_RECEIPTS = "weights"


class Claim(msgspec.Struct, frozen=True):
    """Something that needs objects.

    Attributes:
        what: In words: `branch main`, `the work tree /home/ann/project`.
        digests: The objects that it names.
    """

    what: str
    digests: frozenset[str]


def claims(repository: Repository, storage: Storage) -> list[Claim]:
    """Return everything that needs objects and is no experiment on a study's line.

    Raises:
        RepositoryError: if something can't be read, so that what it needs isn't known.
        StorageError: if a work tree can't be read.
    """
    found = [*_references(repository), *_runs(repository)]
    for place in work_trees(repository):
        try:
            found += list(_work_tree(repository, place, storage))
        except RepositoryError:
            if (place / ".git").exists():  # an isolated run may have just ended
                raise
    return [claim for claim in found if claim.digests]


def work_trees(repository: Repository) -> list[Path]:
    """Return the folders of all work trees of a repository that exist."""
    if repository.bare:
        return []
    found = {repository.root: None}
    done = repository.git.attempt("worktree", "list", "--porcelain", "-z")
    end = "\0"
    if done.returncode:  # Git before 2.36 knows no -z here
        end = "\n"
        done = repository.git.attempt("worktree", "list", "--porcelain")
    for line in os.fsdecode(done.stdout).split(end):
        if line.startswith("worktree "):
            place = Path(line.removeprefix("worktree "))
            if (place / ".git").exists():
                found[place] = None
    return list(found)


def _references(repository: Repository) -> Iterator[Claim]:
    """Yield the trees of all references that are no study's branch, and of every stash."""
    names: dict[str, str] = {}
    refs = list_refs(repository.git)
    for ref, oid in refs.items():
        if not study_of(ref):
            names.setdefault(oid, _called(ref))
    if "refs/stash" in refs:
        for line in repository.git.text("log", "-g", "--format=%H %P", "refs/stash").splitlines():
            # What wasn't staged, what was, and what wasn't tracked are three commits.
            names.update(dict.fromkeys(line.split(), "a stash"))
    yield from _trees(repository, names)


def _trees(repository: Repository, names: dict[str, str]) -> Iterator[Claim]:
    trees = trees_of(repository, names)
    named = named_by(repository, trees.values())
    for oid, tree in trees.items():
        yield Claim(names[oid], named[tree])


def trees_of(repository: Repository, oids: Iterable[str]) -> dict[str, str]:
    """Return object id → the tree that it is, or that its commit has; others are left out.

    Raises:
        RepositoryError: if an object isn't in this clone.
    """
    wanted = list(oids)
    found: dict[str, str] = {}
    commits: dict[str, str] = {}
    for oid, (name, kind) in zip(wanted, peeled(repository, wanted), strict=True):
        if kind == "tree":
            found[oid] = name
        elif kind == "commit":
            commits[oid] = name
        elif kind == "missing":
            raise RepositoryError(
                f"The object {oid[:12]} of Git, which a reference points at, isn't here.",
                hint="`git fsck` says more.",
            )
    trees = peeled(repository, commits.values(), "tree")
    for (oid, commit), (tree, kind) in zip(commits.items(), trees, strict=True):
        if kind != "tree":
            raise RepositoryError(
                f"The tree of the commit {commit[:12]} isn't here.", hint="`git fsck` says more."
            )
        found[oid] = tree
    return found


def peeled(repository: Repository, oids: Iterable[str], to: str = "") -> list[tuple[str, str]]:
    """Return for each id what it stands for in the end, and that object's kind or `missing`.

    Args:
        repository: Where.
        oids: Of objects; tags are followed.
        to: `tree` for the tree of a commit.
    """
    request = "".join(f"{oid}^{{{to}}}\n" for oid in oids).encode()
    if not request:
        return []
    offline = repository.git.with_environment({"GIT_NO_LAZY_FETCH": "1"})
    lines = offline.run("cat-file", "--batch-check", stdin=request).decode().splitlines()
    fields = [line.split(" ") for line in lines]
    return [(some[0], some[1]) for some in fields]


def _called(ref: str) -> str:
    for start, word in (("refs/heads/", "branch"), ("refs/tags/", "tag")):
        if ref.startswith(start):
            return f"{word} {ref.removeprefix(start)}"
    if ref.startswith("refs/remotes/"):
        return f"branch {ref.removeprefix('refs/remotes/')}"
    if ref.startswith(FETCHED_TAGS):
        return f"tag {ref.removeprefix(FETCHED_TAGS)}"
    if ref.startswith("refs/gitml/tmp/"):
        return "a run that isn't recorded yet"
    return ref


def _runs(repository: Repository) -> Iterator[Claim]:
    """Yield what runs that aren't recorded yet have stored or read."""
    for entry in journal.entries(repository.state_dir / "runs"):
        named = digests_in(msgspec.json.encode(entry))
        for path in (entry.path / "run.json", *(entry.path / _RECEIPTS).glob("*.json")):
            named |= _read(path)
        yield Claim(f"the run {entry.name}, which isn't recorded yet", named)


def _work_tree(repository: Repository, root: Path, storage: Storage) -> Iterator[Claim]:
    """Yield what a work tree needs: its commit, its index, and its files as they are."""
    git = Git(root)
    head = git.attempt("rev-parse", "--verify", "--quiet", "HEAD^{commit}").stdout.decode().strip()
    if head:
        yield from _trees(repository, {head: f"HEAD of {root}"})
    yield Claim(f"the index of {root}", _index(repository, git))
    named: set[str] = set()
    linked: set[str] = set()
    places = [os.path.realpath(folder) for folder in (storage.cache, storage.legacy_cache)]
    with disk_errors(f"read {root}", root):
        for path, item in _files(root):
            if item.is_symlink():
                digest = _linked(path, places)
                linked |= {digest} if digest else set()
            elif is_pointer(item.name) or _is_receipt(path):
                named |= _read(Path(path))
    yield Claim(f"the work tree {root}", frozenset(named))
    yield Claim(f"links in {root}", frozenset(linked))


def _index(repository: Repository, git: Git) -> frozenset[str]:
    """Return what the staged pointers name."""
    entries = split_nul(git.run("ls-files", "--stage", "-z"))
    blobs = {
        head.split(" ")[1]
        for head, _, path in (entry.partition("\t") for entry in entries)
        if is_pointer(path) and head.startswith("100")
    }
    found: set[str] = set()
    if blobs:
        with ObjectReader(repository.git) as reader:
            for data in reader.read_many(sorted(blobs)):
                found |= digests_in(data or b"")
    return frozenset(found)


def _files(root: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield every file and symbolic link below a folder, Git's and DVC's own folders left out."""
    waiting = [str(root)]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as items:
                listed = list(items)
        except (FileNotFoundError, NotADirectoryError):
            continue
        for item in listed:
            if item.is_dir(follow_symlinks=False):
                if item.name not in _FOREIGN:
                    waiting.append(item.path)
            else:
                yield item.path, item


def _linked(path: str, caches: list[str]) -> str:
    """Return the object that a symbolic link leads to, or empty."""
    target = os.path.realpath(path)
    for folder in caches:
        if target.startswith(folder + os.sep):
            digest = target[len(folder) + 1 :].replace(os.sep, "")
            if is_digest(digest):
                return digest
    return ""


def _is_receipt(path: str) -> bool:
    """Whether `gitml.save_weights` wrote a file outside of a run."""
    return "/.gitml/outside/" in path and f"/{_RECEIPTS}/" in path and path.endswith(".json")


def _read(path: Path) -> frozenset[str]:
    """Return the digests in a file; one that is gone, or no pointer by its size, names none."""
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            return frozenset()
        return digests_in(path.read_bytes())
    except FileNotFoundError:
        return frozenset()
