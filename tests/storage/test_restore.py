from __future__ import annotations

import os
import stat
from pathlib import Path

import msgspec
import pytest

from gitml.errors import StorageError
from gitml.storage import landing, listing, objects, pointers
from gitml.storage.listing import Member
from gitml.storage.place import Storage
from gitml.storage.pointers import Pointer
from gitml.storage.restore import restore
from tests.storage.support import make_folder, track


def everything(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def corrupt(storage: Storage, digest: str) -> None:
    path = objects.object_path(storage, digest)
    path.chmod(0o644)
    path.write_bytes(b"x" + path.read_bytes()[1:] + b"y")
    path.chmod(0o444)


@pytest.fixture
def stored(storage: Storage, project: Path) -> Pointer:
    """A stored folder that isn't in the work tree."""
    folder = make_folder(project / "made")
    pointer = track(storage, folder)
    folder.rename(project.parent / "original")
    return pointer


def test_a_file_comes_back_writable_and_replaces_what_is_there(
    storage: Storage, project: Path, quarantine: Path
) -> None:
    path = project / "deep" / "file"
    path.parent.mkdir()
    path.write_bytes(b"content")
    pointer = track(storage, path)
    path.write_bytes(b"edited")
    inode = path.stat().st_ino
    assert restore(storage, pointer, path, project, quarantine) == ()
    assert path.read_bytes() == b"content"
    assert path.stat().st_ino != inode
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
    path.write_bytes(b"edited again")
    assert objects.verify(storage, pointer.digest)


def test_an_executable_stays_one(storage: Storage, project: Path, quarantine: Path) -> None:
    (project / "tool").write_bytes(b"#!/bin/sh\n")
    pointer = msgspec.structs.replace(track(storage, project / "tool"), output={"isexec": True})
    restore(storage, pointer, project / "tool", project, quarantine)
    assert os.access(project / "tool", os.X_OK)


def test_a_folder_comes_back_whole_and_names_what_it_does_not_know(
    storage: Storage, project: Path, quarantine: Path, stored: Pointer
) -> None:
    target = project / "a" / "b"
    (target / "sub").mkdir(parents=True)
    (target / "sub" / "mine").write_bytes(b"mine")
    (target / "a.txt").write_bytes(b"old")
    left = restore(storage, stored, target, project, quarantine)
    assert left == ("sub/mine",)
    found = everything(target)
    assert found.pop("sub/mine") == b"mine"
    assert found == everything(project.parent / "original")
    assert list((storage.dvc_dir / "tmp").iterdir()) == []


def test_an_empty_folder_is_made(storage: Storage, project: Path, quarantine: Path) -> None:
    (project / "empty").mkdir()
    pointer = track(storage, project / "empty")
    restore(storage, pointer, project / "new" / "empty", project, quarantine)
    assert (project / "new" / "empty").is_dir()


@pytest.mark.parametrize("kind", ["hardlink", "symlink", "copy"])
def test_the_configured_kind_of_link_is_used(
    storage: Storage, project: Path, quarantine: Path, stored: Pointer, kind: str
) -> None:
    storage = msgspec.structs.replace(storage, link_types=(kind,))
    restore(storage, stored, project / "made", project, quarantine)
    file = project / "made" / "a.txt"
    source = objects.object_path(storage, objects.hash_file(file).digest)
    assert file.is_symlink() == (kind == "symlink")
    assert (file.stat().st_ino == source.stat().st_ino) == (kind != "copy")
    assert everything(project.parent / "original").keys() <= {
        str(path.relative_to(project / "made")) for path in (project / "made").rglob("*")
    }


def test_a_corrupt_object_is_set_aside_and_nothing_is_written(
    storage: Storage, project: Path, quarantine: Path, stored: Pointer
) -> None:
    bad = objects.members(storage, stored.digest)[2]
    corrupt(storage, bad.digest)
    with pytest.raises(StorageError, match=rf"{bad.digest} for .*corrupt, set aside"):
        restore(storage, stored, project / "made", project, quarantine)
    assert not (project / "made").exists()
    assert [path.name[:32] for path in quarantine.iterdir()] == [bad.digest]
    assert list((storage.dvc_dir / "tmp").iterdir()) == []


@pytest.mark.parametrize("kind", ["copy", "hardlink"])
@pytest.mark.parametrize("damage", ["corrupt", "missing"])
def test_bad_objects_are_fetched_again(
    storage: Storage,
    project: Path,
    quarantine: Path,
    stored: Pointer,
    damage: str,
    kind: str,
) -> None:
    storage = msgspec.structs.replace(storage, link_types=(kind,))
    bad = [stored.digest, objects.members(storage, stored.digest)[0].digest]
    original = {one: objects.object_path(storage, one).read_bytes() for one in bad}
    for digest in bad:
        if damage == "corrupt":
            corrupt(storage, digest)
        else:
            objects.object_path(storage, digest).unlink()
    asked = []

    def fetch(digests: list[str]) -> None:
        asked.extend(digests)
        for digest in digests:
            objects.store_bytes(
                storage, original[digest], suffix=".dir" if digest.endswith(".dir") else ""
            )

    restore(storage, stored, project / "made", project, quarantine, fetch)
    assert asked == bad
    assert everything(project / "made") == everything(project.parent / "original")
    assert quarantine.exists() == (damage == "corrupt")


def test_everything_that_is_missing_is_named(
    storage: Storage, project: Path, quarantine: Path, stored: Pointer
) -> None:
    listed = objects.members(storage, stored.digest)
    for member in listed:
        objects.object_path(storage, member.digest).unlink(missing_ok=True)
    with pytest.raises(StorageError) as caught:
        restore(storage, stored, project / "made", project, quarantine, lambda _: None)
    assert all(member.digest in caught.value.message for member in listed[:10])
    assert "and 1 more" in caught.value.message
    with pytest.raises(StorageError, match="Not in DVC storage"):
        restore(storage, Pointer("x", "0" * 32 + ".dir"), project / "x", project, quarantine)


@pytest.mark.parametrize(
    "path",
    ["../out", "../../out", "/tmp/out", ".git/hooks/post-checkout", "a\\b", "sub/../../out", "C:x"],
)
def test_a_hostile_list_writes_nothing_anywhere(
    storage: Storage, project: Path, quarantine: Path, path: str
) -> None:
    good = objects.store_bytes(storage, b"evil").digest
    data = listing.render([Member("fine", good), Member(path, good)])
    digest = objects.store_bytes(storage, data, suffix=".dir").digest
    before = everything(project.parent)
    with pytest.raises(StorageError, match="unsafe path"):
        restore(storage, Pointer("x", digest), project / "x", project, quarantine)
    assert everything(project.parent) == before
    assert not (project / "x").exists()


@pytest.mark.parametrize("target", ["../out", ".git/hooks/x", ".dvc/config", ".", "a/../../out"])
def test_a_hostile_target_is_refused(
    storage: Storage, project: Path, quarantine: Path, target: str
) -> None:
    digest = objects.store_bytes(storage, b"evil").digest
    before = everything(project.parent)
    with pytest.raises(StorageError):
        restore(storage, Pointer("x", digest), project / target, project, quarantine)
    assert everything(project.parent) == before


def test_nothing_is_written_through_a_link(
    storage: Storage, project: Path, quarantine: Path, stored: Pointer
) -> None:
    outside = project.parent / "outside"
    outside.mkdir()
    (project / "link").symlink_to(outside)
    for target in (project / "link", project / "link" / "made"):
        with pytest.raises(StorageError, match="symbolic link"):
            restore(storage, stored, target, project, quarantine)
    (project / "made").mkdir()
    (project / "made" / "sub").symlink_to(outside)
    with pytest.raises(StorageError, match="symbolic link"):
        restore(storage, stored, project / "made", project, quarantine)
    assert list(outside.iterdir()) == []
    assert sorted(os.listdir(project / "made")) == ["sub"]


def test_a_link_at_the_very_end_is_replaced_not_followed(
    storage: Storage, project: Path, quarantine: Path
) -> None:
    outside = project.parent / "outside"
    outside.write_bytes(b"precious")
    digest = objects.store_bytes(storage, b"new").digest
    (project / "file").symlink_to(outside)
    restore(storage, Pointer("file", digest), project / "file", project, quarantine)
    assert outside.read_bytes() == b"precious"
    assert (project / "file").read_bytes() == b"new"


def test_a_link_that_appears_after_the_check_is_no_way_out(
    storage: Storage, project: Path, quarantine: Path, tmp_path: Path
) -> None:
    staged = tmp_path / "staged"
    staged.write_bytes(b"evil")
    outside = project.parent / "outside"
    outside.mkdir()
    (project / "folder").symlink_to(outside)
    with pytest.raises(StorageError, match="not a folder"):
        landing.publish(project, "folder/file", {"": staged}, folder=False)
    assert list(outside.iterdir()) == []


def test_files_and_folders_in_each_other_s_place_are_left_alone(
    storage: Storage, project: Path, quarantine: Path, stored: Pointer
) -> None:
    digest = objects.store_bytes(storage, b"x").digest
    (project / "folder").mkdir()
    with pytest.raises(StorageError, match="is a folder"):
        restore(storage, Pointer("x", digest), project / "folder", project, quarantine)
    (project / "made").write_bytes(b"mine")
    with pytest.raises(StorageError, match="needs a folder"):
        restore(storage, stored, project / "made", project, quarantine)
    assert (project / "made").read_bytes() == b"mine"
    (project / "made").unlink()
    (project / "made" / "a.txt").mkdir(parents=True)
    with pytest.raises(StorageError, match="is a folder"):
        restore(storage, stored, project / "made", project, quarantine)


def test_another_mount_point_on_the_way_is_no_obstacle(
    storage: Storage, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    staged = tmp_path / "staged"
    staged.write_bytes(b"content")
    real = os.replace

    def replace(source: object, target: object, **folders: int) -> None:
        if "src_dir_fd" not in folders:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        real(source, target, **folders)  # type: ignore[call-overload]

    monkeypatch.setattr(os, "replace", replace)
    landing.publish(project, "a/file", {"": staged}, folder=False)
    assert (project / "a" / "file").read_bytes() == b"content"
    assert os.listdir(project / "a") == ["file"]


def test_what_dvc_2_stored_is_restored(storage: Storage, project: Path, quarantine: Path) -> None:
    from gitml.storage.digests import digest_of

    text = b"a line\r\n" * 10
    (project / "text").write_bytes(text)
    digest = digest_of(project / "text", legacy=True)
    place = objects.object_path(storage, digest, legacy=True)
    place.parent.mkdir(parents=True)
    (project / "text").replace(place)
    pointer = pointers.parse(f"outs:\n- md5: {digest}\n  path: text\n".encode(), "text.dvc")
    restore(storage, pointer, project / "text", project, quarantine)
    assert (project / "text").read_bytes() == text
