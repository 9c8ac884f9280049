"""Python that a run starts is either seen or said to be unseen, however it is started."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitml.execution.children import Child, Report, unseen_programs
from tests.execution.conftest import Watched

START = "import asyncio, os, subprocess, sys\n"
RUN = "subprocess.run({}, check=True)"
FORK = "pid = os.fork()\nif not pid:\n    {}\nos.waitpid(pid, 0)"
SEEN = {
    "a list of words": RUN.format("[sys.executable, '-u', 'child.py']"),
    "a shell": RUN.format("'python child.py', shell=True"),
    "a script": RUN.format("['sh', 'seen.sh']"),
    "os.system": "assert os.system('python child.py') == 0",
    "a copied environment": RUN.format("['python', 'child.py'], env={**os.environ, 'A': 'b'}"),
    "an environment in bytes": RUN.format("['python', 'child.py'], env=dict(os.environb)"),
    "posix_spawn": "os.waitpid(os.posix_spawn(sys.executable, ['p', 'child.py'], os.environ), 0)",
    "fork and exec": FORK.format("os.execv(sys.executable, ['p', 'child.py'])"),
    "spawnv": "os.spawnv(os.P_WAIT, sys.executable, ['python', 'child.py'])",
    "exec": "os.execvp('python', ['python', 'child.py'])",
    "asyncio": "async def main():\n"
    "    await (await asyncio.create_subprocess_exec(sys.executable, 'child.py')).wait()\n"
    "asyncio.run(main())",
    "more on the path": "os.environ['PYTHONPATH'] = '.:' + os.environ['PYTHONPATH']\n"
    + RUN.format("['python', 'child.py']"),
    "tools": RUN.format("['uname'], env={}")
    + "\nsubprocess.run(['git', '--version', 'child.py'])\n"
    + RUN.format("[sys.executable, '--version'], env={}"),
    "a compiler of kernels": "exec("
    "\"subprocess.run([sys.executable, '-c', '1'], env={})\", "
    "{**globals(), '__name__': 'torch._inductor.codecache'})",
    "many words": RUN.format("['python', 'child.py', *['x' * 100] * 1000]"),
    "an environment that is cleared for a moment": "saved = dict(os.environ)\n"
    "os.environ.clear()\nos.environ.update(saved)\n" + RUN.format("['python', 'child.py']"),
    "threads": "import threading\n"
    "thread = threading.Thread(target=lambda: subprocess.run(['python', 'child.py'], check=True))\n"
    "thread.start(); thread.join()",
}
WORKER = (
    "from multiprocessing.util import spawnv_passfds\nsaved = dict(os.environ)\n"
    "words = [os.fsencode(word) for word in (sys.executable, 'child.py')]\n"
    "os.environ.clear()\npid = spawnv_passfds(words[0], words, [])\n"
)
UNSEEN = {
    "a worker of a cleared environment": WORKER + "os.waitpid(pid, 0)\nos.environ.update(saved)",
    "a worker that stays": WORKER + "os.environ.update(saved)\nos.waitpid(pid, 0)",
    "isolated": RUN.format("[sys.executable, '-I', '-c', 'import sys']"),
    "without the environment": RUN.format("[sys.executable, '-uE', 'child.py']"),
    "without site": RUN.format("[sys.executable, '-X', 'utf8', '-S', 'child.py']"),
    "with no environment": RUN.format("[sys.executable, 'child.py'], env={}"),
    "a shell with another path": RUN.format("'PYTHONPATH=. python child.py', shell=True"),
    "a shell without a path": RUN.format("'unset PYTHONPATH; python child.py', shell=True"),
    "a shell that empties it": RUN.format("f'env -i {sys.executable} child.py', shell=True"),
    "a shell with no environment": RUN.format("['sh', '-c', sys.executable + ' -V'], env={}"),
    "an isolated one in a script": RUN.format("['sh', 'hidden.sh']"),
    "one in a script of a script": RUN.format("['sh', 'outer.sh']"),
    "text that a tool reads": RUN.format("['cat', 'other.py']"),
    "os.system": "assert os.system('python -E child.py') == 0",
    "posix_spawn": "os.waitpid(os.posix_spawn(sys.executable, ['p', 'child.py'], {}), 0)",
    "fork and exec": FORK.format("os.execve(sys.executable, ['p', 'child.py'], {})"),
    "exec": "os.execv(sys.executable, ['python', '-E', 'child.py'])",
    "a changed environment": "del os.environ['PYTHONPATH']",
    "another start-up module": RUN.format(
        "['python', 'child.py'], env={**os.environ, 'PYTHONPATH': 'site:' + os.environ['PYTHONPATH']}"
    ),
    "too many words": RUN.format("['env', 'A=' + 'x' * 90_000, 'python', 'child.py']"),
}


def _unseen(watched: Watched, start: str) -> tuple[str, ...]:
    for name, text in {
        "child.py": "",
        "other.py": "",
        "seen.sh": "# not: python -I child.py\npython child.py\n",
        "hidden.sh": "python -I child.py\n",
        "outer.sh": "sh ./hidden.sh\n",
        "site/sitecustomize.py": "",
    }.items():
        watched.write(name, text)
    trace = watched.run(START + start, PATH=f"{Path(watched.python).parent}:{os.environ['PATH']}")
    top = os.path.realpath(watched.project)
    command = Child("spawn", False, "", 0, top, (watched.python, "train.py"))
    reached = {*trace.modules, *trace.read}
    return unseen_programs(command, trace.children, trace.reports, reached, top)


@pytest.mark.parametrize("start", SEEN.values(), ids=SEEN.keys())
def test_python_that_reports_is_not_doubted(watched: Watched, start: str) -> None:
    assert _unseen(watched, start) == ()


@pytest.mark.parametrize("start", UNSEEN.values(), ids=UNSEEN.keys())
def test_python_that_nobody_saw_is_named(watched: Watched, start: str) -> None:
    assert len(_unseen(watched, start)) == 1


def _doubts(*words: str, root: Path, reached: tuple[str, ...] = ()) -> bool:
    command = Child("spawn", False, "", 0, str(root), words)
    paths = {os.path.join(os.path.realpath(root), path) for path in reached}
    report = Report("2", "1", 1)
    return bool(unseen_programs(command, (), (report,), paths, os.path.realpath(root)))


@pytest.mark.parametrize(
    ("words", "doubted"),
    [
        (("sh", "-c", "python a.py && python pkg/b.py"), False),
        (("sh", "-c", "python a.py && python c.py"), True),
        (("sh", "-c", "python -m pkg.b"), False),
        (("sh", "-c", "python -m c --flag"), True),
        (("sh", "-c", "python -um pytest a.py"), False),
        (("sh", "-c", "PYTHONPATH=src:$PYTHONPATH python a.py"), False),
        (("sh", "-c", 'export PYTHONPATH="${PYTHONPATH}:src"; python a.py'), False),
        (("sh", "-c", "export PYTHONPATH=src; python a.py"), True),
        (("sh", "-c", "sudo python a.py"), True),
        (("sh", "-c", "docker run image python a.py"), True),
        (("sh", "-c", "echo docker; python a.py -E"), False),
        (("uv", "run", "python", "a.py"), False),
        (("env", "-u", "PYTHONPATH", "python", "a.py"), True),
        (("make",), False),
        (("make", "hidden"), False),
        (("./script",), True),
    ],
)
def test_a_command_that_is_no_python_is_judged_by_its_words_and_scripts(
    tmp_path: Path, words: tuple[str, ...], doubted: bool
) -> None:
    for name in ("a.py", "pkg/b.py", "c.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "Makefile").write_text("all:\n\tpython a.py\nclean:\n\tpython c.py\n")
    (tmp_path / "script").write_text("#!/usr/bin/env bash\npython -Im pkg.b\n")
    assert _doubts(*words, root=tmp_path, reached=("a.py", "pkg/b.py")) is doubted


def test_a_makefile_that_hides_the_observer_is_doubted(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("all:\n\tPYTHONPATH=src python a.py\n")
    assert _doubts("make", root=tmp_path)
    assert not _doubts("python", "a.py", root=tmp_path)
