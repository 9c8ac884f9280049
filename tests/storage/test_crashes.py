"""Killed, full and crowded: whatever happens, no object is ever wrong."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gitml.storage import cache, objects
from gitml.storage.place import Storage
from tests.storage.support import REPOSITORY, make_folder, python

STORE = """
import sys
from pathlib import Path
from gitml.errors import StorageError
from gitml.storage import objects, place
storage = place.find(Path(sys.argv[1]), Path(sys.argv[1]))
path = Path(sys.argv[2])
try:
    if path.is_dir():
        print(objects.store_folder(storage, path).digest)
    else:
        print(objects.store_file(storage, path).digest)
except StorageError as error:
    print(error.message)
    sys.exit(2)
"""


def sound(storage: Storage) -> int:
    """Return how many objects there are, after proving that each is what its name says."""
    found = 0
    for folder in storage.cache.glob("[0-9a-f][0-9a-f]"):
        for path in folder.iterdir():
            digest = hashlib.md5(path.read_bytes()).hexdigest()
            assert folder.name + path.name.removesuffix(".dir") == digest
            found += 1
    return found


@pytest.mark.parametrize("point", ["storage.copying", "storage.copied", "storage.stored"])
@pytest.mark.parametrize("passage", [1, 3])
def test_a_kill_at_any_step_leaves_only_sound_objects_and_a_second_try_works(
    storage: Storage, project: Path, point: str, passage: int
) -> None:
    folder = make_folder(project / "folder", files=100 if passage == 3 else 0)
    digest = objects.hash_folder(folder).digest
    fault = f"{point}:kill:{passage}"
    done = python(STORE, str(project), str(folder), GITML_FAULT=fault)
    assert done.returncode == -signal.SIGKILL
    sound(storage)
    assert not objects.holds(storage, digest)
    assert objects.store_folder(storage, folder).digest == digest
    sound(storage)
    assert all(
        objects.verify(storage, member.digest) for member in objects.members(storage, digest)
    )


@pytest.mark.parametrize("point", ["storage.copying", "storage.copied"])
def test_a_full_disk_is_said_and_leaves_nothing_behind(
    storage: Storage, project: Path, point: str
) -> None:
    (project / "file").write_bytes(b"x")
    for path in (project / "file", make_folder(project / "folder", files=100)):
        done = python(STORE, str(project), str(path), GITML_FAULT=f"{point}:enospc")
        assert done.returncode == 2
        assert done.stdout.startswith("No space: ")
        assert os.listdir(storage.cache / cache.TEMPORARY) == []
        assert sound(storage) == 0


def test_a_limit_on_file_sizes_is_said(storage: Storage, project: Path) -> None:
    (project / "file").write_bytes(os.urandom(10 << 20))
    limited = (
        "import resource, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"
    )
    done = python(limited + STORE, str(project), str(project / "file"))
    assert done.returncode == 2, done.stderr
    assert "larger than this process may write" in done.stdout
    assert os.listdir(storage.cache / cache.TEMPORARY) == []
    assert sound(storage) == 0


def test_every_failing_system_call_leaves_only_sound_objects(
    storage: Storage, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fail the first call, then the second, and so on, until storing passes."""
    from gitml.errors import StorageError

    folder = make_folder(project / "folder", files=2)
    names = ["open", "write", "fsync", "readv", "fstat", "stat", "rename", "replace", "chmod"]
    for number in range(1, 500):
        left = number

        def failing(name: str) -> object:
            real = getattr(os, name)

            def call(*arguments: object, **options: object) -> object:
                nonlocal left
                left -= 1
                if left == 0:
                    raise OSError(5, "Input/output error")
                return real(*arguments, **options)

            return call

        with monkeypatch.context() as patch:
            for name in names:
                patch.setattr(os, name, failing(name))
            try:
                objects.store_folder(storage, folder, threads=1)
                passed = left > 0
            except StorageError:
                passed = False
        sound(storage)
        temporary = storage.cache / cache.TEMPORARY
        assert not temporary.exists() or os.listdir(temporary) == []
        if passed:
            break
    assert 20 < number < 499


def test_twenty_processes_that_store_the_same_files_agree(storage: Storage, project: Path) -> None:
    folder = make_folder(project / "folder", files=70)
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", STORE, str(project), str(folder)],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(20)
    ]
    for process in processes[::5]:
        process.kill()
    answers = {process.communicate(timeout=100)[0] for process in processes} - {""}
    assert answers == {objects.hash_folder(folder).digest + "\n"}
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert sound(storage) == len({objects.hash_file(path).digest for path in files}) + 1
