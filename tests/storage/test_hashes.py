from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from gitml.storage.hashes import Hashes
from tests.storage.support import python


@pytest.fixture
def old_file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    os.utime(path, (1000, 1000))
    return path


def test_a_hash_is_remembered_across_processes(tmp_path: Path, old_file: Path) -> None:
    with Hashes(tmp_path / "deep" / "hashes") as hashes:
        assert hashes.find(old_file, old_file.stat()) == ""
        hashes.remember(old_file, old_file.stat(), "abc")
        assert hashes.find(old_file, old_file.stat()) == "abc"
    with Hashes(tmp_path / "deep" / "hashes") as hashes:
        assert hashes.find(str(old_file), old_file.stat()) == "abc"


def test_a_changed_size_time_or_inode_forgets_it(tmp_path: Path, old_file: Path) -> None:
    with Hashes(tmp_path / "hashes") as hashes:
        hashes.remember(old_file, old_file.stat(), "abc")
        os.utime(old_file, (1000, 1001))
        assert hashes.find(old_file, old_file.stat()) == ""
        old_file.write_bytes(b"xy")
        os.utime(old_file, (1000, 1000))
        assert hashes.find(old_file, old_file.stat()) == ""
        (tmp_path / "other").write_bytes(b"z")
        os.utime(tmp_path / "other", (1000, 1000))
        (tmp_path / "other").replace(old_file)
        assert hashes.find(old_file, old_file.stat()) == ""


def test_a_file_that_was_just_written_is_neither_stored_nor_trusted(tmp_path: Path) -> None:
    fresh = tmp_path / "fresh"
    fresh.write_bytes(b"x")
    with Hashes(tmp_path / "hashes") as hashes:
        hashes.remember(fresh, fresh.stat(), "abc")
        assert hashes.find(fresh, fresh.stat()) == ""
        # Reading began when the file was fresh, however long it took.
        os.utime(fresh, (1000, 1000))
        hashes.remember(fresh, fresh.stat(), "abc", since=1001 * 10**9)
        assert hashes.find(fresh, fresh.stat()) == ""
        os.utime(fresh, (2**33, 2**33))
        hashes.remember(fresh, fresh.stat(), "abc")
        assert hashes.find(fresh, fresh.stat()) == ""


def test_names_that_are_not_utf8_work(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\n"))
    path.write_bytes(b"x")
    os.utime(path, (1000, 1000))
    with Hashes(tmp_path / "hashes") as hashes:
        hashes.remember(path, path.stat(), "abc")
    with Hashes(tmp_path / "hashes") as hashes:
        assert hashes.find(path, path.stat()) == "abc"


@pytest.mark.parametrize("content", [b"not a database at all, but long enough" * 100, b"SQLite"])
def test_a_corrupt_file_is_moved_away_and_everything_goes_on(
    tmp_path: Path, old_file: Path, content: bytes
) -> None:
    database = tmp_path / "hashes"
    database.write_bytes(content)
    with Hashes(database) as hashes:
        assert hashes.find(old_file, old_file.stat()) == ""
        hashes.remember(old_file, old_file.stat(), "abc")
        assert hashes.find(old_file, old_file.stat()) == "abc"
    with Hashes(database) as hashes:
        hashes.remember(old_file, old_file.stat(), "abc")
    with Hashes(database) as hashes:
        assert hashes.find(old_file, old_file.stat()) == "abc"


def test_a_locked_or_impossible_file_means_in_memory(
    tmp_path: Path, old_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gitml.storage.hashes._PATIENCE", 0.1)
    database = tmp_path / "hashes"
    with Hashes(database) as hashes:
        hashes.remember(old_file, old_file.stat(), "abc")
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    for path in (database, old_file / "below-a-file", None):
        with Hashes(path) as hashes:
            assert hashes.find(old_file, old_file.stat()) == ""
            hashes.remember(old_file, old_file.stat(), "def")
            assert hashes.find(old_file, old_file.stat()) == "def"
    other.close()
    with Hashes(database) as hashes:
        assert hashes.find(old_file, old_file.stat()) == "abc"


def test_many_processes_share_one_file(tmp_path: Path, old_file: Path) -> None:
    import subprocess
    import sys

    code = (
        "import os, sys\nfrom pathlib import Path\nfrom gitml.storage.hashes import Hashes\n"
        "info = os.stat(sys.argv[2])\n"
        "for turn in range(5):\n"
        "    with Hashes(Path(sys.argv[1])) as hashes:\n"
        "        for number in range(20):\n"
        "            hashes.remember(f'/{sys.argv[3]}/{turn}/{number}', info, sys.argv[3])\n"
    )
    assert python("pass").returncode == 0
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "hashes"), str(old_file), str(number)],
            env=environment,
        )
        for number in range(8)
    ]
    assert [process.wait(60) for process in processes] == [0] * 8
    with Hashes(tmp_path / "hashes") as hashes:
        info = old_file.stat()
        for number in range(8):
            assert hashes.find(f"/{number}/4/19", info) == str(number)
