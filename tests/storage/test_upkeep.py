"""Looking after a cache and remotes: listing, hashing, removing, and the lock between them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitml import faults
from gitml.errors import StorageError
from gitml.storage import guard, objects, place
from gitml.storage.hashes import Hashes
from gitml.storage.inventory import cache_folders, inventory, look
from gitml.storage.place import Storage
from gitml.storage.remote_upkeep import (
    folder_of,
    is_folder_of,
    listed,
    lists_on,
    remove_on,
    set_aside_on,
    unsound_on,
)
from gitml.storage.remotes import open_remote, push
from gitml.storage.removing import remove
from gitml.storage.verifying import CORRUPT, unsound
from tests.storage.support import REPOSITORY
from tests.storage.test_remotes import Web


def _folder(storage: Storage, project: Path) -> str:
    (project / "data").mkdir(exist_ok=True)
    for name in ("a", "b", "c"):
        (project / "data" / name).write_text(name * 10)
    return objects.store_folder(storage, project / "data").digest


def _remote(storage: Storage, url: str) -> Storage:
    (storage.dvc_dir / "config").write_text(
        f"[core]\n    remote = far\n['remote \"far\"']\n    url = {url}\n"
    )
    found = place.find(storage.root, storage.root)
    assert found is not None
    return found


def test_an_inventory_has_every_object_and_nothing_else(storage: Storage, project: Path) -> None:
    assert inventory(storage) == {}
    digest = _folder(storage, project)
    (storage.cache / ".gitml-tmp").mkdir(exist_ok=True)
    (storage.cache / ".gitml-tmp" / ("0" * 32)).write_text("half")
    (storage.cache / "ab").mkdir(exist_ok=True)
    for odd in ("notes.txt", "0" * 30 + ".tmp", ".hidden"):
        (storage.cache / "ab" / odd).write_text("x")
    (storage.cache / "ab" / ("1" * 30)).symlink_to("/nowhere")
    (storage.cache / "ab" / ("2" * 30)).mkdir()
    found = inventory(storage)
    assert len(found) == 4 and found[digest].size == os.stat(found[digest].path).st_size
    assert look(storage, digest) == found[digest]
    assert look(storage, "f" * 32) is None
    (storage.legacy_cache / "cd").mkdir()
    (storage.legacy_cache / "cd" / ("3" * 30)).write_text("old")
    assert list(inventory(storage, legacy=True)) == ["cd" + "3" * 30]


def test_a_cache_elsewhere_is_told_from_the_projects_own(storage: Storage, tmp_path: Path) -> None:
    real, own = cache_folders(storage)
    assert real == own
    (tmp_path / "shared").mkdir()
    (storage.dvc_dir / "cache").symlink_to(tmp_path / "shared")
    real, own = cache_folders(storage)
    assert real == tmp_path / "shared" != own


def test_every_kind_of_damage_is_found(storage: Storage, project: Path) -> None:
    many = {objects.store_bytes(storage, b"%d" % n).digest for n in range(700)}
    big = objects.store_bytes(storage, bytes(9_000_000)).digest
    folder = _folder(storage, project)
    found = inventory(storage)
    seen: list[tuple[int, int]] = []
    assert unsound(found.values(), lambda done, total: seen.append((done, total))) == {}
    assert seen[-1] == (sum(one.size for one in found.values()),) * 2
    damaged = [big, folder, *sorted(many)[:3]]
    for digest in damaged:
        path = objects.object_path(storage, digest)
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    gone = sorted(many)[5]
    objects.object_path(storage, gone).unlink()
    bad = unsound(found.values())
    assert bad.keys() == {*damaged, gone}
    assert {bad[digest] for digest in damaged} == {CORRUPT}
    assert "No such file" in bad[gone]


def test_lists_go_first_so_that_none_promises_what_is_gone(
    storage: Storage, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _folder(storage, project)
    held = inventory(storage)
    monkeypatch.setattr(faults, "_passages", {})
    monkeypatch.setenv(faults.VARIABLE, "storage.removing:raise:3")
    with pytest.raises(RuntimeError):
        remove(storage, held.values(), newest=time.time())
    left = inventory(storage)
    assert folder not in left and len(left) == 2
    monkeypatch.delenv(faults.VARIABLE)
    done = remove(storage, held.values(), newest=time.time())
    assert inventory(storage) == {}
    assert (len(done.digests), len(done.spared)) == (2, 2)


def test_what_was_stored_or_linked_meanwhile_is_spared(storage: Storage, tmp_path: Path) -> None:
    old, new, linked = (objects.store_bytes(storage, data).digest for data in (b"1", b"2", b"3"))
    held = inventory(storage)
    newest = time.time()
    time.sleep(0.02)
    os.utime(held[new].path)
    os.link(held[linked].path, tmp_path / "file")
    done = remove(storage, held.values(), newest=newest)
    assert done.digests == (old,) and set(done.spared) == {new, linked}


@pytest.mark.parametrize("how", ["again", "known", "bytes", "folder", "large folder"])
def test_what_is_stored_again_counts_as_new(
    storage: Storage, project: Path, tmp_path: Path, how: str
) -> None:
    """A run that needs an old object stores nothing, and its commit comes a moment later."""
    known = Hashes(tmp_path / "hashes.db")
    file = project / "file"
    file.write_bytes(b"weights")
    os.utime(file, (1, 1))  # what changed just now is read again, known or not

    def store() -> None:
        if how == "bytes":
            objects.store_bytes(storage, b"weights")
        elif "folder" in how:
            _folder(storage, project)
        else:
            objects.store_file(storage, file, remembered=known if how == "known" else None)

    if how == "large folder":
        (project / "data").mkdir()
        for number in range(100):
            (project / "data" / f"{number}").write_text(f"{number}")
    store()
    before = inventory(storage)
    newest = max(one.touched for one in before.values())
    times = [os.stat(one.path).st_mtime for one in before.values()]
    (tmp_path / "tick").touch()
    while (tmp_path / "tick").stat().st_ctime <= newest:
        (tmp_path / "tick").touch()
    store()
    assert remove(storage, before.values(), newest=newest).digests == ()
    assert [os.stat(one.path).st_mtime for one in before.values()] == times  # DVC looks at these
    os.link(before[max(before)].path, tmp_path / "link")
    ctime = os.stat(tmp_path / "link").st_ctime_ns
    store()
    assert os.stat(tmp_path / "link").st_ctime_ns == ctime


def test_removing_waits_for_whoever_stores_and_says_when_it_doesnt_end(tmp_path: Path) -> None:
    code = (
        "import sys, time, pathlib\nfrom gitml.storage import guard\n"
        "with guard.storing(pathlib.Path(sys.argv[1])):\n"
        "    print('in', flush=True)\n    time.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
    )
    assert process.stdout and process.stdout.readline() == b"in\n"
    with guard.storing(tmp_path):  # any number may store at once
        pass
    with pytest.raises(StorageError, match="being stored"), guard.removing(tmp_path, patience=0.2):
        raise AssertionError
    threading.Timer(0.3, process.kill).start()
    began = time.monotonic()
    with guard.removing(tmp_path, patience=20):  # the kernel lets go of a dead process's lock
        assert time.monotonic() - began > 0.2
    process.wait()


def test_a_file_system_without_room_for_a_lock_is_no_reason_to_fail(tmp_path: Path) -> None:
    (tmp_path / "locks").write_text("in the way")
    with guard.storing(tmp_path), guard.removing(tmp_path):
        pass


def test_a_remote_folder_is_listed_read_and_cleaned(
    storage: Storage, project: Path, tmp_path: Path, quarantine: Path
) -> None:
    storage = _remote(storage, str(tmp_path / "far"))
    digest = _folder(storage, project)
    push(storage, [digest])
    remote = open_remote(storage)
    assert folder_of(remote) == tmp_path / "far" and not is_folder_of(remote, storage)
    there = listed(remote)
    assert there is not None and len(there) == 4
    sizes = {one.digest: one.size for one in there.values()}
    assert unsound_on(storage, remote, sizes) == {}
    victim = next(one for one in there.values() if one.digest != digest)
    Path(victim.path).chmod(0o644)
    Path(victim.path).write_bytes(b"0123456789")
    assert unsound_on(storage, remote, sizes) == {victim.digest: CORRUPT}
    assert set_aside_on(remote, victim.digest, quarantine)
    assert not set_aside_on(remote, victim.digest, quarantine)
    objects.object_path(storage, digest).unlink()
    (members,) = lists_on(storage, remote, [digest, "f" * 32 + ".dir"]).values()
    assert {member.path for member in members} == {"a", "b", "c"}
    done = remove_on(remote, there, newest=time.time())
    assert len(done.digests) == 3 and listed(remote) == {}
    (storage.dvc_dir / "config").write_text(
        f"[core]\n    remote = far\n['remote \"far\"']\n    url = {storage.legacy_cache}\n"
    )
    assert is_folder_of(open_remote(storage), storage)


@pytest.fixture
def web() -> Iterator[Web]:
    made = Web()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_a_remote_elsewhere_is_read_by_downloading_and_leaves_nothing_behind(
    storage: Storage, project: Path, web: Web
) -> None:
    storage = _remote(storage, web.url)
    digest = _folder(storage, project)
    push(storage, [digest])
    remote = open_remote(storage)
    assert listed(remote) is None and folder_of(remote) is None
    sizes = {one.digest: one.size for one in inventory(storage).values()}
    assert unsound_on(storage, remote, sizes) == {}
    first, second, *_ = (one for one in sizes if one != digest)
    web.files[web.key(first)] = b"something else"
    del web.files[web.key(second)]
    bad = unsound_on(storage, remote, sizes)
    assert bad == {first: CORRUPT, second: "it can't be downloaded"}
    assert len(lists_on(storage, remote, [digest])[digest]) == 3
    assert list((storage.cache / ".gitml-tmp").iterdir()) == []
    assert not set_aside_on(remote, first, storage.root / "bad")
    with pytest.raises(StorageError, match="can't be cleaned"):
        remove_on(remote, inventory(storage), newest=time.time())
