"""Sending objects to DVC remotes and fetching them.

Remotes that are folders are served without DVC's libraries (see `folder_remote`), which would
delete objects that they think are corrupt; for all others they are (see `cloud_remote`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

import msgspec

from gitml.errors import StorageError
from gitml.storage import settings
from gitml.storage.folder_remote import FolderRemote
from gitml.storage.place import Storage

Progress = Callable[[int, int], None]


class RemoteInfo(msgspec.Struct, frozen=True):
    """A remote of DVC's configuration.

    Attributes:
        name: Its name.
        url: Where it is, without a password.
    """

    name: str
    url: str


class Transfer(msgspec.Struct, frozen=True):
    """What a push or pull did.

    Attributes:
        sent: Number of objects that were moved; those that were there already don't count.
        failed: Digests that are not where they should be, sorted.
    """

    sent: int
    failed: tuple[str, ...] = ()


class Remote(Protocol):
    """Where objects can be sent to and fetched from."""

    def has(self, sizes: dict[str, int | None]) -> set[str]:
        """Return which of the digests are there (with the given size, when known)."""

    def send(self, files: dict[str, Path], done: Callable[[], None]) -> set[str]:
        """Upload sound objects; returns the digests that failed."""

    def fetch(self, files: dict[str, Path], done: Callable[[], None]) -> None:
        """Download to the given paths; what can't be had doesn't exist afterwards."""

    def problem(self) -> str | None:
        """Say in one sentence why the remote can't be used, if so."""


def default_remote(storage: Storage, name: str | None = None) -> RemoteInfo | None:
    """Return the remote called `name`, or the default one, or None if there is no default.

    Raises:
        StorageError: There is no remote of that name, or the configuration can't be read.
    """
    config = settings.read(storage.config_files)
    chosen = str(name or config["core"].get("remote") or "").lower()
    if not chosen:
        return None
    return RemoteInfo(name=chosen, url=settings.without_password(_url(config, chosen)))


def push(
    storage: Storage,
    digests: Iterable[str],
    *,
    remote: str | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
    legacy: bool = False,
) -> Transfer:
    """Send objects to a remote: the files of folders first, the lists of them last.

    Every object is hashed before it is sent, and looked for on the remote afterwards.

    Args:
        storage: Where they are.
        digests: Of files and folders; a folder brings its files.
        remote: Name of the remote; the default one when not given.
        jobs: Transfers at once; the remote's own number when not given.
        progress: Called with the number of objects that are done, and of all.
        legacy: Whether these are DVC 2's objects.

    Raises:
        StorageError: There is no such remote, it can't be reached, or its kind isn't supported.
    """
    from gitml.storage import transfer

    done, failed = transfer.push(
        _older(storage) if legacy else storage,
        digests,
        open_remote(storage, remote, jobs=jobs, legacy=legacy),
        progress,
    )
    return Transfer(sent=done, failed=tuple(sorted(failed)))


def pull(
    storage: Storage,
    digests: Iterable[str],
    *,
    remote: str | None = None,
    quarantine: Path,
    jobs: int | None = None,
    progress: Progress | None = None,
    legacy: bool = False,
) -> Transfer:
    """Fetch objects that the cache doesn't have; every one is hashed before it is used.

    Args:
        storage: Where to.
        digests: Of files and folders; a folder brings its files.
        remote: Name of the remote; the default one when not given.
        quarantine: Folder for what arrives corrupt.
        jobs: Transfers at once; the remote's own number when not given.
        progress: Called with the number of objects that are done, and of all.
        legacy: Whether these are DVC 2's objects.

    Returns:
        How many came; `failed` has what is missing on the remote or corrupt there.

    Raises:
        StorageError: There is no such remote, it can't be reached, there is no space, or a stored
            folder lists an unsafe path.
    """
    from gitml.storage import transfer

    done, failed = transfer.pull(
        _older(storage) if legacy else storage,
        digests,
        open_remote(storage, remote, jobs=jobs, legacy=legacy),
        quarantine,
        progress,
        legacy=legacy,
    )
    return Transfer(sent=done, failed=tuple(sorted(failed)))


def missing_on_remote(
    storage: Storage, digests: Iterable[str], remote: str | None = None, *, legacy: bool = False
) -> set[str]:
    """Return which objects a remote doesn't have; for folders in the cache their files too.

    Raises:
        StorageError: There is no such remote, or it can't be reached.
    """
    from gitml.storage import transfer

    place = _older(storage) if legacy else storage
    wanted = transfer.expanded(place, digests).everything
    return wanted - open_remote(storage, remote, legacy=legacy).has(dict.fromkeys(wanted))


def reachable(storage: Storage, remote: str | None = None) -> str | None:
    """Say in one sentence why a remote can't be used now, or None when it can."""
    try:
        return open_remote(storage, remote).problem()
    except StorageError as error:
        return error.message


def open_remote(
    storage: Storage, name: str | None = None, *, jobs: int | None = None, legacy: bool = False
) -> Remote:
    """Open a remote of DVC's configuration.

    Raises:
        StorageError: It isn't configured, needs a plugin, or keeps objects in another layout.
    """
    config = settings.read(storage.config_files)
    chosen = str(name or config["core"].get("remote") or "").lower()
    if not chosen:
        raise StorageError(
            "DVC has no default remote.",
            hint="Add one: `dvc remote add -d storage <url>`.",
        )
    url = _url(config, chosen)
    for key in ("version_aware", "worktree"):
        if settings.is_true(config["remote"][chosen].get(key)):
            raise StorageError(
                f"The remote {chosen!r} is {key}, and keeps objects in a layout of its own.",
                hint="Use `dvc push` and `dvc pull` with it, or add a plain remote for gitml.",
            )
    path = url.removeprefix("file://")
    if "://" not in path:
        return FolderRemote(storage, Path(path), legacy=legacy, jobs=jobs)
    from gitml.storage.cloud_remote import CloudRemote

    return CloudRemote(config, chosen, url, legacy=legacy, jobs=jobs)


def _url(config: settings.Settings, name: str, seen: tuple[str, ...] = ()) -> str:
    """Return a remote's URL, with `remote://other/path` resolved."""
    url = config["remote"].get(name, {}).get("url")
    if not isinstance(url, str) or name in seen:
        known = ", ".join(sorted(config["remote"])) or "none"
        raise StorageError(
            f"DVC has no usable remote called {name!r}.",
            hint=f"Configured: {known}. Add one with `dvc remote add {name} <url>`.",
        )
    if not url.startswith("remote://"):
        return url
    base, _, rest = url.removeprefix("remote://").partition("/")
    return f"{_url(config, base.lower(), (*seen, name)).rstrip('/')}/{rest}"


def _older(storage: Storage) -> Storage:
    return msgspec.structs.replace(storage, cache=storage.legacy_cache)
