from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from gitml.errors import StorageError
from gitml.storage import folders, listing, objects
from gitml.storage.hashes import Hashes
from gitml.storage.listing import Member
from gitml.storage.place import Storage
from tests.storage.support import make_folder


def theirs(folder: Path, root: Path) -> tuple[str, int, int]:
    """Return the digest, size and number of files that DVC's own code gives a folder."""
    from dvc.ignore import DvcIgnoreFilter
    from dvc_data.hashfile.build import build
    from dvc_data.hashfile.db.local import LocalHashFileDB
    from dvc_objects.fs.local import LocalFileSystem

    fs = LocalFileSystem()
    ignore = DvcIgnoreFilter(fs, str(root))
    database = LocalHashFileDB(fs, str(root / "unused"), hash_name="md5")
    _, meta, found = build(database, str(folder), fs, "md5", ignore=ignore, dry_run=True)
    return found.hash_info.value, meta.size, meta.nfiles


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("files", [0, 200])
def test_a_folder_gets_the_digest_and_the_bytes_that_dvc_gives_it(
    storage: Storage, project: Path, files: int, threads: int
) -> None:
    folder = make_folder(project / "folder", files)
    stored = objects.store_folder(storage, folder, threads=threads)
    assert (stored.digest, stored.size, stored.files) == theirs(folder, project)
    assert objects.hash_folder(folder) == stored
    for member in objects.members(storage, stored.digest):
        data = objects.object_path(storage, member.digest).read_bytes()
        assert data == (folder / member.path).read_bytes()


def test_an_empty_folder_can_be_stored(storage: Storage, project: Path) -> None:
    (project / "folder").mkdir()
    stored = objects.store_folder(storage, project / "folder")
    assert stored.files == stored.size == 0
    assert objects.members(storage, stored.digest) == []


def test_the_list_of_a_folder_comes_last(
    storage: Storage, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_folder(project / "folder", 100)
    digest = objects.hash_folder(folder).digest

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(objects, "store_bytes", die)
    with pytest.raises(KeyboardInterrupt):
        objects.store_folder(storage, folder)
    assert not objects.holds(storage, digest)


def test_dvcignore_above_a_folder_is_honoured_as_dvc_does(storage: Storage, project: Path) -> None:
    folder = make_folder(project / "data" / "folder")
    for name in (".git/config", ".hg/x", "logs/a.log", "logs/keep.log", "cache/x", "b.tmp/c"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)
    (project / ".dvcignore").write_text("# comment\n*.log\n!keep.log\ncache/\n/sub\n\n*.tmp\n")
    (project / "data" / ".dvcignore").write_text("/folder/sub/deeper\n!*.tmp\n")
    stored = objects.store_folder(storage, folder)
    assert (stored.digest, stored.size, stored.files) == theirs(folder, project)
    assert objects.hash_folder(folder) == stored
    paths = {member.path for member in objects.members(storage, stored.digest)}
    assert "logs/keep.log" in paths and "b.tmp/c" in paths
    assert not paths & {"logs/a.log", "cache/x", ".git/config", "sub/deeper/.gitignore"}


def test_links_inside_a_folder_are_followed_as_dvc_does(storage: Storage, project: Path) -> None:
    folder = make_folder(project / "folder")
    (folder / "link").symlink_to("a.txt")
    (folder / "folder-link").symlink_to("sub")
    stored = objects.store_folder(storage, folder)
    assert (stored.digest, stored.size, stored.files) == theirs(folder, project)


def test_hashing_follows_links_out_of_a_folder_but_storing_refuses_them(
    storage: Storage, project: Path
) -> None:
    folder = make_folder(project / "folder")
    (project / "outside").write_text("x")
    (folder / "link").symlink_to("../outside")
    assert objects.hash_folder(folder).digest == theirs(folder, project)[0]
    with pytest.raises(StorageError, match="leaves the folder"):
        objects.store_folder(storage, folder)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (b"\xff.txt", "not UTF-8"),
        (b".dvcignore", "inside a folder"),
        (b"back\\slash", "backslash"),
        (b"A.TXT", "the same as"),
        (b".GIT", "leads into .git"),
        ("sub/Z\u0308".encode(), None),
    ],
)
def test_names_that_others_could_not_restore_are_refused_before_anything_is_stored(
    storage: Storage, project: Path, name: bytes, reason: str | None
) -> None:
    folder = make_folder(project / "folder")
    Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_text("x")
    if reason is None:
        objects.store_folder(storage, folder)
        return
    with pytest.raises(StorageError, match=reason):
        objects.store_folder(storage, folder)
    assert not storage.cache.exists()


def test_broken_links_pipes_and_projects_inside_are_named(storage: Storage, project: Path) -> None:
    folder = make_folder(project / "folder")
    (folder / "bad").symlink_to("nowhere")
    with pytest.raises(StorageError, match="broken link"):
        objects.store_folder(storage, folder)
    (folder / "bad").unlink()
    os.mkfifo(folder / "bad")
    with pytest.raises(StorageError, match="not a regular file"):
        objects.store_folder(storage, folder)
    (folder / "bad").unlink()
    (folder / "sub" / ".dvc").mkdir()
    with pytest.raises(StorageError, match="DVC project of its own"):
        objects.store_folder(storage, folder)
    assert objects.hash_folder(folder).digest == theirs(folder, project)[0]


def test_only_what_changed_is_read_again(
    storage: Storage, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_folder(project / "folder", 100)
    for path in folder.rglob("*"):
        os.utime(path, (1, 1))
    with Hashes(tmp_path / "hashes") as remembered:
        objects.hash_folder(folder, remembered)
        objects.store_folder(storage, folder, remembered=remembered)
        (folder / "a.txt").write_bytes(b"new")
        read: list[str] = []
        real = folders.objects.copy_in

        def note(storage: Storage, path: str) -> object:
            read.append(path)
            return real(storage, path)

        monkeypatch.setattr(folders.objects, "copy_in", note)
        stored = objects.store_folder(storage, folder, remembered=remembered)
    assert read == [str(folder / "a.txt")]
    assert stored == objects.hash_folder(folder)


def test_a_file_that_changes_meanwhile_fails_the_whole_folder(
    storage: Storage, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_folder(project / "folder")
    digest = objects.hash_folder(folder).digest
    monkeypatch.setattr("gitml.storage.copying.same_file", lambda *_: False)
    with pytest.raises(StorageError, match="Unstable output"):
        objects.store_folder(storage, folder)
    assert not objects.holds(storage, digest)


PATHS = some.lists(
    some.text(some.characters(codec="utf-8", exclude_characters="\0/\\"), min_size=1, max_size=6),
    min_size=1,
    max_size=3,
).map("/".join)


@settings(deadline=None)
@given(some.dictionaries(PATHS, some.binary(max_size=3), max_size=5))
def test_any_list_is_rendered_as_dvc_renders_it(files: dict[str, bytes]) -> None:
    from dvc_data.hashfile.hash_info import HashInfo
    from dvc_data.hashfile.tree import Tree

    members = [Member(path, listing.md5(data).hexdigest()) for path, data in files.items()]
    tree = Tree()
    for member in members:
        tree.add(tuple(member.path.split("/")), None, HashInfo("md5", member.digest))
    data = listing.render(members)
    assert data == tree.as_bytes()
    try:
        parsed = listing.parse(data, listing.digest_of(data))
    except StorageError:
        return
    assert sorted(parsed, key=lambda one: one.path) == sorted(members, key=lambda one: one.path)


def test_the_order_is_python_s_and_not_the_alphabet_s(dvc: Callable[..., str]) -> None:
    members = [Member(path, "0" * 32) for path in ("b", "a/z", "a-z", "Z", "ä")]
    listed = listing.parse(data := listing.render(members), listing.digest_of(data))
    assert [one.path for one in listed] == ["Z", "a-z", "a/z", "b", "ä"]
