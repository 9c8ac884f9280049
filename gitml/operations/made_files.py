"""What a run logged as files (figures, tables, predictions …): into Git or DVC storage.

Nothing of the run's folder is trusted: the program could write there what it liked. Only plain
files with harmless names are taken, through descriptors that follow no link.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from gitml.errors import StorageError
from gitml.execution.journal import Entry
from gitml.experiment.record import FOLDER
from gitml.git.objects import write_files
from gitml.operations.artifacts import StoredOutputs, is_text
from gitml.operations.made_parts import join_parts, with_label
from gitml.operations.project import Project
from gitml.outputs import made
from gitml.outputs.artifact import Artifact
from gitml.storage.durable import disk_errors
from gitml.storage.objects import Stored, store_file, store_folder
from gitml.storage.paths import shown
from gitml.storage.place import Storage

# More files of one kind are stored as one folder: as artifacts of their own they would be a
# record that nobody can read.
MOST_FILES = 1_000
_MOST_LOOKED_AT = 200_000
_DEEPEST = 20


class _Taken:
    """Files on their way, below a private folder, and what was left out.

    Attributes:
        logged: Kind and name under which something was logged → the files that it is.
        warnings: Sentences that users should see.
    """

    def __init__(self, staging: Path) -> None:
        self.logged: dict[tuple[str, str], dict[str, Path]] = {}
        self.warnings: list[str] = []
        self._staging = staging
        self._left: dict[str, list[str]] = {}
        self._looked_at = 0
        self._number = 0

    def leave(self, why: str, name: str) -> None:
        """Remember what is not recorded."""
        self._left.setdefault(why, []).append(name)

    def place(self) -> Path:
        """Return a new place for a file."""
        self._number += 1
        return self._staging / str(self._number)

    def count(self) -> bool:
        """Whether one more file may be looked at."""
        self._looked_at += 1
        return self._looked_at <= _MOST_LOOKED_AT

    def said(self) -> tuple[str, ...]:
        """Return all warnings."""
        found = list(self.warnings)
        for why, names in self._left.items():
            more = f" and {len(names) - 1:,} more" if len(names) > 1 else ""
            found.append(f"{shown(names[0])}{more} was logged and is not recorded: {why}.")
        if self._looked_at > _MOST_LOOKED_AT:
            found.append(f"More than {_MOST_LOOKED_AT:,} files were logged; the rest is left out.")
        return tuple(found)


def with_made(project: Project, entry: Entry, stored: StoredOutputs) -> StoredOutputs:
    """Return what became of the outputs of a run, those included that it logged as files.

    Args:
        project: Where.
        entry: The run in the journal.
        stored: Its other outputs.

    Raises:
        StorageError: if one needs DVC storage and there is none, or it can't be written.
    """
    folders = made.folders(entry.path)
    if not folders:
        return stored
    staging = entry.path / "staging" / made.FOLDER
    with disk_errors(f"collect what {entry.name} logged", entry.path):
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        taken = _Taken(staging)
        _take(folders, taken)
    artifacts, files = _store(project, taken, staging)
    shutil.rmtree(staging, ignore_errors=True)
    return msgspec.structs.replace(
        stored,
        artifacts=(*stored.artifacts, *artifacts),
        files={**stored.files, **files},
        warnings=(*stored.warnings, *taken.said()),
    )


def _take(folders: Iterable[Path], taken: _Taken) -> None:
    """Take what the stretches of a run logged; a later one replaces what earlier ones logged."""
    latest: dict[tuple[str, str], dict[str, Path]] = {}
    for folder in folders:
        found: dict[tuple[str, str], dict[str, Path]] = {}
        for kind, name, label, file in _plain_files(folder, taken):
            found.setdefault((kind, name), {})[label] = file
        latest.update(found)
    for (kind, name), parts in sorted(latest.items()):
        joined = join_parts(kind, name, parts, taken.place())
        taken.logged[kind, name] = joined.files
        taken.warnings += joined.warnings


def _plain_files(folder: Path, taken: _Taken) -> Iterator[tuple[str, str, str, Path]]:
    """Yield kind, name, label of the process (empty for the first) and a copy of each file."""
    if folder.is_symlink():
        taken.leave("it is a link", folder.name)
        return

    def unreadable(error: OSError) -> None:
        taken.leave("it can't be read", os.path.basename(os.fsdecode(error.filename or "?")))

    for place, folders, files, descriptor in os.fwalk(folder, onerror=unreadable):
        inside = os.path.relpath(place, folder)
        parts = [] if inside == "." else inside.split(os.sep)
        for name in [name for name in folders if _is_link(name, descriptor)]:
            folders.remove(name)
            taken.leave("it is a link", "/".join((*parts, name)))
        if not parts:
            folders[:] = [name for name in folders if _is_kind(name, taken)]
            continue
        if len(parts) > _DEEPEST and folders:
            taken.leave(f"it is deeper than {_DEEPEST} folders", "/".join((*parts, folders[0])))
            folders.clear()
        folders.sort()
        for name in sorted(files):
            if not taken.count():
                return
            kind, full, label, why = _meant(parts, name)
            copy = taken.place()
            why = why or _copied(name, descriptor, copy)
            if why:
                taken.leave(why, "/".join((*parts, name)))
            else:
                yield kind, full, label, copy


def _meant(parts: list[str], name: str) -> tuple[str, str, str, str]:
    """Return kind, name, label of a file in the folders `parts`, and why it isn't taken."""
    kind, *rest = (*parts, name)
    if rest[0] != made.PARTS:
        full, label = "/".join(rest), ""
        return kind, full, label, made.why_no_name(full)
    full, label = "/".join(rest[1:-1]), rest[-1]
    known = "" if made.LABEL.match(label) else "it is no part of a file"
    return kind, full, label, made.why_no_name(full) or known


def _is_kind(name: str, taken: _Taken) -> bool:
    if name in made.KINDS:
        return True
    if not name.startswith("."):
        taken.leave("gitml knows no such kind of files", name)
    return False


def _is_link(name: str, descriptor: int) -> bool:
    return stat.S_ISLNK(os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode)


def _copied(name: str, descriptor: int, copy: Path) -> str:
    """Put a plain file at `copy`; return why not, or nothing."""
    if not stat.S_ISREG(os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode):
        return "it is not a plain file"
    try:
        os.link(name, copy, src_dir_fd=descriptor, follow_symlinks=False)
    except OSError:  # a filesystem without links
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        source = os.open(name, flags, dir_fd=descriptor)
        with open(source, "rb") as file, copy.open("xb") as target:
            shutil.copyfileobj(file, target, 1 << 20)
    if not stat.S_ISREG(copy.lstat().st_mode):
        copy.unlink()
        return "it is not a plain file"
    return ""


def _by_kind(taken: _Taken) -> dict[str, dict[str, Path]]:
    """Return kind → name → file, no name being that of a folder."""
    found: dict[str, dict[str, Path]] = {kind: {} for kind, _ in sorted(taken.logged)}
    for (kind, _), files in sorted(taken.logged.items()):
        for name, file in files.items():
            free = with_label(name, "more", found[kind]) if name in found[kind] else name
            found[kind][free] = file
    for kind, files in found.items():
        above = {name[:place] for name in files for place, c in enumerate(name) if c == "/"}
        for name in above & files.keys():
            del files[name]
            taken.leave("there is a folder of this name", f"{kind}/{name}")
    return found


def _store(
    project: Project, taken: _Taken, staging: Path
) -> tuple[list[Artifact], dict[str, tuple[str, str]]]:
    artifacts: list[Artifact] = []
    small: dict[str, Path] = {}
    for kind, files in _by_kind(taken).items():
        if len(files) > MOST_FILES:
            artifacts.append(_folder(project, kind, files, staging))
            taken.warnings.append(
                f"{len(files):,} files were logged as {kind}; from {MOST_FILES:,} on they are "
                f"stored as one folder, {FOLDER}/{kind}."
            )
            continue
        for name, file in sorted(files.items()):
            if _belongs_in_git(kind, file, project.config.large):
                small[f"{FOLDER}/{kind}/{name}"] = file
            else:
                path = f"{FOLDER}/{kind}/{name}"
                stored = store_file(_need(project, path), file)
                artifacts.append(_artifact(path, kind, "dvc", stored))
    oids = write_files(project.repository.git, small.values())
    for (path, file), oid in zip(small.items(), oids, strict=True):
        kind = path.split("/")[1]
        artifacts.append(_artifact(path, kind, "git", Stored(oid, file.stat().st_size)))
    files_in_git = {path: ("100644", oid) for path, oid in zip(small, oids, strict=True)}
    return sorted(artifacts, key=lambda artifact: artifact.path), files_in_git


def _belongs_in_git(kind: str, file: Path, large: int) -> bool:
    return file.stat().st_size < large and (made.KINDS[kind] == "plot" or is_text(file))


def _folder(project: Project, kind: str, files: Mapping[str, Path], staging: Path) -> Artifact:
    """Store the files of a kind as one folder."""
    place = staging / "folders" / kind
    with disk_errors(f"collect {kind}", staging):
        for name, file in files.items():
            target = place / name
            target.parent.mkdir(parents=True, exist_ok=True)
            file.rename(target)
    path = f"{FOLDER}/{kind}"
    return _artifact(path, kind, "dvc", store_folder(_need(project, path), place))


def _need(project: Project, path: str) -> Storage:
    if project.storage is None:
        raise StorageError(
            f"{path} needs DVC storage, and DVC isn't set up in this project.",
            hint="Run `gitml init`, then `gitml exp recover`: nothing has to run again.",
        )
    return project.storage


def _artifact(path: str, kind: str, storage: str, stored: Stored) -> Artifact:
    fields = {"path": path, "role": made.KINDS[kind], "storage": storage, "digest": stored.digest}
    return msgspec.convert({**fields, "size": stored.size, "files": stored.files}, Artifact)
