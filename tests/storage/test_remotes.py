from __future__ import annotations

import os
import shutil
import stat
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gitml.errors import StorageError
from gitml.storage import listing, objects, place, remotes
from gitml.storage.listing import Member
from gitml.storage.place import Storage
from gitml.storage.pointers import Pointer
from gitml.storage.remotes import Transfer
from tests.storage.support import make_folder, python, track


class Web:
    """A remote over HTTP that keeps what is sent to it, and can be told to misbehave."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.order: list[str] = []
        self.refused: set[str] = set()
        web = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def answer(self, status: int, body: bytes = b"") -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def do_GET(self) -> None:
                found = web.files.get(self.path)
                self.answer(200 if found is not None else 404, found or b"")

            do_HEAD = do_GET

            def do_POST(self) -> None:
                body = b""
                if self.headers.get("Transfer-Encoding") == "chunked":
                    while size := int(self.rfile.readline(), 16):
                        body += self.rfile.read(size)
                        self.rfile.readline()
                    self.rfile.readline()
                else:
                    body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.path.rpartition("/")[2] in web.refused:
                    self.answer(403)
                    return
                web.files[self.path] = body
                web.order.append(self.path)
                self.answer(200)

        class Server(ThreadingHTTPServer):
            request_queue_size = 128

        self.server = Server(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/store"

    def key(self, digest: str) -> str:
        return f"/store/files/md5/{digest[:2]}/{digest[2:]}"


@pytest.fixture
def web() -> Iterator[Web]:
    server = Web()
    yield server
    server.server.shutdown()
    server.server.server_close()


def configured(project: Path, text: str) -> Storage:
    (project / ".dvc" / "config").write_text(text)
    found = place.find(project, project)
    assert found is not None
    return found


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    return tmp_path / "shelf"


@pytest.fixture
def with_shelf(project: Path, shelf: Path) -> Storage:
    return configured(
        project, f"[core]\n    remote = Shelf\n['remote \"Shelf\"']\n    url = {shelf}\n"
    )


@pytest.fixture
def with_web(project: Path, web: Web) -> Storage:
    return configured(
        project, f"[core]\n    remote = web\n['remote \"web\"']\n    url = {web.url}\n"
    )


@pytest.fixture
def tracked(storage: Storage, project: Path) -> list[Pointer]:
    (project / "model.pt").write_bytes(os.urandom(100_000))
    return [
        track(storage, project / "model.pt"),
        track(storage, make_folder(project / "data")),
    ]


def digests(pointers: list[Pointer]) -> list[str]:
    return [pointer.digest for pointer in pointers]


def everything(storage: Storage, pointers: list[Pointer]) -> set[str]:
    found = set(digests(pointers))
    for pointer in pointers:
        if pointer.is_folder:
            found |= {one.digest for one in objects.members(storage, pointer.digest)}
    return found


@pytest.mark.parametrize("kind", ["with_shelf", "with_web"])
def test_what_is_pushed_can_be_pulled_by_an_empty_cache(
    kind: str, request: pytest.FixtureRequest, tracked: list[Pointer], quarantine: Path
) -> None:
    storage: Storage = request.getfixturevalue(kind)
    wanted = digests(tracked)
    all_of_them = everything(storage, tracked)
    assert remotes.missing_on_remote(storage, wanted) == all_of_them
    assert remotes.reachable(storage) is None
    seen: list[tuple[int, int]] = []
    done = remotes.push(storage, wanted, progress=lambda now, total: seen.append((now, total)))
    assert done == Transfer(sent=len(all_of_them))
    assert seen[-1] == (len(all_of_them), len(all_of_them))
    assert [now for now, _ in seen] == sorted(now for now, _ in seen)
    assert remotes.missing_on_remote(storage, wanted) == set()
    assert remotes.push(storage, wanted) == Transfer(sent=0)

    before = {one: objects.object_path(storage, one).read_bytes() for one in all_of_them}
    shutil.rmtree(storage.legacy_cache)
    seen.clear()
    pulled = remotes.pull(
        storage,
        wanted,
        quarantine=quarantine,
        progress=lambda now, total: seen.append((now, total)),
    )
    assert pulled == Transfer(sent=len(all_of_them))
    assert seen[-1] == (len(all_of_them), len(all_of_them))
    for digest, data in before.items():
        path = objects.object_path(storage, digest)
        assert path.read_bytes() == data
        assert stat.S_IMODE(path.stat().st_mode) == 0o444
    assert remotes.pull(storage, wanted, quarantine=quarantine) == Transfer(sent=0)
    assert not quarantine.exists()


@pytest.mark.parametrize("kind", ["with_shelf", "with_web"])
def test_a_corrupt_object_is_not_pushed_and_neither_is_its_folder(
    kind: str, request: pytest.FixtureRequest, tracked: list[Pointer]
) -> None:
    storage: Storage = request.getfixturevalue(kind)
    bad = objects.members(storage, tracked[1].digest)[0].digest
    path = objects.object_path(storage, bad)
    path.chmod(0o644)
    path.write_bytes(b"corrupt")
    path.chmod(0o444)
    done = remotes.push(storage, digests(tracked))
    assert set(done.failed) == {bad, tracked[1].digest}
    assert remotes.missing_on_remote(storage, digests(tracked)) == {bad, tracked[1].digest}
    assert path.read_bytes() == b"corrupt"


@pytest.mark.parametrize("kind", ["with_shelf", "with_web"])
def test_what_is_not_here_or_not_there_is_listed(
    kind: str, request: pytest.FixtureRequest, tracked: list[Pointer], quarantine: Path
) -> None:
    storage: Storage = request.getfixturevalue(kind)
    absent = ["0" * 32, "1" * 32 + ".dir"]
    assert set(remotes.push(storage, [*absent, *digests(tracked)]).failed) == set(absent)
    shutil.rmtree(storage.cache)
    done = remotes.pull(storage, [*absent, *digests(tracked)], quarantine=quarantine)
    assert set(done.failed) == set(absent)
    assert all(objects.verify(storage, one) for one in everything(storage, tracked))


def test_a_corrupt_object_of_a_folder_remote_is_set_aside_and_stays_there(
    with_shelf: Storage, shelf: Path, tracked: list[Pointer], quarantine: Path
) -> None:
    remotes.push(with_shelf, digests(tracked))
    bad = tracked[0].digest
    path = shelf / "files" / "md5" / bad[:2] / bad[2:]
    path.chmod(0o644)
    path.write_bytes(b"corrupt")
    shutil.rmtree(with_shelf.cache)
    done = remotes.pull(with_shelf, digests(tracked), quarantine=quarantine)
    assert done.failed == (bad,)
    assert not objects.holds(with_shelf, bad)
    assert path.read_bytes() == b"corrupt"
    assert [one.read_bytes() for one in quarantine.iterdir()] == [b"corrupt"]


def test_a_corrupt_object_over_the_network_is_set_aside(
    with_web: Storage, web: Web, tracked: list[Pointer], quarantine: Path
) -> None:
    remotes.push(with_web, digests(tracked))
    for bad in (tracked[0].digest, tracked[1].digest):
        web.files[web.key(bad)] += b"!"
    shutil.rmtree(with_web.cache)
    done = remotes.pull(with_web, digests(tracked), quarantine=quarantine)
    assert set(done.failed) == set(digests(tracked))
    assert not any(objects.holds(with_web, one) for one in digests(tracked))
    assert len(list(quarantine.iterdir())) == 2


def test_the_list_of_a_folder_is_sent_last_and_never_without_its_files(
    with_web: Storage, web: Web, tracked: list[Pointer]
) -> None:
    remotes.push(with_web, digests(tracked))
    assert web.order[-1] == web.key(tracked[1].digest)
    web.files.clear()
    lost = objects.members(with_web, tracked[1].digest)[3].digest
    web.refused.add(lost[2:])
    done = remotes.push(with_web, digests(tracked))
    assert set(done.failed) == {lost, tracked[1].digest}
    assert web.key(tracked[1].digest) not in web.files
    web.refused.clear()
    assert remotes.push(with_web, digests(tracked)).failed == ()


def test_a_file_that_vanished_from_a_remote_is_sent_again(
    with_shelf: Storage, shelf: Path, tracked: list[Pointer]
) -> None:
    remotes.push(with_shelf, digests(tracked))
    lost = objects.members(with_shelf, tracked[1].digest)[0].digest
    path = shelf / "files" / "md5" / lost[:2] / lost[2:]
    path.unlink()
    assert remotes.push(with_shelf, digests(tracked)) == Transfer(sent=1)
    path.chmod(0o644)
    path.write_bytes(b"")
    assert remotes.push(with_shelf, digests(tracked)) == Transfer(sent=1)
    assert path.read_bytes() == objects.object_path(with_shelf, lost).read_bytes()


def test_a_hostile_list_on_a_remote_is_refused(
    with_shelf: Storage, shelf: Path, quarantine: Path
) -> None:
    good = objects.store_bytes(with_shelf, b"x").digest
    data = listing.render([Member("../../x", good)])
    digest = listing.digest_of(data)
    path = shelf / "files" / "md5" / digest[:2] / digest[2:]
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    with pytest.raises(StorageError, match="unsafe path"):
        remotes.pull(with_shelf, [digest], quarantine=quarantine)
    assert not objects.holds(with_shelf, digest)


def test_the_objects_of_dvc_2_travel_too(
    with_shelf: Storage, shelf: Path, tmp_path: Path, quarantine: Path
) -> None:
    from gitml.storage.digests import digest_of

    (tmp_path / "text").write_bytes(b"a line\r\n")
    digest = digest_of(tmp_path / "text", legacy=True)
    path = objects.object_path(with_shelf, digest, legacy=True)
    path.parent.mkdir(parents=True)
    shutil.copy(tmp_path / "text", path)
    assert remotes.push(with_shelf, [digest], legacy=True) == Transfer(sent=1)
    assert (shelf / digest[:2] / digest[2:]).read_bytes() == b"a line\r\n"
    path.unlink()
    assert remotes.pull(with_shelf, [digest], quarantine=quarantine, legacy=True).sent == 1
    assert path.read_bytes() == b"a line\r\n"
    assert remotes.missing_on_remote(with_shelf, [digest], legacy=True) == set()


def test_remotes_are_named_as_dvc_names_them(project: Path) -> None:
    storage = configured(
        project,
        "[core]\n    remote = Images\n"
        "['remote \"server\"']\n    url = ssh://me:secret@host/tmp\n"
        "['remote \"Images\"']\n    url = remote://server/pictures\n"
        "['remote \"loop\"']\n    url = remote://loop/x\n",
    )
    default = remotes.default_remote(storage)
    assert default == remotes.RemoteInfo("images", "ssh://me:***@host/tmp/pictures")
    with pytest.raises(StorageError, match="no usable remote called 'absent'") as caught:
        remotes.default_remote(storage, "absent")
    assert "images, loop, server" in caught.value.hint
    with pytest.raises(StorageError, match="no usable remote"):
        remotes.default_remote(storage, "loop")


def test_without_a_remote_the_message_says_how_to_add_one(
    storage: Storage, quarantine: Path
) -> None:
    assert remotes.default_remote(storage) is None
    with pytest.raises(StorageError, match="no default remote") as caught:
        remotes.pull(storage, [], quarantine=quarantine)
    assert "dvc remote add -d" in caught.value.hint
    assert remotes.reachable(storage) == "DVC has no default remote."


def test_a_missing_plugin_names_the_extra_to_install(project: Path) -> None:
    storage = configured(project, "['remote \"a\"']\n    url = oss://bucket/x\n")
    with pytest.raises(StorageError, match="plugin that is not installed") as caught:
        remotes.push(storage, [], remote="a")
    assert caught.value.hint == "pip install 'gitml[oss]'"


@pytest.mark.parametrize("key", ["version_aware", "worktree"])
def test_remotes_with_another_layout_are_refused(project: Path, key: str) -> None:
    storage = configured(project, f"['remote \"a\"']\n    url = s3://bucket/x\n    {key} = true\n")
    with pytest.raises(StorageError, match="layout of its own"):
        remotes.push(storage, ["0" * 32], remote="a")


def test_a_remote_that_is_not_there_is_one_sentence(
    project: Path, web: Web, tmp_path: Path, tracked: list[Pointer]
) -> None:
    web.server.shutdown()
    web.server.server_close()
    url = web.url.replace("http://", "http://me:secret@")
    storage = configured(
        project,
        f"['remote \"web\"']\n    url = {url}\n"
        f"['remote \"file\"']\n    url = {tmp_path / 'file'}\n",
    )
    (tmp_path / "file").write_text("x")
    for name in ("web", "file"):
        problem = remotes.reachable(storage, name)
        assert problem and "\n" not in problem and "secret" not in problem
        with pytest.raises(StorageError):
            remotes.missing_on_remote(storage, digests(tracked), name)
        with pytest.raises(StorageError) as caught:
            remotes.push(storage, digests(tracked), remote=name)
        assert "\n" not in caught.value.message and "secret" not in caught.value.message


def test_dvc_s_own_databases_get_a_private_folder(with_web: Storage, tmp_path: Path) -> None:
    code = (
        "import os, stat, sys\nfrom pathlib import Path\nfrom gitml.storage import place, remotes\n"
        "os.environ.pop('DVC_SITE_CACHE_DIR', None)\n"
        "storage = place.find(Path(sys.argv[1]), Path(sys.argv[1]))\n"
        "remotes.reachable(storage)\n"
        "folder = Path(os.environ['DVC_SITE_CACHE_DIR'])\n"
        "assert folder == Path(sys.argv[2]) / 'gitml' / 'dvc', folder\n"
        "assert stat.S_IMODE(folder.stat().st_mode) == 0o700\n"
    )
    home = tmp_path / "own"
    done = python(code, str(with_web.root), str(home), XDG_CACHE_HOME=str(home))
    assert done.returncode == 0, done.stderr


def test_a_folder_remote_loads_nothing_of_dvc(with_shelf: Storage) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom gitml.storage import place, remotes\n"
        "storage = place.find(Path(sys.argv[1]), Path(sys.argv[1]))\n"
        "remotes.push(storage, [])\n"
        "assert not {'dvc', 'dvc_data', 'fsspec', 'yaml', 'sqlite3'} & set(sys.modules)\n"
    )
    done = python(code, str(with_shelf.root))
    assert done.returncode == 0, done.stderr


def test_plain_dvc_can_pull_what_was_pushed(
    with_web: Storage, dvc: Callable[..., str], tracked: list[Pointer], project: Path
) -> None:
    remotes.push(with_web, digests(tracked))
    shutil.rmtree(with_web.legacy_cache)
    shutil.rmtree(project / "data")
    dvc("pull", "-q")
    assert objects.hash_folder(project / "data").digest == tracked[1].digest
