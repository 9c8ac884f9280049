from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from gitml.git.repository import Repository
from gitml.history import database, tables
from gitml.history.index import Index, open_index
from tests.history.commits import (
    copy_of_project,
    git,
    make_experiments,
    make_record,
    names,
    tip,
)

ROOT = Path(__file__).resolve().parents[2]
COUNT = 5


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    repository = copy_of_project(tmp_path / "project")
    make_experiments(repository, COUNT)
    return repository


def fine(repository: Repository, count: int = COUNT) -> bool:
    """Whether everything is listed; returns whether a file is behind it."""
    with open_index(repository) as index:
        wanted = [make_record(number).name for number in reversed(range(count))]
        assert names(index.rows("main")) == wanted
        assert index.count() == count
        assert len(index.output_paths()) == 3
        return not index.in_memory


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _scribble(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for place in range(100, len(data), 700):
        data[place : place + 40] = b"\xff" * 40
    path.write_bytes(data)


def _drop_table(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE line")


def _drop_column(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE experiments DROP COLUMN goals")


def _break_json(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE experiments SET metrics = '{\"a\": [1'")


def _break_types(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE experiments SET params = x'ff00ff', metrics = 7")


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"not a database" * 1000),
        _cut,
        _scribble,
        _drop_table,
        _drop_column,
        _break_json,
        _break_types,
        lambda path: path.unlink(),
    ],
    ids=["empty", "garbage", "cut", "scribbled", "table", "column", "json", "types", "gone"],
)
def test_a_damaged_index_is_rebuilt_without_a_word(
    repository: Repository, damage: Callable[[Path], object]
) -> None:
    fine(repository)
    damage(repository.state_dir / "index.db")
    assert fine(repository)
    assert fine(repository)


def test_damage_that_shows_only_later_is_mended_in_the_middle_of_a_command(
    repository: Repository,
) -> None:
    with open_index(repository) as index:
        assert index.count() == COUNT
        with sqlite3.connect(repository.state_dir / "index.db") as connection:
            connection.execute("DROP TABLE experiments")
        assert len(index.rows("main")) == COUNT


def test_a_damaged_index_that_others_have_open_is_left_to_them(repository: Repository) -> None:
    with open_index(repository) as other:
        _break_json(repository.state_dir / "index.db")
        assert not fine(repository)
        assert len(other.rows()) == COUNT
    assert fine(repository)


@pytest.mark.parametrize("version", [0, tables.VERSION + 1])
def test_an_index_of_another_version_is_made_anew(repository: Repository, version: int) -> None:
    fine(repository)
    with sqlite3.connect(repository.state_dir / "index.db") as connection:
        connection.execute('CREATE TABLE "odd ""name" (x)')
        connection.execute("DROP TABLE experiments")
        connection.execute(f"PRAGMA user_version = {version}")
    assert fine(repository)


def test_a_log_left_behind_by_a_deleted_index_is_not_played_into_the_new_one(
    repository: Repository,
) -> None:
    index = open_index(repository)
    place = repository.state_dir / "index.db"
    copies = [place.with_name(f"copy{ending}") for ending in ("-wal", "-shm")]
    for copy in copies:
        shutil.copy(place.with_name(copy.name.replace("copy", "index.db")), copy)
    index.close()
    place.unlink()
    for copy in copies:
        copy.rename(copy.with_name(copy.name.replace("copy", "index.db")))
    assert fine(repository)


def test_a_folder_that_cannot_be_written_means_an_index_in_memory(repository: Repository) -> None:
    shutil.rmtree(repository.state_dir, ignore_errors=True)
    repository.state_dir.write_text("in the way")
    assert not fine(repository)
    assert repository.state_dir.read_text() == "in the way"


def test_a_locked_index_is_read_into_memory_and_brought_up_to_date_there(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_BUSY_SECONDS", 0.2)
    fine(repository)
    make_experiments(repository, 1, start=COUNT)
    holder = sqlite3.connect(repository.state_dir / "index.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        assert not fine(repository, COUNT + 1)
    finally:
        holder.execute("ROLLBACK")
        holder.close()
    assert fine(repository, COUNT + 1)


def test_a_full_disk_means_an_index_in_memory(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = database._connect

    def tiny(path: Path) -> sqlite3.Connection:
        connection = original(path)
        connection.execute("PRAGMA max_page_count = 20")
        return connection

    monkeypatch.setattr(database, "_connect", tiny)
    make_experiments(repository, 100, start=COUNT)
    assert not fine(repository, COUNT + 100)
    monkeypatch.undo()
    assert fine(repository, COUNT + 100)


def test_a_killed_writer_leaves_an_index_that_the_next_one_finishes(
    repository: Repository,
) -> None:
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from gitml.git.repository import discover\n"
        "from gitml.history import update\n"
        "from gitml.history.index import open_index\n"
        "update.rebuild = update.extend = "
        "lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "open_index(discover(Path(sys.argv[1])))\n"
    )
    command = [sys.executable, "-c", script, str(repository.root)]
    done = subprocess.run(command, cwd=ROOT, check=False)
    assert done.returncode == -9
    assert fine(repository)


def test_many_processes_read_and_record_at_once(repository: Repository) -> None:
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from gitml.experiment.message import compose\n"
        "from gitml.experiment.study import record_event\n"
        "from gitml.git.repository import discover\n"
        "from gitml.history.index import open_index\n"
        "repository = discover(Path(sys.argv[1]))\n"
        "number = int(sys.argv[2])\n"
        "with open_index(repository) as index:\n"
        "    assert index.count() == 5, index.count()\n"
        "    row = index.latest('main')\n"
        "    if number % 3 == 0:\n"
        "        record_event(repository, 'main', 'tag', row.commit, 'x',"
        " {'add': [f't{number}']}, sign=False)\n"
        "    index.refresh()\n"
        "    mine = index.find(row.commit)\n"
        "    assert number % 3 or f't{number}' in mine.tags, mine.tags\n"
        "    assert not index.in_memory\n"
    )
    command = [sys.executable, "-c", script, str(repository.root)]
    running = [
        subprocess.Popen([*command, str(number)], cwd=ROOT, stderr=subprocess.PIPE)
        for number in range(30)
    ]
    said = [process.communicate()[1] for process in running]
    assert [process.returncode for process in running] == [0] * 30, b"\n".join(said).decode()
    with open_index(repository) as index:
        latest = index.latest("main")
        assert latest is not None
        assert set(latest.tags) == {f"t{number}" for number in range(0, 30, 3)}


def test_threads_with_an_index_each_do_not_disturb_each_other(repository: Repository) -> None:
    wrong: list[object] = []

    def read() -> None:
        try:
            with open_index(repository) as index:
                for _ in range(20):
                    assert index.count() == COUNT
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_journal_is_a_rollback_journal_on_a_network_file_system_only(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mode(index: Index) -> str:
        found = index._store._database.connection.execute("PRAGMA journal_mode").fetchone()
        return str(found[0])

    with open_index(repository) as index:
        assert mode(index) == "wal"
    (repository.state_dir / "index.db").unlink()
    monkeypatch.setattr(database, "on_network", lambda _: True)
    with open_index(repository) as index:
        assert mode(index) == "delete"
    assert fine(repository)


def test_network_file_systems_are_told_by_the_mount_that_is_nearest(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    home = os.path.realpath(tmp_path)
    spaced = home.replace(" ", "\\040")
    mounts.write_text(f"/dev/sda1 / ext4 rw 0 0\nserver:/x {spaced}/share nfs4 rw 0 0\nodd\n")
    for name in ("share/deep", "sharer"):
        (tmp_path / name).mkdir(parents=True)
    assert database.on_network(tmp_path / "share/deep", mounts)
    assert not database.on_network(tmp_path / "sharer", mounts)
    assert not database.on_network(tmp_path, mounts)
    assert not database.on_network(tmp_path, tmp_path / "none")
    mounts.write_text(f"host:/ {spaced} fuse.sshfs rw 0 0\n")
    assert database.on_network(tmp_path, mounts)


def test_the_lock_that_keeps_the_file_is_given_up_with_the_index(repository: Repository) -> None:
    open_index(repository).close()
    descriptor = os.open(repository.state_dir / "index.db.lock", os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(descriptor)


def test_opening_the_index_changes_nothing_of_the_users(repository: Repository) -> None:
    before = (git(repository, "status", "--porcelain"), tip(repository))
    content = (repository.git_dir / "index").read_bytes()
    fine(repository)
    assert (git(repository, "status", "--porcelain"), tip(repository)) == before
    assert (repository.git_dir / "index").read_bytes() == content
