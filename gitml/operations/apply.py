"""Bringing an experiment's files and artifacts back into the work tree."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from gitml.errors import RepositoryError, StorageError
from gitml.execution.journal import scratch_folder
from gitml.experiment.message import FROM
from gitml.experiment.record import FOLDER, Record
from gitml.git.commits import commit_tree, update_ref
from gitml.git.objects import ObjectReader
from gitml.git.repository import in_progress, require_identity, require_work_tree
from gitml.git.snapshot import take_snapshot
from gitml.git.trees import Change, Entry, build_tree, diff_trees, list_tree
from gitml.history.index import open_index
from gitml.history.resolve import resolve
from gitml.operations.project import Project, open_project
from gitml.operations.reading import open_reading
from gitml.operations.work_tree import check_places, folders_above, write_changes, write_file
from gitml.outputs.artifact import Artifact
from gitml.storage.objects import hash_file, hash_folder
from gitml.storage.pointers import Pointer
from gitml.storage.restore import restore


class Applied(msgspec.Struct, frozen=True):
    """What was brought back.

    Attributes:
        files: Paths that were written or deleted.
        restored: Artifacts that came from storage.
        new_commit: The commit that was made on the current branch, or empty.
        notes: Sentences that users should see.
    """

    experiment: str
    commit_id: str
    files: tuple[str, ...]
    restored: tuple[str, ...]
    new_commit: str = ""
    notes: tuple[str, ...] = ()


def apply(
    start: Path,
    name: str,
    *,
    commit: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Applied:
    """Bring an experiment's files and artifacts into the work tree.

    Args:
        start: Folder where the user stands.
        name: The experiment.
        commit: Also make one commit on the current branch, with the record in its tree.
        progress: Takes (done, total) while objects are fetched.

    Raises:
        RepositoryError: if a file to be written has changes that are not committed and that no
            experiment has.
        StorageError: if an artifact can't be had; nothing is written then.
    """
    project = open_project(start)
    repository = project.repository
    require_work_tree(repository)
    if commit:
        _check_committable(project)
    with open_index(repository) as index, scratch_folder(project.runs_dir) as place:
        if name.endswith("best"):
            open_reading(start).declare_goals(index)
        row = resolve(repository, index, name, project.study())
        record = index.record(row.commit)
        known = index.output_paths()
        snapshot = take_snapshot(repository, place / "index", large=project.config.large)
        changes = _wanted(
            project, snapshot.tree, row.commit, snapshot.status.untracked, with_record=commit
        )
        _refuse_to_overwrite(changes, snapshot.status.changed, snapshot.status.untracked, known)
        artifacts = [item for item in record.artifacts if _is_restored(item)]
        notes = _fetch_missing(project, artifacts, progress)
        check_places(project.repository.root, changes, artifacts)
        files = write_changes(project, changes)
        restored = restore_artifacts(project, artifacts)
        new = _commit(project, row.commit, record, place / "commit.index") if commit else ""
        notes = (*notes, *_stale_data(record, files), *_other_pickles(project, artifacts))
    return Applied(record.name, row.commit, files, restored, new, notes)


def _stale_data(record: Record, files: Iterable[str]) -> list[str]:
    """Say which data is not brought along with its pointer."""
    written = set(files)
    return [
        f"The data {name} stays as it is on disk; `dvc checkout {name}.dvc` brings what was read."
        for name, item in record.inputs.data.items()
        if item.kind == "dvc" and f"{name}.dvc" in written
    ]


def _other_pickles(project: Project, artifacts: Iterable[Artifact]) -> list[str]:
    """Say which pickles may be those of another run: an experiment has tensors as safetensors.

    Not checkpoints that weights were taken out of: they are artifacts themselves.
    """
    artifacts = list(artifacts)
    restored = {item.path for item in artifacts}
    return [
        f"{item.source} stays as it is and may be of another run; "
        f"the weights of this experiment are in {item.path}."
        for item in artifacts
        if item.source
        and item.source not in restored
        and (project.repository.root / item.source).exists()
    ]


def restore_outputs(project: Project, record: Record, commit: str) -> tuple[str, ...]:
    """Put an experiment's outputs in place (for `--on-duplicate restore`), not its code.

    Raises:
        StorageError: if an artifact can't be had.
    """
    artifacts = [item for item in record.artifacts if not item.path.startswith(f"{FOLDER}/")]
    stored = [item for item in artifacts if item.storage == "dvc"]
    small = [item for item in artifacts if item.storage == "git"]
    _fetch_missing(project, stored, None)
    check_places(project.repository.root, (), artifacts)
    with ObjectReader(project.repository.git) as reader:
        for item, data in zip(small, reader.read_many([a.digest for a in small]), strict=True):
            if data is None:
                raise RepositoryError(f"The content of {item.path} is missing in Git.")
            write_file(project.repository.root, item.path, "100644", data)
    return (*(item.path for item in small), *restore_artifacts(project, stored))


def restore_artifacts(project: Project, artifacts: Iterable[Artifact]) -> tuple[str, ...]:
    """Put artifacts from storage into the work tree; those that are there already are left."""
    restored = []
    top = project.repository.root
    for item in artifacts:
        if item.path.startswith(f"{FOLDER}/"):
            continue
        target = top / item.path
        if _holds(target, item.digest):
            continue
        assert project.storage is not None
        name = target.name
        pointer = Pointer(path=name, digest=item.digest, size=item.size, files=item.files)
        restore(project.storage, pointer, target, top, project.quarantine)
        restored.append(item.path)
    return tuple(restored)


def _is_restored(artifact: Artifact) -> bool:
    """Whether an artifact comes from storage: what belongs to the record stays there."""
    return artifact.storage == "dvc" and not artifact.path.startswith(f"{FOLDER}/")


def _check_committable(project: Project) -> None:
    require_identity(project.repository, project.git_config)
    busy = in_progress(project.repository)
    if busy:
        raise RepositoryError(f"Git is in the middle of {busy}.", hint="Finish it first.")
    if not project.repository.branch:
        raise RepositoryError(
            "HEAD is detached, so there is no branch to commit to.", hint="git switch -c NAME"
        )
    done = project.repository.git.attempt("diff", "--cached", "--quiet")
    if done.returncode:
        raise RepositoryError(
            "There are staged changes, and they would get into the experiment's commit.",
            hint="Commit or unstage them first (git commit, git restore --staged .).",
        )


def _wanted(
    project: Project, present: str, commit: str, untracked: Iterable[str], *, with_record: bool
) -> list[Change]:
    """Return how the work tree has to change: the project's files, and the record if wanted.

    A file that the experiment doesn't have is deleted only where Git can bring it back.
    """
    prefix = f"{project.folder}/" if project.folder else ""
    kept = set(untracked)
    changes = [
        change
        for change in diff_trees(project.repository.git, present, commit)
        if (change.new or change.path not in kept) and not _is_dvc_own(change.path)
    ]
    records = [change for change in changes if change.path.startswith(f"{FOLDER}/")]
    return [
        change for change in changes if change.path.startswith(prefix) and change not in records
    ] + (records if with_record else [])


def _is_dvc_own(path: str) -> bool:
    """Whether a file configures DVC, which says where storage is now and not where it was."""
    return path.startswith(".dvc/") or "/.dvc/" in path


def _refuse_to_overwrite(
    changes: Iterable[Change],
    changed: Iterable[str],
    untracked: Iterable[str],
    known_outputs: set[str],
) -> None:
    own = (set(changed) | set(untracked)) - known_outputs
    own_changed = {change.path for change in changes if change.path in own}
    folders = {parent for change in changes if change.new for parent in folders_above(change.path)}
    lost = sorted(own_changed | (folders & {*changed, *untracked}))
    if lost:
        more = f" (and {len(lost) - 1} more)" if len(lost) > 1 else ""
        raise RepositoryError(
            f"{lost[0]}{more} has changes that are not committed, and would be overwritten.",
            hint="Commit or stash them first, then apply again.",
        )


def _fetch_missing(
    project: Project,
    artifacts: list[Artifact],
    progress: Callable[[int, int], None] | None,
) -> tuple[str, ...]:
    from gitml.operations.objects import missing_objects

    if not artifacts:
        return ()
    storage = project.storage
    if storage is None:
        raise StorageError(
            "The experiment has artifacts in DVC storage, and DVC isn't set up here.",
            hint="Run `gitml init` first.",
        )
    wanted = [
        item for item in artifacts if not _holds(project.repository.root / item.path, item.digest)
    ]
    missing = missing_objects(storage, [item.digest for item in wanted])
    if not missing:
        return ()
    from gitml.storage.remotes import default_remote, pull

    failed: tuple[str, ...] = tuple(missing)
    moved = None
    if default_remote(storage) is not None:
        moved = pull(storage, missing, quarantine=project.quarantine, progress=progress)
        failed = moved.failed
    if failed or moved is None:
        lost = [item.path for item in wanted if item.digest in failed] or list(failed)
        raise StorageError(
            f"{len(failed)} objects can't be had: {', '.join(lost[:5])}.",
            hint="They are neither whole in this clone nor on its DVC remote. `gitml exp push` "
            "where the experiment was run brings them there.",
        )
    return (f"Fetched {moved.sent} objects from the remote.",)


def _holds(target: Path, digest: str) -> bool:
    if not target.exists() or target.is_symlink():
        return False
    try:
        stored = hash_folder(target, None) if target.is_dir() else hash_file(target, None)
    except StorageError:
        return False
    return stored.digest == digest


def _commit(project: Project, commit: str, record: Record, index_file: Path) -> str:
    """Commit the experiment's tree, record included, on top of the current branch."""
    repository = project.repository
    git = repository.git
    prefix = f"{project.folder}/" if project.folder else ""
    entries: list[Entry] = list_tree(git, commit)
    changes: dict[str, tuple[str, str] | None] = {
        entry.path: (entry.mode, entry.oid)
        for entry in entries
        if entry.path.startswith((prefix, f"{FOLDER}/")) and not _is_dvc_own(entry.path)
    }
    if repository.head:
        for entry in list_tree(git, repository.head):
            gone = entry.path not in changes and not _is_dvc_own(entry.path)
            if gone and entry.path.startswith(prefix):
                changes[entry.path] = None
    base = f"{repository.head}^{{tree}}" if repository.head else None
    if base is None:
        git.with_index(index_file).run("read-tree", "--empty")
    tree = build_tree(git, index_file, git.text("rev-parse", base) if base else None, changes)
    message = f"Apply {record.name}\n\n{FROM}: {commit}\n"
    parents = [repository.head] if repository.head else []
    new = commit_tree(git, tree, parents, message, sign=project.signs)
    ref = f"refs/heads/{repository.branch}"
    update_ref(git, ref, new, repository.head or repository.zero, f"gitml: apply {record.name}")
    # The user asked for a commit on this branch, so the index follows it, as `git commit` would.
    git.run("read-tree", "--reset", new)
    git.attempt("update-index", "-q", "--refresh")
    return new
