"""Which edits of data lead to a new experiment, and what is said about data that isn't versioned."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Project
from tests.promises.looking import inputs_of
from tests.promises.scenes import append, asked, levels, remove, scene, write
from tests.promises.small_project import track

NEAR, EQUIVALENT, IDENTICAL = "near", "equivalent", "identical"
SUM = "import os, sys\nprint('loss', sum(len(open(f'{d}/{n}').read()) for d in ['data'] for n in sorted(os.listdir(d)) if n != '.gitignore'))\n"


def test_data_that_dvc_tracks_counts_by_what_is_on_disk(tmp_path: Path) -> None:
    def prepare(project: Project) -> None:
        project.gitml("init")
        track(project, "data")
        track(project, "one.csv")

    project = scene(
        tmp_path / "p",
        {
            "train.py": SUM + "open('one.csv').read()\n",
            "data/a.csv": "a,1\nb,2\n",
            "data/b.csv": "c,3\n",
            "one.csv": "1\n",
            "sub/x.txt": "",
        },
        ignored="/data\n/one.csv\n",
        prepare=prepare,
    )

    def renamed(p: Project) -> None:
        (p.root / "data/a.csv").rename(p.root / "data/z.csv")

    assert levels(
        project,
        {
            "touched": lambda p: os.utime(p.root / "data/a.csv", (1, 1)),
            "permissions": lambda p: (p.root / "data/a.csv").chmod(0o600),
            "byte": append("data/a.csv", "x"),
            "order": write("data/a.csv", "b,2\na,1\n"),
            "more": write("data/c.csv", ""),
            "less": remove("data/b.csv"),
            "renamed": renamed,
            "single": append("one.csv", "x"),
            "tracked again": lambda p: (append("one.csv", "x")(p), track(p, "one.csv")),
            "back again": lambda p: (append("one.csv", "x")(p), write("one.csv", "1\n")(p)),
        },
    ) == {
        "touched": IDENTICAL,
        "permissions": IDENTICAL,
        "byte": NEAR,
        "order": NEAR,
        "more": NEAR,
        "less": NEAR,
        "renamed": NEAR,
        "single": NEAR,
        "tracked again": NEAR,
        "back again": IDENTICAL,
    }
    project.write("one.csv", "2\n")
    project.write("data/a.csv", "2\n")
    said = Project(project.root / "sub").gitml("check", status=0)
    text = said.stdout + said.stderr
    assert "one.csv changed on disk since the last `dvc add`" in text, text
    assert "`dvc add ../one.csv`" in text, text
    assert "`dvc add ../data`" in text, text


def test_files_that_nobody_tracks(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "far.bin").write_text("x")
    (outside / "target.bin").write_text("x")
    (tmp_path / "sibling").mkdir()
    (tmp_path / "sibling/near.bin").write_text("x")
    (tmp_path / "home").mkdir()
    shutil.copy(Path.home() / ".gitconfig", tmp_path / "home")
    (tmp_path / "home/mine.bin").write_text("x")

    def prepare(p: Project) -> None:
        (p.root / "link.bin").symlink_to(outside / "target.bin")

    project = scene(
        tmp_path / "p",
        {
            "train.py": "import mmap, numpy, os, sys\n"
            f"paths = ['x.bin', '{outside}/far.bin', '../sibling/near.bin', 'link.bin', os.path.expanduser('~/mine.bin')]\n"
            "total = sum(len(open(p, 'rb').read()) for p in paths)\n"
            "total += numpy.memmap('map.bin', dtype='u1', mode='r').sum()\n"
            "total += numpy.load('array.npy', mmap_mode='r').sum()\n"
            "fd = os.open('low.bin', os.O_RDONLY); total += len(os.read(fd, 100))\n"
            "assert os.listdir('empty') == []\n"
            "print('loss', int(total))\n",
            "x.bin": "x",
            "map.bin": "abc",
            "low.bin": "abc",
            "other.bin": "abc",
            "empty/.keep": "",
        },
        ignored="*.bin\n*.npy\nempty\n",
        prepare=lambda p: (prepare(p), numpy_file(p), (p.root / "empty/.keep").unlink()),
        HOME=str(tmp_path / "home"),
    )

    def outside_edit(path: Path):
        def edit(p: Project) -> None:
            path.write_text("y")

        return edit

    home = str(tmp_path / "home")
    assert asked(project, HOME=home) == (IDENTICAL, "")
    assert levels(
        project,
        {
            "touched": lambda p: os.utime(p.root / "x.bin", (1, 1)),
            "x": append("x.bin", "x"),
            "map": append("map.bin", "x"),
            "low": append("low.bin", "x"),
            "other": append("other.bin", "x"),
            "array": numpy_file2,
            "gone": remove("x.bin"),
            "in the empty folder": write("empty/new.bin", "x"),
            "empty folder gone": lambda p: (p.root / "empty").rmdir(),
        },
        HOME=home,
    ) == {
        "touched": IDENTICAL,
        "x": NEAR,
        "map": NEAR,
        "low": NEAR,
        "other": IDENTICAL,
        "array": NEAR,
        "gone": NEAR,
        "in the empty folder": NEAR,
        "empty folder gone": IDENTICAL,
    }
    for path in ("outside/far.bin", "outside/target.bin", "sibling/near.bin", "home/mine.bin"):
        (tmp_path / path).write_text("y")
        assert asked(project, HOME=home)[0] == NEAR, path
        (tmp_path / path).write_text("x")
        assert asked(project, HOME=home)[0] == IDENTICAL, path


def numpy_file(p: Project) -> None:
    import numpy

    numpy.save(p.root / "array.npy", numpy.arange(3))


def numpy_file2(p: Project) -> None:
    import numpy

    numpy.save(p.root / "array.npy", numpy.arange(4))


def test_a_database_that_is_only_read_is_an_input_like_any_other(tmp_path: Path) -> None:
    def prepare(p: Project) -> None:
        with sqlite3.connect(p.root / "table.db") as database:
            database.execute("create table t as select 1 as x")
        database.close()

    project = scene(
        tmp_path / "p",
        {
            "train.py": "import sqlite3\nd = sqlite3.connect('table.db')\n"
            "open('update.bin', 'r+').read()\n"
            "print('loss', d.execute('select sum(x) from t').fetchone()[0])\n",
            "update.bin": "x",
        },
        ignored="*.db\n*.bin\n",
        prepare=prepare,
    )

    def inserted(p: Project) -> None:
        with sqlite3.connect(p.root / "table.db") as database:
            database.execute("insert into t values (2)")
        database.close()

    assert asked(project) == (IDENTICAL, "")
    assert levels(project, {"row": inserted, "update": append("update.bin", "x")}) == {
        "row": NEAR,
        "update": NEAR,
    }


def test_data_that_changes_while_a_run_reads_it_is_never_reused(tmp_path: Path) -> None:
    project = scene(
        tmp_path / "p",
        {
            "train.py": "import subprocess\n"
            "n = len(open('a.bin').read() + open('b.bin').read())\n"
            "subprocess.run(['sh', '-c', 'echo more >> a.bin; rm b.bin'], check=True)\n"
            "print('loss', n)\n",
            "a.bin": "x",
            "b.bin": "x",
        },
        ignored="*.bin\n",
        record=False,
    )
    done = project.gitml("exp", "run")
    print(done.stderr)
    assert "a.bin was read, and changed while the run went on" in done.stderr
    assert "b.bin was read, and" in done.stderr
    assert asked(project)[0] == NEAR
    project.write("a.bin", "x")
    project.write("b.bin", "x")
    assert asked(project)[0] == NEAR


MANY = """\
import os, pathlib
names = {names}
print('loss', sum(len(open(f'scans/{{n}}').read()) for n in names))
"""


def many(p: Project, count: int = 120) -> None:
    (p.root / "scans").mkdir()
    for number in range(count):
        (p.root / f"scans/{number:05}.raw").write_text(f"scan {number}")


def few(p: Project) -> None:
    many(p, 60)


@pytest.mark.parametrize("listed", [True, False])
def test_many_files_that_nobody_tracks_are_one_input(tmp_path: Path, listed: bool) -> None:
    names = "sorted(os.listdir('scans'))" if listed else "[f'{n:05}.raw' for n in range(100)]"
    project = scene(
        tmp_path / "p",
        {"train.py": MANY.format(names=names)},
        ignored="/scans\n",
        prepare=many,
    )
    data = inputs_of(project)["data"]
    assert list(data) == ["scans/"]
    assert data["scans/"]["files"] == (120 if listed else 100)
    assert len(json.dumps(data)) < 1_500
    assert "scans/" in project.gitml("exp", "show", "latest").stdout
    assert asked(project) == (IDENTICAL, "")

    def swapped(p: Project) -> None:
        one, other = p.root / "scans/00001.raw", p.root / "scans/00002.raw"
        text = one.read_text()
        one.write_text(other.read_text())
        other.write_text(text)

    def moved(p: Project) -> None:
        (p.root / "scans/00003.raw").rename(p.root / "scans/00003x.raw")

    assert levels(
        project,
        {
            "byte": append("scans/00050.raw", "x"),
            "touched": lambda p: os.utime(p.root / "scans/00050.raw", (1, 1)),
            "swapped": swapped,
            "renamed": moved,
            "gone": remove("scans/00050.raw"),
            "not read": append("scans/00110.raw", "x"),
            "more": write("scans/more.raw", "x"),
            "more elsewhere": write("scans/below/more.raw", "x"),
        },
    ) == {
        "byte": NEAR,
        "touched": IDENTICAL,
        "swapped": NEAR,
        "renamed": NEAR,
        "gone": NEAR,
        "not read": NEAR if listed else IDENTICAL,
        "more": NEAR if listed else IDENTICAL,
        "more elsewhere": NEAR if listed else IDENTICAL,
    }
    append("scans/00050.raw", "x")(project)
    project.run("--name", "second")
    rows = project.json("exp", "diff", "base", "second")["data"]
    assert [row["name"] for row in rows] == ["scans/"]


def test_what_a_warning_advises_leads_to_no_new_experiment(tmp_path: Path) -> None:
    project = scene(
        tmp_path / "p",
        {"train.py": MANY.format(names="[f'{n:05}.raw' for n in range(50)]"), "sub/x.txt": ""},
        ignored="/scans\n",
        prepare=lambda p: (few(p), p.gitml("init")),
        record=False,
    )
    (project.root / "sub").mkdir(exist_ok=True)
    done = Project(project.root / "sub").gitml("exp", "run", "--name", "base")
    assert "`dvc add ../scans` would track them" in done.stderr
    subprocess.run(["dvc", "add", "-q", "../scans"], cwd=project.root / "sub", check=True)
    assert asked(project) == (EQUIVALENT, "data scans")
    append("scans/00001.raw", "x")(project)
    assert asked(project)[0] == NEAR


def test_a_folder_of_many_files_outside_of_the_repository(tmp_path: Path) -> None:
    place = tmp_path / "mnt" / "scans"
    place.parent.mkdir()
    (tmp_path / "q").mkdir()
    many(Project(tmp_path / "mnt"))
    project = scene(
        tmp_path / "p",
        {
            "train.py": "import pathlib\n"
            f"print('loss', sum(len(p.read_text()) for p in pathlib.Path({str(place)!r}).glob('*.raw')))\n"
        },
    )
    assert list(inputs_of(project)["data"]) == [f"{place}/"]
    assert asked(project) == (IDENTICAL, "")
    (place / "new.raw").write_text("x")
    assert asked(project) == (NEAR, f"data {place}/")
    (place / "new.raw").unlink()
    (place / "00001.raw").write_text("x")
    assert asked(project) == (NEAR, f"data {place}/")


def test_files_that_only_native_code_reads_count_where_a_setting_names_them(tmp_path: Path) -> None:
    def prepare(p: Project) -> None:
        import numpy
        from safetensors.numpy import save_file

        p.gitml("init")
        for name in ("start.safetensors", "hub/model.safetensors"):
            (p.root / name).parent.mkdir(exist_ok=True)
            save_file({"w": numpy.ones(3)}, p.root / name)

    project = scene(
        tmp_path / "p",
        {
            "train.py": "import ctypes, sys\nimport numpy\n"
            "from safetensors.numpy import load_file, save_file\n"
            "w = load_file('start.safetensors')['w'] + load_file('hub/model.safetensors')['w']\n"
            "save_file({'w': w}, sys.argv[4])\n"
            "libc = ctypes.CDLL(None)\nlibc.fopen.restype = ctypes.c_void_p\n"
            "assert libc.fopen(b'table.raw', b'r')\n"
            "print('loss', float(w.sum()))\n",
            "params.yaml": "table: table.raw\nhub: hub\nnote: notes.log\n",
            "hub/log.txt": "x",
            "table.raw": "x",
            "notes.log": "x",
            "unnamed.raw": "x",
        },
        "python train.py --start start.safetensors --out out.safetensors",
        ignored="*.safetensors\n*.raw\n/hub\n*.log\n",
        prepare=prepare,
    )
    data = inputs_of(project)["data"]
    assert set(data) == {"start.safetensors", "hub/model.safetensors", "table.raw", "notes.log"}
    assert asked(project) == (IDENTICAL, "")
    changed = levels(
        project,
        {
            "start": lambda p: (p.root / "start.safetensors").write_bytes(b"x"),
            "hub": lambda p: (p.root / "hub/model.safetensors").write_bytes(b"x"),
            "table": append("table.raw", "x"),
            "hub log": append("hub/log.txt", "x"),
            "unnamed": append("unnamed.raw", "x"),
            "out": lambda p: (p.root / "out.safetensors").write_bytes(b"x"),
        },
    )
    assert changed == {
        "start": NEAR,
        "hub": NEAR,
        "table": NEAR,
        "hub log": IDENTICAL,
        "unnamed": IDENTICAL,
        "out": IDENTICAL,
    }


def test_what_is_not_captured_is_said_and_caps_the_level(tmp_path: Path) -> None:
    fetch = (
        "import socket\n"
        "s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)\n"
        "s.settimeout(0.2)\n"
        "try:\n    s.connect(('192.0.2.1', 80))\n"
        "except OSError:\n    pass\n"
        "print('loss', 1)\n"
    )
    project = scene(
        tmp_path / "p", {"train.py": fetch}, config="data:\n- {external: 's3://bucket/set'}\n"
    )
    assert project.json("exp", "show", "latest")["network"] is True
    assert asked(project)[0] == NEAR
    said = project.gitml("check", status=0)
    assert "s3://bucket/set" in said.stdout + said.stderr
    project.write("gitml.yaml", "command: python train.py\n")
    project.run("--name", "plain")
    assert asked(project) == (IDENTICAL, "")


def test_a_listing_says_little_so_it_is_equivalent_at_best(tmp_path: Path) -> None:
    (tmp_path / "huge").mkdir()
    (tmp_path / "huge/a.bin").write_text("x")
    project = scene(
        tmp_path / "p",
        {"train.py": "print('loss', len(open('../huge/a.bin').read()))\n"},
        config="data:\n- {path: ../huge, by: listing}\n",
    )
    assert asked(project) == (EQUIVALENT, "")
    (tmp_path / "huge/b.bin").write_text("x")
    assert asked(project)[0] == NEAR


def test_pipes_and_devices_are_no_files(tmp_path: Path) -> None:
    project = scene(
        tmp_path / "p",
        {
            "train.py": "import os, threading\n"
            "if not os.path.exists('pipe'):\n    os.mkfifo('pipe')\n"
            "threading.Thread(target=lambda: open('pipe', 'w').write('x')).start()\n"
            "open('/dev/null').read(); open('/dev/urandom', 'rb').read(1)\n"
            "open('/dev/stdin').read(); open('/proc/self/status').read()\n"
            "print('loss', len(open('pipe').read()))\n"
        },
        ignored="pipe\n",
    )
    assert inputs_of(project)["data"] == {}
    assert asked(project) == (IDENTICAL, "")


def test_large_data_that_changed_is_recorded_by_hash_only(tmp_path: Path) -> None:
    project = scene(
        tmp_path / "p",
        {"train.py": "print('loss', len(open('a.csv').read()))\n", "a.csv": "x" * 2000},
        config="data_limit: 1 kB\n",
        ignored="/a.csv\n",
        prepare=lambda p: (p.gitml("init"), track(p, "a.csv")),
        record=False,
    )
    append("a.csv", "y")(project)
    done = project.gitml("exp", "run", "--name", "one")
    assert "recorded by hash only" in done.stderr
    assert asked(project) == (IDENTICAL, "")
    append("a.csv", "y")(project)
    assert asked(project)[0] == NEAR


def test_what_comes_by_standard_input_is_an_input(tmp_path: Path) -> None:
    project = scene(
        tmp_path / "p",
        {"train.py": "import sys\nprint('loss', len(sys.stdin.read()))\n", "a.csv": "1\n"},
        ignored="*.csv\n",
        record=False,
    )

    def gitml(stdin: str, *words: str) -> str:
        with (project.root / stdin).open() as file:
            done = subprocess.run(
                [sys.executable, "-m", "gitml", *words],
                cwd=project.root,
                stdin=file,
                capture_output=True,
                text=True,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
                check=False,
            )
        print(done.stderr)
        return done.stdout

    project.write("b.csv", "23\n")
    gitml("a.csv", "exp", "run")
    for path, expected in (("a.csv", IDENTICAL), ("b.csv", NEAR)):
        assert json.loads(gitml(path, "check", "--json"))["level"] == expected, path


def test_a_rerun_takes_many_files_from_the_work_tree_where_they_are_the_same(
    tmp_path: Path,
) -> None:
    code = MANY.format(names="sorted(os.listdir('scans'))")
    project = scene(
        tmp_path / "p",
        {"train.py": code + "open('metrics.json', 'w').write('{\"loss\": 1}')\n"},
        ignored="/scans\n",
        prepare=few,
    )
    assert "reproduced" in project.gitml("exp", "rerun", "base", "--here").stdout
    append("scans/00001.raw", "x")(project)
    refused = project.gitml("exp", "rerun", "base", "--here", status=2)
    assert "scans/ is versioned by neither Git nor DVC" in refused.stderr


def test_an_isolated_run_counts_what_it_read_in_the_users_work_tree(tmp_path: Path) -> None:
    place = tmp_path / "p"
    project = scene(
        place,
        {
            "train.py": "import subprocess, sys\n"
            f"n = len(open({str(place / 'a.bin')!r}).read())\n"
            "subprocess.run([sys.executable, '-c', 'import secret'], check=True)\n"
            "print('loss', n)\n",
            "secret.py": "",
            "a.bin": "x",
        },
        ignored="*.bin\n",
        record=False,
    )
    project.run("--isolated", "--name", "base")
    assert inputs_of(project)["code"]["observed"]
    assert list(inputs_of(project)["data"]) == ["a.bin"]
    assert asked(project) == (IDENTICAL, "")
    edits = {"data": append("a.bin", "x"), "module": append("secret.py", "x = 1\n")}
    assert levels(project, edits) == {"data": NEAR, "module": NEAR}
