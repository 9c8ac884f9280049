"""A full disk at every write: nothing recorded is lost, nothing half-recorded shows."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Project

ROOT = Path(__file__).parents[2]

# Runs gitml with the N-th call of its own that writes to the disk failing, and every later one.
FAILING = """
import builtins, errno, os, sys
wanted = int(sys.argv[1])
calls = 0
def fail():
    global calls
    calls += 1
    if calls >= wanted:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
def wrap(module, name, writes=lambda *a, **k: True):
    real = getattr(module, name)
    def wrapped(*args, **kwargs):
        if writes(*args, **kwargs):
            fail()
        return real(*args, **kwargs)
    setattr(module, name, wrapped)
def inside(path):
    return isinstance(path, (str, os.PathLike)) and str(path).startswith(os.getcwd())
wrap(os, "fsync")
wrap(os, "replace")
wrap(os, "mkdir")
wrap(os, "write", lambda descriptor, data: descriptor > 2)
wrap(os, "open", lambda path, flags, *a, **k: bool(flags & os.O_CREAT) and inside(path))
wrap(builtins, "open", lambda path, mode="r", *a, **k: set(mode) & set("wax+") and inside(path))
from gitml.cli.main import main
status = main(sys.argv[2:])
print("calls", calls, file=sys.stderr)
sys.exit(status)
"""


def _failing(project: Project, number: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", FAILING, str(number), *arguments],
        cwd=project.root, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def _sound(project: Project) -> list[str]:
    done = subprocess.run(
        ["git", "fsck", "--strict"], cwd=project.root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    rows = project.json("exp", "list")  # like every command, it puts the parameters back
    assert (project.root / "params.yaml").read_text() == "lr: 0.1  # the learning rate\nseed: 1\n"
    assert all(row["status"] == "completed" for row in rows)
    return [row["experiment"] for row in rows]


@pytest.mark.parametrize("part", range(8))
def test_every_write_of_gitmls_own_may_fail(project: Project, part: int) -> None:
    project.run("--name", "before")
    index = (project.root / ".git/index").read_bytes()
    number, passed = part + 1, False
    while not passed:
        name = f"at-{number}"
        done = _failing(project, number, "exp", "run", "--name", name, "-S", f"lr=1.{number:03d}")
        passed = "calls" in done.stderr and int(done.stderr.split()[-1]) < number
        if passed:
            assert done.returncode == 0, done.stderr
        else:
            assert "Traceback" not in done.stderr, done.stderr
        names = _sound(project)
        assert "before" in names
        assert done.returncode != 0 or name in names, "no success without an experiment"
        number += 8
        if number > 200:
            pytest.fail("a run makes more writes than that?")
    recovered = project.gitml("exp", "recover")
    assert "not recorded" not in recovered.stdout
    assert (project.root / ".git/index").read_bytes() == index
    _sound(project)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", str(place)],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip("only root can mount a small disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_disk_that_is_really_full_at_any_moment(project: Project, small_disk: Path) -> None:
    import shutil

    project.write(
        "train.py",
        (project.root / "train.py").read_text()
        + "pathlib.Path('weights.bin').write_bytes(bytes(range(256)) * 2048)\n"
        "import os\n"
        "def free():\n"
        "    return os.statvfs('.').f_bavail * os.statvfs('.').f_frsize\n"
        "if os.environ.get('LEFT'):\n"
        "    with open(os.environ['DISK'] + '/filler', 'wb', buffering=0) as filler:\n"
        "        try:\n"
        "            while free() > int(os.environ['LEFT']):\n"
        "                filler.write(bytes(4096))\n"
        "        except OSError:\n"
        "            pass\n",
    )
    project.git("commit", "-qam", "weights")
    root = small_disk / "project"
    shutil.copytree(project.root, root, symlinks=True)
    copy = Project(root)
    copy.run("--name", "before")
    for number, left in enumerate((0, 4, 16, 40, 64, 128, 300, 520, 600, 700)):
        name = f"left-{left}"
        done = copy.gitml(
            "exp", "run", "--name", name, "-S", f"lr=0.{number + 11}",
            status=None, LEFT=str(left * 1024), DISK=str(small_disk),
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        (small_disk / "filler").unlink(missing_ok=True)
        assert done.returncode in (0, 2), done.stderr
        recovered = copy.gitml("exp", "recover")
        assert name in _sound(copy), done.stderr + recovered.stdout + recovered.stderr
