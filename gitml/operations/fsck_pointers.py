"""What `.dvc` files need that no experiment may need: those of branches, tags and what is out."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from gitml.errors import RepositoryError, StorageError
from gitml.git.log import list_refs
from gitml.git.objects import ObjectReader
from gitml.git.repository import Repository
from gitml.history.branches import study_of
from gitml.operations.fsck_values import GitProblem
from gitml.operations.gc_roots import trees_of
from gitml.operations.needs import DATA, Need
from gitml.operations.project import Project
from gitml.operations.trees_in_bulk import Trees
from gitml.storage.paths import check_output_path
from gitml.storage.place import Storage
from gitml.storage.pointers import Pointer, parse_all

_SUFFIX = ".dvc"
_CONFIG = ".dvc/config"


class Named(msgspec.Struct, frozen=True):
    """What pointers outside of experiments name.

    Attributes:
        needs: What they need; the name of the branch or tag stands for the experiment.
        problems: Pointers that can't be read or lead out of the repository.
    """

    needs: tuple[Need, ...] = ()
    problems: tuple[GitProblem, ...] = ()


def look_at_pointers(project: Project, storage: Storage) -> Named:
    """Read the pointers of local branches, of tags, and of the commit that is checked out.

    Pointers of another DVC project in the repository, and those whose content isn't DVC's to keep
    (imports, `cache: false`, a remote of their own) need nothing here.
    """
    repository = project.repository
    names = _commits(repository)
    try:
        trees = trees_of(repository, names)
        read = Trees(repository, trees.values())
    except RepositoryError as error:
        return Named(problems=(GitProblem("branch", "error", error.message, error.hint),))
    needs: list[Need] = []
    problems: dict[str, GitProblem] = {}
    known: dict[tuple[str, str], list[tuple[str, Pointer]]] = {}
    with ObjectReader(repository.git, offline=True) as reader:
        for commit, tree in trees.items():
            for path, oid in _own(read, tree, project, storage):
                if (path, oid) not in known:
                    known[path, oid] = []
                    try:
                        known[path, oid] = _outputs(path, reader.read(oid))
                    except StorageError as error:
                        said = f"{names[commit]}: {error.message}"
                        problems[oid] = GitProblem("pointer", "error", said, error.hint)
                needs += [
                    Need(pointer.digest, target, DATA, pointer.size, names[commit], commit, "")
                    for target, pointer in known[path, oid]
                ]
    return Named(tuple(needs), tuple(problems.values()))


def _commits(repository: Repository) -> dict[str, str]:
    """Return object id → the branch or tag in words; the commit that is checked out, too."""
    names: dict[str, str] = {}
    for ref, oid in list_refs(repository.git, "refs/heads", "refs/tags").items():
        if not study_of(ref):
            kind = "branch" if ref.startswith("refs/heads/") else "tag"
            names.setdefault(oid, f"{kind} {ref.split('/', 2)[2]}")
    if repository.head:
        names.setdefault(repository.head, "HEAD")
    return names


def _own(read: Trees, tree: str, project: Project, storage: Storage) -> Iterator[tuple[str, str]]:
    """Yield path and id of the pointers of a tree that belong to the DVC project of `storage`."""
    root = storage.root.resolve().relative_to(project.repository.root.resolve()).as_posix()
    own = "" if root == "." else f"{root}/"
    files = read.files(tree)
    others = [
        path.removesuffix(_CONFIG)
        for path, _, _ in files
        if path.endswith(f"/{_CONFIG}") and len(path.removesuffix(_CONFIG)) > len(own)
    ]
    for path, mode, oid in files:
        if (
            path.endswith(_SUFFIX)
            and mode.startswith("100")
            and path.startswith(own)
            and not any(path.startswith(other) for other in others)
        ):
            yield path, oid


def _outputs(path: str, data: bytes | None) -> list[tuple[str, Pointer]]:
    """Return path → output of a pointer, of what is kept in storage.

    Raises:
        StorageError: It can't be read, or leads out of the repository.
    """
    # What is imported comes from where it was imported; it may not even have a digest yet.
    if data is None or data.startswith(b"deps:") or b"\ndeps:" in data:
        return []
    found = []
    for pointer in parse_all(data, path):
        target = check_output_path(path, pointer.path)
        if pointer.output.get("cache") is not False and "remote" not in pointer.output:
            found.append((target, pointer))
    return found
