"""Make a project: Git, DVC, `gitml.yaml` and ignore rules, or a whole starter project."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import msgspec

from gitml import config
from gitml.errors import GitmlError, NotFoundError, RepositoryError, StorageError, UsageError
from gitml.git.command import Git
from gitml.git.repository import Repository, configuration, discover, require_identity
from gitml.operations import first_config, starters
from gitml.storage import objects, place, pointers
from gitml.storage.durable import write_durably
from gitml.storage.pointers import Pointer

_IGNORED = b"__pycache__/\n.venv/\n"
_COMMIT_SECONDS = 300


class Initialised(msgspec.Struct, frozen=True):
    """What `gitml init` did.

    Attributes:
        folder: The project's folder.
        template: The starter that was used, or empty.
        created: Files and folders that were made, relative to the project's folder.
        kept: Those that were there and were left as they are.
        notes: What the user should know or do, one or two sentences each.
        commit: Id of the first commit, where one was made.
    """

    folder: Path
    template: str = ""
    created: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    commit: str = ""


class _Step(msgspec.Struct, frozen=True):
    """What one step of it did."""

    created: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def initialise(folder: Path, template: str | None = None) -> Initialised:
    """Make `folder` a project.

    Git is set up where the folder is in no repository, DVC where the repository has none. Files
    that exist are never written to, except that DVC's line for the data of a starter is added to
    `.gitignore`. Nothing is committed, except for a starter in a fresh folder.

    Args:
        folder: The project's folder; it is made when it doesn't exist.
        template: The name of a starter project, or None for a `gitml.yaml` alone.

    Raises:
        UsageError: an unknown template, a folder that can't be a project, or missing libraries;
            nothing has been written then.
        RepositoryError: Git refuses, or the folder is in a bare repository.
        StorageError: DVC can't be set up, or the disk is full.
    """
    starter = starters.find(template) if template is not None else None
    folder = Path(os.path.abspath(folder))
    _require_usable(folder)
    fresh = _is_fresh(folder)
    around = _repository_around(folder)
    with ExitStack() as stack:
        prepared: Path | None = None
        if starter is not None:
            python = starters.interpreter_for(starter)
            prepared = stack.enter_context(starters.prepared(starter, python))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            folder = folder.resolve()
            repository, git_step = _repository(folder, around)
            files = starter.files() if starter is not None else _plain_files(folder)
            steps = [git_step, _write_new(folder, files), _set_up_storage(folder, repository)]
            if prepared is not None:
                steps.append(_bring_data(folder, repository, prepared))
        except OSError as error:
            raise StorageError(f"{folder} can't be set up: {error}") from error
    commit = ""
    if starter is not None and fresh and repository.root == folder and not repository.head:
        made = tuple(path for step in steps for path in step.created)
        commit, step = _commit(repository, made, f"Start from the template {starter.name}")
        steps.append(step)
    steps.append(_advice(folder, repository, steps, commit))
    return Initialised(
        folder=folder,
        template=starter.name if starter is not None else "",
        created=tuple(path for step in steps for path in step.created),
        kept=tuple(path for step in steps for path in step.kept),
        notes=tuple(note for step in steps for note in step.notes),
        commit=commit,
    )


def _require_usable(folder: Path) -> None:
    """Refuse a folder that is a file, lies below one, or can't be written to."""
    if os.path.lexists(folder) and not folder.is_dir():
        raise UsageError(
            f"{folder} is not a folder, so it can't be a project.",
            hint="Name a folder, or one that doesn't exist yet.",
        )
    there = _nearest_existing(folder)
    if not there.is_dir():
        raise UsageError(f"{folder} can't be made, since {there} is not a folder.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise UsageError(f"{there} can't be written to.", hint="Name a folder that belongs to you.")


def _nearest_existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if os.path.lexists(path))


def _is_fresh(folder: Path) -> bool:
    """Tell whether `folder` doesn't exist, or has nothing in it but perhaps a new repository."""
    if not folder.is_dir():
        return True
    with os.scandir(folder) as entries:
        return all(entry.name == ".git" for entry in entries)


def _repository_around(folder: Path) -> Repository | None:
    """Return the repository that `folder` belongs to, unless that repository ignores it.

    A home folder is often a repository that ignores all but a few files; a project in it needs a
    repository of its own.
    """
    try:
        repository = discover(_nearest_existing(folder))
    except NotFoundError:
        return None
    if repository.bare:
        raise RepositoryError(
            f"{folder} is in a bare repository, and a project needs a work tree.",
            hint="Clone it, and run `gitml init` in the clone.",
        )
    inside = os.path.relpath(os.path.realpath(folder), repository.root)
    if inside != "." and repository.git.succeeds("check-ignore", "--quiet", "--", inside + "/"):
        return None
    return repository


def _repository(folder: Path, around: Repository | None) -> tuple[Repository, _Step]:
    """Return the repository of `folder`, making one where there is none."""
    if around is not None:
        return around, _Step()
    # Set for one call only: the runner hides it, since elsewhere it would confuse Git.
    wanted = os.environ.get("GIT_DEFAULT_HASH")
    git = Git(folder, env={"GIT_DEFAULT_HASH": wanted} if wanted else None)
    named = git.succeeds("config", "--get", "init.defaultBranch")
    git.run("init", "--quiet", *([] if named else ["--initial-branch=main"]))
    return discover(folder), _Step(created=(".git",))


def _plain_files(folder: Path) -> dict[str, bytes]:
    found = first_config.guess(folder)
    return {config.FILE: first_config.text(found).encode(), ".gitignore": _IGNORED}


def _write_new(folder: Path, files: Mapping[str, bytes]) -> _Step:
    """Write the files that don't exist, each whole or not at all."""
    created, kept = [], []
    for name, content in files.items():
        path = folder / name
        if os.path.lexists(path):
            kept.append(name)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, content)
        created.append(name)
    return _Step(tuple(created), tuple(kept))


def _set_up_storage(folder: Path, repository: Repository) -> _Step:
    """Set DVC up at the root of the repository, where no folder on the way to it has it."""
    if place.find(folder, repository.root) is not None:
        return _Step()
    made = place.setup(repository.root)
    return _Step(created=tuple(os.path.relpath(path, folder) for path in made))


def _bring_data(folder: Path, repository: Repository, prepared: Path) -> _Step:
    """Copy a starter's prepared data into the project and track it with DVC.

    Data that was there stays as it is. It is tracked if it is the starter's own, as after an
    earlier call that was interrupted.
    """
    files = {path.name: path.read_bytes() for path in prepared.iterdir() if path.is_file()}
    step = _write_new(folder, files)
    data, pointer = folder / starters.DATA, folder / f"{starters.DATA}.dvc"
    created, kept, notes = list(step.created), list(step.kept), []
    if os.path.lexists(pointer):
        kept += [pointer.name]
        if not data.is_dir():
            notes.append(f"{pointer.name} was there without its data; `dvc pull` brings it.")
        return _Step(tuple(created), tuple(kept), tuple(notes))
    if not os.path.lexists(data):
        _copy_whole(prepared / starters.DATA, data)
        created.append(data.name)
    elif not _same_files(data, prepared / starters.DATA):
        note = f"{data.name} was there already, so the template's own data was not written."
        return _Step(tuple(created), (*kept, data.name), (note,))
    if note := _track(data, repository):
        notes.append(note)
    return _Step((*created, pointer.name), tuple(kept), tuple(notes))


def _track(data: Path, repository: Repository) -> str:
    """Store a folder with DVC and write its pointer last; return a note on `.gitignore`, if any."""
    storage = place.find(data.parent, repository.root)
    if storage is None:
        raise StorageError(f"DVC is not set up in {repository.root}.")
    stored = objects.store_folder(storage, data)
    ignore, note = data.parent / ".gitignore", ""
    before = ignore.read_bytes() if ignore.is_file() else b""
    after = pointers.add_ignore(before, data.name)
    line = pointers.ignore_line(data.name)
    if after != before and ignore.is_symlink():  # it may belong to another project
        note = f".gitignore is a link, so it was left alone. It needs the line {line}"
    elif after != before:
        write_durably(ignore, after)
        note = f".gitignore has a new line, {line}, since DVC tracks that folder."
    pointer = Pointer(data.name, stored.digest, stored.size, stored.files)
    write_durably(data.parent / f"{data.name}.dvc", pointers.render(pointer))
    return note


def _copy_whole(source: Path, target: Path) -> None:
    """Copy a folder so that `target` is there with everything in it, or not at all."""
    with tempfile.TemporaryDirectory(prefix=".gitml-init-", dir=target.parent) as scratch:
        copy = Path(scratch) / target.name
        shutil.copytree(source, copy)
        copy.rename(target)


def _same_files(one: Path, other: Path) -> bool:
    contents = []
    for folder in (one, other):
        if folder.is_symlink() or not folder.is_dir():
            return False
        paths = sorted(path for path in folder.rglob("*") if not path.is_dir())
        contents.append([(path.relative_to(folder), path.read_bytes()) for path in paths])
    return contents[0] == contents[1]


def _commit(repository: Repository, created: tuple[str, ...], message: str) -> tuple[str, _Step]:
    """Commit what was made, so that the first experiment has a base to start from."""
    later = "then `git add .` and `git commit`."
    try:
        require_identity(repository, configuration(repository))
    except RepositoryError as error:
        note = (
            f"Nothing is committed yet, since Git doesn't know who you are: {error.hint}, {later}"
        )
        return "", _Step(notes=(note,))
    paths = [path for path in created if path not in (".git", starters.DATA)]
    try:
        repository.git.run("add", "--", *paths)
        repository.git.run("commit", "--quiet", "-m", message, timeout=_COMMIT_SECONDS)
        return repository.git.text("rev-parse", "HEAD"), _Step()
    except GitmlError as error:
        return "", _Step(notes=(f"Nothing is committed yet: {error.message}",))


def _advice(folder: Path, repository: Repository, steps: list[_Step], commit: str) -> _Step:
    """Say what to do next."""
    notes = []
    outer = next(
        (
            parent
            for parent in folder.parents
            if parent.is_relative_to(repository.root) and (parent / config.FILE).is_file()
        ),
        None,
    )
    if outer is not None:
        notes.append(f"This is a project of its own inside the project at {outer}.")
    made = [path for step in steps for path in step.created if path not in (".git", starters.DATA)]
    if made and not commit and not any(step.notes for step in steps):
        notes.append(f"Commit what was made: git add {shlex.join(made)} && git commit")
    return _Step(notes=tuple(notes))
