from __future__ import annotations

import hashlib
import os
import stat
import threading
from pathlib import Path

import msgspec
import pytest

from gitml.errors import StorageError
from gitml.storage import cache, copying, objects
from gitml.storage.hashes import Hashes
from gitml.storage.place import Storage
from tests.storage.support import make_folder


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


@pytest.mark.parametrize("size", [0, 1, 1 << 18, (8 << 20) - 1, 8 << 20, (17 << 20) + 3])
def test_a_file_becomes_a_read_only_object_named_by_its_md5(
    storage: Storage, tmp_path: Path, size: int
) -> None:
    data = os.urandom(size)
    (tmp_path / "file").write_bytes(data)
    stored = objects.store_file(storage, tmp_path / "file", want_sha256=True)
    path = objects.object_path(storage, stored.digest)
    assert stored.digest == md5(data)
    assert stored.sha256 == hashlib.sha256(data).hexdigest()
    assert stored.size == size
    assert path.read_bytes() == data
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    assert os.listdir(storage.cache / cache.TEMPORARY) == []
    assert objects.hash_file(tmp_path / "file") == objects.Stored(stored.digest, size)


def test_bytes_become_an_object(storage: Storage) -> None:
    for _ in range(2):
        stored = objects.store_bytes(storage, b"hello")
        assert stored == objects.Stored(md5(b"hello"), 5)
    assert objects.verify(storage, stored.digest)


def test_storing_again_keeps_the_object_and_heals_a_truncated_one(
    storage: Storage, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"content")
    path = objects.object_path(storage, objects.store_file(storage, tmp_path / "file").digest)
    inode = path.stat().st_ino
    objects.store_file(storage, tmp_path / "file")
    assert path.stat().st_ino == inode
    path.chmod(0o644)
    path.write_bytes(b"")
    assert not objects.holds(storage, md5(b"content"))
    objects.store_file(storage, tmp_path / "file")
    assert path.read_bytes() == b"content"


def test_a_file_that_changes_while_it_is_stored_is_refused_and_leaves_nothing(
    storage: Storage, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(12 << 20))
    stop = threading.Event()

    def write() -> None:
        with path.open("r+b") as stream:
            while not stop.is_set():
                stream.seek(0)
                stream.write(os.urandom(8))
                stream.flush()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with pytest.raises(StorageError, match="Unstable output"):
            objects.store_file(storage, path)
    finally:
        stop.set()
        writer.join()
    assert os.listdir(storage.cache) == [cache.TEMPORARY]
    assert os.listdir(storage.cache / cache.TEMPORARY) == []


@pytest.mark.parametrize("how", ["written", "replaced"])
def test_a_file_that_holds_still_again_is_stored_as_it_is_then(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"first")
    real = copying._Pump.run
    seen = []

    def interfere(pump: copying._Pump, expected: int) -> int:
        size = real(pump, expected)
        if not seen:
            (tmp_path / "other").write_bytes(b"second")
            if how == "written":
                path.write_bytes(b"second")
            else:
                (tmp_path / "other").replace(path)
        seen.append(size)
        return size

    monkeypatch.setattr(copying._Pump, "run", interfere)
    stored = objects.store_file(storage, path)
    assert stored.digest == md5(b"second")
    assert objects.object_path(storage, stored.digest).read_bytes() == b"second"


def test_what_is_not_a_file_is_refused(storage: Storage, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "absent"):
        with pytest.raises(StorageError):
            objects.store_file(storage, path)


def test_a_link_is_stored_as_what_it_points_at(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to("file")
    assert objects.store_file(storage, tmp_path / "link").digest == md5(b"x")


def test_a_known_file_that_is_stored_is_not_read_again(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100)
    os.utime(path, (1, 1))
    with Hashes(tmp_path / "hashes") as remembered:
        first = objects.store_file(storage, path, remembered=remembered)
        monkeypatch.setattr(objects, "copy_and_hash", None)
        monkeypatch.setattr(objects, "digest_of", None)
        assert objects.store_file(storage, path, remembered=remembered) == first
        assert objects.hash_file(path, remembered) == first


def test_a_corrupt_object_is_noticed_and_moved_not_deleted(
    storage: Storage, tmp_path: Path, quarantine: Path
) -> None:
    digest = objects.store_bytes(storage, b"good").digest
    path = objects.object_path(storage, digest)
    path.chmod(0o644)
    path.write_bytes(b"evil")
    path.chmod(0o444)
    assert objects.holds(storage, digest)
    assert not objects.verify(storage, digest)
    kept = objects.set_aside(storage, digest, quarantine)
    assert kept.read_bytes() == b"evil"
    assert not objects.holds(storage, digest)


def test_a_corrupt_list_of_a_folder_is_never_read(storage: Storage, tmp_path: Path) -> None:
    digest = objects.store_folder(storage, make_folder(tmp_path / "folder")).digest
    path = objects.object_path(storage, digest)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"a.txt", b"../a."))
    with pytest.raises(StorageError, match="corrupt"):
        objects.members(storage, digest)


def test_a_name_that_is_no_digest_leads_nowhere(storage: Storage) -> None:
    for name in ("../../x", "A" * 32, "0" * 31, "0" * 32 + ".dir.dir", "0" * 32 + "\n", ""):
        with pytest.raises(StorageError, match="not a digest"):
            objects.object_path(storage, name)


def test_the_objects_of_dvc_2_have_their_own_place_and_hash(
    storage: Storage, tmp_path: Path
) -> None:
    from dvc_data.hashfile.hash import file_md5

    from gitml.storage.digests import digest_of

    text = b"a line\r\n" * 300_000
    for data in (text, b"\0" + text, b"", os.urandom(3000), text[:511] + b"\xff" * 400):
        (tmp_path / "file").write_bytes(data)
        ours = digest_of(tmp_path / "file", legacy=True)
        assert ours == file_md5(str(tmp_path / "file"), name="md5-dos2unix")
    place = objects.object_path(storage, ours, legacy=True)
    assert place == storage.legacy_cache / ours[:2] / ours[2:]
    place.parent.mkdir(parents=True)
    place.write_bytes(data)
    assert objects.holds(storage, ours, legacy=True)
    assert objects.verify(storage, ours, legacy=True)


def test_folders_of_a_shared_cache_are_writable_for_the_group(
    project: Path, tmp_path: Path
) -> None:
    from gitml.storage import place

    (project / ".dvc" / "config.local").write_text("[cache]\n    shared = group\n")
    storage = place.find(project, project)
    assert storage is not None
    path = objects.object_path(storage, objects.store_bytes(storage, b"x").digest)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o2775
    assert stat.S_IMODE(path.stat().st_mode) == 0o444


def test_only_old_leftovers_are_cleared(storage: Storage) -> None:
    folder = storage.cache / cache.TEMPORARY
    folder.mkdir(parents=True)
    staging = storage.dvc_dir / "tmp" / f"{cache.STAGING}1-x"
    staging.mkdir(parents=True)
    (storage.dvc_dir / "tmp" / "lock").touch()
    for name in ("old", "new"):
        (folder / name).touch()
    for path in (folder / "old", staging, storage.dvc_dir / "tmp" / "lock"):
        os.utime(path, (1, 1))
    assert objects.clear_leftovers(storage) == 2
    assert os.listdir(folder) == ["new"]
    assert os.listdir(storage.dvc_dir / "tmp") == ["lock"]


def test_a_cache_that_cannot_be_written_is_noticed_before_the_run(
    storage: Storage, project: Path
) -> None:
    objects.probe(storage)
    assert os.listdir(storage.cache / cache.TEMPORARY) == []
    (project / "file").touch()
    broken = msgspec.structs.replace(storage, cache=project / "file" / "md5")
    with pytest.raises(StorageError, match="write to the DVC cache"):
        objects.probe(broken)
