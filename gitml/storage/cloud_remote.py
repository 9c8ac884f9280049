"""Remotes that DVC's libraries reach: the only module that imports those libraries."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from gitml.errors import StorageError
from gitml.storage import settings
from gitml.storage.digests import matching

# DVC's extras, where they are not called like the scheme.
_EXTRAS = {"http": "", "https": "", "webdavs": "webdav", "webhdfs": "hdfs", "abfs": "azure"}


class CloudRemote:
    """A remote in the cloud or on another machine: S3, GCS, Azure, SSH, HTTP and others.

    Args:
        config: DVC's merged configuration.
        name: Name of the remote.
        url: Where it is.
        legacy: Whether DVC 2's objects are meant, which lie directly in the root.
        jobs: Transfers at once; the remote's own number when not given.

    Raises:
        StorageError: It needs a plugin that isn't installed, or can't be opened.
    """

    def __init__(
        self, config: settings.Settings, name: str, url: str, *, legacy: bool, jobs: int | None
    ) -> None:
        self._name = name
        self._url = settings.without_password(url)
        _private_site_cache()
        with self._errors("opened"):
            from dvc.fs import get_cloud_fs
            from dvc_data.hashfile.db import HashFileDB

            kind, options, path = get_cloud_fs(config, name=name)
            self._fs: Any = kind(**options)
            self._fs.fs  # noqa: B018 - makes the connection's module load, where it is missing
            if self._fs.version_aware:
                raise StorageError(
                    f"The remote {name!r} keeps versions in the cloud, in a layout of its own.",
                    hint="Use `dvc push` and `dvc pull` with it.",
                )
            self._legacy = legacy
            if not legacy:
                path = self._fs.join(path, "files", "md5")
            self._jobs = jobs or self._fs.jobs
            self._objects: Any = HashFileDB(self._fs, path, hash_name="md5", **options)

    def has(self, sizes: dict[str, int | None]) -> set[str]:
        """Return which of the digests are there; sizes are not compared."""
        if not sizes:
            return set()
        with self._errors("read"):
            found = set(self._objects.oids_exist(list(sizes), jobs=self._jobs))
            if len(found) < len(sizes):
                # Some filesystems say "not there" when they mean "no answer".
                self._look()
        return found

    def send(self, files: dict[str, Path], done: Callable[[], None]) -> set[str]:
        """Upload those objects that match their names; returns the digests that failed."""
        sound = matching(files, legacy=self._legacy)
        for _ in files.keys() - sound:
            done()
        targets = {digest: self._objects.oid_to_path(digest) for digest in sound}
        if not targets:
            return set(files)
        for parent in {self._fs.parent(path) for path in targets.values()}:
            with self._errors("written"):
                self._fs.makedirs(parent)
        sources = [str(files[digest]) for digest in targets]
        bad = self._copy(sources, None, list(targets.values()), self._fs, done)
        return (files.keys() - sound) | {one for one, path in targets.items() if path in bad}

    def fetch(self, files: dict[str, Path], done: Callable[[], None]) -> None:
        """Download to the given paths; what can't be had doesn't exist afterwards."""
        sources = [self._objects.oid_to_path(digest) for digest in files]
        self._copy(sources, self._fs, [str(path) for path in files.values()], None, done)

    def delete(self, digest: str) -> None:
        """Remove an object; one that isn't there is no error.

        Raises:
            StorageError: It can't be removed.
        """
        with self._errors("cleaned"), suppress(FileNotFoundError):
            self._fs.remove(self._objects.oid_to_path(digest))

    def problem(self) -> str | None:
        """Say in one sentence why the remote can't be used, if so."""
        try:
            with self._errors("reached"):
                self._look()
        except StorageError as error:
            return error.message
        return None

    def _look(self) -> None:
        """Ask for an object that isn't there; any other answer than that is raised."""
        try:
            self._fs.info(self._objects.oid_to_path("0" * 32))
        except FileNotFoundError as error:
            cause = error.__cause__
            status = getattr(cause, "status", 0)  # of an HTTP response
            if status in (404, 410) or isinstance(cause, FileNotFoundError):
                return
            if cause is not None and (status or isinstance(cause, OSError)):
                raise cause from None

    def _copy(
        self,
        sources: Sequence[str],
        source_fs: Any,
        targets: Sequence[str],
        target_fs: Any,
        done: Callable[[], None],
    ) -> set[str]:
        """Copy files, None being the local filesystem; returns the targets that failed."""
        from dvc_objects.fs import generic
        from dvc_objects.fs.local import localfs
        from fsspec.callbacks import Callback

        class Counting(Callback):  # type: ignore[misc]
            def relative_update(self, inc: int = 1) -> None:
                done()

        bad: dict[str, BaseException] = {}
        try:
            generic.copy(
                source_fs or localfs,
                list(sources),
                target_fs or localfs,
                list(targets),
                callback=Counting(),
                batch_size=self._jobs,
                on_error=lambda _, target, error: bad.update({target: error}),
            )
        except FileNotFoundError:  # what DVC makes of a failed download of a single file
            bad.update(dict.fromkeys(targets, FileNotFoundError()))
        except Exception as error:
            raise self._failure("used", error) from error
        # A download that finds nothing is an answer; an upload that does means a missing bucket.
        serious = [
            error
            for error in bad.values()
            if target_fs is not None or not isinstance(error, FileNotFoundError)
        ]
        if serious and len(bad) == len(targets):
            raise self._failure("used", serious[0]) from serious[0]
        return set(bad)

    def _errors(self, what: str) -> _Translating:
        return _Translating(lambda error: self._failure(what, error))

    def _failure(self, what: str, error: BaseException) -> StorageError:
        scheme = self._url.partition("://")[0]
        if isinstance(error, ImportError):
            extra = _EXTRAS.get(scheme, scheme)
            return StorageError(
                f"The remote {self._name!r} ({self._url}) needs a plugin that is not installed.",
                hint=f"pip install 'gitml[{extra}]'" if extra else str(error),
            )
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        reason = settings.without_password(reason)
        return StorageError(
            f"The remote {self._name!r} ({self._url}) can't be {what}: {reason}",
            hint="Check the network, the credentials and `.dvc/config`.",
        )


class _Translating:
    """Turns any error of a plugin into a sentence; they share no base class."""

    def __init__(self, translate: Callable[[BaseException], StorageError]) -> None:
        self._translate = translate

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, StorageError):
            raise self._translate(error) from error


def _private_site_cache() -> None:
    """Keep DVC's own databases, which hold pickles, out of a folder that everybody can write."""
    if os.environ.get("DVC_SITE_CACHE_DIR"):
        return
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gitml" / "dvc"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        state = folder.lstat()
        if state.st_uid != os.getuid():
            raise StorageError(
                f"{folder} belongs to somebody else, so DVC's databases are not safe there.",
                hint="Set DVC_SITE_CACHE_DIR to a folder of your own.",
            )
        folder.chmod(0o700)
    except OSError as error:
        raise StorageError(
            f"{folder} can't be made for DVC's databases: {error.strerror}.",
            hint="Set DVC_SITE_CACHE_DIR to a folder of your own.",
        ) from error
    os.environ["DVC_SITE_CACHE_DIR"] = str(folder)
