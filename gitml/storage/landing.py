"""Renaming finished files into a work tree, never through a symbolic link."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from gitml.errors import StorageError
from gitml.storage.paths import shown, why_unsafe

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def check_way(top: Path, way: str, *, folder: bool) -> None:
    """Refuse a path below `top` that can't be written safely, before anything is.

    Args:
        top: The folder that must not be left; it may itself be reached through links.
        way: The path from there, with `/`.
        folder: Whether a folder is to be there; else a file.

    Raises:
        StorageError: The path is unsafe, a part of it is a link or a file, or something of the
            other kind is there already.
    """
    reason = why_unsafe(way)
    if reason:
        raise StorageError(f"{shown(way)} can't be written to: {reason}.")
    parts = way.split("/")
    here = top
    for number, name in enumerate(parts, start=1):
        here = here / name
        try:
            mode = os.lstat(here).st_mode
        except FileNotFoundError:
            return
        except OSError as error:
            raise StorageError(f"{here} can't be looked at: {error.strerror}.") from error
        if number < len(parts) or folder:
            if stat.S_ISLNK(mode):
                raise StorageError(
                    f"{shown(way)} leads through the symbolic link {here}.",
                    hint="Nothing was written. Replace the link by a folder.",
                )
            if not stat.S_ISDIR(mode):
                raise StorageError(
                    f"{shown(way)} needs a folder at {here}, where there is a file.",
                    hint="Nothing was written. Move that file away.",
                )
        elif stat.S_ISDIR(mode):
            raise StorageError(
                f"{here} is a folder, where a file is to be restored.",
                hint="Nothing was written. Move that folder away.",
            )


def publish(top: Path, way: str, staged: Mapping[str, Path], *, folder: bool) -> None:
    """Rename staged files to their places below `top / way`.

    Every folder on the way is opened without following links, so that a link that appears
    meanwhile is an error and not a way out.

    Args:
        top: The folder that must not be left.
        way: Path of the target from there.
        staged: Path from the target (empty for the target itself) → finished file.
        folder: Whether the target is a folder; it is made even if nothing is in it.

    Raises:
        StorageError: A part of the way is not a folder.
        OSError: A rename failed.
    """
    by_folder: dict[str, list[tuple[str, Path]]] = {}
    if folder:
        by_folder[way] = []
    for path, file in staged.items():
        parent, _, name = (f"{way}/{path}" if path else way).rpartition("/")
        by_folder.setdefault(parent, []).append((name, file))
    root = os.open(top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for parent, files in by_folder.items():
            descriptor = _open_folder(root, parent)
            try:
                for name, file in files:
                    _land(file, name, descriptor)
            finally:
                os.close(descriptor)
    finally:
        os.close(root)


def _land(file: Path, name: str, folder: int) -> None:
    """Rename a file into an open folder; where that is another mount, copy and rename there."""
    try:
        os.replace(file, name, dst_dir_fd=folder)
        return
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    passing = f".gitml-{os.urandom(6).hex()}.tmp"
    try:
        if file.is_symlink():
            os.symlink(file.readlink(), passing, dir_fd=folder)
        else:
            mode = stat.S_IMODE(file.stat().st_mode)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with (
                file.open("rb") as source,
                os.fdopen(os.open(passing, flags, mode, dir_fd=folder), "wb") as copy,
            ):
                shutil.copyfileobj(source, copy, 1 << 20)
        os.replace(passing, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(passing, dir_fd=folder)
        raise


def _open_folder(root: int, way: str) -> int:
    """Open the folder `way` below the open folder `root`, making what isn't there."""
    descriptor = os.dup(root)
    for name in way.split("/") if way else ():
        try:
            with suppress(FileExistsError):
                os.mkdir(name, dir_fd=descriptor)
            deeper = os.open(name, _FOLDER, dir_fd=descriptor)
        except OSError as error:
            # Opening a link fails with either, depending on the system.
            if error.errno in (errno.ENOTDIR, errno.ELOOP):
                raise StorageError(
                    f"{shown(way)} leads through {shown(name)}, which is not a folder."
                ) from error
            raise
        finally:
            os.close(descriptor)
        descriptor = deeper
    return descriptor
