"""What the observer sees of real processes, and that it is never noticed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.execution.conftest import Watched

OBSERVER = Path(__file__).parents[2] / "gitml/execution/observer"


def _output(argv: list[str], **options: Any) -> str:
    return subprocess.run(argv, check=False, capture_output=True, text=True, **options).stdout


def _interpreters() -> list[str]:
    """Return the versions of CPython on PATH that really start."""
    probe = ["-c", "import sys; print(sys.executable)"]
    paths = [shutil.which(f"python3.{minor}") for minor in range(8, 15)]
    found = [_output([path, *probe]).strip() for path in paths if path]
    return [path for path in found if path]


def test_reads_writes_and_modules_of_a_script_are_seen(watched: Watched) -> None:
    watched.write("data/in.csv", "1")
    watched.write("helper.py", "VALUE = 1\n")
    watched.write("package/__init__.py", "")
    watched.write("package/part.py", "")
    watched.write("unused.py", "")
    trace = watched.run(
        """
        import os
        import helper
        from package import part
        open("data/in.csv").read()
        with open("out.txt", "w") as file:
            file.write("x")
        open("out.txt").read()
        open("log.txt", "a").write("x")
        with open(os.open("low.bin", os.O_WRONLY | os.O_CREAT, 0o644), "wb") as file:
            file.write(b"x")
        os.close(os.open("data/in.csv", os.O_RDONLY))
        """
    )
    assert trace.observed
    assert trace.processes == 1
    top = os.path.realpath(watched.project)
    assert trace.read == {
        f"{top}/data/in.csv": True,
        f"{top}/out.txt": False,
    }
    assert watched.local(trace.written) == {"out.txt", "log.txt", "low.bin"}
    assert watched.local(trace.modules) == {
        "train.py",
        "helper.py",
        "package/__init__.py",
        "package/part.py",
    }
    assert not trace.missing
    assert not trace.network


def test_modules_are_named_by_their_source_when_bytecode_is_cached(watched: Watched) -> None:
    watched.write("helper.py", "")
    for _ in range(2):
        trace = watched.run("import helper\n")
    assert list(watched.project.glob("__pycache__/*.pyc"))
    assert watched.local(trace.modules) == {"train.py", "helper.py"}
    assert watched.local(trace.written) == set()
    shutil.rmtree(watched.project / "__pycache__")
    for _ in range(2):
        trace = watched.run(
            "import helper\n", "-O", PYTHONPYCACHEPREFIX=str(watched.run_folder / "cached")
        )
    assert not (watched.project / "__pycache__").exists()
    assert watched.local(trace.modules) == {"train.py", "helper.py"}


def test_scripts_run_as_modules_and_folders_are_seen(watched: Watched) -> None:
    watched.write("package/__init__.py", "")
    watched.write("package/__main__.py", "import package.more")
    watched.write("package/more.py", "")
    watched.start([watched.python, "-m", "package"])
    watched.start([watched.python, "package"])
    assert watched.local(watched.trace().modules) == {
        "package/__init__.py",
        "package/__main__.py",
        "package/more.py",
    }


def test_a_read_before_a_write_is_told_from_one_after(watched: Watched) -> None:
    for name in ("both", "update", "database.sqlite"):
        watched.write(name, "")
    trace = watched.run(
        """
        import sqlite3
        open("both").read(); open("both", "w").write("x")
        open("update", "r+").close()
        open("new", "w+").close(); open("new").read()
        open("fresh", "a+").close(); open("fresh").read()
        sqlite3.connect("database.sqlite").execute("create table t (a)")
        sqlite3.connect("made.sqlite").close()
        sqlite3.connect(":memory:").close()
        """
    )
    read = {
        name: trace.read[str(Path(watched.project).resolve() / name)]
        for name in watched.local(trace.read)
    }
    assert read == {
        "both": True,
        "update": True,
        "new": False,
        "fresh": False,
        "database.sqlite": True,
    }
    assert watched.local(trace.written) == {
        "both",
        "update",
        "new",
        "fresh",
        "database.sqlite",
        "made.sqlite",
    }


def test_order_between_processes_is_known(watched: Watched) -> None:
    watched.write("ckpt", "x")
    trace = watched.run(
        """
        import subprocess, sys
        run = lambda code: subprocess.run([sys.executable, "-c", code], check=True)
        run("open('made', 'w').write('1')")
        run("open('made').read(); open('ckpt').read()")
        run("open('ckpt', 'w').write('1')")
        """
    )
    top = os.path.realpath(watched.project)
    assert trace.read[f"{top}/made"] is False
    assert trace.read[f"{top}/ckpt"] is True
    assert trace.processes == 4


def test_what_another_program_made_during_the_run_is_no_input(watched: Watched) -> None:
    watched.write("before", "x")
    trace = watched.run(
        """
        import subprocess
        subprocess.run(["cp", "before", "made"], check=True)
        open("made").read()
        """
    )
    assert trace.read[os.path.realpath(watched.project / "made")] is False


def test_missing_files_are_named_unless_they_come(watched: Watched) -> None:
    trace = watched.run(
        """
        for name in ("never", "later", "folder/never"):
            try:
                open(name)
            except OSError:
                pass
        open("later", "w").close()
        open("later").read()
        """
    )
    assert watched.local(trace.missing) == {"never", "folder/never"}
    assert trace.read[os.path.realpath(watched.project / "later")] is False


def test_renames_removals_and_links_are_writes(watched: Watched) -> None:
    watched.write("old", "x")
    watched.write("gone", "x")
    trace = watched.run(
        """
        import os, shutil
        with open("w.tmp", "w") as file: file.write("1")
        os.replace("w.tmp", "weights")
        os.rename("old", "new")
        os.remove("gone")
        os.symlink("weights", "latest")
        os.link("weights", "hard")
        os.makedirs("tmp-checkpoint/deep")
        with open("tmp-checkpoint/deep/model.bin", "w") as file: file.write("1")
        os.rename("tmp-checkpoint", "checkpoint")
        folder = os.open("checkpoint", os.O_RDONLY)
        os.rename("deep", "deeper", src_dir_fd=folder, dst_dir_fd=folder)
        """
    )
    assert watched.local(trace.written) >= {
        "w.tmp",
        "weights",
        "old",
        "new",
        "gone",
        "latest",
        "hard",
        "checkpoint",
        "checkpoint/deep/model.bin",
        "checkpoint/deeper/model.bin",
    }


def test_paths_follow_a_change_of_folder(watched: Watched) -> None:
    watched.write("sub/a", "x")
    trace = watched.run(
        """
        import os
        os.chdir("sub")
        open("a").read()
        open("../sub/./b", "w").close()
        open(b"c", "wb").close()
        """
    )
    assert watched.local(trace.read) == {"sub/a"}
    assert watched.local(trace.written) == {"sub/b", "sub/c"}


def test_links_are_known_by_both_names_but_objects_of_a_cache_are_not(watched: Watched) -> None:
    outside = watched.project.parent / "outside"
    outside.mkdir()
    (outside / "real.csv").write_text("1")
    cached = outside / "files/md5/ab" / ("0" * 30)
    cached.parent.mkdir(parents=True)
    cached.write_text("1")
    (watched.project / "link.csv").symlink_to(outside / "real.csv")
    (watched.project / "tracked.csv").symlink_to(cached)
    (watched.project / "folder").symlink_to(outside)
    trace = watched.run('for n in "link.csv", "tracked.csv", "folder/real.csv": open(n).read()')
    top, other = os.path.realpath(watched.project), os.path.realpath(outside)
    assert set(trace.read) == {f"{top}/link.csv", f"{other}/real.csv", f"{top}/tracked.csv"}


def test_folders_that_the_program_lists_are_told_from_those_of_the_import_system(
    watched: Watched,
) -> None:
    watched.write("package/__init__.py", "")
    watched.write("plugins/__init__.py", "")
    watched.write("data/a", "")
    watched.write("walked/deep/a", "")
    watched.write("trash/deep/a", "")
    trace = watched.run(
        """
        import glob, importlib.metadata, os, package, pkgutil, shutil
        list(importlib.metadata.distributions())
        list(pkgutil.iter_modules(["plugins"]))
        glob.glob("data/*")
        list(os.walk("walked"))
        shutil.rmtree("trash")
        """
    )
    assert watched.local(trace.listed) == {"data", "plugins", "walked", "walked/deep"}


def test_libraries_are_reduced_to_a_folder_and_a_name(watched: Watched) -> None:
    trace = watched.run("import msgspec, typing_extensions, yaml; yaml.safe_load('1')\n")
    names = {name for _, name in trace.imported}
    assert {"msgspec", "typing_extensions", "yaml"} <= names
    assert not any("." in name or "-info" in name for name in names)
    (interpreter,) = trace.interpreters
    assert interpreter.executable == sys.executable
    assert interpreter.version == ".".join(str(part) for part in sys.version_info[:3])
    assert {site for site, _ in trace.imported} == set(interpreter.sites)
    assert not any("site-packages" in path for path in (*trace.read, *trace.modules))


def test_the_interpreter_and_the_system_are_not_inputs(watched: Watched) -> None:
    trace = watched.run(
        """
        import json, os, ssl, zoneinfo
        open("/proc/self/status").read(); open("/etc/hosts").read(); open(os.__file__).read()
        open("/dev/null", "w").close()
        """
    )
    assert trace.read == {}
    assert trace.written == frozenset()
    assert watched.local(trace.modules) == {"train.py"}
    assert len(trace.modules) == 1


def test_the_source_that_a_program_inspects_is_read(watched: Watched) -> None:
    watched.write("helper.py", "def f():\n    return 1\n")
    trace = watched.run("import helper, inspect; print(inspect.getsource(helper.f))\n")
    assert watched.local(trace.read) == {"helper.py"}


def test_thousands_of_files_of_one_folder_become_the_folder(watched: Watched) -> None:
    for number in range(1100):
        watched.write(f"images/{number}")
    trace = watched.run(
        """
        open("images/made", "w").close()
        for number in range(1050):
            open(f"images/{number}").close()
        """
    )
    read = {path for path, before in trace.read.items() if before}
    assert len(watched.local(read)) == 1100
    assert trace.read[os.path.realpath(watched.project / "images/made")] is False


def test_only_connections_to_other_machines_are_network(watched: Watched) -> None:
    local = """
        import socket
        server = socket.create_server(("127.0.0.1", 0))
        socket.create_connection(server.getsockname())
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(("192.0.2.1", 9))
        """
    assert not watched.run(local).network
    trace = watched.run(
        """
        import socket
        connection = socket.socket()
        connection.settimeout(0.01)
        try:
            connection.connect(("192.0.2.1", 9))
        except OSError:
            pass
        """
    )
    assert trace.network


@pytest.mark.parametrize("end", ["os._exit(0)", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_nothing_is_lost_when_a_process_ends_at_once(watched: Watched, end: str) -> None:
    watched.write("in", "1")
    watched.write("train.py", f"import os, signal\nopen('in').read()\nopen('out', 'w')\n{end}\n")
    watched.start([watched.python, "train.py"])
    trace = watched.trace()
    assert watched.local(trace.read) == {"in"}
    assert watched.local(trace.written) == {"out"}


def test_forked_and_spawned_processes_are_seen(watched: Watched) -> None:
    for name in ("forked", "spawned", "raw", "executed", "main"):
        watched.write(name)
    trace = watched.run(
        """
        import multiprocessing, os, sys

        def read(name):
            open(name).read()
            open(name + ".out", "w").close()

        if __name__ == "__main__":
            read("main")
            for method in "fork", "spawn":
                child = multiprocessing.get_context(method).Process(
                    target=read, args=(method + "ed",)
                )
                child.start(); child.join(); assert child.exitcode == 0
            if os.fork() == 0:
                read("raw")
                os._exit(0)
            os.wait()
            os.execv(sys.executable, [sys.executable, "-c", "open('executed').read()"])
        """
    )
    assert watched.local(trace.read) == {"forked", "spawned", "raw", "executed", "main"}
    assert watched.local(trace.written) == {
        f"{n}.out" for n in ("forked", "spawned", "raw", "main")
    }
    assert trace.processes >= 5


def test_the_workers_of_a_data_loader_are_seen(watched: Watched) -> None:
    for number in range(4):
        watched.write(f"items/{number}", str(number))
    trace = watched.run(
        """
        import torch

        class Items(torch.utils.data.Dataset):
            def __len__(self):
                return 4

            def __getitem__(self, index):
                return int(open(f"items/{index}").read())

        if __name__ == "__main__":
            torch.manual_seed(0)
            torch.use_deterministic_algorithms(True)
            loader = torch.utils.data.DataLoader(Items(), num_workers=2)
            assert sum(int(batch) for batch in loader) == 6
            torch.save({"w": torch.zeros(2)}, "model.pt")
            torch.load("model.pt", weights_only=True)
        """
    )
    assert watched.local(trace.read) >= {"model.pt"} | {f"items/{n}" for n in range(4)}
    # Written by native code, which nobody sees, but after the run began.
    assert trace.read[os.path.realpath(watched.project / "model.pt")] is False
    assert trace.facts["torch.deterministic"] is True
    assert trace.facts["torch.threads"] >= 1
    assert trace.facts["torch.version"]
    assert trace.facts["blas"]
    assert "torch" in {name for _, name in trace.imported}
    assert trace.processes == 3


def test_a_hidden_sitecustomize_runs_as_if_it_were_the_only_one(watched: Watched) -> None:
    watched.write("site/sitecustomize.py", "import os, other\nWHERE = os.path.abspath(__file__)\n")
    watched.write("site/other.py", "print('hello')")
    trace = watched.run(
        """
        import sitecustomize, sys
        print(sitecustomize.WHERE, sitecustomize.__spec__.name)
        print([path for path in sys.path if "observer" in path])
        """,
        PYTHONPATH=str(watched.project / "site"),
    )
    where = watched.project / "site/sitecustomize.py"
    assert watched.stdout == f"hello\n{where} sitecustomize\n[]\n"
    assert "site/sitecustomize.py" in watched.local(trace.modules)


def test_a_hidden_sitecustomize_that_fails_fails_as_it_did(watched: Watched) -> None:
    watched.write("site/sitecustomize.py", "raise RuntimeError('broken')")
    watched.write("train.py", "print('trained')")
    done = watched.start([watched.python, "train.py"], PYTHONPATH=str(watched.project / "site"))
    assert done.stdout == "trained\n"
    assert "RuntimeError: broken" in done.stderr


def test_the_users_pythonpath_still_counts_and_children_inherit_everything(
    watched: Watched,
) -> None:
    watched.write("lib/mine.py", "")
    watched.write("in", "")
    trace = watched.run(
        """
        import mine, subprocess, sys
        subprocess.run([sys.executable, "-c", "import mine; open('in').read()"], check=True)
        """,
        PYTHONPATH=str(watched.project / "lib"),
    )
    assert "lib/mine.py" in watched.local(trace.modules)
    assert watched.local(trace.read) == {"in"}


@pytest.mark.parametrize("option", ["-I", "-E", "-S"])
def test_an_interpreter_that_cannot_be_observed_runs_all_the_same(
    watched: Watched, option: str
) -> None:
    trace = watched.run("print('trained')", option)
    assert watched.stdout == "trained\n"
    assert not trace.observed


def test_without_a_trace_folder_nothing_happens(watched: Watched) -> None:
    watched.write("train.py", "open('in').read(); print('trained')")
    watched.write("in", "")
    for value in (None, "", "relative", str(watched.project / "nowhere"), "/dev/null"):
        env = {**watched.env, "PYTHONPATH": str(OBSERVER)}
        env |= {} if value is None else {"GITML_TRACE": value}
        done = subprocess.run(
            [watched.python, "train.py"],
            cwd=watched.project,
            env=env,
            capture_output=True,
            check=False,
        )
        assert (done.stdout, done.stderr, done.returncode) == (b"trained\n", b"", 0)


def test_a_trace_folder_that_vanishes_harms_nothing(watched: Watched) -> None:
    watched.run(
        """
        import os, shutil
        shutil.rmtree(os.environ["GITML_TRACE"])
        open("out", "w").close()
        if os.fork() == 0:
            open("out").read()
            os._exit(0)
        assert os.wait()[1] == 0
        """
    )
    assert (watched.project / "out").exists()


def test_closing_every_descriptor_never_puts_our_lines_into_the_programs_files(
    watched: Watched,
) -> None:
    watched.write("in", "1")
    trace = watched.run(
        """
        import os
        os.closerange(3, 1024)
        files = [os.open(f"own{n}", os.O_WRONLY | os.O_CREAT, 0o644) for n in range(3)]
        for number in range(200, 256):
            os.dup2(files[0], number)
        open("in").read()
        """
    )
    assert watched.local(trace.read) == {"in"}
    assert (watched.project / "own0").read_bytes() == b""


def test_the_first_descriptor_of_a_program_is_the_usual_one(watched: Watched) -> None:
    watched.run("import os; print(os.open('train.py', os.O_RDONLY))")
    with_observer = watched.stdout
    assert with_observer == _output([watched.python, "train.py"], cwd=watched.project)


def test_strange_names_survive(watched: Watched) -> None:
    names = ["with space", "tab\tname", "new\nline", "back\\slash\\n", "ünïcode", "-option"]
    trace = watched.run(f"for name in {names!r}: open(name, 'w').close()\nopen(b'raw\\xff', 'w')")
    assert watched.local(trace.written) == {*names, os.fsdecode(b"raw\xff")}


def test_an_exception_of_the_programs_signal_handler_is_not_swallowed(watched: Watched) -> None:
    trace = watched.run(
        """
        import signal, sys

        class Timeout(Exception):
            pass

        def stop(number, frame):
            raise Timeout

        signal.signal(signal.SIGALRM, stop)
        for _ in range(20):
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.01)
                number = 0
                while True:
                    number += 1
                    try:
                        open("/nowhere/%d" % number)
                    except FileNotFoundError:
                        pass
            except Timeout:
                continue
        """
    )
    assert trace.observed


def test_errors_of_the_program_are_its_own(watched: Watched) -> None:
    watched.write("train.py", "open('missing')\n")
    done = watched.start([watched.python, "train.py"])
    assert done.returncode == 1
    assert done.stderr.count("File ") == 1
    assert "No such file or directory: 'missing'" in done.stderr


def test_interrupting_an_observed_process_is_quiet(watched: Watched) -> None:
    watched.write("train.py", "import os, signal; os.kill(os.getpid(), signal.SIGINT)\n")
    done = watched.start([watched.python, "train.py"])
    assert done.returncode == -signal.SIGINT
    assert "sitecustomize" not in done.stderr
    assert "gitml" not in done.stderr


def test_threads_lose_nothing(watched: Watched) -> None:
    trace = watched.run(
        """
        import threading

        def work(number):
            for item in range(50):
                open(f"{number}-{item}", "w").close()

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        """
    )
    assert len(watched.local(trace.written)) == 400


def test_each_file_is_noted_once_however_often_it_is_opened(watched: Watched) -> None:
    watched.write("in")
    watched.run("for _ in range(500): open('in').read(); open('out', 'w').close()")
    (file,) = watched.trace_folder.iterdir()
    lines = file.read_bytes().splitlines()
    assert len([line for line in lines if b"/in" in line or b"/out" in line]) == 2


def test_little_is_imported_by_the_observer(watched: Watched) -> None:
    code = "import sys; print(len(set(sys.modules)))"
    plain = _output([watched.python, "-c", code], env=watched.env)
    observed = watched.start([watched.python, "-c", code])
    # Its own five files, `atexit` and `time`.
    assert int(observed.stdout) - int(plain) <= 9


@pytest.mark.parametrize("python", _interpreters())
def test_every_version_of_python_is_observed_alike(watched: Watched, python: str) -> None:
    watched.python = python
    watched.write("in", "1")
    watched.write("helper.py", "")
    watched.write("site/sitecustomize.py", "print('chained')")
    trace = watched.run(
        """
        import glob, helper, multiprocessing, os, sys

        def work(name):
            open(name, "w").close()

        if __name__ == "__main__":
            open("in").read()
            open("out", "w").close(); open("out").read()
            os.replace("out", "final")
            glob.glob("*.csv")
            child = multiprocessing.get_context("spawn").Process(target=work, args=("spawned",))
            child.start(); child.join()
            if os.fork() == 0:
                work("forked"); os._exit(0)
            os.wait()
            try:
                open("missing")
            except OSError:
                pass
        """,
        PYTHONPATH=str(watched.project / "site"),
    )
    assert watched.stdout.startswith("chained\n")
    assert watched.local(trace.read) == {"in", "out"}
    assert watched.local(trace.written) == {"out", "final", "spawned", "forked"}
    assert watched.local(trace.modules) == {"train.py", "helper.py", "site/sitecustomize.py"}
    assert watched.local(trace.listed) == {""} or trace.listed == {str(watched.project.resolve())}
    assert watched.local(trace.missing) == {"missing"}
    assert trace.interpreters[0].executable == python
