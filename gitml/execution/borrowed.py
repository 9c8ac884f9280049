"""Parameter files that a run has overridden in the user's work tree, and putting them back.

The order makes it safe against `kill -9`: the original is copied and the journal says so before
the file is changed, and the file is replaced in one step, so that it is always one of the two.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from gitml.errors import ExecutionError, GitmlError, RecordError
from gitml.execution.entry import Backup, Entry, update
from gitml.storage.durable import disk_errors, sync_folder, write_durably

_KEPT = "kept"  # beside the folder of runs: originals that could not be put back


def override_params(entry: Entry, root: Path, files: Mapping[str, bytes]) -> Entry:
    """Put `files` (path from `root` → bytes) in place of the user's for the time of the run.

    Raises:
        ExecutionError: if a path leads out of `root`, or isn't a plain file.
        StorageError: if they can't be written; the user's files are then as before.
    """
    backups = dict(entry.params_backup)
    contents: dict[str, bytes] = {}
    for number, (name, data) in enumerate(sorted(files.items()), start=len(backups)):
        target = _target(root, name)
        contents[str(target)] = data
        backups[str(target)] = _back_up(entry, target, data, f"params-{number}")
    entry = update(entry, params_backup=backups)
    try:
        for path, data in contents.items():
            _replace(entry, Path(path), data, backups[path].mode, None)
    except BaseException:
        restore_params(entry)
        raise
    return entry


def restore_params(entry: Entry) -> list[str]:
    """Put the user's parameter files back, and return a sentence for each that could not be.

    A file that holds something else by now was edited by the user or written by the run; it is
    left alone, and the original is kept. Doing it again changes nothing.
    """
    said: list[str] = []
    left: dict[str, Backup] = {}
    for path, backup in entry.params_backup.items():
        try:
            sentence = _put_back(entry, Path(path), backup)
        except (OSError, GitmlError) as error:
            left[path] = backup
            sentence = f"{path} still holds the overridden settings: {error}"
        if sentence:
            said.append(sentence)
    if entry.params_backup:
        with suppress(RecordError):
            update(entry, params_backup=left)
    return said


def _back_up(entry: Entry, target: Path, data: bytes, name: str) -> Backup:
    original = _content(target)
    if original is None:
        return Backup("", "", _digest(data), 0o644, 0)
    write_durably(entry.path / name, original, 0o600)
    status = target.stat()
    mode = stat.S_IMODE(status.st_mode)
    return Backup(name, _digest(original), _digest(data), mode, status.st_mtime_ns)


def _put_back(entry: Entry, path: Path, backup: Backup) -> str:
    now = _content(path)
    digest = "" if now is None else _digest(now)
    if digest == backup.original:
        return ""
    original = _content(entry.path / backup.file) if backup.file else None
    if backup.file and (original is None or _digest(original) != backup.original):
        return f"The original of {path} is gone from the journal, so it was not put back."
    if digest == backup.overridden:
        if original is None:
            path.unlink()
            sync_folder(path.parent)
        else:
            _replace(entry, path, original, backup.mode, backup.modified)
        return ""
    what = "was edited" if now is not None else "was removed"
    if original is None:
        return f"{path} {what} during the run, so it was left as it is."
    kept = _keep(entry, path.name, original)
    return (
        f"{path} {what} during the run, so it was left as it is. "
        f"What it held before the run is in {kept}."
    )


def _replace(entry: Entry, path: Path, data: bytes, mode: int, modified: int | None) -> None:
    """Replace a file in one step, by way of the run's folder if that is on the same disk."""
    staged = entry.path / f"staged-{os.getpid()}"
    write_durably(staged, data, 0o600)
    with disk_errors(f"write {path}", path.parent, len(data)):
        try:
            staged.chmod(mode)
            if modified is not None:
                os.utime(staged, ns=(modified, modified))
            try:
                staged.replace(path)
            except OSError as error:
                if error.errno != 18:  # EXDEV: another disk
                    raise
                beside = path.with_name(f".{path.name}.gitml-{os.getpid()}")
                shutil.copy2(staged, beside)
                beside.replace(path)
        finally:
            staged.unlink(missing_ok=True)
        sync_folder(path.parent)


def _keep(entry: Entry, name: str, data: bytes) -> Path:
    folder = Path(entry.runs).parent / _KEPT
    folder.mkdir(mode=0o700, exist_ok=True)
    kept = folder / f"{entry.id}-{name}"
    write_durably(kept, data, 0o600)
    return kept


def _target(root: Path, name: str) -> Path:
    """Return the real path of a parameter file, which stays inside of the work tree."""
    top = Path(os.path.realpath(root))
    path = Path(os.path.realpath(root / name))
    if top not in path.parents or ".git" in path.relative_to(top).parts:
        raise ExecutionError(
            f"{name} leads out of the project, so its settings can't be changed for a run.",
            hint="Use a parameter file inside the repository, or run with --isolated.",
        )
    if path.exists() and not path.is_file():
        raise ExecutionError(f"{name} is not a file, so its settings can't be changed.")
    return path


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
