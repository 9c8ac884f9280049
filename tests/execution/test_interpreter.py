"""Which Python a command starts, and what it says about itself."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from gitml.errors import ExecutionError
from gitml.execution.interpreter import describe, find_interpreter
from tests.execution.conftest import Watched


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("python", "python3", "python3.11"):
        (folder / name).symlink_to(sys.executable)
    return {"PATH": f"{folder}:/usr/bin:/bin"}


def script(folder: Path, name: str, head: str) -> Path:
    path = folder / name
    path.write_text(f"{head}\nprint(1)\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    "command",
    [
        "python train.py",
        "python3 -u train.py --lr 0.1",
        "env python train.py",
        "env -u HOME SEED=1 python train.py",
        "nice -n 5 nohup python train.py",
        "timeout -k 5 60 env A=1 python train.py",
        "/usr/bin/env python train.py",
    ],
)
def test_the_python_of_a_command_is_found(
    command: str, tmp_path: Path, env: dict[str, str]
) -> None:
    found = find_interpreter(command.split(), tmp_path, env)
    assert found is not None
    assert found.parent == tmp_path / "bin"
    assert found.name.startswith("python")


@pytest.mark.parametrize(
    "command",
    ["bash train.sh", "ls", "missing-command x", "", "env", "nice -n 5", "conda run python x"],
)
def test_other_commands_have_none(command: str, tmp_path: Path, env: dict[str, str]) -> None:
    assert find_interpreter(command.split(), tmp_path, env) is None


def test_a_relative_interpreter_is_relative_to_the_folder_of_the_command(
    tmp_path: Path, env: dict[str, str]
) -> None:
    assert find_interpreter(["bin/python", "x"], tmp_path, env) == tmp_path / "bin/python"
    (tmp_path / "sub").mkdir()
    assert find_interpreter(["../bin/python"], tmp_path / "sub", env) == tmp_path / "bin/python"
    assert find_interpreter(["bin/python"], tmp_path / "sub", env) is None


@pytest.mark.parametrize(
    "head",
    [
        "#!{python}",
        "#! {python} -u",
        "#!/usr/bin/env python3",
        "#!/usr/bin/env -S python3 -u",
        "#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''",
        "#!/bin/sh\n'''exec' {python} \"$0\" \"$@\"\n' '''",
    ],
)
def test_the_first_line_of_a_script_names_it(
    head: str, tmp_path: Path, env: dict[str, str]
) -> None:
    python = tmp_path / "bin/python3"
    script(tmp_path / "bin", "torchrun", head.format(python=python))
    script(tmp_path, "train.py", head.format(python=python))
    assert find_interpreter(["torchrun", "--nproc", "2", "x.py"], tmp_path, env) == python
    assert find_interpreter(["./train.py"], tmp_path, env) == python


def test_shell_scripts_and_unreadable_heads_have_none(tmp_path: Path, env: dict[str, str]) -> None:
    script(tmp_path, "run.sh", "#!/bin/bash")
    script(tmp_path, "odd", "#!")
    (tmp_path / "binary").write_bytes(b"\x7fELF\xff\xfe")
    (tmp_path / "binary").chmod(0o755)
    for name in ("run.sh", "odd", "binary"):
        assert find_interpreter([f"./{name}"], tmp_path, env) is None


def test_project_runners_use_the_environment_beside_the_project(
    tmp_path: Path, env: dict[str, str]
) -> None:
    project = tmp_path / "project"
    (project / ".venv/bin").mkdir(parents=True)
    (project / ".venv/bin/python").symlink_to(sys.executable)
    (project / "sub").mkdir()
    wanted = project / ".venv/bin/python"
    assert find_interpreter(["uv", "run", "python", "x.py"], project / "sub", env) == wanted
    assert find_interpreter(["poetry", "run", "train"], project, env) == wanted
    assert find_interpreter(["uv", "run", "x.py"], tmp_path, env) is None
    active = {**env, "VIRTUAL_ENV": str(project / ".venv")}
    assert find_interpreter(["uv", "run", "x.py"], tmp_path, active) == wanted


def test_a_shim_that_chooses_an_interpreter_is_seen_through(
    tmp_path: Path, env: dict[str, str]
) -> None:
    shims = tmp_path / "shims"
    shims.mkdir()
    script(shims, "python", f'#!/bin/sh\nexec {sys.executable} "$@"')
    env["PATH"] = f"{shims}:{env['PATH']}"
    assert find_interpreter(["python", "x.py"], tmp_path, env) == Path(sys.executable)


def test_a_description_is_what_the_observer_sees(watched: Watched, tmp_path: Path) -> None:
    (seen,) = watched.run("").interpreters
    assert describe(Path(sys.executable), tmp_path / "cache") == seen
    assert not (tmp_path / "cache").exists()


def test_another_interpreter_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "venv"
    (home / "bin").mkdir(parents=True)
    (home / "lib/python3.11/site-packages").mkdir(parents=True)
    base = Path(os.path.realpath(sys.executable))
    (home / "bin/python").symlink_to(base)
    (home / "pyvenv.cfg").write_text(f"home = {base.parent}\n")
    minor = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    (home / f"lib/{minor}/site-packages").mkdir(parents=True, exist_ok=True)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "extra/site-packages"))
    (tmp_path / "extra/site-packages").mkdir(parents=True)
    first = describe(home / "bin/python", tmp_path / "cache")
    assert first.executable == str(home / "bin/python")
    assert first.prefix == str(home)
    assert first.base_prefix == sys.base_prefix
    assert first.version == ".".join(str(part) for part in sys.version_info[:3])
    assert str(home / f"lib/{minor}/site-packages") in first.sites
    assert str(tmp_path / "extra/site-packages") not in first.sites
    monkeypatch.setattr("gitml.execution.interpreter._output", lambda *_: "not asked")
    assert describe(home / "bin/python", tmp_path / "cache") == first
    (home / "pyvenv.cfg").write_text(f"home = {base.parent}\ninclude-system-site-packages = true\n")
    with pytest.raises(ExecutionError):
        describe(home / "bin/python", tmp_path / "cache")


def test_a_damaged_cache_is_made_anew(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.symlink_to(os.path.realpath(sys.executable))
    first = describe(python, tmp_path / "cache")
    (file,) = (tmp_path / "cache").iterdir()
    for damage in (b"", b"{", b"[1]", b"\xff", b"[" * 100_000):
        file.write_bytes(damage)
        assert describe(python, tmp_path / "cache") == first


def test_what_is_no_python_is_an_error_with_a_hint(tmp_path: Path) -> None:
    for name, text in (("a", "#!/bin/sh\nexit 1\n"), ("b", "#!/bin/sh\necho '{}'\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
        with pytest.raises(ExecutionError) as caught:
            describe(tmp_path / name, tmp_path / "cache")
        assert "--version" in caught.value.hint
    with pytest.raises(ExecutionError):
        describe(tmp_path / "missing", tmp_path / "cache")


def test_files_of_the_folder_are_not_run_by_asking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json.py", "site.py", "sitecustomize.py"):
        (tmp_path / name).write_text("raise SystemExit('run')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "python").symlink_to(os.path.realpath(sys.executable))
    assert describe(tmp_path / "python", tmp_path / "cache").version
