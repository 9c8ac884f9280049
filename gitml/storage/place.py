"""Where a project's DVC storage is: finding it, and setting it up."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from gitml.errors import StorageError
from gitml.storage import settings
from gitml.storage.durable import disk_errors, write_durably
from gitml.storage.settings import ConfigFile

_LINKS = ("reflink", "hardlink", "symlink", "copy")

_IGNORE = b"/config.local\n/tmp\n/cache\n"
_DVCIGNORE = (
    b"# Add patterns of files dvc should ignore, which could improve\n"
    b"# the performance. Learn more at\n"
    b"# https://dvc.org/doc/user-guide/dvcignore\n"
)


class Storage(msgspec.Struct, frozen=True):
    """The DVC storage of one project.

    Attributes:
        root: Folder that holds `.dvc`: the root of the DVC project.
        dvc_dir: That `.dvc` folder.
        cache: Folder of DVC 3 objects, `<cache>/files/md5`; it needn't exist yet.
        link_types: How objects are brought into the work tree, best first (`[cache] type`).
        shared_group: Whether folders of the cache are writable for the group (`[cache] shared`).
        legacy_cache: Folder of DVC 2 objects.
        config_files: DVC's configuration files, weakest first.
    """

    root: Path
    dvc_dir: Path
    cache: Path
    link_types: tuple[str, ...]
    shared_group: bool
    legacy_cache: Path
    config_files: tuple[ConfigFile, ...] = ()


def find(start: Path, top: Path, fallback: Path | None = None) -> Storage | None:
    """Find the DVC project that the folder `start` belongs to.

    Args:
        start: Where to begin; the nearest folder upward that holds `.dvc` wins.
        top: The last folder to look into.
        fallback: Root of the same DVC project in the main work tree. When `start` is in a linked
            work tree, its own `.dvc` has neither a cache nor `config.local`: those of `fallback`
            are used, and relative paths of the configuration start there.

    Returns:
        The storage, or None where DVC isn't set up.

    Raises:
        StorageError: DVC's configuration can't be read.
    """
    root = _nearest(start, top)
    if root is None:
        return None
    dvc_dir = root / ".dvc"
    home = dvc_dir
    if fallback is not None and (fallback / ".dvc").is_dir():
        home = Path(os.path.abspath(fallback)) / ".dvc"
    files = settings.config_files(dvc_dir, home)
    config = settings.read(files)
    cache = config["cache"]
    base = Path(_cache_folder(config) or home / "cache")
    return Storage(
        root=root,
        dvc_dir=dvc_dir,
        cache=base / "files" / "md5",
        link_types=_link_types(cache.get("type")),
        shared_group=str(cache.get("shared", "")).lower() == "group",
        legacy_cache=base,
        config_files=files,
    )


def dvc_folders(storage: Storage) -> set[Path]:
    """Return the `.dvc` folders of a project: its own, and that of the main work tree."""
    return {storage.dvc_dir, *(file.base for file in storage.config_files[-1:])}


def setup(root: Path) -> list[Path]:
    """Set DVC up in the folder `root` the way `dvc init` does, overwriting nothing.

    Returns:
        The files that were made; they belong into Git.

    Raises:
        StorageError: They can't be written.
    """
    wanted = {
        root / ".dvc" / "config": b"",
        root / ".dvc" / ".gitignore": _IGNORE,
        root / ".dvcignore": _DVCIGNORE,
    }
    made = []
    with disk_errors(f"set up DVC in {root}", root):
        (root / ".dvc").mkdir(parents=True, exist_ok=True)
        for path, content in wanted.items():
            if not os.path.lexists(path):
                write_durably(path, content)
                made.append(path)
    return made


def _nearest(start: Path, top: Path) -> Path | None:
    start, top = Path(os.path.abspath(start)), Path(os.path.abspath(top))
    if not start.is_relative_to(top):
        start, top = start.resolve(), top.resolve()
    for folder in (start, *start.parents):
        if not folder.is_relative_to(top):
            return None
        if (folder / ".dvc").is_dir():
            return folder
    return None


def _cache_folder(config: settings.Settings) -> str:
    folder = config["cache"].get("dir", "")
    named = str(config["cache"].get("local", "")).lower()
    if named and named in config["remote"]:  # DVC's older way to say `cache.dir`
        folder = config["remote"][named].get("url", "")
    if not isinstance(folder, str) or "://" in folder:
        raise StorageError(
            f"DVC's cache.dir is {folder!r}, which is not a folder.",
            hint="Set it with `dvc cache dir <folder>`.",
        )
    return folder


def _link_types(value: Any) -> tuple[str, ...]:
    if value is None:
        return ("reflink", "copy")
    names = value if isinstance(value, list) else str(value).split(",")
    kinds = tuple(str(name).strip().lower() for name in names)
    unknown = [kind for kind in kinds if kind not in _LINKS]
    if unknown or not kinds:
        raise StorageError(
            f"DVC's cache.type names {', '.join(unknown) or 'nothing'}.",
            hint=f"It takes one or more of {', '.join(_LINKS)}.",
        )
    return kinds
