"""Environments are built from exact pins alone, once, and never half."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from gitml.errors import ExecutionError
from gitml.execution import virtualenv
from gitml.execution.virtualenv import Pin, build, check_pins, ready, requirements
from tests.promises.wheels import make_wheel, offline

HERE = platform.python_version()


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "wheels"
    make_wheel(folder, "tinylib", "1.0", "FACTOR = 1\n")
    make_wheel(folder, "otherlib", "2.0+cpu", "")
    for name, value in offline(folder).items():
        monkeypatch.setenv(name, value)
    return folder


def digest_of(wheel: Path) -> str:
    return f"sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}"


def made(tmp_path: Path, *pins: Pin, python: str = HERE) -> Path:
    folder = tmp_path / "state" / "environments" / "one"
    bases = [Path(sys.executable)]
    return build(folder, python, "cpython", pins, bases, tmp_path / "cache", print)


def versions(python: Path) -> str:
    script = (
        "import importlib.metadata as m; print(*(m.version(n) for n in ('tinylib', 'otherlib')))"
    )
    done = subprocess.run([python, "-I", "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_an_environment_has_exactly_the_pins(tmp_path: Path, wheels: Path) -> None:
    wheel = wheels / "tinylib-1.0-py3-none-any.whl"
    pins = Pin("tinylib", "1.0", (digest_of(wheel),)), Pin("otherlib", "2.0+cpu")
    python = made(tmp_path, *pins)
    assert versions(python) == "1.0 2.0+cpu"
    before = (python.parent.parent / "pyvenv.cfg").stat().st_mtime_ns
    assert made(tmp_path, *pins) == python
    assert (python.parent.parent / "pyvenv.cfg").stat().st_mtime_ns == before


def test_pip_installs_the_same_pins_where_there_is_no_uv(
    tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(virtualenv, "installer", lambda: None)
    wheel = wheels / "tinylib-1.0-py3-none-any.whl"
    with pytest.raises(ExecutionError) as caught:
        made(tmp_path, Pin("tinylib", "1.0", (digest_of(wheel),)), Pin("otherlib", "3+cu121"))
    assert "otherlib 3+cu121 can't be installed" in caught.value.message
    assert "PIP_EXTRA_INDEX_URL or PIP_FIND_LINKS" in caught.value.hint
    site = next((tmp_path / "state" / "environments" / "one").glob("lib/python3*/site-packages"))
    assert (site / "tinylib.py").read_text() == "FACTOR = 1\n"
    assert ready(tmp_path / "state" / "environments" / "one") is None


def test_without_uv_another_python_must_be_at_hand(
    tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(virtualenv, "installer", lambda: None)
    with pytest.raises(ExecutionError, match=r"Python 3\.1\.4, which the experiment ran with"):
        made(tmp_path, python="3.1.4")


def test_an_archive_with_another_hash_is_refused(tmp_path: Path, wheels: Path) -> None:
    with pytest.raises(ExecutionError, match=r"tinylib 1\.0 can't be installed"):
        made(tmp_path, Pin("tinylib", "1.0", ("sha256:" + "0" * 64,)))
    assert ready(tmp_path / "state" / "environments" / "one") is None


def test_a_label_that_no_index_has_gets_a_hint(tmp_path: Path, wheels: Path) -> None:
    with pytest.raises(ExecutionError) as caught:
        made(tmp_path, Pin("tinylib", "1.0+cu121"))
    assert "labelled +cu121 are on an index of their own" in caught.value.hint
    assert "--here" in caught.value.hint


def test_a_python_that_is_not_there_is_said(tmp_path: Path, wheels: Path) -> None:
    with pytest.raises(ExecutionError) as caught:
        made(tmp_path, python="3.8.999")
    assert "Python 3.8.999" in caught.value.message
    assert "--here" in caught.value.hint


@pytest.mark.parametrize(
    "pin",
    [
        Pin("--index-url=http://evil", "1"),
        Pin("a\n--index-url http://evil", "1"),
        Pin("a", "1\n--index-url http://evil"),
        Pin("a", "1 --hash"),
        Pin("a", "1", ("sha256:" + "0" * 64 + " --index-url http://evil",)),
        Pin("a", "1", (), "http://evil/a.whl --index-url http://evil"),
        Pin("a", "1", (), "-e ../outside"),
        Pin("a", "1", (), "ext::sh -c id"),
        Pin("", "1"),
        Pin("a", ""),
    ],
)
def test_a_lock_gives_an_installer_no_options(pin: Pin) -> None:
    with pytest.raises(ExecutionError, match="in a way that no installer should be given"):
        check_pins([pin])


def test_pins_are_written_as_installers_read_them() -> None:
    sha = "sha256:" + "a" * 64
    text = requirements(
        [Pin("b", "1.0", (sha,)), Pin("a", "2", (), "git+https://example.org/a@0123abc")]
    )
    assert text == f"a @ git+https://example.org/a@0123abc\nb==1.0 --hash={sha}\n"


def _one_of_two(tmp_path: Path, queue: multiprocessing.Queue[str]) -> None:
    said: list[str] = []
    folder = tmp_path / "state" / "environments" / "one"
    pins = [Pin("tinylib", "1.0"), Pin("otherlib", "2.0+cpu")]
    bases = [Path(sys.executable)]
    build(folder, HERE, "cpython", pins, bases, tmp_path / "cache", said.append)
    queue.put(f"{(folder / 'pyvenv.cfg').stat().st_ino} {versions(folder / 'bin' / 'python')}")


def test_two_processes_build_one_environment(tmp_path: Path, wheels: Path) -> None:
    context = multiprocessing.get_context("fork")
    queue: multiprocessing.Queue[str] = context.Queue()
    processes = [context.Process(target=_one_of_two, args=(tmp_path, queue)) for _ in range(2)]
    for process in processes:
        process.start()
    answers = {queue.get(timeout=60) for _ in processes}
    for process in processes:
        process.join()
    assert len(answers) == 1
    assert answers.pop().endswith("1.0 2.0+cpu")


def test_a_python_is_first_on_the_path_as_if_it_was_activated(tmp_path: Path) -> None:
    environment = tmp_path / "env"
    (environment / "bin").mkdir(parents=True)
    (environment / "pyvenv.cfg").touch()
    env = {"PATH": "/usr/bin", "PYTHONHOME": "/elsewhere", "VIRTUAL_ENV": "/other", "A": "1"}
    found = virtualenv.environment_variables(environment / "bin" / "python", env)
    assert found["PATH"] == f"{environment / 'bin'}{os.pathsep}/usr/bin"
    assert found["VIRTUAL_ENV"] == str(environment)
    assert "PYTHONHOME" not in found
    assert found["A"] == "1"
    plain = virtualenv.environment_variables(Path("/usr/bin/python3"), env)
    assert "VIRTUAL_ENV" not in plain
